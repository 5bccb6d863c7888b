"""The pack before this one: its name, the hash of its manifest, and the newest digests it had seen."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from auditor.base.canonical import sha256_hex
from auditor.base.period import parse_time
from auditor.pack.layout import RESULTS
from auditor.seal.manifest import MANIFEST, PreviousPack
from auditor.trail.report import Anchor, anchors_of


@dataclass(frozen=True, slots=True)
class Previous:
    """What the next pack has to know of the one before.

    Args:
        pack: its id and manifest hash; None when there is none.
        anchors: by trail ARN, its newest digests.
    """

    pack: PreviousPack | None = None
    anchors: Mapping[str, tuple[Anchor, ...]] = field(default_factory=dict)


def find_previous(out: Path, account: str, before: datetime) -> Previous:
    """Find the newest pack of an account that is older than a moment.

    A pack whose results are not those its manifest names is passed over: what was changed anchors nothing.

    Args:
        out: the output folder.
        account: twelve digits.
        before: the run's as-of time, aware UTC.
    """
    candidates = sorted(_candidates(out / account, before), key=lambda item: (item[0], item[1].name), reverse=True)
    for _, pack in candidates:
        if (found := _read(pack)) is not None:
            return found
    return Previous()


def _candidates(folder: Path, before: datetime) -> Iterator[tuple[datetime, Path]]:
    for path in folder.glob(f"*/*/{MANIFEST}"):
        try:
            as_of = parse_time(orjson.loads(path.read_bytes())["scope"]["as_of"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if as_of < before:
            yield as_of, path.parent


def _read(pack: Path) -> Previous | None:
    try:
        data = (pack / MANIFEST).read_bytes()
        results = (pack / RESULTS).read_bytes()
        manifest: Any = orjson.loads(data)
        if manifest["results_sha256"] != sha256_hex(results):
            return None
        documents = orjson.loads(results)["integrity"]
        anchors = {str(item["trail"]["arn"]): anchors_of(item) for item in documents if item["trail"]["arn"]}
        return Previous(PreviousPack(str(manifest["pack_id"]), sha256_hex(data)), anchors)
    except (OSError, ValueError, KeyError, TypeError):
        return None
