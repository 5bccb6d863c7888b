"""A scripted AWS, and everything a collection needs to talk to it."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from auditor.base.period import Period
from auditor.collect.accounts import Caller, identify, open_session
from auditor.collect.clients import Limits
from auditor.collect.collection import Collected, collect_account
from auditor.collect.guard import CallLog
from auditor.collect.redact import Redactor
from auditor.evidence.operations import ForEach, Operation, Where
from auditor.evidence.store import Evidence, EvidenceWriter
from auditor.model import RunInfo
from tests.collect.aws import KEY, FakeAws

NOW = datetime(2026, 11, 1, 6, tzinfo=UTC)
SALT = b"a salt for tests"
QUICK = Limits(workers=8, attempts=2, connect_seconds=2, read_seconds=2, report_poll_seconds=0.01, report_seconds=0.05)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    with FakeAws() as fake:
        monkeypatch.setenv("AWS_ENDPOINT_URL", fake.endpoint)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not a secret")
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        yield fake


def operation(
    name: str,
    *,
    where: Where = Where.REGION,
    required: tuple[str, ...] = (),
    absent: tuple[str, ...] = (),
    for_each: tuple[ForEach, ...] = (),
    parameters: Mapping[str, Any] | None = None,
    produced: bool = False,
) -> Operation:
    return Operation(name, where, parameters or {}, for_each, required, absent, "" if produced else name, produced)


def each(name: str, items: str, *, region: str = "", where: str = "", **parameters: str) -> tuple[ForEach, ...]:
    return (ForEach(name, items, parameters, region, where),)


@dataclass
class Collection:
    """One collection from a fake AWS into a folder."""

    folder: Path
    log: CallLog = field(default_factory=CallLog)
    redactor: Redactor = field(default_factory=lambda: Redactor(SALT))

    def caller(self) -> Caller:
        return identify(open_session(region="us-east-1", log=self.log))

    def collect(self, *operations: Operation, limits: Limits = QUICK, regions: tuple[str, ...] = ()) -> Collected:
        self.writer = EvidenceWriter(self.folder, redact=self.redactor)
        collected = collect_account(
            self.caller(),
            operations={item.name: item for item in operations},
            wanted=[item.name for item in operations],
            regions=regions,
            writer=self.writer,
            redactor=self.redactor,
            log=self.log,
            now=lambda: NOW,
            limits=limits,
        )
        self.collected = collected
        return collected

    def evidence(self) -> Evidence:
        self.writer.close(
            RunInfo(
                entity="Example",
                title="Test",
                accounts=(self.collected.scope,),
                period=Period(NOW - timedelta(days=1), NOW, "24h"),
                as_of=NOW,
                started=NOW,
                ended=NOW,
                frameworks=(),
                principal="nobody",
                tool="auditor",
                operations=self.collected.operations,
            )
        )
        return Evidence(self.folder)


@pytest.fixture
def collection(tmp_path: Path) -> Collection:
    return Collection(tmp_path / "evidence")


@pytest.fixture
def new_collection(tmp_path: Path) -> Callable[[str], Collection]:
    return lambda name: Collection(tmp_path / name)
