"""What is known about trails, log groups, filters, alarms, topics and rules, as far as detection depends on it.

Plain values: ``checks/chain_facts.py`` reads them from evidence, ``patterns/infrastructure.py`` from code. ``ref`` is
the place in the evidence that a value comes from, as ``EV-0001#/pages/0/key/2``; empty where there is none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from auditor.policies.document import Policy


@dataclass(frozen=True, slots=True)
class Trail:
    """A trail and its state.

    Args:
        arn: names the owning account too.
        home_region: where it is configured and delivers to CloudWatch Logs.
        multi_region: whether it records every Region and the global services.
        organization: whether it is an organization's trail.
        group_arn: its log group; empty when it has none.
        logging: None when its status could not be read; what stands with it then counts as good.
        delivery_error: the last error of delivery to the log group; empty when there is none.
        delivered: the last delivery to the log group, aware UTC.
        reads: whether read-only management events are recorded.
        writes: whether other management events are recorded.
        excluded: event sources whose management events other than reads are left out.
        excluded_reads: event sources whose read-only management events are left out.
        unread: why status or selectors are unknown; empty when they are known.
        unseen: why it is not known that another account's trail delivers the events of this one; empty when it is.
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
    excluded_reads: frozenset[str] = frozenset()
    unread: str = ""
    ref: str = ""
    unseen: str = ""

    @property
    def name(self) -> str:
        """The trail's name."""
        return self.arn.rpartition("/")[2]

    @property
    def account(self) -> str:
        """The account that owns it."""
        parts = self.arn.split(":")
        return parts[4] if len(parts) > 4 else ""  # noqa: PLR2004 - the fifth part of an ARN

    @property
    def delivers_to(self) -> "GroupPlace | None":
        """Where its log group is; None where it has none, or where the ARN cannot be read."""
        parts = self.group_arn.split(":")
        if len(parts) < 7:  # noqa: PLR2004 - arn:partition:logs:region:account:log-group:name
            return None
        return GroupPlace(parts[3], parts[4], parts[6])


@dataclass(frozen=True, slots=True)
class GroupPlace:
    """Where a log group is, by its ARN."""

    region: str
    account: str
    name: str


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
        evaluation: ``EvaluationState``; empty when AWS reports no trouble.
        warm_up: ``certain`` or ``possible`` while a warm-up period keeps it from acting; empty otherwise.
        interval: seconds between evaluations, where AWS names them; 0 otherwise.
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
    evaluation: str = ""
    warm_up: str = ""
    interval: int = 0
    ref: str = ""


@dataclass(frozen=True, slots=True)
class LogAlarm:
    """An alarm on a scheduled query over log groups.

    Args:
        name: the alarm's name.
        arn: what composite alarms and actions call it.
        region: where it is.
        query: ``QueryString``.
        groups: names or ARNs of the log groups that it looks at.
        needed: how many results have to breach (``QueryResultsToAlarm``).
        comparison: ``ComparisonOperator``.
        evaluation: ``EvaluationState``; empty when AWS reports no trouble.
        warm_up: as for a metric alarm.
        actions_enabled: ``ActionsEnabled``.
        actions: ``AlarmActions``.
    """

    name: str
    arn: str
    region: str
    query: str
    groups: tuple[str, ...]
    needed: int = 1
    comparison: str = "GreaterThanOrEqualToThreshold"
    evaluation: str = ""
    warm_up: str = ""
    actions_enabled: bool = True
    actions: tuple[str, ...] = ()
    ref: str = ""


@dataclass(frozen=True, slots=True)
class MuteRule:
    """A rule that keeps the actions of alarms back at certain times.

    Args:
        name: the rule's name.
        region: where it and its alarms are.
        alarms: names of the alarms that it mutes; None when AWS does not say.
        expression: ``cron(...)`` or ``at(...)``.
        duration: ISO 8601.
        timezone: of the expression; empty means UTC.
        starts: not before this moment, aware UTC.
        expires: not after this moment, aware UTC.
        status: ``ACTIVE``, ``SCHEDULED`` or ``EXPIRED``, as AWS says; empty when it does not.
    """

    name: str
    region: str
    alarms: frozenset[str] | None
    expression: str
    duration: str
    timezone: str = ""
    starts: datetime | None = None
    expires: datetime | None = None
    status: str = ""
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Composite:
    """A composite alarm. ``suppressor`` is the alarm that can keep its actions back, ``suppressed`` what does now."""

    name: str
    arn: str
    region: str
    rule: str
    actions_enabled: bool = True
    actions: tuple[str, ...] = ()
    suppressor: str = ""
    suppressed: str = ""
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
class Key:
    """A KMS key that a topic is encrypted with.

    Args:
        arn: the key; empty when its name led to none.
        policy: its key policy, parsed; None when it could not be read.
        aws_managed: whether it is one of AWS's own, whose policy lets no other service use it.
        unread: why its policy is not known; empty when it is.
        state: as KMS names it; only an enabled key encrypts.
    """

    arn: str
    policy: Policy | None
    aws_managed: bool = False
    unread: str = ""
    ref: str = ""
    state: str = "Enabled"


