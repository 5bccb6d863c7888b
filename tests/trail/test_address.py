"""The object store's client goes where the SDK would, for every partition and switch: both are watched at one proxy."""

import os
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.credentials import RefreshableCredentials

from auditor.trail.fetch import S3Source, Unavailable
from auditor.trail.fetch.address import CREDENTIALS_LAST, Credentials

from .recording_proxy import Asked, Record, free_port, recording

KEY = "logs/AWSLogs/111122223333/CloudTrail/x.json.gz"
PLAIN = "trail-bucket"


def session(
    monkeypatch: pytest.MonkeyPatch, folder: Path, proxy: str, trusted: Path, profile: str, **environment: str
) -> boto3.Session:
    """Return a session of a profile, in an environment of which nothing is left but what is said here."""
    for name in [name for name in os.environ if name.upper().startswith("AWS_") or "PROXY" in name.upper()]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    config = folder / "config"
    config.write_text(f"[profile test]\naws_access_key_id = AKIATEST\naws_secret_access_key = x\n{profile}\n")
    settings = {
        "AWS_CONFIG_FILE": str(config),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none"),
        "AWS_PROFILE": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CA_BUNDLE": str(trusted),
        "HTTPS_PROXY": proxy,
    }
    for name, value in {**settings, **environment}.items():
        monkeypatch.setenv(name, value.replace("PROXY", proxy))
    return boto3.Session()


def sdk(made: boto3.Session, bucket: str) -> None:
    """Read an object with the SDK's own client."""
    made.client("s3").get_object(Bucket=bucket, Key=KEY)["Body"].read()


def both(made: boto3.Session, record: Record, bucket: str) -> tuple[Asked, Asked]:
    """Return how the SDK's client asked for an object in the end, and how ours did."""
    sdk(made, bucket)
    theirs = record.gets()[-1]
    count = len(record.gets())
    assert bytes(S3Source(made, retries=0).read(bucket, KEY, 4)) == b"body"
    (ours,) = record.gets()[count:]
    return theirs, ours


FIPS, DUAL = {"AWS_USE_FIPS_ENDPOINT": "true"}, {"AWS_USE_DUALSTACK_ENDPOINT": "true"}


@pytest.mark.parametrize("bucket", [PLAIN, "dotted.trail.bucket"])
@pytest.mark.parametrize(
    ("profile", "environment", "host"),
    [
        pytest.param("region = eu-central-1", {}, "s3.eu-central-1.amazonaws.com", id="aws"),
        pytest.param("region = us-east-1", {}, "amazonaws.com", id="us-east-1"),
        pytest.param(
            "region = us-east-1\ns3_us_east_1_regional_endpoint = legacy", {}, "s3.amazonaws.com", id="us-east-1-legacy"
        ),
        pytest.param("region = cn-north-1", {}, "s3.cn-north-1.amazonaws.com.cn", id="aws-cn"),
        pytest.param("region = us-gov-west-1", {}, "s3.us-gov-west-1.amazonaws.com", id="aws-us-gov"),
        pytest.param("region = us-iso-east-1", {}, "s3.us-iso-east-1.c2s.ic.gov", id="aws-iso"),
        pytest.param("region = eusc-de-east-1", {}, "s3.eusc-de-east-1.amazonaws.eu", id="aws-eusc"),
        pytest.param("region = us-east-1", FIPS, "s3-fips.us-east-1.amazonaws.com", id="fips"),
        pytest.param("region = us-gov-west-1", FIPS, "s3-fips.us-gov-west-1.amazonaws.com", id="fips-us-gov"),
        pytest.param(
            "region = us-west-2\nuse_fips_endpoint = true", {}, "s3-fips.us-west-2.amazonaws.com", id="fips-profile"
        ),
        pytest.param("region = eu-west-1", DUAL, "s3.dualstack.eu-west-1.amazonaws.com", id="dual-stack"),
        pytest.param(
            "region = eu-west-1\ns3 =\n  use_dualstack_endpoint = true",
            {},
            "s3.dualstack.eu-west-1.amazonaws.com",
            id="dual-stack-profile",
        ),
        pytest.param(
            "region = us-east-1", {**FIPS, **DUAL}, "s3-fips.dualstack.us-east-1.amazonaws.com", id="fips-dual-stack"
        ),
        pytest.param("region = cn-north-1", DUAL, "s3.dualstack.cn-north-1.amazonaws.com.cn", id="dual-stack-aws-cn"),
        pytest.param(
            "region = eu-central-1\ns3 =\n  addressing_style = path", {}, "s3.eu-central-1.amazonaws.com", id="path"
        ),
        pytest.param(
            "region = eu-central-1\ns3 =\n  addressing_style = virtual",
            {},
            "s3.eu-central-1.amazonaws.com",
            id="virtual",
        ),
        pytest.param(
            "region = eu-central-1\nservices = own\n\n[services own]\ns3 =\n  endpoint_url = https://s3.store.example",
            {},
            "s3.store.example",
            id="services-of-the-profile",
        ),
        pytest.param(
            "region = eu-central-1\nendpoint_url = https://all.store.example:8443/base",
            {},
            "all.store.example",
            id="endpoint-of-the-profile",
        ),
        pytest.param(
            "region = eu-central-1",
            {"AWS_ENDPOINT_URL_S3": "https://s3.store.example", "AWS_ENDPOINT_URL": "https://other.example"},
            "s3.store.example",
            id="AWS_ENDPOINT_URL_S3",
        ),
        pytest.param(
            "region = eu-central-1",
            {"AWS_ENDPOINT_URL": "https://store.example"},
            "store.example",
            id="AWS_ENDPOINT_URL",
        ),
        pytest.param(
            "region = eu-central-1",
            {"AWS_ENDPOINT_URL": "https://store.example", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
            "s3.eu-central-1.amazonaws.com",
            id="endpoints-ignored",
        ),
        pytest.param(
            "region = eu-central-1\ns3 =\n  addressing_style = virtual\n  use_accelerate_endpoint = true",
            {},
            "amazonaws.com",
            id="accelerated",
        ),
    ],
)
def test_both_clients_ask_the_same(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    profile: str,
    environment: dict[str, str],
    host: str,
    bucket: str,
) -> None:
    if "accelerate" in profile and "." in bucket:
        bucket = PLAIN  # acceleration takes no dots
    with recording(tmp_path) as (proxy, record, trusted):
        made = session(monkeypatch, tmp_path, proxy, trusted, profile, **environment)
        theirs, ours = both(made, record, bucket)
    assert theirs == ours
    assert ours.place.endswith(host)
    assert not record.direct
    assert ours.key_id == "AKIATEST"


@pytest.mark.parametrize(
    ("profile", "region"),
    [
        pytest.param("region = eu-central-1", "ap-southeast-2", id="aws"),
        pytest.param("region = us-gov-west-1", "us-gov-east-1", id="aws-us-gov"),
        pytest.param("region = cn-north-1", "cn-northwest-1", id="aws-cn"),
        pytest.param("region = us-west-2\nuse_fips_endpoint = true", "us-east-2", id="fips"),
    ],
)
def test_a_bucket_of_another_region_is_asked_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, profile: str, region: str
) -> None:
    with recording(tmp_path, region) as (proxy, record, trusted):
        made = session(monkeypatch, tmp_path, proxy, trusted, profile)
        theirs, ours = both(made, record, PLAIN)
    assert theirs == ours
    assert region in ours.place
    assert ours.region == region


