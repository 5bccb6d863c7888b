import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID

from auditor.base.errors import SealError
from auditor.seal import cms
from auditor.seal.signer import FileSigner, load_signer, make_identity, order_chain, pem
from tests.seal.authority import YEAR, issued_signer, make_authority, rsa_key

NOW = datetime.now(UTC).replace(microsecond=0)
ROOT = make_authority(at=NOW)
SIGNER = issued_signer(ROOT, start=NOW - YEAR, end=NOW + YEAR)
PASSWORD = b"correct horse"


def key_pem(key: object, password: bytes | None = None) -> bytes:
    hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden)
    return key.private_bytes(*form)  # type: ignore[attr-defined, no-any-return]  # any private key


def bundle(password: bytes | None) -> bytes:
    hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return pkcs12.serialize_key_and_certificates(b"me", SIGNER.key, SIGNER.chain[0], [ROOT.certificate], hidden)


def load(path: Path, data: bytes, certificates: bytes = b"", password: bytes | None = None) -> FileSigner:
    (path / "key").write_bytes(data)
    (path / "certificates").write_bytes(certificates)
    return load_signer(
        path / "key",
        at=NOW,
        certificate_file=path / "certificates" if certificates else None,
        password=(lambda: password) if password else None,
    )


@pytest.mark.parametrize(
    ("data", "certificates", "password"),
    [
        pytest.param(key_pem(SIGNER.key) + pem(*SIGNER.chain), b"", None, id="one-pem"),
        pytest.param(key_pem(SIGNER.key), pem(*SIGNER.chain[::-1]), None, id="two-pems-chain-upside-down"),
        pytest.param(key_pem(SIGNER.key, PASSWORD), pem(*SIGNER.chain), PASSWORD, id="encrypted-pem"),
        pytest.param(bundle(None), b"", None, id="pkcs12"),
        pytest.param(bundle(PASSWORD), b"", PASSWORD, id="encrypted-pkcs12"),
    ],
)
def test_an_identity_is_read_from_what_people_have(
    tmp_path: Path, data: bytes, certificates: bytes, password: bytes | None
) -> None:
    signer = load(tmp_path, data, certificates, password)
    assert signer.chain == SIGNER.chain
    assert cms.verify(cms.sign(b"data", signer, at=NOW), b"data").certificate == SIGNER.chain[0]


def test_a_bundle_that_openssl_made_is_read(tmp_path: Path) -> None:
    (tmp_path / "k.pem").write_bytes(key_pem(SIGNER.key))
    (tmp_path / "c.pem").write_bytes(pem(*SIGNER.chain))
    line = "openssl pkcs12 -export -inkey k.pem -in c.pem -out b.p12 -passout pass:secret"
    subprocess.run(line.split(), cwd=tmp_path, check=True, capture_output=True)
    assert load_signer(tmp_path / "b.p12", at=NOW, password=lambda: b"secret").chain == SIGNER.chain


@pytest.mark.parametrize(
    ("data", "certificates", "password", "words"),
    [
        pytest.param(
            key_pem(SIGNER.key, PASSWORD), pem(SIGNER.chain[0]), b"wrong", "no key can be read", id="password"
        ),
        pytest.param(key_pem(SIGNER.key, PASSWORD), pem(SIGNER.chain[0]), None, "no password", id="no-password"),
        pytest.param(bundle(PASSWORD), b"", b"wrong", "no key can be read", id="bundle-password"),
        pytest.param(b"", b"", None, "no key can be read", id="empty"),
        pytest.param(pem(SIGNER.chain[0]), b"", None, "no key can be read", id="certificate-only"),
        pytest.param(key_pem(SIGNER.key), b"", None, "no certificate was given", id="key-only"),
        pytest.param(key_pem(SIGNER.key), pem(ROOT.certificate), None, "no certificate was given", id="not-its-own"),
        pytest.param(key_pem(SIGNER.key), b"nonsense", None, "holds no certificate", id="no-pem"),
        pytest.param(key_pem(ed25519.Ed25519PrivateKey.generate()), b"", None, "no ECDSA or RSA key", id="ed25519"),
        pytest.param(key_pem(ec.generate_private_key(ec.SECP192R1())), b"", None, "P-256 or P-384", id="weak-curve"),
        pytest.param(
            key_pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)), b"", None, "3072", id="weak-rsa"
        ),
        pytest.param(b"x" * (2 << 20), b"", None, "larger than", id="huge"),
    ],
)
def test_an_identity_that_cannot_be_used_is_told_why(
    tmp_path: Path, data: bytes, certificates: bytes, password: bytes | None, words: str
) -> None:
    with pytest.raises(SealError, match=words):
        load(tmp_path, data, certificates, password)


def test_a_certificate_outside_its_validity_does_not_sign(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(key_pem(SIGNER.key) + pem(*SIGNER.chain))
    for at in (NOW - 2 * YEAR, NOW + 2 * YEAR):
        with pytest.raises(SealError, match="is valid from"):
            load_signer(tmp_path / "key", at=at)


def test_a_certificate_of_an_authority_does_not_sign_packs(tmp_path: Path) -> None:
    with pytest.raises(SealError, match="key usage allows no signatures"):
        load(tmp_path, key_pem(ROOT.key), pem(ROOT.certificate))


def test_a_certificate_for_machines_alone_does_not_sign_packs(tmp_path: Path) -> None:
    certificate = ROOT.issue(
        "Web server", SIGNER.key, start=NOW - YEAR, end=NOW + YEAR, purposes=[ExtendedKeyUsageOID.SERVER_AUTH]
    )
    with pytest.raises(SealError, match="may be used for serverAuth only"):
        load(tmp_path, key_pem(SIGNER.key), pem(certificate))


def test_a_missing_key_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SealError, match="cannot be read"):
        load_signer(tmp_path / "nothing", at=NOW)


@pytest.mark.parametrize("use_rsa", [False, True])
def test_a_new_identity_signs_and_its_key_is_encrypted(tmp_path: Path, *, use_rsa: bool) -> None:
    identity = make_identity("Jo Bloggs", at=NOW, days=30, use_rsa=use_rsa, password=PASSWORD)
    assert b"ENCRYPTED" in identity.key
    signer = load(tmp_path, identity.key, identity.certificate, PASSWORD)
    assert signer.chain[0].not_valid_after_utc == NOW + timedelta(days=30)
    line = "openssl x509 -in certificates -noout -fingerprint -sha256"
    printed = subprocess.run(line.split(), cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert printed.strip().split("=")[1].replace(":", "").lower() == identity.sha256


@pytest.mark.parametrize("name", ["", "x" * 65])
def test_a_name_that_no_certificate_can_carry_is_refused(name: str) -> None:
    with pytest.raises(SealError, match="no certificate can be made"):
        make_identity(name, at=NOW, days=30, use_rsa=False, password=None)


def test_a_chain_ends_where_issuers_are_unknown() -> None:
    key = rsa_key(0)
    leaf = ROOT.issue("Alone", key, start=NOW - YEAR, end=NOW + YEAR)
    assert order_chain(key.public_key(), (leaf, make_authority(at=NOW).certificate)) == (leaf,)
