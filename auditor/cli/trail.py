"""``auditor trail verify``: digest and log file validation alone, on S3 or on a folder of downloaded objects."""

import json
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from auditor.base.errors import RenderError, UsageError
from auditor.base.period import parse_past_period
from auditor.base.suggest import all_of
from auditor.cli import printable
from auditor.cli.documents import echo_json
from auditor.cli.files import read_bytes
from auditor.cli.options import moment_of

if TYPE_CHECKING:  # obstore and cryptography are imported when the command runs
    from auditor.trail.discover import Wanted
    from auditor.trail.fetch import ObjectSource
    from auditor.trail.report import TrailReport, TrailScope
    from auditor.trail.sharing import Shared
    from auditor.trail.verify import KeySource

_PATH = click.Path(path_type=Path)
_PAGES = (".html", ".pdf")
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
@click.option(
    "--period", default="last-month", show_default=True, help="2026-10, 2026-Q3, 2026-10-01, last-7d, 24h or START/END."
)
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
@click.option("--scheduler", metavar="tls://HOST:PORT", help="Dask scheduler whose workers check the log files.")
@click.option("--certificates", metavar="DIR", help="Folder with ca.pem, client.pem and client-key.pem for it.")
@click.option("--plain-scheduler", is_flag=True, default=None, help="Take tcp:// beyond this machine.")
@click.option("--report", "pages", multiple=True, type=_PATH, metavar="FILE", help="Write .html or .pdf; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def verify(*, as_json: bool, quiet: bool, allow: tuple[str, ...], pages: tuple[Path, ...], **options: Any) -> int:
    """Verify the digests and log files of a period.

    Exit codes: 0 all proved, 3 something could not be vouched for, 4 alteration, deletion or forgery shown.
    """
    from auditor.cli.trail_words import combined, print_report

    _check_pages(pages)
    _check_allowed(allow)
    reports = _verify(options, quiet=quiet)
    documents = [report.document() for report in reports]
    code = _write_pages(pages, documents) or _exit_code(reports, allow)
    if as_json:
        echo_json({"exit_code": code, **combined(documents)})
    else:
        for report in reports:
            print_report(report)
    return code


def _verify(options: Mapping[str, Any], *, quiet: bool) -> list["TrailReport"]:
    from dataclasses import replace

    from auditor.cli.trail_words import shown
    from auditor.trail.report import anchors_of
    from auditor.trail.verify import verify_trail

    now = moment_of(options["as_of"])
    anchors = anchors_of(_json_file(options["anchors"])) if options["anchors"] else ()
    reports: list[TrailReport] = []
    with sharing(options) as shared, stopping() as stop, shown(quiet=quiet) as show:
        source, keys, scopes = open_source(options, now)
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
                    shared=shared,
                )
            )
            if stop.is_set():
                break
    return reports


@contextmanager
def sharing(options: Mapping[str, Any]) -> Iterator["Shared | None"]:
    """Give the cluster that reads log files, where one is named; at the end say which of its tasks failed.

    Raises:
        UsageError: its address is refused, or certificates are missing.
        CollectionError: it cannot be reached, has no worker, or another program runs there.
    """
    if not options["scheduler"]:
        yield None
        return
    from auditor.base.scratch import scratch_folder
    from auditor.cli.options import config_of
    from auditor.run.engine import cluster_of
    from auditor.run.sharing import bucket_opening, failed_words, folder_opening
    from auditor.trail.sharing import Shared
    from auditor.work.ledger import Ledger

    folder = options["folder"]
    opening = folder_opening(folder) if folder else bucket_opening(options["profile"], options["region"])
    config = config_of({name: options[name] for name in ("scheduler", "certificates", "plain_scheduler")})
    with cluster_of(config) as engine, scratch_folder("tasks") as kept:
        shared = None if engine is None else Shared(engine, Ledger(kept), opening)
        yield shared
    for words in failed_words(shared.failed if shared is not None else ()):
        click.echo(f"auditor: {printable(words)}", err=True)


def _numbered(path: Path | None, number: int, scopes: Sequence[object]) -> Path | None:
    """Give each of several trails a file or folder of its own."""
    return path if path is None or len(scopes) == 1 else path.with_name(f"{path.name}-{number}")


def open_source(
    options: Mapping[str, Any], now: datetime
) -> tuple["ObjectSource", "KeySource", Sequence["TrailScope"]]:
    """Return where the objects and keys are and which trails are meant, from the options of ``trail verify``.

    Raises:
        UsageError: the options name no place, or several.
    """
    chosen = [name for name in ("trail", "place", "folder") if options[name]]
    if chosen not in (["trail"], ["place"], ["folder"], ["trail", "place"], ["trail", "folder"]):
        raise UsageError("say what to verify", hint="--trail ARN, --s3 s3://bucket/prefix or --dir FOLDER")
    from auditor.trail.discover import Wanted

    period = parse_past_period(options["period"], now)
    wanted = Wanted(
        period.start,
        period.end,
        tuple(options["accounts"]),
        _regions(options["regions"]),
        *_trail_of(options["trail"] or ""),
    )
    if options["key_file"]:
        _json_file(options["key_file"])  # a typing error is no reason to call each digest unverified
    if options["folder"]:
        return _open_folder(options, wanted)
    return _open_s3(options, wanted)


