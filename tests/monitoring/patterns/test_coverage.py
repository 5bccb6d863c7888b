"""The decision procedure: what a set of filters catches, and the events that it misses."""

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.monitoring.patterns.callers import ERROR_CODE, EVENT_NAME, EVENT_SOURCE, IDENTITY_TYPE, INVOKED_BY, Kind
from auditor.monitoring.patterns.coverage import World
from auditor.monitoring.patterns.errors import PatternError
from auditor.monitoring.patterns.formula import ABSENT
from auditor.monitoring.patterns.judge import Coverage, judge_patterns
from auditor.monitoring.patterns.pattern import matches, parse_filter
from auditor.monitoring.patterns.records import REGION, build, consistent
from auditor.monitoring.patterns.requirement import Requirement, requirement_from
from tests.monitoring.patterns.catalogue import requirement
from tests.monitoring.patterns.mistakes import MISTAKES, Mistake
from tests.monitoring.patterns.published import PRINTED, PUBLISHED

OLD_SECURITY_GROUPS = ["AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress", "RevokeSecurityGroupIngress"]


@pytest.mark.parametrize(
    ("row", "variant"),
    [
        pytest.param(row, variant, id=f"{row['control']}-{index}")
        for row in PUBLISHED
        for index, variant in enumerate(row["variants"])
    ],
)
def test_published_variants_are_judged_as_the_facts_say(row: dict[str, Any], variant: dict[str, Any]) -> None:
    found = judge_patterns(requirement(row["control"]), [variant["pattern"]])
    assert found.valid is (variant["expected"] != "invalid")
    assert found.covers is (variant["expected"] == "covers")
    if variant["expected"] == "misses":
        assert [missed.name for missed in found.missed] == variant["misses"]
    assert bool(found.adds) is variant.get("noisy", False)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.title)
def test_mistakes_are_found_and_named(mistake: Mistake) -> None:
    found = mistake.judged()
    assert found.covers is mistake.covers
    assert mistake.says in str(found.document())
    assert_events_are_missed(requirement(mistake.control), mistake.patterns, found)


def assert_events_are_missed(asked: Requirement, patterns: tuple[str, ...], found: Coverage) -> None:
    for missed in found.missed:
        assert not asked.events or missed.name in asked.events
        for text in patterns:
            try:
                assert not matches(parse_filter(text), dict(missed.event))
            except PatternError:
                continue


def test_an_older_edition_asks_for_less() -> None:
    names = [*OLD_SECURITY_GROUPS, "RevokeSecurityGroupEgress", "CreateSecurityGroup", "DeleteSecurityGroup"]
    old = requirement_from("x", {"source": "ec2.amazonaws.com", "events": names})
    pattern = "{ " + " || ".join(f"$.eventName = {name}" for name in names) + " }"
    assert judge_patterns(old, [pattern]).covers
    newest = judge_patterns(requirement("monitor-security-group-changes"), [pattern])
    assert [missed.name for missed in newest.missed] == ["ModifySecurityGroupRules"]


