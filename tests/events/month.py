"""A second month, written by hand: every type of identity, every kind of record and the oddities of real ones.

Each id says what the record is about, so that the expected answers beside this file can be read. November 2026; three
accounts of one organization (the trail is an organization's), one stranger; records come in as log files.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from auditor.activity.logbytes import LogBytes
from auditor.base.period import Period

PROD, DEV, MANAGEMENT, STRANGER = "111122223333", "222233334444", "999900001111", "555566667777"
HOME, US, FAR = "eu-central-1", "us-east-1", "ap-southeast-2"
NOVEMBER: Final = Period(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC), "2026-11")
EXPECTED: Final = Path(__file__).parent / "expected"
Record = dict[str, Any]


def user(name: str, account: str = PROD, key: str = "") -> Record:
    return {
        "type": "IAMUser",
        "principalId": f"AIDA{name.upper():0<16}"[:20],
        "arn": f"arn:aws:iam::{account}:user/{name}",
        "accountId": account,
        "accessKeyId": key or f"AKIA{name.upper():0<16}"[:20],
        "userName": name,
    }


def session(role: str, name: str, key: str, account: str = PROD, path: str = "", **more: Any) -> Record:
    context = {
        "sessionIssuer": {
            "type": "Role",
            "principalId": f"AROA{role.upper():0<16}"[:20],
            "arn": f"arn:aws:iam::{account}:role/{path}{role}",
            "accountId": account,
            "userName": role,
        },
        "attributes": {
            "creationDate": more.pop("created", "2026-11-03T09:00:00Z"),
            "mfaAuthenticated": more.pop("mfa", "false"),
        },
    } | more.pop("context", {})
    return {
        "type": "AssumedRole",
        "principalId": f"AROA{role.upper():0<16}"[:20] + f":{name}",
        "arn": f"arn:aws:sts::{account}:assumed-role/{role}/{name}",
        "accountId": account,
        "accessKeyId": key,
        "sessionContext": context,
    } | more


def root(account: str = PROD, **more: Any) -> Record:
    return {"type": "Root", "principalId": account, "arn": f"arn:aws:iam::{account}:root", "accountId": account} | more


def service(name: str) -> Record:
    return {"type": "AWSService", "invokedBy": f"{name}.amazonaws.com"}


ANA, BEN, CI = user("ana"), user("ben"), user("ci")
SSO_ADMIN = session(
    "AWSReservedSSO_AdministratorAccess_0123456789abcdef",
    "dora@example.com",
    "ASIASSOADMIN00000001",
    path="aws-reserved/sso.amazonaws.com/",
)
LAMBDA = session(
    "closer-role",
    "closer",
    "ASIACLOSER0000000001",
    inScopeOf={
        "sourceArn": f"arn:aws:lambda:{HOME}:{PROD}:function:closer",
        "sourceAccount": PROD,
        "issuerType": "AWS::Lambda::Function",
        "credentialsIssuedTo": f"arn:aws:lambda:{HOME}:{PROD}:function:closer",
    },
)
FIRST = session("admin", "ana-at-work", "ASIAFIRST00000000001", context={"sourceIdentity": "ana"})
SECOND = session("deploy", "ana-deploys", "ASIASECOND0000000001", DEV, context={"sourceIdentity": "ana"})
ORPHAN = session("batch", "i-0abc", "ASIAORPHAN0000000001", created="2026-11-07T06:00:00Z")


def record(name: str, at: str, source: str, call: str, who: Record | None, **fields: Any) -> Record:
    """Return a record; ``at`` is ``DDTHH:MM`` of November, optional parts by their AWS names, None leaves one out."""
    made: Record = {
        "eventVersion": "1.11",
        "userIdentity": who,
        "eventTime": f"2026-11-{at}:00Z" if len(at) == len("05T10:00") else at,
        "eventSource": f"{source}.amazonaws.com",
        "eventName": call,
        "awsRegion": HOME,
        "sourceIPAddress": "198.51.100.7",
        "userAgent": "aws-cli/2.31",
        "requestParameters": None,
        "responseElements": None,
        "requestID": f"r-{name}",
        "eventID": name,
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": (who or {}).get("accountId") or PROD,
        "eventCategory": "Management",
    }
    made |= fields
    return {key: value for key, value in made.items() if key not in fields or value is not _ABSENT}


_ABSENT: Final = object()


def routine() -> Iterator[Record]:
    """Yield what happens every day and interests nobody: reads, health checks, service work."""
    calls = [
        ("ec2", "DescribeInstances", CI),
        ("s3", "GetBucketLocation", ANA),
        ("iam", "ListUsers", BEN),
        ("cloudwatch", "DescribeAlarms", LAMBDA),
        ("kms", "Decrypt", service("ebs")),
        ("logs", "DescribeLogGroups", SSO_ADMIN),
        ("sts", "GetCallerIdentity", CI),
        ("lambda", "GetFunction20150331v2", CI),
    ]
    start = datetime(2026, 11, 1, 0, 7, tzinfo=UTC)
    for number in range(200):
        source, call, who = calls[number % len(calls)]
        at = (start + number * timedelta(hours=3, minutes=31)).strftime("%Y-%m-%dT%H:%M:%SZ")
        yield record(
            f"routine-{number:03d}", at, source, call, who, readOnly=True, awsRegion=US if source == "iam" else HOME
        )


def root_and_sign_ins() -> Iterator[Record]:
    sign_in = {"eventType": "AwsConsoleSignIn", "awsRegion": US, "userAgent": "Mozilla/5.0"}
    ok, failed = {"ConsoleLogin": "Success"}, {"ConsoleLogin": "Failure"}
    yield record(
        "root-login-mfa",
        "02T08:00",
        "signin",
        "ConsoleLogin",
        root(),
        responseElements=ok,
        additionalEventData={"MFAUsed": "Yes", "MFAIdentifier": f"arn:aws:iam::{PROD}:mfa/root"},
        **sign_in,
    )
    yield record(
        "root-login-failed",
        "02T07:58",
        "signin",
        "ConsoleLogin",
        root(),
        responseElements=failed,
        errorMessage="Failed authentication",
        additionalEventData={"MFAUsed": "No"},
        **sign_in,
    )
    yield record("root-read", "02T08:05", "iam", "GetAccountSummary", root(), readOnly=True, awsRegion=US)
    yield record(
        "root-refused",
        "02T08:06",
        "s3",
        "PutBucketPolicy",
        root(),
        errorCode="AccessDenied",
        errorMessage="with an explicit deny in a service control policy",
        requestParameters={"bucketName": "ledger"},
    )
    yield record(
        "root-by-service",
        "02T09:00",
        "s3",
        "PutBucketPolicy",
        root(invokedBy="cloudformation.amazonaws.com"),
        requestParameters={"bucketName": "stack-bucket"},
        sourceIPAddress="cloudformation.amazonaws.com",
    )
    yield record("root-service-event", "02T09:01", "account", "AccountUpdated", root(), eventType="AwsServiceEvent")
    yield record(
        "root-central",
        "03T10:00",
        "s3",
        "DeleteBucketPolicy",
        root(DEV, sessionContext={"assumedRoot": "true", "attributes": {"mfaAuthenticated": "false"}}),
        requestParameters={"bucketName": "locked-out"},
        recipientAccountId=DEV,
    )
    yield record(
        "root-no-mfa-check",
        "02T07:57",
        "signin",
        "CheckMfa",
        root(),
        responseElements={"CheckMfa": "Success"},
        **sign_in,
    )
    yield record(
        "user-login-mfa",
        "04T08:00",
        "signin",
        "ConsoleLogin",
        ANA,
        responseElements=ok,
        additionalEventData={"MFAUsed": "Yes"},
        **sign_in,
    )
    yield record(
        "user-login-no-mfa",
        "04T08:30",
        "signin",
        "ConsoleLogin",
        BEN,
        responseElements=ok,
        additionalEventData={"MFAUsed": "No"},
        **sign_in,
    )
    yield record(
        "user-login-failed-without-code",
        "04T08:29",
        "signin",
        "ConsoleLogin",
        BEN,
        responseElements=failed,
        additionalEventData={"MFAUsed": "No"},
        **sign_in,
    )
    yield record(
        "login-unknown-user",
        "04T03:00",
        "signin",
        "ConsoleLogin",
        {"type": "IAMUser", "accountId": PROD, "accessKeyId": "", "userName": "HIDDEN_DUE_TO_SECURITY_REASONS"},
        responseElements=failed,
        errorMessage="No username found in supplied account",
        additionalEventData={"MFAUsed": "No"},
        sourceIPAddress="203.0.113.66",
        **sign_in,
    )
    yield record(
        "saml-login",
        "05T08:00",
        "signin",
        "ConsoleLogin",
        session("saml-role", "emil", ""),
        responseElements=ok,
        additionalEventData={"SamlProviderArn": f"arn:aws:iam::{PROD}:saml-provider/idp", "MFAUsed": "No"},
        **sign_in,
    )
    yield record(
        "sso-authenticate",
        "05T08:10",
        "sso",
        "Authenticate",
        {
            "type": "IdentityCenterUser",
            "accountId": MANAGEMENT,
            "credentialId": "c-1",
            "onBehalfOf": {
                "userId": "9067-dora",
                "identityStoreArn": f"arn:aws:identitystore::{MANAGEMENT}:identitystore/d-1",
            },
        },
        eventType="AwsServiceEvent",
        serviceEventDetails={"CredentialType": "PASSWORD"},
        recipientAccountId=MANAGEMENT,
    )
    yield record(
        "switch-role",
        "05T09:00",
        "signin",
        "SwitchRole",
        SSO_ADMIN,
        responseElements={"SwitchRole": "Success"},
        **sign_in,
    )
    yield record(
        "password-updated",
        "06T08:00",
        "signin",
        "PasswordUpdated",
        root(),
        responseElements={"PasswordUpdated": "Success"},
        eventType="AwsConsoleSignIn",
        awsRegion=US,
    )


def buckets_and_keys() -> Iterator[Record]:
    bucket = {"bucketName": "ledger", "Host": "ledger.s3.amazonaws.com"}
    yield record(
        "delete-bucket-refused",
        "05T10:00",
        "s3",
        "DeleteBucket",
        BEN,
        requestParameters=bucket,
        errorCode="AccessDenied",
        errorMessage="because no identity-based policy allows the s3:DeleteBucket action",
    )
    yield record(
        "delete-bucket-not-empty",
        "05T10:05",
        "s3",
        "DeleteBucket",
        ANA,
        requestParameters=bucket,
        errorCode="BucketNotEmpty",
    )
    yield record(
        "delete-bucket",
        "05T10:10",
        "s3",
        "DeleteBucket",
        ANA,
        requestParameters=bucket,
        sourceIPAddress="203.0.113.66",
        resources=[{"ARN": "arn:aws:s3:::ledger", "accountId": PROD, "type": "AWS::S3::Bucket"}],
    )
    yield record(
        "delete-object",
        "05T10:08",
        "s3",
        "DeleteObject",
        ANA,
        requestParameters=bucket | {"key": "2026/10.csv"},
        managementEvent=False,
        eventCategory="Data",
        resources=[
            {"type": "AWS::S3::Object", "ARN": "arn:aws:s3:::ledger/2026/10.csv"},
            {"ARN": "arn:aws:s3:::ledger", "accountId": PROD},
        ],
    )
    yield record(
        "delete-objects-old-form",
        "05T10:09",
        "s3",
        "DeleteObjects",
        ANA,
        requestParameters=bucket,
        eventVersion="1.05",
        eventCategory=_ABSENT,
        managementEvent=False,
    )
    yield record(
        "put-policy",
        "06T11:00",
        "s3",
        "PutBucketPolicy",
        ANA,
        requestParameters={
            "bucketName": "statements",
            "bucketPolicy": {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}]},
        },
    )
    yield record(
        "identity-center-put-policy",
        "06T11:05",
        "s3",
        "PutBucketPolicy",
        {
            "type": "IdentityCenterUser",
            "accountId": PROD,
            "credentialId": "EXAMPLE",
            "onBehalfOf": {"userId": "9067-dora", "identityStoreArn": "arn:aws:identitystore::1:identitystore/d-1"},
        },
        requestParameters={"bucketName": "statements"},
    )
    yield record(
        "account-block-off",
        "06T11:10",
        "s3",
        "DeleteAccountPublicAccessBlock",
        ANA,
        requestParameters={"accountId": PROD},
    )
    yield record("acl-large-request", "06T11:15", "s3", "PutBucketAcl", CI, requestParameters=None)
    yield record(
        "key-deletion",
        "06T12:00",
        "kms",
        "ScheduleKeyDeletion",
        BEN,
        requestParameters={"keyId": f"arn:aws:kms:{HOME}:{PROD}:key/k-1", "pendingWindowInDays": 7},
    )
    yield record(
        "key-rotated",
        "06T12:05",
        "kms",
        "RotateKey",
        service("kms") | {"invokedBy": "AWS Internal"},
        eventType="AwsServiceEvent",
        serviceEventDetails={"keyId": "k-2"},
        recipientAccountId=PROD,
    )
    yield record("key-grant", "06T12:06", "kms", "CreateGrant", service("rds"), requestParameters={"keyId": "k-1"})


def advanced_selectors() -> Iterator[Record]:
    """A trail is made, and told step by step to record more and less."""

    def put(name: str, minute: str, *selectors: Sequence[tuple[str, str, Sequence[str]]]) -> Record:
        made = [
            {"fieldSelectors": [{"field": field, operator: list(values)} for field, operator, values in fields]}
            for fields in selectors
        ]
        asked = {"trailName": "data", "advancedEventSelectors": made}
        return record(name, f"07T04:{minute}", "cloudtrail", "PutEventSelectors", BEN, requestParameters=asked)

    management = ("eventCategory", "equals", ("Management",))
    objects = (("eventCategory", "equals", ("Data",)), ("resources.type", "equals", ("AWS::S3::Object",)))
    ledger = ("resources.ARN", "startsWith", ("arn:aws:s3:::ledger/", "arn:aws:s3:::others/"))
    made = {"name": "data", "s3BucketName": "logs"}
    yield record("trail-made", "07T04:01", "cloudtrail", "CreateTrail", BEN, requestParameters=made)
    yield put("selectors-objects", "02", [management], [*objects, ledger])
    yield put("selectors-key-apart", "03", [management, ("eventSource", "notEquals", ("kms.amazonaws.com",))], objects)
    yield put("selectors-one-bucket", "04", [management], [*objects, ("resources.ARN", "startsWith", ledger[2][:1])])
    parts = [[management, ("eventSource", name, ("kms.amazonaws.com",))] for name in ("equals", "notEquals")]
    yield put("selectors-in-parts", "05", *parts, [*objects, ledger, ("readOnly", "equals", ("false",))])
    insights = {"trailName": "data", "insightSelectors": [{"insightType": "ApiCallRateInsight"}]}
    for name, minute, kinds in (("insights-on", "06", insights["insightSelectors"]), ("insights-off", "07", [])):
        asked = insights | {"insightSelectors": kinds}
        yield record(name, f"07T04:{minute}", "cloudtrail", "PutInsightSelectors", BEN, requestParameters=asked)


def recording() -> Iterator[Record]:
    trail = {"name": f"arn:aws:cloudtrail:{HOME}:{PROD}:trail/main"}
    yield record(
        "stop-refused",
        "07T01:59",
        "cloudtrail",
        "StopLogging",
        BEN,
        requestParameters=trail,
        errorCode="AccessDeniedException",
        errorMessage="with an explicit deny in an identity-based policy",
    )
    yield record("stop-logging", "07T02:00", "cloudtrail", "StopLogging", ANA, requestParameters=trail)
    yield record("start-logging", "07T03:00", "cloudtrail", "StartLogging", ANA, requestParameters=trail)
    yield record(
        "selectors-wide",
        "07T04:00",
        "cloudtrail",
        "PutEventSelectors",
        ANA,
        requestParameters={
            "trailName": "main",
            "eventSelectors": [{"readWriteType": "All", "includeManagementEvents": True}],
        },
    )
    yield record(
        "selectors-narrow",
        "07T05:00",
        "cloudtrail",
        "PutEventSelectors",
        ANA,
        requestParameters={
            "trailName": trail["name"],
            "eventSelectors": [
                {
                    "readWriteType": "WriteOnly",
                    "includeManagementEvents": False,
                    "excludeManagementEventSources": ["kms.amazonaws.com"],
                }
            ],
        },
    )
    yield from advanced_selectors()
    yield record(
        "event-configuration",
        "07T05:05",
        "cloudtrail",
        "PutEventConfiguration",
        ANA,
        requestParameters={"trailName": "main", "aggregationConfigurations": []},
    )
    yield record("update-trail", "07T05:10", "cloudtrail", "UpdateTrail", ANA, requestParameters=trail)
    yield record(
        "update-trail-seen-by-endpoint",
        "07T05:10",
        "cloudtrail",
        "UpdateTrail",
        ANA,
        eventType="AwsVpceEvent",
        eventCategory="NetworkActivity",
        managementEvent=False,
        vpcEndpointId="vpce-1",
        vpcEndpointAccountId=PROD,
        sharedEventID="s-update",
    )
    yield record(
        "endpoint-refused",
        "07T05:20",
        "kms",
        "Decrypt",
        {"type": "AWSAccount", "accountId": STRANGER, "principalId": "AIDASTRANGER00000001"},
        eventType="AwsVpceEvent",
        eventCategory="NetworkActivity",
        managementEvent=False,
        vpcEndpointId="vpce-1",
        errorCode="VpceAccessDenied",
        errorMessage="The request was denied due to a VPC endpoint policy",
        recipientAccountId=PROD,
    )
    yield record(
        "filter-gone",
        "07T06:00",
        "logs",
        "DeleteMetricFilter",
        ANA,
        requestParameters={"logGroupName": "trail", "filterName": "root"},
    )
    yield record(
        "alarm-gone",
        "07T06:05",
        "monitoring",
        "DeleteAlarms",
        ANA,
        requestParameters={"alarmNames": ["root-used", "trail-changed"]},
    )
    yield record(
        "alarm-silenced",
        "07T06:06",
        "monitoring",
        "SetAlarmState",
        ANA,
        requestParameters={"alarmName": "root-used", "stateValue": "OK"},
    )
    yield record(
        "unsubscribe",
        "07T06:07",
        "sns",
        "Unsubscribe",
        ANA,
        requestParameters={"subscriptionArn": f"arn:aws:sns:{HOME}:{PROD}:alerts:1"},
    )
    yield record(
        "recorder-stopped",
        "07T06:08",
        "config",
        "StopConfigurationRecorder",
        ANA,
        requestParameters={"configurationRecorderName": "default"},
    )
    yield record(
        "flow-logs-gone",
        "07T06:09",
        "ec2",
        "DeleteFlowLogs",
        ANA,
        requestParameters={"DeleteFlowLogsRequest": {"FlowLogId": {"tag": 1, "content": "fl-1"}}},
    )
    yield record(
        "insight-begins",
        "08T10:00",
        "monitoring",
        "x",
        None,
        userIdentity=_ABSENT,
        eventName=_ABSENT,
        eventSource=_ABSENT,
        eventType="AwsCloudTrailInsight",
        eventCategory="Insight",
        sharedEventID="s-insight",
        insightDetails={
            "state": "Start",
            "eventSource": "iam.amazonaws.com",
            "eventName": "CreateUser",
            "insightType": "ApiCallRateInsight",
            "insightContext": {"statistics": {"baseline": {"average": 0.01}, "insight": {"average": 12.5}}},
        },
    )
    yield record(
        "insight-ends",
        "08T10:30",
        "monitoring",
        "x",
        None,
        userIdentity=_ABSENT,
        eventName=_ABSENT,
        eventSource=_ABSENT,
        eventType="AwsCloudTrailInsight",
        eventCategory="Insight",
        sharedEventID="s-insight",
        insightDetails={
            "state": "End",
            "eventSource": "iam.amazonaws.com",
            "eventName": "CreateUser",
            "insightType": "ApiCallRateInsight",
        },
    )


def identities() -> Iterator[Record]:
    us = {"awsRegion": US}
    yield record("create-user", "09T09:00", "iam", "CreateUser", ANA, requestParameters={"userName": "mallory"}, **us)
    yield record(
        "create-key",
        "09T09:01",
        "iam",
        "CreateAccessKey",
        ANA,
        requestParameters={"userName": "mallory"},
        responseElements={"accessKey": {"accessKeyId": "AKIAMALLORY000000000", "userName": "mallory"}},
        **us,
    )
    yield record(
        "attach-refused",
        "09T09:02",
        "iam",
        "AttachUserPolicy",
        BEN,
        requestParameters={"userName": "mallory"},
        errorCode="Client.UnauthorizedOperation",
        errorMessage="not authorized",
        **us,
    )
    yield record(
        "linked-role",
        "09T09:03",
        "iam",
        "CreateServiceLinkedRole",
        SSO_ADMIN | {"invokedBy": "autoscaling.amazonaws.com"},
        requestParameters={"aWSServiceName": "autoscaling.amazonaws.com"},
        **us,
    )
    yield record(
        "old-write-without-flag",
        "09T09:04",
        "iam",
        "DeleteRole",
        CI,
        requestParameters={"roleName": "old"},
        readOnly=_ABSENT,
        eventVersion="1.00",
        **us,
    )
    yield record(
        "old-read-without-flag",
        "09T09:05",
        "iam",
        "GetRole",
        CI,
        requestParameters={"roleName": "old"},
        readOnly=_ABSENT,
        eventVersion="1.00",
        **us,
    )
    yield record(
        "flag-as-text",
        "09T09:06",
        "iam",
        "UpdateRole",
        CI,
        requestParameters={"roleName": "app"},
        readOnly="false",
        **us,
    )
    yield record(
        "permission-set",
        "09T09:07",
        "sso",
        "CreateAccountAssignment",
        SSO_ADMIN,
        requestParameters={"permissionSetArn": "arn:aws:sso:::permissionSet/ssoins-1/ps-1"},
    )
    yield record(
        "leave-organization",
        "10T09:00",
        "organizations",
        "LeaveOrganization",
        ANA,
        errorCode="ConstraintViolationException",
        **us,
    )
    yield record(
        "scp-detached",
        "10T09:05",
        "organizations",
        "DetachPolicy",
        user("chief", MANAGEMENT),
        requestParameters={"policyId": "p-1", "targetId": "ou-1"},
        **us,
    )
    yield record(
        "org-read", "10T09:06", "organizations", "ListAccounts", user("chief", MANAGEMENT), readOnly=True, **us
    )
    yield record(
        "mallory-first",
        "29T23:00",
        "s3",
        "ListBuckets",
        user("mallory", key="AKIAMALLORY000000000"),
        readOnly=True,
        sourceIPAddress="203.0.113.66",
    )
    yield record(
        "mallory-far",
        "29T23:05",
        "ec2",
        "RunInstances",
        user("mallory", key="AKIAMALLORY000000000"),
        awsRegion=FAR,
        requestParameters={"instancesSet": {"items": [{"imageId": "ami-1"}]}},
        sourceIPAddress="203.0.113.66",
    )
    yield record(
        "far-refused",
        "29T23:06",
        "ec2",
        "RunInstances",
        user("mallory", key="AKIAMALLORY000000000"),
        awsRegion=FAR,
        errorCode="Client.UnauthorizedOperation",
        errorMessage="with an explicit deny in a service control policy",
        sourceIPAddress="203.0.113.66",
    )


def sessions() -> Iterator[Record]:
    def credentials(key: str) -> Record:
        return {"credentials": {"accessKeyId": key, "expiration": "Nov 3, 2026, 10:00:00 AM"}}

    admin = {"roleArn": f"arn:aws:iam::{PROD}:role/admin", "roleSessionName": "ana-at-work", "sourceIdentity": "ana"}
    deploy = {"roleArn": f"arn:aws:iam::{DEV}:role/deploy", "roleSessionName": "ana-deploys"}
    yield record(
        "assume-admin",
        "03T09:00",
        "sts",
        "AssumeRole",
        ANA,
        readOnly=True,
        requestParameters=admin,
        responseElements=credentials("ASIAFIRST00000000001"),
        awsRegion=US,
        additionalEventData={"RequestDetails": {"awsServingRegion": FAR, "endpointType": "global"}},
    )
    yield record(
        "admin-works",
        "03T09:10",
        "ec2",
        "StopInstances",
        FIRST,
        requestParameters={"instancesSet": {"items": [{"instanceId": "i-1"}]}},
    )
    yield record(
        "assume-deploy-here",
        "03T09:20",
        "sts",
        "AssumeRole",
        FIRST,
        readOnly=True,
        requestParameters=deploy,
        responseElements=credentials("ASIASECOND0000000001"),
        sharedEventID="s-deploy",
    )
    yield record(
        "assume-deploy-there",
        "03T09:20",
        "sts",
        "AssumeRole",
        {"type": "AWSAccount", "principalId": "AROAADMIN00000000000:ana-at-work", "accountId": PROD},
        readOnly=True,
        requestParameters=deploy,
        responseElements=credentials("ASIASECOND0000000001"),
        sharedEventID="s-deploy",
        recipientAccountId=DEV,
    )
    yield record(
        "deploy-works",
        "03T09:30",
        "lambda",
        "UpdateFunctionCode20150331v2",
        SECOND,
        recipientAccountId=DEV,
        requestParameters={"functionName": "api"},
    )
    yield record(
        "assume-admin-refused",
        "03T11:00",
        "sts",
        "AssumeRole",
        BEN,
        readOnly=True,
        requestParameters=admin,
        errorCode="AccessDenied",
        errorMessage="User is not authorized to perform: sts:AssumeRole",
    )
    yield record(
        "ec2-takes-role",
        "07T06:00",
        "sts",
        "AssumeRole",
        service("ec2"),
        readOnly=True,
        recipientAccountId=PROD,
        requestParameters={"roleArn": f"arn:aws:iam::{PROD}:role/batch", "roleSessionName": "i-0abc"},
    )
    yield record(
        "batch-works", "07T07:00", "dynamodb", "CreateTable", ORPHAN, requestParameters={"tableName": "ledger"}
    )
    yield record(
        "stranger-reads",
        "11T09:00",
        "s3",
        "GetObject",
        {"type": "AWSAccount", "principalId": "AIDASTRANGER00000001", "accountId": STRANGER},
        readOnly=True,
        managementEvent=False,
        eventCategory="Data",
        requestParameters={"bucketName": "statements", "key": "x"},
        recipientAccountId=PROD,
    )
    yield record(
        "anonymous-reads",
        "11T09:05",
        "s3",
        "GetObject",
        {"type": "AWSAccount", "principalId": "", "accountId": "anonymous"},
        readOnly=True,
        managementEvent=False,
        eventCategory="Data",
        requestParameters={"bucketName": "statements", "key": "x"},
        recipientAccountId=PROD,
        userAgent="half a character \ud83d",
    )
    yield record(
        "web-identity",
        "11T10:00",
        "sts",
        "AssumeRoleWithWebIdentity",
        {
            "type": "WebIdentityUser",
            "principalId": "arn:aws:iam::1:oidc-provider/x:aud:sub",
            "userName": "repo:x",
            "identityProvider": f"arn:aws:iam::{PROD}:oidc-provider/x",
        },
        readOnly=True,
        requestParameters={"roleArn": f"arn:aws:iam::{PROD}:role/poweruser-ci", "roleSessionName": "gh"},
        responseElements=credentials("ASIAWEB0000000000001"),
    )
    yield record(
        "saml-user",
        "11T10:05",
        "sts",
        "AssumeRoleWithSAML",
        {"type": "SAMLUser", "principalId": "x=:emil", "userName": "emil", "identityProvider": "x="},
        readOnly=True,
        requestParameters={"roleArn": f"arn:aws:iam::{PROD}:role/reader", "roleSessionName": "emil"},
    )
    yield record(
        "federated-user",
        "11T10:10",
        "ec2",
        "CreateTags",
        {
            "type": "FederatedUser",
            "principalId": f"{PROD}:fay",
            "arn": f"arn:aws:sts::{PROD}:federated-user/fay",
            "accountId": PROD,
            "accessKeyId": "ASIAFAY0000000000001",
        },
    )
    yield record(
        "directory-user",
        "11T10:15",
        "workspaces",
        "ModifyWorkspaceProperties",
        {"type": "Directory", "principalId": "d-1:gil", "accountId": PROD},
    )
    yield record(
        "role-itself",
        "11T10:20",
        "ecs",
        "RunTask",
        {"type": "Role", "arn": f"arn:aws:iam::{PROD}:role/task", "accountId": PROD},
    )
    yield record("unknown-type", "11T10:25", "ec2", "CreateTags", {"type": "Unknown"})
    yield record(
        "no-identity", "11T10:30", "ec2", "BidEvictedEvent", None, userIdentity=_ABSENT, eventType="AwsServiceEvent"
    )


def network() -> Iterator[Record]:
    def permission(first: int, last: int, cidr: str) -> Record:
        ranges = (
            {"ipv6Ranges": {"items": [{"cidrIpv6": cidr}]}}
            if ":" in cidr
            else {"ipRanges": {"items": [{"cidrIp": cidr}]}}
        )
        return {"ipProtocol": "tcp", "fromPort": first, "toPort": last, "ipRanges": {}, "ipv6Ranges": {}} | ranges

    def asked(*permissions: Record) -> Record:
        return {"groupId": "sg-1", "ipPermissions": {"items": list(permissions)}}

    rule = {
        "securityGroupRuleSet": {
            "items": [
                {
                    "securityGroupRuleId": "sgr-22",
                    "cidrIpv4": "0.0.0.0/0",
                    "ipProtocol": "tcp",
                    "fromPort": 22,
                    "toPort": 22,
                }
            ]
        }
    }
    yield record(
        "open-22",
        "12T10:00",
        "ec2",
        "AuthorizeSecurityGroupIngress",
        ANA,
        requestParameters=asked(permission(22, 22, "0.0.0.0/0")),
        responseElements=rule,
    )
    yield record(
        "close-22-by-id",
        "12T10:07",
        "ec2",
        "RevokeSecurityGroupIngress",
        LAMBDA,
        requestParameters={"groupId": "sg-1", "securityGroupRuleIds": {"items": [{"securityGroupRuleId": "sgr-22"}]}},
    )
    yield record(
        "open-443-v6",
        "12T11:00",
        "ec2",
        "AuthorizeSecurityGroupIngress",
        ANA,
        requestParameters=asked(permission(443, 443, "::/0")),
    )
    yield record(
        "open-office",
        "12T11:05",
        "ec2",
        "AuthorizeSecurityGroupIngress",
        ANA,
        requestParameters=asked(permission(22, 22, "198.51.100.0/24")),
    )
    yield record(
        "open-3389-refused",
        "12T11:10",
        "ec2",
        "AuthorizeSecurityGroupIngress",
        BEN,
        errorCode="Client.UnauthorizedOperation",
        errorMessage="not authorized",
        requestParameters=asked(permission(3380, 3390, "0.0.0.0/0")),
    )
    yield record(
        "open-all-short-form",
        "12T12:00",
        "ec2",
        "AuthorizeSecurityGroupIngress",
        CI,
        requestParameters={"groupId": "sg-2", "ipProtocol": "-1", "cidrIp": "0.0.0.0/0"},
    )
    yield record(
        "close-all-short-form",
        "12T12:30",
        "ec2",
        "RevokeSecurityGroupIngress",
        CI,
        requestParameters={"groupId": "sg-2", "ipProtocol": "-1", "cidrIp": "0.0.0.0/0"},
    )
    yield record(
        "open-by-change",
        "12T13:00",
        "ec2",
        "ModifySecurityGroupRules",
        ANA,
        requestParameters={
            "ModifySecurityGroupRulesRequest": {
                "GroupId": "sg-3",
                "SecurityGroupRule": {
                    "tag": 1,
                    "SecurityGroupRuleId": "sgr-3",
                    "SecurityGroupRule": {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIpv4": "0.0.0.0/0"},
                },
            }
        },
    )
    yield record("group-gone", "12T14:00", "ec2", "DeleteSecurityGroup", ANA, requestParameters={"groupId": "sg-3"})
    yield record(
        "route-to-the-world",
        "12T15:00",
        "ec2",
        "CreateRoute",
        ANA,
        requestParameters={"routeTableId": "rtb-1", "destinationCidrBlock": "0.0.0.0/0", "gatewayId": "igw-1"},
    )
    yield record(
        "acl-entry", "12T15:05", "ec2", "ReplaceNetworkAclEntry", ANA, requestParameters={"networkAclId": "acl-1"}
    )
    yield record(
        "tags-as-text",
        "12T15:10",
        "ec2",
        "CreateVpc",
        ANA,
        requestParameters={"cidrBlock": "10.0.0.0/16", "tags": "a text here"},
    )
    yield record(
        "tags-as-object",
        "12T15:11",
        "ec2",
        "CreateVpc",
        ANA,
        requestParameters={"cidrBlock": "10.0.0.0/16", "tags": {"items": []}},
    )
    yield record("throttled", "12T15:12", "ec2", "CreateSubnet", CI, errorCode="Client.RequestLimitExceeded")


def corrections() -> Iterator[Record]:
    """Yield records that come late or twice."""
    yield record(
        "corrected",
        "13T09:00",
        "ec2",
        "RebootInstances",
        ANA,
        requestParameters={"instancesSet": {"items": [{"instanceId": "i-9"}]}},
    )
    yield record(
        "correction",
        "13T09:00",
        "ec2",
        "RebootInstances",
        ANA,
        requestParameters={"instancesSet": {"items": [{"instanceId": "i-9"}]}},
        addendum={"reason": "UPDATED_DATA", "originalEventID": "corrected", "updatedFields": "errorCode"},
    )
    yield record(
        "before-the-period",
        "2026-10-31T23:59:59Z",
        "s3",
        "DeleteBucket",
        ANA,
        requestParameters={"bucketName": "october"},
    )
    yield record(
        "after-the-period",
        "2026-12-01T00:00:00Z",
        "s3",
        "DeleteBucket",
        ANA,
        requestParameters={"bucketName": "december"},
    )
    yield record(
        "with-an-offset",
        "2026-11-14T05:00:00+05:00",
        "s3",
        "DeleteBucket",
        CI,
        requestParameters={"bucketName": "offset"},
    )


def _web_session() -> Record:
    """A pod's session, as Kubernetes takes it from its own identity provider."""
    federation = {"federatedProvider": f"arn:aws:iam::{DEV}:oidc-provider/oidc.example", "attributes": {"aud": "sts"}}
    return session("pod", "pod-7", "ASIAPOD0000000000001", DEV, context={"webIdFederationData": federation})


