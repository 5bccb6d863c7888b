"""Judges whether trouble in databases and machines would be noticed: alarms, dashboards, observability."""

from collections.abc import Mapping
from typing import Any

from auditor.base.counts import counted
from auditor.evaluate.checks.connections import NAMES, limit_of, memory_of
from auditor.evaluate.checks.fields import (
    integer,
    listed,
    mapping,
    optional_list,
    optional_text,
    some,
    text,
)
from auditor.evaluate.checks.holders import administrator_of
from auditor.evaluate.checks.levels import judge_levels
from auditor.evaluate.missing import EvidenceMissing
from auditor.evaluate.subject import Subject
from auditor.model import State, Verdict, failed, not_applicable, passed
from auditor.monitoring.chain.levels import Wanted


def _watches(alarm: Mapping[str, Any], namespace: str, metrics: tuple[str, ...], dimension: tuple[str, str]) -> bool:
    """Say whether an alarm looks at one of the metrics of one thing, by itself or inside a formula."""
    series = [
        alarm,
        *(mapping(query, "MetricStat")["Metric"] for query in optional_list(alarm, "Metrics") if "MetricStat" in query),
    ]
    return any(
        item.get("Namespace") == namespace
        and str(item.get("MetricName")).startswith(metrics)
        and dimension in [(text(part, "Name"), text(part, "Value")) for part in optional_list(item, "Dimensions")]
        for item in series
    )


_PARAMETERS = "rds:DescribeDBParameters"


def database_connections(subject: Subject) -> Verdict:
    """Judge one DB instance: an alarm goes off before its connections run out, and somebody hears of it.

    The limit is what the parameter group says for the memory of the instance's class; ``share_percent`` of it may be
    used when the alarm goes off, ``within_minutes``.

    Evidence: ``rds:DescribeDBInstances`` (population), ``cloudwatch:DescribeAlarms``, ``sns:ListTopics``,
    ``sns:ListSubscriptionsByTopic``, ``sns:GetTopicAttributes``; consulted is ``rds:DescribeDBParameters``.
    """
    dimensions = (("DBInstanceIdentifier", text(subject.item, "DBInstanceIdentifier")),)
    namespace = "AWS/DocDB" if optional_text(subject.item, "Engine") == "docdb" else "AWS/RDS"
    limit = _limit(subject)
    share = integer(subject.parameters, "share_percent")
    room = limit * share / 100 if limit is not None else None
    wanted = Wanted(falls=False, room=room, rest=0, within=60 * integer(subject.parameters, "within_minutes"))
    counted_as = f", {share} % of {limit:.0f}," if limit is not None else ""
    return judge_levels(
        subject,
        lambda one: (one.namespace, one.metric, one.dimensions) == (namespace, "DatabaseConnections", dimensions),
        lambda _: wanted,
        f"the connections of the database{counted_as}".rstrip(","),
    )


def _limit(subject: Subject) -> float | None:
    """Return how many connections a database takes at most; None where that is not known, and left open."""
    memory = memory_of(optional_text(subject.item, "DBInstanceClass"))
    groups = {text(group, "DBParameterGroupName") for group in optional_list(subject.item, "DBParameterGroups")}
    view, found = subject.evidence, []
    answered = view.consult(_PARAMETERS)
    for record, pages in answered.answers:
        if record.call.region == subject.region and dict(record.call.parameters)["DBParameterGroupName"] in groups:
            view.note(record)
            found += [
                limit_of(text(item, "ParameterName"), optional_text(item, "ParameterValue"), memory)
                for page in pages
                for item in listed(page, "Parameters")
                if text(item, "ParameterName") in NAMES
            ]
    gap = answered.gap(subject.region)
    if not found and gap is not None:
        view.leave_open(gap)
    known = [limit for limit in found if limit is not None]
    return min(known) if known and len(known) == len(found) else None


