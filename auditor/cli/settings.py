"""``auditor config show``: the settings as they are resolved, and where each came from."""

import os
from collections.abc import Iterable
from pathlib import Path

import click

from auditor.base.counts import first_of
from auditor.base.suggest import meant
from auditor.cli import printable
from auditor.cli.documents import echo_json
from auditor.cli.options import resolve_options
from auditor.cli.variables import FromVariables, long_name, walk
from auditor.config import SECTIONS, VARIABLE, Config


@click.group()
def command() -> None:
    """Show the settings of this folder."""


@command.command()
@click.option("--config", "config_file", type=click.Path(path_type=Path), help="Settings; default auditor.yaml.")
@click.option("--all", "everything", is_flag=True, help="Defaults as well.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def show(config_file: Path | None, *, everything: bool, as_json: bool) -> int:
    r"""Print every setting that a file or the environment decides, with its origin.

    Layers, the last goes before the others: defaults, the user's file (~/.config/auditor/auditor.yaml), auditor.yaml in
    this folder, AUDITOR_* variables (AUDITOR_PERIOD, AUDITOR_FRAMEWORKS=a,b, AUDITOR_LIMITS_CONCURRENCY ...), options.
    Options that are no settings have variables too (AUDITOR_QUIET, AUDITOR_VERIFY_REPLAY); those that are set are told.

    \b
    auditor config show
    auditor config show --all --json
    """
    found = resolve_options(config_file, {})
    values = _flat(found.config)
    shown = {name: value for name, value in values.items() if everything or name in found.origins}
    options = _options_in_variables(found.origins.values())
    ignored = sorted(set(found.ignored) - options.keys())
    if as_json:
        settings = [
            {"setting": name, "value": value, "origin": found.origins.get(name, "default")}
            for name, value in shown.items()
        ]
        given = [
            {"variable": variable, "value": os.environ[variable], "options": names}
            for variable, names in options.items()
        ]
        told = {"settings": settings, "options": given, "ignored": ignored}
        echo_json({"schema": "auditor.config/1", "exit_code": 0, **told})
        return 0
    for name, value in shown.items():
        click.echo(printable(f"{name:<26} {_written(value):<40} {found.origins.get(name, 'default')}"))
    if not shown:
        click.echo("every setting has its default; --all shows them")
    for variable, names in options.items():
        click.echo(printable(f"{variable}={os.environ[variable]} gives {first_of(names, _NAMED)}"))
    for name in ignored:
        close = meant(name, [*_variables(), *(f"{VARIABLE}{known.upper().replace('.', '_')}" for known in values)])
        click.echo(printable("; ".join(filter(None, (f"{name} looks like a setting and is none", close)))), err=True)
    return 0


def _written(value: object) -> str:
    """Write a value as it stands in a file of settings."""
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


_NAMED = 4


def _options_in_variables(settings: Iterable[str]) -> dict[str, list[str]]:
    """Return the variables that are set and give options, not settings: variable -> the options, after their commands.

    Args:
        settings: what gives the settings.
    """
    known = set(settings)
    return {name: options for name, options in _variables().items() if os.environ.get(name) and name not in known}


def _variables() -> dict[str, list[str]]:
    """Return every variable that gives an option: variable -> the options, after their commands."""
    from auditor.cli import auditor  # the table of commands names this module

    found: dict[str, list[str]] = {}
    for words, command in walk(auditor):
        for option in command.params:
            if isinstance(option, FromVariables):
                for name in option.envvar or ():
                    found.setdefault(name, []).append(f"{' '.join(words)} --{long_name(option)}")
    return found


def _flat(config: Config) -> dict[str, object]:
    """Return every setting, those of sections dotted."""
    values: dict[str, object] = {}
    for name, value in config.model_dump(mode="json").items():
        if name in SECTIONS and isinstance(value, dict):
            values |= {f"{name}.{inner}": item for inner, item in value.items()}
        else:
            values[name] = value
    return values
