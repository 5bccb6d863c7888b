"""The step that ends an opening of a security group: which call, by what it is linked, and who made it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from auditor.activity import ingress
from auditor.activity.fields import member, moment, text
from auditor.base.period import rfc3339
from auditor.evaluate.steps import Opening, Seen, Step, Target


def revert(opening: Opening, targets: Sequence[Target], until: datetime | None) -> Step:
    """Return the step "revert".

    Args:
        opening: what was opened.
        targets: what could act on it.
        until: up to when every hour after the event verified; None where the whole period did.
    """
    row = opening.row
    at = moment(row.get("closed_at"))
    if at is None:
        if until is not None:
            why = f"no call that ended it is known; what lies after {rfc3339(until)} was not searched with proof"
            return Step("revert", Seen.UNSEARCHED, why=why)
        return Step("revert", Seen.MISSING, why="no call ended it until the end of the period")
    by, known = text(row.get("closed_by")), opening.closing
    step = Step("revert", Seen.SEEN, at=at, by=by, event_id=text(row.get("closing_event")))
    if known is None:
        return replace(step, why="the record of the call is not among the evidence: which rule it named is not known")
    linked = " and ".join([_linked(opening, known), _by_whom(known, targets)])
    return replace(step, what=text(known.get("eventName")), why=linked)


def _linked(opening: Opening, closing: Mapping[str, Any]) -> str:
    done = ingress.change_of(closing)
    made = ingress.change_of(opening.record) if opening.record is not None else None
    if done is None:
        return "it is no call on rules"
    if done.deletes:
        return f"the group {done.group} was deleted"
    ours = {known for known, _ in made.adds} | {known for known, _ in made.becomes} if made is not None else set()
    group = done.group or "the group"
    same = sorted((ours - {""}) & {*done.removes_ids, *(known for known, _ in done.becomes)})
    if same:
        return f"it names the rule {same[0]} of {group}"
    if made is None:
        return (
            f"whether it names the rule that was opened in {group} is not known: that record is not among the evidence"
        )
    if set(made.opens) & done.removes:
        return f"it names the same rule of {group} by its form"
    return f"it names no rule that this call is known to have made, though what was open of {group} ended with it"


def _by_whom(closing: Mapping[str, Any], targets: Sequence[Target]) -> str:
    identity = member(closing, "userIdentity")
    issuer = text(member(member(identity, "sessionContext"), "sessionIssuer").get("arn"))
    session = text(identity.get("arn")).rpartition("/")[2]
    scope = text(member(identity, "inScopeOf").get("sourceArn"))
    for target in targets:
        if scope and scope == target.arn:
            return f"was made by the function {target.name}"
        if target.role and issuer == target.role:
            own = f", session {session}" if session else ""
            return f"came from the role of {target.name}{own}"
    if text(identity.get("invokedBy")) or text(identity.get("type")) == "AWSService":
        return f"was made by {text(identity.get('invokedBy')) or 'a service'} for somebody"
    return "came from none of the rule's targets"
