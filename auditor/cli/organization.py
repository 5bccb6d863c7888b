"""``auditor run --org``: every account of an organization, told in a few lines."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from auditor.base.counts import counted
from auditor.base.period import Period
from auditor.cli import printable
from auditor.cli.audit import Occasion, request_of, tell_standing, tell_upload
from auditor.cli.documents import echo_json
from auditor.cli.telling import tell_period
from auditor.config import Config

if TYPE_CHECKING:
    from auditor.org.importing import Imported
    from auditor.org.running import Organized

_DENIED = "AccessDenied"
"""What STS says to who may not take a role, and to who brings no external id."""
_MOST_NAMED = 20
_MOST_WORST = 5


def organize_and_tell(config: Config, occasion: Occasion) -> int:
    """Audit an organization, say what became of its accounts, and return the exit code."""
    from auditor.cli.progress import progress
    from auditor.cli.seal import tell_missing_stamp
    from auditor.org.running import audit_organization

    request = request_of(config, occasion)
    if not occasion.quiet:
        tell_period(request.period, request.as_of)
    with progress(silent=occasion.quiet, verbose=occasion.verbose) as show:
        if config.if_missing:
            from auditor.org.standing import standing_organization

            there = standing_organization(config, request.period, request.now, show)
            if there is not None:
                return tell_standing(there, as_json=occasion.as_json)
        finished = audit_organization(request, show)
    if finished.left_out:
        click.echo(printable(f"auditor: {finished.left_out}"), err=True)
    if request.sealing is not None:
        tell_missing_stamp(finished.pack)
    uploaded = finished.uploaded
    if uploaded is not None:
        tell_upload(uploaded, quiet=occasion.as_json)
    for told in finished.told:
        if told.error:
            click.echo(printable(f"auditor: {told.target} could not be told: {told.error}"), err=True)
    if finished.imported is not None:
        _tell_import(finished.imported, quiet=occasion.as_json)
    _tell_lost(finished.document, config)
    if occasion.as_json:
        echo_json(document_of(finished, request.period))
    elif not occasion.quiet:
        _tell(finished)
    else:
        click.echo(printable(str(finished.document["headline"])))
    return finished.code


def _tell_lost(document: Mapping[str, Any], config: Config) -> None:
    """Say on stderr which accounts could not be assessed: nobody may overlook them."""
    from auditor.org.accounts import meant_instead

    lost = [row for row in document["accounts"] if row["standing"] in ("missing", "refused")]
    for row in lost[:_MOST_NAMED]:
        why = f"{row['code']}: {row['reason']}" if row["code"] else row["reason"]
        click.echo(printable(f"auditor: {row['id']} {row['name']} {row['standing']}: {why}"), err=True)
    if (more := len(lost) - _MOST_NAMED) > 0:
        click.echo(
            f"auditor: and {counted(more, 'more account was', 'more accounts were')} not assessed; --json lists all",
            err=True,
        )
    if not config.external_id and any(row["code"] == _DENIED for row in lost):
        click.echo("auditor: no external id was given; where trust policies ask for one, give --external-id", err=True)
    for text in document["unmatched_filters"]:
        close = meant_instead(text, document["accounts"])
        told = f"auditor: {text} means no account of the organization{f'; {close}' if close else ''}"
        click.echo(printable(told), err=True)


def _tell(finished: "Organized") -> None:
    document = finished.document
    worst = sorted(
        (row for row in document["accounts"] if row["result"] and row["result"]["counts"]["FAIL"]),
        key=lambda row: (*(-count for count in row["result"]["failed_by_severity"].values()), row["id"]),
    )
    for row in worst[:_MOST_WORST]:
        failed = ", ".join(
            f"{number} {level}" for level, number in row["result"]["failed_by_severity"].items() if number
        )
        click.echo(printable(f"{row['id']}  {row['name'][:40]:<40}  not met: {failed}"))
    for name in ("report.pdf", "report.html"):
        if (finished.pack / name).exists():
            click.echo(f"{name:<12} {finished.pack / name}")
    click.echo(f"{'pack':<12} {finished.pack}")
    if finished.zip:
        click.echo(f"{'zip':<12} {finished.zip}")
    click.echo(f"{'manifest':<12} {finished.manifest_sha256}")
    click.echo(f"{document['reconciliation']['words']}")
    click.echo(printable(str(document["headline"])))
    if finished.held is not None:
        from auditor.cli.compare import tell_gate

        tell_gate(finished.held.gate)
        for account in finished.held.without[:_MOST_NAMED]:
            click.echo(f"  {account} has no pack in the baseline: all its failures count as new")
        if (more := len(finished.held.without) - _MOST_NAMED) > 0:
            click.echo(f"  nor have {counted(more, 'more account')}")


def _tell_import(imported: "Imported", *, quiet: bool) -> None:
    """Say what Security Hub took of all accounts, and on stderr what it did not take and why."""
    if not quiet:
        number = len(imported.records)
        click.echo(
            f"{'Security Hub':<12} {imported.accepted} of {counted(imported.sent, 'finding')} of "
            f"{counted(number, 'account')} accepted"
        )
    for account, item in imported.refused[:_MOST_NAMED]:
        words = f"{account} in {item['region']}: {item['code']}: {item['message']}"
        click.echo(printable(f"auditor: Security Hub did not take {item['id']} of {words}"), err=True)
    if (more := len(imported.refused) - _MOST_NAMED) > 0:
        click.echo(f"auditor: nor {more:,} more; results/securityhub-import.json of each account has all", err=True)


def document_of(finished: "Organized", period: Period) -> dict[str, Any]:
    """Return what ``--json`` prints of an organization; the whole stands in its results."""
    document = finished.document
    codes = finished.held.codes if finished.held is not None else {}
    return {
        "schema": "auditor.run-organization/1",
        "exit_code": finished.code,
        "pack": str(finished.pack),
        "pack_id": finished.pack_id,
        "manifest_sha256": finished.manifest_sha256,
        "period": period.document(),
        "headline": document["headline"],
        "counts": document["counts"],
        "reconciliation": document["reconciliation"],
        "accounts": [
            {
                "id": row["id"],
                "name": row["name"],
                "state": row["state"],
                "standing": row["standing"],
                "code": row["code"],
                "reason": row["reason"],
                "exit_code": codes.get(row["id"], row["result"]["exit_code"]) if row["result"] else None,
                "counts": row["result"]["counts"] if row["result"] else None,
            }
            for row in document["accounts"]
        ],
        "unmatched_filters": document["unmatched_filters"],
        "left_out": finished.left_out,
        "baseline": finished.held.document() if finished.held else None,
        "securityhub_import": finished.imported.document() if finished.imported else None,
        "zip": str(finished.zip) if finished.zip else None,
        "notified": [told.document() for told in finished.told],
        "upload": finished.uploaded.document() if finished.uploaded else None,
    }
