"""What of a trail's report follows from its archived digests: gaps, coverage, findings about digests, the verdict.

The log files are not archived. Findings about them, and what their records say of a gap's cause, are taken from the
run; but the verdict, and every hour that is not called verified, have to follow from the gaps and findings that are
listed, and the gaps from the digests.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

from auditor.base.counts import counted
from auditor.base.period import parse_time, rfc3339
from auditor.trail.coverage import GAP_STATES, SEVERITY
from auditor.trail.findings import KINDS, Level

ABOUT_DIGESTS: Final = ("digest_", "link_", "signature_", "key_", "proved_", "backfill_")
"""What kinds of findings begin with that rest on digests and keys alone."""

_ABSENT: Final = ("digest_missing", "digest_unreadable")
"""What a digest looks like that is not archived; why not, and whether a rule deleted it, is taken from the run."""

_HARMLESS: Final = ("anchor_", "log_hashes_conflict", "backfill_timestamp_altered", "gap_")
"""What kinds of findings begin with that take no hour's verification away, or stand among the gaps."""

_TOLD: Final = ("kind", "object", "account", "region", "hour", "expected", "found")
"""Members of a finding that follow from the digests; its sentence is made of them."""

_HOUR: Final = timedelta(hours=1)
_SOFT: Final = "v."
"""States of an hour against which nothing speaks."""


def derived_differences(recorded: Mapping[str, Any], again: Mapping[str, Any]) -> Iterator[str]:
    """Yield one sentence for each thing in a report that does not follow from its digests.

    Args:
        recorded: the report document of a pack; from strangers.
        again: the document that verifying the archived digests gives, without any log file.

    Raises:
        KeyError, TypeError, ValueError: the recorded document is not of its shape.
    """
    yield from _gaps(recorded, again)
    yield from _findings(recorded, again)
    yield from _logs(recorded)
    yield from _verdict(recorded)
    yield from _coverage(recorded)


def _gaps(recorded: Mapping[str, Any], again: Mapping[str, Any]) -> Iterator[str]:
    was, now = (
        {tuple(str(gap[name]) for name in ("account", "region", "start", "end")) for gap in document["gaps"]}
        for document in (recorded, again)
    )
    for account, region, start, end in sorted(was ^ now):
        side = "is not recorded" if (account, region, start, end) in now else "is recorded, and digests cover it"
        yield f"/gaps: the stretch {start} to {end} of {account} {region} {side}"


def _findings(recorded: Mapping[str, Any], again: Mapping[str, Any]) -> Iterator[str]:
    was, now = (
        Counter(
            tuple(str(finding[name]) for name in _TOLD)
            for finding in document["findings"]
            if str(finding["kind"]).startswith(ABOUT_DIGESTS) and finding["kind"] not in _ABSENT
        )
        for document in (recorded, again)
    )
    for told in sorted((was - now) + (now - was)):
        side = "is not recorded" if now[told] > was[told] else "is recorded, and the digests do not show it"
        yield f"/findings: {told[0]} about {told[1] or 'a stretch of time'} in {told[3]} {side}"


def _logs(recorded: Mapping[str, Any]) -> Iterator[str]:
    """Log files that are counted as altered or missing have findings of their own."""
    kinds = {*(str(item["kind"]) for item in recorded["findings"]), *map(str, recorded["findings_omitted"])}
    for name in ("altered", "missing"):
        number = recorded["counts"]["logs"][name]
        if number and not any(kind.startswith("log_") for kind in kinds):
            yield (
                f"/findings: {counted(number, 'log file is', 'log files are')} counted as {name}, and no "
                "finding is about a log file"
            )


def _verdict(recorded: Mapping[str, Any]) -> Iterator[str]:
    levels = [KINDS[str(kind)] for kind in recorded["findings_omitted"]]
    for number, finding in enumerate(recorded["findings"]):
        level = KINDS[str(finding["kind"])]
        if finding["level"] != level.word:
            yield f"/findings/{number}/level was {finding['level']}, is {level.word}"
        levels.append(level)
    verdict = max(levels, default=Level.PASS)
    if recorded["verdict"] != verdict.word:
        yield f"/verdict was {recorded['verdict']}, is {verdict.word}"


def _coverage(recorded: Mapping[str, Any]) -> Iterator[str]:
    """Hold every hour against the gaps and findings listed for it."""
    gaps, found = _gap_states(recorded), _found(recorded)
    everywhere = any(finding["hour"] is None and finding["level"] != "note" for finding in recorded["findings"])
    complete = not recorded["findings_omitted"] and not everywhere
    verified = asked = 0
    for chain in recorded["coverage"]["chains"]:
        whose, count = (str(chain["account"]), str(chain["region"])), 0
        for day in chain["days"]:
            midnight = parse_time(str(day["date"]))
            for number, state in enumerate(str(day["hours"])):
                hour = (*whose, rfc3339(midnight + number * _HOUR))
                count += state == "v"
                asked += state != "."
                if words := _contradicted(state, gaps.get(hour, ""), found.get(hour), complete=complete):
                    yield f"/coverage: {hour[2]} of {' '.join(whose)} is called {state!r}, and {words}"
        if chain["hours_verified"] != count:
            yield f"/coverage/chains[{' '.join(whose)}]/hours_verified was {chain['hours_verified']}, is {count}"
        verified += count
    for name, number in (("hours_verified", verified), ("hours_asked", asked)):
        if recorded["coverage"][name] != number:
            yield f"/coverage/{name} was {recorded['coverage'][name]}, is {number}"


def _contradicted(state: str, gap: str, found: Level | None, *, complete: bool) -> str:
    if state == ".":
        return ""
    if gap and SEVERITY.index(state) > SEVERITY.index(gap):
        return "a gap lies in it"
    if state == "v" and found is not None and found > Level.NOTE:
        return "a finding speaks against it"
    if state not in _SOFT and not gap and found is None and complete:
        return "no gap and no finding says why"
    return ""


_Hour = tuple[str, str, str]
"""Account, Region and hour."""


def _gap_states(recorded: Mapping[str, Any]) -> dict[_Hour, str]:
    states: dict[_Hour, str] = {}
    for gap in recorded["gaps"]:
        hour = parse_time(str(gap["start"])).replace(minute=0, second=0, microsecond=0)
        while hour < parse_time(str(gap["end"])):
            place = (str(gap["account"]), str(gap["region"]), rfc3339(hour))
            states[place] = min(states.get(place, "v"), GAP_STATES[str(gap["cause"])], key=SEVERITY.index)
            hour += _HOUR
    return states


def _found(recorded: Mapping[str, Any]) -> dict[_Hour, Level]:
    found: dict[_Hour, Level] = {}
    for finding in recorded["findings"]:
        if finding["hour"] is not None and not str(finding["kind"]).startswith(_HARMLESS):
            place = (str(finding["account"]), str(finding["region"]), str(finding["hour"]))
            found[place] = max(found.get(place, Level.PASS), KINDS[str(finding["kind"])])
    return found
