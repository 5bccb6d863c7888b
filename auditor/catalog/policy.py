"""Derives the least-privilege IAM policy from the operations that controls read. Pure: asks nobody, writes nothing.

Actions come from the catalogue. Resources are narrowed where the IAM Service Authorization Reference gives the action
a resource type and the operation is always asked about a resource of the audited account; all else has to be ``*``.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from auditor.base.counts import counted
from auditor.catalog.load import Catalog
from auditor.evidence.operations import Operation, confirming, needed, shown_beside
from auditor.model import Control

SIZE_LIMIT: Final = 6144
"""Characters of a managed policy, white space apart ("IAM and AWS STS quotas")."""

ALWAYS: Final = ("ec2:DescribeRegions",)
"""Asked in every run: it is what "every Region" means. ``sts:GetCallerIdentity`` needs no permission."""

TRAIL_EVIDENCE: Final = ("trail:VerifyDigests", "trail:NotableEvents")
"""Records that our own reading of the trails' buckets produces."""
_WITH_TRAILS: Final = ("cloudtrail:DescribeTrails", "cloudtrail:LookupEvents")
"""Asked by runs that read the trails' own files: which trails there are, and events that have to be in those files."""

_OF_EVENTS: Final = frozenset({"events:Answer", "events:Measured"})
"""Records that come of reading every event, as the notable ones do."""

_ANY: Final = "*"
_BUCKETS: Final = "arn:{partition}:s3:::*"
_NARROWED: Final[Mapping[str, str]] = {
    "apigateway:GetRestApis": "arn:{partition}:apigateway:*::/restapis",
    "apigateway:GetStages": "arn:{partition}:apigateway:*::/restapis/*/stages",
    "apigatewayv2:GetApis": "arn:{partition}:apigateway:*::/apis",
    "apigatewayv2:GetStages": "arn:{partition}:apigateway:*::/apis/*/stages",
    "cloudfront:GetDistributionConfig": "arn:{partition}:cloudfront::{account}:distribution/*",
    # An organization's trail belongs to the management account, whatever account it is read in.
    "cloudtrail:GetEventSelectors": "arn:{partition}:cloudtrail:*:*:trail/*",
    "cloudtrail:GetEventConfiguration": "arn:{partition}:cloudtrail:*:*:trail/*",
    "cloudtrail:GetInsightSelectors": "arn:{partition}:cloudtrail:*:*:trail/*",
    "cloudtrail:GetTrailStatus": "arn:{partition}:cloudtrail:*:*:trail/*",
    "cloudwatch:GetAlarmMuteRule": "arn:{partition}:cloudwatch:*:{account}:alarm-mute-rule:*",
    "events:DescribeEventBus": "arn:{partition}:events:*:{account}:event-bus/*",
    "events:ListTargetsByRule": "arn:{partition}:events:*:{account}:rule/*",
    "kms:DescribeKey": "arn:{partition}:kms:*:{account}:key/*",
    "kms:GetKeyPolicy": "arn:{partition}:kms:*:{account}:key/*",
    "kms:GetKeyRotationStatus": "arn:{partition}:kms:*:{account}:key/*",
    "lambda:GetFunctionConcurrency": "arn:{partition}:lambda:*:{account}:function:*",
    "lambda:GetFunctionConfiguration": "arn:{partition}:lambda:*:{account}:function:*",
    "lambda:GetPolicy": "arn:{partition}:lambda:*:{account}:function:*",
    "logs:DescribeMetricFilters": "arn:{partition}:logs:*:{account}:log-group:*",
    "s3:GetBucketAcl": _BUCKETS,
    "s3:GetBucketEncryption": _BUCKETS,
    "s3:GetBucketLifecycleConfiguration": _BUCKETS,
    "s3:GetBucketLogging": _BUCKETS,
    "s3:GetBucketPolicy": _BUCKETS,
    "s3:GetBucketPolicyStatus": _BUCKETS,
    "s3:GetBucketVersioning": _BUCKETS,
    "s3:GetObjectLockConfiguration": _BUCKETS,
    "s3:GetPublicAccessBlock": _BUCKETS,
    "secretsmanager:GetResourcePolicy": "arn:{partition}:secretsmanager:*:{account}:secret:*",
    "sns:GetTopicAttributes": "arn:{partition}:sns:*:{account}:*",
    "sns:ListSubscriptionsByTopic": "arn:{partition}:sns:*:{account}:*",
    "sqs:GetQueueAttributes": "arn:{partition}:sqs:*:{account}:*",
    "stepfunctions:DescribeStateMachine": "arn:{partition}:states:*:{account}:stateMachine:*",
}
"""Operation -> the only resources its action is needed on."""