def _tell_others(source: "ObjectSource", bucket: str, prefix: str, wanted: "Wanted") -> None:
    """Say which trails wrote to a place, where none of the name that was asked for did: it may be mistyped."""
    from auditor.base.suggest import meant
    from auditor.trail.discover import trails_at

    if not wanted.trail or wanted.trail in (there := trails_at(source, bucket, prefix, wanted)):
        return
    hint = "; ".join(filter(None, (meant(wanted.trail, there), f"trails with digests: {', '.join(there) or 'none'}")))
    click.echo(printable(f"auditor: no digest of a trail {wanted.trail} is there; {hint}"), err=True)


def _regions(text: str) -> tuple[str, ...]:
    return () if text == "all" else tuple(part.strip() for part in text.split(",") if part.strip())


def _trail_of(text: str) -> tuple[str, str, str]:
    """Return name, home Region and owner of a trail; the last two empty when only its name is given."""
    parts = text.split(":", 5)
    home, owner = (parts[3], parts[4]) if len(parts) == 6 else ("", "")  # noqa: PLR2004
    return text.rsplit("/", 1)[-1], home, owner


def _open_folder(
    options: Mapping[str, Any], wanted: "Wanted"
) -> tuple["ObjectSource", "KeySource", Sequence["TrailScope"]]:
    from auditor.trail.discover import scopes_of_place
    from auditor.trail.fetch import open_folder

    source, prefix = open_folder(options["folder"])
    scopes = scopes_of_place(source, options["bucket"] or "", prefix, wanted)
    _tell_others(source, options["bucket"] or "", prefix, wanted)
    return source, lambda regions, *_: source.keys(regions, options["key_file"]), scopes


def _open_s3(
    options: Mapping[str, Any], wanted: "Wanted"
) -> tuple["ObjectSource", "KeySource", Sequence["TrailScope"]]:
    from auditor.collect.accounts import open_session
    from auditor.collect.guard import CallLog
    from auditor.trail.asking import Account
    from auditor.trail.audit import key_source
    from auditor.trail.fetch import S3Source, read_key_file, regions_of_key_file

    session = open_session(profile=options["profile"], region=options["region"], log=CallLog())
    source = S3Source(session, concurrency=options["concurrency"] or 160)
    keys, known = key_source(session), tuple[str, ...]()
    if key_file := options["key_file"]:
        keys = lambda regions, *_: read_key_file(key_file, regions)  # noqa: E731 - one of two sources
        known = regions_of_key_file(key_file)
    account = Account(session)
    if options["place"]:
        place = urlsplit(options["place"])
        if place.scheme != "s3" or not place.netloc:
            raise UsageError(f"{options['place']!r} is no S3 place", hint="such as s3://bucket/prefix")
        scopes = account.place(source, place.netloc, place.path, wanted, known)
        _tell_others(source, place.netloc, place.path, wanted)
        return source, keys, scopes
    return source, keys, [account.trail(options["trail"], wanted, known)]


def _json_file(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(read_bytes(path))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON") from error
    return document if isinstance(document, dict) else {}


# ------------------------------------------------------------------------------------------------- verdict and exit


def _exit_code(reports: Sequence["TrailReport"], allow: Sequence[str]) -> int:
    from auditor.trail.findings import KINDS
    from auditor.trail.report import EXIT_CODES

    if any(report.interrupted for report in reports):
        return INTERRUPTED
    kinds = {finding.kind for report in reports for finding in report.findings}
    kinds |= {kind for report in reports for kind in report.omitted}
    return max((EXIT_CODES[KINDS[kind]] for kind in kinds - set(allow)), default=0)


def _check_allowed(kinds: Sequence[str]) -> None:
    """Refuse kinds that nobody can accept, before hours of work and not after them."""
    from auditor.trail.findings import KINDS, Level

    known = sorted(kind for kind, level in KINDS.items() if level is Level.INCOMPLETE)
    for kind in kinds:
        if kind not in known:
            raise UsageError(f"--allow {kind}: no such kind of incomplete finding", hint=all_of(kind, known))


# ------------------------------------------------------------------------------------------------------------- pages


def _check_pages(paths: Sequence[Path]) -> None:
    """Refuse a page that could not be written, before hours of work and not after them.

    Raises:
        UsageError: a name that ends in neither ``.html`` nor ``.pdf``.
        OSError: there is no such folder.
    """
    for path in paths:
        if path.suffix.lower() not in _PAGES:
            raise UsageError(f"--report {path}: no such format", hint="give a name that ends in .html or .pdf")
        path.resolve().parent.stat()


def _write_pages(paths: Sequence[Path], documents: Sequence[Mapping[str, Any]]) -> int:
    """Write the pages; return 5 when one cannot be written, as what was found must not be lost with it."""
    if not paths:
        return 0
    from auditor.render import integrity

    content = integrity.pages(documents)
    code = 0
    for path in paths:
        render = integrity.render_pdf if path.suffix.lower() == ".pdf" else integrity.render_html
        try:
            path.write_bytes(render(content))
        except (OSError, RenderError) as error:
            reason = error.message if isinstance(error, RenderError) else str(error.strerror or error)
            click.echo(f"auditor: {printable(str(path))} cannot be written: {printable(reason)}", err=True)
            code = 5
    return code


# ------------------------------------------------------------------------------------------------------ interruption


@contextmanager
def stopping() -> Iterator[Event]:
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
