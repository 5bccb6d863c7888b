"""Every question with every filter: what is left of its answer is what plain Python leaves of the whole one."""

import csv
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.base.period import Period
from auditor.events.answer import Answer, csv_lines, plain
from auditor.events.asking import Asked, ask
from auditor.events.filters import Filters
from auditor.events.opened import EventStore
from auditor.events.question import load_questions

from .kit import records_log, store_of
from .month import FAR, NOVEMBER, PROD, Record
from .month import records as month_records
from .oddities import filters, odd_records
from .reference import keeps
from .test_month import GIVEN, QUESTIONS, month

SLOW: Final = settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
COMPARING: Final = frozenset({"new-principals"})
"""Questions that count, and compare with what the filters leave out."""
EACH: Final = {
    "user": Filters(users=("ana",)),
    "role": Filters(roles=("*admin*",)),
    "resource": Filters(resources=("ledger", "sg-*")),
    "address": Filters(ips=("203.0.113.66",)),
    "range": Filters(ips=("198.51.100.0/24", "2001:db8::/32")),
    "event": Filters(events=("put*", "AuthorizeSecurityGroupIngress")),
    "region": Filters(regions=(FAR, "us-east-1")),
    "account": Filters(accounts=("222233334444",)),
    "errors only": Filters(errors="only"),
    "errors without": Filters(errors="without"),
}


def answer(store: EventStore, name: str, wanted: Filters | None = None, period: Period = NOVEMBER) -> Answer:
    return ask(store, Asked(load_questions()[name], period, wanted or Filters(), GIVEN.get(name, {}), 0))


def kept(folder: Path, records: Sequence[Record]) -> EventStore:
    return store_of(folder, records_log(records), card={"period": NOVEMBER.document()})


def left(whole: Answer, wanted: Filters, by_id: Mapping[str, Record]) -> list[Mapping[str, Any]]:
    return [row for row in whole.rows if keeps(wanted, by_id[str(row["event_id"])])]


@SLOW
@given(odd_records(), st.lists(st.tuples(st.sampled_from(QUESTIONS), filters()), min_size=12, max_size=12))
def test_a_filter_leaves_what_plain_python_leaves(
    tmp_path_factory: pytest.TempPathFactory, records: list[Record], tries: list[tuple[str, Filters]]
) -> None:
    folder = tmp_path_factory.mktemp("filters")
    store = kept(folder / "store", records)
    by_id = {str(record["eventID"]): record for record in records}
    for number, (name, wanted) in enumerate(tries):
        whole, found = answer(store, name), answer(store, name, wanted)
        if "log_file" in whole.columns:
            assert list(found.rows) == left(whole, wanted, by_id), (name, wanted.document())
        elif name not in COMPARING:
            alone = kept(folder / str(number), [record for record in records if keeps(wanted, record)])
            assert found.rows == answer(alone, name).rows, (name, wanted.document())


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> EventStore:
    return month(tmp_path_factory.mktemp("month") / "store")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, EventStore]:
    """For each option a store of the records alone that it leaves."""
    folder = tmp_path_factory.mktemp("alone")
    return {
        option: kept(folder / option, [record for record in month_records() if keeps(wanted, record)])
        for option, wanted in EACH.items()
    }


@pytest.mark.parametrize("name", QUESTIONS)
def test_each_option_leaves_what_plain_python_leaves_of_the_month(
    store: EventStore, alone: Mapping[str, EventStore], name: str
) -> None:
    by_id = {str(record["eventID"]): record for record in month_records()}
    whole = answer(store, name)
    for option, wanted in EACH.items():
        found = answer(store, name, wanted)
        if "log_file" in whole.columns:
            assert list(found.rows) == left(whole, wanted, by_id), option
        elif name in COMPARING:
            assert [row for row in whole.rows if row in found.rows] == list(found.rows), option
        else:
            assert found.rows == answer(alone[option], name).rows, option


def test_whether_a_principal_is_new_is_told_from_all_of_its_events(tmp_path: Path) -> None:
    """Somebody who acted all month is not new because he came by another address in the last week."""
    base = next(record for record in month_records() if record["eventID"] == "stop-logging")
    days = (("old", "01", "198.51.100.7"), ("late", "29", "203.0.113.66"))
    records = [base | {"eventID": i, "eventTime": f"2026-11-{d}T10:00:00Z", "sourceIPAddress": a} for i, d, a in days]
    fresh = records[1] | {"eventID": "new", "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::1:user/new"}}
    store = kept(tmp_path / "store", [*records, fresh])
    rows = answer(store, "new-principals", Filters(ips=("203.0.113.66",))).rows
    assert [row["principal"] for row in rows] == ["arn:aws:iam::1:user/new"]


def test_selectors_are_compared_with_what_stood_before_whoever_made_it(tmp_path: Path) -> None:
    base = next(record for record in month_records() if record["eventID"] == "selectors-wide")
    ben = next(record for record in month_records() if record["eventID"] == "delete-bucket-refused")["userIdentity"]
    wide = base["requestParameters"]
    records = [
        base | {"eventID": "first"},
        base | {"eventID": "refused", "eventTime": "2026-11-07T04:10:00Z", "errorCode": "AccessDenied"}
        | {"requestParameters": wide | {"eventSelectors": []}},
        base | {"eventID": "second", "eventTime": "2026-11-07T04:20:00Z", "userIdentity": ben},
    ]  # fmt: skip
    store = kept(tmp_path / "store", records)
    [row] = answer(store, "selectors-narrowed", Filters(users=("ben",))).rows
    assert (row["event_id"], row["before_time"]) == ("second", datetime.fromisoformat("2026-11-07T04:00:00+00:00"))


@pytest.mark.parametrize("seconds", [0, 1])
def test_an_event_at_the_edge_of_the_time_counts_from_its_begin_and_not_at_its_end(
    store: EventStore, seconds: int
) -> None:
    at = datetime.fromisoformat("2026-11-07T02:00:00+00:00") + timedelta(seconds=seconds)
    before, after = Period(NOVEMBER.start, at, ""), Period(at, NOVEMBER.end, "")
    found = [{row["event_id"] for row in answer(store, "who-did", period=half).rows} for half in (before, after)]
    assert "stop-logging" in found[1 - seconds]
    whole = {row["event_id"] for row in answer(store, "who-did").rows}
    assert (found[0] | found[1], found[0] & found[1]) == (whole, set())


@pytest.mark.parametrize("name", QUESTIONS)
def test_json_csv_and_parquet_hold_the_same_rows(store: EventStore, name: str, tmp_path: Path) -> None:
    file = tmp_path / "rows.parquet"
    asked = Asked(load_questions()[name], NOVEMBER, Filters(accounts=(PROD,)), GIVEN.get(name, {}), 1000)
    found = ask(store, asked, parquet=file)
    assert not found.truncated
    lines = [line for line in csv_lines(found) if not line.startswith("#")]
    cells = [["" if plain(row[one]) is None else _cell(plain(row[one])) for one in found.columns] for row in found.rows]
    assert list(csv.reader(lines)) == [list(found.columns), *cells]
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        result = database.execute(f"SELECT * FROM read_parquet('{file}')")  # noqa: S608 - a file of this test
        columns = [item[0] for item in result.description or ()]
        rows = [plain(dict(zip(columns, row, strict=True))) for row in result.fetchall()]
    assert rows == found.document()["rows"]


def _cell(value: Any) -> str:
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
    return f"'{text}" if isinstance(value, str) and text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
