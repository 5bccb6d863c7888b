"""Lanes give what came whole and nothing else, and sign as the SDK does."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Any

import boto3
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.httpsession import get_cert_path
from hypothesis import given
from hypothesis import strategies as st

from auditor.trail.fetch import S3Source
from auditor.trail.fetch.address import Address
from auditor.trail.fetch.lanes import OBJECT_MOST, Lanes, Way
from auditor.trail.fetch.wire import Place, Promise, Signer, is_plain, promise_of
from auditor.trail.findings import Level
from auditor.trail.verify import verify_trail

from .bucket import NOW, book, scope
from .faulty_store import Store, refusing, serving
from .recording_proxy import bundle, context_of, recording
from .scenarios import AT, genuine
from .test_address import session as configured

Answer = Callable[[bytes], bytes]
"""What a server writes for a body."""


def whole(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nETag: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body


ODD: dict[str, Answer] = {
    "missing": lambda _: b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    "throttled": lambda _: b"HTTP/1.1 503 Slow Down\r\nContent-Length: 4\r\n\r\nslow",
    "moved": lambda _: b"HTTP/1.1 307 Temporary Redirect\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
    "a part": lambda body: whole(body).replace(b"200 OK", b"206 Partial Content"),
    "old": lambda body: whole(body).replace(b"HTTP/1.1", b"HTTP/1.0"),
    "chunked": lambda body: (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    ),
    "both": lambda body: whole(body).replace(b"ETag: x", b"Transfer-Encoding: chunked"),
    "no length": lambda body: b"HTTP/1.1 200 OK\r\n\r\n" + body,
    "two lengths": lambda body: whole(body).replace(b"ETag: x", b"Content-Length: 3"),
    "negative": lambda body: b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n" + body,
    "shorter": lambda body: whole(body[:-1]),
    "longer": lambda body: whole(body + b"x"),
    "more follows": lambda body: whole(body) + b"x",
    "cut": lambda body: whole(body)[:-1],
    "nothing": lambda _: b"",
    "no HTTP": lambda body: body,
    "endless head": lambda body: b"HTTP/1.1 200 OK\r\n" + b"X-Filler: y\r\n" * 2000 + whole(body),
}


class Server:
    """Answers each connection in turn; closes one after an odd answer, or after so many."""

    def __init__(self, answers: dict[str, Answer], most: int, tls: ssl.SSLContext | None) -> None:
        self.answers, self.most, self.tls = answers, most, tls
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.asked: list[str] = []

    def run(self) -> None:
        while True:
            try:
                plain, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self.connection, args=(plain,), daemon=True).start()

    def connection(self, plain: socket.socket) -> None:
        with plain:
            plain.settimeout(10)
            try:
                self.serve(plain if self.tls is None else self.tls.wrap_socket(plain, server_side=True))
            except OSError:
                return

    def serve(self, spoken: socket.socket) -> None:
        with spoken:
            for _ in range(self.most):
                request = b""
                while b"\r\n\r\n" not in request:
                    came = spoken.recv(65536)
                    if not came:
                        return
                    request += came
                key = request.split(b" ")[1].decode().removeprefix("/bucket/")
                self.asked.append(key)
                spoken.sendall(self.answers.get(key, whole)(body_of(key)))
                if key in self.answers:
                    return


def body_of(key: str) -> bytes:
    return key.encode() * (1 + len(key) % 7 * 4000)


@contextmanager
def lanes_to(
    answers: dict[str, Answer],
    *,
    most: int = 10**6,
    tls: ssl.SSLContext | None = None,
    trusted: str = "",
    own: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[tuple[Lanes, Server]]:
    server = Server(answers, most, tls)
    thread = threading.Thread(target=server.run)
    thread.start()
    port = server.listening.getsockname()[1]
    place = Place("localhost", port, f"localhost:{port}", "/bucket/", "eu-central-1", tls is not None)
    ours = None if tls is None else ssl.create_default_context(cadata=trusted)
    keys = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "x", "token": None, **own}
    try:
        with closing(Lanes(lambda _: Way(place, lambda: Signer(place, lambda: keys), ours, count()))) as lanes:
            yield lanes, server
    finally:
        server.listening.shutdown(socket.SHUT_RDWR)
        server.listening.close()
        thread.join()


def got(lanes: Lanes, keys: list[str], most: int = 4) -> dict[str, bytes]:
    wishes = [(key, len(body_of(key))) for key in keys]
    return {keys[number]: bytes(body) for number, body, _ in lanes.read("bucket", wishes, lambda: most)}


GOOD = [f"a/good-{number}" for number in range(40)]


@pytest.mark.parametrize("name", ODD)
def test_an_odd_answer_is_left_over_and_hides_nothing(name: str) -> None:
    keys = [*GOOD[:20], "odd/one", *GOOD[20:], "odd/two"]
    with lanes_to({"odd/one": ODD[name], "odd/two": ODD[name]}) as (lanes, _):
        assert got(lanes, keys) == {key: body_of(key) for key in GOOD}
        assert got(lanes, GOOD[:5]) == {key: body_of(key) for key in GOOD[:5]}


def test_one_object_is_asked_for_once() -> None:
    with lanes_to({}) as (lanes, server):
        got(lanes, GOOD)
        assert sorted(server.asked) == sorted(GOOD)


def test_connections_that_end_between_objects_lose_none() -> None:
    with lanes_to({}, most=3) as (lanes, _):
        assert got(lanes, GOOD) == {key: body_of(key) for key in GOOD}


def test_an_answer_that_announces_the_end_is_the_last_of_its_connection() -> None:
    closing_ = {key: lambda body: whole(body).replace(b"ETag: x", b"Connection: Close") for key in GOOD}
    with lanes_to(closing_) as (lanes, _):
        assert got(lanes, GOOD) == {key: body_of(key) for key in GOOD}


def test_a_store_that_refuses_much_is_left_alone() -> None:
    with lanes_to(dict.fromkeys(GOOD, ODD["throttled"])) as (lanes, server):
        assert got(lanes, GOOD) == {}
        assert len(server.asked) < len(GOOD) / 2
        asked = len(server.asked)
        assert got(lanes, ["a/other"]) == {}
        assert len(server.asked) == asked


def test_what_no_lane_reads_is_not_asked_for() -> None:
    with lanes_to({}) as (lanes, server):
        wishes = [("a b", 1), ("ä", 1), ("%41", 1), ("\ud800", 1), ("a", OBJECT_MOST + 1)]
        assert list(lanes.read("bucket", wishes, lambda: 4)) == []
        assert server.asked == []


def test_credentials_write_no_header_of_their_own() -> None:
    for odd in ({"token": "t\r\nx-amz-acl: y"}, {"token": "t "}, {"access_key_id": "A\n"}):
        with lanes_to({}, own=odd) as (lanes, server):
            assert got(lanes, GOOD[:2]) == {}
            assert server.asked == []


def test_nobody_there_gives_nothing() -> None:
    place = Place("127.0.0.1", 9, "127.0.0.1:9", "/", "eu-central-1", secure=False)
    with closing(Lanes(lambda _: Way(place, lambda: Signer(place, dict), None, count()))) as lanes:
        assert got(lanes, GOOD) == {}
    nowhere = replace(place, host="no-such-host.invalid")
    with closing(Lanes(lambda _: Way(nowhere, lambda: Signer(nowhere, dict), None, count()))) as lanes:
        assert got(lanes, GOOD) == {}


def test_tls_is_spoken_with_whom_the_bundle_vouches_for() -> None:
    with lanes_to({}, tls=context_of("localhost"), trusted=bundle().decode()) as (lanes, _):
        assert got(lanes, GOOD) == {key: body_of(key) for key in GOOD}


@pytest.mark.parametrize("host", ["localhost", "elsewhere.example"])
def test_tls_is_not_spoken_with_others(host: str) -> None:
    trusted = bundle().decode() if host != "localhost" else Path(get_cert_path(True)).read_text("utf-8")
    with lanes_to({}, tls=context_of(host), trusted=trusted) as (lanes, server):
        assert got(lanes, GOOD) == {}
        assert server.asked == []


# ------------------------------------------------------------------------------------------------------------ wire

NAMES = st.text("abcXYZ019_-./", min_size=1, max_size=60)


@given(key=NAMES, token=st.none() | st.just("a/token+="), virtual=st.booleans(), port=st.sampled_from(["", ":8443"]))
def test_requests_are_signed_as_the_sdk_signs(key: str, token: str | None, virtual: bool, port: str) -> None:
    host = f"bucket.s3.example{port}" if virtual else f"s3.example{port}/base"
    place = Place.of(Address(f"https://{host}", virtual, "eu-central-1"), "bucket")
    assert place is not None
    own = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "se/cret", "token": token}
    head = Signer(place, lambda: own).request(key, 1_790_000_000.7).decode()
    line, *rest = head.removesuffix("\r\n\r\n").split("\r\n")
    headers = dict(part.split(": ", 1) for part in rest)
    assert line == f"GET {place.base}{key} HTTP/1.1"

    theirs = AWSRequest("GET", f"https://{place.authority}{place.base}{key}", {"Host": place.authority})
    theirs.context["timestamp"] = headers["x-amz-date"]
    theirs.headers["X-Amz-Content-SHA256"] = headers["x-amz-content-sha256"]
    theirs.headers["X-Amz-Date"] = headers["x-amz-date"]
    if token:
        theirs.headers["X-Amz-Security-Token"] = token
    signer = S3SigV4Auth(Credentials(own["access_key_id"], own["secret_access_key"], token), "s3", "eu-central-1")
    signature = signer.signature(signer.string_to_sign(theirs, signer.canonical_request(theirs)), theirs)
    assert headers["authorization"].endswith(f"Signature={signature}")
    assert f"SignedHeaders={signer.signed_headers(signer.headers_to_sign(theirs))}," in headers["authorization"]


@pytest.mark.parametrize(
    "endpoint", ["ftp://s3.example", "https://user@s3.example", "https://s3.example:x", "https:///", "https://s3/a b"]
)
def test_an_odd_address_has_no_lane(endpoint: str) -> None:
    assert Place.of(Address(endpoint, False, "eu-central-1"), "bucket") is None


@pytest.mark.parametrize("text", [".", "a/..", "../a", "a/./b", "a\r\nb", "a?b", "a#b", "a%b", "a b", "a\x00", "ä"])
def test_a_key_that_a_path_spells_otherwise_is_not_plain(text: str) -> None:
    assert not is_plain(text)


@pytest.mark.parametrize(
    ("lines", "promise"),
    [
        (["Content-Length: 12"], Promise(12, lasts=True)),
        (["content-length:12", "CONNECTION: keep-alive, CLOSE"], Promise(12, lasts=False)),
        (["Content-Length: 12 "], Promise(12, lasts=True)),
        (["Content-Length : 12"], None),
        (["Content-Length: 12", "content-length: 12"], None),
        (["Content-Length: 12, 12"], None),
        (["Content-Length: +12"], None),
        (["X: Content-Length: 12"], None),
        (["Content-Length: 12", "Transfer-Encoding: identity"], None),
        ([], None),
    ],
)
def test_only_one_plain_length_is_a_promise(lines: list[str], promise: Promise | None) -> None:
    assert promise_of("".join(f"{line}\r\n" for line in ["HTTP/1.1 200 OK", *lines]).encode()) == promise


# ----------------------------------------------------------------------------------------------------- a whole trail


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    return boto3.Session(
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="x", region_name="eu-central-1"
    )


def test_good_log_files_are_read_once_and_bad_ones_judged_the_usual_way(session: Any) -> None:
    store = Store(genuine().copy())
    bad = store.bucket.log_key(AT)
    store.faults[bad] = refusing(403, "AccessDenied")
    with serving(store) as endpoint:
        source = S3Source(session, endpoint_url=endpoint, retries=0)
        report = verify_trail(source, lambda *_: book(), scope(), now=NOW, concurrency=4)
    logs = {key: number for key, number in store.asked.items() if "/CloudTrail/" in key}
    assert logs.pop(bad) == 2
    assert set(logs.values()) == {1}
    assert report.verdict is Level.INCOMPLETE
    assert [finding.kind for finding in report.findings] == ["log_unreadable"]
    assert source.sent["GetObject"] == sum(number for key, number in store.asked.items() if key.endswith(".json.gz"))


def test_behind_a_proxy_there_is_no_lane(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with recording(tmp_path) as (proxy, record, trusted):
        made = configured(monkeypatch, tmp_path, proxy, trusted, "region = eu-central-1")
        lanes = S3Source(made, retries=0).lanes()
        assert list(lanes.read("some-bucket", [("key", 1)], lambda: 1)) == []
    assert record.gets() == []
