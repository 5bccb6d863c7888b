"""Asks an account's own services about trails: keys, configuration, Regions. Through boto3; nothing is judged."""

from collections.abc import Mapping
from datetime import datetime
from threading import Lock
from typing import Any

from auditor.base.errors import CollectionError, UsageError
from auditor.trail.keys import PublicKey, parse_keys


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
    from botocore.exceptions import BotoCoreError, ClientError

    config = Config(retries={"mode": "adaptive", "max_attempts": 6}, connect_timeout=10, read_timeout=30)
    keys: list[PublicKey] = []
    try:
        with making:
            client = session.client("cloudtrail", region_name=region, endpoint_url=endpoint_url, config=config)
        request: dict[str, Any] = {"StartTime": start, "EndTime": end}
        for _ in range(100):
            answer = client.list_public_keys(**request)
            keys += parse_keys(region, answer.get("PublicKeyList") or [])
            if not answer.get("NextToken"):
                break
            request["NextToken"] = answer["NextToken"]
    except (ClientError, BotoCoreError, ValueError) as error:
        response = getattr(error, "response", None) or {}
        return keys, str(response.get("Error", {}).get("Code") or type(error).__name__)
    return keys, ""


def describe_trail(session: Any, trail: str, *, endpoint_url: str | None = None) -> Mapping[str, Any]:
    """Ask CloudTrail about one trail, by ARN or by a name in the session's Region.

    Raises:
        UsageError: there is no such trail.
        CollectionError: CloudTrail does not answer.
    """
    region = trail.split(":")[3] if trail.startswith("arn:") and trail.count(":") > 3 else session.region_name  # noqa: PLR2004
    answer = _ask(
        session, "cloudtrail", region, endpoint_url, "describe_trails", trailNameList=[trail], includeShadowTrails=True
    )
    trails = answer.get("trailList") or []
    if not trails:
        raise UsageError(
            f"there is no trail {trail} in {region}", hint="give its ARN, or its home Region with --region"
        )
    first = trails[0]
    return first if isinstance(first, Mapping) else {}


def enabled_regions(session: Any, *, endpoint_url: str | None = None) -> tuple[str, ...]:
    """Ask EC2 which Regions the account can use.

    Raises:
        CollectionError: EC2 does not answer.
    """
    answer = _ask(session, "ec2", session.region_name, endpoint_url, "describe_regions")
    return tuple(sorted(str(row["RegionName"]) for row in answer.get("Regions") or ()))


def regions_of_every_account(session: Any, *, endpoint_url: str | None = None) -> tuple[str, ...]:
    """Ask EC2 which Regions are on in every account, whoever owns a bucket; empty when it does not answer."""
    try:
        answer = _ask(session, "ec2", session.region_name, endpoint_url, "describe_regions")
    except CollectionError:
        return ()
    rows = answer.get("Regions") or ()
    return tuple(sorted(str(row["RegionName"]) for row in rows if row.get("OptInStatus") == "opt-in-not-required"))


def organization_of(session: Any, *, endpoint_url: str | None = None) -> tuple[str, str]:
    """Ask Organizations which organization the account is in, and which account manages it.

    Returns:
        Id of the organization and its management account; both empty when there is none or the caller may not know.
    """
    try:
        answer = _ask(session, "organizations", session.region_name, endpoint_url, "describe_organization")
    except CollectionError:
        return "", ""
    found = answer.get("Organization") or {}
    return str(found.get("Id") or ""), str(found.get("MasterAccountId") or "")


_HINTS = {
    "EndpointConnectionError": "check network, proxy, Region and AWS_ENDPOINT_URL",
    "NoCredentialsError": "give --profile, set AWS_PROFILE, or run where a role provides credentials",
}
"""What helps, where it is no permission that is missing."""


def _ask(session: Any, service: str, region: str, endpoint_url: str | None, operation: str, **request: Any) -> Any:
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    config = Config(retries={"mode": "adaptive", "max_attempts": 5}, connect_timeout=10, read_timeout=30)
    try:
        client = session.client(service, region_name=region, endpoint_url=endpoint_url, config=config)
        return getattr(client, operation)(**request)
    except (ClientError, BotoCoreError) as error:
        response = getattr(error, "response", None) or {}
        code = str(response.get("Error", {}).get("Code") or type(error).__name__)
        hint = _HINTS.get(code, "see `auditor policy` for permissions")
        raise CollectionError(f"{service}:{operation} was not answered in {region} ({code})", hint=hint) from error
