"""Judges monitoring: would somebody be told of the events that a control names? Reads the chain from evidence.

What is read here is turned into the plain values of ``auditor.evaluate.chain``, which decides.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from auditor.evaluate.chain.detection import Account, Detection, account_of
from auditor.evaluate.chain.facts import (
    Alarm,
    Composite,
    Facts,
    Filter,
    Group,
    Rule,
    Series,
    Subscription,
    Topic,
    Trail,
)
from auditor.evaluate.chain.link import State as LinkState
from auditor.evaluate.chain.metric_math import NotASum, read_sum
from auditor.evaluate.checks import selectors
from auditor.evaluate.checks.cloudtrail import trail_items, trail_selectors, trail_status
from auditor.evaluate.checks.fields import (
    flag,
    integer,
    listed,
    mapping,
    optional_list,
    optional_mapping,
    optional_moment,
    optional_text,
    text,
)
from auditor.evaluate.patterns.requirement import Requirement, requirement_from
from auditor.evaluate.patterns.truth import TEST_FILTER, TEST_RULE, Answer, confirm, fitting_rules, read_answers
from auditor.evaluate.view import EvidenceMissing, Subject, View
from auditor.evidence import Record
from auditor.model import Verdict, failed, not_applicable, not_assessed, passed


def detection_chain(subject: Subject) -> Verdict:
    """Judge whether every event of a requirement reaches a person.

    Follows each trail to its log group, metric filters, metrics, alarms, actions and confirmed subscribers, and
    decides by
    meaning whether the filters whose way is whole catch every event; EventBridge rules are counted as alternatives.
    The parameters are the requirement (``auditor.evaluate.patterns.requirement``).

    Evidence: ``cloudtrail:DescribeTrails``, ``cloudtrail:GetTrailStatus``, ``cloudtrail:GetEventSelectors``,
    ``logs:DescribeLogGroups``, ``logs:DescribeMetricFilters``, ``cloudwatch:DescribeAlarms``, ``sns:ListTopics``,
    ``sns:ListSubscriptionsByTopic``, ``sns:GetTopicAttributes``, ``events:ListRules``, ``events:ListTargetsByRule``.
    """
    requirement = requirement_from("requirement", subject.parameters)
    account = account_of(facts_of(subject))
    stored = answers_of(subject.evidence)
    found = confirmed(account, requirement, tuple(answer for _, answers in stored for answer in answers))
    _cite(subject.evidence, found)
    found = _with_answers(subject.evidence, found, stored)
    if found.state is LinkState.OK:
        return passed(found.reason, details=found.details)
    if found.state is LinkState.UNKNOWN:
        return not_assessed(found.reason, details=found.details)
    return failed(found.reason, details=found.details)


def answers_of(view: View) -> tuple[tuple[Record, tuple[Answer, ...]], ...]:
    """Return what AWS said about patterns and events, where a live run has asked it, with the record of each answer.

    An answer that is missing, refused or malformed says nothing either way, so that our own reading stands without it.
    """
    found: list[tuple[Record, tuple[Answer, ...]]] = []
    for operation in (TEST_FILTER, TEST_RULE):
        for record, pages in view.stored(operation):
            with suppress(KeyError, TypeError, ValueError):
                found.append((record, read_answers(operation, dict(record.call.parameters), pages[0])))
    return tuple(found)


def _with_answers(view: View, found: Detection, stored: tuple[tuple[Record, tuple[Answer, ...]], ...]) -> Detection:
    """Cite the answers about the filters that the verdict rests on, or note that AWS was asked about them in vain."""
    patterns = {one["pattern"] for one in found.details["filters"]}
    for record, answers in stored:
        if any(answer.pattern in patterns for answer in answers):
            view.cite(record, "/pages/0")
    if "truth" in found.details:
        return found
    errors = {
        missing.code
        for call, missing in view.unanswered(TEST_FILTER)
        if dict(call.parameters).get("filterPattern") in patterns
    }
    if not errors:
        return found
    truth = {"asked": 0, "agreed": 0, "disagreements": [], "unanswered": sorted(errors)}
    return replace(found, details={**found.details, "truth": truth})


def confirmed(account: Account, requirement: Requirement, answers: tuple[Answer, ...]) -> Detection:
    """Judge a requirement and set AWS's own answers beside the verdict; where they differ, AWS is right.

    One undocumented rule that AWS evidently reads otherwise is turned, and everything is judged again. When no such
    rule explains the difference, an event that AWS does not match fails the control, and one that only AWS matches
    leaves it open.
    """
    ours = account.detect(requirement)
    confirmation = confirm([one["pattern"] for one in ours.details["filters"]], answers)
    if not confirmation.asked:
        return ours
    rules = fitting_rules(answers)
    found = account.detect(requirement, rules) if rules is not None else ours
    details = {**found.details, "truth": confirmation.document()}
    if rules is None and found.state is LinkState.OK and confirmation.missed:
        names = ", ".join(sorted(confirmation.missed))
        reason = f"AWS itself does not match {names} with these filters, although our reading of them does."
        return replace(found, state=LinkState.BROKEN, reason=reason, details=details)
    if rules is None and found.state is LinkState.BROKEN and confirmation.caught:
        names = ", ".join(sorted(confirmation.caught))
        reason = f"AWS itself matches {names}, which our reading of the filters takes for missed: {found.reason}"
        return replace(found, state=LinkState.UNKNOWN, reason=reason, details=details)
    by = "AWS confirms it" if not confirmation.disagreements else "Judged as AWS reads the pattern"
    return replace(found, reason=f"{found.reason} {by} ({confirmation.asked} tests).", details=details)


def organization_chain(subject: Subject) -> Verdict:
    """Judge ``detection_chain`` where the events of an organization are seen: in its management account.

    Evidence: ``organizations:DescribeOrganization`` and that of ``detection_chain``.
    """
    answer = subject.evidence.find("organizations:DescribeOrganization")
    if answer is None:
        return not_applicable("The account belongs to no organization.")
    management = text(mapping(answer, "Organization"), "MasterAccountId")
    if management != subject.account.id:
        return not_applicable(f"The events of the organization are seen in its management account {management}.")
    return detection_chain(subject)


def _cite(view: View, found: Detection) -> None:
    """Cite the deciding values of the chain first, from trail to people; the rest of what was read follows."""
    records = {record.ref: record for record in view.read}
    for place in dict.fromkeys(place for link in found.chain for place in link.evidence):
        ref, _, pointer = place.partition("#")
        if ref in records:
            view.cite(records[ref], pointer)


def _placed(view: View, operation: str, key: str) -> Iterator[tuple[Record, str, Any]]:
    """Yield the items of a list on all pages, each with its record and its place as ``EV-0001#/pages/0/key/2``."""
    pages: dict[str, int] = {}
    for record, page in view.located(operation, "[@]"):
        number = pages[record.ref] = pages.get(record.ref, -1) + 1
        for index, item in enumerate(listed(page, key)):
            yield record, f"{record.ref}#/pages/{number}/{key}/{index}", item


