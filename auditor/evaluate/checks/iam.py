"""Judges the root user by the account summary and its MFA devices."""

from auditor.evaluate.checks.fields import counted, integer, mapping, optional_mapping, text
from auditor.evaluate.view import Subject
from auditor.model import Verdict, failed, passed

_NO_CREDENTIALS = "The root user has neither a password nor access keys, so there is nothing that MFA could protect."


def root_mfa(subject: Subject) -> Verdict:
    """Judge whether root has MFA; root without any credentials (central root management) needs none.

    Evidence: ``iam:GetAccountSummary``.
    """
    summary = mapping(subject.evidence.page("iam:GetAccountSummary"), "SummaryMap")
    if integer(summary, "AccountMFAEnabled") == 1:
        return passed("The account summary shows MFA for the root user.", observed="AccountMFAEnabled is 1")
    if _root_has_no_credentials(summary):
        return passed(_NO_CREDENTIALS)
    return failed("The account summary shows no MFA for the root user.", observed="AccountMFAEnabled is 0")


def _root_has_no_credentials(summary: object) -> bool:
    """Say whether root has no way to sign in. A missing password field means unknown, not none."""
    if not isinstance(summary, dict) or "AccountPasswordPresent" not in summary:
        return False
    return integer(summary, "AccountPasswordPresent") == 0 and integer(summary, "AccountAccessKeysPresent") == 0


def root_hardware_mfa(subject: Subject) -> Verdict:
    """Judge whether root has MFA and none of it is virtual.

    A virtual device is root's when the ARN of its user ends in ``:root``; its name says nothing, because several
    devices with any name are allowed. The API cannot tell a hardware key from a synced passkey.

    Evidence: ``iam:GetAccountSummary``, ``iam:ListVirtualMFADevices``.
    """
    summary = mapping(subject.evidence.page("iam:GetAccountSummary"), "SummaryMap")
    enabled = integer(summary, "AccountMFAEnabled") == 1
    devices = subject.evidence.items("iam:ListVirtualMFADevices", "VirtualMFADevices[]")
    virtual = [device for device in devices if _belongs_to_root(device)]
    for device in virtual:
        subject.evidence.point(device)
    if virtual:
        return failed(f"The root user has {counted(len(virtual), 'virtual MFA device')}.", observed="virtual MFA")
    if enabled:
        return passed("The root user has MFA, and no virtual device is assigned to it.", observed="no virtual MFA")
    if _root_has_no_credentials(summary):
        return passed(_NO_CREDENTIALS)
    return failed("The account summary shows no MFA for the root user.", observed="AccountMFAEnabled is 0")


def _belongs_to_root(device: dict[str, object]) -> bool:
    user = optional_mapping(device, "User")
    return bool(user) and text(user, "Arn").endswith(":root")
