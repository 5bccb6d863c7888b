import json
import resource
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.base.canonical import sha256_hex
from auditor.base.errors import IntegrityError, SealError
from auditor.seal import cms
from auditor.seal.archive import pack_zip, unpack
from auditor.seal.contents import FolderFiles
from auditor.seal.manifest import PreviousPack
from auditor.seal.pack import Sealing, reseal_pack
from auditor.seal.report import Outcome, VerifyReport
from auditor.seal.timestamp import StampError, Tsa
from auditor.seal.verify import Demands, verify_pack
from tests.seal.authority import (
    YEAR,
    issued_signer,
    make_authority,
    rsa_key,
    self_signed_signer,
    stamping_service,
)
from tests.seal.packs import info, rewrite_sums, sealed_pack

NOW = datetime.now(UTC).replace(microsecond=0)
ROOT = make_authority(at=NOW)
TSA_ROOT = make_authority("Example TSA Root", at=NOW)
SERVICE = stamping_service(TSA_ROOT, time=NOW)
TSA = Tsa("http://tsa.example", (TSA_ROOT.certificate,), post=SERVICE.answer)
SIGNER = issued_signer(ROOT, start=NOW - YEAR, end=NOW + YEAR)
TRUSTED = (ROOT.certificate, TSA_ROOT.certificate)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack with signature, time stamp and PDF signature that no test changes."""
    folder = tmp_path_factory.mktemp("packs") / "original"
    return sealed_pack(folder, sealing=Sealing(SIGNER, NOW, TSA))


@pytest.fixture
def pack(tmp_path: Path, original: Path) -> Path:
    """A copy to spoil."""
    unpack(FolderFiles(original), tmp_path / "pack")
    return tmp_path / "pack"


def verified(pack: Path, trusted: tuple[x509.Certificate, ...] = TRUSTED, at: datetime = NOW) -> VerifyReport:
    return verify_pack(pack, Demands(at=at, trusted=trusted))


def outcomes(report: VerifyReport) -> dict[str, Outcome]:
    return {check.name: check.outcome for check in report.checks}


def test_a_sealed_pack_holds_with_everything_it_announces(pack: Path, tmp_path: Path) -> None:
    pack_zip(pack, tmp_path / "pack.zip")
    for path in (pack, tmp_path / "pack.zip"):
        report = verified(path)
        assert report.findings == ()
        assert set(outcomes(report).values()) == {Outcome.PASS}
        assert (report.signer, report.sealed_at) == ("CN=Example Auditor", NOW.isoformat().replace("+00:00", "Z"))


@pytest.mark.parametrize("use_rsa", [False, True])
def test_a_self_signed_identity_holds_for_those_who_trust_it(tmp_path: Path, *, use_rsa: bool) -> None:
    signer = self_signed_signer(at=NOW - timedelta(days=1), use_rsa=use_rsa)
    folder = sealed_pack(tmp_path / "pack", sealing=Sealing(signer, NOW))
    assert verified(folder, (signer.chain[0],)).verdict == "pass"
    assert verified(folder, (ROOT.certificate,)).exit_code == 4


def test_without_trusted_certificates_nobody_vouches_for_the_signer(pack: Path) -> None:
    report = verified(pack, ())
    assert report.verdict == "pass"
    assert outcomes(report)["certificate"] is Outcome.SKIPPED
    assert any("nobody vouches" in check.message for check in report.checks)


def test_a_pack_outlives_its_signers_certificate_when_it_is_stamped(pack: Path) -> None:
    assert verified(pack, at=NOW + 2 * YEAR).verdict == "pass"


def test_a_pack_does_not_outlive_its_signers_certificate_without_a_stamp(tmp_path: Path) -> None:
    folder = sealed_pack(tmp_path / "pack", sealing=Sealing(SIGNER, NOW, sign_pdf=False))
    assert verified(folder).verdict == "pass"
    late = verified(folder, at=NOW + 2 * YEAR)
    assert late.exit_code == 4
    assert any("no time stamp that holds" in finding.message for finding in late.findings)


def test_a_sealed_pack_holds_without_any_network(pack: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("verification asked the network")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(f"socket.socket.{name}", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    assert json.loads((pack / "trust" / "seal.json").read_bytes())["pdf"]["level"] == "B-LTA"
    assert verified(pack).verdict == "pass"


def test_a_stamp_that_nobody_vouches_for_does_not_stop_the_clock(pack: Path) -> None:
    soon = verified(pack, (ROOT.certificate,))
    assert (soon.exit_code, outcomes(soon)["timestamp"]) == (3, Outcome.UNKNOWN)
    assert verified(pack, (ROOT.certificate,), at=NOW + 2 * YEAR).exit_code == 4


def test_what_could_not_be_checked_of_the_previous_pack_is_no_pass(tmp_path: Path) -> None:
    elsewhere = make_authority("Another TSA Root", at=NOW)
    other = Tsa("http://tsa.example", (elsewhere.certificate,), post=stamping_service(elsewhere, time=NOW).answer)
    first = sealed_pack(tmp_path / "a", sealing=Sealing(SIGNER, NOW, other, sign_pdf=False))
    named = PreviousPack("2026-10-example", sha256_hex((first / "manifest.json").read_bytes()))
    second = sealed_pack(
        tmp_path / "b", info("next", previous=named), sealing=Sealing(SIGNER, NOW, TSA, sign_pdf=False)
    )
    for trusted, code in ((TRUSTED, 3), ((*TRUSTED, elsewhere.certificate), 0)):
        report = verify_pack(second, Demands(at=NOW, trusted=trusted, previous=first))
        assert (report.exit_code, report.findings) == (code, ())


def test_a_stamp_from_the_future_does_not_hold(pack: Path) -> None:
    assert outcomes(verified(pack, at=NOW - timedelta(days=1)))["timestamp"] is Outcome.FAIL


def test_a_trusted_signer_is_missed_in_an_unsigned_pack(tmp_path: Path) -> None:
    folder = sealed_pack(tmp_path / "pack")
    assert verified(folder, ()).exit_code == 0
    assert verified(folder).exit_code == 4


def test_the_statement_says_who_signed_it(tmp_path: Path, pack: Path) -> None:
    def said(folder: Path) -> tuple[Outcome, str]:
        (check,) = (check for check in verified(folder, ()).checks if check.name == "attestation")
        return check.outcome, check.message.partition("; ")[2]

    assert said(pack) == (Outcome.PASS, "signed by the same signer")
    assert said(sealed_pack(tmp_path / "unsigned")) == (Outcome.PASS, "nobody signed it")
    no_signature(pack)
    outcome, words = said(pack)
    assert (outcome, words[:30]) == (Outcome.UNKNOWN, "who signed it cannot be said, ")


def no_signature(pack: Path) -> None:
    (pack / "SHA256SUMS.p7s").unlink()


def no_stamp(pack: Path) -> None:
    (pack / "SHA256SUMS.p7s.tsr").unlink()


def no_record(pack: Path) -> None:
    (pack / "trust/seal.json").unlink()
    rewrite_sums(pack)


def unsigned_record(pack: Path) -> None:
    record = {"schema": "auditor.seal/1", "signature": None, "timestamp": None, "pdf": None}
    (pack / "trust/seal.json").write_text(json.dumps(record))
    rewrite_sums(pack)


def strange_record(pack: Path) -> None:
    (pack / "trust/seal.json").write_text('{"schema": "auditor.seal/1", "signature": 5}')
    rewrite_sums(pack)


def forged_and_summed(pack: Path) -> None:
    (pack / "VERIFY.md").write_text("all is well")
    rewrite_sums(pack)


def signed_by_somebody_else(pack: Path) -> None:
    other = issued_signer(make_authority("Other", at=NOW), start=NOW - YEAR, end=NOW + YEAR)
    (pack / "SHA256SUMS.p7s").write_bytes(cms.sign((pack / "SHA256SUMS").read_bytes(), other, at=NOW))


def other_chain(pack: Path) -> None:
    other = make_authority(at=NOW)
    swapped = replace(SIGNER, chain=(SIGNER.chain[0], other.certificate))
    (pack / "SHA256SUMS.p7s").write_bytes(cms.sign((pack / "SHA256SUMS").read_bytes(), swapped, at=NOW))


def stamp_of_another_signature(pack: Path) -> None:
    signature = (pack / "SHA256SUMS.p7s").read_bytes()
    earlier = NOW - timedelta(seconds=1)
    (pack / "SHA256SUMS.p7s").write_bytes(cms.sign((pack / "SHA256SUMS").read_bytes(), SIGNER, at=earlier))
    assert (pack / "SHA256SUMS.p7s").read_bytes() != signature


def unsigned_pdf(pack: Path) -> None:
    record = json.loads((pack / "trust/seal.json").read_bytes())
    (pack / "report.pdf").write_bytes((pack / "report.pdf").read_bytes()[: record["pdf"]["unsigned_bytes"]])
    rewrite_sums(pack)


def pdf_added_to(pack: Path) -> None:
    with (pack / "report.pdf").open("ab") as file:
        file.write(b"\n1 0 obj <</Type /Catalog>> endobj\ntrailer <</Root 1 0 R>>\n%%EOF\n")
    rewrite_sums(pack)


def pdf_changed(pack: Path) -> None:
    data = bytearray((pack / "report.pdf").read_bytes())
    data[20] ^= 1
    (pack / "report.pdf").write_bytes(data)
    rewrite_sums(pack)


@pytest.mark.parametrize(
    ("spoil", "check", "path"),
    [
        (no_signature, "signature", "SHA256SUMS.p7s"),
        (no_stamp, "timestamp", "SHA256SUMS.p7s.tsr"),
        (no_record, "signature", "trust/seal.json"),
        (unsigned_record, "signature", "SHA256SUMS.p7s"),
        (strange_record, "signature", "trust/seal.json"),
        (forged_and_summed, "signature", "SHA256SUMS.p7s"),
        (signed_by_somebody_else, "signature", "SHA256SUMS.p7s"),
        (other_chain, "signature", "SHA256SUMS.p7s"),
        (stamp_of_another_signature, "timestamp", "SHA256SUMS.p7s.tsr"),
        (unsigned_pdf, "pdf-signature", "report.pdf"),
        (pdf_added_to, "pdf-signature", "report.pdf"),
        (pdf_changed, "pdf-signature", "report.pdf"),
    ],
)
def test_each_way_to_spoil_a_seal_is_found(pack: Path, spoil: Callable[[Path], None], check: str, path: str) -> None:
    spoil(pack)
    for trusted in (TRUSTED, ()):
        report = verified(pack, trusted)
        assert report.exit_code == 4
        assert (check, path) in {(finding.check, finding.path) for finding in report.findings}


@pytest.mark.parametrize("member", ["signature", "timestamp", "pdf"])
@pytest.mark.parametrize("value", [{}, [], "", 0, False, "x", [1], {"sha256": 1}, {"status": "requested"}])
def test_a_record_of_another_shape_is_malformed(pack: Path, member: str, value: object) -> None:
    record = json.loads((pack / "trust/seal.json").read_bytes())
    (pack / "trust/seal.json").write_text(json.dumps({**record, member: value}))
    rewrite_sums(pack)
    (pack / "SHA256SUMS.p7s").write_bytes(cms.sign((pack / "SHA256SUMS").read_bytes(), SIGNER, at=NOW))
    findings = verified(pack).findings
    assert ("signature", "malformed", "trust/seal.json") in {(item.check, item.kind, item.path) for item in findings}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stamped pack whose PDF is not signed: quick to verify many times."""
    folder = tmp_path_factory.mktemp("packs") / "plain"
    return sealed_pack(folder, sealing=Sealing(SIGNER, NOW, TSA, sign_pdf=False))


