"""Reads all means of detection of an account from evidence, into the plain values of ``auditor.monitoring.chain``."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from auditor.evaluate.checks import selectors
from auditor.evaluate.checks.alarm_facts import alarm_from, composite_from, log_alarm_from, mute_rules, unanswered
from auditor.evaluate.checks.cloudtrail import trail_items, trail_selectors, trail_status
from auditor.evaluate.checks.fields import (
    flag,
    listed,
    mapping,
    optional_list,
    optional_mapping,
    optional_moment,
    optional_text,
    text,
)
from auditor.evaluate.checks.target_facts import Keys, reactions
from auditor.evaluate.library import EvidenceMissing
from auditor.evaluate.view import Subject, View
from auditor.evidence.store import Record
from auditor.monitoring.chain.actions import Parts
from auditor.monitoring.chain.facts import Facts, Filter, Group, Rule, Sharing, Subscription, Topic, Trail
from auditor.policies.document import read_policy

ALARMS = "cloudwatch:DescribeAlarms"


def placed(
    view: View, operation: str, key: str, *, optional: bool = False, region: str | None = None
) -> Iterator[tuple[Record, str, Any]]:
    """Yield the items of a list on all pages, each with its record and its place as ``EV-0001#/pages/0/key/2``.

    ``optional``: a list that AWS leaves out where it knows no such thing yet. ``region``: of one Region only.
    """
    pages: dict[str, int] = {}
    for record, page in view.located(operation, "[@]", region=region):
        number = pages[record.ref] = pages.get(record.ref, -1) + 1
        for index, item in enumerate(optional_list(page, key) if optional else listed(page, key)):
            yield record, f"{record.ref}#/pages/{number}/{key}/{index}", item


def facts_of(subject: Subject) -> Facts:
    """Read all means of detection of an account from evidence, and those of other accounts that they lead to.

    Raises:
        EvidenceMissing: any of the answers about the account itself is missing.
        KeyError, TypeError, ValueError: an answer does not have the documented form.
    """
    facts = _facts(subject.evidence, subject.as_of)
    others: dict[str, Facts] = {}
    for name in sorted(_leads_to(facts)):
        beside = subject.evidence.beside(name)
        if beside is None:
            continue
        try:
            others[name] = _facts(beside, subject.as_of)
        except EvidenceMissing as signal:
            beside.leave_open(signal.missing)  # what lies there stays as unknown as without that account
    return replace(facts, others=others) if others else facts


def _leads_to(facts: Facts) -> set[str]:
    """Return the accounts in which a detection of this one may go on."""
    arns = [one.group_arn for one in facts.trails] + [one.arn for one in facts.trails]
    arns += [action for alarm in facts.alarms for action in alarm.actions]
    arns += [action for alarm in facts.composites for action in alarm.actions]
    arns += [target for rule in facts.rules for target in rule.targets]
    named = {Parts.of(arn).account for arn in arns} | {one.account for one in facts.sharings}
    return named - {"", facts.account}


def _facts(view: View, as_of: datetime) -> Facts:
    mutes, unread_mutes = mute_rules(view)
    sharings, unread_sharings = sharings_of(view)
    return Facts(
        account=view.account.id,
        partition=view.account.partition,
        regions=view.account.regions,
        as_of=as_of,
        trails=_trails(view),
        groups=tuple(
            Group(
                text(item, "logGroupName"),
                record.call.region,
                optional_text(item, "logGroupClass") or "STANDARD",
                place,
            )
            for record, place, item in placed(view, "logs:DescribeLogGroups", "logGroups")
        ),
        filters=tuple(
            one
            for record, place, item in placed(view, "logs:DescribeMetricFilters", "metricFilters")
            for one in _filters(item, record.call.region, place)
        ),
        alarms=tuple(
            alarm_from(item, record.call.region, as_of, place)
            for record, place, item in placed(view, ALARMS, "MetricAlarms")
        ),
        composites=tuple(
            composite_from(item, record.call.region, place)
            for record, place, item in placed(view, ALARMS, "CompositeAlarms")
        ),
        log_alarms=tuple(
            log_alarm_from(item, record.call.region, as_of, place)
            for record, place, item in placed(view, ALARMS, "LogAlarms", optional=True)
        ),
        mutes=mutes,
        unread_mutes=unread_mutes,
        sharings=sharings,
        unread_sharings=unread_sharings,
        attached=_attached(view),
        topics={topic.arn: topic for topic in topics_of(view)},
        rules=tuple(_rules(view)),
        reactions=reactions(view),
    )


LINKS, ATTACHED = "oam:ListLinks", "oam:ListAttachedLinks"
_METRICS = "AWS::CloudWatch::Metric"


def sharings_of(view: View) -> tuple[tuple[Sharing, ...], dict[str, str]]:
    """Return with whom metrics are shared, and for each Region where that is not known why."""
    links = view.consult(LINKS)
    unread = {}
    for call, missing in links.missing:
        view.leave_open(missing)
        for region in (call.region,) if call is not None else view.account.regions:
            unread[region] = unanswered(missing)
    found: list[Sharing] = []
    for record, pages in links.answers:
        for number, page in enumerate(pages):
            for index, item in enumerate(listed(page, "Items")):
                if _METRICS in optional_list(item, "ResourceTypes"):
                    view.note(record)
                    place = f"{record.ref}#/pages/{number}/Items/{index}"
                    account = Parts.of(text(item, "SinkArn")).account
                    found.append(Sharing(text(item, "Arn"), record.call.region, account, place))
    return tuple(found), unread


def _attached(view: View) -> frozenset[str] | None:
    """Return the links attached to the account's sinks; None where that was not fully looked at."""
    links = view.consult(ATTACHED)
    if links.missing or not view.planned(ATTACHED):
        return None
    items = [item for _, pages in links.answers for page in pages for item in listed(page, "Items")]
    return frozenset(text(item, "LinkArn") for item in items)


