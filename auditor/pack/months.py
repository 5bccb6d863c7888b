"""The months that an assembled pack is about: which packs speak for each, and whether its hours are vouched for."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

from auditor.base.counts import counted
from auditor.base.errors import IntegrityError, UsageError
from auditor.base.period import Period, parse_time
from auditor.model import Sampling
from auditor.pack.history import LATE_AFTER, Mark
from auditor.pack.members import Member
from auditor.pack.runs import Run, month_of, months_between

_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be assembled, beside the packs.

    Args:
        period: whole months.
        as_of: the moment of assembling, aware UTC.
        entity: whom the pack is about.
        title: of its pages.
        newest: whether the newest complete pack speaks for a month of which there are several.
        sampling: how many months the auditor tests again, and the seed that decides which; None for no sample.
    """

    period: Period
    as_of: datetime
    entity: str
    title: str
    newest: bool = False
    sampling: Sampling | None = None


@dataclass(frozen=True, slots=True)
class MonthPack:
    """One pack of one or more whole months.

    Args:
        run: as a history reads it.
        member: as the manifest of the assembled pack names it.
    """

    run: Run
    member: Member


@dataclass(frozen=True)
class Month:
    """One month of the period: its packs, and the one that speaks for it."""

    label: str
    start: datetime
    end: datetime
    packs: tuple[MonthPack, ...]

    @cached_property
    def taken(self) -> MonthPack | None:
        """The newest complete pack; where none is complete the newest whose run got to its end, else the newest."""
        return max(
            self.packs,
            key=lambda item: (not item.run.holes, not item.run.cut, item.run.as_of, item.member.id),
            default=None,
        )

    @cached_property
    def hours(self) -> tuple[int, int]:
        """How many Region-hours of the month are verified, and how many there are in the scope of its pack."""
        return _hours(self.taken.run, self.start, self.end) if self.taken else (0, 0)

    @property
    def gap(self) -> str:
        """Why nothing can be said to have held in this month; empty when all of it is covered."""
        if self.taken is None:
            return "there is no pack of this month"
        if self.taken.run.as_of < self.end:
            return "the month had not ended when its pack was made"
        verified, expected = self.hours
        if not verified:
            return "no hour of the month is verified by a trail's digests"
        if verified < expected:
            return f"{expected - verified:,} of {counted(expected, 'Region-hour')} of the month are not verified"
        return ""

    @property
    def marks(self) -> tuple[Mark, ...]:
        """What is to be said of the month, gravest first."""
        if self.taken is None:
            return (Mark.MISSING,)
        found = []
        if self.taken.run.holes or self.gap:
            found.append(Mark.INCOMPLETE)
        if min(item.run.as_of for item in self.packs) > self.end + LATE_AFTER:
            found.append(Mark.LATE)
        if len(self.packs) > 1:
            found.append(Mark.REPEATED)
        return tuple(found or [Mark.DONE])


def _hours(run: Run, start: datetime, end: datetime) -> tuple[int, int]:
    """Count verified Region-hours, each once however many trails record it, and all that there are.

    Raises:
        IntegrityError: a trail report has another shape.
    """
    proved: dict[tuple[str, str], set[datetime]] = defaultdict(set)
    try:
        for report in run.document["integrity"]:
            for chain in report["coverage"]["chains"]:
                proved[chain["account"], chain["region"]] |= set(_verified(chain["days"]))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise IntegrityError(f"{run.place}: a trail report has another form than expected") from error
    places = [(account, region) for account, regions in run.regions.items() for region in regions]
    verified = sum(start <= hour < end for place in places for hour in proved.get(place, ()))
    return verified, len(places) * ((end - start) // _HOUR)


def _verified(days: Iterable[Mapping[str, str]]) -> Iterator[datetime]:
    for day in days:
        midnight = parse_time(day["date"])
        yield from (midnight + number * _HOUR for number, state in enumerate(day["hours"][:24]) if state == "v")


def months_of(packs: Sequence[MonthPack], period: Period) -> tuple[Month, ...]:
    """Lay packs out over the months of a period.

    Args:
        packs: in any order.
        period: whole months.

    Raises:
        UsageError: the period does not consist of whole months.
    """
    labels = months_between(period.start, period.end)
    if not labels or month_of(labels[0])[0] != period.start or month_of(labels[-1])[1] != period.end:
        raise UsageError(f"the period {period.label} does not consist of whole months", hint="such as 2026 or 2026-Q3")
    found: dict[str, list[MonthPack]] = defaultdict(list)
    for item in packs:
        for label in item.run.months:
            found[label].append(item)
    by_age = {label: sorted(there, key=lambda one: (one.run.as_of, one.member.id)) for label, there in found.items()}
    return tuple(Month(label, *month_of(label), tuple(by_age.get(label, ()))) for label in labels)


def check_packs(packs: Sequence[MonthPack], *, newest: bool) -> None:
    """Refuse packs that cannot be joined.

    Raises:
        UsageError: there is none, one is given twice, one has no whole month, they are about different accounts, or
            several are about one month and nobody said which to take.
    """
    if not packs:
        raise UsageError("there is no pack to assemble")
    by_month: dict[str, list[str]] = defaultdict(list)
    first, ids = packs[0], set()
    for item in packs:
        name = item.member.id
        if name in ids:
            raise UsageError(f"the pack {name} is given twice")
        ids.add(name)
        if item.member.accounts != first.member.accounts:
            raise UsageError(
                f"{name} is about {', '.join(item.member.accounts)}, {first.member.id} about"
                f" {', '.join(first.member.accounts)}",
                hint="assemble the packs of one account",
            )
        if not item.run.months:
            raise UsageError(f"{name} is about {item.run.label}, which holds no whole month")
        for label in item.run.months:
            by_month[label].append(name)
    several = {label: names for label, names in by_month.items() if len(names) > 1}
    if several and not newest:
        label, names = min(several.items())
        raise UsageError(
            f"there are {counted(len(names), 'pack')} of {label}: {', '.join(sorted(names))}",
            hint="--take newest lets the newest complete one speak for a month; failures of the others stay",
        )
