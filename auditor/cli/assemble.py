"""``auditor assemble``: the packs of many months as one."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.base.errors import UsageError
from auditor.cli import printable
from auditor.cli.documents import echo_json

if TYPE_CHECKING:
    from auditor.run.assembling import Assembled, Order

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("packs", type=_PATH, nargs=-1, required=True, metavar="PACK...")
@click.option("-o", "--out", metavar="DIR", help="Where the assembled pack is written; default: reports.")
@click.option(
    "--period", metavar="PERIOD", help="Whole months, such as 2026; default: from the first pack to the last."
)
@click.option(
    "--take",
    type=click.Choice(["newest"]),
    help="Of several packs of a month, let the newest complete one speak for it; failures of the others stay.",
)
@click.option("--sample", type=click.IntRange(min=1), metavar="N", help="Draw N months for the auditor to test again.")
@click.option("--seed", metavar="TEXT", help="Decides which ones; goes with --sample.")
@click.option("--entity", metavar="NAME", help="Whom the pack is about.")
@click.option("--title", metavar="TEXT", help="Of its pages; default: Evidence over N months.")
@click.option("-f", "--format", "formats", multiple=True, metavar="F1,F2", help="Pages: pdf, html; default: both.")
@click.option(
    "--trust", type=_PATH, multiple=True, metavar="FILE", help="Certificates, PEM, that vouch for the packs' signers."
)
@click.option("--as-of", metavar="TIME", help="The moment of assembling; default: now.")
@click.option("--config", "config_file", type=_PATH, help="Settings; default auditor.yaml.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def assemble(
    packs: tuple[Path, ...],
    *,
    period: str | None,
    take: str | None,
    trust: tuple[Path, ...],
    as_of: str | None,
    as_json: bool,
    quiet: bool,
    **given: Any,
) -> int:
    r"""Join the packs of one account's months, folders or zips, into one pack over all of them.

    A folder that is no pack stands for all packs below it. Each pack is verified first. The population of the new pack
    is the months themselves: a month without a pack, or with hours that no digest vouches for, counts as not assessed;
    a failure in any run of a month stays one. It is signed as auditor.yaml says, has a PDF and a page of its own, and
    `auditor verify --replay` derives it again.

    Answers 0 when every control was met in every month, 1 when one was not, 3 when something is not assessed, 4 when a
    pack does not hold or shows altered logs.

    \b
    auditor assemble reports/111122223333 --period 2026 --out year
    auditor assemble reports/111122223333/2026-*/* --take newest --sample 2 --seed 4711
    """
    from auditor.cli.progress import progress
    from auditor.run.assembling import assemble as join

    order = _order(packs, period or "", as_of, trust, newest=take == "newest", given=given)
    with progress(silent=quiet or as_json) as show:
        made = join(order, show)
    if as_json:
        echo_json(_document(made))
    else:
        _tell(made)
    return made.assembly.exit_code


def _order(
    packs: tuple[Path, ...],
    period: str,
    as_of: str | None,
    trust: tuple[Path, ...],
    *,
    newest: bool,
    given: dict[str, Any],
) -> "Order":
    """Return what is to be assembled, read from the command line and the settings.

    Raises:
        UsageError: a setting, period, key or certificate cannot be used; a sample without a seed, or the reverse.
    """
    from auditor.cli.audit import sealing_in
    from auditor.cli.options import config_of, in_parts, moment_of
    from auditor.cli.seal import certificates
    from auditor.model import Sampling
    from auditor.run.assembling import Order
    from auditor.seal.verify import Demands

    size, seed = given.pop("sample"), given.pop("seed")
    if (size is None) != (seed is None):
        raise UsageError("--sample and --seed go together", hint="the seed lets others draw the same sample again")
    formats = tuple(in_parts(given.pop("formats")))
    config = config_of(given)
    checked = datetime.now(UTC).replace(microsecond=0)
    return Order(
        packs=packs,
        config=config,
        as_of=moment_of(as_of),
        demands=Demands(at=checked, trusted=certificates(trust)),
        formats=formats,
        period=period,
        newest=newest,
        sampling=Sampling(size, seed) if size is not None else None,
        sealing=sealing_in(config),
    )


def _document(made: "Assembled") -> dict[str, Any]:
    return {
        "schema": "auditor.assemble/1",
        "exit_code": made.assembly.exit_code,
        "pack": str(made.pack),
        "pack_id": made.pack_id,
        "manifest_sha256": made.manifest_sha256,
        "period": made.assembly.asked.period.document(),
        "headline": made.assembly.headline,
        "counts": made.assembly.counts,
        "months": [
            {"month": month.label, "marks": [mark.value for mark in month.marks], "gap": month.gap}
            for month in made.assembly.months
        ],
        "sample": list(made.assembly.sample),
        "left_out": list(made.left_out),
    }


def _tell(made: "Assembled") -> None:
    for month in made.assembly.months:
        marks = ", ".join(mark.value for mark in month.marks)
        pack = month.taken.member.id if month.taken else ""
        click.echo(printable(f"  {month.label}  {marks:<24} {pack}"))
        if month.gap and month.taken:
            click.echo(printable(f"           {month.gap}"))
    for name in made.left_out:
        click.echo(printable(f"left out     {name}: about no month of {made.assembly.asked.period.label}"))
    if made.assembly.sample:
        click.echo(f"sample       {', '.join(made.assembly.sample)}")
    for name in ("report.pdf", "report.html"):
        if (made.pack / name).exists():
            click.echo(f"{name:<12} {made.pack / name}")
    click.echo(f"{'pack':<12} {made.pack}")
    click.echo(f"{'manifest':<12} {made.manifest_sha256}")
    click.echo(printable(made.assembly.headline))
