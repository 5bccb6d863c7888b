"""Prepares trail reports (``auditor.trail/1``) and notable events (``auditor.notable-events/1``) for the pages."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from auditor.base.counts import counted
from auditor.render.charts import Strip, strip
from auditor.render.text import NAME_LIMIT, visible
from auditor.render.timeline import Timeline, timeline

_VERIFIED = "v"
_NOT_ASKED = "."
_WRONG = frozenset("xdu")
"""Hours with something altered, deleted or vouched for by nobody; the other states are hours nobody can speak for."""


@dataclass(frozen=True, slots=True)
class ChainCoverage:
    """How much of the period is proved in one Region of one account, and what became of the files there."""

    account: str
    region: str
    expected: int
    verified: int
    digests: str
    logs: str
    wrong: int

    @property
    def share(self) -> str:
        """Verified hours as a percentage, rounded down so that 100 means all."""
        return f"{self.verified * 1000 // self.expected / 10:.1f} %" if self.expected else "none asked"


@dataclass(frozen=True, slots=True)
class GapRow:
    """A stretch of time that nothing vouches for."""

    account: str
    regions: tuple[str, ...]
    start: str
    end: str
    hours: str
    cause: str
    reason: str
    event: str


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One finding of trail verification."""

    level: str
    kind: str
    account: str
    region: str
    hour: str
    object: str
    expected: str
    found: str
    certainty: str
    sentence: str
    original: str
    """What the bucket's object versions tell of the original; empty when they tell nothing."""


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A public key of CloudTrail that digests were checked with, its fingerprint, the days it is valid on.

    ``before`` says whether the pack before had used it, too; empty when there is none that names keys.
    """

    region: str
    fingerprint: str
    start: str
    end: str
    digests: int
    before: str = ""


@dataclass(frozen=True, slots=True)
class Trail:
    """One trail's verification as the pages show it."""

    ref: str
    account: str
    home_region: str
    name: str
    arn: str
    bucket: str
    verdict: str
    sentence: str
    hours: str
    asked: int
    unverified: int
    counts: tuple[str, ...]
    """How many digests and log files there should be, and what became of them, in a sentence each."""
    regions: tuple[ChainCoverage, ...]
    strips: tuple[Strip, ...]
    states: tuple[tuple[str, str], ...]
    gaps: tuple[GapRow, ...]
    findings: tuple[FindingRow, ...]
    notes: tuple[FindingRow, ...]
    more: int
    timeline: Timeline | None
    keys: tuple[KeyRow, ...]


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event of note."""

    time: str
    name: str
    actor: str
    source_ip: str
    user_agent: str
    outcome: str
    summary: str
    resource: str
    region: str
    event_id: str
    log_file: str
    verified: bool
    closed: str


@dataclass(frozen=True, slots=True)
class EventGroup:
    """Events of one kind in the order of their times."""

    kind: str
    title: str
    count: int
    rows: tuple[EventRow, ...]


@dataclass(frozen=True, slots=True)
class EventTable:
    """Events of note of one trail."""

    ref: str
    account: str
    region: str
    sentence: str
    groups: tuple[EventGroup, ...]
    omitted: int


_SENTENCES = {
    "pass": "Every hour of the period is proved.",
    "note": "Every hour of the period is proved; some things are worth reading.",
    "incomplete": "Nothing was found altered; part of the period is not vouched for.",
    "fail": "The evidence shows alteration, deletion or forgery.",
}

_INTERRUPTED = "The run was stopped before its end; what it did not reach is not vouched for."

_FINDINGS = 200
"""Findings of one trail that the pages list; the trail report in the evidence has them all."""


def _place(trail: Mapping[str, Any]) -> str:
    """Return bucket and prefix, and whose folder below: reports on two trails of one name differ in it."""
    place = "/".join(part for part in (trail.get("bucket"), trail.get("prefix")) if part)
    return f"{place} (organization {trail['organization']})" if trail.get("organization") else place


def trail_view(
    document: Mapping[str, Any],
    events: Sequence[Mapping[str, Any]] = (),
    keys_before: Collection[tuple[str, str]] = (),
) -> Trail:
    """Prepare one trail report.

    Args:
        document: the report.
        events: tables of events of note, which say who changed the trail.
        keys_before: Region and fingerprint of the keys that the pack before had used; empty without one.
    """
    trail = document.get("trail") or {}
    found = [_finding(item) for item in document.get("findings", ()) if not _is_gap(item)]
    serious = [item for item in found if item.level in {"fail", "incomplete"}]
    notes = [item for item in found if item.level not in {"fail", "incomplete"}]
    coverage = document.get("coverage") or {}
    chains = coverage.get("chains", ())
    verdict = str(document.get("verdict", "incomplete"))
    left_out = sum((document.get("findings_omitted") or {}).values())
    used = {state for chain in chains for day in chain["days"] for state in day["hours"]}
    return Trail(
        ref=document.get("ref", ""),
        account=visible(trail.get("account", ""), 40),
        home_region=visible(trail.get("home_region", ""), 40),
        name=visible(trail.get("name", ""), NAME_LIMIT),
        arn=visible(trail.get("arn") or "", NAME_LIMIT),
        bucket=visible(_place(trail), NAME_LIMIT),
        verdict=verdict,
        sentence=_sentence(document, verdict),
        hours=_hours(coverage),
        asked=coverage.get("hours_asked", 0),
        unverified=coverage.get("hours_asked", 0) - coverage.get("hours_verified", 0),
        counts=tuple(_counts(document, name, label) for name, label in (("digests", "digest"), ("logs", "log file"))),
        regions=tuple(_chain(item) for item in chains),
        strips=_strips(chains),
        states=tuple((key, visible(words)) for key, words in coverage.get("states", {}).items() if key in used),
        gaps=_gaps(document.get("gaps", ())),
        findings=tuple(serious[:_FINDINGS]),
        notes=tuple(notes[:_FINDINGS]),
        more=max(0, len(serious) - _FINDINGS) + max(0, len(notes) - _FINDINGS) + left_out,
        timeline=timeline(document, events),
        keys=tuple(_key(item, keys_before) for item in document.get("keys", ())),
    )


def _key(document: Mapping[str, Any], keys_before: Collection[tuple[str, str]]) -> KeyRow:
    start, end = (visible(str(document[name]), 40)[:10] for name in ("valid_from", "valid_until"))
    region, fingerprint = document["region"], document["fingerprint"]
    seen = (region, fingerprint) in keys_before
    return KeyRow(
        visible(region, 40),
        visible(fingerprint, 80),
        start,
        end,
        int(document["digests"]),
        ("used by the pack before, too" if seen else "not seen before") if keys_before else "",
    )


def _sentence(document: Mapping[str, Any], verdict: str) -> str:
    sentence = _SENTENCES.get(verdict, "The verification did not end.")
    return f"{sentence} {_INTERRUPTED}" if document.get("interrupted") else sentence


def _is_gap(document: Mapping[str, Any]) -> bool:
    """Gaps are findings too; they have a table of their own."""
    kind = document.get("kind", "")
    return bool(kind.startswith("gap_") or kind == "no_digests")


_BEYOND = {"unvouched": "listed by no digest", "backfill": "of another trail or time"}
"""Files that were found beside those that should be there."""


def _counts(document: Mapping[str, Any], name: str, one: str) -> str:
    """Write counts so that they add up: what should be there is the sum of what became of it."""
    counts = dict((document.get("counts") or {}).get(name) or {})
    expected = counts.pop("expected", 0)
    parts = [f"{counts.get('valid', 0):,} valid"]
    parts += [
        f"{value:,} {key.replace('_', ' ')}"
        for key, value in counts.items()
        if value and key != "valid" and key not in _BEYOND and not key.endswith("bytes")
    ]
    beyond = [f"{counts[key]:,} more {words}" for key, words in _BEYOND.items() if counts.get(key)]
    due = "due in the period" if name == "digests" else "listed by digests"
    return "; ".join([f"{counted(expected, one)} {due}: {', '.join(parts)}", *beyond]) + "."


def _hours(coverage: Mapping[str, Any]) -> str:
    """Write verified hours with what they are counted over: each Region of each account has its own."""
    asked = coverage.get("hours_asked", 0)
    chains = coverage.get("chains", ())
    text = f"{coverage.get('hours_verified', 0):,} of {counted(asked, 'Region-hour')}"
    each = {chain["hours_asked"] for chain in chains}
    if len(each) == 1 and len(chains) > 1:
        return f"{text} ({counted(len(chains), 'Region')}, {counted(next(iter(each)), 'hour')} each)"
    return text


def _chain(document: Mapping[str, Any]) -> ChainCoverage:
    return ChainCoverage(
        visible(document["account"], 40),
        visible(document["region"], 40),
        document["hours_asked"],
        document["hours_verified"],
        _of(document.get("digests") or {}),
        _of(document.get("logs") or {}),
        sum(day["hours"].count(state) for day in document["days"] for state in _WRONG),
    )


def _of(counts: Mapping[str, int]) -> str:
    return f"{counts.get('valid', 0):,} of {counts.get('expected', 0):,}"


def _day_hours(text: str) -> tuple[int, int, int]:
    return text.count(_VERIFIED), len(text) - text.count(_NOT_ASKED), sum(text.count(state) for state in _WRONG)


def _strips(chains: Sequence[Mapping[str, Any]]) -> tuple[Strip, ...]:
    months: dict[str, list[str]] = {}
    for day in sorted({day["date"] for item in chains for day in item["days"]}):
        months.setdefault(day[:7], []).append(day)
    single = len({item["account"] for item in chains}) <= 1
    hours = [{day["date"]: _day_hours(day["hours"]) for day in item["days"]} for item in chains]
    return tuple(
        strip(
            f"{date.fromisoformat(days[0]):%B %Y}",
            [str(int(day[8:])) for day in days],
            [
                (_row_name(item, single=single), [own.get(day, (0, 0, 0)) for day in days])
                for item, own in zip(chains, hours, strict=True)
            ],
        )
        for days in months.values()
    )


def _row_name(document: Mapping[str, Any], *, single: bool) -> str:
    region = visible(document["region"], 40)
    return region if single else f"…{visible(document['account'], 40)[-4:]} {region}"


def _gaps(documents: Sequence[Mapping[str, Any]]) -> tuple[GapRow, ...]:
    """Fold gaps that differ in nothing but their Region: a stopped trail is silent everywhere at once."""
    groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for item in documents:
        key = tuple(str(item.get(name, "")) for name in ("account", "start", "end", "cause", "certainty", "events"))
        groups.setdefault(key, []).append(item)
    return tuple(_gap(members) for members in groups.values())


def _gap(members: Sequence[Mapping[str, Any]]) -> GapRow:
    document = members[0]
    events = document.get("events", ())
    return GapRow(
        account=visible(document.get("account", ""), 40),
        regions=tuple(visible(item.get("region", ""), 40) for item in members),
        start=_minute(document.get("start", "")),
        end=_minute(document.get("end", "")),
        hours=f"{document.get('hours', 0):g}",
        cause=visible(document.get("cause", ""), 60).replace("_", " "),
        reason=visible(document.get("sentence", "")),
        event=visible(events[0], 60) if events else "",
    )


def _finding(document: Mapping[str, Any]) -> FindingRow:
    sentence = str(document.get("sentence", ""))
    return FindingRow(
        level=visible(document.get("level", ""), 20),
        kind=visible(document.get("kind", ""), 60).replace("_", " "),
        account=visible(document.get("account", ""), 40),
        region=visible(document.get("region", ""), 40),
        hour=_minute(document.get("hour") or ""),
        object=_unsaid(document.get("object", ""), sentence),
        expected=_unsaid(document.get("expected", ""), sentence),
        found=_unsaid(document.get("found", ""), sentence),
        certainty=visible(document.get("certainty", ""), 20),
        sentence=visible(sentence, 1600),
        original=_original(document.get("details") or {}),
    )


def _original(details: Mapping[str, Any]) -> str:
    """Say what object versions show: when the object went or changed, and where the original still is."""
    words = (
        ("deleted_at", "deleted at {}"),
        ("changed_at", "changed at {}"),
        ("original_version", "kept as version {}"),
    )
    return ", ".join(text.format(visible(details[name], 120)) for name, text in words if details.get(name))


def _unsaid(text: str, sentence: str) -> str:
    """Drop what the sentence says already: its last word is the object's key or the hash."""
    last = text.rsplit(maxsplit=1)[-1] if text.strip() else ""
    return "" if last and last.rstrip(".") in sentence else visible(text, 1100)


