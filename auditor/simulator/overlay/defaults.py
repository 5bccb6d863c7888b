"""Answers of services that moto does not know, or always shows as switched on, and who is asking."""

from datetime import UTC, datetime
from typing import Any, Final

from moto.iam.models import iam_backends

from auditor.simulator import SECRET_KEY
from auditor.simulator.app import Application, Refused
from auditor.simulator.calls import Call
from auditor.simulator.overlay.state import State
from auditor.simulator.worlds.principals import principal_id

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
    "cloudwatch:DescribeAnomalyDetectors": {"AnomalyDetectors": []},
    "config:DescribeDeliveryChannelStatus": {"DeliveryChannelsStatus": []},
    "ec2:GetImageBlockPublicAccessState": {"ImageBlockPublicAccessState": "unblocked"},
    "ec2:GetInstanceMetadataDefaults": {"AccountLevel": {}},
    "ec2:GetSnapshotBlockPublicAccessState": {"State": "unblocked"},
    "elb:DescribeLoadBalancerAttributes": {"LoadBalancerAttributes": {"AccessLog": {"Enabled": False}}},
    "logs:DescribeAccountPolicies": {"accountPolicies": []},
    "oam:ListAttachedLinks": {"Items": []},
    "oam:ListLinks": {"Items": []},
    "oam:ListSinks": {"Items": []},
    "rds:DescribeDBParameters": {
        "Parameters": [
            {
                "ParameterName": "max_connections",
                "ParameterValue": "LEAST({DBInstanceClassMemory/9531392},5000)",
                "Source": "system",
            }
        ]
    },
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
    application.overlay |= {
        "sts:GetCallerIdentity": lambda call: _caller(application, state, call),
        "sts:AssumeRole": lambda call: _assume_role(application, state, call),
    }


FAR: Final = datetime(2099, 1, 1, tzinfo=UTC)
"""When assumed credentials expire: SDKs compare it with the real clock, not with the simulated one."""


def _caller(application: Application, state: State, call: Call) -> dict[str, Any]:
    session = state.sessions.get(call.access_key, "assumed-role/AuditorReadOnly/auditor")
    _, role, name = session.split("/", 2)
    return {
        "UserId": f"{principal_id('AROA', role)}:{name}",
        "Account": application.account,
        "Arn": f"arn:aws:sts::{application.account}:{session}",
    }


def _assume_role(application: Application, state: State, call: Call) -> dict[str, Any]:
    """Hand out a session of a role that exists in this account; trust policies are not evaluated."""
    arn = str(call.parameters["RoleArn"])
    name = arn.rsplit("/", 1)[-1]
    roles = iam_backends[application.account]["aws"].roles.values()
    if not any(role.arn == arn for role in roles):
        caller = _caller(application, state, call)["Arn"]
        why = f"User: {caller} is not authorized to perform: sts:AssumeRole on resource: {arn}"
        raise Refused("AccessDenied", why, 403)
    session = f"assumed-role/{name}/{call.parameters['RoleSessionName']}"
    key = principal_id("ASIA", session)[:20]
    state.sessions[key] = session
    return {
        "Credentials": {
            "AccessKeyId": key,
            "SecretAccessKey": SECRET_KEY,
            "SessionToken": "simulated-session-token",
            "Expiration": FAR,
        },
        "AssumedRoleUser": {
            "AssumedRoleId": f"{principal_id('AROA', name)}:{call.parameters['RoleSessionName']}",
            "Arn": f"arn:aws:sts::{application.account}:{session}",
        },
    }
