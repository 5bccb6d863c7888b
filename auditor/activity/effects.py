"""What a call sets, by its request: whether it weakens what it is about, leaves it as good, or cannot be told.

A call is judged by what it asks for, not by its name: ``UpdateDetector`` switches protection on as well as off. Where
the request does not say, the effect is open, never harmless. Sources: the API reference of each service.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from auditor.activity.fields import Map, flag, found, items, maps, member, text, texts
from auditor.base.counts import counted


class Effect(StrEnum):
    """What a call does to the protection that it is about."""

    WEAKENS = "weakens"
    HARMLESS = "harmless"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Told:
    """An effect and the words for it."""

    effect: Effect
    words: str = ""
    holds: bool | None = None
    """Whether what it is about is in order afterwards; None where another value stands that is not judged here."""


Judge = Callable[[Map], Told]
"""Judges a request's parameters."""

HARMLESS: Final = Told(Effect.HARMLESS, holds=True)
UNTOLD: Final = Told(Effect.OPEN, "the request is not in the record")
"""CloudTrail leaves a request out that is longer than 100 KB."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """Judges a call that does the same whatever it asks for."""

    told: Told

    def __call__(self, _: Map) -> Told:
        """Return that."""
        return self.told


@dataclass(frozen=True, slots=True)
class Rewriting(Fixed):
    """Judges a call that puts another value in the place of one, which counts whatever it asks for.

    ``read`` says of a request that is told what stands there afterwards.
    """

    read: Judge

    def __call__(self, asked: Map) -> Told:
        """Return what stands there, or that it was set where the request is not told."""
        return self.read(asked) if asked else self.told


def weakens(words: str) -> Told:
    """Say what was weakened."""
    return Told(Effect.WEAKENS, words, holds=False)


def rewritten(words: str) -> Judge:
    """Judge a call that puts another value in the place of one, good or bad."""
    return Fixed(Told(Effect.WEAKENS, words))


def always(words: str) -> Judge:
    """Judge a call that weakens whatever it asks for."""
    return Fixed(weakens(words))


NEVER: Final = Fixed(HARMLESS)
"""Judges a call that weakens nothing, whatever it asks for."""


def event_selectors(asked: Map) -> Told:
    """CloudTrail's PutEventSelectors: whether the writes of all services are recorded afterwards."""
    words = "what the trail records was set"
    full = [*map(_records_writes, maps(asked.get("eventSelectors"))), *map(_all_writes, _management_fields(asked))]
    if any(full):
        return Told(Effect.WEAKENS, words, holds=True)
    return Told(Effect.WEAKENS, f"{words}, and it leaves out management events", holds=False)


def _records_writes(selector: Map) -> bool:
    left_out = texts(selector.get("excludeManagementEventSources"))
    access = text(selector.get("readWriteType")) or "All"
    return flag(selector.get("includeManagementEvents")) is not False and access != "ReadOnly" and not left_out


def _management_fields(asked: Map) -> list[list[Map]]:
    fields = [maps(selector.get("fieldSelectors")) for selector in maps(asked.get("advancedEventSelectors"))]
    return [
        named
        for named in fields
        if any(
            text(item.get("field")) == "eventCategory" and "Management" in texts(item.get("equals")) for item in named
        )
    ]


def _all_writes(named: Iterable[Map]) -> bool:
    others = [item for item in named if text(item.get("field")) != "eventCategory"]
    return all(text(item.get("field")) == "readOnly" and texts(item.get("equals")) == ["false"] for item in others)


def trail_settings(asked: Map) -> Told:
    """CloudTrail's UpdateTrail: whether digests are written afterwards, where it says."""
    validated = flag(asked.get("enableLogFileValidation"))
    words = ["what the trail records or where it goes was set"]
    words += [said for name, said in _TRAIL_FLAGS.items() if flag(asked.get(name)) is False]
    words += [said for name, said in _TRAIL_PLACES.items() if name in asked]
    if validated is not None:
        words.append(f"validation is {'on' if validated else 'off'}")
    return Told(Effect.WEAKENS, "; ".join(words), holds=validated)


_TRAIL_FLAGS: Final = {
    "isMultiRegionTrail": "it records one Region alone",
    "includeGlobalServiceEvents": "it leaves out events of global services",
    "isOrganizationTrail": "it records one account alone",
}
_TRAIL_PLACES: Final = {
    "s3BucketName": "the bucket was named",
    "cloudWatchLogsLogGroupArn": "the log group was named",
    "snsTopicName": "the topic was named",
    "kmsKeyId": "the key was named",
}
"""Members of UpdateTrail that say where its files go: what stood there before, the record does not tell."""


