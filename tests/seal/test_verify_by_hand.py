"""The commands of ``VERIFY.md``, exactly as printed, run by a shell that knows nothing else."""

import base64
import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from auditor.base.canonical import canonical_json, sha256_hex
from auditor.seal import cms
from auditor.seal.archive import pack_zip, unpack
from auditor.seal.contents import FolderFiles
from auditor.seal.intoto import ATTESTATION, envelope
from auditor.seal.pack import Sealing
from auditor.seal.timestamp import Tsa, encode_query
from tests.seal.authority import (
    YEAR,
    issued_signer,
    make_authority,
    openssl_service,
    rsa_key,
    self_signed_signer,
    stamping_service,
)
from tests.seal.by_hand import commands, failing
from tests.seal.packs import rewrite_sums, sealed_pack

NOW = datetime.now(UTC).replace(microsecond=0)
BEFORE = NOW - timedelta(days=400)
ROOT = make_authority(at=NOW)
TSA_ROOT = make_authority("Example TSA Root", at=NOW)
TSA_URL = "http://tsa.example"


def tsa(time: datetime) -> Tsa:
    return Tsa(TSA_URL, (TSA_ROOT.certificate,), post=stamping_service(TSA_ROOT, time=time).answer)


LONG_AGO = BEFORE + timedelta(days=9)
ISSUED = issued_signer(ROOT, start=NOW - YEAR, end=NOW + YEAR)
SELF_SIGNED = self_signed_signer(at=NOW - timedelta(days=1))
SEALINGS = {
    "unsigned": None,
    "self-signed": Sealing(SELF_SIGNED, NOW, sign_pdf=False),
    "self-signed-stamped": Sealing(SELF_SIGNED, NOW, tsa(NOW)),
    "issued": Sealing(ISSUED, NOW),
    "issued-rsa-stamped": Sealing(issued_signer(ROOT, start=NOW - YEAR, end=NOW + YEAR, key=rsa_key(0)), NOW, tsa(NOW)),
    "expired-stamped": Sealing(issued_signer(ROOT, start=BEFORE, end=NOW - YEAR), LONG_AGO, tsa(LONG_AGO)),
    "expired-self-signed-stamped": Sealing(self_signed_signer(at=BEFORE, days=30), LONG_AGO, tsa(LONG_AGO)),
}


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("packs")
    return {kind: sealed_pack(folder / kind, sealing=sealing) for kind, sealing in SEALINGS.items()}


@pytest.mark.parametrize("kind", SEALINGS)
def test_every_command_holds_on_an_untouched_pack(originals: dict[str, Path], kind: str) -> None:
    pack = originals[kind]
    expected = 3 + (4 if SEALINGS[kind] else 0) + (2 if "stamped" in kind else 0)
    assert len(commands(pack)) == expected
    assert failing(pack) == []


def test_every_command_holds_on_an_unpacked_zip(originals: dict[str, Path], tmp_path: Path) -> None:
    pack_zip(originals["issued-rsa-stamped"], tmp_path / "pack.zip")
    subprocess.run(["python3", "-m", "zipfile", "-e", "pack.zip", "out"], cwd=tmp_path, check=True)
    (pack,) = (tmp_path / "out").iterdir()
    assert failing(pack) == []


def test_every_command_holds_with_a_stamp_by_openssl(tmp_path: Path) -> None:
    service = openssl_service(tmp_path / "tsa", TSA_ROOT, now=NOW)
    sealing = Sealing(ISSUED, NOW, Tsa(TSA_URL, (TSA_ROOT.certificate,), post=service.answer))
    assert failing(sealed_pack(tmp_path / "pack", sealing=sealing)) == []


def test_an_expired_signature_without_a_stamp_fails_and_was_announced(tmp_path: Path) -> None:
    signer = self_signed_signer(at=BEFORE, days=30)
    pack = sealed_pack(tmp_path / "pack", sealing=Sealing(signer, LONG_AGO, sign_pdf=False))
    assert "once the certificate has expired" in (pack / "VERIFY.md").read_text()
    (line,) = failing(pack)
    assert line.startswith("openssl cms -verify")


