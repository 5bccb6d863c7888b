"""Judges VPCs and what guards them."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import product
from typing import Any

from auditor.base.counts import counted
from auditor.base.internet import WHOLE, are_everybody, merged, network
from auditor.evaluate.checks.fields import (
    FieldMalformedError,
    flag,
    integer,
    listed,
    mapping,
    optional_list,
    optional_mapping,
    optional_text,
    some,
    text,
)
from auditor.evaluate.subject import Subject
from auditor.model import Verdict, failed, manual, not_applicable, passed

_NUMBERED = {"6": "tcp", "17": "udp"}
_EVERY_PROTOCOL = "-1"
_WITH_PORTS = ("tcp", "udp")
_NAMED = frozenset({"tcp", "udp", "icmp", "icmpv6", _EVERY_PROTOCOL})


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


def covers_world(cidrs: Iterable[str], version: int) -> bool:
    """Say whether address ranges together are the whole internet of one IP version; two halves are.

    Addresses that are not routed on the internet need not be among them.

    Raises:
        ValueError: a range is none.
    """
    return _cover_world(frozenset(cidrs), version)


@lru_cache(maxsize=4096)
def _cover_world(cidrs: frozenset[str], version: int) -> bool:
    """Most groups of an account let in the same few ranges."""
    return are_everybody(map(network, cidrs), version)


def _opens(protocol: str, low: Any, high: Any, port: int) -> bool:
    """Say whether a rule's protocol and port range take in a port; a missing range means all ports."""
    name = _protocol(protocol)
    if name not in ("tcp", "udp", _EVERY_PROTOCOL):
        return False
    if name == _EVERY_PROTOCOL or low is None or high is None:
        return True
    if not isinstance(low, int) or not isinstance(high, int):
        raise TypeError("a port is a number")
    return low <= port <= high or (low, high) == (-1, -1)


def _protocol(stated: str) -> str:
    """Return a protocol by its name where it has one.

    Raises:
        ValueError: it is neither a known name nor a number.
    """
    name = _NUMBERED.get(stated, stated.lower())
    if name not in _NAMED and not name.isdecimal():
        raise ValueError("a protocol is a name or a number")
    return name


def no_open_ports(subject: Subject) -> Verdict:
    """Judge one security group: none of ``ports`` is open to the whole internet of the IP ``versions``.

    Managed prefix lists count with their entries.

    Evidence: ``ec2:DescribeSecurityGroups`` (population), ``ec2:GetManagedPrefixListEntries``.
    """
    ports, versions = listed(subject.parameters, "ports"), listed(subject.parameters, "versions")
    open_to: dict[tuple[str, int], list[str]] = {(name, port): [] for name in _WITH_PORTS for port in ports}
    for rule in listed(subject.item, "IpPermissions"):
        with subject.evidence.going_on():
            stated = text(rule, "IpProtocol")
            taken = [
                (name, port)
                for name, port in open_to
                if _protocol(stated) in (name, _EVERY_PROTOCOL)
                and _opens(stated, rule.get("FromPort"), rule.get("ToPort"), port)
            ]
            for source in _sources(subject, rule) if taken else ():
                for place in taken:
                    open_to[place].append(source)
    found = [
        f"{' and '.join(names)} port {port} to {WHOLE[version]}"
        for port in ports
        for version in versions
        if (names := [name for name in _WITH_PORTS if covers_world(open_to[name, port], version)])
    ]
    if found:
        return failed(f"The group opens {' and '.join(found)}.", observed="; ".join(found), pointer="/IpPermissions")
    named = ", ".join(map(str, ports))
    return passed(f"The group opens none of the ports {named} to the internet.", pointer="/IpPermissions")


def _sources(subject: Subject, rule: Mapping[str, Any]) -> Iterable[str]:
    """Yield the ranges of a rule that can be read; the others are lacking."""
    view = subject.evidence
    direct = [(item, "CidrIp") for item in optional_list(rule, "IpRanges")]
    direct += [(item, "CidrIpv6") for item in optional_list(rule, "Ipv6Ranges")]
    lists = optional_list(rule, "PrefixListIds")
    if not (direct or lists or optional_list(rule, "UserIdGroupPairs")):
        raise FieldMalformedError("a rule of a security group names a source", rule)
    for item, name in direct:
        if (found := view.known(lambda item=item, name=name: _range(item, name))) is not None:  # type: ignore[misc]
            yield found
    for item in lists:
        with view.going_on():
            yield from _entries(subject, text(item, "PrefixListId"))


def _range(item: Mapping[str, Any], name: str) -> str:
    """Return an address range.

    Raises:
        ValueError: it is none.
    """
    try:
        return str(network(text(item, name)))
    except ValueError as error:
        raise FieldMalformedError(f"{name} is no address range", item) from error


