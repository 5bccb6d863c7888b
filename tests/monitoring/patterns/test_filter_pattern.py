"""The parser and the evaluator of CloudWatch Logs filter patterns."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from auditor.monitoring.patterns.errors import PatternError, TooComplexError
from auditor.monitoring.patterns.filter_grammar import parse_json_filter
from auditor.monitoring.patterns.filter_pattern import write_filter
from auditor.monitoring.patterns.formula import Formula
from auditor.monitoring.patterns.pattern import Dialect, matches, parse_filter, parse_pattern
from auditor.monitoring.patterns.rules import RULES, turned
from tests.monitoring.patterns.published import PUBLISHED


def says(pattern: str, record: Any) -> bool:
    return matches(parse_filter(pattern), record)


def formula(text: str) -> Formula:
    return parse_json_filter(text).formula


DELETE: dict[str, Any] = {
    "eventName": "DeleteTrail",
    "eventSource": "cloudtrail.amazonaws.com",
    "awsRegion": "eu-central-1",
    "recipientAccountId": "111122223333",
    "userIdentity": {"type": "AssumedRole"},
    "requestParameters": {
        "count": 1000,
        "dry.run": True,
        "names": ["a", "b"],
        "none": None,
        "items": [{"x": 1}, {"x": 2}],
    },
    "responseElements": None,
}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        pytest.param("{ $.eventName = DeleteTrail }", True, id="bare-word"),
        pytest.param('{ $.eventName = "DeleteTrail" }', True, id="quoted"),
        pytest.param('{ $.eventName = "deletetrail" }', False, id="case-of-values"),
        pytest.param("{ $.eventname = DeleteTrail }", False, id="case-of-names"),
        pytest.param('{ $.eventName = "Delete*" }', True, id="prefix"),
        pytest.param("{ $.eventName = *Trail }", True, id="suffix"),
        pytest.param("{ $.eventName = *eteTr* }", True, id="contains"),
        pytest.param("{ $.eventName = De*Trail }", False, id="inner-asterisk-is-literal"),
        pytest.param('{ $.eventName = "*" }', True, id="present"),
        pytest.param("{ $.errorCode = * }", False, id="not-present"),
        pytest.param('{ $.errorCode != "x" }', False, id="absent-does-not-differ"),
        pytest.param('{ $.errorCode NOT EXISTS || $.errorCode != "x" }', True, id="the-right-form"),
        pytest.param("{ $.userIdentity = * }", False, id="object-equals-nothing"),
        pytest.param('{ $.userIdentity != "x" }', False, id="object-differs-from-nothing"),
        pytest.param("{ $.responseElements IS NULL }", True, id="null"),
        pytest.param("{ $.responseElements NOT EXISTS }", False, id="null-exists"),
        pytest.param("{ $.errorCode IS NULL }", False, id="absent-is-not-null"),
        pytest.param("{ $.requestParameters.count = 1e+3 }", True, id="exponent"),
        pytest.param("{ $.requestParameters.count >= 1000 && $.requestParameters.count < 1000.5 }", True, id="order"),
        pytest.param("{ $.eventName > 5 }", False, id="texts-have-no-order"),
        pytest.param("{ $.recipientAccountId = 111122223333 }", True, id="number-against-digits"),
        pytest.param("{ $.requestParameters.['dry.run'] IS TRUE }", True, id="quoted-name"),
        pytest.param('{ $.requestParameters.["dry.run"] IS TRUE }', None, id="double-quoted-name"),
        pytest.param("{ $.requestParameters.['dry.run'] = true }", False, id="boolean-is-no-word"),
        pytest.param('{ $.requestParameters.names[1] = "b" }', True, id="index"),
        pytest.param('{ $.requestParameters.names[2] = "b" }', False, id="index-beyond"),
        pytest.param('{ $.requestParameters.names[*] = "b" }', True, id="any-element"),
        pytest.param("{ $.requestParameters.items[*].x = 2 }", True, id="any-element-inside"),
        pytest.param('{ $.userIdentity.* = "AssumedRole" }', True, id="any-field"),
        pytest.param("{ $.eventName = %^Delete(Trail)$% }", None, id="no-groups-in-expressions"),
        pytest.param("{ $.eventName = %^Del[a-z]+T% }", True, id="expression"),
        pytest.param("{ $.eventName != %Trail$% }", False, id="expression-differs"),
        pytest.param(
            "{ $.eventName = A || $.eventName = DeleteTrail && $.awsRegion = x }", False, id="and-binds-tighter"
        ),
        pytest.param(
            "{ $.eventName = DeleteTrail || $.eventName = A && $.awsRegion = x }", True, id="and-binds-tighter-2"
        ),
        pytest.param("{\n  ($.eventName = DeleteTrail)\n}\n", True, id="line-breaks"),
        pytest.param("{ $.eventName == DeleteTrail }", None, id="double-equals"),
        pytest.param("{ $.eventName = DeleteTrail & $.awsRegion = x }", None, id="single-ampersand"),
        pytest.param("{ $.eventName = DeleteTrail AND $.awsRegion = x }", None, id="word-and"),
        pytest.param("{ $.eventName = 'DeleteTrail' }", None, id="single-quotes"),
        pytest.param("{ $.eventName = \u201cDeleteTrail\u201d }", None, id="curly-quotes"),
        pytest.param("{ $.errorMessage = Failed authentication }", None, id="space-without-quotes"),
        pytest.param("{ $.eventName EXISTS }", None, id="exists-alone"),
        pytest.param("{ $.eventName IS NOT NULL }", None, id="is-not"),
        pytest.param("{ ($.eventName = DeleteTrail }", None, id="open-parenthesis"),
        pytest.param("{ $.eventName = DeleteTrail) }", None, id="extra-parenthesis"),
        pytest.param("{ $.eventName = DeleteTrail", None, id="no-closing-brace"),
        pytest.param("{ $.eventName = DeleteTrail } x", None, id="text-after-the-end"),
        pytest.param("{ }", None, id="empty-braces"),
        pytest.param("{ eventName = DeleteTrail }", None, id="no-dollar"),
        pytest.param("{ $.eventName = }", None, id="no-value"),
        pytest.param('{ $.eventName = "DeleteTrail }', None, id="open-quote"),
        pytest.param('{ $.eventName = DeleteTrail" }', None, id="one-quote"),
        pytest.param("{ $.a = %x% && $.b = %y% && $.c = %z% }", None, id="three-expressions"),
        pytest.param("{ $.a[*].b[*] = x }", None, id="two-wildcards-in-a-selector"),
        pytest.param("{ $.eventName < DeleteTrail }", None, id="order-of-words"),
        pytest.param("{" + " " * 1000 + "$.eventName = DeleteTrail }", None, id="too-long"),
    ],
)
def test_json_pattern_on_one_record(pattern: str, expected: bool | None) -> None:
    if expected is None:
        with pytest.raises(PatternError):
            parse_filter(pattern)
    else:
        assert says(pattern, DELETE) is expected


@pytest.mark.parametrize(
    ("pattern", "character", "words"),
    [
        pytest.param("{ $.eventName == X }", 16, "== is no comparison", id="double-equals"),
        pytest.param("{ ($.a = b || ($.c = d) }", 3, "not closed", id="points-at-the-open-one"),
        pytest.param("{ $.errorMessage = Failed authentication }", 27, "double quotes", id="points-at-the-second-word"),
        pytest.param("{ $.a = b", 10, "closing brace", id="points-behind-the-end"),
    ],
)
def test_the_error_points_at_the_character(pattern: str, character: int, words: str) -> None:
    with pytest.raises(PatternError, match=words) as caught:
        parse_filter(pattern)
    assert caught.value.position + 1 == character
    assert f"(character {character})" in caught.value.message
    shown, caret = caught.value.hint.strip("\n").split("\n")
    assert len(caret) - 1 == shown.rindex(pattern[caught.value.position :][:20]) if character <= len(pattern) else caret


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: row["control"])
def test_published_patterns_are_read_and_match_what_they_are_for(row: dict[str, Any]) -> None:
    for variant in row["variants"]:
        if variant["expected"] == "invalid":
            with pytest.raises(PatternError):
                parse_filter(variant["pattern"])
            continue
        names = row["events"] or [None]
        for name in names:
            for event in row["witness"]:
                record = {**event, "eventName": name} if event["eventName"] == "<each of events>" else event
                expected = name not in variant.get("misses", [])
                assert says(variant["pattern"], record) is expected
        for near in row["near_miss"]:
            assert near["may_match"] or variant.get("noisy") or not says(variant["pattern"], near["event"])


@pytest.mark.parametrize(
    ("pattern", "event", "expected"),
    [
        pytest.param("", "anything", True, id="empty"),
        pytest.param('" "', "anything", True, id="blank-term"),
        pytest.param("ERROR", "an ERRORCODE", True, id="substring"),
        pytest.param("error", "an ERROR", False, id="case"),
        pytest.param("ERROR CODE", "CODE and ERROR", True, id="all-terms"),
        pytest.param("ERROR -CODE", "CODE and ERROR", False, id="excluded"),
        pytest.param("?ERROR ?WARN", "a WARN", True, id="alternatives"),
        pytest.param("?ERROR ?WARN", "nothing", False, id="no-alternative"),
        pytest.param("?ERROR WARN", "WARN", True, id="alternatives-are-ignored-beside-a-term"),
        pytest.param('"Failed authentication"', "a Failed authentication here", True, id="phrase"),
        pytest.param("%Fail[a-z]d%", "a Failed authentication here", True, id="expression"),
        pytest.param('"\\"eventName\\":\\"StopLogging\\""', '{"eventName":"StopLogging"}', True, id="quotes-in-phrase"),
        pytest.param("[ip, user, ...]", "1.2.3.4 alice GET", True, id="ellipsis"),
        pytest.param("[ip, user]", "1.2.3.4 alice GET", False, id="number-of-fields"),
        pytest.param("[..., code=4*, size>10]", "GET 404 11", True, id="from-the-end"),
        pytest.param("[..., code=4* || code=5*, size>10]", "GET 504 11", True, id="alternatives-in-a-field"),
        pytest.param('[ip, time, request="*html*"]', '1.2.3.4 [10/Oct 13:00] "GET /x.html"', True, id="grouped-fields"),
        pytest.param("[w1!=x]", "y", True, id="differs"),
    ],
)
def test_patterns_over_text(pattern: str, event: str, expected: bool) -> None:
    assert matches(parse_filter(pattern), event) is expected


@pytest.mark.parametrize("pattern", ['"open', "a%b", "[a", "[a b]", "[..., ...]", "[a=]", "x" * 1025])
def test_broken_text_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        parse_filter(pattern)


def test_the_dialect_is_told_by_the_first_characters() -> None:
    assert parse_pattern('{"source": ["aws.s3"]}').dialect is Dialect.EVENT
    assert parse_pattern("{ $.a = b }").dialect is Dialect.JSON
    assert parse_pattern("[a, b]").dialect is Dialect.SPACE
    assert parse_pattern("DeleteTrail").dialect is Dialect.TERMS


@pytest.mark.parametrize(
    ("rule", "pattern", "record"),
    [
        pytest.param("inner_asterisk_is_literal", "{ $.a = x*z }", {"a": "xyz"}, id="inner-asterisk"),
        pytest.param("absent_differs", "{ $.b != x }", {"a": "xyz"}, id="absent"),
        pytest.param("null_differs", "{ $.a != x }", {"a": None}, id="null"),
        pytest.param("boolean_differs", "{ $.a != x }", {"a": True}, id="boolean"),
        pytest.param("boolean_is_text", "{ $.a = true }", {"a": True}, id="boolean-word"),
        pytest.param("number_matches_numeric_text", "{ $.a = 5 }", {"a": "5"}, id="number-text"),
        pytest.param("text_matches_number", '{ $.a = "5" }', {"a": 5}, id="text-number"),
        pytest.param("any_element_differs", "{ $.a[*] != x }", {"a": ["x", "y"]}, id="any-element"),
        pytest.param("null_exists", "{ $.a NOT EXISTS }", {"a": None}, id="null-exists"),
    ],
)
def test_every_doubtful_rule_can_be_turned(rule: str, pattern: str, record: dict[str, Any]) -> None:
    read = parse_filter(pattern)
    assert matches(read, record, RULES) is not matches(read, record, turned(rule))


def test_unusual_spellings_are_accepted_with_a_warning() -> None:
    assert parse_filter("{ $.a is null }").warnings
    assert parse_filter(" { $.a = b }").warnings
    assert parse_filter("{ $.a = arn:aws:iam::1:role/x }").warnings
    assert not parse_filter("{ $.a = iam.amazonaws.com && $.b = 123.123.* }").warnings


WORDS = st.text('abAB01_.*- "\\:/\u00e4', max_size=8).map(
    lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
)
FIELDS = st.sampled_from(["$.a", "$.b.c", "$.d[0]", "$.['e.f']", "$.g-h"])
NUMBERS = st.one_of(st.integers(-9, 9).map(str), st.sampled_from(["1.5", "1e+3", "007"]))
TESTS = st.one_of(
    st.builds("{} {} {}".format, FIELDS, st.sampled_from(["=", "!="]), st.one_of(WORDS, NUMBERS)),
    st.builds("{} {} {}".format, FIELDS, st.sampled_from(["<", "<=", ">", ">="]), NUMBERS),
    st.builds("{} {}".format, FIELDS, st.sampled_from(["IS NULL", "IS TRUE", "IS FALSE", "NOT EXISTS"])),
)
EXPRESSIONS = st.recursive(
    TESTS,
    lambda inner: st.builds(
        lambda parts, sign: "(" + sign.join(parts) + ")",
        st.lists(inner, min_size=1, max_size=3),
        st.sampled_from([" && ", "||"]),
    ),
    max_leaves=8,
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["a", "ab", "", "1", "007"]))
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "a": SCALARS,
        "b": st.one_of(SCALARS, st.fixed_dictionaries({}, optional={"c": SCALARS})),
        "d": st.lists(SCALARS, max_size=2),
        "e.f": SCALARS,
        "g-h": SCALARS,
    },
)


@settings(deadline=None)
@given(text=EXPRESSIONS)
def test_writing_and_reading_again_gives_the_same_formula(text: str) -> None:
    pattern = f"{{{text}}}"
    if len(pattern) > 1000:
        return
    first = formula(pattern)
    written = write_filter(first)
    if len(written) <= 1024:
        assert formula(written) == first


@settings(deadline=None)
@given(left=EXPRESSIONS, right=EXPRESSIONS, record=RECORDS)
def test_and_and_or_mean_and_and_or_in_any_order(left: str, right: str, record: dict[str, Any]) -> None:
    if len(left) + len(right) > 1000:
        return
    one, other = says(f"{{{left}}}", record), says(f"{{{right}}}", record)
    assert says(f"{{{left} && {right}}}", record) is says(f"{{({right}) && {left}}}", record) is (one and other)
    assert says(f"{{{left} || {right}}}", record) is says(f"{{{right} || (({left}))}}", record) is (one or other)


@settings(deadline=None)
@given(field=FIELDS, word=WORDS, record=RECORDS)
def test_a_test_and_its_opposite_never_both_hold(field: str, word: str, record: dict[str, Any]) -> None:
    assert not (says(f"{{{field} = {word}}}", record) and says(f"{{{field} != {word}}}", record))


@settings(deadline=None)
@given(first=TESTS, second=TESTS, third=TESTS, record=RECORDS)
def test_and_distributes_over_or(first: str, second: str, third: str, record: dict[str, Any]) -> None:
    together = says(f"{{ {first} && ({second} || {third}) }}", record)
    assert together is says(f"{{ {first} && {second} || {first} && {third} }}", record)


@settings(deadline=None)
@given(
    st.one_of(st.text(max_size=60), st.text('{}()[]$.*%"\\=!<>&|ab1 -?^+,', max_size=80), st.text("(", max_size=1024))
)
@example("{" + "(" * 1023)
@example("{ $.a = %" + "a{999}" * 100 + "% }")
@example("{ $.a = %" + ".*" * 300 + "x% }")
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read = parse_pattern(text)
    except (PatternError, TooComplexError):
        return
    matches(read, {"a": "a" * 500})
