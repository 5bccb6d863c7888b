"""Prepares what the logging consists of, and the estimate of what it costs (``auditor.cost/1``), for the pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.base.counts import counted
from auditor.base.money import at_price
from auditor.render.text import NAME_LIMIT, visible


@dataclass(frozen=True, slots=True)
class GroupRow:
    """One log group."""

    name: str
    region: str
    kept: str
    size: str
    filters: int


@dataclass(frozen=True, slots=True)
class CompositeRow:
    """One composite alarm with what its rule names."""

    name: str
    region: str
    state: str
    children: str
    told: str
    """Who is told, or why nobody is."""


@dataclass(frozen=True, slots=True)
class Posture:
    """What one account's logging consists of. ``facts`` are label and value."""

    account: str
    refs: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    groups: tuple[GroupRow, ...]
    more_groups: int
    composites: tuple[CompositeRow, ...]
    dashboards: tuple[str, ...]
    gaps: tuple[str, ...]


def posture(document: Mapping[str, Any]) -> Posture:
    """Prepare one account."""
    groups, alarms = document["log_groups"], document["alarms"]
    gaps = [f"{visible(item, 120)}: no part of this run" for item in document["not_asked"]]
    unread: dict[str, list[str]] = {}
    for item in document["unread"]:
        operation, _, region = visible(item, 120).partition(" ")
        unread.setdefault(operation, []).append(region)
    gaps += [f"{operation}: no answer in {_named(regions)}" for operation, regions in unread.items()]
    return Posture(
        account=visible(document["account"], 40),
        refs=tuple(document["refs"]),
        facts=tuple(_facts(document)),
        groups=tuple(_group(item) for item in groups["largest"]),
        more_groups=groups["count"] - len(groups["largest"]),
        composites=tuple(_composite(item) for item in alarms["composites"]),
        dashboards=tuple(visible(item["name"], NAME_LIMIT) for item in document["dashboards"]["named"]),
        gaps=tuple(gaps),
    )


def _named(regions: Sequence[str]) -> str:
    return ", ".join(regions) if len(regions) <= _NAMED else counted(len(regions), "place")


_NAMED = 3
"""Regions without an answer that are named here; the chapter on gaps names all."""


