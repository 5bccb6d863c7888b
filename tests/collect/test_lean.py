"""What is remembered of the SDK's work is what the SDK comes to."""

from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.auth import _host_from_url
from botocore.awsrequest import AWSResponse
from botocore.hooks import EVENT_ALIASES
from botocore.parsers import PROTOCOL_PARSERS, ResponseParserError, ResponseParserFactory
from botocore.utils import parse_timestamp
from hypothesis import given
from hypothesis import strategies as st

from auditor.base.canonical import plain
from auditor.collect.accounts import client, open_session
from auditor.collect.clients import Clients, Limits
from auditor.collect.guard import CallLog
from auditor.collect.lean import Parsers, read_time
from auditor.evidence.operations import Operation
from tests.collect.test_clients import OPERATIONS
from tests.collect.test_clients import TIMES as TIMES_ASKED

TIMES = st.one_of(
    st.datetimes(timezones=st.just(UTC)).map(lambda time: time.isoformat().replace("+00:00", "Z")),
    st.from_regex(r"\A(19|20)\d\d-[01]\d-[0-3]\dT[0-2]\d:[0-6]\d:[0-6]\d(\.\d{0,8})?(Z|\+00:00|-0530|)\Z"),
    st.sampled_from(["Mon, 02 Nov 2026 06:00:00 GMT", "20261102T060000Z", "1793599200", "1793599200.25", "", "never"]),
    st.integers(-(2**40), 2**40),
    st.floats(-1e12, 1e12),
)


def outcome(read: Any, value: Any) -> Any:
    """Return what is stored of a time, or that it is none."""
    try:
        return plain(read(value))
    except ValueError as error:
        return str(error)


@given(TIMES)
def test_a_time_is_the_one_that_the_sdk_reads(value: Any) -> None:
    assert outcome(read_time, value) == outcome(parse_timestamp, value)


def test_usual_times_are_aware_and_utc() -> None:
    for value in ("2026-11-02T06:00:00Z", "2026-11-02T06:00:00.125Z", 1793599200, 1793599200.5):
        assert read_time(value).tzinfo is UTC


@pytest.fixture(scope="module")
def session() -> Any:
    return open_session(region="eu-central-1", log=CallLog())


ANSWERS = {
    "query": (
        b"<R><GetCallerIdentityResult><Account>1</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></R>",
        "sts",
    ),
    "ec2": (b"<R><requestId>r</requestId></R>", "ec2"),
    "rest-xml": (b"<R><Owner><ID>o</ID></Owner></R>", "s3"),
    "json": (b'{"trailList": [{"Name": "t"}]}', "cloudtrail"),
    "rest-json": (b'{"Functions": []}', "lambda"),
}
OPERATION = {
    "sts": "GetCallerIdentity", "ec2": "DescribeVpcs", "s3": "ListBuckets", "cloudtrail": "DescribeTrails",
    "lambda": "ListFunctions",
}  # fmt: skip


def understood(parser: Any, answer: dict[str, Any], shape: Any) -> Any:
    """Return what a parser makes of an answer, or why it makes nothing of it."""
    try:
        return parser.parse(dict(answer), shape)
    except (ResponseParserError, LookupError) as error:
        return repr(error)


@pytest.mark.parametrize("protocol", sorted(ANSWERS))
@pytest.mark.parametrize("status", [200, 400, 503])
def test_one_parser_reads_every_answer_as_a_new_one_does(protocol: str, status: int, session: Any) -> None:
    body, service = ANSWERS[protocol]
    shape = client(session, service, "eu-west-1").meta.service_model.operation_model(OPERATION[service]).output_shape
    parsers = Parsers()
    for sent in (body, b"", body):
        answer = {"body": sent, "headers": {"x-amzn-requestid": "r"}, "status_code": status, "context": {}}
        own = understood(ResponseParserFactory().create_parser(protocol), answer, shape)
        assert understood(parsers.create_parser(protocol), answer, shape) == own
    assert parsers.create_parser(protocol) is parsers.create_parser(protocol)


def test_a_parser_keeps_nothing_of_what_it_read() -> None:
    parsers = Parsers()
    for protocol in PROTOCOL_PARSERS:
        before = vars(parsers.create_parser(protocol))
        assert not any(isinstance(held, list | dict | set) for held in before.values())


