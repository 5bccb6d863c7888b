"""Judges what an account shows to the world: resource policies, and the logs of what answers requests."""

from collections.abc import Callable, Iterator, Mapping
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

Front = tuple[str, bool]
"""Name of a front end, and whether it writes access logs."""


def front_end_logging(subject: Subject) -> Verdict:
    """Judge all front ends that AWS runs for the account: each writes access logs. ``services`` says which kinds.

    Evidence: ``cloudfront:ListDistributions``, ``cloudfront:GetDistributionConfig``,
    ``elbv2:DescribeLoadBalancerAttributes``, ``apigateway:GetStages``, ``apigatewayv2:GetStages``,
    ``logs:DescribeDeliverySources``.
    """
    view = subject.evidence
    sources = view.items("logs:DescribeDeliverySources", "deliverySources[]")
    delivered = {str(arn) for source in sources for arn in optional_list(source, "resourceArns")}
    found = [
        front for name in listed(subject.parameters, "services") for front in _FRONT_ENDS[str(name)](view, delivered)
    ]
    silent = [name for name, logs in found if not logs]
    if not found:
        return not_applicable("The account has no such front end.")
    if silent:
        return failed(
            f"{counted(len(silent), 'front end')} of {len(found)} without access logs: {some(silent)}.",
            observed=f"{len(silent)} of {len(found)} without access logs",
            details={"resources": silent[:_MOST_LISTED]},
        )
    return passed(f"Each of {counted(len(found), 'front end')} writes access logs.")


def _distributions(view: View, delivered: set[str]) -> Iterator[Front]:
    arns = {
        text(item, "Id"): text(item, "ARN")
        for page in view.items("cloudfront:ListDistributions", "[@]")
        for item in optional_list(mapping(page, "DistributionList"), "Items")
    }
    for record, page in view.answers("cloudfront:GetDistributionConfig"):
        arn = arns[_parameter(record, "Id")]
        logging = optional_mapping(mapping(page or {}, "DistributionConfig"), "Logging")
        yield arn, arn in delivered or bool(logging and flag(logging, "Enabled"))


def _load_balancers(view: View, delivered: set[str]) -> Iterator[Front]:
    for record, page in view.answers("elbv2:DescribeLoadBalancerAttributes"):
        arn = _parameter(record, "LoadBalancerArn")
        attributes = {text(item, "Key"): item.get("Value") for item in listed(page or {}, "Attributes")}
        yield arn, attributes["access_logs.s3.enabled"] == "true" or arn in delivered


def _rest_stages(view: View, _delivered: set[str]) -> Iterator[Front]:
    for record, stage in view.located("apigateway:GetStages", "item[]"):
        yield _stage(record, "restApiId", text(stage, "stageName")), _logs(stage, "accessLogSettings", "destinationArn")


def _http_stages(view: View, _delivered: set[str]) -> Iterator[Front]:
    for record, stage in view.located("apigatewayv2:GetStages", "Items[]"):
        yield _stage(record, "ApiId", text(stage, "StageName")), _logs(stage, "AccessLogSettings", "DestinationArn")


def _stage(record: Record, parameter: str, name: str) -> str:
    return f"{record.call.region}:{_parameter(record, parameter)}/{name}"


def _logs(stage: Mapping[str, Any], settings: str, destination: str) -> bool:
    return bool(optional_text(optional_mapping(stage, settings), destination))


_FRONT_ENDS = {
    "cloudfront": _distributions,
    "elbv2": _load_balancers,
    "apigateway": _rest_stages,
    "apigatewayv2": _http_stages,
}
