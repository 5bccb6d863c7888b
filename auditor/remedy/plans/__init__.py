"""Which change closes which finding: one function for each kind, from the evidence alone."""

from collections.abc import Callable, Mapping

from auditor.remedy.change import Finding, Remedy
from auditor.remedy.known import Known
from auditor.remedy.plans import account, alarms, buckets, closing, monitors, network, services, trails

Plan = Callable[[Finding, Known], Remedy]
"""Returns the remedy; raises ``Unknown`` where the evidence does not carry one."""

PLANS: Mapping[str, Plan] = {
    "account-security-contact": account.security_contact,
    "iam-password-min-length": account.password_policy,
    "iam-password-reuse-24": account.password_policy,
    "s3-block-public-access": account.public_access,
    "ebs-default-encryption": account.volume_encryption,
    "kms-key-rotation": account.key_rotation,
    "guardduty-enabled": services.guardduty,
    "securityhub-enabled": services.security_hub,
    "access-analyzer-external-all-regions": services.analyzer,
    "config-recorder-all-regions": services.recorder,
    "cloudtrail-multi-region-trail": trails.multi_region,
    "cloudtrail-log-file-validation": trails.validation,
    "cloudtrail-kms-encryption": trails.encryption,
    "cloudtrail-cloudwatch-logs": trails.log_group,
    "trail-log-group-retention": trails.retention,
    "log-group-retention-minimum": trails.retention,
    "log-group-expiry-decided": trails.retention,
    "cloudtrail-bucket-access-logging": buckets.access_logging,
    "trail-bucket-object-lock": buckets.object_lock,
    "trail-bucket-policy-guards-logs": buckets.policy,
    "s3-deny-insecure-transport": buckets.policy,
    "vpc-flow-logs": network.flow_logs,
    "default-sg-closed": network.default_group,
    "sg-no-open-admin-ports-ipv4": network.open_ports,
    "sg-no-open-admin-ports-ipv6": network.open_ports,
    "cifs-not-open": network.open_ports,
    "ec2-imdsv2-only": network.metadata,
    "alarm-topics-have-audience": alarms.audience,
    "composite-alarms-heard": alarms.composite,
    "opened-security-group-remediated": closing.close_opened_rules,
    **dict.fromkeys(monitors.MONITORS, monitors.monitor),
}
"""Control id -> how its findings are closed."""