def facts_of(subject: Subject) -> Facts:
    """Read all means of detection of an account from evidence.

    Raises:
        EvidenceMissing: any of the answers is missing.
        KeyError, TypeError, ValueError: an answer does not have the documented form.
    """
    view = subject.evidence
    return Facts(
        account=subject.account.id,
        partition=subject.account.partition,
        regions=subject.account.regions,
        as_of=subject.as_of,
        trails=_trails(view),
        groups=tuple(
            Group(
                text(item, "logGroupName"),
                record.call.region,
                optional_text(item, "logGroupClass") or "STANDARD",
                place,
            )
            for record, place, item in _placed(view, "logs:DescribeLogGroups", "logGroups")
        ),
        filters=tuple(
            one
            for record, place, item in _placed(view, "logs:DescribeMetricFilters", "metricFilters")
            for one in _filters(item, record.call.region, place)
        ),
        alarms=tuple(
            alarm_from(item, record.call.region, place)
            for record, place, item in _placed(view, "cloudwatch:DescribeAlarms", "MetricAlarms")
        ),
        composites=tuple(
            composite_from(item, record.call.region, place)
            for record, place, item in _placed(view, "cloudwatch:DescribeAlarms", "CompositeAlarms")
        ),
        topics={topic.arn: topic for topic in _topics(view)},
        rules=tuple(_rules(view)),
        functions=_functions(view),
    )


