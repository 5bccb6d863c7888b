"""One simulated organization for the session."""

from collections.abc import Iterator

import pytest

from auditor.simulator import Simulator


@pytest.fixture(scope="session")
def running_group() -> Iterator[Simulator]:
    with Simulator("organization", enabled=["eu-central-1"]) as simulator:
        yield simulator


@pytest.fixture
def group(running_group: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    running_group.clear()
    for name, value in running_group.environment().items():
        monkeypatch.setenv(name, value)
    return running_group