@dataclass(frozen=True, slots=True)
class Topic:
    """An SNS topic.

    Args:
        arn: the topic.
        policy: its access policy, parsed; None when it could not be read.
        key: what it calls its KMS key; empty when it is not encrypted.
        subscriptions: all of them, or those that were read.
        cipher: that key; None when it was not looked at.
        unread: why there could be further subscriptions; empty when there are none.
    """

    arn: str
    policy: Policy | None
    key: str = ""
    subscriptions: tuple[Subscription, ...] = ()
    ref: str = ""
    cipher: Key | None = None
    unread: str = ""

    @property
    def name(self) -> str:
        """The topic's name."""
        return self.arn.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class Rule:
    """An EventBridge rule on the default bus.

    ``targets`` are ARNs, ``unread`` says why there could be further ones; ``arn`` is empty where it is not known.
    """

    name: str
    region: str
    pattern: str
    state: str
    targets: tuple[str, ...] = ()
    ref: str = ""
    arn: str = ""
    unread: str = ""


@dataclass(frozen=True, slots=True)
class Reaction:
    """What a rule hands events to: a function, a state machine or an event bus.

    Args:
        arn: as the rule names it.
        exists: None when that is not known.
        trouble: why it cannot act, such as a failed function; empty when nothing is known against it.
        policy: a function's own policy, parsed; None when it has none or it is not known.
        unread: what is not known of it, and why; empty when everything is.
        concurrency: a function's reserved concurrency; None for none.
        dead_letters: the queue or topic that a function hands failed events to; empty for none.
    """

    arn: str
    exists: bool | None = None
    trouble: str = ""
    policy: Policy | None = None
    unread: str = ""
    concurrency: int | None = None
    dead_letters: str = ""
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Sharing:
    """An OAM link by which the account shares a Region's metrics with a monitoring account."""

    arn: str
    region: str
    account: str
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that is known about detection in one account.

    Args:
        account: twelve digits.
        partition: ``aws``, ``aws-cn`` or ``aws-us-gov``.
        regions: those of the audit.
        as_of: the run's moment, aware UTC.
        mutes: rules that keep actions of alarms back.
        unread_mutes: Region -> why its mute rules are not known.
        sharings: with whom metrics are shared.
        unread_sharings: Region -> why that is not known.
        attached: ARNs of the links that other accounts have attached to this one's sinks; None when not looked at.
        reactions: what rules hand events to, by ARN; what is not in it was not looked at.
        unread: (what, Region) -> why there could be more of it than is listed here; what is ``trails`` (with an empty
            Region, as every Region shows those that count), ``groups``, ``filters``, ``alarms``, ``topics``, ``rules``.
        others: the facts of further accounts of the same run, by account id, as far as something leads to them.
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
    log_alarms: tuple[LogAlarm, ...] = ()
    mutes: tuple[MuteRule, ...] = ()
    unread_mutes: Mapping[str, str] = field(default_factory=dict)
    sharings: tuple[Sharing, ...] = ()
    unread_sharings: Mapping[str, str] = field(default_factory=dict)
    attached: frozenset[str] | None = None
    reactions: Mapping[str, Reaction] = field(default_factory=dict)
    unread: Mapping[tuple[str, str], str] = field(default_factory=dict)
    others: Mapping[str, "Facts"] = field(default_factory=dict)

    def gap(self, what: str, region: str = "") -> str:
        """Return why there could be more of something in a Region than is known; empty when there cannot."""
        return self.unread.get((what, region), "")

    def of(self, account: str) -> "Facts | None":
        """Return what is known of an account: of this one, of another one of the run, or nothing."""
        return self if account == self.account else self.others.get(account)
