"""Functions that tests hand to engines as tasks: plain, importable, each doing one thing well or badly."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from auditor.trail.fetch import FolderSource, open_folder


def write(arguments: dict[str, Any], target: Path) -> None:
    """Write a text; note in a file that it was carried out."""
    if log := arguments.get("log"):
        with Path(log).open("a") as file:
            file.write(f"{arguments['text']}\n")
    target.write_text(arguments["text"])


def write_folder(arguments: dict[str, Any], target: Path) -> None:
    """Write a folder of files."""
    for name, text in arguments["files"].items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def refuse(_arguments: dict[str, Any], _target: Path) -> None:
    """Fail with words that no terminal should obey."""
    raise ValueError("no\x1b[31m such\nthing")


def forget(_arguments: dict[str, Any], _target: Path) -> None:
    """Make nothing."""


def die(arguments: dict[str, Any], target: Path) -> None:
    """End the process, as the kernel does where memory is short; from the given time on, do well."""
    log = Path(arguments["log"])
    with log.open("a") as file:
        file.write("died\n")
    if len(log.read_text().splitlines()) <= arguments["times"]:
        os.kill(os.getpid(), signal.SIGKILL)
    target.write_text("survived")


def hang(_arguments: dict[str, Any], _target: Path) -> None:
    """Never come back."""
    while True:
        time.sleep(60)


def greeting() -> dict[str, str]:
    """Say what runs here."""
    return {"version": "1"}


def open_deadly(arguments: dict[str, Any]) -> FolderSource:
    """Open a folder one of whose log files kills whoever reads it."""
    source = open_folder(Path(arguments["folder"]))[0]
    read = source.read

    def deadly(bucket: str, key: str, size: int | None) -> bytes:
        if key == arguments["key"]:
            with Path(arguments["log"]).open("a") as file:
                file.write("died\n")
            os.kill(os.getpid(), signal.SIGKILL)
        return read(bucket, key, size)

    source.read = deadly  # type: ignore[method-assign]
    return source
