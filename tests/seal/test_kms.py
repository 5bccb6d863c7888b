import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from moto.kms.utils import ECDSAPrivateKey, RSAPrivateKey
from moto.server import ThreadedMotoServer

from auditor.base.errors import SealError
from auditor.seal.intoto import ATTESTATION
from auditor.seal.kms import make_certificate, open_signer
from auditor.seal.pack import Sealing
from auditor.seal.report import Outcome
from auditor.seal.signer import make_identity
from auditor.seal.verify import Demands, verify_pack
from tests.seal.packs import sealed_pack

NOW = datetime.now(UTC).replace(microsecond=0)
REGION = "eu-central-1"


DIGEST = Prehashed(hashes.SHA256())


def ecdsa(self: Any, message: bytes, signing_algorithm: str) -> bytes:
    assert (len(message), signing_algorithm) == (32, "ECDSA_SHA_256")
    return bytes(self.private_key.sign(message, ec.ECDSA(DIGEST)))


def rsa(self: Any, message: bytes, signing_algorithm: str) -> bytes:
    assert (len(message), signing_algorithm) == (32, "RSASSA_PKCS1_V1_5_SHA_256")
    return bytes(self.private_key.sign(message, padding.PKCS1v15(), DIGEST))


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """A simulated KMS that takes digests as AWS documents it (kms:Sign, MessageType); moto takes them for messages."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ECDSAPrivateKey, "sign", ecdsa)
        patch.setattr(RSAPrivateKey, "sign", rsa)
        server.start()
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
        server.stop()


@pytest.fixture(autouse=True)
def simulated(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)


def new_key(spec: str, usage: str = "SIGN_VERIFY") -> str:
    key = boto3.client("kms").create_key(KeySpec=spec, KeyUsage=usage)
    return str(key["KeyMetadata"]["KeyId"])


@pytest.mark.parametrize("spec", ["ECC_NIST_P256", "RSA_3072"])
def test_a_pack_is_signed_by_a_key_that_stays_in_kms(tmp_path: Path, spec: str) -> None:
    key = new_key(spec)
    identity = make_certificate(key, "Example Auditor", at=NOW, days=30)
    (tmp_path / "certificate.pem").write_bytes(identity.certificate)
    signer = open_signer(key, certificate_file=tmp_path / "certificate.pem", at=NOW)
    pack = sealed_pack(tmp_path / "pack", sealing=Sealing(signer, NOW))
    report = verify_pack(pack, Demands(at=NOW, trusted=signer.chain))
    assert (report.verdict, report.signer) == ("pass", "CN=Example Auditor")
    assert report.outcome("attestation") is Outcome.PASS
    assert json.loads((pack / ATTESTATION).read_bytes())["signatures"]
    assert identity.key == b""


def test_a_certificate_for_another_key_is_refused(tmp_path: Path) -> None:
    other = make_identity("Somebody else", at=NOW, days=30, use_rsa=False, password=None)
    (tmp_path / "certificate.pem").write_bytes(other.certificate)
    with pytest.raises(SealError, match="no certificate was given for the signing key"):
        open_signer(new_key("ECC_NIST_P256"), certificate_file=tmp_path / "certificate.pem", at=NOW)


@pytest.mark.parametrize("spec", ["ECC_NIST_P384", "RSA_2048"])
def test_keys_of_other_kinds_are_refused(spec: str) -> None:
    with pytest.raises(SealError, match=r"signs no SHA-256|3072 bits"):
        make_certificate(new_key(spec), "Example", at=NOW, days=30)


def test_a_key_that_is_not_there_is_told_with_the_permission() -> None:
    with pytest.raises(SealError, match="kms:GetPublicKey on 00000000-0000-0000-0000-000000000000 failed") as caught:
        make_certificate("00000000-0000-0000-0000-000000000000", "Example", at=NOW, days=30)
    assert caught.value.hint == "the caller needs kms:GetPublicKey on that key"


def test_the_pack_itself_is_not_sent(tmp_path: Path) -> None:
    key = new_key("ECC_NIST_P256")
    (tmp_path / "certificate.pem").write_bytes(make_certificate(key, "Example", at=NOW, days=30).certificate)
    signer = open_signer(key, certificate_file=tmp_path / "certificate.pem", at=NOW)
    sent: list[tuple[str, int]] = []
    signer.client.meta.events.register(
        "provide-client-params.kms.Sign",
        lambda params, **_: sent.append((params["MessageType"], len(params["Message"]))),
    )
    sealed_pack(tmp_path / "pack", sealing=Sealing(signer, NOW))
    assert sent == [("DIGEST", 32)] * 3, "the PDF, the statement and the checksums"
