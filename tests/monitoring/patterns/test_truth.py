"""What AWS is asked about patterns, and what its answers change."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from auditor.evaluate.checks.monitoring import confirmed
from auditor.monitoring.chain.detection import Account
from auditor.monitoring.chain.link import State
from auditor.monitoring.patterns.judge import judge_patterns, missed_events
from auditor.monitoring.patterns.pattern import matches, parse_filter, parse_rule
from auditor.monitoring.patterns.rules import RULES
from auditor.monitoring.patterns.truth import (
    MAX_RECORDS,
    MAX_REQUESTS,
    TEST_FILTER,
    TEST_RULE,
    Answer,
    Request,
    fitting_rules,
    plan,
    read_answers,
    requests,
)
from auditor.simulator.overlay import filter_patterns
from tests.monitoring.chain.account import CONTROL, FILTER, RIGHT
from tests.monitoring.chain.test_chain import rule
from tests.monitoring.patterns.catalogue import requirement
from tests.monitoring.patterns.mistakes import MISTAKES, Mistake
from tests.monitoring.patterns.published import PRINTED, PUBLISHED
from tests.monitoring.patterns.test_filter_pattern import EXPRESSIONS, RECORDS

ASKED = requirement(CONTROL)


def simulated(request: Request) -> tuple[Answer, ...]:
    """Answer as the simulated AWS does, with an evaluator that knows nothing of ours."""
    pattern, messages = request.parameters["filterPattern"], request.parameters["logEventMessages"]
    matched = [
        {"eventNumber": number, "eventMessage": message}
        for number, message in enumerate(messages, start=1)
        if filter_patterns.matches(pattern, message)
    ]
    return read_answers(TEST_FILTER, request.parameters, {"matches": matched})


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.title)
def test_the_events_that_are_missed_are_those_of_the_whole_judgement(mistake: Mistake) -> None:
    asked, patterns = requirement(mistake.control), (*mistake.patterns, "{ $.eventName = StopLogging")
    assert list(missed_events(asked, patterns)) == [one.event for one in judge_patterns(asked, patterns).missed]


def test_requests_stay_within_the_limits_and_are_the_same_each_time() -> None:
    patterns = [PRINTED[CONTROL], "{ $.eventName = Unrelated }", "{ $.eventName = StopLogging"]
    asked = requests(ASKED, patterns)
    assert asked == requests(ASKED, patterns)
    assert [request.parameters["filterPattern"] for request in asked] == [patterns[0], patterns[2]]
    for request in asked:
        assert 0 < len(request.parameters["logEventMessages"]) <= MAX_RECORDS
        assert all(json.loads(message)["eventName"] for message in request.parameters["logEventMessages"])


def test_the_missed_event_is_among_those_that_are_asked() -> None:
    (request,) = requests(ASKED, [PRINTED[CONTROL].replace("DeleteTrail", "DeleteTrial")])
    assert json.loads(request.parameters["logEventMessages"][0])["eventName"] == "DeleteTrail"


def test_the_calls_of_an_account_are_planned_once_and_bounded() -> None:
    every = [requirement(row["control"]) for row in PUBLISHED]
    rules = [json.dumps({"detail": {"eventName": [{"prefix": letter}]}}) for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    spelt = PRINTED[CONTROL].replace("||", " || ")
    patterns = {"eu-central-1": list(PRINTED.values()), "us-east-1": [*PRINTED.values(), *rules, spelt]}
    planned = plan(every, patterns)
    assert planned == plan(every, patterns)
    assert (
        len({(region, json.dumps(request.parameters)) for region, request in planned}) == len(planned) <= MAX_REQUESTS
    )
    assert len(planned) == MAX_REQUESTS
    operations = [request.operation for _, request in planned]
    assert operations == sorted(operations, key=[TEST_FILTER, TEST_RULE].index)
    asked = {request.parameters.get("filterPattern"): region for region, request in planned}
    assert {asked[pattern] for pattern in PRINTED.values()} == {"eu-central-1"}
    assert asked[spelt] == "us-east-1"


def test_rules_are_asked_event_by_event() -> None:
    rule = json.dumps({"detail": {"eventName": list(ASKED.events)}})
    asked = requests(ASKED, [rule])
    assert {request.operation for request in asked} == {TEST_RULE}
    assert all(json.loads(request.parameters["Event"])["source"] == "aws.cloudtrail" for request in asked)
    (answer,) = read_answers(TEST_RULE, asked[0].parameters, {"Result": True})
    assert answer.matched


@pytest.mark.parametrize(
    ("operation", "page"),
    [(TEST_RULE, {"Result": "yes"}), (TEST_RULE, {}), (TEST_FILTER, {}), (TEST_FILTER, {"matches": [{}]})],
)
def test_a_malformed_answer_is_an_error_not_a_yes(operation: str, page: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        read_answers(operation, {"EventPattern": "", "Event": "", "filterPattern": "", "logEventMessages": []}, page)


@pytest.mark.parametrize("mistake", [one for one in MISTAKES if one.judged().valid], ids=lambda one: one.title)
def test_the_simulated_aws_agrees_about_every_event_that_matters(mistake: Mistake) -> None:
    asked = requests(requirement(mistake.control), mistake.patterns)
    answers = [answer for request in asked for answer in simulated(request)]
    assert fitting_rules(answers) == RULES


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: row["control"])
def test_the_simulated_aws_agrees_about_published_patterns(row: dict[str, Any]) -> None:
    valid = [variant["pattern"] for variant in row["variants"] if variant["expected"] != "invalid"]
    asked = requests(requirement(row["control"]), valid)
    assert fitting_rules([answer for request in asked for answer in simulated(request)]) == RULES


@settings(deadline=None, max_examples=200)
@given(expression=EXPRESSIONS, record=RECORDS)
def test_two_evaluators_that_know_nothing_of_each_other_agree(expression: str, record: dict[str, Any]) -> None:
    """Where AWS is silent (null, booleans, mixed types) each may read as it likes."""
    pattern = f"{{ {expression} }}"
    if (
        len(pattern) > 1000
        or "\\" in pattern
        or any(isinstance(value, bool | int | None) for value in _scalars(record))
    ):
        return
    assert matches(parse_filter(pattern), record) is filter_patterns.matches(pattern, json.dumps(record))


def _scalars(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [scalar for item in value.values() for scalar in _scalars(item)]
    return [scalar for item in value for scalar in _scalars(item)] if isinstance(value, list) else [value]


def answered(pattern: str, *, as_ours: bool = True) -> tuple[Answer, ...]:
    found = []
    for request in requests(ASKED, [pattern]):
        for message in request.parameters["logEventMessages"]:
            ours = matches(parse_filter(pattern), json.loads(message))
            found.append(Answer(pattern, message, ours is as_ours))
    return tuple(found)


def judged(pattern: str, answers: tuple[Answer, ...]) -> Any:
    return confirmed(Account(replace(RIGHT, filters=(replace(FILTER, pattern=pattern),))), ASKED, answers)


def test_agreement_is_said_and_counted() -> None:
    found = judged(PRINTED[CONTROL], answered(PRINTED[CONTROL]))
    assert found.state is State.OK
    assert "AWS confirms it" in found.reason
    assert found.details["truth"]["agreed"] == found.details["truth"]["asked"] > 0


def test_without_answers_nothing_is_claimed() -> None:
    assert "truth" not in judged(PRINTED[CONTROL], ()).details


def test_aws_wins_when_it_does_not_match() -> None:
    found = judged(PRINTED[CONTROL], answered(PRINTED[CONTROL], as_ours=False))
    assert found.state is State.BROKEN
    assert "AWS itself does not match" in found.reason
    assert found.details["truth"]["disagreements"]


def test_an_event_that_only_aws_matches_leaves_it_open() -> None:
    wrong = PRINTED[CONTROL].replace("DeleteTrail", "DeleteTrial")
    answers = tuple(replace(answer, matched=True) for answer in answered(wrong))
    found = judged(wrong, answers)
    assert found.state is State.UNKNOWN
    assert "AWS itself matches DeleteTrail" in found.reason


def test_a_rule_that_aws_reads_otherwise_is_turned() -> None:
    pattern = "{ $.eventName = Cr*Trail || $.eventName = Up*Trail || $.eventName = De*Trail || $.eventName = *Logging }"
    assert judged(pattern, ()).state is State.BROKEN
    answers = tuple(replace(answer, matched=True) for answer in answered(pattern))
    rules = fitting_rules(answers)
    assert rules is not None
    assert not rules.inner_asterisk_is_literal
    found = judged(pattern, answers)
    assert found.state is State.OK
    assert "as AWS reads the pattern" in found.reason


def about_rules(pattern: str, *, as_ours: bool = True) -> tuple[Answer, ...]:
    found = []
    for request in requests(ASKED, [pattern]):
        event = request.parameters["Event"]
        ours = matches(parse_rule(pattern), json.loads(event))
        found.append(Answer(pattern, event, ours is as_ours))
    return tuple(found)


BY_RULES = rule()
RULE = BY_RULES.rules[0].pattern


def test_a_rule_that_carries_the_verdict_is_confirmed_or_overruled() -> None:
    found = confirmed(Account(BY_RULES), ASKED, about_rules(RULE))
    assert found.state is State.OK
    assert "AWS confirms it" in found.reason
    refused = confirmed(Account(BY_RULES), ASKED, about_rules(RULE, as_ours=False))
    assert refused.state is State.BROKEN
    assert "with these rules" in refused.reason


def test_a_disagreement_about_a_rule_alone_is_listed_and_changes_no_verdict_of_filters() -> None:
    account = Account(replace(BY_RULES, filters=RIGHT.filters))
    answers = (*answered(PRINTED[CONTROL]), *about_rules(RULE, as_ours=False))
    found = confirmed(account, ASKED, answers)
    assert found.state is State.OK
    assert "reads an EventBridge rule otherwise" in found.reason
    listed = found.details["truth"]["disagreements"]
    assert listed
    assert all(one["pattern"] == RULE and one["ours"] and not one["aws"] for one in listed)


def test_a_rule_does_not_make_up_for_a_filter_that_aws_does_not_match() -> None:
    account = Account(replace(BY_RULES, filters=RIGHT.filters))
    answers = (*answered(PRINTED[CONTROL], as_ours=False), *about_rules(RULE))
    assert confirmed(account, ASKED, answers).state is State.BROKEN


def test_events_that_only_aws_matches_by_a_working_rule_leave_it_open() -> None:
    wrong = RULE.replace("DeleteTrail", "DeleteTrial")
    rules = tuple(replace(one, pattern=wrong) for one in BY_RULES.rules)
    answers = tuple(replace(answer, matched=True) for answer in about_rules(wrong))
    facts = replace(BY_RULES, rules=rules)
    found = confirmed(Account(facts), ASKED, answers)
    assert found.state is State.UNKNOWN
    assert "AWS itself matches DeleteTrail" in found.reason
    silent = replace(facts, rules=tuple(replace(one, targets=()) for one in rules))
    assert confirmed(Account(silent), ASKED, answers).state is State.BROKEN


def test_answers_about_the_events_of_another_requirement_say_nothing() -> None:
    event = json.dumps({"eventName": "CreatePolicy", "eventSource": "iam.amazonaws.com"})
    assert "truth" not in judged(PRINTED[CONTROL], (Answer(PRINTED[CONTROL], event, True),)).details


def test_records_are_written_alike_whatever_the_hash_seed() -> None:
    """What AWS is asked is evidence, so its bytes may not depend on the order in which a set is walked."""
    script = (
        "from auditor.monitoring.patterns.pattern import serialized\n"
        "from auditor.monitoring.patterns.callers import IDENTITY_TYPE, Kind\n"
        "from auditor.monitoring.patterns.records import build\n"
        "for who in ('Root', 'IAMUser', 'AWSService'):\n"
        "    for kind in Kind:\n"
        "        print(serialized(build({IDENTITY_TYPE: who}, kind)))\n"
    )
    written = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in range(1, 6)
    }
    assert len(written) == 1
