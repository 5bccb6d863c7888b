"""Prepares monitoring chains for drawing: seven links from a trail to people, and the event that a filter misses."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from auditor.base.canonical import canonical_json
from auditor.model import State
from auditor.render.charts import Box
from auditor.render.charts import chain as place
from auditor.render.marks import MARKS
from auditor.render.text import NAME_LIMIT, visible

LINKS = ("trail", "log group", "metric filter", "metric", "alarm", "action", "people")
"""The links in order; a detection that goes another way names its own."""


@dataclass(frozen=True, slots=True)
class ChainLink:
    """One link: what it is, what it is called, whether it holds and why not."""

    kind: str
    name: str
    verdict: str
    word: str
    reason: str


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a pattern or event. ``key`` is a field's name or empty; ``deciding`` pieces are underlined."""

    key: str
    value: str
    deciding: bool


@dataclass(frozen=True, slots=True)
class Missed:
    """An event that should raise the alarm and does not, or that AWS itself reads otherwise than we do."""

    pattern: tuple[Part, ...]
    event: tuple[Part, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class FilterText:
    """A metric filter that has to do with the requirement, with its pattern and what became of it."""

    name: str
    pattern: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Path:
    """One way from a trail to people."""

    title: str
    links: tuple[ChainLink, ...]
    boxes: tuple[Box, ...]
    holds: bool
    text: str


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways of one result, the best first, and what was read there of filters and other detections.

    ``label`` tells the result from others of its control: its state and editions, or its place.
    """

    label: str
    paths: tuple[Path, ...]
    filters: tuple[FilterText, ...]
    others: tuple[str, ...]
    pace: str

    @property
    def drawn_filters(self) -> tuple[FilterText, ...]:
        """The filters that the drawings name; all of them where they name none."""
        names = {link.name for path in self.paths for link in path.links}
        return tuple(item for item in self.filters if item.name in names) or self.filters


@dataclass(frozen=True, slots=True)
class Chain:
    """All ways found for one control, place by place."""

    ways: tuple[Ways, ...]
    missed: tuple[Missed, ...]
    left_out: int

    @property
    def whole(self) -> bool:
        """Whether every way that is drawn holds."""
        return all(path.holds for ways in self.ways for path in ways.paths)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why links do not hold, each reason once."""
        links = (link for ways in self.ways for path in ways.paths for link in path.links)
        return tuple(dict.fromkeys(link.reason for link in links if link.verdict == "broken" and link.reason))


_PATHS = 3
"""Ways drawn for one control; further ones are counted."""

_FILTERS = 4
"""Filters and other ways named for one control."""

_PATTERN_LIMIT = 1100
"""A metric filter's pattern has at most 1,024 characters (CloudWatch Logs quota)."""

_FIELDS = 6
"""Fields of an event shown beside a filter."""

_TELLING = frozenset({"eventSource", "eventName", "userIdentity.type", "errorCode", "readOnly", "awsRegion"})

_WORDS = {"holds": "holds", "broken": "broken", "unknown": "not reached"}
_NOT_KNOWN = "not known"
"""Of a link that could not be looked at; one that an earlier link keeps the event from has no reason of its own."""


def chains_of(results: Sequence[Mapping[str, Any]]) -> Chain | None:
    """Collect the chains that a control's results carry in their details; None when there are none."""
    ways: list[Ways] = []
    missed: list[Missed] = []
    found = 0
    seen: set[bytes] = set()
    told: set[object] = set()
    for result in results:
        details = result["details"]
        where = f"{visible(result['account'], 40)}, {visible(result['region'], 40)}"
        paths = _apart(_listed(details, "chains"), seen)
        if paths and found < _PATHS:
            drawn = [_path(where, path) for path in paths[: _PATHS - found]]
            ways.append(_ways(_label(result) or where, drawn, details, told))
        found += len(paths)
        missed.extend(_missed(item) for item in _listed(details, "missed"))
        missed.extend(_disagreement(item) for item in _listed(details.get("truth") or {}, "disagreements"))
    if not found and not missed:
        return None
    return Chain(tuple(ways), tuple(missed[:_PATHS]), max(0, found - _PATHS))


def alike(chains: Sequence[Chain]) -> tuple[tuple[int, ...], ...]:
    """Arrange chains, by their numbers, so that those whose drawings say the very same stand together.

    Without a trail all alarms of an account break at the same link; without a filter of their own, at another. What
    tells one chain from others, such as a filter that is there, keeps it apart. Why a thing is missed may differ.
    """
    found: dict[tuple[object, ...], list[int]] = {}
    for number, chain in enumerate(chains):
        told = any(ways.filters or ways.others or ways.pace for ways in chain.ways)
        own = told or chain.left_out or any(item.pattern for item in chain.missed)
        links = tuple(
            (link.kind, link.name, link.verdict, link.reason if link.name else "")
            for ways in chain.ways
            for path in ways.paths
            for link in path.links
        )
        found.setdefault((links, number if own or not links else None), []).append(number)
    return tuple(map(tuple, found.values()))


def _apart(paths: Sequence[Mapping[str, Any]], seen: set[bytes]) -> list[Mapping[str, Any]]:
    """Keep each way once: two filters, or results, may lead over the same alarm to the same people, word for word."""
    found = []
    for path in paths:
        links = canonical_json(path["links"])
        if links not in seen:
            found.append(path)
        seen.add(links)
    return found


def _label(result: Mapping[str, Any]) -> str:
    """Say what a result came to, and for which editions; empty where it speaks for all."""
    editions = ", ".join(visible(name, 60) for name in result.get("frameworks", ()))
    return f"{MARKS[State(result['state'])].word} for {editions}" if editions else ""


def _ways(label: str, paths: Sequence[Path], details: Mapping[str, Any], told: set[object]) -> Ways:
    """Collect what one result says; ``told`` is what those before said, and is added to."""
    filters = [_filter(item) for item in _listed(details, "filters")[:_FILTERS]]
    others = [_other(item) for item in _listed(details, "alternatives")[:_FILTERS]]
    pace = visible((details.get("detection_time") or {}).get("sentence", ""))
    made = Ways(
        label,
        tuple(paths),
        filters=tuple(item for item in filters if item not in told),
        others=tuple(item for item in others if item not in told),
        pace="" if pace in told else pace,
    )
    told.update([*filters, *others, pace])
    return made


def _listed(details: Mapping[str, Any], *names: str) -> list[Mapping[str, Any]]:
    for name in names:
        value = details.get(name)
        if isinstance(value, Mapping):
            return [value]
        if isinstance(value, Sequence) and not isinstance(value, str):
            return [item for item in value if isinstance(item, Mapping)]
    return []


def _path(where: str, document: Mapping[str, Any]) -> Path:
    links = tuple(_link(item) for item in document["links"])
    boxes = place([(link.kind, link.name, link.verdict) for link in links])
    holds = all(link.verdict == "holds" for link in links)
    spoken = "; ".join(
        f"{f'{link.kind} {link.name}'.strip()}: {', '.join(filter(None, (link.word, link.reason.removesuffix('.'))))}"
        for link in links
    )
    return Path(
        title=visible(document.get("title", where)),
        links=links,
        boxes=boxes,
        holds=holds,
        text=f"{spoken}.",
    )


def _filter(document: Mapping[str, Any]) -> FilterText:
    return FilterText(
        visible(document.get("name", ""), NAME_LIMIT),
        visible(document.get("pattern", ""), _PATTERN_LIMIT),
        visible(document.get("sentence", "")),
    )


def _other(document: Mapping[str, Any]) -> str:
    kind, name = visible(document.get("kind", ""), 40), visible(document.get("name", ""), NAME_LIMIT)
    return f"{kind} {name}, {visible(document.get('region', ''), 40)}: {visible(document.get('sentence', ''))}"


def _link(document: Mapping[str, Any]) -> ChainLink:
    holds = document.get("holds")
    verdict = "unknown" if holds is None else "holds" if holds else "broken"
    reason, name = visible(document.get("reason", "")), visible(document.get("name", ""), NAME_LIMIT)
    return ChainLink(
        kind=visible(document["kind"], 30),
        name=_people(name) if document["kind"] == "people" else name,
        verdict=verdict,
        word=_NOT_KNOWN if holds is None and reason else _WORDS[verdict],
        reason=reason,
    )


_WAYS_TO_PEOPLE = {
    "email": "e-mail",
    "email-json": "e-mail",
    "sms": "text message",
    "sqs": "queue",
    "lambda": "function",
    "https": "web hook",
    "http": "web hook",
    "application": "phone",
    "firehose": "data stream",
}
"""Protocols of subscriptions in words (Amazon SNS API reference, Subscribe)."""


def _people(name: str) -> str:
    """Say how people hear of it: ``2 confirmed: e-mail, queue``; another name stays."""
    protocols = [part.strip() for part in name.split(",")]
    if not all(protocol in _WAYS_TO_PEOPLE for protocol in protocols):
        return name
    return f"{len(protocols)} confirmed: {', '.join(_WAYS_TO_PEOPLE[protocol] for protocol in protocols)}"


def _missed(document: Mapping[str, Any]) -> Missed:
    pattern = visible(document.get("pattern", ""), _PATTERN_LIMIT)
    clause = visible(document.get("clause", ""), _PATTERN_LIMIT)
    fields = set(document.get("fields", ()))
    pairs = flat(document.get("event", {}))
    wanted = [*(pair for pair in pairs if pair[0] in fields or pair[0] in _TELLING), *pairs][:_FIELDS]
    shown = {key for key, _ in wanted}
    event = tuple(Part(visible(key, 120), visible(value, 200), key in fields) for key, value in pairs if key in shown)
    event += tuple(Part(visible(key, 120), "not in the event", deciding=True) for key in sorted(fields - shown))
    return Missed(_split(pattern, clause), event, visible(document.get("sentence", "")))


def _disagreement(document: Mapping[str, Any]) -> Missed:
    """Show an event that AWS itself reads otherwise than we do, beside the pattern."""
    event = document.get("event")
    said = "matches" if document.get("aws") else "does not match"
    sentence = (
        f"Asked itself, AWS {said} this event with this pattern; our reading says otherwise. AWS's answer counts."
    )
    record = event.get("detail", event) if isinstance(event, Mapping) else {}
    return replace(_missed({**document, "event": record if isinstance(record, Mapping) else {}}), sentence=sentence)


def _split(pattern: str, clause: str) -> tuple[Part, ...]:
    before, found, after = pattern.partition(clause) if clause else (pattern, "", "")
    return tuple(Part("", text, bool(found) and text is found) for text in (before, found, after) if text)


def flat(value: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Write nested members as ``userIdentity.type``, the way filter patterns name them, and values as JSON has them."""
    pairs: list[tuple[str, str]] = []
    for key, item in value.items():
        name = f"{prefix}{key}"
        if isinstance(item, Mapping):
            pairs.extend(flat(item, f"{name}."))
        else:
            pairs.append((name, item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)))
    return pairs
