"""Writes the generated parts of ``deploy/``; ``--check`` puts every file through its checker and shows what it says.

Generated is the reader's policy, from the catalogue as ``auditor policy`` prints it, for every partition.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import hcl2
import yaml

from auditor.catalog.policy import Scope, documents, entering, holding, operations_for, statements, trail_evidence
from auditor.deliver.securityhub import policy as import_policy
from auditor.run import open_catalog
from tools.terraform import remarks

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
BIN = Path(sys.executable).parent
_HEAD = "Written by python -m tools.deploy from the catalogue; do not edit."


def reader(partition: str) -> tuple[dict[str, Any], ...]:
    """Return the policies of a run over the whole catalogue, as few as fit into IAM's limit."""
    catalog = open_catalog()
    controls = tuple(catalog.controls.values())
    operations = operations_for(catalog, controls, trail=bool(trail_evidence(controls, whole=True)))
    return documents(statements(operations, Scope(partition)))


def generated() -> Mapping[str, str]:
    """Return the generated files: path below ``deploy/`` -> text."""
    policies = reader("${AWS::Partition}")
    resources = {
        f"Reader{number}": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {
                "Description": f"What an audit reads, part {number} of {len(policies)}",
                "PolicyDocument": _substituted(policy),
            },
        }
        for number, policy in enumerate(policies, 1)
    }
    joined = {"Fn::Join": [",", [{"Ref": name} for name in resources]]}
    words = "The policies with which Auditor reads an account; their ARNs are ReaderPolicyArns of auditor.yaml."
    template = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": words,
        "Resources": resources,
        "Outputs": {"ReaderPolicyArns": {"Value": joined}},
    }
    text = yaml.safe_dump(template, sort_keys=False, width=120, allow_unicode=False)
    found = {"aws/reader.yaml": f"# {_HEAD}\n{text}", "aws/org-role.yaml": _organization_role(resources)}
    for number, policy in enumerate(reader("${partition}"), 1):
        found[f"terraform/reader-{number}.json"] = json.dumps(policy, indent=2) + "\n"
    return found


def _organization_role(readers: Mapping[str, Any]) -> str:
    """Return the template of the role by which every account of an organization is entered."""
    equal = {"sts:ExternalId": {"Ref": "ExternalId"}, "aws:PrincipalOrgID": {"Ref": "OrganizationId"}}
    actions = {"Fn::If": ["TakesSourceIdentity", ["sts:AssumeRole", "sts:SetSourceIdentity"], ["sts:AssumeRole"]]}
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": {"Ref": "Caller"}},
        "Action": actions,
        "Condition": {"StringEquals": equal},
    }
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": {"Ref": "RoleName"},
            "Description": "Read by Auditor; nothing is written through it but findings, where ImportFindings says yes",
            "MaxSessionDuration": 3600,
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            "ManagedPolicyArns": [
                *({"Ref": name} for name in (*readers, "Holds")),
                {"Fn::If": ["ImportsFindings", {"Ref": "Imports"}, {"Ref": "AWS::NoValue"}]},
            ],
        },
    }
    return f"# {_HEAD}\n" + yaml.safe_dump(
        {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": _ORGANIZATION_ROLE,
            "Parameters": _ROLE_PARAMETERS,
            "Conditions": {
                "TakesSourceIdentity": {"Fn::Equals": [{"Ref": "SourceIdentity"}, "yes"]},
                "ImportsFindings": {"Fn::Equals": [{"Ref": "ImportFindings"}, "yes"]},
                "IsCallersAccount": {"Fn::Equals": [{"Ref": "CallersAccount"}, "yes"]},
            },
            "Resources": {**readers, "Holds": _HOLDS, "Imports": _IMPORTS, "Role": role, "Enter": _ENTER},
            "Outputs": {"RoleArn": {"Value": {"Fn::GetAtt": ["Role", "Arn"]}}},
        },
        sort_keys=False,
        width=120,
        allow_unicode=False,
    )


