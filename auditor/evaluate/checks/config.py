"""Judges AWS Config: a recorder that covers everything, records, and delivers."""

from collections.abc import Mapping
from typing import Any

from auditor.evaluate.checks.fields import flag, mapping, optional_list, optional_mapping, optional_text, some, text
from auditor.evaluate.view import Subject
from auditor.model import Verdict, failed, manual, passed

_RECORDERS = "config:DescribeConfigurationRecorders"
_STATUS = "config:DescribeConfigurationRecorderStatus"
_CHANNELS = "config:DescribeDeliveryChannels"
_ALL = "ALL_SUPPORTED_RESOURCE_TYPES"
_GLOBAL_HOME = {"aws": "us-east-1", "aws-us-gov": "us-gov-west-1", "aws-cn": "cn-north-1"}


def recorder(subject: Subject) -> Verdict:
    """Judge one Region: a customer-made recorder records all types, runs, succeeds and has somewhere to deliver.

    Global resource types have to be recorded in one Region of the account; that finding is made once, in the Region
    where the partition's global services live when it is part of the audit.

    Evidence: ``config:DescribeConfigurationRecorders``, ``config:DescribeConfigurationRecorderStatus``,
    ``config:DescribeDeliveryChannels``.
    """
    view, region = subject.evidence, subject.region
    recorders = [item for item in view.items(_RECORDERS, "ConfigurationRecorders[]", region=region) if _own(item)]
    statuses = [item for item in view.items(_STATUS, "ConfigurationRecordersStatus[]", region=region) if _own(item)]
    channels = view.items(_CHANNELS, "DeliveryChannels[]", region=region)
    if not recorders:
        return failed("There is no customer-made configuration recorder.", observed="no recorder")
    found = recorders[0]
    view.point(found)
    if problem := _coverage_problem(found):
        return failed(problem)
    status = next((item for item in statuses if item.get("name") == text(found, "name")), None)
    if status is None:
        raise KeyError("the status of the configuration recorder")
    view.point(status)
    if not flag(status, "recording"):
        return failed("The configuration recorder is stopped.", observed="recorder stopped")
    if not channels:
        return failed("The configuration recorder has no delivery channel.", observed="no delivery channel")
    if region == _region_that_answers_for_global_types(subject) and not _global_types_somewhere(subject):
        return failed("No Region of the audit records global resource types such as IAM users and roles.")
    return _by_last_status(text(status, "lastStatus"))


def _own(item: Mapping[str, Any]) -> bool:
    """Service-linked recorders belong to the service that made them and record what it needs."""
    return not optional_text(item, "servicePrincipal")


def _coverage_problem(found: Mapping[str, Any]) -> str:
    group = mapping(found, "recordingGroup")
    strategy = optional_text(optional_mapping(group, "recordingStrategy"), "useOnly")
    excluded = optional_list(optional_mapping(group, "exclusionByResourceTypes"), "resourceTypes")
    if strategy == "EXCLUSION_BY_RESOURCE_TYPES" or excluded:
        return f"The configuration recorder leaves out resource types: {some([str(item) for item in excluded])}."
    if strategy == _ALL if strategy else flag(group, "allSupported"):
        return ""
    return "The configuration recorder covers chosen resource types only."


def _by_last_status(last: str) -> Verdict:
    match last:
        case "SUCCESS":
            return passed(
                "The recorder covers all supported resource types, is recording, and its last delivery succeeded.",
                observed="recording, last status SUCCESS",
            )
        case "PENDING":
            return manual("The recorder is on, but its first delivery is still pending; look again later.")
    return failed(f"The recorder is on, but its last status is {some([last])}.", observed=f"last status {some([last])}")


def _region_that_answers_for_global_types(subject: Subject) -> str:
    home = _GLOBAL_HOME.get(subject.account.partition, "")
    return home if home in subject.account.regions else subject.account.regions[0]


def _global_types_somewhere(subject: Subject) -> bool:
    found = subject.evidence.items(_RECORDERS, "ConfigurationRecorders[]")
    groups = [mapping(item, "recordingGroup") for item in found if _own(item)]
    return any(group.get("includeGlobalResourceTypes") is True for group in groups)
