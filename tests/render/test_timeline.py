"""The line of a trail's period: places in time, numbers that do not cover each other, and the same in words."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.render.timeline import LEFT, WIDTH, timeline

ARN = "arn:aws:cloudtrail:eu-central-1:111122223333:trail/org-trail"


def report(*gaps: tuple[str, str]) -> dict[str, Any]:
    return {
        "period": {"start": "2026-10-01T00:00:00Z", "end": "2026-11-01T00:00:00Z"},
        "trail": {"arn": ARN, "name": "org-trail"},
        "gaps": [{"start": start, "end": end, "region": region} for start, end in gaps for region in ("a", "b")],
    }


def change(time: str, name: str = "StopLogging", *, kind: str = "trail_changed", resource: str = ARN) -> dict[str, Any]:
    return {"kind": kind, "event_time": time, "event_name": name, "actor": "carol", "resource": resource}


def test_nothing_happened_needs_no_drawing() -> None:
    assert timeline(report(), [{"rows": [change("2026-10-03T00:00:00Z", kind="root_sign_in")]}]) is None


def test_a_change_stands_where_its_time_is() -> None:
    drawn = timeline(report(), [{"rows": [change("2026-10-16T12:00:00Z")]}])
    assert drawn is not None
    (tick,) = drawn.ticks
    assert tick.x == pytest.approx(WIDTH / 2)
    assert drawn.text == "1: 2026-10-16 12:00:00 UTC StopLogging by carol"


def test_a_gap_of_many_regions_is_one_stretch() -> None:
    drawn = timeline(report(("2026-10-14T02:10:00Z", "2026-10-14T04:10:00Z")), [])
    assert drawn is not None
    assert [item.words for item in drawn.stretches] == ["from 2026-10-14 02:10:00 UTC to 2026-10-14 04:10:00 UTC"]


def test_changes_of_another_trail_are_left_to_it() -> None:
    other = change("2026-10-03T00:00:00Z", resource=ARN.replace("org", "other"))
    assert timeline(report(), [{"rows": [other]}]) is None


def test_many_changes_are_counted_beyond_what_fits() -> None:
    rows = [change(f"2026-10-{day:02d}T00:00:00Z") for day in range(1, 31)]
    drawn = timeline(report(), [{"rows": rows}])
    assert drawn is not None
    assert len(drawn.ticks) + drawn.more == len(rows)


@given(st.lists(st.datetimes().map(lambda time: f"{time:%Y-%m-%dT%H:%M:%S}Z".zfill(20)), min_size=1, max_size=20))
def test_every_tick_is_on_the_line_and_its_number_free(times: list[str]) -> None:
    drawn = timeline(report(), [{"rows": [change(time) for time in times]}])
    assert drawn is not None
    places = [(tick.x, tick.level) for tick in drawn.ticks]
    assert all(LEFT <= x <= WIDTH - LEFT for x, _ in places)
    assert all(second[1] != first[1] or second[0] - first[0] >= 11 for first, second in pairwise(places))
