"""CloudTrail records of Northwind Ledger: some twenty principals at work, and what happened in October 2026.

Pure: the same Region always yields the same records. ``docs/simulator.md`` lists the story with names and times.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from auditor.simulator.worlds.principals import (
    ACCOUNT,
    ADVISOR,
    ALICE,
    API,
    AUTOSCALER,
    BACKUP,
    BATCH,
    BOB,
    BROWSER,
    CAROL,
    CONFIG,
    DAVE,
    DEPLOYER,
    ERIN,
    EVENTS,
    FORMULA,
    GITHUB,
    GRETA,
    HENRIK,
    HOME,
    LEGACY,
    OFFICE,
    PEOPLE,
    REMEDIATOR,
    ROOT,
    SECURITY,
    STRANGER,
    THIEF,
    WORKER,
    Principal,
    uuid_text,
)

BEGIN: Final = datetime(2026, 9, 30, 18, tzinfo=UTC)
"""When log file validation was switched on: the first digest of each Region begins here."""
END: Final = datetime(2026, 11, 2, 6, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Happening:
    """One API call as it will be recorded."""

    at: datetime
    who: Principal
    source: str
    name: str
    region: str = HOME
    request: Mapping[str, Any] | None = None
    response: Mapping[str, Any] | None = None
    error: tuple[str, str] | None = None
    read_only: bool = False
    kind: str = "AwsApiCall"
    category: str = "Management"
    extra: Mapping[str, Any] = field(default_factory=dict)
    address: str = ""

    def record(self) -> dict[str, Any]:
        """Return the CloudTrail record."""
        stamp = f"{self.at:%Y-%m-%dT%H:%M:%SZ}"
        seed = (stamp, self.who.name, self.who.session, self.source, self.name, self.region, str(self.request))
        source = f"{self.source}.amazonaws.com"
        record: dict[str, Any] = {
            "eventVersion": "1.11",
            "userIdentity": self.who.identity(self.at),
            "eventTime": stamp,
            "eventSource": source,
            "eventName": self.name,
            "awsRegion": self.region,
            "sourceIPAddress": self.address or self.who.addresses[0],
            "userAgent": self.who.agent,
        }
        if self.error:
            record |= {"errorCode": self.error[0], "errorMessage": self.error[1]}
        if self.error and not self.error[0]:
            del record["errorCode"]
        if self.kind == "AwsConsoleSignIn":
            _sign_in_identity(record["userIdentity"], failed=self.error is not None)
        record |= {
            "requestParameters": dict(self.request) if self.request is not None else None,
            "responseElements": dict(self.response) if self.response is not None else None,
            **self.extra,
            "requestID": uuid_text("request", *seed),
            "eventID": uuid_text("event", *seed),
            "readOnly": self.read_only,
            "eventType": self.kind,
            "managementEvent": self.category == "Management",
            "recipientAccountId": ACCOUNT,
            "eventCategory": self.category,
        }
        if self.who.kind in {"IAMUser", "AssumedRole"} and not self.who.service and self.kind == "AwsApiCall":
            host = f"{self.source}.{self.region}.amazonaws.com"
            record["tlsDetails"] = {
                "tlsVersion": "TLSv1.3",
                "cipherSuite": "TLS_AES_128_GCM_SHA256",
                "clientProvidedHostHeader": host,
            }
        return record


def _sign_in_identity(identity: dict[str, Any], *, failed: bool) -> None:
    """Leave out what sign-in records do not have: a key, and for a failed attempt the ARN."""
    identity.pop("accessKeyId", None)
    if failed:
        identity.pop("arn", None)
        identity["accessKeyId"] = ""


# ------------------------------------------------------------------------------------------------- daily work


@dataclass(frozen=True, slots=True)
class Routine:
    """A kind of call that somebody makes again and again."""

    weight: int
    who: tuple[Principal, ...]
    source: str
    name: str
    read_only: bool
    request: Callable[[random.Random], Mapping[str, Any] | None]
    response: Callable[[random.Random], Mapping[str, Any] | None] = lambda _rng: None
    error: tuple[str, str] | None = None


def _nothing(_rng: random.Random) -> Mapping[str, Any] | None:
    return None


def _one_of(name: str, *values: str) -> Callable[[random.Random], Mapping[str, Any]]:
    return lambda rng: {name: rng.choice(values)}


def _assumed(*roles: str) -> Callable[[random.Random], Mapping[str, Any]]:
    return lambda rng: {
        "roleArn": f"arn:aws:iam::{ACCOUNT}:role/{rng.choice(roles)}",
        "roleSessionName": f"session-{rng.randrange(10_000):04d}",
    }


_INSTANCES: Final = ("i-0a1b2c3d4e5f60718", "i-0f9e8d7c6b5a49382", "i-0123456789abcdef0")
_BUCKETS: Final = ("northwind-ledger-statements", "northwind-ledger-website", "northwind-config-history")

HOME_WORK: Final = (
    Routine(14, (API, WORKER), "kms", "Decrypt", True, _one_of("encryptionAlgorithm", "SYMMETRIC_DEFAULT")),
    Routine(8, (API, BATCH), "kms", "GenerateDataKey", True, _one_of("keySpec", "AES_256")),
    Routine(10, (CONFIG,), "ec2", "DescribeSecurityGroups", True, _nothing),
    Routine(6, (CONFIG,), "rds", "DescribeDBInstances", True, _nothing),
    Routine(6, (ADVISOR,), "ec2", "DescribeAddresses", True, _nothing),
    Routine(9, PEOPLE[:6], "ec2", "DescribeInstances", True, _one_of("instanceId", *_INSTANCES)),
    Routine(5, PEOPLE, "s3", "ListBuckets", True, _nothing),
    Routine(5, PEOPLE, "logs", "DescribeLogGroups", True, _nothing),
    Routine(
        4,
        (GITHUB, DEPLOYER),
        "lambda",
        "GetFunction20150331v2",
        True,
        _one_of("functionName", "ledger-invoice", "sg-remediator"),
    ),
    Routine(4, (GITHUB,), "lambda", "UpdateFunctionCode20150331v2", False, _one_of("functionName", "ledger-invoice")),
    Routine(3, (GITHUB,), "ecs", "UpdateService", False, _one_of("service", "ledger-api", "ledger-web")),
    Routine(
        3, (GITHUB, DEPLOYER), "ssm", "GetParameter", True, _one_of("name", "/ledger/api/image", "/ledger/web/image")
    ),
    Routine(3, (BATCH,), "secretsmanager", "GetSecretValue", True, _one_of("secretId", "ledger/db")),
    Routine(
        3,
        (BACKUP,),
        "ec2",
        "CreateSnapshot",
        False,
        _one_of("volumeId", "vol-0aa11bb22cc33dd44", "vol-0ee55ff6677889900"),
    ),
    Routine(2, (LEGACY,), "rds", "CreateDBSnapshot", False, _one_of("dBInstanceIdentifier", "reporting-replica")),
    Routine(2, (AUTOSCALER,), "ec2", "RunInstances", False, _one_of("instanceType", "t3.medium")),
    Routine(2, (SECURITY,), "cloudtrail", "DescribeTrails", True, _nothing),
    Routine(2, (EVENTS,), "sts", "AssumeRole", True, _assumed("events-invoke-lambda")),
    Routine(
        2,
        (CAROL,),
        "dynamodb",
        "DescribeTable",
        True,
        _one_of("tableName", "ledger-locks"),
        error=("AccessDeniedException", "User is not authorized to perform: dynamodb:DescribeTable"),
    ),
    Routine(
        1,
        (HENRIK,),
        "ec2",
        "StopInstances",
        False,
        _one_of("instanceId", *_INSTANCES),
        error=("Client.UnauthorizedOperation", "You are not authorized to perform this operation."),
    ),
    Routine(1, (DAVE, CAROL), "ec2", "CreateTags", False, _one_of("resourceId", *_INSTANCES)),
    Routine(1, (FORMULA,), "ce", "GetCostAndUsage", True, _one_of("granularity", "MONTHLY")),
)

GLOBAL_WORK: Final = (
    Routine(6, (API, WORKER, BATCH), "sts", "AssumeRole", True, _assumed("ledger-batch", "backup-operator")),
    Routine(5, PEOPLE, "iam", "ListUsers", True, _nothing),
    Routine(4, (CONFIG,), "iam", "GetAccountAuthorizationDetails", True, _nothing),
    Routine(3, (ADVISOR,), "iam", "GenerateCredentialReport", True, _nothing),
    Routine(3, (GITHUB, DEPLOYER), "iam", "GetRole", True, _one_of("roleName", "ledger-api-task", "ledger-batch")),
    Routine(2, (GITHUB,), "cloudfront", "CreateInvalidation", False, _one_of("distributionId", "E2QWRUHEXAMPLE")),
    Routine(1, (ALICE,), "iam", "TagRole", False, _one_of("roleName", "ledger-api-task", "ledger-batch")),
    Routine(
        1,
        (CAROL,),
        "iam",
        "ListAccessKeys",
        True,
        _nothing,
        error=("AccessDenied", "User is not authorized to perform: iam:ListAccessKeys"),
    ),
)

SIDE_WORK: Final = (
    Routine(4, (CONFIG,), "ec2", "DescribeVpcs", True, _nothing),
    Routine(2, (ALICE, GRETA), "ec2", "DescribeInstances", True, _nothing),
    Routine(1, (ADVISOR,), "ec2", "DescribeVolumes", True, _nothing),
)

_WORK: Final[Mapping[str, tuple[Sequence[Routine], float, float]]] = {
    HOME: (HOME_WORK, 11.0, 4.0),
    "us-east-1": (GLOBAL_WORK, 4.0, 1.5),
    "eu-west-1": (SIDE_WORK, 2.0, 0.15),
    "us-west-2": (SIDE_WORK, 0.8, 0.1),
}
"""Region -> routines, calls per working hour, calls per other hour. Regions not named are quiet."""

LOG_REGIONS: Final = tuple(_WORK)
"""The Regions in which log files are delivered; all others deliver empty digests only."""


def _routine_calls(region: str) -> Iterator[Happening]:
    if region not in _WORK:
        return
    routines, busy, calm = _WORK[region]
    rng = random.Random(f"northwind/{region}")  # noqa: S311 - wanted: the same every time
    weights = [routine.weight for routine in routines]
    hour = BEGIN
    while hour < END:
        rate = busy if hour.weekday() < 5 and 6 <= hour.hour < 18 else calm  # noqa: PLR2004 - Monday to Friday, 6 to 18
        count = int(rate) + (rng.random() < rate % 1)
        for second in sorted(rng.sample(range(3600), count)):
            routine = rng.choices(routines, weights)[0]
            who = rng.choice(routine.who)
            yield Happening(
                hour + timedelta(seconds=second),
                who,
                routine.source,
                routine.name,
                region,
                routine.request(rng),
                routine.response(rng),
                routine.error,
                routine.read_only,
                address=rng.choice(who.addresses),
            )
        hour += timedelta(hours=1)


# ------------------------------------------------------------------------------------------------------ the story


def _october(day: int, time: str) -> datetime:
    return datetime.fromisoformat(f"2026-10-{day:02d}T{time}+00:00")


def sign_in(
    at: datetime, who: Principal, *, mfa: bool, failed: bool = False, address: str = "", unknown: bool = False
) -> Happening:
    """Return a console sign-in. A failed one with an unknown user hides the name, as AWS does."""
    return Happening(
        at,
        who if not unknown else Principal("IAMUser", "HIDDEN_DUE_TO_SECURITY_REASONS", (address,), who.agent),
        "signin",
        "ConsoleLogin",
        "us-east-1",
        None,
        {"ConsoleLogin": "Failure" if failed else "Success"},
        ("", "No username found in supplied account" if unknown else "Failed authentication") if failed else None,
        kind="AwsConsoleSignIn",
        extra={
            "additionalEventData": {
                "LoginTo": "https://console.aws.amazon.com/console/home",
                "MobileVersion": "No",
                "MFAUsed": "Yes" if mfa else "No",
            }
        },
        address=address,
    )


TRAIL_ARN: Final = f"arn:aws:cloudtrail:{HOME}:{ACCOUNT}:trail/management-events"
STOPPED: Final = (_october(14, "02:10:00"), _october(14, "04:10:00"))
OPENED_AT: Final = _october(21, "14:02:11")
CLOSED_AT: Final = _october(21, "14:06:13")
LEFT_OPEN_AT: Final = _october(29, "16:41:05")
"""Nobody took this one back: no rule of its Region watches for openings."""
KEY_DOOMED_AT: Final = _october(27, "11:31:00")
DOOMED_KEY: Final = "7d3f1c52-4b0a-4e6e-9c1d-2f5a8e6b9d10"
BASTION_GROUP: Final = "sg-0b45710e5a11ed9e4"
BASTION_RULE: Final = "sgr-02b5e1f7c9a84d063"
ROOT_SIGN_IN: Final = _october(6, "09:14:22")
FAILED_BURST: Final = tuple(_october(23, f"02:{minute:02d}:30") for minute in (11, 12, 13, 15, 16, 19))


def _ingress(name: str, group: str = BASTION_GROUP, port: int = 22) -> Mapping[str, Any]:
    return {
        "groupId": group,
        "ipPermissions": {
            "items": [
                {
                    "ipProtocol": "tcp",
                    "fromPort": port,
                    "toPort": port,
                    "groups": {},
                    "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0", "description": name}]},
                    "ipv6Ranges": {},
                    "prefixListIds": {},
                }
            ]
        },
    }


def _made(rule: str, group: str, port: int) -> Mapping[str, Any]:
    """Return what EC2 answers to an opening: the rule with its id."""
    form = {"ipProtocol": "tcp", "fromPort": port, "toPort": port, "cidrIpv4": "0.0.0.0/0"}
    made = {"groupOwnerId": ACCOUNT, "groupId": group, "securityGroupRuleId": rule, "isEgress": False, **form}
    return {"requestId": uuid_text("open", rule), "_return": True, "securityGroupRuleSet": {"items": [made]}}


def story() -> list[Happening]:
    """Return what happened in October, apart from daily work."""
    return [*_sign_ins(), *_intrusion(), *_opened_door(), *_settings_changed()]


def _sign_ins() -> list[Happening]:
    """Return who signed in, or tried to, and what root looked at."""
    return [
        sign_in(ROOT_SIGN_IN, ROOT, mfa=True),
        Happening(
            _october(6, "09:21:48"), ROOT, "iam", "GetAccountSummary", "us-east-1", read_only=True, address=OFFICE
        ),
        sign_in(_october(8, "07:58:10"), BOB, mfa=False),
        sign_in(_october(19, "18:21:07"), DAVE, mfa=False, failed=True),
        sign_in(_october(19, "18:21:49"), DAVE, mfa=False, failed=True),
        sign_in(_october(19, "18:22:41"), DAVE, mfa=False),
        sign_in(_october(12, "07:31:02"), CAROL, mfa=True),
        sign_in(_october(26, "07:44:50"), ERIN, mfa=True),
        sign_in(_october(22, "23:41:09"), BOB, mfa=False, failed=True, address=STRANGER),
        *(
            sign_in(
                at,
                Principal("IAMUser", "unknown", (STRANGER,), BROWSER),
                mfa=False,
                failed=True,
                address=STRANGER,
                unknown=True,
            )
            for at in FAILED_BURST
        ),
    ]


def _intrusion() -> list[Happening]:
    """Return the deleted bucket, what the thief of a key did, and the bucket opened to a partner."""
    return [
        Happening(
            _october(13, "16:47:05"),
            DAVE,
            "s3",
            "DeleteBucket",
            HOME,
            {
                "bucketName": "northwind-ledger-exports-2025",
                "Host": f"northwind-ledger-exports-2025.s3.{HOME}.amazonaws.com",
            },
        ),
        Happening(_october(14, "02:04:37"), THIEF, "sts", "GetCallerIdentity", HOME, read_only=True),
        Happening(_october(14, "02:06:12"), THIEF, "cloudtrail", "DescribeTrails", HOME, read_only=True),
        Happening(STOPPED[0], THIEF, "cloudtrail", "StopLogging", HOME, {"name": TRAIL_ARN}),
        Happening(
            _october(14, "02:31:55"), THIEF, "iam", "CreateAccessKey", "us-east-1", {"userName": "svc-legacy-backup"}
        ),
        Happening(STOPPED[1], ALICE, "cloudtrail", "StartLogging", HOME, {"name": TRAIL_ARN}),
        Happening(
            _october(20, "10:05:33"),
            CAROL,
            "s3",
            "PutBucketPolicy",
            HOME,
            {
                "bucketName": "northwind-ledger-statements",
                "bucketPolicy": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Sid": "PartnerRead",
                            "Effect": "Allow",
                            "Principal": {"AWS": "arn:aws:iam::999988887777:root"},
                            "Action": "s3:GetObject",
                            "Resource": "arn:aws:s3:::northwind-ledger-statements/*",
                        }
                    ],
                },
            },
        ),
    ]


def _opened_door() -> list[Happening]:
    """Return the port that was opened and closed by the function that watches for it, and one where nothing watches."""
    return [
        Happening(
            OPENED_AT,
            DAVE,
            "ec2",
            "AuthorizeSecurityGroupIngress",
            HOME,
            _ingress("temporary, will close later"),
            _made(BASTION_RULE, BASTION_GROUP, 22),
        ),
        Happening(
            CLOSED_AT,
            REMEDIATOR,
            "ec2",
            "RevokeSecurityGroupIngress",
            HOME,
            {"groupId": BASTION_GROUP, "securityGroupRuleIds": {"items": [{"securityGroupRuleId": BASTION_RULE}]}},
            {"requestId": uuid_text("close"), "_return": True},
        ),
        Happening(
            LEFT_OPEN_AT,
            GRETA,
            "ec2",
            "AuthorizeSecurityGroupIngress",
            "us-east-1",
            _ingress("vendor support", "sg-0c0ffee5ed0a7e12f", 3389),
            _made("sgr-0f7d3c21b98e4a650", "sg-0c0ffee5ed0a7e12f", 3389),
        ),
    ]


def _settings_changed() -> list[Happening]:
    """Return the key, the role and the alarm that were changed."""
    return [
        Happening(
            KEY_DOOMED_AT,
            ALICE,
            "kms",
            "ScheduleKeyDeletion",
            HOME,
            {"keyId": DOOMED_KEY, "pendingWindowInDays": 30},
            {"keyId": f"arn:aws:kms:{HOME}:{ACCOUNT}:key/{DOOMED_KEY}", "deletionDate": "Nov 26, 2026, 11:31:00 AM"},
        ),
        Happening(
            _october(9, "13:20:18"),
            GRETA,
            "iam",
            "AttachRolePolicy",
            "us-east-1",
            {"roleName": "ledger-batch", "policyArn": "arn:aws:iam::aws:policy/PowerUserAccess"},
        ),
        Happening(
            _october(28, "08:15:44"),
            GITHUB,
            "monitoring",
            "PutMetricAlarm",
            HOME,
            {
                "alarmName": "cis-config-changes",
                "actionsEnabled": True,
                "alarmActions": [f"arn:aws:sns:{HOME}:{ACCOUNT}:security-alerts"],
                "comparisonOperator": "GreaterThanOrEqualToThreshold",
                "threshold": 1.0,
            },
        ),
    ]


@lru_cache(maxsize=64)
def records(region: str, *, with_story: bool = True) -> tuple[dict[str, Any], ...]:
    """Return all records of a Region, oldest first, including those made while the trail was stopped."""
    happenings = list(_routine_calls(region))
    if with_story:
        happenings += [happening for happening in story() if happening.region == region]
    happenings.sort(key=lambda happening: happening.at)
    return tuple(happening.record() for happening in happenings)
