"""Each row of the table of forgeries: which check finds it, and whether the commands of ``VERIFY.md`` do."""

from pathlib import Path

import pytest

from auditor.run.replaying import replay
from auditor.seal.report import Outcome, VerifyReport
from auditor.seal.verify import Demands, verify_pack
from tests.seal.by_hand import failing
from tests.seal.forgeries import NOW, ROOT, SEALING, TABLE, Forgery, table
from tests.seal.forging import copy, made_pack

DEMANDS = Demands(at=NOW, trusted=(ROOT.certificate,), replay=replay)
PAGE = Path(__file__).parents[2] / "docs" / "forgeries.md"


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_pack(tmp_path_factory.mktemp("table") / "pack", sealing=SEALING)


def _verified(pack: Path) -> VerifyReport:
    return verify_pack(pack, DEMANDS)


def test_the_pack_holds_before_anybody_touches_it(pack: Path) -> None:
    assert _verified(pack).findings == ()
    assert failing(pack) == []


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_a_forgery_is_found_by_the_check_that_the_table_names(pack: Path, tmp_path: Path, row: Forgery) -> None:
    forged = copy(pack, tmp_path / "pack")
    row.apply(forged)
    report = _verified(forged)
    assert report.exit_code == 4
    assert row.found in {check.name for check in report.checks if check.outcome in (Outcome.FAIL, Outcome.UNKNOWN)}
    assert not row.file or row.file in {finding.path for finding in report.findings}
    assert bool(failing(forged)) == row.seen


def test_the_page_shows_the_table() -> None:
    assert table() in PAGE.read_text(encoding="utf-8")
