"""The law of the house over the whole catalogue: a failure that is proven outlives whatever else is missing.

From each control's right world failing ones are made, by flipping a flag, emptying a list or dropping a text, and by
adding a resource that fails. Then every other answer is taken away, one at a time. The control still fails, unless that
answer carried the failure: with another answer in its place the control would not have failed.
"""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

import pytest

from auditor.evidence.operations import Call, needed
from auditor.model import State
from tests.evaluate.checks import test_monitoring as watched
from tests.evaluate.checks.test_every_control import CONTROLS
from tests.evaluate.checks.test_one_of_several import BAD, with_a_bad_copy
from tests.evaluate.checks.worlds import RIGHT
from tests.evaluate.kit import World, catalog, reasons

WATCHED_ELSEWHERE = {
    f"{cause} without oam:ListLinks in eu-west-1"
    for cause in (
        "a resource beside",
        "apigateway:GetRestApis",
        "apigateway:GetStages",
        "apigatewayv2:GetStages",
        "cloudwatch:DescribeAlarms",
        "cloudwatch:ListMetrics",
        "ec2:DescribeInstances",
        "elb:DescribeLoadBalancers",
        "elbv2:DescribeLoadBalancers",
        "rds:DescribeDBInstances",
        "rds:DescribeDBParameters",
        "sns:GetTopicAttributes",
        "sns:ListSubscriptionsByTopic",
        "sns:ListTopics",
    )
}
"""An alarm may stand in the monitoring account that a link leads to, whatever is wrong with those at hand."""
NO_TOPIC_ANSWERS = {
    f"{cause} without cloudwatch:DescribeAlarms in eu-west-1"
    for cause in ("sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:ListTopics")
}
"""Which topics matter is what the alarms say; of two resources one good alarm is not enough."""


MONITORING = tuple(watched.CONTROLS)
WORLDS: Mapping[str, World] = {
    **RIGHT,
    **{name: watched.world(watched.pattern_for(name)) for name in MONITORING},
}
IN_FULL = ("monitor-cloudtrail-changes",)
"""Monitoring controls share one check; the others are tried on fewer failing worlds."""

ALARMS_ELSEWHERE = frozenset(
    f"{cause} without {operation} in eu-west-1"
    for operation, causes in {
        "cloudwatch:DescribeAlarms": (
            "logs:DescribeMetricFilters",
            "sns:ListTopics",
            "sns:ListSubscriptionsByTopic",
        ),
        "oam:ListLinks": (
            "cloudwatch:DescribeAlarms",
            "sns:ListTopics",
            "sns:ListSubscriptionsByTopic",
        ),
    }.items()
    for cause in causes
)
"""A log alarm, an alarm with an action of another kind, an alarm of an account that the metric is shared with."""

RULES_ELSEWHERE = frozenset(
    f"{cause} without events:ListRules in us-east-1"
    for cause in ("logs:DescribeMetricFilters", "sns:ListSubscriptionsByTopic")
)
"""A rule in the one Region in which such events are recorded."""

ALLOWED: Mapping[str, AbstractSet[str]] = {
    "api-stages-5xx-alarm": WATCHED_ELSEWHERE | NO_TOPIC_ANSWERS,
    "ec2-agent-alarms": WATCHED_ELSEWHERE | NO_TOPIC_ANSWERS,
    "load-balancers-5xx-alarm": WATCHED_ELSEWHERE | NO_TOPIC_ANSWERS,
    "rds-connections-alarm": WATCHED_ELSEWHERE | NO_TOPIC_ANSWERS,
    "config-recorder-all-regions": {
        "config:DescribeConfigurationRecorderStatus without config:DescribeConfigurationRecorders in eu-west-1",
        "config:DescribeConfigurationRecorderStatus without config:DescribeConfigurationRecorders in us-east-1",
        "config:DescribeConfigurationRecorderStatus without config:DescribeConfigurationRecorderStatus in us-east-1",
    },
    "autoscaling-alarm": {
        "a resource beside without autoscaling:DescribePolicies in eu-west-1",
        "cloudwatch:DescribeAlarms without autoscaling:DescribePolicies in eu-west-1",
    },
    **dict.fromkeys(MONITORING, ALARMS_ELSEWHERE),
    "monitor-iam-policy-changes": ALARMS_ELSEWHERE | RULES_ELSEWHERE,
    "monitor-organizations-changes": ALARMS_ELSEWHERE | RULES_ELSEWHERE,
    "ec2-instance-role-attached": {"a resource beside without iam:ListInstanceProfiles in global"},
    "iam-central-federation": {
        "iam:ListSAMLProviders without iam:ListOpenIDConnectProviders in global",
        "iam:ListSAMLProviders without sso-admin:ListInstances in eu-west-1",
        "iam:ListSAMLProviders without sso-admin:ListInstances in us-east-1",
    },
    "opened-security-group-remediated": {
        "events:ListRules without events:ListTargetsByRule in eu-west-1",
        "events:ListRules without lambda:GetFunctionConcurrency in eu-west-1",
    },
    "org-guardrail-policies": {"organizations:ListAccounts without organizations:ListRoots in global"},
    "trail-bucket-in-another-account": {"a resource beside without s3:ListBuckets in global"},
    "trail-bucket-object-lock": {
        "a resource beside without s3:GetBucketVersioning in global",
        "s3:GetObjectLockConfiguration without s3:GetBucketVersioning in global",
    },
    "trail-key-usable": {
        "a resource beside without kms:DescribeKey in eu-west-1",
        "a resource beside without kms:ListKeys in eu-west-1",
    },
    "trail-log-group-retention": {"a resource beside without logs:DescribeLogGroups in eu-west-1"},
    "vpc-endpoints-for-aws-services": {"ec2:DescribeVpcs without ec2:DescribeVpcEndpoints in eu-west-1"},
    "web-front-ends-access-logging": {
        "cloudfront:GetDistributionConfig without logs:DescribeDeliverySources in eu-west-1",
        "cloudfront:GetDistributionConfig without logs:DescribeDeliverySources in us-east-1",
        "cloudfront:GetDistributionConfig without logs:DescribeDeliveries in us-east-1",
        "elbv2:DescribeLoadBalancerAttributes without logs:DescribeDeliveries in eu-west-1",
        "elbv2:DescribeLoadBalancerAttributes without logs:DescribeDeliverySources in eu-west-1",
    },
}
"""What carries the failure although no answer at hand shows it: what is nowhere else could be in it."""

