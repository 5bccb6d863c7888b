"""Signing with an asymmetric AWS KMS key, which never leaves KMS. Needs ``kms:GetPublicKey`` and ``kms:Sign`` on it.

A KMS key has no certificate; it comes from the caller's own CA, or from ``make_certificate``, where the key vouches
for itself.
"""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from auditor.base.errors import SealError
from auditor.seal import der
from auditor.seal.signer import (
    Identity,
    certificate_template,
    check_public_key,
    check_signing_certificate,
    load_certificates,
    order_chain,
    pem,
)

_ECDSA_WITH_SHA256 = "1.2.840.10045.4.3.2"
_RSA_WITH_SHA256 = "1.2.840.113549.1.1.11"


@dataclass(frozen=True, slots=True)
class KmsSigner:
    """A signer whose key is in KMS. All that is sent there are SHA-256 digests."""

    client: Any
    key_id: str
    algorithm: str
    chain: tuple[x509.Certificate, ...]

    def sign(self, data: bytes) -> bytes:
        """Sign; see ``Signer``."""
        return _sign(self.client, self.key_id, self.algorithm, data)


def open_signer(
    key_id: str, *, certificate_file: Path, at: datetime, profile: str | None = None, region: str | None = None
) -> KmsSigner:
    """Return a signer for a KMS key.

    Args:
        key_id: id, ARN or alias of an asymmetric key for SIGN_VERIFY.
        certificate_file: the key's certificate and its issuers, PEM.
        at: when it is used, aware UTC.
        profile: of the AWS configuration.
        region: of the key.

    Raises:
        SealError: the key cannot be used, or the certificate is not for it.
    """
    client = _client(profile, region)
    public = _public_key(client, key_id)
    chain = order_chain(public, load_certificates(certificate_file))
    check_signing_certificate(chain[0], at)
    return KmsSigner(client, key_id, _algorithm(public), chain)


def make_certificate(
    key_id: str, name: str, *, at: datetime, days: int, profile: str | None = None, region: str | None = None
) -> Identity:
    """Let a KMS key vouch for itself; returns a certificate and no key.

    Raises:
        SealError: the key cannot be used.
    """
    client = _client(profile, region)
    public = _public_key(client, key_id)
    # cryptography signs certificates with its own keys only, so a stand-in signs first and KMS replaces that.
    stand_in: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = ec.generate_private_key(ec.SECP256R1())
    algorithm = der.encode(der.SEQUENCE, der.encode_oid(_ECDSA_WITH_SHA256))
    if isinstance(public, rsa.RSAPublicKey):
        stand_in = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        algorithm = der.encode(der.SEQUENCE, der.encode_oid(_RSA_WITH_SHA256), der.encode(der.NULL))
    body = certificate_template(name, public, at=at, days=days).sign(stand_in, hashes.SHA256()).tbs_certificate_bytes
    signature = _sign(client, key_id, _algorithm(public), body)
    data = der.encode(der.SEQUENCE, body, algorithm, der.encode(der.BIT_STRING, b"\0", signature))
    certificate = x509.load_der_x509_certificate(data)
    certificate.verify_directly_issued_by(certificate)
    return Identity(key=b"", certificate=pem(certificate), sha256=certificate.fingerprint(hashes.SHA256()).hex())


def _client(profile: str | None, region: str | None) -> Any:
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        return boto3.Session(profile_name=profile, region_name=region).client("kms")
    except BotoCoreError as error:
        raise SealError(f"AWS KMS cannot be used: {error}", hint="check --profile and --region") from error


def _public_key(client: Any, key_id: str) -> ec.EllipticCurvePublicKey | rsa.RSAPublicKey:
    answer = _call(client.get_public_key, "kms:GetPublicKey", key_id, KeyId=key_id)
    try:
        key = serialization.load_der_public_key(answer["PublicKey"])
    except (ValueError, UnsupportedAlgorithm) as error:
        raise SealError(f"the KMS key {key_id} is not of a kind that can be used here: {error}") from error
    check_public_key(key)
    if answer["KeyUsage"] != "SIGN_VERIFY" or not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise SealError(f"the KMS key {key_id} is not for signing")
    if isinstance(key, ec.EllipticCurvePublicKey) and not isinstance(key.curve, ec.SECP256R1):
        raise SealError(f"the KMS key {key_id} signs no SHA-256", hint="use ECC_NIST_P256 or RSA_3072")
    return key


def _algorithm(key: object) -> str:
    return "RSASSA_PKCS1_V1_5_SHA_256" if isinstance(key, rsa.RSAPublicKey) else "ECDSA_SHA_256"


def _sign(client: Any, key_id: str, algorithm: str, data: bytes) -> bytes:
    arguments = {"KeyId": key_id, "Message": sha256(data).digest(), "MessageType": "DIGEST"}
    return bytes(_call(client.sign, "kms:Sign", key_id, SigningAlgorithm=algorithm, **arguments)["Signature"])


def _call(method: Any, action: str, key_id: str, **arguments: Any) -> Any:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return method(**arguments)
    except (BotoCoreError, ClientError) as error:
        raise SealError(
            f"{action} on {key_id} failed: {error}", hint=f"the caller needs {action} on that key"
        ) from error
