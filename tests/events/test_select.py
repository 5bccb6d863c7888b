"""SQL of one's own reads the store, and nothing else."""

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


def test_rows_are_cut_at_the_limit(store: EventStore) -> None:
    answer = select(store, "SELECT * FROM range(10)", OCTOBER, limit=3)
    assert (len(answer.rows), answer.truncated) == (3, True)