def with_one_byte_changed(path: Path, data: st.DataObject, verdict: Callable[[], VerifyReport]) -> VerifyReport:
    before = path.read_bytes()
    position, change = data.draw(st.integers(0, len(before) - 1)), data.draw(st.integers(1, 255))
    path.write_bytes(before[:position] + bytes([before[position] ^ change]) + before[position + 1 :])
    try:
        return verdict()
    finally:
        path.write_bytes(before)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_changed_byte_anywhere_in_a_signed_pack_is_found(plain: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(["SHA256SUMS", "SHA256SUMS.p7s", "VERIFY.md", "trust/chain.pem", "manifest.json"]))
    report = with_one_byte_changed(plain / name, data, lambda: verified(plain))
    assert report.exit_code == 4
    assert any(name in f"{finding.path} {finding.message}" for finding in report.findings)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_changed_byte_in_a_signed_pdf_is_found(original: Path, data: st.DataObject) -> None:
    report = with_one_byte_changed(original / "report.pdf", data, lambda: verified(original))
    assert ("files", "report.pdf") in {(finding.check, finding.path) for finding in report.findings}


def test_an_unsigned_pack_can_be_signed_later_and_keeps_its_manifest(tmp_path: Path) -> None:
    folder = sealed_pack(tmp_path / "pack")
    before = {name: (folder / name).read_bytes() for name in ("manifest.json", "report.html", "report.pdf")}
    reseal_pack(folder, Sealing(SIGNER, NOW, TSA))
    assert verified(folder).verdict == "pass"
    assert (folder / "manifest.json").read_bytes() == before["manifest.json"]
    assert (folder / "report.pdf").read_bytes().startswith(before["report.pdf"])
    reseal_pack(folder)
    assert verified(folder, ()).verdict == "pass"
    assert {name: (folder / name).read_bytes() for name in before} == before


