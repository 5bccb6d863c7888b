"""Judges an organization from its management account. Member accounts may not ask, so they are not judged by these."""

from collections.abc import Mapping
from typing import Any

from auditor.base.counts import counted
from auditor.evaluate.checks.fields import listed, mapping, optional_list, some, text
from auditor.evaluate.subject import Subject
from auditor.model import Verdict, failed, manual, not_applicable, not_assessed, passed
from auditor.policies.arn import account_of
from auditor.policies.document import read_policy

_TYPES = ("SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY")


def _elsewhere(subject: Subject) -> Verdict | None:
    """Say why the account is not the one to ask, or None when it is."""
    answer = subject.evidence.find("organizations:DescribeOrganization")
    if answer is None:
        return not_applicable("The account is not part of an organization.")
    management = text(mapping(answer, "Organization"), "MasterAccountId")
    if management != subject.account.id:
        return not_applicable(f"The organization is judged in its management account {some([management])}.")
    return None


def central_root_access(subject: Subject) -> Verdict:
    """Judge whether root credentials of members are managed centrally.

    Evidence: ``organizations:DescribeOrganization``, ``iam:ListOrganizationsFeatures``.
    """
    if elsewhere := _elsewhere(subject):
        return elsewhere
    answer = subject.evidence.find("iam:ListOrganizationsFeatures")
    features = [str(item) for item in listed(answer, "EnabledFeatures")] if answer is not None else []
    if "RootCredentialsManagement" in features:
        return passed("Central management of root credentials is on.", observed=some(features))
    return failed("Central management of root credentials is off.", observed=some(features) or "no feature is on")


def guardrail_policies(subject: Subject) -> Verdict:
    """Judge whether preventive policies reach every account; whether their content suffices is for a person.

    Evidence: ``organizations:DescribeOrganization``, ``organizations:ListRoots``, ``organizations:ListPolicies``,
    ``organizations:ListTargetsForPolicy``, ``organizations:ListAccounts``.
    """
    if elsewhere := _elsewhere(subject):
        return elsewhere
    view = subject.evidence
    roots = view.items("organizations:ListRoots", "Roots[]")
    enabled = {
        text(kind, "Type") for root in roots for kind in listed(root, "PolicyTypes") if kind["Status"] == "ENABLED"
    }
    if _TYPES[0] not in enabled:
        return failed("Service control policies are not enabled in the organization.", observed="SCPs off")
    own = {
        text(item, "Id") for item in view.items("organizations:ListPolicies", "Policies[]") if not item["AwsManaged"]
    }
    if not own:
        return failed("No policy beyond the ones AWS provides exists.", observed="no own policy")
    targets = {
        text(target, "TargetId")
        for policy in sorted(own)
        for target in view.items("organizations:ListTargetsForPolicy", "Targets[]", PolicyId=policy)
    }
    accounts = view.items("organizations:ListAccounts", "Accounts[]")
    members = [item for item in accounts if text(item, "Id") != subject.account.id]
    bare = [text(item, "Id") for item in members if not _reached(item, targets, roots)]
    if bare and any("Paths" not in item for item in members) and any(name.startswith("ou-") for name in targets):
        return manual("Policies are attached to units, but AWS did not say which accounts those hold.")
    if bare:
        return failed(f"No own policy reaches {counted(len(bare), 'account')}: {some(bare)}.", observed=some(bare))
    return manual(
        f"Every member account is reached by {counted(len(own), 'own policy', 'own policies')}; somebody has to say "
        "whether the content suffices."
    )


def _reached(account: Mapping[str, Any], targets: set[str], roots: tuple[Any, ...]) -> bool:
    """Say whether a policy is attached to the account, a unit above it, or a root."""
    above = {part for path in optional_list(account, "Paths") for part in str(path).split("/")}
    return bool(targets & {text(account, "Id"), *above, *(text(root, "Id") for root in roots)})


