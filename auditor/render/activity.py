"""Prepares the answers about a period's events (``auditor.events/1``) for the pages: what is rare stands first."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from types import MappingProxyType
from typing import Any

from auditor.base.counts import counted, first_of
from auditor.base.period import parse_time
from auditor.render.text import NAME_LIMIT, moment, visible

Row = Mapping[str, Any]

_REASONS = 6
"""Kinds of things that were not searched; further ones are counted."""


@dataclass(frozen=True, slots=True)
class ActivityLine:
    """One kind of call by one principal: how often, from when to when, what of it, and an event to begin with."""

    count: int
    first: str
    last: str
    region: str
    who: str
    source: str
    what: str
    note: str
    refused: str
    event: str
    log_file: str
    verified: bool | None
    """Whether the log files of all of them verified; None where the answer does not tell."""


@dataclass(frozen=True, slots=True)
class ActivityTable:
    """One question and its answer.

    Args:
        name: of the question, as ``auditor events`` knows it.
        sentence: how much was found, and in what; that nothing was found is never mistaken for not having looked.
        rows: of the answer; ``lines`` puts those together that differ in time only.
    """

    name: str
    title: str
    ref: str
    sentence: str
    lines: tuple[ActivityLine, ...]
    rows: int
    truncated: bool
    cannot_see: tuple[str, ...]
    statement: str


@dataclass(frozen=True, slots=True)
class Answered:
    """A change that something was to put right, and what followed it.

    Args:
        answer: the call that followed and who made it; empty where none did.
        seconds: between the two.
    """

    time: str
    who: str
    what: str
    event: str
    answer: str
    by: str
    seconds: str
    answer_event: str


@dataclass(frozen=True, slots=True)
class Scenario:
    """Changes of one kind, and whether a function, an automation or a service answered them."""

    ref: str
    sentence: str
    rows: tuple[Answered, ...]


@dataclass(frozen=True, slots=True)
class Activity:
    """What one account's events of the period were asked."""

    account: str
    searched: str
    missing: tuple[str, ...]
    """What was not searched, one clause for each kind."""
    tables: tuple[ActivityTable, ...]
    scenario: Scenario | None
    refs: tuple[str, ...]


def activity(
    documents: Sequence[Mapping[str, Any]], left_out: Mapping[str, Collection[str]] = MappingProxyType({})
) -> tuple[Activity, ...]:
    """Prepare the answers, account by account.

    Args:
        documents: of ``auditor.events/1``.
        left_out: enabled Regions that are no part of the audit, by account; sign-ins may be recorded there alone.
    """
    accounts: dict[str, list[Mapping[str, Any]]] = {}
    for document in documents:
        accounts.setdefault(document["account"], []).append(document)
    return tuple(_account(name, found, left_out.get(name, ())) for name, found in accounts.items())


def _account(name: str, documents: Sequence[Mapping[str, Any]], left_out: Collection[str]) -> Activity:
    by_question = {document["question"]: document for document in documents}
    what = documents[0]["searched"]
    beyond = tuple(sorted(set(left_out) - set(what["regions"])))
    tables = tuple(_table(by_question[question], beyond) for question in TITLES if question in by_question)
    records, files = what["records"], what["log_files"]
    searched = f"{counted(records, 'record')} of {counted(files, 'log file')} searched, {_hours(what)} verified"
    scenario = _scenario(by_question["auto-remediation"], beyond) if "auto-remediation" in by_question else None
    refs = [table.ref for table in tables] + ([scenario.ref] if scenario else [])
    return Activity(visible(name, 40), searched, _missing(what, beyond), tables, scenario, tuple(refs))


def _scenario(document: Mapping[str, Any], beyond: Sequence[str]) -> Scenario:
    """Prepare the changes of one kind with what followed them."""
    rows, parameters = document["rows"], document["parameters"]
    if not rows or not document["searched"]["records"]:
        sentence = _sentence(document, beyond)
    else:
        answered = sum(bool(row.get("answer_id")) for row in rows)
        sentence = f"{counted(len(rows), 'call')}, {answered:,} answered by itself within "
        sentence += f"{_minutes(parameters.get('minutes'))}."
    return Scenario(document["ref"], sentence, tuple(map(_answered, rows)))


