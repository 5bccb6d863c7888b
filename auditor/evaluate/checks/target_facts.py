"""Reads from evidence what topics are encrypted with and what rules hand events to, into the plain values of the chain.

All of it is looked at only where a chain leads there; what has no answer stays open and says why.
"""

from collections.abc import Mapping
from typing import Any

from auditor.evaluate.checks.alarm_facts import unanswered
from auditor.evaluate.checks.fields import integer, listed, mapping, optional_mapping, optional_text, text
from auditor.evaluate.missing import Missing
from auditor.evaluate.view import View
from auditor.evidence.answer import Record
from auditor.monitoring.chain.actions import Parts
from auditor.monitoring.chain.facts import Key, Reaction
from auditor.policies.document import read_policy

ALIASES, KEY, KEY_POLICY = "kms:ListAliases", "kms:DescribeKey", "kms:GetKeyPolicy"
FUNCTIONS, FUNCTION = "lambda:ListFunctions", "lambda:GetFunctionConfiguration"
FUNCTION_POLICY, CONCURRENCY = "lambda:GetPolicy", "lambda:GetFunctionConcurrency"
MACHINE, BUS = "stepfunctions:DescribeStateMachine", "events:DescribeEventBus"


class Keys:
    """The KMS keys of an account, found by whatever a topic calls them: id, ARN, alias or ARN of an alias."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._aliases: dict[tuple[str, str], str] | None = None

    def of(self, name: str, topic: str) -> Key | None:
        """Return the key of a topic; None when the topic is not encrypted.

        Args:
            name: ``KmsMasterKeyId`` of the topic.
            topic: its ARN.
        """
        if not name:
            return None
        place, key = Parts.of(topic), Parts.of(name)
        if key.account and key.account != place.account:
            beside = self._view.beside(key.account)
            if beside is None:
                where = f"it belongs to account {key.account}, where it has to be looked at"
                return Key("", None, unread=f" is not known: {where}")
            return Keys(beside).spoken(key.name, key.region)
        return self.spoken(key.name if key.account else name, place.region)

    def spoken(self, name: str, region: str) -> Key:
        """Return the key of a Region by its id, ``key/`` and id, or alias."""
        if not name.startswith("alias/"):
            return self._by_id(name.removeprefix("key/"), region)
        if name == "alias/aws/sns":
            return Key("", None, aws_managed=True)
        gap = self._view.consult(ALIASES).gap(region)
        if gap is not None:
            return self._open(gap)
        target = self._targets().get((region, name))
        if target is None:
            return Key("", None, unread=f" is not known: there is no key behind {name}")
        return self._by_id(target, region)

    def _targets(self) -> dict[tuple[str, str], str]:
        if self._aliases is None:
            self._aliases = {}
            for record, pages in self._view.consult(ALIASES).answers:
                self._view.note(record)
                for item in (item for page in pages for item in listed(page, "Aliases")):
                    if target := optional_text(item, "TargetKeyId"):
                        self._aliases[record.call.region, text(item, "AliasName")] = target
        return self._aliases

    def _by_id(self, key: str, region: str) -> Key:
        described, policies = self._view.consult(KEY), self._view.consult(KEY_POLICY)
        for record, pages in described.answers:
            if not pages or record.call.region != region or not _named(record, "KeyId", key):
                continue
            metadata = mapping(pages[0], "KeyMetadata")
            arn, managed = text(metadata, "Arn"), text(metadata, "KeyManager") == "AWS"
            state = text(metadata, "KeyState")
            for answer, policy in policies.answers:
                if policy and answer.call.region == region and _named(answer, "KeyId", key):
                    self._view.note(answer)
                    read = read_policy(policy[0].get("Policy"))
                    return Key(arn, read, managed, "", f"{answer.ref}#/pages/0", state)
            if managed or state != "Enabled":
                return Key(arn, None, aws_managed=managed, unread=" was not looked at", state=state)
        gap = described.gap(region) or policies.gap(region)
        return self._open(gap) if gap is not None else Key("", None, unread=" is not known: the key was not looked at")

    def _open(self, gap: Missing) -> Key:
        self._view.leave_open(gap)
        return Key("", None, unread=f" is not known: {unanswered(gap)}")


def _named(record: Record, parameter: str, value: str) -> bool:
    return str(dict(record.call.parameters).get(parameter, "")).rpartition("/")[2] == value


def reactions(view: View) -> dict[str, Reaction]:
    """Return what is known of functions, state machines and buses that rules name, by the ARN they are named with."""
    found: dict[str, Reaction] = {}
    for read in (_functions, _machines, _buses):
        with view.going_on():
            found |= read(view)
    return found


def _functions(view: View) -> dict[str, Reaction]:
    found: dict[str, Reaction] = {}
    configurations: dict[str, tuple[Record, str, Mapping[str, Any] | None]] = {}
    for record, pages in view.consult(FUNCTIONS).answers:
        for number, page in enumerate(pages):
            for index, item in enumerate(listed(page, "Functions")):
                place = f"{record.ref}#/pages/{number}/Functions/{index}"
                configurations[text(item, "FunctionArn")] = (record, place, item)
    for record, pages in view.consult(FUNCTION).answers:
        arn = str(dict(record.call.parameters).get("FunctionName", ""))
        configurations[arn] = (record, f"{record.ref}#/pages/0", pages[0] if pages else None)
    policies, limits = _by_function(view, FUNCTION_POLICY), _by_function(view, CONCURRENCY)
    for arn, (record, place, item) in configurations.items():
        if item is None:
            found[arn] = Reaction(arn, exists=False, ref=record.ref)
        else:
            found[arn] = _function(view, arn, place, item, policies, limits)
    for call, missing in view.consult(FUNCTION).missing:
        arn = str(dict(call.parameters).get("FunctionName", "")) if call is not None else ""
        if arn and arn not in found:
            found[arn] = Reaction(arn, unread=unanswered(missing), ref=missing.ref)
    return found


_Answers = Mapping[str, tuple[Record, Mapping[str, Any] | None]]


def _by_function(view: View, operation: str) -> _Answers:
    answers = view.consult(operation).answers
    return {
        str(dict(record.call.parameters).get("FunctionName", "")): (record, pages[0] if pages else None)
        for record, pages in answers
    }


def _function(
    view: View, arn: str, place: str, item: Mapping[str, Any], policies: _Answers, limits: _Answers
) -> Reaction:
    state = optional_text(item, "State")
    trouble = f"its state is {state}" if state in {"Failed", "Deleting"} else ""
    unread, policy, concurrency = "", None, None
    if arn in policies:
        page = policies[arn][1]
        policy = read_policy(page.get("Policy")) if page is not None else None
    else:
        gap = view.consult(FUNCTION_POLICY).gap(Parts.of(arn).region, FunctionName=arn)
        unread = unanswered(gap) if gap is not None else "its policy was not looked at"
    if arn in limits:
        page = limits[arn][1] or {}
        reserved = page.get("ReservedConcurrentExecutions")
        concurrency = integer(page, "ReservedConcurrentExecutions") if reserved is not None else None
    elif not unread:
        gap = view.consult(CONCURRENCY).gap(Parts.of(arn).region, FunctionName=arn)
        unread = unanswered(gap) if gap is not None else "its reserved concurrency was not looked at"
    letters = optional_text(optional_mapping(item, "DeadLetterConfig"), "TargetArn")
    return Reaction(arn, True, trouble, policy, unread, concurrency, letters, place)


def _machines(view: View) -> dict[str, Reaction]:
    found: dict[str, Reaction] = {}
    machines = view.consult(MACHINE)
    for record, pages in machines.answers:
        arn = str(dict(record.call.parameters).get("stateMachineArn", ""))
        status = text(pages[0], "status") if pages else ""
        trouble = f"its status is {status}" if pages and status != "ACTIVE" else ""
        found[arn] = Reaction(arn, bool(pages), trouble, ref=f"{record.ref}#/pages/0" if pages else record.ref)
    for call, missing in machines.missing:
        arn = str(dict(call.parameters).get("stateMachineArn", "")) if call is not None else ""
        found[arn] = Reaction(arn, unread=unanswered(missing), ref=missing.ref)
    return found


def _buses(view: View) -> dict[str, Reaction]:
    found: dict[str, Reaction] = {}
    for record, pages in view.consult(BUS).answers:
        arn = str(dict(record.call.parameters).get("Name", ""))
        found[arn] = Reaction(arn, bool(pages), ref=record.ref)
    return found
