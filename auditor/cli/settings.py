"""``auditor config show``: the settings as they are resolved, and where each came from."""

from pathlib import Path

import click

from auditor.cli import echo_json, printable
from auditor.cli.options import resolve_options
from auditor.config import SECTIONS, Config


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

    \b
    auditor config show
    auditor config show --all --json
    """
    found = resolve_options(config_file, {})
    values = _flat(found.config)
    shown = {name: value for name, value in values.items() if everything or name in found.origins}
    if as_json:
        settings = [
            {"setting": name, "value": value, "origin": found.origins.get(name, "default")}
            for name, value in shown.items()
        ]
        echo_json({"exit_code": 0, "settings": settings, "ignored": list(found.ignored)})
        return 0
    for name, value in shown.items():
        click.echo(printable(f"{name:<26} {value!s:<40} {found.origins.get(name, 'default')}"))
    if not shown:
        click.echo("every setting has its default; --all shows them")
    for name in found.ignored:
        click.echo(printable(f"{name} looks like a setting and is none"), err=True)
    return 0


def _flat(config: Config) -> dict[str, object]:
    """Return every setting, those of sections dotted."""
    values: dict[str, object] = {}
    for name, value in config.model_dump(mode="json").items():
        if name in SECTIONS and isinstance(value, dict):
            values |= {f"{name}.{inner}": item for inner, item in value.items()}
        else:
            values[name] = value
    return values
