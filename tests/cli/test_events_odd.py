"""``auditor events`` as a stranger types it: wrong names, empty values, hours without data, questions of one's own."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from auditor.cli import _run
from auditor.events.question import COMMANDS, load_questions
from tests.events.month import PROD
from tests.events.test_month import GIVEN, month

from .test_events import ask, document

QUIET = ["--since", "2026-11-18T10:37:00Z", "--until", "2026-11-18T10:59:00Z"]
"""Half an hour in which nothing happened."""
NAMES = sorted(load_questions())


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> list[str | Path]:
    folder = tmp_path_factory.mktemp("odd") / "store"
    month(folder)
    return ["--store", folder]


def values(name: str) -> list[str]:
    given: Mapping[str, str] = GIVEN.get(name, {})
    return [part for key, value in given.items() for part in ("--param", f"{key}={value}")]


@pytest.mark.parametrize("name", NAMES)
def test_every_question_says_that_there_is_nothing_where_nothing_is(
    name: str, kept: list[str | Path], capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = document(capsys, name, *kept, *QUIET, *values(name))
    needed = load_questions()[name].needs
    assert found["rows"] == []
    assert code == (0 if not found["searched"]["not_searched"] else 3)
    assert code == 0 or set(needed) & {"data", "insights", "network"}


def test_the_forms_of_an_answer_say_the_same(kept: list[str | Path], capsys: pytest.CaptureFixture[str]) -> None:
    code, found = document(capsys, "s3-policy", *kept)
    assert (code, len(found["rows"])) == (0, len(found["rows"]))
    lines = [line for line in ask(capsys, "s3-policy", *kept, "--csv")[1].splitlines(keepends=True) if line[0] != "#"]
    rows = list(csv.DictReader(lines))
    assert [row["event_id"] for row in rows] == [row["event_id"] for row in found["rows"]]
    assert list(rows[0]) == found["columns"]
    _, text = ask(capsys, "s3-policy", *kept)
    assert all(row["event_name"] in text for row in found["rows"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["who-deleted-buckets"], "did you mean who-deleted-bucket"),
        (["athena-dll"], "athena-ddl"),
        ([""], "there is no question"),
        (["unusual-regions"], "needs --param expected=VALUE"),
        (["unusual-regions", ""], "expected is empty"),
        (["principal", " "], "who is empty"),
        (["new-principals", "--param", "days=-5"], "not between 0 and"),
        (["new-principals", "--param", "days=99999999999999999999"], "not between 0 and"),
        (["new-principals", "--param", "days=soon"], "is no integer"),
        (["who-did", "--param", "x=1"], "has no parameter x"),
        (["who-did", "--user", ""], "--user is empty"),
        (["who-did", "--resource", "ledger", "--resource", ""], "--resource is empty"),
        (["who-did", "--region", ""], "--region is empty"),
        (["sql", "SELECT 1 AS a", "--account", ""], "--account is empty"),
        (["who-did", "--table", "a.b"], "does nothing without --engine athena"),
        (["who-did", "--max-cost", "1"], "does nothing without --engine athena"),
        (["who-did", "--parquet", "/nowhere/at/all/x"], "in a folder that is there"),
        (["who-did", "--parquet", "/"], "in a folder that is there"),
        (["who-did", "--since", "2026-11-10", "--until", "2026-11-05"], "ends before it starts"),
        (["who-did", "--ip", "10.0.0.0/99"], "no address, range or service name"),
        (["sql", ""], "exactly one SELECT"),
    ],
)
def test_what_cannot_be_meant_is_told(
    arguments: list[str], words: str, kept: list[str | Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(["events", *arguments, *map(str, kept)]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("source", ["--store", "--pack", "--dir"])
@pytest.mark.parametrize("name", ["a-file", "nothing"])
def test_a_source_that_is_none_is_told(
    source: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a-file").write_text("x")
    assert _run(["events", "who-did", source, str(tmp_path / name)]) == 2
    assert name in capsys.readouterr().err


@pytest.mark.parametrize("odd", ["%", "_na", "a'b", "[(", "\\", "' OR 1=1 --", "\x00", "$since"])
def test_signs_of_patterns_and_of_sql_are_letters(
    odd: str, kept: list[str | Path], capsys: pytest.CaptureFixture[str]
) -> None:
    options = [part for name in ("--user", "--resource", "--event", "--role") for part in (name, odd)]
    code, found = document(capsys, "who-did", *kept, *options[:2])
    assert (code, found["rows"]) == (0, [])
    code, found = document(capsys, "who-did", *kept, *options[2:])
    assert (code, found["rows"]) == (0, [])


def test_a_region_or_account_that_was_not_read_is_named(
    kept: list[str | Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for option, value in (("--region", "eu-central-9"), ("--account", "999999999999")):
        code, found = document(capsys, "who-did", *kept, option, value)
        assert (code, found["rows"]) == (3, [])
        assert value in json.dumps(found["searched"]["not_searched"])


def own(folder: Path, text: str, name: str = "own") -> list[str | Path]:
    (folder / f"{name}.yaml").write_text(f"title: x\nanswers: y\n{text}\n")
    return ["--questions", folder]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_question_that_could_not_be_asked_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(["events", "list", *map(str, own(tmp_path, "sql: SELECT 1 AS a", name))]) == 2
    assert f"{name} is a command" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["since", "until", "f0"])
def test_a_parameter_does_not_take_the_periods_place(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = own(tmp_path, f"sql: SELECT 1 AS a\nparameters: [{{name: {name}}}]")
    assert _run(["events", "list", *map(str, options)]) == 2
    assert ":4: the name" in capsys.readouterr().err


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT 1; COPY (SELECT 1) TO '/tmp/x.csv'",
        "WITH x AS (SELECT 1) SELECT * FROM '/etc/passwd'",
    ],
)
def test_a_question_from_elsewhere_reads_the_store_alone(
    statement: str, kept: list[str | Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = own(tmp_path, f'sql: "{statement}"')
    assert _run(["events", "own", *map(str, (*kept, *options))]) == 2
    assert "DuckDB refuses the question" in capsys.readouterr().err


def test_rows_of_an_own_question_can_be_kept_as_parquet(
    kept: list[str | Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = own(tmp_path, "sql: SELECT account, count(*) AS n FROM calls GROUP BY account ORDER BY account")
    target = tmp_path / "rows.parquet"
    code, found = document(capsys, "own", *kept, *options, "--parquet", target)
    assert (code, PROD in [row["account"] for row in found["rows"]]) == (0, True)
    assert target.read_bytes().startswith(b"PAR1")
