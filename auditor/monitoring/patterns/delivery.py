"""Filters and rules as detectors of CloudTrail records: what of the records reaches them, and in which envelope.

A metric filter sees every record of its log group. An EventBridge rule sees the events of its own Region, and
read-only ones
only in the state ``ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS``. Source: EventBridge User Guide, "AWS service
events
delivered via AWS CloudTrail".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from auditor.monitoring.patterns.callers import EVENT_NAME, EVENT_SOURCE, Keys
from auditor.monitoring.patterns.coverage import Detector
from auditor.monitoring.patterns.event_pattern import Exactly, OneOf
from auditor.monitoring.patterns.formula import (
    ABSENT,
    ALWAYS,
    NEVER,
    Formula,
    Path,
    Predicate,
    Probes,
    Test,
    conjoin,
    necessary_values,
)
from auditor.monitoring.patterns.pattern import Dialect, Pattern
from auditor.monitoring.patterns.records import ACCOUNT, EVENT_TYPE, READ_ONLY, REGION
from auditor.monitoring.patterns.rules import RULES, Rules

DETAIL_TYPES = {
    "AwsApiCall": "AWS API Call via CloudTrail",
    "AwsConsoleSignIn": "AWS Console Sign In via CloudTrail",
    "AwsServiceEvent": "AWS Service Event via CloudTrail",
    "AwsConsoleAction": "AWS Console Action via CloudTrail",
}
"""eventType of the record -> ``detail-type`` of the event."""

ALL_MANAGEMENT_EVENTS = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"

_SUFFIX = ".amazonaws.com"
_SOME_SOURCES = tuple(
    f"{name}{_SUFFIX}"
    for name in (
        "ec2",
        "iam",
        "s3",
        "sts",
        "kms",
        "lambda",
        "dynamodb",
        "cloudtrail",
        "config",
        "signin",
        "organizations",
    )
)


def envelope(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the EventBridge event in which a CloudTrail record arrives."""
    return {
        "version": "0",
        "id": record.get("eventID", ""),
        "detail-type": DETAIL_TYPES.get(str(record.get("eventType")), ""),
        "source": _source(str(record.get("eventSource", ""))),
        "account": record.get("recipientAccountId", ""),
        "time": record.get("eventTime", ""),
        "region": record.get("awsRegion", ""),
        "resources": [],
        "detail": dict(record),
    }


def _source(event_source: str) -> str:
    return f"aws.{event_source.removesuffix(_SUFFIX)}"


def detector_of_filter(name: str, pattern: Pattern) -> Detector:
    """Make a detector of a metric filter's pattern."""
    return Detector(name, pattern, pattern.formula, _names(pattern))


def detector_of_rule(name: str, pattern: Pattern, *, region: str = "", reads: bool = True) -> Detector:
    """Make a detector of a rule's event pattern.

    Args:
        name: what people call it.
        pattern: an EventBridge pattern.
        region: where the rule is; empty when there is one in every Region.
        reads: whether read-only events reach it.
    """
    return Detector(name, pattern, conjoin(_record_formula(pattern), *_arriving(region, reads=reads)), _names(pattern))


def detector_of_forwarding(name: str, first: Pattern, second: Pattern, *, region: str, reads: bool) -> Detector:
    """Make a detector of two rules: the first hands the events of its Region to a bus, where the second takes them."""
    formula = conjoin(_record_formula(first), _record_formula(second), *_arriving(region, reads=reads))
    return Detector(name, second, formula, _names(second))


def detector_of_anything(name: str, region: str) -> Detector:
    """Make a detector of all rules that a Region could have: it catches whatever happens there."""
    formula = conjoin(*_arriving(region, reads=True))
    return Detector(name, Pattern("", Dialect.EVENT, formula), formula)


def _record_formula(pattern: Pattern) -> Formula:
    return _inside(pattern.formula if pattern.formula is not None else NEVER)