def _minutes(value: object) -> str:
    return counted(value, "minute") if isinstance(value, int | float) else f"{visible(value, 10)} minutes"


def _answered(row: Row) -> Answered:
    seconds = row.get("seconds_between")
    return Answered(
        time=_time(row.get("event_time")),
        who=_who(row, "actor"),
        what=f"{_called(row)} {_name(row, 'resource')}".strip(),
        event=_name(row, "event_id", limit=60),
        answer=_name(row, "answer_event", limit=120),
        by=_who(row, "answered_by"),
        seconds=f"{seconds:,}" if isinstance(seconds, int) and not isinstance(seconds, bool) else "",
        answer_event=_name(row, "answer_id", limit=60),
    )


def _hours(what: Mapping[str, Any]) -> str:
    if not what["hours_expected"]:
        return "no hours that could be"
    return f"{what['hours_verified']:,} of {counted(what['hours_expected'], 'Region-hour')}"


def _missing(what: Mapping[str, Any], beyond: Sequence[str]) -> tuple[str, ...]:
    reasons: dict[str, int] = {}
    for item in what["not_searched"]:
        why = f"{item['what'].replace('_', ' ')}: {item['why']}"
        reasons[why] = reasons.get(why, 0) + _many(item)
    told = [f"{visible(why)} ({count:,})" for why, count in reasons.items()]
    places = [f"enabled Regions that are no part of the audit: {visible(', '.join(beyond), NAME_LIMIT)}"]
    return (
        *places[: len(beyond)],
        *told[:_REASONS],
        *((counted(len(told) - _REASONS, "further kind"),) if len(told) > _REASONS else ()),
    )


def _many(item: Mapping[str, Any]) -> int:
    """Count a stretch by its Region-hours, begun ones included, as the sentence before does; anything else is one."""
    if item["what"] != "hours" or not item.get("start") or not item.get("end"):
        return 1
    seconds = (parse_time(item["end"]) - parse_time(item["start"])).total_seconds()
    return max(1, ceil(seconds / 3600))


def _table(document: Mapping[str, Any], beyond: Sequence[str]) -> ActivityTable:
    name = document["question"]
    lines = _grouped([LINES[name](row) for row in document["rows"]])
    return ActivityTable(
        name=name,
        title=TITLES[name],
        ref=document["ref"],
        sentence=_sentence(document, beyond),
        lines=lines,
        rows=len(document["rows"]),
        truncated=document["truncated"] is True,
        cannot_see=tuple(visible(item) for item in document["cannot_see"]),
        statement=visible(document["statement"], 20_000) if "\n" not in document["statement"] else _lines(document),
    )


def _lines(document: Mapping[str, Any]) -> str:
    return "\n".join(visible(line, 400) for line in str(document["statement"]).splitlines())


def _sentence(document: Mapping[str, Any], beyond: Sequence[str]) -> str:
    what, rows = document["searched"], document["rows"]
    if not what["records"]:
        return "No event was searched: this is no answer."
    verified, expected = what["hours_verified"] or 0, what["hours_expected"] or 0
    if rows:
        more = "more than " if document["truncated"] else ""
        return f"{more}{_counted(document)}."
    parts = [f"0 in {counted(verified, 'verified hour')} of {expected:,}"]
    if not expected or verified != expected:
        parts.append("what the others held is not known")
    if beyond:
        where = visible(beyond[0], 40) if len(beyond) == 1 else counted(len(beyond), "enabled Region")
        parts.append(f"nothing of {where} was searched")
    return f"{'; '.join(parts)}."


def _counted(document: Mapping[str, Any]) -> str:
    rows = document["rows"]
    if document["question"] == "console-logins":
        return _sign_ins(rows)
    calls = sum(row.get("calls") or 1 for row in rows)
    refused = sum(_refused_of(row) for row in rows)
    return counted(calls, "call") + (f", {refused:,} of them refused or failed" if refused else "")


