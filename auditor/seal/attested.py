"""Whether a pack's in-toto statement speaks of this pack, and whether its signer signed it. Opens nothing."""

import base64
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from auditor.base.errors import IntegrityError
from auditor.base.untrusted import parse_json, shape_words
from auditor.seal.contents import DEFAULT_LIMITS, Limits
from auditor.seal.intoto import PAYLOAD_TYPE, PREDICATE_TYPE, STATEMENT_TYPE, encoded, key_id
from auditor.seal.manifest import MANIFEST


def attestation_problem(
    data: bytes,
    *,
    manifest_sha256: str,
    enveloped: bool,
    signer: x509.Certificate | None,
    limits: Limits = DEFAULT_LIMITS,
) -> str:
    """Return what is wrong with an attestation in one sentence; empty when nothing is.

    Args:
        data: bytes of ``trust/attestation.intoto.json``, by anybody.
        manifest_sha256: of the pack's ``manifest.json``.
        enveloped: whether the pack says that it is signed; then a bare statement is not enough, and otherwise too much.
        signer: who signed the pack; None when no signature holds, so that none can be compared.
        limits: what may be read.
    """
    try:
        document = parse_json(data, limits.document_values)
        payload = _opened(document, signer) if enveloped else data
        statement = parse_json(payload, limits.document_values)
        subject = [(item["name"], item["digest"]["sha256"]) for item in statement["subject"]]
        kinds = statement["_type"], statement["predicateType"]
    except (ValueError, KeyError, TypeError) as error:
        return f"cannot be read: {shape_words(error)}"
    except IntegrityError as error:
        return error.message
    if kinds != (STATEMENT_TYPE, PREDICATE_TYPE):
        return "is no in-toto statement of a test result"
    if subject != [(MANIFEST, manifest_sha256)]:
        return f"speaks of another {MANIFEST}"
    return ""


def _opened(envelope: Any, signer: x509.Certificate | None) -> bytes:
    """Return the payload of a DSSE envelope with one signature, which has to be the signer's.

    Raises:
        IntegrityError: it was signed by somebody else, or the signature does not hold.
        ValueError, KeyError, TypeError: it is no such envelope.
    """
    signatures = envelope["signatures"]
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise ValueError("it does not carry one signature")
    (signature,) = signatures
    if envelope["payloadType"] != PAYLOAD_TYPE:
        raise ValueError(f"its payload is not {PAYLOAD_TYPE}")
    payload = base64.b64decode(envelope["payload"], validate=True)
    if signer is not None:
        if signature["keyid"] != key_id(signer):
            raise IntegrityError("was signed with another key than the pack")
        _check(signer, base64.b64decode(signature["sig"], validate=True), encoded(payload))
    return payload


def _check(signer: x509.Certificate, signature: bytes, data: bytes) -> None:
    key = signer.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        else:
            raise IntegrityError("was signed with a key of another kind")
    except InvalidSignature as error:
        raise IntegrityError("carries a signature that does not hold") from error
