"""Policy documents: what they open, and controls over IAM and bucket policies."""

import json
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.evaluate.checks.policies import covers, covers_action, grants, open_statements, statements
from auditor.model import State
from tests.evaluate.checks.worlds import (
    ADMIN,
    MANAGEMENT,
    QUEUE,
    TOPIC,
    allow,
    authorization,
    federation,
    guarded,
    http_denied,
    managed_policy,
    policies_everywhere,
    policy,
    principal,
    report,
    root,
    row,
    two_buckets,
)
from tests.evaluate.kit import ACCOUNT, HOME, World, ago, catalog, reasons, states

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
    assert bool(open_statements(policy(statement))) is is_open


@pytest.mark.parametrize(
    "document", [policy(ADMIN), quote(policy(ADMIN)), {"Statement": ADMIN}, {"Statement": [ADMIN]}]
)
def test_documents_come_as_text_encoded_or_parsed(document: Any) -> None:
    (found,) = statements(document)
    assert found.every_action
    assert found.every_resource


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        "",
        "[]",
        "{",
        {},
        {"Statement": [1]},
        {"Statement": {"Effect": "Maybe"}},
        {"Statement": {"Effect": "Allow", "Action": {"a": 1}}},
        {"Statement": {"Effect": "Allow", "Condition": ["x"]}},
        {"Statement": {"Effect": "Allow", "Condition": {"Bool": "x"}}},
        {"Statement": {**ADMIN, "Condition": {"Bool": {"a": "true"}, "bool": {"b": "true"}}}},
        {"Statement": {**ADMIN, "Condition": {"Bool": {"aws:SecureTransport": "true", "AWS:securetransport": "x"}}}},
        "[" * 100_000,
        "x" * 1_000_001,
    ],
)
def test_what_is_no_policy_is_refused(document: Any) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        statements(document)


@settings(max_examples=100, deadline=None)
@given(pattern=st.text("ab*?", max_size=8), sample=st.text("ab", max_size=6))
def test_wildcards_agree_with_a_slow_and_obvious_matcher(pattern: str, sample: str) -> None:
    def slow(p: str, s: str) -> bool:
        if not p:
            return not s
        if p[0] == "*":
            return slow(p[1:], s) or (bool(s) and slow(p, s[1:]))
        return bool(s) and p[0] in ("?", s[0]) and slow(p[1:], s[1:])

    assert covers([pattern], sample) is slow(pattern, sample)


def test_case_matters_in_resources_and_not_in_actions() -> None:
    assert covers_action(["S3:get*"], "s3:GetObject")
    assert not covers(["ARN:*"], "arn:x")


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        pytest.param(ADMIN, State.FAIL, id="star-star"),
        pytest.param({**ADMIN, "Action": ["s3:*", "*:*"], "Resource": ["x", "*"]}, State.FAIL, id="in-lists"),
        pytest.param({**ADMIN, "Effect": "Deny"}, State.PASS, id="deny"),
        pytest.param({**ADMIN, "Resource": "arn:aws:s3:::a"}, State.PASS, id="one-resource"),
        pytest.param({**ADMIN, "Action": "s3:*"}, State.PASS, id="one-service"),
        pytest.param({**ADMIN, **when("Bool", "aws:MultiFactorAuthPresent", "true")}, State.MANUAL, id="condition"),
        pytest.param({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, State.MANUAL, id="everything-but"),
        pytest.param({"Effect": "Allow", "Action": "*", "NotResource": "x"}, State.MANUAL, id="not-resource"),
        pytest.param({"Effect": "Allow", "NotAction": "s3:*", "NotResource": "x"}, State.MANUAL, id="neither"),
        pytest.param({"Effect": "Allow", "Action": "s3:*", "NotResource": "x"}, State.PASS, id="one-service-elsewhere"),
        pytest.param({"Effect": "Deny", "Action": "*", "NotResource": "x"}, State.PASS, id="deny-elsewhere"),
        pytest.param({"Effect": "Allow", "Action": "*"}, State.NOT_ASSESSED, id="no-resource"),
        pytest.param("hostile", State.NOT_ASSESSED, id="hostile"),
    ],
)
def test_full_admin_policies(statement: Any, expected: State) -> None:
    world = authorization(policies=(managed_policy("narrow", allow()), managed_policy("wide", statement)))
    found = states(world.judge("iam-no-full-admin-policy"))
    assert found == {
        f"arn:aws:iam::{ACCOUNT}:policy/narrow": State.PASS,
        f"arn:aws:iam::{ACCOUNT}:policy/wide": expected,
    }


