"""SQL of one's own reads the store, and nothing else."""

import json
import tempfile
from pathlib import Path

import pytest

from auditor.base.errors import UsageError
from auditor.events.apart import Bounds, Refusal, Rows, Statement
from auditor.events.opened import EventStore
from auditor.events.select import answered, select, views

from .kit import OCTOBER, records_log, store_of

EVENT = {"eventID": "e1", "eventTime": "2026-10-05T13:06:24Z", "eventName": "GetFunction20150331v2"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> EventStore:
    return store_of(
        tmp_path_factory.mktemp("select") / "store",
        records_log([EVENT, EVENT | {"eventID": "e2", "eventTime": "2026-09-30T00:00:00Z"}]),
    )


def here(store: EventStore, statement: str, limit: int = 10, bounds: Bounds | None = None) -> Rows | Refusal:
    """Answer as the process of its own does, in this one."""
    asked = Statement(store.folder, statement, views(OCTOBER), limit)
    return answered(asked, bounds or Bounds(), store.folder)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT event_id, call FROM events", [("e1", "GetFunction")]),
        ("WITH x AS (SELECT * FROM all_events) SELECT count(*) AS n FROM x;", [(2,)]),
        ("SELECT count(*) AS n FROM aggregated", [(0,)]),
        ("SELECT state, records FROM files", [("valid", 2)]),
        ("SELECT json_extract_scalar(request, '$.x') AS x FROM calls", [(None,)]),
        ("SELECT 1 AS x, 2 AS x, 3 AS x_2", [(1, 2, 3)]),
        ("SELECT * FROM query('SELECT 5 AS n')", [(5,)]),
    ],
)
def test_one_select_is_answered(store: EventStore, statement: str, expected: list[tuple[object, ...]]) -> None:
    found = here(store, statement)
    assert isinstance(found, Rows)
    assert list(found.rows) == expected


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM read_parquet('https://192.0.2.1/x.parquet')",
        "SELECT getenv('HOME')",
        "SELECT 1; SELECT 2",
        "COPY (SELECT 1) TO 'x.csv'",
        "ATTACH 'x.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET memory_limit = '1TB'",
        "CREATE TABLE x AS SELECT 1",
        "INSERT INTO files SELECT * FROM files",
        "DELETE FROM files",
        "WITH x AS (DELETE FROM files RETURNING *) SELECT * FROM x",
        "WITH x AS (UPDATE files SET state = 'valid' RETURNING *) SELECT * FROM x",
        "WITH x AS (INSERT INTO files SELECT * FROM files RETURNING *) SELECT * FROM x",
        "SELECT * FROM query($$COPY (SELECT 1) TO 'x.csv'$$)",
        "SELECT * FROM query($$SELECT * FROM read_text('/etc/passwd')$$)",
        "SELECT * FROM sniff_csv('/etc/passwd')",
        "SELECT * FROM duckdb_secrets()",
        "SELECT * FROM sqlite_scan('x.db', 't')",
        "EXPLAIN ANALYZE SELECT 1",
        "CALL duckdb_settings()",
        "RESET lock_configuration",
        "PREPARE p AS SELECT 1",
        "SELECT ?",
        "PRAGMA database_list",
        "EXPORT DATABASE 'x'",
        "SELECT * FROM nothing",
        "",
        "not SQL",
    ],
)
def test_everything_else_is_refused(store: EventStore, statement: str) -> None:
    before = sorted(path.name for path in store.folder.rglob("*"))
    assert isinstance(here(store, statement), Refusal)
    assert sorted(path.name for path in store.folder.rglob("*")) == before


def test_values_of_every_kind_are_json(store: EventStore) -> None:
    odd = (
        "SELECT 'nan'::DOUBLE AS a, '-inf'::FLOAT AS b, 'x'::BLOB AS c, INTERVAL 1 DAY AS d, [1.50::DECIMAL(5, 2)] AS e"
    )
    [row] = json.loads(json.dumps(select(store, odd, OCTOBER, limit=10).document(), allow_nan=False))["rows"]
    assert row == {"a": "nan", "b": "-inf", "c": "78", "d": "1 day, 0:00:00", "e": [1.5]}


def test_an_interruption_is_one_and_no_defect(store: EventStore) -> None:
    with pytest.raises(KeyboardInterrupt), store.database():
        raise RuntimeError("Query interrupted")
    with pytest.raises(RuntimeError, match="else"), store.database():
        raise RuntimeError("something else")


def test_rows_are_cut_at_the_limit(store: EventStore) -> None:
    for limit, expected in ((3, (3, True)), (10, (10, False)), (0, (10, False))):
        found = here(store, "SELECT * FROM range(10)", limit)
        assert isinstance(found, Rows)
        assert (len(found.rows), found.more) == expected


def test_what_was_searched_stands_beside_the_answer(store: EventStore) -> None:
    answer = select(store, "SELECT count(*) AS n FROM events", OCTOBER, limit=10)
    assert (answer.rows, answer.searched.records) == (({"n": 1},), 2)


@pytest.mark.parametrize(
    ("statement", "bounds", "words"),
    [
        (
            "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n FROM t) SELECT count(*) FROM t",
            Bounds(2.0),
            "no answer",
        ),
        ("SELECT range(500000000)", Bounds(), "1,024 MiB of memory"),
    ],
)
def test_a_statement_that_costs_too_much_is_ended_and_leaves_nothing(
    store: EventStore, statement: str, bounds: Bounds, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = sorted(path.name for path in store.folder.rglob("*"))
    with pytest.raises(UsageError, match=words):
        select(store, statement, OCTOBER, limit=10, bounds=bounds)
    assert sorted(path.name for path in store.folder.rglob("*")) == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "statement",
    ["SELECT repeat('x', 2000000)", "SELECT repeat('x', 10000) FROM range(300)", "SELECT range(100000) FROM range(9)"],
)
def test_an_answer_that_is_too_large_is_refused(store: EventStore, statement: str) -> None:
    found = here(store, statement, 0, Bounds(answer=1))
    assert isinstance(found, Refusal)
    assert "larger than 1 MiB" in found.message


def test_memory_that_is_not_there_is_told(store: EventStore) -> None:
    with pytest.raises(MemoryError):
        here(store, "SELECT list(range) FROM range(9000000)", 0, Bounds(memory=40))


def test_what_does_not_fit_into_memory_does_not_fill_the_disk(store: EventStore) -> None:
    """With all of the disk this sort is answered, and takes more than four times the memory there."""
    with pytest.raises(MemoryError):
        here(store, "SELECT range FROM range(40000000) ORDER BY hash(range) OFFSET 39999999", 0, Bounds(memory=100))


@pytest.mark.parametrize("deep", ["SELECT " + "(" * 40_000 + "1" + ")" * 40_000, "SELECT 1" + "+1" * 40_000, "(" * 99])
def test_a_statement_nested_without_end_is_refused(store: EventStore, deep: str) -> None:
    assert isinstance(here(store, deep), Refusal)
