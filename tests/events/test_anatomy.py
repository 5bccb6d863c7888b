"""A record explained: every member with its path, known ones with their meaning, and what should not be overlooked."""

from auditor.events.anatomy import FIELDS, explain, remarks
from auditor.events.columns import OPEN, SCALARS, SHAPE

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
