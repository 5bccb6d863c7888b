"""Shows how far a run is: bars on a terminal, one plain line per stage otherwise. Always on stderr."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from auditor.run import Progress


def quiet(stage: str, done: int, total: int, note: str = "") -> None:
    """Show nothing."""
    del stage, done, total, note


@contextmanager
def progress(*, silent: bool, verbose: bool = False) -> Iterator[Progress]:
    """Give a progress function that fits where stderr goes; a verbose one tells each step with its time."""
    if silent:
        yield quiet
    elif verbose:
        yield _Steps()
    elif sys.stderr.isatty():
        with _bars() as bars:
            yield bars
    else:
        yield _Lines()


class _Lines:
    """One line when a stage begins and one when it is done."""

    def __init__(self) -> None:
        self._begun: set[str] = set()

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        if stage not in self._begun:
            self._begun.add(stage)
            click.echo(f"{stage} ...", err=True)
        if total and done == total:
            click.echo(f"{stage}: {done} of {total}{f' ({note})' if note else ''}", err=True)


class _Steps:
    """One line for each step that is told, with the seconds since the beginning."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        numbers = f" {done}/{total}" if total else ""
        click.echo(f"{time.monotonic() - self._began:8.2f} s  {stage}{numbers} {note}".rstrip(), err=True)


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with RichProgress(*columns, console=Console(stderr=True), transient=False) as rich:
        tasks: dict[str, int] = {}

        def show(stage: str, done: int, total: int, note: str = "") -> None:
            if stage not in tasks:
                tasks[stage] = rich.add_task(stage, total=total or None, note="")
            rich.update(tasks[stage], completed=done, total=total or None, note=note[:60])  # type: ignore[arg-type]

        yield show
