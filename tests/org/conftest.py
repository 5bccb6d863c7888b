"""One simulated organization for the session, and two runs over it."""

from collections.abc import Iterator

import pytest

from auditor.org.running import Organized
from auditor.simulator import Simulator
from tests.org.watching import Watched, watched_day


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


@pytest.fixture(scope="session")
def made(running_group: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Organized]:
    from tests.org.test_run import organized

    running_group.clear()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in running_group.environment().items():
            patch.setenv(name, value)
        yield organized(tmp_path_factory.mktemp("organization"))


@pytest.fixture(scope="session")
def watched(running_group: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Watched:
    running_group.clear()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in running_group.environment().items():
            patch.setenv(name, value)
        found = watched_day(running_group, tmp_path_factory.mktemp("watched"))
    running_group.clear()
    return found
