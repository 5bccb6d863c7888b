"""A real Dask scheduler over TLS with two worker processes on loopback: deaths cost no result, no wait is endless."""

import asyncio
import concurrent.futures
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from distributed import Future

from auditor.base.errors import CollectionError, UsageError
from auditor.cli import _run
from auditor.run.sharing import folder_opening
from auditor.trail.context import Progress
from auditor.trail.discover import Wanted, scopes_of_place
from auditor.trail.fetch import open_folder
from auditor.trail.findings import Level
from auditor.trail.portion import Opening
from auditor.trail.report import TrailReport
from auditor.trail.sharing import Shared
from auditor.trail.verify import verify_trail
from auditor.work.cluster import Bounds, Cluster, Place
from auditor.work.ledger import Ledger
from auditor.work.local import Threads
from auditor.work.task import NO_WORKERS, SCHEDULER_LOST, TIMED_OUT, WORKER_LOST, Done, Task, carry_out
from tests.trail.bucket import END, NOW, START
from tests.trail.scenarios import AT, genuine
from tests.trail.test_fetch import download
from tests.work.machines import Machines, machines, make_certificates

HERE = "tests.work.tasks"
AGREED = ("tests.work.tasks:greeting", {"version": "1"})
BOUNDS = Bounds(no_workers_seconds=120, task_seconds=120)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory.mktemp("certificates") / "made")


