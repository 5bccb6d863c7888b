"""Takes back rules of security groups that let everybody in, right after they were opened. Runs in AWS Lambda.

An EventBridge rule hands over each CloudTrail record of a call that can open a group. What the call touched is looked
at as it is now: only a rule that lets everybody in is taken back, by its id, and no other. It stays where the rule or
its group carries the tag ``auditor:keep``. While ``DRY_RUN`` is not ``false``, AWS is only asked whether it could be
done. Each case is told to a topic, with the command that brings the rule back. The same event a second time changes
nothing more. Any error is raised: Lambda tries again, then the event waits in the dead-letter queue, which an alarm
watches.
"""

import ipaddress
import json
import logging
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

_LOG = logging.getLogger(__name__)
KEEP = "auditor:keep"
"""The tag of rules and groups that stay open."""
_KINDS = {"securitygroupruleid": "sgr-", "prefixlistid": "pl-"}
_ID = re.compile(r"(sgr|pl)-[0-9a-f]{8,40}")
_WITH_PORTS = frozenset({"tcp", "udp", "6", "17"})
_WIDE = {4: 8, 6: 16}
"""Below so many leading bits a network is a part of the whole internet, such as 0.0.0.0/1."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the function is told by its environment.

    Args:
        topic: the ARN that is told.
        ports: nobody may open these to everybody.
        dry_run: nothing is taken back.
    """

    topic: str
    ports: tuple[int, ...]
    dry_run: bool

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the environment. Whatever is not exactly ``false`` is a dry run."""
        ports = tuple(int(port) for port in environment.get("PORTS", "22,3389").split(","))
        return cls(environment["TOPIC_ARN"], ports, environment.get("DRY_RUN") != "false")


def handler(event: Mapping[str, Any], _context: object) -> list[dict[str, str]]:
    """Answer one event of EventBridge."""
    return answer(event, boto3.client("ec2"), boto3.client("sns"), Settings.of(os.environ))


def answer(event: Mapping[str, Any], ec2: Any, sns: Any, settings: Settings) -> list[dict[str, str]]:
    """Take back what a recorded call opened; return what became of each rule.

    Args:
        event: of EventBridge, with a CloudTrail record in ``detail``.
        ec2: a client of the Region of the event.
        sns: a client of the topic's Region.
        settings: of the function.

    Raises:
        ClientError: AWS refused something; the other rules of the call were seen to.
        LookupError: the record does not name what it opened, or not yet.
    """
    record = event["detail"]
    if record.get("errorCode"):
        return []
    outcomes: list[dict[str, str]] = []
    wrong: list[ClientError] = []
    for rule in _touched(record, ec2):
        try:
            if _lets_everybody_in(rule, ec2, settings.ports):
                outcomes.append(_close(rule, record, ec2, settings))
                _tell(outcomes[-1], sns, settings)
        except ClientError as error:
            wrong.append(error)
    if wrong:
        raise wrong[0]
    return outcomes


def _touched(record: Mapping[str, Any], ec2: Any) -> list[Mapping[str, Any]]:
    """Return the inbound rules that a call made, changed, or may have opened by a prefix list, as they are now.

    Raises:
        LookupError: the record names none, or a prefix list is still being changed.
    """
    named = sorted({*_ids([record.get("requestParameters"), record.get("responseElements")])})
    lists = [one for one in named if one.startswith("pl-")] if "PrefixList" in record["eventName"] else []
    rules = [one for one in named if one.startswith("sgr-")]
    if not rules and not lists:
        raise LookupError(f"the record {record.get('eventID')} does not name what it opened; look at it")
    pages = ec2.get_paginator("describe_security_group_rules")
    found: list[Mapping[str, Any]] = []
    for start in range(0, len(rules), 200):
        asked = [{"Name": "security-group-rule-id", "Values": rules[start : start + 200]}]
        found += [rule for page in pages.paginate(Filters=asked) for rule in page["SecurityGroupRules"]]
    if lists:
        states = ec2.describe_managed_prefix_lists(PrefixListIds=lists)["PrefixLists"]
        if any(item["State"].endswith("in-progress") for item in states):
            raise LookupError(f"{', '.join(lists)} is still being changed; it is looked at when Lambda tries again")
        every = (rule for page in pages.paginate() for rule in page["SecurityGroupRules"])
        found += [rule for rule in every if rule.get("PrefixListId") in lists]
    return [rule for rule in found if not rule["IsEgress"]]


def _ids(value: Any) -> Iterator[str]:
    """Yield ids of rules and prefix lists that stand under their own key: what a description says is nobody's id."""
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        name, one = waiting.pop()
        if isinstance(one, Mapping):
            waiting += [(str(inner).lower(), item) for inner, item in one.items()]
        elif isinstance(one, Sequence) and not isinstance(one, str):
            waiting += [(name, item) for item in one]
        elif isinstance(one, str) and _ID.fullmatch(one) and one.startswith(_KINDS.get(name, "?")):
            yield one


