"""CloudWatch, CloudWatch Logs, EventBridge and SNS beyond moto."""

import json
from datetime import UTC, timedelta
from typing import Any, Final

from moto.events.models import EventPattern

from auditor.simulator import clock
from auditor.simulator.app import Application, Refused
from auditor.simulator.calls import Call
from auditor.simulator.overlay.filter_patterns import InvalidPattern, matches
from auditor.simulator.overlay.state import State
from auditor.simulator.worlds.builder import REGIONS

HISTORY: Final = timedelta(days=14)
"""How long alarms' history is kept here; older pages of AWS say so, newer ones say nothing."""
MOST_EVENTS: Final = 50
"""TestMetricFilter takes at most so many records (API model)."""


def install(application: Application, state: State) -> None:
    """Add the monitoring services' overlay."""
    application.overlay |= {
        "logs:PutMetricFilter": lambda call: _replace_filter(application, call),
        "logs:TestMetricFilter": _test_metric_filter,
        "cloudwatch:PutCompositeAlarm": lambda call: _put_composite_alarm(application, call, state),
        "cloudwatch:PutAlarmMuteRule": lambda call: _put_mute_rule(application, call, state),
        "cloudwatch:ListAlarmMuteRules": lambda call: _mute_rules(call, state),
        "cloudwatch:GetAlarmMuteRule": lambda call: _mute_rule(call, state),
        "cloudwatch:DescribeAlarmHistory": lambda call: _alarm_history(call, state),
        "logs:DescribeQueryDefinitions": lambda call: {"queryDefinitions": state.saved_queries.get(call.region, [])},
        "cloudwatch:ListDashboards": lambda call: _dashboards(application, call),
        "events:TestEventPattern": _test_event_pattern,
    }
    application.amendments |= {
        "cloudwatch:DescribeAlarms": lambda call, output: _by_alarm_type(call, output, state),
        "logs:DescribeLogGroups": lambda call, output: _log_groups(application, call, output),
        "logs:DescribeMetricFilters": lambda call, output: _metric_filters(application, call, output),
        "sqs:ListQueues": _public_urls,
        "sns:ListSubscriptionsByTopic": lambda _call, output: _pending(output, state),
        "sns:ListSubscriptions": lambda _call, output: _pending(output, state),
        "sns:GetTopicAttributes": lambda call, output: _pending_count(application, call, output, state),
    }


def _put_composite_alarm(application: Application, call: Call, state: State) -> dict[str, Any]:
    given = dict(call.parameters)
    given.pop("Tags", None)
    now = clock.now()
    alarm = {
        "ActionsEnabled": True,
        "AlarmArn": f"arn:aws:cloudwatch:{call.region}:{application.account}:alarm:{given['AlarmName']}",
        "AlarmConfigurationUpdatedTimestamp": now,
        "InsufficientDataActions": [],
        "OKActions": [],
        "StateReason": "Composite alarm was created.",
        "StateReasonData": json.dumps({"triggeringAlarms": []}),
        "StateTransitionedTimestamp": now,
        "StateUpdatedTimestamp": now,
        "StateValue": "OK",
        **given,
    }
    held = state.composites.setdefault(call.region, [])
    held[:] = [other for other in held if other["AlarmName"] != alarm["AlarmName"]] + [alarm]
    return {}


def _put_mute_rule(application: Application, call: Call, state: State) -> dict[str, Any]:
    """Store a rule. Its status is that of a schedule that lies ahead: nothing here moves with the clock."""
    given = dict(call.parameters)
    given.pop("Tags", None)
    name = str(given["Name"])
    once = str(given["Rule"]["Schedule"]["Expression"]).startswith("at(")
    state.mutes.setdefault(call.region, {})[name] = {
        "AlarmMuteRuleArn": f"arn:aws:cloudwatch:{call.region}:{application.account}:alarm-mute-rule:{name}",
        "LastUpdatedTimestamp": clock.now(),
        "MuteType": "ONE_TIME" if once else "RECURRING",
        "Status": "SCHEDULED",
        **given,
    }
    return {}