def _trails(view: View) -> tuple[Trail, ...]:
    places: dict[str, str] = {}
    for record, place, item in placed(view, "cloudtrail:DescribeTrails", "trailList"):
        arn = text(item, "TrailARN")
        if arn not in places or record.call.region == text(item, "HomeRegion"):
            places[arn] = place
    return tuple(_trail(view, item, places[text(item, "TrailARN")]) for item in trail_items(view))


def _trail(view: View, item: Mapping[str, Any], place: str) -> Trail:
    base = Trail(
        arn=text(item, "TrailARN"),
        home_region=text(item, "HomeRegion"),
        multi_region=flag(item, "IsMultiRegionTrail") and flag(item, "IncludeGlobalServiceEvents"),
        organization=item.get("IsOrganizationTrail") is True,
        group_arn=optional_text(item, "CloudWatchLogsLogGroupArn"),
    )
    try:
        status, selected = trail_status(view, item), trail_selectors(view, item)
    except EvidenceMissing as signal:
        if base.account == view.account.id:
            raise
        # members of an organization may often not ask about the organization's trail; that must not hide their own
        unread = f"{signal.missing.operation} was refused here; account {base.account} can answer"
        return Trail(
            base.arn, base.home_region, base.multi_region, base.organization, base.group_arn, None, unread=unread
        )
    management = selectors.management(selected)
    reads, writes = (selectors.left_out(management, access) for access in (selectors.READ, selectors.WRITE))
    return Trail(
        arn=base.arn,
        home_region=base.home_region,
        multi_region=base.multi_region,
        organization=base.organization,
        group_arn=base.group_arn,
        logging=flag(status, "IsLogging"),
        delivery_error=optional_text(status, "LatestCloudWatchLogsDeliveryError"),
        delivered=optional_moment(status, "LatestCloudWatchLogsDeliveryTime"),
        reads=reads is not None,
        writes=writes is not None,
        excluded=writes or frozenset(),
        excluded_reads=reads or frozenset(),
        ref=place,
    )


def _filters(item: Mapping[str, Any], region: str, ref: str) -> list[Filter]:
    return [
        Filter(
            name=text(item, "filterName"),
            group=text(item, "logGroupName"),
            region=region,
            pattern=optional_text(item, "filterPattern"),
            namespace=text(change, "metricNamespace"),
            metric=text(change, "metricName"),
            value=text(change, "metricValue"),
            default=float(change["defaultValue"]) if change.get("defaultValue") is not None else None,
            unit=optional_text(change, "unit").removesuffix("None"),
            dimensions=frozenset(optional_mapping(change, "dimensions"))
            | frozenset(map(str, optional_list(item, "emitSystemFieldDimensions"))),
            selection=optional_text(item, "fieldSelectionCriteria"),
            transformed=item.get("applyOnTransformedLogs") is True,
            ref=ref,
        )
        for change in listed(item, "metricTransformations")
    ]


def topics_of(view: View, region: str | None = None) -> list[Topic]:
    """Read the topics of an account, or of one Region, with policy, key and subscriptions."""
    keys = Keys(view)
    subscriptions: dict[str, list[Subscription]] = {}
    for _, place, item in placed(view, "sns:ListSubscriptionsByTopic", "Subscriptions", region=region):
        one = Subscription(text(item, "SubscriptionArn"), text(item, "Protocol"), place)
        subscriptions.setdefault(text(item, "TopicArn"), []).append(one)
    attributes = {
        str(dict(record.call.parameters).get("TopicArn", "")): mapping(page, "Attributes")
        for record, page in view.answers("sns:GetTopicAttributes", region=region)
        if page is not None
    }
    return [
        Topic(
            arn=arn,
            policy=read_policy(attributes[arn].get("Policy")) if arn in attributes else None,
            key=optional_text(attributes[arn], "KmsMasterKeyId") if arn in attributes else "",
            subscriptions=tuple(subscriptions.get(arn, ())),
            ref=place,
            cipher=keys.of(optional_text(attributes[arn], "KmsMasterKeyId"), arn) if arn in attributes else None,
        )
        for _, place, item in placed(view, "sns:ListTopics", "Topics", region=region)
        for arn in (text(item, "TopicArn"),)
    ]


def _rules(view: View) -> list[Rule]:
    targets: dict[tuple[str, str], list[str]] = {}
    for record, item in view.located("events:ListTargetsByRule", "Targets[]"):
        name = str(dict(record.call.parameters).get("Rule", ""))
        targets.setdefault((record.call.region, name), []).append(text(item, "Arn"))
    return [
        Rule(
            name=text(item, "Name"),
            region=record.call.region,
            pattern=optional_text(item, "EventPattern"),
            state=text(item, "State"),
            targets=tuple(targets.get((record.call.region, text(item, "Name")), ())),
            ref=place,
            arn=optional_text(item, "Arn"),
        )
        for record, place, item in placed(view, "events:ListRules", "Rules")
        if optional_text(item, "EventBusName") in {"", "default"}
    ]
