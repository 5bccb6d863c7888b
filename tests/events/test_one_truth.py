"""What a call does is said once: questions find each call of the table, and rows of note agree with their answers."""

from pathlib import Path
from typing import Any, Final

import pytest

from auditor.activity.calls import CALLS
from auditor.activity.candidates import candidates
from auditor.activity.noted import notable_document
from auditor.activity.rows import notable_row
from auditor.events.filters import Filters
from auditor.events.opened import EventStore
from tests.evaluate.kit import ACCOUNT

from .kit import asked, ids, log, records_log, store_of
from .month import records
from .test_month import answered, month

QUESTIONS: Final = {
    "bucket_changed": ("s3-policy",),
    "bucket_deleted": ("who-deleted-bucket", "s3-policy"),
    "key_disabled": ("kms-changes", "log-tampering"),
    "alarm_changed": ("alarm-changes", "log-tampering"),
    "membership_changed": ("organizations",),
}
"""Which questions are about a kind of call; others are ``log-tampering``'s."""


def _call(number: int, source: str, name: str) -> dict[str, Any]:
    return {
        "eventVersion": "1.11",
        "eventID": f"{source.partition('.')[0]}:{name}",
        "eventTime": f"2026-10-05T13:{number % 60:02}:24Z",
        "eventSource": source,
        "eventName": f"{name}20150331v2" if number % 2 else name,
        "awsRegion": "eu-central-1",
        "recipientAccountId": ACCOUNT,
        "userIdentity": {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/x", "accountId": ACCOUNT},
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
    }


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> EventStore:
    made = [_call(number, *known) for number, known in enumerate(sorted(CALLS))]
    return store_of(tmp_path_factory.mktemp("every") / "store", records_log(made))


def test_every_call_of_the_table_is_found_by_the_questions_about_its_kind(every: EventStore) -> None:
    wanted: dict[str, set[str]] = {}
    for call in CALLS.values():
        for name in QUESTIONS.get(call.kind, ("log-tampering",)):
            wanted.setdefault(name, set()).add(f"{call.source.partition('.')[0]}:{call.name}")
    for name, calls in wanted.items():
        assert calls - set(ids(asked(every, name))) == set(), name


TWICE = (
    b'{"eventID":"e1","eventTime":"2026-10-05T13:06:24Z","eventName":"DeleteBucket","eventSource":"s3.amazonaws.com",'
    b'"awsRegion":"eu-central-1","recipientAccountId":"111122223333","userIdentity":{"type":"IAMUser"},'
    b'"requestParameters":{"bucketName":"first","bucketName":"second"}}'
)


@pytest.mark.parametrize("form", [b'{"Records":[%s]}', b'{"Records": [%s]}'])
def test_rows_of_note_and_the_store_take_the_same_of_two_values(tmp_path: Path, form: bytes) -> None:
    data = form % TWICE
    (record,) = candidates(data).records
    row = notable_row(record)
    store = store_of(tmp_path / "store", log(data))
    (shown,) = asked(store, "who-deleted-bucket").rows
    assert row is not None
    assert (row.resource, shown["resource"]) == ("first", "first")
    assert ids(asked(store, "who-did", filters=Filters(resources=("second",)))) == ["e1"], "found by either"


def test_two_values_are_not_mended_into_one(tmp_path: Path) -> None:
    beside = b'{"eventID":"e2","eventTime":"2026-10-05T13:06:24Z","userAgent":"a\\ud83d"}'
    answer = asked(store_of(tmp_path / "store", log(b'{"Records":[%s,%s]}' % (TWICE, beside))), "who-did")
    (gap,) = answer.searched.not_searched
    assert (ids(answer), gap.what, answer.exit_code) == (["e2"], "records", 3)
    assert "one name twice in requestParameters" in gap.why


def test_the_months_rows_of_note_are_among_the_answers(tmp_path: Path) -> None:
    store = month(tmp_path / "store")
    found = [row for item in records() if (row := notable_row(item, log_file="k", verified=True)) is not None]
    rows = notable_document(found, {}, log_files=1, records=1)["rows"]
    by_root = {row["event_id"] for row in rows if row["by_root"]}
    assert by_root == set(ids(answered(store, "root-activity")))
    signed_in = {row["event_id"] for row in rows if "sign_in" in row["kind"]}
    assert signed_in
    assert signed_in <= set(ids(answered(store, "console-logins")))
    opened = {row["event_id"]: row["minutes_open"] for row in rows if row["kind"] == "port_opened"}
    shown = {
        row["event_id"]: row["minutes_open"] for row in answered(store, "network-openings").rows if row["admin_port"]
    }
    assert opened == shown
