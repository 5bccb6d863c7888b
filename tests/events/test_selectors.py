"""Whether selectors record less than those before: what the question says is held against plain events, one by one."""

from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from auditor.base.period import Period
from auditor.events.asking import Asked, ask
from auditor.events.filters import Filters
from auditor.events.question import load_questions

from .kit import records_log, store_of
from .month import ANA, NOVEMBER, Record, record

Event = Mapping[str, str]
"""One event as selectors see it, by the names of their fields."""

OBJECT, FUNCTION = "AWS::S3::Object", "AWS::Lambda::Function"
KMS, RDS = "kms.amazonaws.com", "rdsdata.amazonaws.com"
ARNS: Final = {
    OBJECT: tuple(f"arn:aws:s3:::{name}" for name in ("a/", "a/x", "a/xy", "a/logs/1", "ab/1", "new/x")),
    FUNCTION: tuple(f"arn:aws:lambda:eu-central-1:1:function:{name}" for name in ("f", "fg", "new")),
}


def universe() -> Iterator[Event]:
    """Yield events of every sort that the selectors below tell apart, and of none that they name."""
    for read, source in product(("true", "false"), (KMS, RDS, "iam.amazonaws.com")):
        yield {"eventCategory": "Management", "readOnly": read, "eventSource": source, "eventName": "New"}
    names = ("PutObject", "DeleteObject", "New")
    known = [(kind, arn) for kind, arns in ARNS.items() for arn in arns]
    for (kind, arn), read, name in product(known, ("true", "false"), names):
        common = {"eventCategory": "Data", "resources.type": kind, "eventSource": "new"}
        yield common | {"readOnly": read, "resources.ARN": arn, "eventName": name}
    for kind, category in product(("ApiCallRateInsight", "ApiErrorRateInsight"), ("Management", "Data")):
        yield {"eventCategory": "Insight", "insightType": kind, "of": category}


OPERATORS: Final = {
    "equals": lambda value, one: value == one,
    "startsWith": lambda value, one: value.startswith(one),
    "endsWith": lambda value, one: value.endswith(one),
}


def holds(condition: Mapping[str, Any], event: Event) -> bool:
    value = event.get(condition["field"], "")
    wanted = [OPERATORS[name](value, one) for name in OPERATORS for one in condition.get(name, ())]
    unwanted = [
        OPERATORS[name](value, one)
        for name in OPERATORS
        for one in condition.get(f"not{name[0].upper()}{name[1:]}", ())
    ]
    return (any(wanted) or not wanted) and not any(unwanted)


def classic(selector: Mapping[str, Any], event: Event) -> bool:
    access = {"ReadOnly": "true", "WriteOnly": "false"}.get(selector.get("readWriteType", "All"))
    if access is not None and event.get("readOnly") != access:
        return False
    if event["eventCategory"] == "Management":
        excluded = selector.get("excludeManagementEventSources", ())
        return selector.get("includeManagementEvents", True) and event["eventSource"] not in excluded
    for resource in selector.get("dataResources", ()):
        for value in resource["values"]:
            bucket = value.count(":") == 5 and value.startswith("arn:aws:s3:::") and value[13:] and "/" not in value
            beginning = f"{value}/" if bucket else value
            if resource["type"] == event.get("resources.type") and event["resources.ARN"].startswith(beginning):
                return True
    return False


def recorded(request: Mapping[str, Any], event: Event) -> bool:
    insights = [
        (item["insightType"], category)
        for item in request.get("insightSelectors", ())
        for category in item.get("eventCategories", ["Management"])
    ]
    if event["eventCategory"] == "Insight":
        return (event["insightType"], event["of"]) in insights
    if any(classic(selector, event) for selector in request.get("eventSelectors", ())):
        return True
    return any(
        all(holds(condition, event) for condition in selector["fieldSelectors"])
        for selector in request.get("advancedEventSelectors", ())
    )


def subsets(*values: Any) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), unique=True, max_size=2)


