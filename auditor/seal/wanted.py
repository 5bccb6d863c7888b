"""Who has to have signed a pack: asked for by certificate, by its fingerprint, or by its subject. Opens nothing."""

import re
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

_FINGERPRINT = re.compile(r"(?:[0-9a-fA-F]{2}:?){31}[0-9a-fA-F]{2}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A signer as somebody asked for him.

    Args:
        sha256: fingerprints of certificates, any of which will do; empty when a name is wanted.
        subject: as RFC 4514 writes it, or the common name alone; empty when fingerprints are wanted.
    """

    sha256: frozenset[str] = frozenset()
    subject: str = ""

    @property
    def words(self) -> str:
        """Who that is, in a few words."""
        return self.subject or f"the holder of certificate {min(self.sha256)}"

    def is_known(self, certificate: x509.Certificate) -> bool:
        """Tell whether this very certificate was asked for: then nobody else has to vouch for it."""
        return certificate.fingerprint(SHA256()).hex() in self.sha256

    def is_met(self, certificate: x509.Certificate) -> bool:
        """Tell whether a certificate is the one that was asked for, or carries the name."""
        if self.sha256:
            return self.is_known(certificate)
        common = [str(item.value) for item in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        return self.subject in (certificate.subject.rfc4514_string(), *common)


def wanted_by(text: str) -> Wanted:
    """Read a fingerprint, with or without colons, or else a subject."""
    if _FINGERPRINT.fullmatch(text.strip()):
        return Wanted(frozenset({text.strip().replace(":", "").lower()}))
    return Wanted(subject=text.strip())


def wanted_of(*certificates: x509.Certificate) -> Wanted:
    """Ask for the holder of one of some certificates."""
    return Wanted(frozenset(certificate.fingerprint(SHA256()).hex() for certificate in certificates))
