"""Judges monitoring: would somebody be told of the events that a control names?

The means of detection come from ``chain_facts``; ``auditor.monitoring.chain`` decides.
"""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace

from auditor.base.counts import counted
from auditor.evaluate.checks.chain_facts import facts_of
from auditor.evaluate.checks.fields import mapping, text
from auditor.evaluate.subject import Subject
from auditor.evaluate.view import View
from auditor.evidence.answer import Record
from auditor.model import Verdict, failed, not_applicable, not_assessed, passed
from auditor.monitoring.chain.detection import Account, account_of
from auditor.monitoring.chain.judgement import Detection
from auditor.monitoring.chain.link import State as LinkState
from auditor.monitoring.patterns.requirement import Requirement, requirement_from
from auditor.monitoring.patterns.rules import RULES
from auditor.monitoring.patterns.truth import (
    MAX_REQUESTS,
    TEST_FILTER,
    TEST_RULE,
    Answer,
    Confirmation,
    Deciding,
    confirm,
    fitting_rules,
    read_answers,
)


def detection_chain(subject: Subject) -> Verdict:
    """Judge whether every event of a requirement reaches a person.

    Follows each trail to its log group, metric filters, metrics, alarms, actions and confirmed subscribers, and
    decides by
    meaning whether the filters whose way is whole catch every event; EventBridge rules are counted as alternatives.
    The parameters are the requirement (``auditor.monitoring.patterns.requirement``).

    Evidence: ``cloudtrail:DescribeTrails``, ``cloudtrail:GetTrailStatus``, ``cloudtrail:GetEventSelectors``,
    ``logs:DescribeLogGroups``, ``logs:DescribeMetricFilters``, ``cloudwatch:DescribeAlarms``, ``sns:ListTopics``,
    ``sns:ListSubscriptionsByTopic``, ``sns:GetTopicAttributes``, ``events:ListRules``, ``events:ListTargetsByRule``.
    """
    requirement = requirement_from("requirement", subject.parameters)
    account = account_of(facts_of(subject))
    stored = answers_of(subject.evidence)
    found = confirmed(account, requirement, tuple(answer for _, answers in stored for answer in answers))
    _cite(subject.evidence, found)
    found = _with_answers(subject.evidence, found, stored)
    if found.state is LinkState.OK:
        return passed(found.reason, details=found.details)
    if found.state is LinkState.UNKNOWN:
        return not_assessed(found.reason, details=found.details)
    return failed(found.reason, details=found.details)


def answers_of(view: View) -> tuple[tuple[Record, tuple[Answer, ...]], ...]:
    """Return what AWS said about patterns and events, where a live run has asked it, with the record of each answer.

    An answer that is missing, refused or malformed says nothing either way, so that our own reading stands without it.
    """
    found: list[tuple[Record, tuple[Answer, ...]]] = []
    for operation in (TEST_FILTER, TEST_RULE):
        for record, pages in view.stored(operation):
            with suppress(KeyError, TypeError, ValueError):
                found.append((record, read_answers(operation, dict(record.call.parameters), pages[0])))
    return tuple(found)


def _with_answers(view: View, found: Detection, stored: tuple[tuple[Record, tuple[Answer, ...]], ...]) -> Detection:
    """Cite the answers about what the verdict rests on, and note where AWS was asked in vain or not at all."""
    filters = {one["pattern"] for one in found.details["filters"]}
    rules = {one["pattern"] for one in found.details["alternatives"]}
    answered: set[str] = set()
    for record, answers in stored:
        about = {answer.pattern for answer in answers} & (filters | rules)
        answered |= about
        if about:
            view.cite(record, "/pages/0")
    refused = {
        str(dict(call.parameters).get(key, "")): missing.code
        for operation, key in ((TEST_FILTER, "filterPattern"), (TEST_RULE, "EventPattern"))
        for call, missing in view.unanswered(operation)
    }
    errors = {code for pattern, code in refused.items() if pattern in filters | rules}
    left_out = (filters | rules) - answered - refused.keys() if _bound_reached(view) else set()
    if not left_out and ("truth" in found.details or not errors):
        return found
    truth = found.details.get("truth", {"asked": 0, "agreed": 0, "disagreements": []})
    if "truth" not in found.details:
        truth = {**truth, "unanswered": sorted(errors)}
    if not left_out:
        return replace(found, details={**found.details, "truth": truth})
    named = (*found.details["filters"], *found.details["alternatives"])
    truth = {**truth, "not_asked": sorted({str(one["name"]) for one in named if one["pattern"] in left_out})}
    note = f"AWS was not asked about every pattern: it takes at most {MAX_REQUESTS} calls for an account."
    return replace(found, reason=f"{found.reason} {note}", details={**found.details, "truth": truth})


