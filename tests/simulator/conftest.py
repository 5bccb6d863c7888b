"""Shared simulators: one child process per world and test session, faults cleared before every test."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from auditor.simulator import ACCESS_KEY, SECRET_KEY, Simulator

Clients = Callable[..., Any]


@pytest.fixture(scope="session")
def running_demo() -> Iterator[Simulator]:
    with Simulator("demo") as simulator:
        yield simulator


@pytest.fixture
def demo(running_demo: Simulator) -> Simulator:
    running_demo.clear()
    return running_demo


def _same_host(endpoint: str) -> Callable[..., None]:
    """Undo S3 Control's rule of putting the account id in front of the host, which resolves nowhere on loopback."""

    def keep(request: Any, **_: Any) -> None:
        request.url = endpoint + "/" + request.url.split("/", 3)[3]

    return keep


def clients_of(simulator: Simulator) -> Clients:
    """Return a factory of SDK clients that ask this simulator, without retries."""
    import boto3
    from botocore.config import Config

    session = boto3.Session(aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY)
    held: dict[tuple[str, str], Any] = {}

    def client(service: str, region: str = "") -> Any:
        name = region or str(simulator.about["region"])
        if (service, name) not in held:
            made = session.client(
                service,
                region_name=name,
                endpoint_url=simulator.endpoint,
                config=Config(
                    inject_host_prefix=False,
                    retries={"total_max_attempts": 1},
                    read_timeout=120,
                    s3={"addressing_style": "path"},
                ),
            )
            made.meta.events.register("before-send.s3-control", _same_host(simulator.endpoint))
            held[service, name] = made
        return held[service, name]

    return client


@pytest.fixture(scope="session")
def demo_clients(running_demo: Simulator) -> Clients:
    return clients_of(running_demo)


@pytest.fixture
def client(demo: Simulator, demo_clients: Clients) -> Clients:  # the simulator's faults are cleared before each test
    return demo_clients
