"""Which events a trail records, by its selectors, over groups of events.

What a group does not tell is None, never a guess.

Source: CloudTrail User Guide, "Logging management events", "Logging data events", "Advanced event selectors".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

MANAGEMENT, DATA = "Management", "Data"


@dataclass(frozen=True, slots=True)
class Group:
    """Events that have everything in common that is said here.

    Args:
        account: that received them.
        region: where.
        category: ``Management``, ``Data``, ``Insight`` or ``NetworkActivity``; empty where the records do not say.
        source: the service, such as ``s3.amazonaws.com``.
        name: of the call.
        read_only: None where the records do not say.
        type: of the resource that a data event is about, such as ``AWS::S3::Object``; may be empty.
        resource: its ARN, or the beginning that all have in common, with a closing ``/``; may be empty.
        number: how many.
    """

    account: str
    region: str
    category: str
    source: str
    name: str
    read_only: bool | None
    type: str
    resource: str
    number: int


def records(answer: Mapping[str, Any] | None, group: Group) -> bool | None:
    """Say whether a trail records a group of events.

    Args:
        answer: a ``GetEventSelectors`` answer; None where it is missing.
        group: the events.

    Returns:
        None where it records some of them, or where that cannot be told.
    """
    if answer is None:
        return None
    try:
        classic = [_classic(item, group) for item in answer.get("EventSelectors") or ()]
        advanced = [advanced_records(item, group) for item in answer.get("AdvancedEventSelectors") or ()]
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return _any([*classic, *advanced])


def _any(parts: Sequence[bool | None]) -> bool | None:
    return True if True in parts else None if None in parts else False


def _all(parts: Sequence[bool | None]) -> bool | None:
    return False if False in parts else None if None in parts else True


_ACCESS: Final = {"All": None, "ReadOnly": True, "WriteOnly": False}


def _classic(selector: Mapping[str, Any], group: Group) -> bool | None:
    wanted = _ACCESS[selector.get("ReadWriteType", "All")]
    access = True if wanted is None else None if group.read_only is None else group.read_only is wanted
    if not group.category:
        return None
    if group.category == MANAGEMENT:
        if not selector.get("IncludeManagementEvents", True):
            return False
        return _all([access, group.source not in (selector.get("ExcludeManagementEventSources") or ())])
    if group.category != DATA:
        return False
    asked = [
        _resource(values, group)
        for values in selector.get("DataResources") or ()
        if not group.type or values["Type"] == group.type
    ]
    found = _any(asked)
    return _all([access, None if found and not group.type else found])


def _resource(resource: Mapping[str, Any], group: Group) -> bool | None:
    return _any([_starts(group.resource, _whole(str(value)), closed=False) for value in resource.get("Values") or ()])


def _whole(value: str) -> str:
    """Return a classic selector's value as a beginning of ARNs: a bucket by name alone is no beginning of names."""
    bucket = value.partition(":s3:::")[2]
    return f"{value}/" if bucket and "/" not in bucket else value


def _starts(known: str, beginning: str, *, closed: bool) -> bool | None:
    """Say whether every ARN that begins with what is known begins with something."""
    if known.startswith(beginning):
        return True
    return None if not closed and (not known or beginning.startswith(known)) else False


def advanced_records(selector: Mapping[str, Any], group: Group) -> bool | None:
    """Say whether one advanced selector records a group of events."""
    return _all([_field(item, group) for item in selector["FieldSelectors"]])


def _field(item: Mapping[str, Any], group: Group) -> bool | None:
    field = item["Field"]
    known = {
        "eventCategory": group.category,
        "eventSource": group.source,
        "eventName": group.name,
        "readOnly": "" if group.read_only is None else str(group.read_only).lower(),
        "resources.type": group.type,
        "resources.ARN": group.resource,
    }.get(field, "")
    whole = field != "resources.ARN" or (bool(known) and not known.endswith("/"))
    wanted: list[bool | None] = []
    parts: list[bool | None] = []
    for operator, match in _OPERATORS.items():
        wanted += [match(known, str(value), whole) if known else None for value in item.get(operator) or ()]
        for value in item.get(f"Not{operator}") or ():
            found = match(known, str(value), whole) if known else None
            parts.append(None if found is None else not found)
    if wanted:
        parts.append(_any(wanted))
    return _all(parts) if parts else None


def _equals(known: str, value: str, whole: bool) -> bool | None:
    if whole:
        return known == value
    return None if value.startswith(known) else False


def _begins(known: str, value: str, whole: bool) -> bool | None:
    return _starts(known, value, closed=whole)


def _ends(known: str, value: str, whole: bool) -> bool | None:
    return known.endswith(value) if whole else None


_OPERATORS: Final = {"Equals": _equals, "StartsWith": _begins, "EndsWith": _ends}
