"""Reads a trail that is written in the code: what it records, and where it delivers."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from auditor.monitoring.chain.facts import Trail
from auditor.monitoring.infrastructure.values import ACCOUNT, REGION, Resource, Unknown, unknowns


def trail_of(
    resource: Resource, values: Mapping[str, Any], group_name: Callable[[Any], str], *, hopeful: bool, now: datetime
) -> Trail:
    """Return a trail; what is open counts for it in the better world and against it in the worse.

    Args:
        resource: the trail.
        values: its properties as CloudFormation names them.
        group_name: turns a log group's name or ARN into its name.
        hopeful: which world.
        now: what stands for the time of the last delivery.
    """
    reads, writes, excluded = _selected(values, hopeful=hopeful)
    group = values.get("CloudWatchLogsLogGroupArn")
    name = values.get("TrailName")
    called = name if isinstance(name, str) and name else resource.address
    delivers = bool(group)
    return Trail(
        arn=f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/{called}",
        home_region=REGION,
        multi_region=_is(values.get("IsMultiRegionTrail"), hopeful=hopeful, otherwise=False)
        and _is(values.get("IncludeGlobalServiceEvents"), hopeful=hopeful, otherwise=True),
        organization=True,
        group_arn=f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group_name(group)}:*" if delivers else "",
        logging=_is(values.get("IsLogging"), hopeful=hopeful, otherwise=True),
        delivered=now,
        reads=reads,
        writes=writes,
        excluded=excluded,
    )


def _is(value: Any, *, hopeful: bool, otherwise: bool) -> bool:
    if isinstance(value, Unknown):
        return hopeful
    if value is None:
        return otherwise
    return value is True or (isinstance(value, str) and value.strip().lower() == "true")


def _selected(values: Mapping[str, Any], *, hopeful: bool) -> tuple[bool, bool, frozenset[str]]:
    """Say which management events are recorded: reads, writes, and sources that are left out."""
    basic, advanced = values.get("EventSelectors"), values.get("AdvancedEventSelectors")
    if any(True for value in (basic, advanced) for _ in unknowns(value)):
        return hopeful, hopeful, frozenset()
    if advanced:
        return _advanced(advanced if isinstance(advanced, list) else [advanced])
    if not basic:
        return True, True, frozenset()
    reads = writes = False
    excluded: frozenset[str] | None = None
    for one in basic if isinstance(basic, list) else [basic]:
        if not isinstance(one, Mapping) or not _is(one.get("IncludeManagementEvents"), hopeful=True, otherwise=True):
            continue
        kind = str(one.get("ReadWriteType") or "All")
        reads, writes = reads or kind in {"All", "ReadOnly"}, writes or kind in {"All", "WriteOnly"}
        left_out = frozenset(map(str, one.get("ExcludeManagementEventSources") or ()))
        excluded = left_out if excluded is None else excluded & left_out
    return reads, writes, excluded or frozenset()


def _advanced(selectors: list[Any]) -> tuple[bool, bool, frozenset[str]]:
    reads = writes = False
    excluded: frozenset[str] | None = None
    for selector in selectors:
        fields = selector.get("FieldSelectors") if isinstance(selector, Mapping) else None
        listed = [one for one in (fields if isinstance(fields, list) else [fields]) if isinstance(one, Mapping)]
        named = {str(one.get("Field")): one for one in listed}
        if "Management" not in _texts(named.get("eventCategory", {}).get("Equals")):
            continue
        if set(named) - {"eventCategory", "readOnly", "eventSource"}:
            continue  # it takes only some of them
        only = _texts(named.get("readOnly", {}).get("Equals"))
        source = named.get("eventSource", {})
        if set(source) - {"Field", "NotEquals"}:
            continue
        reads, writes = reads or "false" not in only, writes or "true" not in only
        left_out = frozenset(_texts(source.get("NotEquals")))
        excluded = left_out if excluded is None else excluded & left_out
    return reads, writes, excluded or frozenset()


def _texts(value: Any) -> list[str]:
    return [str(one).lower() if isinstance(one, bool) else str(one) for one in value] if isinstance(value, list) else []
