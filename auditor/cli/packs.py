"""``auditor packs``: what may go from a folder of packs."""

from datetime import UTC, datetime
from pathlib import Path

import click

from auditor.cli import printable
from auditor.cli.documents import echo_json


@click.group()
def command() -> None:
    """Look after the packs of a folder."""


@command.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path("reports"))
@click.option(
    "--keep", type=click.IntRange(min=1), required=True, metavar="N", help="Packs of each account and period."
)
@click.option("--dry-run", is_flag=True, help="Say what would go, and take nothing away.")
@click.option("--break-series", is_flag=True, help="Also packs that a later one names as the one before it.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def prune(folder: Path, *, keep: int, dry_run: bool, break_series: bool, as_json: bool) -> int:
    r"""Take old packs away: of each account and period all but the newest N that hold.

    The newest pack of an account always stays, and so does one that a later pack names as the one before it.

    \b
    auditor packs prune reports --keep 1 --dry-run
    """
    from auditor.run.chronicle import chronicle
    from auditor.run.pruning import fates, remove

    now = datetime.now(UTC).replace(microsecond=0)
    told = fates(chronicle(folder, now=now, checked=now), keep, break_series=break_series)
    if not dry_run:
        for item in told:
            if item.goes:
                remove(folder, item.place)
    if as_json:
        packs = [
            {"pack": item.place, "removed": item.goes and not dry_run, "goes": item.goes, "why": item.why}
            for item in told
        ]
        echo_json({"schema": "auditor.prune/1", "exit_code": 0, "dry_run": dry_run, "packs": packs})
        return 0
    for item in told:
        word = ("would go" if dry_run else "removed") if item.goes else "stays"
        click.echo(printable(f"{word:<9} {item.place}: {item.why}"))
    return 0
