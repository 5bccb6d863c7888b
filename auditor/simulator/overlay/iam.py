"""IAM beyond moto: the credential report with its root row and times, and the summary's root fields."""

import csv
import io
from datetime import timedelta
from typing import Any, Final

from auditor.simulator import clock
from auditor.simulator.app import Application
from auditor.simulator.calls import Call
from auditor.simulator.overlay.state import State, UserFacts

REPORT_AGE: Final = timedelta(hours=1, minutes=12)
"""The report the account already has: younger than four hours, so AWS would not make a new one."""

COLUMNS: Final = (
    "user",
    "arn",
    "user_creation_time",
    "password_enabled",
    "password_last_used",
    "password_last_changed",
    "password_next_rotation",
    "mfa_active",
    "access_key_1_active",
    "access_key_1_last_rotated",
    "access_key_1_last_used_date",
    "access_key_1_last_used_region",
    "access_key_1_last_used_service",
    "access_key_2_active",
    "access_key_2_last_rotated",
    "access_key_2_last_used_date",
    "access_key_2_last_used_region",
    "access_key_2_last_used_service",
    "cert_1_active",
    "cert_1_last_rotated",
    "cert_2_active",
    "cert_2_last_rotated",
)


def install(application: Application, state: State) -> None:
    """Add IAM's overlay."""
    application.overlay |= {
        "iam:GenerateCredentialReport": lambda _call: {"State": "COMPLETE"},
        "iam:GetCredentialReport": lambda _call: {
            "Content": _report(application, state),
            "ReportFormat": "text/csv",
            "GeneratedTime": clock.now() - REPORT_AGE,
        },
    }
    application.amendments |= {
        "iam:GetAccountSummary": lambda _call, output: _summary(output, state),
        "iam:GetAccountAuthorizationDetails": _attached_policies_only,
        "iam:ListVirtualMFADevices": _without_seeds,
    }


def _backend(application: Application) -> Any:
    from moto.iam.models import iam_backends

    return iam_backends[application.account]["aws"]


def _summary(output: dict[str, Any], state: State) -> dict[str, Any]:
    root = {
        "AccountMFAEnabled": 0,
        "AccountAccessKeysPresent": 0,
        "AccountPasswordPresent": 1,
        "AccountSigningCertificatesPresent": 0,
    }
    return {"SummaryMap": output["SummaryMap"] | root | state.summary}


def _attached_policies_only(_call: Call, output: dict[str, Any]) -> dict[str, Any]:
    policies = [
        policy
        for policy in output.get("Policies", [])
        if ":iam::aws:" not in policy["Arn"] or policy.get("AttachmentCount")
    ]
    return output | {"Policies": policies}


def _without_seeds(_call: Call, output: dict[str, Any]) -> dict[str, Any]:
    """AWS hands out a device's secret once, when it is made."""
    for device in output.get("VirtualMFADevices", []):
        device.pop("Base32StringSeed", None)
        device.pop("QRCodePNG", None)
    return output


def _report(application: Application, state: State) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerow(_root(application.account, state))
    for user in sorted(_backend(application).users.values(), key=lambda user: user.name.lower()):
        writer.writerow(_row(user, state.users.get(user.name, UserFacts())))
    return text.getvalue().rstrip("\n").encode()


def _root(account: str, state: State) -> dict[str, str]:
    absent = {name: "N/A" for name in COLUMNS if name.startswith(("access_key", "cert"))}
    absent |= {name: "false" for name in COLUMNS if name.endswith("_active")}
    return absent | {
        "user": "<root_account>",
        "arn": f"arn:aws:iam::{account}:root",
        "user_creation_time": state.root_created,
        "password_enabled": "not_supported",
        "password_last_used": state.root_last_used,
        "password_last_changed": "not_supported",
        "password_next_rotation": "not_supported",
        "mfa_active": str(bool(state.summary.get("AccountMFAEnabled"))).lower(),
        "access_key_1_active": str(bool(state.summary.get("AccountAccessKeysPresent"))).lower(),
    }


def _row(user: Any, facts: UserFacts) -> dict[str, str]:
    created = f"{user.create_date:%Y-%m-%dT%H:%M:%S}+00:00"
    has_password = user.password is not None
    row = {name: "N/A" for name in COLUMNS if name.startswith(("access_key", "cert"))}
    row |= {name: "false" for name in COLUMNS if name.endswith("_active")}
    row |= {
        "user": user.name,
        "arn": user.arn,
        "user_creation_time": created,
        "password_enabled": str(has_password).lower(),
        "password_last_used": facts.password_last_used if has_password else "N/A",
        "password_last_changed": (facts.password_last_changed or created) if has_password else "N/A",
        "password_next_rotation": "N/A",
        "mfa_active": str(bool(user.mfa_devices)).lower(),
    }
    used = (*facts.key_used, "N/A", "N/A")
    for number, (key, last) in enumerate(zip(user.access_keys, used, strict=False), start=1):
        row[f"access_key_{number}_active"] = str(key.status == "Active").lower()
        row[f"access_key_{number}_last_rotated"] = f"{key.create_date:%Y-%m-%dT%H:%M:%S}+00:00"
        if last != "N/A":
            row[f"access_key_{number}_last_used_date"] = last
            row[f"access_key_{number}_last_used_region"] = "eu-central-1"
            row[f"access_key_{number}_last_used_service"] = "s3"
    return row
