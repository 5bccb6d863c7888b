"""Judges the services that look for trouble."""

from auditor.evaluate.checks.fields import some, text
from auditor.evaluate.checks.holders import administrator_of, organization_analyzer
from auditor.evaluate.missing import EvidenceMissing
from auditor.evaluate.subject import Subject
from auditor.model import State, Verdict, failed, passed

_EXTERNAL = ("ACCOUNT", "ORGANIZATION")
"""Analyzer types that look for access from outside; those for unused and internal access do not."""


def external_analyzer(subject: Subject) -> Verdict:
    """Judge one Region: an active analyzer looks for access from outside the account or organization.

    An organization's analyzer in another account counts where that account's answer is part of the run.

    Evidence: ``accessanalyzer:ListAnalyzers``.
    """
    missing: EvidenceMissing | None = None
    own: Verdict | None = None
    try:
        own = _own_analyzer(subject)
    except EvidenceMissing as signal:
        missing = signal
    if own is not None and own.state is State.PASS:
        return own
    held = organization_analyzer(subject)
    if held is None and missing is not None:
        raise missing
    return held or own or failed("The Region has no external access analyzer.")


def _own_analyzer(subject: Subject) -> Verdict:
    analyzers = subject.evidence.items("accessanalyzer:ListAnalyzers", "analyzers[]", region=subject.region)
    external = [item for item in analyzers if text(item, "type") in _EXTERNAL]
    active = next((item for item in external if text(item, "status") == "ACTIVE"), None)
    if active is not None:
        subject.evidence.point(active)
        return passed(f"The external access analyzer {some([text(active, 'name')])} is active.")
    if external:
        subject.evidence.point(external[0])
        return failed(f"The external access analyzer is {some([text(external[0], 'status')])}.")
    return failed("The Region has no external access analyzer of this account.", observed="no external analyzer")


def security_hub(subject: Subject) -> Verdict:
    """Judge one Region: the account has a hub of Security Hub (CSPM).

    Where the account may not say so, the list of members of the organization's administrator of it counts.

    Evidence: ``securityhub:DescribeHub``.
    """
    try:
        hub = subject.evidence.find("securityhub:DescribeHub", region=subject.region)
    except EvidenceMissing:
        holder = administrator_of(subject, "securityhub", "MemberStatus")
        if not holder:
            raise
        return passed(
            f"Security Hub is on for this account in this Region, by the member list of its administrator {holder}.",
            observed="enabled member",
        )
    if hub is None:
        return failed("Security Hub is not enabled in this Region.", observed="no hub")
    since = text(hub, "SubscribedAt")
    subject.evidence.point(hub, suffix="/SubscribedAt")
    if not since:
        return failed("The hub does not say since when it is on.", observed="no date")
    return passed(f"Security Hub is on since {some([since])}.", observed=f"on since {since}")
