"""Northwind Group: an organization with every kind of account that an audit meets, and any number of light ones.

The caller is the role ``AuditorHub`` in the audit account; the accounts are entered through ``AuditorReadOnly``.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from auditor.simulator import clock
from auditor.simulator.accounts import Accounts
from auditor.simulator.app import Application
from auditor.simulator.overlay import install
from auditor.simulator.overlay.organization import ROOT, Listed, Organization, Unit
from auditor.simulator.overlay.state import State
from auditor.simulator.worlds import detectors, parts, principals
from auditor.simulator.worlds.builder import Builder, frame, seed
from auditor.simulator.worlds.happening import BEGIN, END, Happening
from auditor.simulator.worlds.orgtrail import BUCKET, EVENTS_IN, NAME, Member, OrganizationTrail
from auditor.simulator.worlds.principals import Principal

ID: Final = "o-nw7k2m4p9x"
HOME: Final = "eu-central-1"
MANAGEMENT: Final = "210000000001"
LOG_ARCHIVE: Final = "210000000002"
AUDIT: Final = "210000000003"
REFUSES: Final = "210000000007"
"""Somebody took the role away."""
DENIED: Final = "210000000008"
"""A service control policy forbids to look at some services."""
JOINED: Final = "210000000006"
"""Came into the organization on 14 October 2026."""
LEFT: Final = "210000000099"
"""Went on 20 October 2026: in no list any more."""
ROLE: Final = "AuditorReadOnly"
EXTERNAL_ID: Final = "northwind-2026"
CALLER: Final = "assumed-role/AuditorHub/auditor"

SECURITY, WORKLOADS, PRODUCTION, SUSPENDED = (
    "ou-nw01-security",
    "ou-nw01-workload",
    "ou-nw01-productn",
    "ou-nw01-suspendd",
)
UNITS: Final = (
    Unit(SECURITY, "security"),
    Unit(WORKLOADS, "workloads"),
    Unit(PRODUCTION, "production", WORKLOADS),
    Unit(SUSPENDED, "suspended"),
)
_FOUNDED: Final = datetime(2023, 2, 14, 10, 31, 7, tzinfo=UTC)
_SETTLED: Final = datetime(2025, 6, 3, 8, 20, tzinfo=UTC)
STORY: Final = (
    Listed(MANAGEMENT, "northwind-management", ROOT, _FOUNDED),
    Listed(LOG_ARCHIVE, "log-archive", SECURITY, _FOUNDED, tags={"team": "security"}),
    Listed(AUDIT, "audit", SECURITY, _FOUNDED, tags={"team": "security"}),
    Listed("210000000004", "ledger-production", PRODUCTION, _SETTLED, tags={"team": "ledger", "stage": "production"}),
    Listed("210000000005", "ledger-staging", WORKLOADS, _SETTLED, tags={"team": "ledger", "stage": "staging"}),
    Listed(
        JOINED, "payments", PRODUCTION, datetime(2026, 10, 14, 9, 5, tzinfo=UTC), method="INVITED",
        tags={"team": "payments", "stage": "production"},
    ),
    Listed(REFUSES, "data-science", WORKLOADS, _SETTLED, tags={"team": "data"}),
    Listed(DENIED, "card-data", PRODUCTION, _SETTLED, tags={"team": "payments", "stage": "production"}),
    Listed("210000000009", "acquired-shop", WORKLOADS, datetime(2026, 10, 30, 16, 0, tzinfo=UTC), "PENDING_ACTIVATION"),
    Listed("210000000010", "old-website", SUSPENDED, _SETTLED, "SUSPENDED"),
    Listed("210000000011", "hackathon-2025", SUSPENDED, _SETTLED, "PENDING_CLOSURE"),
    Listed("210000000012", "hackathon-2024", SUSPENDED, _SETTLED, "CLOSED"),
)  # fmt: skip
LEFT_AT: Final = datetime(2026, 10, 20, 10, 12, tzinfo=UTC)
CREATED: Final = "210000000009"
CLOSING: Final = "210000000011"

_ADMINISTRATOR: Final = Principal(
    "AssumedRole", "AWSReservedSSO_Platform_91c4", (principals.OFFICE,), principals.CONSOLE, "alice.meyer"
)
_ORGANIZATIONS: Final = Principal(
    "AWSService", "", ("organizations.amazonaws.com",), "AWS Internal", service="organizations.amazonaws.com"
)


def _called(at: datetime, name: str, request: Mapping[str, Any]) -> Happening:
    return Happening(at, _ADMINISTRATOR, "organizations", name, EVENTS_IN, request)


def _came_of(at: datetime, name: str, status: str, account: str) -> Happening:
    details = {status: {"accountId": account, "state": "SUCCEEDED", "completedTimestamp": f"{at:%b %d, %Y %H:%M:%S}"}}
    extra = {"serviceEventDetails": details}
    return Happening(at, _ORGANIZATIONS, "organizations", name, EVENTS_IN, kind="AwsServiceEvent", extra=extra)


COMINGS: Final = (
    _called(
        datetime(2026, 10, 13, 15, 20, 4, tzinfo=UTC),
        "InviteAccountToOrganization",
        {"target": {"id": JOINED, "type": "ACCOUNT"}},
    ),
    _called(LEFT_AT, "RemoveAccountFromOrganization", {"accountId": LEFT}),
    _called(datetime(2026, 10, 21, 7, 40, 11, tzinfo=UTC), "CloseAccount", {"accountId": CLOSING}),
    _came_of(datetime(2026, 10, 21, 7, 44, 2, tzinfo=UTC), "CloseAccountResult", "closeAccountStatus", CLOSING),
    _came_of(datetime(2026, 10, 30, 16, 0, tzinfo=UTC), "CreateAccountResult", "createAccountStatus", CREATED),
)
"""What the management account's records say of accounts that came and went."""

