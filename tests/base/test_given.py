"""Files that people name: whatever is behind the name, reading ends, and says why it did not succeed."""

import os
from collections.abc import Callable
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from threading import Thread

import pytest

from auditor.base import given
from auditor.base.given import open_given, read_given

MOST = 1_000


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(given, "SILENCE_SECONDS", 0.2)


def _pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


def test_files_pipes_and_nothing_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * MOST)
    assert read_given(tmp_path / "file", MOST) == b"x" * MOST
    assert read_given(Path(os.devnull), MOST) == b""
    pipe = _pipe(tmp_path)
    Thread(target=lambda: pipe.write_bytes(b"told"), daemon=True).start()
    assert read_given(pipe, MOST) == b"told"


def test_a_pipe_that_never_ends_is_left(tmp_path: Path) -> None:
    with Popen(["yes"], stdout=PIPE, stderr=DEVNULL) as endless:
        assert endless.stdout is not None
        with pytest.raises(OSError, match="larger than 1,000 bytes"):
            read_given(Path(f"/proc/self/fd/{endless.stdout.fileno()}"), MOST)
        endless.kill()


def _sparse(folder: Path) -> Path:
    with (folder / "sparse").open("wb") as file:
        file.truncate(10 << 30)
    return folder / "sparse"


def _loop(folder: Path) -> Path:
    (folder / "loop").symlink_to("loop")
    return folder / "loop"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(_pipe, "nothing came out of it", id="silent-pipe"),
        pytest.param(_sparse, "larger than 1,000 bytes", id="sparse"),
        pytest.param(_loop, "symbolic links", id="loop"),
        pytest.param(lambda folder: folder, "it is a folder", id="folder"),
        pytest.param(lambda folder: folder / "none", "No such file", id="missing"),
        pytest.param(lambda _: Path("/dev/zero"), "it is a device", id="device"),
        pytest.param(lambda _: Path("/proc/self/mem"), "error", id="memory"),
        pytest.param(lambda _: Path("a\0b"), "no file has such a name", id="zero-byte"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, make: Callable[[Path], Path], words: str) -> None:
    with pytest.raises(OSError, match=words):
        read_given(make(tmp_path), MOST)


def test_a_file_read_here_and_there_is_no_pipe(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="it is a pipe"):
        open_given(_pipe(tmp_path))
