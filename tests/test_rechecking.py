import json
from pathlib import Path
from typing import Any

import pytest

from auditor.base.errors import IntegrityError
from auditor.run.rechecking import recheck_digests
from tests.trail.bucket import filled, verify
from tests.trail.test_kept import EVENTS, NOTABLE


def pack_with(folder: Path, *reports: object) -> Path:
    (folder / "results").mkdir(parents=True)
    (folder / "results/results.json").write_text(json.dumps({"integrity": reports}))
    return folder


def archived(folder: Path) -> dict[str, Any]:
    return verify(filled(), archive=folder / "evidence/integrity/trail-1").document()


def test_a_pack_whose_digests_hold_has_no_differences(tmp_path: Path) -> None:
    assert recheck_digests(pack_with(tmp_path, archived(tmp_path))).differences == ()


def test_a_difference_names_its_trail(tmp_path: Path) -> None:
    report = archived(tmp_path)
    report["counts"]["digests"]["valid"] += 1
    (difference,) = recheck_digests(pack_with(tmp_path, report)).differences
    assert difference.message.startswith("audit: numbers of digests")


def test_event_rows_are_held_against_the_kept_log_files_of_their_trail(tmp_path: Path) -> None:
    folder = tmp_path / "evidence/integrity/trail-1"
    report = verify(filled(extra=EVENTS), archive=folder, events=True, keep=NOTABLE)
    pack_with(tmp_path, report.document())
    events = json.loads(json.dumps(report.notable))
    path = tmp_path / "results/results.json"

    def found() -> list[str]:
        path.write_text(json.dumps({"integrity": [report.document()], "events": [events]}))
        outcome = recheck_digests(tmp_path)
        assert all(text.startswith("audit: ") for text in outcome.taken)
        return [difference.message for difference in outcome.differences]

    assert found() == []
    events["rows"][0]["actor"] = "somebody else"
    (message,) = found()
    assert message.startswith("audit: event row")
    assert "/actor was somebody else, is arn:aws:iam::111122223333:root" in message


def test_a_report_without_archived_digests_is_named_unless_it_speaks_of_none(tmp_path: Path) -> None:
    report = verify(filled()).document()
    (difference,) = recheck_digests(pack_with(tmp_path / "a", report)).differences
    assert "none is archived" in difference.message
    report["counts"]["digests"]["valid"] = 0
    assert recheck_digests(pack_with(tmp_path / "b", report)).differences == ()


@pytest.mark.parametrize("text", ["", "[]", "{}", "{"])
def test_results_of_another_shape_are_an_integrity_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results/results.json").write_text(text)
    with pytest.raises(IntegrityError, match="cannot be read"):
        recheck_digests(tmp_path)
