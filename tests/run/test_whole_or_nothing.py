"""A render that fails leaves its folder as it was; a run that breaks keeps what it collected; signals clear up."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from auditor.base.errors import RenderError
from auditor.base.whole import unfinished
from auditor.config import Config
from auditor.run import complete_in_place, leavings, load_rules
from auditor.run.keeping import clear_up, kept_when_broken
from tests.seal.forging import evidence_folder, verified

SETTINGS = Config.model_validate({"frameworks": ["trail-readiness"], "formats": ["csv"]})


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def collected(tmp_path: Path) -> Path:
    evidence_folder(tmp_path / "out" / "account" / "evidence", {"frameworks": ["trail-readiness"]})
    return tmp_path / "out" / "account"


def silent(stage: str, done: int, total: int, note: str = "") -> None:
    del stage, done, total, note


def test_a_render_that_fails_leaves_the_folder_as_it_was_and_can_be_repeated(collected: Path) -> None:
    def breaking(stage: str, done: int, total: int, note: str = "") -> None:
        del done, total
        if stage == "Render HTML":
            raise RenderError(f"cannot be drawn {note}")

    before = files(collected)
    with pytest.raises(RenderError):
        complete_in_place(collected, load_rules(SETTINGS.model_copy(update={"formats": ["html"]})), breaking)
    assert files(collected) == before
    assert [path.name for path in collected.parent.iterdir()] == ["account"]
    complete_in_place(collected, load_rules(SETTINGS), silent)
    assert verified(collected).findings == ()
    assert files(collected).items() >= before.items()


def test_what_a_killed_render_moved_in_does_not_stand_in_the_way(collected: Path) -> None:
    (collected / "results").mkdir()
    (collected / "results" / "results.json").write_text("{}")
    (collected / "README.txt").write_text("half")
    assert leavings(collected) == ("README.txt", "results")
    complete_in_place(collected, load_rules(SETTINGS), silent)
    assert leavings(collected) == ()
    assert verified(collected).findings == ()


def test_a_run_that_breaks_after_collecting_keeps_the_evidence_and_says_how_to_go_on(tmp_path: Path) -> None:
    out = tmp_path / "out"

    def run() -> None:
        with unfinished(out) as folder:
            evidence_folder(folder / "evidence", {"frameworks": ["trail-readiness"]})
            with kept_when_broken(folder, out):
                (folder / "results").mkdir()
                (folder / "report.html").write_text("half a page")
                raise RenderError("cannot be drawn")

    for expected in ("collected-20261102T030000Z", "collected-20261102T030000Z.2"):
        with pytest.raises(RenderError, match="cannot be drawn") as caught:
            run()
        place = out / "111122223333" / "2026-10" / expected
        assert caught.value.__notes__ == [f"what was collected is kept; go on with: auditor render {place}"]
        assert [path.name for path in place.iterdir()] == ["evidence"]
    complete_in_place(place, load_rules(SETTINGS), silent)
    assert verified(place).findings == ()
    assert [path.name for path in out.iterdir()] == ["111122223333"]


def test_what_killed_runs_left_is_kept_when_complete_and_removed_otherwise(tmp_path: Path) -> None:
    evidence_folder(tmp_path / ".unfinished-complete" / "evidence", {})
    (tmp_path / ".unfinished-early" / "evidence" / "raw").mkdir(parents=True)
    told: list[str] = []
    with unfinished(tmp_path) as alive:
        clear_up(tmp_path, lambda stage, *_: told.append(stage))
        assert alive.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["111122223333"]
    assert (tmp_path / "111122223333/2026-10/collected-20261102T030000Z/evidence/scope.json").exists()
    assert ["auditor render" in told[0], "Removed .unfinished-early" in told[1]] == [True, True]


_RUN = """
import signal, sys, time
from pathlib import Path
# Whoever started the tests may have let them ignore these, and children inherit that.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
import auditor.cli as cli
from auditor.base.whole import unfinished

def run(**_):
    with unfinished(Path(sys.argv[1])):
        print("ready", flush=True)
        time.sleep(60)

cli.auditor.main = run
cli.main([])
"""


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [(signal.SIGTERM, 143, "terminated"), (signal.SIGHUP, 129, "hung up"), (signal.SIGINT, 130, "interrupted")],
    ids=["SIGTERM", "SIGHUP", "SIGINT"],
)
def test_a_signal_clears_up_and_tells_by_the_exit_code(
    tmp_path: Path, number: signal.Signals, code: int, words: str
) -> None:
    command = [sys.executable, "-c", _RUN, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    assert process.returncode == code
    assert said == f"auditor: {words}\n"
    assert list(tmp_path.iterdir()) == []
