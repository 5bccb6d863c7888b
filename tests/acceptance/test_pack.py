"""The pack in the hands of a careful stranger."""

import json
import re
import shutil
import socket
from pathlib import Path

import pikepdf
import pytest

from auditor.layout import RULES
from auditor.outcome import results_json
from auditor.run import judge, open_rules
from tests.acceptance.conftest import Pack, auditor

BANNED = ("compliant", "certified", "guarantee", "in place", "effective", "secure", "passes cis", "passes pci")
"""Words that belong to the auditor who reads the report, not to it."""


def test_the_pack_verifies_and_replays(pack: Pack) -> None:
    outcome = auditor("verify", pack.path, "--replay", "--json")
    report = json.loads(outcome.stdout)
    assert outcome.code == 0, outcome.stdout
    assert report["verdict"] in {"pass", "incomplete"}


@pytest.mark.parametrize("name", ["results/results.json", "report.pdf", "evidence/scope.json", "SHA256SUMS"])
def test_one_flipped_bit_is_found_and_the_file_named(own_copy: Path, name: str) -> None:
    data = bytearray((own_copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (own_copy / name).write_bytes(data)
    outcome = auditor("verify", own_copy)
    assert outcome.code == 4
    assert name in outcome.stdout + outcome.stderr


def test_a_deleted_and_an_added_file_are_named(own_copy: Path) -> None:
    (own_copy / "results" / "junit.xml").unlink()
    (own_copy / "evidence" / "raw" / "extra.json").write_text("{}")
    outcome = auditor("verify", own_copy)
    assert outcome.code == 4
    assert "results/junit.xml" in outcome.stdout
    assert "evidence/raw/extra.json" in outcome.stdout


def test_judging_again_needs_no_network_and_gives_the_same_bytes(pack: Pack, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("evaluation opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    recorded = (pack.path / "results" / "results.json").read_bytes()
    for _ in range(2):
        assert results_json(judge(pack.path / "evidence", open_rules(pack.path / RULES))) == recorded


def test_the_command_judges_the_same_twice(pack: Pack, tmp_path: Path) -> None:
    written = []
    for name in ("one.json", "two.json"):
        outcome = auditor("evaluate", pack.path, "--rules", pack.path / "rules", "--out", tmp_path / name)
        assert outcome.code == 4, outcome.stderr
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1] == (pack.path / "results" / "results.json").read_bytes()


def test_a_forged_verdict_is_found_by_replay(own_copy: Path) -> None:
    path = own_copy / "results" / "results.json"
    document = json.loads(path.read_bytes())
    victim = next(item for item in document["controls"] if item["id"] == "iam-root-not-used")
    victim["results"][0]["state"] = "PASS"
    path.write_bytes(json.dumps(document).encode())
    outcome = auditor("verify", own_copy, "--replay")
    assert outcome.code == 4
    assert "results/results.json" in outcome.stdout


def test_the_wording_leaves_the_conclusion_to_the_auditor(pack: Pack) -> None:
    prose = [pack.results["headline"]]
    for control in pack.results["controls"]:
        prose += [control[key] for key in ("title", "objective", "criterion", "test", "why")]
        prose += [result["reason"] for result in control["results"]]
    for sentence in prose:
        for word in BANNED:
            assert not re.search(rf"\b{word}\b", sentence, re.IGNORECASE), sentence


def test_our_own_calls_are_listed_and_only_read(pack: Pack) -> None:
    calls = json.loads((pack.path / "evidence" / "calls.json").read_bytes())
    assert calls
    for call in calls:
        operation = call["operation"]
        assert operation.startswith(("Describe", "Get", "List", "Lookup", "Head", "GenerateCredentialReport", "Test"))


def test_no_credential_of_the_run_is_in_the_pack(pack: Pack) -> None:
    secrets = (b"wJalrXUtnFEMI", b"AKIAIOSFODNN7EXAMPLE")
    for path in pack.path.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert not any(secret in data for secret in secrets), path


def test_two_runs_never_mix_and_nothing_unfinished_is_left(pack: Pack) -> None:
    out = pack.path.parents[2]
    assert [path.name for path in out.iterdir()] == ["111122223333"]


def test_a_pack_moved_elsewhere_still_holds(pack: Pack, tmp_path: Path) -> None:
    shutil.copytree(pack.path, tmp_path / "else" / "where")
    assert auditor("verify", tmp_path / "else" / "where").code == 0


def test_the_pdf_carries_the_manifest_the_results_and_every_answer(pack: Pack) -> None:
    with pikepdf.open(pack.path / "report.pdf") as document:
        attached = {name: item.get_file().read_bytes() for name, item in document.attachments.items()}
        descriptions = [item.description for item in document.attachments.values()]
    raw = {str(path.relative_to(pack.path)) for path in (pack.path / "evidence" / "raw").rglob("*.json")}
    assert set(attached) == raw | {"manifest.json", "results/results.json"}
    assert all(data == (pack.path / name).read_bytes() for name, data in attached.items())
    assert all(descriptions)
