"""The function closes what was opened, by id, and nothing else: a simulated EC2, and records as CloudTrail has them."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from auditor.remedy.closer.index import KEEP, Settings, answer
from auditor.simulator import Simulator
from tests.remedy.awscli import CommandLine, command_line

REGION = "eu-central-1"
SSH = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}
EVERYBODY: dict[str, Any] = {"IpRanges": [{"CidrIp": "0.0.0.0/0", "Description": "for a moment"}]}
pytestmark = pytest.mark.simulator


@dataclass
class Account:
    """A simulated account with a group, and a topic that a queue hears."""

    aws: Simulator
    command: CommandLine
    ec2: Any
    sns: Any
    sqs: Any
    queue: str
    settings: Settings
    group: str = ""

    def opened(self, *permissions: dict[str, Any], tags: dict[str, str] | None = None) -> dict[str, Any]:
        """Open the group; return the event of it."""
        tagged = [{"Key": key, "Value": value} for key, value in (tags or {}).items()]
        answered = self.ec2.authorize_security_group_ingress(
            GroupId=self.group,
            IpPermissions=list(permissions),
            **({"TagSpecifications": [{"ResourceType": "security-group-rule", "Tags": tagged}]} if tagged else {}),
        )
        rules = [
            {f"{key[0].lower()}{key[1:]}": value for key, value in rule.items() if key != "Tags"}
            for rule in answered["SecurityGroupRules"]
        ]
        return event(
            "AuthorizeSecurityGroupIngress",
            {"groupId": self.group, "ipPermissions": {"items": []}},
            {"_return": True, "securityGroupRuleSet": {"items": rules}},
        )

    def answer(self, happened: dict[str, Any], **changed: Any) -> list[str]:
        """Run the function; return what became of each rule."""
        return [item["outcome"] for item in answer(happened, self.ec2, self.sns, replace(self.settings, **changed))]

    def rules(self) -> set[str]:
        """Return the sources that the group lets in."""
        filters = [{"Name": "group-id", "Values": [self.group]}]
        found = self.ec2.describe_security_group_rules(Filters=filters)["SecurityGroupRules"]
        keys = ("CidrIpv4", "CidrIpv6", "PrefixListId")
        return {str(rule[key]) for rule in found if not rule["IsEgress"] for key in keys if key in rule}

    def told(self) -> list[str]:
        """Return the messages since the last time."""
        found = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", ())
        for item in found:
            self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=item["ReceiptHandle"])
        return [json.loads(item["Body"])["Message"] for item in found]

    def prefix_list(self, *sources: str) -> str:
        """Make a prefix list."""
        made = self.ec2.create_managed_prefix_list(
            PrefixListName="people",
            MaxEntries=5,
            AddressFamily="IPv6" if any(":" in item for item in sources) else "IPv4",
            Entries=[{"Cidr": item} for item in sources],
        )
        return str(made["PrefixList"]["PrefixListId"])


def event(name: str, asked: Any, answered: Any = None, **more: Any) -> dict[str, Any]:
    """Return what EventBridge hands over."""
    record = {
        "eventSource": "ec2.amazonaws.com",
        "eventName": name,
        "eventID": "7d1d3c6c-0000-4000-8000-000000000001",
        "eventTime": "2026-10-14T09:12:33Z",
        "awsRegion": REGION,
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::444455556666:user/mallory"},
        "requestParameters": asked,
        "responseElements": answered,
    }
    return {"source": "aws.ec2", "detail-type": "AWS API Call via CloudTrail", "detail": {**record, **more}}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with Simulator("empty") as aws, command_line(aws, tmp_path_factory.mktemp("bin")) as command:
        ec2, sns, sqs = (command.client(name, REGION) for name in ("ec2", "sns", "sqs"))
        topic = sns.create_topic(Name="opened")["TopicArn"]
        queue = sqs.create_queue(QueueName="heard")["QueueUrl"]
        heard = f"arn:aws:sqs:{REGION}:{aws.account}:heard"
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=heard)
        yield Account(aws, command, ec2, sns, sqs, queue, Settings(topic, (22, 3389), dry_run=False))


@pytest.fixture
def account(world: Account) -> Iterator[Account]:
    vpc = world.ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = world.ec2.create_security_group(GroupName="bastion", Description="A way in", VpcId=vpc)["GroupId"]
    world.told()
    yield replace(world, group=group)
    world.ec2.delete_security_group(GroupId=group)


def test_exactly_what_lets_everybody_in_is_closed(account: Account) -> None:
    web = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 3389, **EVERYBODY}
    account.ec2.authorize_security_group_ingress(GroupId=account.group, IpPermissions=[web])
    narrow = [{"CidrIp": "198.51.100.7/32"}, {"CidrIp": "10.0.0.0/8"}]
    sources = {"IpRanges": [*EVERYBODY["IpRanges"], *narrow], "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
    happened = account.opened({**SSH, **sources})
    assert account.answer(happened) == ["closed", "closed"]
    assert account.rules() == {"198.51.100.7/32", "10.0.0.0/8", "0.0.0.0/0"}  # the last one was open before
    first, second = account.told()
    assert "user/mallory" in first
    assert "user/mallory" in second
    assert account.answer(happened) == []
    assert account.told() == []


@pytest.mark.parametrize(
    ("permission", "outcome"),
    [
        pytest.param({"IpProtocol": "-1", **EVERYBODY}, ["closed"], id="every-protocol"),
        pytest.param({"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535, **EVERYBODY}, ["closed"], id="every-port"),
        pytest.param({"IpProtocol": "udp", "FromPort": 3389, "ToPort": 3389, **EVERYBODY}, ["closed"], id="rdp-udp"),
        pytest.param({**SSH, "IpRanges": [{"CidrIp": "128.0.0.0/1"}]}, ["closed"], id="half-the-internet"),
        pytest.param({**SSH, "Ipv6Ranges": [{"CidrIpv6": "2000::/3"}]}, ["closed"], id="all-of-ipv6"),
        pytest.param({"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, **EVERYBODY}, [], id="another-port"),
        pytest.param({"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1, **EVERYBODY}, [], id="ping"),
        pytest.param({**SSH, "Ipv6Ranges": [{"CidrIpv6": "fc00::/7"}]}, [], id="private-ipv6"),
    ],
)
def test_which_rules_let_everybody_in(account: Account, permission: dict[str, Any], outcome: list[str]) -> None:
    assert account.answer(account.opened(permission)) == outcome


def test_a_changed_rule_is_closed(account: Account) -> None:
    made = account.opened({**SSH, "IpRanges": [{"CidrIp": "198.51.100.7/32"}]})
    (rule,) = made["detail"]["responseElements"]["securityGroupRuleSet"]["items"]
    assert account.answer(made) == []
    form = {**SSH, "CidrIpv4": "0.0.0.0/0"}
    change = {"SecurityGroupRuleId": rule["securityGroupRuleId"], "SecurityGroupRule": form}
    account.ec2.modify_security_group_rules(GroupId=account.group, SecurityGroupRules=[change])
    asked = {"ModifySecurityGroupRulesRequest": {"GroupId": account.group, "SecurityGroupRule": {**change, "tag": 1}}}
    assert account.answer(event("ModifySecurityGroupRules", asked, {"_return": True})) == ["closed"]
    assert account.rules() == set()


@pytest.mark.parametrize("source", ["0.0.0.0/0", "::/0"])
def test_a_prefix_list_that_holds_everybody_closes_the_rule_that_names_it(account: Account, source: str) -> None:
    narrow = account.prefix_list("198.51.100.0/24")
    wide = account.prefix_list(source)
    named = [{"PrefixListId": narrow}, {"PrefixListId": wide}]
    assert account.answer(account.opened({**SSH, "PrefixListIds": named})) == ["closed"]
    assert account.rules() == {narrow}


@pytest.mark.parametrize("name", ["ModifyManagedPrefixList", "RestoreManagedPrefixListVersion"])
def test_a_prefix_list_that_is_widened_closes_the_rules_that_name_it(account: Account, name: str) -> None:
    named = account.prefix_list("198.51.100.0/24")
    assert account.answer(account.opened({**SSH, "PrefixListIds": [{"PrefixListId": named}]})) == []
    account.ec2.modify_managed_prefix_list(
        PrefixListId=named, CurrentVersion=1, AddEntries=[{"Cidr": "0.0.0.0/0", "Description": "all"}]
    )
    asked = {f"{name}Request": {"PrefixListId": named, "CurrentVersion": 1}}
    assert account.answer(event(name, asked)) == ["closed"]
    assert account.rules() == set()


def test_a_dry_run_only_tells(account: Account) -> None:
    happened = account.opened({**SSH, **EVERYBODY})
    assert account.answer(happened, dry_run=True) == ["would be closed"]
    assert account.rules() == {"0.0.0.0/0"}
    (message,) = account.told()
    assert "nothing was changed" in message


def test_what_is_tagged_stays(account: Account) -> None:
    assert account.answer(account.opened({**SSH, **EVERYBODY}, tags={KEEP: "approved"})) == ["kept"]
    account.ec2.create_tags(Resources=[account.group], Tags=[{"Key": KEEP, "Value": ""}])
    assert account.answer(account.opened({**SSH, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]})) == ["kept"]
    assert account.rules() == {"0.0.0.0/0", "::/0"}
    assert all("so it stays" in message for message in account.told())


def test_the_command_of_the_message_brings_the_rule_back_and_it_stays(account: Account, tmp_path: Path) -> None:
    account.answer(account.opened({**SSH, **EVERYBODY}, tags={"team": 'it\'s "ours"'}))
    (message,) = account.told()
    script = tmp_path / "undo.sh"
    script.write_text(message.partition("To bring it back:\n")[2] + "\n")
    done = account.command.run(script)
    assert done.stderr == ""
    assert account.rules() == {"0.0.0.0/0"}
    filters = [{"Name": "group-id", "Values": [account.group]}]
    (rule,) = (
        it
        for it in account.ec2.describe_security_group_rules(Filters=filters)["SecurityGroupRules"]
        if not it["IsEgress"]
    )
    assert {tag["Key"]: tag["Value"] for tag in rule["Tags"]} == {"team": 'it\'s "ours"', KEEP: "brought back"}
    assert rule["Description"] == "for a moment"
    asked = {"groupId": account.group}
    again = {"securityGroupRuleSet": {"items": [{"securityGroupRuleId": rule["SecurityGroupRuleId"]}]}}
    assert account.answer(event("AuthorizeSecurityGroupIngress", asked, again)) == ["kept"]


def test_a_description_names_no_rule(account: Account) -> None:
    account.opened({**SSH, **EVERYBODY})
    filters = [{"Name": "group-id", "Values": [account.group]}]
    found = account.ec2.describe_security_group_rules(Filters=filters)["SecurityGroupRules"]
    (other,) = (item["SecurityGroupRuleId"] for item in found if not item["IsEgress"])
    permission = {**SSH, "IpRanges": [{"CidrIp": "198.51.100.7/32", "Description": other}]}
    assert account.answer(account.opened(permission)) == []
    assert account.rules() == {"0.0.0.0/0", "198.51.100.7/32"}


def test_what_was_refused_opened_nothing(account: Account) -> None:
    assert account.answer(event("AuthorizeSecurityGroupIngress", {}, errorCode="Client.UnauthorizedOperation")) == []


@pytest.mark.parametrize(
    "name", ["AuthorizeSecurityGroupIngress", "ModifySecurityGroupRules", "ModifyManagedPrefixList"]
)
def test_a_record_that_names_no_rule_is_an_error(account: Account, name: str) -> None:
    with pytest.raises(LookupError, match="does not name what it opened"):
        account.answer(event(name, {"groupId": account.group}, {"omitted": True}))


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_refused_call_is_an_error_also_in_a_dry_run(account: Account, dry_run: bool) -> None:
    happened = account.opened({**SSH, **EVERYBODY})
    account.aws.deny("ec2:RevokeSecurityGroupIngress")
    try:
        with pytest.raises(ClientError):
            account.answer(happened, dry_run=dry_run)
    finally:
        account.aws.clear()
    assert account.told() == []
    assert account.answer(happened) == ["closed"]


@pytest.mark.parametrize("value", ["", "true", "True", "FALSE", "no", "0"])
def test_only_the_word_false_ends_the_dry_run(value: str) -> None:
    assert Settings.of({"TOPIC_ARN": "t", "DRY_RUN": value}).dry_run
    assert Settings.of({"TOPIC_ARN": "t"}).dry_run
    assert not Settings.of({"TOPIC_ARN": "t", "DRY_RUN": "false"}).dry_run


def test_the_way_back_is_in_the_log_before_anything_changes(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    happened = account.opened({**SSH, **EVERYBODY})
    account.aws.deny("ec2:RevokeSecurityGroupIngress")
    try:
        with pytest.raises(ClientError):
            account.answer(happened)
    finally:
        account.aws.clear()
    (line,) = (item.message for item in caplog.records if item.name.startswith("auditor.remedy.closer"))
    assert shlex.split(json.loads(line)["undo"])[:3] == ["aws", "ec2", "authorize-security-group-ingress"]
