"""What another account of the organization holds: credited where it was read and covers the account, and never else."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.evaluate.engine import evaluate
from auditor.evidence import world as worlds
from auditor.evidence.operations import Operation, Where
from auditor.model import AccountScope, ControlResult, Framework, Holder, Requirement, State
from tests.evaluate.checks.test_monitoring import CLOUDTRAIL, TRAIL_ITEM, world
from tests.evaluate.kit import ACCOUNT, FAR, HOME, World, catalog, reasons
from tests.monitoring.patterns.published import PRINTED

MEMBER, READER, ADMINISTRATOR = "444455556666", "555566667777", "666677778888"
LISTED = "s3:ListObjectsV2"
ESSENTIAL = (
    "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors", "logs:DescribeLogGroups", "logs:DescribeMetricFilters",
    "cloudwatch:DescribeAlarms", "sns:ListTopics", "sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic",
)  # fmt: skip
"""Answers of the account that holds the trail without which nobody can be said to hear of an event."""


def _operation(name: str, where: Where) -> Operation:
    return Operation(
        name=name, where=where, parameters={}, for_each=(), required=(), absent=(), action=name, produced=False
    )


OPERATIONS = {
    **catalog().operations,
    LISTED: _operation(LISTED, Where.GLOBAL),
    **{name: _operation(name, Where.REGION) for name in ("guardduty:ListMembers", "securityhub:ListMembers")},
}
SHARED = {**TRAIL_ITEM, "IsOrganizationTrail": True, "S3BucketName": "logs"}
ARN = str(TRAIL_ITEM["TrailARN"])
HERE = Holder(AccountScope(ACCOUNT, "aws", (HOME,)), ("cloudtrail",))
FOLDERS = Holder(AccountScope(READER, "", ()), ("deliveries",))


def member(**item: Any) -> World:
    """A member that sees the organization's trail, may not ask about it, and has nothing of its own."""
    empty = World(account=MEMBER, operations=OPERATIONS)
    return (
        empty.says("cloudtrail:DescribeTrails", {"trailList": [{**SHARED, **item}]})
        .refuses("cloudtrail:GetTrailStatus", region=HOME, Name=ARN)
        .refuses("cloudtrail:GetEventSelectors", region=HOME, TrailName=ARN)
        .says("logs:DescribeLogGroups", {"logGroups": []})
        .says("logs:DescribeMetricFilters", {"metricFilters": []})
        .says("cloudwatch:DescribeAlarms", {"MetricAlarms": [], "CompositeAlarms": []})
        .says("sns:ListTopics", {"Topics": []})
        .says("events:ListRules", {"Rules": []})
        .says("oam:ListLinks", {"Items": []})
    )


def holder() -> World:
    found = replace(world(PRINTED[CLOUDTRAIL]), operations=OPERATIONS)
    return found.says("cloudtrail:DescribeTrails", {"trailList": [SHARED]})


def folders(*accounts: str) -> World:
    found = World(account=READER, operations=OPERATIONS)
    listed = {"CommonPrefixes": [{"Prefix": f"AWSLogs/o-1/{name}/"} for name in accounts]}
    return found.says(LISTED, listed, Bucket="logs", Delimiter="/", Prefix="AWSLogs/o-1/")


def judge(control_id: str, held: dict[str, World], *holders: Holder) -> ControlResult:
    """Judge a control in the first of some accounts; the others stand beside it."""
    control = catalog().controls[control_id]
    framework = Framework("test", "", "", "", "", (Requirement("1", "", (control.id,), (), None, "", {}),), "")
    known = replace(catalog(), controls={control.id: control}, frameworks={"test": framework})
    evidence = worlds.held(held, (*control.evidence, *control.consults), OPERATIONS)
    evidence.run = replace(evidence.run, accounts=evidence.run.accounts[:1], holders=holders)
    return evaluate(evidence, known, ["test"]).controls[0]


def test_a_member_passes_by_the_trail_of_its_organization() -> None:
    found = judge(CLOUDTRAIL, {MEMBER: member(), ACCOUNT: holder(), READER: folders(MEMBER)}, HERE, FOLDERS)
    assert found.state is State.PASS, reasons(found)
    assert found.results[0].details["held_by"] == [ACCOUNT]
    assert f"Held by account {ACCOUNT}" in reasons(found)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    lost=st.frozensets(st.sampled_from(ESSENTIAL), max_size=2),
    refused=st.booleans(),
    delivered=st.sampled_from(["here", "elsewhere", "nobody looked"]),
    error=st.sampled_from(["", "", "the role was refused"]),
    organization=st.sampled_from([True, True, False]),
    control=st.sampled_from([CLOUDTRAIL, "cloudtrail-multi-region-trail"]),
)
def test_no_credit_turns_a_gap_into_a_pass(
    lost: frozenset[str], refused: bool, delivered: str, error: str, organization: bool, control: str
) -> None:
    """PASS exactly where the holder was read, nothing of it is lost, and it delivers for this member."""
    there = holder()
    for name in lost:
        there = there.refuses_all(name) if refused else there.without(name)
    beside = {MEMBER: member(IsOrganizationTrail=organization), ACCOUNT: there}
    if delivered != "nobody looked":
        beside[READER] = folders(MEMBER if delivered == "here" else "999988887777")
    found = judge(control, beside, replace(HERE, error=error), FOLDERS)
    needed = lost & set(ESSENTIAL if control == CLOUDTRAIL else ESSENTIAL[:2])
    whole = organization and not needed and not error and delivered == "here"
    assert (found.state is State.PASS) is whole, reasons(found)
    assert found.state is not State.FAIL or not (error or refused or not lost), "nothing proves a failure here"


