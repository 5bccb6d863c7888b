"""Who works at Northwind Ledger: some twenty principals, where they sit and what they call AWS with.

Pure: the same name always has the same ids.
"""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

ACCOUNT: Final = "111122223333"
HOME: Final = "eu-central-1"

OFFICE: Final = "198.51.100.23"
VPN: Final = "198.51.100.41"
DAVES_HOME: Final = "198.51.100.77"
STRANGER: Final = "203.0.113.66"

CONSOLE: Final = "AWS Internal"
CLI: Final = "aws-cli/2.31.4 md/awscrt#0.27.6 ua/2.1 os/linux#6.8.0 md/arch#x86_64 lang/python#3.13.7"
TERRAFORM: Final = "APN/1.0 HashiCorp/1.0 Terraform/1.13.3 aws-sdk-go-v2/1.39.2 ua/2.1 os/linux lang/go#1.24.6"
BROWSER: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"
BOTO: Final = "Boto3/1.40.45 md/Botocore#1.40.45 os/linux#5.10 lang/python#3.12.11 exec-env/AWS_Lambda_python3.12"
HOSTILE_AGENT: Final = "<script>alert('user agent')</script>"
"""Anybody can send any user agent; reports must show it harmlessly."""


def _digits(*parts: str) -> str:
    return sha256("/".join(parts).encode()).hexdigest()


def uuid_text(*parts: str) -> str:
    """Return an identifier in UUID form that depends only on the parts."""
    text = _digits(*parts)
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-b{text[17:20]}-{text[20:32]}"


def principal_id(kind: str, name: str) -> str:
    """Return a unique id such as ``AIDA...`` for a user or ``AROA...`` for a role."""
    letters = "".join("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[int(pair, 16) % 32] for pair in _digits(kind, name)[:34:2])
    return f"{kind}{letters[:17]}"


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody or something that calls AWS."""

    kind: str
    name: str
    addresses: tuple[str, ...]
    agent: str
    session: str = ""
    service: str = ""

    def identity(self, at: datetime) -> dict[str, Any]:
        """Return the ``userIdentity`` element of a record."""
        if self.kind == "Root":
            return {
                "type": "Root",
                "principalId": ACCOUNT,
                "arn": f"arn:aws:iam::{ACCOUNT}:root",
                "accountId": ACCOUNT,
            }
        if self.kind == "AWSService":
            return {"type": "AWSService", "invokedBy": self.service}
        if self.kind == "IAMUser":
            return {
                "type": "IAMUser",
                "principalId": principal_id("AIDA", self.name),
                "arn": f"arn:aws:iam::{ACCOUNT}:user/{self.name}",
                "accountId": ACCOUNT,
                "accessKeyId": principal_id("AKIA", self.name)[:20],
                "userName": self.name,
            }
        role_id = principal_id("AROA", self.name)
        path = "aws-reserved/sso.amazonaws.com/" if self.name.startswith("AWSReservedSSO_") else ""
        return {
            "type": "AssumedRole",
            "principalId": f"{role_id}:{self.session}",
            "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{self.name}/{self.session}",
            "accountId": ACCOUNT,
            "accessKeyId": principal_id("ASIA", f"{self.name}/{at:%Y%m%d}")[:20],
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": role_id,
                    "arn": f"arn:aws:iam::{ACCOUNT}:role/{path}{self.name}",
                    "accountId": ACCOUNT,
                    "userName": self.name,
                },
                "attributes": {"creationDate": f"{at:%Y-%m-%dT%H:00:00Z}", "mfaAuthenticated": "false"},
            },
            **({"invokedBy": self.service} if self.service else {}),
        }


def _user(name: str, *addresses: str, agent: str = CLI) -> Principal:
    return Principal("IAMUser", name, addresses, agent)


def _role(name: str, session: str, *addresses: str, agent: str = BOTO, service: str = "") -> Principal:
    return Principal("AssumedRole", name, addresses, agent, session, service)


_SSO: Final = "AWSReservedSSO_AdministratorAccess_4f2c81b09d7e6a35"
_SSO_READ: Final = "AWSReservedSSO_ReadOnlyAccess_9be01d7724fc5a18"

ROOT: Final = Principal("Root", "root", (OFFICE,), BROWSER)
ALICE: Final = _role(_SSO, "alice.meyer", OFFICE, VPN, agent=CONSOLE)
GRETA: Final = _role(_SSO, "greta.lindqvist", OFFICE, agent=CONSOLE)
HENRIK: Final = _role(_SSO_READ, "henrik.vos", VPN, agent=CONSOLE)
BOB: Final = _user("bob.tanaka", OFFICE, agent=BROWSER)
CAROL: Final = _user("carol.ndiaye", VPN)
DAVE: Final = _user("dave.okafor", DAVES_HOME)
ERIN: Final = _user("erin.svensson", OFFICE)
FORMULA: Final = _user("=cmd+calc@northwind", OFFICE)
LEGACY: Final = _user(
    "svc-legacy-backup", "192.0.2.15", agent="aws-cli/1.16.300 Python/2.7.16 Linux/4.14 botocore/1.13.36"
)
THIEF: Final = _user("svc-legacy-backup", STRANGER, agent=HOSTILE_AGENT)
"""The same access key in other hands."""
DEPLOYER: Final = _user("ci-deployer", "192.0.2.80", agent=TERRAFORM)
GITHUB: Final = _role("github-actions-deploy", "northwind-infra", "192.0.2.81", "192.0.2.82", agent=TERRAFORM)
API: Final = _role("ledger-api-task", "ecs-3f1c", "10.20.4.17", agent="aws-sdk-java/2.34.0")
BATCH: Final = _role("ledger-batch", "nightly-close", "10.20.6.9")
WORKER: Final = _role("orders-queue-worker", "i-0a1b2c3d4e5f60718", "10.20.5.31")
REMEDIATOR: Final = _role("sg-remediator-role", "sg-remediator", "192.0.2.140")
BACKUP: Final = _role(
    "backup-operator",
    "AWSBackup-Default",
    "backup.amazonaws.com",
    agent="backup.amazonaws.com",
    service="backup.amazonaws.com",
)
SECURITY: Final = _role("security-audit", "weekly-review", VPN)
CONFIG: Final = _role(
    "AWSServiceRoleForConfig",
    "AWSConfig-Describe",
    "config.amazonaws.com",
    agent="config.amazonaws.com",
    service="config.amazonaws.com",
)
ADVISOR: Final = _role(
    "AWSServiceRoleForTrustedAdvisor",
    "TrustedAdvisor",
    "trustedadvisor.amazonaws.com",
    agent="trustedadvisor.amazonaws.com",
    service="trustedadvisor.amazonaws.com",
)
AUTOSCALER: Final = Principal(
    "AWSService",
    "autoscaling",
    ("autoscaling.amazonaws.com",),
    "autoscaling.amazonaws.com",
    service="autoscaling.amazonaws.com",
)
EVENTS: Final = Principal(
    "AWSService", "events", ("events.amazonaws.com",), "events.amazonaws.com", service="events.amazonaws.com"
)

PEOPLE: Final = (ALICE, GRETA, HENRIK, BOB, CAROL, DAVE, ERIN, FORMULA)
