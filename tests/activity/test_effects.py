"""A call counts by what it sets, not by its name."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.activity.calls import CALLS, call_of, effect_of, resource_of
from auditor.activity.effects import Effect, Fixed
from auditor.activity.identity import actor, by_root, is_copy, outcome, service_behind

WEAKENS, HARMLESS, OPEN = Effect.WEAKENS, Effect.HARMLESS, Effect.OPEN
ALL_ON = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
ENDLESS = {"threshold": 0, "comparisonOperator": "GreaterThanOrEqualToThreshold"}
HEARD = {"alarmName": "a", "actionsEnabled": True, "alarmActions": ["arn:aws:sns:eu-central-1:1:t"]}


def call(service: str, name: str, parameters: Any = None, **fields: Any) -> dict[str, Any]:
    """Make a record, as far as effects read it."""
    return {
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "requestParameters": parameters,
        "userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/ops/dana"},
        **fields,
    }


def recorder(**group: Any) -> dict[str, Any]:
    return {"configurationRecorder": {"name": "default", "recordingGroup": group}}


def often(frequency: str, *overrides: str) -> dict[str, Any]:
    """Ask for a recorder of everything that records so often, some types differently."""
    told = [{"resourceTypes": ["AWS::EC2::SecurityGroup"], "recordingFrequency": item} for item in overrides]
    mode = {"recordingFrequency": frequency, "recordingModeOverrides": told}
    return {"configurationRecorder": {"recordingGroup": {"allSupported": True}, "recordingMode": mode}}


def associated(status: str) -> dict[str, Any]:
    """Set checks of a standard, spelled as Security Hub's records spell it."""
    return {"StandardsControlAssociationUpdates": [{"SecurityControlId": "IAM.1", "AssociationStatus": status}]}


def central(**hub: Any) -> dict[str, Any]:
    """Ask for a policy of central configuration."""
    return {"Identifier": "p", "ConfigurationPolicy": {"SecurityHub": hub}}


def handled(status: str) -> dict[str, Any]:
    update = {"Type": "FINDING_FIELDS_UPDATE", "FindingFieldsUpdate": {"Workflow": {"Status": status}}}
    return {"RuleName": "r", "RuleStatus": "ENABLED", "Actions": [update]}


def owned(by: str) -> dict[str, str]:
    return {"ObjectOwnership": by}


