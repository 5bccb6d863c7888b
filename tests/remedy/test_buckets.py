"""A bucket's policy is only completed where that closes the finding, and refuses nothing that people need."""

import json
from typing import Any, cast

import pytest

from auditor.remedy.change import Finding
from auditor.remedy.known import Known, Unknown
from auditor.remedy.plans.buckets import policy

ACCOUNT = "111122223333"
TRAIL = f"arn:aws:cloudtrail:eu-central-1:{ACCOUNT}:trail/trail"
OWN, OTHER = f"arn:aws:iam::{ACCOUNT}:role/ops", "arn:aws:iam::999988887777:root"


class Account:
    """What a pack says of a trail, its bucket, and the policy of that."""

    account, partition, regions, home = ACCOUNT, "aws", ("eu-central-1",), "us-east-1"

    def __init__(self, statements: list[dict[str, Any]], *controls: str) -> None:
        self.text = json.dumps({"Version": "2012-10-17", "Statement": statements})
        self.failing = {name: frozenset({TRAIL}) for name in controls}

    def items(self, operation: str, _key: str, _region: str = "", **_: Any) -> list[dict[str, Any]]:
        if operation == "s3:ListBuckets":
            return [{"Name": "logs", "BucketRegion": "eu-central-1"}]
        return [{"TrailARN": TRAIL, "HomeRegion": "eu-central-1", "S3BucketName": "logs"}]

    def page(self, operation: str, _region: str = "", **parameters: Any) -> dict[str, Any]:
        assert (operation, parameters) == ("s3:GetBucketPolicy", {"Bucket": "logs"})
        return {"Policy": self.text}


def proposed(*statements: dict[str, Any]) -> list[Any]:
    """Return the statements of the proposed policy."""
    control = "trail-bucket-policy-guards-logs"
    found = Finding(control, "t", "high", {}, ACCOUNT, "aws", "eu-central-1", TRAIL, "why", ("EV-0001",))
    (step,) = policy(found, cast("Known", Account(list(statements), control))).steps
    assert step.parameters["Bucket"] == "logs"
    return list(json.loads(step.parameters["Policy"])["Statement"])


def allow(who: Any, *actions: str) -> dict[str, Any]:
    """Return a statement that allows something on every file."""
    return {"Effect": "Allow", "Principal": who, "Action": list(actions), "Resource": "arn:aws:s3:::logs/*"}


@pytest.mark.parametrize(
    "statement",
    [
        allow({"AWS": OWN}, "s3:DeleteObject"),
        allow({"AWS": OTHER}, "s3:DeleteObject", "s3:DeleteObjectVersion"),
        allow({"AWS": OWN}, "s3:GetObject", "s3:PutObjectAcl"),
        allow("*", "s3:DeleteObject"),
    ],
)
def test_deletion_is_refused_to_everybody_and_what_is_there_stays(statement: dict[str, Any]) -> None:
    service = allow({"Service": "cloudtrail.amazonaws.com"}, "s3:PutObject")
    first, second, added = proposed(service, statement)
    assert [first, second] == [service, statement]
    assert (added["Effect"], added["Principal"]) == ("Deny", "*")
    assert "s3:DeleteObject" in added["Action"]
    assert not {"s3:GetObject", "s3:PutObject", "s3:PutBucketPolicy"} & set(added["Action"])


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (allow({"AWS": OTHER}, "s3:GetObject"), "s3:GetObject"),
        (allow("*", "s3:GetObject"), "s3:GetObject"),
        (allow({"AWS": OWN}, "s3:*"), r"s3:\*"),
        (allow({"AWS": OWN}, "s3:PutBucketPolicy"), "s3:PutBucketPolicy"),
        (allow({"AWS": [OWN, OTHER]}, "s3:DeleteObject", "s3:GetObject"), "s3:GetObject"),
    ],
)
def test_what_a_deny_would_not_close_is_left_to_people(statement: dict[str, Any], named: str) -> None:
    with pytest.raises(Unknown, match=f"the policy allows {named}"):
        proposed(statement)
