"""``rules/assembly.json``: what was asked when packs were assembled. Strangers wrote it; only its shape is checked."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auditor.base.canonical import canonical_json
from auditor.base.errors import CatalogError
from auditor.base.period import Period, parse_time, rfc3339
from auditor.base.untrusted import parse_json, shape_words
from auditor.model import Sampling
from auditor.pack.months import Asked

ASSEMBLY = "assembly.json"
"""Inside ``rules/``; what makes a pack an assembled one."""

_SCHEMA = "auditor.assembly-request/1"
_MOST_BYTES = 100_000
_LONGEST = 300
_KEYS = {"schema", "period", "as_of", "entity", "title", "newest", "sampling"}


def request_data(asked: Asked) -> bytes:
    """Return the bytes of ``assembly.json``."""
    sampling = asked.sampling
    return canonical_json(
        {
            "schema": _SCHEMA,
            "period": asked.period.document(),
            "as_of": rfc3339(asked.as_of),
            "entity": asked.entity,
            "title": asked.title,
            "newest": asked.newest,
            "sampling": {"size": sampling.size, "seed": sampling.seed} if sampling else None,
        }
    )


def read_asked(rules: Path) -> Asked:
    """Read what was asked.

    Raises:
        CatalogError: the file is missing or malformed.
    """
    path = rules / ASSEMBLY
    try:
        if path.is_symlink() or path.stat().st_size > _MOST_BYTES:
            raise ValueError("it is no small file")
        return _asked(parse_json(path.read_bytes()))
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise CatalogError(f"rules/{ASSEMBLY} does not say what was assembled: {shape_words(error)}") from error


def _asked(document: Mapping[str, Any]) -> Asked:
    if document.keys() != _KEYS or document["schema"] != _SCHEMA:
        raise ValueError(f"it is not of the form {_SCHEMA}")
    period, sampling = document["period"], document["sampling"]
    start, end = parse_time(period["start"]), parse_time(period["end"])
    texts = [document["entity"], document["title"], period["label"], *([sampling["seed"]] if sampling else [])]
    if start >= end or not all(isinstance(text, str) and len(text) <= _LONGEST for text in texts):
        raise ValueError("its period ends before it starts, or a text is none")
    if type(document["newest"]) is not bool or (sampling is not None and type(sampling["size"]) is not int):
        raise TypeError("newest or size")
    return Asked(
        Period(start, end, period["label"]),
        parse_time(document["as_of"]),
        document["entity"],
        document["title"],
        document["newest"],
        None if sampling is None else Sampling(sampling["size"], sampling["seed"]),
    )