def _arriving(region: str, *, reads: bool) -> list[Formula]:
    parts: list[Formula] = []
    if region:
        parts.append(Test(Path(REGION, "region"), OneOf((Exactly(region),)), f"only events of {region} arrive"))
    if not reads:
        parts.append(Test(Path(READ_ONLY, "readOnly"), _Write(), "read-only events do not arrive in state ENABLED"))
    return parts


@lru_cache(maxsize=4096)
def _names(pattern: Pattern) -> frozenset[str] | None:
    if pattern.formula is None:
        return None
    path = ("detail", *EVENT_NAME) if pattern.dialect is Dialect.EVENT else EVENT_NAME
    return necessary_values(pattern.formula, path)


def detector_of(name: str, pattern: Pattern) -> Detector:
    """Make a detector of a pattern alone, taking it to be deployed wherever it is needed."""
    return detector_of_rule(name, pattern) if pattern.dialect is Dialect.EVENT else detector_of_filter(name, pattern)


@dataclass(frozen=True, slots=True)
class _Write:
    """The event is not marked read-only."""

    def holds(self, value: Any, rules: Rules) -> bool:  # noqa: ARG002 - the signature of every predicate
        return value is not True

    @property
    def probes(self) -> Probes:
        return Probes(special=frozenset({"boolean"}))


@dataclass(frozen=True, slots=True)
class _OfSource:
    """A question about ``source``, asked of the record's eventSource."""

    inner: Predicate

    def holds(self, value: Any, rules: Rules) -> bool:
        return self.inner.holds(_source(str(value)), rules)

    @property
    def probes(self) -> Probes:
        texts = tuple(f"{text.removeprefix('aws.')}{_SUFFIX}" for text in self.inner.probes.texts)
        return Probes(texts=(*texts, *_SOME_SOURCES) if self.inner.probes.languages else texts)


@dataclass(frozen=True, slots=True)
class _OfType:
    """A question about ``detail-type``, asked of the record's eventType."""

    inner: Predicate

    def holds(self, value: Any, rules: Rules) -> bool:
        return self.inner.holds(DETAIL_TYPES.get(str(value), ABSENT), rules)

    @property
    def probes(self) -> Probes:
        return Probes(texts=tuple(DETAIL_TYPES))


_SAME: Mapping[str, Keys] = {
    "account": ACCOUNT,
    "region": REGION,
    "time": ("eventTime",),
    "id": ("eventID",),
}
"""Fields of the envelope that repeat one of the record."""


def _inside(formula: Formula) -> Formula:  # noqa: PLR0911 - one line for each field of the envelope
    """Turn tests about the envelope into tests about the record."""
    if not isinstance(formula, Test):
        return type(formula)(tuple(_inside(part) for part in formula.parts))
    keys, inner, words = formula.path.keys, formula.predicate, formula.words
    if len(keys) > 1 and keys[0] == "detail":
        return Test(Path(keys[1:], formula.path.text, through_arrays=True), inner, words)
    match keys:
        case ("source",):
            return Test(Path(EVENT_SOURCE, "source"), _OfSource(inner), words)
        case ("detail-type",):
            return Test(Path(EVENT_TYPE, "detail-type"), _OfType(inner), words)
        case (str() as name,) if name in _SAME:
            return Test(Path(_SAME[name], name), inner, words)
        case ("detail",):
            return _settled(formula, {})
        case ("version",):
            return _settled(formula, "0")
    # whatever else stands beside "detail" is not in the event: a key at the wrong level never matches
    return _settled(formula, ABSENT)


def _settled(test: Test, value: Any) -> Formula:
    if test.predicate.holds(value, RULES):
        return ALWAYS
    return Test(test.path, _Never(), test.words)


@dataclass(frozen=True, slots=True)
class _Never:
    """A test that no event fulfils, kept so that it can be named."""

    def holds(self, value: Any, rules: Rules) -> bool:  # noqa: ARG002 - the signature of every predicate
        return False

    @property
    def probes(self) -> Probes:
        return Probes()
