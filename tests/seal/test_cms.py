import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose
from hypothesis import given
from hypothesis import strategies as st

from auditor.base.errors import IntegrityError
from auditor.seal import cms, der
from auditor.seal.signer import FileSigner, PrivateKey, pem
from auditor.seal.trust import Use, check_path
from tests.seal.authority import YEAR, Authority, issued_signer, make_authority, rsa_key, self_signed_signer

NOW = datetime.now(UTC).replace(microsecond=0)
DATA = b"0" * 64 + b"  README.txt\n"
AUTHORITY = make_authority(at=NOW)
SIGNERS = {
    "self-signed": self_signed_signer(at=NOW - timedelta(days=1)),
    "issued": issued_signer(AUTHORITY, start=NOW - YEAR, end=NOW + YEAR),
    "issued-rsa": issued_signer(AUTHORITY, start=NOW - YEAR, end=NOW + YEAR, key=rsa_key(0)),
}
SIGNATURES = {kind: cms.sign(DATA, signer, at=NOW) for kind, signer in SIGNERS.items()}


def openssl(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("kind", SIGNERS)
def test_openssl_verifies_what_we_sign(tmp_path: Path, kind: str) -> None:
    (tmp_path / "data").write_bytes(DATA)
    (tmp_path / "data.p7s").write_bytes(SIGNATURES[kind])
    (tmp_path / "ca.pem").write_bytes(pem(SIGNERS[kind].chain[-1]))
    line = "cms -verify -binary -inform DER -in data.p7s -content data -CAfile ca.pem -purpose any -out out"
    outcome = openssl(*line.split(), folder=tmp_path)
    assert outcome.returncode == 0, outcome.stderr
    (tmp_path / "data").write_bytes(DATA + b"x")
    assert openssl(*line.split(), folder=tmp_path).returncode != 0


@pytest.mark.parametrize("kind", SIGNERS)
def test_we_verify_what_we_sign_and_know_it_as_ours(kind: str) -> None:
    signed = cms.verify(SIGNATURES[kind], DATA)
    assert signed.certificate == SIGNERS[kind].chain[0]
    assert (signed.claimed_time, signed.names_certificate, signed.canonical) == (NOW, True, True)


@pytest.mark.parametrize("kind", ["issued", "issued-rsa"])
@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_we_verify_what_openssl_signs(tmp_path: Path, kind: str, digest: str) -> None:
    signer = SIGNERS[kind]
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "key.pem").write_bytes(signer.key.private_bytes(*form))
    (tmp_path / "cert.pem").write_bytes(pem(signer.chain[0]))
    (tmp_path / "data").write_bytes(DATA)
    line = f"cms -sign -binary -outform DER -in data -signer cert.pem -inkey key.pem -md {digest} -out data.p7s"
    outcome = openssl(*line.split(), folder=tmp_path)
    assert outcome.returncode == 0, outcome.stderr
    assert cms.verify((tmp_path / "data.p7s").read_bytes(), DATA).certificate == signer.chain[0]


def test_we_verify_what_another_library_signs() -> None:
    signer = SIGNERS["issued"]
    builder = pkcs7.PKCS7SignatureBuilder().set_data(DATA).add_signer(signer.chain[0], signer.key, hashes.SHA256())
    options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary]
    assert cms.verify(builder.sign(serialization.Encoding.DER, options), DATA).certificate == signer.chain[0]


def test_every_single_byte_of_a_signature_counts() -> None:
    good = SIGNATURES["issued"]
    for position in range(len(good)):
        for change in (0x01, 0x80, 0xFF):
            bad = bytearray(good)
            bad[position] ^= change
            try:
                signed = cms.verify(bytes(bad), DATA)
            except IntegrityError:
                continue
            same = (signed.certificate, *signed.others) == SIGNERS["issued"].chain
            assert not (signed.canonical and same), f"byte {position} does not count"


@given(st.binary(max_size=200))
def test_bytes_that_are_no_signature_are_an_integrity_error(data: bytes) -> None:
    with pytest.raises(IntegrityError):
        cms.verify(data, DATA)


def test_a_signature_cut_off_or_followed_by_more_does_not_hold() -> None:
    good = SIGNATURES["self-signed"]
    for bad in (good[:-1], good + b"\0", good + good, b""):
        with pytest.raises(IntegrityError):
            cms.verify(bad, DATA)


