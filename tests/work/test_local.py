"""The engines of one machine and the ledger: stable order, nothing made twice, failures by name, no endless wait."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.work.ledger import Ledger, tree_sha256
from auditor.work.local import Processes, Threads
from auditor.work.task import TIMED_OUT, WORKER_LOST, Engine, Task, carry_out

HERE = "tests.work.tasks"


def writing(number: int, log: Path) -> Task:
    return Task(
        f"verify/111122223333/eu-west-{number}/2026-10", f"{HERE}:write", {"text": f"{number}", "log": f"{log}"}
    )


@pytest.fixture(params=[pytest.param(Threads(3), id="threads"), pytest.param(Processes(2), id="processes")])
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.param
    return found


def test_results_come_in_the_order_of_the_tasks_and_are_made_once(engine: Engine, tmp_path: Path) -> None:
    log = tmp_path / "log"
    tasks = [writing(number, log) for number in (3, 1, 2, 5, 4)]
    first = carry_out(engine, tasks, Ledger(tmp_path / "kept"))
    assert [done.key for done in first] == [task.key for task in tasks]
    assert [done.path and done.path.read_text() for done in first] == ["3", "1", "2", "5", "4"]
    again = carry_out(engine, reversed(tasks), Ledger(tmp_path / "kept"))
    assert [(done.sha256, done.reused) for done in again] == [(done.sha256, True) for done in reversed(first)]
    assert sorted(log.read_text().split()) == ["1", "2", "3", "4", "5"]


def test_a_failure_has_a_name_and_costs_only_its_own_task(engine: Engine, tmp_path: Path) -> None:
    tasks = [
        Task("a", f"{HERE}:refuse"),
        writing(1, tmp_path / "log"),
        Task("b", f"{HERE}:forget"),
        Task("c", f"{HERE}:unknown"),
        Task("d", "tests.work.nowhere:write"),
    ]
    done = carry_out(engine, tasks, Ledger(tmp_path / "kept"))
    names = [item.failure.name if item.failure else "" for item in done]
    assert names == ["ValueError", "", "LookupError", "LookupError", "LookupError"]
    assert done[0].failure is not None
    assert done[0].failure.message == "no [31m such thing"
    assert Ledger(tmp_path / "kept").find(tasks[0]) is None


def test_a_task_that_dies_is_tried_again_and_then_named(tmp_path: Path) -> None:
    tasks = [
        Task("once", f"{HERE}:die", {"log": f"{tmp_path / 'once'}", "times": 1}),
        Task("always", f"{HERE}:die", {"log": f"{tmp_path / 'always'}", "times": 99}),
        writing(1, tmp_path / "log"),
    ]
    once, always, other = carry_out(Processes(2), tasks, Ledger(tmp_path / "kept"))
    assert once.path is not None
    assert always.failure is not None
    assert (always.failure.name, other.failure) == (WORKER_LOST, None)
    assert "-9" in always.failure.message


def test_a_task_that_hangs_is_ended(tmp_path: Path) -> None:
    tasks = [Task("hangs", f"{HERE}:hang"), writing(1, tmp_path / "log")]
    hung, other = carry_out(Processes(1, most_seconds=3), tasks, Ledger(tmp_path / "kept"))
    assert hung.failure is not None
    assert (hung.failure.name, other.failure) == (TIMED_OUT, None)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda place: place.write_text("other"), id="changed"),
        pytest.param(lambda place: place.unlink(), id="gone"),
        pytest.param(lambda place: place.with_name(f"{place.name}.done").write_text("{"), id="torn-note"),
        pytest.param(lambda place: place.with_name(f"{place.name}.done").unlink(), id="no-note"),
    ],
)
def test_what_does_not_hold_is_made_again(damage: object, tmp_path: Path) -> None:
    ledger, task = Ledger(tmp_path / "kept"), writing(1, tmp_path / "log")
    (done,) = carry_out(Threads(1), [task], ledger)
    assert callable(damage)
    damage(done.path)
    (again,) = carry_out(Threads(1), [task], ledger)
    assert (again.reused, again.sha256) == (False, done.sha256)
    assert (tmp_path / "log").read_text() == "1\n1\n"


def test_another_task_of_the_same_name_takes_no_result(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "kept")
    carry_out(Threads(1), [Task("a", f"{HERE}:write", {"text": "one"})], ledger)
    assert ledger.find(Task("a", f"{HERE}:write", {"text": "two"})) is None


def test_folders_are_results_too_and_what_was_being_made_goes(tmp_path: Path) -> None:
    task = Task("collect/1", f"{HERE}:write_folder", {"files": {"b/c.json": "1", "a": "2"}})
    (done,) = carry_out(Processes(1), [task], Ledger(tmp_path / "kept"))
    assert done.path is not None
    assert done.sha256 == tree_sha256(done.path)
    (done.path / "b" / "c.json").write_text("3")
    assert done.sha256 != tree_sha256(done.path)
    left = Ledger(tmp_path / "kept").scratch(task)
    left.write_text("half")
    Ledger(tmp_path / "kept")
    assert not left.exists()


def test_tasks_are_drawn_when_there_is_room(tmp_path: Path) -> None:
    drawn: list[int] = []

    def endless() -> Iterator[Task]:
        for number in range(10_000):
            drawn.append(number)
            yield writing(number, tmp_path / "log")

    running = Threads(2).run(endless(), Ledger(tmp_path / "kept"))
    next(running)
    running.close()  # type: ignore[attr-defined]
    assert len(drawn) <= 4


def test_names_that_leave_the_folder_and_two_of_a_name_are_refused(tmp_path: Path) -> None:
    for key in ("../up", "/root", "a//b", "", "a/../b", "x" * 300):
        with pytest.raises(ValueError, match="key"):
            Task(key, f"{HERE}:write")
    with pytest.raises(ValueError, match="module:name"):
        Task("a", "os.system")
    with pytest.raises(ValueError, match="two tasks"):
        carry_out(Threads(1), [writing(1, tmp_path / "log")] * 2, Ledger(tmp_path / "kept"))
