"""Judges KMS keys."""

from auditor.base.counts import counted
from auditor.evaluate.checks.fields import flag, optional_mapping, optional_text, text
from auditor.evaluate.subject import Subject
from auditor.model import Verdict, failed, not_applicable, passed


def rotation(subject: Subject) -> Verdict:
    """Judge one key: those that can rotate on their own, do.

    A replica shares the setting of its primary key, and is judged itself where nobody asked in the primary's Region.

    Evidence: ``kms:DescribeKey`` (population), ``kms:GetKeyRotationStatus``.
    """
    if reason := _cannot_rotate(subject):
        return not_applicable(reason)
    answer = subject.evidence.page("kms:GetKeyRotationStatus", region=subject.region, KeyId=text(subject.item, "KeyId"))
    if not flag(answer, "KeyRotationEnabled"):
        return failed("Automatic rotation of the key is off.", observed="KeyRotationEnabled is false")
    days = answer.get("RotationPeriodInDays")
    every = f" every {counted(days, 'day')}" if isinstance(days, int) else ""
    return passed(f"The key rotates automatically{every}.", observed=f"KeyRotationEnabled is true{every}")


def _cannot_rotate(subject: Subject) -> str:
    key = subject.item
    if text(key, "KeyManager") == "AWS":
        return "AWS manages this key and rotates it."
    if text(key, "KeyState") != "Enabled":
        return f"The key is not enabled ({text(key, 'KeyState')})."
    if text(key, "KeySpec") != "SYMMETRIC_DEFAULT" or text(key, "KeyUsage") != "ENCRYPT_DECRYPT":
        return "Only symmetric encryption keys rotate automatically."
    if text(key, "Origin") != "AWS_KMS":
        return "Keys with imported material or in an own key store do not rotate automatically."
    several = optional_mapping(key, "MultiRegionConfiguration")
    primary = optional_text(optional_mapping(several, "PrimaryKey"), "Region")
    if optional_text(several, "MultiRegionKeyType") == "REPLICA" and primary in subject.account.regions:
        return "A replica follows its primary key, which is judged in its own Region."
    return ""
