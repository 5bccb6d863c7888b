"""The one table of calls that matter to logging, monitoring and detection: service, kind, effect, resource.

What log files are searched for is what stands here and nothing else; a control over a period can only speak about it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from auditor.activity import effects
from auditor.activity.effects import Effect, Judge, Told, always, rewritten
from auditor.activity.fields import Map, found, maps, member, requested, text, texts
from auditor.activity.identity import SIGN_IN, service_behind

RESTORED: Final = "watch_restored"
"""Calls that switch on again what others switch off: they weaken nothing, and end the time without."""


@dataclass(frozen=True, slots=True)
class Call:
    """One API call.

    Args:
        source: the service that takes it, as in ``eventSource``.
        name: as in ``eventName``, without API version.
        kind: what sort of change it is.
        judge: says what a request sets.
        names: members of the request that name what it is about, at any depth, best one first.
    """

    source: str
    name: str
    kind: str
    judge: Judge
    names: tuple[str, ...]


def _calls(service: str, kind: str, names: Iterable[str], judge: Judge, *resource: str) -> Iterator[Call]:
    for name in names:
        yield Call(f"{service}.amazonaws.com", name, kind, judge, resource)


def _table() -> Iterator[Call]:
    yield from _trails()
    yield from _buckets()
    yield from _alarms()
    yield from _recording()
    yield from _guarding()
    yield from _reacting()
    yield from _membership()
    doomed = always("the key can no longer be used, or will not be for long")
    yield from _calls(
        "kms", "key_disabled", ("ScheduleKeyDeletion", "DisableKey", "DeleteImportedKeyMaterial"), doomed, "keyId"
    )
    yield from _calls("kms", "key_disabled", ("DisableKeyRotation",), always("the key is no longer rotated"), "keyId")


MEMBERSHIP: Final = "membership_changed"
"""Calls by which accounts come to an organization or leave it."""


def _membership() -> Iterator[Call]:
    names = (
        "AcceptHandshake", "CloseAccount", "CloseAccountResult", "CreateAccountResult", "InviteAccountToOrganization",
        "LeaveOrganization", "RemoveAccountFromOrganization",
    )  # fmt: skip
    yield from _calls("organizations", MEMBERSHIP, names, effects.NEVER, "accountId", "id")


def _trails() -> Iterator[Call]:
    changed = effects.Told(Effect.WEAKENS, "what the trail records or where it goes was set")
    named = ("name", "trailName", "trailARN", "eventDataStore")
    for name, judge in (
        ("UpdateTrail", effects.Rewriting(changed, effects.trail_settings)),
        ("PutEventSelectors", effects.Rewriting(changed, effects.event_selectors)),
        ("PutInsightSelectors", effects.Fixed(changed)),
        ("PutEventConfiguration", effects.Fixed(changed)),
    ):
        yield from _calls("cloudtrail", "trail_changed", (name,), judge, *named)
    stopped = always("the trail no longer records")
    yield from _calls("cloudtrail", "trail_changed", ("StopLogging", "DeleteTrail"), stopped, *named)
    yield from _calls("cloudtrail", "trail_changed", ("StartLogging", "CreateTrail"), effects.NEVER, *named)


def _buckets() -> Iterator[Call]:
    def s3(names: Iterable[str], judge: Judge, *resource: str) -> Iterator[Call]:
        return _calls("s3", "bucket_changed", names, judge, *(resource or ("bucketName", "bucket")))

    yield from s3(("PutBucketPolicy",), rewritten("the bucket's policy was set"))
    yield from s3(("DeleteBucketPolicy",), always("the bucket's policy was set"))
    yield from s3(("PutBucketAcl",), rewritten("the bucket's access list was set"))
    yield from s3(("PutBucketPublicAccessBlock", "PutAccountPublicAccessBlock"), effects.public_access_block)
    yield from s3(
        ("DeleteBucketPublicAccessBlock", "DeleteAccountPublicAccessBlock"),
        always("public access is no longer blocked"),
    )
    yield from s3(("PutBucketOwnershipControls",), effects.ownership)
    yield from s3(("DeleteBucketOwnershipControls",), always("access lists are heeded again"))
    lifecycle = ("PutBucketLifecycle", "PutBucketLifecycleConfiguration", "DeleteBucketLifecycle")
    yield from s3(lifecycle, rewritten("when objects are deleted was set"))
    yield from s3(("PutBucketVersioning",), effects.versioning)
    yield from s3(("PutBucketReplication", "DeleteBucketReplication"), rewritten("where copies go was set"))
    yield from s3(("PutBucketCors", "DeleteBucketCors"), rewritten("which web pages may read was set"))
    yield from s3(("PutBucketLogging",), effects.bucket_logging)
    yield from s3(
        ("PutObjectLockConfiguration", "PutBucketObjectLockConfiguration"), rewritten("the bucket's lock was set")
    )
    yield from s3(("PutBucketEncryption", "DeleteBucketEncryption"), effects.encryption)
    points = ("PutAccessPointPolicy", "CreateAccessPoint", "DeleteAccessPointPolicy")
    yield from s3(points, rewritten("an access point to a bucket was set"), "bucket", "Bucket")
    yield from _calls("s3", "bucket_deleted", ("DeleteBucket",), always("the bucket is gone"), "bucketName")


def _alarms() -> Iterator[Call]:
    def cloudwatch(names: Iterable[str], judge: Judge, *resource: str) -> Iterator[Call]:
        return _calls("monitoring", "alarm_changed", names, judge, *resource)

    yield from cloudwatch(("DeleteAlarms",), always("alarms are gone"), "alarmNames")
    yield from cloudwatch(("DisableAlarmActions",), always("alarms tell nobody"), "alarmNames")
    yield from _calls("monitoring", RESTORED, ("EnableAlarmActions",), effects.NEVER, "alarmNames")
    yield from cloudwatch(("SetAlarmState",), effects.alarm_state, "alarmName")
    yield from cloudwatch(("PutMetricAlarm", "PutLogAlarm"), effects.alarm, "alarmName")
    yield from cloudwatch(("PutCompositeAlarm",), effects.composite, "alarmName")
    yield from cloudwatch(("PutAlarmMuteRule",), always("alarms are muted at times"), "name", "muteRuleName")
    yield from _calls(
        "sns", "notice_removed", ("Unsubscribe",), always("somebody is no longer told"), "subscriptionArn"
    )
    yield from _calls("sns", "notice_removed", ("DeleteTopic",), always("the topic is gone"), "topicArn")
    yield from _calls("sns", "notice_removed", ("SetSubscriptionAttributes",), effects.subscription, "subscriptionArn")
    yield from _calls("sns", "notice_removed", ("SetTopicAttributes",), effects.topic, "topicArn")
    yield from _calls("sns", "notice_removed", ("RemovePermission",), rewritten("who may publish was set"), "topicArn")
    yield from _calls("sns", RESTORED, ("Subscribe", "ConfirmSubscription"), effects.NEVER, "topicArn")
    yield from _calls("sns", RESTORED, ("CreateTopic",), effects.NEVER, "name")

    def logs(names: Iterable[str], judge: Judge) -> Iterator[Call]:
        return _calls("logs", "log_group_changed", names, judge, "logGroupName", "logGroupIdentifier")

    yield from logs(("DeleteMetricFilter",), always("a metric filter is gone"))
    yield from logs(("PutMetricFilter",), rewritten("a metric filter was written anew"))
    yield from logs(("DeleteLogGroup", "DeleteLogStream"), always("what was logged is gone"))
    yield from logs(("PutRetentionPolicy",), rewritten("how long it is kept was set"))
    yield from logs(("DeleteSubscriptionFilter", "PutSubscriptionFilter"), rewritten("where it is sent was set"))


_CONFIG_RULES: Final = {
    "configRuleName": "DeleteConfigRule",
    "conformancePackName": "DeleteConformancePack",
    "organizationConfigRuleName": "DeleteOrganizationConfigRule",
    "organizationConformancePackName": "DeleteOrganizationConformancePack",
}
"""What names a rule of Config or a pack of them in the call that deletes it."""


def _recording() -> Iterator[Call]:
    def config(names: Iterable[str], judge: Judge, kind: str = "config_changed") -> Iterator[Call]:
        resource = ("configurationRecorderName", "deliveryChannelName", "name", *_CONFIG_RULES)
        return _calls("config", kind, names, judge, *resource)

    yield from config(("StartConfigurationRecorder",), effects.NEVER, RESTORED)
    yield from config(("PutDeliveryChannel",), effects.delivery_channel, RESTORED)
    yield from config(
        ("StopConfigurationRecorder", "DeleteConfigurationRecorder"), always("changes are no longer recorded")
    )
    yield from config(("DeleteDeliveryChannel",), always("what is recorded is no longer delivered"))
    yield from config(("PutConfigurationRecorder",), effects.recorder)
    yield from config(_CONFIG_RULES.values(), always("what is recorded is no longer checked"))
    yield from config(
        ("DisassociateResourceTypes", "DeleteServiceLinkedConfigurationRecorder"),
        always("changes of some resource types are no longer recorded"),
    )


def _guarding() -> Iterator[Call]:
    def guard(service: str, names: Iterable[str], judge: Judge) -> Iterator[Call]:
        resource = ("detectorId", "name", "standardsControlArn", "StandardsControlArn", "malwareProtectionPlanId")
        return _calls(service, "detection_changed", names, effects.spelled_alike(judge), *resource)

    alone = (
        "DisassociateMembers",
        "DeleteMembers",
        "DisassociateFromAdministratorAccount",
        "DisassociateFromMasterAccount",
        "DisableOrganizationAdminAccount",
    )
    for service in ("guardduty", "securityhub"):
        yield from guard(service, alone, always("accounts are no longer watched together"))
        yield from guard(service, ("UpdateOrganizationConfiguration",), effects.organization_detection)
    yield from guard("guardduty", ("DeleteDetector",), always("the detector is gone"))
    yield from guard("guardduty", ("UpdateDetector", "UpdateMemberDetectors"), effects.detector)
    yield from guard("guardduty", ("StopMonitoringMembers",), always("member accounts are no longer watched"))
    yield from guard("guardduty", ("CreateFilter",), effects.finding_filter)
    yield from guard("guardduty", ("UpdateFilter",), effects.changed_filter)
    trusted = ("CreateIPSet", "UpdateIPSet", "CreateTrustedEntitySet", "UpdateTrustedEntitySet")
    yield from guard("guardduty", trusted, effects.trusted_list)
    threats = ("ThreatIntelSet", "ThreatEntitySet")
    yield from guard("guardduty", (f"Update{name}" for name in threats), effects.threat_list)
    yield from guard("guardduty", (f"Delete{name}" for name in threats), always("a list of known threats is gone"))
    yield from guard("guardduty", ("UpdateMalwareScanSettings",), effects.malware_scans)
    yield from guard("guardduty", ("UpdateMalwareProtectionPlan",), effects.malware_protection)
    yield from guard("guardduty", ("DeleteMalwareProtectionPlan",), always("objects are no longer scanned"))
    yield from guard("guardduty", ("DeletePublishingDestination",), always("findings are no longer exported"))
    exported = effects.Fixed(Told(Effect.OPEN, "where findings are exported to was set"))
    yield from guard("guardduty", ("UpdatePublishingDestination",), exported)
    yield from guard("securityhub", ("DisableSecurityHub", "DisableSecurityHubV2"), always("Security Hub is off"))
    yield from guard("securityhub", ("DisableSecurityHubFeatureV2",), always("a feature of Security Hub is off"))
    yield from guard("securityhub", ("BatchDisableStandards",), always("standards are off"))
    yield from guard("securityhub", ("UpdateSecurityHubConfiguration",), effects.new_checks)
    yield from guard("securityhub", ("UpdateConfigurationPolicy",), effects.central_policy)
    yield from guard("securityhub", ("UpdateStandardsControl",), effects.standards_control)
    yield from guard("securityhub", ("BatchUpdateStandardsControlAssociations",), effects.associations)
    muting = ("CreateAutomationRule", "BatchUpdateAutomationRules", "CreateAutomationRuleV2", "UpdateAutomationRuleV2")
    yield from guard("securityhub", muting, effects.automation_rule)
    yield from guard("securityhub", ("DisableImportFindingsForProduct",), always("findings are no longer taken in"))


def _reacting() -> Iterator[Call]:
    def events(names: Iterable[str], judge: Judge) -> Iterator[Call]:
        return _calls("events", "detection_changed", names, judge, "rule", "name")

    yield from events(("DeleteRule", "DisableRule"), always("the rule no longer reacts"))
    yield from _calls("events", RESTORED, ("EnableRule",), effects.NEVER, "rule", "name")
    yield from events(("RemoveTargets",), always("what reacted to the rule is gone"))
    # Takes nothing away, and may put another in the place of a target that has its id.
    yield from events(("PutTargets",), effects.Fixed(Told(Effect.HARMLESS, "what reacts to the rule was set")))
    yield from events(("PutRule",), effects.rule)
    yield from _calls(
        "ec2", "flow_logs_deleted", ("DeleteFlowLogs",), always("traffic is no longer logged"), "FlowLogId", "flowLogId"
    )


CALLS: Final[Mapping[tuple[str, str], Call]] = {(call.source, call.name): call for call in _table()}
"""By event source and name."""

TRAIL_CALLS: Final = frozenset(call.name for call in CALLS.values() if call.kind == "trail_changed")

INGRESS_CALLS: Final[Mapping[str, str]] = {
    "AuthorizeSecurityGroupIngress": "port_opened",
    "ModifySecurityGroupRules": "port_opened",
    "RevokeSecurityGroupIngress": "port_closed",
    "DeleteSecurityGroup": "port_closed",
}
"""Calls of EC2 that count where they open an administration port to everybody, or close one."""

ROOT_CALL: Final = "root_call"
"""Any call of the root user, reads included, of whatever service."""
SIGN_INS: Final = frozenset({"root_sign_in", "sign_in_failed", "sign_in_without_mfa", "sign_in_federated"})

_SCALING_ROLES: Final = ("AWSServiceRoleForApplicationAutoScaling", "AWSServiceRoleForAutoScaling")
_OWN_ALARMS: Final = ("TargetTracking-", "AWSCodeDeploy-", "awseb-")
_SCALING: Final = (
    "autoscaling.amazonaws.com",
    "application-autoscaling.amazonaws.com",
    "autoscaling-plans.amazonaws.com",
)


def call_of(record: Map) -> Call | None:
    """Return the call that a record tells of, its API version left out; None for every other."""
    source, name = record.get("eventSource"), record.get("eventName")
    if not isinstance(source, str) or not isinstance(name, str):
        return None
    return CALLS.get((source, name)) or CALLS.get((source, without_version(name)))


def without_version(name: str) -> str:
    """Return the name of a call without the API version behind it.

    Some services append one: ``DeleteFunction20150331``, ``...v2``, CloudFront's ``..._05_31``.
    """
    bare = name.rstrip("0123456789_")
    bare = bare.removesuffix("v").rstrip("0123456789_") if bare.endswith("v") else bare
    return bare if len(name) - len(bare) >= 8 else name  # noqa: PLR2004 - a date has eight digits


def effect_of(record: Map) -> Told:
    """Return what a call of the table does; open for any other."""
    call = call_of(record)
    if call is None:
        return Told(Effect.OPEN)
    asked = requested(record)
    if call.name == "DeleteAlarms" and _tidies_up(record, asked):
        return effects.HARMLESS
    if _is_its_own(record, call, asked):
        return Told(Effect.HARMLESS, "a service changed what it manages itself")
    if not asked and not isinstance(call.judge, effects.Fixed):
        return effects.UNTOLD
    return call.judge(asked)


def _is_its_own(record: Map, call: Call, asked: Map) -> bool:
    """Tell whether a service changed a rule that it manages, by its service-linked role, which nobody else may take on.

    Such roles may touch managed rules of EventBridge alone; Security Hub's may delete its own rules of Config as well,
    which it does when AWS retires a check, while one that people switch off is told by their own call.
    """
    issuer = text(member(member(member(record, "userIdentity"), "sessionContext"), "sessionIssuer").get("arn"))
    service = issuer.partition(":role/aws-service-role/")[2].partition("/")[0]
    if call.name == "DeleteConfigRule":
        return service == "securityhub.amazonaws.com" and text(asked.get("configRuleName")).startswith("securityhub-")
    return bool(service) and call.source == "events.amazonaws.com"


def _tidies_up(record: Map, asked: Map) -> bool:
    """Tell whether a scaling service took away alarms that it had made for itself.

    The role counts, never the name of its session, which whoever takes on a role may choose.
    """
    _, _, session = text(member(record, "userIdentity").get("arn")).partition(":assumed-role/")
    scaling = session.partition("/")[0].startswith(_SCALING_ROLES) or any(
        part in service_behind(record) for part in _SCALING
    )
    return scaling and effects.names_start(texts(asked.get("alarmNames")), *_OWN_ALARMS)


_ELSEWHERE: Final = (
    "bucketName", "groupId", "groupName", "keyId", "name", "trailName", "alarmNames", "alarmName", "topicArn",
    "subscriptionArn", "logGroupName", "detectorId", "rule", "userName", "roleName",
)  # fmt: skip
"""Members that name what a call is about which stands in no table."""


def resource_of(record: Map) -> str:
    """Return what a call is about, by its request, then by the record's resources; empty where neither says."""
    call, asked = call_of(record), requested(record)
    names = call.names if call else ()
    if call is not None and call.kind == MEMBERSHIP and not asked:
        asked = member(record, "serviceEventDetails")
    for value in (*(asked.get(name) for name in names), *(value for name in names for value in found(asked, name))):
        if told := _named(value):
            return told
    group = member(asked, "ModifySecurityGroupRulesRequest").get("GroupId")
    for name in _ELSEWHERE:
        value = group if name == "groupId" and group else asked.get(name)
        if told := _named(value):
            return told
    resources = record.get("resources")
    named = (text(item.get("ARN")) for item in maps(resources)) if isinstance(resources, list) else ()
    return next((told for told in named if told), "")


