"""What is known about trails, log groups, filters, alarms, topics and rules, as far as detection depends on it.

Plain values: ``checks/monitoring.py`` reads them from evidence, ``patterns/infrastructure.py`` from infrastructure
code.
``ref`` is the place in the evidence that a value comes from, as ``EV-0001#/pages/0/key/2``; empty where there is none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Trail:
    """A trail and its state.

    Args:
        arn: names the owning account too.
        home_region: where it is configured and delivers to CloudWatch Logs.
        multi_region: whether it records every Region and the global services.
        organization: whether it is an organization's trail.
        group_arn: its log group; empty when it has none.
        logging: None when its status could not be read.
        delivery_error: the last error of delivery to the log group; empty when there is none.
        delivered: the last delivery to the log group, aware UTC.
        reads: whether read-only management events are recorded.
        writes: whether other management events are recorded.
        excluded: event sources that are left out of management events.
        unread: why status or selectors are unknown; empty when they are known.
    """

    arn: str
    home_region: str
    multi_region: bool
    organization: bool
    group_arn: str
    logging: bool | None = True
    delivery_error: str = ""
    delivered: datetime | None = None
    reads: bool = True
    writes: bool = True
    excluded: frozenset[str] = frozenset()
    unread: str = ""
    ref: str = ""

    @property
    def name(self) -> str:
        """The trail's name."""
        return self.arn.rpartition("/")[2]

    @property
    def account(self) -> str:
        """The account that owns it."""
        parts = self.arn.split(":")
        return parts[4] if len(parts) > 4 else ""  # noqa: PLR2004 - the fifth part of an ARN


@dataclass(frozen=True, slots=True)
class Group:
    """A log group. ``kind`` is its class; AWS leaves it out for standard ones."""

    name: str
    region: str
    kind: str = "STANDARD"
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Filter:
    """A metric filter with its one transformation.

    Args:
        name: the filter's name.
        group: its log group's name.
        region: where both are.
        pattern: the filter pattern as stored.
        namespace: of the metric.
        metric: the metric's name.
        value: ``metricValue`` as written.
        default: ``defaultValue``; None when there is none.
        unit: of the metric; empty means none.
        dimensions: names of dimensions that it emits.
        selection: ``fieldSelectionCriteria``, which narrows a centralised group by account and Region.
        transformed: whether it sees the transformed record.
    """

    name: str
    group: str
    region: str
    pattern: str
    namespace: str
    metric: str
    value: str = "1"
    default: float | None = None
    unit: str = ""
    dimensions: frozenset[str] = frozenset()
    selection: str = ""
    transformed: bool = False
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """One metric that an alarm looks at. ``account`` is set when it lies in another account."""

    namespace: str
    metric: str
    dimensions: tuple[tuple[str, str], ...] = ()
    unit: str = ""
    account: str = ""


@dataclass(frozen=True, slots=True)
class Alarm:
    """A metric alarm.

    Args:
        name: the alarm's name.
        arn: what composite alarms and actions call it.
        region: where it is.
        series: the metrics whose sum it watches; empty when that could not be read.
        unread: why its metrics could not be read, such as an expression that is no plain sum.
        statistic: ``Sum``, ``Maximum`` ...; empty for percentiles.
        period: seconds.
        periods: ``EvaluationPeriods``.
        datapoints: ``DatapointsToAlarm``; the same as ``periods`` when AWS leaves it out.
        threshold: None for anomaly detection.
        comparison: ``ComparisonOperator``.
        missing_data: ``TreatMissingData``.
        fills: whether its expression puts zeros where data are missing.
        actions_enabled: ``ActionsEnabled``.
        actions: ``AlarmActions``.
        state: ``StateValue``.
        since: when it entered that state, aware UTC.
        mute: a mute rule or suppressor that can keep its actions back; empty when there is none.
    """

    name: str
    arn: str
    region: str
    series: tuple[Series, ...]
    unread: str = ""
    statistic: str = "Sum"
    period: int = 300
    periods: int = 1
    datapoints: int = 1
    threshold: float | None = 1.0
    comparison: str = "GreaterThanOrEqualToThreshold"
    missing_data: str = "missing"
    fills: bool = False
    actions_enabled: bool = True
    actions: tuple[str, ...] = ()
    state: str = ""
    since: datetime | None = None
    mute: str = ""
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Composite:
    """A composite alarm. ``suppressor`` is the alarm that can keep its actions back."""

    name: str
    arn: str
    region: str
    rule: str
    actions_enabled: bool = True
    actions: tuple[str, ...] = ()
    suppressor: str = ""
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription to a topic; AWS shows ``PendingConfirmation`` or ``Deleted`` in place of an ARN."""

    arn: str
    protocol: str
    ref: str = ""

    @property
    def confirmed(self) -> bool:
        """Whether messages are delivered to it."""
        return self.arn.startswith("arn:")


@dataclass(frozen=True, slots=True)
class Topic:
    """An SNS topic.

    Args:
        arn: the topic.
        policy: its access policy, parsed; None when it could not be read.
        key: its KMS key; empty when it is not encrypted.
        subscriptions: all of them.
    """

    arn: str
    policy: Mapping[str, Any] | None
    key: str = ""
    subscriptions: tuple[Subscription, ...] = ()
    ref: str = ""

    @property
    def name(self) -> str:
        """The topic's name."""
        return self.arn.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class Rule:
    """An EventBridge rule on the default bus. ``targets`` are ARNs."""

    name: str
    region: str
    pattern: str
    state: str
    targets: tuple[str, ...] = ()
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that is known about detection in one account.

    Args:
        account: twelve digits.
        partition: ``aws``, ``aws-cn`` or ``aws-us-gov``.
        regions: those of the audit.
        as_of: the run's moment, aware UTC.
    """

    account: str
    partition: str
    regions: tuple[str, ...]
    as_of: datetime
    trails: tuple[Trail, ...] = ()
    groups: tuple[Group, ...] = ()
    filters: tuple[Filter, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    composites: tuple[Composite, ...] = ()
    topics: Mapping[str, Topic] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    functions: frozenset[str] | None = None
    """ARNs of Lambda functions; None when they were not listed."""
