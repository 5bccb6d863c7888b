"""Says which AWS operation an HTTP request is, reads its parameters, and writes answers in the service's own protocol.

Operation names are the SDK's: ``cloudtrail:DescribeTrails``, ``s3control:GetPublicAccessBlock``.
The protocols are read from botocore's models with moto's parsers and serializers.
"""

import json
import re
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from botocore.exceptions import DataNotFoundError
from botocore.parsers import create_parser
from moto.core.model import OperationModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request as MotoRequest
from moto.core.request import determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import SerializationContext, get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.exceptions import NotFound

from auditor.simulator import web

SIGNING_NAMES: Final = {
    "monitoring": "cloudwatch",
    "elasticfilesystem": "efs",
    "access-analyzer": "accessanalyzer",
    "tagging": "resourcegroupstaggingapi",
    "states": "stepfunctions",
    "sso": "sso-admin",
    "rum": "rum",
    "email": "sesv2",
    "wafv2": "wafv2",
    "elasticmapreduce": "emr",
    "airflow": "mwaa",
}
"""Name in the signature's scope -> SDK client name, where they differ."""

_SCOPE: Final = re.compile(r"Credential=([^/,\s]+)/\d+/([^/]+)/([^/]+)/aws4_request")


@dataclass(slots=True)
class Call:
    """One recognised API call: ``service:Operation``, and the Region the request was signed for."""

    operation: str
    region: str
    access_key: str
    request: web.Request
    model: OperationModel | None = None
    uri_parameters: dict[str, Any] = field(default_factory=dict)
    _parameters: dict[str, Any] | None = None

    @property
    def service(self) -> str:
        """The SDK's client name."""
        return self.operation.partition(":")[0]

    @property
    def api(self) -> str:
        """The operation's name as AWS writes it."""
        return self.operation.partition(":")[2]

    @property
    def parameters(self) -> dict[str, Any]:
        """The operation's input, keys as AWS spells them."""
        if self._parameters is None:
            self._parameters = _parse(self)
        return self._parameters

    @property
    def request_id(self) -> str:
        """A request id that depends on nothing but the request."""
        target = f"{self.operation} {self.region} {self.request.method} {self.request.path}?{self.request.query} "
        text = sha256(target.encode() + self.request.body).hexdigest()
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:32]}"


def access_key_of(request: web.Request) -> str:
    """Return the access key that signed a request; empty where none did."""
    scope = _SCOPE.search(request.headers.get("authorization", ""))
    return scope[1] if scope else ""


def identify(request: web.Request) -> Call:
    """Name the operation of a request.

    What cannot be recognised becomes ``<service>:Unknown``.
    """
    scope = _SCOPE.search(request.headers.get("authorization", ""))
    key, region, signed = scope.groups() if scope else ("", "us-east-1", "s3")
    service = _service(signed, request)
    call = Call(f"{service}:Unknown", region, key, request)
    try:
        model, uri_parameters = get_service_router(service).match(moto_request(request))
    except (NotFound, NotImplementedError, LookupError, ValueError, DataNotFoundError):
        return call
    call.operation, call.model, call.uri_parameters = f"{service}:{model.name}", model, uri_parameters
    return call


def _service(signed: str, request: web.Request) -> str:
    if signed == "s3":
        return "s3control" if request.path.startswith("/v20180820/") else "s3"
    if signed == "elasticloadbalancing":
        version = parse_qs(request.body.decode("utf-8", "replace")).get("Version", [""])[0]
        return "elb" if version == "2012-06-01" else "elbv2"
    if signed == "apigateway":
        return "apigatewayv2" if request.path.startswith("/v2/") else "apigateway"
    return SIGNING_NAMES.get(signed, signed)


def environ(request: web.Request) -> dict[str, Any]:
    """Return the WSGI environment of a request, as moto's server expects it."""
    import io
    import sys

    host, _, port = request.headers.get("host", "localhost").partition(":")
    values: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": request.plain_path.encode("utf-8", "surrogateescape").decode("latin-1"),
        "QUERY_STRING": request.query,
        "RAW_URI": request.path + (f"?{request.query}" if request.query else ""),
        "REQUEST_URI": request.path + (f"?{request.query}" if request.query else ""),
        "SERVER_NAME": host,
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "CONTENT_LENGTH": str(len(request.body)),
    }
    for name, value in request.headers.items():
        if name == "content-type":
            values["CONTENT_TYPE"] = value
        elif name not in {"content-length", "transfer-encoding", "expect"}:
            values["HTTP_" + name.upper().replace("-", "_")] = value
    return values


def moto_request(request: web.Request) -> MotoRequest:
    """Return the request in the form moto's own routing reads."""
    return MotoRequest(environ(request))