def rarities() -> Iterator[Record]:
    """Yield members and values that are rare, and must not disturb."""
    late = {"originalRequestID": "r-late", "originalEventID": "late"}
    for name, reason in (("late-copy", "DELIVERY_DELAY"), ("after-an-outage", "SERVICE_OUTAGE")):
        yield record(name, "17T09:00", "ec2", "StartInstances", BEN, addendum={"reason": reason, **late})
    yield record(
        "hidden-parts",
        "17T09:05",
        "ecs",
        "RegisterTaskDefinition",
        CI,
        requestParameters={
            "containerDefinitions": [{"environment": "HIDDEN_DUE_TO_SECURITY_REASONS", "secret": "***"}]
        },
    )
    yield record(
        "instance-role-by-imds-2",
        "17T09:10",
        "sqs",
        "CreateQueue",
        session("worker", "i-0def", "ASIAWORKER0000000001", context={"ec2RoleDelivery": "2.0"}),
        requestParameters={"queueName": "work"},
        sourceIPAddress="2001:db8::5",
        tlsDetails={"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256"},
    )
    by_pod = {"recipientAccountId": DEV, "sourceIPAddress": "2001:db8:0:0:0:0:0:6"}
    yield record("pod-writes", "17T09:15", "sqs", "SendMessageBatch", _web_session(), **by_pod)
    yield record(
        "delegated-service",
        "17T09:20",
        "backup",
        "StartBackupJob",
        session("backup", "b-1", "ASIABACKUP0000000001", invokedByDelegate={"accountId": MANAGEMENT}),
        eventContext={"tagContext": {"resourceTags": {"stage": "prod"}}},
    )
    yield record(
        "from-the-edge",
        "17T09:25",
        "s3-outposts",
        "CreateOutpostsBucket",
        BEN,
        requestParameters={"bucketName": "at-the-edge"},
        edgeDeviceDetails={"snowJobId": "JID-1", "deviceType": "edge"},
    )
    yield record(
        "console-action",
        "17T09:30",
        "cloudshell",
        "CreateSession",
        BEN,
        eventType="AwsConsoleAction",
        sessionCredentialFromConsole="true",
    )


