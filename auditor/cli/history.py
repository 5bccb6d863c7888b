"""``auditor history``: all packs by account and month, and the question whether one is missing."""

from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.base.counts import counted
from auditor.base.errors import UsageError
from auditor.base.suggest import meant
from auditor.cli import printable
from auditor.cli.documents import echo_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from auditor.pack.history import Timeline
    from auditor.run.chronicle import Chronicle

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("folder", metavar="FOLDER|s3://BUCKET/PREFIX", default="reports")
@click.option("--require", metavar="MONTH", help="Fail unless every account has a pack of it: last-month or 2026-10.")
@click.option("--account", "accounts", multiple=True, metavar="ID", help="With --require: these accounts; repeatable.")
@click.option("--html", type=_PATH, metavar="FILE", help="Where the page goes; default: index.html in FOLDER.")
@click.option("--no-html", is_flag=True, help="Write no page.")
@click.option("--as-of", metavar="TIME", help="Decides which months are due; default: now.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def history(
    folder: str,
    *,
    require: str | None,
    accounts: tuple[str, ...],
    html: Path | None,
    no_html: bool,
    as_of: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    r"""Verify all packs under FOLDER and show them by account and month: done, late, incomplete, repeated, missing.

    With --require it is a dead man's switch: it answers 3 when a pack of that month is missing, whatever made it miss;
    one whose run was cut short, or that was made before the month had ended, does not count.
    Answers 4 when a pack does not hold, 0 otherwise.

    \b
    auditor history reports
    auditor history reports --require last-month --account 111122223333
    auditor history s3://evidence-packs/aws --no-html --require last-month --account 111122223333
    """
    from auditor.cli.files import for_writing
    from auditor.cli.options import moment_of
    from auditor.cli.progress import progress
    from auditor.run.chronicle import INDEX, chronicle, due, index_page

    checked, now = datetime.now(UTC).replace(microsecond=0), moment_of(as_of)
    month = due(require, now) if require else ""
    away = folder.startswith("s3://")
    page = None if no_html else html or (None if away else Path(folder) / INDEX)
    if page is None and not no_html:
        raise UsageError("where the page goes is not said", hint="give --html FILE or --no-html")
    if html or Path(folder).is_dir():
        for_writing(page)
    if away and month and not accounts:
        raise UsageError("--require with a bucket needs --account: only that month's packs are fetched")
    with progress(silent=quiet or as_json) as show, _opened(folder, month) as (place, packs):
        if away and month and not packs:
            return _none(month, accounts, as_json=as_json)
        found = chronicle(
            place, now=now, checked=checked, show=lambda done, total, name: show("Verify packs", done, total, name)
        )
    missing = _missing(found, month, accounts) if month else ()
    code = 4 if found.broken else 3 if missing else 0
    if page is not None:
        page.write_bytes(index_page(found, now))
    if as_json:
        echo_json(_document(found, code, month, missing))
    else:
        _tell_all(found, month, missing, page)
    return code


def _document(found: "Chronicle", code: int, month: str, missing: tuple[str, ...]) -> dict[str, Any]:
    return {
        "schema": "auditor.history/1",
        "exit_code": code,
        "required": month or None,
        "missing": list(missing),
        "broken": list(found.broken),
        "unreadable": [{"pack": name, "why": why} for name, why in found.unreadable],
        "joined": [item.document() for item in found.joined],
        **found.history.document(),
    }


def _tell_all(found: "Chronicle", month: str, missing: tuple[str, ...], page: Path | None) -> None:
    for line in found.history.accounts:
        _tell(line)
    for item in found.joined:
        holds = "" if item.verified != "fail" else ", does not hold"
        click.echo(printable(f"of {counted(item.members, 'pack')}: {item.label}, pack {item.pack_id}{holds}"))
    for name, why in found.unreadable:
        click.echo(printable(f"cannot be read: {name}: {why}"))
    for account in missing:
        told = f"MISSING: there is no whole pack of {month} that holds for account {account}"
        more = _about(account, found)
        click.echo(printable(f"{told}{f'; {more}' if more else ''}"))
    if page is not None:
        click.echo(printable(f"page         {page}"))


def _about(account: str, found: "Chronicle") -> str:
    """Say of an account without a pack what is known: that an organization lists it, or which one was meant."""
    if any(account in item.lost for item in found.joined):
        return "its organization lists it, and it could not be assessed"
    return "" if account in found.history.known else meant(account, found.history.known)


@contextmanager
def _opened(folder: str, month: str) -> "Iterator[tuple[Path, int]]":
    from auditor.deliver.download import Wanted
    from auditor.run.fetching import packs_of

    if not folder.startswith("s3://"):
        yield Path(folder), 0
        return
    with packs_of(folder, Wanted(month=month)) as fetched:
        yield fetched


def _none(month: str, accounts: tuple[str, ...], *, as_json: bool) -> int:
    """Answer for a bucket in which there is no complete pack of the month at all."""
    if as_json:
        echo_json({"schema": "auditor.history/1", "exit_code": 3, "required": month, "missing": sorted(set(accounts))})
    for account in () if as_json else sorted(set(accounts)):
        click.echo(printable(f"MISSING: there is no whole pack of {month} that holds for account {account}"))
    return 3


def _missing(found: "Chronicle", month: str, accounts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the accounts without a pack of the month; those named or listed by an organization that have none at all.

    An account that an organization's pack of that month could not assess is not forgotten with it.
    """
    lost = {account for item in found.joined if item.label == month for account in item.lost}
    lacking = set(found.history.missing(month)) | ((set(accounts) | lost) - found.history.known)
    return tuple(sorted(lacking & set(accounts) if accounts else lacking))


def _tell(line: "Timeline") -> None:
    click.echo(printable(f"account {line.account}"))
    for month in line.months:
        marks = ", ".join(mark.value for mark in month.marks)
        best = month.best
        failing = sum(item.state.value == "FAIL" for item in best.side.findings) if best else 0
        words = f"{counted(failing, 'finding')}, pack {best.pack_id}" if best else ""
        click.echo(printable(f"  {month.label}  {marks:<24} {words}"))
        for hole in best.holes if best else ():
            click.echo(printable(f"           {hole}"))
    for sentence in line.broken_links:
        click.echo(printable(f"  series: {sentence}"))
    for run in line.other:
        click.echo(printable(f"  no whole month: {run.label}, pack {run.pack_id}"))
