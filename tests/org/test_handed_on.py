"""What accounts of an organization were handed is held against its source, whoever derived everything anew."""

import shutil
from pathlib import Path

import pytest

from auditor.base.errors import IntegrityError
from auditor.org.handing import recheck_handed_on
from auditor.org.replaying import replay_any
from auditor.seal.report import Outcome, VerifyReport
from auditor.seal.verify import Demands, verify_pack
from auditor.simulator.worlds import organization as story
from tests.org.forgeries import FORGED, TABLE, Forgery, derived_anew, table
from tests.org.test_run import AS_OF
from tests.org.watching import Watched
from tests.seal.forging import edited

pytestmark = pytest.mark.simulator

PAGE = Path(__file__).parents[2] / "docs" / "forgeries.md"


def verified(pack: Path, *, replay: bool = False) -> VerifyReport:
    demands = Demands(at=AS_OF, handed_on=recheck_handed_on, replay=replay_any if replay else None)
    return verify_pack(pack, demands)


def test_the_pack_holds_before_anybody_touches_it(watched: Watched, tmp_path: Path) -> None:
    report = verified(watched.made.pack)
    assert report.findings == ()
    assert report.outcome("handed-on") is Outcome.PASS
    untouched = Forgery("", "", lambda _: None, "", "")
    again = derived_anew(watched.made.pack, tmp_path / "pack", untouched)
    assert verified(again).verdict == "pass", "deriving anew alone is no forgery"


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_a_forgery_is_found_though_everything_follows_from_it(watched: Watched, tmp_path: Path, row: Forgery) -> None:
    forged = derived_anew(watched.made.pack, tmp_path / "pack", row)
    report = verified(forged, replay=row.id in {"guardduty", "events"})
    assert report.exit_code == 4
    assert {finding.check for finding in report.findings} == {row.found}
    assert any(
        finding.path.startswith(f"accounts/{FORGED}/") and finding.path.endswith(row.file)
        for finding in report.findings
    )


def test_the_page_shows_the_table() -> None:
    assert table() in PAGE.read_text(encoding="utf-8")


def test_an_account_may_not_be_left_without_what_others_got(watched: Watched, tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    shutil.copytree(watched.made.pack, pack)
    for path in (pack / "accounts" / FORGED / "evidence/meta").glob("*.json"):
        if story.AUDIT in path.read_text():
            path.unlink()
    lacking = [item.message for item in recheck_handed_on(pack).differences]
    assert any("guardduty:ListMembers" in message for message in lacking)


def test_evidence_of_another_shape_is_told_in_our_words(watched: Watched, tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    shutil.copytree(watched.made.pack, pack)
    edited(pack / "evidence/scope.json", lambda it: it.update(operations=7))
    with pytest.raises(IntegrityError, match="malformed"):
        recheck_handed_on(pack)
