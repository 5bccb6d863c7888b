"""The comparison behind ``make check`` notices every kind of difference."""

from pathlib import Path

import pytest

from auditor.seal.pack import Sealing, reseal_pack
from tests.seal.authority import self_signed_signer
from tests.seal.packs import NOW, sealed_pack
from tools.sample import README, SEAL, differences, files, shown, unsealed

KEPT = {"report.html": b"<html>", "manifest.json": b"{}"}


@pytest.mark.parametrize(
    ("made", "said"),
    [
        pytest.param(KEPT, [], id="same"),
        pytest.param(KEPT | {"manifest.json": b"{ }"}, ["different: manifest.json"], id="one-byte"),
        pytest.param(KEPT | {"report.pdf": b"%PDF"}, ["not committed: report.pdf"], id="new-file"),
        pytest.param({"manifest.json": b"{}"}, ["no longer made: report.html"], id="lost-file"),
        pytest.param({}, ["no longer made: manifest.json", "no longer made: report.html"], id="nothing"),
    ],
)
def test_a_difference_of_the_sample_is_named(made: dict[str, bytes], said: list[str]) -> None:
    assert list(differences(KEPT, made)) == said


def test_whoever_signed_a_pack_it_is_the_same_below_the_signature(tmp_path: Path) -> None:
    pack = sealed_pack(tmp_path / "pack")
    before = files(pack)
    for _ in range(2):
        reseal_pack(pack, Sealing(self_signed_signer(at=NOW), NOW))
        signed = files(pack)
        assert signed.keys() - before.keys() < SEAL
        assert signed["report.pdf"] != before["report.pdf"]
        assert list(differences(unsealed(before), unsealed(signed))) == []
    (pack / "results" / "controls.csv").write_bytes(b"id,state\r\n")
    assert list(differences(unsealed(before), unsealed(files(pack)))) == ["different: results/controls.csv"]


def test_the_answer_shown_in_the_readme_is_found_and_cut_at_its_dots() -> None:
    readme = "```console\n$ auditor verify reports/sample --replay\n  ok  files  all ...\nThe pack holds.\n```\n"
    assert shown(readme) == ["  ok  files  all", "The pack holds."]
    assert shown("") == ["(no answer is shown)"]
    assert shown(README.read_text())[-1] == "The pack holds."
