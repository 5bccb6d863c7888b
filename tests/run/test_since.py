"""A pack tells what changed since the one before, from what it carries of that one's judgement."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from auditor.base.canonical import canonical_json, sha256_hex
from auditor.base.errors import IntegrityError
from auditor.config import Config
from auditor.pack.since import carry
from auditor.run import complete, load_rules
from auditor.seal.verify import Demands, verify_pack
from tests.seal.forging import AT, copy, edited, evidence_folder, made_pack, reseal, rewrite_manifest, verified


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_pack(tmp_path_factory.mktemp("series") / "first", formats="csv")


def following(folder: Path, first: Path, change: Callable[[dict[str, Any]], object] = lambda _: None) -> Path:
    """Make the pack that follows another one; ``change`` spoils what it carries of that one's judgement."""
    manifest = (first / "manifest.json").read_bytes()
    named = {"pack_id": orjson.loads(manifest)["pack_id"], "manifest_sha256": sha256_hex(manifest)}
    results = (first / "results" / "results.json").read_bytes()
    carried = orjson.loads(carry(orjson.loads(results), **named, results_sha256=sha256_hex(results)))
    change(carried)
    series = [{"id": named["pack_id"], "manifest_sha256": named["manifest_sha256"]}]
    evidence = evidence_folder(folder / "evidence", {"series": series, "as_of": "2026-11-02T04:00:00Z"})
    (evidence / "previous.json").write_bytes(canonical_json(carried))
    own = first.parent / "first-controls"
    settings = Config.model_validate({"controls": [str(own)], "formats": ["html", "results-csv"]})
    complete(folder, load_rules(settings), lambda *_: None)
    return folder


def of_previous(pack: Path, first: Path) -> list[str]:
    report = verify_pack(pack, Demands(at=AT, previous=first))
    return [f"{finding.path} {finding.message}" for finding in report.findings]


def change_of(pack: Path) -> Any:
    return json.loads((pack / "results" / "results.json").read_bytes())["since"]


def test_it_stands_in_results_and_pages_and_follows_again(first: Path, tmp_path: Path) -> None:
    pack = following(tmp_path / "second", first)
    assert change_of(pack)["counts"]["still open"] == 2
    assert change_of(pack)["changes"] == []
    page = (pack / "report.html").read_text()
    assert "0 new, 0 worse, 2 still open, 0 fixed and 0 no longer assessed" in page
    assert ",still open" in (pack / "results" / "results.csv").read_text()
    report = verified(pack)
    assert report.findings == ()
    assert "evidence/previous.json" in str(report.document())
    assert of_previous(pack, first) == []


def test_a_judgement_that_was_not_that_of_the_pack_before_is_found(first: Path, tmp_path: Path) -> None:
    def better(carried: dict[str, Any]) -> None:
        for item in carried["controls"]:
            item["results"] = [[*row[:4], "PASS"] for row in item["results"]]

    pack = following(tmp_path / "second", first, better)
    assert change_of(pack)["counts"]["new"] == 2
    assert verified(pack).findings == (), "it follows from what the pack carries"
    assert of_previous(pack, first) == ["evidence/previous.json is not what the pack before found"]


def test_a_section_that_does_not_follow_is_a_difference(first: Path, tmp_path: Path) -> None:
    pack = copy(following(tmp_path / "second", first), tmp_path / "forged")
    edited(pack / "results" / "results.json", lambda document: document["since"]["counts"].update(fixed=5))
    rewrite_manifest(pack)
    reseal(pack)
    assert any("/since/counts/fixed was 5, is 0" in finding.message for finding in verified(pack).findings)


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param(lambda carried: carried.update(pack_id="another"), id="another-pack"),
        pytest.param(lambda carried: carried.update(manifest_sha256="0" * 64), id="another-manifest"),
        pytest.param(lambda carried: carried.pop("controls"), id="no-controls"),
    ],
)
def test_what_is_of_another_pack_or_form_ends_the_judgement(
    first: Path, tmp_path: Path, spoilt: Callable[[dict[str, Any]], object]
) -> None:
    with pytest.raises(IntegrityError, match="pack"):
        following(tmp_path / "second", first, spoilt)