def _mute_rules(call: Call, state: State) -> dict[str, Any]:
    shown = ("AlarmMuteRuleArn", "ExpireDate", "Status", "MuteType", "LastUpdatedTimestamp")
    rules = state.mutes.get(call.region, {}).values()
    return {"AlarmMuteRuleSummaries": [{key: rule[key] for key in shown if key in rule} for rule in rules]}


def _mute_rule(call: Call, state: State) -> dict[str, Any]:
    rule = state.mutes.get(call.region, {}).get(str(call.parameters.get("AlarmMuteRuleName")))
    if rule is None:
        raise Refused("ResourceNotFoundException", "The mute rule does not exist.", 404)
    return rule


def _alarm_history(call: Call, state: State) -> dict[str, Any]:
    """What alarms did, of the last two weeks; pages of a hundred."""
    asked = call.parameters
    oldest, start, end = clock.now() - HISTORY, _aware(asked.get("StartDate")), _aware(asked.get("EndDate"))
    kinds, name = asked.get("AlarmTypes") or ["MetricAlarm"], asked.get("AlarmName")
    found = [
        item
        for item in state.alarm_history.get(call.region, [])
        if item["Timestamp"] >= max(oldest, start or oldest)
        and (end is None or item["Timestamp"] <= end)
        and item["AlarmType"] in kinds
        and name in (None, item["AlarmName"])
        and asked.get("HistoryItemType") in (None, item["HistoryItemType"])
    ]
    found.sort(key=lambda item: item["Timestamp"], reverse=asked.get("ScanBy") != "TimestampAscending")
    return {"AlarmHistoryItems": found}


def _aware(value: Any) -> Any:
    return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def _dashboards(application: Application, call: Call) -> dict[str, Any]:
    """Dashboards are shared by all Regions."""
    from moto.cloudwatch.models import cloudwatch_backends

    prefix = str(call.parameters.get("DashboardNamePrefix") or "")
    entries = [
        {
            "DashboardName": name,
            "DashboardArn": f"arn:aws:cloudwatch::{application.account}:dashboard/{name}",
            "LastModified": board.last_modified,
            "Size": len(board),
        }
        for region in REGIONS
        for name, board in cloudwatch_backends[application.account][region].dashboards.items()
        if name.startswith(prefix)
    ]
    return {"DashboardEntries": entries}


def _by_alarm_type(call: Call, output: dict[str, Any], state: State) -> dict[str, Any]:
    """Without AlarmTypes only metric alarms are returned."""
    asked = call.parameters
    wanted = asked.get("AlarmTypes") or ["MetricAlarm"]
    names, prefix = asked.get("AlarmNames") or (), str(asked.get("AlarmNamePrefix") or "")
    composites = [
        alarm
        for alarm in state.composites.get(call.region, [])
        if (not names or alarm["AlarmName"] in names) and alarm["AlarmName"].startswith(prefix)
    ]
    return {
        "MetricAlarms": output.get("MetricAlarms", []) if "MetricAlarm" in wanted else [],
        "CompositeAlarms": composites if "CompositeAlarm" in wanted else [],
        "LogAlarms": [],
    }


def _log_groups(application: Application, call: Call, output: dict[str, Any]) -> dict[str, Any]:
    from moto.logs.models import logs_backends

    filters = logs_backends[application.account][call.region].filters.metric_filters
    for group in output.get("logGroups", []):
        group["metricFilterCount"] = sum(held["logGroupName"] == group["logGroupName"] for held in filters)
        group.setdefault("logGroupClass", "STANDARD")
        group["logGroupArn"] = group["arn"].removesuffix(":*")
    return output


def _replace_filter(application: Application, call: Call) -> None:
    """A filter of the same name is replaced; moto would keep both. The rest is moto's."""
    from moto.logs.models import logs_backends

    held = logs_backends[application.account][call.region].filters.metric_filters
    asked = (call.parameters.get("logGroupName"), call.parameters.get("filterName"))
    held[:] = [item for item in held if (item["logGroupName"], item["filterName"]) != asked]


