"""Whether a certificate leads to one that the verifier trusts, at a given time (RFC 5280). Fetches nothing.

Path building and checking are ``cryptography``'s; only what the two uses ask of a certificate is said here.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from auditor.base.errors import IntegrityError

_DEEPEST = 6

_OTHER_PURPOSES = {
    ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth",
    ExtendedKeyUsageOID.CLIENT_AUTH: "clientAuth",
    ExtendedKeyUsageOID.EMAIL_PROTECTION: "emailProtection",
    ExtendedKeyUsageOID.OCSP_SIGNING: "OCSPSigning",
    ExtendedKeyUsageOID.TIME_STAMPING: "timeStamping",
}
"""Purposes (RFC 5280 section 4.2.1.12) that are none of signing documents: whoever runs a web server or reads a mailbox
has such a certificate from a public authority, and may not speak for an auditor with it."""


class Use(Enum):
    """What a certificate is used for."""

    SIGNING = "signing"
    TIME_STAMPING = "time stamping"


def check_path(
    leaf: x509.Certificate,
    others: Sequence[x509.Certificate],
    trusted: Sequence[x509.Certificate],
    *,
    at: datetime,
    use: Use,
    any_purpose: bool = False,
) -> tuple[x509.Certificate, ...]:
    """Return the path from ``leaf`` to a trusted certificate.

    Args:
        leaf: the certificate in question; it may itself be trusted.
        others: certificates to try on the way, not trusted.
        trusted: where the path may end.
        at: when all of them have to be valid, aware UTC.
        use: what the leaf was used for.
        any_purpose: whether a signer's certificate may be meant for something else, because it was asked for itself.

    Raises:
        IntegrityError: there is no such path.
    """
    if not trusted:
        raise IntegrityError(f"no trusted certificate vouches for {name_of(leaf)}: none was given")
    builder = PolicyBuilder().store(Store(list(trusted))).time(at.astimezone(UTC).replace(tzinfo=None))
    builder = builder.max_chain_depth(_DEEPEST).extension_policies(
        ca_policy=_issuers(use, any_purpose=any_purpose), ee_policy=_leaf(use, any_purpose=any_purpose)
    )
    try:
        return tuple(builder.build_client_verifier().verify(leaf, list(others)).chain)
    except (VerificationError, ValueError) as error:
        reason, name = _reason(error), name_of(leaf)
        words = reason if reason.startswith(name) else f"no trusted certificate vouches for {name}: {reason}"
        raise IntegrityError(words) from error


_INNER = re.compile(
    r"validation failed: |(?:Python )?extension validator failed: |\b[A-Z]\w*Error: | \(encountered.*", re.DOTALL
)
"""What the library says of itself around the reason."""

_PLAIN = {
    "cert is not valid at validation time": "a certificate on the way is not valid at that time",
    "candidates exhausted: all candidates exhausted with no interior errors": "no chain leads to one",
    "all candidates exhausted with no interior errors": "no chain leads to one",
}
"""The library's words for what happens most, in a person's."""


def _reason(error: Exception) -> str:
    reason = _INNER.sub("", str(error)).removeprefix("candidates exhausted: ").strip()
    return _PLAIN.get(reason, reason)[:200]


def _issuers(use: Use, *, any_purpose: bool) -> ExtensionPolicy:
    policy = ExtensionPolicy.permit_all()
    policy = policy.require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _is_authority)
    policy = policy.may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _signs_certificates)
    return _for_signing(policy) if use is Use.SIGNING and not any_purpose else policy


def _is_authority(_policy: Policy, _certificate: x509.Certificate, value: x509.BasicConstraints) -> None:
    if not value.ca:
        raise ValueError("an issuer is no certificate authority")


def _signs_certificates(_policy: Policy, _certificate: x509.Certificate, value: x509.KeyUsage | None) -> None:
    if value is not None and not value.key_cert_sign:
        raise ValueError("an issuer may not sign certificates")


def _leaf(use: Use, *, any_purpose: bool) -> ExtensionPolicy:
    policy = ExtensionPolicy.permit_all().may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _signs)
    if use is Use.SIGNING:
        return policy if any_purpose else _for_signing(policy)
    return policy.require_present(x509.ExtendedKeyUsage, Criticality.CRITICAL, _stamps_only)


def _signs(_policy: Policy, _certificate: x509.Certificate, value: x509.KeyUsage | None) -> None:
    if value is not None and not (value.digital_signature or value.content_commitment):
        raise ValueError("its key usage allows no signatures")


def _for_signing(policy: ExtensionPolicy) -> ExtensionPolicy:
    return policy.may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _is_for_signing)


def _is_for_signing(_policy: Policy, certificate: x509.Certificate, value: x509.ExtendedKeyUsage | None) -> None:
    if value is not None and (only := other_purposes(value)):
        raise ValueError(f"{name_of(certificate)} may be used for {only} only")


def _stamps_only(_policy: Policy, _certificate: x509.Certificate, value: x509.ExtendedKeyUsage) -> None:
    """RFC 3161 section 2.3: one purpose, time stamping, and critical."""
    if list(value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
        raise ValueError("it is not a certificate for time stamping alone")


def other_purposes(value: x509.ExtendedKeyUsage) -> str:
    """Return the purposes of a certificate that is meant for none but those above, in one line; empty for any other."""
    return " and ".join(_OTHER_PURPOSES[purpose] for purpose in value) if set(value) <= _OTHER_PURPOSES.keys() else ""


def is_valid_at(certificate: x509.Certificate, at: datetime) -> bool:
    """Say whether a time lies within a certificate's validity."""
    return certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc


def name_of(certificate: x509.Certificate) -> str:
    """Return a certificate's subject in one line (RFC 4514)."""
    return certificate.subject.rfc4514_string()[:300] or f"serial number {certificate.serial_number:x}"