_LISTING: Final = "s3:ListObjectsV2"
"""Asked of the buckets of trails only."""
_TRAIL_FILES: Final = ("s3:GetObject", "s3:GetObjectVersion")
_TRAIL_LISTS: Final = ("s3:GetLifecycleConfiguration", "s3:ListBucket", "s3:ListBucketVersions")


@dataclass(frozen=True, slots=True)
class Statement:
    """Actions on the same resources.

    Args:
        sid: unique in its policy, letters and digits.
        actions: sorted.
        resources: ARN patterns, sorted; ``*`` alone for all.
    """

    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Return the JSON form; all that a policy of ours ever says is ``Allow``."""
        resources = list(self.resources) if len(self.resources) > 1 else self.resources[0]
        return {"Sid": self.sid, "Effect": "Allow", "Action": list(self.actions), "Resource": resources}


@dataclass(frozen=True, slots=True)
class Scope:
    """What the policy is for.

    Args:
        partition: ``aws``, ``aws-cn`` ...
        account: twelve digits, or ``*`` for a policy that fits any account.
        trail_buckets: names of the buckets that hold the trails' files; none means every bucket.
        kms_keys: ARNs of the keys those files are encrypted with; S3 decrypts with them on the caller's behalf.
    """

    partition: str = "aws"
    account: str = "*"
    trail_buckets: tuple[str, ...] = ()
    kms_keys: tuple[str, ...] = ()


LISTING: Final = (
    "organizations:DescribeOrganization",
    "organizations:ListAccounts",
    "organizations:ListAccountsForParent",
    "organizations:ListDelegatedAdministrators",
    "organizations:ListOrganizationalUnitsForParent",
    "organizations:ListRoots",
    "organizations:ListTagsForResource",
)
"""What lists an organization's accounts, its units and administrators: for the management account or a delegate."""

HOLDING: Final = ("guardduty:ListMembers", "securityhub:ListMembers")
"""What an organization's run asks beside the policies of an audit where a service is administered for all accounts."""


