"""A gate that looks at what is new: the findings of an earlier day as a file, and what it says of a run of today.

A baseline is no waiver: it has no owner and no expiry, so a largest age bounds it. A finding in it that grew counts as
new; one whose evidence can no longer be read is a gap, never mended.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import orjson

from auditor.base.errors import IntegrityError, UsageError
from auditor.base.given import read_given
from auditor.base.period import parse_time, rfc3339
from auditor.base.untrusted import parse_json
from auditor.model import Severity, State
from auditor.pack.comparison import Change, Changed, Finding, Side, changes_since, lasting_id, side_of
from auditor.pack.layout import RESULTS

SCHEMA: Final = "auditor.baseline/1"
_MOST_BYTES: Final = 256_000_000
_LOUD: Final = (Change.NEW, Change.WORSE, Change.NEW_BY_CATALOGUE)


@dataclass(frozen=True, slots=True)
class Baseline:
    """What was known on an earlier day.

    Args:
        created: when, aware UTC.
        side: its failures and rules.
        first_seen: by finding id, the day on which it was seen first, aware UTC.
    """

    created: datetime
    side: Side
    first_seen: Mapping[str, datetime]


@dataclass(frozen=True, slots=True)
class Gate:
    """What a run of today looks like beside a baseline.

    Args:
        created: of the baseline, aware UTC.
        changes: gravest kind first.
        ages: of the findings that were known before, by id.
        accept_new_controls: whether failures that only the catalogue brought are let through.
    """

    created: datetime
    changes: tuple[Changed, ...]
    ages: Mapping[str, timedelta]
    accept_new_controls: bool = False

    @property
    def known(self) -> frozenset[str]:
        """Ids of the failures that do not count: known and no worse, and where accepted new by the catalogue."""
        quiet = {Change.KNOWN, *([Change.NEW_BY_CATALOGUE] if self.accept_new_controls else [])}
        return frozenset(item.finding.id for item in self.changes if item.change in quiet)

    @property
    def counts(self) -> dict[str, int]:
        """How many findings of each kind."""
        return {kind.value: sum(item.change is kind for item in self.changes) for kind in Change}

    @property
    def loud(self) -> tuple[Changed, ...]:
        """What a person wants to see first: new, worse, new by the catalogue."""
        return tuple(item for item in self.changes if item.change in _LOUD)

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        oldest = max(self.ages.values(), default=None)
        return {
            "created": rfc3339(self.created),
            "counts": self.counts,
            "oldest_known_days": oldest.days if oldest is not None else None,
            "changes": [item.document() for item in self.changes if item.change is not Change.KNOWN],
        }


def load_baseline(path: Path) -> Baseline:
    """Read a baseline: a file that we wrote, a pack, or a ``results.json``.

    Raises:
        UsageError: there is none of these.
    """
    file = path / RESULTS if path.is_dir() else path
    hint = "give a pack, its results/results.json, or a file written with --update-baseline"
    try:
        document = parse_json(read_given(file, _MOST_BYTES))
    except OSError as error:
        raise UsageError(f"--baseline: {file} cannot be read: {error.strerror or error}", hint=hint) from error
    except ValueError as error:
        raise UsageError(f"--baseline: {file} is not JSON: {error}", hint=hint) from error
    try:
        if isinstance(document, dict) and document.get("schema") == SCHEMA:
            return _of_file(document)
        side = side_of(document)
        as_of = parse_time(document["run"]["as_of"])
    except (IntegrityError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"--baseline: {file} is neither results nor a baseline of ours", hint=hint) from error
    return Baseline(as_of, side, {item.id: as_of for item in side.findings if item.state is State.FAIL})


def gate(baseline: Baseline, now: Mapping[str, Any], *, as_of: datetime, accept_new_controls: bool = False) -> Gate:
    """Hold the results of today beside a baseline.

    Args:
        baseline: what was known.
        now: a results document.
        as_of: the run's moment, aware UTC.
        accept_new_controls: whether to let through what only a new or changed control found.
    """
    changes, _ = changes_since(baseline.side, now)
    ages = {
        item.finding.id: as_of - baseline.first_seen[item.before.id]
        for item in changes
        if item.change in {Change.KNOWN, Change.WORSE} and item.before and item.before.id in baseline.first_seen
    }
    return Gate(baseline.created, changes, ages, accept_new_controls)


def refreshed(baseline: Baseline | None, now: Mapping[str, Any], as_of: datetime) -> Baseline:
    """Return the baseline of today; what was known before keeps the day on which it was seen first.

    What can no longer be read, or was not asked about today, stays known: nobody saw that it is gone.
    """
    side = side_of(now)
    failing = tuple(item for item in side.findings if item.state is State.FAIL)
    known = baseline.first_seen if baseline else {}
    kept = _unseen(baseline.side, now) if baseline else ()
    older = baseline.side.rules if baseline else {}
    rules = {item.control: older[item.control] for item in kept if item.control in older} | dict(side.rules)
    first_seen = {item.id: known.get(item.id, as_of) for item in (*failing, *kept)}
    return Baseline(as_of, Side((*failing, *kept), rules), first_seen)


def _unseen(before: Side, now: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Return the older failures of which today's judgement says neither that they are open nor that they are gone."""
    changes, _ = changes_since(before, now)
    return tuple(
        item.before
        for item in changes
        if item.change in {Change.UNREADABLE, Change.OUT_OF_SCOPE} and item.before and item.before.state is State.FAIL
    )


def baseline_bytes(baseline: Baseline, tool: str) -> bytes:
    """Return the file: a header, then one finding a line, sorted, so that its history reads well."""
    failing = sorted(baseline.side.findings, key=lambda item: (*item.place, item.id))
    lines = [
        orjson.dumps(
            {
                "control": item.control,
                "account": item.account,
                "region": item.region,
                "resource": item.resource,
                "editions": item.editions,
                "severity": item.severity.value,
                "content": item.content,
                "first_seen": rfc3339(baseline.first_seen[item.id]),
            }
        ).decode()
        for item in failing
        if item.state is State.FAIL
    ]
    head = orjson.dumps({"schema": SCHEMA, "tool": tool, "created": rfc3339(baseline.created)}).decode()[1:-1]
    rules = ",\n".join(
        f"{orjson.dumps(name).decode()}: {orjson.dumps(parts, option=orjson.OPT_SORT_KEYS).decode()}"
        for name, parts in sorted(baseline.side.rules.items())
    )
    findings = ",\n".join(lines)
    return f'{{{head},\n"findings": [\n{findings}\n],\n"rules": {{\n{rules}\n}}}}\n'.encode()


def _of_file(document: Mapping[str, Any]) -> Baseline:
    findings, first_seen = [], {}
    for item in document["findings"]:
        found = _finding(item)
        findings.append(found)
        first_seen[found.id] = parse_time(item["first_seen"])
    rules = {
        str(name): {str(part): str(value) for part, value in parts.items()} for name, parts in document["rules"].items()
    }
    return Baseline(parse_time(document["created"]), Side(tuple(findings), rules), first_seen)


def _finding(item: Mapping[str, Any]) -> Finding:
    control, account, region, resource = (str(item[name]) for name in ("control", "account", "region", "resource"))
    editions = tuple(str(name) for name in item["editions"])
    return Finding(
        id=lasting_id(control, account, region, resource, editions),
        control=control,
        title=control,
        severity=Severity(item["severity"]),
        account=account,
        region=region,
        resource=resource,
        editions=editions,
        state=State.FAIL,
        reason="",
        content=str(item["content"]),
    )
