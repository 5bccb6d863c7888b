"""Tools for writing a world: SDK clients that talk to the application in process, and the account's frame."""

import os
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

from auditor.simulator import ACCESS_KEY, SECRET_KEY, clock, quick
from auditor.simulator.app import Application
from auditor.simulator.web import Request

DEFAULT_REGIONS: Final = (
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
)
"""The seventeen Regions that are on in every account of the aws partition and cannot be switched off."""

OPTED_IN: Final = ("eu-south-1",)
NOT_OPTED_IN: Final = ("af-south-1", "ap-east-1", "ap-southeast-3", "eu-central-2", "me-central-1", "me-south-1")
REGIONS: Final = tuple(sorted(DEFAULT_REGIONS + OPTED_IN))
"""The enabled Regions of every world."""

AS_OF: Final = datetime(2026, 11, 2, 6, tzinfo=UTC)
PERIOD: Final = (datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC))


class Builder:
    """Builds one world by calling its API, as an engineer would with an SDK.

    Args:
        application: the account under construction.
        home: the Region of the trail and of most things.
    """

    def __init__(self, application: Application, home: str) -> None:
        self.application = application
        self.account = application.account
        self.home = home
        self._clients: dict[tuple[str, str], Any] = {}

    @cached_property
    def _session(self) -> Any:
        import boto3

        session = boto3.Session(aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY, region_name=self.home)
        session.events.register("before-send", self._send)
        return session

    def _send(self, request: Any, **_: Any) -> Any:
        """Hand a prepared SDK request to the application instead of the network."""
        from botocore.awsrequest import AWSResponse

        target = request.url.partition("://")[2].partition("/")[2]
        path, _, query = target.partition("?")
        body = request.body or b""
        if hasattr(body, "read"):
            body = body.read()
        headers = {name.lower(): _text(value) for name, value in request.headers.items()}
        headers.setdefault("host", "localhost")
        sent = Request(request.method, f"/{path}", query, headers, body.encode() if isinstance(body, str) else body)
        answer = self.application(sent)
        return AWSResponse(request.url, answer.status, _Headers(answer.headers), _Raw(answer.body))

    def client(self, service: str, region: str = "") -> Any:
        """Return the SDK client of a service, by default in the home Region."""
        from botocore.config import Config

        key = (service, region or self.home)
        if key not in self._clients:
            self._clients[key] = self._session.client(
                service,
                region_name=key[1],
                endpoint_url="http://simulator.invalid",
                config=Config(
                    inject_host_prefix=False,
                    retries={"mode": "standard", "max_attempts": 1},
                    s3={"addressing_style": "path"},
                    parameter_validation=False,
                    request_checksum_calculation="when_required",
                ),
            )
        return self._clients[key]

    def create_backends(self) -> None:
        """Create what moto would create of this account on first use."""
        _create_backends(self.account)

    def arn(self, service: str, rest: str, region: str | None = None) -> str:
        """Return an ARN of this account; ``region`` empty for global services, by default the home Region."""
        return f"arn:aws:{service}:{self.home if region is None else region}:{self.account}:{rest}"


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


class _Headers(dict[str, str]):
    def __init__(self, values: dict[str, str]) -> None:
        super().__init__({name.lower(): value for name, value in values.items()})

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)


class _Raw:
    """What AWSResponse reads a body from."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: Any, **__: Any) -> Any:
        """Yield the body once."""
        yield self._body

    def read(self, *_: Any) -> bytes:
        """Return the rest of the body."""
        body, self._body = self._body, b""
        return body


def frame(world: str, account: str, home: str, about: dict[str, Any]) -> Builder:
    """Return the empty frame of a world: seeded identifiers, stopped clock, the account's number.

    Must run before anything of moto is used, as moto reads the account from its environment.
    """
    os.environ.update(
        {
            "MOTO_ACCOUNT_ID": account,
            "MOTO_EC2_LOAD_DEFAULT_AMIS": "false",
            "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
            "MOTO_DISABLE_GLOBAL_CORS": "true",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_DEFAULT_REGION": home,
        }
    )
    quick.hurry()
    seed(f"{world}/{account}")
    clock.set_now(AS_OF)
    told = {
        "account": account,
        "world": world,
        "region": home,
        "regions": list(REGIONS),
        "as_of": f"{AS_OF:%Y-%m-%dT%H:%M:%SZ}",
        "period": "2026-10",
        **about,
    }
    builder = Builder(Application(account, told), home)
    _create_backends(account)
    return builder


def _create_backends(account: str) -> None:
    """Create what moto would create on first use, in a fixed order: default VPCs draw identifiers."""
    from moto.ec2.models import ec2_backends

    with clock.at(datetime(2023, 2, 14, 10, 31, 7, tzinfo=UTC)):
        clock.freeze_moto()
        for region in REGIONS:
            _ = ec2_backends[account][region]


def seed(label: str) -> None:
    """Make every identifier drawn at random the same on every run."""
    import random
    import uuid

    from moto.moto_api._internal import mock_random

    random.seed(label)
    mock_random.seed(label)
    source = random.Random(label)  # noqa: S311 - wanted: the same every time

    def seeded_uuid() -> uuid.UUID:
        return uuid.UUID(int=source.getrandbits(128), version=4)

    uuid.uuid4 = seeded_uuid
