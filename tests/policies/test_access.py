"""Resource policies: what lets a service in, what keeps it out, and what is left open."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.policies.access import Request, allows
from auditor.policies.document import read_policy

TOPIC = "arn:aws:sns:eu-central-1:111122223333:alerts"
ALARM = "arn:aws:cloudwatch:eu-central-1:111122223333:alarm:changes"
PUBLISH = Request("cloudwatch.amazonaws.com", "sns:Publish", TOPIC, "111122223333", ALARM)
ALLOW = {"Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": "sns:Publish"}
EVERYBODY = {"Effect": "Allow", "Principal": "*", "Action": "*"}
DENY = {**EVERYBODY, "Effect": "Deny"}


def when(operator: str, key: str, value: Any, base: dict[str, Any] | None = None) -> dict[str, Any]:
    return {**(base or ALLOW), "Condition": {operator: {key: value}}}


@pytest.mark.parametrize(
    ("statements", "answer"),
    [
        pytest.param([ALLOW], True, id="named"),
        pytest.param(ALLOW, True, id="one-statement"),
        pytest.param([EVERYBODY], True, id="everybody"),
        pytest.param([{**ALLOW, "Action": ["SNS:*"]}], True, id="wildcard"),
        pytest.param([{**ALLOW, "Action": "sns:Subscribe"}], False, id="another-action"),
        pytest.param([{**ALLOW, "Resource": TOPIC}], True, id="its-resource"),
        pytest.param([{**ALLOW, "Resource": TOPIC + "2"}], False, id="another-resource"),
        pytest.param([{**ALLOW, "Resource": "arn:aws:sns:*:*:al?rts"}], True, id="resource-by-wildcards"),
        pytest.param([{**ALLOW, "Principal": {"AWS": "arn:aws:iam::1:root"}}], False, id="another-principal"),
        pytest.param([], False, id="nothing"),
        pytest.param([ALLOW, DENY], False, id="denied"),
        pytest.param([ALLOW, {**DENY, "Principal": {"AWS": "arn:aws:iam::1:root"}}], True, id="others-denied"),
        pytest.param(
            [ALLOW, {"Effect": "Deny", "NotPrincipal": {"AWS": "arn:aws:iam::1:root"}, "Action": "sns:*"}],
            False,
            id="all-others-denied",
        ),
        pytest.param(
            [ALLOW, {"Effect": "Deny", "Principal": "*", "NotAction": "sns:Subscribe"}], False, id="all-else-denied"
        ),
        pytest.param([ALLOW, when("Bool", "x", "y", DENY)], None, id="denied-perhaps"),
        pytest.param(
            [ALLOW, when("Bool", "aws:SecureTransport", "false", DENY)], True, id="denied-without-encryption-only"
        ),
        pytest.param([when("Bool", "aws:SecureTransport", "true")], True, id="encryption-asked-for"),
        pytest.param([when("StringEquals", "aws:SourceAccount", "111122223333")], True, id="own-account"),
        pytest.param([when("StringEquals", "aws:SourceAccount", ["9", "111122223333"])], True, id="one-of-accounts"),
        pytest.param([when("StringEquals", "aws:SourceAccount", "444455556666")], False, id="other-account"),
        pytest.param([when("StringNotEquals", "aws:SourceAccount", "111122223333")], False, id="all-other-accounts"),
        pytest.param([when("ArnLike", "aws:SourceArn", ALARM.replace("changes", "*"))], True, id="its-alarms"),
        pytest.param([when("ArnEquals", "AWS:SourceArn", ALARM)], True, id="this-alarm"),
        pytest.param([when("ArnEquals", "aws:SourceArn", ALARM + "2")], False, id="another-alarm"),
        pytest.param([when("StringEquals", "aws:PrincipalOrgID", "o-1")], None, id="other-condition"),
        pytest.param([when("StringEquals", "aws:PrincipalOrgID", "o-1"), ALLOW], True, id="one-without-condition"),
        pytest.param([when("NumericEquals", "aws:SourceAccount", "1")], None, id="other-operator"),
        pytest.param([{**ALLOW, "Condition": "hostile"}], None, id="hostile-condition"),
        pytest.param("hostile", None, id="no-statements"),
        pytest.param([None, 5, {"Effect": "Allow"}], None, id="hostile-statements"),
        pytest.param([ALLOW, {**ALLOW, "Effect": "deny"}], None, id="an-effect-that-does-not-exist"),
        pytest.param([ALLOW, {"Effect": "Deny", "Action": "*"}], None, id="a-denial-of-nobody"),
        pytest.param([ALLOW, {**DENY, "Action": {"x": 1}}], None, id="a-denial-of-no-text"),
        pytest.param([ALLOW, {**DENY, "Unless": "x"}], None, id="an-element-that-does-not-exist"),
        pytest.param([{**ALLOW, "Condition": None}], None, id="no-conditions"),
        pytest.param([{**ALLOW, "Condition": []}], None, id="conditions-of-no-form"),
        pytest.param([when("StringEquals", "aws:SourceArn", ALARM[:-3] + "*")], False, id="star-is-plain-to-equality"),
        pytest.param([when("StringEquals", "aws:SourceAccount", "*")], False, id="star-is-no-account"),
        pytest.param([when("StringLike", "aws:SourceArn", ALARM[:-3] + "*")], True, id="star-by-likeness"),
        pytest.param(
            [when("ArnLike", "aws:SourceArn", "arn:aws:*:alarm:changes")], None, id="star-over-parts-of-an-arn"
        ),
        pytest.param([when("ArnLike", "aws:SourceArn", "arn:*:*:*:alarm:changes")], False, id="parts-by-themselves"),
        pytest.param([when("StringNotEquals", "aws:SourceAccount", {"x": 1})], None, id="a-value-of-no-form"),
        pytest.param([when("StringEquals", "aws:SourceAccount", [])], None, id="no-value"),
        pytest.param(
            [ALLOW, when("StringEquals", "aws:SourceAccount", 111122223333, DENY)], False, id="denied-by-a-number"
        ),
        pytest.param(
            [ALLOW, when("StringEqualsIgnoreCase", "aws:SourceArn", ALARM.upper(), DENY)],
            False,
            id="denied-in-capitals",
        ),
        pytest.param(
            [ALLOW, when("StringEquals", "aws:SourceAccount", "${aws:x}", DENY)], None, id="denied-by-a-variable"
        ),
        pytest.param([{**ALLOW, "Resource": "*a" * 500 + "*b"}], False, id="pattern-that-takes-time"),
    ],
)
def test_policies(statements: Any, answer: bool | None) -> None:
    assert allows(read_policy({"Statement": statements}), PUBLISH) is answer


def test_without_the_senders_name_only_a_whole_account_is_taken_for_it() -> None:
    unknown = Request("cloudwatch.amazonaws.com", "sns:Publish", TOPIC, "111122223333")
    whole = when("ArnLike", "aws:SourceArn", "arn:aws:cloudwatch:eu-central-1:111122223333:*")
    assert allows(read_policy({"Statement": [whole]}), unknown) is True
    assert allows(read_policy({"Statement": [when("ArnEquals", "aws:SourceArn", ALARM)]}), unknown) is None


@pytest.mark.parametrize(
    ("operator", "pattern"),
    [
        ("ArnLike", "arn:aws:s3:eu-central-1:111122223333:*"),
        ("ArnLike", "arn:aws:cloudwatch:us-east-1:111122223333:*"),
        ("ArnLike", "arn:aws:cloudwatch:eu-central-1:111122223333:alarm:prod-*"),
        ("StringEquals", "arn:aws:cloudwatch:eu-central-1:111122223333:*"),
        ("StringEquals", "*"),
    ],
)
def test_what_takes_in_only_some_senders_is_open_without_the_senders_name(operator: str, pattern: str) -> None:
    unknown = Request("cloudwatch.amazonaws.com", "sns:Publish", TOPIC, "111122223333")
    assert allows(read_policy({"Statement": [when(operator, "aws:SourceArn", pattern)]}), unknown) is None


def test_eventbridge_does_not_name_the_owner_of_what_it_sends() -> None:
    rule = Request("events.amazonaws.com", "sns:Publish", TOPIC, "111122223333", ALARM)
    whose = when("StringEquals", "AWS:SourceOwner", "111122223333", EVERYBODY)
    assert allows(read_policy({"Statement": [whose]}), rule) is None
    assert allows(read_policy({"Statement": [whose]}), PUBLISH) is True


STATEMENTS = st.builds(
    lambda effect, base, condition: {**base, "Effect": effect, **condition},
    st.sampled_from(["Allow", "Deny"]),
    st.sampled_from([ALLOW, EVERYBODY, {**ALLOW, "Action": "sns:Subscribe"}]),
    st.sampled_from([{}, {"Condition": {"StringEquals": {"x": "y"}}}]),
)


@settings(deadline=None)
@given(st.lists(STATEMENTS, max_size=5), st.randoms())
def test_order_does_not_matter_and_a_denial_never_helps(statements: list[Any], order: Any) -> None:
    shuffled = list(statements)
    order.shuffle(shuffled)
    answer = allows(read_policy({"Statement": statements}), PUBLISH)
    assert allows(read_policy({"Statement": shuffled}), PUBLISH) is answer
    assert allows(read_policy({"Statement": [*statements, DENY]}), PUBLISH) is False