def detector(asked: Map) -> Told:
    """GuardDuty's UpdateDetector and UpdateMemberDetectors: what is switched off."""
    off = [*_disabled(asked), *_sources_off(asked.get("dataSources"))]
    if flag(asked.get("enable")) is False:
        off.insert(0, "the detector")
    return weakens(f"switches off {', '.join(off)}") if off else HARMLESS


def _disabled(asked: Map) -> list[str]:
    named = [
        *maps(asked.get("features")),
        *(item for one in maps(asked.get("features")) for item in maps(one.get("additionalConfiguration"))),
    ]
    return [text(item.get("name")) or "a feature" for item in named if text(item.get("status")).upper() == "DISABLED"]


def _sources_off(sources: Any) -> list[str]:
    return [
        "a data source" for value in found(sources, "enable", "scanEc2InstanceWithFindings") if flag(value) is False
    ]


def organization_detection(asked: Map) -> Told:
    """UpdateOrganizationConfiguration of GuardDuty and Security Hub: new accounts are no longer taken in."""
    values = list(found(asked, "autoEnable", "autoEnableOrganizationMembers", "autoEnableStandards"))
    off = any(flag(value) is False or text(value).upper() == "NONE" for value in values)
    return weakens("new accounts are no longer taken in") if off else HARMLESS


def finding_filter(asked: Map) -> Told:
    """GuardDuty's CreateFilter and UpdateFilter: findings that are archived unseen."""
    return weakens("findings are archived unseen") if text(asked.get("action")).upper() == "ARCHIVE" else HARMLESS


def changed_filter(asked: Map) -> Told:
    """GuardDuty's UpdateFilter: one whose action is not told may archive what it now finds."""
    if text(asked.get("action")):
        return finding_filter(asked)
    return Told(Effect.OPEN, "what a filter finds was set") if asked.get("findingCriteria") else HARMLESS


def trusted_list(asked: Map) -> Told:
    """GuardDuty's lists of trusted addresses and names: whatever one holds, nothing is found about it any more."""
    if flag(asked.get("activate")):
        return weakens("a list of what is trusted is active")
    open_list = flag(asked.get("activate")) is None and text(asked.get("location"))
    return Told(Effect.OPEN, "what a list trusts was set") if open_list else HARMLESS


def threat_list(asked: Map) -> Told:
    """GuardDuty's lists of known threats: one that is not active finds nothing, another one may know less."""
    if flag(asked.get("activate")) is False:
        return weakens("a list of known threats is not active")
    return Told(Effect.OPEN, "what a list knows was set") if text(asked.get("location")) else HARMLESS


def malware_scans(asked: Map) -> Told:
    """GuardDuty's UpdateMalwareScanSettings: machines whose volumes are no longer scanned."""
    criteria = member(asked, "scanResourceCriteria")
    return weakens("only some machines are scanned") if criteria.get("include") or criteria.get("exclude") else HARMLESS


def malware_protection(asked: Map) -> Told:
    """GuardDuty's UpdateMalwareProtectionPlan: objects that are no longer scanned."""
    names = [name for value in found(asked, "objectPrefixes") for name in texts(value)]
    return Told(Effect.OPEN, "which objects are scanned was set") if names else HARMLESS


def new_checks(asked: Map) -> Told:
    """Security Hub's UpdateSecurityHubConfiguration: new checks of standards that stay off."""
    off = flag(asked.get("autoEnableControls")) is False
    return weakens("new checks are no longer switched on") if off else HARMLESS


def central_policy(asked: Map) -> Told:
    """Security Hub's UpdateConfigurationPolicy: whether it is on, and with which checks, in the accounts below."""
    told = member(member(asked, "configurationPolicy"), "securityHub")
    if flag(told.get("serviceEnabled")) is False:
        return weakens("Security Hub is off where the policy applies")
    if any(items(value) for value in found(told, "disabledSecurityControlIdentifiers")):
        return weakens("checks are switched off where the policy applies")
    return Told(Effect.OPEN, "which standards and checks are on was set") if told else HARMLESS


def standards_control(asked: Map) -> Told:
    """Security Hub's UpdateStandardsControl: a check that is switched off."""
    return weakens("a check is switched off") if text(asked.get("controlStatus")).upper() == "DISABLED" else HARMLESS


def associations(asked: Map) -> Told:
    """Security Hub's BatchUpdateStandardsControlAssociations: checks that are switched off."""
    off = any(text(value).upper() == "DISABLED" for value in found(asked, "associationStatus"))
    return weakens("a check is switched off") if off else HARMLESS