def _facts(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    groups, alarms, links = document["log_groups"], document["alarms"], document["observability"]
    agents = document["agent_metrics"]
    states = ", ".join(f"{count:,} {visible(state, 40)}" for state, count in alarms["states"].items())
    kept = f"{groups['count']:,}, {_size(groups['bytes'])} stored; {groups['never_expire']:,} keep for ever"
    silent = f"{alarms['actions_off']:,} with actions off, {alarms['without_action']:,} without an action for ALARM"
    machines = f"{counted(agents['metrics'], 'metric')} of {counted(agents['instances'], 'instance')}"
    across = (
        _known(document, "oam:ListSinks", counted(links["sinks"], "sink"), "sinks "),
        _known(document, "oam:ListAttachedLinks", f"{counted(links['attached'], 'account')} attached", "accounts "),
        _known(document, "oam:ListLinks", f"{counted(links['links'], 'link')} to a monitoring account", "links "),
    )
    return [
        ("Log groups", _known(document, "logs:DescribeLogGroups", kept)),
        ("Metric filters", _known(document, "logs:DescribeMetricFilters", f"{document['metric_filters']:,}")),
        (
            "Alarms",
            _known(
                document,
                "cloudwatch:DescribeAlarms",
                f"{alarms['count']:,}{f' ({states})' if states else ''}; {silent}",
            ),
        ),
        ("Dashboards", _known(document, "cloudwatch:ListDashboards", f"{document['dashboards']['count']:,}")),
        ("Across accounts", "; ".join(across)),
        *_saved(document),
        ("CloudWatch agent", _known(document, "cloudwatch:ListMetrics", f"{machines} within three hours")),
    ]


def _saved(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the saved queries of Logs Insights; nothing where the pack is older than that."""
    found = document.get("saved_queries")
    if found is None:
        return []
    names = ", ".join(visible(item["name"], NAME_LIMIT) for item in found["named"][:_SAVED])
    more = f" and {found['count'] - _SAVED:,} more" if found["count"] > _SAVED else ""
    words = f"{found['count']:,}{f': {names}{more}' if names else ''}"
    return [("Saved queries", _known(document, "logs:DescribeQueryDefinitions", words))]


_SAVED = 8
"""Saved queries that are named."""


def _known(document: Mapping[str, Any], operation: str, words: str, what: str = "") -> str:
    """Return a count as wide as what was searched: none if nobody asked, a lower bound if answers are missing."""
    if operation in document["not_asked"]:
        return f"{what}not asked"
    if any(item.partition(" ")[0] == operation for item in document["unread"]):
        return f"at least {words}" if words[0] != "0" else f"{what}not known"
    return words


def _size(number: int) -> str:
    for unit, name in ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if number >= unit:
            return f"{number / unit:,.1f} {name}"
    return counted(number, "byte")


def _group(item: Mapping[str, Any]) -> GroupRow:
    days = item["retention_days"]
    return GroupRow(
        name=visible(item["name"], NAME_LIMIT),
        region=visible(item["region"], 40),
        kept="for ever" if days is None else counted(days, "day"),
        size=_size(item["bytes"]),
        filters=item["filters"],
    )


def _composite(item: Mapping[str, Any]) -> CompositeRow:
    children = item["children"]
    if children is None:
        named = "its rule cannot be read"
    else:
        named = ", ".join(
            f"{visible(name, NAME_LIMIT)} ({visible(state, 40) if state else 'there is no such alarm'})"
            for name, state in children.items()
        )
    if not item["actions_on"]:
        told = "nobody: its actions are off"
    else:
        told = ", ".join(visible(action, NAME_LIMIT) for action in item["notifies"]) or "nobody: it has no action"
    return CompositeRow(
        visible(item["name"], NAME_LIMIT), visible(item["region"], 40), visible(item["state"], 40), named, told
    )


@dataclass(frozen=True, slots=True)
class CostLine:
    """One thing that is paid for."""

    what: str
    place: str
    usd: str
    price: str
    """Quantity and unit price."""
    formula: str
    """How the quantity came about."""
    source: str
    twice: bool
    note: str


@dataclass(frozen=True, slots=True)
class CostArea:
    """What one part costs, and its lines; the dearest stand first."""

    name: str
    usd: str
    lines: tuple[CostLine, ...]


@dataclass(frozen=True, slots=True)
class Cost:
    """An estimate at list prices."""

    total: str
    twice: str
    audit: str
    month: str
    region: str
    areas: tuple[CostArea, ...]
    unknown: tuple[tuple[str, str], ...]
    """What may cost money, and why it is not known how much."""

    proposals: tuple[str, ...]
    counted: tuple[str, ...]
    """What the numbers of events come from."""

    @property
    def unpriced(self) -> tuple[str, ...]:
        """What may cost money, each once."""
        return tuple(dict.fromkeys(what for what, _ in self.unknown))


def cost(document: Mapping[str, Any]) -> Cost:
    """Prepare an estimate."""
    totals = document["totals"]
    areas: dict[str, list[Mapping[str, Any]]] = {}
    for line in document["lines"]:
        areas.setdefault(line["area"], []).append(line)
    return Cost(
        total=_sum(totals["logging_usd_a_month"]),
        twice=_sum(totals["paid_twice_usd_a_month"]),
        audit=_sum(totals["audit_usd"]),
        month=visible(document["month"]),
        region=visible(document["prices"]["region"], 40),
        areas=tuple(_area(name, lines) for name, lines in areas.items()),
        unknown=tuple(dict.fromkeys(_unknown(item) for item in document["not_known"])),
        proposals=tuple(
            f"{visible(item['trail'], NAME_LIMIT)}: {visible(item['title'])}, would save "
            f"{_sum(item['usd_saved_a_month'])} USD a month; "
            f"{counted(item['events_no_longer_recorded'], 'event')} of the "
            "period would not be recorded"
            for item in document["proposals"]
        ),
        counted=tuple(visible(text) for text in document.get("searched", ())),
    )


def _sum(value: float) -> str:
    """Write an amount in a sentence."""
    return f"{value:,.2f}" if value >= 1 or value == 0 else f"{value:,.4f}"


def _usd(value: float) -> str:
    """Write an amount: the same decimals for all, as a request stands in one column with an alarm."""
    return f"{value:,.4f}"


def _area(name: str, lines: Sequence[Mapping[str, Any]]) -> CostArea:
    ordered = sorted(lines, key=lambda line: -line["usd"])
    title = visible(name, 80)
    return CostArea(
        f"{title[:1].upper()}{title[1:]}", _usd(sum(line["usd"] for line in lines)), tuple(map(_line, ordered))
    )


def _line(line: Mapping[str, Any]) -> CostLine:
    price = line["price"]
    return CostLine(
        what=visible(line["what"]),
        place=visible(f"{line['account']} {line['region']}".strip(), 60),
        usd=_usd(line["usd"]),
        price=visible(at_price(line["quantity"], line["unit"], price["usd"])),
        formula=visible(line["formula"]),
        source=visible(f"{price['source']}, {price['seen']}"),
        twice=line["paid_twice"],
        note=visible(line["note"]),
    )


def _unknown(item: Mapping[str, Any]) -> tuple[str, str]:
    most = item["usd_at_most"]
    bound = f", at most {_sum(most)} USD" if most is not None else ""
    return visible(f"{item['area']}: {item['what']}{bound}"), visible(item["why"])
