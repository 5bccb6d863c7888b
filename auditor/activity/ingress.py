"""What a call does to the inbound rules of a security group, rule by rule; and whether rules let everybody in.

Source: EC2 API Reference, AuthorizeSecurityGroupIngress, RevokeSecurityGroupIngress, ModifySecurityGroupRules.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from auditor.activity.fields import SHORT, Map, items, maps, member, requested, text
from auditor.base.internet import VERSIONS, Network, are_everybody, is_routed, network

ADMIN_PORTS: Final = (22, 3389)
"""SSH and RDP: the ports the CIS benchmark asks about."""

ANY: Final = "-1"
_PROTOCOLS: Final = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": ANY}
_WITH_PORTS: Final = frozenset({"tcp", "udp"})
_MODIFY: Final = "ModifySecurityGroupRulesRequest"

_WIDE: Final = {4: 8, 6: 16}
"""A network of so few leading bits may be a part of the whole internet; narrower ones never add up to it here."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One source of one rule. No port means every port.

    Args:
        protocol: by name, ``-1`` for all.
        first: lowest port.
        last: highest port.
        source: a network.
    """

    protocol: str
    first: int | None
    last: int | None
    source: Network

    def takes_in(self, port: int) -> bool:
        """Say whether it lets its source reach a port."""
        if self.protocol == ANY:
            return True
        return (
            self.protocol in _WITH_PORTS
            and self.first is not None
            and self.last is not None
            and (self.first <= port <= self.last)
        )


@dataclass(frozen=True, slots=True)
class Change:
    """What one call does to one group.

    Args:
        group: id of the group, its name where the record has no id; empty where it has neither.
        adds: rules with their ids, as far as the answer tells them.
        removes: rules by their form.
        removes_ids: rules by id.
        removes_told: those of the forms for which the answer tells the id of the rule that is gone.
        becomes: rules by id, with the form that they have from then on; no rule where that lets no wide network in.
        deletes: whether the group is gone.
        untold: what of it the record does not tell, though it may open an administration port; empty for nothing.
    """

    group: str
    adds: tuple[tuple[str, Rule], ...] = ()
    removes: frozenset[Rule] = frozenset()
    removes_ids: tuple[str, ...] = ()
    removes_told: frozenset[Rule] = frozenset()
    becomes: tuple[tuple[str, tuple[Rule, ...]], ...] = ()
    deletes: bool = False
    untold: str = ""

    @property
    def opens(self) -> tuple[Rule, ...]:
        """The rules that are there after the call because of it."""
        return tuple(rule for _, rule in self.adds) + tuple(rule for _, rules in self.becomes for rule in rules)


def open_ports(rules: Iterable[Rule], ports: Iterable[int] = ADMIN_PORTS) -> tuple[int, ...]:
    """Return the ports that rules together open to everybody of one IP version."""
    known = list(rules)
    return tuple(port for port in ports if any(_holds_everybody(known, port, version) for version in VERSIONS))


def _holds_everybody(rules: Iterable[Rule], port: int, version: int) -> bool:
    return are_everybody((rule.source for rule in rules if rule.takes_in(port)), version)


def change_of(record: Map) -> Change | None:
    """Return what a call of EC2 does to a security group's inbound rules; None where it does nothing."""
    asked, answer = requested(record), requested(record, "responseElements")
    match record.get("eventName"):
        case "AuthorizeSecurityGroupIngress":
            return _authorized(asked, answer)
        case "RevokeSecurityGroupIngress":
            return _revoked(asked, answer)
        case "ModifySecurityGroupRules":
            return _modified(asked)
        case "DeleteSecurityGroup":
            return Change(_group(asked, answer), deletes=True)
    return None


def _authorized(asked: Map, answer: Map) -> Change:
    """The answer tells each rule with its id; where AWS left it out, the request tells the rules alone."""
    made = [
        (_rule_id(item), rule)
        for item in maps(answer.get("securityGroupRuleSet"))
        if item.get("isEgress") is not True
        for rule in _rules(item)
    ]
    known = {rule for _, rule in made}
    made += [("", rule) for item in _permissions(asked) for rule in _rules(item) if rule not in known]
    untold = _untold(asked) if asked or not made else ""
    return Change(_group(asked, answer.get("securityGroupRuleSet")), tuple(made), untold=untold)


def _untold(asked: Map) -> str:
    """Say what a request leaves open: all of it where it is not there, and who stands in a prefix list."""
    lists = [text(value) for item in _permissions(asked) if _may_reach(item) for value in _prefix_lists(item)]
    named = ", ".join(dict.fromkeys(filter(None, lists)))
    if not asked:
        return "the request is not in the record"
    return f"the record does not tell what stands in {named}" if named else ""


def _may_reach(permission: Map) -> bool:
    protocol = _protocol(permission.get("ipProtocol"))
    first, last = _ports(permission, protocol)
    nobody = network("0.0.0.0/0")
    return any(Rule(protocol, first, last, nobody).takes_in(port) for port in ADMIN_PORTS)