def management_account_workloads(subject: Subject) -> Verdict:
    """Collect which tagged resources the management account holds; what counts as a workload is for a person.

    Evidence: ``organizations:DescribeOrganization``, ``resourcegroupstaggingapi:GetResources``.
    """
    if elsewhere := _elsewhere(subject):
        return elsewhere
    found = subject.evidence.items("resourcegroupstaggingapi:GetResources", "ResourceTagMappingList[]")
    services = sorted({text(item, "ResourceARN").split(":")[2] for item in found})
    if not found:
        return manual("No resource of the management account carries a tag; untagged ones are not listed by AWS.")
    return manual(f"{counted(len(found), 'tagged resource')} of {some(services, limit=12)}; are these workloads?")


def unit_structure(subject: Subject) -> Verdict:
    """Collect the units below the root and the accounts outside any unit; the judgement is for a person.

    Evidence: ``organizations:DescribeOrganization``, ``organizations:ListOrganizationalUnitsForParent``,
    ``organizations:ListAccountsForParent``.
    """
    if elsewhere := _elsewhere(subject):
        return elsewhere
    view = subject.evidence
    units = view.items("organizations:ListOrganizationalUnitsForParent", "OrganizationalUnits[]")
    direct = view.items("organizations:ListAccountsForParent", "Accounts[]")
    names = some([text(unit, "Name") for unit in units]) or "none"
    outside = [text(item, "Id") for item in direct if text(item, "Id") != subject.account.id]
    loose = f"; directly under the root: {some(outside)}" if outside else "; no member is directly under the root"
    return manual(
        f"Units below the root: {names}{loose}.",
        observed=f"{counted(len(units), 'unit')}, {counted(len(outside), 'account')} outside",
    )


def policy_delegation(subject: Subject) -> Verdict:
    """Judge whether a member account may manage the organization's policies.

    Evidence: ``organizations:DescribeOrganization``, ``organizations:DescribeResourcePolicy``.
    """
    if elsewhere := _elsewhere(subject):
        return elsewhere
    answer = subject.evidence.find("organizations:DescribeResourcePolicy")
    if answer is None:
        return failed("The organization has no delegation policy.", observed="no delegation policy")
    content = text(mapping(answer, "ResourcePolicy"), "Content")
    policy = read_policy(content)
    if policy.unreadable:
        return not_assessed(f"In the delegation policy, {policy.fault}, so whom it names is not known.")
    allowing = [item for item in policy.statements if item.allow and not item.not_principals]
    named = {one.name for item in allowing for one in item.principals}
    members = sorted(name for name in named if account_of(name) not in ("", subject.account.id))
    if members:
        return passed(f"The delegation policy names {some(members)}.", observed=some(members))
    return failed("The delegation policy names no member account.", observed="no member named")


def service_delegation(subject: Subject) -> Verdict:
    """Judge whether integrated services that can be delegated are; parameter ``services`` lists those.

    Evidence: ``organizations:DescribeOrganization``, ``organizations:ListAWSServiceAccessForOrganization``,
    ``organizations:ListDelegatedAdministrators``, ``organizations:ListDelegatedServicesForAccount``.
    """
    if elsewhere := _elsewhere(subject):
        return elsewhere
    view = subject.evidence
    integrated = {
        text(item, "ServicePrincipal")
        for item in view.items("organizations:ListAWSServiceAccessForOrganization", "EnabledServicePrincipals[]")
    }
    administrators = {
        text(item, "Id")
        for item in view.items("organizations:ListDelegatedAdministrators", "DelegatedAdministrators[]")
    }
    delegated: set[str] = set()
    for record, item in view.located("organizations:ListDelegatedServicesForAccount", "DelegatedServices[]"):
        if dict(record.call.parameters)["AccountId"] in administrators - {subject.account.id}:
            delegated.add(text(item, "ServicePrincipal"))
    asked = sorted(integrated & set(listed(subject.parameters, "services")))
    if not asked:
        return not_applicable("No integrated service can be delegated.")
    missing = [name for name in asked if name not in delegated]
    if missing:
        return failed(
            f"Run by the management account itself: {some(missing)}.", observed=f"not delegated: {some(missing)}"
        )
    return passed(f"Of {counted(len(asked), 'integrated service')}, each has a delegated administrator.")
