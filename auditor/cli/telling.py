"""What a run says when it is done: failing controls, why others could not be assessed, what the exit code means."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

import click

from auditor.base.counts import counted, first_of
from auditor.base.period import Period, rfc3339
from auditor.cli import printable
from auditor.config import Config
from auditor.evidence.unanswered import asked_for, error_words
from auditor.model import ControlResult, Gap, Results, State
from auditor.pack.outcome import EXIT_MEANING, results_document
from auditor.render.exceptions import all_given

_MOST_FAILING = 25
_MOST_CAUSES = 10
_MOST_ACTIONS = 8
_WIDTH = 150

_REMEDIES = {
    "ExpiredToken": "the credentials expired: sign in again (aws sso login, or a new session) and repeat the run",
    "ExpiredTokenException": "the credentials expired: sign in again and repeat the run",
    "RequestExpired": "the clock of this machine is wrong, or the credentials expired: `auditor doctor` tells which",
    "AccessDenied": "grant the actions named: `auditor policy --check` tells what is missing",
    "AccessDeniedException": "grant the actions named: `auditor policy` prints them all",
    "UnauthorizedOperation": "grant the actions named: `auditor policy` prints them all",
    **dict.fromkeys(
        ("Throttling", "ThrottlingException", "RequestLimitExceeded", "SlowDown", "TooManyRequestsException", "429"),
        "AWS slowed us down: repeat with a smaller --concurrency",
    ),
    **dict.fromkeys(
        ("Timeout", "ConnectionClosed", "ConnectionError", "Malformed"),
        "the endpoint did not answer, or what answered is not AWS: check the network, proxy and AWS_ENDPOINT_URL",
    ),
    **dict.fromkeys(
        ("500", "502", "503", "504", "InternalError", "InternalFailure", "ServiceUnavailable"),
        "the service, or a proxy in front of it, was not available: repeat the run later",
    ),
}
"""Error code -> what to do about it."""


def tell_period(period: Period, as_of: datetime) -> None:
    """Say on stderr which span is looked at, before anything is asked; and when it had not ended."""
    click.echo(f"period {period.label}: from {rfc3339(period.start)} up to {rfc3339(period.end)}", err=True)
    if period.end > as_of:
        click.echo(f"  it had not ended at {rfc3339(as_of)}: what came later is not in the report", err=True)


def tell_results(results: Results) -> None:
    """Print the failing controls, gravest first, and the causes of what could not be assessed."""
    failing = failing_controls(results)
    for item in failing[:_MOST_FAILING]:
        click.echo(printable(_line(item)))
    if (more := len(failing) - _MOST_FAILING) > 0:
        click.echo(f"  and {counted(more, 'more failing control')}; the report and results.json have all")
    causes = causes_of_gaps(results.gaps)
    if causes:
        click.echo("not assessed, by cause:")
    for cause in causes[:_MOST_CAUSES]:
        action = f"; needs {first_of(cause['actions'], _MOST_ACTIONS)}" if cause["actions"] else ""
        calls = counted(cause["calls"], "call")
        click.echo(printable(f"  {calls:>11}  {_cause_words(cause)}{action}"[:400]))
        if remedy := _REMEDIES.get(cause["error"], ""):
            click.echo(f"         {remedy}")
    if (more := len(causes) - _MOST_CAUSES) > 0:
        click.echo(f"  and {counted(more, 'more cause')}; the chapter on what was not assessed has all")


def tell_since(results: Results) -> None:
    """Say what changed since the pack before, where that one's judgement is at hand."""
    if since := results.since:
        told = ", ".join(f"{number} {kind}" for kind, number in since["counts"].items() if number)
        click.echo(printable(f"since {since['pack_id']}: {told or 'nothing is open, and nothing was'}"))


def tell_given(results: Results) -> None:
    """Say what was handed in, and name what was not applied or wants minding, with its last day."""
    if not (results.waivers or results.attestations or results.responses or results.rules.get("allow")):
        return
    given = all_given(results_document(results))
    kinds = dict.fromkeys(item.kind for item in given)
    told = [(kind, [item for item in given if item.kind == kind]) for kind in kinds]
    words = [
        f"{counted(len(found), kind.lower())} ({sum(item.applied for item in found)} applied)" for kind, found in told
    ]
    click.echo(f"handed in: {', '.join(words)}")
    noted = [item for item in given if item.notes]
    for item in noted[:_MOST_CAUSES]:
        day = f", last day {item.until}" if item.until else ""
        covers = f" {item.covers}" if item.covers else ""
        click.echo(printable(f"  {item.kind.lower():<12} {item.control}{covers}{day}: {item.notes}"[:400]))
    if (more := len(noted) - _MOST_CAUSES) > 0:
        click.echo(f"  and {more:,} more; the chapter on criteria not met and results/accepted.csv have all")