def _prefix_lists(permission: Map) -> list[Any]:
    return [item.get("prefixListId") for item in maps(permission.get("prefixListIds"))] + [
        permission.get("prefixListId")
    ]


def _revoked(asked: Map, answer: Map) -> Change:
    """EC2 may answer that it did nothing, or which rules it does not know: then only what it names as gone is gone."""
    gone = maps(answer.get("revokedSecurityGroupRuleSet"))
    all_of_it = answer.get("_return") is not False and not maps(answer.get("unknownIpPermissionSet"))
    meant = [*_permissions(asked), *gone] if all_of_it else gone
    forms = frozenset(rule for item in meant for rule in _rules(item))
    named = [*(items(asked.get("securityGroupRuleIds")) if all_of_it else ()), *gone]
    ids = tuple(dict.fromkeys(known for item in named if (known := _rule_id(item))))
    told = frozenset(rule for item in gone if _rule_id(item) for rule in _rules(item))
    return Change(_group(asked, gone), removes=forms, removes_ids=ids, removes_told=told)


def _modified(asked: Map) -> Change:
    request = member(asked, _MODIFY)
    becomes, untold = [], "" if request else "the request is not in the record"
    for change in maps(request.get("SecurityGroupRule")):
        form = {_lower_first(str(name)): value for name, value in member(change, "SecurityGroupRule").items()}
        rules = tuple(_rules(form))
        untold = untold or (_untold({"ipPermissions": [form]}) if form.get("prefixListId") else "")
        known = _rule_id(change.get("SecurityGroupRuleId"))
        if rules or (known and _is_told(form)):
            becomes.append((known, rules))
    return Change(text(request.get("GroupId")) or _group(asked, None), becomes=tuple(becomes), untold=untold)


def _is_told(form: Map) -> bool:
    """Say whether the new form of a rule can be read as a whole: it then opens only what it says."""
    addresses = [form[name] for name in ("cidrIpv4", "cidrIpv6") if form.get(name) is not None]
    networks = [_network(address) for address in addresses]
    if any(network is None for network in networks):
        return False
    elsewhere = isinstance(form.get("referencedGroupId"), str)
    if any(network is not None and network.prefixlen == 0 for network in networks):
        protocol = _protocol(form.get("ipProtocol"))
        return bool(protocol) and (protocol not in _WITH_PORTS or None not in _ports(form, protocol))
    return bool(networks) or elsewhere


def _permissions(asked: Map) -> list[Map]:
    """Return the permissions of a request; the short form is one itself: ipProtocol, fromPort, toPort, cidrIp."""
    return maps(asked.get("ipPermissions")) or [asked]


def _rules(permission: Map) -> list[Rule]:
    """Return the rules of one permission whose source is wide enough to be a part of the internet."""
    protocol = _protocol(permission.get("ipProtocol"))
    if not protocol:
        return []
    first, last = _ports(permission, protocol)
    if protocol in _WITH_PORTS and (first is None or last is None):
        return []
    return [Rule(protocol, first, last, network) for network in _sources(permission)]


def _protocol(value: Any) -> str:
    told = str(value).lower() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return _PROTOCOLS.get(told, told)[:SHORT]


def _ports(permission: Map, protocol: str) -> tuple[int | None, int | None]:
    """Return lowest and highest port; none for all traffic, where callers leave them out and EC2 answers with -1."""
    if protocol == ANY:
        return None, None
    first, last = (_port(permission.get(name)) for name in ("fromPort", "toPort"))
    return (0, 65535) if (first, last) == (-1, -1) and protocol in _WITH_PORTS else (first, last)


def _port(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _sources(permission: Map) -> list[Network]:
    addresses = [permission.get(name) for name in ("cidrIp", "cidrIpv4", "cidrIpv6")]
    addresses += [item.get("cidrIp") for item in maps(permission.get("ipRanges"))]
    addresses += [item.get("cidrIpv6") for item in maps(permission.get("ipv6Ranges"))]
    networks = (_network(address) for address in addresses)
    return [one for one in networks if one is not None and _is_wide(one)]


def _is_wide(one: Network) -> bool:
    return one.prefixlen <= _WIDE[one.version] and is_routed(one)


def _network(address: Any) -> Network | None:
    try:
        return network(address) if isinstance(address, str) else None
    except ValueError:
        return None


def _group(asked: Map, told: Any) -> str:
    """Return the group's id from the request or from the rules of the answer, else its name."""
    if known := text(asked.get("groupId")):
        return known
    ids = {text(item.get("groupId")) for item in maps(told)} - {""}
    return ids.pop() if len(ids) == 1 else text(asked.get("groupName"))


def _rule_id(item: Any) -> str:
    value = item.get("securityGroupRuleId") if isinstance(item, Mapping) else item
    return value if isinstance(value, str) and value.startswith("sgr-") and len(value) <= SHORT else ""


def _lower_first(word: str) -> str:
    return word[:1].lower() + word[1:]
