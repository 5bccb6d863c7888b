"""What ``auditor verify --replay`` says when the organization's own part of a pack was changed, and sealed anew."""

import shutil
from pathlib import Path

import pytest

from auditor.base.errors import IntegrityError
from auditor.org.handing import recheck_handed_on
from auditor.org.pack import material_of
from auditor.org.replaying import replay_any
from auditor.org.running import Organized
from auditor.seal.manifest import PDF
from auditor.seal.report import VerifyReport
from auditor.seal.verify import Demands, verify_pack
from auditor.simulator.worlds import organization as story
from tests.org.whole_forgeries import ONE, TABLE, Forgery, listed, signed, table
from tests.seal.forgeries import NOW, ROOT

pytestmark = pytest.mark.simulator

PAGE = Path(__file__).parents[2] / "docs" / "forgeries.md"


@pytest.fixture(scope="module")
def whole(made: Organized, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A signed pack with its page and tables; the PDF would cost seconds in each test. Not to be changed."""
    return signed(made.pack, tmp_path_factory.mktemp("whole") / "pack", ("html", "csv"))


@pytest.fixture(scope="module")
def printed(made: Organized, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with the PDF alone."""
    return signed(made.pack, tmp_path_factory.mktemp("printed") / "pack", ("pdf",))


def verified(pack: Path) -> VerifyReport:
    demands = Demands(at=NOW, trusted=(ROOT.certificate,), handed_on=recheck_handed_on, replay=replay_any)
    return verify_pack(pack, demands)


def test_the_signed_pack_holds_before_anybody_touches_it(whole: Path) -> None:
    assert verified(whole).verdict == "pass"


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_a_forgery_of_the_whole_is_found_though_it_is_signed(
    request: pytest.FixtureRequest, tmp_path: Path, row: Forgery
) -> None:
    pack = tmp_path / "pack"
    shutil.copytree(request.getfixturevalue("printed" if row.file == PDF else "whole"), pack)
    row.apply(pack)
    report = verified(pack)
    assert report.exit_code == 4
    assert (row.found, row.file) in {(finding.check, finding.path) for finding in report.findings}


@pytest.mark.parametrize(
    "account", [pytest.param(ONE, id="no-longer-active"), pytest.param(story.REFUSES, id="never-entered")]
)
def test_a_pack_of_an_account_that_was_not_assessed_is_none_of_the_whole(
    made: Organized, tmp_path: Path, account: str
) -> None:
    """The letters of the matrix stand in the order of the assessed accounts: one more would move all others."""
    pack = tmp_path / "pack"
    shutil.copytree(made.pack, pack)
    if account == ONE:
        listed(account, State="SUSPENDED")(pack)
    else:
        shutil.copytree(pack / "accounts" / ONE, pack / "accounts" / account)
    with pytest.raises(IntegrityError, match=f"accounts/{account} is the pack of an account that the list does not"):
        material_of(pack)


def test_the_page_shows_the_table_of_the_whole() -> None:
    assert table() in PAGE.read_text(encoding="utf-8")
