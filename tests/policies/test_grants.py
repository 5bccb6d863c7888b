"""What policies grant: to everybody, to outsiders, and what takes it back."""

from typing import Any

import pytest

from auditor.policies.document import Policy, read_policy
from auditor.policies.grants import grants, open_statements

ACCOUNT = "111122223333"
ANYONE = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}


def when(operator: str, key: str, *values: str) -> dict[str, Any]:
    return {"Condition": {operator: {key: list(values)}}}


@pytest.mark.parametrize(
    ("change", "is_open"),
    [
        pytest.param({}, True, id="star"),
        pytest.param({"Principal": {"AWS": "*"}}, True, id="aws-star"),
        pytest.param({"Principal": {"AWS": [ACCOUNT, "*"]}}, True, id="star-in-a-list"),
        pytest.param({"Principal": {"AWS": ACCOUNT}}, False, id="an-account"),
        pytest.param({"Principal": {"Service": "sns.amazonaws.com"}}, False, id="a-service"),
        pytest.param({"Effect": "Deny"}, False, id="deny"),
        pytest.param({"Principal": None, "NotPrincipal": {"AWS": ACCOUNT}}, True, id="everyone-but-one"),
        pytest.param(when("StringEquals", "aws:PrincipalOrgID", "o-abcdefghij"), False, id="organization"),
        pytest.param(when("StringEquals", "AWS:SOURCEOWNER", ACCOUNT), False, id="source-owner-in-capitals"),
        pytest.param(when("StringLike", "aws:PrincipalOrgID", "*"), True, id="any-organization"),
        pytest.param(when("StringLike", "aws:PrincipalArn", "arn:aws:iam::*:role/x"), True, id="role-of-any-account"),
        pytest.param(when("ArnLike", "aws:SourceArn", f"arn:aws:sns:*:{ACCOUNT}:*"), False, id="topics-of-one-account"),
        pytest.param(when("ArnLike", "aws:SourceArn", "arn:aws:s3:::my-bucket"), False, id="one-bucket"),
        pytest.param(when("ArnLike", "aws:SourceArn", "arn:aws:s3:::my-bucket/*"), False, id="objects-of-one-bucket"),
        pytest.param(
            when("ArnLike", "aws:SourceArn", "arn:aws:s3:*:*:my-bucket"), False, id="one-bucket-as-documented"
        ),
        pytest.param(when("ArnLike", "aws:SourceArn", "arn:aws:s3:::my-bucket*"), True, id="buckets-anybody-can-make"),
        pytest.param(when("ArnLike", "aws:SourceArn", "arn:aws:s3:*:*:accesspoint/*"), True, id="any-access-point"),
        pytest.param(when("StringEquals", "aws:PrincipalAccount", "${aws:PrincipalAccount}"), True, id="a-variable"),
        pytest.param(when("StringEqualsIfExists", "aws:SourceAccount", ACCOUNT), True, id="only-if-it-exists"),
        pytest.param(when("StringNotEquals", "aws:SourceAccount", ACCOUNT), True, id="everybody-but-one-account"),
        pytest.param(when("Bool", "aws:SecureTransport", "true"), True, id="transport-is-no-caller"),
        pytest.param(when("StringEquals", "aws:SourceVpce", "vpce-1"), False, id="an-endpoint"),
        pytest.param(when("ForAnyValue:StringEquals", "aws:PrincipalOrgPaths", "o-a/r-b/"), False, id="set-operator"),
        pytest.param(when("StringEquals", "aws:SourceAccount", ACCOUNT, "*"), True, id="one-value-too-wide"),
        pytest.param(when("StringEquals", "aws:SourceAccount"), True, id="no-values"),
    ],
)
def test_who_a_statement_is_open_to(change: dict[str, Any], is_open: bool) -> None:
    statement = {key: value for key, value in {**ANYONE, **change}.items() if value is not None}
    assert bool(open_statements(read_policy({"Statement": statement}))) is is_open


