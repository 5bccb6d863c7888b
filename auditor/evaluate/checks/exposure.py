"""Judges what an account shows to the world: resource policies, and the logs of what answers requests."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.evaluate.checks.fields import (
    counted,
    flag,
    listed,
    mapping,
    optional_list,
    optional_mapping,
    optional_text,
    some,
    text,
)
from auditor.evaluate.library import Missing
from auditor.evaluate.view import Subject, View
from auditor.evidence.store import Record
from auditor.model import Verdict, failed, not_applicable, not_assessed, passed
from auditor.policies.document import read_policy
from auditor.policies.grants import is_open, question

_MOST_LISTED = 1000
"""Resources named in the details of one result; their number is always given in full."""

_NOT_COVERED = "Policies of access points, and of aliases and versions of functions, were not looked at."

Found = tuple[str, Mapping[str, Any], Any]
"""Name of a resource, the page its policy stands in, and the policy."""


def resource_policies(subject: Subject) -> Verdict:
    """Judge all resource policies of the account: none allows something to everybody without naming callers.

    Evidence: ``s3:GetBucketPolicy``, ``sqs:GetQueueAttributes``, ``sns:GetTopicAttributes``, ``lambda:GetPolicy``,
    ``kms:GetKeyPolicy``, ``secretsmanager:GetResourcePolicy``, ``events:ListEventBuses``.
    """
    found = [item for source in _POLICY_SOURCES for item in source(subject.evidence)]
    opened: list[str] = []
    unread: list[str] = []
    for name, page, document in found:
        policy = read_policy(document)
        if (answer := is_open(policy)) is not False:
            (opened if answer else unread).append(name if answer else f"{name}: {question(policy)}")
            subject.evidence.point(page)
    if not found:
        return not_applicable("No resource of the account has a resource policy.")
    if opened:
        return failed(
            f"{counted(len(opened), 'resource policy', 'resource policies')} of {len(found)} "
            f"{'trusts' if len(opened) == 1 else 'trust'} everyone: {some(opened)}.",
            observed=f"{len(opened)} of {len(found)} open",
            details={"resources": opened[:_MOST_LISTED]},
        )
    if unread:
        return not_assessed(
            f"Whether {counted(len(unread), 'resource policy', 'resource policies')} of {len(found)} "
            f"{'trusts' if len(unread) == 1 else 'trust'} everyone is not known: {some(unread)}.",
            observed=f"{len(unread)} of {len(found)} not known",
        )
    return passed(
        f"None of {counted(len(found), 'resource policy', 'resource policies')} trusts everyone. {_NOT_COVERED}"
    )


def _parameter(record: Record, name: str) -> str:
    return str(dict(record.call.parameters)[name])


def _answered(operation: str, parameter: str, field: str) -> Callable[[View], Iterator[Found]]:
    """Read policies that are answers of their own; AWS saying that there is none leaves the resource out."""

    def source(view: View) -> Iterator[Found]:
        for record, page in view.answers(operation):
            if page is not None and page.get(field) is not None:
                yield _parameter(record, parameter), page, page[field]

    return source


def _attribute(operation: str, parameter: str) -> Callable[[View], Iterator[Found]]:
    """Read policies that are attributes of a queue or topic."""

    def source(view: View) -> Iterator[Found]:
        for record, page in view.answers(operation):
            attributes = mapping(page or {}, "Attributes")
            if attributes.get("Policy"):
                yield _parameter(record, parameter), attributes, attributes["Policy"]

    return source


def _event_buses(view: View) -> Iterator[Found]:
    for bus in view.items("events:ListEventBuses", "EventBuses[]"):
        if bus.get("Policy"):
            yield text(bus, "Arn"), bus, bus["Policy"]


_POLICY_SOURCES = (
    _answered("s3:GetBucketPolicy", "Bucket", "Policy"),
    _attribute("sqs:GetQueueAttributes", "QueueUrl"),
    _attribute("sns:GetTopicAttributes", "TopicArn"),
    _answered("lambda:GetPolicy", "FunctionName", "Policy"),
    _answered("kms:GetKeyPolicy", "KeyId", "Policy"),
    _answered("secretsmanager:GetResourcePolicy", "SecretId", "ResourcePolicy"),
    _event_buses,
)

_SOURCES, _DELIVERIES = "logs:DescribeDeliverySources", "logs:DescribeDeliveries"
_ACCESS_LOGS = frozenset({"ACCESS_LOGS", "ALB_ACCESS_LOGS", "NLB_ACCESS_LOGS"})
"""Log types of CloudFront and of load balancers that tell of requests; their others tell of connections and health."""

_DISTRIBUTIONS_REGION = "us-east-1"
"""Where log delivery of distributions is set up."""


@dataclass(frozen=True, slots=True)
class _Front:
    """A front end: whether its own settings write access logs, and whether log delivery could do it instead."""

    name: str
    logs: bool
    delivers: bool = False


def front_end_logging(subject: Subject) -> Verdict:
    """Judge all front ends that AWS runs for the account: each writes access logs. ``services`` says which kinds.

    A delivery source delivers nothing by itself: it takes a delivery that names it, and the log type of requests.

    Evidence: ``cloudfront:ListDistributions``, ``cloudfront:GetDistributionConfig``,
    ``elb:DescribeLoadBalancerAttributes``, ``elbv2:DescribeLoadBalancerAttributes``, ``apigateway:GetStages``,
    ``apigatewayv2:GetStages``, ``logs:DescribeDeliverySources``, ``logs:DescribeDeliveries``.
    """
    view = subject.evidence
    delivered = view.known(lambda: _delivered(view))
    found = [front for name in listed(subject.parameters, "services") for front in _FRONT_ENDS[str(name)](view)]
    silent = [front for front in found if not front.logs and front.name not in (delivered or ())]
    proved = [front.name for front in silent if delivered is not None or not front.delivers]
    if _elsewhere(view, silent):
        proved = [name for name in proved if ":cloudfront:" not in name]
    if proved:
        return failed(
            f"{counted(len(proved), 'front end')} of {len(found)} without access logs: {some(proved)}.",
            observed=f"{len(proved)} of {len(found)} without access logs",
            details={"resources": proved[:_MOST_LISTED]},
        )
    if not found:
        return not_applicable("The account has no such front end.")
    return passed(f"Each of {counted(len(found), 'front end')} writes access logs.")


def _delivered(view: View) -> frozenset[str]:
    """Return the resources whose access logs are delivered: a source of theirs is active and a delivery names it."""
    names = {(record.call.region, text(item, "deliverySourceName")) for record, item in _deliveries(view)}
    return frozenset(
        str(arn)
        for record, source in view.located(_SOURCES, "deliverySources[]")
        if (record.call.region, text(source, "name")) in names
        and text(source, "logType") in _ACCESS_LOGS
        and optional_text(source, "status") != "INACTIVE"
        for arn in optional_list(source, "resourceArns")
    )


def _deliveries(view: View) -> tuple[tuple[Record, Any], ...]:
    return view.located(_DELIVERIES, "deliveries[]")


def _elsewhere(view: View, silent: Sequence[_Front]) -> bool:
    """Say whether a distribution may have its logs delivered from a Region that nobody asked; that is then lacking."""
    distributions = any(":cloudfront:" in front.name for front in silent)
    if not distributions or _DISTRIBUTIONS_REGION in view.account.regions or view.account.partition != "aws":
        return False
    message = "log delivery of distributions is set up there, and the Region is not part of the audit"
    view.lack(Missing(_SOURCES, _DISTRIBUTIONS_REGION, "NotCollected", message, "", ""))
    return True


def _distributions(view: View) -> Iterator[_Front]:
    arns = {
        text(item, "Id"): text(item, "ARN")
        for _, page in view.each("cloudfront:ListDistributions", "[@]")
        for item in optional_list(mapping(page, "DistributionList"), "Items")
    }
    for record, page in view.each_page("cloudfront:GetDistributionConfig"):
        with view.going_on():
            logging = optional_mapping(mapping(page or {}, "DistributionConfig"), "Logging")
            logs = bool(logging and flag(logging, "Enabled"))
            yield _Front(arns[_parameter(record, "Id")], logs, delivers=True)


def _classic_load_balancers(view: View) -> Iterator[_Front]:
    for record, page in view.each_page("elb:DescribeLoadBalancerAttributes"):
        with view.going_on():
            log = mapping(mapping(page or {}, "LoadBalancerAttributes"), "AccessLog")
            yield _Front(f"{record.call.region}:{_parameter(record, 'LoadBalancerName')}", flag(log, "Enabled"))


def _load_balancers(view: View) -> Iterator[_Front]:
    for record, page in view.each_page("elbv2:DescribeLoadBalancerAttributes"):
        with view.going_on():
            attributes = {text(item, "Key"): item.get("Value") for item in listed(page or {}, "Attributes")}
            logs = attributes["access_logs.s3.enabled"] == "true"
            yield _Front(_parameter(record, "LoadBalancerArn"), logs, delivers=True)


def _rest_stages(view: View) -> Iterator[_Front]:
    for record, stage in view.each("apigateway:GetStages", "item[]"):
        with view.going_on():
            name = _stage(record, "restApiId", text(stage, "stageName"))
            yield _Front(name, _logs(stage, "accessLogSettings", "destinationArn"))


def _http_stages(view: View) -> Iterator[_Front]:
    for record, stage in view.each("apigatewayv2:GetStages", "Items[]"):
        with view.going_on():
            name = _stage(record, "ApiId", text(stage, "StageName"))
            yield _Front(name, _logs(stage, "AccessLogSettings", "DestinationArn"))


def _stage(record: Record, parameter: str, name: str) -> str:
    return f"{record.call.region}:{_parameter(record, parameter)}/{name}"


def _logs(stage: Mapping[str, Any], settings: str, destination: str) -> bool:
    return bool(optional_text(optional_mapping(stage, settings), destination))


_FRONT_ENDS = {
    "cloudfront": _distributions,
    "elb": _classic_load_balancers,
    "elbv2": _load_balancers,
    "apigateway": _rest_stages,
    "apigatewayv2": _http_stages,
}