_ORGANIZATION_ROLE = (
    "The role by which Auditor enters an account of an organization. As a service-managed StackSet in one Region for"
    " the members; as a stack of its own in the management account, which StackSets leave out."
)
_ROLE_PARAMETERS: Mapping[str, Any] = {
    "Caller": {
        "Type": "String",
        "Description": "ARN of the one role or user that may enter, such as arn:aws:iam::111122223333:role/AuditorHub.",
        "AllowedPattern": r"^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[A-Za-z0-9+=,.@_/-]+$",
    },
    "ExternalId": {
        "Type": "String",
        "NoEcho": True,
        "Description": "Has to come with every request for the role; --external-id of auditor run.",
        "MinLength": 8,
        "MaxLength": 1224,
        "AllowedPattern": r"^[A-Za-z0-9+=,.@:/_-]+$",
    },
    "OrganizationId": {
        "Type": "String",
        "Description": "The organization that the caller has to be in.",
        "AllowedPattern": "^o-[a-z0-9]{10,32}$",
    },
    "RoleName": {
        "Type": "String",
        "Default": "AuditorReadOnly",
        "Description": "The same in every account; --role-name of auditor run.",
        "AllowedPattern": r"^[A-Za-z0-9+=,.@_-]{1,64}$",
    },
    "SourceIdentity": {
        "Type": "String",
        "Default": "no",
        "AllowedValues": ["yes", "no"],
        "Description": "Whether the caller may set a source identity (--source-identity).",
    },
    "ImportFindings": {
        "Type": "String",
        "Default": "no",
        "AllowedValues": ["yes", "no"],
        "Description": "Whether the role may import findings into the account's own Security Hub, which writes.",
    },
    "CallersAccount": {
        "Type": "String",
        "Default": "no",
        "AllowedValues": ["yes", "no"],
        "Description": "Yes in the account of the caller only, in a stack of its own: the policy by which it enters.",
    },
}
_ENTER: Mapping[str, Any] = {
    "Type": "AWS::IAM::ManagedPolicy",
    "Condition": "IsCallersAccount",
    "Properties": {
        "Description": "What the caller of auditor run --org needs beside the role in each account",
        "PolicyDocument": entering(
            {"Fn::Sub": "arn:${AWS::Partition}:iam::*:role/${RoleName}"}, {"Ref": "OrganizationId"}
        ),
    },
}
_HOLDS: Mapping[str, Any] = {
    "Type": "AWS::IAM::ManagedPolicy",
    "Properties": {
        "Description": "What is asked besides where a service is administered for all accounts",
        "PolicyDocument": holding(),
    },
}
_IMPORTS: Mapping[str, Any] = {
    "Type": "AWS::IAM::ManagedPolicy",
    "Condition": "ImportsFindings",
    "Properties": {
        "Description": "The one call that writes: findings of the account into its own Security Hub",
        "PolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {**item, "Resource": {"Fn::Sub": item["Resource"]}}
                for item in import_policy("${AWS::Partition}", "${AWS::AccountId}")["Statement"]
            ],
        },
    },
}


def _substituted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _substituted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_substituted(item) for item in value]
    return {"Fn::Sub": value} if isinstance(value, str) and "${" in value else value


def stale() -> list[str]:
    """Return the generated files that are not what the catalogue says, and those that nothing generates any more."""
    wanted = generated()
    there = {path.relative_to(DEPLOY).as_posix() for path in (DEPLOY / "terraform").glob("reader-*.json")}
    differ = [
        name for name, text in wanted.items() if not (DEPLOY / name).exists() or (DEPLOY / name).read_text() != text
    ]
    return sorted({*differ, *(there - wanted.keys())})


# ---------------------------------------------------------------- checkers


@dataclass(frozen=True, slots=True)
class Check:
    """A checker and what it is asked about.

    Args:
        name: what people know it as.
        files: below ``deploy/``.
        ask: returns what it has to say; empty for nothing.
        optional: the program that it needs, which not every machine has; empty for none.
    """

    name: str
    files: tuple[str, ...]
    ask: Callable[[tuple[Path, ...]], str]
    optional: str = ""


