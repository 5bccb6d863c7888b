"""``auditor policy``: what a run may need to read, as an IAM policy; and whether the caller may."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import click

from auditor.base.counts import counted
from auditor.base.errors import UsageError
from auditor.cli import printable
from auditor.cli.documents import echo_json
from auditor.cli.options import config_of, with_controls

if TYPE_CHECKING:
    from auditor.catalog.load import Catalog
    from auditor.collect.preflight import Permission
    from auditor.config import Config
    from auditor.evidence.operations import Operation
    from auditor.model import Control

_FORM = "auditor.policy/1"


@click.command()
@with_controls
@click.option("--skip", metavar="trail,events,truth", help="Parts that will be left out.")
@click.option("--partition", default="aws", show_default=True, help="aws, aws-cn, aws-us-gov ...")
@click.option("--for-account", metavar="ID", default="*", help="Narrow resources to an account; default: any.")
@click.option("--trail-bucket", "buckets", multiple=True, metavar="NAME", help="Bucket of a trail; default: any.")
@click.option(
    "--kms-key", "keys", multiple=True, metavar="ARN", help="Key that encrypts trails' files, or packs; repeatable."
)
@click.option(
    "--securityhub-import", "for_import", is_flag=True, help="Print what run --securityhub-import needs more."
)
@click.option("--org", "for_organization", is_flag=True, help="Print what run --org needs: caller, members, holders.")
@click.option("--upload", metavar="s3://BUCKET/PREFIX", help="Print what run --upload needs more, on that bucket.")
@click.option("--check", is_flag=True, help="Ask AWS what the caller may not do, and what that costs.")
@click.option("--profile", metavar="NAME", help="With --check: profile of the AWS configuration.")
@click.option("--region", metavar="REGION", help="With --check: the Region to ask.")
@click.option("--account", metavar="ID", help="With --check: account to ask through --role-name.")
@click.option("--role-name", metavar="NAME", help="With --check: role to assume in that account; with --org: in each.")
@click.option("--config", "config_file", type=click.Path(), help="Settings; default auditor.yaml.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def command(
    *, check: bool, for_import: bool, for_organization: bool, upload: str | None, as_json: bool, **given: Any
) -> int:
    """Print the least-privilege IAM policy for a run, or check it against what the caller may do.

    Without --framework and --control, the policy covers the whole catalogue.
    """
    from pathlib import Path

    from auditor.catalog.policy import operations_for, trail_evidence
    from auditor.run import open_catalog

    _check_names(given)
    if for_import and not for_organization:
        return _print_import(given, as_json=as_json)
    if upload is not None:
        return _print_upload(upload, given, as_json=as_json)
    role = given["role_name"]
    if for_organization:
        given["role_name"] = None  # it is the same in every account, and none of them is asked
    if given["config_file"] is not None:
        given["config_file"] = Path(given["config_file"])
    config = config_of(given)
    catalog = open_catalog(config.controls)
    controls = _chosen(catalog, config)
    trail = trail_evidence(controls, whole=bool(config.frameworks) or not config.control_ids)
    operations = operations_for(
        catalog,
        controls,
        trail=bool(trail) and "trail" not in config.skip,
        truth="truth" not in config.skip,
        whole=bool(config.frameworks) or not config.control_ids,
    )
    if for_organization:
        return _print_organization(operations, given, role or "", importing=for_import, as_json=as_json)
    if check:
        return _check(catalog, controls, operations, config, as_json=as_json)
    return _print(operations, given, as_json=as_json)


_FORMS: Final = (
    ("keys", "--kms-key", re.compile(r"arn:[a-z-]+:kms:[a-z0-9-]+:(\d{12}|\*):key/\S+"), "no ARN of a KMS key"),
    ("buckets", "--trail-bucket", re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]"), "no name of a bucket"),
    ("partition", "--partition", re.compile(r"aws(-[a-z]+){0,3}"), "no partition: aws, aws-cn, aws-us-gov ..."),
)
"""Parameter, option, form, and what is said of another one: IAM would refuse the policy, or read it otherwise."""


def _check_names(given: Mapping[str, Any]) -> None:
    for name, option, form, wrong in _FORMS:
        for text in (given[name],) if isinstance(given[name], str) else given[name]:
            if not form.fullmatch(text):
                raise UsageError(f"{option}: {text[:100]!r} is {wrong}")


def _chosen(catalog: "Catalog", config: "Config") -> tuple["Control", ...]:
    if not config.frameworks and not config.control_ids:
        return tuple(catalog.controls.values())
    return catalog.controls_of(catalog.select(config.frameworks, config.control_ids))


def _print(operations: Sequence["Operation"], given: Mapping[str, Any], *, as_json: bool) -> int:
    from auditor.catalog.policy import TRAIL_EVIDENCE, Scope, documents, size, statements

    scope = Scope(given["partition"], given["for_account"], tuple(given["buckets"]), tuple(given["keys"]))
    found = documents(statements(operations, scope))
    if as_json:
        told = {"policies": list(found), "characters": [size(item) for item in found]}
        echo_json({"schema": _FORM, "exit_code": 0, **told})
        return 0
    for document in found:
        click.echo(json.dumps(document, indent=2))
    if len(found) > 1:
        click.echo(
            f"note: {counted(len(found), 'policy')}, as one would be larger than IAM allows; attach them all", err=True
        )
    if not scope.kms_keys and any(item.name in TRAIL_EVIDENCE for item in operations):
        click.echo(
            "note: trails encrypted with a KMS key also need kms:Decrypt on it; name it with --kms-key", err=True
        )
    return 0


def _print_organization(
    operations: Sequence["Operation"], given: Mapping[str, Any], name: str, *, importing: bool, as_json: bool
) -> int:
    """Print three policies: of who runs it, of the role in every account, and of that role where a service is run.

    The management account needs the second and the third like any other; StackSets leave it out.
    """
    from auditor.catalog.policy import Scope, documents, entering, holding, statements
    from auditor.org.doors import ROLE_NAME

    scope = Scope(given["partition"], "*", tuple(given["buckets"]), tuple(given["keys"]))
    role = f"arn:{given['partition']}:iam::*:role/{(name or ROLE_NAME).strip('/')}"
    found = {
        "caller": entering(role, ""),
        "members": list(documents(statements(operations, scope))),
        "holders": holding(),
    }
    if importing:
        from auditor.deliver.securityhub import policy

        found["importers"] = policy(given["partition"], "*")
    if as_json:
        echo_json({"schema": _FORM, "exit_code": 0, **found})
        return 0
    click.echo(json.dumps(found, indent=2))
    click.echo(
        "note: caller is for whoever runs it; members for the role in every account, the management account", err=True
    )
    click.echo(
        "note: included; holders besides, where GuardDuty or Security Hub is administered for all accounts", err=True
    )
    if importing:
        click.echo("note: importers besides, in every account, and only where --securityhub-import is used", err=True)
    return 0


def _print_import(given: Mapping[str, Any], *, as_json: bool) -> int:
    """Print the policy of the one call that writes; nothing of it is in the policy of a run."""
    from auditor.deliver.securityhub import policy

    return _print_writing(policy(given["partition"], given["for_account"]), as_json=as_json)


def _print_upload(place: str, given: Mapping[str, Any], *, as_json: bool) -> int:
    """Print the policy of an upload."""
    from auditor.deliver.upload import policy

    return _print_writing(policy(given["partition"], place, kms_keys=tuple(given["keys"])), as_json=as_json)


def _print_writing(document: Mapping[str, Any], *, as_json: bool) -> int:
    if as_json:
        echo_json({"schema": _FORM, "exit_code": 0, "policies": [dict(document)]})
    else:
        click.echo(json.dumps(document, indent=2))
    return 0


def _check(
    catalog: "Catalog",
    controls: Sequence["Control"],
    operations: Sequence["Operation"],
    config: "Config",
    *,
    as_json: bool,
) -> int:
    from auditor.catalog.policy import TRAIL_EVIDENCE, costs
    from auditor.cli.progress import Patience
    from auditor.collect.guard import CallLog
    from auditor.collect.preflight import TRAIL_QUESTIONS, May, check_permissions
    from auditor.run.settings import caller_of

    with Patience():
        caller = caller_of(config, CallLog())
        permissions = check_permissions(
            caller,
            operations=catalog.operations,
            wanted=[item.name for item in operations],
            region=caller.session.region_name,
            now=lambda: datetime.now(UTC),
        )
    lost = {
        item.operation: costs(catalog, controls, item.operation) for item in permissions if item.may is not May.ALLOWED
    }
    for name in lost.keys() & TRAIL_QUESTIONS.keys():
        of_trails = (one for produced in TRAIL_EVIDENCE for one in costs(catalog, controls, produced))
        lost[name] = tuple(dict.fromkeys([*lost[name], *of_trails]))
    code = 3 if any(item.may is May.DENIED for item in permissions) else 0
    if as_json:
        rows = [item.document() | {"controls": list(lost.get(item.operation, ()))} for item in permissions]
        echo_json({"schema": _FORM, "exit_code": code, "principal": caller.principal, "operations": rows})
    else:
        _tell(caller.principal, permissions, lost)
    return code


def _tell(principal: str, permissions: Sequence["Permission"], lost: Mapping[str, Sequence[str]]) -> None:
    click.echo(f"{printable(principal)} was asked about {counted(len(permissions), 'operation')}:")
    for kind in ("denied", "unknown"):
        for item in permissions:
            if item.may.value != kind:
                continue
            click.echo(f"{kind:<8} {item.operation} (needs {item.action}): {printable(item.reason)}")
            click.echo(
                f"         controls that need it: {', '.join(lost[item.operation]) or _without_it(item.operation)}"
            )
    counts = {kind: sum(item.may.value == kind for item in permissions) for kind in ("allowed", "denied", "unknown")}
    click.echo(", ".join(f"{count} {kind}" for kind, count in counts.items()))


def _without_it(operation: str) -> str:
    from auditor.collect.preflight import CONFIRMING_QUESTIONS

    return "none, but AWS cannot confirm our reading" if operation in CONFIRMING_QUESTIONS else "none by itself"
