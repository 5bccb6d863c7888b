"""A process that is killed while it fills a store: the next one goes on at a batch, and nothing is lost or doubled."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from auditor.events.opened import EventStore, finish
from auditor.events.store import StoreWriter

from .month import NOVEMBER, logs
from .test_month import month

_FILL = """
import sys
from pathlib import Path
from auditor.events.store import StoreWriter
from tests.events.month import logs

writer = StoreWriter(Path(sys.argv[1]), batch_bytes=20_000)
for number, log in enumerate(logs(), 1):
    writer.take(log)
    if number == int(sys.argv[2]):
        print("there", flush=True)
        if sys.argv[3] == "waits":
            sys.stdin.read()
writer.flush()
print("done", flush=True)
sys.stdin.read()
"""


def _killed(folder: Path, number: int, how: str) -> None:
    """Fill a store in a process of its own, and kill it after so many log files; ``goes-on`` means in full swing."""
    command = [sys.executable, "-c", _FILL, str(folder), str(number), how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "there\n"
        child.kill()
    assert child.returncode == -signal.SIGKILL


def _contents(store: EventStore) -> list[tuple[object, ...]]:
    with store.database() as database:
        return database.execute("SELECT * EXCLUDE (session_start) FROM all_events ORDER BY ALL").fetchall()


@pytest.mark.parametrize(("part", "how"), [(0.5, "waits"), (0.5, "goes-on"), (1.0, "goes-on")])
def test_a_killed_process_loses_and_doubles_nothing(tmp_path: Path, part: float, how: str) -> None:
    files = logs()
    folder = tmp_path / "store"
    _killed(folder, max(1, int(len(files) * part)), how)
    finished = {path.name: path.stat().st_mtime_ns for path in (folder / "files").glob("*.ndjson")}
    writer = StoreWriter(folder, batch_bytes=20_000)
    for item in files:
        writer.take(item)
    writer.flush()
    writer.close()
    finish(folder, {"period": NOVEMBER.document()})
    unbroken = month(tmp_path / "unbroken")
    resumed = EventStore(folder)
    assert _contents(resumed) == _contents(unbroken)
    assert resumed.contents() == unbroken.contents()
    assert {name: (folder / "files" / name).stat().st_mtime_ns for name in finished} == finished
    if how == "waits":
        assert finished, "batches that were finished before the kill are kept"
