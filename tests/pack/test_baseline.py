"""Known failures do not count; what is new, worse or unreadable does."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from auditor.base.errors import UsageError
from auditor.pack.baseline import baseline_bytes, gate, load_baseline, refreshed
from tests.pack.judgements import control, judgement, result

SEPTEMBER = datetime(2026, 10, 2, tzinfo=UTC)
OCTOBER = datetime(2026, 11, 2, tzinfo=UTC)
KNOWN = judgement(control("k", result(), result(resource="r-2"), result("PASS", "r-3")), as_of="2026-10-02T00:00:00Z")


def written(tmp_path: Path) -> Path:
    path = tmp_path / "baseline.json"
    path.write_bytes(baseline_bytes(refreshed(None, KNOWN, SEPTEMBER), "auditor 1"))
    return path


def test_a_baseline_file_and_the_results_it_came_from_say_the_same(tmp_path: Path) -> None:
    results = tmp_path / "results.json"
    results.write_text(json.dumps(KNOWN))
    today = judgement(control("k", result(), result("PASS", "r-2"), result(resource="r-4")))
    answers = [gate(load_baseline(path), today, as_of=OCTOBER) for path in (written(tmp_path), results)]
    assert [answer.counts for answer in answers] == [answers[0].counts] * 2
    assert {kind for kind, number in answers[0].counts.items() if number} == {"new", "still open", "fixed"}
    assert answers[0].known == {item.finding.id for item in answers[0].changes if item.change.value == "still open"}
    assert set(answers[0].ages.values()) == {timedelta(days=31)}


def test_the_day_on_which_a_finding_was_seen_first_outlives_the_next_baseline(tmp_path: Path) -> None:
    today = judgement(control("k", result(), result(resource="r-9")))
    again = refreshed(load_baseline(written(tmp_path)), today, OCTOBER)
    assert sorted(again.first_seen.values()) == [SEPTEMBER, OCTOBER]


@pytest.mark.parametrize(
    "unseen",
    [
        pytest.param([control("k", result("NOT_ASSESSED", "r-1"), result("PASS", "r-2"))], id="the-finding-itself"),
        pytest.param([control("k", result("NOT_ASSESSED", ""), result("PASS", "r-2"))], id="something-of-the-control"),
        pytest.param([control("another", result("PASS"))], id="not-asked-about"),
    ],
)
def test_what_nobody_saw_today_stays_known(unseen: list[dict[str, Any]], tmp_path: Path) -> None:
    before = load_baseline(written(tmp_path))
    again = refreshed(before, judgement(*unseen), OCTOBER)
    assert ("r-1", SEPTEMBER) in {(item.resource, again.first_seen[item.id]) for item in again.side.findings}
    assert ("r-2" in {item.resource for item in again.side.findings}) is (unseen[0]["id"] == "another")
    path = tmp_path / "again.json"
    path.write_bytes(baseline_bytes(again, "auditor 1"))
    seen = gate(load_baseline(path), KNOWN, as_of=OCTOBER)
    assert [item.finding.resource for item in seen.changes if item.change.value == "still open"][:1] == ["r-1"]


def test_a_baseline_has_one_finding_a_line_and_no_words_that_change(tmp_path: Path) -> None:
    text = written(tmp_path).read_text()
    lines = [line for line in text.splitlines() if '"resource"' in line]
    assert len(lines) == 2
    assert lines == sorted(lines)
    assert "is seen as" not in text
    assert json.loads(text)["schema"] == "auditor.baseline/1"


def test_failures_that_only_the_catalogue_brought_have_their_own_switch(tmp_path: Path) -> None:
    baseline = load_baseline(written(tmp_path))
    today = judgement(control("k", result(), result(resource="r-2")), control("newcomer", result()))
    strict, lenient = (gate(baseline, today, as_of=OCTOBER, accept_new_controls=accept) for accept in (False, True))
    assert len(lenient.known) == len(strict.known) + 1
    assert [item.change.value for item in strict.loud] == ["new by catalogue"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"not json", "is not JSON", id="text"),
        pytest.param(b"[]", "neither results nor a baseline", id="list"),
        pytest.param(b'{"schema": "auditor.baseline/1"}', "neither results nor a baseline", id="half"),
        pytest.param(b'{"schema": "auditor.baseline/1", "findings": [7], "rules": {}}', "neither", id="number"),
        pytest.param(b'{"controls": []}', "neither results nor a baseline", id="no-run"),
    ],
)
def test_what_is_no_baseline_is_a_mistake_of_usage(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "b.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=says):
        load_baseline(path)
    with pytest.raises(UsageError, match="cannot be read"):
        load_baseline(tmp_path / "absent.json")
