"""Options that several commands share, turned into a ``Config``."""

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, get_args

import click

from auditor.base.errors import UsageError
from auditor.base.period import parse_time
from auditor.cli.variables import given_by_variables
from auditor.config import Config, Format, Resolved, resolve
from auditor.model import Severity

USUAL_FRAMEWORKS = ("cis-aws-5.0.0", "trail-readiness")
"""What is audited when nothing else is asked for: the widespread benchmark edition, and the period around it."""

_Command = TypeVar("_Command", bound=Callable[..., Any])


def _chain(*decorators: Callable[[_Command], _Command]) -> Callable[[_Command], _Command]:
    def decorate(command: _Command) -> _Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


def names_of(kind: str) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    """Complete the ids of the built-in catalogue: ``frameworks`` or ``controls``."""

    def complete(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
        from auditor.run.judging import open_catalog

        before, comma, last = begun.rpartition(",")
        return [f"{before}{comma}{name}" for name in sorted(getattr(open_catalog(), kind)) if name.startswith(last)]

    return complete


def with_controls(command: _Command) -> _Command:
    """Add the options that say which questions are asked."""
    return _chain(
        click.option(
            "--framework",
            "frameworks",
            multiple=True,
            metavar="ID",
            shell_complete=names_of("frameworks"),
            help="Framework edition; repeatable.",
        ),
        click.option(
            "--control",
            "control_ids",
            multiple=True,
            metavar="ID",
            shell_complete=names_of("controls"),
            help="Single control, with nothing but what it needs; repeatable, or ID,ID.",
        ),
        click.option("--controls", multiple=True, metavar="DIR", help="Folder with own controls; repeatable."),
    )(command)


def with_formats(command: _Command) -> _Command:
    """Add the option that says what is written beside the results."""
    names = ", ".join(get_args(Format))
    return click.option(
        "-f", "--format", "formats", multiple=True, metavar="F1,F2", help=f"What to write; repeatable: {names}."
    )(command)


def with_zip(command: _Command) -> _Command:
    """Add the option that asks for a zip; absent, it leaves the choice to the settings."""
    return click.option("--zip", is_flag=True, default=None, help="Write the pack as one zip as well, beside it.")(
        command
    )


def with_detail(command: _Command) -> _Command:
    """Add the option that says how long the PDF gets."""
    return click.option(
        "--detail",
        type=click.Choice(["summary", "standard", "full"]),
        help="Length of the PDF; default: standard. The HTML page has everything in each.",
    )(command)


def with_imports(command: _Command) -> _Command:
    """Add the option that lets findings of other tools join a pack."""
    return click.option(
        "--import",
        "imports",
        multiple=True,
        metavar="FILE",
        help="Findings of Prowler (OCSF) or Security Hub (ASFF), kept beside ours; repeatable.",
    )(command)


def with_upload(command: _Command) -> _Command:
    """Add the options that put a pack into a bucket."""
    return _chain(
        click.option("--upload", metavar="s3://BUCKET/PREFIX", help="Put the pack there; see auditor policy --upload."),
        with_lock,
    )(command)


def with_if_missing(command: _Command) -> _Command:
    """Add the option that makes a run harmless to repeat."""
    return click.option(
        "--if-missing",
        is_flag=True,
        default=None,
        help="Make no pack where a complete one of account and period is, here or in the bucket of --upload.",
    )(command)


def with_notify(command: _Command) -> _Command:
    """Add the option that names who is told."""
    return click.option(
        "--notify",
        multiple=True,
        metavar="sns:ARN|slack:URL|webhook:URL|smtp://...",
        help="Tell somebody what came of it, in a few lines; repeatable.",
    )(command)


def with_lock(command: _Command) -> _Command:
    """Add the options that lock what is uploaded."""
    return _chain(
        click.option(
            "--object-lock-days",
            type=click.IntRange(1, 36500),
            metavar="N",
            help="Lock each uploaded object so long; default: what the bucket does by itself.",
        ),
        click.option(
            "--mode",
            "object_lock_mode",
            type=click.Choice(["GOVERNANCE", "COMPLIANCE"]),
            help="Of that lock; COMPLIANCE cannot be ended by anybody. Default: GOVERNANCE.",
        ),
    )(command)


def with_sampling(command: _Command) -> _Command:
    """Add the options that ask for a sample."""
    return _chain(
        click.option("--sample", type=click.IntRange(min=1), metavar="N", help="Test N of each population, not all."),
        click.option("--seed", metavar="TEXT", help="Decides which ones; goes with --sample."),
    )(command)


def with_gate(command: _Command) -> _Command:
    """Add the options of a run whose exit code a pipeline reads."""
    return _chain(
        click.option("--gate", is_flag=True, default=None, help="No PDF: results first, for a pipeline."),
        click.option(
            "--baseline",
            metavar="FILE",
            help="Known failures do not count: a pack, results.json or a baseline file; also s3://...",
        ),
        click.option("--baseline-max-age", metavar="90d", help="Refuse an older baseline."),
        click.option(
            "--update-baseline",
            is_flag=True,
            default=None,
            help="Write --baseline anew after the run, or for the first time.",
        ),
        click.option(
            "--accept-new-controls",
            is_flag=True,
            default=None,
            help="With --baseline: failures that only a new or changed control found do not count.",
        ),
    )(command)


def what_is_accepted(command: _Command) -> _Command:
    """Add the options that say which failures and gaps are accepted."""
    return _chain(
        click.option("--waivers", metavar="FILE", help="Accepted failures."),
        click.option("--attestations", metavar="FILE", help="Answers to manual controls."),
        click.option(
            "--responses", metavar="FILE", help="Owner, due date and answer for findings; no verdict changes."
        ),
        click.option(
            "--fail-on",
            type=click.Choice([item.value for item in Severity]),
            help="Lowest severity that fails the run; default: informational.",
        ),
        click.option("--allow", multiple=True, metavar="not-assessed:CONTROL", help="Accept a gap; repeatable."),
        with_sampling,
    )(command)


def what_to_judge(command: _Command) -> _Command:
    """Add the options that say what is judged and what is accepted."""
    return _chain(
        with_controls,
        what_is_accepted,
        click.option(
            "--config", "config_file", type=click.Path(path_type=Path), help="Settings; default auditor.yaml."
        ),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout."),
        click.option("-q", "--quiet", is_flag=True, help="No progress; of what was found, the last line alone."),
        click.option("-v", "--verbose", is_flag=True, help="Each call and step with its time."),
    )(command)


def whom_to_ask(command: _Command) -> _Command:
    """Add the options that say which account is asked, about when."""
    return _chain(
        click.option("--profile", metavar="NAME", help="Profile of the AWS configuration."),
        click.option("--region", metavar="REGION", help="Region where the caller is identified."),
        click.option(
            "--regions", multiple=True, metavar="R1,R2", help="Regions to audit; default: all enabled ones; repeatable."
        ),
        click.option("--account", metavar="ID", help="Account to audit through --role-name."),
        click.option("--role-name", metavar="NAME", help="Role to assume in that account."),
        click.option(
            "--period",
            metavar="PERIOD",
            help="last-month, last-quarter, last-7d, 2026-10, 2026-Q3, 2026-10-01, 24h or START/END.",
        ),
        click.option("--skip", multiple=True, metavar="trail,events,truth", help="Parts to leave out; repeatable."),
        click.option(
            "--keep-logs",
            metavar="WHICH",
            help="Log files in the pack: none, findings, notable or all; default: notable, none with redaction.",
        ),
        click.option("--as-of", metavar="TIME", help="Moment that ages are measured against; default: now."),
        click.option("--entity", metavar="NAME", help="Whom the report is about."),
        click.option("--concurrency", type=click.IntRange(1, 256), metavar="N", help="Calls in flight; default: 24."),
    )(command)


def with_organization(command: _Command) -> _Command:
    """Add the options that ask several accounts."""
    return _chain(
        click.option(
            "--org", is_flag=True, default=None, help="Audit every account of the organization, into one pack."
        ),
        click.option("--include", multiple=True, metavar="ID|ou:/PATH|tag:K=V", help="Accounts to audit; repeatable."),
        click.option(
            "--exclude", multiple=True, metavar="ID|ou:/PATH|tag:K=V", help="Accounts to leave out; repeatable."
        ),
        click.option("--external-id", metavar="TEXT", help="What the role's trust policy asks for."),
        click.option("--session-name", metavar="NAME", help="Names the role's session; default: auditor."),
        click.option("--source-identity", metavar="NAME", help="Stays with the session; needs leave of its own."),
        click.option(
            "--management-account-profile",
            metavar="NAME",
            help="Profile that lists the accounts and enters the management account.",
        ),
        click.option(
            "--scheduler",
            metavar="tls://HOST:PORT",
            help="Dask scheduler whose workers audit accounts, or read a trail.",
        ),
        click.option("--certificates", metavar="DIR", help="Folder with ca.pem, client.pem and client-key.pem for it."),
        click.option(
            "--plain-scheduler",
            is_flag=True,
            default=None,
            help="Take tcp:// beyond this machine: whoever reaches that scheduler runs code.",
        ),
    )(command)


def moment_of(text: str | None) -> datetime:
    """Return what ``--as-of`` says, or now; aware UTC, whole seconds.

    Raises:
        UsageError: the text is no time.
    """
    if text is None:
        return datetime.now(UTC).replace(microsecond=0)
    try:
        return parse_time(text)
    except ValueError as error:
        raise UsageError(f"--as-of: {text!r} is no RFC 3339 time", hint="such as 2026-11-02T06:00:00Z") from error


def config_of(given: Mapping[str, Any]) -> Config:
    """Build the configuration from options as click hands them over; what was not given is left to the file.

    Raises:
        UsageError: a value that no option takes, or a wrong configuration file.
    """
    options = {name: value for name, value in given.items() if name in Config.model_fields and value not in (None, ())}
    for name in ("regions", "skip", "formats", "frameworks", "control_ids", "allow"):
        if name in options:
            options[name] = in_parts(options[name])
    for name in ("controls", "imports", "notify", "include", "exclude"):
        if name in options:
            options[name] = list(options[name])
    if "control_ids" in options:
        options.setdefault("frameworks", [])  # one question is asked, whatever the settings usually ask
    if options.get("account") and not options.get("role_name"):
        raise UsageError("--account and --role-name go together")
    if options.get("role_name") and not options.get("account") and not _several(given.get("config_file"), options):
        raise UsageError("--account and --role-name go together", hint="or give --org, to enter every account by it")
    if (given.get("sample") is None) != (given.get("seed") is None):
        raise UsageError("--sample and --seed go together", hint="the seed lets others draw the same sample again")
    if given.get("sample") is not None:
        options["sampling"] = {"size": given["sample"], "seed": given["seed"]}
    if given.get("concurrency") is not None:
        options["limits"] = {"concurrency": given["concurrency"]}
    chosen = {"certificates": given.get("certificates"), "plain": given.get("plain_scheduler")}
    if any(value is not None for value in chosen.values()):
        options["cluster"] = {name: value for name, value in chosen.items() if value is not None}
    return resolve_options(
        given.get("config_file"), options, _named(given_by_variables(click.get_current_context(silent=True)))
    ).config


_DOTTED = {
    "certificates": "cluster.certificates",
    "concurrency": "limits.concurrency",
    "plain_scheduler": "cluster.plain",
    "sample": "sampling.size",
    "seed": "sampling.seed",
}
"""Option -> its setting, where that stands in a section."""


def _named(variables: Mapping[str, str]) -> dict[str, str]:
    return {_DOTTED.get(name, name): variable for name, variable in variables.items()}


def _several(path: Path | None, options: Mapping[str, Any]) -> bool:
    """Say whether several accounts are meant, by an option or by a file of settings."""
    if options.get("org"):
        return True
    config = resolve_options(path, options).config
    return config.org or bool(config.accounts)


def in_parts(given: str | Sequence[str]) -> list[str]:
    """Add up an option that was given several times, each time with one value or several between commas."""
    texts = [given] if isinstance(given, str) else given
    return list(dict.fromkeys(part.strip() for text in texts for part in text.split(",") if part.strip()))


def resolve_options(
    path: Path | None, options: Mapping[str, Any], named: Mapping[str, str] = MappingProxyType({})
) -> Resolved:
    """Put options over environment and files; with the null device for a file, over nothing.

    Args:
        path: the file of settings.
        options: what the command was given, by a word or by a variable.
        named: the settings among them that came from variables, and which.
    """
    if path == Path(os.devnull):
        return resolve(path, options, named=named)
    home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return resolve(path, options, environ=os.environ, user_folder=home, named=named)


def with_frameworks(config: Config) -> Config:
    """Name the usual frameworks where the configuration names nothing: a collection has to ask for something."""
    if config.frameworks or config.control_ids:
        return config
    return config.model_copy(update={"frameworks": list(USUAL_FRAMEWORKS)})