def change(pack: Path) -> None:
    (pack / "results/controls.csv").write_bytes(b"id,state\r\na,PASS\r\nb,PASS\r\n")


def remove(pack: Path) -> None:
    (pack / "evidence/meta/EV-0001.json").unlink()


def add(pack: Path) -> None:
    (pack / "results/more.csv").write_bytes(b"")


def add_beside_the_sums(pack: Path) -> None:
    (pack / "SHA256SUMS.old").write_bytes(b"")


def add_a_link(pack: Path) -> None:
    (pack / "results/link").symlink_to("controls.csv")


def rename(pack: Path) -> None:
    (pack / "results/controls.csv").rename(pack / "results/Controls.csv")


def swap(pack: Path) -> None:
    first, second = pack / "README.txt", pack / "results/controls.csv"
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)


def spoil_a_line_of_the_sums(pack: Path) -> None:
    text = (pack / "SHA256SUMS").read_bytes()
    (pack / "SHA256SUMS").write_bytes(b"Z" + text[1:])


@pytest.mark.parametrize("kind", ["unsigned", "issued-rsa-stamped"])
@pytest.mark.parametrize(
    "spoil", [change, remove, add, add_beside_the_sums, add_a_link, rename, swap, spoil_a_line_of_the_sums]
)
def test_a_command_fails_after_each_kind_of_change(
    originals: dict[str, Path], tmp_path: Path, kind: str, spoil: Callable[[Path], None]
) -> None:
    pack = tmp_path / "pack"
    unpack(FolderFiles(originals[kind]), pack)
    spoil(pack)
    assert failing(pack) != []


def attest_another_outcome(pack: Path) -> None:
    path = pack / ATTESTATION
    document = json.loads(path.read_bytes())
    payload = base64.b64decode(document["payload"]).replace(b'"FAILED"', b'"PASSED"').replace(b'"WARNED"', b'"PASSED"')
    document["payload"] = base64.b64encode(payload).decode()
    path.write_bytes(canonical_json(document))
    rewrite_sums(pack)


def attest_another_pack(pack: Path) -> None:
    path = pack / ATTESTATION
    statement = base64.b64decode(json.loads(path.read_bytes())["payload"])
    other = statement.replace(sha256_hex((pack / "manifest.json").read_bytes()).encode(), b"0" * 64)
    path.write_bytes(canonical_json(envelope(other, ISSUED)))
    rewrite_sums(pack)


def forge_everything(pack: Path) -> None:
    change(pack)
    rewrite_sums(pack)


def sign_anew(pack: Path) -> None:
    forge_everything(pack)
    signer = self_signed_signer(at=NOW - timedelta(days=1))
    (pack / "SHA256SUMS.p7s").write_bytes(cms.sign((pack / "SHA256SUMS").read_bytes(), signer, at=NOW))


def other_stamp(pack: Path) -> None:
    token = stamping_service(make_authority("Forger", at=NOW), time=NOW)
    query = encode_query((pack / "SHA256SUMS.p7s").read_bytes(), 1)
    (pack / "SHA256SUMS.p7s.tsr").write_bytes(token.answer("", query))


@pytest.mark.parametrize(
    ("spoil", "command"),
    [
        (forge_everything, "openssl cms -verify"),
        (sign_anew, "openssl cms -verify"),
        (other_stamp, "openssl ts -verify"),
        (attest_another_outcome, "openssl dgst -sha256 -verify"),
        (attest_another_pack, "sed "),
    ],
)
def test_a_forger_without_the_key_is_stopped_by_the_signature(
    originals: dict[str, Path], tmp_path: Path, spoil: Callable[[Path], None], command: str
) -> None:
    pack = tmp_path / "pack"
    unpack(FolderFiles(originals["issued-rsa-stamped"]), pack)
    spoil(pack)
    assert any(line.startswith(command) for line in failing(pack))
