"""Files of a pack have one form, so that whoever reads them reads the same: shown on the sample of this repository."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from auditor.evidence.store import Evidence
from auditor.run.strays import strays
from auditor.seal.manifest_form import parse_manifest

SAMPLE = Path(__file__).parents[2] / "reports" / "sample"
ARCHIVE = "evidence/integrity/trail-1"


def _again(data: bytes) -> bytes:
    return b'{"eu-central-1":{"PublicKeyList":[]},' + data[1:]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        pytest.param("", lambda data: data, id="as-written"),
        pytest.param(f"{ARCHIVE}/public-keys.json", _again, id="keys-twice"),
        pytest.param(f"{ARCHIVE}/metadata.json", lambda data: data + b" ", id="blank-behind"),
        pytest.param("evidence/calls.json", lambda data: data.replace(b"{", b'{"region":"eu-west-9",', 1), id="calls"),
    ],
)
def test_a_file_that_others_may_read_otherwise_is_named(
    name: str, change: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    pack = Path(shutil.copytree(SAMPLE, tmp_path / "pack"))
    if name:
        (pack / name).write_bytes(change((pack / name).read_bytes()))
    found = strays(pack, Evidence(pack / "evidence"), parse_manifest((pack / "manifest.json").read_bytes()))
    assert [(item.path, "others may read it otherwise" in item.message) for item in found] == [(name, True)] * bool(
        name
    )