@pytest.mark.parametrize("defaults", [(), (True, True), (False,)])
def test_a_policy_without_one_default_version_is_not_assessed(defaults: tuple[bool, ...]) -> None:
    known = managed_policy("wide", allow())
    versions = [{**known["PolicyVersionList"][0], "IsDefaultVersion": default} for default in defaults]
    world = authorization(policies=({**known, "PolicyVersionList": versions},))
    assert world.judge("iam-no-full-admin-policy").state is State.NOT_ASSESSED


def test_administrator_access_counts_as_aws_managed_and_unattached_policies_do_not_count() -> None:
    admin = managed_policy("AdministratorAccess", ADMIN, aws=True)
    result = authorization(policies=(admin, managed_policy("idle", ADMIN, attached=0))).judge(
        "iam-no-full-admin-policy"
    )
    assert list(states(result).values()) == [State.NOT_APPLICABLE, State.FAIL]
    assert "AWS managed: " in reasons(result)
    assert result.populations[0].excluded == 1


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        pytest.param(principal("User", "bob", "ReadOnlyAccess"), State.FAIL, id="attached"),
        pytest.param(principal("User", "bob", UserPolicyList=[{"PolicyName": "x"}]), State.FAIL, id="inline"),
        pytest.param(principal("User", "bob", PermissionsBoundary={"x": "y"}), State.PASS, id="boundary"),
        pytest.param(principal("User", "bob", AttachedManagedPolicies=None), State.NOT_ASSESSED, id="hostile"),
    ],
)
def test_one_user_of_two_has_permissions_of_their_own(user: dict[str, Any], expected: State) -> None:
    found = states(authorization(users=(principal("User", "alice"), user)).judge("iam-user-permissions-via-groups"))
    assert list(found.values()) == [State.PASS, expected]


@pytest.mark.parametrize(
    ("control", "world", "expected"),
    [
        pytest.param("iam-support-role", authorization(), State.FAIL, id="no-role"),
        pytest.param(
            "iam-support-role",
            authorization(users=(principal("User", "u", "AWSSupportAccess"),)),
            State.FAIL,
            id="a-user-is-no-role",
        ),
        pytest.param(
            "iam-cloudshell-full-access-restricted",
            authorization(groups=(principal("Group", "g", "AWSCloudShellFullAccess"),)),
            State.FAIL,
            id="group-with-cloudshell",
        ),
        pytest.param("iam-cloudshell-full-access-restricted", authorization(), State.PASS, id="nobody-at-all"),
        pytest.param("iam-user-permissions-via-groups", authorization(), State.NOT_APPLICABLE, id="no-users"),
        pytest.param("iam-no-full-admin-policy", authorization(), State.NOT_APPLICABLE, id="no-policies"),
        pytest.param(
            "iam-no-expired-server-certificates",
            World().says("iam:ListServerCertificates", {"ServerCertificateMetadataList": []}),
            State.PASS,
            id="no-certificates",
        ),
        pytest.param("iam-central-federation", federation(), State.PASS, id="provider"),
        pytest.param(
            "iam-central-federation",
            federation().says("iam:ListSAMLProviders", {"SAMLProviderList": []}),
            State.FAIL,
            id="none",
        ),
        pytest.param(
            "iam-central-federation",
            federation()
            .says("iam:ListSAMLProviders", {"SAMLProviderList": []})
            .says("sso-admin:ListInstances", {"Instances": [{"InstanceArn": "x"}]}, region=HOME),
            State.PASS,
            id="identity-center-in-one-region",
        ),
        pytest.param(
            "iam-central-federation",
            federation().says("iam:GetCredentialReport", report(root(), row("bob", password_enabled="true"))),
            State.MANUAL,
            id="console-user-left",
        ),
        pytest.param(
            "iam-central-federation",
            federation()
            .says("iam:ListSAMLProviders", {"SAMLProviderList": []})
            .lacks("organizations:DescribeOrganization"),
            State.NOT_APPLICABLE,
            id="alone",
        ),
    ],
)
def test_who_holds_what(control: str, world: World, expected: State) -> None:
    assert world.judge(control).state is expected


def test_the_support_policy_of_another_partition_does_not_count() -> None:
    world = authorization(roles=(principal("Role", "helpdesk", "AWSSupportAccess"),))
    assert World(world.answers, partition="aws-us-gov").judge("iam-support-role").state is State.FAIL


