"""Answers of services that moto does not know, or always shows as switched on. A world declares over them."""

from typing import Any, Final

from auditor.simulator.app import Application
from auditor.simulator.overlay.state import State

_NOT_IN_AN_ORGANIZATION: Final = "Your account is not a member of an organization."
ORGANIZATIONS: Final = (
    "DescribeOrganization",
    "DescribePolicy",
    "DescribeResourcePolicy",
    "ListAccounts",
    "ListAccountsForParent",
    "ListAWSServiceAccessForOrganization",
    "ListDelegatedAdministrators",
    "ListDelegatedServicesForAccount",
    "ListOrganizationalUnitsForParent",
    "ListPolicies",
    "ListRoots",
    "ListTargetsForPolicy",
)
"""What only an account in an organization may ask."""

_OUTPUTS: Final[dict[str, dict[str, Any]]] = {
    "accessanalyzer:ListAnalyzers": {"analyzers": []},
    "cloudwatch:DescribeAlarmHistory": {"AlarmHistoryItems": []},
    "cloudwatch:DescribeAnomalyDetectors": {"AnomalyDetectors": []},
    "cloudwatch:ListAlarmMuteRules": {"AlarmMuteRuleSummaries": []},
    "config:DescribeDeliveryChannelStatus": {"DeliveryChannelsStatus": []},
    "ec2:GetImageBlockPublicAccessState": {"ImageBlockPublicAccessState": "unblocked"},
    "ec2:GetInstanceMetadataDefaults": {"AccountLevel": {}},
    "ec2:GetSnapshotBlockPublicAccessState": {"State": "unblocked"},
    "logs:DescribeAccountPolicies": {"accountPolicies": []},
    "oam:ListAttachedLinks": {"Items": []},
    "oam:ListLinks": {"Items": []},
    "oam:ListSinks": {"Items": []},
    "sso-admin:ListInstances": {"Instances": []},
}

_REFUSALS: Final[dict[str, tuple[str, str, int]]] = {
    "account:GetContactInformation": ("ResourceNotFoundException", "No contact information was found.", 404),
    "iam:ListOrganizationsFeatures": ("OrganizationNotFoundException", _NOT_IN_AN_ORGANIZATION, 400),
    "macie2:GetAutomatedDiscoveryConfiguration": ("AccessDeniedException", "Macie is not enabled.", 403),
    "macie2:GetMacieSession": ("AccessDeniedException", "Macie is not enabled.", 403),
    "macie2:ListClassificationJobs": ("AccessDeniedException", "Macie is not enabled.", 403),
    "securityhub:DescribeHub": ("InvalidAccessException", "Account is not subscribed to AWS Security Hub", 401),
    "securityhub:GetEnabledStandards": ("InvalidAccessException", "Account is not subscribed to AWS Security Hub", 401),
    **{
        f"organizations:{name}": ("AWSOrganizationsNotInUseException", _NOT_IN_AN_ORGANIZATION, 400)
        for name in ORGANIZATIONS
    },
}


def install(application: Application, state: State) -> None:
    """Add the defaults."""
    for operation, output in _OUTPUTS.items():
        application.declare(operation, output)
    for operation, (code, message, status) in _REFUSALS.items():
        application.refuse(operation, code, message, status=status)
    application.overlay["sts:GetCallerIdentity"] = lambda _call: {
        "UserId": "AROAQEXAMPLEAUDITOR00:auditor",
        "Account": application.account,
        "Arn": f"arn:aws:sts::{application.account}:{state.caller}",
    }