def test_no_proxy_is_used_where_the_sdk_uses_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    with recording(tmp_path) as (store, record, trusted):
        excluded = {"HTTP_PROXY": dead, "HTTPS_PROXY": dead, "NO_PROXY": "127.0.0.1", "AWS_ENDPOINT_URL": store}
        made = session(monkeypatch, tmp_path, store, trusted, "region = eu-central-1", **excluded)
        theirs, ours = both(made, record, PLAIN)
        with closing(S3Source(made, retries=0).lanes()) as lanes:
            [(_, body, _)] = list(lanes.read(PLAIN, [("other", 4)], lambda: 1))
    assert theirs == ours
    assert ours.place == store
    assert not record.proxied
    assert bytes(body) == b"body"
    assert record.direct[-1] == replace(ours, path=f"/{PLAIN}/other")


def test_plain_http_goes_through_a_proxy_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with recording(tmp_path) as (proxy, record, trusted):
        plain = {"HTTP_PROXY": proxy, "HTTPS_PROXY": "http://127.0.0.1:9", "AWS_ENDPOINT_URL": "http://store.example"}
        made = session(monkeypatch, tmp_path, proxy, trusted, "region = eu-central-1", **plain)
        theirs, ours = both(made, record, PLAIN)
    assert theirs == ours
    assert ours.place == "http://store.example"
    assert not record.direct


def test_without_the_bundle_nobody_is_trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with recording(tmp_path) as (proxy, record, trusted):
        made = session(monkeypatch, tmp_path, proxy, trusted, "region = eu-central-1")
        monkeypatch.delenv("AWS_CA_BUNDLE")
        with pytest.raises(Unavailable):
            S3Source(made, retries=0).read(PLAIN, KEY, 4)
    assert record.gets() == []


def test_a_bucket_that_has_no_name_is_unavailable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with recording(tmp_path) as (proxy, _, trusted):
        made = session(monkeypatch, tmp_path, proxy, trusted, "region = eu-central-1")
        with pytest.raises(Unavailable):
            S3Source(made, retries=0).read("no bucket/at all", KEY, 4)


def test_credentials_are_the_sdks_and_refreshed_by_it() -> None:
    made: list[int] = []

    def fresh(lasting: timedelta) -> dict[str, str]:
        made.append(len(made))
        expiry = (datetime.now(UTC) + lasting).isoformat()
        return {"access_key": f"ASIA{len(made)}", "secret_key": "x", "token": "t", "expiry_time": expiry}

    held: Any = RefreshableCredentials.create_from_metadata(
        fresh(timedelta(minutes=9)), lambda: fresh(timedelta(hours=1)), "test"
    )
    now = datetime.now(UTC)
    given = Credentials(held)()
    assert given["access_key_id"] == "ASIA2"
    assert timedelta(minutes=10) > CREDENTIALS_LAST
    assert given["expires_at"] - now < timedelta(minutes=10)