def entering(role: Mapping[str, Any] | str, organization: Mapping[str, Any] | str) -> dict[str, Any]:
    """Return the policy of who runs an audit over an organization: it enters accounts, and lists them.

    Args:
        role: ARN of the role in every account.
        organization: its id; empty for any, then the role's trust policy alone says who lets in.
    """
    enter: dict[str, Any] = {
        "Sid": "Enter",
        "Effect": "Allow",
        "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
        "Resource": role,
    }
    if organization:
        enter["Condition"] = {"StringEquals": {"aws:ResourceOrgID": organization}}
    listing = {"Sid": "ListAccounts", "Effect": "Allow", "Action": list(LISTING), "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [enter, listing]}


def holding() -> dict[str, Any]:
    """Return what the role may do besides, in accounts that administer a service for all."""
    statement = {"Sid": "ListMembers", "Effect": "Allow", "Action": list(HOLDING), "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def trail_evidence(controls: Iterable[Control], *, whole: bool) -> tuple[str, ...]:
    """Return the records of trails' own files that a run makes.

    Args:
        controls: what is to be judged.
        whole: whether whole frameworks are audited, with everything that happened in the period; single controls need
            what they read themselves.
    """
    read = {name for control in controls for name in control.evidence}
    if read & _OF_EVENTS:
        read.update(TRAIL_EVIDENCE)
    return tuple(name for name in TRAIL_EVIDENCE if whole or name in read)


def operations_for(
    catalog: Catalog, controls: Iterable[Control], *, trail: bool = True, truth: bool = True, whole: bool = True
) -> tuple[Operation, ...]:
    """Return every operation of a run over the controls, parents first, produced ones included.

    Args:
        catalog: where operations and controls come from.
        controls: what is to be judged.
        trail: whether the run reads the trails' own files, as it does unless that is skipped.
        truth: whether AWS is asked about patterns, as it is unless that is skipped.
        whole: whether whole frameworks are audited; where trails are read, their report shows more than controls read.
    """
    wanted = {*catalog.operations_of(controls), *ALWAYS} - set(TRAIL_EVIDENCE)
    if whole and trail:
        wanted |= set(shown_beside(catalog.operations, wanted))
    if truth:
        wanted |= set(confirming(catalog.operations, wanted))
    if trail:
        wanted |= {*TRAIL_EVIDENCE, *_WITH_TRAILS}
    return needed(catalog.operations, wanted & set(catalog.operations))


def statements(operations: Iterable[Operation], scope: Scope) -> tuple[Statement, ...]:
    """Group the actions that the operations need by the resources they need them on, sorted."""
    groups: dict[tuple[str, ...], set[str]] = {(_ANY,): set(ALWAYS)}
    for operation in operations:
        if operation.name in TRAIL_EVIDENCE:
            for resources, actions in _trail(scope).items():
                groups.setdefault(resources, set()).update(actions)
        elif not operation.produced:
            groups.setdefault(_resources(operation.name, scope), set()).add(operation.action)
    anywhere = groups[(_ANY,)]
    narrowed = {resources: actions - anywhere for resources, actions in groups.items() if resources != (_ANY,)}
    ordered = [((_ANY,), anywhere), *sorted((item for item in narrowed.items() if item[1]), key=_by_service)]
    return tuple(
        Statement(f"Read{number:02d}{_camel(resources[0])}", tuple(sorted(actions)), resources)
        for number, (resources, actions) in enumerate(ordered, start=1)
    )


def _by_service(item: tuple[tuple[str, ...], set[str]]) -> tuple[str, tuple[str, ...]]:
    return (min(item[1]), item[0])


def _resources(operation: str, scope: Scope) -> tuple[str, ...]:
    if operation == _LISTING:
        return _trail_buckets(scope)
    pattern = _NARROWED.get(operation, _ANY)
    return (pattern.replace("{partition}", scope.partition).replace("{account}", scope.account),)


def _trail_buckets(scope: Scope) -> tuple[str, ...]:
    return tuple(sorted(f"arn:{scope.partition}:s3:::{name}" for name in scope.trail_buckets or (_ANY,)))


def _trail(scope: Scope) -> dict[tuple[str, ...], set[str]]:
    """Return what reading the files of trails needs: whole buckets are listed, only log and digest files are read."""
    files = tuple(sorted(f"arn:{scope.partition}:s3:::{name}/*AWSLogs/*" for name in scope.trail_buckets))
    found: dict[tuple[str, ...], set[str]] = {
        (_ANY,): {"cloudtrail:ListPublicKeys", "organizations:DescribeOrganization"},
        _trail_buckets(scope): set(_TRAIL_LISTS),
        files or (f"arn:{scope.partition}:s3:::*AWSLogs/*",): set(_TRAIL_FILES),
    }
    if scope.kms_keys:
        found[tuple(sorted(scope.kms_keys))] = {"kms:Decrypt"}
    return found


def _camel(resource: str) -> str:
    if resource == _ANY:
        return "Anything"
    service = resource.split(":")[2]
    return "".join(part.capitalize() for part in service.split("-"))


def documents(found: Sequence[Statement], *, limit: int = SIZE_LIMIT) -> tuple[dict[str, Any], ...]:
    """Return policy documents, as few as fit: each stays under the size limit, no action is lost or said twice.

    Raises:
        ValueError: a single action does not fit.
    """
    packed: list[list[Statement]] = [[]]
    for statement in found:
        rest = statement
        while rest.actions:
            fitting = _fitting(packed[-1], rest, limit)
            if fitting:
                packed[-1].append(Statement(rest.sid, rest.actions[:fitting], rest.resources))
            elif not packed[-1]:
                raise ValueError(f"{rest.actions[0]} does not fit into {counted(limit, 'character')}")
            rest = Statement(rest.sid, rest.actions[fitting:], rest.resources)
            if rest.actions:
                packed.append([])
    return tuple(_document(part) for part in packed)


def _fitting(packed: Sequence[Statement], rest: Statement, limit: int) -> int:
    """Return how many of the actions still fit behind what is packed."""
    for count in range(len(rest.actions), 0, -1):
        if size(_document([*packed, Statement(rest.sid, rest.actions[:count], rest.resources)])) <= limit:
            return count
    return 0


def _document(found: Sequence[Statement]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [item.document() for item in found]}


def size(document: Mapping[str, Any]) -> int:
    """Return the length that counts against the limit: IAM leaves white space out."""
    return len(json.dumps(document, separators=(",", ":")))


def costs(catalog: Catalog, controls: Iterable[Control], operation: str) -> tuple[str, ...]:
    """Return the ids of the controls that an operation can leave unassessed by its absence, in their order."""
    return tuple(
        control.id
        for control in controls
        if operation in {item.name for item in needed(catalog.operations, (*control.evidence, *control.consults))}
    )
