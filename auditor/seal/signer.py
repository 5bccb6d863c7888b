"""Who signs: a key in a file, or any object that signs and names its certificate. Reads files, never a terminal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from auditor.base.errors import IdentityError
from auditor.base.given import read_given
from auditor.seal.trust import other_purposes

SMALLEST_RSA = 3072
"""Bits; what NIST SP 800-57 part 1 asks for beyond 2030, and packs are kept for years."""

_CLOCK_MARGIN = timedelta(hours=1)
"""A new certificate is valid at once for those whose clock is behind ours."""

_CURVES = (ec.SECP256R1, ec.SECP384R1)
_MOST_BYTES = 1 << 20
_DER = b"\x30"
"""How a structure in ASN.1 begins, with whatever password it was encrypted."""

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
Password = Callable[[], bytes]
"""Asked for only when a key turns out to be encrypted."""


class Signer(Protocol):
    """Somebody who can sign, wherever the key is."""

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """The signer's certificate, then that of each issuer as far as known."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Return the SHA-256 signature of ``data``: DER for ECDSA, PKCS #1 v1.5 for RSA.

        Raises:
            SealError: the key cannot be used.
        """
        ...


@dataclass(frozen=True, slots=True)
class FileSigner:
    """A signer whose private key was read from a file."""

    key: PrivateKey
    chain: tuple[x509.Certificate, ...]

    def sign(self, data: bytes) -> bytes:
        """Sign; see ``Signer``."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())
        return self.key.sign(data, _ecdsa())


def _ecdsa() -> ec.ECDSA:
    """Return the algorithm without random numbers (RFC 6979) where OpenSSL has it: same inputs, same signed pack."""
    try:
        return ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    except UnsupportedAlgorithm:  # OpenSSL before 3.2; such a signature is as good, only not the same each time
        return ec.ECDSA(hashes.SHA256())


def load_signer(
    key_file: Path, *, at: datetime, certificate_file: Path | None = None, password: Password | None = None
) -> FileSigner:
    """Read a signing identity.

    Args:
        key_file: PEM (private key, and certificates unless they come separately) or PKCS #12.
        at: when it is used, aware UTC.
        certificate_file: PEM certificates, the signer's and its issuers' in any order.
        password: of the key.

    Raises:
        IdentityError: there is no usable key, no certificate for it, or it is not valid at ``at``.
    """
    data = _read(key_file)
    try:
        if b"-----BEGIN" in data:
            key, certificates = _load_pem_key(data, password), _load_pem_certificates(data)
        else:
            key, certificates = _load_pkcs12(data, password)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        hint = (
            "is the password right?" if b"ENCRYPTED" in data or data.startswith(_DER) else "PEM or PKCS #12 is expected"
        )
        raise IdentityError(f"no key can be read from {key_file}: {str(error)[:200]}", hint=hint) from error
    if certificate_file is not None:
        certificates = load_certificates(certificate_file)
    usable = _usable(key, key_file)
    chain = order_chain(usable.public_key(), certificates)
    check_signing_certificate(chain[0], at)
    return FileSigner(usable, chain)


def load_certificates(path: Path) -> tuple[x509.Certificate, ...]:
    """Read PEM certificates, or one in DER.

    Raises:
        IdentityError: there are none.
    """
    data = _read(path)
    try:
        if found := _load_pem_certificates(data):
            return found
        return (x509.load_der_x509_certificate(data),)
    except ValueError as error:
        raise IdentityError(f"{path} holds no certificate", hint="PEM or DER is expected") from error


def _read(path: Path) -> bytes:
    try:
        return read_given(path, _MOST_BYTES)
    except OSError as error:
        raise IdentityError(f"{path} cannot be read: {error.strerror or error}") from error


def _load_pem_certificates(data: bytes) -> tuple[x509.Certificate, ...]:
    return tuple(x509.load_pem_x509_certificates(data)) if b"-----BEGIN CERTIFICATE-----" in data else ()


def _load_pem_key(data: bytes, password: Password | None) -> object:
    try:
        return serialization.load_pem_private_key(data, None)
    except TypeError:  # raised when, and only when, the key is encrypted
        return serialization.load_pem_private_key(data, _ask(password))


def _load_pkcs12(data: bytes, password: Password | None) -> tuple[object, tuple[x509.Certificate, ...]]:
    if not data.startswith(_DER):
        raise ValueError("it is neither PEM nor PKCS #12")
    try:
        bundle = pkcs12.load_pkcs12(data, None)
    except ValueError:
        bundle = pkcs12.load_pkcs12(data, _ask(password))
    certificates = (bundle.cert, *bundle.additional_certs)
    return bundle.key, tuple(item.certificate for item in certificates if item is not None)


def _ask(password: Password | None) -> bytes:
    if password is None:
        raise ValueError("it is encrypted and no password was given")
    return password()


def _usable(key: object, key_file: Path) -> PrivateKey:
    if isinstance(key, PrivateKey):
        check_public_key(key.public_key())
        return key
    raise IdentityError(f"{key_file} holds no ECDSA or RSA key", hint="make one with `auditor keygen`")