@pytest.fixture(scope="module")
def cluster(certificates: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    with machines(certificates, tmp_path_factory.mktemp("machines")) as made:
        yield made


def tasks(log: Path, count: int = 12) -> list[Task]:
    texts = [{"text": f"{number}", "log": f"{log}"} for number in range(count)]
    return [Task(f"verify/1/r/{number}", f"{HERE}:write", text) for number, text in enumerate(texts)]


def said(done: tuple[Done, ...]) -> list[tuple[str, str]]:
    return [(item.key, item.sha256) for item in done]


def test_results_are_those_of_this_machine(cluster: Machines, certificates: Path, tmp_path: Path) -> None:
    cluster.man()
    work = [
        *tasks(tmp_path / "log"),
        Task("folder", f"{HERE}:write_folder", {"files": {"a/b": "1", "c": "2"}}),
        Task("refused", f"{HERE}:refuse"),
    ]
    here = carry_out(Threads(2), work, Ledger(tmp_path / "here"))
    with Cluster(Place(cluster.address, certificates), agreed=AGREED, bounds=BOUNDS) as engine:
        there = carry_out(engine, work, Ledger(tmp_path / "there"))
        again = carry_out(engine, work, Ledger(tmp_path / "there"))
    assert said(there) == said(here)
    assert [item.reused for item in again] == [True] * 13 + [False]
    assert there[-1].failure == here[-1].failure


def test_a_worker_that_dies_after_its_tasks_costs_nothing(
    cluster: Machines, certificates: Path, tmp_path: Path
) -> None:
    cluster.man()
    work = tasks(tmp_path / "log", 20)
    done = []
    with Cluster(Place(cluster.address, certificates), bounds=BOUNDS) as engine:
        for item in engine.run(work, Ledger(tmp_path / "kept")):
            done.append(item)
            if len(done) == 3:
                cluster.workers[0].kill()
    assert sorted(item.key for item in done) == sorted(task.key for task in work)
    assert [item.failure for item in done] == [None] * 20


def test_a_task_that_always_kills_its_worker_is_named(cluster: Machines, certificates: Path, tmp_path: Path) -> None:
    cluster.man(3)
    deadly = Task("deadly", f"{HERE}:die", {"log": f"{tmp_path / 'deaths'}", "times": 99})
    with Cluster(Place(cluster.address, certificates), bounds=BOUNDS) as engine:
        first, *others = carry_out(engine, [deadly, *tasks(tmp_path / "log", 4)], Ledger(tmp_path / "kept"))
    assert first.failure is not None
    assert first.failure.name == WORKER_LOST
    assert (tmp_path / "deaths").read_text().count("died") == 2
    assert {item.failure.name for item in others if item.failure} <= {WORKER_LOST}
    assert cluster.left_behind()
    cluster.add_worker()
    assert cluster.left_behind() == [], "a worker clears up after those that were killed in its folder"


def test_without_any_worker_left_the_wait_has_an_end(cluster: Machines, certificates: Path, tmp_path: Path) -> None:
    cluster.man()
    hanging = [Task(f"hangs/{number}", f"{HERE}:hang") for number in range(2)]
    bounds = Bounds(no_workers_seconds=2)
    cluster.man()
    with Cluster(Place(cluster.address, certificates), bounds=BOUNDS) as engine:
        engine._bounds = bounds
        for worker in cluster.workers:
            worker.send_signal(signal.SIGKILL)
        done = carry_out(engine, [*hanging, *tasks(tmp_path / "log", 40)], Ledger(tmp_path / "kept"))
    names = {item.failure.name for item in done if item.failure}
    assert NO_WORKERS in names
    assert names <= {NO_WORKERS, WORKER_LOST}
    with (
        pytest.raises(CollectionError, match="no worker came"),
        Cluster(Place(cluster.address, certificates), bounds=bounds),
    ):
        pass


def test_workers_that_hang_do_not_make_each_task_wait(cluster: Machines, certificates: Path, tmp_path: Path) -> None:
    """A stopped worker is there, and does nothing: what is given to it is given up, and after twice so is the rest."""
    cluster.man()
    given = tasks(tmp_path / "log", 60)
    with Cluster(Place(cluster.address, certificates), bounds=Bounds(no_workers_seconds=600, task_seconds=1)) as engine:
        for worker in cluster.workers:
            worker.send_signal(signal.SIGSTOP)
        done = carry_out(engine, given, Ledger(tmp_path / "kept"))
    for worker in cluster.workers:
        worker.kill()
    assert [item.key for item in done] == [task.key for task in given]
    assert {item.failure.name for item in done if item.failure} == {TIMED_OUT}
    assert len([item for item in done if item.failure]) > 50


def test_a_scheduler_that_dies_fails_what_is_left_by_name(
    certificates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with machines(certificates, tmp_path) as made:
        made.man(1)
        work = [*tasks(tmp_path / "log", 3), *(Task(f"hangs/{number}", f"{HERE}:hang") for number in range(3))]
        kept = Ledger(tmp_path / "kept")
        done = []
        with Cluster(Place(made.address, certificates), bounds=BOUNDS) as engine:
            for item in engine.run(work, kept):
                done.append(item)
                if len(done) == 1:
                    made.scheduler.kill()
        assert {item.failure.name for item in done if item.failure} == {SCHEDULER_LOST}
        assert [item.failure for item in done[:1]] == [None]
        assert sorted(item.key for item in done) == sorted(task.key for task in work)
        monkeypatch.setattr("auditor.work.cluster._CONNECT_SECONDS", 0.2)
        with pytest.raises(CollectionError, match="cannot be reached"):
            Cluster(Place("tls://127.0.0.1:1", certificates), bounds=BOUNDS).__enter__()


@pytest.mark.parametrize("given_up", [asyncio.CancelledError, concurrent.futures.CancelledError])
def test_an_answer_given_up_on_its_way_is_asked_for_again(
    given_up: type[BaseException],
    cluster: Machines,
    certificates: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster.man(1)
    answer = Future.result
    lost: list[str] = []

    def result(future: Any, timeout: Any = None) -> Any:
        if not lost and str(future.key).startswith("verify/"):
            lost.append(future.key)
            raise given_up
        return answer(future, timeout)

    monkeypatch.setattr("auditor.work.cluster._NOTICE_SECONDS", 0.2)
    monkeypatch.setattr(Future, "result", result)
    with Cluster(Place(cluster.address, certificates), bounds=BOUNDS) as engine:
        done = carry_out(engine, given := tasks(tmp_path / "log", 3), Ledger(tmp_path / "kept"))
    assert len(lost) == 1
    assert [(item.key, item.failure) for item in done] == [(task.key, None) for task in given]


def test_another_program_on_a_worker_is_refused(cluster: Machines, certificates: Path) -> None:
    cluster.man(1)
    other = ("tests.work.tasks:greeting", {"version": "2", "catalogue": "x"})
    with pytest.raises(CollectionError, match="version is '1' there and '2' here"):
        Cluster(Place(cluster.address, certificates), agreed=other, bounds=BOUNDS).__enter__()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        pytest.param("tcp://10.0.0.5:8786", "not encrypted", id="plain"),
        pytest.param("tcp://scheduler.internal:8786", "not encrypted", id="plain-name"),
        pytest.param("scheduler:8786", "no address", id="no-scheme"),
        pytest.param("tls://10.0.0.5", "no address", id="no-port"),
        pytest.param("tls://10.0.0.5:8786", "ca.pem", id="no-certificates"),
    ],
)
def test_what_is_not_safe_is_refused_before_anything_is_sent(address: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words):
        Cluster(Place(address, tmp_path))


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:8786", "tcp://[::1]:8786", "tcp://localhost:8786"])
def test_plain_connections_are_for_this_machine_or_on_request(address: str) -> None:
    Place(address).check()
    Place("tcp://10.0.0.5:8786", plain=True).check()


# ------------------------------------------------------------------------------------------------------ a trail


@pytest.fixture(scope="module")
def trail(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A download with a log file that was altered."""
    folder = tmp_path_factory.mktemp("trail")
    bucket = genuine().copy()
    bucket.edit(bucket.log_key(AT), lambda data: data + b" ")
    download(bucket, folder)
    return folder


def verified(folder: Path, shared: Shared | None = None, **options: Any) -> TrailReport:
    source, prefix = open_folder(folder)
    (scope,) = scopes_of_place(source, "", prefix, Wanted(START, END))
    return verify_trail(source, lambda regions, *_: source.keys(regions), scope, now=NOW, shared=shared, **options)


def test_a_trail_is_verified_as_here_though_a_worker_dies(
    cluster: Machines, certificates: Path, trail: Path, tmp_path: Path
) -> None:
    cluster.man()
    here = verified(trail)
    assert here.verdict is Level.FAIL

    def kill(state: Progress) -> None:
        if state.stage == "log files" and state.done == 4 and cluster.workers[0].poll() is None:
            cluster.workers[0].kill()

    with Cluster(Place(cluster.address, certificates), bounds=BOUNDS) as engine:
        shared = Shared(engine, Ledger(tmp_path / "kept"), folder_opening(trail), files=2)
        there = verified(trail, shared, progress=kill)
    assert cluster.workers[0].poll() is not None
    assert shared.failed == []
    assert there.document() == here.document()


def test_the_command_says_the_same_with_a_cluster(
    cluster: Machines, certificates: Path, trail: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.man()
    period = f"{START:%Y-%m-%dT%H:%M:%SZ}/{END:%Y-%m-%dT%H:%M:%SZ}"
    command = ["trail", "verify", "--dir", str(trail), "--period", period, "--as-of", f"{NOW:%Y-%m-%dT%H:%M:%SZ}"]
    said = []
    for place in ([], ["--scheduler", cluster.address, "--certificates", str(certificates)]):
        assert _run([*command, "--json", "--quiet", *place]) == 4
        said.append(capsys.readouterr())
    assert said[0] == said[1]


def test_events_are_answered_as_here_though_a_worker_dies(
    cluster: Machines, certificates: Path, trail: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A store that workers filled gives the same rows in the same order, and is asked again without them."""
    cluster.man()
    period = f"{START:%Y-%m-%dT%H:%M:%SZ}/{END:%Y-%m-%dT%H:%M:%SZ}"
    question = ["events", "timeline", "--param", "who=alice", "--json", "--quiet"]
    source = ["--dir", str(trail), "--period", period, "--as-of", f"{NOW:%Y-%m-%dT%H:%M:%SZ}"]
    there = ["--store", str(tmp_path / "store"), "--scheduler", cluster.address, "--certificates", str(certificates)]
    cluster.workers[0].kill()
    said = []
    for place in ([*source], [*source, *there], there[:2]):
        assert _run([*question, *place]) == 4
        said.append(json.loads(capsys.readouterr().out))
    assert said[0] == said[1] == said[2]
    assert said[0]["rows"]


def test_log_files_that_kill_each_worker_are_named_and_the_rest_is_judged(
    cluster: Machines, certificates: Path, trail: Path, tmp_path: Path
) -> None:
    cluster.man(3)
    deadly = {"folder": str(trail), "log": str(tmp_path / "deaths"), "key": genuine().log_key(AT)}
    with Cluster(Place(cluster.address, certificates), bounds=BOUNDS) as engine:
        shared = Shared(engine, Ledger(tmp_path / "kept"), Opening(f"{HERE}:open_deadly", deadly), files=16)
        report = verified(trail, shared)
    assert (tmp_path / "deaths").read_text().count("died") == 2
    assert {failure.name for _, failure in shared.failed} == {WORKER_LOST}
    unread = [finding for finding in report.findings if finding.kind == "log_unreadable"]
    assert {finding.found for finding in unread} == {WORKER_LOST}
    assert len(unread) == report.logs.unreadable > 0
    assert report.logs.expected == report.logs.unreadable + report.logs.valid + report.logs.altered


def test_a_stranger_without_a_certificate_is_not_let_in(cluster: Machines, tmp_path: Path) -> None:
    other = make_certificates(tmp_path / "others")
    with pytest.raises(CollectionError, match="cannot be reached"):
        Cluster(Place(cluster.address, other), bounds=BOUNDS).__enter__()
