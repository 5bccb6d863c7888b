"""Who has to have signed, and who vouches for signers and for time-stamping services."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from auditor.config import Config
from auditor.run import complete, load_rules
from auditor.seal.pack import Sealing, reseal_pack
from auditor.seal.report import Outcome, VerifyReport
from auditor.seal.signer import FileSigner
from auditor.seal.timestamp import Tsa
from auditor.seal.verify import Demands, verify_pack
from auditor.seal.wanted import Wanted, wanted_by, wanted_of
from tests.seal.authority import YEAR, issued_signer, make_authority, stamping_service
from tests.seal.forging import evidence_folder
from tests.seal.packs import NOW, sealed_pack

ROOT, TSA_ROOT = make_authority(at=NOW), make_authority("Example TSA Root", at=NOW)
SIGNER = issued_signer(ROOT, start=NOW - YEAR, end=NOW + YEAR)
LEAF = SIGNER.chain[0]
_KEY = ec.generate_private_key(ec.SECP256R1())
OTHER = FileSigner(_KEY, (ROOT.issue("Somebody Else", _KEY, start=NOW - YEAR, end=NOW + YEAR),))


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tsa = Tsa("http://tsa.example", (TSA_ROOT.certificate,), post=stamping_service(TSA_ROOT, time=NOW).answer)
    return sealed_pack(tmp_path_factory.mktemp("wanted") / "pack", sealing=Sealing(SIGNER, NOW, tsa, sign_pdf=False))


def verified(pack: Path, **demands: object) -> VerifyReport:
    return verify_pack(pack, Demands(at=NOW, **demands))  # type: ignore[arg-type]


FINGERPRINT = LEAF.fingerprint(SHA256()).hex()
COMMON_NAME = LEAF.subject.rfc4514_string().removeprefix("CN=")


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(wanted_of(LEAF), id="certificate"),
        pytest.param(wanted_by(FINGERPRINT.upper()), id="fingerprint"),
        pytest.param(wanted_by(":".join(FINGERPRINT[at : at + 2] for at in range(0, 64, 2))), id="with-colons"),
    ],
)
def test_a_signer_known_by_his_certificate_needs_nobody_to_vouch_for_him(pack: Path, wanted: Wanted) -> None:
    assert verified(pack, wanted=wanted).outcome("certificate") is Outcome.PASS


def test_a_name_counts_only_when_somebody_vouches_for_it(pack: Path) -> None:
    for name in (f"CN={COMMON_NAME}", COMMON_NAME):
        assert verified(pack, wanted=wanted_by(name)).outcome("certificate") is Outcome.UNKNOWN
        assert verified(pack, wanted=wanted_by(name), trusted=(ROOT.certificate,)).exit_code == 3  # the stamp's root
        both = {"trusted": (ROOT.certificate,), "trusted_tsa": (TSA_ROOT.certificate,)}
        assert verified(pack, wanted=wanted_by(name), **both).exit_code == 0


def test_another_signer_than_the_one_asked_for_is_a_finding_however_trusted(pack: Path) -> None:
    for wanted in (wanted_of(OTHER.chain[0]), wanted_by("CN=Nobody"), wanted_by("00" * 32)):
        report = verified(pack, wanted=wanted, trusted=(ROOT.certificate,))
        assert [finding.check for finding in report.findings] == ["certificate"]
        assert wanted.words in report.findings[0].message


def test_who_vouches_for_time_stamps_never_vouches_for_signers(pack: Path) -> None:
    report = verified(pack, trusted=(TSA_ROOT.certificate,), trusted_tsa=(TSA_ROOT.certificate,))
    assert (report.outcome("timestamp"), report.outcome("certificate")) == (Outcome.PASS, Outcome.FAIL)
    report = verified(pack, trusted=(ROOT.certificate,), trusted_tsa=(ROOT.certificate,))
    assert (report.outcome("timestamp"), report.outcome("certificate")) == (Outcome.UNKNOWN, Outcome.PASS)
    assert verified(pack, trusted=(ROOT.certificate, TSA_ROOT.certificate)).exit_code == 0


def test_a_signer_is_missed_in_an_unsigned_pack(tmp_path: Path) -> None:
    plain = sealed_pack(tmp_path / "pack")
    (finding,) = verified(plain, wanted=wanted_by("Example Auditor")).findings
    assert finding.message == "is missing, and Example Auditor was asked for"


def test_a_signature_taken_off_or_replaced_is_found_without_any_certificate(tmp_path: Path) -> None:
    """By anybody: the pages name who was going to sign, in a file that the manifest lists."""
    folder = tmp_path / "pack"
    evidence_folder(folder / "evidence", {"frameworks": ["trail-readiness"]})
    config = Config.model_validate({"formats": ["csv"]})
    complete(folder, load_rules(config), lambda *_: None, sealing=Sealing(SIGNER, NOW))
    assert verified(folder).verdict == "pass"
    for sealing, words in ((None, "no signature of his is there"), (Sealing(OTHER, NOW), "it was signed by CN=")):
        reseal_pack(folder, sealing)
        (finding,) = verified(folder).findings
        assert finding.path == "rules/presentation.json"
        assert f"names CN={COMMON_NAME} as signer of the pack, but {words}" in finding.message
