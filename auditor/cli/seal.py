"""``auditor seal``, ``auditor verify`` and ``auditor keygen``."""

from pathlib import Path

import click

from auditor.cli import echo_json, printable
from auditor.seal.report import Outcome, VerifyReport

_MARKS = {Outcome.PASS: "ok", Outcome.FAIL: "FAILED", Outcome.SKIPPED: "-", Outcome.UNKNOWN: "not checked"}
_MOST_FINDINGS = 50


@click.command()
@click.argument("pack", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def verify(pack: Path, *, as_json: bool) -> int:
    """Check a pack, folder or zip, that somebody else made. Needs no network.

    Answers 0 when everything holds, 4 when something does not, 3 when something could not be checked.
    """
    from auditor.seal.verify import verify_pack

    report = verify_pack(pack)
    if as_json:
        echo_json(report.document())
    else:
        _print_report(report)
    return report.exit_code


def _print_report(report: VerifyReport) -> None:
    click.echo(printable(f"{report.pack}: {report.pack_id or 'pack without a readable manifest'}"))
    for check in report.checks:
        click.echo(printable(f"  {_MARKS[check.outcome]:<11}  {check.name:<13}  {check.message}"))
    for finding in report.findings[:_MOST_FINDINGS]:
        click.echo(printable(f"  {finding.kind}: {finding.path} {finding.message}"))
    if (more := len(report.findings) - _MOST_FINDINGS) > 0:
        click.echo(f"  and {more} more findings; --json lists all of them")
    click.echo(
        {
            "pass": "The pack holds.",
            "fail": "The pack does NOT hold.",
            "incomplete": "Nothing objectionable was found, but not everything could be checked.",
        }[report.verdict]
    )