def test_a_missed_event_is_a_complete_record() -> None:
    found = judge_patterns(requirement("monitor-cloudtrail-changes"), ["{ $.eventName = StopLogging }"])
    always = {"eventVersion", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress", "userAgent"}
    for missed in found.missed:
        assert always | {"eventType", "recipientAccountId", "userIdentity"} <= set(missed.event)
        assert missed.event["userIdentity"]["type"] in {"IAMUser", "AssumedRole", "Root", "FederatedUser"}
        assert missed.event["eventSource"] == "cloudtrail.amazonaws.com"


def test_retired_names_are_only_a_note() -> None:
    names = [name for name in requirement("monitor-vpc-changes").events if "ClassicLink" not in name]
    found = judge_patterns(
        requirement("monitor-vpc-changes"), ["{ " + " || ".join(f"$.eventName = {n}" for n in names) + " }"]
    )
    assert found.covers is True
    assert any("EnableVpcClassicLink" in note for note in found.notes)


def test_a_region_clause_is_harmless_where_the_service_is_global() -> None:
    for control, expected in (("monitor-iam-policy-changes", True), ("monitor-cloudtrail-changes", False)):
        pattern = "{ ($.awsRegion = us-east-1) && (" + PRINTED[control].strip("{ }") + ") }"
        if control == "monitor-iam-policy-changes":
            assert len(pattern) <= 1024
        assert judge_patterns(requirement(control), [pattern]).covers is expected
    only_region = World(regions=("us-east-1",))
    assert judge_patterns(requirement("monitor-cloudtrail-changes"), [pattern], only_region).covers is True


@pytest.mark.parametrize(
    ("partition", "region"),
    [("aws", "us-east-1"), ("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1"), ("aws-eusc", "eusc-de-east-1")],
)
def test_each_partition_has_a_region_for_its_global_services(partition: str, region: str) -> None:
    pattern = "{ ($.awsRegion = %s) && (%s) }" % (region, PRINTED["monitor-iam-policy-changes"].strip("{ }"))  # noqa: UP031
    for world, covers in ((World(partition), True), (World("aws-iso"), False)):
        assert judge_patterns(requirement("monitor-iam-policy-changes"), [pattern], world).covers is covers


def test_an_account_clause_counts_only_where_one_account_is_recorded() -> None:
    pattern = (
        '{ ($.recipientAccountId = "123456789012") && ('
        + PRINTED["monitor-kms-key-disable-or-delete"].strip("{}")
        + ") }"
    )
    asked = requirement("monitor-kms-key-disable-or-delete")
    assert judge_patterns(asked, [pattern]).covers is False
    assert judge_patterns(asked, [pattern], World(account="123456789012")).covers is True


def test_the_exact_refusal_codes_are_enough_with_a_note() -> None:
    codes = ("Client.UnauthorizedOperation", "AccessDenied", "AccessDeniedException")
    pattern = "{ " + " || ".join(f"$.errorCode = {code}" for code in codes) + " }"
    found = judge_patterns(requirement("monitor-unauthorized-api-calls"), [pattern])
    assert found.covers is True
    assert any("a new one" in note for note in found.notes)


def test_calls_of_services_may_be_left_out_with_a_note() -> None:
    pattern = "{ ($.userIdentity.type != AWSService) && (" + PRINTED["monitor-nacl-changes"].strip("{ }") + ") }"
    found = judge_patterns(requirement("monitor-nacl-changes"), [pattern])
    assert found.covers is True
    assert any("AWSService" in note for note in found.notes)


def test_a_verdict_that_rests_on_a_doubtful_rule_says_so() -> None:
    names = "{ $.eventName = Cr*Trail || $.eventName = Up*Trail || $.eventName = De*Trail || $.eventName = *Logging }"
    found = judge_patterns(requirement("monitor-cloudtrail-changes"), [names])
    assert found.covers is False
    assert any("asterisk inside a value" in note for note in found.notes)


def test_too_much_work_is_undecided_and_never_a_pass() -> None:
    clauses = " && ".join(f"($.q{index} = a || $.q{index + 1} = b || $.q{(index * 7) % 30} = c)" for index in range(14))
    hard = [f"{{ $.eventName = DeleteKey && {clauses} }}", f"{{ $.eventName = DisableKey && {clauses} }}"]
    found = judge_patterns(requirement("monitor-kms-key-disable-or-delete"), hard)
    assert found.covers is not True
    asked = requirement("monitor-kms-key-disable-or-delete")
    parts = [f"{{ $.q{i} = a || $.q{j} = b || $.q{k} = c }}" for i, j, k in itertools.combinations(range(14), 3)]
    assert judge_patterns(asked, parts).covers is not True


HARD = [f"{a}{b}" for a in "abcdefghijklm" for b in "xyz"]


@pytest.mark.parametrize(
    "clause",
    [
        pytest.param(" && ".join(f"$.userAgent != *{word}*" for word in HARD[:30]), id="contains"),
        pytest.param("$.userAgent = %[ab].{300}[cd].{200}x%", id="counted-repetition"),
        pytest.param(" || ".join(f"$.userAgent = {word}*{word}*z" for word in HARD[:24]), id="inner-asterisks"),
        pytest.param(" && ".join(f"($.q{i} = a || $.q{(i * 7) % 23} = b)" for i in range(30)), id="many-fields"),
    ],
)
def test_hostile_patterns_end_within_a_bound_and_never_cover_by_giving_up(clause: str) -> None:
    pattern = f"{{ $.eventName = *Key* && ({clause}) }}"
    assert len(pattern) <= 1024
    assert judge_patterns(requirement("monitor-kms-key-disable-or-delete"), [pattern]).covers is not True


def test_expansion_beyond_the_bound_is_undecided() -> None:
    found = judge_patterns(requirement("monitor-cloudtrail-changes"), ["{ $.eventName = %" + "a{999}" * 9 + "% }"])
    assert found.covers is None
    assert found.valid


def test_a_space_delimited_pattern_over_all_fields_is_seen_to_cover() -> None:
    assert judge_patterns(requirement("monitor-cloudtrail-changes"), [""]).covers is True
    assert judge_patterns(requirement("monitor-cloudtrail-changes"), ["[a, b=DeleteTrail]"]).covers is False


def test_words_found_only_by_coincidence_do_not_count() -> None:
    assert judge_patterns(requirement("monitor-cloudtrail-changes"), ["alice"]).covers is False
    assert judge_patterns(requirement("monitor-cloudtrail-changes"), ["cloudtrail -Mozilla"]).covers is False
    assert judge_patterns(requirement("monitor-cloudtrail-changes"), ['"cloudtrail.amazonaws.com"']).covers is True


FIELDS = {
    ERROR_CODE: (ABSENT, "AccessDenied", "Client.UnauthorizedOperation", "XAccess"),
    IDENTITY_TYPE: ("IAMUser", "AssumedRole", "Root", "FederatedUser"),
    INVOKED_BY: (ABSENT, "cloudformation.amazonaws.com", "config.amazonaws.com"),
    REGION: ("eu-central-1", "us-east-1", "ap-southeast-2"),
    ("requestParameters", "x"): (ABSENT, "a", "ab", "b", 1, 2.5, True, None),
}
VALUES = {
    ERROR_CODE: ("AccessDenied", '"Access*"', "*Access", "%^C.*Op%"),
    IDENTITY_TYPE: ("IAMUser", "Root", "*User"),
    INVOKED_BY: ('"cloudformation.amazonaws.com"', '"*"'),
    REGION: ("us-east-1", "eu*"),
    ("requestParameters", "x"): ("a", '"a*"', "1", '"*b"'),
}


@st.composite
def clauses(draw: st.DrawFn) -> str:
    keys = draw(st.sampled_from(list(FIELDS)))
    selector = "$." + ".".join(map(str, keys))
    if draw(st.integers(0, 3)) == 0:
        return f"{selector} {draw(st.sampled_from(['NOT EXISTS', 'IS NULL', 'IS TRUE']))}"
    return f"{selector} {draw(st.sampled_from(['=', '!=']))} {draw(st.sampled_from(VALUES[keys]))}"


GROUPS = st.recursive(
    clauses(),
    lambda inner: st.builds(
        lambda parts, sign: "(" + sign.join(parts) + ")",
        st.lists(inner, min_size=2, max_size=3),
        st.sampled_from([" && ", " || "]),
    ),
    max_leaves=5,
).filter(lambda text: text.count("%") <= 4)
ASKED = requirement_from("x", {"source": "kms.amazonaws.com", "events": ["DisableKey"]})
FIXED = {EVENT_NAME: "DisableKey", EVENT_SOURCE: "kms.amazonaws.com"}
POSSIBLE = [
    build(assignment, Kind.API)
    for values in itertools.product(*FIELDS.values())
    if consistent(assignment := {**FIXED, **dict(zip(FIELDS, values, strict=True))}, Kind.API)
]


@settings(deadline=None)
@given(groups=st.lists(GROUPS, min_size=1, max_size=3))
def test_the_decision_agrees_with_trying_every_event(groups: list[str]) -> None:
    patterns = [f"{{ $.eventName = DisableKey && {group} }}" for group in groups]
    found = judge_patterns(ASKED, patterns)
    read = [parse_filter(text) for text in patterns]
    by_hand = [record for record in POSSIBLE if not any(matches(one, record) for one in read)]
    if by_hand:
        assert found.covers is False
    for missed in found.missed:
        assert not any(matches(one, dict(missed.event)) for one in read)
    assert found.covers is not None


@settings(deadline=None)
@given(groups=st.lists(GROUPS, min_size=1, max_size=2), extra=GROUPS)
def test_another_filter_never_loses_coverage_and_another_clause_never_gains_it(groups: list[str], extra: str) -> None:
    if sum(map(str.count, groups, itertools.repeat("%"))) + extra.count("%") > 4:
        return
    base = [f"{{ {group} }}" for group in groups]
    before = judge_patterns(ASKED, base).covers
    more = judge_patterns(ASKED, [*base, f"{{ {extra} }}"]).covers
    less = judge_patterns(ASKED, [f"{{ ({group}) && {extra} }}" for group in groups]).covers
    assert not (before and not more)
    assert not (less and not before)


@settings(deadline=None)
@given(groups=st.lists(GROUPS, min_size=2, max_size=3))
def test_order_and_joining_do_not_matter(groups: list[str]) -> None:
    apart = judge_patterns(ASKED, [f"{{ {group} }}" for group in groups])
    turned = judge_patterns(ASKED, [f"{{ {group} }}" for group in reversed(groups)])
    assert apart.covers is turned.covers
    if sum(group.count("%") for group in groups) <= 4:
        assert (
            judge_patterns(ASKED, ["{ " + " || ".join(f"(({group}))" for group in groups) + " }"]).covers
            is apart.covers
        )


@settings(deadline=None)
@given(left=clauses(), right=clauses())
def test_a_union_covers_what_either_negation_leaves(left: str, right: str) -> None:
    """De Morgan, as far as the grammar goes: what fails "both" fails one of them."""
    both = judge_patterns(ASKED, [f"{{ {left} && {right} }}"]).covers
    assert both is (
        judge_patterns(ASKED, [f"{{ {left} }}"]).covers and judge_patterns(ASKED, [f"{{ {right} }}"]).covers
    )


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param({"event": ["X"]}, id="unknown-key"),
        pytest.param({"events": "X"}, id="no-list"),
        pytest.param({"catches": "{ x }"}, id="no-pattern"),
        pytest.param({"source": 5}, id="no-text"),
    ],
)
def test_a_wrong_requirement_is_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"x: |has to be"):
        requirement_from("x", parameters)
