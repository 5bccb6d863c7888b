"""Judges monitoring: would somebody be told of the events that a control names?

The means of detection come from ``chain_facts``; ``auditor.evaluate.chain`` decides.
"""

from contextlib import suppress
from dataclasses import replace

from auditor.evaluate.chain.detection import Account, Detection, account_of
from auditor.evaluate.chain.link import State as LinkState
from auditor.evaluate.checks.chain_facts import facts_of
from auditor.evaluate.checks.fields import mapping, text
from auditor.evaluate.patterns.requirement import Requirement, requirement_from
from auditor.evaluate.patterns.truth import TEST_FILTER, TEST_RULE, Answer, confirm, fitting_rules, read_answers
from auditor.evaluate.view import Subject, View
from auditor.evidence import Record
from auditor.model import Verdict, failed, not_applicable, not_assessed, passed


def detection_chain(subject: Subject) -> Verdict:
    """Judge whether every event of a requirement reaches a person.

    Follows each trail to its log group, metric filters, metrics, alarms, actions and confirmed subscribers, and
    decides by
    meaning whether the filters whose way is whole catch every event; EventBridge rules are counted as alternatives.
    The parameters are the requirement (``auditor.evaluate.patterns.requirement``).

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
    """Cite the answers about the filters that the verdict rests on, or note that AWS was asked about them in vain."""
    patterns = {one["pattern"] for one in found.details["filters"]}
    for record, answers in stored:
        if any(answer.pattern in patterns for answer in answers):
            view.cite(record, "/pages/0")
    if "truth" in found.details:
        return found
    errors = {
        missing.code
        for call, missing in view.unanswered(TEST_FILTER)
        if dict(call.parameters).get("filterPattern") in patterns
    }
    if not errors:
        return found
    truth = {"asked": 0, "agreed": 0, "disagreements": [], "unanswered": sorted(errors)}
    return replace(found, details={**found.details, "truth": truth})


def confirmed(account: Account, requirement: Requirement, answers: tuple[Answer, ...]) -> Detection:
    """Judge a requirement and set AWS's own answers beside the verdict; where they differ, AWS is right.

    One undocumented rule that AWS evidently reads otherwise is turned, and everything is judged again. When no such
    rule explains the difference, an event that AWS does not match fails the control, and one that only AWS matches
    leaves it open.
    """
    ours = account.detect(requirement)
    confirmation = confirm([one["pattern"] for one in ours.details["filters"]], answers)
    if not confirmation.asked:
        return ours
    rules = fitting_rules(answers)
    found = account.detect(requirement, rules) if rules is not None else ours
    details = {**found.details, "truth": confirmation.document()}
    if rules is None and found.state is LinkState.OK and confirmation.missed:
        names = ", ".join(sorted(confirmation.missed))
        reason = f"AWS itself does not match {names} with these filters, although our reading of them does."
        return replace(found, state=LinkState.BROKEN, reason=reason, details=details)
    if rules is None and found.state is LinkState.BROKEN and confirmation.caught:
        names = ", ".join(sorted(confirmation.caught))
        reason = f"AWS itself matches {names}, which our reading of the filters takes for missed: {found.reason}"
        return replace(found, state=LinkState.UNKNOWN, reason=reason, details=details)
    by = "AWS confirms it" if not confirmation.disagreements else "Judged as AWS reads the pattern"
    return replace(found, reason=f"{found.reason} {by} ({confirmation.asked} tests).", details=details)


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
    """Cite the deciding values of the chain first, from trail to people; the rest of what was read follows."""
    records = {record.ref: record for record in view.read}
    for place in dict.fromkeys(place for link in found.chain for place in link.evidence):
        ref, _, pointer = place.partition("#")
        if ref in records:
            view.cite(records[ref], pointer)
