"""Judges root by the account summary and its MFA devices, and who holds which policies."""

from collections.abc import Mapping
from typing import Any

from auditor.base.counts import counted
from auditor.evaluate.checks.credential_report import content_of, read_report
from auditor.evaluate.checks.fields import (
    flag,
    integer,
    listed,
    mapping,
    moment,
    optional_list,
    optional_text,
    some,
    text,
)
from auditor.evaluate.subject import Subject
from auditor.evaluate.view import View
from auditor.model import Verdict, failed, manual, not_applicable, not_assessed, passed
from auditor.policies.document import Kind, read_policy
from auditor.policies.grants import allows_every_action, allows_every_resource

_NO_CREDENTIALS = "The root user has neither a password nor access keys, so there is nothing that MFA could protect."
_PAIRED = "aws-us-gov"
_ROOT_ELSEWHERE = (
    "Nobody signs in to the console as the root user of a GovCloud account and it cannot have MFA; the root user to "
    "protect is that of the paired standard account."
)
"""AWS GovCloud (US) User Guide, "AWS GovCloud (US) account root user"; its access keys are judged by themselves."""


def root_mfa(subject: Subject) -> Verdict:
    """Judge whether root has MFA; root without any credentials (central root management) needs none.

    Evidence: ``iam:GetAccountSummary``.
    """
    summary = mapping(subject.evidence.page("iam:GetAccountSummary"), "SummaryMap")
    if integer(summary, "AccountMFAEnabled") == 1:
        return passed("The account summary shows MFA for the root user.", observed="AccountMFAEnabled is 1")
    if subject.account.partition == _PAIRED:
        return not_applicable(_ROOT_ELSEWHERE)
    if _root_has_no_credentials(summary):
        return passed(_NO_CREDENTIALS)
    return failed("The account summary shows no MFA for the root user.", observed="AccountMFAEnabled is 0")


def _root_has_no_credentials(summary: object) -> bool:
    """Say whether root has no way to sign in. A missing password field means unknown, not none."""
    if not isinstance(summary, dict) or "AccountPasswordPresent" not in summary:
        return False
    return integer(summary, "AccountPasswordPresent") == 0 and integer(summary, "AccountAccessKeysPresent") == 0


def root_hardware_mfa(subject: Subject) -> Verdict:
    """Judge whether root has MFA and none of it is virtual; a device left over from credentials that are gone is none.

    A virtual device is root's when the ARN of its user ends in ``:root``; its name says nothing, because several
    devices with any name are allowed. The API cannot tell a hardware key from a synced passkey.

    Evidence: ``iam:GetAccountSummary``, ``iam:ListVirtualMFADevices``.
    """
    summary = mapping(subject.evidence.page("iam:GetAccountSummary"), "SummaryMap")
    enabled = integer(summary, "AccountMFAEnabled") == 1
    if not enabled and subject.account.partition == _PAIRED:
        return not_applicable(_ROOT_ELSEWHERE)
    bare = _root_has_no_credentials(summary)
    if not enabled and not bare:
        return failed("The account summary shows no MFA for the root user.", observed="AccountMFAEnabled is 0")
    virtual: list[object] = []
    for device in subject.evidence.items("iam:ListVirtualMFADevices", "VirtualMFADevices[]"):
        with subject.evidence.going_on():
            if _belongs_to_root(device):
                subject.evidence.point(device)
                virtual.append(device)
    left_over = f" {counted(len(virtual), 'virtual device')} of it is left over." if virtual else ""
    if bare:
        return passed(f"{_NO_CREDENTIALS}{left_over}")
    if virtual:
        return failed(f"The root user has {counted(len(virtual), 'virtual MFA device')}.", observed="virtual MFA")
    return passed("The root user has MFA, and no virtual device is assigned to it.", observed="no virtual MFA")


def _belongs_to_root(device: dict[str, object]) -> bool:
    """Say whether a device is root's; only assigned ones are listed, each with its user."""
    return text(mapping(device, "User"), "Arn").endswith(":root")


def _details(view: View, path: str) -> tuple[Any, ...]:
    return view.items("iam:GetAccountAuthorizationDetails", path)


