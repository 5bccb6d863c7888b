"""Shows how far a run is: bars on a terminal, one plain line per stage otherwise. Always on stderr."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from auditor.run import Progress


def quiet(stage: str, done: int, total: int, note: str = "") -> None:
    """Show nothing."""
    del stage, done, total, note


@contextmanager
def progress(*, silent: bool, verbose: bool = False) -> Iterator["Progress"]:
    """Give a progress function that fits where stderr goes; a verbose one tells each step with its time."""
    if silent:
        yield quiet
        return
    with _shown(verbose=verbose) as show, Patience(show) as patient:
        yield patient


@contextmanager
def _shown(*, verbose: bool) -> Iterator["Progress"]:
    if verbose:
        yield _Steps()
    elif sys.stderr.isatty():
        with _bars() as bars:
            yield bars
    else:
        yield _Lines()


PATIENCE_SECONDS = 10
"""Silence longer than this is explained: somebody may be looking at it."""


class Patience:
    """Hands progress on, and says what is being waited for when nothing has happened for a while."""

    def __init__(self, show: "Progress" = quiet) -> None:
        self._show = show
        self._last = ("the first answer", "")
        self._since = time.monotonic()
        self._over = Event()
        self._watch = Thread(target=self._look, name="patience", daemon=True)

    def __enter__(self) -> "Progress":
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watch.join()

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Hand one step on."""
        self._last, self._since = (stage, note), time.monotonic()
        self._show(stage, done, total, note)

    def _look(self) -> None:
        told = 0
        while not self._over.wait(1):
            seconds = int(time.monotonic() - self._since)
            if seconds < told:
                told = 0
            if seconds >= told + PATIENCE_SECONDS:
                told = seconds
                stage, note = self._last
                click.echo(f"waiting: {stage}{f' ({note})' if note else ''}, {seconds} s", err=True)


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
def _bars() -> Iterator["Progress"]:
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
