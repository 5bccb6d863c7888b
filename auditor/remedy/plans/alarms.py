"""Remedies for the way from an alarm to a person: actions, topics, subscribers."""

from collections.abc import Mapping
from typing import Any, Final

from auditor.remedy.change import Asked, Finding, Remedy, Stage, Step
from auditor.remedy.known import Known, Unknown

TOPIC: Final = "auditor-alarms"
_EMAIL: Final = Asked("ALARM_EMAIL", "the address that alarms are sent to, better a list than a person")
_COMPOSITE_FIELDS: Final = (
    "AlarmName",
    "AlarmDescription",
    "AlarmRule",
    "ActionsEnabled",
    "AlarmActions",
    "OKActions",
    "InsufficientDataActions",
    "ActionsSuppressor",
    "ActionsSuppressorWaitPeriod",
    "ActionsSuppressorExtensionPeriod",
)
ALARMS: Final = "cloudwatch:DescribeAlarms"


def topic_of(known: Known, region: str, name: str = TOPIC) -> tuple[str, list[Step]]:
    """Return a topic with a confirmed subscriber in a Region: one that alarms use, or a new one with what makes it.

    Raises:
        Unknown: the evidence does not tell which alarms there are.
    """
    used = {
        str(action)
        for page in known.pages(ALARMS, region)
        for kind in ("MetricAlarms", "CompositeAlarms")
        for alarm in page.get(kind) or ()
        for action in alarm.get("AlarmActions") or ()
    }
    heard = sorted(arn for arn in used if f":sns:{region}:{known.account}:" in arn and has_audience(known, arn))
    if heard:
        return heard[0], []
    return new_topic(known, region, name)


def new_topic(known: Known, region: str, name: str) -> tuple[str, list[Step]]:
    """Return a topic and what makes it, with somebody who hears of it."""
    arn = known.arn("sns", region, name)
    return arn, [
        Step(Stage.TOPIC, f"the topic {name}", "sns", "CreateTopic", region, {"Name": name}),
        _subscribe(arn, region),
    ]


def _subscribe(topic: str, region: str) -> Step:
    return Step(
        Stage.SUBSCRIPTION,
        "somebody who hears of it; the address has to be confirmed by mail",
        "sns",
        "Subscribe",
        region,
        {"TopicArn": topic, "Protocol": "email", "Endpoint": _EMAIL},
    )


def has_audience(known: Known, topic: str) -> bool:
    """Say whether a topic has a confirmed subscription, as far as the evidence tells."""
    try:
        found = known.items("sns:ListSubscriptionsByTopic", "Subscriptions", "", TopicArn=topic)
    except Unknown:
        return False
    return any(str(item.get("SubscriptionArn")).startswith("arn:") for item in found)


def audience(finding: Finding, known: Known) -> Remedy:
    """Subscribe somebody to a topic that alarms notify."""
    topic = finding.resource
    if f":sns:{finding.region}:{known.account}:" not in topic:
        raise Unknown(f"the topic {topic} belongs to another account; the change has to be made there")
    return Remedy(
        finding,
        "The topic is there; nobody has confirmed a subscription.",
        (_subscribe(topic, finding.region),),
        (),
        "None.",
        "2.00 USD for each 100,000 mails",
        person="The subscription waits until somebody opens the link in the mail.",
        undo_words="`aws sns unsubscribe` with the ARN of the subscription.",
        alternatives="If a subscription waits already, opening its link closes the finding.",
    )


def composite(finding: Finding, known: Known) -> Remedy:
    """Give a composite alarm an action that somebody hears; everything else of it stays."""
    item = _composite(finding, known)
    before = {name: item[name] for name in _COMPOSITE_FIELDS if item.get(name) not in (None, "", [])}
    topic, heard = topic_of(known, finding.region)
    actions = list(dict.fromkeys([*(item.get("AlarmActions") or ()), topic]))
    step = Step(
        Stage.ALARM,
        f"the composite alarm tells {topic}",
        "cloudwatch",
        "PutCompositeAlarm",
        finding.region,
        {**before, "ActionsEnabled": True, "AlarmActions": actions},
    )
    undo = Step(Stage.ALARM, "as it was", "cloudwatch", "PutCompositeAlarm", finding.region, before)
    return Remedy(
        finding,
        f"The composite alarm {item.get('AlarmName')}.",
        (*heard, step),
        (undo,),
        "The subscribers get a message when it goes off.",
        "0.50 USD, as before",
        person="The subscription waits until somebody opens the link in the mail." if heard else "",
    )


def _composite(finding: Finding, known: Known) -> Mapping[str, Any]:
    for page in known.pages(ALARMS, finding.region):
        for item in page.get("CompositeAlarms") or ():
            if finding.resource in (item.get("AlarmArn"), item.get("AlarmName")):
                found: Mapping[str, Any] = item
                return found
    raise Unknown(f"the pack does not show the composite alarm {finding.resource}")
