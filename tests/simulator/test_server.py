"""The child process and its HTTP door."""

import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from auditor.base.errors import AuditorError
from auditor.simulator import Simulator, nursery, wait_until_gone
from tests.simulator.conftest import Clients, clients_of

pytestmark = pytest.mark.simulator


def _speak(demo: Simulator, *chunks: bytes) -> socket.socket:
    host, _, port = demo.endpoint.removeprefix("http://").partition(":")
    connection = socket.create_connection((host, int(port)), timeout=10)
    for chunk in chunks:
        connection.sendall(chunk)
        time.sleep(0.02)
    return connection


def _answer(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")).split()[1])
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\n" + body


def test_unknown_worlds_are_refused_by_name() -> None:
    with pytest.raises(AuditorError, match="unknown simulated world 'atlantis'"):
        Simulator("atlantis").start()


def test_the_environment_leads_to_this_account_only(demo: Simulator) -> None:
    values = demo.environment()
    assert values["AWS_ENDPOINT_URL"] == demo.endpoint
    assert values["AWS_CONFIG_FILE"] == os.devnull
    assert demo.account == "111122223333"
    assert demo.about["as_of"] == "2026-11-02T06:00:00Z"


def test_the_child_goes_when_its_parent_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(nursery.VARIABLE)
    script = (
        "import time\n"
        "from auditor.simulator import Simulator\n"
        "simulator = Simulator('empty')\n"
        "simulator.start()\n"
        "print(simulator._child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    assert wait_until_gone(child)


def test_stopping_ends_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(nursery.VARIABLE)
    with Simulator("empty") as simulator:
        assert simulator._child is not None
        child = simulator._child.pid
        assert simulator.account == "444455556666"
    assert wait_until_gone(child)


def _refuses(endpoint: str, seconds: float = 5.0) -> bool:
    """Tell whether nobody listens there any more, within a time."""
    host, _, port = endpoint.removeprefix("http://").partition(":")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except ConnectionRefusedError:
            return True
        time.sleep(0.05)
    return False


def test_a_forked_account_is_like_a_built_one_and_sees_no_change_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    with Simulator("empty") as first, Simulator("empty") as second:
        assert first._born is not None
        assert second._born is not None
        forked = {name: value for name, value in second.about.items() if name != "endpoint"}
        clients_of(first)("iam").create_user(UserName="left-behind")
        made = clients_of(second)("iam").create_user(UserName="next")["User"]
        assert [user["UserName"] for user in clients_of(second)("iam").list_users()["Users"]] == ["next"]
    assert _refuses(first.endpoint)
    assert _refuses(second.endpoint)
    monkeypatch.delenv(nursery.VARIABLE)
    with Simulator("empty") as alone:
        assert {name: value for name, value in alone.about.items() if name != "endpoint"} == forked
        assert clients_of(alone)("iam").create_user(UserName="next")["User"] == made


def test_a_forked_account_goes_when_its_owner_goes() -> None:
    script = (
        "import time\n"
        "from auditor.simulator import Simulator\n"
        "simulator = Simulator('empty')\n"
        "simulator.start()\n"
        "print(simulator.endpoint, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        endpoint = owner.stdout.readline().strip()
        owner.send_signal(signal.SIGKILL)
    assert _refuses(endpoint)


def test_a_nursery_that_cannot_be_had_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(nursery.VARIABLE, str(tmp_path / "gone"))
    with Simulator("empty") as simulator:
        assert simulator._child is not None
        assert simulator.account == "444455556666"


def test_requests_in_pieces_and_one_after_the_other_on_one_connection(demo: Simulator) -> None:
    with _speak(demo, b"GET /_simulator/ab", b"out HTTP/1.1\r\nHost: x\r", b"\n\r\n") as connection:
        assert b'"account": "111122223333"' in _answer(connection)
        connection.sendall(b"GET /_simulator/calls HTTP/1.1\r\nHost: x\r\n\r\n")
        assert _answer(connection).startswith(b"HTTP/1.1 200 OK")


def test_chunked_bodies_are_read(demo: Simulator) -> None:
    body = b'8\r\n{"ms": 0\r\n1\r\n}\r\n0\r\n\r\n'
    head = b"POST /_simulator/latency HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with _speak(demo, head, body) as connection:
        assert _answer(connection).startswith(b"HTTP/1.1 200 OK")


def test_nonsense_is_answered_and_closed(demo: Simulator) -> None:
    with _speak(demo, b"nonsense\r\n\r\n") as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 400")


def test_two_hundred_idle_connections_disturb_nobody(demo: Simulator, client: Clients) -> None:
    idle = [_speak(demo) for _ in range(200)]
    try:
        assert client("cloudtrail").describe_trails()["trailList"]
    finally:
        for connection in idle:
            connection.close()


def test_objects_can_be_written_listed_and_deleted_in_the_trail_bucket(client: Clients, demo: Simulator) -> None:
    s3 = client("s3")
    bucket, key = "northwind-trail-logs", "AWSLogs/../<script>/ü +%.json.gz"
    s3.put_object(Bucket=bucket, Key=key, Body=b"forged", Metadata={"signature": "00"})
    held = s3.get_object(Bucket=bucket, Key=key)
    assert (held["Body"].read(), held["Metadata"]) == (b"forged", {"signature": "00"})
    assert [found["Key"] for found in s3.list_objects_v2(Bucket=bucket, Prefix="AWSLogs/..")["Contents"]] == [key]
    assert s3.get_object(Bucket=bucket, Key=key, Range="bytes=1-3")["Body"].read() == b"org"
    s3.delete_object(Bucket=bucket, Key=key)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix="AWSLogs/..")


def test_listings_page_and_fold(client: Clients) -> None:
    s3 = client("s3")
    folder = "AWSLogs/111122223333/CloudTrail-Digest/ap-south-1/2026/10/"
    days = s3.list_objects_v2(Bucket="northwind-trail-logs", Prefix=folder, Delimiter="/")
    assert len(days["CommonPrefixes"]) == 31
    whole = s3.list_objects_v2(Bucket="northwind-trail-logs", Prefix=f"{folder}05/")["Contents"]
    for method in ("list_objects_v2", "list_objects"):
        pages = s3.get_paginator(method).paginate(
            Bucket="northwind-trail-logs", Prefix=f"{folder}05/", PaginationConfig={"PageSize": 7}
        )
        assert [held["Key"] for page in pages for held in page["Contents"]] == [held["Key"] for held in whole]


def test_many_threads_at_once_get_whole_answers(demo: Simulator) -> None:
    ask = clients_of(demo)
    clients = [ask("cloudtrail", region) for region in ("eu-central-1", "us-east-1", "eu-west-1")]
    with ThreadPoolExecutor(12) as pool:
        asked = [pool.submit(clients[number % 3].describe_trails) for number in range(60)]
    assert all(one.result()["trailList"] for one in asked)