SCP_DENIES: Final = (
    "guardduty:ListDetectors",
    "securityhub:DescribeHub",
    "config:DescribeConfigurationRecorders",
    "iam:ListUsers",
)


def light_accounts(number: int) -> tuple[Listed, ...]:
    """Return so many further active accounts, all alike but for a few settings."""
    return tuple(
        Listed(f"2200000{index:05d}", f"team-{index:03d}", WORKLOADS, _SETTLED, tags={"team": f"team-{index % 7}"})
        for index in range(1, number + 1)
    )


def build(light: int = 0, *, old_status: bool = False) -> Accounts:
    """Build the organization.

    Args:
        light: further accounts beside those of the story.
        old_status: answer as Organizations did before ``State`` came.
    """
    about: dict[str, Any] = {
        "name": "Northwind Group",
        "trail": f"arn:aws:cloudtrail:{HOME}:{MANAGEMENT}:trail/{NAME}",
        "organization": ID,
        "management": MANAGEMENT,
        "role_name": ROLE,
        "external_id": EXTERNAL_ID,
    }
    listed = STORY + light_accounts(light)
    administered = ("guardduty", "config-multiaccountsetup", "access-analyzer", "securityhub")
    services = {AUDIT: tuple(f"{name}.amazonaws.com" for name in administered)}
    organization = Organization(ID, MANAGEMENT, UNITS, listed, services, old_status)
    aws = frame("organization", AUDIT, HOME, about)
    trail = trail_of(listed)
    _furnish(aws, organization, STORY[2], trail)
    trail.attach(aws.application.objects.add(BUCKET, versioned=True))
    builders: Mapping[str, Callable[[], Application]] = {
        item.id: partial(_member, item, organization, trail)
        for item in listed
        if item.state == "ACTIVE" and item.id != AUDIT
    }
    return Accounts(aws.application, CALLER, builders)


def trail_of(listed: Sequence[Listed]) -> OrganizationTrail:
    """Return the organization's trail: active accounts write to it, and so did the one that left."""
    members = [
        Member(item.id, max(BEGIN, item.joined), END, COMINGS if item.id == MANAGEMENT else ())
        for item in listed
        if item.state == "ACTIVE"
    ]
    return OrganizationTrail(ID, MANAGEMENT, HOME, (*members, Member(LEFT, BEGIN, LEFT_AT)))