def other_credentials() -> Iterator[Record]:
    """Yield sessions that no role gives: tokens of a user, of a federated user, and of another account's root."""

    def credentials(key: str) -> Record:
        return {"credentials": {"accessKeyId": key, "expiration": "Nov 18, 2026, 21:00:00 PM"}}

    token = ANA | {
        "accessKeyId": "ASIATOKEN00000000001",
        "sessionContext": {"attributes": {"creationDate": "2026-11-18T09:00:00Z", "mfaAuthenticated": "true"}},
    }
    yield record(
        "takes-token",
        "18T09:00",
        "sts",
        "GetSessionToken",
        ANA,
        readOnly=True,
        awsRegion=US,
        requestParameters={"serialNumber": f"arn:aws:iam::{PROD}:mfa/ana", "durationSeconds": 43200},
        responseElements=credentials("ASIATOKEN00000000001"),
    )
    yield record("token-works", "18T09:05", "ec2", "RebootInstances", token)
    yield record(
        "takes-federation-token",
        "11T10:08",
        "sts",
        "GetFederationToken",
        CI,
        readOnly=True,
        awsRegion=US,
        requestParameters={"name": "fay"},
        responseElements=credentials("ASIAFAY0000000000001")
        | {"federatedUser": {"arn": f"arn:aws:sts::{PROD}:federated-user/fay"}},
    )
    keeper = session("root-keeper", "olga", "ASIAKEEPER0000000001", MANAGEMENT, created="2026-11-18T10:00:00Z")
    task = {"targetPrincipal": DEV, "taskPolicyArn": {"arn": "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy"}}
    yield record(
        "assume-root",
        "18T10:00",
        "sts",
        "AssumeRoot",
        keeper,
        readOnly=True,
        requestParameters=task,
        responseElements=credentials("ASIAROOT000000000001"),
    )
    yield record(
        "assume-root-refused",
        "18T10:30",
        "sts",
        "AssumeRoot",
        keeper,
        readOnly=True,
        requestParameters=task,
        errorCode="AccessDenied",
        errorMessage="not authorized to perform: sts:AssumeRoot with an explicit deny in a service control policy",
    )
    unlocked = {"assumedRoot": "true", "attributes": {"creationDate": "2026-11-18T10:00:00Z"}}
    yield record(
        "central-root-unlocks",
        "18T10:05",
        "s3",
        "DeleteBucketPolicy",
        root(DEV, accessKeyId="ASIAROOT000000000001", sessionContext=unlocked),
        requestParameters={"bucketName": "locked-out"},
    )


