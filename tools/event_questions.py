"""Writes docs/twenty-questions.md: what auditors ask, the command for each, the demo's answer; ``--check`` compares."""

import contextlib
import io
import os
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from auditor.cli import _run
from auditor.events.question import load_questions
from tools.demo_trail import write

PAGE = Path(__file__).resolve().parent.parent / "docs" / "twenty-questions.md"
FILL = "who-did --dir trail --bucket northwind-trail-logs --period 2026-10 --store october --errors only --limit 3"
AS_OF = "--as-of 2026-11-02T06:00:00Z"
SHOWN = 8
"""Rows shown of each answer."""
WIDTH = 190
"""Columns that begin beyond are left out on the page."""

_HEAD = """# Twenty questions an auditor asks, and the command for each

Made by `make questions` from the simulated account of `auditor demo`; `make check-questions` fails when an answer
changes. The folder `trail` holds the objects of the trail's bucket, as `aws s3 sync` leaves them, and its public keys
(`python -m tools.demo_trail trail` writes the same folder). In your own account give `--trail ARN` or `--s3 S3URI`
instead, and see [events.md](events.md) for everything else.

The first question reads and verifies the whole month; `--store` keeps it, so that the others take a second. Its answer
stands here in full: log files of that month were tampered with, so every answer ends with exit code 4 and says why.
Wide tables are cut on this page; `--json` and `--csv` have all columns.
"""

QUESTIONS = (
    ("Did anybody use the root user?", "root-activity"),
    ("Who signed in to the console, and who without a second factor?", "console-logins"),
    ("Which calls were refused, to whom, and why?", "denied-calls"),
    ("Who deleted the bucket?", "who-deleted-bucket"),
    ("Who changed what protects a bucket, and from which address?", "s3-policy"),
    ("Was logging ever off? Who touched what records and warns?", "log-tampering --param buckets=northwind-trail-logs"),
    ("Were trails told to record less?", "selectors-narrowed"),
    ("Was anything opened to the whole world, and for how long?", "network-openings"),
    ("Was it put right by a machine, and how fast?", "auto-remediation --param minutes=30"),
    ("Who changed the network?", "network-changes"),
    ("Were keys disabled or scheduled for deletion?", "kms-changes"),
    ("Who changed identities and permissions in the last week?", "iam-changes --since 2026-10-25"),
    ("Did alarms change?", "alarm-changes"),
    ("What did one access key do, from where?", "principal svc-legacy-backup"),
    ("And what exactly, from an address that is not ours?", "timeline svc-legacy-backup --ip 203.0.113.0/24"),
    ("Everything that happened to one resource?", "resource northwind-ledger-statements"),
    ("Through which sessions did somebody act?", "session-chain sg-remediator --limit 4"),
    ("Who took a powerful role, and what was done with it?", "privileged-sessions"),
    ("What happened in Regions that are not in use?", "unusual-regions eu-central-1,us-east-1"),
    ("Did other accounts act here?", "cross-account"),
    ("Who appeared for the first time?", "new-principals"),
    ("Did the organization change?", "organizations"),
    ("Did Insights notice anything?", "insights"),
    (
        "Did the audit itself change anything?",
        "our-own-calls arn:aws:sts::111122223333:assumed-role/security-audit/weekly-review",
    ),
    (
        "How many events of each service were there?",
        'sql "SELECT event_source, count(*) AS events FROM events GROUP BY 1 ORDER BY 2 DESC LIMIT 5"',
    ),
)


def page() -> str:
    """Return the page."""
    with TemporaryDirectory() as scratch, contextlib.chdir(scratch):
        write(Path("trail"))
        parts = [_HEAD, _part("Which calls went wrong?", FILL, _answer(FILL))]
        parts += [_part(words, asked, _cut(_answer(f"{asked} --store october"))) for words, asked in QUESTIONS]
    return "\n".join([*parts, _rest()])


def _part(words: str, asked: str, answer: str) -> str:
    store = "" if "--store" in asked else " --store october"
    return f"## {words}\n\n    $ auditor events {asked}{store}\n\n{_indented(answer)}\n"


def _answer(asked: str) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()):
        extra = [*shlex.split(AS_OF), "--quiet"]
        code = _run(["events", *shlex.split(asked), *extra])
    return f"{out.getvalue().rstrip()}\n\n(exit code {code})"


_SEARCHED: Final = re.compile(r" in what was searched|all that was asked for was searched")


def _cut(answer: str) -> str:
    """Return title, the first rows and the sentence on what was searched; the gaps are those of the first answer."""
    lines = answer.splitlines()
    end = next((number for number, line in enumerate(lines) if _SEARCHED.search(line)), len(lines))
    rows = [line for line in lines[2:end] if line]
    more = [f"... {len(rows) - 1 - SHOWN} more rows"] if len(rows) > SHOWN + 1 else []
    return "\n".join([*_narrow(rows[: SHOWN + 1]), *more, *([""] if rows else []), lines[end]])


def _narrow(rows: Sequence[str]) -> list[str]:
    """Cut a table at the last column that begins within the page."""
    head = rows[0] if rows else ""
    starts = [match.start() for match in re.finditer(r"(?<=  )\S", head)]
    if len(head) <= WIDTH or not starts:
        return list(rows)
    end = max(start for start in starts if start <= WIDTH)
    return [row[:end].rstrip() for row in rows]


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())


def _rest() -> str:
    asked = {command.split()[0] for _, command in QUESTIONS} | {"who-did"}
    others = [f"- `{name}`: {item.title}" for name, item in load_questions().items() if name not in asked]
    return "\n".join(["## Others", "", *others, ""]) if others else ""


def lines_of(text: str) -> Iterator[str]:
    """Yield the commands that a page shows."""
    yield from (line.strip().removeprefix("$ ") for line in text.splitlines() if line.startswith("    $ "))


def main() -> int:
    """Write or check the page."""
    os.environ["NO_COLOR"] = "1"
    made = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(made, "utf-8")
        return 0
    if PAGE.read_text("utf-8") != made:
        print("docs/twenty-questions.md is out of date: run make questions")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
