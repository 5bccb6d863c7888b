"""CloudTrail beyond moto: public keys, event history, digest times, event selectors as AWS defaults them."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from auditor.simulator import clock
from auditor.simulator.app import Application, Refused
from auditor.simulator.calls import Call
from auditor.simulator.overlay.state import State
from auditor.simulator.worlds import events
from auditor.simulator.worlds.archive import keys_between
from auditor.simulator.worlds.builder import REGIONS

HISTORY: Final = timedelta(days=90)
PAGE: Final = 50
DEFAULT_SELECTOR: Final[dict[str, Any]] = {
    "ReadWriteType": "All",
    "IncludeManagementEvents": True,
    "DataResources": [],
    "ExcludeManagementEventSources": [],
}


def install(application: Application, state: State) -> None:
    """Add CloudTrail's overlay."""
    application.overlay |= {
        "cloudtrail:ListPublicKeys": list_public_keys,
        "cloudtrail:LookupEvents": lambda call: _lookup_events(call, state),
        "cloudtrail:GetTrailStatus": lambda call: _trail_status(call, application),
        "cloudtrail:GetEventSelectors": _event_selectors,
        "cloudtrail:GetEventConfiguration": _event_configuration,
        "cloudtrail:GetInsightSelectors": _insight_selectors,
        "cloudtrail:DescribeTrails": _describe_trails,
        "cloudtrail:ListEventDataStores": lambda _call: {"EventDataStores": []},
    }


def _aware(value: Any, default: datetime) -> datetime:
    if not isinstance(value, datetime):
        return default
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def list_public_keys(
    call: Call, between: Callable[[str, datetime, datetime], list[dict[str, Any]]] = keys_between
) -> dict[str, Any]:
    """Keys of the Region the request is signed for: every Region has its own."""
    end = _aware(call.parameters.get("EndTime"), clock.now())
    start = _aware(call.parameters.get("StartTime"), end - timedelta(hours=1))
    if start > end:
        raise Refused("InvalidTimeRangeException", "The start time is after the end time.")
    return {"PublicKeyList": between(call.region, start, end)}


_ATTRIBUTES: Final[Mapping[str, Any]] = {
    "EventId": lambda record: [record["eventID"]],
    "EventName": lambda record: [record["eventName"]],
    "ReadOnly": lambda record: [str(record["readOnly"]).lower()],
    "Username": lambda record: [_user_name(record)],
    "EventSource": lambda record: [record["eventSource"]],
    "AccessKeyId": lambda record: [record["userIdentity"].get("accessKeyId")],
    "ResourceName": lambda record: list((record["requestParameters"] or {}).values()),
    "ResourceType": lambda _record: [],
}


def _user_name(record: Mapping[str, Any]) -> str:
    identity = record["userIdentity"]
    if identity["type"] == "AssumedRole":
        return str(identity["principalId"]).partition(":")[2]
    return str(identity.get("userName") or {"Root": "root"}.get(identity["type"], ""))


def _lookup_events(call: Call, state: State) -> dict[str, Any]:
    """The event history knows management events only, newest first, also those of hours without a trail."""
    asked = call.parameters
    attributes = asked.get("LookupAttributes") or []
    if len(attributes) > 1:
        raise Refused("InvalidLookupAttributesException", "Only one lookup attribute can be specified.")
    end = _aware(asked.get("EndTime"), clock.now())
    start = max(_aware(asked.get("StartTime"), clock.now() - HISTORY), clock.now() - HISTORY)
    if start > end:
        raise Refused("InvalidTimeRangeException", "The start time is after the end time.")
    since, until = f"{start:%Y-%m-%dT%H:%M:%SZ}", f"{end:%Y-%m-%dT%H:%M:%SZ}"
    found = []
    if state.plan is not None and asked.get("EventCategory") != "insight":  # the world's trails record no Insights
        known = reversed(events.records(call.region, with_story=state.plan.eventful))
        found = [record for record in known if since <= record["eventTime"] <= until and _has(record, attributes)]
    token = str(asked.get("NextToken") or "0")
    if not token.isdigit() or int(token) > len(found):
        raise Refused("InvalidNextTokenException", "The token is not valid.")
    size = min(int(asked.get("MaxResults") or PAGE), PAGE)
    first = int(token)
    page: dict[str, Any] = {"Events": [_event(record) for record in found[first : first + size]]}
    if first + size < len(found):
        page["NextToken"] = str(first + size)
    return page


def _has(record: Mapping[str, Any], attributes: list[Mapping[str, str]]) -> bool:
    for attribute in attributes:
        read = _ATTRIBUTES.get(attribute["AttributeKey"])
        if read is None:
            raise Refused("InvalidLookupAttributesException", f"unknown attribute {attribute['AttributeKey']}")
        if attribute["AttributeValue"] not in read(record):
            return False
    return True


