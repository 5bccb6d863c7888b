"""The drawing of the period says in words what it shows, and tells conditions apart without colour."""

import re
from pathlib import Path
from typing import Any

from auditor.render.continuity import LEFT, RIGHT, WORDS, continuity
from tests.render.sample import HOSTILE, START, build, lifelines


def document(tmp_path: Path, *, hostile: bool = False) -> dict[str, Any]:
    made = build(tmp_path / "evidence", regions=("eu-central-1",), resources=1)
    scope = made.evidence.run.accounts[0]
    return dict(lifelines(scope, made.evidence, hostile=hostile))


def test_each_condition_has_a_shape_of_its_own(tmp_path: Path) -> None:
    shown = continuity(document(tmp_path), most=60)
    outlines = {name: re.sub(r"[-\d.]+", "", path) for row in shown.rows for name, path in row.paths}
    assert outlines.keys() == WORDS.keys()
    bars = {name: path for row in shown.rows for name, path in row.paths}
    assert len({(outlines[name], "v2.4" in bars[name]) for name in bars}) == len(WORDS)
    assert [key for key, _ in shown.states] == list(WORDS)


def test_rows_name_calls_by_number_and_say_how_long_it_stood_so(tmp_path: Path) -> None:
    shown = continuity(document(tmp_path), most=60)
    assert [(call.number, call.call, call.follows) for call in shown.calls] == [
        (1, "StopLogging", "broken for 2 h"),
        (2, "StartLogging", ""),
    ]
    assert [mark.label for mark in shown.rows[0].marks] == ["1\u20132"]
    assert shown.rows[0].figures == "out 2 h"
    assert "broken from 2026-10-14 02:00:00 UTC" in shown.rows[0].text
    assert shown.rows[1].label == "Alarms (14)"


def test_what_lasted_for_a_minute_is_still_seen_and_nothing_leaves_the_drawing(tmp_path: Path) -> None:
    made = document(tmp_path)
    start, end = made["lines"][0]["stretches"][1]["start"], "2026-10-14T02:01:00Z"
    made["lines"][0]["stretches"][1:] = [
        {"start": start, "end": end, "condition": "broken"},
        {"start": end, "end": made["period"]["end"], "condition": "held"},
    ]
    shown = continuity(made, most=60)
    broken = dict(shown.rows[0].paths)["broken"]
    found = re.match(r"M([\d.]+) [\d.]+h([\d.]+)", broken)
    assert found
    assert float(found[2]) >= 2
    assert LEFT <= float(found[1]) <= RIGHT
    assert shown.rows[0].figures == "out 1 min"


def test_rows_beyond_the_page_are_counted(tmp_path: Path) -> None:
    made = document(tmp_path)
    made["untouched"] *= 5
    shown = continuity(made, most=2)
    assert (len(shown.rows), shown.more) == (2, 4)


def test_hostile_names_are_made_visible(tmp_path: Path) -> None:
    shown = continuity(document(tmp_path, hostile=True), most=60)
    assert HOSTILE[4] not in shown.calls[0].actor
    assert "[U+202E]" in shown.calls[0].actor
    assert shown.dates[0][1] == f"{START:%m-%d}"
