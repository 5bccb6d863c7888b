"""From an opened port to the notice of it: each step is seen with its seconds, or said to be missing or unknown."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from auditor.activity.noted import notable_document
from auditor.activity.rows import notable_row
from auditor.evaluate.library import libraries
from auditor.evaluate.opened import opened
from auditor.evidence import world as fitting
from auditor.render.opened import opened as prepared
from tests.evaluate.checks.worlds import (
    FUNCTION,
    GROUP,
    IN_PERIOD,
    MAY_INVOKE,
    TRAIL,
    asked_figures,
    event_rule,
    measured,
    trail,
)
from tests.evaluate.kit import ACCOUNT, HOME, World, catalog
from tests.evaluate.test_continuity import TOPIC, coverage, told
from tests.evaluate.test_continuity import row as call
from tests.evaluate.test_fired import action, state

AT, CLOSED = "2026-10-20T05:10:00Z", "2026-10-20T05:10:42Z"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/closer"
FORM = {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22}
WHO = {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/dave"}
SESSION = {
    "type": "AssumedRole",
    "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/closer/f",
    "sessionContext": {"sessionIssuer": {"type": "Role", "arn": ROLE}},
}
CATCHES = "{ ($.eventName = AuthorizeSecurityGroupIngress) }"


def record(name: str, at: str, who: Mapping[str, Any], asked: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "eventSource": "ec2.amazonaws.com",
        "eventName": name,
        "eventTime": at,
        "eventID": f"{name}-{at}",
        "eventType": "AwsApiCall",
        "awsRegion": HOME,
        "recipientAccountId": ACCOUNT,
        "readOnly": False,
        "userIdentity": dict(who),
        "requestParameters": dict(asked),
        **more,
    }


OPENS = record(
    "AuthorizeSecurityGroupIngress",
    AT,
    WHO,
    {"groupId": "sg-1", "ipPermissions": {"items": [{**FORM, "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}}]}},
    responseElements={
        "_return": True,
        "securityGroupRuleSet": {
            "items": [{**FORM, "groupId": "sg-1", "securityGroupRuleId": "sgr-1", "cidrIpv4": "0.0.0.0/0"}]
        },
    },
)
BY_ID = {"groupId": "sg-1", "securityGroupRuleIds": {"items": [{"securityGroupRuleId": "sgr-1"}]}}
CLOSES = record("RevokeSecurityGroupIngress", CLOSED, SESSION, BY_ID)
BY_HAND = record("RevokeSecurityGroupIngress", CLOSED, WHO, BY_ID)
DELETES = record("DeleteSecurityGroup", CLOSED, WHO, {"groupId": "sg-1"})


def counts(*hours: str) -> dict[str, Any]:
    series = {"Timestamps": list(hours), "Values": [1.0] * len(hours), "StatusCode": "Complete"}
    nothing = {"Timestamps": [], "Values": [], "StatusCode": "Complete"}
    return {"MetricDataResults": [{"Id": "invocations", **series}, {"Id": "failures", **nothing}], "Messages": []}


def world(
    *records: Mapping[str, Any],
    rule: Mapping[str, Any] | None = None,
    others: tuple[Any, ...] = (),
    kept: bool = True,
    target: str = FUNCTION,
    history: tuple[Any, ...] = (state("2026-10-20T05:11:13Z"), action("2026-10-20T05:11:14Z")),
    called: tuple[str, ...] = ("2026-10-20T05:00:00Z",),
    report: Mapping[str, Any] | None = None,
    pattern: str = CATCHES,
    alarm_actions: tuple[str, ...] = (TOPIC,),
    composites: tuple[Mapping[str, Any], ...] = (),
) -> World:
    """Build an account in which everything happened that should, unless told otherwise."""
    given = records or (OPENS, CLOSES)
    rows = [row for item in given if (row := notable_row(item, log_file="a.json.gz", verified=True)) is not None]
    table = notable_document([*rows, *others], {}, log_files=9, records=900)
    found = told(report=report).says("trail:NotableEvents", table, region=HOME, Name=TRAIL)
    records_kept = [{"event_id": item["eventID"], "verified": True, "record": item} for item in given if kept]
    found = found.says("events:Measured", {**measured((), ()), "records": records_kept})
    known = event_rule("closes") if rule is None else rule
    found = found.says("events:ListRules", {"Rules": [known] if known else []}, region=HOME)
    found = found.says(
        "events:ListTargetsByRule", {"Targets": [{"Id": "1", "Arn": target}]}, region=HOME, Rule="closes"
    )
    queries = asked_figures("AWS/Lambda", ("Invocations", "Errors"), "FunctionName", "f")
    found = found.says("cloudwatch:GetMetricData", counts(*called), region=HOME, MetricDataQueries=queries, **IN_PERIOD)
    function = {"FunctionArn": FUNCTION, "State": "Active", "Role": ROLE}
    found = found.says("lambda:GetFunctionConfiguration", function, region=HOME, FunctionName=FUNCTION)
    found = found.says("lambda:GetFunctionConcurrency", {}, region=HOME, FunctionName=FUNCTION)
    found = found.says("lambda:GetPolicy", {"Policy": MAY_INVOKE}, region=HOME, FunctionName=FUNCTION)
    metric = {"metricNamespace": "N", "metricName": "opened", "metricValue": "1"}
    one = {"filterName": "f", "logGroupName": "trail", "filterPattern": pattern, "metricTransformations": [metric]}
    found = found.says("logs:DescribeMetricFilters", {"metricFilters": [one]}, region=HOME)
    alarm = {"AlarmName": "root", "ActionsEnabled": True, "AlarmActions": [*alarm_actions], "Namespace": "N"}
    alarms = {"MetricAlarms": [{**alarm, "MetricName": "opened"}], "CompositeAlarms": [*composites]}
    found = found.says("cloudwatch:DescribeAlarms", alarms, region=HOME)
    found = found.says("cloudtrail:DescribeTrails", {"trailList": [trail(CloudWatchLogsLogGroupArn=GROUP)]})
    return found.says(
        "cloudwatch:DescribeAlarmHistory",
        {"AlarmHistoryItems": list(history)},
        region=HOME,
        StartDate="2026-10-01T00:00:00Z",
        EndDate="2026-11-01T00:00:00Z",
    )


def followed(given: World) -> Mapping[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        wanted = {one.operation for one, _ in given.answers.values()}
        evidence = fitting.stored(Path(folder) / "evidence", {ACCOUNT: given}, wanted, catalog().operations)
        (document,) = opened(libraries(evidence, catalog().operations))
    json.dumps(document)
    prepared(document)
    return document


def steps(given: World) -> dict[str, Mapping[str, Any]]:
    (found,) = followed(given)["openings"]
    return {step["step"]: step for step in found["steps"]}


def test_each_step_is_seen_with_the_seconds_between() -> None:
    found = steps(world())
    assert {name: (step["state"], step["what"], step["seconds"]) for name, step in found.items()} == {
        "event": ("seen", "AuthorizeSecurityGroupIngress", 0),
        "rule": ("seen", "closes", None),
        "target": ("seen", "f", None),
        "revert": ("seen", "RevokeSecurityGroupIngress", 42),
        "notice": ("seen", "root", 74),
    }
    assert [found[name]["seconds_between"] for name in ("revert", "notice")] == [42, 32]
    assert "names the rule sgr-1 of sg-1 and came from the role of f, session f" in found["revert"]["why"]


OFF = call(("events", "DisableRule", {"name": "closes"}), "2026-10-20T04:00:00Z")
ON = call(("events", "EnableRule", {"name": "closes"}), "2026-10-20T06:00:00Z")
ANEW = call(("events", "PutRule", {"name": "closes"}), "2026-10-20T06:00:00Z")
BEFORE = call(("events", "PutRule", {"name": "closes"}), "2026-10-20T04:00:00Z")
GONE = call(("events", "DeleteRule", {"name": "old"}), "2026-10-20T06:00:00Z")
LATE = (state("2026-10-20T09:00:00Z"),)
EARLY = (state("2026-10-20T05:00:00Z"), state("2026-10-20T07:00:00Z", "OK"))
PRIOR = (state("2026-10-02T00:00:00Z", "OK"),)


@pytest.mark.parametrize(
    ("given", "step", "expected", "words"),
    [
        (world(others=(OFF, ON)), "rule", "missing", "it was off then"),
        (world(others=(OFF, ON)), "target", "missing", "no rule is known"),
        (world(others=(ANEW,)), "rule", "not derivable", "put anew later"),
        (world(others=(BEFORE,)), "rule", "seen", "it was on then"),
        (world(rule=event_rule("closes", detail={"eventName": ["StopLogging"]})), "rule", "missing", "no rule"),
        (world(rule={}), "rule", "missing", "no rule"),
        (world(rule={}, others=(GONE,)), "rule", "not derivable", "what its pattern was is not known"),
        (world(kept=False), "rule", "not derivable", "the record is not among the evidence"),
        (world(kept=False), "revert", "seen", "which rule it named is not known"),
        (world(kept=False), "notice", "not derivable", "the record is not among the evidence"),
        (world(target=TOPIC), "target", "missing", "no target that can act"),
        (world(called=()), "target", "missing", "counted no call"),
        (world(called=("2026-10-20T04:00:00Z",)), "target", "missing", "counted no call"),
        (world(OPENS), "revert", "missing", "no call ended it"),
        (world(OPENS, report=coverage(without="20T09")), "revert", "not searched", "2026-10-20T09:00:00Z"),
        (world(OPENS, BY_HAND), "revert", "seen", "came from none of the rule's targets"),
        (world(OPENS, DELETES), "revert", "seen", "the group sg-1 was deleted"),
        (world(history=LATE + PRIOR), "notice", "missing", "does not tell that it fired"),
        (world(history=EARLY + PRIOR), "notice", "missing", "in ALARM already"),
        (world(history=LATE), "notice", "not recorded", "does not reach back"),
        (world(history=()), "notice", "not recorded", "does not reach back"),
        (world(history=(), target=TOPIC), "notice", "not recorded", "hands it to the topic"),
        (world(pattern="{ $.eventName = StopLogging }"), "notice", "missing", "no alarm that was read"),
    ],
)
def test_a_step_that_is_not_seen_says_why(given: World, step: str, expected: str, words: str) -> None:
    found = steps(given)[step]
    assert (found["state"], words in found["why"]) == (expected, True), found


def test_a_rule_that_asks_for_what_was_taken_out_is_no_match_and_no_miss() -> None:
    name = "redacted:name:0123456789ab"
    hidden = {**OPENS, "userIdentity": {**WHO, "arn": f"arn:aws:iam::{ACCOUNT}:user/{name}"}}
    asks = event_rule("closes", detail={"userIdentity": {"arn": [{"suffix": "user/dave"}]}})
    found = steps(world(hidden, CLOSES, rule=asks))["rule"]
    assert (found["state"], "taken out" in found["why"]) == ("not derivable", True)
    assert steps(world(hidden, CLOSES))["rule"]["state"] == "seen"


def half(number: str, at: str, source: str) -> dict[str, Any]:
    asked = {"groupId": "sg-1", "ipPermissions": {"items": [{**FORM, "ipRanges": {"items": [{"cidrIp": source}]}}]}}
    made = {**FORM, "groupId": "sg-1", "securityGroupRuleId": number, "cidrIpv4": source}
    answer = {"_return": True, "securityGroupRuleSet": {"items": [made]}}
    return record("AuthorizeSecurityGroupIngress", at, WHO, asked, responseElements=answer)


def test_the_end_of_an_opening_by_halves_is_not_taken_for_the_rule_of_its_second_half() -> None:
    first, second = half("sgr-1", "2026-10-20T05:00:00Z", "0.0.0.0/1"), half("sgr-2", AT, "128.0.0.0/1")
    why = steps(world(first, second, CLOSES))["revert"]["why"]
    assert "names no rule that this call is known to have made" in why
    assert "by its form" not in why


def test_a_closing_by_form_is_linked_by_form_only_beside_the_record_of_the_opening() -> None:
    asked = OPENS["requestParameters"]
    by_form = record("RevokeSecurityGroupIngress", CLOSED, SESSION, asked)
    found = world(OPENS, by_form)
    assert "names the same rule of sg-1 by its form" in steps(found)["revert"]["why"]
    alone = [{"event_id": by_form["eventID"], "verified": True, "record": by_form}]
    revert = steps(found.says("events:Measured", {**measured((), ()), "records": alone}))["revert"]
    assert revert["state"] == "seen"
    assert "whether it names the rule that was opened in sg-1 is not known" in revert["why"]


def test_a_refused_opening_is_none() -> None:
    refused = {**OPENS, "errorCode": "Client.UnauthorizedOperation", "responseElements": None}
    document = followed(world(refused))
    assert (document["openings"], document["more"]) == ([], 0)
    assert "No call that opened port" in prepared(document).sentence


def composite(rule: str, name: str = "all") -> Mapping[str, Any]:
    return {"AlarmName": name, "AlarmRule": rule, "ActionsEnabled": True, "AlarmActions": [TOPIC]}


QUIET = (state("2026-10-20T05:11:13Z"), {**state("2026-10-20T05:12:00Z"), "AlarmName": "all"})
HEARD = (*QUIET, {**action("2026-10-20T05:12:02Z"), "AlarmName": "all"})


@pytest.mark.parametrize(
    ("rule", "what", "expected"),
    [
        ('ALARM("root")', "all", "seen"),
        ("ALARM(root) AND NOT ALARM(quiet-hours)", "all", "seen"),
        ("ALARM(other)", "root", "missing"),
        ("this is no rule", "root", "missing"),
    ],
)
def test_an_alarm_that_acts_by_a_composite_alone_told_somebody_by_it(rule: str, what: str, expected: str) -> None:
    found = steps(world(alarm_actions=(), composites=(composite(rule),), history=HEARD))["notice"]
    assert (found["what"], found["state"]) == (what, expected), found


def test_a_composite_over_a_composite_is_followed_too() -> None:
    pair = (composite("ALARM(inner)"), composite("ALARM(root)", "inner"))
    found = steps(world(alarm_actions=(), composites=pair, history=HEARD))["notice"]
    assert (found["what"], found["state"], found["seconds"]) == ("all", "seen", 122)


OWN_BUS = f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/default"


def handed(rules: list[Mapping[str, Any]]) -> World:
    """Return an account whose rule hands the event to the default bus of another Region."""
    us, function = "us-east-1", FUNCTION.replace(HOME, "us-east-1")
    found = world(target=OWN_BUS).says("events:ListRules", {"Rules": rules}, region=us)
    targets = {"Targets": [{"Id": "1", "Arn": function}]}
    found = found.says("events:ListTargetsByRule", targets, region=us, Rule="there")
    answer = {"FunctionArn": function, "State": "Active", "Role": ROLE}
    return found.says("lambda:GetFunctionConfiguration", answer, region=us, FunctionName=function)


def test_an_event_that_is_handed_to_another_region_is_followed_there() -> None:
    found = steps(handed([event_rule("there")]))
    assert "it hands it to us-east-1; there takes it there" in found["rule"]["why"]
    assert found["target"]["what"] == "f"
    assert "came from the role of f" in found["revert"]["why"]


def test_where_no_rule_takes_it_there_nothing_acts() -> None:
    found = steps(handed([event_rule("there", detail={"eventName": ["StopLogging"]})]))
    assert "no rule that was read has a pattern that matches" in found["rule"]["why"]
    assert (found["target"]["state"], "no target that can act" in found["target"]["why"]) == ("missing", True)


@pytest.mark.parametrize(
    "bus",
    [
        f"arn:aws:events:{HOME}:999988887777:event-bus/default",
        f"arn:aws:events:{HOME}:{ACCOUNT}:event-bus/security",
    ],
)
def test_what_a_bus_does_whose_rules_nobody_read_does_not_follow(bus: str) -> None:
    found = steps(world(target=bus, pattern="{ $.eventName = StopLogging }"))
    assert (found["target"]["state"], bus in found["target"]["why"]) == ("not derivable", True)
    assert (found["notice"]["state"], bus in found["notice"]["why"]) == ("not derivable", True)
    assert steps(world(target=bus))["notice"]["state"] == "seen"
