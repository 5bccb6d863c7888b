"""A run over an organization that was killed anywhere is taken up again and ends in the bytes of a whole one."""

import os
import random
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest

from auditor.base.errors import CollectionError
from auditor.base.period import parse_time
from auditor.base.whole import UNFINISHED
from auditor.org.handing import recheck_handed_on
from auditor.org.running import audit_organization
from auditor.run import Request
from auditor.run.workroom import PACK
from auditor.seal.verify import Demands, verify_pack
from auditor.simulator import Simulator
from auditor.simulator.worlds import organization as story
from tests.run.killed import SALT, TOOL, run_over_several, settings_of_several, several_at_once
from tests.run.test_resume import POINTS, killed, packs_in, said_of, undisturbed

pytestmark = pytest.mark.simulator


@pytest.fixture
def environment(group: Simulator) -> Mapping[str, str]:
    return {**os.environ, "KILLED_AS_OF": group.about["as_of"]}


@pytest.mark.parametrize("workers", [pytest.param(1, id="one-by-one"), pytest.param(2, id="two-at-once")])
def test_a_killed_run_over_accounts_ends_in_the_same_bytes(
    environment: Mapping[str, str], tmp_path: Path, workers: int
) -> None:
    """Whatever the number of accounts at once before and after; those of a killed run go with it."""
    moment, options = parse_time(environment["KILLED_AS_OF"]), ("--org", str(workers))
    pack, changes = undisturbed(tmp_path / "whole", environment, *options)
    whole = said_of(pack)
    for point in sorted(random.Random(2026).sample(range(1, changes), POINTS)):  # noqa: S311 - seeded, no secret
        out = tmp_path / f"{point}"
        assert killed(out, point, environment, *options) == -signal.SIGKILL, point
        if not any((folder / PACK).exists() for folder in out.glob(f"{UNFINISHED}*")):
            continue  # before its folder was there, or after the pack was in its place
        assert packs_in(out) == [], point
        finished = run_over_several(settings_of_several(out, resume=True, **several_at_once(3 - workers)), moment)
        assert said_of(finished.pack) == whole, point
        report = verify_pack(finished.pack, Demands(at=moment, handed_on=recheck_handed_on))
        assert report.findings == (), point
        assert [path.name for path in out.iterdir()] == [story.ID], point
        shutil.rmtree(out)


@pytest.mark.parametrize(
    ("what", "kept"),
    [
        pytest.param("Enter the accounts", 0, id="before-any-was-audited"),
        pytest.param("Audit the accounts", 1, id="after-the-first-was-audited"),
    ],
)
def test_a_caller_whose_credentials_end_loses_no_account(
    environment: Mapping[str, str], group: Simulator, tmp_path: Path, what: str, kept: int
) -> None:
    """What STS refuses then is our own end: accounts are neither called refused nor missing for it."""
    moment = parse_time(environment["KILLED_AS_OF"])

    def ending(stage: str, done: int, total: int, note: str = "") -> None:
        if (stage, done) == (what, 1):
            group.fault("*", "expired-token")

    request = Request(settings_of_several(tmp_path, **several_at_once(1)), moment, lambda: moment, SALT, tool=TOOL)
    with pytest.raises(CollectionError, match=r"the run was broken off.*ExpiredToken"):
        audit_organization(request, ending)
    assert packs_in(tmp_path) == []
    group.clear()
    finished = run_over_several(settings_of_several(tmp_path, resume=True, **several_at_once(1)), moment)
    assert finished.document["reconciliation"]["assessed"] == 3
    assert group.calls()["iam:GetAccountPasswordPolicy"] == 3 - kept, "who was finished is not asked again"
