"""List prices as data: those that are shipped, and a file of one's own that goes before them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date as day
from decimal import Decimal
from importlib.resources import as_file, files
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from auditor.base.errors import UsageError
from auditor.base.suggest import meant
from auditor.base.yamlfile import YamlError, load_yaml, problems_of

_Amount = Annotated[Decimal, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
_Text = Annotated[str, Field(min_length=1, max_length=300)]
_Region = Annotated[str, Field(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$", max_length=40)]


@dataclass(frozen=True, slots=True)
class Tier:
    """A price up to a monthly quantity in the price's units; None for any quantity beyond the tiers before."""

    up_to: Decimal | None
    usd: Decimal


@dataclass(frozen=True, slots=True)
class Price:
    """One list price.

    Args:
        id: what it is the price of.
        region: where it holds.
        unit: what is counted.
        per: how many units one ``usd`` buys.
        tiers: from the first unit on, each up to a quantity; beyond the last one no price is known.
        source: where it was read.
        grade: ``A``, ``B`` or ``C``; empty in a file of one's own that does not say.
        seen: when it was read.
    """

    id: str
    region: str
    unit: str
    per: Decimal
    tiers: tuple[Tier, ...]
    source: str
    grade: str
    seen: day

    def cost(self, quantity: Decimal) -> tuple[Decimal, Decimal]:
        """Return what a monthly quantity costs in USD, and how much of it has no price.

        Args:
            quantity: in ``unit``, not negative.
        """
        amount, done = Decimal(0), Decimal(0)
        for tier in self.tiers:
            end = quantity if tier.up_to is None else min(quantity, tier.up_to)
            if end > done:
                amount += (end - done) * tier.usd / self.per
                done = end
        return amount, quantity - done

    def words(self) -> str:
        """Say the price as a person reads it."""
        per = f"{self.per:,f} {self.unit}" if self.per != 1 else self.unit.removesuffix("s")
        return ", ".join(
            f"{tier.usd.normalize():f} per {per}" + (f" up to {tier.up_to:,f}" if tier.up_to is not None else "")
            for tier in self.tiers
        )


class TierEntry(BaseModel):
    """A price for the quantities up to a limit; the last one may have none."""

    model_config = ConfigDict(extra="forbid")

    up_to: Annotated[Decimal, Field(gt=0, allow_inf_nan=False)] | None = None
    usd: _Amount


class PriceEntry(BaseModel):
    """One price as written: ``usd`` for any quantity, or ``tiers``."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(pattern=r"^[a-z0-9]+([.-][a-z0-9]+)*$", max_length=80)]
    unit: _Text
    per: Annotated[Decimal, Field(gt=0, allow_inf_nan=False)]
    usd: _Amount | None = None
    tiers: Annotated[list[TierEntry], Field(max_length=20)] = []
    source: _Text
    grade: Literal["A", "B", "C", ""] = ""
    seen: day | None = None
    region: _Region | None = None

    @model_validator(mode="after")
    def _one_form(self) -> "PriceEntry":
        if (self.usd is None) == (not self.tiers):
            raise ValueError("give either usd or tiers")
        limits = [tier.up_to for tier in self.tiers]
        known = [limit for limit in limits if limit is not None]
        if None in limits[:-1] or any(low >= high for low, high in pairwise(known)):
            raise ValueError("the limits of tiers have to rise; only the last one may lack up_to")
        return self


class PriceFile(BaseModel):
    """A file of prices."""

    model_config = ConfigDict(extra="forbid")

    currency: Literal["USD"]
    region: _Region
    seen: day
    prices: list[PriceEntry]


@dataclass(frozen=True, slots=True)
class Prices:
    """What estimates are made with.

    Args:
        shipped: by id and Region.
        own: of a file of one's own; they go first.
        region: where the shipped prices hold.
        path: the file of one's own; empty without one.
    """

    shipped: Mapping[tuple[str, str], Price]
    own: Mapping[tuple[str, str], Price]
    region: str
    path: str = ""

    def of(self, name: str, region: str) -> Price:
        """Return a price; where its Region has none of its own, the one of another Region, which it names.

        Raises:
            KeyError: there is no such price.
        """
        for known in (self.own, self.shipped):
            if (name, region) in known:
                return known[name, region]
            if found := next((price for (other, _), price in known.items() if other == name), None):
                return found
        raise KeyError(name)


SHIPPED: Final = "prices.yaml"


def load_prices(own: Path | None = None) -> Prices:
    """Read the shipped prices and a file of one's own.

    Raises:
        UsageError: a file cannot be read, or says something that is no price; with file and line.
    """
    with as_file(files("auditor.cost").joinpath(SHIPPED)) as path:
        region, shipped = _read(path, {})
    if own is None:
        return Prices(shipped, {}, region)
    _, mine = _read(own, shipped)
    return Prices(shipped, mine, region, str(own))


def _read(path: Path, known: Mapping[tuple[str, str], Price]) -> tuple[str, dict[tuple[str, str], Price]]:
    """Return the Region and prices of a file; its units are those that the estimate counts in."""
    try:
        file = load_yaml(path)
    except YamlError as error:
        raise UsageError(str(error)) from error
    try:
        read = PriceFile.model_validate(file.data)
    except ValidationError as error:
        raise problems_of(error, file, UsageError) from error
    units = {name: price.unit for (name, _), price in known.items()}
    found: dict[tuple[str, str], Price] = {}
    for number, entry in enumerate(read.prices):
        where = file.at("prices", number)
        if units and entry.id not in units:
            raise UsageError(
                f"{where}: there is no price {entry.id!r}", hint=meant(entry.id, units, "see docs/cost.md")
            )
        if units and entry.unit != units[entry.id]:
            raise UsageError(f"{where}: {entry.id} is counted in {units[entry.id]}, not in {entry.unit}")
        price = _price(entry, read)
        if (price.id, price.region) in found:
            raise UsageError(f"{where}: the price of {price.id} in {price.region} stands twice")
        found[price.id, price.region] = price
    return read.region, found


def _price(entry: PriceEntry, file: PriceFile) -> Price:
    tiers = tuple(Tier(item.up_to, item.usd) for item in entry.tiers)
    if entry.usd is not None:
        tiers = (Tier(None, entry.usd),)
    return Price(
        entry.id,
        entry.region or file.region,
        entry.unit,
        entry.per,
        tiers,
        entry.source,
        entry.grade,
        entry.seen or file.seen,
    )
