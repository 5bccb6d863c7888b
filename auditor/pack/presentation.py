"""How a pack presents itself: which pages and exports were made of it, in whose colours, to be signed by whom.

It stands among the rules, so that whoever has the pack can draw everything again and compare. Draws nothing itself.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import orjson

from auditor.base.canonical import canonical_json
from auditor.base.errors import CatalogError
from auditor.base.untrusted import shape_words

PRESENTATION = "presentation.json"
"""Inside ``rules/``."""

PAGES = ("html", "pdf")
"""Formats that are pages; every other one is an export of the results."""

_SCHEMA = "auditor.presentation/1"
_MOST_BYTES = 1_000_000
"""A logo of 256 KiB, written as text, and room for everything else."""


@dataclass(frozen=True, slots=True)
class Presentation:
    """Everything that pages and exports depend on, beside results and evidence.

    Args:
        formats: pages and exports, each once.
        accent: colour as ``#rrggbb``.
        classification: such as ``Confidential``.
        distribution: who may read it.
        paper: ``A4`` or ``Letter``.
        logo: a ``data:`` URL of an image, or empty.
        signer: who was going to sign the pack when its pages were drawn; empty when nobody was.
        prepared_by: who made the report.
        prepared_for: whom it was made for.
        contact: whom to ask about it.
        version: of the report.
        detail: length of the PDF.
        sign_off: whether the PDF has room for signatures.
        csv_bom: whether CSV files begin with a byte order mark.
    """

    formats: tuple[str, ...]
    accent: str = "#14324f"
    classification: str = ""
    distribution: str = ""
    paper: str = "A4"
    logo: str = ""
    signer: str = ""
    prepared_by: str = ""
    prepared_for: str = ""
    contact: str = ""
    version: str = ""
    detail: str = "standard"
    sign_off: bool = False
    csv_bom: bool = False

    @property
    def pages(self) -> tuple[str, ...]:
        """The pages among the formats."""
        return tuple(page for page in PAGES if page in self.formats)

    @property
    def exports(self) -> tuple[str, ...]:
        """The formats that are no pages."""
        return tuple(name for name in self.formats if name not in PAGES)

    def data(self) -> bytes:
        """Return the bytes of ``presentation.json``."""
        return canonical_json({"schema": _SCHEMA, **asdict(self)})


def read_presentation(rules: Path) -> Presentation:
    """Read how a pack presents itself; it comes from strangers, and only its shape is checked here.

    Raises:
        CatalogError: the file is missing, malformed or has a member that there is not.
    """
    path = rules / PRESENTATION
    try:
        if path.is_symlink() or path.stat().st_size > _MOST_BYTES:
            raise ValueError("it is no small file")
        return _presentation(orjson.loads(path.read_bytes()))
    except FileNotFoundError as error:
        raise CatalogError(f"rules/{PRESENTATION} is missing: nothing says how the pages were drawn") from error
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise CatalogError(
            f"rules/{PRESENTATION} does not say how the pages were drawn: {shape_words(error)}"
        ) from error


def _presentation(document: Mapping[str, Any]) -> Presentation:
    given = {name: value for name, value in document.items() if name != "schema"}
    if document["schema"] != _SCHEMA:
        raise ValueError(f"its schema is not {_SCHEMA}")
    known = {field.name: field.default for field in fields(Presentation)}
    if odd := sorted(given.keys() ^ known.keys()):
        raise ValueError(f"it lacks, or should not have, {', '.join(odd)[:200]}")
    formats = given.pop("formats")
    if not isinstance(formats, list) or not all(isinstance(name, str) for name in formats):
        raise TypeError("its formats are no list of names")
    if any(type(value) is not type(known[name]) for name, value in given.items()):
        raise TypeError("a member has another type")
    if len(set(formats)) < len(formats):
        raise ValueError("a format stands twice")
    return Presentation(tuple(formats), **given)