def _entries(subject: Subject, prefix_list: str) -> list[str]:
    """Return the ranges of one prefix list."""
    entries = subject.evidence.items(
        "ec2:GetManagedPrefixListEntries", "Entries[]", region=subject.region, PrefixListId=prefix_list
    )
    return [_range(item, "Cidr") for item in entries]


def default_group_closed(subject: Subject) -> Verdict:
    """Judge one default security group: it has no rule at all, not even the ones it is made with.

    Evidence: ``ec2:DescribeSecurityGroups`` (population).
    """
    view, item = subject.evidence, subject.item
    text(item, "GroupName")  # a group without a name need not be the default one
    inbound = len(view.known(lambda: listed(item, "IpPermissions")) or ())
    outbound = len(view.known(lambda: listed(item, "IpPermissionsEgress")) or ())
    observed = f"{counted(inbound, 'inbound rule')}, {counted(outbound, 'outbound rule')}"
    if inbound or outbound:
        decides = "/IpPermissions" if inbound else "/IpPermissionsEgress"
        return failed(f"The default security group has {observed}.", observed=observed, pointer=decides)
    return passed("The default security group has no rules.", observed=observed, pointer="/IpPermissions")


def acl_closed(subject: Subject) -> Verdict:
    """Judge one network ACL: none of ``ports`` is open to the internet, rules taken in order, the first match deciding.

    Evidence: ``ec2:DescribeNetworkAcls`` (population).
    """
    entries = [item for item in listed(subject.item, "Entries") if not flag(item, "Egress")]
    entries.sort(key=lambda item: integer(item, "RuleNumber"))
    found: list[str] = []
    for port, protocol, version in product(listed(subject.parameters, "ports"), _WITH_PORTS, WHOLE):
        with subject.evidence.going_on():
            found += [f"{protocol} port {port} to {WHOLE[version]}"] * _acl_opens(entries, protocol, port, version)
    associated = subject.evidence.known(lambda: listed(subject.item, "Associations"))
    unused = " No subnet uses the ACL." if associated is not None and not associated else ""
    if found:
        return failed(
            f"The ACL opens {some(found, limit=2)}.{unused}", observed=some(found, limit=2), pointer="/Entries"
        )
    return passed(f"The ACL opens none of the ports to the internet.{unused}", pointer="/Entries")


def _acl_opens(entries: Iterable[Mapping[str, Any]], protocol: str, port: int, version: int) -> bool:
    allowed: list[str] = []
    denied: list[str] = []
    for entry in entries:
        if covers_world(allowed, version):
            break
        action, sources = text(entry, "RuleAction"), _acl_sources(entry)
        if action not in ("allow", "deny"):
            raise ValueError("an entry of a network ACL allows or denies")
        if version in sources and _acl_entry_speaks_of(entry, protocol, port):
            (allowed if action == "allow" else denied).append(sources[version])
        if covers_world(denied, version):
            break
    return covers_world(allowed, version)


def _acl_sources(entry: Mapping[str, Any]) -> Mapping[int, str]:
    """Return the range of an entry by IP version; it has one of the two."""
    found = {4: optional_text(entry, "CidrBlock"), 6: optional_text(entry, "Ipv6CidrBlock")}
    sources = {version: source for version, source in found.items() if source}
    if not sources:
        raise ValueError("an entry of a network ACL names a source")
    return sources


def _acl_entry_speaks_of(entry: Mapping[str, Any], protocol: str, port: int) -> bool:
    stated = text(entry, "Protocol")
    if _protocol(stated) not in (protocol, _EVERY_PROTOCOL):
        return False
    ports = optional_mapping(entry, "PortRange")
    return _opens(stated, ports.get("From"), ports.get("To"), port)


def peering_routes(subject: Subject) -> Verdict:
    """Judge the routes into one active peering connection: none is as wide as the peer's whole VPC, nor are several.

    Whether a wide route is needed is for a person.

    Evidence: ``ec2:DescribeVpcPeeringConnections`` (population), ``ec2:DescribeRouteTables``.
    """
    peering = text(subject.item, "VpcPeeringConnectionId")
    sides = {text(side, "VpcId"): _blocks(side) for side in _sides(subject.item)}
    tables = subject.evidence.items("ec2:DescribeRouteTables", "RouteTables[]", region=subject.region)
    wide: list[str] = []
    count = 0
    for table in tables:
        routes = [
            route for route in listed(table, "Routes") if optional_text(route, "VpcPeeringConnectionId") == peering
        ]
        count += len(routes)
        peer = [block for vpc, blocks in sides.items() if vpc != text(table, "VpcId") for block in blocks]
        targets = [_target(route) for route in routes]
        for route, target in zip(routes, targets, strict=True):
            if not target or not peer or _hold_one(targets, peer):
                wide.append(target or "a prefix list")
                subject.evidence.point(route)
    if wide:
        return manual(f"Routes as wide as the peer's VPC, or of unknown width: {some(wide)}; is that needed?")
    return passed(f"{counted(count, 'route')} into the peering, none as wide as the peer's VPC.")