@pytest.mark.parametrize(
    ("service", "name", "parameters", "expected"),
    [
        ("guardduty", "UpdateDetector", {"enable": True, "features": [{"name": "A", "status": "ENABLED"}]}, HARMLESS),
        ("guardduty", "UpdateDetector", {"findingPublishingFrequency": "SIX_HOURS"}, HARMLESS),
        ("guardduty", "UpdateDetector", {"enable": False}, WEAKENS),
        ("guardduty", "UpdateDetector", {"enable": "false"}, WEAKENS),
        ("guardduty", "UpdateDetector", {"features": [{"name": "A", "status": "DISABLED"}]}, WEAKENS),
        (
            "guardduty",
            "UpdateDetector",
            {
                "features": [
                    {"name": "A", "status": "ENABLED", "additionalConfiguration": [{"name": "B", "status": "DISABLED"}]}
                ]
            },
            WEAKENS,
        ),
        ("guardduty", "UpdateDetector", {"dataSources": {"s3Logs": {"enable": False}}}, WEAKENS),
        ("guardduty", "UpdateDetector", None, OPEN),
        ("guardduty", "UpdateMemberDetectors", {"features": [{"name": "A", "status": "DISABLED"}]}, WEAKENS),
        ("guardduty", "StopMonitoringMembers", {"accountIds": ["1"]}, WEAKENS),
        ("guardduty", "DisassociateFromAdministratorAccount", {}, WEAKENS),
        ("guardduty", "CreateFilter", {"action": "ARCHIVE"}, WEAKENS),
        ("guardduty", "CreateFilter", {"action": "NOOP"}, HARMLESS),
        ("guardduty", "UpdateFilter", {"action": "ARCHIVE"}, WEAKENS),
        ("guardduty", "UpdateFilter", {"findingCriteria": {"criterion": {}}}, OPEN),
        ("guardduty", "UpdateFilter", {"description": "d"}, HARMLESS),
        ("guardduty", "UpdateIPSet", {"activate": True}, WEAKENS),
        ("guardduty", "UpdateIPSet", {"location": "s3://b/k"}, OPEN),
        ("guardduty", "CreateIPSet", {"activate": False, "location": "s3://b/k"}, HARMLESS),
        ("guardduty", "CreateTrustedEntitySet", {"activate": True}, WEAKENS),
        ("guardduty", "UpdateThreatIntelSet", {"activate": False}, WEAKENS),
        ("guardduty", "UpdateThreatIntelSet", {"activate": True}, HARMLESS),
        ("guardduty", "UpdateThreatEntitySet", {"location": "s3://b/k"}, OPEN),
        ("guardduty", "DeleteThreatEntitySet", {"threatEntitySetId": "1"}, WEAKENS),
        ("guardduty", "UpdateMalwareScanSettings", {"ebsSnapshotPreservation": "NO_RETENTION"}, HARMLESS),
        (
            "guardduty",
            "UpdateMalwareScanSettings",
            {"scanResourceCriteria": {"exclude": {"EC2_INSTANCE_TAG": {"mapEquals": [{"key": "quiet"}]}}}},
            WEAKENS,
        ),
        ("guardduty", "UpdateMalwareProtectionPlan", {"actions": {"tagging": {"status": "ENABLED"}}}, HARMLESS),
        (
            "guardduty",
            "UpdateMalwareProtectionPlan",
            {"protectedResource": {"s3Bucket": {"objectPrefixes": ["in/"]}}},
            OPEN,
        ),
        ("guardduty", "UpdatePublishingDestination", {"destinationId": "1"}, OPEN),
        ("guardduty", "UpdateOrganizationConfiguration", {"autoEnableOrganizationMembers": "NONE"}, WEAKENS),
        ("guardduty", "UpdateOrganizationConfiguration", {"autoEnableOrganizationMembers": "ALL"}, HARMLESS),
        ("securityhub", "UpdateStandardsControl", {"controlStatus": "DISABLED"}, WEAKENS),
        ("securityhub", "UpdateStandardsControl", {"controlStatus": "ENABLED"}, HARMLESS),
        ("securityhub", "UpdateStandardsControl", {"ControlStatus": "DISABLED"}, WEAKENS),
        ("securityhub", "UpdateOrganizationConfiguration", {"AutoEnable": False}, WEAKENS),
        ("securityhub", "BatchUpdateStandardsControlAssociations", associated("DISABLED"), WEAKENS),
        ("securityhub", "BatchUpdateStandardsControlAssociations", associated("ENABLED"), HARMLESS),
        ("securityhub", "CreateAutomationRule", handled("SUPPRESSED"), WEAKENS),
        ("securityhub", "CreateAutomationRule", handled("NOTIFIED"), HARMLESS),
        ("securityhub", "DisableSecurityHubV2", {}, WEAKENS),
        ("securityhub", "CreateAutomationRuleV2", {"Actions": [{"FindingFieldsUpdate": {"StatusId": 3}}]}, WEAKENS),
        ("securityhub", "UpdateAutomationRuleV2", {"Actions": [{"FindingFieldsUpdate": {"StatusId": 2}}]}, HARMLESS),
        ("securityhub", "UpdateSecurityHubConfiguration", {"AutoEnableControls": False}, WEAKENS),
        ("securityhub", "UpdateSecurityHubConfiguration", {"AutoEnableControls": True}, HARMLESS),
        ("securityhub", "UpdateConfigurationPolicy", central(ServiceEnabled=False), WEAKENS),
        ("securityhub", "UpdateConfigurationPolicy", central(ServiceEnabled=True), OPEN),
        (
            "securityhub",
            "UpdateConfigurationPolicy",
            central(SecurityControlsConfiguration={"DisabledSecurityControlIdentifiers": ["IAM.1"]}),
            WEAKENS,
        ),
        ("securityhub", "UpdateConfigurationPolicy", {"Description": "d"}, HARMLESS),
        ("config", "DeleteConfigRule", {"configRuleName": "root-mfa"}, WEAKENS),
        ("config", "PutConfigurationRecorder", recorder(allSupported=True, includeGlobalResourceTypes=True), HARMLESS),
        (
            "config",
            "PutConfigurationRecorder",
            recorder(allSupported=False, resourceTypes=["AWS::S3::Bucket"]),
            WEAKENS,
        ),
        (
            "config",
            "PutConfigurationRecorder",
            recorder(recordingStrategy={"useOnly": "INCLUSION_BY_RESOURCE_TYPES"}),
            WEAKENS,
        ),
        (
            "config",
            "PutConfigurationRecorder",
            recorder(exclusionByResourceTypes={"resourceTypes": ["AWS::IAM::User"]}),
            WEAKENS,
        ),
        ("config", "PutConfigurationRecorder", {}, OPEN),
        ("config", "PutConfigurationRecorder", often("CONTINUOUS"), HARMLESS),
        ("config", "PutConfigurationRecorder", often("DAILY"), WEAKENS),
        ("config", "PutConfigurationRecorder", often("CONTINUOUS", "CONTINUOUS"), HARMLESS),
        ("config", "PutConfigurationRecorder", often("CONTINUOUS", "DAILY"), WEAKENS),
        ("config", "DisassociateResourceTypes", {"resourceTypes": ["AWS::IAM::Role"]}, WEAKENS),
        (
            "monitoring",
            "PutMetricAlarm",
            HEARD | {"threshold": 1, "comparisonOperator": "GreaterThanOrEqualToThreshold"},
            HARMLESS,
        ),
        ("monitoring", "PutMetricAlarm", HEARD | {"actionsEnabled": False}, WEAKENS),
        ("monitoring", "PutMetricAlarm", {"alarmName": "a", "alarmActions": []}, WEAKENS),
        (
            "monitoring",
            "PutMetricAlarm",
            HEARD | {"threshold": 1e9, "comparisonOperator": "GreaterThanThreshold"},
            WEAKENS,
        ),
        (
            "monitoring",
            "PutMetricAlarm",
            HEARD | {"threshold": -1.0, "comparisonOperator": "LessThanThreshold"},
            WEAKENS,
        ),
        ("monitoring", "PutMetricAlarm", HEARD | ENDLESS | {"treatMissingData": "ignore"}, WEAKENS),
        ("monitoring", "PutMetricAlarm", HEARD | ENDLESS | {"treatMissingData": "notBreaching"}, OPEN),
        ("monitoring", "SetAlarmState", {"alarmName": "a", "stateValue": "OK"}, WEAKENS),
        ("monitoring", "SetAlarmState", {"alarmName": "a", "stateValue": "INSUFFICIENT_DATA"}, WEAKENS),
        ("monitoring", "SetAlarmState", {"alarmName": "a", "stateValue": "ALARM"}, HARMLESS),
        ("monitoring", "PutCompositeAlarm", HEARD | {"alarmRule": "FALSE"}, WEAKENS),
        ("monitoring", "PutAlarmMuteRule", {"name": "m"}, WEAKENS),
        (
            "sns",
            "SetSubscriptionAttributes",
            {"attributeName": "FilterPolicy", "attributeValue": '{"a": ["b"]}'},
            WEAKENS,
        ),
        ("sns", "SetSubscriptionAttributes", {"attributeName": "FilterPolicy", "attributeValue": "{ }"}, HARMLESS),
        (
            "sns",
            "SetSubscriptionAttributes",
            {"attributeName": "RawMessageDelivery", "attributeValue": "true"},
            HARMLESS,
        ),
        ("sns", "SetTopicAttributes", {"attributeName": "Policy"}, WEAKENS),
        ("sns", "SetTopicAttributes", {"attributeName": "DisplayName"}, HARMLESS),
        ("events", "PutRule", {"name": "r", "state": "DISABLED"}, WEAKENS),
        ("events", "PutRule", {"name": "r", "state": "ENABLED"}, HARMLESS),
        ("events", "PutRule", {"name": "r", "state": "ENABLED", "eventPattern": '{"source": ["never"]}'}, HARMLESS),
        ("config", "PutDeliveryChannel", {"deliveryChannel": {"name": "d", "s3BucketName": "elsewhere"}}, OPEN),
        ("s3", "PutAccountPublicAccessBlock", {"PublicAccessBlockConfiguration": ALL_ON}, HARMLESS),
        (
            "s3",
            "PutAccountPublicAccessBlock",
            {"PublicAccessBlockConfiguration": ALL_ON | {"BlockPublicAcls": False}},
            WEAKENS,
        ),
        ("s3", "DeleteAccountPublicAccessBlock", {}, WEAKENS),
        ("s3", "PutBucketVersioning", {"VersioningConfiguration": {"Status": "Enabled"}}, HARMLESS),
        ("s3", "PutBucketVersioning", {"VersioningConfiguration": {"Status": "Suspended"}}, WEAKENS),
        ("s3", "PutBucketOwnershipControls", {"OwnershipControls": {"Rule": owned("BucketOwnerEnforced")}}, HARMLESS),
        ("s3", "PutBucketOwnershipControls", {"OwnershipControls": {"Rule": owned("ObjectWriter")}}, WEAKENS),
        ("cloudtrail", "PutEventConfiguration", {"trailName": "all"}, WEAKENS),
        ("cloudtrail", "StartLogging", {"name": "all"}, HARMLESS),
    ],
)
def test_what_a_call_sets(service: str, name: str, parameters: Any, expected: Effect) -> None:
    assert effect_of(call(service, name, parameters)).effect is expected


