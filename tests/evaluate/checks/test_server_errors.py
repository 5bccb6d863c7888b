"""Alarms on 5xx answers of API stages and load balancers: one result for each, judged by meaning."""

from typing import Any

import pytest

from auditor.model import State
from tests.evaluate.checks.worlds import (
    BALANCER,
    TOPIC,
    alarms,
    api_alarm,
    api_stages,
    balancer_alarm,
    classic_alarm,
    http_alarm,
    load_balancers,
)
from tests.evaluate.kit import ACCOUNT, HOME, World, reasons, states

APIS, BALANCERS = "api-stages-5xx-alarm", "load-balancers-5xx-alarm"
REST, HTTP, CLASSIC = f"{HOME}:r1/prod", f"{HOME}:h1/live", f"{HOME}:old"
API_ONLY = [{"Name": "ApiName", "Value": "orders"}]
OTHER_STAGE = [*API_ONLY, {"Name": "Stage", "Value": "test"}]
ONE_METHOD = [*API_ONLY, {"Name": "Stage", "Value": "prod"}, {"Name": "Method", "Value": "GET"}]
ONE_ZONE = [{"Name": "LoadBalancer", "Value": "app/a/1"}, {"Name": "AvailabilityZone", "Value": "eu-west-1a"}]


def rated(expression: str, *metrics: str, **changes: Any) -> dict[str, Any]:
    """Return an alarm over maths of metrics of the load balancer: ``a``, ``b`` ..."""
    own = [{"Name": "LoadBalancer", "Value": "app/a/1"}]
    parts = [
        {
            "Id": name,
            "ReturnData": False,
            "MetricStat": {
                "Metric": {"Namespace": "AWS/ApplicationELB", "MetricName": metric, "Dimensions": own},
                "Period": 60,
                "Stat": "Sum",
            },
        }
        for name, metric in zip("abc", metrics, strict=False)
    ]
    maths = {"MetricName": None, "Namespace": None, "Metrics": [{"Id": "e", "Expression": expression}, *parts]}
    return balancer_alarm(**(maths | changes))


TARGET, OWN, REQUESTS = "HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count", "RequestCount"


@pytest.mark.parametrize(
    ("given", "expected", "words"),
    [
        pytest.param(api_alarm(), State.PASS, "goes off at 0.05", id="share"),
        pytest.param(api_alarm(Statistic="Sum", Threshold=20.0), State.PASS, "goes off at 20", id="number"),
        pytest.param(api_alarm(Dimensions=API_ONLY), State.PASS, "goes off", id="of-the-whole-api"),
        pytest.param(api_alarm(Dimensions=OTHER_STAGE), State.FAIL, "No alarm", id="of-another-stage"),
        pytest.param(api_alarm(Dimensions=ONE_METHOD), State.NOT_ASSESSED, "one Method only", id="of-one-method"),
        pytest.param(api_alarm(MetricName="4XXError"), State.FAIL, "No alarm", id="the-callers-errors"),
        pytest.param(api_alarm(Threshold=1.0), State.FAIL, "silent", id="share-above-all"),
        pytest.param(api_alarm(Statistic="Sum", Threshold=1e9), State.FAIL, "silent", id="number-never-reached"),
        pytest.param(api_alarm(Statistic="SampleCount", Threshold=20.0), State.FAIL, "never rests", id="all-requests"),
        pytest.param(api_alarm(Statistic="Minimum"), State.FAIL, "silent", id="least"),
        pytest.param(api_alarm(Threshold=-1.0), State.FAIL, "never rests", id="always-red"),
        pytest.param(api_alarm(ComparisonOperator="LessThanThreshold"), State.FAIL, "never rests", id="wrong-way"),
        pytest.param(api_alarm(Period=86_400), State.FAIL, "7,200 minutes", id="over-days"),
        pytest.param(api_alarm(EvaluationPeriods=30), State.FAIL, "minutes", id="over-half-an-hour"),
        pytest.param(api_alarm(EvaluationPeriods=30, DatapointsToAlarm=5), State.PASS, "5 minutes", id="five-of-30"),
        pytest.param(api_alarm(ActionsEnabled=False), State.FAIL, "disabled", id="actions-off"),
        pytest.param(api_alarm(AlarmActions=[]), State.FAIL, "no action", id="no-action"),
        pytest.param(api_alarm(Statistic=None, ExtendedStatistic="p99"), State.NOT_ASSESSED, "p99", id="percentile"),
    ],
)
def test_the_stage_of_a_rest_api(given: dict[str, Any], expected: State, words: str) -> None:
    result = alarms(api_stages(), given, http_alarm()).judge(APIS)
    assert states(result) == {REST: expected, HTTP: State.PASS}, reasons(result)
    assert words in next(one.reason for one in result.results if one.resource == REST)