def _functions(view: View) -> frozenset[str] | None:
    """Return the functions where they were listed; no control depends on it, so that a gap only leaves it open."""
    try:
        return frozenset(text(item, "FunctionArn") for item in view.items("lambda:ListFunctions", "Functions[]"))
    except (EvidenceMissing, KeyError):
        return None


def _trails(view: View) -> tuple[Trail, ...]:
    places: dict[str, str] = {}
    for record, place, item in _placed(view, "cloudtrail:DescribeTrails", "trailList"):
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
        if base.account == view_account(view):
            raise
        # members of an organization may often not ask about the organization's trail; that must not hide their own
        unread = f"{signal.missing.operation} was refused here; account {base.account} can answer"
        return Trail(
            base.arn, base.home_region, base.multi_region, base.organization, base.group_arn, None, unread=unread
        )
    management = [one for one in selectors.management(selected) if not one.narrowed_by]
    excluded = [one.excluded for one in management]
    return Trail(
        arn=base.arn,
        home_region=base.home_region,
        multi_region=base.multi_region,
        organization=base.organization,
        group_arn=base.group_arn,
        logging=flag(status, "IsLogging"),
        delivery_error=optional_text(status, "LatestCloudWatchLogsDeliveryError"),
        delivered=optional_moment(status, "LatestCloudWatchLogsDeliveryTime"),
        reads=any(selectors.READ in one.access for one in management),
        writes=any(selectors.WRITE in one.access for one in management),
        excluded=frozenset.intersection(*excluded) if excluded else frozenset(),
        ref=place,
    )


def view_account(view: View) -> str:
    """Return the account whose evidence a view shows."""
    return next((record.account for record in view.read), "")


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


def alarm_from(item: Mapping[str, Any], region: str, ref: str = "") -> Alarm:
    """Read one entry of ``MetricAlarms``.

    Raises:
        KeyError, TypeError, ValueError: it does not have the documented form.
    """
    series, statistic, period, fills, unread = _series(item)
    periods = integer(item, "EvaluationPeriods")
    return Alarm(
        name=text(item, "AlarmName"),
        arn=optional_text(item, "AlarmArn"),
        region=region,
        series=series,
        unread=unread,
        statistic=statistic,
        period=period,
        periods=periods,
        datapoints=integer(item, "DatapointsToAlarm") if item.get("DatapointsToAlarm") is not None else periods,
        threshold=float(item["Threshold"]) if item.get("Threshold") is not None else None,
        comparison=text(item, "ComparisonOperator"),
        missing_data=optional_text(item, "TreatMissingData") or "missing",
        fills=fills,
        actions_enabled=flag(item, "ActionsEnabled"),
        actions=tuple(map(str, optional_list(item, "AlarmActions"))),
        state=optional_text(item, "StateValue"),
        since=optional_moment(item, "StateTransitionedTimestamp") or optional_moment(item, "StateUpdatedTimestamp"),
        ref=ref,
    )


_Reading = tuple[tuple[Series, ...], str, int, bool, str]
_DEFAULT_PERIOD = 300


