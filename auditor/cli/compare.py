"""``auditor diff``, and what a run says beside its baseline."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.base.counts import counted
from auditor.cli import printable
from auditor.cli.documents import echo_json

if TYPE_CHECKING:
    from auditor.pack.baseline import Gate
    from auditor.pack.comparison import Changed, Comparison

_MOST_TOLD = 50
_PATH = click.Path(path_type=Path)


def tell_gate(gate: "Gate") -> None:
    """Say what is new beside the baseline; what was known is one number with the age of the oldest."""
    from auditor.base.period import rfc3339

    told = [f"{number} {kind}" for kind, number in gate.counts.items() if number]
    click.echo(f"since the baseline of {rfc3339(gate.created)}: {', '.join(told) or 'nothing failed then or now'}")
    if gate.ages:
        click.echo(f"  the oldest finding still open was seen first {counted(max(gate.ages.values()).days, 'day')} ago")
    _tell(gate.loud)


def _tell(changes: "tuple[Changed, ...]", most: int = _MOST_TOLD) -> None:
    for item in changes[:most]:
        found = item.finding
        place = " ".join(part for part in (found.account, found.region, found.resource) if part)
        click.echo(printable(f"  {item.change.value:<16} {found.severity.value:<8} {found.control}: {place}"))
        for words in (found.reason, item.why):
            if words:
                click.echo(printable(f"  {'':<16} {words}"))
    if (more := len(changes) - most) > 0:
        click.echo(f"  and {more:,} more; --json lists all of them")


@click.command()
@click.argument("old", type=_PATH)
@click.argument("new", type=_PATH)
@click.option("--unverified", is_flag=True, help="Compare packs that do not verify as well; the answer says so.")
@click.option("--html", type=_PATH, metavar="FILE", help="Write the comparison as one self-contained page.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def diff(old: Path, new: Path, *, unverified: bool, html: Path | None, as_json: bool) -> int:
    r"""Say what changed between two packs, folders or zips: the older one first.

    New, worse, new by the catalogue, still open, no longer assessed, no longer asked about, waived, fixed; and beside
    that what changed in the scope and in the rules. A finding counts as fixed only where its control was assessed.

    Answers 0 when nothing is new or worse, 1 when something is, 3 when something is no longer assessed, 4 when a pack
    does not verify.

    \b
    auditor diff reports/111122223333/2026-09/A reports/111122223333/2026-10/B
    """
    from auditor.cli.files import for_writing
    from auditor.run.comparing import compare_packs, comparison_page

    for_writing(html)
    found = compare_packs(old, new, unverified=unverified)
    if html is not None:
        html.write_bytes(comparison_page(found))
    if as_json:
        echo_json(found.document())
        return found.exit_code
    for side in (found.old, found.new):
        click.echo(printable(f"{side.name}: {side.pack_id}, as of {side.as_of}, {side.verdict}"))
    _print(found.comparison)
    return found.exit_code


def _print(comparison: "Comparison") -> None:
    from auditor.pack.comparison import Change

    told = [f"{number} {kind}" for kind, number in comparison.counts.items() if number]
    click.echo(", ".join(told) or "nothing failed then or now")
    for sentence in comparison.scope:
        click.echo(printable(f"  scope: {sentence}"))
    for line in _rules(comparison.catalogue.document()):
        click.echo(printable(f"  rules: {line}"))
    _tell(comparison.of(*(kind for kind in Change if kind is not Change.KNOWN)))


def _rules(catalogue: dict[str, Any]) -> list[str]:
    lines = [f"{item['control']} changed in {', '.join(item['parts'])}" for item in catalogue["changed"]]
    for words, names in (("new", catalogue["added"]), ("no longer asked for", catalogue["removed"])):
        if names:
            lines.append(f"{words}: {', '.join(names)}")
    return lines