@pytest.mark.parametrize(
    ("given", "expected", "words"),
    [
        pytest.param(balancer_alarm(), State.PASS, "goes off at 20", id="targets"),
        pytest.param(balancer_alarm(MetricName=OWN), State.PASS, "goes off at 20", id="its-own"),
        pytest.param(balancer_alarm(MetricName="HTTPCode_ELB_4XX_Count"), State.FAIL, "No alarm", id="callers-errors"),
        pytest.param(balancer_alarm(Threshold=1e6), State.FAIL, "silent", id="never-reached"),
        pytest.param(balancer_alarm(Statistic="Average"), State.FAIL, "silent", id="average-is-one"),
        pytest.param(balancer_alarm(Statistic="Maximum", Threshold=0.0), State.PASS, "goes off", id="any-error"),
        pytest.param(balancer_alarm(TreatMissingData="breaching"), State.FAIL, "red whenever", id="red-at-rest"),
        pytest.param(
            balancer_alarm(TreatMissingData="ignore", StateValue="ALARM"), State.FAIL, "never leaves", id="stuck"
        ),
        pytest.param(balancer_alarm(TreatMissingData="ignore"), State.PASS, "goes off", id="not-yet-stuck"),
        pytest.param(balancer_alarm(Dimensions=ONE_ZONE), State.NOT_ASSESSED, "one AvailabilityZone", id="one-zone"),
        pytest.param(rated("100 * a / b", TARGET, REQUESTS, Threshold=5.0), State.PASS, "goes off at 5", id="rate"),
        pytest.param(rated("100 * a / b", TARGET, REQUESTS, Threshold=50.0), State.FAIL, "silent", id="half-fails"),
        pytest.param(
            rated("100 - 100 * a / b", TARGET, REQUESTS, Threshold=95.0, ComparisonOperator="LessThanThreshold"),
            State.PASS,
            "goes off at 95",
            id="what-went-well",
        ),
        pytest.param(rated("FILL(a, 0) + FILL(b, 0)", TARGET, OWN), State.PASS, "goes off", id="both-added"),
        pytest.param(
            rated("FILL(a, 0)", TARGET, TreatMissingData="breaching"), State.PASS, "goes off", id="filled-by-itself"
        ),
        pytest.param(rated("RATE(a)", TARGET), State.NOT_ASSESSED, "not understood", id="not-understood"),
        pytest.param(
            rated("a / b", TARGET, "ActiveConnectionCount"), State.NOT_ASSESSED, "not understood", id="of-another-kind"
        ),
    ],
)
def test_an_application_load_balancer(given: dict[str, Any], expected: State, words: str) -> None:
    result = alarms(load_balancers(), given, classic_alarm()).judge(BALANCERS)
    assert states(result) == {BALANCER: expected, CLASSIC: State.PASS}, reasons(result)
    assert words in next(one.reason for one in result.results if one.resource == BALANCER)


def test_a_classic_load_balancer_without_an_alarm_fails_beside_one_with() -> None:
    result = alarms(load_balancers(), balancer_alarm()).judge(BALANCERS)
    assert states(result) == {BALANCER: State.PASS, CLASSIC: State.FAIL}


def test_only_what_answers_http_counts() -> None:
    assert states(load_balancers("TCP").judge(BALANCERS)) == {BALANCER: State.PASS}
    assert states(load_balancers(kind="network").judge(BALANCERS)) == {CLASSIC: State.PASS}
    assert states(load_balancers("SSL", "gateway").judge(BALANCERS)) == {ACCOUNT: State.NOT_APPLICABLE}


def test_a_websocket_api_has_metrics_of_its_own() -> None:
    sockets = {"Items": [{"ApiId": "h1", "ProtocolType": "WEBSOCKET"}]}
    world = api_stages().says("apigatewayv2:GetApis", sockets, region=HOME)
    assert states(world.judge(APIS))[HTTP] is State.FAIL
    heard = alarms(world, api_alarm(), http_alarm(MetricName="IntegrationError"))
    assert states(heard.judge(APIS))[HTTP] is State.PASS


def test_nobody_hears_where_no_subscription_is_confirmed() -> None:
    pending = {"Subscriptions": [{"SubscriptionArn": "PendingConfirmation", "TopicArn": TOPIC, "Protocol": "email"}]}
    for control, world in ((APIS, api_stages()), (BALANCERS, load_balancers())):
        result = world.says("sns:ListSubscriptionsByTopic", pending, region=HOME, TopicArn=TOPIC).judge(control)
        assert set(states(result).values()) == {State.FAIL}
        assert "nobody is told" in reasons(result)


@pytest.mark.parametrize("operation", ["apigateway:GetStages", "apigatewayv2:GetApis"])
def test_what_was_refused_stays_beside_the_stages_that_were_read(operation: str) -> None:
    def refused(world: World) -> World:
        return world.refuses_all(operation)

    assert refused(api_stages()).judge(APIS).state is State.NOT_ASSESSED
    failing = refused(alarms(api_stages())).judge(APIS)
    assert failing.state is State.FAIL
    assert State.NOT_ASSESSED in states(failing).values()