def test_a_signature_by_another_certificate_with_the_same_name_and_serial_does_not_hold() -> None:
    signer = SIGNERS["self-signed"]
    other = self_signed_signer(at=NOW)
    forged = FileSigner(other.key, signer.chain)
    with pytest.raises(IntegrityError):
        cms.verify(cms.sign(DATA, forged, at=NOW), DATA)


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(ec.generate_private_key(ec.SECP192R1()), id="P-192"),
        pytest.param(ec.generate_private_key(ec.SECP224R1()), id="P-224"),
        pytest.param(rsa.generate_private_key(65537, 1024), id="RSA-1024"),  # noqa: S505 - weak on purpose
    ],
)
def test_weak_keys_are_not_accepted(key: PrivateKey) -> None:
    certificate = AUTHORITY.issue("Weak", key, start=NOW - YEAR, end=NOW + YEAR)
    with pytest.raises(IntegrityError, match="not accepted for this key"):
        cms.verify(cms.sign(DATA, FileSigner(key, (certificate,)), at=NOW), DATA)


@given(st.integers(-(2**70), 2**70))
def test_numbers_survive_der(value: int) -> None:
    assert der.parse(der.encode_integer(value)).integer == value


@given(st.lists(st.integers(0, 2**40), max_size=6), st.integers(0, 39))
def test_object_identifiers_survive_der(rest: list[int], second: int) -> None:
    dotted = ".".join(map(str, (1, second, 3, *rest)))
    assert der.parse(der.encode_oid(dotted)).oid == dotted


