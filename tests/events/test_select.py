"""SQL of one's own reads the store, and nothing else."""

import json

import pytest

from auditor.base.errors import UsageError
from auditor.events.opened import EventStore
from auditor.events.select import select

from .kit import OCTOBER, records_log, store_of

EVENT = {"eventID": "e1", "eventTime": "2026-10-05T13:06:24Z", "eventName": "GetFunction20150331v2"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> EventStore:
    return store_of(
        tmp_path_factory.mktemp("select") / "store",
        records_log([EVENT, EVENT | {"eventID": "e2", "eventTime": "2026-09-30T00:00:00Z"}]),
    )


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
    answer = select(store, statement, OCTOBER, limit=10)
    assert [tuple(row.values()) for row in answer.rows] == expected
    assert answer.searched.records == 2


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
    with pytest.raises(UsageError):
        select(store, statement, OCTOBER, limit=10)
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
    answer = select(store, "SELECT * FROM range(10)", OCTOBER, limit=3)
    assert (len(answer.rows), answer.truncated) == (3, True)
