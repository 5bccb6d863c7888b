"""CloudTrail records of Northwind Ledger: some twenty principals at work, and what happened in October 2026.

Pure: the same Region always yields the same records. ``docs/simulator.md`` lists the story with names and times.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from auditor.simulator.worlds.happening import Happening
from auditor.simulator.worlds.principals import (
    ACCOUNT,
    ALICE,
    BOB,
    BROWSER,
    CAROL,
    DAVE,
    ERIN,
    GITHUB,
    GRETA,
    HOME,
    OFFICE,
    REMEDIATOR,
    ROOT,
    STRANGER,
    THIEF,
    Principal,
    uuid_text,
)
from auditor.simulator.worlds.work import routine_calls

# ------------------------------------------------------------------------------------------------- daily work


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
    happenings = list(routine_calls(region))
    if with_story:
        happenings += [happening for happening in story() if happening.region == region]
    happenings.sort(key=lambda happening: happening.at)
    return tuple(happening.record() for happening in happenings)
