"""Rewrites the generated parts of README.md, or compares them: ``python tools/readme.py [--check]``.

A generated part stands between ``<!-- generated: NAME -->`` and ``<!-- end: NAME -->``; the rest is written by hand.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import click

from auditor.cli import auditor
from auditor.pack.outcome import EXIT_MEANING
from auditor.run import open_catalog

README = Path(__file__).resolve().parent.parent / "README.md"
PART = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end: (?P=name) -->)", re.DOTALL)


def help_text() -> str:
    """Return what ``auditor --help`` prints, up to the exit codes, which have a table of their own."""
    text = auditor.get_help(
        click.Context(auditor, info_name="auditor", **{**auditor.context_settings, "terminal_width": 100})
    )
    return f"```\n{text.partition('Exit codes:')[0].rstrip()}\n```"


def exit_codes() -> str:
    """Return the table of exit codes."""
    rows = [f"| {code} | {meaning} |" for code, meaning in EXIT_MEANING.items()]
    return "\n".join(["| code | meaning |", "|---:|---|", *rows])


def frameworks() -> str:
    """Return one row for each framework edition."""
    rows = [
        f"| `{item.id}` | {item.title} | {item.edition} | {len(item.requirements)} | {len(item.controls)} |"
        for item in open_catalog().frameworks.values()
    ]
    return "\n".join(["| id | title | edition | requirements | controls |", "|---|---|---|---:|---:|", *rows])


def controls() -> str:
    """Return one row for each control of the catalogue."""
    rows = [
        f"| `{item.id}` | {item.title} | {item.severity} | {item.test_type} |"
        for item in open_catalog().controls.values()
    ]
    return "\n".join(["| id | criterion, in short | severity | test |", "|---|---|---|---|", *rows])


PARTS: dict[str, Callable[[], str]] = {
    "help": help_text,
    "exit-codes": exit_codes,
    "frameworks": frameworks,
    "controls": controls,
}


def generated(text: str) -> str:
    """Return ``text`` with every generated part made anew.

    Raises:
        KeyError: a part is named that nothing here generates.
    """
    return PART.sub(lambda found: f"{found[1]}{PARTS[found['name']]()}\n{found[3]}", text)


def main(arguments: list[str]) -> int:
    """Rewrite or compare; return 1 when a comparison found README.md out of date."""
    before = README.read_text(encoding="utf-8")
    after = generated(before)
    if "--check" in arguments:
        if before != after:
            print("README.md is out of date: run `make readme` and commit it", file=sys.stderr)
        return int(before != after)
    README.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
