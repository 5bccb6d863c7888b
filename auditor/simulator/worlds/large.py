"""An account that has grown: the clean one, and as many users, buckets, groups, log groups and alarms as are asked for.

For benchmarks. One thing in twenty of each kind is not as it should be. What makes the numbers is put into moto's own
models, since tens of thousands of calls through its front door would take minutes.
"""

import json
from dataclasses import dataclass, fields
from typing import Any, Final, Self

from auditor.simulator import clock
from auditor.simulator.app import Application
from auditor.simulator.worlds import clean, parts
from auditor.simulator.worlds.builder import DEFAULT_REGIONS
from auditor.simulator.worlds.principals import ACCOUNT, HOME

WRONG: Final = 20
"""One in so many."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much there is of what, beside what the clean account has.

    Args:
        users: of IAM, half of them with a password, each with an access key.
        buckets: in the home Region.
        groups: security groups, spread over the default Regions.
        log_groups: spread over them, too.
        alarms: spread over them, too.
    """

    users: int = 300
    buckets: int = 400
    groups: int = 500
    log_groups: int = 500
    alarms: int = 50

    @classmethod
    def read(cls, text: str) -> Self:
        """Read ``users=300,buckets=400``; what is not named is as usual.

        Raises:
            ValueError: there is no such kind of thing, or no such number.
        """
        given = dict(part.split("=", 1) for part in text.split(",") if part)
        known = {item.name for item in fields(cls)}
        if unknown := sorted(set(given) - known):
            raise ValueError(f"unknown size {unknown[0]!r}; known are {', '.join(sorted(known))}")
        return cls(**{name: int(number) for name, number in given.items()})


def build(sizes: Sizes = Sizes()) -> Application:
    """Build the account."""
    application = clean.build()
    with clock.at(clean.SETTLED):
        _users(sizes.users)
        _buckets(sizes.buckets)
        for number, region in enumerate(DEFAULT_REGIONS):
            share = slice(number, None, len(DEFAULT_REGIONS))
            _groups(region, range(sizes.groups)[share])
            _log_groups(region, range(sizes.log_groups)[share])
            _alarms(region, range(sizes.alarms)[share])
    return application


def _users(count: int) -> None:
    from moto.iam.models import iam_backends

    iam: Any = iam_backends[ACCOUNT]["aws"]
    for number in range(count):
        name = f"person-{number:05d}"
        user = iam.create_user(HOME, name)
        user.create_access_key(prefix="AKIA", status="Active" if number % WRONG == 1 else "Inactive")
        if number % 2:
            user.password = "Simulated-Pa55word!"  # noqa: S105 - opens nothing
        if number % WRONG == 0:
            user.policies["notes"] = json.dumps({"Version": "2012-10-17", "Statement": [_NOTES]})


_NOTES: Final = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::northwind-notes/*"}


def _buckets(count: int) -> None:
    from moto.s3.models import PublicAccessBlock, s3_backends

    s3: Any = s3_backends[ACCOUNT]["aws"]
    for number in range(count):
        name = f"northwind-data-{number:05d}"
        bucket = s3.create_bucket(name, HOME)
        bucket.versioning_status = "Enabled"
        bucket.public_access_block = PublicAccessBlock("true", "true", "true", "true")
        if number % WRONG:
            bucket.policy = parts.policy(parts.tls_only(name)).encode()


def _groups(region: str, numbers: range) -> None:
    from moto.ec2.models import ec2_backends

    ec2: Any = ec2_backends[ACCOUNT][region]
    for number in numbers:
        group = ec2.create_security_group(f"service-{number:05d}", "Grown over the years")
        source = "0.0.0.0/0" if number % WRONG == 0 else "10.0.0.0/8"
        ec2.authorize_security_group_ingress(group.id, "tcp", "22", "22", [{"CidrIp": source}], vpc_id=group.vpc_id)


def _log_groups(region: str, numbers: range) -> None:
    from moto.logs.models import logs_backends

    logs: Any = logs_backends[ACCOUNT][region]
    for number in numbers:
        name = f"/northwind/service-{number:05d}"
        logs.create_log_group(name, {})
        logs.groups[name].retention_in_days = 400 if number % WRONG else None


def _alarms(region: str, numbers: range) -> None:
    from moto.cloudwatch.models import cloudwatch_backends

    watch: Any = cloudwatch_backends[ACCOUNT][region]
    topic = f"arn:aws:sns:{region}:{ACCOUNT}:operations"
    for number in numbers:
        watch.put_metric_alarm(
            name=f"service-{number:05d}-errors",
            namespace="Northwind/Services",
            metric_name=f"Errors{number:05d}",
            comparison_operator="GreaterThanThreshold",
            evaluation_periods=1,
            period=300,
            threshold=10,
            statistic="Sum",
            description="",
            dimensions=[],
            alarm_actions=[topic] if number % WRONG else [],
        )
