"""Puts management's answers beside the results that they speak to. A state, a reason and a count stay as they were."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from auditor.base.period import rfc3339
from auditor.catalog.responses import Response
from auditor.evaluate.exceptions import SOON, takes_in
from auditor.model import ControlResult, Result, Results, State

ANSWERABLE = (State.FAIL, State.WAIVED, State.NOT_ASSESSED, State.MANUAL)
"""States that leave something to be done, or to be answered for."""


def apply_responses(results: Results, responses: Sequence[Response]) -> Results:
    """Return results in which open ones carry the first answer of the file that fits them; each given one is listed."""
    if not responses:
        return results
    as_of = results.run.as_of
    used: set[int] = set()
    fitting: set[int] = set()
    by_control: dict[str, list[Response]] = defaultdict(list)
    for item in responses:
        by_control[item.control].append(item)
    controls = tuple(_control(item, by_control[item.control.id], as_of, used, fitting) for item in results.controls)
    listed = tuple(
        {**terms(item, as_of), "used": id(item) in used, "notes": _notes(item, as_of, used, fitting)}
        for item in responses
    )
    return replace(results, controls=controls, responses=listed)


def _control(
    item: ControlResult, responses: Sequence[Response], as_of: datetime, used: set[int], fitting: set[int]
) -> ControlResult:
    if not responses:
        return item
    return replace(item, results=tuple(_answered(result, responses, as_of, used, fitting) for result in item.results))


def _answered(
    result: Result, responses: Sequence[Response], as_of: datetime, used: set[int], fitting: set[int]
) -> Result:
    found = [item for item in responses if _fits(item, result)]
    fitting.update(id(item) for item in found)
    if not found or result.state not in ANSWERABLE:
        return result
    used.add(id(found[0]))
    return replace(result, response=terms(found[0], as_of))


def _fits(item: Response, result: Result) -> bool:
    return (
        item.account in ("", result.account)
        and item.region in ("", result.region)
        and takes_in(item.resource, result.resource)
    )


def terms(response: Response, as_of: datetime) -> dict[str, Any]:
    """Return the JSON form of an answer; ``due`` is the first instant at which it is overdue, empty without a day."""
    return {
        "control": response.control,
        "resource": response.resource,
        "account": response.account,
        "region": response.region,
        "owner": response.owner,
        "due": rfc3339(response.due) if response.due else "",
        "overdue": response.due is not None and response.due <= as_of,
        "response": response.response,
        "ticket": response.ticket,
        "origin": response.origin,
    }


def _notes(item: Response, as_of: datetime, used: set[int], fitting: set[int]) -> list[str]:
    if id(item) not in fitting:
        return ["unused: no result fits it"]
    if id(item) not in used:
        return ["unused: what it fits is not open, or an earlier response speaks to it"]
    if item.due is None:
        return ["no day is named"]
    if item.due <= as_of:
        return ["overdue: its last day has passed and the finding is open"]
    return ["due within 30 days"] if item.due - as_of <= SOON else []
