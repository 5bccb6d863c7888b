"""An audit whose trails are read in tasks: the same pack, no credential in a task, and what a task lost is named."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from auditor.base.errors import CollectionError, UsageError
from auditor.base.period import parse_time
from auditor.config import Config
from auditor.model import State
from auditor.run import Finished
from auditor.simulator import Simulator
from auditor.work.task import SCHEDULER_LOST, WORKER_LOST, Done, Engine, Failure
from tests.run.killed import run, settings
from tests.run.test_resume import said_of
from tests.run.watched import Fate, Watched

pytestmark = pytest.mark.simulator


@pytest.fixture(scope="module")
def aws() -> Iterator[Simulator]:
    with Simulator("demo", enabled=["eu-central-1"]) as simulated, pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("AWS_", "AUDITOR_"))]:
            patch.delenv(name)
        for name, value in simulated.environment().items():
            patch.setenv(name, value)
        yield simulated


@pytest.fixture(scope="module")
def here(aws: Simulator, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return said_of(finished(aws, settings(tmp_path_factory.mktemp("here"))).pack)


def finished(aws: Simulator, config: Config) -> Finished:
    return run(config, parse_time(aws.about["as_of"]))


@pytest.fixture
def tasks(monkeypatch: pytest.MonkeyPatch) -> Callable[[Fate], Watched]:
    """Let runs hand out their tasks to threads, as if these were machines."""

    def give(fate: Fate = lambda _, done: done) -> Watched:
        made = Watched(fate)

        @contextmanager
        def cluster_of(_config: Config) -> Iterator[Engine]:
            yield made

        monkeypatch.setattr("auditor.run.cluster_of", cluster_of)
        monkeypatch.setattr("auditor.trail.sharing.PART_BYTES", 20_000)
        return made

    return give


def test_the_pack_is_the_same_and_no_credential_is_sent(
    aws: Simulator, here: dict[str, Any], tasks: Callable[..., Watched], tmp_path: Path
) -> None:
    engine = tasks()
    pack = finished(aws, settings(tmp_path, scheduler="tls://10.0.0.5:8786")).pack
    assert said_of(pack) == here
    checking = [task for task in engine.tasks if task.key.startswith("verify/")]
    assert checking
    assert all(task.arguments["part"] for task in checking)
    sent = json.dumps([dict(task.arguments) for task in engine.tasks])
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        assert os.environ.get(name, "x" * 40) not in sent
    counted = {item["operation"]: item["requests"] for item in json.loads((pack / "evidence/calls.json").read_bytes())}
    assert counted["GetObject"] > len(checking), "requests of workers are counted"


def test_a_task_that_nobody_could_carry_out_is_named_and_proves_nothing(
    aws: Simulator, tasks: Callable[..., Watched], tmp_path: Path
) -> None:
    tasks(lambda at, done: Done(done.key, failure=Failure(WORKER_LOST, "it died of it")) if at == 0 else done)
    results = finished(aws, settings(tmp_path, scheduler="tls://10.0.0.5:8786")).results
    judged = {item.control.id: item.state for item in results.controls}
    assert judged["trail-chain-verified"] is State.NOT_ASSESSED
    (trail,) = results.integrity
    unread = [item for item in trail["findings"] if item["kind"] == "log_unreadable"]
    assert {item["found"] for item in unread} == {WORKER_LOST}


def test_a_run_whose_scheduler_went_goes_on_with_or_without_one(
    aws: Simulator, here: dict[str, Any], tasks: Callable[..., Watched], tmp_path: Path
) -> None:
    gone = Failure(SCHEDULER_LOST, "the scheduler is gone")
    tasks(lambda at, done: Done(done.key, failure=gone) if at == 3 else done)
    with pytest.raises(CollectionError, match="broken off") as caught:
        finished(aws, settings(tmp_path, scheduler="tls://10.0.0.5:8786"))
    assert "--resume" in caught.value.__notes__[0]
    assert not [path for path in tmp_path.iterdir() if not path.name.startswith(".")]
    again = tasks()
    pack = finished(aws, settings(tmp_path, scheduler="tls://10.0.0.6:8786", resume=True)).pack
    assert said_of(pack) == here
    checking = [task.arguments["part"] for task in again.tasks if task.key.startswith("verify/")]
    assert None in checking, "what was taken before is checked again, and not taken twice"


def test_a_run_that_hands_nothing_out_is_told_so(aws: Simulator, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing of this run is handed out"):
        finished(aws, settings(tmp_path, scheduler="tls://10.0.0.5:8786", skip=["trail"]))
    with pytest.raises(UsageError, match="not encrypted"):
        finished(aws, settings(tmp_path, scheduler="tcp://10.0.0.5:8786"))
    assert list(tmp_path.iterdir()) == []
