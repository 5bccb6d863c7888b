"""Detached CMS signatures (RFC 5652 with RFC 5754 and RFC 5035): written one way, read as others write them too.

Says whose certificate signed which bytes. Whether that certificate is to be believed is ``trust.py``'s question.
"""

import warnings
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from auditor.base.counts import counted
from auditor.base.errors import IntegrityError
from auditor.seal import der
from auditor.seal.signer import Signer

DATA = "1.2.840.113549.1.7.1"
_SIGNED_DATA = "1.2.840.113549.1.7.2"
_CONTENT_TYPE = "1.2.840.113549.1.9.3"
_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
_SIGNING_TIME = "1.2.840.113549.1.9.5"
_SIGNING_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
_SIGNING_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"

SHA256 = "2.16.840.1.101.3.4.2.1"
_HASHES: dict[str, type[hashes.SHA256 | hashes.SHA384 | hashes.SHA512]] = {
    SHA256: hashes.SHA256,
    "2.16.840.1.101.3.4.2.2": hashes.SHA384,
    "2.16.840.1.101.3.4.2.3": hashes.SHA512,
}
_RSA = "1.2.840.113549.1.1.1"
_RSA_WITH = {
    "1.2.840.113549.1.1.11": hashes.SHA256,
    "1.2.840.113549.1.1.12": hashes.SHA384,
    "1.2.840.113549.1.1.13": hashes.SHA512,
}
_ECDSA_SHA256 = "1.2.840.10045.4.3.2"
_ECDSA_WITH = {
    _ECDSA_SHA256: hashes.SHA256,
    "1.2.840.10045.4.3.3": hashes.SHA384,
    "1.2.840.10045.4.3.4": hashes.SHA512,
}
_SMALLEST_RSA, _SMALLEST_CURVE = 2048, 256
"""Bits; smaller keys are not to be relied on for the years a pack is kept (NIST SP 800-57 part 1)."""
MOST_CERTIFICATES = 20
_MOST_BYTES = 1 << 20
_SEQUENCE_TAG, _CONTEXT_0, _CONTEXT_1 = der.SEQUENCE, 0xA0, 0xA1


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature that holds for the bytes it was checked against.

    Args:
        certificate: of the signer.
        others: further certificates that came along, not yet believed.
        content: what was signed.
        claimed_time: when the signer says to have signed; nobody vouches for it.
        names_certificate: the signature covers which certificate it was made with (RFC 5035).
        canonical: the bytes are exactly those that ``sign`` writes, so nothing unsigned hides in them.
    """

    certificate: x509.Certificate
    others: tuple[x509.Certificate, ...]
    content: bytes
    claimed_time: datetime | None
    names_certificate: bool
    canonical: bool


def sign(data: bytes, signer: Signer, *, at: datetime) -> bytes:
    """Return the DER of a detached signature over ``data``.

    Args:
        data: what is signed.
        signer: who signs; its whole chain goes along.
        at: signing time to claim, aware UTC.

    Raises:
        SealError: the signer cannot sign.
    """
    leaf = signer.chain[0]
    attributes = _attributes(DATA, data, leaf, at)
    signature = signer.sign(der.encode_set(*attributes))
    return _assemble(signer.chain, attributes, signature)


def _attributes(content_type: str, data: bytes, certificate: x509.Certificate, at: datetime) -> tuple[bytes, ...]:
    digest = der.encode(der.OCTET_STRING, _digest(data, hashes.SHA256()))
    fingerprint = der.encode(der.OCTET_STRING, certificate.fingerprint(hashes.SHA256()))
    certificates = der.encode(_SEQUENCE_TAG, der.encode(_SEQUENCE_TAG, der.encode(_SEQUENCE_TAG, fingerprint)))
    return (
        _attribute(_CONTENT_TYPE, der.encode_oid(content_type)),
        _attribute(_SIGNING_TIME, der.encode_time(at)),
        _attribute(_MESSAGE_DIGEST, digest),
        _attribute(_SIGNING_CERTIFICATE_V2, certificates),
    )


def _attribute(oid: str, value: bytes) -> bytes:
    return der.encode(_SEQUENCE_TAG, der.encode_oid(oid), der.encode_set(value))


def _assemble(chain: tuple[x509.Certificate, ...], attributes: tuple[bytes, ...], signature: bytes) -> bytes:
    """Return the one form in which we write a signature (RFC 5652 sections 3 and 5)."""
    leaf = chain[0]
    sha256 = der.encode(_SEQUENCE_TAG, der.encode_oid(SHA256))
    if isinstance(leaf.public_key(), rsa.RSAPublicKey):
        algorithm = der.encode(_SEQUENCE_TAG, der.encode_oid(_RSA), der.encode(der.NULL))
    else:
        algorithm = der.encode(_SEQUENCE_TAG, der.encode_oid(_ECDSA_SHA256))
    signer_info = der.encode(
        _SEQUENCE_TAG,
        der.encode_integer(1),
        der.encode(_SEQUENCE_TAG, leaf.issuer.public_bytes(), der.encode_integer(leaf.serial_number)),
        sha256,
        der.encode_set(*attributes, tag=_CONTEXT_0),
        algorithm,
        der.encode(der.OCTET_STRING, signature),
    )
    signed_data = der.encode(
        _SEQUENCE_TAG,
        der.encode_integer(1),
        der.encode_set(sha256),
        der.encode(_SEQUENCE_TAG, der.encode_oid(DATA)),
        der.encode_set(*(item.public_bytes(serialization.Encoding.DER) for item in chain), tag=_CONTEXT_0),
        der.encode_set(signer_info),
    )
    return der.encode(_SEQUENCE_TAG, der.encode_oid(_SIGNED_DATA), der.encode(_CONTEXT_0, signed_data))


def verify(signature: bytes, content: bytes | None, *, content_type: str = DATA) -> Signed:
    """Check a signature by one signer.

    Args:
        signature: DER of a ContentInfo.
        content: what it has to be over; None when the content stands inside.
        content_type: the type that content has to have.

    Raises:
        IntegrityError: it is malformed, not over ``content``, of an algorithm not accepted here, or wrong.
    """
    if len(signature) > _MOST_BYTES:
        raise IntegrityError(f"a signature of {counted(len(signature), 'byte')} is not read")
    try:
        return _verify(signature, content, content_type)
    except (ValueError, InvalidSignature, UnsupportedAlgorithm) as error:
        raise IntegrityError(f"the signature does not hold: {str(error) or 'the key says otherwise'}") from error


def _verify(signature: bytes, content: bytes | None, content_type: str) -> Signed:
    # 1. RFC 5652 section 3 and 5.1: one SignedData
    kind, wrapped = _fields(der.parse(signature), 2)
    (body,) = wrapped.expect(_CONTEXT_0).children
    version, digests, encapsulated, *optional, signers = body.expect(_SEQUENCE_TAG).children
    if kind.oid != _SIGNED_DATA or version.integer != (1 if content_type == DATA else 3):
        raise ValueError("it is no signed data")
    certificates = _certificates(optional)
    (info,) = _members(signers.expect(der.SET), "signer")
    # 2. section 5.2: the content, inside or detached
    content = _content(encapsulated, content, content_type)
    # 3. section 5.3: who, and which attributes are signed
    info_version, who, digest_id, signed, algorithm, value, *_unsigned = info.expect(_SEQUENCE_TAG).children
    if info_version.integer != 1:
        raise ValueError("its signer is not named by issuer and serial number")
    signer = _signer(who, certificates)
    attributes = _signed_attributes(signed)
    chosen = _hash(digest_id)
    if [_hash(item).name for item in digests.expect(der.SET).children] != [chosen.name]:
        raise ValueError("its lists of hash algorithms differ")
    # 4. section 5.4: the attributes speak about this content and this certificate
    if attributes[_CONTENT_TYPE].oid != content_type:
        raise ValueError("its signed content type differs")
    if attributes[_MESSAGE_DIGEST].expect(der.OCTET_STRING).content != _digest(content, chosen):
        raise ValueError("it was made over other content")
    named = _check_named_certificate(attributes, signer)
    # 5. section 5.6: the signature over the attributes, encoded as a SET
    _check(signer, algorithm, value.expect(der.OCTET_STRING).content, der.encode(der.SET, signed.content), chosen)
    others = tuple(item for item in certificates if item != signer)
    return Signed(
        certificate=signer,
        others=others,
        content=content,
        claimed_time=attributes[_SIGNING_TIME].time if _SIGNING_TIME in attributes else None,
        names_certificate=named,
        canonical=_rebuilt(signer, others, signed, value) == signature,
    )


def _rebuilt(
    signer: x509.Certificate, others: tuple[x509.Certificate, ...], signed: der.Node, value: der.Node
) -> bytes:
    attributes = tuple(item.raw for item in signed.children)
    return _assemble((signer, *others), attributes, value.content)


def _fields(node: der.Node, count: int) -> tuple[der.Node, ...]:
    fields = node.expect(_SEQUENCE_TAG).children
    if len(fields) != count:
        raise ValueError(f"a structure has {counted(len(fields), 'member')} instead of {count}")
    return fields


def _members(node: der.Node, name: str) -> tuple[der.Node, ...]:
    if len(node.children) != 1:
        raise ValueError(f"it has {len(node.children)} {name}s instead of one")
    return node.children


def _certificates(optional: list[der.Node]) -> tuple[x509.Certificate, ...]:
    found = [item for node in optional if node.tag == _CONTEXT_0 for item in node.children]
    if any(node.tag not in {_CONTEXT_0, _CONTEXT_1} for node in optional) or len(found) > MOST_CERTIFICATES:
        raise ValueError("it carries too many certificates or an unknown member")
    return tuple(load_certificate(item.raw) for item in found)


def load_certificate(data: bytes) -> x509.Certificate:
    """Read a certificate in DER from an untrusted place, all of it: the library reads most members when they are used.

    Raises:
        ValueError: it is malformed, or of a kind that the library does not read.
    """
    try:
        with warnings.catch_warnings():  # what the library only warns about, such as a negative serial number
            warnings.simplefilter("error")
            certificate = x509.load_der_x509_certificate(data)
        _ = (certificate.subject, certificate.issuer, certificate.extensions, certificate.public_key())
        _ = (certificate.not_valid_before_utc, certificate.not_valid_after_utc, certificate.signature_hash_algorithm)
    except _UNREADABLE as error:
        raise ValueError(f"a certificate in it cannot be read: {error}") from error
    return certificate


_UNREADABLE = (
    Warning,
    ValueError,
    TypeError,
    KeyError,  # cryptography before 46, on text of a kind that it does not know
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


def _content(encapsulated: der.Node, content: bytes | None, content_type: str) -> bytes:
    kind, *inside = encapsulated.expect(_SEQUENCE_TAG).children
    if kind.oid != content_type:
        raise ValueError("it is over another type of content")
    if content is not None:
        if inside:
            raise ValueError("it carries content of its own")
        return content
    (wrapped,) = inside
    (octets,) = wrapped.expect(_CONTEXT_0).children
    return octets.expect(der.OCTET_STRING).content


def _signer(who: der.Node, certificates: tuple[x509.Certificate, ...]) -> x509.Certificate:
    issuer, serial = _fields(who, 2)
    for certificate in certificates:
        if certificate.issuer.public_bytes() == issuer.raw and certificate.serial_number == serial.integer:
            return certificate
    raise ValueError("it does not carry the certificate of its signer")


def _signed_attributes(signed: der.Node) -> dict[str, der.Node]:
    attributes: dict[str, der.Node] = {}
    nodes = signed.expect(_CONTEXT_0).children
    if not der.is_sorted(nodes):
        raise ValueError("its signed attributes are not in order")
    for node in nodes:
        kind, values = _fields(node, 2)
        (value,) = _members(values.expect(der.SET), "value")
        if kind.oid in attributes:
            raise ValueError("a signed attribute stands twice")
        attributes[kind.oid] = value
    if not {_CONTENT_TYPE, _MESSAGE_DIGEST} <= attributes.keys():
        raise ValueError("it signs neither type nor hash of its content")
    return attributes


def _hash(node: der.Node) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512:
    oid, *parameters = node.expect(_SEQUENCE_TAG).children
    if oid.oid not in _HASHES or any(item.raw != der.encode(der.NULL) for item in parameters[:1]) or parameters[1:]:
        raise ValueError(f"hash algorithm {oid.oid} is not accepted")
    return _HASHES[oid.oid]()


def _digest(data: bytes, algorithm: hashes.HashAlgorithm) -> bytes:
    digest = hashes.Hash(algorithm)
    digest.update(data)
    return digest.finalize()


def _check_named_certificate(attributes: dict[str, der.Node], signer: x509.Certificate) -> bool:
    """Compare the certificate that the signature names (RFC 5035; RFC 2634 section 5.4) with the one it came with."""
    if (node := attributes.get(_SIGNING_CERTIFICATE_V2)) is not None:
        first = _first_certificate_id(node)
        explicit = first[0].tag == _SEQUENCE_TAG
        algorithm = _hash(first[0]) if explicit else hashes.SHA256()
        expected = signer.fingerprint(algorithm)
        actual = first[1 if explicit else 0].expect(der.OCTET_STRING).content
    elif (node := attributes.get(_SIGNING_CERTIFICATE)) is not None:
        expected = signer.fingerprint(hashes.SHA1())  # noqa: S303 - the attribute has no other form
        actual = _first_certificate_id(node)[0].expect(der.OCTET_STRING).content
    else:
        return False
    if actual != expected:
        raise ValueError("it was made with another certificate")
    return True


def _first_certificate_id(node: der.Node) -> tuple[der.Node, ...]:
    """Return the members of the first ESSCertID, which is the signer's."""
    identifiers = node.expect(_SEQUENCE_TAG).children[0].expect(_SEQUENCE_TAG).children
    if not identifiers or not identifiers[0].children:
        raise ValueError("its certificate reference is empty")
    return identifiers[0].children


def _check(
    signer: x509.Certificate, algorithm: der.Node, value: bytes, data: bytes, digest: hashes.HashAlgorithm
) -> None:
    oid, *parameters = algorithm.expect(_SEQUENCE_TAG).children
    if any(item.raw != der.encode(der.NULL) for item in parameters):
        raise ValueError(f"signature algorithm {oid.oid} has parameters that are not accepted")
    key = signer.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _SMALLEST_RSA:
        if oid.oid != _RSA and _RSA_WITH.get(oid.oid) is not type(digest):
            raise ValueError(f"signature algorithm {oid.oid} is not accepted")
        key.verify(value, data, padding.PKCS1v15(), digest)
    elif isinstance(key, ec.EllipticCurvePublicKey) and key.key_size >= _SMALLEST_CURVE:
        if _ECDSA_WITH.get(oid.oid) is not type(digest):
            raise ValueError(f"signature algorithm {oid.oid} is not accepted")
        key.verify(value, data, ec.ECDSA(digest))
    else:
        raise ValueError(f"signature algorithm {oid.oid} is not accepted for this key")