ANALYZER = {"name": "all", "type": "ORGANIZATION", "status": "ACTIVE", "arn": "arn:aws:access-analyzer:x"}
CONTROL = "access-analyzer-external-all-regions"
LOOKS = Holder(AccountScope(ADMINISTRATOR, "aws", ()), ("access-analyzer", "guardduty", "securityhub"))


def _with_analyzers(account: str, *items: Any) -> World:
    return World(account=account, operations=OPERATIONS).says(
        "accessanalyzer:ListAnalyzers", {"analyzers": list(items)}
    )


@pytest.mark.parametrize(
    ("administrator", "holders", "expected"),
    [
        pytest.param(_with_analyzers(ADMINISTRATOR, ANALYZER), (LOOKS,), State.PASS, id="active"),
        pytest.param(
            _with_analyzers(ADMINISTRATOR, {**ANALYZER, "status": "CREATING"}), (LOOKS,), State.FAIL, id="not-active"
        ),
        pytest.param(
            _with_analyzers(ADMINISTRATOR, {**ANALYZER, "type": "ACCOUNT"}), (LOOKS,), State.FAIL, id="its-own-only"
        ),
        pytest.param(_with_analyzers(ADMINISTRATOR), (LOOKS,), State.FAIL, id="none"),
        pytest.param(
            _with_analyzers(ADMINISTRATOR).refuses("accessanalyzer:ListAnalyzers"), (LOOKS,), State.NOT_ASSESSED,
            id="refused",
        ),
        pytest.param(
            _with_analyzers(ADMINISTRATOR, ANALYZER), (replace(LOOKS, error="the role was refused"),),
            State.NOT_ASSESSED, id="role-refused",
        ),
        pytest.param(
            _with_analyzers(ADMINISTRATOR), (LOOKS, Holder(AccountScope("", "", ()), ("access-analyzer",), "unknown")),
            State.NOT_ASSESSED, id="another-is-not-known",
        ),
        pytest.param(_with_analyzers(ADMINISTRATOR, ANALYZER), (), State.FAIL, id="no-organization-run"),
    ],
)  # fmt: skip
def test_an_analyzer_of_the_organization(administrator: World, holders: tuple[Holder, ...], expected: State) -> None:
    found = judge(CONTROL, {MEMBER: _with_analyzers(MEMBER), ADMINISTRATOR: administrator}, *holders)
    assert found.state is expected, reasons(found)


def test_an_analyzer_in_another_region_is_none() -> None:
    there = _with_analyzers(ADMINISTRATOR).says("accessanalyzer:ListAnalyzers", {"analyzers": [ANALYZER]}, region=HOME)
    found = judge(CONTROL, {MEMBER: _with_analyzers(MEMBER), ADMINISTRATOR: there}, LOOKS)
    assert {item.region: item.state for item in found.results} == {HOME: State.PASS, FAR: State.FAIL}


WATCHERS: dict[str, tuple[str, str, Any, str]] = {
    "guardduty-enabled": ("guardduty", "guardduty:ListDetectors", {"DetectorIds": []}, "RelationshipStatus"),
    "securityhub-enabled": ("securityhub", "securityhub:DescribeHub", None, "MemberStatus"),
}
"""Control -> what its administrator holds, the account's own answer and how it denies, where a status stands."""
_STATUSES = ("Enabled", "Created", "Invited", "Removed", "Resigned", "Deleted", "AccountSuspended", "enabling", "")