def test_one_certificate_of_two_has_expired() -> None:
    listed = [{"Arn": "old", "Expiration": ago(seconds=1)}, {"Arn": "new", "Expiration": ago(seconds=-1)}]
    world = World().says("iam:ListServerCertificates", {"ServerCertificateMetadataList": listed})
    assert states(world.judge("iam-no-expired-server-certificates")) == {"new": State.PASS, "old": State.FAIL}


def transport(**changes: Any) -> str:
    return policy({key: value for key, value in {**http_denied("b"), **changes}.items() if value is not None})


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param(transport(), State.PASS, id="as-documented"),
        pytest.param(transport(Action="*", Resource="*"), State.PASS, id="wider"),
        pytest.param(transport(Resource="arn:aws:s3:::b*"), State.PASS, id="one-pattern-for-both"),
        pytest.param(transport(Principal={"AWS": ["*"]}), State.PASS, id="aws-star"),
        pytest.param(transport(Condition={"Bool": {"AWS:SecureTransport": False}}), State.PASS, id="boolean"),
        pytest.param(
            transport(Condition={"BoolIfExists": {"aws:SecureTransport": "false"}}), State.PASS, id="if-it-exists"
        ),
        pytest.param(
            transport(Condition={"Bool": {"aws:SecureTransport": "false", "aws:PrincipalIsAWSService": "true"}}),
            State.FAIL,
            id="services-only",
        ),
        pytest.param(
            transport(Condition={"Bool": {"aws:ViaAWSService": "true"}, "bool": {"aws:SecureTransport": "false"}}),
            State.NOT_ASSESSED,
            id="one-operator-twice",
        ),
        pytest.param(transport(Resource="arn:aws:s3:::b/*"), State.FAIL, id="objects-only"),
        pytest.param(transport(Resource="arn:aws:s3:::b"), State.FAIL, id="bucket-only"),
        pytest.param(transport(Resource=["arn:aws:s3:::b", "arn:aws:s3:::b/x/*"]), State.FAIL, id="some-objects"),
        pytest.param(transport(Resource=["arn:aws:s3:::b", "arn:aws:s3:::b/*.txt*"]), State.FAIL, id="some-names"),
        pytest.param(transport(Action="s3:GetObject"), State.FAIL, id="one-action"),
        pytest.param(transport(Action=None, NotAction="s3:*"), State.FAIL, id="not-action"),
        pytest.param(transport(Principal={"AWS": ACCOUNT}), State.FAIL, id="one-principal"),
        pytest.param(transport(Effect="Allow"), State.FAIL, id="allow"),
        pytest.param(transport(Condition=None), State.FAIL, id="denies-everything"),
        pytest.param(
            transport(Condition={"NumericLessThan": {"s3:TlsVersion": "1.2"}}), State.FAIL, id="tls-version-only"
        ),
        pytest.param(
            transport(Condition={"Bool": {"aws:SecureTransport": "false"}, "StringEquals": {"aws:SourceVpc": "x"}}),
            State.FAIL,
            id="narrowed",
        ),
        pytest.param("{", State.NOT_ASSESSED, id="hostile"),
    ],
)
def test_one_bucket_of_two_refuses_plain_http(document: str, expected: State) -> None:
    world = two_buckets().says("s3:GetBucketPolicy", {"Policy": document}, Bucket="b")
    assert states(world.judge("s3-deny-insecure-transport")) == {"a": State.PASS, "b": expected}


def test_bucket_and_objects_may_be_denied_by_two_statements() -> None:
    parts = [{**http_denied("b"), "Resource": item} for item in ("arn:aws:s3:::b", "arn:aws:s3:::b/*")]
    world = two_buckets().says("s3:GetBucketPolicy", {"Policy": policy(*parts)}, Bucket="b")
    assert states(world.judge("s3-deny-insecure-transport"))["b"] is State.PASS


OPEN = policy(ANYONE)


@pytest.mark.parametrize(
    ("world", "resource"),
    [
        (policies_everywhere().says("s3:GetBucketPolicy", {"Policy": OPEN}, Bucket="a"), "a"),
        (
            policies_everywhere().says(
                "sqs:GetQueueAttributes", {"Attributes": {"Policy": OPEN}}, region=HOME, QueueUrl=QUEUE
            ),
            QUEUE,
        ),
        (
            policies_everywhere().says(
                "sns:GetTopicAttributes", {"Attributes": {"Policy": OPEN}}, region=HOME, TopicArn=TOPIC
            ),
            TOPIC,
        ),
        (
            policies_everywhere().says("events:ListEventBuses", {"EventBuses": [{"Arn": "bus", "Policy": OPEN}]}),
            "bus",
        ),
    ],
)
def test_one_open_resource_policy_is_named(world: World, resource: str) -> None:
    result = world.judge("resource-policies-no-open-principal")
    assert result.state is State.FAIL
    assert resource in reasons(result)
    assert result.results[0].evidence[0].pointer, "points at the policy"


