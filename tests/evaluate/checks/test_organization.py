"""Controls that only the management account of an organization can answer."""

from typing import Any

import pytest

from auditor.model import State
from tests.evaluate.checks.worlds import MANAGEMENT, organization, policy
from tests.evaluate.kit import ACCOUNT, World, catalog, reasons

CONTROLS = [name for name in catalog().controls if name.startswith("org-")]
MEMBER = "444455556666"


@pytest.mark.parametrize("control", CONTROLS)
def test_a_member_is_not_the_account_to_ask(control: str) -> None:
    result = organization(management=MANAGEMENT).judge(control)
    assert result.state is State.NOT_APPLICABLE
    assert MANAGEMENT in reasons(result)


@pytest.mark.parametrize("control", CONTROLS)
def test_an_account_on_its_own_has_no_organization(control: str) -> None:
    assert World().lacks("organizations:DescribeOrganization").judge(control).state is State.NOT_APPLICABLE


def roots(*kinds: dict[str, str]) -> World:
    return organization().says("organizations:ListRoots", {"Roots": [{"Id": "r-abcd", "PolicyTypes": list(kinds)}]})


def accounts(**member: Any) -> World:
    listed = [{"Id": ACCOUNT, "Paths": []}, {"Id": MEMBER, **member}]
    return organization().says("organizations:ListAccounts", {"Accounts": listed})


def delegation(*principals: str) -> dict[str, Any]:
    content = policy({"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": "x"})
    return {"ResourcePolicy": {"Content": content}}


@pytest.mark.parametrize(
    ("control", "world", "expected", "words"),
    [
        pytest.param(
            "org-central-root-access",
            organization().says("iam:ListOrganizationsFeatures", {"EnabledFeatures": ["RootSessions"]}),
            State.FAIL,
            "off",
            id="sessions-only",
        ),
        pytest.param(
            "org-central-root-access",
            organization().lacks("iam:ListOrganizationsFeatures"),
            State.FAIL,
            "off",
            id="no-access",
        ),
        pytest.param("org-guardrail-policies", roots(), State.FAIL, "not enabled", id="no-policy-types"),
        pytest.param(
            "org-guardrail-policies",
            organization()
            .says(
                "organizations:ListPolicies",
                {"Policies": [{"Id": "p-FullAWSAccess", "AwsManaged": True}]},
                Filter="SERVICE_CONTROL_POLICY",
            )
            .without("organizations:ListTargetsForPolicy")
            .says("organizations:ListTargetsForPolicy", {"Targets": []}, PolicyId="p-FullAWSAccess"),
            State.FAIL,
            "No policy beyond",
            id="aws-policies-only",
        ),
        pytest.param(
            "org-guardrail-policies",
            accounts(Paths=[f"o-1/r-abcd/ou-other/{MEMBER}"]),
            State.FAIL,
            MEMBER,
            id="account-missed",
        ),
        pytest.param("org-guardrail-policies", accounts(), State.MANUAL, "did not say", id="paths-unknown"),
        pytest.param(
            "org-ou-structure",
            organization().says(
                "organizations:ListAccountsForParent", {"Accounts": [{"Id": MEMBER}]}, ParentId="r-abcd"
            ),
            State.MANUAL,
            f"directly under the root: {MEMBER}",
            id="account-outside",
        ),
        pytest.param(
            "org-policy-delegated-admin",
            organization().lacks("organizations:DescribeResourcePolicy"),
            State.FAIL,
            "no delegation policy",
            id="no-delegation",
        ),
        pytest.param(
            "org-policy-delegated-admin",
            organization().says("organizations:DescribeResourcePolicy", delegation(f"arn:aws:iam::{ACCOUNT}:root")),
            State.FAIL,
            "no member",
            id="delegated-to-itself",
        ),
        pytest.param(
            "org-policy-delegated-admin",
            organization().says("organizations:DescribeResourcePolicy", delegation("*")),
            State.FAIL,
            "no member",
            id="delegated-to-nobody-by-name",
        ),
        pytest.param(
            "org-service-delegated-admins",
            organization().says(
                "organizations:ListDelegatedServicesForAccount", {"DelegatedServices": []}, AccountId=MEMBER
            ),
            State.FAIL,
            "guardduty",
            id="not-delegated",
        ),
        pytest.param(
            "org-service-delegated-admins",
            organization().says("organizations:ListAWSServiceAccessForOrganization", {"EnabledServicePrincipals": []}),
            State.NOT_APPLICABLE,
            "No integrated service",
            id="nothing-integrated",
        ),
        pytest.param(
            "org-management-account-no-workloads",
            organization().says(
                "resourcegroupstaggingapi:GetResources",
                {"ResourceTagMappingList": [{"ResourceARN": "arn:aws:lambda:x:1:function:f"}]},
            ),
            State.MANUAL,
            "lambda",
            id="a-function",
        ),
        pytest.param(
            "org-management-account-no-workloads",
            organization().says(
                "resourcegroupstaggingapi:GetResources", {"ResourceTagMappingList": [{"ResourceARN": "hostile"}]}
            ),
            State.NOT_ASSESSED,
            "form",
            id="hostile",
        ),
    ],
)
def test_organization_controls(control: str, world: World, expected: State, words: str) -> None:
    result = world.judge(control)
    assert result.state is expected, reasons(result)
    assert words in reasons(result)


def test_members_are_asked_nothing_that_only_the_management_account_may_answer() -> None:
    bare = World().says("organizations:DescribeOrganization", {"Organization": {"MasterAccountId": MANAGEMENT}})
    assert all(bare.judge(control).state is State.NOT_APPLICABLE for control in CONTROLS)
