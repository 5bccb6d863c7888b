"""``auditor cost`` on the committed sample, on evidence that is not sealed, and on a pack that was changed."""

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from auditor.cli import main
from auditor.cli.cost import _print
from auditor.cost.estimate import Estimate
from auditor.run.costing import Costed
from auditor.seal.archive import pack_zip
from tests.seal.packs import RUN

SAMPLE = Path(__file__).resolve().parents[2] / "reports" / "sample"


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(("cost", *arguments))
    told = capsys.readouterr()
    return int(end.value.code or 0), told.out, told.err


def test_a_pack_its_zip_and_its_evidence_alone_cost_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack_zip(SAMPLE, tmp_path / "sample.zip")
    shutil.copytree(SAMPLE / "evidence", tmp_path / "collected" / "evidence")
    found = []
    for path in (SAMPLE, tmp_path / "sample.zip", tmp_path / "collected"):
        code, out, _ = answer(capsys, str(path), "--json")
        document = json.loads(out)
        assert (code, document.pop("exit_code"), document["schema"]) == (3, 3, "auditor.cost/1")
        del document["source"], document["verified"]
        found.append(document)
    assert found[0] == found[1] == found[2]
    assert found[0]["totals"]["logging_usd_a_month"] == pytest.approx(6.62, abs=0.05)
    assert len({item["evidence"][0] for item in found[0]["lines"] if item["evidence"]}) > 3


def test_the_text_says_estimate_source_and_what_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = answer(capsys, str(SAMPLE))
    assert code == 3, "some hours of the sample's period could not be searched"
    assert "Estimate at list price in USD, prices read 2026-11-21" in out
    assert "estimate; AWS CloudTrail pricing page, grade A, 2026-11-21" in out
    assert "at least: a part of the period was not searched" in out


def test_what_has_no_price_is_said_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    estimate = Estimate((), RUN.period, (), prices=None)  # type: ignore[arg-type]  # no line, so no price is read
    _print(Costed(estimate, "a pack", "the pack holds", holds=True))
    out = capsys.readouterr().out
    assert "Estimate at list price in USD; free tiers are not subtracted." in out
    assert "What logging costs a month: nothing was found that has a price" in out


def test_csv_has_a_row_for_every_line_and_everything_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(answer(capsys, str(SAMPLE), "--json")[1])
    rows = list(csv.DictReader(io.StringIO(answer(capsys, str(SAMPLE), "--csv")[1])))
    assert len(rows) == len(document["lines"]) + len(document["not_known"])
    assert all((row["usd"] == "") is bool(row["not_known"]) for row in rows)


def test_own_prices_change_the_sum(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(
        "currency: USD\nregion: eu-central-1\nseen: 2026-12-01\nprices:\n"
        "  - {id: kms.key, unit: keys, per: 1, usd: 5, source: contract}\n"
    )
    before = json.loads(answer(capsys, str(SAMPLE), "--json")[1])["totals"]["logging_usd_a_month"]
    document = json.loads(answer(capsys, str(SAMPLE), "--prices", str(own), "--json")[1])
    assert document["totals"]["logging_usd_a_month"] - before == pytest.approx(4)
    assert document["prices"] == {"region": "us-east-1", "own_file": str(own)}


def test_a_pack_that_does_not_hold_is_not_counted_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    forged = tmp_path / "forged"
    shutil.copytree(SAMPLE, forged)
    results = forged / "results" / "results.json"
    results.write_bytes(results.read_bytes() + b" ")
    code, _, err = answer(capsys, str(forged))
    assert (code, "does not hold" in err) == (4, True)
    code, out, _ = answer(capsys, str(forged), "--unverified")
    assert (code, "does NOT hold" in out) == (4, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["--json", "--csv"], "exclude each other", id="two-forms"),
        pytest.param(["--prices", "absent.yaml"], "cannot be read", id="no-prices"),
    ],
)
def test_usage(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = answer(capsys, str(SAMPLE), *arguments)
    assert (code, says in out + err) == (2, True)


def test_nothing_there_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(capsys, str(tmp_path / "absent"))[0] == 2