def _refused_of(row: Row) -> int:
    if "refused_calls" in row:
        return int(row["refused_calls"] or 0)
    return int(row.get("outcome") not in (None, "success"))


def _sign_ins(rows: Sequence[Row]) -> str:
    done = [row for row in rows if row.get("outcome") == "success"]
    parts = [
        f"{sum(row.get('mfa') == mfa for row in done):,} {words}"
        for mfa, words in (
            ("yes", "with a second factor"),
            ("no", "without"),
            ("identity provider", "federated, where the identity provider asks for it"),
        )
    ]
    if silent := sum(row.get("mfa") == "not said" for row in done):
        parts.append(f"{silent:,} that do not say")
    return f"{counted(len(rows), 'sign-in')}: {', '.join(parts)}; {len(rows) - len(done):,} failed"


def _time(value: Any) -> str:
    try:
        return moment(parse_time(value)) if isinstance(value, str) else ""
    except ValueError:
        return visible(value, 40)


def _name(row: Row, *names: str, limit: int = NAME_LIMIT) -> str:
    return visible(next((row[name] for name in names if row.get(name)), ""), limit)


def _who(row: Row, *names: str) -> str:
    """Return a principal without what all principals of the account share."""
    told = _name(row, *names)
    head, mark, rest = told.partition(f":{row.get('account')}:")
    return rest if mark and head.startswith("arn:") else told


def _event(row: Row, what: str = "", note: str = "") -> ActivityLine:
    """Return a row that is one event."""
    outcome = "" if row.get("outcome") == "success" else _name(row, "error", "outcome", limit=120)
    return ActivityLine(
        count=1,
        first=_time(row.get("event_time")),
        last=_time(row.get("event_time")),
        region=_name(row, "region", limit=40),
        who=_who(row, "actor"),
        source=_name(row, "source_ip", limit=120),
        what=what or _called(row),
        note=note,
        refused=outcome,
        event=_name(row, "event_id", limit=60),
        log_file=_name(row, "log_file", limit=400),
        verified=row.get("verified") is True,
    )


def _called(row: Row) -> str:
    return _name(row, "event_name", "call", limit=120)


def _about(row: Row) -> ActivityLine:
    return _event(row, note=_name(row, "subject", "bucket_name", "key_id", "resource"))


def _sign_in(row: Row) -> ActivityLine:
    mfa = {"yes": "with a second factor", "no": "without a second factor"}.get(row.get("mfa") or "", "")
    if row.get("mfa") == "identity provider":
        mfa = "federated"
    return _event(row, note=mfa)


def _opening(row: Row) -> ActivityLine:
    ports = "all ports" if row.get("from_port") is None else f"{row['from_port']}-{row['to_port']}"
    if row.get("from_port") == row.get("to_port") and row.get("from_port") is not None:
        ports = f"{row['from_port']}"
    what = f"{_name(row, 'protocol', limit=20)} {ports} to {_name(row, 'range', limit=60)}"
    if row.get("closed_at"):
        note = (
            f"closed {_time(row['closed_at'])} by {_who(row, 'closed_by')}, after {_minutes(row.get('minutes_open'))}"
        )
    else:
        note = "not closed again in what was searched" if row.get("outcome") == "success" else ""
    return _event(row, what=f"{_name(row, 'resource')}: {what}", note=note)


def _session(row: Row) -> ActivityLine:
    used = row.get("minutes_used")
    note = f"{counted(row.get('calls') or 0, 'call')}" + (
        f" over {counted(used, 'minute')}" if isinstance(used, int) else ""
    )
    return _event(row, what=_name(row, "role"), note=note)


