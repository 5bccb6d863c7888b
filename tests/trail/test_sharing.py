"""Log files checked in tasks: the same report, and what nobody could check is named and never passes."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from auditor.base.errors import CollectionError
from auditor.simulator.delivery import deliver
from auditor.trail.findings import Level
from auditor.trail.keys import KeyBook, parse_keys
from auditor.trail.portion import Opening
from auditor.trail.report import TrailReport
from auditor.trail.sharing import Shared
from auditor.work.ledger import Ledger
from auditor.work.local import Processes, Threads
from auditor.work.task import SCHEDULER_LOST, WORKER_LOST, Done, Engine, Failure, Keeper, Task

from .bucket import (
    ACCOUNT,
    HOME,
    HOUR,
    KEYS,
    OTHER,
    START,
    TRAIL,
    Bucket,
    filled,
    record,
    scope,
    shown,
    verify,
)
from .scenarios import AT, genuine

MEMBER = "444455556666"
DAY = 24 * HOUR


class Watched:
    """An engine that notes its tasks, and lets those fail that it is told to."""

    def __init__(self, failure: Failure | None = None, failing: Iterable[int] = (), kind: str = "verify") -> None:
        self._engine: Engine = Threads(2)
        self._failure, self._failing, self._kind = failure, set(failing), f"{kind}/"
        self.all_tasks: list[Task] = []

    @property
    def tasks(self) -> list[Task]:
        """Those of the kind that is watched."""
        return [task for task in self.all_tasks if task.key.startswith(self._kind)]

    def run(self, tasks: Iterable[Task], keeper: Keeper) -> Iterator[Done]:
        """See ``auditor.work.task.Engine``."""
        lost: list[Done] = []

        def noted() -> Iterator[Task]:
            for task in tasks:
                self.all_tasks.append(task)
                if task.key.startswith(self._kind) and len(self.tasks) - 1 in self._failing:
                    lost.append(Done(task.key, failure=self._failure))
                else:
                    yield task

        yield from self._engine.run(noted(), keeper)
        yield from lost


def shared(engine: Engine, opening: Opening, folder: Path, files: int = 5) -> Shared:
    return Shared(engine, Ledger(folder / "kept"), opening, files, digests=4)


def kinds(report: TrailReport) -> set[str]:
    return {finding.kind for finding in report.findings}


def test_a_task_that_nobody_could_carry_out_leaves_its_log_files_unread_by_name(tmp_path: Path) -> None:
    engine = Watched(Failure(WORKER_LOST, "it died of it"), {1})
    with shown(genuine()) as opening:
        given = shared(engine, opening, tmp_path)
        report = verify(genuine(), shared=given)
    sound = verify(genuine())
    lost = engine.tasks[1]
    names = {group["folder"] + row[0] for group in lost.arguments["groups"] for row in group["files"]}
    unread = {finding.key for finding in report.findings if finding.kind == "log_unreadable"}
    assert unread == names
    assert {finding.found for finding in report.findings} == {WORKER_LOST}
    assert report.verdict is Level.INCOMPLETE
    assert report.logs == replace(sound.logs, valid=sound.logs.valid - len(names), unreadable=len(names))
    assert given.failed == [(lost.key, Failure(WORKER_LOST, "it died of it"))]


def test_digests_that_nobody_could_read_are_unread_by_name(tmp_path: Path) -> None:
    engine = Watched(Failure(WORKER_LOST, "it died of it"), {1}, "digests")
    with shown(genuine()) as opening:
        report = verify(genuine(), shared=shared(engine, opening, tmp_path))
    lost = {group["folder"] + name for group in engine.tasks[1].arguments["groups"] for name in group["files"]}
    unread = [finding for finding in report.findings if finding.kind == "digest_unreadable"]
    assert {finding.key for finding in unread} == lost
    assert {finding.found for finding in unread} == {WORKER_LOST}
    assert report.verdict is Level.INCOMPLETE
    assert report.digests.unreadable == len(lost)


def test_what_a_worker_read_wrong_is_read_again_here(tmp_path: Path) -> None:
    """A digest that is broken in a worker's store only does not make a sound trail fail."""
    broken = genuine().copy()
    broken.edit(broken.digest_key(AT), lambda data: data + b" ")
    broken.set_metadata(broken.digest_key(AT + HOUR), signature="00")
    with shown(broken) as opening:
        report = verify(genuine(), shared=shared(Watched(), opening, tmp_path, files=4096))
    assert report.document() == verify(genuine()).document()


def test_a_proven_failure_is_not_lost_with_a_task(tmp_path: Path) -> None:
    bucket = genuine().copy()
    bucket.delete(bucket.log_key(AT))
    with shown(bucket) as opening:
        engine = Watched(Failure(WORKER_LOST, "gone"), {0})
        report = verify(bucket, shared=shared(engine, opening, tmp_path))
    assert report.verdict is Level.FAIL
    assert {"log_missing", "log_unreadable"} <= kinds(report)


