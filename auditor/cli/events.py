"""``auditor events``: questions over CloudTrail events, each with what was searched for its answer."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click
from click.shell_completion import CompletionItem

from auditor.base.counts import counted
from auditor.base.errors import UsageError
from auditor.cli import printable
from auditor.cli.completing import questions
from auditor.cli.documents import echo_json
from auditor.cli.events_source import narrowed, opened
from auditor.cli.files import named, read_bytes
from auditor.cli.help import helpful
from auditor.cli.strict import strict

if TYPE_CHECKING:  # DuckDB is imported when a question is asked
    from auditor.events.answer import Answer
    from auditor.events.filters import Filters
    from auditor.events.question import Question

_PATH = click.Path(path_type=Path)
_Command = Callable[..., Any]


class _Questions(click.Group):
    """Fixed commands, and every question by its name."""

    any_name = "NAME"
    """How help and tables call a question."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, cmd_name) or helpful(
            strict(_asking(cmd_name), "events", cmd_name), "events NAME"
        )

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the names of the questions, too."""
        return [*super().shell_complete(ctx, incomplete), *map(CompletionItem, _begin(incomplete))]


def _begin(begun: str) -> list[str]:
    return [name for name in questions() if name.startswith(begun)]


@click.group(cls=_Questions)
def command() -> None:
    """Ask what happened in a period.

    \b
    auditor events list                 the questions
    auditor events show root-activity   one of them, with its SQL
    auditor events root-activity --dir FOLDER --period 2026-10
    """  # noqa: D301 - click's mark for lines that stay as they are


def _with_questions(function: _Command) -> _Command:
    return click.option(
        "--questions",
        "folders",
        multiple=True,
        type=_PATH,
        metavar="DIR",
        help="Folder with own questions; repeatable.",
    )(function)


_SOURCE = (
    click.option("--trail", metavar="ARN|NAME", help="A trail of the account; a name counts in --home-region."),
    click.option("--s3", "place", metavar="S3URI", help="s3://bucket/prefix: every trail that wrote there."),
    click.option("--dir", "folder", type=_PATH, metavar="FOLDER", help="Downloaded objects: offline."),
    click.option("--keys", "key_file", type=_PATH, metavar="FILE", help="Archived public keys (ListPublicKeys)."),
    click.option("--bucket", metavar="NAME", help="With --dir: the bucket the objects come from."),
    click.option("--pack", type=_PATH, metavar="PACK", help="What a pack keeps of the events, and no more."),
    click.option("--lookup", is_flag=True, help="Event history of the account (90 days, management events, no proof)."),
    click.option("--store", type=_PATH, metavar="DIR", help="Keeps what was read; alone: asks what was kept."),
    click.option(
        "--period", metavar="PERIOD", help="last-month (default), 2026-10, 2026-Q3, 2026-10-01, 24h or START/END."
    ),
    click.option("--since", metavar="TIME", help="Only events from then on."),
    click.option("--until", metavar="TIME", help="Only events before then; a date counts whole."),
    click.option("--region", "regions", multiple=True, metavar="REGION", help="Only this Region; repeatable."),
    click.option("--account", "accounts", multiple=True, metavar="ID", help="Only this account; repeatable."),
    click.option("--limit", type=click.IntRange(0), default=10_000, show_default=True, help="Rows at most; 0 for all."),
    click.option("--csv", "as_csv", is_flag=True, help="Print CSV."),
    click.option("--profile", metavar="NAME", help="Profile of the AWS configuration."),
    click.option("--home-region", metavar="REGION", help="Region in which a trail's name is looked up."),
    click.option("--as-of", metavar="TIME", help="Moment that decides which digests are due; default: now."),
    click.option("--concurrency", type=click.IntRange(1, 512), help="Requests under way at once; default: adapts."),
    click.option("--scheduler", metavar="tls://HOST:PORT", help="Dask scheduler whose workers read the log files."),
    click.option("--certificates", metavar="DIR", help="Folder with ca.pem, client.pem and client-key.pem for it."),
    click.option("--plain-scheduler", is_flag=True, default=None, help="Take tcp:// beyond this machine."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout."),
    click.option("-q", "--quiet", is_flag=True, help="No progress."),
)
_ATHENA = (
    click.option("--engine", type=click.Choice(["duckdb", "athena"]), default="duckdb", show_default=True),
    click.option("--table", metavar="DB.TABLE", help="With --engine athena: the table of log files."),
    click.option("--workgroup", default="primary", show_default=True, help="Athena's workgroup."),
    click.option("--output", metavar="S3URI", help="Where Athena writes results; default: the workgroup's."),
    click.option("--max-cost", type=click.FloatRange(0), metavar="USD", help="Ask nothing that may cost more."),
    click.option("--price-per-tb", type=click.FloatRange(0), default=5.0, show_default=True, metavar="USD"),
)
_NARROWING = (
    click.option(
        "--user", "users", multiple=True, metavar="WHO", help="ARN, user, session or key; * stands for anything."
    ),
    click.option("--role", "roles", multiple=True, metavar="ROLE", help="Name or ARN of the session's role."),
    click.option(
        "--resource", "resources", multiple=True, metavar="NAME", help="Name or ARN; a closing * for a prefix."
    ),
    click.option("--ip", "ips", multiple=True, metavar="CIDR", help="Source address, range or service name."),
    click.option("--event", "events", multiple=True, metavar="NAME", help="Name of a call; * stands for anything."),
    click.option("--errors", type=click.Choice(["only", "without"]), help="Refused and failed calls alone, or none."),
    click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A parameter of the question."),
    click.option("--parquet", type=_PATH, metavar="FILE", help="Write all rows as Parquet as well."),
    click.option(
        "--timeout", type=click.FloatRange(0.1, 86_400), metavar="SECONDS",
        help="With a question of --questions: end it after so long; default: 60.",
    ),
    click.option(
        "--memory", type=click.IntRange(256, 1 << 20), metavar="MIB",
        help="With a question of --questions: memory for its data; default: 1024.",
    ),
)  # fmt: skip


def _with(function: _Command, options: Sequence[Callable[[_Command], _Command]]) -> _Command:
    for option in reversed(options):
        function = option(function)
    return function


def _with_source(function: _Command) -> _Command:
    """Add the options that say what is asked, about when, and in which form it is answered."""
    return _with(function, _SOURCE)


def _asking(name: str) -> click.Command:
    """Return the command that asks one question; whether there is such a one is known when the folders are."""

    def ask(values: tuple[str, ...], **options: Any) -> int:
        return _ask(name, values, options)

    function = _with(_with_questions(ask), (click.argument("values", nargs=-1), *_SOURCE, *_NARROWING, *_ATHENA))
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
        every = [question.document() for question in questions.values()]
        echo_json({"schema": "auditor.questions/1", "exit_code": 0, "questions": every})
        return 0
    width = max(map(len, questions))
    for name, question in questions.items():
        click.echo(f"{name:<{width}}  {question.title}")
    return 0


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def anatomy(*, file: Path, as_json: bool) -> int:
    """Explain each field of a record, offline; FILE may be - for stdin, and a log file or any container of records."""
    from auditor.base.doubled import parse_marked
    from auditor.events.anatomy import explain, remarks
    from auditor.evidence.records import MOST_BYTES, read_records

    reading = read_records(read_bytes(file, MOST_BYTES), named(file), parse=parse_marked)
    found = [item for item in reading.records if item.record]
    explained = [(item.place, explain(item.record), remarks(item.record)) for item in found]
    if as_json:
        records = [
            {"place": place, "fields": [line.document() for line in lines], "remarks": list(words)}
            for place, lines, words in explained
        ]
        echo_json({"schema": "auditor.anatomy/1", "exit_code": 0, "records": records})
        return 0
    for place, lines, words in explained:
        click.echo(printable(f"Record {place}" if place else "Record"))
        for line in lines:
            click.echo(printable(f"  {line.path}{f' = {line.value}' if line.value else ''}"))
            if line.meaning:
                click.echo(f"      {line.meaning}")
        for remark in words:
            click.echo(f"  * {remark}")
    return 0


@command.command("sql")
@click.argument("statement")
@click.option(
    "--timeout", type=click.FloatRange(0.1, 86_400), default=60.0, show_default=True, metavar="SECONDS",
    help="End the statement after so long.",
)  # fmt: skip
@click.option(
    "--memory", type=click.IntRange(256, 1 << 20), default=1024, show_default=True, metavar="MIB",
    help="Memory for the statement's data.",
)  # fmt: skip
@_with_source
def sql(*, statement: str, **options: Any) -> int:
    """Ask in SQL of your own: one SELECT over events, calls, all_events, aggregated, files and copies.

    Nothing but the store can be read, and nothing written. It runs in a process of its own, which ends when it takes
    too long, too much memory, or answers more than 64 MiB.
    """
    from auditor.events.apart import Bounds
    from auditor.events.select import select

    _check(options)
    with opened(options) as (store, period):
        bounds = Bounds(options["timeout"], options["memory"])
        answer = select(store, statement, narrowed(period, options), limit=options["limit"], bounds=bounds)
    _print(answer, options)
    return answer.exit_code


@command.command("athena-ddl")
@click.option("--s3", "place", metavar="S3URI", required=True, help="s3://bucket/prefix that the trail writes to.")
@click.option("--table", metavar="DB.TABLE", default="default.cloudtrail", show_default=True)
@click.option("--account", "accounts", multiple=True, required=True, metavar="ID", help="Account; repeatable.")
@click.option("--region", "regions", multiple=True, required=True, metavar="REGION", help="Region; repeatable.")
@click.option("--organization", default="", metavar="ID", help="Of an organization's trail: o-...")
@click.option("--since", metavar="DAY", required=True, help="First day of the log files, such as 2025-01-01.")
@click.option("--kind", default="CloudTrail", show_default=True, help="Folder of the log files.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def athena_ddl(*, place: str, table: str, since: str, as_json: bool, **options: Any) -> int:
    """Write the CREATE TABLE for Athena; nothing is created."""
    from auditor.events.athena_ddl import Ddl, ddl

    parts = urlsplit(place)
    if parts.scheme != "s3" or not parts.netloc:
        raise UsageError(f"{place!r} is no S3 place", hint="such as s3://bucket/prefix")
    prefix = parts.path.strip("/").split("AWSLogs")[0].strip("/")
    asked = Ddl(
        table,
        parts.netloc,
        prefix,
        options["organization"],
        tuple(options["accounts"]),
        tuple(options["regions"]),
        since.replace("-", "/"),
        options["kind"],
    )
    if as_json:
        echo_json({"schema": "auditor.athena-ddl/1", "exit_code": 0, "table": table, "ddl": ddl(asked)})
    else:
        click.echo(ddl(asked), nl=False)
    return 0


@command.command()
@click.argument("name", shell_complete=lambda _context, _argument, begun: _begin(begun))
@_with_questions
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def show(*, name: str, folders: tuple[Path, ...], as_json: bool) -> int:
    """Show one question: what it answers, what it cannot see, and its SQL for both engines."""
    question = _question(name, folders)
    if as_json:
        echo_json({"schema": "auditor.question/1", "exit_code": 0, **question.document()})
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
    from auditor.events.question import COMMANDS, load_questions

    questions = load_questions(folders)
    if name not in questions:
        near = difflib.get_close_matches(name, [*questions, *COMMANDS], n=3, cutoff=0.4)
        hint = f"did you mean {', '.join(near)}?" if near else "see `auditor events list`"
        raise UsageError(f"there is no question {name}", hint=hint)
    return questions[name]


# ---------------------------------------------------------------------------------------------------------- asking


def _ask(name: str, values: Sequence[str], options: Mapping[str, Any]) -> int:
    from auditor.events.apart import Bounds
    from auditor.events.asking import Asked, ask
    from auditor.events.own import ask_own

    _check(options)
    question = _question(name, options["folders"])
    given = _parameters(question, values, options["params"])
    filters = _filters(options)
    if options["engine"] == "athena":
        from auditor.cli.events_source import from_athena

        answer = from_athena(options, lambda period: Asked(question, period, filters, given, options["limit"]))
        _print(answer, options)
        return answer.exit_code
    with opened(options) as (store, period):
        asked = Asked(question, narrowed(period, options), filters, given, options["limit"])
        if question.own:
            usual = Bounds()
            bounds = Bounds(options["timeout"] or usual.seconds, options["memory"] or usual.memory)
            answer = ask_own(store, asked, bounds, parquet=options["parquet"])
        else:
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
        raise UsageError(
            f"{question.name} takes {counted(len(open_ones), 'value')} without a name", hint=", ".join(open_ones)
        )
    return given | dict(zip(open_ones, values, strict=False))


_NAMED = {
    "users": "--user",
    "roles": "--role",
    "resources": "--resource",
    "ips": "--ip",
    "events": "--event",
    "regions": "--region",
    "accounts": "--account",
}


def _check(options: Mapping[str, Any]) -> None:
    """Refuse options that are empty, which would find nothing and say so, and places that cannot be written to."""
    for name, option in _NAMED.items():
        if any(not text.strip() for text in options.get(name) or ()):
            raise UsageError(f"{option} is empty", hint="is a variable of the shell not set?")
    target = options.get("parquet")
    if target is not None and (target.is_dir() or not target.resolve().parent.is_dir()):
        raise UsageError(f"--parquet {target}: give a file in a folder that is there")
    if options["store"] is not None and options["store"].exists() and not options["store"].is_dir():
        raise UsageError(f"--store {options['store']} is no folder")


def _filters(options: Mapping[str, Any]) -> "Filters":
    from auditor.events.filters import Filters

    return Filters(**{name: tuple(options[name]) for name in _NAMED}, errors=options["errors"] or "")


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