def away(url: str, query: bytes) -> bytes:
    del query
    raise StampError(f"the time-stamping service {url} did not answer")


def test_a_service_that_fails_leaves_no_sealed_pack(tmp_path: Path) -> None:
    with pytest.raises(SealError, match="did not answer"):
        sealed_pack(tmp_path / "pack", sealing=Sealing(SIGNER, NOW, replace(TSA, post=away)))
    assert not (tmp_path / "pack" / "SHA256SUMS.p7s").exists()


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("stamps", [0, 1, 2])
def test_a_seal_that_fails_leaves_the_pack_as_it_was(tmp_path: Path, original: Path, stamps: int) -> None:
    unsigned = sealed_pack(tmp_path / "pack")
    calls: list[bytes] = []

    def fails_after(url: str, query: bytes) -> bytes:
        calls.append(query)
        return SERVICE.answer(url, query) if len(calls) <= stamps else away(url, query)

    for folder in (unsigned, original):
        before = contents(folder)
        calls.clear()
        with pytest.raises(SealError, match="did not answer"):
            reseal_pack(folder, Sealing(SIGNER, NOW, replace(TSA, post=fails_after)))
        assert contents(folder) == before


def test_a_full_disk_leaves_the_pack_as_it_was(tmp_path: Path) -> None:
    folder = sealed_pack(tmp_path / "pack")
    before = contents(folder)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            reseal_pack(folder, Sealing(SIGNER, NOW))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert contents(folder) == before
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


