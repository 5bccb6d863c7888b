"""Judges VPCs and what guards them."""

from collections.abc import Mapping
from typing import Any

from auditor.evaluate.checks.fields import optional_text, text
from auditor.evaluate.view import Subject
from auditor.model import Verdict, failed, not_applicable, passed


def flow_logs(subject: Subject) -> Verdict:
    """Judge one VPC: an active flow log of the whole VPC records refused traffic at least.

    Flow logs of subnets or interfaces do not cover the VPC; a VPC shared into the account belongs to its owner.

    Evidence: ``ec2:DescribeVpcs`` (population), ``ec2:DescribeFlowLogs``.
    """
    vpc = text(subject.item, "VpcId")
    logs = subject.evidence.items("ec2:DescribeFlowLogs", "FlowLogs[]", region=subject.region)
    if optional_text(subject.item, "OwnerId") not in ("", subject.account.id):
        return not_applicable("The VPC is shared into the account; its owner keeps its flow logs.")
    own = [log for log in logs if text(log, "ResourceId") == vpc]
    good = next((log for log in own if not _shortcoming(log)), None)
    if good is not None:
        subject.evidence.point(good)
        kind = text(good, "TrafficType")
        return passed(f"An active flow log records {kind} traffic of the VPC.", observed=f"flow log of {kind} traffic")
    if not own:
        return failed("The VPC has no flow log.", observed="no flow log")
    subject.evidence.point(own[0])
    return failed(f"The VPC's flow log {_shortcoming(own[0])}.", observed=_shortcoming(own[0]))


def _shortcoming(log: Mapping[str, Any]) -> str:
    if text(log, "FlowLogStatus") != "ACTIVE":
        return "is not active"
    if text(log, "TrafficType") not in ("REJECT", "ALL"):
        return "records accepted traffic only"
    if optional_text(log, "DeliverLogsStatus") == "FAILED":
        return "fails to deliver"
    return ""
