"""Buckets are asked about in the Region where they are, once ListBuckets has said so."""

from pathlib import Path

import pytest

from auditor.run import open_catalog
from auditor.simulator import Simulator
from tests.collect.conftest import Collection

FAR = "northwind-us-artifacts"


@pytest.mark.simulator
def test_no_bucket_has_to_redirect_us(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    operations = open_catalog().operations
    collection = Collection(tmp_path / "evidence")
    with Simulator("demo") as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        wanted = [
            operations["s3:ListBuckets"],
            operations["s3:GetBucketVersioning"],
            operations["cloudtrail:DescribeTrails"],
        ]
        collection.collect(*wanted, regions=("eu-central-1",))
    asked = {(item.operation, item.region): item.requests for item in collection.log.calls if item.service == "s3"}
    assert asked == {
        ("ListBuckets", "us-east-1"): 1,
        ("GetBucketVersioning", "eu-central-1"): 6,
        ("GetBucketVersioning", "us-west-2"): 1,
    }
    records = collection.evidence().of("111122223333", "s3:GetBucketVersioning")
    assert {record.call.region for record in records} == {"global"}
    assert FAR in {dict(record.call.parameters)["Bucket"] for record in records}
