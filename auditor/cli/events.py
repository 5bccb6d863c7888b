"""``auditor events``: questions over CloudTrail events, each with what was searched for its answer."""

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from auditor.base.errors import UsageError
from auditor.base.period import Period, parse_past_period, parse_time
from auditor.cli import echo_json, printable
from auditor.cli.options import moment_of

if TYPE_CHECKING:  # DuckDB is imported when a question is asked
    from auditor.events.answer import Answer
    from auditor.events.filters import Filters
    from auditor.events.opened import EventStore
    from auditor.events.question import Question

_PATH = click.Path(path_type=Path)
_Command = Callable[..., Any]


class _Questions(click.Group):
    """Fixed commands, and every question by its name."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, cmd_name) or _asking(cmd_name)


@click.group(cls=_Questions)
def command() -> None:
    r"""Ask what happened in a period.

    \b
    auditor events list                 the questions
    auditor events show root-activity   one of them, with its SQL
    auditor events root-activity --dir FOLDER --period 2026-10
    """


def _with_questions(function: _Command) -> _Command:
    return click.option(
        "--questions",
        "folders",
        multiple=True,
        type=_PATH,
        metavar="DIR",
        help="Folder with own questions; repeatable.",
    )(function)


_OPTIONS = (
    click.option("--trail", metavar="ARN|NAME", help="A trail of the account; a name counts in --home-region."),
    click.option("--s3", "place", metavar="S3URI", help="s3://bucket/prefix: every trail that wrote there."),
    click.option("--dir", "folder", type=_PATH, metavar="FOLDER", help="Downloaded objects: offline."),
    click.option("--keys", "key_file", type=_PATH, metavar="FILE", help="Archived public keys (ListPublicKeys)."),
    click.option("--bucket", metavar="NAME", help="With --dir: the bucket the objects come from."),
    click.option("--store", type=_PATH, metavar="DIR", help="Keeps what was read; alone: asks what was kept."),
    click.option("--period", metavar="PERIOD", help="last-month (default), 2026-10, 2026-Q3, 24h, 7d or START/END."),
    click.option("--since", metavar="TIME", help="Only events from then on."),
    click.option("--until", metavar="TIME", help="Only events before then; a date counts whole."),
    click.option(
        "--user", "users", multiple=True, metavar="WHO", help="ARN, user, session or key; * stands for anything."
    ),
    click.option("--role", "roles", multiple=True, metavar="ROLE", help="Name or ARN of the session's role."),
    click.option(
        "--resource", "resources", multiple=True, metavar="NAME", help="Name or ARN; a closing * for a prefix."
    ),
    click.option("--ip", "ips", multiple=True, metavar="CIDR", help="Source address, range or service name."),
    click.option("--event", "events", multiple=True, metavar="NAME", help="Name of a call; * stands for anything."),
    click.option("--region", "regions", multiple=True, metavar="REGION", help="Only this Region; repeatable."),
    click.option("--account", "accounts", multiple=True, metavar="ID", help="Only this account; repeatable."),
    click.option("--errors", type=click.Choice(["only", "without"]), help="Refused and failed calls alone, or none."),
    click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter of the question."),
    click.option("--limit", type=click.IntRange(0), default=10_000, show_default=True, help="Rows at most; 0 for all."),
    click.option("--csv", "as_csv", is_flag=True, help="Print CSV."),
    click.option("--parquet", type=_PATH, metavar="FILE", help="Write all rows as Parquet as well."),
    click.option("--profile", metavar="NAME", help="Profile of the AWS configuration."),
    click.option("--home-region", metavar="REGION", help="Region in which a trail's name is looked up."),
    click.option("--as-of", metavar="TIME", help="Moment that decides which digests are due; default: now."),
    click.option("--concurrency", type=click.IntRange(1, 512), help="Requests under way at once; default: adapts."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout."),
    click.option("--quiet", is_flag=True, help="No progress."),
)


def _asking(name: str) -> click.Command:
    """Return the command that asks one question; whether there is such a one is known when the folders are."""

    def ask(values: tuple[str, ...], **options: Any) -> int:
        return _ask(name, values, options)

    function: _Command = ask
    for option in reversed((click.argument("values", nargs=-1), *_OPTIONS)):
        function = option(_with_questions(function) if option is _OPTIONS[-1] else function)
    words = (
        f"Ask {name!r}; `auditor events show {name}` tells what it answers. Values without a name are those of the "
        "question's parameters that have no default.\n\nExit codes: 0 answered, 3 a part of what was asked could not "
        "be searched, 4 something searched was altered."
    )
    return click.command(name, help=words)(function)


@command.command("list")
@_with_questions
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def list_questions(*, folders: tuple[Path, ...], as_json: bool) -> int:
    """List the questions."""
    from auditor.events.question import load_questions

    questions = load_questions(folders)
    if as_json:
        echo_json({"exit_code": 0, "questions": [question.document() for question in questions.values()]})
        return 0
    width = max(map(len, questions))
    for name, question in questions.items():
        click.echo(f"{name:<{width}}  {question.title}")
    return 0


@command.command()
@click.argument("name")
@_with_questions
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def show(*, name: str, folders: tuple[Path, ...], as_json: bool) -> int:
    """Show one question: what it answers, what it cannot see, and its SQL for both engines."""
    question = _question(name, folders)
    if as_json:
        echo_json({"exit_code": 0, **question.document()})
        return 0
    click.echo(f"{question.name}: {question.title}\n\n{question.answers}\n")
    for parameter in question.parameters:
        given = "has to be given" if parameter.default is None else f"default {parameter.default}"
        click.echo(f"  --param {parameter.name}={parameter.type.upper()}  {parameter.help} ({given})")
    for column, words in question.columns.items():
        click.echo(f"  column {column}: {words}")
    for words in question.cannot_see:
        click.echo(f"  Cannot see: {words}")
    if question.duckdb == question.athena:
        click.echo(f"\n-- DuckDB and Athena\n{question.text('duckdb')}")
    else:
        click.echo(f"\n-- DuckDB\n{question.text('duckdb')}\n\n-- Athena\n{question.text('athena')}")
    return 0


def _question(name: str, folders: Sequence[Path]) -> "Question":
    from auditor.events.question import load_questions

    questions = load_questions(folders)
    if name not in questions:
        near = difflib.get_close_matches(name, [*questions, "list", "show", "sql", "anatomy"], n=3, cutoff=0.4)
        hint = f"did you mean {', '.join(near)}?" if near else "see `auditor events list`"
        raise UsageError(f"there is no question {name}", hint=hint)
    return questions[name]


# ---------------------------------------------------------------------------------------------------------- asking


def _ask(name: str, values: Sequence[str], options: Mapping[str, Any]) -> int:
    from auditor.events.asking import Asked, ask

    if options["as_json"] and options["as_csv"]:
        raise UsageError("--json and --csv exclude each other")
    question = _question(name, options["folders"])
    given = _parameters(question, values, options["params"])
    filters = _filters(options)
    if options["parquet"] is not None:
        options["parquet"].resolve().parent.stat()
    with _opened(options) as (store, period):
        asked = Asked(question, _narrowed(period, options), filters, given, options["limit"])
        answer = ask(store, asked, parquet=options["parquet"])
    _print(answer, options)
    return answer.exit_code


def _parameters(question: "Question", values: Sequence[str], pairs: Sequence[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not sign:
            raise UsageError(f"--param {pair}: expected NAME=VALUE")
        given[name] = text
    open_ones = [item.name for item in question.parameters if item.default is None and item.name not in given]
    if len(values) > len(open_ones):
        raise UsageError(f"{question.name} takes {len(open_ones)} value(s) without a name", hint=", ".join(open_ones))
    return given | dict(zip(open_ones, values, strict=False))


def _filters(options: Mapping[str, Any]) -> "Filters":
    from auditor.events.filters import Filters

    names = ("users", "roles", "resources", "ips", "events", "regions", "accounts")
    return Filters(**{name: tuple(options[name]) for name in names}, errors=options["errors"] or "")


def _narrowed(period: Period, options: Mapping[str, Any]) -> Period:
    """Return the period between ``--since`` and ``--until``."""
    if not options["since"] and not options["until"]:
        return period
    start = _time(options["since"], "--since") if options["since"] else period.start
    end = _time(options["until"], "--until", whole=True) if options["until"] else period.end
    return Period(start, end, f"{start:%Y%m%dT%H%MZ}-{end:%Y%m%dT%H%MZ}")


def _time(text: str, option: str, *, whole: bool = False) -> datetime:
    from datetime import timedelta

    try:
        moment = parse_time(text)
    except ValueError as error:
        raise UsageError(
            f"{option}: {text!r} is no RFC 3339 date or time", hint="such as 2026-10-05T13:00:00Z"
        ) from error
    date_only = len(text) == len("2026-10-05")
    return moment + timedelta(days=1) if whole and date_only else moment


@contextmanager
def _opened(options: Mapping[str, Any]) -> Iterator[tuple["EventStore", Period]]:
    """Open what is asked: a kept store, or one filled now; one without a folder goes when the question is answered."""
    from auditor.events.opened import EventStore

    named = [name for name in ("trail", "place", "folder") if options[name]]
    if not named and options["store"]:
        store = EventStore(options["store"])
        held = store.card["period"]
        yield store, _asked_period(options) or Period(parse_time(held["start"]), parse_time(held["end"]), held["label"])
        return
    if options["store"]:
        yield _filled(options["store"], options)
        return
    with TemporaryDirectory(prefix="auditor-events-") as scratch:
        yield _filled(Path(scratch) / "store", options)


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
    from auditor.cli.trail import open_source, stopping
    from auditor.cli.trail_words import shown
    from auditor.run.asking import Reading, open_store

    now, period = moment_of(options["as_of"]), _period(options)
    places = {
        "period": f"{period.start.isoformat()}/{period.end.isoformat()}",
        "accounts": options["accounts"],
        "regions": ",".join(options["regions"]) or "all",
        "region": options["home_region"],
    }
    wanted = {**options, **places}
    source, keys, scopes = open_source(wanted, now)
    named = {name: str(options[name]) for name in ("trail", "place", "folder", "bucket", "key_file") if options[name]}
    place = {**named, "accounts": sorted(options["accounts"]), "regions": sorted(options["regions"])}
    reading = Reading(source, keys, scopes, place, period, now)
    with stopping() as stop, shown(quiet=options["quiet"]) as show_progress:
        store = open_store(folder, reading, stop=stop, progress=show_progress, concurrency=options["concurrency"])
    return store, period


# -------------------------------------------------------------------------------------------------------- printing


def _print(answer: "Answer", options: Mapping[str, Any]) -> None:
    from auditor.events.answer import csv_lines

    if options["as_json"]:
        echo_json({"exit_code": answer.exit_code, **answer.document()})
    elif options["as_csv"]:
        click.echo("".join(csv_lines(answer)), nl=False)
    else:
        _print_text(answer)


_SHOWN = ("event_time", "event_name", "actor", "source_ip", "region", "resource", "outcome", "verified")


def _print_text(answer: "Answer") -> None:
    from auditor.cli.events_words import lines

    for line in lines(answer, _SHOWN):
        click.echo(printable(line))