def automation_rule(asked: Map) -> Told:
    """Security Hub's automation rules, old and new: findings that nobody looks at any more."""
    names = ("SUPPRESSED", "RESOLVED")
    muted = any(text(inner).upper() in names for value in found(asked, "workflow") for inner in found(value, "status"))
    put_away = any(value in _PUT_AWAY for value in found(asked, "statusId"))
    return weakens("findings are put away unseen") if muted or put_away else HARMLESS


_PUT_AWAY: Final = (3, 4, 5)
"""Suppressed, resolved, archived: OCSF, ``status_id`` of a finding."""


def recorder(asked: Map) -> Told:
    """Config's PutConfigurationRecorder: what is no longer recorded."""
    told = member(asked, "configurationRecorder")
    group = member(told, "recordingGroup")
    if not told:
        return UNTOLD
    strategy = text(member(group, "recordingStrategy").get("useOnly")).upper()
    left_out = items(member(group, "exclusionByResourceTypes").get("resourceTypes"))
    if strategy == "INCLUSION_BY_RESOURCE_TYPES" or (
        flag(group.get("allSupported")) is False and not left_out and strategy != "ALL_SUPPORTED_RESOURCE_TYPES"
    ):
        return weakens("only some resource types are recorded")
    if left_out:
        return weakens(f"{counted(len(left_out), 'resource type is', 'resource types are')} left out")
    mode = member(told, "recordingMode")
    if text(mode.get("recordingFrequency")).upper() == "DAILY":
        return weakens("changes are recorded once a day")
    overrides = maps(mode.get("recordingModeOverrides"))
    if any(text(item.get("recordingFrequency")).upper() == "DAILY" for item in overrides):
        return weakens("changes of some resource types are recorded once a day")
    return HARMLESS


def alarm(asked: Map) -> Told:
    """CloudWatch's PutMetricAlarm: an alarm that tells nobody, or never goes off."""
    if flag(asked.get("actionsEnabled")) is False:
        return weakens("its actions are off")
    if not texts(asked.get("alarmActions")):
        return weakens("it has no action for ALARM")
    if _is_endless(asked):
        never = weakens("it goes off once and never again")
        kept = text(asked.get("treatMissingData")) in {"breaching", "ignore"}
        return never if kept else Told(Effect.OPEN, "any value sets it off, so that only missing values can end it")
    return weakens("its threshold cannot be reached") if _is_dead(asked) else HARMLESS


_UNREACHED: Final = 1_000_000
"""No count of calls in one period of an alarm comes near."""


def _limit(asked: Map) -> tuple[float | None, str]:
    threshold, comparison = asked.get("threshold"), text(asked.get("comparisonOperator"))
    known = isinstance(threshold, int | float) and not isinstance(threshold, bool)
    return (threshold if known else None), comparison


def _is_endless(asked: Map) -> bool:
    """Tell whether any count at all sets it off; an alarm acts when it goes off, not while it lasts."""
    threshold, comparison = _limit(asked)
    if threshold is None:
        return False
    return (comparison == "GreaterThanOrEqualToThreshold" and threshold <= 0) or (
        comparison == "GreaterThanThreshold" and threshold < 0
    )


def _is_dead(asked: Map) -> bool:
    threshold, comparison = _limit(asked)
    if threshold is None:
        return False
    if comparison.startswith("GreaterThan"):
        return threshold >= _UNREACHED
    below = threshold < 0 or (threshold == 0 and comparison == "LessThanThreshold")
    return comparison in {"LessThanThreshold", "LessThanOrEqualToThreshold"} and below


def alarm_state(asked: Map) -> Told:
    """CloudWatch's SetAlarmState: to set one off tells its audience, which is how alarms are tried out."""
    state = text(asked.get("stateValue")).upper()
    return HARMLESS if state == "ALARM" else weakens(f"the alarm's state was set by hand{state and f' to {state}'}")


def composite(asked: Map) -> Told:
    """CloudWatch's PutCompositeAlarm: one that tells nobody or is suppressed; any other may have been wider before."""
    if flag(asked.get("actionsEnabled")) is False:
        return weakens("its actions are off")
    if not texts(asked.get("alarmActions")):
        return weakens("it has no action for ALARM")
    if text(asked.get("actionsSuppressor")):
        return weakens("another alarm can suppress its actions")
    rule = text(asked.get("alarmRule")).strip().upper()
    return weakens("its rule is never true") if rule == "FALSE" else Told(Effect.WEAKENS, "its rule was written anew")


