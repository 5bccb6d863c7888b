"""``auditor history`` on copies of the committed sample."""

import json
import shutil
from pathlib import Path

import pytest

from auditor.simulator import Simulator
from tests.cli.test_compare import SAMPLE, answer

ACCOUNT = "111122223333"


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one good pack, one that was changed, and something that only looks like a pack."""
    folder = tmp_path_factory.mktemp("reports")
    good, changed = folder / ACCOUNT / "2026-10" / "a", folder / ACCOUNT / "2026-10" / "b"
    for place in (good, changed):
        shutil.copytree(SAMPLE, place)
    (changed / "results" / "controls.csv").write_text("id\r\n")
    (folder / "half").mkdir()
    (folder / "half" / "manifest.json").write_text("{}")
    return folder


def test_a_broken_pack_is_named_and_does_not_count(reports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = answer(capsys, "history", str(reports), "--json", "--as-of", "2026-11-20T00:00:00Z")
    document = json.loads(out)
    assert code == 4
    assert document["broken"] == [f"{ACCOUNT}/2026-10/b", "half"]
    (account,) = document["accounts"]
    (month,) = account["months"]
    assert month["marks"] == ["does not hold", "incomplete", "repeated"]
    assert "half" in (reports / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        pytest.param(["--require", "2026-10"], 0, "incomplete", id="there"),
        pytest.param(["--require", "last-month", "--as-of", "2026-12-05T00:00:00Z"], 3, "MISSING", id="a-month-later"),
        pytest.param(
            ["--require", "2026-10", "--account", "999900001111"], 3, "999900001111", id="no-pack-of-an-account"
        ),
        pytest.param(["--require", "2026-Q3"], 2, "not one month", id="no-month"),
    ],
)
def test_a_month_can_be_required(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, says: str
) -> None:
    shutil.copytree(SAMPLE, tmp_path / ACCOUNT / "pack")
    given = [*arguments, *([] if "--as-of" in arguments else ["--as-of", "2026-11-20T00:00:00Z"])]
    answered, out, err = answer(capsys, "history", str(tmp_path), "--no-html", *given)
    assert (answered, says in out + err) == (code, True)
    assert not (tmp_path / "index.html").exists()


def test_a_folder_without_packs_is_a_mistake_of_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(capsys, "history", str(tmp_path))[0] == 2
    assert answer(capsys, "history", str(tmp_path / "absent"))[0] == 2


def test_a_page_that_can_go_nowhere_is_a_mistake_of_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = str(tmp_path / "absent" / "page.html")
    for command in (["history", str(SAMPLE)], ["diff", str(SAMPLE), str(SAMPLE)]):
        code, _, err = answer(capsys, *command, "--html", nowhere)
        assert (code, "there is no folder" in err) == (2, True)
        assert answer(capsys, *command, "--html", str(tmp_path))[0] == 2


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("history", "{pack}"), id="the-page-of-a-history"),
        pytest.param(("diff", "{pack}", "{pack}", "--html", "{pack}/results/changes.html"), id="the-page-of-a-diff"),
        pytest.param(("evaluate", "{pack}", "--out", "{pack}/again.json"), id="results"),
        pytest.param(("run", "--out", "{pack}/reports"), id="a-pack-in-a-pack"),
        pytest.param(("remediate", "{pack}", "--to", "cli", "--out", "{pack}/remedies"), id="remedies"),
        pytest.param(("collect", "--out", "{pack}/collected"), id="evidence"),
        pytest.param(("keygen", "--name", "A", "--no-password", "--out", "{pack}/keys"), id="keys"),
    ],
)
def test_nothing_is_put_into_a_pack_which_would_not_hold_any_more(
    arguments: tuple[str, ...], reports: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = reports / ACCOUNT / "2026-10" / "a"
    before = sorted(pack.rglob("*"))
    code, _, err = answer(capsys, *(word.format(pack=pack) for word in arguments))
    assert (code, sorted(pack.rglob("*"))) == (2, before)
    assert f"{pack} is a pack" in err


def test_a_bucket_that_is_not_there_is_no_missing_permission(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Simulator("empty") as aws:
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        code, _, err = answer(capsys, "history", "s3://nobodys/packs", "--no-html")
    assert (code, "NoSuchBucket" in err, "is the name right?" in err, "s3:ListBucket" in err) == (5, True, True, False)