def granted(*statements: Any, under: str) -> bool | None:
    """Say whether the first of some statements grants reading of what begins so."""
    policy: Policy = read_policy({"Statement": list(statements)})
    return grants(policy, policy.statements[0], "s3:GetObject", under=under)


@pytest.mark.parametrize(
    ("resource", "under", "expected"),
    [
        ("*", "b/AWSLogs/", True),
        ("b/*", "b/AWSLogs/", True),
        ("b/AWSLogs/1/*", "b/AWSLogs/", True),
        ("b/AWSLogs/1/one-file", "b/AWSLogs/", True),
        ("b/*/1/*", "b/AWSLogs/", True),
        ("b", "b/AWSLogs/", False),
        ("b/AWSLogs", "b/AWSLogs/", False),
        ("b/other/*", "b/AWSLogs/", False),
    ],
)
def test_a_statement_reaches_what_its_patterns_may_hold(resource: str, under: str, expected: bool) -> None:
    assert granted({**ANYONE, "Resource": resource}, under=under) is expected


DENIED = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "*"}


@pytest.mark.parametrize(
    ("denial", "taken_back"),
    [
        pytest.param(DENIED, True, id="everything"),
        pytest.param({**DENIED, "Resource": "b/AWSLogs*"}, True, id="all-of-them"),
        pytest.param({**DENIED, "Resource": "b/AWSLogs/1/*"}, False, id="some-of-them"),
        pytest.param({**DENIED, "Resource": "b/*/AWSLogs/*"}, False, id="a-pattern-with-a-gap"),
        pytest.param({**DENIED, "Action": "s3:Put*"}, False, id="another-action"),
        pytest.param({**DENIED, "Principal": {"AWS": "1"}}, False, id="another-principal"),
        pytest.param(
            {"Effect": "Deny", "NotPrincipal": {"AWS": "x"}, "Action": "*", "Resource": "*"}, False, id="all-but-one"
        ),
        pytest.param(
            {"Effect": "Deny", "Principal": "*", "NotAction": "s3:Put*", "Resource": "*"}, True, id="not-action"
        ),
        pytest.param(
            {"Effect": "Deny", "Principal": "*", "Action": "*", "NotResource": "b/public/*"}, True, id="not-resource"
        ),
        pytest.param(
            {"Effect": "Deny", "Principal": "*", "Action": "*", "NotResource": "b/*/1"}, False, id="not-some-of-them"
        ),
        pytest.param(
            {**DENIED, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}, False, id="under-a-condition"
        ),
    ],
)
def test_only_an_unconditional_denial_of_all_of_it_takes_back_what_is_allowed(
    denial: dict[str, Any], taken_back: bool
) -> None:
    assert granted(ANYONE, denial, under="b/AWSLogs/") is not taken_back


READ = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::logs/*"}


@pytest.mark.parametrize(
    "second",
    [
        pytest.param({"Principal": {"Service": "*"}}, id="every-service"),
        pytest.param({"Principal": {"CanonicalUser": "*"}}, id="every-canonical-user"),
        pytest.param({"Resource": "arn:aws:s3:::${aws:username}*"}, id="a-variable"),
    ],
)
def test_a_denial_to_some_takes_nothing_back(second: dict[str, Any]) -> None:
    assert granted(READ, {**READ, "Effect": "Deny", **second}, under="arn:aws:s3:::logs/AWSLogs/")


def test_a_variable_may_stand_for_the_bucket() -> None:
    statement = {**READ, "Resource": "arn:aws:s3:::${aws:PrincipalTag/bucket}/*"}
    assert granted(statement, under="arn:aws:s3:::logs/AWSLogs/")


def test_beside_a_statement_that_cannot_be_read_no_grant_is_proven() -> None:
    assert granted(READ, {"Effect": "Deny"}, under="arn:aws:s3:::logs/AWSLogs/") is None
    denied = {**READ, "Effect": "Deny"}
    assert granted(READ, denied, {"Effect": "Deny"}, under="arn:aws:s3:::logs/AWSLogs/") is False