@pytest.mark.parametrize("other", ["empty", "another"])
def test_a_worker_that_sees_another_store_says_nothing_about_ours(other: str, tmp_path: Path) -> None:
    elsewhere = Bucket() if other == "empty" else filled(extra=[record(AT, 4711)])
    with shown(elsewhere) as opening:
        given = shared(Threads(2), opening, tmp_path)
        report = verify(genuine(), shared=given)
    if other == "another":  # two digests of an hour that CloudTrail signed both: nothing but its key makes that up
        assert report.verdict > Level.NOTE
        return
    assert report.verdict is Level.INCOMPLETE
    assert kinds(report) == {"log_unreadable"}
    assert report.logs.unreadable == report.logs.expected
    assert {failure.name for _, failure in given.failed} == {"CollectionError"}
    assert "driver" in given.failed[0][1].message


def test_a_stale_copy_is_another_store(tmp_path: Path) -> None:
    stale = genuine().copy()
    for place in [place for place in stale.objects if "T07" in place[1] or "T08" in place[1]]:
        del stale.objects[place]
    with shown(stale) as opening:
        report = verify(genuine(), shared=shared(Threads(2), opening, tmp_path, files=4096))
    assert report.verdict is Level.INCOMPLETE


def test_a_scheduler_that_goes_breaks_the_run_off_and_the_next_one_goes_on(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint"
    engine = Watched(Failure(SCHEDULER_LOST, "the scheduler is gone"), {3})
    with shown(genuine()) as opening, pytest.raises(CollectionError, match="broken off"):
        verify(genuine(), shared=shared(engine, opening, tmp_path), checkpoint=checkpoint)
    again = Watched()
    with shown(genuine()) as opening:
        report = verify(genuine(), shared=shared(again, opening, tmp_path / "again"), checkpoint=checkpoint)
    assert report.verdict is Level.PASS
    assert report.logs == verify(genuine()).logs
    assert 0 < len(again.tasks) < len(engine.tasks)
    assert not checkpoint.exists()


def test_a_stop_leaves_the_rest_unchecked(tmp_path: Path) -> None:
    stop = Event()
    with shown(genuine()) as opening:
        report = verify(
            genuine(),
            shared=shared(Watched(), opening, tmp_path),
            stop=stop,
            progress=lambda state: stop.set() if state.stage == "log files" else None,
        )
    assert report.interrupted
    assert report.logs.unchecked > 0
    assert report.logs.valid > 0


def keys_of(moment: datetime) -> KeyBook:
    """Return the keys of that day."""
    found = []
    for region in (HOME, OTHER):
        found += parse_keys(region, [key.published() for key in KEYS.public_keys(region, moment, moment + DAY)])
    return KeyBook(tuple(found), ())


def test_a_task_is_of_one_account_and_one_month(tmp_path: Path) -> None:
    """Over the end of a month, in two accounts and Regions of an organization, with a hole across midnight."""
    begin = START.replace(month=10, day=31, hour=20)
    trail = replace(TRAIL, organization="o-abcdef1234")
    bucket = Bucket()
    stop = (begin + 3 * HOUR, begin + 6 * HOUR)
    for account in (ACCOUNT, MEMBER):
        for region in (HOME, OTHER):
            made = [record(begin + 10 * step * timedelta(minutes=1), step, awsRegion=region) for step in range(60)]
            stored = deliver(
                trail,
                region=region,
                keys=KEYS,
                start=begin - 2 * HOUR,
                end=begin + 12 * HOUR,
                records=made,
                account=account,
                stopped=[stop],
            )
            for item in stored:
                bucket.put(item)
    asked = scope(trail, start=begin, end=begin + 8 * HOUR, regions=(HOME, OTHER))
    options: dict[str, Any] = {"now": begin + 20 * HOUR, "keys": keys_of(begin)}
    here = verify(bucket, asked, **options)
    engine = Watched()
    with shown(bucket) as opening:
        there = verify(bucket, asked, **options, shared=shared(engine, opening, tmp_path, files=4096))
    assert there.document() == here.document()
    assert here.gaps
    keys = [task.key.rsplit("/", 1)[0] for task in engine.tasks]
    assert keys == [
        f"verify/{account}/{HOME}.and-1-more/{month}"
        for account in (ACCOUNT, MEMBER)
        for month in ("2026-10", "2026-11")
    ]


def test_processes_find_the_same_and_no_credential_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from auditor.run.sharing import bucket_opening

    from .account_server import AccountHandler, account_store, serving
    from .test_cli import aws

    bucket = genuine().copy()
    bucket.edit(bucket.log_key(AT), lambda data: data + b" ")
    with serving(account_store(bucket), AccountHandler) as endpoint:
        for name, value in aws(endpoint).items():
            monkeypatch.setenv(name, value)
        engine = Watched()
        engine._engine = Processes(1)
        report = verify(bucket, shared=shared(engine, bucket_opening(None, HOME), tmp_path, files=4096))
    assert report.document() == verify(bucket).document()
    sent = json.dumps([dict(task.arguments) for task in engine.tasks])
    assert os.environ["AWS_ACCESS_KEY_ID"] not in sent
    assert endpoint not in sent