def _group(row: Row) -> ActivityLine:
    """Return a row that stands for several calls."""
    service = _name(row, "event_source", limit=80).removesuffix(".amazonaws.com")
    call = _name(row, "call", limit=120)
    changes = row.get("changes")
    parts = [_name(row, "why", limit=80), f"{changes:,} changed something" if changes else ""]
    note = "; ".join(part for part in parts if part and part != "not said")
    subject = f"{service}:" if service and note else service
    return ActivityLine(
        count=row.get("calls") or 1,
        first=_time(row.get("first_time") or row.get("first_seen")),
        last=_time(row.get("last_time") or row.get("last_seen")),
        region=_name(row, "served_region", "regions", limit=200),
        who=_who(row, "actor", "principal"),
        source=_name(row, "addresses", "first_address", "caller_account", limit=200),
        what=f"{service}: {call}" if service and call else subject or call or "first seen",
        note=note,
        refused=_name(row, "error", limit=120),
        event=_name(row, "example_event", limit=60),
        log_file="",
        verified=None,
    )


_MADE_BY = {
    "audit": "with this program's mark",
    "session": "in the audit's session",
    "principal": "by another program of the same principal",
}


def _own(row: Row) -> ActivityLine:
    """Return calls of the audit's own principal: what changed something, by what, and for which option."""
    made_by, asked_for = _MADE_BY.get(row.get("made_by") or "", ""), _name(row, "asked_for", limit=80)
    changes, unknown = row.get("changes") or 0, row.get("unknown") or 0
    parts = [
        f"{changes:,} changed something" if changes else "",
        f"{unknown:,} may have changed something" if unknown else "",
        made_by if changes or unknown else "",
        f"as {asked_for} does" if asked_for and asked_for != "not said" else "",
    ]
    return replace(_group(row), note=", ".join(part for part in parts if part))


TITLES: Mapping[str, str] = {
    "root-activity": "Root",
    "console-logins": "Sign-ins to the console",
    "denied-calls": "Refused calls",
    "iam-changes": "Changes of identities and permissions",
    "network-openings": "Openings to the whole world",
    "s3-policy": "Changes of buckets and their policies",
    "kms-changes": "Changes of keys",
    "organizations": "Changes of the organization",
    "cross-account": "Calls of other accounts",
    "privileged-sessions": "Privileged sessions",
    "new-principals": "Seen for the first time in the last seven days",
    "unusual-regions": "Outside of the trails' home Regions",
    "our-own-calls": "Calls of this audit's own principal",
}
"""In the order of the pages."""

LINES: Mapping[str, Callable[[Row], ActivityLine]] = {
    "root-activity": _event,
    "console-logins": _sign_in,
    "denied-calls": _group,
    "iam-changes": _about,
    "network-openings": _opening,
    "s3-policy": _about,
    "kms-changes": _about,
    "organizations": _about,
    "cross-account": _group,
    "privileged-sessions": _session,
    "new-principals": _group,
    "unusual-regions": _group,
    "our-own-calls": _own,
}


def _grouped(lines: Sequence[ActivityLine]) -> tuple[ActivityLine, ...]:
    """Put lines together that say the same of another time, and sort what is rare, or could not be verified, first."""
    groups: dict[tuple[object, ...], list[ActivityLine]] = {}
    for line in lines:
        groups.setdefault((line.who, line.what, line.note, line.refused, line.verified), []).append(line)
    if len(groups) > _MOST_APART:
        groups = {}
        for line in lines:
            groups.setdefault((line.who, line.what, line.refused, line.verified), []).append(line)
    found = [_joined(members) for members in groups.values()]
    return tuple(sorted(found, key=lambda line: (line.verified is not False, line.count, line.first, line.who)))


_MOST_APART = 12
"""Beyond so many lines, calls of one name by one principal are put together whatever they were about."""


def _joined(members: Sequence[ActivityLine]) -> ActivityLine:
    first, sources = members[0], sorted({line.source for line in members})
    notes = sorted({line.note for line in members if line.note})
    return ActivityLine(
        count=sum(line.count for line in members),
        first=min(line.first for line in members),
        last=max(line.last for line in members),
        region=", ".join(sorted({line.region for line in members})),
        who=first.who,
        source=first_of(sources, 3),
        what=first.what,
        note=first_of(notes, 3),
        refused=first.refused,
        event=first.event,
        log_file=first.log_file,
        verified=first.verified,
    )
