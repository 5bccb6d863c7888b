"""What a monitoring control asks to be detected, as data from ``controls/monitoring.yaml``. Judges nothing.

The parameters of such a control are:

    source      eventSource of the events; left out when any service counts
    events      eventName values, each of which has to be detected; left out when any name counts; where
                services differ, written as eventSource/eventName
    retired     those of ``events`` whose service is gone: their absence is only a note
    catches     a filter pattern for the condition that the events fulfil besides; left out when there is none
    spares      filter patterns for events that need not be detected
    may_add     filter patterns for events beyond the requirement that are no noise
    values      selector -> the values that real records carry there, where a wildcard of ``catches`` would allow more
    watch       further names worth watching, asked by no edition
    note        a sentence for the reader, such as that the benchmark's printed pattern is faulty
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auditor.monitoring.patterns.errors import PatternError
from auditor.monitoring.patterns.filter_grammar import parse_json_filter
from auditor.monitoring.patterns.formula import ALWAYS, NEVER, Formula, Key, disjoin, tests_of

_KEYS = frozenset({"source", "events", "retired", "catches", "spares", "may_add", "values", "watch", "note"})


@dataclass(frozen=True, slots=True)
class Requirement:
    """The events that have to be detected.

    Args:
        name: the control id.
        source: eventSource, or empty for any.
        sources: eventName and eventSource where each name has its own.
        events: eventName values; empty for any.
        retired: names whose absence does not count.
        catches: the condition that the events fulfil besides.
        spared: events that need not be detected.
        may_add: events beyond the requirement that are no noise.
        values: what real records carry at some paths.
        watch: further names worth watching.
        note: a sentence for the reader.
    """

    name: str
    source: str = ""
    sources: tuple[tuple[str, str], ...] = ()
    events: tuple[str, ...] = ()
    retired: frozenset[str] = frozenset()
    catches: Formula = ALWAYS
    spared: Formula = NEVER
    may_add: Formula = NEVER
    values: tuple[tuple[tuple[Key, ...], tuple[str, ...]], ...] = ()
    watch: tuple[str, ...] = ()
    note: str = ""

    def source_of(self, event: str) -> str:
        """Return the eventSource of one of the names; empty for any."""
        return dict(self.sources).get(event, self.source)


def requirement_from(name: str, parameters: Mapping[str, Any]) -> Requirement:
    """Read a requirement from a control's parameters.

    Raises:
        ValueError: an unknown key, a value of the wrong type, or a pattern that cannot be read.
    """
    unknown = set(parameters) - _KEYS
    if unknown:
        raise ValueError(f"{name}: unknown requirement key {min(unknown)}")
    pairs = [_pair(event) for event in _texts(parameters, "events")]
    try:
        return Requirement(
            name=name,
            source=_text(parameters, "source"),
            sources=tuple((name, source) for source, name in pairs if source),
            events=tuple(name for _, name in pairs),
            retired=frozenset(_texts(parameters, "retired")),
            catches=parse_json_filter(text).formula if (text := _text(parameters, "catches")) else ALWAYS,
            spared=_any_of(_texts(parameters, "spares")),
            may_add=_any_of(_texts(parameters, "may_add")),
            values=tuple((_path(selector), tuple(values)) for selector, values in parameters.get("values", {}).items()),
            watch=_texts(parameters, "watch"),
            note=_text(parameters, "note"),
        )
    except PatternError as error:
        raise ValueError(f"{name}: {error.message}") from error


def _pair(event: str) -> tuple[str, str]:
    source, slash, name = event.rpartition("/")
    return (source, name) if slash else ("", event)


def _any_of(patterns: tuple[str, ...]) -> Formula:
    return disjoin(*(parse_json_filter(pattern).formula for pattern in patterns)) if patterns else NEVER


def _path(selector: str) -> tuple[Key, ...]:
    return next(tests_of(parse_json_filter(f"{{ {selector} NOT EXISTS }}").formula)).path.keys


def _text(parameters: Mapping[str, Any], key: str) -> str:
    value = parameters.get(key, "")
    if not isinstance(value, str):
        raise ValueError(f"{key} has to be a text")  # noqa: TRY004 - one error for whatever is wrong in the file
    return value


def _texts(parameters: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = parameters.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{key} has to be a list of texts")
    return tuple(value)
