"""Athena: what a table cannot answer for is named, partitions are always constrained, costs are told, answers agree."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from auditor.base.errors import CollectionError, UsageError
from auditor.base.period import Period, rfc3339
from auditor.events.asking import Asked
from auditor.events.athena import Athena, ask_athena
from auditor.events.athena_ddl import Ddl, ddl
from auditor.events.athena_table import LogTable, constrained, table_of
from auditor.events.filters import Filters
from auditor.events.opened import EventStore
from auditor.events.question import load_questions

from .month import NOVEMBER
from .test_month import GIVEN, answered, month

NOW = datetime(2026, 12, 5, tzinfo=UTC)
MADE = Ddl(
    "audit.logs",
    "org-trail",
    "",
    "o-exampleorg1",
    ("111122223333", "222233334444"),
    ("eu-central-1", "us-east-1"),
    "2026/01/01",
)


def glue_table(**parameters: str | None) -> dict[str, Any]:
    """Return what Glue says of the table that our own statement makes."""
    text = ddl(MADE)
    columns = re.findall(r"^    ([a-z]+) (.+?),?$", text.split("PARTITIONED")[0], re.MULTILINE)
    told = dict(re.findall(r"^    '(.+?)' = '(.+?)'", text, re.MULTILINE))
    told = {name: value for name, value in (told | parameters).items() if value is not None}
    return {
        "Table": {
            "Name": "logs",
            "StorageDescriptor": {
                "Columns": [{"Name": name, "Type": kind.lower()} for name, kind in columns],
                "Location": "s3://org-trail/AWSLogs/o-exampleorg1/",
            },
            "PartitionKeys": [{"Name": name, "Type": "string"} for name in ("account", "region", "day")],
            "Parameters": told,
        }
    }


class Canned:
    """Glue, S3 and Athena at once: answers as they were put in."""

    def __init__(self, columns: Sequence[str] = (), rows: Sequence[Mapping[str, Any]] = (), table: Any = None) -> None:
        self.table = table or glue_table()
        self.columns, self.rows = columns, rows
        self.size, self.input_rows, self.state = 1 << 30, 529, "SUCCEEDED"
        self.asked: list[str] = []
        self.prefixes: list[str] = []
        self.polls = 0

    def client(self, *_: Any, **__: Any) -> "Canned":
        return self

    def get_table(self, **_: Any) -> Any:
        return self.table

    def list_objects_v2(self, **request: Any) -> Any:
        self.prefixes.append(f"{request['Bucket']}/{request['Prefix']}")
        return {"Contents": [{"Size": self.size}], "IsTruncated": False}

    def start_query_execution(self, **request: Any) -> Any:
        self.asked.append(request["QueryString"])
        return {"QueryExecutionId": "q-1"}

    def get_query_execution(self, **_: Any) -> Any:
        self.polls += 1
        state = "RUNNING" if self.polls < 3 else self.state
        return {
            "QueryExecution": {
                "Status": {"State": state, "StateChangeReason": "SYNTAX_ERROR: x"},
                "Statistics": {"DataScannedInBytes": 1 << 40},
                "EngineVersion": {"EffectiveEngineVersion": "Athena engine version 3"},
                "ResultConfiguration": {"OutputLocation": "s3://results/q-1.csv"},
            }
        }

    def get_query_results(self, **request: Any) -> Any:
        first = int(request.get("NextToken", 0))
        kinds = [{"Name": name, "Type": self._kind(name)} for name in self.columns]
        header = [] if first else [{"Data": [{"VarCharValue": name} for name in self.columns]}]
        page = self.rows[first : first + 7]
        rows = [{"Data": [self._cell(row[name]) for name in self.columns]} for row in page]
        more = {"NextToken": str(first + 7)} if first + 7 < len(self.rows) else {}
        return {"ResultSet": {"Rows": [*header, *rows], "ResultSetMetadata": {"ColumnInfo": kinds}}} | more

    def get_query_runtime_statistics(self, **_: Any) -> Any:
        return {"QueryRuntimeStatistics": {"Rows": {"InputRows": self.input_rows}}}

    def _kind(self, name: str) -> str:
        values = [row[name] for row in self.rows if row[name] is not None]
        kinds = {bool: "boolean", int: "bigint", datetime: "timestamp with time zone", float: "double"}
        return kinds.get(type(values[0]), "varchar") if values else "varchar"

    @staticmethod
    def _cell(value: Any) -> dict[str, str]:
        if value is None:
            return {}
        if isinstance(value, bool):
            return {"VarCharValue": "true" if value else "false"}
        if isinstance(value, datetime):
            return {"VarCharValue": f"{value:%Y-%m-%d %H:%M:%S}.000 UTC"}
        return {"VarCharValue": str(value)}


def athena(canned: Canned, **changes: Any) -> Athena:
    options: dict[str, Any] = {"max_cost": None, "now": NOW, "sleep": lambda _: None} | changes
    return Athena(canned, "eu-central-1", "audit.logs", "primary", "", **options)


def asked(name: str = "root-activity", filters: Filters | None = None, period: Period = NOVEMBER) -> Asked:
    return Asked(load_questions()[name], period, filters or Filters(), GIVEN.get(name, {}))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> EventStore:
    return month(tmp_path_factory.mktemp("athena") / "store")


@pytest.mark.parametrize("name", load_questions())
def test_athena_answers_as_the_store_does(store: EventStore, name: str) -> None:
    ours = answered(store, name)
    canned = Canned(ours.columns, ours.rows)
    theirs = ask_athena(athena(canned), asked(name))
    assert theirs.document()["rows"] == ours.document()["rows"]
    assert theirs.columns == ours.columns
    assert "$since" not in canned.asked[0]


def test_an_answer_keeps_what_finds_the_query_again() -> None:
    canned = Canned(("a",), [{"a": 1}])
    answer = ask_athena(athena(canned), asked())
    [source] = answer.sources
    assert (source["query_id"], source["scanned_bytes"], source["cost_usd"]) == ("q-1", 1 << 40, 5.0)
    assert (source["sql"], source["result"]) == (canned.asked[0], "s3://results/q-1.csv")
    assert (answer.engine, answer.exit_code) == ("athena", 0)
    assert (answer.searched.hours_verified, answer.searched.records, answer.searched.log_files) == (None, 529, 8)
    assert any("Whether log files verify" in words for words in answer.cannot_see)


def test_partitions_are_always_constrained_to_the_days_of_delivery() -> None:
    canned = Canned(("a",), [])
    ask_athena(athena(canned), asked(filters=Filters(accounts=("111122223333",))))
    assert "\"account\" IN ('111122223333')" in canned.asked[0]
    assert "\"region\" IN ('eu-central-1', 'us-east-1')" in canned.asked[0]
    assert "\"day\" BETWEEN '2026/11/01' AND '2026/12/01'" in canned.asked[0]
    assert canned.prefixes[0] == "org-trail/AWSLogs/o-exampleorg1/111122223333/CloudTrail/eu-central-1/2026/11"


def outside(table: LogTable, period: Period = NOVEMBER, **filters: Any) -> list[Mapping[str, Any]]:
    return [item.document() for item in constrained(table, period, Filters(**filters), NOW)[1]]


@pytest.mark.parametrize(
    ("parameters", "filters", "why", "where"),
    [
        ({}, {"accounts": ("999900001111",)}, "does not know this account", {"account": "999900001111"}),
        ({}, {"regions": ("us-east-1", "eu-west-1")}, "does not know this Region", {"region": "eu-west-1"}),
        ({"projection.day.range": "2026/11/10,NOW"}, {}, "outside of the days", {"end": "2026-11-10T00:00:00Z"}),
        (
            {"projection.day.range": "2026/01/01,2026/11/20"},
            {},
            "outside of the days",
            {"start": "2026-11-21T00:00:00Z"},
        ),
        ({"projection.day.range": "NOW-1DAYS,NOW"}, {}, "outside of the days", {"start": "2026-11-01T00:00:00Z"}),
        ({"projection.day.range": "then,NOW"}, {}, "cannot be read", {}),
        ({"projection.enabled": None}, {}, "registered by hand", {}),
    ],
)
def test_what_is_not_projected_is_named_and_never_zero_rows(
    parameters: dict[str, str | None], filters: dict[str, Any], why: str, where: dict[str, str]
) -> None:
    table = glue_table(**parameters)
    found = outside(table_of("audit", table), **filters)
    assert [why in item["why"] and where.items() <= item.items() for item in found] == [True]
    answer = ask_athena(athena(Canned(("a",), [], table)), asked(filters=Filters(**filters)))
    assert answer.exit_code == 3
    assert "part of what was asked for was not" in answer.sentence()


def test_what_is_projected_leaves_nothing_out() -> None:
    assert outside(table_of("audit", glue_table())) == []


def test_no_record_read_is_no_answer() -> None:
    canned = Canned(("a",), [])
    canned.input_rows = 0
    answer = ask_athena(athena(canned), asked())
    assert answer.exit_code == 3
    assert answer.sentence() == "No event was searched: this is no answer."


def test_the_cost_is_told_before_and_bounded() -> None:
    said: list[str] = []
    canned = Canned(("a",), [])
    canned.size = 1 << 38
    with pytest.raises(UsageError, match=r"about 10\.00 US dollars"):
        ask_athena(athena(canned, max_cost=9.99, tell=said.append), asked())
    assert canned.asked == []
    assert "about 10.00 US dollars" in said[0]
    ask_athena(athena(canned, max_cost=10.0), asked())
    assert len(canned.asked) == 1


def test_a_question_that_reads_the_files_more_than_once_costs_more() -> None:
    said: list[str] = []
    ask_athena(athena(Canned(("a",), []), tell=said.append), asked("privileged-sessions"))
    assert "read 2 times" in said[0]


def test_without_an_estimate_a_bound_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    canned = Canned(("a",), [])

    def refused(**_: Any) -> None:
        raise CollectionError("s3:ListObjectsV2 was not answered (AccessDenied)")

    monkeypatch.setattr(canned, "list_objects_v2", refused)
    with pytest.raises(UsageError, match="cannot be estimated"):
        ask_athena(athena(canned, max_cost=1.0), asked())
    assert ask_athena(athena(canned), asked()).exit_code == 3


def test_a_failed_query_is_told() -> None:
    canned = Canned(("a",), [])
    canned.state = "FAILED"
    with pytest.raises(CollectionError, match="SYNTAX_ERROR"):
        ask_athena(athena(canned), asked())


def _without(*names: str) -> Callable[[dict[str, Any]], None]:
    def change(table: dict[str, Any]) -> None:
        columns = table["Table"]["StorageDescriptor"]["Columns"]
        columns[:] = [column for column in columns if column["Name"] not in names]

    return change


def test_a_table_of_something_else_is_refused_and_an_older_one_answers_with_less() -> None:
    other = glue_table()
    _without("eventname")(other)
    with pytest.raises(UsageError, match="lacks eventname"):
        table_of("audit", other)
    older = glue_table()
    _without("insightdetails", "managementevent", "addendum")(older)
    canned = Canned(("a",), [], older)
    ask_athena(athena(canned), asked("insights"))
    assert "e.insightdetails" not in canned.asked[0]
    assert "e.useridentity.sessioncontext.sourceidentity" in canned.asked[0]


@pytest.mark.parametrize(
    ("key", "words"),
    [("bucket", "cannot be constrained"), ("dt", "none that can be compared")],
)
def test_a_partition_that_cannot_be_constrained_is_refused(key: str, words: str) -> None:
    table = replace(
        table_of("audit", glue_table(**{"projection.dt.format": "dd-MM-yyyy"})), partitions=("account", "region", key)
    )
    with pytest.raises(UsageError, match=words):
        constrained(table, NOVEMBER, Filters(), NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"table": "x"},
        {"bucket": "'"},
        {"prefix": "a'b"},
        {"accounts": ("1",)},
        {"since": "x"},
        {"kind": "x"},
        {"regions": ()},
    ],
)
def test_a_statement_is_made_of_plain_names_only(change: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        replace(MADE, **change)


def test_times_are_written_as_athena_takes_them() -> None:
    canned = Canned(("a",), [])
    ask_athena(athena(canned), asked(filters=Filters(users=("o'neil",))))
    assert "TIMESTAMP '2026-11-01 00:00:00 UTC'" in canned.asked[0]
    assert "'o''neil'" in canned.asked[0]
    assert rfc3339(NOW) not in canned.asked[0]
