"""What other accounts of an organization hold for the judged one: its trail, and who looks after all members.

Nothing is credited but what that account answered in the same run and what covers this account; a refused or unknown
holder leaves open what only it could show.
"""

from collections.abc import Mapping
from typing import Any

from auditor.evaluate.checks.fields import listed, optional_text, some, text
from auditor.evaluate.missing import UNREADABLE, EvidenceMissing
from auditor.evaluate.subject import Subject
from auditor.evaluate.view import View
from auditor.model import Verdict, passed

LISTED = "s3:ListObjectsV2"
DIGESTS = "trail:VerifyDigests"


def undelivered(view: View, trail: Mapping[str, Any]) -> str:
    """Say why it is not known that an organization's trail delivers the events of this account; empty where it is.

    Either digests of this account verified, or its folder was seen in the trail's bucket.
    """
    arn, bucket = text(trail, "TrailARN"), optional_text(trail, "S3BucketName")
    if trail.get("IsOrganizationTrail") is not True:
        return f"the trail {some([arn])} of another account is not the organization's"
    for record, pages in view.stored(DIGESTS):
        if dict(record.call.parameters).get("Name") == arn and any(_has_digests(page) for page in pages):
            view.note(record)
            return ""
    seen = False
    for record, pages in view.of_others(LISTED):
        if dict(record.call.parameters).get("Bucket") != bucket:
            continue
        seen = True
        for page in pages:
            if any(_names(item, view.account.id) for item in page.get("CommonPrefixes") or ()):
                view.note(record)
                return ""
    why = "the bucket has no folder of it" if seen else "nobody could look into its bucket"
    return f"whether the organization's trail {some([arn])} delivers the events of this account was not seen: {why}"


def _has_digests(report: Any) -> bool:
    try:
        return int(report["counts"]["digests"]["valid"]) > 0
    except UNREADABLE:
        return False


def _names(item: Any, account: str) -> bool:
    prefix = item.get("Prefix") if isinstance(item, Mapping) else None
    return isinstance(prefix, str) and prefix.endswith(f"/{account}/")


def organization_analyzer(subject: Subject) -> Verdict | None:
    """Return that an analyzer of the organization looks at the Region; None where nobody who could have one has one.

    Raises:
        EvidenceMissing: an account that could have one was not read.
    """
    view, missing = subject.evidence, None
    for holder in view.holders("access-analyzer"):
        try:
            answers = view.held(holder, "accessanalyzer:ListAnalyzers", subject.region)
            for item in (item for _, pages in answers for page in pages for item in listed(page, "analyzers")):
                if text(item, "type") == "ORGANIZATION" and text(item, "status") == "ACTIVE":
                    view.point(item)
                    view.credit(holder.scope.id)
                    name = some([text(item, "name")])
                    return passed(f"The organization's external access analyzer {name} is active.", observed=name)
        except EvidenceMissing as signal:
            missing = missing or signal
        except UNREADABLE as error:
            missing = missing or EvidenceMissing(view.blamed(error))
    if missing is not None:
        raise missing
    return None


def administrator_of(subject: Subject, service: str, status: str) -> str:
    """Return the account that administers a service and lists this one as a member for which it is on; else empty.

    Args:
        subject: the judged account and Region.
        service: ``guardduty`` or ``securityhub``: both list members in the same form.
        status: the key under which a member's status stands.
    """
    view = subject.evidence
    for holder in view.holders(service):
        try:
            answers = view.held(holder, f"{service}:ListMembers", subject.region)
            items = [item for _, pages in answers for page in pages for item in listed(page, "Members")]
            mine = [item for item in items if text(item, "AccountId") == subject.account.id]
            enabled = mine[0] if mine and all(_is_on(item, status, holder.scope.id) for item in mine) else None
        except (EvidenceMissing, *UNREADABLE):
            continue  # what the account itself did not answer stays what is missing
        if enabled is not None:
            view.point(enabled)
            view.credit(holder.scope.id)
            return holder.scope.id
    return ""


def _is_on(member: Any, status: str, administrator: str) -> bool:
    """Say whether a service is on for a member, which this very administrator looks after."""
    named = optional_text(member, "AdministratorId") or administrator
    return optional_text(member, status) == "Enabled" and named == administrator
