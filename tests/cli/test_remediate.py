"""``auditor remediate``: from a pack to files, and nothing else."""

import json
import shutil
import stat
from pathlib import Path

import pytest

from auditor.cli import main
from auditor.seal.archive import pack_zip

SAMPLE = Path(__file__).resolve().parents[2] / "reports" / "sample"


def auditor(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(item) for item in arguments])
    return int(left.value.code or 0)


def test_the_sample_gets_its_remedies_as_scripts_and_a_page(tmp_path: Path) -> None:
    out = tmp_path / "remedies"
    assert auditor("remediate", SAMPLE, "--to", "cli", "--out", out) == 0
    names = sorted(path.name for path in (out / "111122223333").iterdir())
    assert "08-iam-password-min-length.sh" in names
    assert "08-iam-password-min-length.undo.sh" in names
    assert (out / "111122223333" / names[0]).stat().st_mode & stat.S_IXUSR
    page = (out / "README.md").read_text()
    for words in ("There already:", "Side effects:", "Cost a month", "Undo:", "Evidence: EV-", "Without a remedy"):
        assert words in page
    document = json.loads((out / "remedies.json").read_bytes())
    assert document["schema"] == "auditor.remedies/1"
    assert {item["control"] for item in document["remedies"]} >= {"vpc-flow-logs", "monitor-security-group-changes"}


def test_a_zip_of_a_pack_gives_the_same_files(tmp_path: Path) -> None:
    pack_zip(SAMPLE, tmp_path / "sample.zip")
    options = ("--to", "cli", "--control", "kms-key-rotation,default-sg-closed")
    assert auditor("remediate", SAMPLE, *options, "--out", tmp_path / "one") == 0
    assert auditor("remediate", tmp_path / "sample.zip", *options, "--out", tmp_path / "two") == 0
    one, two = (
        {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        for folder in (tmp_path / "one", tmp_path / "two")
    )
    assert one == two
    assert {name.split("-", 1)[-1] for name in one if name.endswith(".sh") and ".undo" not in name} == {
        "kms-key-rotation.sh",
        "default-sg-closed.sh",
    }


def test_nothing_is_proposed_from_a_pack_that_does_not_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pack = tmp_path / "pack"
    shutil.copytree(SAMPLE, pack)
    results = pack / "results" / "results.json"
    results.write_bytes(results.read_bytes().replace(b"vpc-133af28283bbe5604", b"vpc-133af28283bbe5605"))
    assert auditor("remediate", pack, "--to", "cli", "--out", tmp_path / "out") == 4
    assert "does not hold" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("out", "control", "words"),
    [
        pytest.param("out", "vpc-flow-log", "did you mean vpc-flow-logs", id="control"),
        pytest.param(".", "vpc-flow-logs", "there already", id="out"),
    ],
)
def test_bad_options_say_what_to_do(
    out: str, control: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert auditor("remediate", SAMPLE, "--to", "cli", "--out", tmp_path / out, "--control", control) == 2
    assert words in capsys.readouterr().err
