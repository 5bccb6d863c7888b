"""The remedy that takes opened rules back: an EventBridge rule, a function, and what keeps their failures visible."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from auditor.remedy.change import Asked, Expression, Finding, Remedy, Resource, Stage, Step
from auditor.remedy.known import Known, Unknown
from auditor.remedy.plans.alarms import new_topic, topic_of
from auditor.remedy.plans.common import document, role_steps
from auditor.remedy.plans.trails import RETENTION_DAYS

NAME: Final = "auditor-close-opened-rules"
PATTERN: Final[Mapping[str, Any]] = {
    "source": ["aws.ec2"],
    "detail-type": ["AWS API Call via CloudTrail"],
    "detail": {
        "eventSource": ["ec2.amazonaws.com"],
        "eventName": [
            "AuthorizeSecurityGroupIngress",
            "ModifySecurityGroupRules",
            "ModifyManagedPrefixList",
            "RestoreManagedPrefixListVersion",
        ],
        "errorCode": [{"exists": False}],
    },
}
"""Every call that opens a group: new rules, changed rules, changed prefix lists that rules name; no refused one."""
_DRY: Final = Asked(
    "DRY_RUN",
    "true: the function only tells what it would close; false: it closes",
    default="true",
    allowed=("true", "false"),
)
TROUBLE: Final = ("could not hand over", "ended in an error", "wait in the dead-letter queue")
"""Parts of reasons that name a failure of what is there."""
_PORTS: Final = "22,3389"
_UNHANDLED: Final = f"{NAME}-unhandled"
_RUNTIME: Final = "python3.13"


@cache
def code() -> str:
    """Return the text of the function."""
    return (Path(__file__).parent.parent / "closer" / "index.py").read_text(encoding="utf-8")


def close_opened_rules(finding: Finding, known: Known) -> Remedy:
    """Give a Region the pair, or enable its rule again.

    Raises:
        Unknown: the pair is there and enabled, or what is there already fails, which another pair would not mend.
    """
    region = finding.region
    if any(words in finding.reason for words in TROUBLE):
        raise Unknown("what undoes openings already has trouble of its own; the reason names it, and it comes first")
    rules = known.items("events:ListRules", "Rules", region)
    ours = next((item for item in rules if item.get("Name") == NAME), None)
    if ours is not None:
        return _enabled(finding, region, ours)
    topic, heard = _topic(known, region)
    undo = Step(Stage.SETTING, "no call of the function any more", "events", "DisableRule", region, {"Name": NAME})
    return Remedy(
        finding,
        "No rule hands every opening to something that undoes it; rules that are there stay.",
        (*_role(known), *_log_group(region), *heard, _alarm(region, topic)),
        (undo,),
        "Runs dry until DRY_RUN is false: it tells what it would close, and changes nothing. Then it takes back each "
        f"rule that lets everybody reach port {_PORTS.replace(',', ' or ')}, by id, minutes after it was opened, also "
        "where that was meant: tag such rules or their groups `auditor:keep` before, and decide who may set this tag. "
        "Events come only where a trail records the management events of the Region.",
        "0.10 USD: an alarm; events, calls and messages are cents",
        undo_words="Deleting the stack takes away rule, function and queue; role, topic, alarm and log group stay. "
        "A rule that was closed is brought back by the command in the message about it.",
        person="Read its messages for some days, then set DRY_RUN to false. "
        + ("A subscription waits until somebody opens the link in the mail." if heard else ""),
        declares=tuple(_pair(known, region, topic)),
    )


def _enabled(finding: Finding, region: str, ours: Mapping[str, Any]) -> Remedy:
    if ours.get("State") != "DISABLED" or json.loads(ours.get("EventPattern") or "{}") != PATTERN:
        raise Unknown(f"the rule {NAME} is there; what the reason names has to be looked at")
    calls = [
        Step(Stage.SETTING, words, "events", operation, region, {"Name": NAME})
        for words, operation in (("hand events over again", "EnableRule"), ("as it was", "DisableRule"))
    ]
    return Remedy(
        finding, f"The rule {NAME}, disabled.", (calls[0],), (calls[1],), "Opened rules are taken back.", "cents"
    )


def _role(known: Known) -> list[Step]:
    regional = {name: known.arn(service, "*", rest) for name, service, rest in _REACHED}
    may = (
        _allow("*", "ec2:DescribeManagedPrefixLists", "ec2:DescribeSecurityGroupRules", "ec2:DescribeSecurityGroups"),
        _allow(f"arn:{known.partition}:ec2:*:*:prefix-list/*", "ec2:GetManagedPrefixListEntries"),
        {
            **_allow("", "ec2:RevokeSecurityGroupIngress"),
            "Resource": [regional["groups"], regional["rules"]],
            "Condition": {"Null": {"aws:ResourceTag/auditor:keep": "true"}},
        },
        {**_allow("", "sns:Publish"), "Resource": list(_topics(known))},
        _allow(regional["unhandled"], "sqs:SendMessage"),
        _allow(regional["log"], "logs:CreateLogStream", "logs:PutLogEvents"),
    )
    return role_steps(known, NAME, "lambda", *may)


def _topic(known: Known, region: str) -> tuple[str, list[Step]]:
    """Return a topic that is heard, or one of our own where the evidence does not tell which are."""
    try:
        return topic_of(known, region, NAME)
    except Unknown:
        return new_topic(known, region, NAME)


def _topics(known: Known) -> Iterator[str]:
    """Yield the topics of all Regions, so that the role is the same whichever Region it is made for."""
    for region in known.regions:
        yield _topic(known, region)[0]


_REACHED: Final = (
    ("groups", "ec2", "security-group/*"),
    ("rules", "ec2", "security-group-rule/*"),
    ("unhandled", "sqs", _UNHANDLED),
    ("log", "logs", f"log-group:/aws/lambda/{NAME}:*"),
)


def _allow(resource: str, *actions: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


def _log_group(region: str) -> list[Step]:
    name = {"logGroupName": f"/aws/lambda/{NAME}"}
    kept = {**name, "retentionInDays": RETENTION_DAYS}
    words = "what the function writes, with the way back of each rule"
    return [
        Step(Stage.LOG_GROUP, words, "logs", "CreateLogGroup", region, name),
        Step(Stage.LOG_GROUP, f"keep it for {RETENTION_DAYS} days", "logs", "PutRetentionPolicy", region, kept),
    ]


def _alarm(region: str, topic: str) -> Step:
    words = "tell somebody of events that could not be handled"
    given = {
        "AlarmName": NAME,
        "AlarmDescription": "An opened rule of a security group was not looked at; the event waits in the queue",
        "ActionsEnabled": True,
        "AlarmActions": [topic],
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateNumberOfMessagesVisible",
        "Dimensions": [{"Name": "QueueName", "Value": _UNHANDLED}],
        "Statistic": "Maximum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
    }
    return Step(Stage.ALARM, words, "cloudwatch", "PutMetricAlarm", region, given)


def _pair(known: Known, region: str, topic: str) -> list[Resource]:
    return [*_queue(known, region), *_function(known, region, topic), *_rule(known, region)]


def _queue(known: Known, region: str) -> list[Resource]:
    arn = known.arn("sqs", region, _UNHANDLED)
    url = f"https://sqs.{region}.{known.suffix}/{known.account}/{_UNHANDLED}"
    sent = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": known.arn("events", region, f"rule/{NAME}")}},
    }
    days = 14 * 24 * 3600
    return [
        Resource(
            Stage.TOPIC,
            region,
            _UNHANDLED,
            "AWS::SQS::Queue",
            {"QueueName": _UNHANDLED, "MessageRetentionPeriod": days, "SqsManagedSseEnabled": True},
            "aws_sqs_queue",
            {"name": _UNHANDLED, "message_retention_seconds": days, "sqs_managed_sse_enabled": True},
            "events that nobody could handle wait here for 14 days",
            kept=False,
        ),
        Resource(
            Stage.TOPIC,
            region,
            _UNHANDLED,
            "AWS::SQS::QueuePolicy",
            {"Queues": [url], "PolicyDocument": json.loads(document(sent))},
            "aws_sqs_queue_policy",
            {"queue_url": url, "policy": document(sent)},
            "EventBridge may put such events there",
            kept=False,
        ),
    ]


def _function(known: Known, region: str, topic: str) -> list[Resource]:
    variables = {"TOPIC_ARN": topic, "PORTS": _PORTS, "DRY_RUN": _DRY}
    role, letters = known.arn("iam", "", f"role/{NAME}"), known.arn("sqs", region, _UNHANDLED)
    packed = Resource(
        Stage.ROLE,
        known.home,
        NAME,
        "",
        {},
        "archive_file",
        {
            "type": "zip",
            "output_path": Expression('"${path.module}/index.zip"'),
            "source": [{"content": Expression('file("${path.module}/index.py")'), "filename": "index.py"}],
        },
        data=True,
    )
    made = {
        "FunctionName": NAME,
        "Description": "Takes back rules of security groups that let everybody in",
        "Runtime": _RUNTIME,
        "Handler": "index.handler",
        "Role": role,
        "Timeout": 120,
        "MemorySize": 256,
    }
    template = {
        **made,
        "Code": {"ZipFile": {"Fn::Join": ["\n", code().split("\n")]}},
        "Environment": {"Variables": variables},
        "DeadLetterConfig": {"TargetArn": letters},
    }
    block = {
        **{
            {"FunctionName": "function_name", "MemorySize": "memory_size"}.get(name, name.lower()): value
            for name, value in made.items()
        },
        "filename": Expression(f"data.archive_file.{packed.label}.output_path"),
        "source_code_hash": Expression(f"data.archive_file.{packed.label}.output_base64sha256"),
        "environment": [{"variables": variables}],
        "dead_letter_config": [{"target_arn": letters}],
    }
    words = "the function that looks at what was opened and takes it back"
    return [
        packed,
        Resource(
            Stage.SETTING,
            region,
            NAME,
            "AWS::Lambda::Function",
            template,
            "aws_lambda_function",
            block,
            words,
            kept=False,
        ),
    ]


def _rule(known: Known, region: str) -> list[Resource]:
    arn, function = known.arn("events", region, f"rule/{NAME}"), known.arn("lambda", region, f"function:{NAME}")
    letters = known.arn("sqs", region, _UNHANDLED)
    words = "Calls that can open a security group"
    allowed = {"FunctionName": NAME, "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com"}
    again = {"MaximumRetryAttempts": 10, "MaximumEventAgeInSeconds": 3600}
    target = {"Id": "close", "Arn": function, "DeadLetterConfig": {"Arn": letters}, "RetryPolicy": again}
    return [
        Resource(
            Stage.FILTER,
            region,
            NAME,
            "AWS::Lambda::Permission",
            {**allowed, "SourceArn": arn},
            "aws_lambda_permission",
            {
                **dict(zip(("function_name", "action", "principal"), allowed.values(), strict=True)),
                "source_arn": arn,
            },
            "the rule may call the function",
            kept=False,
        ),
        Resource(
            Stage.ALARM,
            region,
            NAME,
            "AWS::Events::Rule",
            {"Name": NAME, "Description": words, "State": "ENABLED", "EventPattern": PATTERN, "Targets": [target]},
            "aws_cloudwatch_event_rule",
            {"name": NAME, "description": words, "state": "ENABLED", "event_pattern": json.dumps(PATTERN)},
            "the rule that hands over every call that can open a group",
            kept=False,
        ),
        Resource(
            Stage.SUBSCRIPTION,
            region,
            NAME,
            "",
            {},
            "aws_cloudwatch_event_target",
            {
                "rule": NAME,
                "target_id": "close",
                "arn": function,
                "dead_letter_config": [{"arn": letters}],
                "retry_policy": [{"maximum_retry_attempts": 10, "maximum_event_age_in_seconds": 3600}],
            },
            kept=False,
        ),
    ]