def _cause_words(cause: dict[str, Any]) -> str:
    """Say a cause to people: no inner name, and no error code where AWS was not asked."""
    what = str(cause["first"]).removesuffix(" in global")
    operation, where, region = what.partition(" in ")
    return f"{error_words(cause['error'])}: {asked_for(operation)}{where}{region}"


def failing_controls(results: Results) -> list[ControlResult]:
    """Return the controls that are not met, gravest first."""
    failing = [item for item in results.controls if item.state is State.FAIL]
    return sorted(failing, key=lambda item: (item.control.severity.rank, item.control.id))


def _line(item: ControlResult) -> str:
    results = [result for result in item.results if result.state is State.FAIL]
    number = counted(len(results), "result")
    first = results[0].reason if results else ""
    line = f"  FAIL  {item.control.severity.value:<13} {item.control.id:<44} {number:<12} {first}"
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 3]}..."


def causes_of_gaps(gaps: Sequence[Gap]) -> list[dict[str, Any]]:
    """Group what could not be read by error, the most frequent first."""
    groups: dict[str, list[Gap]] = defaultdict(list)
    for gap in gaps:
        groups[gap.error].append(gap)
    causes = [
        {
            "error": error,
            "calls": len(found),
            "operations": sorted({gap.operation for gap in found}),
            "actions": sorted({gap.action for gap in found} - {""}),
            "controls": sorted({name for gap in found for name in gap.controls}),
            "first": f"{found[0].operation} in {found[0].region or 'global'}",
        }
        for error, found in groups.items()
    ]
    return sorted(causes, key=lambda cause: (-int(str(cause["calls"])), str(cause["error"])))


def failing_document(results: Results) -> list[dict[str, Any]]:
    """Return the failing controls as ``--json`` prints them."""
    return [
        {
            "control": item.control.id,
            "title": item.control.title,
            "severity": item.control.severity.value,
            "failed": sum(result.state is State.FAIL for result in item.results),
        }
        for item in failing_controls(results)
    ]


def tell_code(code: int, results: Results, config: Config, *, known: int = 0) -> None:
    """Say what the exit code means, and truthfully what was let through for it to be so."""
    let = "; ".join(_let_through(results, config, known)) if code in {0, 3} else ""
    click.echo(f"exit code {code}: {_meaning(code, let, {item.state for item in results.controls})}")


def _meaning(code: int, let: str, states: Collection[State]) -> str:
    if let:
        return f"{'nothing else was found unmet' if code == 0 else EXIT_MEANING[code]}; let through: {let}"
    if code != 0:
        return EXIT_MEANING[code]
    others = [words for state, words in _NOR_FAILED if state in states]
    return f"{EXIT_MEANING[0]}{''.join(f', {words}' for words in others[:-1])}{f' or {others[-1]}' if others else ''}"


_NOR_FAILED = ((State.MANUAL, "attested"), (State.NOT_APPLICABLE, "not applicable"))
"""What a control may be, beside met and waived, where the answer is 0 and nothing was let through."""


def _let_through(results: Results, config: Config, known: int) -> Iterator[str]:
    failing = [item for item in results.controls if item.state is State.FAIL]
    below = [item for item in failing if item.control.severity.rank > config.fail_on.rank]
    if below:
        yield f"{counted(len(below), 'failing control')} below --fail-on {config.fail_on.value}"
    if known and len(failing) > len(below):
        yield f"{counted(known, 'failure')} that the baseline knows"
    accepted = {name.removeprefix("not-assessed:") for name in config.allow}
    gaps = [
        item.control.id
        for item in results.controls
        if item.control.id in accepted
        and any(result.state in {State.NOT_ASSESSED, State.MANUAL} for result in item.results)
    ]
    if gaps:
        yield f"gaps accepted by --allow: {', '.join(gaps)}"