@given(st.datetimes(datetime(1950, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - strategy's bounds
def test_times_survive_der(moment: datetime) -> None:
    assert der.parse(der.encode_time(moment)).time == moment.replace(microsecond=0)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x30\x80\x00\x00", id="indefinite-length"),
        pytest.param(b"\x04\x81\x01\x00", id="length-not-minimal"),
        pytest.param(b"\x04\x82\x00\x80" + bytes(128), id="length-with-leading-zero"),
        pytest.param(b"\x04\x85\x01\x00\x00\x00\x00", id="length-of-five-bytes"),
        pytest.param(b"\x1f\x81\x00\x00", id="long-tag"),
        pytest.param(b"\x04\x05abc", id="cut-off"),
        pytest.param(b"\x04", id="no-length"),
        pytest.param(b"\x04\x00\x04\x00", id="two-values"),
    ],
)
def test_der_with_another_reading_is_refused(data: bytes) -> None:
    with pytest.raises(der.DerError):
        der.parse(data)


def test_an_object_identifier_of_any_length_is_not_read() -> None:
    node = der.parse(der.encode(der.OID, b"\xff" * 200_000, b"\x7f"))
    with pytest.raises(der.DerError, match="200,001 bytes"):
        _ = node.oid


@pytest.mark.parametrize(
    ("trusted", "at", "words"),
    [
        pytest.param((), NOW, "no trusted certificate", id="nobody-trusted"),
        pytest.param((make_authority(at=NOW).certificate,), NOW, "no trusted", id="another-authority-of-that-name"),
        pytest.param((AUTHORITY.certificate,), NOW + 2 * YEAR, "is not valid at that time", id="expired"),
        pytest.param((AUTHORITY.certificate,), NOW - 2 * YEAR, "is not valid at that time", id="not-yet-valid"),
    ],
)
def test_a_certificate_is_not_believed_without_a_path(trusted: tuple, at: datetime, words: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(IntegrityError, match=words):
        check_path(SIGNERS["issued"].chain[0], (), trusted, at=at, use=Use.SIGNING)


def test_an_ordinary_certificate_cannot_issue_others() -> None:
    signer = SIGNERS["issued"]
    forged = Authority(signer.key, signer.chain[0]).issue("Forged", rsa_key(0), start=NOW - YEAR, end=NOW + YEAR)
    with pytest.raises(IntegrityError, match="cA must be asserted"):
        check_path(forged, signer.chain, (AUTHORITY.certificate,), at=NOW, use=Use.SIGNING)


def test_a_certificate_that_is_trusted_itself_needs_no_issuer() -> None:
    leaf = SIGNERS["self-signed"].chain[0]
    assert check_path(leaf, (), (leaf,), at=NOW, use=Use.SIGNING) == (leaf,)


def test_a_signing_certificate_makes_no_time_stamps() -> None:
    with pytest.raises(IntegrityError, match="no trusted certificate vouches"):
        check_path(SIGNERS["issued"].chain[0], (), (AUTHORITY.certificate,), at=NOW, use=Use.TIME_STAMPING)


MACHINES = [
    pytest.param([Purpose.SERVER_AUTH], "serverAuth", id="server"),
    pytest.param([Purpose.OCSP_SIGNING], "OCSPSigning", id="ocsp"),
    pytest.param([Purpose.TIME_STAMPING], "timeStamping", id="stamps"),
    pytest.param([Purpose.SERVER_AUTH, Purpose.OCSP_SIGNING], "serverAuth and OCSPSigning", id="two-of-them"),
    pytest.param([Purpose.SERVER_AUTH, Purpose.CLIENT_AUTH], "serverAuth and clientAuth", id="server-and-client"),
    pytest.param([Purpose.EMAIL_PROTECTION], "emailProtection", id="e-mail"),
    pytest.param([Purpose.CLIENT_AUTH, Purpose.EMAIL_PROTECTION], "clientAuth and emailProtection", id="s-mime"),
]
PEOPLE = [
    pytest.param([], id="absent"),
    pytest.param([Purpose.ANY_EXTENDED_KEY_USAGE], id="any"),
    pytest.param([Purpose.EMAIL_PROTECTION, Purpose.CODE_SIGNING], id="e-mail-and-code"),
    pytest.param([Purpose.CODE_SIGNING], id="code"),
    pytest.param([x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")], id="documents"),
    pytest.param([x509.ObjectIdentifier("1.2.3.4.5")], id="unknown"),
]


def intermediate(*purposes: x509.ObjectIdentifier) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    return Authority(key, AUTHORITY.issue("Issuer", key, start=NOW - YEAR, end=NOW + YEAR, purposes=purposes, ca=True))


@pytest.mark.parametrize(("purposes", "words"), MACHINES)
def test_a_certificate_for_something_else_signs_no_packs(purposes: list[x509.ObjectIdentifier], words: str) -> None:
    leaf = AUTHORITY.issue("Machine", rsa_key(0), start=NOW - YEAR, end=NOW + YEAR, purposes=purposes)
    for trusted in (AUTHORITY.certificate, leaf):
        with pytest.raises(IntegrityError, match=f"CN=Machine may be used for {words} only"):
            check_path(leaf, (), (trusted,), at=NOW, use=Use.SIGNING)
    assert check_path(leaf, (), (AUTHORITY.certificate,), at=NOW, use=Use.SIGNING, any_purpose=True)[0] == leaf


@pytest.mark.parametrize(("purposes", "words"), MACHINES)
def test_an_issuer_for_something_else_vouches_for_no_signer(purposes: list[x509.ObjectIdentifier], words: str) -> None:
    issuer = intermediate(*purposes)
    leaf = issuer.issue("Signer", rsa_key(0), start=NOW - YEAR, end=NOW + YEAR)
    for trusted in (AUTHORITY.certificate, issuer.certificate):
        with pytest.raises(IntegrityError, match=f"CN=Issuer may be used for {words} only"):
            check_path(leaf, (issuer.certificate,), (trusted,), at=NOW, use=Use.SIGNING)


@pytest.mark.parametrize("purposes", PEOPLE)
def test_other_purposes_do_not_stop_a_signer(purposes: list[x509.ObjectIdentifier]) -> None:
    issuer = intermediate(*purposes)
    leaf = issuer.issue("Signer", rsa_key(0), start=NOW - YEAR, end=NOW + YEAR, purposes=purposes)
    path = check_path(leaf, (issuer.certificate,), (AUTHORITY.certificate,), at=NOW, use=Use.SIGNING)
    assert path == (leaf, issuer.certificate, AUTHORITY.certificate)


def test_an_issuer_for_time_stamping_alone_vouches_for_services() -> None:
    issuer = intermediate(Purpose.TIME_STAMPING)
    leaf = issuer.issue("TSA", rsa_key(0), start=NOW - YEAR, end=NOW + YEAR, purposes=[Purpose.TIME_STAMPING])
    path = check_path(leaf, (issuer.certificate,), (AUTHORITY.certificate,), at=NOW, use=Use.TIME_STAMPING)
    assert path[1] == issuer.certificate
