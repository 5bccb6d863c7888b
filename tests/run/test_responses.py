"""Responses travel with the rules of a pack: who checks it derives the pages with them, and a changed one is found."""

import json
from pathlib import Path
from typing import Any

import pytest

from auditor.base.canonical import sha256_hex
from tests.seal.forging import copy, made_pack, reseal, rewrite_manifest, verified

WORDS = "The bucket goes away with the old shop."


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("answered")
    path = folder / "answers-of-the-board.yaml"
    path.write_text(
        f"responses:\n  - control: own-bucket-names\n    owner: Shop team\n    due: 2026-12-31\n    response: {WORDS}\n"
        "  - {control: iam-root-mfa, resource: no*, owner: Board, response: None of it.}\n"
    )
    return made_pack(folder / "pack", responses=str(path))


def test_the_file_stands_among_the_rules_and_the_pack_follows_from_it(pack: Path) -> None:
    written = pack / "rules" / "responses.yaml"
    assert sha256_hex(written.read_bytes()) in (pack / "SHA256SUMS").read_text()
    report = verified(pack)
    assert report.findings == ()
    assert "2 responses" in str(report.document())
    document = json.loads((pack / "results" / "results.json").read_bytes())
    assert [item["used"] for item in document["responses"]] == [True, False]
    assert document["rules"]["responses"] == 2
    assert WORDS in (pack / "report.html").read_text()


@pytest.mark.parametrize("kind", ["waivers", "attestations"])
def test_what_was_accepted_follows_whatever_its_file_was_called(tmp_path: Path, kind: str) -> None:
    terms = {
        "waivers": "{control: own-bucket-names, resource: stuff, justification: x, owner: o, approver: y, ticket: z, "
        "expires: 2027-01-01}",
        "attestations": "{control: own-bucket-names, statement: x, criterion: met, person: y, date: 2026-10-01, "
        "valid_until: 2027-01-01}",
    }
    (tmp_path / "accepted.yml").write_text(f"{kind}:\n  - {terms[kind]}\n")
    config: dict[str, Any] = {kind: str(tmp_path / "accepted.yml")}
    assert verified(made_pack(tmp_path / "pack", formats="csv", **config)).findings == ()


def test_a_word_changed_in_a_response_is_a_difference(pack: Path, tmp_path: Path) -> None:
    forged = copy(pack, tmp_path / "forged")
    path = forged / "rules" / "responses.yaml"
    path.write_text(path.read_text().replace("goes away", "stays"))
    rewrite_manifest(forged)
    reseal(forged)
    assert any("results/results.json" in str(finding) for finding in verified(forged).findings)