def aggregated() -> tuple[Record, ...]:
    """Return five-minute summaries of data events: other names of id and account, a window instead of a time."""

    def summary(number: int, *statistics: tuple[str, int]) -> Record:
        values = [{"name": name, "value": value} for name, value in statistics]
        return {
            "eventVersion": "1.0",
            "eventId": f"summary-{number}",
            "eventType": "AwsAggregatedEvent",
            "eventCategory": "Aggregated",
            "eventSource": "s3.amazonaws.com",
            "awsRegion": HOME,
            "accountId": PROD,
            "timeWindow": {
                "windowStart": f"2026-11-18T11:{5 * number:02d}:00Z",
                "windowEnd": f"2026-11-18T11:{5 * number + 5:02d}:00Z",
                "windowSize": "PT5M",
            },
            "summary": {
                "primaryDimension": {"dimension": "eventName", "statistics": values, "aggregationType": "count"},
                "details": [{"dimension": "resourceARN", "statistics": [{"name": "statements", "value": 1}]}],
            },
        }

    return summary(0, ("GetObject", 41), ("PutObject", 2)), summary(1, ("GetObject", 7)), summary(2)


@cache
def records() -> tuple[Record, ...]:
    """Return all records, each once."""
    parts = (
        routine(),
        root_and_sign_ins(),
        buckets_and_keys(),
        recording(),
        identities(),
        sessions(),
        network(),
        corrections(),
        rarities(),
        other_credentials(),
    )
    return tuple(item for part in parts for item in part)


