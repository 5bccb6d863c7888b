"""The simulator's own reading of CloudWatch Logs filter patterns, asked through TestMetricFilter."""

import contextlib
import json

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from auditor.simulator.overlay.filter_patterns import InvalidPattern, matches
from auditor.simulator.worlds.alarms import PATTERNS
from tests.simulator.conftest import Clients

ROOT = {"eventName": "ConsoleLogin", "eventType": "AwsConsoleSignIn", "userIdentity": {"type": "Root"}}
EC2_REFUSED = {
    "eventName": "DescribeInstances",
    "errorCode": "Client.UnauthorizedOperation",
    "sourceIPAddress": "1.2.3.4",
}


@pytest.mark.parametrize(
    ("pattern", "record", "expected"),
    [
        pytest.param(PATTERNS["root-usage"], ROOT, True, id="root-signs-in"),
        pytest.param(
            PATTERNS["root-usage"],
            ROOT | {"userIdentity": {"type": "Root", "invokedBy": "s3.amazonaws.com"}},
            False,
            id="not-exists-wants-absence",
        ),
        pytest.param(PATTERNS["unauthorized-api-calls"], EC2_REFUSED, True, id="leading-wildcard"),
        pytest.param('{ $.errorCode = "UnauthorizedOperation" }', EC2_REFUSED, False, id="whole-value"),
        pytest.param('{ $.eventName = "Ev*nt" }', {"eventName": "Event"}, False, id="middle-star-is-literal"),
        pytest.param('{ $.missing != "x" }', {"eventName": "a"}, False, id="unequal-wants-presence"),
        pytest.param('{ $.a = "*" }', {"a": "anything"}, True, id="star-means-present"),
        pytest.param('{ $.a != "x" }', {"a": {"b": 1}}, False, id="objects-match-nothing"),
        pytest.param("{ $.a IS NULL }", {"a": None}, True, id="is-null"),
        pytest.param("{ $.a IS TRUE }", {"a": "true"}, False, id="is-true-wants-a-boolean"),
        pytest.param("{ $.n > 3 }", {"n": 4}, True, id="greater"),
        pytest.param("{ $.n = 1e+3 }", {"n": 1000}, True, id="numbers-compare-as-numbers"),
        pytest.param("{ $.a = x || $.b = y && $.c = z }", {"a": "x"}, True, id="and-binds-tighter"),
        pytest.param("{ ($.a = x || $.b = y) && $.c = z }", {"a": "x"}, False, id="parentheses-first"),
        pytest.param("{ $.list[*].k = v }", {"list": [{"k": "u"}, {"k": "v"}]}, True, id="any-element"),
        pytest.param("{ $.list[0] = v }", {"list": ["v"]}, True, id="element"),
        pytest.param("{ $.['a.b'] = v }", {"a.b": "v"}, True, id="key-with-a-dot"),
        pytest.param("{ $.a = %^iam[.]% }", {"a": "iam.amazonaws.com"}, True, id="regex"),
        pytest.param("", {"a": 1}, True, id="empty-matches-all"),
        pytest.param("ConsoleLogin", ROOT, True, id="term"),
        pytest.param("?Nothing ?ConsoleLogin", ROOT, True, id="alternatives"),
        pytest.param("ConsoleLogin -Root", ROOT, False, id="excluded-term"),
    ],
)
def test_patterns_match_as_aws_documents(pattern: str, record: dict[str, object], expected: bool) -> None:
    assert matches(pattern, json.dumps(record)) is expected


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("{ $.a = x", id="brace-missing"),
        pytest.param("{ ($.a = x }", id="parenthesis-missing"),
        pytest.param("{ $.a == x }", id="double-equals"),
        pytest.param("{ $.a = x & $.b = y }", id="single-ampersand"),
        pytest.param("{ $.errorMessage = Failed authentication }", id="space-without-quotes"),
        pytest.param("{ $.a EXISTS }", id="no-exists"),
        pytest.param("{ $.a = %(x)% }", id="regex-parentheses"),
        pytest.param("{" + " " * 1023 + "}", id="too-long"),
    ],
)
def test_patterns_that_aws_refuses(pattern: str) -> None:
    with pytest.raises(InvalidPattern):
        matches(pattern, "{}")


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_text_breaks_the_reader(pattern: str, message: str) -> None:
    with contextlib.suppress(InvalidPattern):
        assert matches(pattern, message) in {True, False}


@pytest.mark.simulator
def test_test_metric_filter_numbers_the_events_that_match(client: Clients) -> None:
    messages = [json.dumps({"eventName": name}) for name in ("A", "B", "A")]
    answer = client("logs").test_metric_filter(filterPattern="{ $.eventName = A }", logEventMessages=messages)
    assert [match["eventNumber"] for match in answer["matches"]] == [1, 3]
    with pytest.raises(ClientError, match="InvalidParameterException"):
        client("logs").test_metric_filter(filterPattern="{ $.a == b }", logEventMessages=["{}"])


@pytest.mark.simulator
def test_test_event_pattern_answers_for_the_demo_rule(client: Clients) -> None:
    (rule,) = client("events").list_rules()["Rules"]
    event = {
        "id": "1",
        "account": "111122223333",
        "source": "aws.ec2",
        "time": "2026-10-21T14:02:11Z",
        "region": "eu-central-1",
        "resources": [],
        "detail-type": "AWS API Call via CloudTrail",
        "detail": {"eventSource": "ec2.amazonaws.com", "eventName": "AuthorizeSecurityGroupIngress"},
    }
    ask = client("events").test_event_pattern
    assert ask(EventPattern=rule["EventPattern"], Event=json.dumps(event))["Result"]
    other = event | {"detail": {"eventSource": "ec2.amazonaws.com", "eventName": "DescribeVpcs"}}
    assert not ask(EventPattern=rule["EventPattern"], Event=json.dumps(other))["Result"]
    with pytest.raises(ClientError, match="InvalidEventPatternException"):
        ask(EventPattern='{"source": "aws.ec2"}', Event=json.dumps(event))
