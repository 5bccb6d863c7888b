"""What some twenty principals do on every working day, beside which the story stands. Pure, the same every time."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from auditor.simulator.worlds.happening import BEGIN, END, Happening
from auditor.simulator.worlds.principals import (
    ACCOUNT,
    ADVISOR,
    ALICE,
    API,
    AUTOSCALER,
    BACKUP,
    BATCH,
    CAROL,
    CONFIG,
    DAVE,
    DEPLOYER,
    EVENTS,
    FORMULA,
    GITHUB,
    GRETA,
    HENRIK,
    HOME,
    LEGACY,
    PEOPLE,
    SECURITY,
    WORKER,
    Principal,
)


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


def routine_calls(region: str) -> Iterator[Happening]:
    """Yield the calls of a Region from the first hour to the last; none where nobody works."""
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
