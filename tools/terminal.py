"""Rewrites docs/terminal.md, what the commonest commands print, or compares it: ``python tools/terminal.py [--check]``.

Every command runs as written, in a folder of its own that holds ``sample``, the committed pack. The simulated account
stands still, so the answers are the same wherever they are made; folders and the version do not appear in them.
"""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from auditor import __version__

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "terminal.md"
_MOST_LINES = 40


@dataclass(frozen=True, slots=True)
class Scene:
    """One command, and why somebody gives it."""

    why: str
    command: str
    code: int = 0


SCENES: Sequence[Scene] = (
    Scene("See what there is", "auditor --help"),
    Scene(
        "Audit an account; here two questions to a simulated one, without any account",
        "auditor demo --control iam-root-mfa --control kms-key-rotation --format html,csv",
        1,
    ),
    Scene("Read the outcome in a program", "auditor demo --control iam-root-mfa --format csv --json -q", 0),
    Scene("Look at a control", "auditor controls show kms-key-rotation"),
    Scene("Try a control without AWS", "auditor controls test kms-key-rotation"),
    Scene("Print the permissions that one question takes", "auditor policy --control kms-key-rotation"),
    Scene("Check a pack that somebody else made", "auditor verify sample --replay"),
    Scene("Say what changed between two packs", "auditor diff sample sample"),
    Scene(
        "See which month is missing",
        "auditor history . --no-html -q --as-of 2026-12-05T00:00:00Z --require last-month",
        3,
    ),
    Scene(
        "Ask whether a metric filter would satisfy a control",
        "auditor pattern check --control monitor-cloudtrail-changes '{ ($.eventName = DeleteTrail) }'",
        1,
    ),
    Scene("See where settings come from", "env AUDITOR_PERIOD=2026-Q3 auditor config show"),
    Scene("A typing error", "auditor run --framework cis-aws-5", 2),
)


def page() -> str:
    """Return the page.

    Raises:
        RuntimeError: a command ended with another code than it should.
    """
    parts = [
        "# What the commonest commands print",
        "",
        "Made by `make terminal`, compared in the tests. `sample` is the pack in `reports/sample`.",
    ]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "sample").symlink_to(ROOT / "reports" / "sample", target_is_directory=True)
        for scene in SCENES:
            parts += ["", f"## {scene.why}", "", "```console", f"$ {scene.command}", *_answer(scene, folder), "```"]
    return "\n".join(parts) + "\n"


def _answer(scene: Scene, folder: Path) -> list[str]:
    given = shlex.split(scene.command)
    extra = {}
    if given[0] == "env":
        name, _, value = given[1].partition("=")
        extra, given = {name: value}, given[2:]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "AUDITOR_"))}
    environment = {**kept, **extra, "PYTHONPATH": str(ROOT), "COLUMNS": "100", "NO_COLOR": "1", "HOME": str(folder),
                   "XDG_CONFIG_HOME": str(folder)}  # fmt: skip
    told = subprocess.run(
        [sys.executable, "-m", "auditor", *given[1:]],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if told.returncode != scene.code:
        raise RuntimeError(f"{scene.command} answered {told.returncode}: {told.stderr}")
    shown = told.stdout if told.stdout.strip() else told.stderr
    lines = [
        line.replace(str(folder), ".")
        .replace(f"{ROOT}/", "")
        .replace(f"auditor {__version__}", "auditor VERSION")
        .rstrip()
        for line in shown.splitlines()
    ]
    return (
        lines if len(lines) <= _MOST_LINES else [*lines[:_MOST_LINES], f"... ({len(lines) - _MOST_LINES} more lines)"]
    )


def main(arguments: Sequence[str]) -> int:
    """Write the page, or say that it is out of date."""
    made = page()
    if "--check" in arguments:
        if PAGE.read_text(encoding="utf-8") == made:
            return 0
        print(f"{PAGE.relative_to(ROOT)} is out of date: run make terminal")
        return 1
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
