"""A run asks all log files of the period; what it keeps are answers, each with what was searched for it."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import pytest

from auditor.activity.logbytes import LogBytes
from auditor.base.errors import CatalogError
from auditor.base.period import Period
from auditor.events.asking import ask
from auditor.evidence.answer import Answer
from auditor.evidence.operations import Call
from auditor.evidence.store import EvidenceWriter
from auditor.model import State
from auditor.run import activity
from auditor.run.activity import MOST_ROWS, QUESTIONS, Activity, Asking, answers
from auditor.run.trails import ANSWERS, MEASURED
from auditor.trail.report import TrailReport
from tests.evaluate.checks.worlds import verified

ACCOUNT = "111122223333"
OURS = f"arn:aws:sts::{ACCOUNT}:assumed-role/auditor/run"
PERIOD = Period(datetime(2026, 10, 5, tzinfo=UTC), datetime(2026, 10, 6, tzinfo=UTC), "2026-10-05")
ASKING = Asking(PERIOD, OURS, ("eu-central-1", "us-east-1"))


@dataclass(frozen=True)
class Report:
    """What the verification of a trail says of its hours."""

    hours: str

    def document(self) -> dict[str, Any]:
        days = [{"date": "2026-10-05", "hours": self.hours}]
        chain = {"account": ACCOUNT, "region": "eu-central-1", "days": days}
        return {"trail": {"name": "all", "arn": "arn:all"}, "verdict": "pass", "coverage": {"chains": [chain]}}


def record(number: int, name: str = "PutBucketPolicy", **changes: Any) -> dict[str, Any]:
    return {
        "eventVersion": "1.11",
        "eventID": f"e-{number:05}",
        "eventTime": f"2026-10-05T{number % 24:02}:10:00Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": name,
        "awsRegion": "eu-central-1",
        "recipientAccountId": ACCOUNT,
        "userIdentity": {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/dana", "accountId": ACCOUNT},
        "requestParameters": {"bucketName": "logs", "secret": "what somebody sent"},
        "sourceIPAddress": "192.0.2.7",
        "readOnly": False,
        "managementEvent": True,
        "eventType": "AwsApiCall",
        "eventCategory": "Management",
    } | changes


def log(number: int, *records: dict[str, Any], state: str = "valid") -> LogBytes:
    folder = f"AWSLogs/{ACCOUNT}/CloudTrail/eu-central-1/2026/10/05"
    key = f"{folder}/{ACCOUNT}_CloudTrail_eu-central-1_20261005T{number:02}15Z_AAAAAAAAAAAAAAAA.json.gz"
    data = json.dumps({"Records": records}).encode()
    return LogBytes("bucket", key, state, "", sha256(data).hexdigest(), data)


def asked(folder: Path, *logs: LogBytes, hours: str = "v" * 24) -> dict[str, dict[str, Any]]:
    made = Activity(folder, ACCOUNT)
    for item in logs:
        made.take(item)
    made.note(cast("TrailReport", Report(hours)))
    with made.opened(PERIOD) as store:
        found = {name: dict(document) for name, document in answers(store, ASKING)}
    json.dumps(found)
    return found


def test_each_question_is_answered_from_all_log_files_and_says_what_was_searched(tmp_path: Path) -> None:
    found = asked(tmp_path, log(1, record(1)), log(2, record(2, "DeleteBucketPolicy"), state="unvouched"))
    assert tuple(found) == QUESTIONS
    rows = found["s3-policy"]["rows"]
    assert [(row["event_name"], row["verified"]) for row in rows] == [
        ("PutBucketPolicy", True),
        ("DeleteBucketPolicy", False),
    ]
    assert found["s3-policy"]["searched"]["hours_verified"] == 24
    assert "SELECT" in found["s3-policy"]["statement"]
    assert found["root-activity"]["rows"] == []
    assert found["root-activity"]["searched"]["records"] == 2


def test_what_was_sent_is_not_kept(tmp_path: Path) -> None:
    found = asked(tmp_path, log(1, record(1)))
    assert "somebody sent" not in json.dumps({name: item["rows"] for name, item in found.items()})
    assert "request" not in found["s3-policy"]["columns"]


def test_hours_that_did_not_verify_are_named(tmp_path: Path) -> None:
    found = asked(tmp_path, log(1, record(1)), hours="v" * 20 + "dddd")
    searched = found["organizations"]["searched"]
    assert (searched["hours_verified"], searched["hours_expected"]) == (20, 24)
    assert [item["why"] for item in searched["not_searched"]] == ["deleted"]


def test_the_audits_own_principal_and_the_regions_in_use_are_asked_for(tmp_path: Path) -> None:
    ours = {"type": "AssumedRole", "arn": OURS, "accountId": ACCOUNT}
    elsewhere = record(4, "ListBuckets", awsRegion="ap-south-1", readOnly=True)
    found = asked(tmp_path, log(1, record(3, userIdentity=ours), elsewhere))
    assert [(row["call"], row["changes"]) for row in found["our-own-calls"]["rows"]] == [("PutBucketPolicy", 1)]
    assert [row["served_region"] for row in found["unusual-regions"]["rows"]] == ["ap-south-1"]


def test_that_there_is_more_than_a_pack_keeps_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "MOST_ROWS", 3)
    assert MOST_ROWS > 3
    found = asked(tmp_path, log(1, *(record(number) for number in range(5))))
    assert (len(found["s3-policy"]["rows"]), found["s3-policy"]["truncated"]) == (3, True)


def test_questions_that_could_not_be_answered_are_gaps_and_cost_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Answer] = []

    class Writer:
        def add(self, answer: Answer) -> None:
            kept.append(answer)

        def forget(self, account: str, call: Call) -> None:
            assert (account, call.operation) in {(ACCOUNT, ANSWERS), (ACCOUNT, MEASURED)}

    answered: list[Any] = []

    def refused(store: Any, asked: Any) -> Any:
        answered.append(asked)
        if len(answered) > 2:
            raise CatalogError("DuckDB refuses the question")
        return ask(store, asked)

    monkeypatch.setattr(activity, "ask", refused)
    made = Activity(tmp_path, ACCOUNT)
    made.take(log(1, record(1)))
    made.note(cast("TrailReport", Report("v" * 24)))
    made.keep(ASKING, OURS, cast("EvidenceWriter", Writer()), lambda: PERIOD.end)
    assert [dict(answer.call.parameters).get("Question") for answer in kept] == [*QUESTIONS, None]
    assert [answer.error is None for answer in kept] == [True, True, *[False] * (len(QUESTIONS) - 1)]


def test_a_run_that_is_taken_up_again_asks_what_it_read_before_as_well(tmp_path: Path) -> None:
    cut_off = Activity(tmp_path, ACCOUNT)
    cut_off.take(log(1, record(1)))
    cut_off.note(cast("TrailReport", Report("v" * 24)))
    cut_off.take(log(2, record(2)))
    whole = asked(tmp_path, log(2, record(2)), log(3, record(3)))
    assert [row["event_id"] for row in whole["s3-policy"]["rows"]] == ["e-00001", "e-00002", "e-00003"]
    assert whole["s3-policy"]["searched"]["hours_expected"] == 24


def own_groups(folder: Path, *records: dict[str, Any], who: str = OURS) -> dict[str, tuple[str, str, int, int]]:
    made = Activity(folder, ACCOUNT)
    made.take(log(1, *records))
    made.note(cast("TrailReport", Report("v" * 24)))
    with made.opened(PERIOD) as store:
        found = dict(answers(store, Asking(PERIOD, who, ("eu-central-1",))))["our-own-calls"]["rows"]
    return {row["call"]: (row["made_by"], row["asked_for"], row["changes"], row["unknown"]) for row in found}


def by(
    arn: str, agent: str | None, number: int, name: str, kind: str = "AssumedRole", **changes: Any
) -> dict[str, Any]:
    who = {"type": kind, "arn": arn, "accountId": ACCOUNT}
    return record(number, name, userIdentity=who, userAgent=agent, **changes)


MARKED = "[Boto3/1.40 md/Botocore#1.40 ua/2.1 os/linux cfg/retry-mode#standard auditor]"


def test_the_audits_calls_are_told_by_its_mark_and_by_its_session(tmp_path: Path) -> None:
    other, stranger = OURS.replace("/run", "/run-2"), OURS.replace("role/auditor", "role/auditor2")
    found = own_groups(
        tmp_path,
        by(OURS, MARKED, 1, "DeleteBucket"),
        by(OURS, "aws-cli/2.1", 2, "PutBucketAcl"),
        by(other, MARKED, 3, "DeleteBucketPolicy"),
        by(other, "aws-cli/2.1", 4, "CreateBucket"),
        by(stranger, MARKED, 5, "PutBucketCors"),
        by(OURS, None, 6, "PutBucketLogging", readOnly=None),
        by(OURS, "my-auditor/2 auditor-tool", 7, "PutBucketTagging"),
        by(OURS, MARKED, 8, "PutObject"),
        by(OURS, MARKED, 9, "GenerateCredentialReport", eventSource="iam.amazonaws.com"),
        by(OURS, MARKED, 10, "PutBucketVersioning", errorCode="AccessDenied"),
    )
    assert found == {
        "DeleteBucket": ("audit", "", 1, 0),
        "PutBucketAcl": ("session", "", 1, 0),
        "DeleteBucketPolicy": ("audit", "", 1, 0),
        "PutBucketLogging": ("session", "", 0, 1),
        "PutBucketTagging": ("session", "", 1, 0),
        "PutObject": ("audit", "--upload", 1, 0),
        "GenerateCredentialReport": ("audit", "", 0, 0),
        "PutBucketVersioning": ("audit", "", 0, 0),
    }


@pytest.mark.parametrize(
    ("who", "kind"),
    [
        (f"arn:aws:iam::{ACCOUNT}:user/dana", "IAMUser"),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/dana", "AssumedRole"),
        (f"arn:aws:iam::{ACCOUNT}:root", "Root"),
    ],
)
def test_what_a_person_does_by_another_program_is_told_apart(tmp_path: Path, who: str, kind: str) -> None:
    marked = by(who, MARKED, 1, "DeleteBucket", kind)
    found = own_groups(tmp_path, marked, by(who, "aws-cli/2.1", 2, "PutBucketAcl", kind), who=who)
    assert {name: made_by for name, (made_by, *_) in found.items()} == {
        "DeleteBucket": "audit",
        "PutBucketAcl": "principal",
    }


def test_one_change_of_the_audit_fails_its_control_and_a_month_of_reading_does_not(tmp_path: Path) -> None:
    reads = by(OURS, MARKED, 1, "ListBuckets", readOnly=True)
    for number, (records, state) in enumerate(
        [([reads], State.PASS), ([reads, by(OURS, MARKED, 2, "DeleteBucket")], State.FAIL)]
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        answer = asked(folder, log(1, *records))["our-own-calls"]
        world = verified().says("events:Answer", answer, region="global", Question="our-own-calls")
        assert world.judge("audit-changed-nothing").state is state
