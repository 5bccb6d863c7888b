"""The task of one account: what decides whether a finished one still serves, and what is handed on to it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from auditor.config import Config
from auditor.evidence.world import AS_OF, held
from auditor.model import AccountScope, Holder, PartOf
from auditor.org.member import Member
from auditor.run.noticing import _of_times
from auditor.run.shared import Shared, packed, unpacked
from tests.evaluate.kit import World, catalog

ACCOUNT, HOLDS = "111122223333", "444455556666"
HOLDER = Holder(AccountScope(HOLDS, "aws", ("eu-west-1",)), ("cloudtrail",))


def _member(shared: Shared) -> Member:
    part_of = PartOf("o-abcdefghij", "0" * 64)
    return Member(ACCOUNT, Config(), datetime(2026, 11, 2, tzinfo=UTC), bytes(32), part_of, Path(), shared=shared)


def test_an_account_serves_as_long_as_it_would_be_handed_the_same() -> None:
    """A run that is taken up hands on what was read before it was cut off; other answers make the audit anew."""
    first = Shared("o-abcdefghij", holders=(HOLDER,), answers=packed([({"account": HOLDS}, "at six")]))
    again = replace(first, answers=packed([({"account": HOLDS}, "at seven")]))
    refused = replace(first, holders=(replace(HOLDER, error="the role was refused"),))
    assert _member(first).task().fingerprint == _member(Shared.read(first.document())).task().fingerprint
    assert _member(first).task().fingerprint != _member(again).task().fingerprint
    assert _member(first).task().fingerprint != _member(refused).task().fingerprint
    assert Shared.read(first.document()) == first
    assert unpacked(first.answers) == [({"account": HOLDS}, "at six")]


def test_what_others_hold_may_have_been_read_before() -> None:
    there = World(account=HOLDS).says("accessanalyzer:ListAnalyzers", {"analyzers": []})
    evidence = held({ACCOUNT: World(), HOLDS: there}, (), catalog().operations)
    hour = timedelta(hours=1)
    run = replace(evidence.run, accounts=evidence.run.accounts[:1], started=AS_OF + hour, ended=AS_OF + 2 * hour)
    assert [kind for kind, _ in _of_times(run, evidence)] == ["collected-outside"]
    assert [kind for kind, _ in _of_times(replace(run, holders=(HOLDER,)), evidence)] == []