MOST_NAMED: Final = 100
"""Things of one call that are named: as many as CloudWatch lets somebody delete at once. How many more is said."""
_MORE: Final = re.compile(r"and ([\d,]+) more")


def _named(value: Any) -> str:
    names = list(_names(value))
    more = len(names) - MOST_NAMED
    return ", ".join([*names[:MOST_NAMED], *([f"and {more:,} more"] if more > 0 else ())])


def _names(value: Any, depth: int = 4) -> Iterator[str]:
    if isinstance(value, Mapping):
        if told := text(value.get("content")):
            yield told
            return
        value = maps(value)
    if isinstance(value, list):
        for item in value if depth > 1 else ():
            yield from _names(item, depth - 1)
    elif told := text(value):
        yield told


def names_in(resource: Any) -> tuple[tuple[str, ...], bool]:
    """Return what a row names as its resource, each thing, and whether there are more that it does not name."""
    names = resource.split(", ") if isinstance(resource, str) and resource else []
    more = bool(names) and _MORE.fullmatch(names[-1]) is not None
    return tuple(names[:-1] if more else names), more


def few_of(resource: str) -> str:
    """Return a resource for a sentence: three things by name, and how many more."""
    names, more = names_in(resource)
    if len(names) <= 3 and not more:  # noqa: PLR2004 - as said
        return resource
    rest = len(names) - 3 + (int(resource.rpartition("and ")[2].split()[0].replace(",", "")) if more else 0)
    return f"{', '.join(names[:3])} and {rest:,} more"


def sources_of_call(name: str) -> frozenset[str]:
    """Return the services that take a call of that name; empty when it is not searched for."""
    return frozenset(source for source, call in CALLS if call == name)


def sources_of_kind(kind: str) -> frozenset[str]:
    """Return the services whose events are of a kind; empty for ``root_call``, and for what is not searched for."""
    if kind in SIGN_INS:
        return frozenset({SIGN_IN})
    if kind in INGRESS_CALLS.values():
        return frozenset({"ec2.amazonaws.com"})
    return frozenset(call.source for call in CALLS.values() if call.kind == kind)
