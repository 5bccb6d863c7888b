"""A few AWS operations on loopback, scripted by the test: whatever a service or a network might answer."""

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl

ACCOUNT = "111122223333"
KEY = "AKIAIOSFODNN7EXAMPLE"
_TARGETS = {
    "CloudTrail_20131101": "cloudtrail",
    "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101": "cloudtrail",
    "TrentService": "kms",
    "Logs_20140328": "logs",
    "StarlingDoveService": "config",
    "AWSEvents": "events",
    "AmazonSQS": "sqs",
    "AWSOrganizationsV20161128": "organizations",
}
_SCOPE = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/")


@dataclass(frozen=True)
class Asked:
    """One request, as the service understands it."""

    operation: str
    region: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Reply:
    """One HTTP answer; ``damage`` is none, reset (no answer at all) or cut (half the promised body)."""

    body: bytes
    status: int = 200
    damage: str = ""


Script = Callable[[Asked], Reply]


def ok(document: Any) -> Reply:
    return Reply(json.dumps(document).encode())


def refused(code: str, message: str = "no", status: int = 400) -> Reply:
    return Reply(json.dumps({"__type": code, "message": message}).encode(), status)


def query(operation: str, inner: str) -> Reply:
    text = f"<{operation}Response><{operation}Result>{inner}</{operation}Result></{operation}Response>"
    return Reply(text.encode())


def query_refused(code: str, message: str = "no", status: int = 403) -> Reply:
    text = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    return Reply(text.encode(), status)


def identity(_asked: Asked) -> Reply:
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/Auditor/jane"
    return query("GetCallerIdentity", f"<Arn>{arn}</Arn><UserId>AROA:jane</UserId><Account>{ACCOUNT}</Account>")


def regions(names: Mapping[str, str]) -> Script:
    items = "".join(
        f"<item><regionName>{name}</regionName><optInStatus>{status}</optInStatus></item>"
        for name, status in names.items()
    )
    text = f"<DescribeRegionsResponse><regionInfo>{items}</regionInfo></DescribeRegionsResponse>".encode()
    return lambda _asked: Reply(text)


@dataclass
class FakeAws:
    """Answers by script; notes everything that was asked."""

    scripts: dict[str, Script] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.scripts.setdefault("sts:GetCallerIdentity", identity)
        self.scripts.setdefault(
            "ec2:DescribeRegions",
            regions({"eu-west-1": "opt-in-not-required", "us-east-1": "opted-in", "af-south-1": "not-opted-in"}),
        )

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.aws = self
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def script(self, operation: str, *replies: Reply | Script) -> None:
        """Give these answers in turn; the last one again and again."""
        left = list(replies)

        def answer(asked: Asked) -> Reply:
            reply = left.pop(0) if len(left) > 1 else left[0]
            return reply if isinstance(reply, Reply) else reply(asked)

        self.scripts[operation] = answer

    def paged(self, operation: str, key: str, pages: Sequence[Sequence[Any]], *, token: str) -> None:
        """Give these pages, each only to who brings the token of the one before."""

        def answer(asked: Asked) -> Reply:
            number = int(str(asked.parameters.get(token, "page-0")).removeprefix("page-"))
            more = {token: f"page-{number + 1}"} if number + 1 < len(pages) else {}
            return ok({key: list(pages[number]), **more})

        self.scripts[operation] = answer

    def operations(self) -> list[str]:
        return [item.operation for item in self.asked]

    def reply(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        script = self.scripts.get(asked.operation)
        return script(asked) if script else refused("UnknownOperationException", asked.operation)


class _Server(ThreadingHTTPServer):
    aws: FakeAws
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that give up are part of the game."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._answer(self.server.aws.reply(self._asked(body)))

    def do_GET(self) -> None:
        self._answer(self.server.aws.reply(self._asked(b"")))

    do_HEAD = do_GET  # noqa: N815 - the name is the standard library's

    def _asked(self, body: bytes) -> Asked:
        scope = _SCOPE.search(self.headers.get("Authorization", ""))
        _, region, service = scope.groups() if scope else ("", "", "")
        if target := self.headers.get("X-Amz-Target"):
            prefix, _, name = target.rpartition(".")
            return Asked(f"{_TARGETS[prefix]}:{name}", region, json.loads(body or b"{}"))
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        if "Action" in form:
            return Asked(f"{service}:{form.pop('Action')}", region, form)
        return Asked(f"{service}:{self.command} {self.path}", region, dict(self.headers))

    def _answer(self, reply: Reply) -> None:
        if reply.damage == "reset":
            self.close_connection = True
            return
        self.send_response(reply.status)
        self.send_header("Content-Length", str(len(reply.body)))
        self.send_header("x-amzn-RequestId", "11111111-2222-4333-8444-555555555555")
        self.end_headers()
        if reply.damage == "cut":
            self.wfile.write(reply.body[: len(reply.body) // 2])
            self.close_connection = True
            return
        self.wfile.write(reply.body)

    def log_message(self, *_: Any) -> None:
        """Stay silent."""