def _bound_reached(view: View) -> bool:
    """Say whether as many calls about patterns were made as an account is asked at most."""
    made = sum(len(view.stored(operation)) + len(view.unanswered(operation)) for operation in (TEST_FILTER, TEST_RULE))
    return made >= MAX_REQUESTS


def confirmed(account: Account, requirement: Requirement, answers: tuple[Answer, ...]) -> Detection:
    """Judge a requirement and set AWS's own answers beside the verdict; where they differ, AWS is right.

    One undocumented rule that AWS evidently reads otherwise is turned, and everything is judged again. When no such
    rule explains the difference, an event that AWS does not match fails the control, and one that only AWS matches
    leaves it open. A disagreement about an EventBridge rule that the verdict does not rest on is listed.
    """
    ours = account.detect(requirement)
    event_patterns = account.rules
    filters = frozenset(one["pattern"] for one in ours.details["filters"])
    confirmation = confirm(requirement, Deciding(filters, event_patterns, ours.by_rules), answers)
    if not confirmation.asked:
        return ours
    rules = fitting_rules(answer for answer in answers if answer.pattern not in event_patterns)
    found = account.detect(requirement, rules) if rules is not None and rules != RULES else ours
    details = {**found.details, "truth": confirmation.document()}
    explained = rules is not None and not any(one.pattern in event_patterns for one in confirmation.disagreements)
    if not explained and found.state is LinkState.OK and confirmation.missed:
        names = ", ".join(sorted(confirmation.missed))
        what = "these rules" if ours.by_rules else "these filters"
        reason = f"AWS itself does not match {names} with {what}, although our reading of them does."
        return replace(found, state=LinkState.BROKEN, reason=reason, details=details)
    if not explained and found.state is LinkState.BROKEN and confirmation.caught:
        names = ", ".join(sorted(confirmation.caught))
        reason = f"AWS itself matches {names}, which our reading of the patterns takes for missed: {found.reason}"
        return replace(found, state=LinkState.UNKNOWN, reason=reason, details=details)
    return replace(found, reason=f"{found.reason} {_said(confirmation, event_patterns)}.", details=details)


def _said(confirmation: Confirmation, event_patterns: Collection[str]) -> str:
    """Say in a few words what came of asking AWS."""
    tests = f"({counted(confirmation.asked, 'test')})"
    if not confirmation.disagreements:
        return f"AWS confirms it {tests}"
    if all(one.pattern in event_patterns for one in confirmation.disagreements):
        return f"AWS confirms it, but reads an EventBridge rule otherwise, which is listed {tests}"
    return f"Judged as AWS reads the pattern {tests}"


def organization_chain(subject: Subject) -> Verdict:
    """Judge ``detection_chain`` where the events of an organization are seen: in its management account.

    Evidence: ``organizations:DescribeOrganization`` and that of ``detection_chain``.
    """
    answer = subject.evidence.find("organizations:DescribeOrganization")
    if answer is None:
        return not_applicable("The account belongs to no organization.")
    management = text(mapping(answer, "Organization"), "MasterAccountId")
    if management != subject.account.id:
        return not_applicable(f"The events of the organization are seen in its management account {management}.")
    return detection_chain(subject)


def _cite(view: View, found: Detection) -> None:
    """Cite what decided first: the link that is broken, then the chain from trail to people, then all that was read."""
    records = {record.ref: record for record in view.read}
    view.credit_only(())
    links = sorted(found.chain, key=lambda link: link.state is not LinkState.BROKEN)
    for place in dict.fromkeys(place for link in links for place in link.evidence):
        ref, _, pointer = place.partition("#")
        if ref in records:
            view.cite(records[ref], pointer)
            view.credit(records[ref].account)
