"""Resource policies: what lets a service in, what keeps it out, and what is left open."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.evaluate.chain.access import Request, allows

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
        pytest.param("hostile", False, id="no-statements"),
        pytest.param([None, 5, {"Effect": "Allow"}], False, id="hostile-statements"),
    ],
)
def test_policies(statements: Any, answer: bool | None) -> None:
    assert allows({"Statement": statements}, PUBLISH) is answer


def test_without_the_senders_name_only_a_whole_account_is_taken_for_it() -> None:
    unknown = Request("cloudwatch.amazonaws.com", "sns:Publish", TOPIC, "111122223333")
    whole = when("ArnLike", "aws:SourceArn", "arn:aws:cloudwatch:eu-central-1:111122223333:*")
    assert allows({"Statement": [whole]}, unknown) is True
    assert allows({"Statement": [when("ArnEquals", "aws:SourceArn", ALARM)]}, unknown) is None


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
    answer = allows({"Statement": statements}, PUBLISH)
    assert allows({"Statement": shuffled}, PUBLISH) is answer
    assert allows({"Statement": [*statements, DENY]}, PUBLISH) is False
