"""The trail bucket of the demo world: what was delivered, and what was done to it."""

import gzip
import hashlib
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from auditor.simulator import Simulator
from tests.simulator.conftest import Clients

pytestmark = pytest.mark.simulator

BUCKET = "northwind-trail-logs"
ROOT = "AWSLogs/111122223333"


def _keys(client: Clients, prefix: str) -> list[str]:
    pages = client("s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    return [held["Key"] for page in pages for held in page.get("Contents", ())]


def _digest(client: Clients, key: str) -> tuple[dict[str, Any], bytes, dict[str, str]]:
    held = client("s3").get_object(Bucket=BUCKET, Key=key)
    inflated = gzip.decompress(held["Body"].read())
    return json.loads(inflated), inflated, held["Metadata"]


def test_a_quiet_region_delivers_an_hourly_digest_through_the_whole_period(client: Clients) -> None:
    keys = _keys(client, f"{ROOT}/CloudTrail-Digest/sa-east-1/2026/10/")
    # a month of hours, and the final digest of 14 October 02:10 instead of 03:00 and 04:00 plus the starting one
    assert len(keys) == 31 * 24 - 1
    assert not _keys(client, f"{ROOT}/CloudTrail/sa-east-1/")


def test_digests_are_signed_with_the_keys_cloudtrail_publishes_for_that_region(client: Clients) -> None:
    document, inflated, metadata = _digest(client, _keys(client, f"{ROOT}/CloudTrail-Digest/sa-east-1/2026/10/05/")[7])
    keys = client("cloudtrail", "sa-east-1").list_public_keys(StartTime="2026-10-01", EndTime="2026-11-01")
    value = {key["Fingerprint"]: key["Value"] for key in keys["PublicKeyList"]}[document["digestPublicKeyFingerprint"]]
    public = serialization.load_der_public_key(value)
    assert isinstance(public, rsa.RSAPublicKey)
    message = "\n".join(
        (
            document["digestEndTime"],
            f"{BUCKET}/{document['digestS3Object']}",
            hashlib.sha256(inflated).hexdigest(),
            document["previousDigestSignature"],
        )
    )
    public.verify(bytes.fromhex(metadata["signature"]), message.encode(), padding.PKCS1v15(), hashes.SHA256())


def test_the_deleted_log_file_is_named_by_a_digest_and_hidden_behind_a_delete_marker(client: Clients) -> None:
    prefix = f"{ROOT}/CloudTrail/us-east-1/2026/10/23/"
    versions = client("s3").list_object_versions(Bucket=BUCKET, Prefix=prefix)
    (marker,) = versions["DeleteMarkers"]
    assert marker["Key"] not in _keys(client, prefix)
    named = {
        log["s3Object"]
        for key in _keys(client, f"{ROOT}/CloudTrail-Digest/us-east-1/2026/10/23/")
        for log in _digest(client, key)[0]["logFiles"]
    }
    assert marker["Key"] in named
    with pytest.raises(ClientError, match="NoSuchKey"):
        client("s3").get_object(Bucket=BUCKET, Key=marker["Key"])


def test_the_planted_log_file_is_named_by_no_digest(client: Clients) -> None:
    logs = set(_keys(client, f"{ROOT}/CloudTrail/eu-west-1/"))
    digests = _keys(client, f"{ROOT}/CloudTrail-Digest/eu-west-1/2026/10/18/")
    named = {log["s3Object"] for key in digests for log in _digest(client, key)[0]["logFiles"]}
    planted = {key for key in logs if "/2026/10/18/" in key} - named
    assert {key.rsplit("_", 1)[1] for key in planted} == {"Q3ZfK8mN2xVb7TgR.json.gz"}


def test_the_altered_log_file_keeps_its_first_version(client: Clients) -> None:
    prefix = f"{ROOT}/CloudTrail/eu-central-1/2026/10/12/"
    listed = client("s3").list_object_versions(Bucket=BUCKET, Prefix=prefix)["Versions"]
    old = [version for version in listed if not version["IsLatest"]]
    assert len(old) == 1
    key = old[0]["Key"]
    before = client("s3").get_object(Bucket=BUCKET, Key=key, VersionId=old[0]["VersionId"])["Body"].read()
    after = client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    digests = _keys(client, f"{ROOT}/CloudTrail-Digest/eu-central-1/2026/10/12/")
    named = {log["s3Object"]: log["hashValue"] for name in digests for log in _digest(client, name)[0]["logFiles"]}
    assert named[key] == hashlib.sha256(gzip.decompress(before)).hexdigest()
    assert named[key] != hashlib.sha256(gzip.decompress(after)).hexdigest()


def test_the_event_history_knows_who_stopped_the_trail(client: Clients) -> None:
    found = client("cloudtrail").lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "StopLogging"}]
    )["Events"]
    assert [(event["Username"], event["EventTime"].isoformat()[:19]) for event in found] == [
        ("svc-legacy-backup", "2026-10-14T02:10:00")
    ]


def test_objects_are_counted_like_every_other_call(client: Clients, demo: Simulator) -> None:
    _keys(client, f"{ROOT}/CloudTrail-Digest/sa-east-1/2026/10/05/")
    assert demo.calls()["s3:ListObjectsV2"] == 1
