"""Judges whether somebody hears of it when a front end answers requests with errors of the server.

Metrics and dimensions: API Gateway Developer Guide, "Amazon API Gateway dimensions and metrics", for REST, HTTP and
WebSocket APIs; Elastic Load Balancing, "CloudWatch metrics" of application and classic load balancers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from auditor.evaluate.checks.fields import integer, listed, mapping, optional_text, text
from auditor.evaluate.checks.levels import judge_watched
from auditor.evaluate.subject import Member, Subject
from auditor.evaluate.view import View
from auditor.evidence.answer import Record
from auditor.model import Verdict
from auditor.monitoring.chain.errors import Failing, judge_errors
from auditor.monitoring.chain.facts import Series


@dataclass(frozen=True, slots=True)
class _FrontEnd:
    """A front end and its metrics.

    Args:
        name: of the result.
        what: the front end in words.
        namespace: of its metrics.
        errors: names of the metrics that count errors of the server; one of them suffices.
        requests: names of those that count all requests.
        dimensions: by which it is seen; the first one alone sees it too.
        sparse: whether its metrics have data only where something failed.
    """

    name: str
    what: str
    namespace: str
    errors: tuple[str, ...]
    requests: str
    dimensions: tuple[tuple[str, str], ...]
    sparse: bool

    def matches(self, one: Series) -> bool:
        """Say whether a metric counts errors of the front end or of a part of it."""
        named = one.namespace == self.namespace and one.metric in self.errors
        return named and self.dimensions[0] in one.dimensions and not self._of_another(one)

    def _of_another(self, one: Series) -> bool:
        own = dict(self.dimensions)
        return any(own.get(name, value) != value for name, value in one.dimensions)


def api_stages(subject: Subject) -> Iterator[Member]:
    """List all stages of REST, HTTP and WebSocket APIs; an alarm on 5xx answers of each goes off and is heard.

    Evidence: ``apigateway:GetRestApis``, ``apigateway:GetStages``, ``apigatewayv2:GetApis``,
    ``apigatewayv2:GetStages``, ``cloudwatch:DescribeAlarms``, ``sns:ListTopics``, ``sns:ListSubscriptionsByTopic``,
    ``sns:GetTopicAttributes``.
    """
    view = subject.evidence
    names = _by_id(view, "apigateway:GetRestApis", "items[]", "id")
    for record, stage in view.each("apigateway:GetStages", "item[]"):
        with view.going_on():
            api = names[record.call.region, _parameter(record, "restApiId")]
            yield _member(subject, record, _rest_stage(api, text(stage, "stageName"), record))
    kinds = _by_id(view, "apigatewayv2:GetApis", "Items[]", "ApiId")
    for record, stage in view.each("apigatewayv2:GetStages", "Items[]"):
        with view.going_on():
            api = kinds[record.call.region, _parameter(record, "ApiId")]
            yield _member(subject, record, _http_stage(api, text(stage, "StageName"), record))


def load_balancers(subject: Subject) -> Iterator[Member]:
    """List all load balancers that answer HTTP; an alarm on 5xx answers of each goes off and is heard.

    Evidence: ``elbv2:DescribeLoadBalancers``, ``elb:DescribeLoadBalancers``, ``cloudwatch:DescribeAlarms``,
    ``sns:ListTopics``, ``sns:ListSubscriptionsByTopic``, ``sns:GetTopicAttributes``.
    """
    view = subject.evidence
    for record, item in view.each("elbv2:DescribeLoadBalancers", "LoadBalancers[]"):
        with view.going_on():
            if text(item, "Type") == "application":
                yield _member(subject, record, _application(text(item, "LoadBalancerArn")))
    for record, item in view.each("elb:DescribeLoadBalancers", "LoadBalancerDescriptions[]"):
        with view.going_on():
            listeners = [mapping(one, "Listener") for one in listed(item, "ListenerDescriptions")]
            if any(text(one, "Protocol").upper() in {"HTTP", "HTTPS"} for one in listeners):
                yield _member(subject, record, _classic(text(item, "LoadBalancerName"), record))


def _by_id(view: View, operation: str, path: str, key: str) -> Mapping[tuple[str, str], Mapping[str, Any]]:
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for record, item in view.each(operation, path):
        with view.going_on():
            found[record.call.region, text(item, key)] = item
    return found


def _rest_stage(api: Mapping[str, Any], stage: str, record: Record) -> _FrontEnd:
    dimensions = (("ApiName", text(api, "name")), ("Stage", stage))
    name = f"{record.call.region}:{text(api, 'id')}/{stage}"
    return _FrontEnd(name, f"stage {stage}", "AWS/ApiGateway", ("5XXError",), "Count", dimensions, sparse=False)


def _http_stage(api: Mapping[str, Any], stage: str, record: Record) -> _FrontEnd:
    sockets = optional_text(api, "ProtocolType") == "WEBSOCKET"
    errors = ("ExecutionError", "IntegrationError") if sockets else ("5xx",)
    dimensions = (("ApiId", text(api, "ApiId")), ("Stage", stage))
    name = f"{record.call.region}:{text(api, 'ApiId')}/{stage}"
    count = "MessageCount" if sockets else "Count"
    return _FrontEnd(name, f"stage {stage}", "AWS/ApiGateway", errors, count, dimensions, sparse=False)


def _application(arn: str) -> _FrontEnd:
    name = arn.partition(":loadbalancer/")[2]
    errors = ("HTTPCode_ELB_5XX_Count", "HTTPCode_Target_5XX_Count")
    dimensions = (("LoadBalancer", name),)
    return _FrontEnd(arn, "load balancer", "AWS/ApplicationELB", errors, "RequestCount", dimensions, sparse=True)


def _classic(balancer: str, record: Record) -> _FrontEnd:
    errors = ("HTTPCode_ELB_5XX", "HTTPCode_Backend_5XX")
    name, dimensions = f"{record.call.region}:{balancer}", (("LoadBalancerName", balancer),)
    return _FrontEnd(name, "load balancer", "AWS/ELB", errors, "RequestCount", dimensions, sparse=True)


def _parameter(record: Record, name: str) -> str:
    return str(dict(record.call.parameters)[name])


def _member(subject: Subject, record: Record, front_end: _FrontEnd) -> Member:
    view = subject.evidence.apart()
    view.note(record)
    return Member(record.call.region, front_end.name, view, partial(_judge, subject, record.call.region, front_end))


def _judge(subject: Subject, region: str, front_end: _FrontEnd, view: View) -> Verdict:
    own = replace(subject, region=region, resource=front_end.name, evidence=view)
    wanted = Failing(
        dimensions=frozenset(name for name, _ in front_end.dimensions),
        requests=frozenset({front_end.requests}),
        sparse=front_end.sparse,
        errors=integer(subject.parameters, "errors_at_most"),
        percent=integer(subject.parameters, "percent_at_most"),
        within=60 * integer(subject.parameters, "within_minutes"),
    )
    what = f"answers of the {front_end.what} that are errors of the server"
    return judge_watched(own, front_end.matches, lambda level: judge_errors(level, wanted), what)
