"""People are told in a few lines that hold no secret and no finding; whoever cannot be told changes nothing."""

import hmac
import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import boto3
import pytest

from auditor.base.errors import UsageError
from auditor.deliver.notify import Message, signature, target, tell
from auditor.simulator import ACCESS_KEY, SECRET_KEY, Simulator
from tests.acceptance.conftest import auditor

MESSAGE = Message("Auditor: done", "one\ntwo", {"exit_code": 1, "text": "one\ntwo"})


class Hook(BaseHTTPRequestHandler):
    """Keeps what it is sent; answers with the status that the path names."""

    seen: ClassVar[list[tuple[str, dict[str, str], bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.seen.append((self.path, dict(self.headers), body))
        self.send_response(int(self.path.rpartition("/")[2]))
        self.send_header("Location", "/hook/200")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def hook() -> Iterator[str]:
    Hook.seen.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/hook"
        server.shutdown()


class Post(socketserver.StreamRequestHandler):
    """A mail server that knows just enough and offers no TLS."""

    mails: ClassVar[list[str]] = []

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            word = line[:4].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                self.mails.append("".join(part.decode() for part in iter(self.rfile.readline, b".\r\n")))
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 fine\r\n")
            if word == b"QUIT":
                return


@pytest.fixture
def post() -> Iterator[str]:
    Post.mails.clear()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Post) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"smtp://127.0.0.1:{server.server_address[1]}/?from=a@example.org&to=b@example.org,c@example.org"
        server.shutdown()


def no_topic(region: str) -> Any:
    raise AssertionError(region)


def errors(*texts: str) -> list[str]:
    return [item.error for item in tell([target(text) for text in texts], MESSAGE, now=1_790_000_000, topic=no_topic)]


def test_a_webhook_is_signed_over_time_and_body(hook: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDITOR_WEBHOOK_SECRET", "open sesame")
    assert errors(f"webhook:{hook}/200", f"slack:{hook}/200") == ["", ""]
    (_, headers, body), (_, slack, text) = Hook.seen
    wanted = hmac.new(b"open sesame", headers["X-Auditor-Timestamp"].encode() + b"." + body, "sha256").hexdigest()
    assert headers["X-Auditor-Signature"] == f"sha256={wanted}" == signature("open sesame", 1_790_000_000, body)
    assert json.loads(body) == MESSAGE.facts
    assert json.loads(text) == {"text": "one\ntwo"}
    assert "X-Auditor-Signature" not in slack


def test_who_cannot_be_told_is_named_without_the_secret_and_stops_nobody(hook: str) -> None:
    texts = [f"webhook:{hook}/500", f"slack:{hook}/302", "webhook:http://127.0.0.1:9/secret", f"webhook:{hook}/200"]
    told = tell([target(text) for text in texts], MESSAGE, now=1, topic=no_topic)
    assert [bool(item.error) for item in told] == [True, True, True, False]
    assert [path.rpartition("/")[2] for path, _, _ in Hook.seen] == ["500", "302", "200"]  # no redirect was followed
    assert not any("/hook" in item.error or "secret" in item.error for item in told)
    assert {item.target for item in told} == {"webhook:127.0.0.1", "slack:127.0.0.1"}


def test_mail_goes_to_everybody_and_no_password_without_tls(post: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert errors(post) == [""]
    assert "Subject: Auditor: done" in Post.mails[0]
    assert "To: b@example.org, c@example.org" in Post.mails[0]
    monkeypatch.setenv("AUDITOR_SMTP_USER", "u")
    monkeypatch.setenv("AUDITOR_SMTP_PASSWORD", "p")
    assert errors(post) == ["the mail server offers no TLS, so it gets no password"]
    assert len(Post.mails) == 1


@pytest.mark.parametrize(
    "text",
    [
        "", "mail", "sns:topic", "slack:http://example.org/secret", "webhook:ftp://example.org/secret", "smtp://host",
        "smtp://host/?from=a@b&to=c@d%0aBcc:x@y", "webhook:https://example.org/secret\nX: y", "webhook:https://[/secret",
    ],
)  # fmt: skip
def test_what_is_no_target_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        target(text)
    assert "secret" not in refused.value.message


RUN = ("--framework", "trail-readiness", "--regions", "us-east-1", "--skip", "trail,truth", "--json", "--quiet")
WHEN = ("--period", "2026-10", "--as-of", "2026-11-02T06:00:00Z", "--format", "csv")


@pytest.mark.simulator
def test_a_run_tells_a_topic_and_says_who_could_not_be_told(tmp_path: Path, hook: str) -> None:
    arn = "arn:aws:sns:us-east-1:111122223333:gone"
    with Simulator("empty") as aws:
        keys = {"aws_access_key_id": ACCESS_KEY, "aws_secret_access_key": SECRET_KEY}
        there = boto3.client("sns", region_name="us-east-1", endpoint_url=aws.endpoint, **keys)
        audits = there.create_topic(Name="audits")["TopicArn"]
        to = ("--notify", f"sns:{arn}", "--notify", f"sns:{audits}", "--notify", f"webhook:{hook}/200")
        done = auditor("run", *RUN, *WHEN, "--out", tmp_path, *to, env=aws.environment())
    answer = json.loads(done.stdout)
    assert done.code == answer["exit_code"] == 1
    assert answer["notified"] == [
        {"target": f"sns:{arn}", "error": "NotFound"},
        {"target": f"sns:{audits}", "error": None},
        {"target": "webhook:127.0.0.1", "error": None},
    ]
    assert f"sns:{arn} could not be told: NotFound" in done.stderr
    pack = Path(answer["pack"])
    record = json.loads((pack.parent / f"{pack.name}.custody.jsonl").read_text())
    assert record["told"] == answer["notified"]
    assert [item["operation"] for item in record["calls"]] == ["Publish"]
    facts = json.loads(Hook.seen[0][2])
    assert (facts["counts"], facts["pack"]) == (answer["counts"], str(pack))
    assert answer["headline"] in facts["text"]
