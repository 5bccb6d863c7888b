"""Answers about events on the pages: rare things first, and nothing found is never mistaken for not having looked."""

from pathlib import Path
from typing import Any

import pytest

from auditor.render.activity import LINES, TITLES, activity
from auditor.run.activity import QUESTIONS
from tests.render.sample import HOSTILE, answers, build


def documents(tmp_path: Path, *, hostile: bool = False) -> list[dict[str, Any]]:
    made = build(tmp_path / "evidence", regions=("eu-central-1",), resources=1)
    return [dict(item) for item in answers(made.evidence.run.accounts[0], made.evidence, hostile=hostile)]


def test_every_question_of_a_run_has_its_table_or_its_scenario() -> None:
    assert {*TITLES, "auto-remediation"} == set(QUESTIONS)
    assert LINES.keys() == TITLES.keys()


def test_calls_that_differ_in_time_only_stand_in_one_line_and_unverified_ones_first(tmp_path: Path) -> None:
    (shown,) = activity(documents(tmp_path))
    table = shown.tables[1]
    assert (table.name, table.sentence) == ("iam-changes", "4 calls, 1 of them refused or failed.")
    assert [(line.count, line.verified, line.refused) for line in table.lines] == [
        (1, False, "AccessDenied"),
        (3, True, ""),
    ]
    assert (table.lines[1].first, table.lines[1].last) == ("2026-10-01 07:00:00 UTC", "2026-10-03 07:00:00 UTC")
    assert table.lines[1].who == "user/alice"


def test_refused_calls_say_why(tmp_path: Path) -> None:
    (shown,) = activity(documents(tmp_path))
    (line,) = shown.tables[0].lines
    assert (line.count, line.what, line.refused) == (42, "ec2: StopInstances", "UnauthorizedOperation")
    assert line.note == "explicit deny"


def test_calls_of_a_service_that_changed_something_read_as_words(tmp_path: Path) -> None:
    made = documents(tmp_path)[0]
    made["question"] = "unusual-regions"
    made["rows"] = [
        {"event_source": "s3.amazonaws.com", "calls": 3, "changes": 1},
        {"event_source": "ec2.amazonaws.com"},
    ]
    (shown,) = activity([made])
    assert sorted((line.what, line.note) for line in shown.tables[0].lines) == [
        ("ec2", ""),
        ("s3:", "1 changed something"),
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "0 in 1,480 verified hours of 1,488; what the others held is not known."),
        ({"hours_verified": 1488}, "0 in 1,488 verified hours of 1,488."),
        ({"records": 0}, "No event was searched: this is no answer."),
    ],
)
def test_zero_rows_are_told_apart_from_not_looked_at(tmp_path: Path, changes: dict[str, int], expected: str) -> None:
    made = documents(tmp_path)[2]
    made["searched"] = {**made["searched"], **changes}
    (shown,) = activity([made])
    assert shown.tables[0].sentence == expected


def test_what_was_not_searched_is_said_once_for_each_kind(tmp_path: Path) -> None:
    made = documents(tmp_path)
    made[0]["searched"]["not_searched"] *= 3
    (shown,) = activity(made)
    assert shown.missing == ("hours: deleted (3)",)


def test_hours_that_were_not_searched_are_counted_as_hours(tmp_path: Path) -> None:
    made = documents(tmp_path)
    stretch = {"what": "hours", "why": "deleted", "start": "2026-10-14T02:00:00Z", "end": "2026-10-14T05:00:00Z"}
    made[0]["searched"]["not_searched"] = [stretch, {"what": "log_files", "why": "altered", "log_file": "x"}]
    (shown,) = activity(made)
    assert shown.missing == ("hours: deleted (3)", "log files: altered (1)")


def test_regions_that_were_left_out_are_named_beside_every_zero(tmp_path: Path) -> None:
    made = documents(tmp_path)[2]
    searched = made["searched"]["regions"]
    (shown,) = activity([made], {made["account"]: [*searched, "me-south-1"]})
    assert shown.missing[0] == "enabled Regions that are no part of the audit: me-south-1"
    assert shown.tables[0].sentence.endswith("not known; nothing of me-south-1 was searched.")
    (shown,) = activity([made], {made["account"]: searched})
    assert "nothing of" not in shown.tables[0].sentence


def test_without_answers_there_is_no_table() -> None:
    assert activity([]) == ()


def test_hostile_names_are_made_visible(tmp_path: Path) -> None:
    (shown,) = activity(documents(tmp_path, hostile=True))
    told = shown.tables[0].lines[0].who
    assert HOSTILE[4] not in told
    assert "[U+202E]" in told


def test_an_opening_stands_beside_what_followed_it_with_the_seconds_between(tmp_path: Path) -> None:
    (shown,) = activity(documents(tmp_path))
    assert shown.scenario is not None
    assert shown.scenario.sentence == "2 calls, 1 answered by itself within 60 minutes."
    answered, open_still = shown.scenario.rows
    assert (answered.answer, answered.by, answered.seconds) == (
        "RevokeSecurityGroupIngress",
        "assumed-role/closer/run",
        "242",
    )
    assert (open_still.answer, open_still.seconds) == ("", "")
