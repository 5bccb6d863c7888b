"""The set-up script on a machine made of small programs: what it runs, what it repeats, and what it says is missing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools" / "setup.py"


class Machine:
    """A checkout with the real script, an environment whose Python only notes how it was called, and an empty path."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls_file = folder / "calls"
        self.programs = folder / "programs"
        self.programs.mkdir()
        (folder / "tools").mkdir()
        shutil.copy(SCRIPT, folder / "tools")
        for name in ("requirements-demo.lock", "requirements-dev.lock", "pyproject.toml"):
            (folder / name).write_text(f"# {name}\n", encoding="utf-8")
        self.write_program(folder / ".venv" / "bin" / "python", f'echo "$@" >> {self.calls_file}')

    @staticmethod
    def write_program(path: Path, script: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

    def add_browser(self) -> None:
        for name in ("chromium", "chromedriver"):
            self.write_program(self.programs / name, "exit 0")

    def setup(self, profile: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(self.folder / "tools" / "setup.py"), profile],
            env={"PATH": str(self.programs), "HOME": os.environ.get("HOME", "/"), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def installations(self) -> list[str]:
        """Return the pip calls since the last question."""
        calls = self.calls_file.read_text(encoding="utf-8").splitlines() if self.calls_file.exists() else []
        self.calls_file.unlink(missing_ok=True)
        return [call for call in calls if " install " in call]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_packages_are_installed_by_hash_and_the_checkout_without_dependencies(machine: Machine) -> None:
    assert machine.setup("demo").returncode == 0
    locked, checkout = machine.installations()
    assert "--no-deps --require-hashes" in locked
    assert locked.endswith("requirements-demo.lock")
    assert "--no-deps --no-build-isolation --editable" in checkout


def test_a_second_run_installs_nothing(machine: Machine) -> None:
    machine.setup("demo")
    machine.installations()
    assert machine.setup("demo").returncode == 0
    assert machine.installations() == []


def test_the_demo_is_content_with_what_the_tests_need(machine: Machine) -> None:
    machine.setup("dev")
    machine.installations()
    machine.setup("demo")
    assert machine.installations() == []


def test_the_tests_are_not_content_with_what_the_demo_needs(machine: Machine) -> None:
    machine.setup("demo")
    machine.installations()
    machine.setup("dev")
    assert machine.installations()[0].endswith("requirements-dev.lock")


@pytest.mark.parametrize("name", ["requirements-dev.lock", "pyproject.toml"])
def test_a_changed_lock_or_project_file_installs_again(machine: Machine, name: str) -> None:
    machine.setup("dev")
    machine.installations()
    (machine.folder / name).write_text("# changed\n", encoding="utf-8")
    machine.setup("dev")
    assert len(machine.installations()) == 2


def test_a_failed_installation_is_tried_again_and_stops_the_set_up(machine: Machine) -> None:
    machine.write_program(machine.folder / ".venv/bin/python", 'case "$*" in *require-hashes*) exit 1;; esac')
    for _ in range(2):
        outcome = machine.setup("demo")
        assert outcome.returncode == 1
        assert "pip install failed" in outcome.stderr


def test_a_missing_browser_is_named_in_one_line_and_fails_only_in_ci(machine: Machine) -> None:
    here, ci = machine.setup("dev"), machine.setup("dev", CI="true")
    assert (here.returncode, ci.returncode) == (0, 1)
    lines = [line for line in here.stderr.splitlines() if "missing" in line and "browser" in line]
    assert lines == [
        "missing for the browser tests (left out until then); install: apt-get install chromium chromium-driver"
    ]


def test_a_browser_on_the_path_is_enough(machine: Machine) -> None:
    machine.add_browser()
    assert "browser" not in machine.setup("dev", CI="true").stderr
