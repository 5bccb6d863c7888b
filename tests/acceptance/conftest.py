"""Packs for all acceptance tests, each made once by the installed command, whatever the number of workers."""

import fcntl
import html
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import pytest

from auditor.simulator import ACCESS_KEY, SECRET_KEY, Simulator


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


def auditor(*arguments: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Outcome:
    """Run the command line in a process of its own, without any AWS settings of the caller."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [sys.executable, "-m", "auditor", *map(str, arguments)],
        cwd=cwd,
        env={**clean, **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True)
class Pack:
    """A finished pack and what its pages say."""

    path: Path
    answer: Mapping[str, Any]

    @cached_property
    def results(self) -> Mapping[str, Any]:
        """The results document."""
        document: Mapping[str, Any] = json.loads((self.path / "results" / "results.json").read_bytes())
        return document

    @cached_property
    def page(self) -> str:
        """The text of ``report.html``, tags and line breaks taken out."""
        text = (self.path / "report.html").read_text()
        body = re.sub(r"<(script|style)\b.*?</\1>", " ", text, flags=re.DOTALL)
        return squeezed(html.unescape(re.sub(r"<wbr>|<[^>]+>", "", body)))

    @cached_property
    def paper(self) -> str:
        """The text of ``report.pdf``."""
        done = subprocess.run(
            ["pdftotext", "-layout", self.path / "report.pdf", "-"], capture_output=True, text=True, check=True
        )
        return squeezed(done.stdout)

    def control(self, name: str) -> Mapping[str, Any]:
        """One control of the results."""
        found: Mapping[str, Any] = next(item for item in self.results["controls"] if item["id"] == name)
        return found


def squeezed(text: str) -> str:
    """Take out all white space and invisible marks, because lines break where they like."""
    return re.sub(r"[\s\u200b\u00ad\u2066-\u2069]+", "", text)


def once(folder: Path, make: Callable[[], Outcome]) -> Pack:
    """Make a pack below a folder, or take the one that another worker made; ``make`` prints the command's document."""
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        answer = folder / "answer.json"
        if not answer.exists():
            outcome = make()
            assert outcome.stdout, outcome.stderr
            answer.write_text(outcome.stdout)
        document = json.loads(answer.read_text())
    return Pack(Path(document["pack"]), document)


def made(folder: Path, world: str, *options: str) -> Pack:
    """Make the pack of a simulated world below a folder, or take the one that another worker made."""
    where = ("--out", folder / "packs", "--json", "--quiet")
    return once(folder, lambda: auditor("demo", "--world", world, *where, *options))


def shared(tmp_path_factory: pytest.TempPathFactory, name: str) -> Path:
    """Return a folder that all workers of one test run share."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """The pack of ``auditor demo``, as a newcomer gets it. Not to be changed."""
    return made(shared(tmp_path_factory, "demo"), "demo")


EVERY_FORMAT = "html,csv,results-csv,xlsx,oscal,ocsf,asff,sarif,junit,markdown"


@pytest.fixture(scope="session")
def waived(pack: Pack, tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """The demo's evidence, judged and rendered again with a waiver that holds and one that has expired."""
    folder = shared(tmp_path_factory, "waived")

    def render() -> Outcome:
        shutil.copytree(pack.path / "evidence", folder / "pack" / "evidence")
        (folder / "waivers.yaml").write_text(WAIVERS)
        frameworks = [part for name in pack.results["run"]["frameworks"] for part in ("--framework", name)]
        options = ("--waivers", folder / "waivers.yaml", "--format", EVERY_FORMAT, "--json", "--quiet")
        return auditor("render", folder / "pack", *frameworks, *options)

    return once(folder, render)


WAIVERS = """
waivers:
  - control: kms-key-rotation
    resource: arn:aws:kms:eu-central-1:111122223333:key/*
    justification: Replaced in January, with the old ledger.
    owner: Platform team
    approver: Head of IT
    ticket: SEC-17
    expires: 2027-01-31
  - control: iam-root-not-used
    resource: "*"
    justification: Only during the move.
    owner: Platform team
    approver: Head of IT
    ticket: SEC-2
    expires: 2026-09-30
"""


MORE_LOG_GROUPS = 120
"""More than fit on two pages."""

CREDENTIALS = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}


@pytest.fixture(scope="session")
def impaired(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """A run that was denied the password policy, lost a page of VPCs, and got a page of security groups without any."""
    folder = shared(tmp_path_factory, "impaired")

    def run() -> Outcome:
        frameworks = ("--framework", "cis-aws-5.0.0", "--framework", "trail-readiness")
        where = ("--regions", "eu-central-1,us-east-1", "--skip", "trail,truth", "--out", folder / "packs")
        when = ("--period", "2026-10", "--as-of", "2026-11-02T06:00:00Z", "--format", "html,markdown")
        with Simulator("demo") as aws:
            logs = boto3.client("logs", region_name="eu-central-1", endpoint_url=aws.endpoint, **CREDENTIALS)
            for number in range(MORE_LOG_GROUPS):
                logs.create_log_group(logGroupName=f"/more/{number:03}")
            aws.deny("iam:GetAccountPasswordPolicy")
            aws.fault("ec2:DescribeVpcs", "lost-page", region="eu-central-1")
            aws.fault("ec2:DescribeSecurityGroups", "lost-items", region="eu-central-1")
            return auditor("run", *frameworks, *where, *when, "--json", "--quiet", env=aws.environment())

    return once(folder, run)


HOSTILE = (
    *("hostile", "--regions", "us-east-1,eu-central-1", "--zip"),
    *("--format", "pdf,html,csv,results-csv,xlsx,junit,markdown"),
)
"""The world and the options of its audit."""


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """The pack of the account whose names and tags attack the reader."""
    return made(shared(tmp_path_factory, "hostile"), *HOSTILE)


@pytest.fixture
def own_copy(pack: Pack, tmp_path: Path) -> Path:
    """A copy of the demo pack that a test may spoil."""
    target = tmp_path / "pack"
    shutil.copytree(pack.path, target)
    return target