def _time(text: str) -> str:
    return visible(text, 40).replace("T", " ").replace("Z", " UTC")


def _minute(text: str) -> str:
    """Write a time without its seconds where they are none."""
    return _time(f"{text.removesuffix(':00Z')}Z" if text.endswith(":00Z") else text)


def event_table(document: Mapping[str, Any]) -> EventTable:
    """Prepare one table of notable events, grouped by kind in the order in which the kinds first occurred."""
    groups: dict[str, list[EventRow]] = {}
    for item in document.get("rows", ()):
        groups.setdefault(visible(item.get("kind", ""), 60), []).append(_event(item))
    source = document.get("source") or {}
    counts = document.get("counts") or {}
    omitted = document.get("omitted", 0)
    number = sum(counts.values())
    return EventTable(
        ref=document.get("ref", ""),
        account=visible(document.get("account", ""), 40),
        region=visible(document.get("region", ""), 40),
        sentence=f"{counted(number, 'event')} of note among {counted(source.get('records', 0), 'record')} "
        f"in the {counted(source.get('log_files', 0), 'log file')} that could be read.",
        groups=tuple(
            EventGroup(kind, _title(kind), counts.get(kind, len(rows)), tuple(rows)) for kind, rows in groups.items()
        ),
        omitted=omitted,
    )


def _title(kind: str) -> str:
    return kind.replace("_", " ").capitalize().replace("mfa", "MFA").replace("api", "API")


def _event(document: Mapping[str, Any]) -> EventRow:
    closed = ""
    if document.get("closed_at"):
        minutes = document.get("minutes_open")
        closed = f"closed {_time(document['closed_at'])} by {visible(document.get('closed_by') or '', NAME_LIMIT)}"
        closed += f", after {counted(minutes, 'minute')}" if isinstance(minutes, int | float) else ""
    return EventRow(
        time=_time(document.get("event_time", "")),
        name=visible(document.get("event_name", ""), 120),
        actor=visible(document.get("actor", ""), NAME_LIMIT),
        source_ip=visible(document.get("source_ip", ""), 120),
        user_agent=visible(document.get("user_agent", ""), 120),
        outcome=visible(document.get("outcome", ""), 120),
        summary=visible(document.get("summary", "")),
        resource=visible(document.get("resource", ""), NAME_LIMIT),
        region=visible(document.get("region", ""), 40),
        event_id=visible(document.get("event_id", ""), 60),
        log_file=visible(document.get("log_file", ""), 400),
        verified=document.get("verified") is True,
        closed=closed,
    )
