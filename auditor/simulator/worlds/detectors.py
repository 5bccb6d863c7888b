"""Building blocks: the services of AWS that watch over an account, switched on, off or half."""

from datetime import datetime
from typing import Any

from auditor.simulator import clock
from auditor.simulator.worlds.builder import Builder
from auditor.simulator.worlds.parts import hash_text


def config_recorder(aws: Builder, region: str, *, recording: bool = True, since: datetime) -> None:
    """Declare a Region's AWS Config recorder."""
    name = "default"
    started = since
    recorder = {
        "arn": f"arn:aws:config:{region}:{aws.account}:configuration-recorder/{name}/k3p5r7t9v1x3z5b7",
        "name": name,
        "roleARN": f"arn:aws:iam::{aws.account}:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig",
        "recordingGroup": {
            "allSupported": True,
            "includeGlobalResourceTypes": region == aws.home,
            "resourceTypes": [],
            "exclusionByResourceTypes": {"resourceTypes": []},
            "recordingStrategy": {"useOnly": "ALL_SUPPORTED_RESOURCE_TYPES"},
        },
        "recordingMode": {"recordingFrequency": "CONTINUOUS"},
    }
    status: dict[str, Any] = {
        "name": name,
        "recording": recording,
        "lastStartTime": started,
        "lastStatus": "SUCCESS",
        "lastStatusChangeTime": clock.now(),
    }
    channel = {"name": "default", "s3BucketName": "northwind-config-history"}
    delivered = {"lastStatus": "SUCCESS", "lastAttemptTime": clock.now(), "lastSuccessfulTime": clock.now()}
    declare = aws.application.declare
    declare("config:DescribeConfigurationRecorders", {"ConfigurationRecorders": [recorder]}, region=region)
    declare("config:DescribeConfigurationRecorderStatus", {"ConfigurationRecordersStatus": [status]}, region=region)
    declare("config:DescribeDeliveryChannels", {"DeliveryChannels": [channel]}, region=region)
    declare(
        "config:DescribeDeliveryChannelStatus",
        {
            "DeliveryChannelsStatus": [
                {
                    "name": "default",
                    "configSnapshotDeliveryInfo": delivered,
                    "configHistoryDeliveryInfo": delivered,
                    "configStreamDeliveryInfo": {"lastStatus": "SUCCESS", "lastStatusChangeTime": clock.now()},
                }
            ]
        },
        region=region,
    )


def security_hub(aws: Builder, region: str, since: datetime) -> None:
    """Declare Security Hub as on."""
    hub = f"arn:aws:securityhub:{region}:{aws.account}:hub/default"
    aws.application.declare(
        "securityhub:DescribeHub",
        {"HubArn": hub, "SubscribedAt": f"{since:%Y-%m-%dT%H:%M:%S.000Z}", "AutoEnableControls": True},
        region=region,
    )
    standard = "standards/aws-foundational-security-best-practices/v/1.0.0"
    aws.application.declare(
        "securityhub:GetEnabledStandards",
        {
            "StandardsSubscriptions": [
                {
                    "StandardsSubscriptionArn": hub.replace(":hub/default", f":subscription/{standard[10:]}"),
                    "StandardsArn": f"arn:aws:securityhub:{region}::{standard}",
                    "StandardsInput": {},
                    "StandardsStatus": "READY",
                }
            ]
        },
        region=region,
    )


def guard_duty(aws: Builder, region: str, since: datetime) -> None:
    """Declare GuardDuty as on."""
    detector = f"{abs(hash_text(region)):032x}"[:32]
    stamp = f"{since:%Y-%m-%dT%H:%M:%S.000Z}"
    aws.application.declare("guardduty:ListDetectors", {"DetectorIds": [detector]}, region=region)
    aws.application.declare(
        "guardduty:GetDetector",
        {
            "CreatedAt": stamp,
            "UpdatedAt": stamp,
            "Status": "ENABLED",
            "ServiceRole": f"arn:aws:iam::{aws.account}:role/aws-service-role/guardduty.amazonaws.com/AWSServiceRole",
            "FindingPublishingFrequency": "FIFTEEN_MINUTES",
        },
        region=region,
    )


def access_analyzer(aws: Builder, region: str, since: datetime) -> None:
    """Declare an external access analyzer."""
    aws.application.declare(
        "accessanalyzer:ListAnalyzers",
        {
            "analyzers": [
                {
                    "arn": f"arn:aws:access-analyzer:{region}:{aws.account}:analyzer/external",
                    "name": "external",
                    "type": "ACCOUNT",
                    "createdAt": since,
                    "status": "ACTIVE",
                }
            ]
        },
        region=region,
    )


def macie(aws: Builder, region: str, since: datetime) -> None:
    """Declare Macie with automated discovery as on."""
    declare = aws.application.declare
    session = {"createdAt": since, "updatedAt": since, "status": "ENABLED", "findingPublishingFrequency": "ONE_HOUR"}
    declare("macie2:GetMacieSession", session, region=region)
    declare(
        "macie2:GetAutomatedDiscoveryConfiguration",
        {"status": "ENABLED", "firstEnabledAt": since, "lastUpdatedAt": since, "autoEnableOrganizationMembers": "NONE"},
        region=region,
    )
    declare("macie2:ListClassificationJobs", {"items": []}, region=region)
