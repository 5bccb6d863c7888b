"""Writes the demo's trail bucket into a folder, as ``aws s3 sync`` would leave it, with metadata and public keys."""

import json
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from auditor.simulator.objects import Bucket
from auditor.simulator.worlds.archive import TRAIL, Archive, Plan, keys_of
from auditor.simulator.worlds.happening import BEGIN, END
from auditor.simulator.worlds.work import LOG_REGIONS


def write(root: Path, regions: Sequence[str] = LOG_REGIONS) -> Path:
    """Write the objects of some Regions: those with log files are all that an offline question needs."""
    bucket = Bucket(TRAIL.bucket)
    archive = Archive(Plan(TRAIL, eventful=True))
    metadata, keys = {}, {}
    for region in regions:
        archive._add(bucket, region)  # noqa: SLF001 - the Region alone, without asking for it by a key
        keys[region] = _published(region)
    for key, versions in bucket.objects.items():
        held = versions[-1]
        if held.deleted:
            continue
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(held.body)
        if held.metadata:
            metadata[key] = {f"x-amz-meta-{name}": value for name, value in held.metadata.items()}
    (root / "metadata.json").write_text(json.dumps(metadata, sort_keys=True))
    (root / "public-keys.json").write_text(json.dumps(keys, sort_keys=True))
    return root


def _published(region: str) -> list[dict[str, Any]]:
    day = timedelta(days=1)
    return [key.published_json() for key in keys_of(region).public_keys(region, BEGIN - day, END + day)]


if __name__ == "__main__":
    print(write(Path(sys.argv[1])))
