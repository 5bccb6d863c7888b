"""A store of events filled by tasks answers like one filled here; what no task could read is named, and read later."""

import json
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any, Final

import pytest

from auditor.base.errors import CollectionError, UsageError
from auditor.base.period import Period
from auditor.base.whole import alone_in
from auditor.events.asking import Asked, ask
from auditor.events.opened import EventStore
from auditor.events.question import load_questions
from auditor.events.store import read_lines, write_lines
from auditor.run.asking import Reading, open_store
from auditor.run.sharing import folder_opening
from auditor.trail.discover import Wanted, scopes_of_place
from auditor.trail.fetch import open_folder
from auditor.trail.portion import PART
from auditor.trail.sharing import Shared
from auditor.work.ledger import Ledger
from auditor.work.task import SCHEDULER_LOST, WORKER_LOST, Done, Failure
from tests.run.watched import Watched
from tests.trail.bucket import END, HOME, NOW, OTHER, START, filled
from tests.trail.scenarios import AT, forged_log
from tests.trail.test_fetch import download

PERIOD = Period(START, END, "half a day")
GIVEN: Final = {"who": "alice", "name": "x", "expected": HOME}
_DIED = Failure(WORKER_LOST, "it died of it")


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two Regions: one log file was altered, one deleted, one is named by no digest."""
    bucket = filled(regions=(HOME, OTHER)).copy()
    bucket.edit(bucket.log_key(AT), lambda data: data + b" ")
    bucket.delete(bucket.log_key(AT, OTHER))
    bucket.put(forged_log())
    folder = tmp_path_factory.mktemp("logs")
    download(bucket, folder)
    return folder


@pytest.fixture(scope="module")
def here(logs: Path, tmp_path_factory: pytest.TempPathFactory) -> EventStore:
    return store_of(logs, tmp_path_factory.mktemp("here") / "store")


@pytest.fixture(scope="module")
def rows(here: EventStore) -> list[Any]:
    return of(here)


def parts(engine: Watched) -> list[int]:
    """How many log files each part was asked of."""
    return [
        sum(len(group["files"]) for group in task.arguments["groups"])
        for task in engine.tasks
        if task.arguments.get("part")
    ]


def store_of(logs: Path, folder: Path, engine: Watched | None = None, files: int = 7) -> EventStore:
    source, prefix = open_folder(logs)
    scopes = scopes_of_place(source, "", prefix, Wanted(START, END))
    reading = Reading(source, lambda regions, *_: source.keys(regions), scopes, {"folder": "logs"}, PERIOD, NOW)
    kept = Ledger(folder.with_name(f"{folder.name}-kept-{len(list(folder.parent.iterdir()))}"))
    shared = None if engine is None else Shared(engine, kept, folder_opening(logs), files)
    return open_store(folder, reading, stop=Event(), shared=shared)


def answers(store: EventStore) -> list[dict[str, Any]]:
    """Ask questions that list, count, join and look for tampering."""
    found, questions = [], load_questions()
    for question in (questions[name] for name in ("timeline", "unusual-regions", "session-chain", "log-tampering")):
        given = {item.name: GIVEN[item.name] for item in question.parameters if item.default is None}
        found.append(ask(store, Asked(question, PERIOD, given=given, limit=0)).document())
    return found


def of(store: EventStore) -> list[Any]:
    """Return all events, and what is counted of them."""
    with store.database() as database:
        return [
            store.contents(),
            *database.execute("SELECT * EXCLUDE session_start FROM all_events ORDER BY ALL").fetchall(),
        ]


def test_two_commands_do_not_fill_one_store(logs: Path, here: EventStore, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    with alone_in(folder), pytest.raises(UsageError, match="another run is at work"):
        store_of(logs, folder)
    assert of(store_of(logs, folder)) == of(here)
    with alone_in(folder):
        assert of(store_of(logs, folder)) == of(here), "a finished one is read by many"


def test_a_store_of_another_account_s_trail_of_that_name_is_not_taken(logs: Path) -> None:
    source, prefix = open_folder(logs)
    scopes = scopes_of_place(source, "", prefix, Wanted(START, END))

    def wanted(account: str) -> object:
        owned = [replace(scope, arn=f"arn:aws:cloudtrail:eu-central-1:{account}:trail/main") for scope in scopes]
        return Reading(source, lambda *_: source.keys(()), owned, {"trail": "main"}, PERIOD, NOW).request()

    assert wanted("111122223333") == wanted("111122223333") != wanted("444455556666")


def test_questions_have_the_same_answers(logs: Path, here: EventStore, tmp_path: Path) -> None:
    engine = Watched()
    store = store_of(logs, tmp_path / "store", engine)
    found = answers(store)
    assert found == answers(here)
    assert of(store) == of(here)
    assert sum(parts(engine)) == 72
    assert max(parts(engine)) == 7
    assert any(answer["rows"] for answer in found)
    assert store.contents().altered == 1


@pytest.mark.parametrize("wrong", [pytest.param(False, id="died"), pytest.param(True, id="other-files")])
def test_a_part_that_is_lost_or_wrong_is_named_and_read_by_the_next_run(
    logs: Path, rows: list[Any], tmp_path: Path, *, wrong: bool
) -> None:
    def spoil(number: int, done: Done) -> Done:
        if number != 2 or done.path is None:
            return done
        if not wrong:
            return Done(done.key, failure=_DIED)
        (listed,) = (done.path / PART / "files").glob("*.ndjson")
        write_lines(listed, list(read_lines(listed))[1:])
        return done

    failed = Watched(spoil)
    lost = store_of(logs, tmp_path / "store", failed)
    assert lost.contents().unreadable_files >= 7
    assert ask(lost, Asked(load_questions()["root-activity"], PERIOD)).exit_code == 4
    again = Watched()
    assert of(store_of(logs, tmp_path / "store", again)) == rows
    assert 7 <= sum(parts(again)) <= 9, "only what was not there is made again: that part, and what was altered or gone"


def test_a_lost_scheduler_costs_no_part_that_was_taken(logs: Path, rows: list[Any], tmp_path: Path) -> None:
    gone = Failure(SCHEDULER_LOST, "the scheduler is gone")
    with pytest.raises(CollectionError, match="broken off"):
        store_of(logs, tmp_path / "store", Watched(lambda at, done: Done(done.key, failure=gone) if at == 5 else done))
    again = Watched()
    assert of(store_of(logs, tmp_path / "store", again)) == rows
    assert 0 < sum(parts(again)) < 72


def test_a_store_filled_here_is_gone_on_with_there_and_the_other_way_round(
    logs: Path, rows: list[Any], tmp_path: Path
) -> None:
    """What is there already is checked again, and not taken twice."""
    store = store_of(logs, tmp_path / "store")
    for engine in (Watched(), None):
        card = json.loads((store.folder / "store.json").read_bytes())
        (store.folder / "store.json").write_text(json.dumps({**card, "again": True}))
        store = store_of(logs, tmp_path / "store", engine)
        assert of(store) == rows