def protocol_of(call: Call) -> str:
    """Return the protocol the request was sent in."""
    if call.model is None:
        return "rest-xml" if call.service in {"s3", "s3control", "cloudfront"} else "json"
    content_type = call.request.headers.get("content-type", "")
    return determine_request_protocol(call.model.service_model, content_type)


def _parse(call: Call) -> dict[str, Any]:
    if call.model is None:
        return {}
    request = moto_request(call.request)
    parser = PROTOCOL_PARSERS[protocol_of(call)](call.model)
    parsed = parser.parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": call.request.body,
            "url_path": request.path,
            "url_params": call.uri_parameters,
        }
    )
    return dict(parsed or {})


def answer(call: Call, result: dict[str, Any], *, model: OperationModel | None = None) -> web.Answer:
    """Serialize an operation's output, keys as AWS spells them."""
    model = model or call.model
    if model is None:
        return refusal(call, "InvalidAction", f"unknown operation {call.operation}", 400)
    protocol = protocol_of(call)
    serializer = get_serializer_class(call.service, protocol)(model, SerializationContext(call.request_id))
    written = serializer.serialize(result)
    body = written["body"]
    headers = {str(name): str(value) for name, value in written["headers"].items()}
    headers.setdefault("Content-Type", _CONTENT_TYPES[protocol])
    return web.Answer(
        int(written["status_code"]), headers | ids(call), body if isinstance(body, bytes) else body.encode()
    )


_CONTENT_TYPES: Final = {
    "json": "application/x-amz-json-1.1",
    "rest-json": "application/json",
    "query": "text/xml",
    "ec2": "text/xml;charset=UTF-8",
    "rest-xml": "application/xml",
}


def ids(call: Call) -> dict[str, str]:
    """Return the request-id headers of a call."""
    if call.service == "s3":
        return {"x-amz-request-id": call.request_id, "x-amz-id-2": call.request_id}
    return {"x-amzn-RequestId": call.request_id, "x-amz-request-id": call.request_id}


def refusal(call: Call, code: str, message: str, status: int | None = None) -> web.Answer:
    """Write an error in the shape of the service's protocol.

    Args:
        call: the refused call.
        code: the AWS error code.
        message: the text that goes with it.
        status: the HTTP status; by default what the protocol uses for client errors.
    """
    protocol = protocol_of(call)
    if protocol == "json":
        body = json.dumps({"__type": code, "message": message, "Message": message}).encode()
        headers = {"x-amzn-ErrorType": code}
    elif protocol == "rest-json":
        body = json.dumps({"message": message, "Message": message, "code": code}).encode()
        headers = {"x-amzn-ErrorType": code}
    else:
        body = _xml_refusal(call, protocol, code, message)
        headers = {}
    headers["Content-Type"] = _CONTENT_TYPES[protocol]
    return web.Answer(status or 400, headers | ids(call), b"" if call.request.method == "HEAD" else body)


def _xml_refusal(call: Call, protocol: str, code: str, message: str) -> bytes:
    error = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    head = '<?xml version="1.0" encoding="UTF-8"?>\n'
    if call.service == "s3":
        return f"{head}<Error>{error}<RequestId>{call.request_id}</RequestId></Error>".encode()
    if protocol == "ec2":
        errors = f"<Errors><Error>{error}</Error></Errors>"
        return f"{head}<Response>{errors}<RequestID>{call.request_id}</RequestID></Response>".encode()
    kind = "<Error><Type>Sender</Type>"
    return (
        f"{head}<ErrorResponse>{kind}{error}</Error><RequestId>{call.request_id}</RequestId></ErrorResponse>".encode()
    )


def read_answer(call: Call, given: web.Answer) -> dict[str, Any]:
    """Parse a successful answer back into the operation's output, as an SDK would."""
    model = call.model
    if model is None:
        raise ValueError(f"unknown operation {call.operation}")
    parsed: dict[str, Any] = create_parser(protocol_of(call)).parse(
        {"status_code": given.status, "headers": _Headers(given.headers), "body": given.body, "context": {}},
        model.output_shape,
    )
    parsed.pop("ResponseMetadata", None)
    return parsed


class _Headers(dict[str, str]):
    """Case-insensitive enough for botocore's parsers."""

    def __init__(self, values: dict[str, str]) -> None:
        super().__init__({name.lower(): value for name, value in values.items()})

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)

    def __contains__(self, name: object) -> bool:
        return super().__contains__(str(name).lower())

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())


@lru_cache(maxsize=512)
def model_of(operation: str) -> OperationModel:
    """Return botocore's model of ``service:Operation``.

    Raises:
        LookupError: there is no such operation.
    """
    service, _, name = operation.partition(":")
    model: OperationModel = get_service_model(service).operation_model(name)
    return model
