"""Policy documents: what they open, and controls over IAM and bucket policies."""

import json
from dataclasses import replace
from typing import Any

import pytest

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


def when(operator: str, key: str, *values: str) -> dict[str, Any]:
    return {"Condition": {operator: {key: list(values)}}}


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
        pytest.param({**ADMIN, "Action": "*:?*"}, State.FAIL, id="every-action-by-a-question-mark"),
        pytest.param({**ADMIN, "Resource": "arn:aws:*:*:*:*"}, State.FAIL, id="every-arn"),
        pytest.param(
            {"Effect": "Allow", "NotAction": "iam:*", "Resource": "arn:aws:*:*:*:*"},
            State.MANUAL,
            id="everything-but-on-every-arn",
        ),
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


def provider(issuer: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}"


BUILDS = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
CLUSTER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/ABC"
DIRECTORY = f"arn:aws:iam::{ACCOUNT}:oidc-provider/login.example.com"


@pytest.mark.parametrize(
    ("providers", "expected"),
    [
        pytest.param((BUILDS,), State.MANUAL, id="builds"),
        pytest.param((BUILDS, CLUSTER), State.MANUAL, id="builds-and-a-cluster"),
        pytest.param(
            (BUILDS.replace("token.actions.githubusercontent.com", "gitlab.example.com"),), State.MANUAL, id="git"
        ),
        pytest.param((provider("s3.eu-west-1.amazonaws.com/own-cluster"),), State.MANUAL, id="cluster-of-ones-own"),
        pytest.param((provider("rh-oidc.s3.us-east-1.amazonaws.com/1"),), State.MANUAL, id="keys-in-a-bucket"),
        pytest.param((provider("d111111abcdef8.cloudfront.net"),), State.MANUAL, id="keys-through-cloudfront"),
        pytest.param((provider("eastus.oic.prod-aks.azure.com/1/2"),), State.MANUAL, id="cluster-of-azure"),
        pytest.param((provider("cognito-idp.eu-west-1.amazonaws.com/eu-west-1_A"),), State.PASS, id="user-pool"),
        pytest.param((DIRECTORY,), State.PASS, id="directory"),
        pytest.param((BUILDS, DIRECTORY), State.PASS, id="directory-beside-builds"),
        pytest.param((), State.FAIL, id="none"),
    ],
)
def test_nobody_signs_in_through_the_provider_of_a_build_system(providers: tuple[str, ...], expected: State) -> None:
    page = {"OpenIDConnectProviderList": [{"Arn": arn} for arn in providers]}
    world = federation().says("iam:ListSAMLProviders", {"SAMLProviderList": []})
    result = world.says("iam:ListOpenIDConnectProviders", page).judge("iam-central-federation")
    assert result.state is expected
    assert ("nobody signs in through" in reasons(result)) == (expected is State.MANUAL)


def test_an_identity_center_that_is_being_deleted_signs_in_nobody() -> None:
    world = federation().says("iam:ListSAMLProviders", {"SAMLProviderList": []})
    for status, expected in (("ACTIVE", State.PASS), ("DELETE_IN_PROGRESS", State.FAIL)):
        page = {"Instances": [{"InstanceArn": "i", "Status": status}]}
        assert world.says("sso-admin:ListInstances", page).judge("iam-central-federation").state is expected


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
        pytest.param(transport(Action=None, NotAction="iam:*"), State.PASS, id="all-but-another-service"),
        pytest.param(transport(Action="s3:?*"), State.PASS, id="every-action-by-a-question-mark"),
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
        pytest.param(
            transport(Condition={"Bool": {"aws:SecureTransport": "false"}, "Null": {"aws:SecureTransport": "false"}}),
            State.PASS,
            id="and-says-so-at-all",
        ),
        pytest.param(
            transport(Condition={"Bool": {"aws:SecureTransport": "false"}, "Null": {"aws:SecureTransport": "true"}}),
            State.FAIL,
            id="and-does-not-say-so",
        ),
        pytest.param(
            transport(Condition={"Null": {"aws:SecureTransport": "false"}}), State.FAIL, id="asks-for-the-key-only"
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


ANYONE = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "*"}
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
    opened = {item.resource: item for item in result.results if item.state is State.FAIL}
    assert resource in opened
    assert all(item.evidence[0].pointer for item in opened.values()), "points at the policy"


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


def test_what_was_not_read_of_policies_is_named() -> None:
    said = reasons(policies_everywhere().judge("resource-policies-no-open-principal"))
    assert "access points" in said
    assert "aliases and versions" in said


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"StringEquals": {"aws:userid": "AIDAEXAMPLE"}}, State.PASS),
        ({"StringEquals": {"s3:DataAccessPointAccount": ACCOUNT}}, State.NOT_ASSESSED),
        ({"StringEquals": {"aws:username": "alice"}}, State.FAIL),
    ],
)
def test_a_bucket_policy_for_everybody_under_a_condition(condition: dict[str, Any], expected: State) -> None:
    document = policy({**ANYONE, "Condition": condition})
    world = policies_everywhere().says("s3:GetBucketPolicy", {"Policy": document}, Bucket="a")
    assert world.judge("resource-policies-no-open-principal").state is expected


def test_a_resource_policy_nobody_can_read_hides_no_open_one() -> None:
    bus = {"EventBuses": [{"Name": "default", "Arn": "bus", "Policy": OPEN}]}
    world = policies_everywhere().says("s3:GetBucketPolicy", {"Policy": "{"}, Bucket="a")
    result = world.says("events:ListEventBuses", bus).judge("resource-policies-no-open-principal")
    assert (states(result)["a"], states(result)["bus"]) == (State.NOT_ASSESSED, State.FAIL)


def test_the_resource_policy_that_nobody_can_read_is_named_with_the_reason() -> None:
    world = policies_everywhere().says("s3:GetBucketPolicy", {"Policy": policy(1)}, Bucket="a")
    assert "Whether the policy of a trusts everyone is not known: statement 1 is no object" in reasons(
        world.judge("resource-policies-no-open-principal")
    )


def test_a_statement_nobody_can_read_hides_no_full_admin_and_lets_none_pass() -> None:
    world = authorization(policies=(managed_policy("wide", "hostile", ADMIN), managed_policy("narrow", allow(), "x")))
    assert list(states(world.judge("iam-no-full-admin-policy")).values()) == [State.NOT_ASSESSED, State.FAIL]


def test_the_policy_of_a_trails_bucket_elsewhere_is_not_counted_among_the_accounts_own() -> None:
    """It is asked for beside the account's own ones, and refused."""
    listed = {"trailList": [{"TrailARN": "arn:1", "HomeRegion": HOME, "S3BucketName": "elsewhere"}]}
    world = policies_everywhere().says("cloudtrail:DescribeTrails", listed)
    world = world.refuses("s3:GetBucketPolicy", Bucket="elsewhere")
    control = catalog().controls["resource-policies-no-open-principal"]
    asking = replace(control, evidence=(*control.evidence, "cloudtrail:DescribeTrails"))
    assert states(world.judge_control(asking)) == states(policies_everywhere().judge_control(control))


def test_a_guarded_policy_names_its_account() -> None:
    assert (
        json.loads(guarded())["Statement"][0]["Condition"]["StringEquals"]["aws:SourceAccount"] == ACCOUNT != MANAGEMENT
    )
