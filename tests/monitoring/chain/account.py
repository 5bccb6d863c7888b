"""An account whose detection works, built from plain values, to be broken one link at a time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from auditor.monitoring.chain.detection import Account
from auditor.monitoring.chain.facts import Alarm, Facts, Filter, Group, Series, Subscription, Topic, Trail
from auditor.monitoring.chain.judgement import Detection
from auditor.policies.document import read_policy
from tests.monitoring.patterns.catalogue import requirement
from tests.monitoring.patterns.published import PRINTED

ME = "111122223333"
OTHER = "444455556666"
HOME = "eu-central-1"
AS_OF = datetime(2026, 11, 2, 8, tzinfo=UTC)
TOPIC = f"arn:aws:sns:{HOME}:{ME}:alerts"
CONTROL = "monitor-cloudtrail-changes"
POLICY: dict[str, Any] = {
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": "SNS:Publish"}]
}

TRAIL = Trail(
    arn=f"arn:aws:cloudtrail:{HOME}:{ME}:trail/main",
    home_region=HOME,
    multi_region=True,
    organization=False,
    group_arn=f"arn:aws:logs:{HOME}:{ME}:log-group:trail:*",
    delivered=AS_OF - timedelta(minutes=4),
    ref="EV-0001",
)
GROUP = Group("trail", HOME, ref="EV-0002")
FILTER = Filter("changes", "trail", HOME, PRINTED[CONTROL], "Audit", "Changes", default=0, ref="EV-0003")
ALARM = Alarm(
    name="changes",
    arn=f"arn:aws:cloudwatch:{HOME}:{ME}:alarm:changes",
    region=HOME,
    series=(Series("Audit", "Changes"),),
    missing_data="notBreaching",
    actions=(TOPIC,),
    ref="EV-0004",
)
SUBSCRIBED = (Subscription(f"{TOPIC}:0f1e", "email", "EV-0006#/pages/0/Subscriptions/0"),)
ALERTS = Topic(TOPIC, read_policy(POLICY), subscriptions=SUBSCRIBED, ref="EV-0005")
RIGHT = Facts(
    account=ME,
    partition="aws",
    regions=(HOME, "us-east-1"),
    as_of=AS_OF,
    trails=(TRAIL,),
    groups=(GROUP,),
    filters=(FILTER,),
    alarms=(ALARM,),
    topics={TOPIC: ALERTS},
)


def trail(**changes: Any) -> Facts:
    return replace(RIGHT, trails=(replace(TRAIL, **changes),))


def filtered(**changes: Any) -> Facts:
    return replace(RIGHT, filters=(replace(FILTER, **changes),))


def alarmed(**changes: Any) -> Facts:
    return replace(RIGHT, alarms=(replace(ALARM, **changes),))


def topical(**changes: Any) -> Facts:
    return replace(RIGHT, topics={TOPIC: replace(ALERTS, **changes)})


def detect(facts: Facts, control: str = CONTROL) -> Detection:
    return Account(facts).detect(requirement(control))