@pytest.mark.parametrize("asked", [None, {}, "odd", {"omitted": True, "originalSize": 204800, "reason": "too large"}])
@pytest.mark.parametrize(("source", "name"), sorted(CALLS))
def test_a_request_that_is_not_in_the_record_is_never_harmless(source: str, name: str, asked: Any) -> None:
    record = call(source.removesuffix(".amazonaws.com"), name, asked)
    judge = CALLS[source, name].judge
    assert effect_of(record).effect is (judge.told.effect if isinstance(judge, Fixed) else OPEN)
    assert resource_of(record) == ""


def test_a_scaling_service_takes_away_its_own_alarms_only() -> None:
    scaling = {"userIdentity": {"type": "AssumedRole", "invokedBy": "ecs.application-autoscaling.amazonaws.com"}}
    own = {"alarmNames": ["TargetTracking-service/c/s-AlarmHigh-1"]}
    assert effect_of(call("monitoring", "DeleteAlarms", own, **scaling)).effect is HARMLESS
    assert effect_of(call("monitoring", "DeleteAlarms", own)).effect is WEAKENS
    session = {"arn": "arn:aws:sts::111122223333:assumed-role/ops/AWSServiceRoleForAutoScaling"}
    assert effect_of(call("monitoring", "DeleteAlarms", own, userIdentity=session)).effect is WEAKENS
    role = {"arn": "arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForAutoScaling/AutoScaling"}
    assert effect_of(call("monitoring", "DeleteAlarms", own, userIdentity=role)).effect is HARMLESS
    assert effect_of(call("monitoring", "DeleteAlarms", {"alarmNames": ["root"]}, **scaling)).effect is WEAKENS


