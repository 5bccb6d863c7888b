"""``auditor remediate``."""

from collections import Counter
from pathlib import Path

import click

from auditor.base.counts import counted
from auditor.cli import printable
from auditor.cli.documents import echo_json
from auditor.cli.options import in_parts

_FORMS = ("cloudformation", "terraform", "cli")


@click.command()
@click.argument("pack", type=click.Path(path_type=Path))
@click.option("--control", "controls", multiple=True, metavar="ID", help="Only this control; several, or with commas.")
@click.option("--to", "form", type=click.Choice(_FORMS), required=True, help="What the changes are written as.")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="A folder that is not there yet."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def remediate(pack: Path, controls: tuple[str, ...], form: str, out: Path, *, as_json: bool) -> int:
    r"""Write the smallest changes that close a pack's findings, as files to review. Nothing is ever applied.

    The pack, a folder or a zip, is verified first. README.md in DIR says for each change what is there already, the
    order, side effects, cost and how it is undone.

    \b
    auditor remediate reports/111122223333/2026-10/A --to cli --out remedies
    """
    from auditor.remedy.files import Form
    from auditor.remedy.guide import document
    from auditor.run.remediating import remediate as write

    proposal = write(pack, out, Form(form), in_parts(controls))
    if as_json:
        echo_json({"exit_code": 0, "out": str(out), **document(proposal)})
        return 0
    click.echo(printable(f"{_number(len(proposal.remedies))} written to {out}; read {out / 'README.md'} first"))
    without: dict[str, Counter[str]] = {}
    for item in proposal.left:
        without.setdefault(item.why, Counter())[item.finding.control] += 1
    for why, controls_of in without.items():
        named = ", ".join(f"{control} ({number})" for control, number in controls_of.items())
        click.echo(printable(f"no remedy, {why}: {named}"))
    return 0


def _number(remedies: int) -> str:
    return counted(remedies, "remedy")
