"""Asks an account's own services about trails: keys, configuration, Regions. Through boto3; nothing is judged."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from threading import Lock
from typing import Any, Final

from auditor.base.errors import CollectionError, UsageError
from auditor.base.suggest import meant
from auditor.trail.fetch.address import sdk_errors
from auditor.trail.fetch.source import Unavailable
from auditor.trail.keys import PublicKey, parse_keys

KEY_ATTEMPTS: Final = 6


def fetch_public_keys(
    session: Any, region: str, start: datetime, end: datetime, *, making: Lock, endpoint_url: str | None = None
) -> tuple[list[PublicKey], str]:
    """Ask CloudTrail for the public keys of one Region.

    Args:
        session: a ``boto3.Session``.
        region: the Region the digests come from, not the trail's home.
        start: begin of the time the keys were valid in, aware UTC.
        end: its end; digests are signed up to two hours late, so reach beyond the period.
        making: held while the session makes a client: unlike clients, sessions are not made for several threads.
        endpoint_url: overrides the endpoint.

    Returns:
        The keys, and the error code when there are none because the call failed.
    """
    from botocore.config import Config

    retries = {"mode": "adaptive", "max_attempts": KEY_ATTEMPTS}
    config = Config(retries=retries, connect_timeout=10, read_timeout=30)
    keys: list[PublicKey] = []
    try:
        with making:
            client = session.client("cloudtrail", region_name=region, endpoint_url=endpoint_url, config=config)
        request: dict[str, Any] = {"StartTime": start, "EndTime": end}
        for _ in range(100):
            answer = client.list_public_keys(**request)
            listed = answer.get("PublicKeyList")
            if not isinstance(listed, list):
                return keys, "MalformedResponse"
            keys += parse_keys(region, listed)
            if not answer.get("NextToken"):
                break
            request["NextToken"] = answer["NextToken"]
    except sdk_errors() as error:
        response = getattr(error, "response", None) or {}
        return keys, str(response.get("Error", {}).get("Code") or type(error).__name__)
    return keys, ""


_NO_TRAIL = frozenset({"TrailNotFoundException", "InvalidTrailNameException", "CloudTrailARNInvalidException"})
_ASK_GET_TRAIL = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})


def describe_trail(session: Any, trail: str, *, attempts: int = 5) -> Mapping[str, Any]:
    """Ask CloudTrail about one trail, by ARN or by a name in the session's Region; GetTrail where that is refused.

    Raises:
        UsageError: there is no such trail.
        CollectionError: CloudTrail cannot be reached, or the credentials are none.
        Unavailable: CloudTrail refuses, or its answer is none.
    """
    region = trail.split(":")[3] if trail.startswith("arn:") and trail.count(":") > 3 else session.region_name  # noqa: PLR2004
    ask = partial(_ask, session, "cloudtrail", region, attempts)
    try:
        try:
            answer = ask("describe_trails", trailNameList=[trail], includeShadowTrails=True)
            found = answer.get("trailList") if isinstance(answer, Mapping) else None
        except Unavailable as problem:
            if problem.code not in _ASK_GET_TRAIL:
                raise
            found = [ask("get_trail", Name=trail).get("Trail")]
    except Unavailable as problem:
        if problem.code in _NO_TRAIL:
            found = []
        elif problem.code in _UNREACHED:
            raise _broken("cloudtrail", "DescribeTrails", region, problem.code) from problem
        else:
            raise
    if not isinstance(found, list):
        raise Unavailable("broken", "MalformedResponse")
    named = [item for item in found if isinstance(item, Mapping) and trail in {item.get("TrailARN"), item.get("Name")}]
    if not named:
        there = _trails_seen(ask, "TrailARN" if trail.startswith("arn:") else "Name")
        where = f"trails seen there: {', '.join(there)}" if there else "give its ARN, or its home Region with --region"
        hint = "; ".join(filter(None, (meant(trail, there), where)))
        raise UsageError(f"there is no trail {trail} in {region}", hint=hint)
    return named[0]


def _trails_seen(ask: Callable[..., Any], member: str) -> list[str]:
    """Return names or ARNs of the trails that somebody can see in a Region; none where that is not told."""
    try:
        answer = ask("describe_trails", includeShadowTrails=True)
    except Unavailable:
        return []
    found = answer.get("trailList") if isinstance(answer, Mapping) else None
    rows = [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []
    return sorted({str(item[member]) for item in rows if item.get(member)})


def enabled_regions(session: Any, *, attempts: int = 5) -> tuple[str, ...]:
    """Ask EC2 which Regions the account can use.

    Raises:
        Unavailable: EC2 does not say.
    """
    return tuple(str(row["RegionName"]) for row in _regions(session, attempts))


def regions_of_every_account(session: Any, *, attempts: int = 5) -> tuple[str, ...]:
    """Ask EC2 which Regions are on in every account, whoever owns a bucket.

    Raises:
        Unavailable: EC2 does not say.
    """
    rows = _regions(session, attempts)
    return tuple(str(row["RegionName"]) for row in rows if row.get("OptInStatus") == "opt-in-not-required")


def _regions(session: Any, attempts: int) -> list[Mapping[str, Any]]:
    answer = _ask(session, "ec2", session.region_name, attempts, "describe_regions")
    found = answer.get("Regions") if isinstance(answer, Mapping) else None
    rows = [row for row in found if isinstance(row, Mapping) and row.get("RegionName")] if found else []
    if not rows:
        raise Unavailable("broken", "MalformedResponse")
    return sorted(rows, key=lambda row: str(row["RegionName"]))


def organization_of(session: Any, *, attempts: int = 5) -> tuple[str, str]:
    """Ask Organizations which organization the account is in, and which account manages it.

    Returns:
        Id of the organization and its management account; both empty when the account is in none.

    Raises:
        Unavailable: Organizations does not say.
    """
    try:
        answer = _ask(session, "organizations", session.region_name, attempts, "describe_organization")
    except Unavailable as problem:
        if problem.code == "AWSOrganizationsNotInUseException":
            return "", ""
        raise
    found = answer.get("Organization") if isinstance(answer, Mapping) else None
    known = (found.get("Id"), found.get("MasterAccountId")) if isinstance(found, Mapping) else (None, None)
    if not all(known):
        raise Unavailable("broken", "MalformedResponse")
    return str(known[0]), str(known[1])


_HINTS = {
    "EndpointConnectionError": "check network, proxy, Region and AWS_ENDPOINT_URL",
    "NoCredentialsError": "give --profile, set AWS_PROFILE, or run where a role provides credentials",
}
"""What helps, where it is no permission that is missing."""
_UNREACHED = frozenset(
    {
        "ConnectTimeoutError",
        "CredentialRetrievalError",
        "EndpointConnectionError",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "NoCredentialsError",
        "NoRegionError",
        "PartialCredentialsError",
        "ProxyConnectionError",
        "SSLError",
        "SignatureDoesNotMatch",
        "TokenRetrievalError",
        "UnauthorizedSSOTokenError",
        "UnrecognizedClientException",
    }
)
"""Nobody is there, or the caller is nobody: no permission would help, and no other call will do better."""


def _broken(service: str, operation: str, region: str, code: str) -> CollectionError:
    hint = _HINTS.get(code, "check that the credentials are valid and have not expired")
    return CollectionError(f"{service}:{operation} was not answered in {region} ({code})", hint=hint)


def _ask(session: Any, service: str, region: str, attempts: int, operation: str, **request: Any) -> Any:
    """Make one call.

    Raises:
        Unavailable: it was not answered; ``code`` is AWS's, or the kind of the SDK's own error.
    """
    from botocore.config import Config

    config = Config(retries={"mode": "adaptive", "max_attempts": attempts}, connect_timeout=10, read_timeout=30)
    try:
        client = session.client(service, region_name=region, config=config)
        return getattr(client, operation)(**request)
    except sdk_errors() as error:
        response = getattr(error, "response", None) or {}
        code = str(response.get("Error", {}).get("Code") or type(error).__name__)
        raise Unavailable("denied" if response else "broken", code) from error
