"""How many connections a DB instance takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.evaluate.checks.connections import limit_of, memory_of
from auditor.model import State
from tests.evaluate.checks.worlds import TOPIC, alarm, alarms, database, databases, limited, listened
from tests.evaluate.kit import HOME, World, reasons

GIB = 1024**3
AURORA = "GREATEST({log(DBInstanceClassMemory/805306368)*45},{log(DBInstanceClassMemory/8187281408)*1000})"


@pytest.mark.parametrize(
    ("name", "gib"),
    [
        ("db.t3.micro", 1),
        ("db.t4g.2xlarge", 32),
        ("db.m6g.large", 8),
        ("db.r5.large", 16),
        ("db.r6gd.16xlarge", 512),
        ("db.r4.xlarge", 30.5),
        ("db.x2g.large", 32),
        ("db.x2iedn.8xlarge", 1024),
        ("db.serverless", None),
        ("db.future9.large", None),
        ("", None),
    ],
)
def test_memory_of_a_class(name: str, gib: float | None) -> None:
    assert memory_of(name) == (None if gib is None else gib * GIB)


@pytest.mark.parametrize(
    ("name", "value", "limit"),
    [
        ("max_connections", "500", 500),
        ("max_connections", "{DBInstanceClassMemory/12582880}", 682),
        ("max_connections", "LEAST({DBInstanceClassMemory/9531392},5000)", 901),
        ("max_connections", AURORA, 153.67),
        ("processes", "LEAST({DBInstanceClassMemory/9868951}, 20000)", 870),
        ("user connections", "0", 32_767),
        ("max_connections", "", None),
        ("max_connections", "{Other/1}", None),
        ("max_connections", "LEAST(1", None),
        ("max_connections", "1/0", None),
        ("max_connections", "(" * 400, None),
        ("max_connections", "0", None),
        ("max_connections", "x; y", None),
    ],
)
def test_what_a_parameter_group_says(name: str, value: str, limit: float | None) -> None:
    found = limit_of(name, value, 8 * GIB)
    assert found == limit or (limit is not None and found is not None and abs(found - limit) < 1)


@given(st.text("({LEASTGREATESTDBInstanceClassMemory,/*+-})0123456789 ", max_size=60))
def test_hostile_formulas_are_worked_out_or_not_known(value: str) -> None:
    found = limit_of("max_connections", value, 8.0 * GIB)
    assert found is None or found > 0


def watched(**changes: object) -> World:
    given = alarm("AWS/RDS", "DatabaseConnections", "DBInstanceIdentifier", "one", **changes)
    return alarms(limited(listened(databases(database("one")))), given)


METRIC = {
    "Namespace": "AWS/RDS",
    "MetricName": "DatabaseConnections",
    "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": "one"}],
}
OF_ANOTHER_ACCOUNT = {
    "MetricName": None,
    "Namespace": None,
    "Metrics": [
        {"Id": "m1", "AccountId": "999900001111", "MetricStat": {"Metric": METRIC, "Period": 60, "Stat": "Average"}}
    ],
}


@pytest.mark.parametrize(
    ("world", "expected", "words"),
    [
        pytest.param(watched(), State.PASS, "80 % of 901", id="right"),
        pytest.param(watched(Threshold=720.0), State.PASS, "goes off at 720", id="at-the-limit"),
        pytest.param(watched(Threshold=1e9), State.FAIL, "silent", id="never"),
        pytest.param(watched(Period=86_400), State.FAIL, "minutes", id="days"),
        pytest.param(watched(Statistic=None, ExtendedStatistic="p90"), State.PASS, "80", id="percentile"),
        pytest.param(watched(**OF_ANOTHER_ACCOUNT), State.FAIL, "No alarm", id="another-accounts-metric"),
        pytest.param(watched(ActionsEnabled=False), State.FAIL, "disabled", id="silent"),
        pytest.param(limited(watched(), "{Other}"), State.NOT_ASSESSED, "room is not known", id="limit-unknown"),
        pytest.param(
            watched().refuses_all("rds:DescribeDBParameters"), State.NOT_ASSESSED, "room", id="parameters-refused"
        ),
        pytest.param(watched(Threshold=-1.0).refuses_all("sns:ListTopics"), State.FAIL, "never rests", id="proven"),
        pytest.param(
            watched().says(
                "sns:ListSubscriptionsByTopic",
                {"Subscriptions": []},
                region=HOME,
                TopicArn=TOPIC,
            ),
            State.FAIL,
            "nobody is told",
            id="nobody-hears",
        ),
        pytest.param(
            alarms(limited(listened(databases(database("one"))))).refuses_all("oam:ListLinks"),
            State.NOT_ASSESSED,
            "shared",
            id="perhaps-watched-elsewhere",
        ),
    ],
)
def test_connections_of_a_database(world: World, expected: State, words: str) -> None:
    result = world.judge("rds-connections-alarm")
    assert result.state is expected, reasons(result)
    assert words in reasons(result)
