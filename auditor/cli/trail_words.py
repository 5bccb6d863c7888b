"""How ``auditor trail verify`` talks: the report as lines, several reports as one document, progress on stderr."""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import click

from auditor.base.counts import counted
from auditor.cli import printable
from auditor.cli.progress import Patience
from auditor.pack.verdicts import Level, worst_level

if TYPE_CHECKING:
    from auditor.trail.findings import Finding
    from auditor.trail.report import TrailReport
    from auditor.trail.verify import Progress

_MOST_FINDINGS = 60
_LINE_SECONDS = 5.0


def combined(documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one document: a single trail's own, or the worst verdict, sums and all findings with each report below."""
    if len(documents) == 1:
        return dict(documents[0])
    counts: dict[str, dict[str, int]] = {"digests": {}, "logs": {}}
    for document in documents:
        for part, total in counts.items():
            for name, number in document["counts"][part].items():
                total[name] = total.get(name, 0) + number
    return {
        "schema": documents[0]["schema"],
        "verdict": worst_level(document["verdict"] for document in documents).word,
        "interrupted": any(document["interrupted"] for document in documents),
        "period": documents[0]["period"],
        "as_of": documents[0]["as_of"],
        "counts": counts,
        "coverage": {
            "hours_asked": sum(document["coverage"]["hours_asked"] for document in documents),
            "hours_verified": sum(document["coverage"]["hours_verified"] for document in documents),
            "states": documents[0]["coverage"]["states"],
            "chains": [chain for document in documents for chain in document["coverage"]["chains"]],
        },
        "gaps": [gap for document in documents for gap in document["gaps"]],
        "findings": [finding for document in documents for finding in document["findings"]],
        "anchors": [anchor for document in documents for anchor in document["anchors"]],
        "trails": list(documents),
    }


# ------------------------------------------------------------------------------------------------------ for people


def print_report(report: "TrailReport") -> None:
    """Print one trail's report on stdout: verdict, counts, hours, the worst findings."""
    scope = report.scope
    _say(f"trail     {heading(report.document()['trail'])}")
    _say(f"period    {scope.start:%Y-%m-%d %H:%M} to {scope.end:%Y-%m-%d %H:%M} UTC")
    verdict = report.verdict
    word = verdict.name if verdict > Level.NOTE else verdict.word
    _say(f"verdict   {word}: {verdict.meaning}")
    _say(f"digests   {_counts(report.digests)}")
    _say(f"log files {_counts(report.logs)}")
    for chain in report.chains:
        verified = sum(state == "v" for _, state in chain.hours)
        _say(f"  {chain.account} {chain.region:16} {verified} of {counted(len(chain.hours), 'hour')} verified")
    groups = _folded(report.findings)
    for members in groups[:_MOST_FINDINGS]:
        finding = members[0]
        _say(f"{finding.level.word:10} {finding.kind}: {finding.sentence}")
        _say_details(finding.extra)
        if len(members) > 1:
            _say(f"{'':10} the same in {', '.join(item.region for item in members[1:])}")
    more = sum(map(len, groups[_MOST_FINDINGS:])) + sum(report.omitted.values())
    if more:
        _say(f"... and {more:,} more; --json has them")


def heading(trail: Mapping[str, Any]) -> str:
    """Return which trail a report is about: two of one name differ in owner, organization or place.

    Args:
        trail: the part ``trail`` of a report document.
    """
    place = "/".join(part for part in (trail["bucket"], trail["prefix"]) if part)
    where = f"s3://{place}" if trail["bucket"] else "in a place that is not known"
    owner = f"organization {trail['organization']}" if trail["organization"] else f"account {trail['account']}"
    return f"{trail['name']} ({trail['home_region']}), {owner}, {where}"


def _folded(findings: Sequence["Finding"]) -> list[list["Finding"]]:
    """Put holes together that differ in nothing but their Region: a stopped trail is silent everywhere at once."""
    groups: dict[object, list[Finding]] = {}
    for finding in findings:
        whole = finding.kind.startswith("gap_") or finding.kind == "no_digests"
        key = (finding.kind, finding.account, finding.certainty, finding.extra) if whole else id(finding)
        groups.setdefault(key, []).append(finding)
    return list(groups.values())


_DETAILS = {
    "deleted_at": "deleted at {}",
    "changed_at": "changed at {}",
    "original_version": "the original is still there as version {}",
}


def _say_details(extra: Sequence[tuple[str, str]]) -> None:
    words = [_DETAILS[name].format(value) for name, value in extra if name in _DETAILS]
    if words:
        _say(f"{'':10} {'; '.join(words)}")


def _counts(counts: Any) -> str:
    from auditor.trail.report import counts_document

    numbers = counts_document(counts)
    rest = ", ".join(f"{number} {name}" for name, number in numbers.items() if number and name != "expected")
    return f"{numbers['expected']} expected: {rest or 'none found'}"


def _say(text: str) -> None:
    click.echo(printable(text))


# --------------------------------------------------------------------------------------------------------- progress


@contextmanager
def shown(*, quiet: bool) -> Iterator[Callable[["Progress"], None]]:
    """Give a function that shows how far a verification is: a bar on a terminal, plain lines otherwise."""
    if quiet:
        yield lambda _: None
        return
    with _bar() if sys.stderr.isatty() else nullcontext(_Lines()) as show, Patience() as patient:

        def tell(state: "Progress") -> None:
            patient(state.stage, state.done, state.total or 0)
            show(state)

        yield tell


class _Lines:
    """One plain line per stage, and one every five seconds."""

    def __init__(self) -> None:
        self._stage, self._last = "", 0.0

    def __call__(self, state: "Progress") -> None:
        moment = time.monotonic()
        if state.stage == self._stage and state.done != state.total and moment - self._last < _LINE_SECONDS:
            return
        self._stage, self._last = state.stage, moment
        total = "" if state.total is None else f" of {state.total}"
        click.echo(f"{state.stage}: {state.done}{total}, {state.stored_bytes / 1e6:.1f} MB", err=True)


@contextmanager
def _bar() -> Iterator[Callable[["Progress"], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description:10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with RichProgress(*columns, console=Console(stderr=True)) as rich:
        tasks: dict[str, tuple[Any, float]] = {}

        def show(state: "Progress") -> None:
            if state.stage not in tasks:
                tasks[state.stage] = (rich.add_task(state.stage, total=state.total, rate=""), time.monotonic())
            task, since = tasks[state.stage]
            seconds = max(0.001, time.monotonic() - since)
            rate = f"{state.done / seconds:,.0f}/s, {state.stored_bytes / 1e6:,.1f} MB"
            rich.update(task, completed=state.done, total=state.total, rate=rate)

        yield show
