"""What a trail's event selectors let through, classic and advanced ones alike.

Source: CloudTrail User Guide, "Logging management events", "Logging data events" and "Advanced event selectors".
Selectors of a trail add up; the fields of one advanced selector narrow each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.evaluate.checks.fields import flag, listed, optional_list, some, text

READ = "read"
WRITE = "write"
_BOTH = frozenset({READ, WRITE})
_CLASSIC = {"All": _BOTH, "ReadOnly": frozenset({READ}), "WriteOnly": frozenset({WRITE})}
_BY_READ_ONLY = {"true": frozenset({READ}), "false": frozenset({WRITE})}
_LEFT_OUT_BY_CHOICE = frozenset({"kms.amazonaws.com", "rdsdata.amazonaws.com"})
"""Sources that CloudTrail lets a trail leave out because they are many; without another one it records less."""
_MANAGEMENT_FIELDS = frozenset({"eventCategory", "readOnly", "eventSource"})
_DATA_FIELDS = frozenset({"eventCategory", "readOnly", "resources.type", "resources.ARN"})
_OPERATORS = ("Equals", "NotEquals", "StartsWith", "NotStartsWith", "EndsWith", "NotEndsWith")


@dataclass(frozen=True, slots=True)
class Management:
    """What one selector records of management events.

    Args:
        access: ``read`` and ``write``, as far as recorded.
        excluded: event sources left out, such as ``kms.amazonaws.com``.
        narrowed_by: fields of an advanced selector that leave out events in another way.
    """

    access: frozenset[str]
    excluded: frozenset[str] = frozenset()
    narrowed_by: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class DataEvents:
    """What one selector records of events on resources of one type.

    Args:
        access: ``read`` and ``write``, as far as recorded.
        only: prefixes of ARNs that are recorded; None for all.
        but: prefixes of ARNs that are left out.
        narrowed_by: fields that leave out events in another way; such a selector covers no resource as a whole.
    """

    access: frozenset[str]
    only: tuple[str, ...] | None
    but: tuple[str, ...] = ()
    narrowed_by: frozenset[str] = frozenset()

    def covers_all(self) -> bool:
        """Say whether events on every resource of the type, present and future, are recorded."""
        return not self.narrowed_by and self.only is None and not self.but

    def limits(self) -> str:
        """Say which resources are recorded where it is not all of them."""
        if self.narrowed_by:
            return f"only events chosen by {some(sorted(self.narrowed_by))}"
        return f"only {some(self.only)}" if self.only is not None else f"all but {some(self.but)}"

    def covers(self, bucket_arn: str) -> bool:
        """Say whether all objects of one bucket are recorded."""
        objects = f"{bucket_arn}/"
        if self.narrowed_by or any(_overlap(prefix, objects) for prefix in self.but):
            return False
        return self.only is None or any(prefix in (bucket_arn, objects) for prefix in self.only)


def _overlap(prefix: str, objects: str) -> bool:
    return prefix.startswith(objects) or objects.startswith(prefix)


def management(answer: Mapping[str, Any]) -> tuple[Management, ...]:
    """Return what each selector of a ``GetEventSelectors`` answer records of management events.

    Raises:
        KeyError, TypeError, ValueError: the answer is not of the documented form.
    """
    found = [_classic_management(selector) for selector in _classic(answer)]
    found.extend(_advanced_management(fields) for fields in _advanced(answer, "Management"))
    return tuple(item for item in found if item.access)


def data_events(answer: Mapping[str, Any], kind: str, *, partition: str) -> tuple[DataEvents, ...]:
    """Return what each selector of a ``GetEventSelectors`` answer records of events on resources of one type.

    Args:
        answer: the answer.
        kind: the type of resource, such as ``AWS::S3::Object``.
        partition: the account's, in which the ARNs are.

    Raises:
        KeyError, TypeError, ValueError: the answer is not of the documented form.
    """
    every = _every_arn(kind, partition)
    found: list[DataEvents] = []
    for selector in _classic(answer):
        for resource in optional_list(selector, "DataResources"):
            if text(resource, "Type") == kind and (values := tuple(map(str, optional_list(resource, "Values")))):
                only = None if any(value in every for value in values) else values
                found.append(DataEvents(_CLASSIC[text(selector, "ReadWriteType")], only))
    found.extend(
        _advanced_data(fields, every)
        for fields in _advanced(answer, "Data")
        if kind in _values(fields, "resources.type", "Equals")
    )
    return tuple(found)


def _every_arn(kind: str, partition: str) -> tuple[str, ...]:
    """Return the beginnings of ARNs that stand for all resources of a type; buckets name no Region and account."""
    service = kind.split("::")[1].lower() if kind.count("::") > 1 else kind
    return tuple(f"arn:{partition}:{service}{end}" for end in ("", ":", ":::"))


def _classic(answer: Mapping[str, Any]) -> Sequence[Any]:
    _check_present(answer)
    return optional_list(answer, "EventSelectors")


Fields = Mapping[str, Mapping[str, Any]]


def _advanced(answer: Mapping[str, Any], category: str) -> tuple[Fields, ...]:
    """Return the field selectors, by field name, of each advanced selector of one event category."""
    _check_present(answer)
    selectors = [
        _by_name(listed(selector, "FieldSelectors")) for selector in optional_list(answer, "AdvancedEventSelectors")
    ]
    return tuple(fields for fields in selectors if category in _values(fields, "eventCategory", "Equals"))


def _by_name(fields: Sequence[Any]) -> Fields:
    found = {text(item, "Field"): item for item in fields}
    if len(found) < len(fields):
        raise ValueError("an advanced event selector holds a field twice")
    return found


def _check_present(answer: Mapping[str, Any]) -> None:
    if "EventSelectors" not in answer and "AdvancedEventSelectors" not in answer:
        raise KeyError("EventSelectors")


def _values(fields: Fields, name: str, operator: str) -> tuple[str, ...]:
    return tuple(map(str, optional_list(fields[name], operator))) if name in fields else ()


def _classic_management(selector: Mapping[str, Any]) -> Management:
    if not flag(selector, "IncludeManagementEvents"):
        return Management(frozenset())
    excluded = frozenset(map(str, optional_list(selector, "ExcludeManagementEventSources")))
    beyond = {"ExcludeManagementEventSources"} if excluded - _LEFT_OUT_BY_CHOICE else ()
    return Management(_CLASSIC[text(selector, "ReadWriteType")], excluded, frozenset(beyond))


def _advanced_management(fields: Fields) -> Management:
    narrowed = {name for name in fields if name not in _MANAGEMENT_FIELDS}
    excluded = frozenset(_values(fields, "eventSource", "NotEquals"))
    beyond = excluded - _LEFT_OUT_BY_CHOICE
    if "eventSource" in fields and (beyond or _other_operators(fields["eventSource"], "NotEquals")):
        narrowed.add("eventSource")
    return Management(_access(fields), excluded, frozenset(narrowed))


def _advanced_data(fields: Fields, every: Sequence[str]) -> DataEvents:
    narrowed = {name for name in fields if name not in _DATA_FIELDS}
    only: tuple[str, ...] | None = None
    but: tuple[str, ...] = ()
    if arn := fields.get("resources.ARN"):
        if _other_operators(arn, "StartsWith", "NotStartsWith"):
            narrowed.add("resources.ARN")
        only = _values(fields, "resources.ARN", "StartsWith") or None
        if only and any(prefix in every for prefix in only):
            only = None
        but = _values(fields, "resources.ARN", "NotStartsWith")
    return DataEvents(_access(fields), only, but, frozenset(narrowed))


def _access(fields: Fields) -> frozenset[str]:
    if "readOnly" not in fields:
        return _BOTH
    values = _values(fields, "readOnly", "Equals")
    if _other_operators(fields["readOnly"], "Equals") or not values:
        raise ValueError("readOnly in an advanced event selector knows Equals only")
    return frozenset().union(*(_BY_READ_ONLY[value.lower()] for value in values))


def _other_operators(field: Mapping[str, Any], *known: str) -> bool:
    return any(optional_list(field, operator) for operator in _OPERATORS if operator not in known)
