"""``auditor pattern test``: what a pattern says of the records that people have at hand."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.base.counts import counted, first_of
from auditor.base.errors import UsageError
from auditor.cli.documents import echo_json
from auditor.cli.files import named, read_bytes, read_text, say

if TYPE_CHECKING:
    from auditor.evidence.records import Reading
    from auditor.monitoring.patterns.pattern import Pattern

MATCHES, NO_MATCH = 0, 1


@click.command(name="test")
@click.argument("pattern")
@click.argument("event", type=click.Path(path_type=Path))
@click.option("--text", "as_text", is_flag=True, help="Take the input as one log event, whatever it holds.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def command(pattern: str, event: Path, *, as_text: bool, as_json: bool) -> int:
    """Say which records of a file (- for stdin) PATTERN matches, and why or why not.

    The file holds a CloudTrail record, a log file, JSON Lines, an EventBridge event, or what aws cloudtrail
    lookup-events or aws logs filter-log-events prints; each may be gzipped. Exit code 0: it matches at least one
    record; 1: none; 2: the pattern is not valid, or the input holds no record.
    """
    from auditor.evidence.records import MOST_BYTES, Reading, read_records
    from auditor.monitoring.patterns.errors import TooComplexError
    from auditor.monitoring.patterns.pattern import parse_pattern

    try:
        read = parse_pattern(pattern)
    except TooComplexError as error:
        raise UsageError(f"the pattern is too complex: {error}") from error
    source = named(event)
    if as_text:
        reading, asked = Reading(()), [("", _event_of(read_text(event)))]
    else:
        reading = read_records(read_bytes(event, MOST_BYTES), source)
        asked = _asked(read, reading, source)
    answers = [{"number": number, **_answer(read, *one)} for number, one in enumerate(asked, start=1)]
    matched = [answer for answer in answers if answer["matches"]]
    code = MATCHES if matched else NO_MATCH
    if as_json:
        echo_json(
            {
                "schema": "auditor.pattern-test/1",
                "exit_code": code,
                "dialect": read.dialect.value,
                "matches": bool(matched),
                "records": len(answers),
                "matched": [answer["number"] for answer in matched],
                "containers": list(reading.containers),
                "skipped": reading.skipped,
                "problems": list(reading.problems),
                "events": answers,
            }
        )
        return code
    _tell_matches(read.dialect.value, reading, answers)
    return code


def _asked(pattern: "Pattern", reading: "Reading", named: str) -> list[tuple[str, Any]]:
    """Return what the pattern is put to, with its place: records, and for rules other events as well."""
    from auditor.monitoring.patterns.pattern import Dialect

    if pattern.dialect is Dialect.EVENT:
        events = [(one.place, one.event or one.record) for one in reading.records]
        return [*events, *(("", one) for one in reading.events)]
    if not reading.records:
        hint = "filter patterns look at log events; give --text to take the input as one"
        raise UsageError(f"{named} holds no CloudTrail record, only other events", hint=hint)
    return [(one.place, one.record) for one in reading.records]


_TOLD = 20
"""Records whose tests are printed one by one."""


def _tell_matches(dialect: str, reading: "Reading", answers: Sequence[Mapping[str, Any]]) -> None:
    matched = [answer for answer in answers if answer["matches"]]
    within = f" ({', '.join(reading.containers)})" if reading.containers else ""
    which = f": {first_of(matched, _TOLD, _called)}" if matched and len(answers) > 1 else ""
    verb = "matches" if len(matched) == 1 else "match"
    say(f"{counted(len(answers), 'record')} read{within}; {len(matched)} {verb}{which}")
    if reading.skipped:
        say(f"{counted(reading.skipped, 'place')} without a record, or not read: {'; '.join(reading.problems[:3])}")
    for answer in answers[:_TOLD]:
        which = f"{_called(answer)}: " if len(answers) > 1 else ""
        say(f"{which}{'matches' if answer['matches'] else 'does not match'} ({dialect})")
        for step in answer["tests"]:
            say(f"  {'yes' if step['holds'] else 'no ':<4} {step['test']}   (the event has {step['seen']})")
    if len(answers) > _TOLD:
        say(f"The tests of {len(answers) - _TOLD:,} more are in the answer with --json.")


def _called(answer: Mapping[str, Any]) -> str:
    name = f" ({answer['name']})" if answer["name"] else ""
    return f"record {answer['number']}{name}"


def _event_of(text: str) -> Any:
    """Return a log event as filters see it: an object where it is JSON, a line of text otherwise."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text.rstrip("\n")


def _answer(pattern: "Pattern", place: str, event: Any) -> dict[str, Any]:
    from auditor.monitoring.patterns.delivery import envelope
    from auditor.monitoring.patterns.formula import ABSENT
    from auditor.monitoring.patterns.pattern import Dialect, explain, matches

    record = event.get("detail", event) if isinstance(event, dict) else {}
    if pattern.dialect is Dialect.EVENT and record is event:
        event = envelope(event)
    steps = explain(pattern.formula, event) if pattern.formula is not None and pattern.words is None else ()
    known = record if isinstance(record, dict) else {}
    return {
        "place": place,
        "name": str(known.get("eventName") or "")[:100],
        "id": str(known.get("eventID") or "")[:100],
        "matches": matches(pattern, event),
        "tests": [
            {
                "test": step.words,
                "holds": step.holds,
                "seen": "no such field" if step.seen is ABSENT else json.dumps(step.seen, ensure_ascii=False)[:200],
            }
            for step in steps
        ],
    }
