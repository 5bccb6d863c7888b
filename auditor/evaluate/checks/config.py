"""Judges AWS Config: a recorder that covers everything, records, and delivers."""

from collections.abc import Iterator, Mapping
from typing import Any

from auditor.evaluate.checks.fields import (
    flag,
    mapping,
    optional_list,
    optional_mapping,
    optional_text,
    some,
    text,
)
from auditor.evaluate.missing import EvidenceMissing
from auditor.evaluate.subject import Subject
from auditor.evaluate.view import View
from auditor.model import State, Verdict, failed, manual, not_assessed, passed
from auditor.regions import HOME

_RECORDERS = "config:DescribeConfigurationRecorders"
_STATUS = "config:DescribeConfigurationRecorderStatus"
_CHANNELS = "config:DescribeDeliveryChannels"
_DELIVERIES = "config:DescribeDeliveryChannelStatus"
_ALL = "ALL_SUPPORTED_RESOURCE_TYPES"
_EXCEPT = "EXCLUSION_BY_RESOURCE_TYPES"

_IAM_TYPES = frozenset(f"AWS::IAM::{name}" for name in ("Group", "Policy", "Role", "User"))
"""The global resource types that ``includeGlobalResourceTypes`` stands for (Config API, ``RecordingGroup``)."""
_GLOBAL_TYPES = _IAM_TYPES | {"AWS::RDS::GlobalCluster"}
"""With those that one Region is enough for; unless it is left out, every recorder records global clusters."""

_RECORD_IAM = frozenset(
    {
        *("af-south-1", "ap-east-1", "ap-south-1", "ca-central-1", "me-south-1", "sa-east-1"),
        *("ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3"),
        *("eu-central-1", "eu-north-1", "eu-south-1", "eu-west-1", "eu-west-2", "eu-west-3"),
        *("us-east-1", "us-east-2", "us-west-1", "us-west-2"),
        *("cn-north-1", "cn-northwest-1", "us-gov-east-1", "us-gov-west-1"),
    }
)
"""Regions where Config was available before February 2022; no other of their partitions can record IAM's types
("Global resources", AWS Config Developer Guide), whatever the recorder says."""
_WITH_OLD_REGIONS = frozenset({"aws", "aws-cn", "aws-us-gov"})


def recorder(subject: Subject) -> Verdict:
    """Judge one Region: a customer-made recorder records all types, runs, succeeds and has somewhere to deliver.

    Global resource types have to be recorded in one Region of the account, by a recorder that runs there and can; that
    finding is made once, in the Region where the partition's global services live when it is part of the audit. A
    recorder that leaves out nothing else covers all that its Region has of its own.

    Evidence: ``config:DescribeConfigurationRecorders``, ``config:DescribeConfigurationRecorderStatus``,
    ``config:DescribeDeliveryChannels``, ``config:DescribeDeliveryChannelStatus``.
    """
    found: Verdict | None = None
    for question in (_coverage, _activity, _delivery, _global_types):
        with subject.evidence.going_on():
            answer = question(subject)
            if answer is not None and answer.state is State.FAIL:
                return answer
            found = found or answer
    return found or not_assessed("Whether the recorder is on could not be read.")


def _coverage(subject: Subject) -> Verdict | None:
    view = subject.evidence
    recorders = _recorders(view, subject.region)
    if not recorders:
        return failed("There is no customer-made configuration recorder.", observed="no recorder")
    view.point(recorders[0])
    problem = _coverage_problem(recorders[0])
    return failed(problem) if problem else None


def _activity(subject: Subject) -> Verdict | None:
    """Judge the status of the one recorder that a Region can have besides those of services, and what it delivered."""
    status = _own_status(subject.evidence, subject.region)
    if status is None:
        raise KeyError("the status of the configuration recorder")
    subject.evidence.point(status)
    if not flag(status, "recording"):
        return failed("The configuration recorder is stopped.", observed="recorder stopped")
    match last := text(status, "lastStatus").upper():
        case "SUCCESS":
            return _by_last_delivery(subject)
        case "PENDING":
            return manual("The recorder is on, but its first delivery is still pending; look again later.")
    return failed(f"The recorder is on, but its last status is {some([last])}.", observed=f"last status {some([last])}")


def _by_last_delivery(subject: Subject) -> Verdict:
    """Judge what the delivery channel says of the history, which is what can be looked up afterwards."""
    view = subject.evidence
    channels = view.items(_DELIVERIES, "DeliveryChannelsStatus[]", region=subject.region)
    for channel in channels:
        history = optional_mapping(channel, "configHistoryDeliveryInfo")
        last = optional_text(history, "lastStatus")
        if last.upper() == "FAILURE":
            view.point(channel)
            code = optional_text(history, "lastErrorCode")
            return failed(
                f"The recorder is on, but its last delivery failed{f': {some([code])}' if code else ''}.",
                observed="last delivery FAILURE",
            )
        if last.upper() == "SUCCESS":
            view.point(channel)
            return passed(
                f"{_covers(subject)}, is recording, and its last delivery succeeded.",
                observed="recording, last delivery SUCCESS",
            )
    return manual("The recorder is on, but nothing tells of a delivery yet; look again later.")


