"""The page beside the files: for each remedy what is there, what changes, side effects, cost, undoing, evidence."""

import re
from collections.abc import Iterator

from auditor.base.counts import counted
from auditor.remedy.change import Asked, Remedy, in_order
from auditor.remedy.proposal import Proposal
from auditor.remedy.shell import asked_of

_MARKUP = re.compile(r"([\\`*_\[\]<>#!|~&$@])")


def page(proposal: Proposal, files: dict[str, str], notes: tuple[str, ...] = ()) -> str:
    """Return the page as Markdown.

    Args:
        proposal: all remedies.
        files: account and control -> the file with its change.
        notes: sentences about the form that was chosen.
    """
    lines = [
        "# Remedies",
        "",
        f"For the failed results of the pack {plain(proposal.pack_id)}, as of {plain(proposal.as_of)}.",
        "Nothing here was applied. Read each file, have it approved, run it with credentials of your own, audit again.",
        "",
        *notes,
        *([""] if notes else []),
        f"{counted(len(proposal.remedies), 'result')} with a remedy, {len(proposal.left):,} without.",
        "",
    ]
    for number, remedy in enumerate(proposal.remedies, 1):
        lines += _entry(number, remedy, files.get(f"{remedy.finding.account}/{remedy.finding.control}", ""))
    if proposal.left:
        lines += ["## Without a remedy", "", "| control | resource | why |", "|---|---|---|"]
        lines += [
            f"| {item.finding.control} | {plain(item.finding.resource)} | {plain(item.why)} |" for item in proposal.left
        ]
    return "\n".join(lines).rstrip() + "\n"


def _entry(number: int, remedy: Remedy, file: str) -> Iterator[str]:
    found = remedy.finding
    asked = _asked(remedy)
    yield f"## {number}. {plain(found.title)}"
    yield ""
    place = f"{plain(found.resource)} in {found.region} of {found.account}"
    yield f"- Finding: `{found.control}` ({found.severity}), {place}"
    yield f"- Evidence: {', '.join(found.evidence)}: {plain(found.reason)}"
    yield f"- There already: {plain(remedy.exists)}"
    yield "- Change, in this order:"
    for step in in_order(remedy.steps):
        yield f"  1. `{step.service}:{step.operation}` in {step.region}: {plain(step.words)}"
    for item in remedy.declares:
        if item.template_type:
            yield f"  1. `{item.template_type}` in {item.region}: {plain(item.words)}"
    if asked:
        yield f"- Values that you give: {'; '.join(f'`{name}`, {words}' for name, words in asked.items())}"
    yield f"- Side effects: {plain(remedy.effects)}"
    yield f"- Cost a month, at list price: {plain(remedy.cost)}"
    yield f"- Undo: {_undo(remedy)}"
    if remedy.person:
        yield f"- Waits for a person: {plain(remedy.person)}"
    if remedy.alternatives:
        yield f"- Another way: {plain(remedy.alternatives)}"
    if file:
        yield f"- File: `{file}`"
    yield ""


def _asked(remedy: Remedy) -> dict[str, str]:
    """Return the values that a person gives, with what they are, and what they are otherwise."""
    found = asked_of(remedy.steps)
    waiting: list[object] = [item.template for item in remedy.declares]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Asked):
            found[value.name] = f"{value.words} (otherwise {value.default})" if value.default else value.words
        elif isinstance(value, dict):
            waiting += value.values()
    return found


def _undo(remedy: Remedy) -> str:
    steps = ", ".join(f"`{step.service}:{step.operation}`" for step in remedy.undo)
    return " ".join(part for part in (f"{steps}." if steps else "", plain(remedy.undo_words)) if part)


def plain(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    line = "".join(mark if mark.isprintable() else " " for mark in text)
    return _MARKUP.sub(r"\\\1", line)


def document(proposal: Proposal) -> dict[str, object]:
    """Return the JSON form."""
    return {
        "schema": "auditor.remedies/1",
        "pack_id": proposal.pack_id,
        "as_of": proposal.as_of,
        "remedies": [_remedy(item) for item in proposal.remedies],
        "without": [
            {
                "control": item.finding.control,
                "account": item.finding.account,
                "region": item.finding.region,
                "resource": item.finding.resource,
                "why": item.why,
            }
            for item in proposal.left
        ],
    }


def _remedy(item: Remedy) -> dict[str, object]:
    found = item.finding
    return {
        "control": found.control,
        "severity": found.severity,
        "account": found.account,
        "region": found.region,
        "resource": found.resource,
        "reason": found.reason,
        "evidence": list(found.evidence),
        "exists": item.exists,
        "steps": [
            {
                "service": step.service,
                "operation": step.operation,
                "region": step.region,
                "words": step.words,
                "parameters": _jsonable(step.parameters),
            }
            for step in in_order(item.steps)
        ],
        "declares": [
            {
                "type": made.template_type,
                "region": made.region,
                "words": made.words,
                "properties": _jsonable(dict(made.template)),
            }
            for made in item.declares
            if made.template_type
        ],
        "undo": [
            {
                "service": step.service,
                "operation": step.operation,
                "region": step.region,
                "parameters": _jsonable(step.parameters),
            }
            for step in item.undo
        ],
        "undo_words": item.undo_words,
        "side_effects": item.effects,
        "cost_month": item.cost,
        "waits_for_a_person": item.person,
        "values_to_give": _asked(item),
    }


def _jsonable(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    return {"given" if isinstance(value, Asked) else "made": getattr(value, "name", "")}