def test_resources_without_policy_leave_nothing_to_judge() -> None:
    world = (
        policies_everywhere()
        .lacks("s3:GetBucketPolicy", Bucket="a")
        .says("kms:ListKeys", {"Keys": []})
        .says("sqs:ListQueues", {})
        .says("sns:ListTopics", {"Topics": []})
        .says("lambda:ListFunctions", {"Functions": []})
        .says("secretsmanager:ListSecrets", {"SecretList": []})
        .says("events:ListEventBuses", {"EventBuses": [{"Name": "default", "Arn": "bus"}]})
    )
    assert world.judge("resource-policies-no-open-principal").state is State.NOT_APPLICABLE


def test_a_resource_policy_nobody_can_read_allows_no_conclusion() -> None:
    world = policies_everywhere().says("s3:GetBucketPolicy", {"Policy": "{"}, Bucket="a")
    assert world.judge("resource-policies-no-open-principal").state is State.NOT_ASSESSED


def test_the_policy_of_a_trails_bucket_elsewhere_is_not_counted_among_the_accounts_own() -> None:
    """It is asked for beside the account's own ones, and refused."""
    listed = {"trailList": [{"TrailARN": "arn:1", "HomeRegion": HOME, "S3BucketName": "elsewhere"}]}
    world = policies_everywhere().says("cloudtrail:DescribeTrails", listed)
    world = world.refuses("s3:GetBucketPolicy", Bucket="elsewhere")
    control = catalog().controls["resource-policies-no-open-principal"]
    asking = replace(control, evidence=(*control.evidence, "cloudtrail:DescribeTrails"))
    assert states(world.judge_control(asking)) == states(policies_everywhere().judge_control(control))


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
    found = statements({"Statement": {**ANYONE, "Resource": resource}})
    assert grants(found, found[0], "s3:GetObject", under=under) is expected


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
        pytest.param({"Effect": "Deny", "NotPrincipal": "x", "Action": "*", "Resource": "*"}, False, id="all-but-one"),
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
    found = statements({"Statement": [ANYONE, denial]})
    assert grants(found, found[0], "s3:GetObject", under="b/AWSLogs/") is not taken_back


def test_a_guarded_policy_names_its_account() -> None:
    assert (
        json.loads(guarded())["Statement"][0]["Condition"]["StringEquals"]["aws:SourceAccount"] == ACCOUNT != MANAGEMENT
    )


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
    found = statements({"Statement": [READ, {**READ, "Effect": "Deny", **second}]})
    assert grants(found, found[0], "s3:GetObject", under="arn:aws:s3:::logs/AWSLogs/")


def test_a_variable_may_stand_for_the_bucket() -> None:
    found = statements({"Statement": {**READ, "Resource": "arn:aws:s3:::${aws:PrincipalTag/bucket}/*"}})
    assert grants(found, found[0], "s3:GetObject", under="arn:aws:s3:::logs/AWSLogs/")


@pytest.mark.parametrize(
    "odd",
    [
        {"NotAction": "s3:GetObject"},
        {"NotPrincipal": {"AWS": ACCOUNT}},
        {"NotResource": "*"},
        {"Conditions": {"Bool": {"aws:SecureTransport": "false"}}},
        {"Condition": None},
    ],
)
def test_statements_of_another_form_are_unreadable(odd: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        statements({"Statement": {**READ, **odd}})


@pytest.mark.parametrize("broken", [{"Actions": "s3:*"}, {"Action": []}, {"Action": None}, {"Resource": []}])
def test_a_resource_policy_that_names_no_actions_or_resources_is_unreadable(broken: dict[str, Any]) -> None:
    whole = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}
    whole = {key: value for key, value in whole.items() if f"{key}s" not in broken} | broken
    with pytest.raises(ValueError, match="names actions"):
        any(grants((one,), one, "s3:GetObject", under="arn:aws:s3:::logs/") for one in statements({"Statement": whole}))


def test_a_pattern_of_many_stars_is_answered_at_once() -> None:
    assert not covers(["*a" * 500 + "*b"], "a" * 2000)
    assert covers(["*a" * 500 + "*b"], "a" * 2000 + "b")
