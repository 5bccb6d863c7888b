"""What policies grant: to everybody, to outsiders, and what takes it back."""

from typing import Any

import pytest

from auditor.policies.document import Kind, Policy, read_policy
from auditor.policies.effects import S3_ACTIONS, Effect, On, Where, actions_that
from auditor.policies.grants import (
    allows_every_action,
    allows_every_resource,
    grants,
    open_statements,
    speaks_of_whole_service,
)

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


ORGANIZATION = "o-abcdefghij"
BUT_OURS = when("StringNotEquals", "aws:PrincipalOrgID", ORGANIZATION)


@pytest.mark.parametrize(
    ("denial", "is_open"),
    [
        pytest.param({}, False, id="everybody"),
        pytest.param(BUT_OURS, False, id="all-but-an-organization"),
        pytest.param(when("StringNotEquals", "aws:PrincipalOrgID", ORGANIZATION, "o-bbbbbbbbbb"), False, id="but-two"),
        pytest.param(when("StringNotEqualsIfExists", "aws:PrincipalOrgID", ORGANIZATION), False, id="if-exists"),
        pytest.param(when("ArnNotLike", "aws:PrincipalArn", f"arn:aws:iam::{ACCOUNT}:role/*"), False, id="but-roles"),
        pytest.param(when("NotIpAddress", "aws:SourceIp", "203.0.113.0/24"), False, id="all-but-an-office"),
        pytest.param(
            {"Condition": {**BUT_OURS["Condition"], "StringNotLike": {"aws:SourceVpce": "vpce-1a2b3c4d"}}},
            False,
            id="all-but-an-organization-and-an-endpoint",
        ),
        pytest.param({**BUT_OURS, "Action": "s3:Get*"}, False, id="as-wide-as-is-allowed"),
        pytest.param({**BUT_OURS, "Action": "S3:GETOBJECT"}, False, id="case-does-not-matter"),
        pytest.param({**BUT_OURS, "Action": "s3:Put*"}, True, id="other-actions"),
        pytest.param({**BUT_OURS, "Action": "s3:G?tObject"}, True, id="a-question-mark-could-miss-a-star"),
        pytest.param({**BUT_OURS, "Resource": "arn:aws:s3:::a/*"}, True, id="some-resources"),
        pytest.param({**BUT_OURS, "Principal": {"AWS": ACCOUNT}}, True, id="to-one-account"),
        pytest.param({**BUT_OURS, "Effect": "Allow"}, True, id="no-denial"),
        pytest.param(when("StringEquals", "aws:PrincipalOrgID", ORGANIZATION), True, id="the-organization-itself"),
        pytest.param(when("StringNotLike", "aws:PrincipalOrgID", "o-*"), True, id="all-but-any-organization"),
        pytest.param(when("NotIpAddress", "aws:SourceIp", "0.0.0.0/1", "128.0.0.0/1"), True, id="all-but-the-internet"),
        pytest.param(when("StringNotEquals", "aws:PrincipalTag/team", "x"), True, id="a-tag-anybody-can-set"),
        pytest.param(when("StringNotEquals", "aws:SourceAccount", "${aws:PrincipalAccount}"), True, id="a-variable"),
        pytest.param(
            when("ForAnyValue:StringNotEquals", "aws:PrincipalOrgPaths", "o-a/r-b/"), True, id="not-those-without"
        ),
        pytest.param(when("Bool", "aws:SecureTransport", "false"), True, id="transport-is-no-caller"),
        pytest.param(
            {"Condition": {**BUT_OURS["Condition"], "Bool": {"aws:SecureTransport": "false"}}}, True, id="over-http"
        ),
        pytest.param(when("StringNotEquals", "aws:PrincipalOrgID"), True, id="no-values"),
    ],
)
def test_a_denial_to_everybody_but_named_callers_closes_what_is_allowed(denial: dict[str, Any], is_open: bool) -> None:
    denied = {**ANYONE, "Effect": "Deny", "Action": "s3:*", **denial}
    assert bool(open_statements(read_policy({"Statement": [ANYONE, denied]}))) is is_open