def condition(field: str, operators: tuple[str, ...], *values: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Draw one condition or none."""
    chosen = st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)
    made = st.builds(lambda name, some: [{"field": field, name: some}], st.sampled_from(operators), chosen)
    return st.just([]) | made


RESOURCES: Final = st.sampled_from(
    [
        {"type": OBJECT, "values": ["arn:aws:s3"]},
        {"type": OBJECT, "values": ["arn:aws:s3:::"]},
        {"type": OBJECT, "values": ["arn:aws:s3:::a/", "arn:aws:s3:::ab/"]},
        {"type": OBJECT, "values": ["arn:aws:s3:::a/logs/"]},
        {"type": OBJECT, "values": []},
        {"type": FUNCTION, "values": ["arn:aws:lambda"]},
        {"type": FUNCTION, "values": ["arn:aws:lambda:eu-central-1:1:function:f"]},
    ]
)
CLASSIC: Final = st.fixed_dictionaries(
    {"readWriteType": st.sampled_from(["All", "ReadOnly", "WriteOnly"]), "includeManagementEvents": st.booleans()},
    optional={
        "excludeManagementEventSources": subsets(KMS, RDS),
        "dataResources": st.lists(RESOURCES, max_size=2),
    },
)
READ_ONLY: Final = condition("readOnly", ("equals",), "true", "false")
MANAGEMENT: Final = st.builds(
    lambda *parts: {
        "fieldSelectors": [
            {"field": "eventCategory", "equals": ["Management"]},
            *(item for part in parts for item in part),
        ]
    },
    READ_ONLY,
    condition("eventSource", ("equals", "notEquals"), KMS, RDS),
)


def data(kind: str, *arns: str) -> st.SearchStrategy[dict[str, Any]]:
    """Draw an advanced selector of data events of one kind."""
    return st.builds(
        lambda *parts: {
            "fieldSelectors": [
                {"field": "eventCategory", "equals": ["Data"]},
                {"field": "resources.type", "equals": [kind]},
                *(item for part in parts for item in part),
            ]
        },
        READ_ONLY,
        condition("resources.ARN", ("equals", "startsWith", "notStartsWith"), *arns),
        condition("eventName", ("equals", "notEquals"), "PutObject", "DeleteObject"),
    )


DATA: Final = data(OBJECT, "arn:aws:s3:::a/x", "arn:aws:s3:::a/") | data(FUNCTION, ARNS[FUNCTION][0])
REQUEST: Final = st.one_of(
    st.lists(CLASSIC, max_size=2).map(lambda made: {"eventSelectors": made}),
    st.lists(MANAGEMENT | DATA, max_size=3).map(lambda made: {"advancedEventSelectors": made}),
)


def told(folder: Path, *requests: Mapping[str, Any], call: str = "PutEventSelectors") -> Iterator[Mapping[str, Any]]:
    """Ask of pairs of requests, each of a trail of its own; yield the row of each second one."""
    records: list[Record] = []
    for number, request in enumerate(requests):
        given = {"trailName": f"trail-{number // 2}", **request}
        at = f"2026-11-07T{number % 2:02d}:00:00Z"
        records.append(record(f"{number:04}", at, "cloudtrail", call, ANA, requestParameters=given))
    rows = asked(folder, records)
    assert len(rows) == len(requests)
    return (row for row in sorted(rows, key=lambda row: str(row["event_id"])) if int(row["event_id"]) % 2)


def asked(folder: Path, records: list[Record], period: Period = NOVEMBER) -> list[Mapping[str, Any]]:
    store = store_of(folder, records_log(records), card={"period": period.document()})
    return list(ask(store, Asked(load_questions()["selectors-narrowed"], period, Filters(), {}, 0)).rows)


@settings(max_examples=4, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(REQUEST, REQUEST), min_size=40, max_size=40))
def test_less_is_said_only_where_an_event_is_lost_and_not_less_only_where_none_is(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[dict[str, Any], dict[str, Any]]]
) -> None:
    rows = told(tmp_path_factory.mktemp("selectors") / "store", *(request for pair in pairs for request in pair))
    for (before, now), row in zip(pairs, rows, strict=True):
        lost = [event for event in universe() if recorded(before, event) and not recorded(now, event)]
        assert (row["change"] != "less") or lost, (before, now, row)
        assert (row["change"] != "not less") or not lost, (before, now, row, lost)
        assert row["change"] in {"less", "not less", "may be less"}
        assert bool(row["lost"]) is (row["change"] != "not less")


EVERYTHING: Final = {"readWriteType": "All", "includeManagementEvents": True}
OBJECTS: Final = EVERYTHING | {"dataResources": [{"type": OBJECT, "values": ["arn:aws:s3"]}]}
ADVANCED: Final = {"fieldSelectors": [{"field": "eventCategory", "equals": ["Management"]}]}
ALL_OBJECTS: Final = [{"field": "eventCategory", "equals": ["Data"]}, {"field": "resources.type", "equals": [OBJECT]}]
RATE: Final = {"insightType": "ApiCallRateInsight"}


@pytest.mark.parametrize(
    ("before", "now", "change", "lost", "narrows"),
    [
        pytest.param(
            {"eventSelectors": [EVERYTHING]},
            {"eventSelectors": [EVERYTHING | {"includeManagementEvents": False}, EVERYTHING]},
            "not less", None, None, id="another-selector-has-it",
        ),
        pytest.param(
            {"eventSelectors": [EVERYTHING]},
            {"eventSelectors": [EVERYTHING | {"readWriteType": name} for name in ("ReadOnly", "WriteOnly")]},
            "not less", None, None, id="reads-and-writes-apart",
        ),
        pytest.param(
            {"eventSelectors": [EVERYTHING]},
            {"advancedEventSelectors": [ADVANCED]},
            "not less", None, None, id="classic-to-advanced",
        ),
        pytest.param(
            {"eventSelectors": [EVERYTHING, OBJECTS]},
            {"eventSelectors": [EVERYTHING]},
            "less", "Data reads of AWS::S3::Object; Data writes of AWS::S3::Object", None, id="second-selector-gone",
        ),
        pytest.param(
            {"advancedEventSelectors": [{"fieldSelectors": ALL_OBJECTS}, ADVANCED]},
            {"advancedEventSelectors": [
                ADVANCED,
                {"fieldSelectors": [*ALL_OBJECTS, {"field": "readOnly", "equals": ["false"]},
                    {"field": "userIdentity.arn", "notStartsWith": ["arn:aws:sts::1:assumed-role/x"]}]},
            ]},
            "less", "Data reads of AWS::S3::Object; Data writes of AWS::S3::Object",
            "only Data writes of AWS::S3::Object; some left out by userIdentity.arn",
            id="last-field-of-the-last",
        ),
        pytest.param(
            {"eventSelectors": [EVERYTHING]},
            {"eventSelectors": [EVERYTHING | {"excludeManagementEventSources": [KMS]}]},
            "less", "Management reads; Management writes", "some left out by eventSource", id="key-management-left-out",
        ),
        pytest.param(
            {"eventSelectors": [EVERYTHING | {"excludeManagementEventSources": [KMS, RDS]}]},
            {"eventSelectors": [EVERYTHING | {"excludeManagementEventSources": [RDS]}]},
            "not less", None, "some left out by eventSource", id="one-source-is-back",
        ),
        pytest.param(
            {"eventSelectors": [EVERYTHING | {"readWriteType": "WriteOnly"}]},
            {"eventSelectors": []},
            "less", "Management writes", "no management events", id="nothing-at-all",
        ),
        pytest.param(
            {"advancedEventSelectors": [ADVANCED]},
            {"advancedEventSelectors": [
                {"fieldSelectors": [*ADVANCED["fieldSelectors"], {"field": "eventSource", name: [KMS]}]}
                for name in ("equals", "notEquals")
            ]},
            "may be less", "Management reads (may be); Management writes (may be)", "some left out by eventSource",
            id="parts-that-add-up",
        ),
    ],
)  # fmt: skip
def test_what_is_lost_is_named(
    tmp_path: Path, before: dict[str, Any], now: dict[str, Any], change: str, lost: str | None, narrows: str | None
) -> None:
    [row] = told(tmp_path / "store", before, now)
    assert (row["change"], row["lost"], row["narrows"]) == (change, lost, narrows)


@pytest.mark.parametrize(
    ("now", "change", "lost", "narrows"),
    [
        ([RATE, {"insightType": "ApiErrorRateInsight"}], "not less", None, None),
        ([RATE | {"eventCategories": ["Data"]}], "less", "ApiCallRateInsight of Management events", None),
        ([], "less", "ApiCallRateInsight of Management events", "no Insights"),
    ],
)
def test_insights_are_compared_with_insights(
    tmp_path: Path, now: list[Any], change: str, lost: str | None, narrows: str | None
) -> None:
    pair = {"insightSelectors": [RATE]}, {"insightSelectors": now}
    [row] = told(tmp_path / "store", *pair, call="PutInsightSelectors")
    assert (row["change"], row["lost"], row["narrows"]) == (change, lost, narrows)


@pytest.mark.parametrize(
    ("first", "change"),
    [
        ((), "not told"),
        (({"requestParameters": {"name": "main"}, "eventName": "CreateTrail"},), "less"),
        (({"requestParameters": {"name": "other"}, "eventName": "CreateTrail"},), "not told"),
        (
            ({"requestParameters": {"name": "main"}, "eventName": "CreateTrail", "errorCode": "AccessDenied"},),
            "not told",
        ),
        (({"requestParameters": {"omitted": True, "trailName": "main"}},), "not told"),
    ],
)
def test_where_the_state_before_is_not_known_less_is_not_said(
    tmp_path: Path, first: tuple[Record, ...], change: str
) -> None:
    now = {"trailName": "main", "eventSelectors": [{"readWriteType": "WriteOnly", "includeManagementEvents": True}]}
    put = record("put", "08T10:00", "cloudtrail", "PutEventSelectors", ANA, requestParameters=now)
    records = [*(put | {"eventID": "first", "eventTime": "2026-11-07T10:00:00Z"} | item for item in first), put]
    row = asked(tmp_path / "store", records)[-1]
    assert (row["event_id"], row["change"]) == ("put", change)
    assert row["narrows"] == "only Management writes"