def subscription(asked: Map) -> Told:
    """SNS's SetSubscriptionAttributes: messages that no longer arrive."""
    name = text(asked.get("attributeName"))
    if name in {"RawMessageDelivery", "RedrivePolicy", "DeliveryPolicy"}:
        return HARMLESS
    if name in {"FilterPolicy", "FilterPolicyScope"}:
        value = text(asked.get("attributeValue")).replace(" ", "")
        return HARMLESS if name == "FilterPolicy" and value == "{}" else weakens("a filter decides what arrives")
    return weakens(f"{name or 'an attribute'} was set")


_HARMLESS_TOPIC: Final = ("DisplayName", "DeliveryPolicy", "TracingConfig", "SignatureVersion")


def topic(asked: Map) -> Told:
    """SNS's SetTopicAttributes: who may publish, or with which key."""
    name = text(asked.get("attributeName"))
    if name in _HARMLESS_TOPIC or name.endswith(("FeedbackRoleArn", "FeedbackSampleRate")):
        return HARMLESS
    return Told(Effect.WEAKENS, f"{name or 'an attribute'} of the topic was set")


def rule(asked: Map) -> Told:
    """EventBridge's PutRule: one that is switched off by being written.

    A pattern that is set says nothing of the one before it, and each deployment sets some: that is told, not held
    against the period, whose criterion speaks of rules taken away.
    """
    if text(asked.get("state")).upper() == "DISABLED":
        return weakens("the rule is switched off")
    return Told(Effect.HARMLESS, "what the rule reacts to was set") if text(asked.get("eventPattern")) else HARMLESS


def delivery_channel(asked: Map) -> Told:
    """Config's PutDeliveryChannel: switches delivery on again, or turns it to another place."""
    told = member(asked, "deliveryChannel")
    return Told(Effect.OPEN, "where what is recorded goes was set") if text(told.get("s3BucketName")) else HARMLESS


def public_access_block(asked: Map) -> Told:
    """S3's PutAccountPublicAccessBlock and PutBucketPublicAccessBlock: harmless only where all four are on."""
    told = next((item for item in found(asked, "PublicAccessBlockConfiguration") if isinstance(item, dict)), asked)
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    off = [name for name in names if flag(told.get(name)) is not True]
    return weakens(f"{', '.join(off)} {'is' if len(off) == 1 else 'are'} not on") if off else HARMLESS


def ownership(asked: Map) -> Told:
    """S3's PutBucketOwnershipControls: harmless where the owner has every object and access lists count for nothing."""
    named = {text(value) for value in found(asked, "ObjectOwnership")}
    return HARMLESS if named == {"BucketOwnerEnforced"} else weakens("who owns objects and heeds access lists was set")


def versioning(asked: Map) -> Told:
    """S3's PutBucketVersioning: versions that are no longer kept, or deleted without a second factor."""
    told = member(asked, "VersioningConfiguration")
    on = text(told.get("Status")) == "Enabled" and text(told.get("MfaDelete")) != "Disabled"
    return HARMLESS if on else weakens(f"versioning is {text(told.get('Status')) or 'not told'}")


def bucket_logging(asked: Map) -> Told:
    """S3's PutBucketLogging: switched off where no target is named."""
    on = any(True for value in found(asked, "TargetBucket") if text(value))
    return HARMLESS if on else weakens("access logging is off")


def encryption(asked: Map) -> Told:
    """S3's PutBucketEncryption: another key may be one that readers or CloudTrail cannot use."""
    named = sorted({text(value) for value in found(asked, "KMSMasterKeyID", "SSEAlgorithm")} - {""})
    return Told(Effect.WEAKENS, f"encryption was set to {', '.join(named)}" if named else "encryption was set")


def spelled_alike(judge: Judge) -> Judge:
    """Judge requests whose members begin with a capital letter, as Security Hub's records spell them, like others."""
    return judge if isinstance(judge, Fixed) else lambda asked: judge(_lowered(asked))


def _lowered(value: Any, depth: int = 8) -> Any:
    if depth and isinstance(value, Mapping):
        return {str(name)[:1].lower() + str(name)[1:]: _lowered(inner, depth - 1) for name, inner in value.items()}
    return [_lowered(inner, depth - 1) for inner in value] if depth and isinstance(value, list) else value


def names_start(names: Iterable[str], *beginnings: str) -> bool:
    """Tell whether there are names and each begins in one of some ways."""
    known = list(names)
    return bool(known) and all(name.startswith(beginnings) for name in known)
