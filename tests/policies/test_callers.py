"""Which conditions tie a statement to known callers, and which name something else."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.policies.document import read_policy
from auditor.policies.grants import is_open, question

ACCOUNT = "111122223333"
ANYONE = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}


def opened(operator: str, key: str, *values: str) -> bool | None:
    return is_open(read_policy({"Statement": {**ANYONE, "Condition": {operator: {key: list(values)}}}}))


@pytest.mark.parametrize(
    ("operator", "key", "value", "answer"),
    [
        ("StringEquals", "aws:userid", "AIDAEXAMPLE", False),
        ("StringLike", "aws:userid", "AROAEXAMPLE:session", False),
        ("StringLike", "aws:userid", "AROAEXAMPLE:*", True),
        ("StringLike", "aws:userid", "*", True),
        ("StringLike", "aws:userid", f"{ACCOUNT}:*", False),
        ("StringEquals", "aws:username", "alice", True),
        ("StringEquals", "aws:PrincipalTag/team", "audit", True),
        ("StringEquals", "aws:PrincipalType", "User", True),
        ("StringEquals", "aws:ResourceAccount", ACCOUNT, True),
        ("StringEquals", "s3:ResourceAccount", ACCOUNT, True),
        ("StringEquals", "kms:ViaService", "s3.eu-west-1.amazonaws.com", True),
        ("StringEquals", "sts:ExternalId", "secret", True),
        ("StringEquals", "aws:PrincipalServiceName", "cloudtrail.amazonaws.com", False),
        ("StringEquals", "s3:DataAccessPointAccount", ACCOUNT, None),
        ("StringLike", "s3:DataAccessPointAccount", "*", True),
        ("StringEqualsIfExists", "s3:DataAccessPointAccount", ACCOUNT, True),
        ("ArnLike", "s3:DataAccessPointArn", f"arn:aws:s3:eu-west-1:{ACCOUNT}:accesspoint/*", False),
        ("StringLike", "s3:DataAccessPointArn", f"arn:aws:s3:*:{ACCOUNT}:accesspoint/audit", False),
        ("ArnLike", "s3:DataAccessPointArn", "arn:aws:s3:*:*:accesspoint/*", True),
        ("StringLike", "s3:DataAccessPointArn", "*", True),
        ("ArnLike", "aws:SourceArn", f"arn:*:*:*:{ACCOUNT}:*", False),
        ("StringLike", "aws:SourceArn", f"arn:*:*:*:{ACCOUNT}:*", True),
        ("IpAddress", "aws:SourceIp", "203.0.113.0/24", False),
        ("IpAddress", "aws:SourceIp", "203.0.113.7", False),
        ("IpAddress", "aws:SourceIp", "11.0.0.0/8", False),
        ("IpAddress", "aws:SourceIp", "12.0.0.0/7", True),
        ("IpAddress", "aws:SourceIp", "0.0.0.0/0", True),
        ("IpAddress", "aws:SourceIp", "10.0.0.0/8", False),
        ("IpAddress", "aws:SourceIp", "2001:db8::/32", False),
        ("IpAddress", "aws:SourceIp", "2000::/31", True),
        ("IpAddress", "aws:SourceIp", "::/0", True),
        ("IpAddress", "aws:SourceIp", "everywhere", True),
        ("NotIpAddress", "aws:SourceIp", "203.0.113.0/24", True),
        ("IpAddressIfExists", "aws:SourceIp", "203.0.113.0/24", True),
        ("StringEquals", "aws:SourceIp", "203.0.113.7", True),
    ],
)
def test_only_keys_that_name_callers_tie_a_statement(operator: str, key: str, value: str, answer: bool | None) -> None:
    assert opened(operator, key, value) is answer


def test_one_range_too_broad_beside_a_narrow_one_is_everybody() -> None:
    assert opened("IpAddress", "aws:SourceIp", "203.0.113.0/24", "0.0.0.0/1") is True


def test_all_the_internet_in_small_ranges_is_everybody() -> None:
    assert opened("IpAddress", "aws:SourceIp", *(f"{first}.0.0.0/8" for first in range(256))) is True


def test_what_is_left_to_access_points_says_whose() -> None:
    condition = {"StringEquals": {"s3:DataAccessPointAccount": ACCOUNT}}
    policy = read_policy({"Statement": {**ANYONE, "Condition": condition}})
    assert f"access points of {ACCOUNT}" in question(policy)


KEYS = ["aws:SourceAccount", "aws:userid", "s3:DataAccessPointArn", "aws:SourceIp", "aws:PrincipalArn", "x:y"]
OPERATORS = ["StringEquals", "StringLike", "ArnLike", "IpAddress", "Bool", "Null"]


@given(
    st.sampled_from(OPERATORS),
    st.sampled_from(KEYS),
    st.lists(st.sampled_from(["*", "?*", "${aws:PrincipalAccount}", "", "arn:aws:s3:*:*:*"]), min_size=1),
)
def test_what_everybody_meets_never_ties(operator: str, key: str, values: list[Any]) -> None:
    assert opened(operator, key, *values) is True
