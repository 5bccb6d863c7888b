"""What one audit costs: the requests of the run, and one scan of a month's log files in Athena for comparison."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from auditor.base.counts import counted
from auditor.cost.estimate import AUDIT, Item, NotKnown, Pricing
from auditor.cost.facts import UNREADABLE, Facts, count, text
from auditor.cost.trails import Trail

AREA, ATHENA = "the audit itself", "Athena"
_TB: Final = Decimal(1 << 40)
_LEAST: Final = 10 << 20
"""Bytes that Athena charges for a query at least."""
_LISTS: Final = frozenset({"ListObjects", "ListObjectsV2", "ListObjectVersions", "ListBuckets"})


def audited(pricing: Pricing, facts: Facts, trails: Sequence[Trail], calls: Any) -> Iterator[Item]:
    """Yield what the run that collected the evidence cost.

    Args:
        pricing: of the account.
        facts: its evidence.
        trails: those whose log files were read.
        calls: the run's own calls, as its ``calls.json`` counts them; None without one.
    """
    try:
        requests = _requests(calls)
    except UNREADABLE:
        why = "the evidence does not say which requests were made"
        yield NotKnown(AREA, "requests", why, pricing.account, gap=True, group=AUDIT)
        return
    yield from _objects(pricing, requests)
    yield from _metric_data(pricing, facts)
    yield from _decrypted(pricing, trails)
    yield from _scan(pricing, trails)
    others = sum(
        number
        for (service, operation, _), number in requests.items()
        if service != "s3" and (service, operation) != ("cloudwatch", "GetMetricData")
    )
    why = "most reads of AWS's services are free; no price is known here for those that are not"
    yield NotKnown(AREA, counted(others, "other request"), why, pricing.account, group=AUDIT)


def _requests(calls: Any) -> Counter[tuple[str, str, str]]:
    if not isinstance(calls, list):
        raise TypeError("calls")
    found: Counter[tuple[str, str, str]] = Counter()
    for item in calls:
        found[text(item, "service"), text(item, "operation"), text(item, "region")] += count(item, "requests")
    return found


def _objects(pricing: Pricing, requests: Mapping[tuple[str, str, str], int]) -> Iterator[Item]:
    kinds: Counter[tuple[str, bool]] = Counter()
    for (service, operation, region), number in requests.items():
        if service == "s3":
            kinds[region, operation in _LISTS] += number
    for (region, lists), number in sorted(kinds.items()):
        name, what = ("s3.put", "S3 lists") if lists else ("s3.get", "S3 objects and settings of buckets")
        note = "lists are charged like PUT" if lists else "settings as if they were charged like GET"
        yield from pricing.items(
            name, region, Decimal(number), area=AREA, what=what, formula=(
                f"{counted(number, 'request')} of this "
                "run"
            ), note=note,
            group=AUDIT,
        )  # fmt: skip


def _metric_data(pricing: Pricing, facts: Facts) -> Iterator[Item]:
    asked: Counter[str] = Counter()
    refs: list[str] = []
    for record in facts.records("cloudwatch:GetMetricData"):
        queries = dict(record.call.parameters).get("MetricDataQueries")
        asked[record.call.region] += len(queries) if isinstance(queries, list) else 0
        refs.append(record.ref)
    for region, number in sorted(asked.items()):
        yield from pricing.items(
            "cloudwatch.metric-data", region, Decimal(number), area=AREA, what="CloudWatch GetMetricData",
            formula=f"{counted(number, 'metric')} requested by this run", evidence=refs, group=AUDIT,
        )  # fmt: skip


def _decrypted(pricing: Pricing, trails: Sequence[Trail]) -> Iterator[Item]:
    for trail in trails:
        if trail.key and trail.volume is not None:
            files = trail.volume.files
            yield from pricing.items(
                "kms.requests", trail.home, Decimal(files), area=AREA, what=f"{trail.name}: log files decrypted",
                formula=f"{counted(files, 'log file')} x 1 request", note="at most: a bucket key makes it fewer",
                evidence=[trail.volume.ref], group=AUDIT,
            )  # fmt: skip


def _scan(pricing: Pricing, trails: Sequence[Trail]) -> Iterator[Item]:
    """Yield what one question about the whole period costs in Athena, which is asked for separately."""
    for trail in trails:
        if trail.volume is not None:
            size = max(trail.volume.stored, _LEAST)
            yield from pricing.items(
                "athena.scan", trail.home, size / _TB, area=ATHENA, what=f"{trail.name}: one question, if asked there",
                formula=f"{counted(trail.volume.stored, 'byte')}, at least {_LEAST:,}, / 2^40",
                evidence=[trail.volume.ref], group=AUDIT,
            )  # fmt: skip
