"""Twelve months in a row on a simulated account, by the commands that a scheduler runs: ``make months``.

The account drifts: a user comes with rights of its own and gets them from a group later, an alarm is lost and restored,
a month is missed, one is repeated, the catalogue is upgraded, credentials expire once. What stands in the end is what a
team has after a year: the packs, their history, what each watch answered, and the twelve months as one pack.
"""

import contextlib
import io
import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import boto3

from auditor.cli import main as auditor
from auditor.simulator import ACCESS_KEY, SECRET_KEY, Simulator

ROOT: Final = Path(__file__).resolve().parent.parent
CRON: Final = ROOT / "deploy" / "cron" / "auditor"
ACCOUNT: Final = "333344445555"
MONTHS: Final = tuple(f"{2025 + (10 + n) // 12}-{(10 + n) % 12 + 1:02}" for n in range(12))
"""From November 2025 to October 2026."""

READER: Final = "arn:aws:iam::aws:policy/ReadOnlyAccess"

MISSED, REPEATED, UPGRADED, EXPIRED = "2026-06", "2026-07", "2026-08", "2026-09"

SETTINGS: Final = """\
entity: Year Ltd
frameworks: [year]
controls: [own]
regions: [us-east-1]
formats: [{pages}]
"""
FRAMEWORK: Final = """\
id: year
title: A year's controls
edition: "{edition}"
publisher: Year Ltd
url: ""
requirements:
  "1": {{title: Users have no rights of their own, controls: [iam-user-permissions-via-groups]}}
  "2": {{title: Use of the root user is noticed, controls: [monitor-root-usage]}}
  "3": {{title: Logs can be validated, controls: [cloudtrail-log-file-validation]}}
  "4": {{title: Logs are whole, controls: [trail-chain-verified]}}
"""
UPGRADE: Final = """\
  "5": {title: Passwords are long, controls: [iam-password-min-length]}
"""


@dataclass(slots=True)
class Step:
    """One command that ran.

    Args:
        month: that it was about.
        day: of the month after, on which it ran.
        words: its arguments.
        code: what it answered.
        said: what it printed.
    """

    month: str
    day: int
    words: tuple[str, ...]
    code: int
    said: str

    @property
    def document(self) -> dict[str, Any]:
        """What it printed, where that is a document."""
        return json.loads(self.said)  # type: ignore[no-any-return]


@dataclass(slots=True)
class Year:
    """What the twelve months left behind.

    Args:
        folder: holds ``reports`` and ``auditor.yaml``.
        steps: every command, in order.
    """

    folder: Path
    steps: list[Step] = field(default_factory=list)

    @property
    def packs(self) -> Path:
        """Where the packs are."""
        return self.folder / "reports"


def scheduled() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the arguments of the two lines of the crontab: the audit and the watch."""
    audit, watch = re.findall(r"&& auditor (.*?) >", CRON.read_text("utf-8"))
    return tuple(shlex.split(audit)), tuple(shlex.split(watch))


def call(words: Sequence[str]) -> tuple[int, str]:
    """Run a command of the product; return its exit code and what it printed."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
        try:
            auditor(list(words))
        except SystemExit as end:
            return int(end.code or 0), said.getvalue()
    return 0, said.getvalue()