def _program(*words: str) -> Callable[[tuple[Path, ...]], str]:
    def ask(paths: tuple[Path, ...]) -> str:
        found = shutil.which(words[0], path=str(BIN)) or shutil.which(words[0])
        if found is None:
            return f"{words[0]} is not installed"
        command = [found, *words[1:], *(str(path.relative_to(ROOT)) for path in paths)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        return "" if done.returncode == 0 else (done.stdout + done.stderr).strip()

    return ask


def _shell(paths: tuple[Path, ...]) -> str:
    """Check what GitHub's and GitLab's jobs hand to a shell."""
    texts: list[str] = []
    for path in paths:
        if path.suffix == ".sh":
            texts.append(path.read_text())
            continue
        waiting = [yaml.safe_load(path.read_text())]
        while waiting:
            value = waiting.pop()
            if isinstance(value, dict):
                lines = [value.get("run"), *(value.get(key, []) for key in ("script", "before_script"))]
                texts += [line for item in lines for line in ([item] if isinstance(item, str) else item or [])]
                waiting += value.values()
            elif isinstance(value, list):
                waiting += value
    found = []
    for text in texts:
        done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
        found += [done.stderr.strip()] if done.returncode else []
        found += ["a value stands in the text of a script"] if "${{" in text else []
    return "\n".join(found)


def _schema(paths: tuple[Path, ...]) -> str:
    return "\n".join(remarks("\n".join(path.read_text() for path in paths)))


def _parses(paths: tuple[Path, ...]) -> str:
    found = []
    for path in paths:
        try:
            hcl2.loads(path.read_text()) if path.suffix == ".tf" else list(yaml.safe_load_all(path.read_text()))
        except (ValueError, yaml.YAMLError) as error:
            found.append(f"{path}: {error}")
    return "\n".join(found)


def _crontab(paths: tuple[Path, ...]) -> str:
    found = []
    for path in paths:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            fields = line.split(maxsplit=6)
            timed = len(fields) == 7 and all(set(field) <= set("0123456789*/,-") for field in fields[:5])
            if line and not line.startswith("#") and "=" not in fields[0] and not timed:
                found.append(f"{path}:{number}: five times, a user and a command are asked for")
    return "\n".join(found)


def _units(paths: tuple[Path, ...]) -> str:
    """Check the units with a program that every machine has in place of ours."""
    with TemporaryDirectory() as folder:
        for path in paths:
            text = re.sub(r"^(ExecStart=)\S+", r"\1/bin/true", path.read_text(), flags=re.MULTILINE)
            (Path(folder) / path.name).write_text(text)
        command = ["systemd-analyze", "verify", "--man=no", *(str(Path(folder) / path.name) for path in paths)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else (done.stdout + done.stderr).strip()


def _fresh(paths: tuple[Path, ...]) -> str:
    names = {path.relative_to(DEPLOY).as_posix() for path in paths}
    return "\n".join(f"{name} is out of date; run python -m tools.deploy" for name in stale() if name in names)


_MODULE = ("terraform/main.tf", "terraform/variables.tf", "terraform/outputs.tf", "terraform/versions.tf")
_EXAMPLE = ("terraform/examples/complete/main.tf",)
_POLICIES = tuple(f"terraform/{path.name}" for path in sorted((DEPLOY / "terraform").glob("reader-*.json")))
_JOBS = ("github/audit.sh", "github/action.yml", "github/auditor.yml", "gitlab/auditor.gitlab-ci.yml")
_UNITS = tuple(f"systemd/{name}" for name in ("auditor", "auditor-watch"))
CHECKS: tuple[Check, ...] = (
    Check(
        "cfn-lint",
        ("aws/auditor.yaml", "aws/reader.yaml", "aws/org-role.yaml", "cluster/ecs.yaml"),
        _program("cfn-lint"),
    ),
    Check("the catalogue", ("aws/reader.yaml", "aws/org-role.yaml", *_POLICIES), _fresh),
    Check("the schema of hashicorp/aws", _MODULE, _schema),
    Check("python-hcl2", (*_MODULE, *_EXAMPLE), _parses),
    Check("terraform fmt", (*_MODULE, *_EXAMPLE), _program("terraform", "fmt", "-check"), optional="terraform"),
    Check("hadolint", ("Dockerfile",), _program("hadolint")),
    Check("zizmor", ("github/action.yml", "github/auditor.yml"), _program("zizmor", "--offline", "--no-progress")),
    Check("actionlint", ("github/auditor.yml",), _program("actionlint"), optional="actionlint"),
    Check(
        "bash -n",
        (
            "github/audit.sh",
            "github/action.yml",
            "github/auditor.yml",
            "gitlab/auditor.gitlab-ci.yml",
            "cluster/certificates.sh",
        ),
        _shell,
    ),
    Check("PyYAML", ("kubernetes/cronjob.yaml", "cluster/kubernetes.yaml", "gitlab/auditor.gitlab-ci.yml"), _parses),
    Check("crontab fields", ("cron/auditor",), _crontab),
    Check(
        "systemd-analyze verify",
        tuple(f"{name}.{kind}" for name in _UNITS for kind in ("service", "timer")),
        _units,
        optional="systemd-analyze",
    ),
)


def answer(check: Check) -> str:
    """Ask a checker; empty where it has nothing to say."""
    return check.ask(tuple(DEPLOY / name for name in check.files))


def main() -> int:
    """Write what is generated, or ask every checker and show what it says."""
    if "--check" not in sys.argv[1:]:
        for name in {*stale()} - generated().keys():
            (DEPLOY / name).unlink()
        for name, text in generated().items():
            (DEPLOY / name).write_text(text)
        return 0
    code = 0
    for check in CHECKS:
        here = not check.optional or shutil.which(check.optional)
        said = answer(check) if here else ""
        words = "nothing to say" if here and not said else said or f"not asked: {check.optional} is not installed"
        click.echo(f"{check.name:<28} {', '.join(check.files)}\n{'':<28} {words}")
        code |= bool(said)
    return code


if __name__ == "__main__":
    sys.exit(main())