def _metric_filters(application: Application, call: Call, output: dict[str, Any]) -> dict[str, Any]:
    """Every filter has a creation time; moto forgets it. Ours are as old as their group."""
    from moto.logs.models import logs_backends

    groups = logs_backends[application.account][call.region].groups
    for held in output.get("metricFilters", []):
        made = groups[held["logGroupName"]].creation_time.replace(tzinfo=UTC)
        held.setdefault("creationTime", int(made.timestamp() * 1000))
    return output


def _test_metric_filter(call: Call) -> dict[str, Any]:
    pattern = str(call.parameters.get("filterPattern") or "")
    messages = list(call.parameters.get("logEventMessages") or [])
    if not 1 <= len(messages) <= MOST_EVENTS:
        raise Refused("InvalidParameterException", f"1 to {MOST_EVENTS} log event messages are expected.")
    try:
        found = [(number, text) for number, text in enumerate(messages, start=1) if matches(pattern, text)]
    except InvalidPattern as error:
        raise Refused("InvalidParameterException", f"Invalid metric filter pattern: {error}") from error
    return {"matches": [{"eventNumber": number, "eventMessage": text, "extractedValues": {}} for number, text in found]}


_ENVELOPE: Final = ("id", "account", "source", "time", "region", "resources", "detail-type")


def _test_event_pattern(call: Call) -> dict[str, Any]:
    try:
        pattern = json.loads(str(call.parameters.get("EventPattern")))
    except json.JSONDecodeError as error:
        raise Refused("InvalidEventPatternException", f"Event pattern is not valid. Reason: {error}") from error
    if not isinstance(pattern, dict) or not _is_pattern(pattern):
        raise Refused(
            "InvalidEventPatternException", "Event pattern is not valid. Reason: fields are arrays or objects"
        )
    try:
        event = json.loads(str(call.parameters.get("Event")))
    except json.JSONDecodeError as error:
        raise Refused("ValidationException", f"Parameter Event is not valid: {error}") from error
    missing = [name for name in _ENVELOPE if name not in event]
    if missing:
        raise Refused("ValidationException", f"Parameter Event is not valid; missing: {', '.join(missing)}")
    return {"Result": bool(EventPattern(None, pattern).matches_event(event))}


def _is_pattern(pattern: dict[str, Any]) -> bool:
    return all(
        (isinstance(value, dict) and _is_pattern(value)) or (isinstance(value, list) and bool(value))
        for value in pattern.values()
    )


def _public_urls(call: Call, output: dict[str, Any]) -> dict[str, Any]:
    """Queues are named by AWS's address, not by the simulator's port."""
    host = f"https://sqs.{call.region}.amazonaws.com"
    if "QueueUrls" in output:
        output["QueueUrls"] = [f"{host}/{url.split('/', 3)[3]}" for url in output["QueueUrls"]]
    return output


def _pending(output: dict[str, Any], state: State) -> dict[str, Any]:
    for held in output.get("Subscriptions", []):
        if held["Endpoint"] in state.unconfirmed:
            held["SubscriptionArn"] = "PendingConfirmation"
    return output


def _pending_count(application: Application, call: Call, output: dict[str, Any], state: State) -> dict[str, Any]:
    from moto.sns.models import sns_backends

    topic = str(call.parameters.get("TopicArn"))
    subscriptions = sns_backends[application.account][call.region].subscriptions.values()
    endpoints = [held.endpoint for held in subscriptions if held.topic.arn == topic]
    waiting = sum(endpoint in state.unconfirmed for endpoint in endpoints)
    output["Attributes"] |= {
        "SubscriptionsConfirmed": str(len(endpoints) - waiting),
        "SubscriptionsPending": str(waiting),
        "SubscriptionsDeleted": "0",
    }
    return output