def test_a_denial_closes_everything_but_some_actions_only_by_denying_every_action() -> None:
    but_one = {"Effect": "Allow", "Principal": "*", "NotAction": "s3:GetObject", "Resource": "*"}
    for action, is_open in (("s3:*", True), ("*", False)):
        denied = {**ANYONE, "Effect": "Deny", "Action": action, **BUT_OURS}
        assert bool(open_statements(read_policy({"Statement": [but_one, denied]}))) is is_open


def test_a_denial_to_all_but_some_takes_back_what_matters_to_others_alone() -> None:
    policy = read_policy({"Statement": [ANYONE, {**DENIED, **BUT_OURS}]}, Kind.BUCKET)
    asked = policy, policy.statements[0], "s3:GetObject"
    assert grants(*asked, under="b/AWSLogs/") is True
    assert grants(*asked, under="b/AWSLogs/", but_for={ACCOUNT}) is True
    assert grants(*asked, under="b/AWSLogs/", but_for={ACCOUNT, ORGANIZATION}) is False


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


def held(**changes: Any) -> Any:
    return read_policy({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"} | changes}, Kind.IDENTITY)


@pytest.mark.parametrize(
    ("pattern", "answer"),
    [
        *[(pattern, True) for pattern in ("*", "**", "*:*", "*:?*", "?*:*", "??*:*", "?*", "*?", "??????*", "*:???*")],
        *[(pattern, False) for pattern in ("s3:*", "*:Get*", "*s*", "*:*e*", "???", "???????*", "???*:*", "*:????*")],
    ],
)
def test_every_action_by_whatever_wildcards(pattern: str, answer: bool) -> None:
    (statement,) = held(Action=["sts:GetCallerIdentity", pattern]).statements
    assert allows_every_action(statement) is answer


@pytest.mark.parametrize(
    ("pattern", "answer"),
    [
        ("*", True),
        ("?*", True),
        ("**", True),
        ("arn:*", True),
        ("arn:aws:*", True),
        ("a*", True),
        ("*:*", True),
        ("arn:aws:*:*", True),
        ("arn:*:*:*:*", True),
        ("arn:aws:*:*:*:*", True),
        ("arn:aws*:?*:*:*:?*", True),
        ("arn:aws-cn:*:*:*:*", False),
        ("arn:aws:s3:::*", False),
        ("arn:aws:*:eu-west-1:*:*", False),
        ("arn:aws:*:?*:*:*", False),
        ("arn:aws:*:*:111122223333:*", False),
        ("arn:aws:*:*:*:role/*", False),
        ("arn:aws:s*", False),
    ],
)
def test_every_resource_by_whatever_wildcards(pattern: str, answer: bool) -> None:
    (statement,) = held(Resource=["arn:aws:s3:::x", pattern]).statements
    assert allows_every_resource(statement, "aws") is answer


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({"Action": "s3:*"}, True),
        ({"Action": "S3:?*"}, True),
        ({"Action": "*:?*"}, True),
        ({"Action": "s?:*"}, True),
        ({"Action": "s3*"}, True),
        ({"Action": "s3:Get*"}, False),
        ({"Action": "s3-object-lambda:*"}, False),
        ({"NotAction": "iam:*"}, True),
        ({"NotAction": ["iam:*", "s3:GetObject"]}, False),
        ({"NotAction": "*:Get*"}, False),
    ],
)
def test_a_whole_service_by_whatever_wildcards(changes: Any, answer: bool) -> None:
    statement = {"Effect": "Allow", "Resource": "*", **changes}
    assert speaks_of_whole_service(read_policy({"Statement": statement}, Kind.IDENTITY).statements[0], "s3") is answer


def test_the_table_of_effects_names_actions_of_policies_once() -> None:
    names = [one.name for one in S3_ACTIONS]
    assert len(set(names)) == len(names)
    assert {"s3:ReplicateDelete", "s3:DeleteObject"} <= set(actions_that(Effect.DELETES, on=On.OBJECTS))
    assert "s3:PutReplicationConfiguration" in actions_that(Effect.OPENS, on=On.BUCKET)
    assert actions_that(Effect.CHANGES, on=On.OBJECTS, where=Where.ACLS_ON) == (
        "s3:PutObjectAcl",
        "s3:PutObjectVersionAcl",
    )