def killed_at_each_rename(pack: Path, sealing: Sealing | None, states: Path) -> list[Path]:
    """Seal a pack; return copies of it as a killed process would have left it, one for each file put in its place."""
    rename = Path.replace

    def copy_and_rename(self: Path, target: Path) -> Path:
        shutil.copytree(pack, states / str(len(list(states.iterdir()))))
        return rename(self, target)

    states.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", copy_and_rename)
        reseal_pack(pack, sealing)
    return sorted(states.iterdir())


SIGNED = Sealing(SIGNER, NOW)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(None, SIGNED, id="signed-at-last"),
        pytest.param(SIGNED, replace(SIGNED, at=NOW - timedelta(hours=1)), id="signed-again"),
        pytest.param(SIGNED, None, id="no-longer-signed"),
        pytest.param(SIGNED, replace(SIGNED, sign_pdf=False), id="pdf-no-longer-signed"),
    ],
)
def test_a_seal_that_was_killed_can_be_made_again(
    tmp_path: Path, before: Sealing | None, after: Sealing | None
) -> None:
    killed = killed_at_each_rename(sealed_pack(tmp_path / "pack", sealing=before), after, tmp_path / "killed")
    assert len(killed) >= 4
    for pack in killed:
        left_over = {item.message for item in verified(pack, ()).findings if item.path.startswith(".sealing-")}
        assert left_over == {"is left over from sealing that was cut short; sealing the pack again takes it away"}
        reseal_pack(pack, after)
        assert verified(pack, ()).findings == ()
        assert contents(pack).keys() == contents(tmp_path / "pack").keys()


