"""Every row of the attack table leads to its finding and its verdict, and leaves a complete document behind."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from auditor.base.canonical import canonical_json
from auditor.trail.findings import KINDS
from auditor.work.ledger import Ledger
from tools.schemas import FOLDER

from .bucket import verify
from .compare import print_table
from .scenarios import TABLE, Scenario, genuine, original_still_among_the_versions


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in TABLE])
def test_attack_is_found_and_named(row: Scenario, tmp_path: Path) -> None:
    case = row.change()
    report = case.verify()
    alone = case.verify() if case.arguments.pop("events", False) else report
    assert case.verify(Ledger(tmp_path)).document() == alone.document(), "tasks find the same"
    kinds = {finding.kind for finding in report.findings}
    assert report.verdict is row.verdict
    assert row.kind in kinds if row.kind else not kinds
    document = json.loads(canonical_json(report.document()))
    REPORT.validate(document)
    counts = document["counts"]
    digests, logs = counts["digests"], counts["logs"]
    parts = ("valid", "altered", "missing", "unvouched", "unreadable")
    assert sum(digests[part] for part in parts) == digests["expected"]
    assert sum(logs[part] for part in (*parts, "unchecked") if part != "unvouched") == logs["expected"]
    states = "".join(day["hours"] for chain in document["coverage"]["chains"] for day in chain["days"])
    assert len(states.replace(".", "")) == document["coverage"]["hours_asked"]
    assert states.count("v") == document["coverage"]["hours_verified"]
    if document["verdict"] in {"incomplete", "fail"} and row.kind not in ANCHORS_ONLY:
        assert document["coverage"]["hours_verified"] < document["coverage"]["hours_asked"]


PUBLISHED = json.loads((FOLDER / "trail.schema.json").read_text())
REPORT = jsonschema.Draft202012Validator(PUBLISHED)

ANCHORS_ONLY = {
    "anchor_missing",
    "anchor_differs",
    "anchor_unreadable",
    "backfill_timestamp_altered",
    "folder_unvouched",
    "log_hashes_conflict",
}
"""Findings that take no hour's verification away."""


def test_there_are_at_least_eighty_scenarios_with_names_of_their_own() -> None:
    assert len({row.name for row in TABLE}) == len(TABLE) >= 80


def test_every_kind_a_row_expects_is_a_published_one() -> None:
    assert {row.kind for row in TABLE} - {""} <= set(KINDS)


def test_the_table_can_be_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert print_table([]) == 0
    assert f"{len(TABLE)} scenarios, 0 not as expected" in capsys.readouterr().out


def test_the_original_version_and_the_time_of_the_change_are_named() -> None:
    attack = next(row for row in TABLE if row.name == "original_still_among_the_versions")
    assert original_still_among_the_versions.__name__ == attack.name
    finding = next(item for item in attack.change().verify().findings if item.kind == "log_altered")
    assert dict(finding.extra) == {"original_version": "v0", "changed_at": "2026-10-05T20:00:00Z"}


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda document: document.update(verdict="perfect"), id="verdict"),
        pytest.param(lambda document: document["gaps"].append({}), id="gap"),
        pytest.param(lambda document: document.update(surprise=1), id="field"),
        pytest.param(lambda document: document.pop("anchors"), id="anchors"),
    ],
)
def test_the_published_schema_refuses_other_documents(spoil: Callable[[dict[str, Any]], Any]) -> None:
    document = verify(genuine()).document()
    REPORT.validate(document)
    spoil(document)
    assert not REPORT.is_valid(document)