@pytest.mark.parametrize(
    "url",
    [
        "https://kms.eu-west-1.amazonaws.com/", "https://ledger.s3.amazonaws.com/?policy", "http://127.0.0.1:5555/a/b?c=//d",
        "https://kms.eu-west-1.amazonaws.com", "https://kms.eu-west-1.amazonaws.com:8443?x", "HTTPS://Kms.Example/",
        "http://[::1]:80/x", "https://user:word@host.example/",
    ],
)  # fmt: skip
def test_a_url_leads_to_the_pool_that_the_library_finds(url: str, session: Any) -> None:
    ours = Clients(session, Limits()).get("kms", "eu-west-1")._endpoint.http_session._manager
    own = type(ours).connection_from_url
    for asked in (url, url + "&again"):
        found = ours.connection_from_url(asked)
        assert found is own(ours, asked)
        assert found is ours.connection_from_url(asked)


def test_a_pool_that_made_room_for_others_is_opened_anew(session: Any) -> None:
    ours = Clients(session, Limits()).get("kms", "eu-west-1")._endpoint.http_session._manager
    first = ours.connection_from_url("https://host-0.example/")
    for number in range(1, 30):
        ours.connection_from_url(f"https://host-{number}.example/")
    again = ours.connection_from_url("https://host-0.example/")
    assert again is not first
    assert again is type(ours).connection_from_url(ours, "https://host-0.example/")
    assert (again.host, again.port, again.scheme) == ("host-0.example", 443, "https")


def test_clients_share_what_their_events_are_called(session: Any) -> None:
    names = [f"before-call.{name}.GetThing" for name in (*EVENT_ALIASES, "kms", "s3")]
    clients = Clients(session, Limits())
    ours, other = clients.get("kms", "eu-west-1").meta.events, clients.get("sns", "eu-west-1").meta.events
    own = client(session, "kms", "eu-west-1").meta.events
    assert [ours._alias_event_name(name) for name in names] == [own._alias_event_name(name) for name in names]
    assert ours._alias_name_cache is other._alias_name_cache


ASKED = [pytest.param(item, id=item.name) for item in OPERATIONS.values() if item.planned]


@pytest.fixture(scope="module")
def sdks_own() -> Any:
    return boto3.Session(region_name="eu-central-1")


def sent(made: Any, operation: Operation) -> dict[str, Any]:
    """Return all that would be sent, the connection's own headers apart."""
    seen: list[dict[str, Any]] = []

    def stop(request: Any, **_: Any) -> AWSResponse:
        headers = {str(name).lower(): value for name, value in request.headers.items()}
        host = headers.pop("host", None)
        assert host in (None, _host_from_url(request.url).encode())
        seen.append({"method": request.method, "url": request.url, "body": request.body, "headers": headers})
        raise Sent

    made.meta.events.register("before-send", stop)
    shape = made.meta.service_model.operation_model(operation.api).input_shape
    members = shape.members if shape else {}
    asked = {name for source in operation.for_each for name in source.parameters}
    parameters = {name: [] if members[name].type_name == "list" else "a" * 20 for name in asked}
    known = {**TIMES_ASKED, "{account}": "111122223333"}
    fixed = {name: known.get(str(value), value) for name, value in operation.parameters.items()}
    method = next(name for name, api in made.meta.method_to_api_mapping.items() if api == operation.api)
    with pytest.raises(Sent):
        getattr(made, method)(**fixed, **parameters)
    return seen[0]


class Sent(Exception):  # noqa: N818 - a signal of the test
    """Instead of sending."""


@pytest.mark.parametrize("operation", ASKED)
def test_what_is_sent_is_what_the_unchanged_sdk_sends(
    operation: Operation, session: Any, sdks_own: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = "http://127.0.0.1:5555" if len(operation.name) % 4 == 0 else ""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not a secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: datetime(2026, 11, 2, 6, tzinfo=UTC))
    monkeypatch.setattr("botocore.endpoint.uuid.uuid4", lambda: "one")
    ours = Clients(session, Limits(attempts=3)).get(operation.service, "us-east-1")
    own = client(sdks_own, operation.service, "us-east-1", read_timeout=30, retries={"total_max_attempts": 3})
    mine, theirs = sent(ours, operation), sent(own, operation)
    assert "Signature=" in str(theirs["headers"]["authorization"])
    assert mine == theirs