def permissions_via_groups(subject: Subject) -> Verdict:
    """Judge one IAM user: no policy is attached to it or written into it; a permissions boundary grants nothing.

    Evidence: ``iam:GetAccountAuthorizationDetails`` (population).
    """
    attached = [text(policy, "PolicyName") for policy in listed(subject.item, "AttachedManagedPolicies")]
    inline = [text(policy, "PolicyName") for policy in optional_list(subject.item, "UserPolicyList")]
    if attached or inline:
        return failed(
            f"Policies of the user itself: {some([*attached, *inline])}.",
            observed=f"{len(attached):,} attached, {len(inline):,} inline",
            pointer="/AttachedManagedPolicies" if attached else "/UserPolicyList",
        )
    return passed("No policy is attached to the user itself or written into it.", observed="no policies of its own")


def no_full_admin(subject: Subject) -> Verdict:
    """Judge the default version of one attached managed policy: no statement allows everything on everything.

    A condition, or everything but some actions or resources, is left to a person. A statement that cannot be read might
    allow everything, but hides none that does.

    Evidence: ``iam:GetAccountAuthorizationDetails`` (population).
    """
    versions = [item for item in listed(subject.item, "PolicyVersionList") if flag(item, "IsDefaultVersion")]
    if len(versions) != 1:
        raise ValueError("a managed policy has one default version")
    kind = "AWS managed" if ":iam::aws:policy/" in text(subject.item, "Arn") else "Customer managed"
    review = ""
    policy = read_policy(versions[0]["Document"], Kind.IDENTITY)
    for statement in policy.statements:
        every_action, every_resource = (
            allows_every_action(statement),
            allows_every_resource(statement, subject.account.partition),
        )
        if not statement.allow or not (every_resource or statement.not_resources):
            continue
        if every_action and every_resource and not statement.conditions:
            return failed(
                f"{kind}: a statement allows every action on every resource.", observed="Allow * on *, unconditionally"
            )
        where = "every resource" if every_resource else "everything but some resources"
        if every_action:
            condition = " under a condition" if statement.conditions else ""
            review = f"a statement allows every action on {where}{condition}"
        elif statement.not_actions:
            review = f"a statement allows everything but some actions on {where}"
    if policy.unreadable:
        return not_assessed(f"{kind}: {policy.fault}, so what the policy allows is not known.")
    if review:
        return manual(f"{kind}: {review}; somebody has to weigh it.", observed=review)
    return passed(f"{kind}: no statement allows every action on every resource.", observed="no Allow * on *")


def support_role(subject: Subject) -> Verdict:
    """Judge whether a role (or what ``accept`` lists) holds the AWS support policy.

    Evidence: ``iam:GetAccountAuthorizationDetails``.
    """
    holders = _holders(subject, "AWSSupportAccess")
    accepted = [name for kind in listed(subject.parameters, "accept") for name in holders[kind]]
    if accepted:
        return passed(f"The support policy is attached to {some(accepted)}.", observed=f"held by {some(accepted)}")
    return failed("The support policy is attached to no role.", observed="held by no role")


def cloudshell_restricted(subject: Subject) -> Verdict:
    """Judge whether nobody holds the CloudShell full access policy.

    Evidence: ``iam:GetAccountAuthorizationDetails``.
    """
    holders = [name for names in _holders(subject, "AWSCloudShellFullAccess").values() for name in names]
    if holders:
        return failed(f"The policy is attached to {some(holders)}.", observed=f"held by {some(holders)}")
    return passed("The policy is attached to no user, group or role.", observed="held by nobody")


def _holders(subject: Subject, policy: str) -> dict[str, list[str]]:
    """Return who holds an AWS managed policy: ``users``, ``groups`` and ``roles`` by name."""
    arn = f"arn:{subject.account.partition}:iam::aws:policy/{policy}"
    found: dict[str, list[str]] = {}
    for kind, path, name in (
        ("users", "UserDetailList[]", "UserName"),
        ("groups", "GroupDetailList[]", "GroupName"),
        ("roles", "RoleDetailList[]", "RoleName"),
    ):
        found[kind] = []
        for item in _details(subject.evidence, path):
            if arn in [text(attached, "PolicyArn") for attached in listed(item, "AttachedManagedPolicies")]:
                found[kind].append(text(item, name))
                subject.evidence.point(item)
    return found


