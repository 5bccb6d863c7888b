"""A Markdown summary that fits a job page: headline, counts, what was not met, what could not be assessed."""

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from auditor.base.counts import counted
from auditor.model import State
from auditor.render.exceptions import Given
from auditor.render.exports.source import Finding, Source, shortened
from auditor.render.text import visible

_SPECIAL = re.compile(r"([\\`*_{}\[\]()#!|<>~&$@]|(?<![^\s])[-+](?=\s|$)|(?<![^\s])[-+=](?=[-+=]*$))")
_WORD = re.compile(r"(?P<before>[(\"']*)(?P<word>.*?)(?P<after>[.,;:!?)\"']*)")
_PROSE = re.compile(r"(?!.*www\.)[^@#:~$!`|\\<>\[\]*{}^]*[:!]?", re.IGNORECASE)
"""What no reader of Markdown takes for an address, a mention, a reference or a picture by itself."""
_LISTED = 20
_CELL = 160
_WORDS = {
    State.FAIL: "not met",
    State.NOT_ASSESSED: "not assessed",
    State.MANUAL: "left to a person",
    State.WAIVED: "waived",
    State.PASS: "met",
    State.NOT_APPLICABLE: "not applicable",
}


def markdown(source: Source) -> list[bytes]:
    """Return the summary. It names files of the pack and links to none: on a job page no link would lead there."""
    document = source.document
    run = document["run"]
    lines = [
        f"# {literal(run['title'])}",
        "",
        (
            f"**{literal(run['entity'])}**, {literal(run['period']['start'])} to {literal(run['period']['end'])} "
            f"(UTC), report {literal(source.report_id)}"
        ),
        "",
        literal(document["headline"]),
        "",
        "| " + " | ".join(_WORDS[state] for state in State) + " |",
        "|" + " ---: |" * len(State),
        "| " + " | ".join(f"{document['counts'][state.value]:,}" for state in State) + " |",
        "",
        *_section("Not met", State.FAIL, source),
        *_section("Could not be assessed", State.NOT_ASSESSED, source),
        *_integrity(document["integrity"]),
        *_handed_in(source.given, source.to_mind),
        f"In the pack: {', '.join(f'`{name}`' for name in _files(source))}.",
        "",
        "Evidence summary. Not an audit opinion.",
        "",
    ]
    return ["\n".join(lines).encode("utf-8", "replace")]


def literal(text: str) -> str:
    """Return text that Markdown shows as it is, on one line.

    Job pages turn addresses, ``@names``, ``#numbers`` and ``:words:`` into links and pictures, escaped or not, but not
    inside code: words that could be one are code.
    """
    return " ".join(_word(word) for word in visible(" ".join(str(text).split())).split())


def _word(text: str) -> str:
    if _PROSE.fullmatch(text) or not (found := _WORD.fullmatch(text)):
        return _escaped(text)
    # A backtick would end the code, a bar the table's cell, and a backslash before either is read in different ways.
    parts = re.split(r"([`|\\]+)", found["word"])
    word = "".join(_escaped(part) if index % 2 else f"`{part}`" if part else "" for index, part in enumerate(parts))
    return f"{_escaped(found['before'])}{word}{_escaped(found['after'])}"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def _section(title: str, state: State, source: Source) -> list[str]:
    found = (item for item in source.findings() if item.state is state)
    rows = sorted(found, key=lambda item: (_rank(item), item.key))
    if not rows:
        return []
    lines = [f"## {title}", "", "| control | severity | resource | reason |", "| --- | --- | --- | --- |"]
    for item in rows[:_LISTED]:
        resource, reason = (literal(_cut(item.result[name])) for name in ("resource", "reason"))
        lines.append(f"| `{item.control['id']}` | {item.control['severity']} | {resource} | {reason} |")
    if len(rows) > _LISTED:
        lines += ["", f"{counted(len(rows) - _LISTED, 'more stands', 'more stand')} in `results/results.json`."]
    return [*lines, ""]


def _cut(text: str, limit: int = _CELL) -> str:
    """Cut a text between words; the whole stands in results.json, which the summary names."""
    short = textwrap.shorten(text, limit, placeholder=" ...")
    return short if short != "..." else shortened(text, limit)


def _handed_in(given: Sequence[Given], told: Sequence[Given]) -> list[str]:
    """Say what waivers, attestations, responses and accepted gaps came to; each that needs a look has its reason."""
    if not given:
        return []
    lines = ["## Handed in", "", f"{sum(item.applied for item in given):,} of {len(given):,} applied.", ""]
    lines += [f"- {literal(_cut(item.told, 2 * _CELL))}" for item in told[:_LISTED]]
    if len(told) > _LISTED:
        lines.append(f"- {counted(len(told) - _LISTED, 'more stands', 'more stand')} in `results/results.json`.")
    return [*lines, *([""] if told else [])]


def _rank(finding: Finding) -> int:
    return ("critical", "high", "medium", "low", "informational").index(finding.control["severity"])


def _files(source: Source) -> list[str]:
    return [*(f"report.{page}" for page in source.pages), "results/results.json", "VERIFY.md"]


_VERDICTS = {
    "pass": "every hour of the period is proved",
    "note": "every hour of the period is proved, with something to read",
    "incomplete": "nothing was found altered, but part of the period is not vouched for",
    "fail": "alteration, deletion or forgery is shown",
}


def _integrity(documents: Iterable[Mapping[str, Any]]) -> list[str]:
    lines = [f"- {literal(_trail(document))}: {_told(document)}" for document in documents]
    return ["## Log integrity", "", *lines, ""] if lines else []


def _trail(document: Mapping[str, Any]) -> str:
    return str((document.get("trail") or {}).get("name") or document.get("ref", "") or "trail")


def _told(document: Mapping[str, Any]) -> str:
    """Say the verdict, the hours, and how many findings bear on it: gaps are hours, notes bear on nothing."""
    coverage = document.get("coverage") or {}
    verdict = _VERDICTS.get(str(document.get("verdict")), "the verification did not end")
    serious = [
        item
        for item in document.get("findings", ())
        if item.get("level") in ("fail", "incomplete") and not str(item.get("kind", "")).startswith(("gap_", "no_dig"))
    ]
    hours = (
        f"{coverage.get('hours_verified', 0):,} of {counted(coverage.get('hours_asked', 0), 'Region-hour')} verified"
    )
    return f"{verdict}; {hours}; {counted(len(serious), 'finding')}"