def linked_role(service: str, path: str = "aws-service-role") -> dict[str, Any]:
    issuer = {"type": "Role", "arn": f"arn:aws:iam::111122223333:role/{path}/{service}/AWSServiceRoleForX"}
    return {"userIdentity": {"type": "AssumedRole", "sessionContext": {"sessionIssuer": issuer}}}


@pytest.mark.parametrize(
    ("source", "name", "asked", "by", "expected"),
    [
        ("events", "DeleteRule", {"name": "ecs-managed-1"}, linked_role("ecs.amazonaws.com"), HARMLESS),
        ("events", "RemoveTargets", {"rule": "ecs-managed-1"}, linked_role("ecs.amazonaws.com"), HARMLESS),
        ("events", "PutRule", {"name": "m", "eventPattern": "{}"}, linked_role("autoscaling.amazonaws.com"), HARMLESS),
        ("events", "DeleteRule", {"name": "mine"}, linked_role("ecs.amazonaws.com", path="service-role"), WEAKENS),
        ("events", "DeleteRule", {"name": "mine"}, {"userIdentity": {"invokedBy": "ecs.amazonaws.com"}}, WEAKENS),
        (
            "config",
            "DeleteConfigRule",
            {"configRuleName": "securityhub-vpc-flow-logs-enabled-12345"},
            linked_role("securityhub.amazonaws.com"),
            HARMLESS,
        ),
        (
            "config",
            "DeleteConfigRule",
            {"configRuleName": "root-mfa"},
            linked_role("config-conforms.amazonaws.com"),
            WEAKENS,
        ),
        ("config", "StopConfigurationRecorder", {}, linked_role("securityhub.amazonaws.com"), WEAKENS),
    ],
)
def test_a_service_that_changes_what_it_manages_weakens_nothing(
    source: str, name: str, asked: Any, by: dict[str, Any], expected: Effect
) -> None:
    assert effect_of(call(source, name, asked, **by)).effect is expected


