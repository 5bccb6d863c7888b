"""Judges what an account shows to the world: resource policies, and the logs of what answers requests.

The resources come from several operations, so the checks list them themselves; each has a result of its own.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from auditor.evaluate.checks.fields import (
    flag,
    listed,
    mapping,
    optional_list,
    optional_mapping,
    optional_text,
    some,
    text,
)
from auditor.evaluate.subject import Member, Subject
from auditor.evaluate.view import View
from auditor.evidence.answer import Record
from auditor.model import State, Verdict, failed, not_assessed, passed
from auditor.policies.document import read_policy
from auditor.policies.grants import is_open, question

_NOT_COVERED = "Policies of access points, and of aliases and versions of functions, were not looked at."

Found = tuple[Record, str, Mapping[str, Any], Any]
"""Where a policy stands, the name of its resource, the page it stands in, and the policy."""


def resource_policies(subject: Subject) -> Iterator[Member]:
    """List all resources that have a policy; each allows nothing to everybody without naming callers.

    Evidence: ``s3:GetBucketPolicy``, ``sqs:GetQueueAttributes``, ``sns:GetTopicAttributes``, ``lambda:GetPolicy``,
    ``kms:GetKeyPolicy``, ``secretsmanager:GetResourcePolicy``, ``events:ListEventBuses``.
    """
    for source in _POLICY_SOURCES:
        for record, name, page, document in source(subject.evidence):
            yield _member(subject.evidence, record, name, partial(_guarded, name, page, document))


def _member(view: View, record: Record, name: str, judge: Callable[[View], Verdict]) -> Member:
    own = view.apart()
    own.note(record)
    return Member(record.call.region, name, own, judge)


def _guarded(name: str, page: Mapping[str, Any], document: Any, view: View) -> Verdict:
    view.point(page)
    policy = read_policy(document)
    match is_open(policy):
        case None:
            reason = f"Whether the policy of {some([name])} trusts everyone is not known: {question(policy)}."
            return not_assessed(reason, observed="not known")
        case True:
            return failed(f"The policy of {some([name])} trusts everyone.", observed="open to everyone")
    reason = f"No statement in the policy of {some([name])} trusts everyone."
    return passed(f"{reason} {_NOT_COVERED}", observed="callers are named")


def _parameter(record: Record, name: str) -> str:
    return str(dict(record.call.parameters)[name])


def _answered(operation: str, parameter: str, field: str) -> Callable[[View], Iterator[Found]]:
    """Read policies that are answers of their own; AWS saying that there is none leaves the resource out."""

    def source(view: View) -> Iterator[Found]:
        for record, page in view.each_page(operation):
            if page is not None and page.get(field) is not None:
                yield record, _parameter(record, parameter), page, page[field]

    return source


def _attribute(operation: str, parameter: str) -> Callable[[View], Iterator[Found]]:
    """Read policies that are attributes of a queue or topic."""

    def source(view: View) -> Iterator[Found]:
        for record, page in view.each_page(operation):
            with view.going_on():
                attributes = mapping(page or {}, "Attributes")
                if attributes.get("Policy"):
                    yield record, _parameter(record, parameter), attributes, attributes["Policy"]

    return source


def _event_buses(view: View) -> Iterator[Found]:
    for record, bus in view.each("events:ListEventBuses", "EventBuses[]"):
        with view.going_on():
            if bus.get("Policy"):
                yield record, text(bus, "Arn"), bus, bus["Policy"]


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


def front_end_logging(subject: Subject) -> Iterator[Member]:
    """List all front ends that AWS runs for the account; each writes access logs. ``services`` says which kinds.

    A delivery source delivers nothing by itself: it takes a delivery that names it, and the log type of requests.

    Evidence: ``cloudfront:ListDistributions``, ``cloudfront:GetDistributionConfig``,
    ``elb:DescribeLoadBalancerAttributes``, ``elbv2:DescribeLoadBalancerAttributes``, ``apigateway:GetStages``,
    ``apigatewayv2:GetStages``, ``logs:DescribeDeliverySources``, ``logs:DescribeDeliveries``.
    """
    for operation, path in ((_SOURCES, "deliverySources[]"), (_DELIVERIES, "deliveries[]")):
        subject.evidence.each(operation, path)  # says beside the front ends where it did not answer
    for name in listed(subject.parameters, "services"):
        yield from _FRONT_ENDS[str(name)](subject.evidence)


def _written(name: str, by_itself: Callable[[], bool], _view: View) -> Verdict:
    """Judge a front end that writes its logs by itself or not at all."""
    if by_itself():
        return passed(f"The front end {some([name])} writes access logs.", observed="access logs on")
    return failed(f"The front end {some([name])} writes no access logs.", observed="access logs off")


def _delivered(name: str, by_itself: Callable[[], bool], region: str | None, view: View) -> Verdict:
    """Judge a front end whose logs could be delivered instead, by what was set up in a Region or in any."""
    verdict = _written(name, by_itself, view)
    if verdict.state is State.FAIL and name in _deliveries(view, region):
        return passed(f"The access logs of the front end {some([name])} are delivered.", observed="log delivery")
    return verdict


def _deliveries(view: View, region: str | None) -> frozenset[str]:
    """Return the resources whose access logs are delivered: a source of theirs is active and a delivery names it."""
    names = {
        (record.call.region, text(item, "deliverySourceName"))
        for record, item in view.located(_DELIVERIES, "deliveries[]", region=region)
    }
    return frozenset(
        str(arn)
        for record, source in view.located(_SOURCES, "deliverySources[]", region=region)
        if (record.call.region, text(source, "name")) in names
        and text(source, "logType") in _ACCESS_LOGS
        and optional_text(source, "status") != "INACTIVE"
        for arn in optional_list(source, "resourceArns")
    )


def _distributions(view: View) -> Iterator[Member]:
    arns: dict[str, str] = {}
    for _, page in view.each("cloudfront:ListDistributions", "[@]"):
        for item in optional_list(mapping(page, "DistributionList"), "Items"):
            with view.going_on():
                arns[text(item, "Id")] = text(item, "ARN")
    region = _DISTRIBUTIONS_REGION if view.account.partition == "aws" else None
    for record, page in view.each_page("cloudfront:GetDistributionConfig"):
        with view.going_on():
            arn = text(arns, _parameter(record, "Id"))
            yield _member(view, record, arn, partial(_delivered, arn, partial(_by_distribution, page or {}), region))


def _by_distribution(page: Mapping[str, Any]) -> bool:
    logging = optional_mapping(mapping(page, "DistributionConfig"), "Logging")
    return bool(logging and flag(logging, "Enabled"))


def _classic_load_balancers(view: View) -> Iterator[Member]:
    for record, page in view.each_page("elb:DescribeLoadBalancerAttributes"):
        name = f"{record.call.region}:{_parameter(record, 'LoadBalancerName')}"
        yield _member(view, record, name, partial(_written, name, partial(_by_classic, page or {})))


def _by_classic(page: Mapping[str, Any]) -> bool:
    return flag(mapping(mapping(page, "LoadBalancerAttributes"), "AccessLog"), "Enabled")


def _load_balancers(view: View) -> Iterator[Member]:
    for record, page in view.each_page("elbv2:DescribeLoadBalancerAttributes"):
        arn, region = _parameter(record, "LoadBalancerArn"), record.call.region
        yield _member(view, record, arn, partial(_delivered, arn, partial(_by_balancer, page or {}), region))


def _by_balancer(page: Mapping[str, Any]) -> bool:
    attributes = {text(item, "Key"): item.get("Value") for item in listed(page, "Attributes")}
    return bool(attributes["access_logs.s3.enabled"] == "true")


def _rest_stages(view: View) -> Iterator[Member]:
    yield from _stages(view, "apigateway:GetStages", "item[]", ("restApiId", "stageName"), _by_rest)


def _http_stages(view: View) -> Iterator[Member]:
    yield from _stages(view, "apigatewayv2:GetStages", "Items[]", ("ApiId", "StageName"), _by_http)


def _stages(
    view: View, operation: str, path: str, names: tuple[str, str], by_itself: Callable[[Mapping[str, Any]], bool]
) -> Iterator[Member]:
    for record, stage in view.each(operation, path):
        with view.going_on():
            name = f"{record.call.region}:{_parameter(record, names[0])}/{text(stage, names[1])}"
            yield _member(view, record, name, partial(_written, name, partial(by_itself, stage)))


def _by_rest(stage: Mapping[str, Any]) -> bool:
    return bool(optional_text(optional_mapping(stage, "accessLogSettings"), "destinationArn"))


def _by_http(stage: Mapping[str, Any]) -> bool:
    return bool(optional_text(optional_mapping(stage, "AccessLogSettings"), "DestinationArn"))


_FRONT_ENDS: Mapping[str, Callable[[View], Iterator[Member]]] = {
    "cloudfront": _distributions,
    "elb": _classic_load_balancers,
    "elbv2": _load_balancers,
    "apigateway": _rest_stages,
    "apigatewayv2": _http_stages,
}
