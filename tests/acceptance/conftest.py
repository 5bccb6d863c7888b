"""One demo pack for all acceptance tests, made once by the installed command, whatever the number of workers."""

import fcntl
import html
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest


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


def made(folder: Path, world: str, *options: str) -> Pack:
    """Make the pack of a simulated world below a folder, or take the one that another worker made."""
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        answer = folder / "answer.json"
        if not answer.exists():
            outcome = auditor("demo", "--world", world, "--out", folder / "packs", "--json", "--quiet", *options)
            assert outcome.stdout, outcome.stderr
            answer.write_text(outcome.stdout)
        document = json.loads(answer.read_text())
    return Pack(Path(document["pack"]), document)


def shared(tmp_path_factory: pytest.TempPathFactory, name: str) -> Path:
    """Return a folder that all workers of one test run share."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """The pack of ``auditor demo``, as a newcomer gets it. Not to be changed."""
    return made(shared(tmp_path_factory, "demo"), "demo")


@pytest.fixture
def own_copy(pack: Pack, tmp_path: Path) -> Path:
    """A copy of the demo pack that a test may spoil."""
    target = tmp_path / "pack"
    shutil.copytree(pack.path, target)
    return target
