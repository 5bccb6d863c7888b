"""EventBridge patterns: the parser, the evaluator beside moto's, and rules as detectors of what controls ask for."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.events.models import EventPattern

from auditor.monitoring.patterns.callers import EVENT_NAME, EVENT_SOURCE, Kind
from auditor.monitoring.patterns.delivery import detector_of_rule, envelope
from auditor.monitoring.patterns.errors import PatternError, TooComplexError
from auditor.monitoring.patterns.judge import judge, judge_patterns
from auditor.monitoring.patterns.pattern import matches, parse_pattern, parse_rule
from auditor.monitoring.patterns.records import build
from tests.monitoring.patterns.catalogue import requirement


def says(pattern: Any, event: Any) -> bool:
    return matches(parse_rule(json.dumps(pattern)), event)


@pytest.mark.parametrize(
    ("pattern", "event", "expected"),
    [
        pytest.param({"a": ["x"]}, {"a": "x"}, True, id="literal"),
        pytest.param({"a": ["*x"]}, {"a": "yx"}, False, id="no-wildcards-in-literals"),
        pytest.param({"a": [1]}, {"a": 1.0}, True, id="number"),
        pytest.param({"a": [1]}, {"a": True}, False, id="one-is-not-true"),
        pytest.param({"a": [None]}, {"a": None}, True, id="null"),
        pytest.param({"a": [None]}, {}, False, id="absent-is-not-null"),
        pytest.param({"a": ["x", "y"]}, {"a": "y"}, True, id="alternatives"),
        pytest.param({"a": ["x"], "b": ["y"]}, {"a": "x"}, False, id="siblings-are-and"),
        pytest.param({"a": ["x"]}, {"a": ["w", "x"]}, True, id="one-element-suffices"),
        pytest.param({"a": {"b": ["x"]}}, {"a": [{"c": 1}, {"b": "x"}]}, True, id="through-an-array-of-objects"),
        pytest.param({"a": {"b": [{"exists": False}]}}, {"a": [{"c": 1}, {"b": "x"}]}, False, id="exists-in-an-array"),
        pytest.param({"a.b": ["x"]}, {"a": {"b": "x"}}, True, id="dotted-key"),
        pytest.param({"$or": [{"a": ["x"]}, {"b": ["y"]}]}, {"b": "y"}, True, id="or"),
        pytest.param({"a": [{"prefix": "x"}]}, {"a": "xy"}, True, id="prefix"),
        pytest.param({"a": [{"suffix": {"equals-ignore-case": "Y"}}]}, {"a": "xy"}, True, id="suffix-ignoring-case"),
        pytest.param({"a": [{"equals-ignore-case": "XY"}]}, {"a": "xY"}, True, id="ignoring-case"),
        pytest.param(
            {"a": [{"wildcard": "*Unauthorized*n"}]}, {"a": "Client.UnauthorizedOperation"}, True, id="wildcard"
        ),
        pytest.param({"a": [{"wildcard": "x\\*y"}]}, {"a": "x*y"}, True, id="escaped-asterisk"),
        pytest.param({"a": [{"anything-but": "x"}]}, {"a": "y"}, True, id="anything-but"),
        pytest.param({"a": [{"anything-but": "x"}]}, {}, False, id="anything-but-needs-the-field"),
        pytest.param({"a": [{"anything-but": {"prefix": "x"}}]}, {"a": "xy"}, False, id="anything-but-prefix"),
        pytest.param({"a": [{"anything-but": {"wildcard": "x*"}}]}, {"a": "y"}, True, id="anything-but-wildcard"),
        pytest.param({"a": [{"numeric": [">", 1, "<=", 3]}]}, {"a": 3}, True, id="range"),
        pytest.param({"a": [{"cidr": "10.0.0.0/8"}]}, {"a": "10.2.3.4"}, True, id="network"),
        pytest.param({"a": [{"exists": False}]}, {}, True, id="absent"),
        pytest.param({"a": [{"exists": True}]}, {"a": None}, True, id="null-exists"),
        pytest.param({"a": [{"exists": True}]}, {"a": {"b": 1}}, False, id="only-leaves-exist"),
        pytest.param({"a": ["x", {"exists": False}]}, {}, True, id="value-or-absent"),
        pytest.param({"a": [{"exists": True}]}, {"a": []}, False, id="an-empty-array-holds-nothing"),
        pytest.param({"a": [{"exists": False}]}, {"a": []}, True, id="an-empty-array-is-absent"),
        pytest.param({"a": [{"anything-but": {"prefix": ["x", "y"]}}]}, {"a": "yz"}, False, id="anything-but-prefixes"),
        pytest.param({"a": "x"}, None, None, id="no-array"),
        pytest.param({"a": [{"anything-but": {"cidr": "10.0.0.0/8"}}]}, None, None, id="anything-but-a-network"),
        pytest.param({"a": [{"anything-but": {"prefix": ""}}]}, None, None, id="anything-but-an-empty-prefix"),
        pytest.param({"a": [{"anything-but": ["x", 1]}]}, None, None, id="anything-but-texts-and-numbers"),
        pytest.param({"a": [{"anything-but": [None]}]}, None, None, id="anything-but-null"),
        pytest.param({"a": [{"numeric": ["<", 3, ">", 1]}]}, None, None, id="range-the-other-way-round"),
        pytest.param({"a": [{"numeric": [">=", 1, "<", 1]}]}, None, None, id="empty-range"),
        pytest.param({"a": []}, None, None, id="empty-array"),
        pytest.param({}, None, None, id="nothing-asked"),
        pytest.param({"a": [{"regex": "x"}]}, None, None, id="unknown-operator"),
        pytest.param({"a": [{"prefix": 5}]}, None, None, id="prefix-of-a-number"),
        pytest.param({"a": [{"exists": "yes"}]}, None, None, id="exists-takes-booleans"),
        pytest.param({"a": [{"wildcard": "a**b"}]}, None, None, id="two-asterisks"),
        pytest.param({"a": [{"cidr": "10.0.0/8"}]}, None, None, id="no-network"),
        pytest.param({"a": [["x"]]}, None, None, id="nested-array"),
        pytest.param({"$or": [{"a": ["x"]}]}, None, None, id="or-of-one"),
        pytest.param({"a": ["x" * 4100]}, None, None, id="too-long"),
    ],
)
def test_event_patterns_on_one_event(pattern: Any, event: Any, expected: bool | None) -> None:
    if expected is None:
        with pytest.raises(PatternError):
            parse_rule(json.dumps(pattern))
    else:
        assert says(pattern, event) is expected


def test_broken_json_is_pointed_at() -> None:
    with pytest.raises(PatternError, match=r"not JSON.*character 13") as caught:
        parse_rule('{"source": [x]}')
    assert caught.value.position == 12
    assert caught.value.hint.endswith("\n" + " " * 12 + "^")


TEXTS = st.text("abAB*", max_size=4)
NUMBERS = st.integers(-3, 3)
LEAVES = st.one_of(
    TEXTS,
    NUMBERS,
    st.builds(lambda text: {"prefix": text}, TEXTS),
    st.builds(lambda text: {"suffix": text}, TEXTS),
    st.builds(lambda text: {"equals-ignore-case": text}, TEXTS),
    st.builds(lambda text: {"prefix": {"equals-ignore-case": text}}, TEXTS),
    st.builds(lambda text: {"wildcard": text}, TEXTS.filter(lambda text: "**" not in text)),
    st.builds(lambda items: {"anything-but": items}, st.lists(TEXTS, min_size=1, max_size=2)),
    st.builds(lambda text: {"anything-but": {"prefix": text}}, TEXTS.filter(bool)),
    st.builds(lambda wanted: {"exists": wanted}, st.booleans()),
    st.builds(lambda low, width: {"numeric": [">", low, "<=", low + width]}, NUMBERS, st.integers(1, 3)),
)
ARRAYS = st.lists(LEAVES, min_size=1, max_size=3)
PATTERNS = st.recursive(
    st.dictionaries(st.sampled_from("pq"), ARRAYS, min_size=1),
    lambda inner: st.one_of(
        st.dictionaries(st.sampled_from("pqr"), st.one_of(ARRAYS, inner), min_size=1),
        st.builds(lambda parts: {"$or": parts}, st.lists(inner, min_size=2, max_size=3)),
    ),
    max_leaves=4,
)
SCALARS = st.one_of(TEXTS, NUMBERS, st.none())
EVENTS = st.recursive(
    st.dictionaries(st.sampled_from("pqr"), st.one_of(SCALARS, st.lists(SCALARS, min_size=1, max_size=2)), min_size=1),
    lambda inner: st.dictionaries(st.sampled_from("pqr"), st.one_of(SCALARS, inner), min_size=1),
    max_leaves=4,
)


@settings(max_examples=300, deadline=None)
@given(pattern=PATTERNS, event=EVENTS)
def test_we_and_moto_agree(pattern: dict[str, Any], event: dict[str, Any]) -> None:
    """Operators that moto does not know count as a match there, so that only those which both know are drawn."""
    assert says(pattern, event) is EventPattern(json.dumps(pattern), pattern).matches_event(event)  # type: ignore[arg-type]  # any JSON object will do


@settings(deadline=None)
@given(st.one_of(st.text(max_size=60).map(lambda text: '{"a": ' + text), st.text('{}[]",:a1\\*', max_size=80)))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        matches(parse_pattern(text), {"a": "x"})
    except (PatternError, TooComplexError):
        return


def test_nesting_cannot_exhaust_the_interpreter() -> None:
    for text in ('{"a":' * 700 + "[1]" + "}" * 700, '{"a":[' + "[" * 2000 + "]" * 2000 + "]}", '{"$or":[' * 400):
        with pytest.raises(PatternError):
            parse_rule(text)


TRAIL_RULE = {
    "source": ["aws.cloudtrail"],
    "detail-type": ["AWS API Call via CloudTrail"],
    "detail": {
        "eventSource": ["cloudtrail.amazonaws.com"],
        "eventName": ["CreateTrail", "UpdateTrail", "DeleteTrail", "StartLogging", "StopLogging"],
    },
}


def test_a_rule_is_judged_like_a_filter_and_labelled() -> None:
    found = judge_patterns(requirement("monitor-cloudtrail-changes"), [json.dumps(TRAIL_RULE)])
    assert found.covers is True
    assert any("another kind of detector" in note for note in found.notes)
    record = build({EVENT_NAME: "StopLogging", EVENT_SOURCE: "cloudtrail.amazonaws.com"}, Kind.API)
    assert says(TRAIL_RULE, envelope(record))


@pytest.mark.parametrize(
    ("change", "missed"),
    [
        pytest.param({"source": ["aws.cloudtrial"]}, 5, id="wrong-source"),
        pytest.param({"detail-type": ["AWS Service Event via CloudTrail"]}, 5, id="wrong-detail-type"),
        pytest.param({"errorCode": ["AccessDenied"]}, 5, id="key-beside-detail"),
        pytest.param({"detail": {"eventName": [{"prefix": "St"}]}}, 3, id="prefix"),
        pytest.param({"detail": {"eventName": [{"wildcard": "*Tr*l"}, {"suffix": "Logging"}]}}, 0, id="wildcard"),
        pytest.param({"detail": {"eventName": [{"anything-but": "StopLogging"}]}}, 1, id="anything-but"),
        pytest.param({"detail": {"eventName": ["Stop*", "Start*", "*Trail"]}}, 5, id="asterisks-in-literals"),
        pytest.param({"region": ["us-east-1"]}, 5, id="one-region"),
        pytest.param({"detail": {**TRAIL_RULE["detail"], "errorCode": [{"exists": False}]}}, 5, id="refused-calls"),  # type: ignore[dict-item]  # detail is an object
    ],
)
def test_rules_miss_what_they_do_not_name(change: dict[str, Any], missed: int) -> None:
    found = judge_patterns(requirement("monitor-cloudtrail-changes"), [json.dumps({**TRAIL_RULE, **change})])
    assert len(found.missed) == missed
    assert found.covers is (missed == 0)


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param({"detail": {"errorCode": ["*UnauthorizedOperation", "AccessDenied*"]}}, id="plain-strings"),
        pytest.param({"source": ["aws.cloudtrail"], "errorCode": [{"prefix": "AccessDenied"}]}, id="beside-detail"),
    ],
)
def test_the_published_counter_example_never_fires(pattern: dict[str, Any]) -> None:
    assert judge_patterns(requirement("monitor-unauthorized-api-calls"), [json.dumps(pattern)]).covers is False


REFUSED = {"detail": {"errorCode": [{"wildcard": "*UnauthorizedOperation"}, {"prefix": "AccessDenied"}]}}


def test_reads_and_regions_decide_what_reaches_a_rule() -> None:
    pattern = parse_rule(json.dumps(REFUSED))
    asked = requirement("monitor-unauthorized-api-calls")
    assert judge(asked, [detector_of_rule("r", pattern)]).covers is True
    assert judge(asked, [detector_of_rule("r", pattern, reads=False)]).covers is False
    assert judge(asked, [detector_of_rule("r", pattern, region="us-east-1")]).covers is False
    trail = parse_rule(json.dumps(TRAIL_RULE))
    writes = requirement("monitor-cloudtrail-changes")
    assert judge(writes, [detector_of_rule("r", trail, reads=False)]).covers is True


def test_a_rule_for_root_needs_both_envelopes() -> None:
    root = {"detail": {"userIdentity": {"type": ["Root"]}}}
    asked = requirement("monitor-root-usage")
    assert (
        judge_patterns(asked, [json.dumps({"detail-type": ["AWS Console Sign In via CloudTrail"], **root})]).covers
        is False
    )
    assert judge_patterns(asked, [json.dumps(root)]).covers is True
