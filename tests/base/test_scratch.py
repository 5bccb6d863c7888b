"""Folders for a while: what a killed process leaves goes with the next one, and nothing else goes."""

import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from auditor.base.scratch import PREFIX, scratch_folder

PACKAGE = Path(__file__).parent.parent.parent / "auditor"
HOLDS = """
import sys
from pathlib import Path
from auditor.base.scratch import scratch_folder
from auditor.trail.spool import Spool

with scratch_folder("held") as folder:
    (folder / "deep").mkdir()
    (folder / "deep" / "file").write_text("x")
    spool = Spool()
    spool.add_listed([("bucket", "key", 1, None, 1, None, "")])
    print(folder, flush=True)
    sys.stdin.read()
"""


def held_by_another(place: Path) -> "subprocess.Popen[str]":
    """Start a process that holds such a folder, and a scratch file of the trail room."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLDS],
        env={**os.environ, "TMPDIR": str(place)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_what_a_killed_process_held_goes_with_the_next_one(tmp_path: Path) -> None:
    with held_by_another(tmp_path) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        with scratch_folder("mine", tmp_path) as mine:
            assert {path.name for path in tmp_path.iterdir()} == {folder.name, mine.name}, "what is held stays"
            process.send_signal(signal.SIGKILL)
            process.wait()
            with scratch_folder("third", tmp_path):
                assert not folder.exists()
                assert mine.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_ours_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "auditor-packs").mkdir()
    (tmp_path / f"{PREFIX}file").write_text("x")
    (tmp_path / f"{PREFIX}link").symlink_to(tmp_path / "auditor-packs")
    (tmp_path / f"{PREFIX}left").mkdir()
    before = {path.name for path in tmp_path.iterdir()}
    owner = os.geteuid()
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: owner + 1)
        with scratch_folder("mine", tmp_path):
            pass
    assert {path.name for path in tmp_path.iterdir()} == before, "another user's stays, too"
    with scratch_folder("mine", tmp_path):
        pass
    assert {path.name for path in tmp_path.iterdir()} == before - {f"{PREFIX}left"}


def test_many_at_once_never_take_each_others(tmp_path: Path) -> None:
    def use(number: int) -> bool:
        with scratch_folder("one", tmp_path) as folder:
            file = folder / "file"
            file.write_text(str(number))
            return file.read_text() == str(number)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(use, range(200)))
    assert list(tmp_path.iterdir()) == []


def test_nobody_else_makes_folders_that_outlive_a_killed_process() -> None:
    """Those named here lie in an output folder, which is cleared up, hold nothing but a name, or have none."""
    known = {
        "base/scratch.py",
        "base/whole.py",
        "seal/archive.py",
        "seal/pack.py",
        "work/ledger.py",
        "trail/spool.py",
        "simulator/__init__.py",
    }
    made = re.compile(r"\b(TemporaryDirectory|NamedTemporaryFile|TemporaryFile|mkdtemp|mkstemp)\(")
    found = {str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py") if made.search(path.read_text())}
    assert found == known
