"""Joins the parts: evidence in, an estimate out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from auditor.cost.advice import advice
from auditor.cost.audited import audited
from auditor.cost.estimate import Estimate, Item, NotKnown, Pricing, month_factor
from auditor.cost.facts import Facts
from auditor.cost.kept import buckets, deliveries, keys, log_groups
from auditor.cost.measured import counts_in
from auditor.cost.prices import Prices
from auditor.cost.recorded import Counts, recorded
from auditor.cost.trails import Trail, recording, trails
from auditor.cost.watched import watched
from auditor.evidence.operations import Operation
from auditor.evidence.store import Evidence

NEVER_ASKED: Final = (
    ("CloudTrail Lake", "event data stores", "this product does not ask for them"),
    ("S3", "digest files, older versions, moves between classes, server access logs", "nobody counts them"),
    ("transfer", "data that leaves a Region", "no answer of AWS tells how much it was"),
    (
        "other services",
        "Config, GuardDuty, Security Hub, flow logs, notifications, functions",
        "not part of this estimate",
    ),
)
"""What may cost money and is told by no evidence."""


def estimate(
    evidence: Evidence,
    prices: Prices,
    operations: Mapping[str, Operation],
    *,
    calls: Any = None,
    counts: Mapping[str, Counts] | None = None,
    searched: Sequence[str] = (),
) -> Estimate:
    """Say what logging costs in every account of the evidence.

    Args:
        evidence: a closed evidence folder.
        prices: list prices.
        operations: what was asked, by name.
        calls: the run's own calls as ``calls.json`` counts them.
        counts: the events of the period by account; None takes what the run itself counted. Accounts without are told
            by sums of log files.
        searched: what the counts come from, and what was not searched for them.

    Raises:
        IntegrityError: an evidence file was changed.
    """
    if counts is None:
        counts, searched = counts_in(evidence)
    items: list[Item] = []
    proposals: list[Mapping[str, Any]] = []
    for account in evidence.run.accounts:
        known = counts.get(account.id)
        facts = Facts(evidence, account, operations)
        items += _account(facts, prices, calls, known)
        if known is not None:
            pricing = Pricing(prices, account.id, month_factor(evidence.run.period))
            proposals += advice(pricing, recording(trails(facts)[0]), known)
    accounts = tuple(item.id for item in evidence.run.accounts)
    return Estimate(accounts, evidence.run.period, tuple(items), prices, tuple(proposals), tuple(searched))


def _account(facts: Facts, prices: Prices, calls: Any, counts: Counts | None) -> Iterator[Item]:
    account = facts.account
    pricing = Pricing(prices, account.id, month_factor(facts.run.period))
    found, lost = trails(facts)
    yield from lost
    logging = recording(found)
    yield from _silent(account.id, found)
    if counts is not None and not counts.whole:
        why = "the event store does not hold the whole period with proof; what it lacks is said beside the estimate"
        yield NotKnown("events", "events that were not searched", why, account.id, gap=True)
    yield from recorded(pricing, logging, counts)
    yield from log_groups(pricing, facts, logging)
    yield from buckets(pricing, facts, logging)
    yield from keys(pricing, facts, logging)
    yield from deliveries(pricing, logging)
    yield from watched(pricing, facts)
    yield from (NotKnown(area, what, why, account.id) for area, what, why in NEVER_ASKED)
    yield from audited(pricing, facts, logging, calls)


def _silent(account: str, found: tuple[Trail, ...]) -> Iterator[Item]:
    for trail in found:
        if trail.logging is None:
            yield NotKnown("trails", trail.name, "it is not known whether it records", account, trail.home, gap=True)
        elif not trail.logging:
            why = "it does not record now; what it recorded earlier in the period is not counted"
            yield NotKnown("trails", trail.name, why, account, trail.home)