def _event(record: Mapping[str, Any]) -> dict[str, Any]:
    resources = record.get("requestParameters") or {}
    return {
        "EventId": record["eventID"],
        "EventName": record["eventName"],
        "ReadOnly": str(record["readOnly"]).lower(),
        "EventTime": datetime.fromisoformat(str(record["eventTime"])),
        "EventSource": record["eventSource"],
        "Username": _user_name(record),
        "AccessKeyId": record["userIdentity"].get("accessKeyId"),
        "Resources": [
            {"ResourceType": "AWS::S3::Bucket", "ResourceName": resources["bucketName"]}
            for _ in [0]
            if "bucketName" in resources
        ],
        "CloudTrailEvent": json.dumps(record, separators=(",", ":")),
    }


def _trail(call: Call) -> Any:
    """Find a trail by name in its own Region, or by ARN from any Region a multi-Region trail reaches."""
    from moto.cloudtrail.models import cloudtrail_backends

    name = str(call.parameters.get("Name") or call.parameters.get("TrailName") or "")
    account = "".join(call.parameters.get("TrailARN", "")) or name
    for region in REGIONS:
        for trail in _trails(cloudtrail_backends, region):
            near = trail.region_name == call.region
            if (near and name == trail.trail_name) or account == trail.arn:
                return trail
            if trail.is_multi_region and name == trail.trail_name and call.api == "GetTrailStatus":
                return trail
    raise Refused("TrailNotFoundException", f"Unknown trail: {name}")


def _trails(backends: Any, region: str) -> list[Any]:
    import os

    return list(backends[os.environ["MOTO_ACCOUNT_ID"]][region].trails.values())


def _trail_status(call: Call, application: Application) -> dict[str, Any]:
    trail = _trail(call)
    status = trail.status
    now = clock.now()
    answer: dict[str, Any] = {"IsLogging": status.is_logging}
    if status.started:
        answer["StartLoggingTime"] = status.started
        answer["TimeLoggingStarted"] = f"{status.started:%Y-%m-%dT%H:%M:%SZ}"
        last = now if status.is_logging else status.stopped.replace(tzinfo=UTC)
        delivered = last - timedelta(minutes=3, seconds=41)
        answer |= {
            "LatestDeliveryTime": delivered,
            "LatestDeliveryAttemptTime": f"{delivered:%Y-%m-%dT%H:%M:%SZ}",
            "LatestDeliveryAttemptSucceeded": f"{delivered:%Y-%m-%dT%H:%M:%SZ}",
            "LatestNotificationAttemptTime": "",
            "LatestNotificationAttemptSucceeded": "",
        }
        if trail.log_validation:
            answer["LatestDigestDeliveryTime"] = last - timedelta(minutes=17, seconds=5)
        if trail.cw_log_group_arn:
            answer["LatestCloudWatchLogsDeliveryTime"] = last - timedelta(minutes=1, seconds=12)
    if status.stopped:
        answer["StopLoggingTime"] = status.stopped
        answer["TimeLoggingStopped"] = f"{status.stopped:%Y-%m-%dT%H:%M:%SZ}"
    else:
        answer["TimeLoggingStopped"] = ""
    return answer | dict(application.about.get("trail_status", {}))


def _event_selectors(call: Call) -> dict[str, Any]:
    trail = _trail(call)
    if trail.advanced_event_selectors and not trail.event_selectors:
        return {"TrailARN": trail.arn, "AdvancedEventSelectors": trail.advanced_event_selectors}
    return {"TrailARN": trail.arn, "EventSelectors": trail.event_selectors or [DEFAULT_SELECTOR]}


def _event_configuration(call: Call) -> dict[str, Any]:
    """No trail of ours enriches events or sums them up."""
    return {"TrailARN": _trail(call).arn, "MaxEventSize": "Standard", "ContextKeySelectors": []}


def _insight_selectors(call: Call) -> dict[str, Any]:
    trail = _trail(call)
    if not trail.insight_selectors:
        raise Refused("InsightNotEnabledException", f"Trail {trail.arn} does not have Insights enabled.")
    return {"TrailARN": trail.arn, "InsightSelectors": trail.insight_selectors}


def _describe_trails(call: Call) -> dict[str, Any]:
    from moto.cloudtrail.models import cloudtrail_backends

    shadows = call.parameters.get("includeShadowTrails", True)
    wanted = call.parameters.get("trailNameList") or []
    listed = []
    for region in REGIONS:
        for trail in _trails(cloudtrail_backends, region):
            if trail.region_name != call.region and not (shadows and trail.is_multi_region):
                continue
            if wanted and trail.arn not in wanted and trail.trail_name not in wanted:
                continue
            described = {
                name: value for name, value in trail.description(include_region=True).items() if value is not None
            }
            described["HasCustomEventSelectors"] = bool(trail.event_selectors or trail.advanced_event_selectors)
            described["HasInsightSelectors"] = bool(trail.insight_selectors)
            listed.append(described)
    return {"trailList": listed}