def _sides(item: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    return mapping(item, "RequesterVpcInfo"), mapping(item, "AccepterVpcInfo")


def _blocks(side: Mapping[str, Any]) -> list[str]:
    single = [optional_text(side, "CidrBlock")]
    several = [text(block, "CidrBlock") for block in optional_list(side, "CidrBlockSet")]
    newer = [text(block, "Ipv6CidrBlock") for block in optional_list(side, "Ipv6CidrBlockSet")]
    return [block for block in dict.fromkeys([*single, *several, *newer]) if block]


def _target(route: Mapping[str, Any]) -> str:
    return optional_text(route, "DestinationCidrBlock") or optional_text(route, "DestinationIpv6CidrBlock")


def _hold_one(targets: Iterable[str], blocks: Iterable[str]) -> bool:
    """Say whether ranges, by themselves or together, hold a whole block."""
    ranges = [network(target) for target in targets if target]
    return any(
        wide.supernet_of(narrow)  # type: ignore[arg-type]  # both are of one version
        for narrow in map(network, blocks)
        for wide in merged(ranges, narrow.version)
    )


_CARRIERS = {"Gateway": "RouteTableIds", "Interface": "SubnetIds"}
"""Type of endpoint that leads to a service -> what it takes to carry traffic; other types lead elsewhere."""


def service_endpoints(subject: Subject) -> Verdict:
    """Judge one VPC: endpoints for each of ``services`` in its Region exist, are available and carry traffic.

    A gateway endpoint carries what its route tables send, an interface endpoint has its addresses in subnets; without
    any, it stands there unused.

    Evidence: ``ec2:DescribeVpcs`` (population), ``ec2:DescribeVpcEndpoints``.
    """
    if optional_text(subject.item, "OwnerId") not in ("", subject.account.id):
        return not_applicable("The VPC is shared into the account; its owner decides on its endpoints.")
    view, vpc = subject.evidence, text(subject.item, "VpcId")
    found = view.items("ec2:DescribeVpcEndpoints", "VpcEndpoints[]", region=subject.region)
    own = [item for item in found if optional_text(item, "VpcId") == vpc]
    there, idle, missing = list[str](), list[str](), list[str]()
    for service in map(str, listed(subject.parameters, "services")):
        with view.going_on():
            leading = [item for item in own if _service(item, subject.region) == service and _is_available(item)]
            if any(map(_carries, leading)):
                there.append(service)
            else:
                missing.append(service)
                idle += [service] if leading else []
    if missing:
        why = f"; those for {some(idle)} carry no traffic" if idle else ""
        return failed(
            f"The VPC has no available endpoint for {some(missing)}{why}.", observed=f"missing: {some(missing)}"
        )
    return passed("The VPC has an available endpoint for each expected service.", observed=some(there))


def _service(item: Mapping[str, Any], region: str) -> str:
    """Return the service of the Region that an endpoint leads to; empty for one that leads elsewhere."""
    before, _, name = optional_text(item, "ServiceName").rpartition(".")
    return name if before.endswith(f".{region}") else ""


def _is_available(item: Mapping[str, Any]) -> bool:
    return text(item, "VpcEndpointType") in _CARRIERS and text(item, "State").lower() == "available"


def _carries(item: Mapping[str, Any]) -> bool:
    return bool(listed(item, _CARRIERS[text(item, "VpcEndpointType")]))


def instance_role(subject: Subject) -> Verdict:
    """Judge one EC2 instance: it has an instance profile that holds a role.

    Evidence: ``ec2:DescribeInstances`` (population), ``iam:ListInstanceProfiles``.
    """
    attached = optional_mapping(subject.item, "IamInstanceProfile")
    if not attached:
        return failed("The instance has no instance profile.", observed="no instance profile")
    arn = text(attached, "Arn")
    profiles = subject.evidence.items("iam:ListInstanceProfiles", "InstanceProfiles[]")
    profile = next((item for item in profiles if text(item, "Arn") == arn), None)
    if profile is None or not listed(profile, "Roles"):
        return failed("The instance profile holds no role.", observed="empty profile", pointer="/IamInstanceProfile")
    return passed("The instance has an instance profile with a role.", pointer="/IamInstanceProfile")
