"""What a Region delivered is made once where it is kept, and is the same when it is read again."""

from pathlib import Path

import pytest

from auditor.simulator.delivery import StoredObject
from auditor.simulator.objects import Bucket
from auditor.simulator.worlds.archive import TRAIL, Archive, Plan, produce
from auditor.simulator.worlds.kept import VARIABLE, held, kept

QUIET = "ap-south-1"


def test_a_kept_delivery_is_the_one_that_was_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    delivered = produce(Plan(TRAIL, eventful=False), QUIET)[:40]
    assert not held("some", QUIET)
    assert kept(lambda: delivered, "some", QUIET) == delivered
    assert held("some", QUIET)
    assert not held("some", "other")
    assert kept(list[StoredObject], "some", QUIET) == delivered
    assert kept(list[StoredObject], "some", "other") == []


def test_what_is_kept_needs_no_worker_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    made: list[str] = []

    def few(plan: Plan, region: str) -> list[StoredObject]:
        made.append(region)
        return []

    first, second = (Archive(Plan(TRAIL, eventful=False), few) for _ in range(2))
    bucket_keys = f"AWSLogs/{TRAIL.account}/CloudTrail/{QUIET}/"
    for archive in (first, second):
        assert archive.waiting(bucket_keys) == []
        archive.fill(Bucket("logs"), bucket_keys)
    assert made == [QUIET]


def test_without_a_folder_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    assert kept(list[StoredObject], "some") == []
    assert not held("some")