def _lets_everybody_in(rule: Mapping[str, Any], ec2: Any, ports: Sequence[int]) -> bool:
    protocol, first, last = rule["IpProtocol"], rule.get("FromPort", -1), rule.get("ToPort", -1)
    every_port = protocol == "-1" or (protocol in _WITH_PORTS and (first, last) == (-1, -1))
    if not every_port and not (protocol in _WITH_PORTS and any(first <= port <= last for port in ports)):
        return False
    return any(_is_everybody(source) for source in _sources(rule, ec2))


def _sources(rule: Mapping[str, Any], ec2: Any) -> list[str]:
    if "PrefixListId" not in rule:
        return [rule[name] for name in ("CidrIpv4", "CidrIpv6") if name in rule]
    pages = ec2.get_paginator("get_managed_prefix_list_entries").paginate(PrefixListId=rule["PrefixListId"])
    return [item["Cidr"] for page in pages for item in page["Entries"]]


def _is_everybody(source: str) -> bool:
    network = ipaddress.ip_network(source, strict=False)
    return network.prefixlen == 0 or (network.prefixlen < _WIDE[network.version] and not network.is_private)


def _close(rule: Mapping[str, Any], record: Mapping[str, Any], ec2: Any, settings: Settings) -> dict[str, str]:
    caller = record.get("userIdentity") or {}
    outcome = {
        "rule": rule["SecurityGroupRuleId"],
        "group": rule["GroupId"],
        "region": str(record.get("awsRegion")),
        "opened_by": str(caller.get("arn") or caller.get("type")),
        "event": f"{record['eventName']} at {record.get('eventTime')} ({record.get('eventID')})",
        "lets_in": json.dumps(_permission(rule), sort_keys=True),
        "undo": _undo(rule, str(record.get("awsRegion"))),
    }
    (group,) = ec2.describe_security_groups(GroupIds=[rule["GroupId"]])["SecurityGroups"]
    if any(tag["Key"] == KEEP for tag in [*(rule.get("Tags") or ()), *(group.get("Tags") or ())]):
        return outcome | {"outcome": "kept"}
    _LOG.warning("%s", json.dumps(outcome))  # the way back is in the log before anything changes
    try:
        ec2.revoke_security_group_ingress(
            GroupId=rule["GroupId"], SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]], DryRun=settings.dry_run
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "DryRunOperation":
            raise
    return outcome | {"outcome": "would be closed" if settings.dry_run else "closed"}


def _permission(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rule in the form in which it is made."""
    source: dict[str, Any] = {"Description": rule["Description"]} if rule.get("Description") else {}
    permission: dict[str, Any] = {"IpProtocol": rule["IpProtocol"]}
    if rule["IpProtocol"] != "-1":
        permission |= {name: rule[name] for name in ("FromPort", "ToPort") if name in rule}
    if "PrefixListId" in rule:
        return permission | {"PrefixListIds": [{"PrefixListId": rule["PrefixListId"], **source}]}
    if "CidrIpv6" in rule:
        return permission | {"Ipv6Ranges": [{"CidrIpv6": rule["CidrIpv6"], **source}]}
    return permission | {"IpRanges": [{"CidrIp": rule["CidrIpv4"], **source}]}


def _undo(rule: Mapping[str, Any], region: str) -> str:
    """Return the command that brings a rule back, tagged so that it stays."""
    tags = [tag for tag in rule.get("Tags") or () if tag["Key"] != KEEP and not tag["Key"].startswith("aws:")]
    tags.append({"Key": KEEP, "Value": "brought back"})
    words = ["aws", "ec2", "authorize-security-group-ingress", "--region", region, "--group-id", rule["GroupId"]]
    words += ["--ip-permissions", json.dumps([_permission(rule)])]
    words += ["--tag-specifications", json.dumps([{"ResourceType": "security-group-rule", "Tags": tags}])]
    return shlex.join(words)


def _tell(outcome: Mapping[str, str], sns: Any, settings: Settings) -> None:
    subject = f"{outcome['rule']} of {outcome['group']}: {outcome['outcome']}"
    lines = [
        f"Rule {outcome['rule']} of {outcome['group']} in {outcome['region']} lets everybody in: {outcome['outcome']}.",
        f"It lets in: {outcome['lets_in']}",
        f"Opened by {outcome['opened_by']}, {outcome['event']}",
    ]
    lines.append(
        {
            "kept": f"The rule or its group carries the tag {KEEP}, so it stays.",
            "closed": f"To bring it back:\n{outcome['undo']}",
        }.get(outcome["outcome"], "Dry run: nothing was changed. The function closes when DRY_RUN is false.")
    )
    sns.publish(TopicArn=settings.topic, Subject=subject[:100], Message="\n\n".join(lines))
