"""``auditor trail verify``: digest and log file validation alone, on S3 or on a folder of downloaded objects."""

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from auditor.cli import echo_json, printable
from auditor.cli.options import moment_of
from auditor.errors import UsageError
from auditor.period import parse_period

if TYPE_CHECKING:  # obstore and cryptography are imported when the command runs
    from auditor.trail.discover import Wanted
    from auditor.trail.fetch import ObjectSource
    from auditor.trail.report import TrailReport, TrailScope
    from auditor.trail.verify import KeySource, Progress

_PATH = click.Path(path_type=Path)
_MOST_FINDINGS = 60
_LINE_SECONDS = 5.0
INTERRUPTED = 130


@click.group()
def command() -> None:
    """Verify CloudTrail digests and log files."""


@command.command()
@click.option("--trail", metavar="ARN|NAME", help="A trail of the account; a name counts in --region.")
@click.option("--s3", "place", metavar="S3URI", help="s3://bucket/prefix: every trail that wrote there.")
@click.option("--dir", "folder", type=_PATH, metavar="FOLDER", help="Downloaded objects: offline.")
@click.option("--keys", "key_file", type=_PATH, metavar="FILE", help="Archived public keys (ListPublicKeys).")
@click.option("--bucket", metavar="NAME", help="With --dir: the bucket the objects come from.")
@click.option("--period", default="last-month", show_default=True, help="2026-10, 2026-Q3, 24h, 7d or START/END.")
@click.option("--account", "accounts", multiple=True, metavar="ID", help="Only this account; repeatable.")
@click.option("--regions", default="all", show_default=True, metavar="R1,R2|all", help="Regions to verify.")
@click.option("--profile", metavar="NAME", help="Profile of the AWS configuration.")
@click.option("--region", metavar="REGION", help="Region in which a trail's name is looked up.")
@click.option("--as-of", metavar="TIME", help="Moment that decides which digests are due; default: now.")
@click.option("--anchors", type=_PATH, metavar="FILE", help="An earlier report (--json): its digests must still exist.")
@click.option("--retention-days", type=click.IntRange(1), help="Age after which the bucket's rules delete objects.")
@click.option("--allow", multiple=True, metavar="KIND", help="Accept this kind of incomplete finding; repeatable.")
@click.option("--concurrency", type=click.IntRange(1, 512), help="Requests under way at once; default: adapts.")
@click.option("--checkpoint", type=_PATH, metavar="FILE", help="Lets the next run go on after an interruption.")
@click.option("--archive", type=_PATH, metavar="FOLDER", help="Keep digests and keys for offline verification.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.option("--quiet", is_flag=True, help="No progress.")
def verify(*, as_json: bool, quiet: bool, allow: tuple[str, ...], **options: Any) -> int:
    """Verify the digests and log files of a period.

    Exit codes: 0 all proved, 3 something could not be vouched for, 4 alteration, deletion or forgery shown.
    """
    reports = _verify(options, quiet=quiet)
    code = _exit_code(reports, allow)
    if as_json:
        echo_json({"exit_code": code, **combined(reports)})
    else:
        for report in reports:
            _print_report(report)
    return code


def _verify(options: Mapping[str, Any], *, quiet: bool) -> list["TrailReport"]:
    from dataclasses import replace

    from auditor.trail.report import anchors_of
    from auditor.trail.verify import verify_trail

    now = moment_of(options["as_of"])
    source, keys, scopes = _open(options, now)
    anchors = anchors_of(_json_file(options["anchors"])) if options["anchors"] else ()
    reports: list[TrailReport] = []
    with _stopping() as stop, _shown(quiet=quiet) as show:
        for number, scope in enumerate(scopes, start=1):
            scope = replace(scope, anchors=anchors, retention_days=options["retention_days"])  # noqa: PLW2901
            reports.append(
                verify_trail(
                    source,
                    keys,
                    scope,
                    now=now,
                    concurrency=options["concurrency"],
                    progress=show,
                    stop=stop,
                    checkpoint=_numbered(options["checkpoint"], number, scopes),
                    archive=_numbered(options["archive"], number, scopes),
                )
            )
            if stop.is_set():
                break
    return reports


def _numbered(path: Path | None, number: int, scopes: Sequence[object]) -> Path | None:
    """Give each of several trails a file or folder of its own."""
    return path if path is None or len(scopes) == 1 else path.with_name(f"{path.name}-{number}")


def _open(options: Mapping[str, Any], now: datetime) -> tuple["ObjectSource", "KeySource", Sequence["TrailScope"]]:
    chosen = [name for name in ("trail", "place", "folder") if options[name]]
    if chosen not in (["trail"], ["place"], ["folder"], ["trail", "place"], ["trail", "folder"]):
        raise UsageError("say what to verify", hint="--trail ARN, --s3 s3://bucket/prefix or --dir FOLDER")
    from auditor.trail.discover import Wanted

    period = parse_period(options["period"], now)
    wanted = Wanted(
        period.start,
        period.end,
        tuple(options["accounts"]),
        _regions(options["regions"]),
        _trail_name(options["trail"] or ""),
    )
    if options["folder"]:
        return _open_folder(options, wanted)
    return _open_s3(options, wanted)


def _regions(text: str) -> tuple[str, ...]:
    return () if text == "all" else tuple(part.strip() for part in text.split(",") if part.strip())


def _trail_name(text: str) -> str:
    return text.rsplit("/", 1)[-1]


def _open_folder(
    options: Mapping[str, Any], wanted: "Wanted"
) -> tuple["ObjectSource", "KeySource", Sequence["TrailScope"]]:
    from auditor.trail.discover import scopes_of_place
    from auditor.trail.fetch import FolderSource

    source = FolderSource(options["folder"])
    scopes = scopes_of_place(source, options["bucket"] or "", "", wanted)
    return source, lambda regions, *_: source.keys(regions, options["key_file"]), scopes


def _open_s3(
    options: Mapping[str, Any], wanted: "Wanted"
) -> tuple["ObjectSource", "KeySource", Sequence["TrailScope"]]:
    from auditor.collect.accounts import open_session
    from auditor.collect.guard import CallLog
    from auditor.trail.audit import key_source
    from auditor.trail.discover import scope_of_trail, scopes_of_place
    from auditor.trail.fetch import S3Source, describe_trail, enabled_regions, read_key_file

    session = open_session(profile=options["profile"], region=options["region"], log=CallLog())
    source = S3Source(session, concurrency=options["concurrency"] or 160)
    keys = key_source(session)
    if key_file := options["key_file"]:
        keys = lambda regions, *_: read_key_file(key_file, regions)  # noqa: E731 - one of two sources
    if options["place"]:
        place = urlsplit(options["place"])
        if place.scheme != "s3" or not place.netloc:
            raise UsageError(f"{options['place']!r} is no S3 place", hint="such as s3://bucket/prefix")
        return source, keys, scopes_of_place(source, place.netloc, place.path, wanted)
    trail = describe_trail(session, options["trail"])
    regions = () if wanted.regions else enabled_regions(session)
    return source, keys, [scope_of_trail(trail, regions, wanted)]


def _json_file(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except ValueError as error:
        raise UsageError(f"{path} is not JSON") from error
    return document if isinstance(document, dict) else {}


# ------------------------------------------------------------------------------------------------- verdict and exit


def _exit_code(reports: Sequence["TrailReport"], allow: Sequence[str]) -> int:
    from auditor.trail.findings import KINDS, Level
    from auditor.trail.report import EXIT_CODES

    for kind in allow:
        if KINDS.get(kind) is not Level.INCOMPLETE:
            raise UsageError(f"--allow {kind}: no such kind of incomplete finding", hint=", ".join(_allowable()))
    if any(report.interrupted for report in reports):
        return INTERRUPTED
    kinds = {finding.kind for report in reports for finding in report.findings}
    kinds |= {kind for report in reports for kind in report.omitted}
    return max((EXIT_CODES[KINDS[kind]] for kind in kinds - set(allow)), default=0)


def _allowable() -> list[str]:
    from auditor.trail.findings import KINDS, Level

    return sorted(kind for kind, level in KINDS.items() if level is Level.INCOMPLETE)


def combined(reports: Sequence["TrailReport"]) -> dict[str, Any]:
    """Return one document: a single trail's own, or the worst verdict, sums and all findings with each report below."""
    documents = [report.document() for report in reports]
    if len(documents) == 1:
        return documents[0]
    counts: dict[str, dict[str, int]] = {"digests": {}, "logs": {}}
    for document in documents:
        for part, total in counts.items():
            for name, number in document["counts"][part].items():
                total[name] = total.get(name, 0) + number
    return {
        "schema": documents[0]["schema"],
        "verdict": max(report.verdict for report in reports).word,
        "interrupted": any(report.interrupted for report in reports),
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
        "trails": documents,
    }


# ------------------------------------------------------------------------------------------------------ for people


def _print_report(report: "TrailReport") -> None:
    scope = report.scope
    place = "/".join(part for part in (scope.location.bucket, scope.location.prefix) if part)
    _say(f"trail     {scope.trail} ({scope.home_region}), s3://{place}")
    _say(f"period    {scope.start:%Y-%m-%d %H:%M} to {scope.end:%Y-%m-%d %H:%M} UTC")
    words = {"pass": "pass: everything is proved", "note": "note: proved, with something to read"}
    words |= {"incomplete": "INCOMPLETE: not everything is vouched for", "fail": "FAIL: altered, deleted or forged"}
    _say(f"verdict   {words[report.verdict.word]}")
    _say(f"digests   {_counts(report.digests)}")
    _say(f"log files {_counts(report.logs)}")
    for chain in report.chains:
        verified = sum(state == "v" for _, state in chain.hours)
        _say(f"  {chain.account} {chain.region:16} {verified} of {len(chain.hours)} hours verified")
    shown = report.findings[:_MOST_FINDINGS]
    for finding in shown:
        _say(f"{finding.level.word:10} {finding.kind}: {finding.sentence}")
        _say_details(finding.extra)
    more = len(report.findings) - len(shown) + sum(report.omitted.values())
    if more:
        _say(f"... and {more} more; --json has them")


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


@contextmanager
def _stopping() -> Iterator[Event]:
    """Turn Ctrl-C into a request to stop; a second one ends the process at once."""
    stop = Event()
    before = signal.getsignal(signal.SIGINT)

    def ask(number: int, frame: object) -> None:
        del number, frame
        stop.set()
        signal.signal(signal.SIGINT, before)
        click.echo("stopping: the report will say what was not reached (Ctrl-C again ends at once)", err=True)

    signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _shown(*, quiet: bool) -> Iterator[Callable[["Progress"], None]]:
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _bar() as show:
            yield show
    else:
        yield _Lines()


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
