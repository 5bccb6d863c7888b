"""Prepares the pages on completeness: the sample of Event history, delays of delivery, and the longest silences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from auditor.base.counts import counted
from auditor.base.period import parse_time
from auditor.render.controls import Control
from auditor.render.text import moment, visible

CONTROLS = ("trail-events-found-again", "trail-delivery-current", "cloudtrail-digest-delivery-current")
"""Which controls judge what stands here."""

BAR_WIDTH, BAR_HEIGHT, BAR_STEP = 9.0, 16.0, 11.0
_LEAST = 0.8
_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class SampleRow:
    """What became of the drawn events of one Region."""

    region: str
    sampled: int
    found: int
    unverified: int
    missing: int
    left_out: int
    open: int
    gap: str


@dataclass(frozen=True, slots=True)
class DrawnRow:
    """A drawn event that stands in no verified log file."""

    time: str
    region: str
    name: str
    event: str
    place: str
    why: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a histogram; ``y`` and ``height`` are those of the ink."""

    x: float
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """How late the log files of one account and Region came, and when nothing was recorded there. Minutes."""

    region: str
    events: int
    least: str
    median: str
    p95: str
    most: str
    bars: tuple[Bar, ...]
    text: str
    silence: str
    silent_from: str
    hours: str


@dataclass(frozen=True, slots=True)
class Completeness:
    """What one account's events show about their own completeness."""

    account: str
    refs: tuple[str, ...]
    sample_refs: tuple[str, ...]
    sentence: str
    rows: tuple[SampleRow, ...]
    unsampled: tuple[tuple[str, tuple[str, ...]], ...]
    """Why no event was drawn, and in which Regions."""
    silent: tuple[str, ...]
    """Regions in which Event history lists no event."""
    named: tuple[DrawnRow, ...]
    more: int
    seed: str
    delivery: tuple[DeliveryRow, ...]
    steps: str
    controls: tuple[Control, ...]
    measured: bool


def completeness(document: Mapping[str, Any], controls: Mapping[str, Control]) -> Completeness:
    """Prepare what one account's events show.

    Args:
        document: from ``results.json``.
        controls: the prepared controls, by id.
    """
    sample = document["sample"]
    rows = [SampleRow(**{name: row[name] for name in SampleRow.__slots__}) for row in sample["regions"]]
    told = [row for row in rows if row.sampled or row.gap]
    unsampled: dict[str, list[str]] = {}
    for row in told:
        if row.gap:
            unsampled.setdefault(visible(row.gap), []).append(visible(row.region, 40))
    steps = document["delivery"]["steps_minutes"]
    return Completeness(
        account=visible(document["account"], 40),
        refs=tuple(document["refs"]),
        sample_refs=tuple(sample["refs"]),
        sentence=_sentence(sample, told),
        rows=tuple(row for row in told if not row.gap),
        unsampled=tuple((why, tuple(regions)) for why, regions in unsampled.items()),
        silent=tuple(visible(row.region, 40) for row in rows if row not in told),
        named=tuple(map(_drawn, sample["named"])),
        more=sample["more"],
        seed=visible(sample["seed"], 40),
        delivery=tuple(_delivery(document, steps)),
        steps=_steps(steps),
        controls=tuple(controls[name] for name in CONTROLS if name in controls),
        measured=document["measured"],
    )


def _sentence(sample: Mapping[str, Any], rows: Sequence[SampleRow]) -> str:
    if not sample["possible"]:
        return "Event history keeps 90 days and holds nothing of the period that was due: no sample could be drawn."
    drawn, found = sum(row.sampled for row in rows), sum(row.found for row in rows)
    left, missing = sum(row.left_out for row in rows), sum(row.missing for row in rows)
    if not drawn:
        return (
            "No event was drawn from Event history and looked for in log files: nothing here says whether these hold "
            "every event of the period."
        )
    text = f"{found:,} of {counted(drawn - left, 'event')} drawn from Event history stand in verified log files"
    if missing:
        text += f"; {missing:,} in none"
    if others := sum(row.open + row.unverified for row in rows):
        text += f"; of {others:,} that is open"
    if left:
        text += f"; {left:,} more no trail was to record"
    return f"{text}."


def _drawn(item: Mapping[str, Any]) -> DrawnRow:
    return DrawnRow(
        time=moment(parse_time(item["event_time"])),
        region=visible(item["region"], 40),
        name=visible(item["event_name"], 120),
        event=visible(item["event_id"], 60),
        place=visible(item["place"], 20),
        why=visible(item["why"]),
    )


def _delivery(document: Mapping[str, Any], steps: Sequence[int]) -> list[DeliveryRow]:
    delays = {(row["account"], row["region"]): row for row in document["delivery"]["places"]}
    silences = {(row["account"], row["region"]): row for row in document["silence"]}
    return [
        _row(region, delays.get((account, region)), silences.get((account, region)), steps)
        for account, region in sorted({*delays, *silences}, key=lambda place: (place[1], place[0]))
        if account in {"", document["account"]}
    ]


def _row(
    region: str, delay: Mapping[str, Any] | None, silence: Mapping[str, Any] | None, steps: Sequence[int]
) -> DeliveryRow:
    bars = delay["bars"] if delay else []
    longest = silence["longest"] if silence else None
    return DeliveryRow(
        region=visible(region, 40) or "not told",
        events=(delay or silence or {"events": 0})["events"],
        **{name: f"{delay[name]:,}" if delay else "" for name in ("least", "median", "p95", "most")},
        bars=_bars(bars),
        text=_spoken(bars, steps),
        silence=_length(longest["seconds"]) if longest else "",
        silent_from=moment(parse_time(longest["start"])) if longest else "",
        hours=f"{silence['hours_with_events']:,} of {silence['hours']:,}" if silence else "",
    )


def _bars(numbers: Sequence[int]) -> tuple[Bar, ...]:
    """Return bars whose heights are shares of the largest; what there is at all is seen."""
    most = max(numbers, default=0)
    heights = [max(_LEAST, round(BAR_HEIGHT * number / most, 2)) if number else 0.0 for number in numbers]
    return tuple(
        Bar(round(index * BAR_STEP, 2), round(BAR_HEIGHT - height, 2), height) for index, height in enumerate(heights)
    )


def _spoken(numbers: Sequence[int], steps: Sequence[int]) -> str:
    ends = [*(f"within {step} min" for step in steps), f"later than {steps[-1]} min" if steps else ""]
    return ", ".join(f"{number:,} {end}" for number, end in zip(numbers, ends, strict=False) if number)


def _steps(steps: Sequence[int]) -> str:
    return ", ".join(map(str, steps)) + (f" minutes and later than {steps[-1]}" if steps else "")


def _length(seconds: int) -> str:
    span = timedelta(seconds=seconds)
    if seconds < 2 * _SECONDS:
        return f"{span // timedelta(minutes=1):,} min"
    return f"{seconds / _SECONDS:,.1f} h".replace(".0 h", " h")