MOST = 2
"""Failing worlds per control and answer: the first ones found, which are of different fields."""


def failing_worlds(name: str, most: int = MOST) -> Iterator[tuple[str, World]]:
    """Yield worlds in which a control fails, each with the operation whose answer was changed."""
    if name in BAD:
        yield "a resource beside", with_a_bad_copy(WORLDS[name], *BAD[name])
    for key, (call, said) in WORLDS[name].answers.items():
        found = 0
        for pages in changed(list(said.pages)):
            world = replace(
                WORLDS[name], answers={**WORLDS[name].answers, key: (call, replace(said, pages=tuple(pages)))}
            )
            if world.weigh(name).state is State.FAIL:
                yield call.operation, world
                found += 1
            if found == most:
                break


def changed(value: Any) -> Iterator[Any]:
    """Yield copies of a value with one thing in it changed: a flag flipped, a list emptied, a text made strange."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from ({**value, key: other} for other in changed(item))
    elif isinstance(value, list):
        if value:
            yield []
        for index, item in enumerate(value):
            yield from ([*value[:index], other, *value[index + 1 :]] for other in changed(item))
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, str):
        yield from ("", "*", "DISABLED", "2020-01-01T00:00:00Z")
    elif isinstance(value, int):
        yield from (0, 1)


def missing(world: World, key: Any, code: str = "AccessDenied") -> World:
    """Take one answer away."""
    call, said = world.answers[key]
    return replace(world, answers={**world.answers, key: (call, replace(said, pages=(), error=code, message="no"))})


def carried(name: str, world: World, key: Any) -> bool:
    """Say whether a control would not fail with another answer in the place of one."""
    call, said = world.answers[key]
    operation = catalog().operations[call.operation]
    instead = [one.pages for other, one in WORLDS[name].answers.values() if other.operation == call.operation]
    instead += [one.pages for other, one in world.answers.values() if other.operation == call.operation]
    if name in BAD:
        good_copy = with_a_bad_copy(WORLDS[name], BAD[name][0], {})
        instead += [one.pages for other, one in good_copy.answers.values() if other.operation == call.operation]
    instead += [tuple(pages) for pages in changed(list(said.pages))]
    instead += [({item: [] for item in operation.required},)]
    answers = [replace(said, pages=pages, error="", absent=False) for pages in instead]
    answers += [replace(said, pages=(), error=code, absent=True) for code in operation.absent]
    results = (replace(world, answers={**world.answers, key: (call, answer)}).weigh(name) for answer in answers)
    return any(one.state is not State.FAIL and "gave no usable answer" not in reasons(one) for one in results)


def leads_to(call: Call, cause: str) -> bool:
    """Say whether an answer tells of the calls whose answer carries the failure."""
    above = {item.name for item in needed(catalog().operations, [cause])} if cause in catalog().operations else set()
    return call.operation in above - {cause}


def lost_failures(name: str, worlds: Iterable[tuple[str, World]]) -> set[str]:
    """Return the answers without which a control does not fail any more, although they carry no failure."""
    return {
        f"{cause} without {call.operation} in {call.region}"
        for cause, world in worlds
        for key, (call, _) in world.answers.items()
        if not leads_to(call, cause)
        and missing(world, key).weigh(name).state is not State.FAIL
        and not carried(name, world, key)
    }


@pytest.mark.parametrize("name", CONTROLS)
def test_a_proven_failure_outlives_any_other_answer(name: str) -> None:
    assert lost_failures(name, failing_worlds(name)) <= ALLOWED.get(name, set())


@pytest.mark.parametrize("name", IN_FULL)
def test_a_proven_break_of_a_chain_outlives_any_other_answer(name: str) -> None:
    assert lost_failures(name, failing_worlds(name)) <= ALLOWED[name]


BROKEN = {
    "logs:DescribeMetricFilters": {"metricFilters": []},
    "sns:ListSubscriptionsByTopic": watched.subscribed("PendingConfirmation"),
}
"""No filter at all; nobody who has confirmed."""


@pytest.mark.parametrize("name", [name for name in MONITORING if name not in IN_FULL])
def test_every_chain_that_is_broken_fails_whatever_else_is_missing(name: str) -> None:
    worlds = ((cause, WORLDS[name].changed(cause, page)) for cause, page in BROKEN.items())
    assert lost_failures(name, worlds) <= ALLOWED[name]
