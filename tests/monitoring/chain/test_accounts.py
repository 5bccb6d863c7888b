"""Chains that cross accounts: joined where the run has the evidence of both, left open and named where it has not."""

from dataclasses import replace

import pytest

from auditor.monitoring.chain.facts import Facts, Series, Sharing
from auditor.monitoring.chain.link import State, first_broken
from auditor.policies.document import read_policy
from tests.monitoring.chain.account import ALARM, ALERTS, HOME, ME, OTHER, POLICY, RIGHT, TOPIC, TRAIL, detect, trail

THERE = TOPIC.replace(ME, OTHER)
GROUP_THERE = TRAIL.group_arn.replace(ME, OTHER)
LINK = Sharing(f"arn:aws:oam:{HOME}:{ME}:link/1", HOME, OTHER, "EV-0009#/pages/0/Items/0")


def management(**changes: object) -> Facts:
    """The account that owns the organization's trail, its log group, filters, alarms and topic."""
    owned = replace(
        RIGHT,
        account=OTHER,
        trails=(replace(TRAIL, arn=TRAIL.arn.replace(ME, OTHER), group_arn=GROUP_THERE, organization=True),),
        alarms=(replace(ALARM, actions=(THERE,)),),
        topics={THERE: replace(ALERTS, arn=THERE)},
    )
    return replace(owned, **changes)  # type: ignore[arg-type]  # fields of the value


def member(other: Facts | None) -> Facts:
    """A member that sees the organization's trail and may ask nothing about it."""
    seen = replace(
        TRAIL,
        arn=TRAIL.arn.replace(ME, OTHER),
        group_arn=GROUP_THERE,
        organization=True,
        unread=f"account {OTHER} can answer",
        logging=None,
    )
    facts = replace(RIGHT, trails=(seen,), groups=(), filters=(), alarms=(), topics={})
    return replace(facts, others={OTHER: other} if other is not None else {})


def monitored(other: Facts | None, **changes: object) -> Facts:
    """An account whose metrics are shared with a monitoring account, which has the alarms."""
    facts = replace(RIGHT, alarms=(), topics={}, sharings=(LINK,), others={OTHER: other} if other is not None else {})
    return replace(facts, **changes)  # type: ignore[arg-type]  # fields of the value


def monitoring(**changes: object) -> Facts:
    alarm = replace(ALARM, series=(Series("Audit", "Changes", account=ME),), actions=(THERE,))
    facts = replace(
        RIGHT,
        account=OTHER,
        trails=(),
        groups=(),
        filters=(),
        alarms=(alarm,),
        topics={THERE: replace(ALERTS, arn=THERE)},
    )
    return replace(facts, **changes)  # type: ignore[arg-type]  # fields of the value


def test_a_members_events_are_detected_in_the_account_of_the_organizations_trail() -> None:
    found = detect(member(management()))
    assert found.state is State.OK
    alone = detect(member(None))
    assert alone.state is State.UNKNOWN
    assert OTHER in str(alone.details)


@pytest.mark.parametrize(
    ("other", "kind"),
    [
        pytest.param(management(filters=()), "filter", id="no-filter-there"),
        pytest.param(management(groups=()), "log group", id="no-group-there"),
        pytest.param(management(alarms=()), "alarm", id="no-alarm-there"),
        pytest.param(management(topics={}), "action", id="no-topic-there"),
        pytest.param(
            management(trails=(replace(management().trails[0], logging=False),)), "trail", id="not-logging-there"
        ),
    ],
)
def test_what_breaks_in_the_other_account_is_named(other: Facts, kind: str) -> None:
    found = detect(member(other))
    assert found.state is State.BROKEN
    broken = first_broken(found.chain)
    assert broken is not None
    assert broken.kind == kind


def test_an_alarm_in_the_monitoring_account_counts() -> None:
    found = detect(monitored(monitoring()))
    assert found.state is State.OK
    assert f"In account {OTHER}" in str(found.details)
    assert "EV-0009" in str(found.details)


@pytest.mark.parametrize(
    ("facts", "state", "words"),
    [
        pytest.param(monitored(None), State.UNKNOWN, OTHER, id="not-part-of-the-run"),
        pytest.param(monitored(monitoring(regions=("us-east-1",))), State.UNKNOWN, OTHER, id="region-not-part"),
        pytest.param(monitored(monitoring(alarms=())), State.BROKEN, "No alarm watches", id="no-alarm-there"),
        pytest.param(monitored(monitoring(alarms=(ALARM,))), State.BROKEN, "No alarm", id="alarm-on-its-own-metric"),
        pytest.param(monitored(monitoring(attached=frozenset())), State.BROKEN, "No alarm", id="link-not-attached"),
        pytest.param(monitored(monitoring(attached=frozenset({LINK.arn}))), State.OK, "", id="link-attached"),
        pytest.param(monitored(monitoring(), sharings=()), State.BROKEN, "No alarm", id="metrics-not-shared"),
    ],
)
def test_shared_metrics(facts: Facts, state: State, words: str) -> None:
    found = detect(facts)
    assert found.state is state
    assert words in found.reason


def test_a_topic_of_another_account_is_looked_at_there() -> None:
    facts = replace(RIGHT, alarms=(replace(ALARM, actions=(THERE,)),))
    other = replace(management(), topics={THERE: replace(ALERTS, arn=THERE)})
    assert detect(facts).state is State.UNKNOWN
    assert detect(replace(facts, others={OTHER: other})).state is State.OK
    assert detect(replace(facts, others={OTHER: replace(other, topics={})})).state is State.BROKEN
    only_its_own = {**POLICY["Statement"][0], "Condition": {"StringEquals": {"aws:SourceAccount": OTHER}}}
    closed = replace(ALERTS, arn=THERE, policy=read_policy({"Statement": [only_its_own]}))
    assert detect(replace(facts, others={OTHER: replace(other, topics={THERE: closed})})).state is State.BROKEN


def test_the_own_trail_needs_no_other_account() -> None:
    assert detect(replace(trail(), others={OTHER: management()})).state is State.OK