def certificate_not_expired(subject: Subject) -> Verdict:
    """Judge one server certificate kept in IAM: it is still valid.

    Evidence: ``iam:ListServerCertificates`` (population).
    """
    expiry = moment(subject.item, "Expiration", ahead=True)
    sentence = f"The certificate is valid until {expiry:%Y-%m-%d %H:%M} UTC."
    if expiry < subject.as_of:
        return failed(f"The certificate expired on {expiry:%Y-%m-%d}.", pointer="/Expiration")
    return passed(sentence, pointer="/Expiration")


_MACHINES = (
    *("token.actions.githubusercontent.com", "gitlab.", "vstoken.dev.azure.com", "api.bitbucket.org"),
    *("oidc.circleci.com", "agent.buildkite.com", "app.terraform.io", "oidc.vercel.com", "oidc.codefresh.io"),
    *("oidc.eks.", "app.harness.io", "api.pulumi.com", "oidc.op1.openshiftapps.com", "container.googleapis.com"),
)
"""How issuers of tokens for builds and for cluster workloads begin; a company's own GitLab is called so as well."""
_MACHINES_WITHIN = (
    *(".semaphoreci.com", ".scalr.io", ".app.spacelift.io", ".octopus.app", ".oidc.circleci.com"),
    *(".oic.prod-aks.azure.com", ".cloudfront.net"),
)
"""How they end; a cluster of one's own publishes its keys in a bucket, or through CloudFront."""
_OF_AWS = (".amazonaws.com", ".amazonaws.com.cn")
_FOR_PEOPLE_OF_AWS = "cognito-idp."


def _for_people(provider: Mapping[str, Any]) -> bool:
    """Say whether people may sign in through an OIDC provider; nobody does through that of a build system."""
    host = text(provider, "Arn").partition(":oidc-provider/")[2].lower()
    name = host.partition("/")[0]
    if name.endswith(_OF_AWS):
        return name.startswith(_FOR_PEOPLE_OF_AWS)
    return not (name.startswith(_MACHINES) or name.endswith(_MACHINES_WITHIN))


def central_federation(subject: Subject) -> Verdict:
    """Judge how people sign in: through an identity provider or IAM Identity Center, and not as IAM users.

    Which users are people needs a person, so console users beside a provider are left to one. So is an account whose
    only providers serve build systems or clusters: people may come through roles of a central account.

    Evidence: ``organizations:DescribeOrganization``, ``iam:ListSAMLProviders``, ``iam:ListOpenIDConnectProviders``,
    ``sso-admin:ListInstances``, ``iam:GetCredentialReport``.
    """
    view = subject.evidence
    organization = view.find("organizations:DescribeOrganization")
    by_token = view.items("iam:ListOpenIDConnectProviders", "OpenIDConnectProviderList[]")
    machines = [text(provider, "Arn") for provider in by_token if not _for_people(provider)]
    centers = view.items("sso-admin:ListInstances", "Instances[]")
    providers = (
        len(view.items("iam:ListSAMLProviders", "SAMLProviderList[]")),
        len(by_token) - len(machines),
        sum(optional_text(center, "Status") in ("", "ACTIVE") for center in centers),
    )
    if machines and not any(providers):
        return manual(
            f"The only identity {'provider serves' if len(machines) == 1 else 'providers serve'} builds or workloads "
            f"({some(machines)}), and nobody signs in through {'it' if len(machines) == 1 else 'them'}; how people do "
            "is for a person to say."
        )
    if organization is None and not any(providers):
        return not_applicable("The account stands alone, outside an organization.")
    if not any(providers):
        view.everywhere("sso-admin:ListInstances")
        return failed("There is no SAML or OIDC provider and no IAM Identity Center instance.", observed="no provider")
    rows = read_report(content_of(view, subject.as_of)).values()
    console = sorted(row.user for row in rows if row.password_enabled and not row.is_root)
    if console:
        return manual(
            f"An identity provider exists, and {counted(len(console), 'IAM user')} can still sign in to the console: "
            f"{some(console)}."
        )
    return passed("An identity provider exists, and no IAM user has a console password.")
