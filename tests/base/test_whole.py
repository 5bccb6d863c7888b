"""Files and folders appear whole or not at all, and what a killed process left behind is known as such."""

import fcntl
import os
from pathlib import Path

import pytest

from auditor.base.whole import left_over, link_files, move_in, unfinished, write_new, write_whole, written_into


def test_a_folder_vanishes_unless_it_was_renamed(tmp_path: Path) -> None:
    with unfinished(tmp_path / "out") as folder:
        (folder / "a").write_text("x")
        folder.rename(tmp_path / "out" / "kept")
    with unfinished(tmp_path / "out") as folder:
        (folder / "b").write_text("x")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["kept"]


def test_only_what_nobody_writes_any_more_is_left_over(tmp_path: Path) -> None:
    (tmp_path / ".unfinished-dead").mkdir()
    (tmp_path / ".unfinished-link").symlink_to(tmp_path)
    (tmp_path / ".unfinished-file").write_text("x")
    with unfinished(tmp_path):
        assert [path.name for path in left_over(tmp_path)] == [".unfinished-dead"]
    held = os.open(tmp_path / ".unfinished-dead", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    assert list(left_over(tmp_path)) == []
    os.close(held)


def test_a_new_file_is_whole_and_never_takes_the_place_of_another(tmp_path: Path) -> None:
    write_new(tmp_path / "a.json", b"one")
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "a.json", b"two")
    assert (tmp_path / "a.json").read_bytes() == b"one"


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    write_whole(tmp_path / "new" / "a.json", b"one")
    write_whole(tmp_path / "new" / "a.json", b"two")
    with pytest.raises(TypeError):
        write_whole(tmp_path / "new" / "a.json", "three")  # type: ignore[arg-type]
    assert [(path.name, path.read_bytes()) for path in (tmp_path / "new").iterdir()] == [("a.json", b"two")]


def test_what_cannot_be_moved_in_completely_goes_back(tmp_path: Path) -> None:
    place, made = tmp_path / "place", tmp_path / "made"
    (place / "evidence").mkdir(parents=True)
    (place / "evidence" / "a").write_text("a")
    link_files(place, made)
    (made / "evidence" / "imported").mkdir()
    (made / "evidence" / "imported" / "i").write_text("i")
    for name in ("sums", "page", "manifest"):
        (made / name).write_text(name)
    before = sorted(str(path.relative_to(place)) for path in place.rglob("*"))

    class Breaking(type(made)):  # type: ignore[misc]
        """A path whose last file cannot be renamed."""

        def rename(self, target: object) -> Path:
            if self.name == "manifest":
                raise OSError("no space left")
            moved: Path = super().rename(target)
            return moved

    with pytest.raises(OSError, match="no space"):
        move_in(Breaking(made), place, last=("manifest",))
    assert sorted(str(path.relative_to(place)) for path in place.rglob("*")) == before
    move_in(made, place, last=("manifest",))
    assert (place / "evidence" / "imported" / "i").read_text() == "i"
    assert (place / "manifest").exists()


def test_a_pipe_is_written_into_and_stays_one(tmp_path: Path) -> None:
    """Renaming would put a file where the machine's /dev/null is."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(pipe, b"all of it")
    assert os.read(reader, 100) == b"all of it"
    os.close(reader)
    assert pipe.is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_devices_and_open_files_are_written_into(tmp_path: Path) -> None:
    with (tmp_path / "open").open("wb") as file:
        write_whole(Path(f"/dev/fd/{file.fileno()}"), b"x")
    assert (tmp_path / "open").read_bytes() == b"x"
    assert all(map(written_into, map(Path, ("/dev/null", "/dev/stdin", "/dev/stdout", "/dev/stderr"))))
    assert not any(map(written_into, (tmp_path, tmp_path / "open", tmp_path / "none")))
