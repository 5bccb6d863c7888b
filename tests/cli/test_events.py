"""``auditor events`` from the command line: documents, exit codes, and no row told apart from not looked at."""

import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import pytest

from auditor.cli import _run
from auditor.simulator.delivery import gzipped, utc_text
from tests.events.kit import store_of
from tests.trail.bucket import START, Held, filled, record
from tests.trail.test_fetch import download
from tools.schemas import FOLDER

PERIOD = "2026-10-05T00:00:00Z/2026-10-05T06:00:00Z"
AS_OF = "2026-10-06T00:00:00Z"
ROOT = record(
    START.replace(hour=3),
    9001,
    eventName="ConsoleLogin",
    eventSource="signin.amazonaws.com",
    eventType="AwsConsoleSignIn",
    userIdentity={"type": "Root", "arn": "arn:aws:iam::111122223333:root", "accountId": "111122223333"},
    additionalEventData={"MFAUsed": "No"},
    responseElements={"ConsoleLogin": "Success"},
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return download(filled(extra=[ROOT]), tmp_path_factory.mktemp("trail"))


def ask(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    code = _run(["events", *map(str, arguments)])
    return code, capsys.readouterr().out


def from_folder(folder: Path) -> list[str | Path]:
    return ["--dir", folder, "--period", PERIOD, "--as-of", AS_OF, "--quiet"]


def document(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, dict[str, Any]]:
    code, text = ask(capsys, *arguments, "--json")
    found = json.loads(text)
    assert found["exit_code"] == code
    jsonschema.validate(found, json.loads((FOLDER / "events.schema.json").read_text()))
    return code, found


def test_a_question_is_answered_with_what_was_searched(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = document(capsys, "root-activity", *from_folder(folder))
    assert code == 0
    assert [(row["event_id"], row["verified"], row["mfa"]) for row in found["rows"]] == [(ROOT["eventID"], True, "No")]
    searched = found["searched"]
    assert (searched["hours_verified"], searched["hours_expected"]) == (6, 6)
    assert (searched["accounts"], searched["regions"]) == (["111122223333"], ["eu-central-1"])
    assert searched["not_searched"] == []
    assert found["period"]["end"] == "2026-10-05T06:00:00Z"


def test_events_right_before_the_end_are_delivered_after_it_and_found(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, found = document(capsys, "who-did", *from_folder(folder), "--since", "2026-10-05T05:49:00Z")
    assert [row["event_time"] for row in found["rows"]] == ["2026-10-05T05:50:00Z"]
    _, last = document(capsys, "who-did", *from_folder(folder), "--until", "2026-10-05T00:10:00Z")
    assert [row["event_time"] for row in last["rows"]] == ["2026-10-05T00:00:00Z"]


def test_an_altered_log_file_ends_with_four_and_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bucket = filled(extra=[ROOT])
    altered = bucket.log_key(START.replace(hour=2))
    bucket.edit(altered, lambda data: data.replace(b"198.51.100.7", b"203.0.113.66"))
    code, found = document(capsys, "root-activity", *from_folder(download(bucket, tmp_path)))
    assert code == 4
    assert altered in [item.get("log_file") for item in found["searched"]["not_searched"]]
    assert len(found["rows"]) == 1


def test_no_row_is_told_apart_from_not_looked_at(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, text = ask(capsys, "root-activity", *from_folder(folder), "--user", "nobody")
    assert whole == 0
    assert "No row; all that was asked for was searched" in text
    bucket = filled()
    for key in bucket.digest_keys()[3:6]:
        bucket.delete(key)
    partly, text = ask(capsys, "root-activity", *from_folder(download(bucket, tmp_path / "holes")))
    assert partly in {3, 4}
    assert "No row in what was searched" in text
    assert "Not searched, or not proved:" in text
    code, csv = ask(capsys, "root-activity", *from_folder(tmp_path / "holes"), "--csv")
    assert code == partly
    assert csv.startswith("# root-activity: No row in what was searched")
    assert "# not searched: hours: " in csv


def test_a_folder_with_nothing_is_refused_and_an_empty_store_is_no_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(["events", "root-activity", *map(str, from_folder(tmp_path))]) == 2
    store_of(tmp_path / "store")
    code, text = ask(capsys, "root-activity", "--store", tmp_path / "store")
    assert "No event was searched: this is no answer." in text
    assert code == 3


def test_a_kept_store_answers_again_without_the_source(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    _, first = document(capsys, "root-activity", *from_folder(folder), "--store", store)
    _, again = document(capsys, "root-activity", "--store", store)
    assert again == first
    code, _ = ask(capsys, "root-activity", *from_folder(folder), "--store", store, "--bucket", "another")
    assert code == 2
    code, outside = document(
        capsys, "root-activity", "--store", store, "--period", "2026-10-04T00:00:00Z/2026-10-05T06:00:00Z"
    )
    assert code == 3
    assert [item["why"] for item in outside["searched"]["not_searched"]] == ["before what was read"]


@pytest.mark.parametrize("how", ["added", "taken away", "replaced"])
def test_a_kept_store_does_not_answer_for_files_that_came_or_went_since(
    how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = download(filled(extra=[ROOT]), tmp_path / "trail")
    arguments = ["root-activity", *from_folder(folder), "--store", tmp_path / "store"]
    code, first = document(capsys, *arguments)
    (folder / "answer.json").write_text("{}")
    assert (code, document(capsys, *arguments)) == (0, (0, first))
    log = min(folder.rglob("*_CloudTrail_*.json.gz"))
    if how == "added":
        shutil.copy(log, log.with_name(log.name.replace(".json.gz", "0.json.gz")))
    elif how == "taken away":
        log.unlink()
    else:
        log.write_bytes(gzipped(b'{"Records":[]}'))
    assert _run(["events", *map(str, arguments)]) == 2
    assert "files were added, replaced or taken away since" in " ".join(capsys.readouterr().err.split())
    assert document(capsys, "root-activity", "--store", tmp_path / "store") == (0, first)


def test_a_kept_store_knows_its_folder_wherever_somebody_stands(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("here", "there"):
        shutil.copytree(folder, tmp_path / name / "logs")
    arguments = ["--dir", "logs", *from_folder(folder)[2:], "--store", "../store"]
    monkeypatch.chdir(tmp_path / "here")
    first = ask(capsys, "root-activity", *arguments)
    assert ask(capsys, "root-activity", *arguments) == first
    monkeypatch.chdir(tmp_path / "there")
    assert ask(capsys, "root-activity", *arguments)[0] == 2


def test_hours_that_were_not_digested_yet_are_looked_at_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket = filled(extra=[ROOT])
    young = bucket.copy()
    for key in young.digest_keys():
        if key > young.digest_key(START.replace(hour=4)):
            del young.objects[young.place(key)]
    where: list[str | Path] = [
        "--dir",
        tmp_path / "trail",
        "--period",
        PERIOD,
        "--quiet",
        "--store",
        tmp_path / "store",
    ]
    download(young, tmp_path / "trail")
    early, first = document(capsys, "root-activity", *where, "--as-of", "2026-10-05T04:30:00Z")
    assert (early, first["searched"]["hours_verified"]) == (3, 4)
    download(bucket, tmp_path / "trail")
    later, again = document(capsys, "root-activity", *where, "--as-of", AS_OF)
    assert (later, again["searched"]["hours_verified"]) == (0, 6)
    assert again["rows"] == first["rows"]


def test_narrowing_to_what_was_not_read_is_a_gap(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "store"
    document(capsys, "root-activity", *from_folder(folder), "--store", store)
    code, found = document(capsys, "root-activity", "--store", store, "--region", "us-east-1")
    assert code == 3
    assert found["searched"]["not_searched"][0]["region"] == "us-east-1"


@pytest.mark.parametrize(
    ("options", "matches"),
    [
        (["--user", "alice"], True),
        (["--user", "arn:aws:iam::*:user/ali*"], True),
        (["--user", "lice"], False),
        (["--ip", "198.51.100.0/24"], True),
        (["--ip", "198.51.100.8"], False),
        (["--event", "describeinstances"], True),
        (["--event", "Describe*", "--event", "Stop*"], True),
        (["--errors", "without"], True),
        (["--errors", "only"], False),
        (["--account", "111122223333"], True),
        (["--resource", "i-1"], False),
    ],
)
def test_filters_narrow(folder: Path, capsys: pytest.CaptureFixture[str], options: list[str], matches: bool) -> None:
    _, found = document(capsys, "who-did", *from_folder(folder), *options, "--limit", "2")
    assert (len(found["rows"]), found["truncated"]) == ((2, True) if matches else (0, False))


@pytest.mark.parametrize(
    "arguments",
    [
        ["root-activty"],
        ["root-activity", "--since", "yesterday", "--dir", "."],
        ["root-activity", "--ip", "10.0.0.0/99", "--dir", "."],
        ["root-activity", "--param", "x=1", "--dir", "."],
        ["root-activity", "stray", "--dir", "."],
        ["root-activity"],
        ["root-activity", "--json", "--csv", "--dir", "."],
        ["list", "--questions", "/nowhere"],
    ],
)
def test_wrong_usage_is_told(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(["events", *arguments]) == 2
    assert "auditor: " in capsys.readouterr().err


def test_people_bring_their_own_questions(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "by-name.yaml").write_text(
        "title: Calls by name\nanswers: How often each call was made.\n"
        "parameters: [{name: least, type: integer, default: 1, help: at least so often}]\n"
        "sql: SELECT call, count(*) AS calls FROM events GROUP BY call HAVING count(*) >= $least ORDER BY call\n"
    )
    named = ("by-name", *from_folder(folder), "--questions", tmp_path, "--param", "least=30")
    _, found = document(capsys, *named, "--parquet", tmp_path / "rows.parquet")
    assert found["rows"] == [{"call": "DescribeInstances", "calls": 36}]
    assert duckdb.read_parquet(str(tmp_path / "rows.parquet")).fetchall() == [("DescribeInstances", 36)]
    code, shown = ask(capsys, "show", "by-name", "--questions", tmp_path)
    assert code == 0
    assert "--param least=INTEGER" in shown


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("title: x\nanswers: y\nsql: DROP TABLE x\n", ":3: expected one SELECT"),
        ("title: x\nanswers: y\nsql: SELECT 1\nsqll: SELECT 1\n", ":4: there is no such key: sqll"),
        ("title: x\nanswers: y\nduckdb: SELECT 1\n", "athena: expected text"),
        ("title: x\nsql: SELECT 1\n", "answers: expected text"),
        ("title: x\nanswers: y\nlist: moons\n", ":3: list: expected events or calls"),
        ("title: x\nanswers: y\nlist: calls\nsql: SELECT 1\n", ":4: sql and list exclude each other"),
        ("title: x\nanswers: y\nsql: SELECT 1\nwhere: by_root\n", ":4: where goes with list"),
        ("title: x\nanswers: y\nsql: SELECT 1\nparameters: [{name: N}]\n", ":4: a parameter has a name"),
        ("title: x\nanswers: y\nsql: SELECT 1\nneeds: [moon]\n", ":4: needs: moon is none of"),
        (
            "title: x\nanswers: y\nsql: 'SELECT 1 WHERE {calls:moon_changed}'\n",
            ":3: there are no calls of kind moon_changed",
        ),
    ],
)
def test_a_wrong_question_is_told_with_file_and_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, where: str
) -> None:
    (tmp_path / "own.yaml").write_text(text)
    assert _run(["events", "list", "--questions", str(tmp_path)]) == 2
    assert where in capsys.readouterr().err


_ENDLESS = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n FROM t) SELECT count(*) FROM t"


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("SELECT nothing FROM events", "DuckDB refuses the question"),
        (f"{_ENDLESS}, events", "the question had no answer after 2 seconds"),
        ("SELECT repeat('x', 70000000) FROM events LIMIT 1", "the answer is larger than 64 MiB"),
        ("SELECT * FROM read_text('/etc/hostname'), events", "DuckDB refuses the question"),
        ("SELECT * FROM glob('/etc/*'), events", "DuckDB refuses the question"),
        ("SELECT count(*) FROM events; COPY (SELECT 1) TO 'rows.csv'", "DuckDB refuses the question"),
        ("SELECT * FROM events, query('ATTACH DATABASE x')", "DuckDB refuses the question"),
        ("WITH d AS (DELETE FROM stored RETURNING 1) SELECT * FROM d, events", "DuckDB refuses the question"),
    ],
)
def test_a_question_of_ones_own_is_bounded(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    statement: str,
    words: str,
) -> None:
    (tmp_path / "own.yaml").write_text(f"title: x\nanswers: y\nsql: |\n  {statement}\n")
    monkeypatch.chdir(tmp_path)
    given = ["--questions", str(tmp_path), "--timeout", "2" if _ENDLESS in statement else "60"]
    assert _run(["events", "own", *map(str, from_folder(folder)), *given]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert "own.yaml" in said
    assert [path.name for path in tmp_path.iterdir()] == ["own.yaml"]


def test_times_in_the_documents_are_utc(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, found = document(capsys, "who-did", *from_folder(folder), "--limit", "1")
    assert found["rows"][0]["event_time"] == utc_text(START)


def test_a_pack_answers_from_what_it_keeps_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    sample = Path(__file__).resolve().parents[2] / "reports" / "sample"
    code, found = document(capsys, "root-activity", "--pack", sample)
    assert code == 4  # the sample's trail has an altered log file, and one that was deleted
    assert [row["event_name"] for row in found["rows"]] == ["ConsoleLogin", "GetAccountSummary"]
    assert all(row["verified"] for row in found["rows"])
    assert "events" in {item["what"] for item in found["searched"]["not_searched"]}
    code, quiet = document(capsys, "who-did", "--pack", sample, "--since", "2026-10-02", "--until", "2026-10-04")
    assert (code, quiet["searched"]["hours_verified"], quiet["searched"]["hours_expected"]) == (3, 144, 144)
    _, logins = document(capsys, "console-logins", "--pack", sample, "--errors", "only")
    assert logins["rows"]
    assert _run(["events", "root-activity", "--pack", str(sample.parent)]) in {2, 4, 5}


def test_a_statement_of_ones_own(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = document(capsys, "sql", "SELECT count(*) AS n FROM events", *from_folder(folder))
    assert (code, found["rows"]) == (0, [{"n": 37}])
    assert _run(["events", "sql", "DROP TABLE files", *map(str, from_folder(folder))]) == 2


def test_a_record_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "event.json").write_text(json.dumps(ROOT))
    code, text = ask(capsys, "anatomy", tmp_path / "event.json")
    assert code == 0
    assert "The caller is the root user of the account." in text
    code, text = ask(capsys, "anatomy", tmp_path / "event.json", "--json")
    assert json.loads(text)["records"][0]["fields"][0]["path"] == "eventVersion"
    (tmp_path / "twice.json").write_text('{"eventName": "A", "eventName": "B"}')
    assert "* The record is ambiguous: eventName stands" in ask(capsys, "anatomy", tmp_path / "twice.json")[1]
    (tmp_path / "nothing.json").write_text("{}")
    assert _run(["events", "anatomy", str(tmp_path / "nothing.json")]) == 2


def test_rows_can_be_kept_as_parquet(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "rows.parquet"
    code, _ = ask(capsys, "who-did", *from_folder(folder), "--limit", "1", "--parquet", target)
    assert code == 0
    assert target.read_bytes().startswith(b"PAR1")
    (tmp_path / "blocked").mkdir()
    assert _run(["events", "who-did", *map(str, from_folder(folder)), "--parquet", str(tmp_path / "no" / "x")]) == 2


def test_insights_network_activity_and_summaries_lie_in_folders_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket = filled()
    at = "2026-10-05T03:00:00Z"
    insight = {
        "eventID": "i1",
        "eventTime": at,
        "eventType": "AwsCloudTrailInsight",
        "recipientAccountId": "111122223333",
    }
    refused = record(START, 1, eventID="n1", eventTime=at, eventType="AwsVpceEvent", errorCode="VpceAccessDenied")
    summary = {
        "eventId": "a1",
        "accountId": "111122223333",
        "eventType": "AwsAggregatedEvent",
        "timeWindow": {"windowStart": at, "windowEnd": "2026-10-05T03:05:00Z", "windowSize": "PT5M"},
        "summary": {"primaryDimension": {"dimension": "eventName", "statistics": [{"name": "GetObject", "value": 7}]}},
    }
    details = {"insightDetails": {"state": "Start", "eventName": "CreateUser"}, "sharedEventID": "s1"}
    kinds = {"Insight": insight | details, "NetworkActivity": refused, "Aggregated": summary}
    for kind, item in kinds.items():
        folder = f"logs/AWSLogs/111122223333/CloudTrail-{kind}/eu-central-1/2026/10/05"
        name = f"111122223333_CloudTrail-{kind}_eu-central-1_20261005T0310Z_0123456789abcdef.json.gz"
        bucket.set(
            "trail-bucket", f"{folder}/{name}", Held(gzipped(json.dumps({"Records": [item]}).encode()), {}, START)
        )
    store = tmp_path / "store"
    where = [*from_folder(download(bucket, tmp_path / "trail")), "--store", store]
    _, insights = document(capsys, "insights", *where)
    assert [row["insight_call"] for row in insights["rows"]] == ["CreateUser"]
    _, denied = document(capsys, "denied-calls", "--store", store)
    assert [(row["call"], row["why"]) for row in denied["rows"]] == [("DescribeInstances", "VPC endpoint policy")]
    _, sums = document(capsys, "sql", "SELECT eventId, windowStart, position FROM aggregated", "--store", store)
    assert sums["rows"] == [{"eventId": "a1", "windowStart": at, "position": 0}]
    _, who = document(capsys, "who-did", "--store", store, "--errors", "only")
    assert [(row["event_id"], row["category"], row["verified"]) for row in who["rows"]] == [
        ("n1", "NetworkActivity", False)
    ]
