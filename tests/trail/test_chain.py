"""Holes are explained by events that fit, and by nothing else."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from auditor.trail.coverage import SEVERITY, STATES, hour_states, worse
from auditor.trail.explain import LogCounter, TrailEvent, explain
from auditor.trail.gaps import Gap, Span, described

from .bucket import ACCOUNT, END, HOME, HOUR, NOW, START
from .scenarios import AT, MINUTE

HOLE = described(Gap(ACCOUNT, HOME, AT, AT + 2 * HOUR, "unexplained", "shown", ""))


class Logs:
    """Log objects at given times."""

    def __init__(self, *times: timedelta) -> None:
        self._times = [AT + time for time in times]

    def __call__(self, account: str, region: str, start: datetime, end: datetime) -> int:  # noqa: ARG002
        return sum(start <= time < end for time in self._times)


def off(minutes: int, name: str = "StopLogging") -> TrailEvent:
    return TrailEvent(name, AT + minutes * MINUTE, f"off{minutes}", "mallory")


def on(minutes: int) -> TrailEvent:
    return TrailEvent("StartLogging", AT + minutes * MINUTE, f"on{minutes}", "alice")


def causes(
    *events: TrailEvent, logs: LogCounter | None = None, gap: Gap = HOLE, enabled: bool | None = True
) -> list[str]:
    return [part.cause for part in explain([gap], events, logs or Logs(), validation_enabled=enabled)]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([], ["unexplained"], id="nothing-on-record"),
        pytest.param([off(0), on(120)], ["logging_stopped"], id="stop-and-start"),
        pytest.param([off(-89), on(120)], ["logging_stopped"], id="stop-just-before"),
        pytest.param([off(-91), on(120)], ["unexplained"], id="stop-too-early"),
        pytest.param([off(31), on(120)], ["unexplained"], id="stop-too-late"),
        pytest.param([off(0), on(60)], ["logging_stopped"], id="restart-within-grace"),
        pytest.param([off(0), on(30)], ["logging_stopped", "unexplained"], id="hole-outlasts-the-restart"),
        pytest.param([off(-20), on(-10)], ["unexplained"], id="started-again-before"),
        pytest.param([off(0)], ["logging_stopped"], id="no-start-on-record"),
        pytest.param([off(0, "DeleteTrail")], ["logging_stopped"], id="trail-deleted"),
    ],
)
def test_a_hole_is_explained_by_a_stop_that_fits(events: list[TrailEvent], expected: list[str]) -> None:
    assert causes(*events) == expected
    assert causes(*reversed(events)) == expected


def test_log_files_made_after_a_stop_without_restart_contradict_it() -> None:
    assert causes(off(0), logs=Logs(90 * MINUTE)) == ["logs_without_digest"]
    assert causes(off(0), logs=Logs(10 * MINUTE)) == ["logging_stopped"]


def test_log_files_in_a_hole_without_events_accuse() -> None:
    [gap] = explain([HOLE], [], Logs(MINUTE, HOUR), validation_enabled=None)
    assert (gap.cause, gap.logs, gap.certainty) == ("logs_without_digest", 2, "likely")
    assert "2 log files" in gap.sentence


@pytest.mark.parametrize(
    ("enabled", "expected"), [(True, "logs_without_digest"), (None, "after_last_digest"), (False, "after_last_digest")]
)
def test_log_files_after_the_last_digest_accuse_only_where_digests_are_configured(
    enabled: bool | None, expected: str
) -> None:
    tail = described(Gap(ACCOUNT, HOME, AT, END, "after_last_digest", "shown", ""))
    assert causes(logs=Logs(HOUR), gap=tail, enabled=enabled) == [expected]


def test_the_rest_of_a_split_hole_has_its_own_log_files() -> None:
    parts = explain([HOLE], [off(0), on(30)], Logs(10 * MINUTE, 100 * MINUTE), validation_enabled=True)
    assert [(part.cause, part.start, part.end) for part in parts] == [
        ("logging_stopped", AT, AT + 30 * MINUTE),
        ("logs_without_digest", AT + 30 * MINUTE, AT + 2 * HOUR),
    ]


def test_every_state_has_a_rank_and_a_meaning() -> None:
    assert set(SEVERITY) == set(STATES)
    assert [worse(one, other) for one, other in pairwise(SEVERITY)] == list(SEVERITY[:-1])


def test_an_hour_takes_the_worst_of_what_happened_in_it() -> None:
    span = Span(START, END, NOW)
    states = hour_states(span, [HOLE], {AT: "x", START: "u"})
    text = "".join(state for _, state in sorted(states.items()))
    assert text == "uvvxgvvv"
