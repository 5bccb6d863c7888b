"""One pack of a history: what its manifest and results say of its time, its scope and whether it is whole."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, datetime, timedelta
from typing import Any

from auditor.base.counts import counted
from auditor.base.errors import IntegrityError
from auditor.base.period import parse_time
from auditor.model import State
from auditor.pack.comparison import Side, side_of
from auditor.pack.cut import cut_short


@dataclass(frozen=True, slots=True)
class Run:
    """One pack, as far as a history reads it.

    Args:
        place: where it is, as the caller named it.
        verified: ``pass``, ``incomplete`` or ``fail``.
        start: of its period, aware UTC.
        end: of its period, exclusive.
        as_of: its moment.
        previous: manifest hash of the pack that it names as the one before; empty for none.
        holes: why the run is not complete, in words; empty when it is.
        ruleset: hash of the rules.
        scope: accounts with their Regions.
        side: its findings and rules.
        states: framework -> control -> state of the whole control.
        waivers: as the results list them.
        cut: what cut the run short; empty when it got to its end.
    """

    place: str
    pack_id: str
    manifest_sha256: str
    verified: str
    label: str
    start: datetime
    end: datetime
    as_of: datetime
    previous: str
    holes: tuple[str, ...]
    ruleset: str
    tool: str
    accounts: tuple[str, ...]
    regions: Mapping[str, frozenset[str]]
    side: Side
    frameworks: Mapping[str, frozenset[str]]
    waivers: tuple[Mapping[str, Any], ...]
    document: Mapping[str, Any]
    cut: str = ""

    @property
    def whole(self) -> bool:
        """Whether the run got to its end, and the period was over when it was made: less is no month's pack."""
        return not self.cut and self.as_of >= self.end

    @property
    def months(self) -> tuple[str, ...]:
        """The calendar months that the period covers as a whole, such as ``2026-10``."""
        return months_between(self.start, self.end)


def months_between(start: datetime, end: datetime) -> tuple[str, ...]:
    """Return the calendar months that lie in ``[start, end)`` as a whole, such as ``2026-10``."""
    month, found = first_of_month(start), []
    while (after := next_month(month)) <= end:
        if month >= start:
            found.append(f"{month:%Y-%m}")
        month = after
    return tuple(found)


def month_of(label: str) -> tuple[datetime, datetime]:
    """Return the start of a month such as ``2026-10`` and of the one after it, aware UTC."""
    start = datetime.strptime(label, "%Y-%m").replace(tzinfo=UTC)
    return start, next_month(start)


def read_run(place: str, manifest: Mapping[str, Any], results: Mapping[str, Any], verified: str, sha256: str) -> Run:
    """Read one pack's documents.

    Args:
        place: where the pack is.
        manifest: its ``manifest.json``.
        results: its ``results.json``.
        verified: what verification said: ``pass``, ``incomplete`` or ``fail``.
        sha256: of the manifest.

    Raises:
        IntegrityError: the documents have another shape.
    """
    try:
        period, accounts = manifest["period"], results["run"]["accounts"]
        cut = cut_short(manifest, results) if "completeness" in manifest else ""
        start, end = parse_time(period["start"]), parse_time(period["end"])
        if not (start.year > MINYEAR and start < end and end.year < MAXYEAR):
            raise ValueError(f"no period: {start} to {end}")
        return Run(
            place=place,
            pack_id=str(manifest["pack_id"]),
            manifest_sha256=sha256,
            verified=verified,
            label=str(period["label"]),
            start=start,
            end=end,
            as_of=parse_time(manifest["scope"]["as_of"]),
            previous=str((manifest.get("previous_pack") or {}).get("manifest_sha256", "")),
            holes=(*([cut] if cut else []), *_holes(manifest, results)),
            ruleset=str(manifest["ruleset"]["sha256"]),
            tool=str(manifest["tool"]["version"]),
            accounts=tuple(sorted(str(account["id"]) for account in accounts)),
            regions={str(account["id"]): frozenset(account["regions"]) for account in accounts},
            side=side_of(results),
            frameworks={
                str(item["id"]): frozenset(name for asked in item["requirements"] for name in asked["controls"])
                for item in results["frameworks"]
            },
            waivers=tuple({**item} for item in results["waivers"]),
            document=results,
            cut=cut,
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise IntegrityError(f"{place}: the pack has another form than expected: {type(error).__name__}") from error


def _holes(manifest: Mapping[str, Any], results: Mapping[str, Any]) -> Iterable[str]:
    if skipped := manifest["scope"]["skipped"]:
        yield f"left out: {', '.join(map(str, skipped))}"
    if results["run"]["period"]["end"] > manifest["scope"]["as_of"]:
        yield "the period had not ended"
    for trail in results["integrity"]:
        coverage = trail["coverage"]
        asked, verified = coverage["hours_asked"], coverage["hours_verified"]
        if verified < asked:
            yield f"{asked - verified:,} of {counted(asked, 'Region-hour')} of a trail are not verified"
    unread = sum(item.state is State.NOT_ASSESSED for item in side_of(results).findings)
    if unread:
        yield f"{counted(unread, 'result is', 'results are')} not assessed"


def first_of_month(moment: datetime) -> datetime:
    """Return the start of the month that a moment is in."""
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month(month: datetime) -> datetime:
    """Return the start of the month after the one that begins then."""
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1)
