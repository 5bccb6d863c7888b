"""A record explained: every member with its path, known ones with their meaning, and what should not be overlooked."""

import json

import pytest

from auditor.base.doubled import parse_marked
from auditor.events.anatomy import FIELDS, explain, remarks
from auditor.events.columns import OPEN, SCALARS, SHAPE
from auditor.evidence.records import read_records

from .month import records


def test_every_column_of_the_store_is_explained() -> None:
    assert {*SCALARS, *OPEN, *SHAPE} - {*FIELDS} == set()
    assert {f"userIdentity.{name}" for name in SHAPE["userIdentity"]} - {*FIELDS} == set()


def test_each_member_of_each_record_of_the_month_has_a_line() -> None:
    for record in records():
        paths = [line.path for line in explain(record)]
        assert {path.split(".")[0] for path in paths} == set(record)
        assert len(paths) == len(set(paths))


def test_what_should_not_be_overlooked_is_said() -> None:
    said = {record["eventID"]: remarks(record) for record in records()}
    assert said["user-login-failed-without-code"] == ("The sign-in failed, although there is no error code.",)
    assert said["root-refused"] == ("The call did not succeed.", "The caller is the root user of the account.")
    assert said["correction"] == ("This is a correction or a late copy: the first record stands beside it.",)
    assert said["stranger-reads"] == ("The caller belongs to another account than the one that recorded the call.",)
    assert said["put-policy"] == ()


def test_a_record_of_any_shape_is_shown() -> None:
    deep: dict[str, object] = {}
    inner = deep
    for _ in range(50):
        inner["x"] = inner = {}
    assert len(explain(deep)) == 1
    assert explain({"eventName": ["x" * 1000]})[0].value.endswith("...")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('{"eventName": "A", "eventName": "B"}', "eventName"),
        ('{"eventName": "A", "event\\u004eame": "B"}', "eventName"),
        (
            '{"eventName": "A", "userIdentity": {"arn": "a", "x": [{"b": 1, "b": 2}], "arn": "b"}}',
            "userIdentity.arn",
        ),
        ('{"Records": [{"eventName": "A", "eventName": "B"}]}', "eventName"),
        ('{"eventName": "A"}\n{"eventName": "A", "eventName": "B"}', "eventName"),
        ('{"Events": [{"CloudTrailEvent": "{\\"eventName\\": 1, \\"eventName\\": 2}"}]}', "eventName"),
    ],
)
def test_a_name_that_stands_twice_is_told(text: str, names: str) -> None:
    found = read_records(text.encode(), parse=parse_marked).records[-1].record
    assert f"The record is ambiguous: {names}" in remarks(found)[0]
    assert next(line.value for line in explain(found) if line.path == "eventName") in {"B", "A", "2"}


def test_a_record_in_which_each_name_stands_once_is_not_ambiguous() -> None:
    text = json.dumps({"Records": [*records()]}).encode()
    for item in read_records(text, parse=parse_marked).records:
        assert not any("ambiguous" in words for words in remarks(item.record))