@pytest.mark.parametrize(
    ("record", "resource"),
    [
        (
            call("ec2", "DeleteFlowLogs", {"DeleteFlowLogsRequest": {"FlowLogId": {"tag": 1, "content": "fl-1"}}}),
            "fl-1",
        ),
        (
            call(
                "ec2",
                "DeleteFlowLogs",
                {"DeleteFlowLogsRequest": {"FlowLogId": [{"content": "fl-1"}, {"content": "fl-2"}]}},
            ),
            "fl-1, fl-2",
        ),
        (call("config", "StopConfigurationRecorder", {"configurationRecorderName": "default"}), "default"),
        (call("cloudtrail", "PutInsightSelectors", {"eventDataStore": "arn:store"}), "arn:store"),
        (call("config", "DeleteDeliveryChannel", {"deliveryChannelName": "d"}), "d"),
        (
            call("cloudtrail", "PutEventSelectors", {"advancedEventSelectors": [{"name": "x"}], "trailName": "all"}),
            "all",
        ),
        (call("logs", "PutMetricFilter", {"filterName": "f", "logGroupName": "g"}), "g"),
        (call("s3", "PutBucketPolicy", None, resources=[{"ARN": "arn:aws:s3:::b"}]), "arn:aws:s3:::b"),
        (call("s3", "PutBucketPolicy", "odd", resources="odd"), ""),
    ],
)
def test_what_a_call_is_about(record: dict[str, Any], resource: str) -> None:
    assert resource_of(record) == resource


