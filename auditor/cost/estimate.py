"""What an estimate consists of: lines with a price, what cannot be known, and both added up."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from auditor.base.period import Period
from auditor.cost.prices import Price, Prices

GB: Final = Decimal(1 << 30)
"""AWS's price lists count a GB as 2^30 bytes."""
MONTH_HOURS: Final = Decimal(730)
"""What AWS takes for a month where it charges by the hour."""
_CENTS: Final = Decimal("0.0001")
_BILLIONTHS: Final = Decimal("0.000000001")

LOGGING, AUDIT = "logging", "audit"
"""What is paid month by month, and what one audit costs."""


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that is paid for.

    Args:
        area: which part of the estimate it belongs to, such as ``data events``.
        what: what is paid for.
        account: whose bill it is on, as far as known; twelve digits.
        region: where.
        quantity: a month, in the price's units.
        price: at which price.
        formula: how the quantity came about, in numbers.
        amount: USD a month.
        twice: whether the same thing is paid for elsewhere as well.
        note: what to keep in mind; may be empty.
        evidence: references that the quantity rests on.
        group: ``logging`` or ``audit``.
    """

    area: str
    what: str
    account: str
    region: str
    quantity: Decimal
    price: Price
    formula: str
    amount: Decimal
    twice: bool = False
    note: str = ""
    evidence: tuple[str, ...] = ()
    group: str = LOGGING

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            **_what_and_where(self),
            "quantity": number(self.quantity, _BILLIONTHS),
            "unit": self.price.unit,
            "price": {
                "id": self.price.id,
                "usd": self.price.words(),
                "region": self.price.region,
                "source": self.price.source,
                "grade": self.price.grade,
                "seen": self.price.seen.isoformat(),
            },
            "formula": self.formula,
            "usd": number(self.amount),
            "estimate": True,
            "paid_twice": self.twice,
            "note": self.note,
            "evidence": list(self.evidence),
        }


@dataclass(frozen=True, slots=True)
class NotKnown:
    """Something that may cost money, and of which it is not known how much.

    Args:
        area: as of a line.
        what: what may be paid for.
        why: what is missing.
        account: twelve digits.
        region: where; empty for anywhere.
        at_most: USD a month that it cannot exceed, where that can be said.
        gap: whether an answer is missing that AWS could give, rather than something that no answer tells.
        group: ``logging`` or ``audit``.
    """

    area: str
    what: str
    why: str
    account: str
    region: str = ""
    at_most: Decimal | None = None
    gap: bool = False
    group: str = LOGGING

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            **_what_and_where(self),
            "why": self.why,
            "usd": None,
            "usd_at_most": None if self.at_most is None else number(self.at_most),
            "answer_missing": self.gap,
        }


Item = Line | NotKnown


def _what_and_where(item: Item) -> dict[str, Any]:
    """Return what the JSON forms of both kinds of items begin with."""
    return {
        "group": item.group,
        "area": item.area,
        "what": item.what,
        "account": item.account,
        "region": item.region,
    }


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the logging of accounts costs a month.

    Args:
        accounts: whose.
        period: what the quantities were counted in.
        items: lines and what is not known, area by area.
        proposals: what a trail's selectors could leave out, as JSON-ready documents.
        searched: what the numbers of events come from, one sentence each.
        prices: what was calculated with.
    """

    accounts: tuple[str, ...]
    period: Period
    items: tuple[Item, ...]
    prices: Prices
    proposals: tuple[Mapping[str, Any], ...] = ()
    searched: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[Line, ...]:
        """What has a price, in order."""
        return tuple(item for item in self.items if isinstance(item, Line))

    @property
    def not_known(self) -> tuple[NotKnown, ...]:
        """What has none."""
        return tuple(item for item in self.items if isinstance(item, NotKnown))

    def total(self, group: str = LOGGING) -> Decimal:
        """Return what the known lines add up to: USD a month, or for one audit."""
        return sum((line.amount for line in self.lines if line.group == group), Decimal(0))

    @property
    def paid_twice(self) -> Decimal:
        """What is paid for something that is paid for elsewhere as well, USD a month."""
        return sum((line.amount for line in self.lines if line.twice), Decimal(0))

    @property
    def exit_code(self) -> int:
        """3 when an answer is missing that AWS could give, else 0."""
        return 3 if any(item.gap for item in self.not_known) else 0

    def document(self) -> dict[str, Any]:
        """Return the JSON form, ``auditor.cost/1``."""
        return {
            "schema": "auditor.cost/1",
            "estimate": True,
            "accounts": list(self.accounts),
            "period": self.period.document(),
            "month": month_words(self.period),
            "currency": "USD",
            "prices": {"region": self.prices.region, "own_file": self.prices.path or None},
            "totals": {
                "logging_usd_a_month": number(self.total()),
                "paid_twice_usd_a_month": number(self.paid_twice),
                "audit_usd": number(self.total(AUDIT)),
                "not_known": len(self.not_known),
            },
            "lines": [line.document() for line in self.lines],
            "not_known": [item.document() for item in self.not_known],
            "proposals": [dict(item) for item in self.proposals],
            "searched": list(self.searched),
        }


@dataclass(frozen=True, slots=True)
class Pricing:
    """Makes lines: one account's prices, and what a month is.

    Args:
        prices: list prices.
        account: twelve digits.
        month: by what a quantity of the period is multiplied to be one of a month.
    """

    prices: Prices
    account: str
    month: Decimal = field(default=Decimal(1))

    def price(self, name: str, region: str) -> Price:
        """Return the price of one thing."""
        return self.prices.of(name, region)

    def items(
        self,
        name: str,
        region: str,
        quantity: Decimal,
        *,
        area: str,
        what: str,
        formula: str,
        twice: bool = False,
        note: str = "",
        evidence: Iterable[str] = (),
        group: str = LOGGING,
    ) -> tuple[Item, ...]:
        """Return the line of a quantity; what lies beyond the last tier is not known.

        The other parts are those of a ``Line``; quantity is that of a month, in the price's units.
        """
        price = self.price(name, region)
        amount, rest = price.cost(quantity)
        if region not in {price.region, "global"}:
            note = "; ".join(part for part in (note, f"price of {price.region}") if part)
        line = Line(
            area, what, self.account, region, quantity - rest, price, formula, amount, twice, note,
            tuple(sorted(set(evidence))), group,
        )  # fmt: skip
        if not rest:
            return (line,)
        why = f"no price is known for the {number(rest)} {price.unit} beyond the last tier"
        return (line, NotKnown(area, what, why, self.account, region, group=group))


def month_factor(period: Period) -> Decimal:
    """Return by what numbers of a period are multiplied: 1 for a calendar month, else 730 hours over its hours."""
    if _is_month(period):
        return Decimal(1)
    return MONTH_HOURS * 3600 / Decimal(int(period.length.total_seconds()) or 1)


def month_words(period: Period) -> str:
    """Say how numbers of the period became numbers of a month."""
    if _is_month(period):
        return "the period is a calendar month; its numbers stand as they are"
    return f"numbers of the period are multiplied by {month_factor(period):.4f}: 730 hours over those of the period"


def _is_month(period: Period) -> bool:
    start, end = period.start, period.end
    first = (start.day, start.hour, start.minute, start.second) == (1, 0, 0, 0)
    months = (end.year - start.year) * 12 + end.month - start.month
    return first and months == 1 and (end.day, end.hour, end.minute, end.second) == (1, 0, 0, 0)


def number(value: Decimal, to: Decimal = _CENTS) -> float:
    """Return a number for JSON: money exact to a hundredth of a cent."""
    return float(value.quantize(to, ROUND_HALF_UP))