def _series(item: Mapping[str, Any]) -> _Reading:
    """Return the metrics that an alarm adds up, statistic, period, whether gaps are filled, what is unclear."""
    queries = optional_list(item, "Metrics")
    if not queries:
        if not optional_text(item, "MetricName"):
            return (), "", _DEFAULT_PERIOD, False, "it watches something else than metrics"
        series = Series(
            text(item, "Namespace"), text(item, "MetricName"), _dimensions(item), optional_text(item, "Unit")
        )
        period = integer(item, "Period") if item.get("Period") is not None else _DEFAULT_PERIOD
        return (series,), optional_text(item, "Statistic"), period, False, ""
    returned = [query for query in queries if query.get("ReturnData") is not False]
    if len(returned) != 1:
        return (), "", _DEFAULT_PERIOD, False, "it returns several results"
    stats = {text(query, "Id"): query for query in queries if query.get("MetricStat")}
    expression = optional_text(returned[0], "Expression")
    if not expression:
        return _stat_series([returned[0]], fills=False)
    try:
        total = read_sum(expression, stats)
    except NotASum as error:
        return (), "", _DEFAULT_PERIOD, False, f"its expression is no plain sum ({error})"
    return _stat_series([stats[name] for name in sorted(total.ids)], fills=total.fills)


def _stat_series(queries: list[Mapping[str, Any]], *, fills: bool) -> _Reading:
    series, statistics, periods = [], set(), set()
    for query in queries:
        stat = mapping(query, "MetricStat")
        metric = mapping(stat, "Metric")
        account = optional_text(query, "AccountId")
        series.append(
            Series(
                text(metric, "Namespace"),
                text(metric, "MetricName"),
                _dimensions(metric),
                optional_text(stat, "Unit"),
                account,
            )
        )
        statistics.add(text(stat, "Stat"))
        periods.add(integer(stat, "Period"))
    if len(statistics) != 1:
        return (), "", _DEFAULT_PERIOD, fills, "it adds up different statistics"
    return tuple(series), statistics.pop(), max(periods), fills, ""


def _dimensions(item: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((text(one, "Name"), text(one, "Value")) for one in optional_list(item, "Dimensions")))


def composite_from(item: Mapping[str, Any], region: str, ref: str = "") -> Composite:
    """Read one entry of ``CompositeAlarms``.

    Raises:
        KeyError, TypeError: it does not have the documented form.
    """
    return Composite(
        name=text(item, "AlarmName"),
        arn=optional_text(item, "AlarmArn"),
        region=region,
        rule=text(item, "AlarmRule"),
        actions_enabled=flag(item, "ActionsEnabled"),
        actions=tuple(map(str, optional_list(item, "AlarmActions"))),
        suppressor=optional_text(item, "ActionsSuppressor"),
        ref=ref,
    )


def _topics(view: View) -> list[Topic]:
    subscriptions: dict[str, list[Subscription]] = {}
    for _, place, item in _placed(view, "sns:ListSubscriptionsByTopic", "Subscriptions"):
        one = Subscription(text(item, "SubscriptionArn"), text(item, "Protocol"), place)
        subscriptions.setdefault(text(item, "TopicArn"), []).append(one)
    attributes = {
        str(dict(record.call.parameters).get("TopicArn", "")): mapping(page, "Attributes")
        for record, page in view.answers("sns:GetTopicAttributes")
        if page is not None
    }
    return [
        Topic(
            arn=arn,
            policy=_policy(attributes[arn]) if arn in attributes else None,
            key=optional_text(attributes[arn], "KmsMasterKeyId") if arn in attributes else "",
            subscriptions=tuple(subscriptions.get(arn, ())),
            ref=place,
        )
        for _, place, item in _placed(view, "sns:ListTopics", "Topics")
        for arn in (text(item, "TopicArn"),)
    ]


def _policy(attributes: Mapping[str, Any]) -> Mapping[str, Any] | None:
    try:
        policy = json.loads(optional_text(attributes, "Policy") or "null")
    except (json.JSONDecodeError, RecursionError):
        return None
    return policy if isinstance(policy, dict) else None


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
        )
        for record, place, item in _placed(view, "events:ListRules", "Rules")
        if optional_text(item, "EventBusName") in {"", "default"}
    ]
