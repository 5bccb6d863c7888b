"""Remedies for networks and instances. Rules of security groups are taken away by their ids, never by what they say."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from auditor.base.counts import counted
from auditor.remedy.change import Finding, Look, Made, Remedy, Stage, Step
from auditor.remedy.known import Known, Unknown
from auditor.remedy.plans.common import role_steps

FLOW_GROUP: Final = "/auditor/vpc-flow-logs"
FLOW_ROLE: Final = "auditor-flow-logs-to-logs"
_RULES: Final = "ec2:DescribeSecurityGroups"
_ADMIN_PORTS: Final = (22, 3389)
_KINDS: Final = {"sg-no-open-admin-ports-ipv4": ("ipv4",), "sg-no-open-admin-ports-ipv6": ("ipv6",)}
_SOURCES: Final = {"ipv4": ("IpRanges", "CidrIp", "0.0.0.0/0"), "ipv6": ("Ipv6Ranges", "CidrIpv6", "::/0")}
_OPEN: Final = {"ipv4": "CidrIpv4=='0.0.0.0/0'", "ipv6": "CidrIpv6=='::/0'"}


def flow_logs(finding: Finding, known: Known) -> Remedy:
    """Record refused traffic of a VPC, where other VPCs of the Region are recorded or in a log group."""
    vpc, region = finding.resource, finding.region
    present = known.items("ec2:DescribeFlowLogs", "FlowLogs", region)
    asked: dict[str, Any] = {"ResourceType": "VPC", "ResourceIds": [vpc], "TrafficType": "REJECT"}
    target = next(
        (item for item in present if item.get("LogDestinationType") == "s3" and item.get("LogDestination")), None
    )
    steps: list[Step] = []
    if target is not None:
        where = str(target["LogDestination"])
        asked |= {"LogDestinationType": "s3", "LogDestination": where}
        cost = "0.25 USD for each GB (S3)"
    else:
        where = FLOW_GROUP
        steps = _flow_group(known, region)
        asked |= {
            "LogDestinationType": "cloud-watch-logs",
            "LogGroupName": FLOW_GROUP,
            "DeliverLogsPermissionArn": known.arn("iam", "", f"role/{FLOW_ROLE}"),
        }
        cost = "0.50 USD for each GB (CloudWatch Logs), by volume of traffic"
    there = Look(
        "ec2",
        "DescribeFlowLogs",
        {"Filter": [{"Name": "resource-id", "Values": [vpc]}]},
        "FlowLogs[?FlowLogStatus=='ACTIVE'].FlowLogId | [0]",
    )
    words = f"record refused traffic of {vpc} in {where}"
    steps.append(Step(Stage.SETTING, words, "ec2", "CreateFlowLogs", region, asked, unless=there))
    undo = Step(
        Stage.SETTING,
        "no flow log, as it was",
        "ec2",
        "DeleteFlowLogs",
        region,
        {"FlowLogIds": Made("FLOW_LOGS", many=True)},
        needs=Look("ec2", "DescribeFlowLogs", there.parameters, "FlowLogs[].FlowLogId"),
        listed="FLOW_LOGS",
    )
    return Remedy(
        finding,
        f"The VPC {vpc}; other flow logs of the Region go to {where}." if target else f"The VPC {vpc}.",
        tuple(steps),
        (undo,),
        "None for the traffic.",
        cost,
        alternatives="TrafficType ALL records accepted traffic as well, at several times the volume.",
    )


def _flow_group(known: Known, region: str) -> list[Step]:
    arn = known.arn("logs", region, f"log-group:{FLOW_GROUP}")
    may = {
        "Effect": "Allow",
        "Action": [
            "logs:CreateLogStream",
            "logs:PutLogEvents",
            "logs:DescribeLogGroups",
            "logs:DescribeLogStreams",
        ],
        "Resource": known.arn("logs", "*", f"log-group:{FLOW_GROUP}*"),
    }
    there = Look(
        "logs",
        "DescribeLogGroups",
        {"logGroupNamePrefix": FLOW_GROUP},
        f"logGroups[?logGroupName=='{FLOW_GROUP}'].arn | [0]",
    )
    return [
        *role_steps(known, FLOW_ROLE, "vpc-flow-logs", may),
        Step(
            Stage.LOG_GROUP,
            f"the log group {arn}",
            "logs",
            "CreateLogGroup",
            region,
            {"logGroupName": FLOW_GROUP},
            unless=there,
        ),
        Step(
            Stage.LOG_GROUP,
            "keep its events for 90 days",
            "logs",
            "PutRetentionPolicy",
            region,
            {"logGroupName": FLOW_GROUP, "retentionInDays": 90},
        ),
    ]


def default_group(finding: Finding, known: Known) -> Remedy:
    """Take every rule out of a default security group, by the ids that the rules have when it is done."""
    group = _group(finding, known)
    steps = tuple(
        _revoke(finding, direction, query)
        for direction, query in (("Ingress", "!IsEgress"), ("Egress", "IsEgress"))
        if group.get("IpPermissions" if direction == "Ingress" else "IpPermissionsEgress")
    )
    return Remedy(
        finding,
        f"The default group of {group.get('VpcId')} with {counted(_count(group), 'rule')}.",
        steps,
        _authorize(finding, group),
        "Everything that sits in the group is cut off: list its network interfaces first "
        f"(`aws ec2 describe-network-interfaces` with the filter group-id={finding.resource}).",
        "nothing",
        undo_words="The rules come back with new ids.",
    )


def open_ports(finding: Finding, known: Known) -> Remedy:
    """Take away the rules that open a port to everybody, and no other."""
    group = _group(finding, known)
    ports = (445,) if finding.control == "cifs-not-open" else _ADMIN_PORTS
    kinds = _KINDS.get(finding.control, ("ipv4", "ipv6"))
    sources = " || ".join(_OPEN[kind] for kind in kinds)
    spans = " || ".join(f"(FromPort<=`{port}` && ToPort>=`{port}`)" for port in ports)
    query = f"!IsEgress && ({sources}) && (IpProtocol=='-1' || ((IpProtocol=='tcp' || IpProtocol=='udp') && ({spans})))"
    return Remedy(
        finding,
        f"The group {group.get('GroupName')} with {counted(_count(group), 'rule')}.",
        (_revoke(finding, "Ingress", query),),
        tuple(_again(finding, permission) for permission in _opened(group, ports, kinds)),
        "Connections from the internet to these ports are refused; rules for narrower sources stay.",
        "nothing",
        undo_words="The rules come back with new ids.",
    )


def _opened(group: Mapping[str, Any], ports: tuple[int, ...], kinds: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Yield what is taken away, source by source: AWS refuses a call as a whole for one rule that is there still."""
    for permission in group.get("IpPermissions") or ():
        protocol, first, last = (permission.get(name) for name in ("IpProtocol", "FromPort", "ToPort"))
        spans = protocol in ("tcp", "udp") and any(int(first or 0) <= port <= int(last or 0) for port in ports)
        form = {name: permission[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in permission}
        for kind, (key, address, everybody) in _SOURCES.items():
            for item in permission.get(key) or ():
                if kind in kinds and (protocol == "-1" or spans) and item.get(address) == everybody:
                    yield {**form, key: [item]}


def _again(finding: Finding, permission: Mapping[str, Any]) -> Step:
    return Step(
        Stage.SETTING,
        "a rule as it was",
        "ec2",
        "AuthorizeSecurityGroupIngress",
        finding.region,
        {"GroupId": finding.resource, "IpPermissions": [permission]},
        tolerated=("InvalidPermission.Duplicate",),
    )


def _group(finding: Finding, known: Known) -> Mapping[str, Any]:
    for item in known.items(_RULES, "SecurityGroups", finding.region):
        if item.get("GroupId") == finding.resource.rsplit("/", 1)[-1]:
            return item
    raise Unknown(f"the pack does not show the security group {finding.resource}")


def _count(group: Mapping[str, Any]) -> int:
    kinds = ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs")
    permissions = [*(group.get("IpPermissions") or ()), *(group.get("IpPermissionsEgress") or ())]
    return sum(len(permission.get(kind) or ()) for permission in permissions for kind in kinds)


def _revoke(finding: Finding, direction: str, query: str) -> Step:
    look = Look(
        "ec2",
        "DescribeSecurityGroupRules",
        {"Filters": [{"Name": "group-id", "Values": [finding.resource]}]},
        f"SecurityGroupRules[?{query}].SecurityGroupRuleId",
    )
    return Step(
        Stage.SETTING,
        f"take {'inbound' if direction == 'Ingress' else 'outbound'} rules out of {finding.resource}, by id",
        "ec2",
        f"RevokeSecurityGroup{direction}",
        finding.region,
        {"GroupId": finding.resource, "SecurityGroupRuleIds": Made("RULES", many=True)},
        needs=look,
        listed="RULES",
    )


def _authorize(finding: Finding, group: Mapping[str, Any]) -> tuple[Step, ...]:
    return tuple(
        Step(
            Stage.SETTING,
            "the rules as they were",
            "ec2",
            operation,
            finding.region,
            {"GroupId": finding.resource, "IpPermissions": group[key]},
            tolerated=("InvalidPermission.Duplicate",),
        )
        for key, operation in (
            ("IpPermissions", "AuthorizeSecurityGroupIngress"),
            ("IpPermissionsEgress", "AuthorizeSecurityGroupEgress"),
        )
        if group.get(key)
    )


def metadata(finding: Finding, known: Known) -> Remedy:
    """Ask for IMDSv2 on an instance, and by default on new instances of its Region."""
    known.pages("ec2:DescribeInstances", finding.region)
    instance = finding.resource.rsplit("/", 1)[-1]
    asked = {"InstanceId": instance, "HttpTokens": "required", "HttpEndpoint": "enabled"}
    steps = (
        Step(
            Stage.SETTING,
            f"{instance} takes tokens only",
            "ec2",
            "ModifyInstanceMetadataOptions",
            finding.region,
            asked,
        ),
        Step(
            Stage.FILTER,
            f"new instances in {finding.region} take tokens only",
            "ec2",
            "ModifyInstanceMetadataDefaults",
            finding.region,
            {"HttpTokens": "required"},
        ),
    )
    undo = (
        Step(
            Stage.SETTING,
            "as it was",
            "ec2",
            "ModifyInstanceMetadataOptions",
            finding.region,
            {**asked, "HttpTokens": "optional"},
        ),
        Step(
            Stage.FILTER,
            "no preference for new instances",
            "ec2",
            "ModifyInstanceMetadataDefaults",
            finding.region,
            {"HttpTokens": "no-preference"},
        ),
    )
    return Remedy(
        finding,
        "The instance takes requests without a token.",
        steps,
        undo,
        "Old SDKs that know IMDSv1 only lose their credentials: look at the metric MetadataNoToken first.",
        "nothing",
        undo_words="A default that the Region had before is not in the evidence; it is set to no preference.",
    )
