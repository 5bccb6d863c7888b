"""Remedies for buckets that hold logs, and for bucket policies."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from auditor.base.counts import counted
from auditor.remedy.change import Finding, Look, Remedy, Stage, Step
from auditor.remedy.known import Known, Unknown
from auditor.remedy.plans.common import (
    access_log_steps,
    bucket_arn,
    document,
    lock_step,
    own_bucket,
    plain_http,
    policy_has,
    versions_step,
)
from auditor.remedy.plans.trails import trails


def object_lock(finding: Finding, known: Known) -> Remedy:
    """Keep each new object of a trail's bucket for a year."""
    bucket = finding.resource
    region = own_bucket(known, bucket)
    before = known.page("s3:GetBucketVersioning", "", Bucket=bucket).get("Status") or "never enabled"
    versions, lock = versions_step(bucket, region), lock_step(bucket, region)
    return Remedy(
        finding,
        f"The bucket {bucket}, versioning {before}.",
        (lock,) if before == "Enabled" else (versions, lock),
        (),
        "Only new versions are locked; earlier files stay as they are. Such a bucket cannot receive server access "
        "logs. Lifecycle rules that expire earlier leave locked versions in place.",
        "storage: 0.023 USD for each GB kept",
        undo_words="Object Lock cannot be switched off, nor versioning suspended. The default retention can be lifted.",
        alternatives="COMPLIANCE in place of GOVERNANCE cannot be lifted by anybody, the root user included.",
    )


def access_logging(finding: Finding, known: Known) -> Remedy:
    """Write access logs of a trail's bucket to a bucket of its Region that takes such logs already, or to a new one."""
    bucket = finding.resource
    region = own_bucket(known, bucket)
    undo = Step(
        Stage.KEY,
        "no access logs, as it was",
        "s3",
        "PutBucketLogging",
        region,
        {"Bucket": bucket, "BucketLoggingStatus": {}},
    )
    return Remedy(
        finding,
        f"The bucket {bucket}, without access logging.",
        tuple(access_log_steps(known, bucket, region)),
        (undo,),
        "Access logs arrive within hours, on a best-effort basis.",
        "storage: 0.023 USD for each GB kept",
        undo_words="The bucket with the access logs stays, with what was written to it.",
    )


def policy(finding: Finding, known: Known) -> Remedy:
    """Add the statements that the failed controls miss to a bucket's policy; what is there stays."""
    guarded = {_bucket_of(resource, known) for resource in known.failing.get("trail-bucket-policy-guards-logs", ())}
    bucket = _bucket_of(finding.resource, known)
    region = own_bucket(known, bucket)
    before = known.page("s3:GetBucketPolicy", "", Bucket=bucket)
    text = str(before.get("Policy") or "")
    statements = _statements(text) if text else []
    added = []
    if bucket in known.failing.get("s3-deny-insecure-transport", ()):
        added.append(plain_http(known, bucket))
    if bucket in guarded:
        if finding.control == "trail-bucket-policy-guards-logs" and (left := _beyond(statements, known)):
            raise Unknown(f"the policy allows {left}, which a Deny for everybody would also take from your own people")
        added.append(_undeletable(known, bucket))
    step = Step(
        Stage.POLICY,
        f"the policy of {bucket} with {' and '.join(str(item['Sid']) for item in added)}",
        "s3",
        "PutBucketPolicy",
        region,
        {"Bucket": bucket, "Policy": document(*statements, *added)},
        unless=policy_has(bucket, str(added[-1]["Sid"])),
        expects=Look("s3", "GetBucketPolicy", {"Bucket": bucket}, "Policy", ("NoSuchBucketPolicy",)),
        expected=(text,),
    )
    old: Mapping[str, Any] = {"Bucket": bucket, "Policy": text} if text else {"Bucket": bucket}
    undo = Step(
        Stage.POLICY,
        "the policy as it was",
        "s3",
        "PutBucketPolicy" if text else "DeleteBucketPolicy",
        region,
        old,
    )
    return Remedy(
        finding,
        f"A policy with {counted(len(statements), 'statement')}, which stay." if text else "The bucket has no policy.",
        (step,),
        (undo,),
        "Clients that use plain HTTP, or delete log files by permission of the bucket's policy, are refused.",
        "nothing",
    )


def _statements(text: str) -> list[Any]:
    try:
        found = json.loads(text)["Statement"]
    except (ValueError, KeyError, TypeError) as error:
        raise Unknown("the policy of the bucket cannot be read") from error
    return list(found) if isinstance(found, list) else [found]


def _bucket_of(resource: str, known: Known) -> str:
    """Return the bucket that a finding is about; findings about trails name the trail."""
    if ":trail/" not in resource:
        return resource
    return next((str(item["S3BucketName"]) for item in trails(known) if item["TrailARN"] == resource), resource)


def _beyond(statements: Sequence[Any], known: Known) -> str:
    """Return an action that a policy allows to people and that refusing deletion leaves; empty for none."""
    for item in statements:
        principal = item.get("Principal")
        named = principal.get("AWS", []) if isinstance(principal, Mapping) else principal
        people = [named] if isinstance(named, str) else list(named or [])
        actions = item.get("Action", "s3:*")
        asked = [actions] if isinstance(actions, str) else list(actions)
        own = all(f":{known.account}:" in name or name == known.account for name in people)
        for action in asked if item.get("Effect") == "Allow" and people else ():
            if action not in _DENIED and not (own and action.startswith(("s3:Get", "s3:List"))):
                return str(action)
    return ""


_DENIED: Final = ("s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObjectAcl", "s3:PutObjectVersionAcl")


def _undeletable(known: Known, bucket: str) -> dict[str, Any]:
    arn = bucket_arn(known, bucket)
    return {
        "Sid": "AuditorKeepLogFiles",
        "Effect": "Deny",
        "Principal": "*",
        "Action": list(_DENIED),
        "Resource": f"{arn}/*",
    }
