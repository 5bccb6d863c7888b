"""What a trail's event selectors let through, classic and advanced ones alike.

Source: CloudTrail User Guide, "Logging management events", "Logging data events" and "Advanced event selectors".
Selectors of a trail add up, reads and writes each by themselves; the fields of one advanced selector narrow each other.
"""

import re
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
_OBJECTS = "AWS::S3::Object"
_BUCKET = re.compile(r"[a-z0-9.-]*")
"""What names of buckets consist of: S3 User Guide, "Bucket naming rules"."""
_WRITES_ONLY = frozenset({"AWS::Lambda::Function"})
"""Types whose data events are all writes: Lambda records ``Invoke``, and no read."""
_OPERATORS = ("Equals", "NotEquals", "StartsWith", "NotStartsWith", "EndsWith", "NotEndsWith")


@dataclass(frozen=True, slots=True)
class Management:
    """What one selector records of management events.

    Args:
        access: ``read`` and ``write``, as far as recorded.
        excluded: event sources left out, such as ``kms.amazonaws.com``.
        narrowed_by: fields of an advanced selector that leave out events in another way.
        only: the event sources recorded, where a selector names them one by one.
    """

    access: frozenset[str]
    excluded: frozenset[str] = frozenset()
    narrowed_by: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()


def left_out(found: Sequence[Management], access: str) -> frozenset[str] | None:
    """Return the event sources whose events of one access no selector records; None where no selector records it.

    Args:
        found: the selectors of one trail, or of several.
        access: ``read`` or ``write``.
    """
    excluded = [one.excluded for one in found if access in one.access and not one.narrowed_by]
    if not excluded:
        return None
    added = [one.only for one in found if access in one.access and one.narrowed_by == {"eventSource"}]
    return frozenset.intersection(*excluded).difference(*added)


@dataclass(frozen=True, slots=True)
class DataEvents:
    """What one selector records of events on resources of one type.

    Args:
        access: ``read`` and ``write``, as far as recorded; only what the type has.
        only: beginnings of ARNs that are recorded; None for all.
        single: whole ARNs and ends of ARNs that are recorded besides; they make up no resource as a whole.
        but: beginnings of ARNs that are left out.
        but_single: whole ARNs that are left out.
        but_ending: ends of ARNs that are left out.
        narrowed_by: fields that leave out events in another way; such a selector covers no resource as a whole.
    """

    access: frozenset[str]
    only: tuple[str, ...] | None
    single: tuple[str, ...] = ()
    but: tuple[str, ...] = ()
    but_single: tuple[str, ...] = ()
    but_ending: tuple[str, ...] = ()
    narrowed_by: frozenset[str] = frozenset()

    def covers_all(self) -> bool:
        """Say whether events on every resource of the type, present and future, are recorded."""
        return not (self.narrowed_by or self.but or self.but_single or self.but_ending) and self.only is None

    def limits(self) -> str:
        """Say which resources are recorded where it is not all of them."""
        if self.narrowed_by:
            return f"only events chosen by {some(sorted(self.narrowed_by))}"
        if self.only is not None:
            return f"only {some([*self.only, *self.single])}"
        return f"all but {some([*self.but, *self.but_single, *(f'...{end}' for end in self.but_ending)])}"

    def covers(self, bucket_arn: str) -> bool:
        """Say whether all objects of one bucket are recorded."""
        objects = f"{bucket_arn}/"
        if self.narrowed_by or self.but_ending:
            return False
        if any(_overlap(prefix, objects) for prefix in self.but) or any(
            one.startswith(objects) for one in self.but_single
        ):
            return False
        return self.only is None or any(objects.startswith(prefix) for prefix in self.only)


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
                only = None if any(value in every for value in values) else tuple(map(_whole_bucket, values))
                found.append(DataEvents(_CLASSIC[text(selector, "ReadWriteType")] & _of_kind(kind), only))
    found.extend(
        _advanced_data(fields, kind, partition)
        for fields in _advanced(answer, "Data")
        if kind in _values(fields, "resources.type", "Equals")
    )
    return tuple(one for one in found if one.access)


def _of_kind(kind: str) -> frozenset[str]:
    """Return the accesses that a type of resource has data events of."""
    return frozenset({WRITE}) if kind in _WRITES_ONLY else _BOTH


def accesses(kind: str) -> tuple[str, ...]:
    """Return the accesses that a type of resource has data events of, in order of their names."""
    return tuple(sorted(_of_kind(kind)))


def _whole_bucket(value: str) -> str:
    """Return a classic selector's value as a beginning of ARNs: a bucket by name alone is not a beginning of names."""
    return value if "/" in value or ":s3:::" not in value else f"{value}/"


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
    only = frozenset(_values(fields, "eventSource", "Equals"))
    return Management(_access(fields), excluded, frozenset(narrowed), only - excluded)


def _advanced_data(fields: Fields, kind: str, partition: str) -> DataEvents:
    """Read one advanced selector: values of positive operators add up, those of negative ones all hold beside them."""

    def values(operator: str) -> tuple[str, ...]:
        return _values(fields, "resources.ARN", operator)

    beginnings, single = values("StartsWith"), values("Equals") + values("EndsWith")
    every = any(prefix in _every_arn(kind, partition) for prefix in beginnings)
    return DataEvents(
        access=_access(fields) & _of_kind(kind),
        only=None if every or not (beginnings or single) else beginnings,
        single=single,
        but=tuple(value for value in values("NotStartsWith") if _may_begin(value, kind, partition)),
        but_single=tuple(value for value in values("NotEquals") if _may_be(value, kind, partition)),
        but_ending=values("NotEndsWith"),
        narrowed_by=frozenset(name for name in fields if name not in _DATA_FIELDS),
    )


def _may_begin(value: str, kind: str, partition: str) -> bool:
    """Say whether the ARN of a resource of a type may begin so; patterns are no part of this language."""
    if kind != _OBJECTS:
        return "*" not in value
    beginning = f"arn:{partition}:s3:::"
    if not value.startswith(beginning):
        return beginning.startswith(value)
    return _BUCKET.fullmatch(value.removeprefix(beginning).partition("/")[0]) is not None


def _may_be(value: str, kind: str, partition: str) -> bool:
    """Say whether a resource of a type may have this very ARN; that of an object names a bucket and a key."""
    if kind != _OBJECTS:
        return "*" not in value
    beginning = f"arn:{partition}:s3:::"
    bucket, _, key = value.removeprefix(beginning).partition("/")
    return value.startswith(beginning) and bool(key) and _BUCKET.fullmatch(bucket) is not None


def _access(fields: Fields) -> frozenset[str]:
    if "readOnly" not in fields:
        return _BOTH
    values = _values(fields, "readOnly", "Equals")
    if _other_operators(fields["readOnly"], "Equals") or not values:
        raise ValueError("readOnly in an advanced event selector knows Equals only")
    return frozenset().union(*(_BY_READ_ONLY[value.lower()] for value in values))


def _other_operators(field: Mapping[str, Any], *known: str) -> bool:
    return any(optional_list(field, operator) for operator in _OPERATORS if operator not in known)
