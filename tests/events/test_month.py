"""The second month: each question's answer stands in a file beside it, to be read by people; both are compared.

``python -m tests.events.test_month`` writes the files anew; read the difference before you keep it.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb
import pytest

from auditor.activity.logbytes import LogBytes
from auditor.events import opened
from auditor.events.answer import Answer
from auditor.events.asking import Asked, ask
from auditor.events.filters import Filters
from auditor.events.opened import EventStore, finish
from auditor.events.question import load_questions
from auditor.events.store import StoreWriter, connect
from auditor.events.table import ROW

from .kit import OCTOBER
from .month import EXPECTED, MANAGEMENT, NOVEMBER, PROD, aggregated, logs, records

GIVEN: Final[Mapping[str, Mapping[str, str]]] = {
    "auto-remediation": {"minutes": "15"},
    "our-own-calls": {"who": "AKIACI00000000000000"},
    "principal": {"who": "ana"},
    "resource": {"name": "ledger"},
    "session-chain": {"who": "ASIASECOND0000000001"},
    "timeline": {"who": "ana"},
    "unusual-regions": {"expected": "eu-central-1,us-east-1"},
    "log-tampering": {"buckets": "ledger,others"},
    "kms-changes": {"grants": "yes"},
    "new-principals": {"days": "10"},
}
ROUTINE: Final = "routine-"
QUESTIONS: Final = sorted(load_questions())


def month(folder: Path, files: Sequence[LogBytes] = ()) -> EventStore:
    writer = StoreWriter(folder, batch_bytes=50_000)
    for item in files or logs():
        writer.take(item)
    writer.flush()
    writer.close()
    finish(folder, {"period": NOVEMBER.document()})
    return EventStore(folder)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> EventStore:
    return month(tmp_path_factory.mktemp("month") / "store")


def answered(store: EventStore, name: str, filters: Filters | None = None) -> Answer:
    return ask(store, Asked(load_questions()[name], NOVEMBER, filters or Filters(), GIVEN.get(name, {})))


def readable(answer: Answer) -> list[dict[str, Any]]:
    """Return rows without what every event shows: its id says what it is. Routine is counted."""
    rows = answer.document()["rows"]
    usual = {*ROW, "request", "before"} - {"event_id", "account", "actor", "error", "outcome"}
    listed = "log_file" in answer.columns
    hidden = usual | {"account", "actor"} if listed else {"user_agent"}
    kept = [row for row in rows if not str(row.get("event_id", "")).startswith(ROUTINE)]
    shown = [{name: value for name, value in row.items() if name not in hidden and value is not None} for row in kept]
    return [*shown, {"routine": len(rows) - len(kept)}] if len(kept) < len(rows) else shown


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_answer_is_the_one_beside_the_month(store: EventStore, name: str) -> None:
    expected = json.loads((EXPECTED / f"{name}.json").read_text())
    assert readable(answered(store, name)) == expected


def test_there_is_no_expected_answer_too_many() -> None:
    assert sorted(path.stem for path in EXPECTED.glob("*.json")) == QUESTIONS


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_short_answer_is_the_beginning_of_the_whole_one(store: EventStore, name: str) -> None:
    question, given = load_questions()[name], GIVEN.get(name, {})
    whole = ask(store, Asked(question, NOVEMBER, given=given, limit=0))
    short = ask(store, Asked(question, NOVEMBER, given=given, limit=3))
    assert short.rows == whole.rows[:3]
    assert short.truncated is (len(whole.rows) > 3)
    assert short.columns == whole.columns


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_has_the_columns_that_it_announces(store: EventStore, name: str) -> None:
    question = load_questions()[name]
    assert set(question.columns) - set(answered(store, name).columns) == set()


def test_a_store_that_is_kept_open_is_opened_once_answers_the_same_and_is_closed(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[duckdb.DuckDBPyConnection] = []

    def noted(*given: Any, **named: Any) -> duckdb.DuckDBPyConnection:
        made.append(connect(*given, **named))
        return made[-1]

    alone = {name: answered(store, name) for name in QUESTIONS}
    monkeypatch.setattr(opened, "connect", noted)
    with store.kept_open():
        assert {name: answered(store, name) for name in QUESTIONS} == alone
        assert {name: answered(store, name) for name in reversed(QUESTIONS)} == alone
        with pytest.raises(OSError, match="space"), store.database() as database:
            database.execute("COPY (SELECT * FROM range(100000)) TO '/dev/full' (FORMAT csv)")
        assert answered(store, "who-did") == alone["who-did"]
    with pytest.raises(ZeroDivisionError), store.kept_open():
        raise ZeroDivisionError
    assert len(made) == 2
    for database in made:
        with pytest.raises(duckdb.ConnectionException):
            database.execute("SELECT 1")
    assert answered(store, "who-did") == alone["who-did"]


def test_sessions_of_a_store_that_is_kept_open_have_utc_and_tables_of_their_own(store: EventStore) -> None:
    with store.kept_open(), store.database() as one, store.database() as other:
        for number, database in enumerate((one, other)):
            database.execute(f"CREATE TEMP TABLE picked AS SELECT {number}, current_setting('TimeZone')")
        assert [database.execute("FROM picked").fetchone() for database in (one, other)] == [(0, "UTC"), (1, "UTC")]


def test_every_record_is_in_the_store_once(store: EventStore) -> None:
    contents = store.contents()
    with store.database() as database:
        (rows,) = database.execute("SELECT count(*) FROM all_events").fetchone() or (0,)
        found = database.execute(
            "SELECT eventId, accountId, windowStart, json_extract_string(summary,"
            " '$.primaryDimension.statistics[*].value') FROM aggregated ORDER BY ALL"
        ).fetchall()
    assert rows == len(records())
    first = datetime(2026, 11, 18, 11, tzinfo=UTC)
    assert [(*row[:2], (row[2] - first).total_seconds() / 60, row[3]) for row in found] == [
        ("summary-0", PROD, 0, ["41", "2"]),
        ("summary-1", PROD, 5, ["7"]),
        ("summary-2", PROD, 10, []),
    ]
    assert contents.records == rows + contents.duplicates + len(aggregated())
    assert (contents.unreadable_records, contents.conflicts, contents.undated) == (0, 0, 0)


def test_of_a_time_that_was_not_read_nothing_was_searched(store: EventStore) -> None:
    answer = ask(store, Asked(load_questions()["root-activity"], OCTOBER))
    assert answer.sentence() == "No event was searched: this is no answer."
    assert (answer.searched.records, answer.searched.log_files, answer.exit_code) == (0, 0, 3)
    where = {"start": "2026-10-01T00:00:00Z", "end": "2026-11-01T00:00:00Z"}
    assert [(gap.why, dict(gap.where)) for gap in answer.searched.not_searched] == [("before what was read", where)]


def test_every_type_of_identity_is_in_the_month() -> None:
    types = {(item.get("userIdentity") or {}).get("type") for item in records()}
    assert types >= {
        *("Root", "IAMUser", "AssumedRole", "Role", "FederatedUser", "Directory", "AWSAccount", "AWSService"),
        *("IdentityCenterUser", "SAMLUser", "WebIdentityUser", "Unknown", None),
    }


def test_every_event_shows_somebody(store: EventStore) -> None:
    with store.database() as database:
        found = database.execute("SELECT event_id FROM all_events WHERE actor IS NULL OR actor = ''").fetchall()
    assert found == []


def test_a_session_without_its_key_hangs_on_the_call_by_role_name_and_time(store: EventStore) -> None:
    asked = Asked(load_questions()["session-chain"], NOVEMBER, given={"who": "i-0abc"})
    rows = {row["event_id"]: (row["link"], row["begun_by"], row["level"]) for row in ask(store, asked).rows}
    assert rows == {
        "batch-works": ("inferred", "ec2-takes-role", 0),
        "ec2-takes-role": ("inferred", "ec2-takes-role", 0),
    }


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ("ASIATOKEN00000000001", {"takes-token": "exact", "token-works": "exact"}),
        ("ASIAFAY0000000000001", {"takes-federation-token": "exact", "federated-user": "exact"}),
        ("ASIAROOT000000000001", {"assume-root": "exact", "central-root-unlocks": "exact"}),
    ],
)
def test_credentials_that_no_role_gives_hang_on_the_call_that_gave_them(
    store: EventStore, who: str, expected: Mapping[str, str]
) -> None:
    rows = ask(store, Asked(load_questions()["session-chain"], NOVEMBER, given={"who": who})).rows
    assert {row["event_id"] for row in rows} == expected.keys()
    begun = {row["event_id"]: row["link"] for row in rows if row["level"] == 0}
    assert begun.items() <= expected.items()
    assert "exact" in begun.values()


def test_accounts_are_those_of_the_records(store: EventStore) -> None:
    searched = answered(store, "who-did").searched
    assert {PROD, MANAGEMENT} < set(searched.accounts)


def _write() -> None:
    from tempfile import TemporaryDirectory

    EXPECTED.mkdir(exist_ok=True)
    with TemporaryDirectory() as scratch:
        store = month(Path(scratch) / "store")
        for name in QUESTIONS:
            rows = ",\n ".join(json.dumps(row) for row in readable(answered(store, name)))
            (EXPECTED / f"{name}.json").write_text(f"[{rows}]\n")


if __name__ == "__main__":
    _write()
