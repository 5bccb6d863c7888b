"""Reads what a command is given, a file or standard input, and prints what strangers wrote."""

import sys
from pathlib import Path

import click

from auditor.base.errors import UsageError
from auditor.base.whole import check_file, written_into
from auditor.cli import printable

MAX_BYTES = 20_000_000
"""Size of a file that is read; plans of large set-ups have a few megabytes."""


def say(text: str) -> None:
    """Print a line whose parts may come from a stranger's file."""
    click.echo(printable(text))


def for_writing(path: Path | None) -> None:
    """Say that a file cannot be put where it shall go, before any work is done.

    Raises:
        UsageError: its folder is not there or cannot be written, or it is a folder itself.
    """
    if path is None or written_into(path):
        return
    if path.is_dir() or not path.parent.is_dir():
        raise UsageError(
            f"{path} is a folder" if path.is_dir() else f"there is no folder {path.parent} for {path.name}"
        )
    check_file(path)


def read_bytes(path: Path) -> bytes:
    """Read a file, or standard input for ``-``.

    Raises:
        UsageError: it cannot be read, is a folder, or is too large.
    """
    try:
        if str(path) == "-":
            data = sys.stdin.buffer.read(MAX_BYTES + 1)
        elif path.is_dir():
            raise UsageError(f"{path} is a folder")
        else:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(data) > MAX_BYTES:
        raise UsageError(f"{'the input' if str(path) == '-' else path} is larger than {MAX_BYTES} bytes")
    return data


def read_text(path: Path) -> str:
    """Read a file in UTF-8, as ``read_bytes`` does."""
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} cannot be read: it is not UTF-8") from error