def agent_alarms(subject: Subject) -> Verdict:
    """Judge one running instance: the CloudWatch agent reports memory and disk, and alarms say when they run out.

    Evidence: ``ec2:DescribeInstances`` (population), ``cloudwatch:ListMetrics``, ``cloudwatch:DescribeAlarms``,
    ``sns:ListTopics``, ``sns:ListSubscriptionsByTopic``, ``sns:GetTopicAttributes``.
    """
    dimension = ("InstanceId", text(subject.item, "InstanceId"))
    kinds = {"memory": ("mem_", "Memory"), "disk": ("disk_", "LogicalDisk")}
    silent: list[str] = []
    with subject.evidence.going_on():
        reported = subject.evidence.items("cloudwatch:ListMetrics", "Metrics[]", region=subject.region)
        silent += [
            name
            for name, starts in kinds.items()
            if not any(_watches(item, "CWAgent", starts, dimension) for item in reported)
        ]
    if silent:
        return failed(
            f"The CloudWatch agent does not report {' and '.join(silent)} of the instance.", observed="not reported"
        )
    verdicts: list[Verdict] = []
    for kind, starts in kinds.items():
        with subject.evidence.going_on():
            verdicts.append(_filling(subject, kind, starts, dimension))
    worst = min(verdicts, key=lambda one: _WORST.index(one.state), default=None)
    if worst is None or worst.state is State.PASS:
        return passed("The agent reports memory and disk, and alarms that somebody hears watch both.")
    return worst


_WORST = (State.FAIL, State.NOT_ASSESSED, State.PASS)


def _filling(subject: Subject, kind: str, starts: tuple[str, ...], dimension: tuple[str, str]) -> Verdict:
    """Judge the alarms on memory or disk of one instance."""
    return judge_levels(
        subject,
        lambda one: one.namespace == "CWAgent" and one.metric.startswith(starts) and dimension in one.dimensions,
        lambda one: _room(one.metric, subject.parameters),
        f"{kind} of the instance",
    )


def _room(metric: str, parameters: Mapping[str, Any]) -> Wanted:
    """Say what is asked of an alarm on a metric of the agent: percent in use or free, or an amount."""
    within, most = 60 * integer(parameters, "within_minutes"), integer(parameters, "percent_at_most")
    falls = any(word in metric.lower() for word in ("available", "free"))
    if "percent" in metric or "%" in metric:
        return Wanted(falls, 100 - most if falls else most, 90 if falls else 10, within)
    return Wanted(falls, 0 if falls else None, float(2**60) if falls else 0, within)


def dashboard(subject: Subject) -> Verdict:
    """Judge the account: a dashboard exists.

    Evidence: ``cloudwatch:ListDashboards``.
    """
    found = subject.evidence.items("cloudwatch:ListDashboards", "DashboardEntries[]")
    if not found:
        return failed("The account has no dashboard.", observed="no dashboard")
    return passed(f"The account has {counted(len(found), 'dashboard')}.", observed=counted(len(found), "dashboard"))


def shared_observability(subject: Subject) -> Verdict:
    """Judge an account of an organization: a link, or a sink with links, connects its metrics and logs with others.

    Evidence: ``organizations:DescribeOrganization``, ``oam:ListSinks``, ``oam:ListAttachedLinks``, ``oam:ListLinks``.
    """
    view = subject.evidence
    organization = view.find("organizations:DescribeOrganization")
    sinks, links = view.items("oam:ListSinks", "Items[]"), view.items("oam:ListLinks", "Items[]")
    attached = view.items("oam:ListAttachedLinks", "Items[]")
    if attached or links:
        return passed(
            f"{counted(len(links), 'link')} of the account and {counted(len(attached), 'link')} to its sinks connect "
            "it with others."
        )
    if organization is None:
        return not_applicable("The account is not part of an organization.")
    view.everywhere("oam:ListSinks")
    if sinks:
        return failed("No account is linked to the sink, and the account has no link itself.", observed="sink, no link")
    return failed("Neither a sink nor a link connects the account's metrics and logs with others.", observed="none")


def threat_detection(subject: Subject) -> Verdict:
    """Judge one Region: a GuardDuty detector is enabled.

    Where the account may not say so, the list of members of the organization's administrator of GuardDuty counts.

    Evidence: ``guardduty:ListDetectors``, ``guardduty:GetDetector``.
    """
    try:
        return _own_detector(subject)
    except EvidenceMissing:
        holder = administrator_of(subject, "guardduty", "RelationshipStatus")
        if not holder:
            raise
    return passed(
        f"GuardDuty is on for this account in this Region, by the list of members of its administrator {holder}.",
        observed="enabled member",
    )


def _own_detector(subject: Subject) -> Verdict:
    view = subject.evidence
    names = view.items("guardduty:ListDetectors", "DetectorIds[]", region=subject.region)
    if not names:
        return failed("GuardDuty has no detector in this Region.", observed="no detector")
    states = [
        text(view.page("guardduty:GetDetector", region=subject.region, DetectorId=name), "Status") for name in names
    ]
    observed = f"detector {some(states)}"
    if "ENABLED" in states:
        return passed("GuardDuty is enabled in this Region.", observed=observed)
    return failed("GuardDuty is suspended in this Region.", observed=observed)
