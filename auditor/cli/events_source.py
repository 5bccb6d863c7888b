"""Where ``auditor events`` takes its store from: log files, a pack, Event history, or a folder that was kept."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.base.counts import counted
from auditor.base.errors import UsageError
from auditor.base.period import Period, parse_past_period, parse_time
from auditor.base.scratch import scratch_folder
from auditor.cli.options import moment_of

if TYPE_CHECKING:  # DuckDB is imported when a question is asked
    from auditor.events.answer import Answer
    from auditor.events.asking import Asked
    from auditor.events.opened import EventStore


def narrowed(period: Period, options: Mapping[str, Any]) -> Period:
    """Return the period between ``--since`` and ``--until``."""
    if not options["since"] and not options["until"]:
        return period
    start = _time(options["since"], "--since") if options["since"] else period.start
    end = _time(options["until"], "--until", whole=True) if options["until"] else period.end
    return Period(start, end, f"{start:%Y%m%dT%H%MZ}-{end:%Y%m%dT%H%MZ}")


def _time(text: str, option: str, *, whole: bool = False) -> datetime:
    try:
        moment = parse_time(text)
    except ValueError as error:
        raise UsageError(
            f"{option}: {text!r} is no RFC 3339 date or time", hint="such as 2026-10-05T13:00:00Z"
        ) from error
    date_only = len(text) == len("2026-10-05")
    return moment + timedelta(days=1) if whole and date_only else moment


@contextmanager
def opened(options: Mapping[str, Any]) -> Iterator[tuple["EventStore", Period]]:
    """Open what is asked: a kept store, or one filled now; one without a folder goes when the question is answered."""
    from auditor.events.opened import EventStore

    named = [name for name in ("trail", "place", "folder", "pack", "lookup") if options[name]]
    if not named and options["store"]:
        store = EventStore(options["store"])
        held = store.card["period"]
        yield store, _asked_period(options) or Period(parse_time(held["start"]), parse_time(held["end"]), held["label"])
        return
    if ("pack" in named or "lookup" in named) and len(named) > 1:
        raise UsageError(f"--{named[-1]} is a source of its own", hint="give one source")
    fill = {"pack": _from_pack, "lookup": _from_history}.get(named[0] if named else "", _filled)
    if options["store"]:
        yield fill(options["store"], options)
        return
    with scratch_folder("events") as scratch:
        yield fill(scratch / "store", options)


def _from_pack(folder: Path, options: Mapping[str, Any]) -> tuple["EventStore", Period]:
    from auditor.run.asking import open_pack

    store = open_pack(folder, options["pack"])
    held = store.card["period"]
    return store, _asked_period(options) or Period(parse_time(held["start"]), parse_time(held["end"]), held["label"])


def _from_history(folder: Path, options: Mapping[str, Any]) -> tuple["EventStore", Period]:
    from auditor.cli.progress import Patience
    from auditor.cli.trail import stopping
    from auditor.collect.accounts import identify, open_session
    from auditor.collect.guard import CallLog
    from auditor.events.lookup import LookUp
    from auditor.run.asking import open_history
    from auditor.trail.fetch import enabled_regions

    with Patience():
        caller = identify(open_session(profile=options["profile"], region=options["home_region"], log=CallLog()))
        regions = tuple(options["regions"]) or enabled_regions(caller.session)
    period, now = _period(options), moment_of(options["as_of"])

    def tell(region: str, events: int) -> None:
        if not options["quiet"]:
            click.echo(f"Event history of {region}: {counted(events, 'event')}", err=True)

    with stopping() as stop:
        asked = LookUp(caller.session, caller.account, regions, period, now, stop=stop)
        return open_history(folder, asked, tell), period


def _asked_period(options: Mapping[str, Any]) -> Period | None:
    return parse_past_period(options["period"], moment_of(options["as_of"])) if options["period"] else None


def _period(options: Mapping[str, Any]) -> Period:
    """Return the period to read: as asked for, or from ``--since`` to ``--until``, or last month."""
    if options["period"] is None and options["since"]:
        now = moment_of(options["as_of"])
        start = _time(options["since"], "--since")
        end = _time(options["until"], "--until", whole=True) if options["until"] else now
        return parse_past_period(f"{start.isoformat()}/{end.isoformat()}", now)
    return _asked_period(options) or parse_past_period("last-month", moment_of(options["as_of"]))


def _filled(folder: Path, options: Mapping[str, Any]) -> tuple["EventStore", Period]:
    from auditor.cli.trail import open_source, sharing, stopping
    from auditor.cli.trail_words import shown
    from auditor.run.asking import Reading, open_store
    from auditor.trail.fetch.folder import state_of

    now, period = moment_of(options["as_of"]), _period(options)
    places = {
        "period": f"{period.start.isoformat()}/{period.end.isoformat()}",
        "accounts": options["accounts"],
        "regions": ",".join(options["regions"]) or "all",
        "region": options["home_region"],
    }
    wanted = {**options, **places}
    named = {name: str(options[name]) for name in ("trail", "place", "bucket") if options[name]}
    # Wherever somebody stands: a kept store is known by it.
    files = {name: str(options[name].absolute()) for name in ("folder", "key_file") if options[name]}
    place = {**named, **files, "accounts": sorted(options["accounts"]), "regions": sorted(options["regions"])}
    with sharing(wanted) as shared, stopping() as stop, shown(quiet=options["quiet"]) as show:
        opened = open_source(wanted, now)
        reading = Reading(*opened, place, period, now, state_of(options["folder"]) if options["folder"] else "")
        store = open_store(folder, reading, stop=stop, progress=show, concurrency=options["concurrency"], shared=shared)
    return store, period


def from_athena(options: Mapping[str, Any], asked: Callable[[Period], "Asked"]) -> "Answer":
    """Ask a table in Athena.

    Args:
        options: those of the command.
        asked: makes the question of the period.
    """
    from auditor.collect.accounts import open_session
    from auditor.collect.guard import CallLog
    from auditor.events.athena import WRITES, Athena, ask_athena

    if not options["table"]:
        raise UsageError("--engine athena needs --table DATABASE.TABLE", hint="`auditor events athena-ddl` writes one")
    if named := [name for name in ("trail", "place", "folder", "pack", "lookup", "store", "parquet") if options[name]]:
        raise UsageError(f"--engine athena reads the table; --{named[0]} goes with duckdb")
    session = open_session(profile=options["profile"], region=options["home_region"], log=CallLog(asked_for=WRITES))
    athena = Athena(
        session,
        session.region_name,
        options["table"],
        options["workgroup"],
        options["output"] or "",
        options["max_cost"],
        moment_of(options["as_of"]),
        price_per_tb=options["price_per_tb"],
        tell=lambda words: None if options["quiet"] else click.echo(words, err=True),
    )
    return ask_athena(athena, asked(narrowed(_period(options), options)))