@pytest.mark.parametrize(
    "name", ["DeleteAlarms", "DeleteAlarms20150331", "DeleteAlarms20150331v2", "DeleteAlarms2010_08_01"]
)
def test_an_api_version_behind_a_name_is_no_other_call(name: str) -> None:
    found = call_of(call("monitoring", name))
    assert found is not None
    assert found.name == "DeleteAlarms"


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (
            {
                "eventSource": "signin.amazonaws.com",
                "eventName": "CheckMfa",
                "responseElements": {"CheckMfa": "Failure"},
            },
            "Failure",
        ),
        (
            {
                "eventSource": "signin.amazonaws.com",
                "eventName": "PasswordUpdated",
                "responseElements": {"PasswordUpdated": "Success"},
            },
            "Success",
        ),
        (
            {"eventSource": "s3.amazonaws.com", "eventName": "PutObject", "responseElements": {"PutObject": "Failure"}},
            "Success",
        ),
        ({"eventSource": "s3.amazonaws.com", "eventName": "PutObject", "errorCode": "AccessDenied"}, "AccessDenied"),
    ],
)
def test_what_came_of_a_call(record: dict[str, Any], expected: str) -> None:
    assert outcome(record) == expected


def test_root_acts_only_where_no_service_acts_for_it() -> None:
    root = {"type": "Root"}
    assert by_root({"userIdentity": root})
    assert not by_root({"userIdentity": root | {"invokedBy": "cloudformation.amazonaws.com"}})
    assert not by_root({"userIdentity": root, "eventType": "AwsServiceEvent"})
    assert by_root({"userIdentity": root | {"accountId": "111122223333"}, "recipientAccountId": "111122223333"})
    assert not by_root({"userIdentity": root | {"accountId": "999988887777"}, "recipientAccountId": "111122223333"})


def test_a_person_of_a_directory_is_told_from_the_account() -> None:
    behalf = {"userId": "u-1", "identityStoreArn": "arn:aws:identitystore::1:identitystore/d-1"}
    who = {"type": "IdentityCenterUser", "accountId": "111122223333", "onBehalfOf": behalf}
    assert actor({"userIdentity": who}) == ("u-1 of d-1", "IdentityCenterUser")


def test_network_activity_repeats_a_call_unless_it_alone_tells_of_a_refusal() -> None:
    assert is_copy({"eventType": "AwsVpceEvent"})
    assert is_copy({"eventCategory": "NetworkActivity", "errorCode": "AccessDenied"})
    assert not is_copy({"eventCategory": "NetworkActivity", "errorCode": "VpceAccessDenied"})
    assert not is_copy({"eventCategory": "Management"})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(CALLS)), JSON, JSON)
def test_no_request_whatever_breaks_the_readers(key: tuple[str, str], parameters: Any, identity: Any) -> None:
    record = {"eventSource": key[0], "eventName": key[1], "requestParameters": parameters, "userIdentity": identity}
    assert effect_of(record).effect in Effect
    for read in (resource_of, actor, outcome, by_root, is_copy, service_behind):
        read(record)


@pytest.mark.parametrize("wrap", [lambda inner: [inner], lambda inner: {"items": [inner]}, lambda inner: {"a": inner}])
@pytest.mark.parametrize("key", sorted(CALLS))
def test_no_depth_breaks_the_readers(key: tuple[str, str], wrap: Any) -> None:
    value: Any = {"a": 1}
    for _ in range(900):
        value = wrap(value)
    asked = dict.fromkeys((*CALLS[key].names, "features", "alarmNames", "workflow"), value)
    record = {"eventSource": key[0], "eventName": key[1], "requestParameters": asked, "resources": value}
    assert effect_of(record).effect in Effect
    assert isinstance(resource_of(record), str)


def test_targets_that_are_put_may_be_others_than_before() -> None:
    told = effect_of(call("events", "PutTargets", {"rule": "r", "targets": [{"id": "1", "arn": "arn:aws:sns:::x"}]}))
    assert (told.effect, told.holds) == (HARMLESS, None)


def test_a_trail_that_records_less_or_elsewhere_is_told_as_that() -> None:
    asked = {
        "name": "main",
        "isMultiRegionTrail": False,
        "includeGlobalServiceEvents": True,
        "s3BucketName": "elsewhere",
    }
    told = effect_of(call("cloudtrail", "UpdateTrail", asked))
    words = "what the trail records or where it goes was set; it records one Region alone; the bucket was named"
    assert (told.effect, told.words, told.holds) == (WEAKENS, words, None)