@settings(max_examples=120, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    control=st.sampled_from(sorted(WATCHERS)),
    own=st.sampled_from(["refused", "not asked", "off"]),
    status=st.sampled_from(["Enabled", "Enabled", *_STATUSES]),
    of=st.sampled_from([MEMBER, MEMBER, "999988887777"]),
    looked_after_by=st.sampled_from([ADMINISTRATOR, ADMINISTRATOR, "", READER]),
    twice=st.booleans(),
    answer=st.sampled_from(["whole", "whole", "refused", "malformed", "elsewhere"]),
    error=st.sampled_from(["", "", "the role was refused"]),
)
def test_an_administrator_stands_in_for_what_is_missing_alone(
    control: str, own: str, status: str, of: str, looked_after_by: str, twice: bool, answer: str, error: str
) -> None:
    """PASS exactly by a whole list of the very administrator and Region, and never against the account's own answer."""
    service, first, off, key = WATCHERS[control]
    here = World(account=MEMBER, operations=OPERATIONS)
    if own == "off":
        here = here.says(first, off) if off is not None else here.lacks(first)
    elif own == "refused":
        here = here.refuses_all(first)
    item = {"AccountId": of, key: status, **({"AdministratorId": looked_after_by} if looked_after_by else {})}
    items = [item, {**item, key: "Removed"}] if twice else [item]
    there, members = World(account=ADMINISTRATOR, operations=OPERATIONS), f"{service}:ListMembers"
    asked = {"DetectorId": "d", "OnlyAssociated": "true"} if service == "guardduty" else {"OnlyAssociated": True}
    if answer == "refused":
        there = there.refuses_all(members)
    else:
        page = {"Members": items if answer != "malformed" else {"AccountId": of}}
        there = there.says(members, page, region=FAR if answer == "elsewhere" else HOME, **asked)
    found = judge(control, {MEMBER: here, ADMINISTRATOR: there}, replace(LOOKS, error=error))
    ours = looked_after_by in ("", ADMINISTRATOR)
    whole = answer == "whole" and not error and not twice and of == MEMBER and ours and status == "Enabled"
    at_home = next(item for item in found.results if item.region == HOME)
    expected = State.FAIL if own == "off" else State.PASS if whole else State.NOT_ASSESSED
    assert at_home.state is expected, reasons(found)
    assert at_home.details.get("held_by", []) == ([ADMINISTRATOR] if expected is State.PASS else [])


UNCHANGED = "trail-configuration-unchanged"


def _searched(account: str, *rows: Any, hours: int = 744, region: str = HOME, world: World | None = None) -> World:
    """What verification wrote of the shared trail in an account, all hours asked for being 744."""
    empty = World(account=account, operations=OPERATIONS) if world is None else world
    coverage = {"hours_asked": 744, "hours_verified": hours, "chains": [{"account": account, "region": region}]}
    counts = {"digests": {"valid": hours}}
    verdict = "pass" if hours == 744 else "incomplete"
    report = {"verdict": verdict, "coverage": coverage, "counts": counts, "findings": [], "gaps": []}
    table = {"counts": {}, "rows": list(rows), "omitted": 0, "source": {"log_files": 9, "records": 9}}
    return empty.says("trail:VerifyDigests", report, region=HOME, Name=ARN).says(
        "trail:NotableEvents", table, region=HOME, Name=ARN
    )


def _change(name: str, resource: str, **changed: Any) -> dict[str, Any]:
    told = {"kind": "trail_changed", "event_name": name, "event_source": "cloudtrail.amazonaws.com", "actor": "someone"}
    where = {"region": HOME, "resource": resource, "event_time": "2026-10-02T10:00:00Z", "outcome": "Success"}
    return {**told, **where, "verified": True, "actor_type": "IAMUser", "effect": "harmful", "sets": "", **changed}


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    row=st.sampled_from([None, None, "about it", "about another", "refused", "no digest vouches", "about nothing"]),
    hours=st.sampled_from([744, 744, 743]),
    own_hours=st.sampled_from([744, 744, 743]),
    region=st.sampled_from([HOME, HOME, FAR]),
    lent=st.booleans(),
    error=st.sampled_from(["", "", "the role was refused"]),
    organization=st.sampled_from([True, True, False]),
)
def test_changes_count_by_the_owners_verified_records_alone(
    row: str | None, hours: int, own_hours: int, region: str, lent: bool, error: str, organization: bool
) -> None:
    """PASS exactly where the owner's hours at the trail's home verify as the member's own do, and show no change."""
    rows = {
        "about it": _change("UpdateTrail", ARN),
        "about another": _change("UpdateTrail", ARN + "-other"),
        "refused": _change("UpdateTrail", ARN, outcome="AccessDenied"),
        "no digest vouches": _change("UpdateTrail", ARN, verified=False),
        "about nothing": _change("PutEventSelectors", ""),
    }
    told = [rows[row]] if row is not None else []
    there = _searched(ACCOUNT, *told, hours=hours, region=region, world=holder()) if lent else holder()
    here = _searched(MEMBER, hours=own_hours, world=member(IsOrganizationTrail=organization))
    held = {MEMBER: here, ACCOUNT: there, READER: folders(MEMBER)}
    found = judge(UNCHANGED, held, replace(HERE, error=error), FOLDERS)
    (result,) = found.results
    readable = organization and not error and own_hours == 744
    broken = readable and lent and row in {"about it", "about nothing"}
    whole = readable and lent and hours == 744 and region == HOME and row in {None, "about another", "refused"}
    expected = State.FAIL if broken else State.PASS if whole else State.NOT_ASSESSED
    assert result.state is expected, reasons(found)
    assert result.details.get("held_by", []) == ([ACCOUNT] if expected is not State.NOT_ASSESSED else [])


def test_what_the_owner_hands_on_turns_no_failure_into_a_pass() -> None:
    here = _searched(MEMBER, _change("StopLogging", ARN), world=member())
    found = judge(UNCHANGED, {MEMBER: here, ACCOUNT: _searched(ACCOUNT, world=holder())}, HERE)
    assert found.state is State.FAIL, reasons(found)