def logs() -> list[LogBytes]:
    """Return the month as log files: per account and Region, and the home Region's once more by a second trail."""
    places: dict[tuple[str, str, str], list[Record]] = {}
    for item in records():
        kind = {"Insight": "CloudTrail-Insight", "NetworkActivity": "CloudTrail-NetworkActivity"}.get(
            item.get("eventCategory", ""), "CloudTrail"
        )
        places.setdefault((item["recipientAccountId"], kind, item["awsRegion"]), []).append(item)
    found = [_log("org-trail", *place, items, "valid") for place, items in places.items()]
    copies = [item for item in places[PROD, "CloudTrail", HOME] if item["managementEvent"]]
    summaries = _log("org-trail", PROD, "CloudTrail-Aggregated", HOME, aggregated(), "unvouched")
    return [*found, _log("second-trail", PROD, "CloudTrail", HOME, copies, "unvouched"), summaries]


def _log(bucket: str, account: str, kind: str, region: str, items: Sequence[Mapping[str, Any]], state: str) -> LogBytes:
    data = json.dumps({"Records": items}).encode()
    name = f"{account}_{kind}_{region}_20261130T0000Z_{sha256(data).hexdigest()[:16]}.json.gz"
    key = f"AWSLogs/o-exampleorg1/{account}/{kind}/{region}/2026/11/30/{name}"
    return LogBytes(bucket, key, state, "", sha256(data).hexdigest(), data)