def test_only_what_sealing_left_is_taken_away(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "0").write_bytes(b"precious")
    pack = sealed_pack(tmp_path / "pack")
    (pack / ".sealing-folder").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(IntegrityError, match="is a symbolic link"):
        reseal_pack(pack)
    (pack / ".sealing-folder").unlink()
    (pack / ".sealing-folder").mkdir()
    (pack / ".sealing-folder" / "0").symlink_to(tmp_path / "elsewhere" / "0")
    with pytest.raises(IntegrityError, match="is a symbolic link"):
        reseal_pack(pack)
    (pack / ".sealing-folder" / "0").unlink()
    (pack / ".sealing-file").write_bytes(b"mine")
    reseal_pack(pack)
    assert [path.name for path in pack.glob(".sealing-*")] == [".sealing-file"]
    assert (tmp_path / "elsewhere" / "0").read_bytes() == b"precious"


def test_a_service_that_may_fail_is_reported_in_the_pack(tmp_path: Path) -> None:
    optional = replace(TSA, post=away, required=False)
    folder = sealed_pack(tmp_path / "pack", sealing=Sealing(SIGNER, NOW, optional))
    report = verified(folder)
    assert report.verdict == "pass"
    (check,) = (check for check in report.checks if check.name == "timestamp")
    assert check.outcome is Outcome.SKIPPED
    assert "did not answer" in check.message
    assert (
        "There is no time stamp; one was asked of http://tsa.example and could not be had"
        in (folder / "VERIFY.md").read_text()
    )


def test_a_service_that_fails_after_the_pdf_was_signed_leaves_one_signature(tmp_path: Path) -> None:
    calls: list[bytes] = []

    def fails_late(url: str, query: bytes) -> bytes:
        calls.append(query)
        return SERVICE.answer(url, query) if len(calls) < 3 else away(url, query)

    optional = replace(TSA, post=fails_late, required=False)
    folder = sealed_pack(tmp_path / "pack", sealing=Sealing(SIGNER, NOW, optional))
    assert verified(folder).verdict == "pass"
    assert (folder / "report.pdf").read_bytes().count(b"/ByteRange") == 1


def test_a_signer_whose_key_is_another_does_not_seal(tmp_path: Path) -> None:
    stranger = replace(SIGNER, key=rsa_key(0))
    with pytest.raises(SealError, match="just made does not hold"):
        sealed_pack(tmp_path / "pack", sealing=Sealing(stranger, NOW, sign_pdf=False))


def test_what_was_signed_is_the_same_for_the_same_inputs(tmp_path: Path) -> None:
    def below_the_signature(folder: Path) -> dict[str, bytes]:
        files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        return {name: data for name, data in files.items() if not name.startswith("SHA256SUMS")}

    signing = Sealing(SIGNER, NOW, sign_pdf=False)
    first, second = (sealed_pack(tmp_path / name, sealing=signing) for name in "ab")
    assert below_the_signature(first) == below_the_signature(second)
