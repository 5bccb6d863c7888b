"""Judges what the audit's own principal did in the period, by the answer to ``our-own-calls``."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from auditor.activity.ours import Own, own_calls
from auditor.base.counts import counted, led_by
from auditor.evaluate.checks.fields import (
    flag,
    integer,
    listed,
    mapping,
    optional_list,
    optional_text,
    some,
    text,
)
from auditor.evaluate.checks.over_time import wholly_searched
from auditor.evaluate.subject import Subject
from auditor.model import State, Verdict, failed, not_assessed, passed

_ANSWERS: Final = "events:Answer"
_SHOWN: Final = 20
"""Groups of calls in the details of one result; the report's table has them all."""

Row = Mapping[str, Any]


def audit_changed_nothing(subject: Subject) -> Verdict:
    """Judge the account: no verified call of the audit's own principal changed anything, beside what options asked for.

    What another program called for the same person, or what no record tells, leaves it open.

    Evidence: ``cloudtrail:DescribeTrails``, ``cloudtrail:GetEventSelectors``, ``trail:VerifyDigests``,
    ``trail:NotableEvents``, ``events:Answer``.
    """
    answer = subject.evidence.page(_ANSWERS, Question="our-own-calls")
    found = own_calls(listed(answer, "rows"))
    if found.changed:
        return failed(
            f"{_calls(found.changed)} of this audit's principal changed something{_first(found.changed)}.",
            observed=_calls(found.changed),
            details={"calls": [dict(row) for row in found.changed[:_SHOWN]]},
        )
    if words := next(iter((*_open_calls(found), *_unsearched(answer))), ""):
        return not_assessed(words)
    verdict = wholly_searched(subject, "this audit's principal changed nothing")
    if verdict.state is not State.PASS:
        return verdict
    told = f"{counted(found.reads, 'call')} that read, {found.asked_for:,} that an option asked for"
    return passed(f"{verdict.reason} Found: {told}.", observed=told)


def _open_calls(found: Own) -> Iterator[str]:
    """Say of which calls nothing tells whether the audit changed something by them."""
    for rows, words in (
        (found.unproved, "changed something, in log files that no digest vouches for"),
        (found.untold, "may have changed something: their records do not say whether they only read"),
        (found.others, "changed something, by other programs of the same principal"),
    ):
        if rows:
            yield f"{_calls(rows)} {words}{_first(rows)}."


def _unsearched(answer: Row) -> Iterator[str]:
    """Say what was not searched for such calls."""
    if flag(answer, "truncated"):
        yield "There were more calls of this audit's principal than the evidence lists."
    if not optional_text(mapping(answer, "parameters"), "who"):
        yield "The evidence does not say whose calls were looked for."
    if gaps := optional_list(mapping(answer, "searched"), "not_searched"):
        whys = dict.fromkeys(optional_text(item, "why") for item in gaps if isinstance(item, Mapping))
        yield f"A part of the period's events was not searched: {some(list(whys) or ['no reason is given'])}."


def _number(rows: Sequence[Row]) -> int:
    return sum(integer(row, "changes") or integer(row, "unknown") for row in rows)


def _calls(rows: Sequence[Row]) -> str:
    return counted(_number(rows), "call")


def _first(rows: Sequence[Row]) -> str:
    row = min(rows, key=lambda item: optional_text(item, "first_time"))
    how = {"audit": " with this program's mark", "session": " in the audit's session"}.get(text(row, "made_by"), "")
    service = text(row, "event_source").removesuffix(".amazonaws.com")
    what = f"{some([text(row, 'call')])} of {some([service])} at {optional_text(row, 'first_time')}{how}"
    return led_by(_number(rows), what)
