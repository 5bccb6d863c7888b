"""Asks the SDK where and how it would reach a bucket, so that the faster client goes the same way.

The SDK's answer is the request that it really sends: HeadBucket, looked at on its way out. Partition, FIPS, dual-stack,
endpoints of environment and profile, addressing style and redirects to the bucket's Region are all in its address.
"""

import os
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import unquote, urlsplit

from auditor.trail.fetch.source import Unavailable

CREDENTIALS_LAST: Final = timedelta(minutes=9)
"""How long credentials are used before the SDK is asked again. It hands none out that end within ten minutes where it
can have new ones (botocore, ``RefreshableCredentials``); the store asks five minutes before this ends."""
_SCOPE: Final = re.compile(r"Credential=[^/,]+/\d{8}/([^/,]+)/s3/aws4_request")
_NOWHERE: Final = "http://127.0.0.1:9"
_EVERYWHERE: Final = "*,0.0.0.0/0,::/0"
"""All names and all addresses: the only way to tell obstore to use no proxy whatever the environment says."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a bucket is reached.

    Args:
        endpoint: scheme, host and base path, with the bucket in the host where that is the addressing style.
        virtual_hosted: whether the bucket stands in the host instead of the path.
        region: for which requests are signed.
    """

    endpoint: str
    virtual_hosted: bool
    region: str


def sdk_errors() -> tuple[type[Exception], ...]:
    """Return what the SDK raises over a call: refusals, failures, and what its parsers trip over in hostile answers."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    own = (ClientError, BotoCoreError, ResponseParserError)
    return (*own, OSError, ValueError, KeyError, TypeError, AttributeError)


class Watch:
    """Notes the requests that a client sends for one operation.

    Args:
        client: a client of the SDK.
        operation: such as ``HeadBucket``.
    """

    def __init__(self, client: Any, operation: str) -> None:
        self._events, self._name = client.meta.events, f"before-send.s3.{operation}"
        self.sent: list[tuple[str, str]] = []

    def __enter__(self) -> Self:
        self._events.register(self._name, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        self._events.unregister(self._name, self._note)

    def _note(self, request: Any, **_: Any) -> None:
        authorization = request.headers.get("Authorization", "")
        if isinstance(authorization, bytes):
            authorization = authorization.decode("latin-1")
        self.sent.append((str(request.url), authorization))


def locate(client_of: Callable[[str | None], Any], bucket: str) -> Address:
    """Find out where the SDK reaches a bucket.

    Args:
        client_of: makes a client for a Region; None for the configured one.
        bucket: its name.

    Raises:
        Unavailable: not even a request could be built, without credentials or with that name.
    """
    client = client_of(None)
    address, region = _ask(client, bucket)
    if region and region != address.region:
        address, _ = _ask(client_of(region), bucket)
    return address


def _ask(client: Any, bucket: str) -> tuple[Address, str]:
    """Send HeadBucket; return where it went, and the Region that the answer names. S3 names it even when it refuses."""
    answer: Any = {}
    with Watch(client, "HeadBucket") as watch:
        try:
            answer = client.head_bucket(Bucket=bucket)
        except sdk_errors() as error:
            if not watch.sent:
                raise Unavailable("broken", type(error).__name__) from error
            answer = getattr(error, "response", None) or {}
    url, authorization = watch.sent[-1]
    scope = _SCOPE.search(authorization)
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return _address(url, bucket, scope[1] if scope else client.meta.region_name), headers.get("x-amz-bucket-region", "")


def _address(url: str, bucket: str, region: str) -> Address:
    parts = urlsplit(url)
    path = unquote(parts.path).rstrip("/")
    virtual = (parts.hostname or "").startswith(f"{bucket.lower()}.") and not f"{path}/".endswith(f"/{bucket}/")
    base = path if virtual else path.removesuffix(f"/{bucket}")
    return Address(f"{parts.scheme}://{parts.netloc}{base}", virtual, region)


def transport(session: Any, client: Any, endpoint: str) -> dict[str, Any]:
    """Return proxy and CA bundle, as the SDK uses them for an endpoint, in the form of obstore's client options.

    Args:
        session: the ``boto3.Session`` that made the client.
        client: made for that endpoint.
        endpoint: its address.

    Raises:
        OSError: the CA bundle cannot be read.
    """
    options: dict[str, Any] = {"allow_http": endpoint.startswith("http://")}
    config = client.meta.config
    if proxy := _proxy(client, endpoint):
        options["proxy_url"] = proxy
        trusted = (config.proxies_config or {}).get("proxy_ca_bundle")
        if trusted:
            options["proxy_ca_certificate"] = Path(trusted).read_text("utf-8")
    else:  # or the other client would read the environment by rules of its own
        options |= {"proxy_url": _NOWHERE, "proxy_excludes": _EVERYWHERE}
    if bundle := _bundle(session):
        options["root_certificate"] = Path(bundle).read_bytes()
    return options


def direct(client: Any, endpoint: str) -> bool:
    """Tell whether the SDK reaches an endpoint without a proxy."""
    return not _proxy(client, endpoint)


def trusted(session: Any) -> ssl.SSLContext:
    """Return settings of TLS that trust whom the SDK trusts.

    Raises:
        OSError: the CA bundle cannot be read.
    """
    from botocore.httpsession import get_cert_path

    return ssl.create_default_context(cafile=_bundle(session) or str(get_cert_path(True)))


def _proxy(client: Any, endpoint: str) -> str | None:
    from botocore.httpsession import ProxyConfiguration
    from botocore.utils import get_environ_proxies

    config = client.meta.config
    proxies = config.proxies if config.proxies is not None else get_environ_proxies(client.meta.endpoint_url)
    return ProxyConfiguration(proxies).proxy_url_for(endpoint) or None


def _bundle(session: Any) -> str:
    own = session._session.get_config_variable("ca_bundle")  # noqa: SLF001
    return str(own or os.environ.get("REQUESTS_CA_BUNDLE") or "")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Hands the SDK's credentials to the object store, refreshed by the SDK itself.

    Args:
        credentials: as ``boto3.Session.get_credentials`` returns them.
    """

    credentials: Any

    def __call__(self) -> Mapping[str, Any]:
        """Return the credentials that count now, and when to ask again."""
        now = self.credentials.get_frozen_credentials()
        return {
            "access_key_id": now.access_key,
            "secret_access_key": now.secret_key,
            "token": now.token,
            "expires_at": datetime.now(UTC) + CREDENTIALS_LAST,
        }
