"""``auditor cost``: what logging costs a month at list price, line by line."""

import csv
import io
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.base.counts import counted
from auditor.base.money import at_price
from auditor.cli import printable
from auditor.cli.documents import echo_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auditor.cost.estimate import Estimate, Line, NotKnown
    from auditor.run.costing import Costed

_PATH = click.Path(path_type=Path)
_MOST_TOLD = 60
_MOST_LOST = 10


@click.command()
@click.argument("pack", type=_PATH)
@click.option("--prices", type=_PATH, metavar="FILE", help="Prices of your own, as YAML; they go before ours.")
@click.option("--store", type=_PATH, metavar="DIR", help="An event store of the period, as `auditor events` keeps it.")
@click.option("--unverified", is_flag=True, help="Go on with a pack that does not verify; the answer says so.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.option("--csv", "as_csv", is_flag=True, help="Print the lines as CSV on stdout.")
def cost(pack: Path, *, prices: Path | None, store: Path | None, unverified: bool, as_json: bool, as_csv: bool) -> int:
    r"""Estimate what logging costs a month at list price, and where it is paid twice.

    PACK is a pack, folder or zip, which is verified first, or a folder written by `auditor collect`. Every line
    says quantity, price, how the quantity came about, and where and when the price was read. What cannot be known is
    listed, and is not part of the sum. With --store, events are counted by Region, bucket and call, and what other
    event selectors would save is tried on the events of the period.

    Answers 0 with an estimate, 3 when an answer of AWS is missing that it needs, 4 when the pack does not verify.

    \b
    auditor cost reports/111122223333/2026-10/A --csv
    """
    from auditor.cost.prices import load_prices
    from auditor.run.costing import cost_of

    found = cost_of(pack, load_prices(prices), store=store, unverified=unverified)
    if as_json:
        echo_json(found.document())
    elif as_csv:
        click.echo(_csv(found.estimate), nl=False)
    else:
        _print(found)
    return found.exit_code


# ---------------------------------------------------------------------------------------------------------- CSV

_COLUMNS = (
    "group", "area", "what", "account", "region", "quantity", "unit", "usd", "estimate", "paid_twice", "formula",
    "price", "price_region", "source", "grade", "seen", "note", "not_known",
)  # fmt: skip


def _csv(estimate: "Estimate") -> str:
    """Return lines and what is not known, one row each; the sum is for whoever reads them."""
    text = io.StringIO()
    rows = csv.DictWriter(text, _COLUMNS, lineterminator="\r\n", restval="")
    rows.writeheader()
    for line in estimate.lines:
        told = line.document()
        price = told.pop("price")
        told |= {"price": price["usd"], "price_region": price["region"], "note": line.note, "estimate": "estimate"}
        told |= {name: price[name] for name in ("source", "grade", "seen")}
        rows.writerow({name: _cell(told.get(name, "")) for name in _COLUMNS})
    for item in estimate.not_known:
        told = {**item.document(), "usd": "", "not_known": item.why}
        if item.at_most is not None:
            told["note"] = f"at most {item.at_most:.4f} USD"
        rows.writerow({name: _cell(told.get(name, "")) for name in _COLUMNS})
    return text.getvalue()


def _cell(value: object) -> object:
    """Keep text text in a spreadsheet; names in an account are chosen by others."""
    return f"'{value}" if isinstance(value, str) and value.lstrip()[:1] in {"=", "+", "-", "@", "\t", "\r"} else value


# --------------------------------------------------------------------------------------------------------- text


def _print(found: "Costed") -> None:
    estimate = found.estimate
    seen = sorted({line.price.seen.isoformat() for line in estimate.lines})
    read = f", prices read {' to '.join(dict.fromkeys((seen[0], seen[-1])))}" if seen else ""
    click.echo(printable(f"{found.source}: {found.verified}"))
    click.echo(f"Estimate at list price in USD{read}; free tiers are not subtracted.")
    _tell_group(estimate, "logging", "What logging costs a month")
    _tell_group(estimate, "audit", "What this audit cost, once")
    click.echo(f"\n{'Logging, a month':<40} {estimate.total():>14,.4f} USD  (estimate, without what is not known)")
    click.echo(f"{'  of which paid for again':<40} {estimate.paid_twice:>14,.4f} USD")
    click.echo(f"{'This audit':<40} {estimate.total('audit'):>14,.4f} USD")
    for words in estimate.searched:
        click.echo(printable(f"Events: {words}"))
    for proposal in estimate.proposals:
        _tell_proposal(proposal)
    click.echo(f"\nNot known, {len(estimate.not_known)}:")
    for item in estimate.not_known[:_MOST_TOLD]:
        _tell_unknown(item)
    if (more := len(estimate.not_known) - _MOST_TOLD) > 0:
        click.echo(f"  and {more:,} more; --json lists all of them")


def _tell_group(estimate: "Estimate", group: str, title: str) -> None:
    lines = [line for line in estimate.lines if line.group == group]
    click.echo(f"\n{title}:{'' if lines else ' nothing was found that has a price'}")
    area = ""
    for line in lines[:_MOST_TOLD]:
        if line.area != area:
            area = line.area
            click.echo(f"  {area}")
        _tell_line(line)
    if (more := len(lines) - _MOST_TOLD) > 0:
        click.echo(f"  and {more:,} more; --json lists all of them")


def _tell_line(line: "Line") -> None:
    again = "  paid twice" if line.twice else ""
    click.echo(printable(f"    {line.amount:>12,.4f} USD  {line.what} ({line.account} {line.region}){again}"))
    price = line.price
    told = at_price(line.quantity, price.unit, price.words())
    click.echo(printable(f"    {'':>16}  {told}: {line.formula}"))
    click.echo(printable(f"    {'':>16}  estimate; {price.source}, grade {price.grade or '-'}, {price.seen}"))
    if line.note:
        click.echo(printable(f"    {'':>16}  {line.note}"))


def _tell_proposal(proposal: "Mapping[str, Any]") -> None:
    saved, lost = proposal["usd_saved_a_month"], proposal["events_no_longer_recorded"]
    click.echo(printable(f"\nPossible: {proposal['trail']}: {proposal['title']}"))
    click.echo(
        f"  would save {saved:,.4f} USD a month (estimate); {counted(lost, 'event')} of the period would not be "
        "recorded"
    )
    for row in proposal["no_longer_recorded"][:_MOST_LOST]:
        click.echo(printable(f"    {row['events']:>10,}  {row['event_name']} {row['resource']} {row['region']}"))
    if proposal["events_not_told"]:
        click.echo(f"    {proposal['events_not_told']:>10,}  of which the selectors do not tell")
    if proposal["command"]:
        click.echo(printable(f"  {shlex.join(proposal['command'])}"))
    else:
        click.echo("  the trail would record nothing; it could be stopped")


def _tell_unknown(item: "NotKnown") -> None:
    most = f", at most {item.at_most:,.4f} USD" if item.at_most is not None else ""
    place = f" ({' '.join(part for part in (item.account, item.region) if part)})"
    click.echo(printable(f"  {item.area}: {item.what}{place}{most}"))
    click.echo(printable(f"      {item.why}"))