def check_public_key(key: object) -> None:
    """Refuse keys that OpenSSL 3.0 cannot use in CMS, or that are too weak for the years a pack is kept.

    Raises:
        IdentityError: the key is neither ECDSA on P-256 or P-384 nor RSA of 3072 bits or more.
    """
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= SMALLEST_RSA:
        return
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, _CURVES):
        return
    raise IdentityError("the signing key has to be ECDSA on P-256 or P-384, or RSA of at least 3072 bits")


def key_kind(certificate: x509.Certificate) -> str:
    """Return algorithm and size of a certificate's key, for people."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size} with SHA-256"
    return f"ECDSA {key.curve.name} with SHA-256" if isinstance(key, ec.EllipticCurvePublicKey) else "another kind"


def order_chain(key: object, certificates: Sequence[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """Return the certificate of ``key`` followed by its issuers, as far as they are among ``certificates``.

    Raises:
        IdentityError: none of them is for that key.
    """
    leaf = next((item for item in certificates if item.public_key() == key), None)
    if leaf is None:
        raise IdentityError("no certificate was given for the signing key", hint="name its PEM file with --certificate")
    chain = [leaf]
    while not is_self_signed(chain[-1]):
        issuer = next((item for item in certificates if item not in chain and issued(item, chain[-1])), None)
        if issuer is None:
            break
        chain.append(issuer)
    return tuple(chain)


def issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Say whether one certificate's key signed another's."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # noqa: BLE001 - InvalidSignature, ValueError and TypeError all mean no
        return False
    return True


def is_self_signed(certificate: x509.Certificate) -> bool:
    """Say whether a certificate vouches for itself."""
    return certificate.subject == certificate.issuer and issued(certificate, certificate)


def check_signing_certificate(certificate: x509.Certificate, at: datetime) -> None:
    """Refuse a certificate that verifiers would refuse.

    Raises:
        IdentityError: it is not valid at ``at``, or not meant for signing.
    """
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise IdentityError(
            f"the signing certificate is valid from {certificate.not_valid_before_utc:%Y-%m-%d} "
            f"to {certificate.not_valid_after_utc:%Y-%m-%d}, not now"
        )
    for extension in certificate.extensions:
        usage = extension.value
        if isinstance(usage, x509.KeyUsage) and not (usage.digital_signature or usage.content_commitment):
            raise IdentityError("the signing certificate's key usage allows no signatures")
        if isinstance(usage, x509.ExtendedKeyUsage) and (only := other_purposes(usage)):
            raise IdentityError(f"the signing certificate may be used for {only} only")


@dataclass(frozen=True, slots=True)
class Identity:
    """A new signing identity, as PEM."""

    key: bytes
    certificate: bytes
    sha256: str
    """Fingerprint of the certificate; what a signer tells others by another way."""


def make_identity(name: str, *, at: datetime, days: int, use_rsa: bool, password: bytes | None) -> Identity:
    """Make a key and a certificate by which it vouches for itself.

    Args:
        name: common name of the holder, at most 64 characters (X.520).
        at: start of validity, aware UTC.
        days: length of validity.
        use_rsa: RSA 3072 instead of ECDSA P-256.
        password: encrypts the key; None leaves it readable to whoever reads the file.

    Raises:
        IdentityError: the name cannot stand in a certificate.
    """
    key: PrivateKey = (
        rsa.generate_private_key(65537, SMALLEST_RSA) if use_rsa else ec.generate_private_key(_CURVES[0]())
    )
    certificate = certificate_template(name, key.public_key(), at=at, days=days).sign(key, hashes.SHA256())
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return Identity(
        key=key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption),
        certificate=pem(certificate),
        sha256=certificate.fingerprint(hashes.SHA256()).hex(),
    )


def certificate_template(
    name: str, key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey, *, at: datetime, days: int
) -> x509.CertificateBuilder:
    """Return a self-signed end-entity certificate that only lacks its signature.

    Raises:
        IdentityError: the name or the days cannot stand in a certificate.
    """
    try:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        start = at.astimezone(UTC).replace(microsecond=0)
        builder = x509.CertificateBuilder(subject_name=subject, issuer_name=subject, public_key=key)
        builder = builder.not_valid_before(start - _CLOCK_MARGIN).not_valid_after(start + timedelta(days=days))
    except (ValueError, OverflowError) as error:
        raise IdentityError(
            f"no certificate can be made for {name!r}: {error}", hint="a name has from 1 to 64 characters"
        ) from error
    identifier = x509.SubjectKeyIdentifier.from_public_key(key)
    return (
        builder.serial_number(x509.random_serial_number())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_SIGNING_USAGE, critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
    )


_SIGNING_USAGE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=True,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
"""``content_commitment`` is what PAdES validators ask for."""


def pem(*certificates: x509.Certificate) -> bytes:
    """Return certificates as PEM, one after the other."""
    return b"".join(item.public_bytes(serialization.Encoding.PEM) for item in certificates)