@contextlib.contextmanager
def place(folder: Path, aws: Simulator) -> Iterator[None]:
    """Stand in a folder, with the simulated account's credentials and no other setting."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "AUDITOR_"))}
    settings = {**kept, **aws.environment(), "XDG_CONFIG_HOME": str(folder)}
    with patch.dict(os.environ, settings, clear=True), contextlib.chdir(folder):
        yield


def drift(aws: Simulator, folder: Path) -> dict[str, Callable[[], object]]:
    """Return what changes in the account, or around it, in which month."""

    def client(service: str) -> Any:
        keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
        return boto3.client(service, region_name="us-east-1", endpoint_url=aws.endpoint, **keys)

    iam, cloudwatch = client("iam"), client("cloudwatch")
    (alarm,) = cloudwatch.describe_alarms()["MetricAlarms"]
    names = ("AlarmName", "ActionsEnabled", "AlarmActions", "MetricName", "Namespace", "Statistic", "Period",
             "EvaluationPeriods", "Threshold", "ComparisonOperator", "TreatMissingData")  # fmt: skip

    def hire() -> None:
        iam.create_user(UserName="contractor")
        iam.attach_user_policy(UserName="contractor", PolicyArn=READER)

    def upgrade() -> None:
        write_framework(folder, "2", UPGRADE)

    return {
        "2026-01": hire,
        "2026-03": lambda: iam.detach_user_policy(UserName="contractor", PolicyArn=READER),
        "2026-04": lambda: cloudwatch.delete_alarms(AlarmNames=[alarm["AlarmName"]]),
        "2026-05": lambda: cloudwatch.put_metric_alarm(**{name: alarm[name] for name in names}),
        UPGRADED: upgrade,
    }


def write_framework(folder: Path, edition: str, more: str = "") -> None:
    """Write the team's own framework."""
    path = folder / "own" / "frameworks" / "year.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(FRAMEWORK.format(edition=edition) + more, "utf-8")


def months(folder: Path, tell: Callable[[str], object] = lambda _: None, *, pages: str = "html") -> Year:
    """Live through twelve months in a new folder.

    Args:
        folder: where everything goes.
        tell: told each command and its answer.
        pages: formats of the packs, between commas.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "auditor.yaml").write_text(SETTINGS.format(pages=pages), "utf-8")
    write_framework(folder, "1")
    year, (audit, watch) = Year(folder), scheduled()
    with Simulator("year", enabled=["us-east-1"]) as aws, place(folder, aws):
        changes = drift(aws, folder)

        def run(month: str, day: int, words: Sequence[str], hour: int = 6) -> Step:
            at = after(month) + timedelta(days=day - 1, hours=hour)
            aws.move_to(at)
            told = (*words, "--as-of", f"{at:%Y-%m-%dT%H:%M:%SZ}")
            step = Step(month, day, told, *call(told))
            year.steps.append(step)
            tell(f"{month}  day {day}, {hour}:00  auditor {words[0]:<8} answers {step.code}")
            return step

        for month in MONTHS:
            changes.get(month, lambda: None)()
            if month == EXPIRED:
                aws.fault("iam:*", "expired-token")
                run(month, 2, audit)
                aws.clear()
                run(month, 2, audit, hour=7)
            elif month != MISSED:
                run(month, 2, audit)
            if month == REPEATED:
                run(month, 3, audit)
                run(month, 9, [word for word in audit if word != "--if-missing"])
            run(month, 10 if month == REPEATED else 5, watch)
    return year


def after(month: str) -> datetime:
    """Return the first moment after a month."""
    start = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    return (start + timedelta(days=32)).replace(day=1)


def assemble(year: Year, *options: str) -> tuple[int, dict[str, Any]]:
    """Join the months into one pack."""
    period = f"{MONTHS[0]}-01/{after(MONTHS[-1]) - timedelta(days=1):%Y-%m-%d}"
    words = ("assemble", str(year.packs / ACCOUNT), "--out", str(year.folder / "year"), "--take", "newest",
             "--period", period, "--sample", "2", "--seed", "4711", "--as-of", "2026-11-10T06:00:00Z")  # fmt: skip
    code, said = call([*words, *options, "--config", os.devnull, "--json", "--quiet"])
    return code, json.loads(said)


def main() -> int:
    """Live through the months and say where everything is."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/months")
    if folder.exists() and any(folder.iterdir()):
        print(f"{folder} is not empty: name another folder, or remove it", file=sys.stderr)
        return 2
    year = months(folder.resolve(), print)
    code, made = assemble(year)
    call(["history", str(year.packs), "--as-of", "2026-11-10T06:00:00Z", "--quiet"])
    print(f"assembled: answers {code}. {made['headline']}")
    print(f"open {year.packs / 'index.html'} and {made['pack']}/report.pdf")
    return 0


if __name__ == "__main__":
    sys.exit(main())