def _member(item: Listed, organization: Organization, trail: OrganizationTrail) -> Application:
    seed(f"organization/{item.id}")
    aws = Builder(Application(item.id, {"account": item.id, "region": HOME}), HOME)
    aws.create_backends()
    _furnish(aws, organization, item, trail)
    return aws.application


def _furnish(aws: Builder, organization: Organization, item: Listed, trail: OrganizationTrail) -> None:
    """Set up a light account: what differs between accounts follows from its number."""
    number = int(item.id[-3:])
    state = State(summary={"AccountMFAEnabled": int(number % 4 != 1)})
    install(aws.application, state)
    organization.install(aws.application)
    with clock.at(item.joined):
        _people(aws, number)
        if number % 3:
            parts.account_public_block(aws, parts.BLOCK_ALL)
        parts.contact(aws, security=number % 2 == 0)
        name = f"northwind-{item.name}-data"
        parts.bucket(aws, name, versioning=True, statements=[parts.tls_only(name)] if number % 5 else [])
        if item.id != REFUSES:
            managed = "arn:aws:iam::aws:policy/SecurityAudit"
            parts.role(aws, ROLE, managed, trust=hub_trust(organization.id))
        if item.id == AUDIT:
            parts.role(aws, "AuditorHub", trust=parts.service_trust("ecs-tasks.amazonaws.com"))
            _looks_after(aws, organization)
        trail.furnish(aws, archive=LOG_ARCHIVE)
    if item.id == DENIED:
        for operation in SCP_DENIES:
            aws.application.refuse(
                operation,
                "AccessDenied" if operation.startswith("iam:") else "AccessDeniedException",
                f"User: arn:aws:sts::{item.id}:assumed-role/{ROLE}/auditor is not authorized to perform: {operation} "
                "with an explicit deny in a service control policy",
                status=403 if operation.startswith("iam:") else 400,
            )


def _looks_after(aws: Builder, organization: Organization) -> None:
    """Let the audit account have what it administers: an analyzer for all; two services, on for all but one."""
    analyzer = {
        "arn": f"arn:aws:access-analyzer:{HOME}:{AUDIT}:analyzer/organization",
        "name": "organization",
        "type": "ORGANIZATION",
        "createdAt": _SETTLED,
        "status": "ACTIVE",
    }
    aws.application.declare("accessanalyzer:ListAnalyzers", {"analyzers": [analyzer]}, region=HOME)
    detectors.guard_duty(aws, HOME, _SETTLED)
    detectors.security_hub(aws, HOME, _SETTLED)
    for service, status in (("guardduty", "RelationshipStatus"), ("securityhub", "MemberStatus")):
        members = [
            {
                "AccountId": item.id,
                "AdministratorId": AUDIT,
                "MasterId": AUDIT,
                "Email": f"{item.name}@northwind.example",
                status: "Removed" if item.id == JOINED else "Enabled",
                "UpdatedAt": f"{_SETTLED:%Y-%m-%dT%H:%M:%S.000Z}",
            }
            for item in organization.accounts
            if item.state == "ACTIVE" and item.id != AUDIT
        ]
        aws.application.declare(f"{service}:ListMembers", {"Members": members}, region=HOME)


def hub_trust(organization: str) -> dict[str, Any]:
    """Return the trust policy of ``deploy/aws/org-role.yaml``: one principal, its external id, its organization."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{AUDIT}:role/AuditorHub"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"sts:ExternalId": EXTERNAL_ID, "aws:PrincipalOrgID": organization}},
            }
        ],
    }


def _people(aws: Builder, number: int) -> None:
    iam = aws.client("iam")
    if number % 3 == 0:
        iam.update_account_password_policy(MinimumPasswordLength=14, PasswordReusePrevention=24)
    elif number % 3 == 1:
        iam.update_account_password_policy(MinimumPasswordLength=8)
    if number % 4 == 0:
        iam.create_user(UserName="deploy")
        iam.create_login_profile(UserName="deploy", Password="Simulated-Pa55word!")  # noqa: S106 - opens nothing
