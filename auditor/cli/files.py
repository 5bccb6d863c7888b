"""Reads what a command is given, a file or standard input, and prints what strangers wrote."""

import sys
from errno import EBADF, EFBIG
from pathlib import Path

import click

from auditor.base.counts import counted
from auditor.base.errors import UsageError
from auditor.base.given import read_given
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


def read_bytes(path: Path, most: int = MAX_BYTES) -> bytes:
    """Read a file, or standard input for ``-``, of so many bytes at most.

    Raises:
        UsageError: it cannot be read, is a folder, or is too large.
    """
    try:
        return _standard_input(most) if str(path) == "-" else read_given(path, most)
    except OSError as error:
        raise UsageError(f"{named(path)} cannot be read: {error.strerror or error}") from error


def named(path: Path) -> str:
    """Return how a file, or standard input for ``-``, is called in messages."""
    return "the input" if str(path) == "-" else str(path)


def _standard_input(most: int) -> bytes:
    if sys.stdin is None:  # it was closed
        raise OSError(EBADF, "there is none")
    data = sys.stdin.buffer.read(most + 1)
    if len(data) > most:
        raise OSError(EFBIG, f"it is larger than {counted(most, 'byte')}")
    return data


def read_text(path: Path) -> str:
    """Read a file in UTF-8, as ``read_bytes`` does."""
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} cannot be read: it is not UTF-8") from error