def _covers(subject: Subject) -> str:
    """Say what the recorder covers; what it leaves out and one Region is enough for."""
    recorders = _recorders(subject.evidence, subject.region)
    if recorders and (excluded := _excluded(recorders[0])):
        return (
            f"The recorder covers all supported resource types but global ones ({some(sorted(excluded))}), which one "
            "Region is enough for"
        )
    return "The recorder covers all supported resource types"


def _delivery(subject: Subject) -> Verdict | None:
    if subject.evidence.items(_CHANNELS, "DeliveryChannels[]", region=subject.region):
        return None
    return failed("The configuration recorder has no delivery channel.", observed="no delivery channel")


def _global_types(subject: Subject) -> Verdict | None:
    if subject.region != _region_that_answers_for_global_types(subject):
        return None
    needed, recorded = set(_IAM_TYPES), set[str]()
    hidden: EvidenceMissing | None = None
    for region in subject.account.regions:
        try:
            for found in _recorders(subject.evidence, region):
                needed |= _excluded(found)
                recorded |= _recorded(subject.evidence, region, found)
        except EvidenceMissing as signal:
            hidden = hidden or signal
    if needed <= recorded:
        return None
    if hidden is not None:
        raise hidden
    subject.evidence.everywhere(_RECORDERS)
    return failed(
        "No Region of the audit records global resource types such as IAM users and roles, by a recorder that runs, "
        f"where they can be recorded: {some(sorted(needed - recorded))}.",
        observed="global resource types not recorded",
    )


def _recorded(view: View, region: str, found: Mapping[str, Any]) -> frozenset[str]:
    """Return the global types that a Region's recorder records; one that is stopped records none."""
    group = mapping(found, "recordingGroup")
    if _strategy(found) == _EXCEPT:
        types = _GLOBAL_TYPES - _excluded(found)
    elif listed := {str(item) for item in optional_list(group, "resourceTypes")}:
        types = _GLOBAL_TYPES & listed
    else:
        types = _GLOBAL_TYPES if group.get("includeGlobalResourceTypes") is True else _GLOBAL_TYPES - _IAM_TYPES
    if region not in _RECORD_IAM and view.account.partition in _WITH_OLD_REGIONS:
        types -= _IAM_TYPES
    if not types:
        return types
    status = _own_status(view, region)
    return types if status is not None and flag(status, "recording") else frozenset()


def _recorders(view: View, region: str) -> list[Mapping[str, Any]]:
    return list(_own(view.items(_RECORDERS, "ConfigurationRecorders[]", region=region)))


def _own_status(view: View, region: str) -> Mapping[str, Any] | None:
    return next(_own(view.items(_STATUS, "ConfigurationRecordersStatus[]", region=region)), None)


def _own(items: Any) -> Iterator[Mapping[str, Any]]:
    """Service-linked recorders record what their service needs, those of connectors what other clouds hold."""
    return (
        item for item in items if not (optional_text(item, "servicePrincipal") or optional_text(item, "connectorArn"))
    )


def _strategy(found: Mapping[str, Any]) -> str:
    group = mapping(found, "recordingGroup")
    stated = optional_text(optional_mapping(group, "recordingStrategy"), "useOnly")
    if not stated and optional_list(optional_mapping(group, "exclusionByResourceTypes"), "resourceTypes"):
        return _EXCEPT
    return stated


def _excluded(found: Mapping[str, Any]) -> frozenset[str]:
    if _strategy(found) != _EXCEPT:
        return frozenset()
    excluded = optional_mapping(mapping(found, "recordingGroup"), "exclusionByResourceTypes")
    return frozenset(str(item) for item in optional_list(excluded, "resourceTypes"))


def _coverage_problem(found: Mapping[str, Any]) -> str:
    strategy = _strategy(found)
    if strategy == _EXCEPT:
        left_out = sorted(_excluded(found) - _GLOBAL_TYPES)
        return f"The configuration recorder leaves out resource types: {some(left_out)}." if left_out else ""
    if strategy == _ALL if strategy else flag(mapping(found, "recordingGroup"), "allSupported"):
        return ""
    return "The configuration recorder covers chosen resource types only."


def _region_that_answers_for_global_types(subject: Subject) -> str:
    home = HOME.get(subject.account.partition, "")
    return home if home in subject.account.regions else subject.account.regions[0]
