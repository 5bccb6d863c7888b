"""Judges what AWS knows about whom to call. The values themselves never appear in a sentence."""

from collections.abc import Mapping
from typing import Any

from auditor.evaluate.checks.fields import mapping
from auditor.evaluate.subject import Subject
from auditor.model import Verdict, failed, manual, passed

_CONTACT_FIELDS = ("FullName", "AddressLine1", "City", "CountryCode", "PostalCode", "PhoneNumber")
_SECURITY_FIELDS = ("EmailAddress", "PhoneNumber")


def contact_details(subject: Subject) -> Verdict:
    """Judge whether the account's contact record is filled in; whether it is still right needs a person.

    Evidence: ``account:GetContactInformation``.
    """
    answer = subject.evidence.find("account:GetContactInformation")
    if answer is None:
        return failed("The account has no contact record.", observed="no contact record")
    empty = _empty(mapping(answer, "ContactInformation"), _CONTACT_FIELDS)
    if empty:
        return failed(f"Empty in the contact record: {', '.join(empty)}.", observed=f"empty: {', '.join(empty)}")
    return manual("Every field of the contact record is filled in; somebody has to say whether it is still right.")


def security_contact(subject: Subject) -> Verdict:
    """Judge whether a security contact with e-mail and phone is registered.

    Evidence: ``account:GetAlternateContact`` for the type SECURITY.
    """
    answer = subject.evidence.find("account:GetAlternateContact")
    if answer is None:
        return failed("No security contact is registered.", observed="no security contact")
    empty = _empty(mapping(answer, "AlternateContact"), _SECURITY_FIELDS)
    if empty:
        return failed(f"The security contact has no {' and no '.join(empty)}.", observed=f"empty: {', '.join(empty)}")
    return passed("A security contact with e-mail address and phone number is registered.")


def _empty(record: Mapping[str, Any], names: tuple[str, ...]) -> list[str]:
    """Name the fields that hold nothing; what redaction left in place of a value is not nothing."""
    return [name for name in names if not record.get(name)]
