"""What log files are searched for: calls and sign-ins, the service that takes each, and what kind of event each is.

The search finds these and nothing else, so a control over a period can only speak about them.
"""

from collections.abc import Mapping
from typing import Final

TRAIL_CALLS: Final = frozenset(
    {
        "StopLogging",
        "StartLogging",
        "DeleteTrail",
        "CreateTrail",
        "UpdateTrail",
        "PutEventSelectors",
        "PutInsightSelectors",
    }
)
_BUCKET_CALLS: Final = frozenset(
    {
        "PutBucketPolicy",
        "DeleteBucketPolicy",
        "PutBucketAcl",
        "PutBucketPublicAccessBlock",
        "DeleteBucketPublicAccessBlock",
        "PutBucketLifecycle",
        "PutBucketLifecycleConfiguration",
        "DeleteBucketLifecycle",
        "PutBucketVersioning",
        "PutBucketReplication",
        "DeleteBucketReplication",
        "PutBucketCors",
        "DeleteBucketCors",
        "PutBucketLogging",
        "PutObjectLockConfiguration",
        "PutBucketObjectLockConfiguration",
        "PutBucketEncryption",
        "DeleteBucketEncryption",
    }
)
_KEY_CALLS: Final = frozenset({"ScheduleKeyDeletion", "DisableKey", "DeleteImportedKeyMaterial", "DisableKeyRotation"})
_ALARM_CALLS: Final = frozenset({"DeleteAlarms", "DisableAlarmActions", "SetAlarmState", "PutMetricAlarm"})
_NOTICE_CALLS: Final = frozenset({"Unsubscribe", "DeleteTopic"})
_FILTER_CALLS: Final = frozenset({"DeleteMetricFilter", "DeleteLogGroup", "DeleteLogStream", "PutRetentionPolicy"})
_CONFIG_CALLS: Final = frozenset(
    {"StopConfigurationRecorder", "DeleteConfigurationRecorder", "DeleteDeliveryChannel", "PutConfigurationRecorder"}
)
_DETECTION_CALLS: Final = frozenset(
    {"DeleteDetector", "UpdateDetector", "DisableSecurityHub", "DeleteRule", "DisableRule", "RemoveTargets"}
)
_FLOW_CALLS: Final = frozenset({"DeleteFlowLogs"})

CALLS: Final[Mapping[tuple[str, str], str]] = {
    **{("cloudtrail.amazonaws.com", name): "trail_changed" for name in TRAIL_CALLS},
    **{("s3.amazonaws.com", name): "bucket_changed" for name in _BUCKET_CALLS},
    ("s3.amazonaws.com", "DeleteBucket"): "bucket_deleted",
    **{("kms.amazonaws.com", name): "key_disabled" for name in _KEY_CALLS},
    **{("monitoring.amazonaws.com", name): "alarm_changed" for name in _ALARM_CALLS},
    **{("sns.amazonaws.com", name): "notice_removed" for name in _NOTICE_CALLS},
    **{("logs.amazonaws.com", name): "log_group_changed" for name in _FILTER_CALLS},
    **{("config.amazonaws.com", name): "config_changed" for name in _CONFIG_CALLS},
    **{("guardduty.amazonaws.com", name): "detection_changed" for name in _DETECTION_CALLS},
    **{("securityhub.amazonaws.com", name): "detection_changed" for name in _DETECTION_CALLS},
    **{("events.amazonaws.com", name): "detection_changed" for name in _DETECTION_CALLS},
    **{("ec2.amazonaws.com", name): "flow_logs_deleted" for name in _FLOW_CALLS},
}
"""Event source and name of each call, all of them writes, and the kind of event it is."""

INGRESS_CALLS: Final[Mapping[str, str]] = {
    "AuthorizeSecurityGroupIngress": "port_opened",
    "ModifySecurityGroupRules": "port_opened",
    "RevokeSecurityGroupIngress": "port_closed",
}
"""Calls of EC2 that count where they open an administration port to everybody, or close one."""

ROOT_CALL: Final = "root_call"
"""Any call of the root user, reads included, of whatever service."""
SIGN_INS: Final = frozenset({"root_sign_in", "sign_in_failed", "sign_in_without_mfa", "sign_in_federated"})


def sources_of_call(name: str) -> frozenset[str]:
    """Return the services that take a call of that name; empty when it is not searched for."""
    return frozenset(source for source, call in CALLS if call == name)


def sources_of_kind(kind: str) -> frozenset[str]:
    """Return the services whose events are of a kind; empty for ``root_call``, and for what is not searched for."""
    if kind in SIGN_INS:
        return frozenset({"signin.amazonaws.com"})
    if kind in INGRESS_CALLS.values():
        return frozenset({"ec2.amazonaws.com"})
    return frozenset(source for (source, _), name in CALLS.items() if name == kind)
