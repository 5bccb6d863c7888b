"""A gate over an organization, and what its audits send to Security Hub: account by account, and nothing lost."""

import json
import shutil
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from auditor.base.canonical import canonical_json, sha256_hex
from auditor.base.errors import IntegrityError, UsageError
from auditor.base.period import parse_period
from auditor.cli.documents import text_of
from auditor.cli.organization import document_of
from auditor.config import Config
from auditor.model import Severity
from auditor.org.baselines import Baselines, Held, hold_all
from auditor.org.pack import material_of
from auditor.org.running import Organized
from auditor.org.telling import organization_message
from auditor.pack.comparison import Change
from auditor.run.comparing import compare_packs
from auditor.seal.verify import Demands, verify_pack
from auditor.simulator import Simulator
from auditor.simulator.worlds import organization as story
from tests.org.test_run import AS_OF, CONTROLS, organized
from tests.published import validator

pytestmark = pytest.mark.simulator

LATER = AS_OF + timedelta(days=30)
CHANGED = "210000000005"


def _config(pack: Path, **settings: Any) -> Config:
    return Config.model_validate({"org": True, "baseline": str(pack), **settings})


def _copied(
    made: Organized,
    folder: Path,
    change: Callable[[Path], object],
    *,
    described: Callable[[Path], object] | None = None,
) -> Path:
    """Return an earlier pack: the same, but for what somebody changes in it; its manifests fit, or say otherwise."""
    earlier = folder / "earlier"
    shutil.copytree(made.pack, earlier, ignore=shutil.ignore_patterns("raw", "meta", "*.html"))
    change(earlier)
    (described or _described_anew)(earlier)
    return earlier


def _described_anew(pack: Path) -> None:
    """Let the manifests name what is there."""
    inside = []
    for account in sorted((pack / "accounts").iterdir()):
        _name_results(account)
        manifest = (account / "manifest.json").read_bytes()
        inside.append(
            {
                "account": account.name,
                "pack_id": json.loads(manifest)["pack_id"],
                "manifest_sha256": sha256_hex(manifest),
            }
        )
    _edited(pack / "manifest.json", lambda document: document.update(account_packs=inside))
    _name_results(pack)


def _name_results(pack: Path) -> None:
    named = sha256_hex((pack / "results/results.json").read_bytes())
    _edited(pack / "manifest.json", lambda document: document.update(results_sha256=named))


def _edited(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(path.read_bytes())
    change(document)
    path.write_bytes(canonical_json(document))


def _held(made: Organized, earlier: Path, **settings: Any) -> Held:
    config = _config(earlier, **settings)
    baselines = Baselines.open(config, LATER)
    assert baselines is not None
    baselines.must_be_of(story.ID)
    return hold_all(made.pack, material_of(made.pack), baselines, config, LATER)


def _only_gaps(held: Held) -> bool:
    return held.code == 3 and not held.gate.loud


def test_what_was_known_of_every_account_does_not_count(made: Organized, tmp_path: Path) -> None:
    """One account refused the role, so nothing is a pass; but nothing is new."""
    assert made.code == 1
    held = _held(made, _copied(made, tmp_path, lambda _: None))
    assert _only_gaps(held)
    assert held.without == ()
    assert set(held.codes) == {item.member.account for item in material_of(made.pack).summaries}
    assert "still open" in held.words


def test_an_account_without_an_earlier_pack_has_nothing_that_was_known(made: Organized, tmp_path: Path) -> None:
    def forgotten(pack: Path) -> None:
        def change(document: dict[str, Any]) -> None:
            document["accounts"] = [row for row in document["accounts"] if row["id"] != CHANGED]

        shutil.rmtree(pack / "accounts" / CHANGED)
        _edited(pack / "results/results.json", change)

    held = _held(made, _copied(made, tmp_path, forgotten), accept_new_controls=True)
    failures = material_of(made.pack)
    (summary,) = [item for item in failures.summaries if item.member.account == CHANGED]
    assert held.without == (CHANGED,)
    assert held.by_account[CHANGED]["new"] == summary.failed > 0, "also where new controls are let through"
    assert (held.code, held.codes[CHANGED]) == (1, 1)
    assert sum(counts["new"] for name, counts in held.by_account.items() if name != CHANGED) == 0


def test_one_new_failure_in_one_account_fails_the_whole(made: Organized, tmp_path: Path) -> None:
    def mended(document: dict[str, Any]) -> None:
        control = next(item for item in document["controls"] if item["state"] == "FAIL")
        for result in control["results"]:
            result["state"] = "PASS"
        control["state"] = "PASS"

    earlier = _copied(
        made, tmp_path, lambda pack: _edited(pack / "accounts" / CHANGED / "results/results.json", mended)
    )
    held = _held(made, earlier)
    assert held.code == 1
    assert {account for account, code in held.codes.items() if code == 1} == {CHANGED}
    assert {item.finding.account for item in held.gate.loud} == {CHANGED}
    assert held.document()["accounts"][CHANGED]["new"] >= 1
    message = organization_message(
        made.document, code=held.code, pack=made.pack, place="", manifest_sha256="0" * 64, held=held
    )
    assert held.words in message.text
    assert message.facts["since_baseline"]["new"] == len(held.gate.loud)
    assert _held(made, earlier, fail_on=Severity.CRITICAL).code == 3, "only the refused account is left"


@pytest.mark.parametrize(
    ("change", "as_of", "settings", "words"),
    [
        (lambda pack: (pack / "rules/organization.json").unlink(), LATER, {}, "is no pack of an organization"),
        (lambda pack: (pack / "results/results.json").write_text("{"), LATER, {}, "cannot be read"),
        (lambda pack: (pack / "results/results.json").write_text("[]"), LATER, {}, "cannot be read"),
        (lambda _: None, AS_OF - timedelta(hours=1), {}, "after the moment of this run"),
        (lambda _: None, LATER, {"baseline_max_age": "9d"}, "and 9 are allowed"),
    ],
)
def test_a_baseline_that_cannot_be_used_is_told_before_anything_is_asked(
    made: Organized,
    tmp_path: Path,
    change: Callable[[Path], object],
    as_of: Any,
    settings: Mapping[str, Any],
    words: str,
) -> None:
    with pytest.raises(UsageError, match=words):
        Baselines.open(_config(_copied(made, tmp_path, change), **settings), as_of)


def _softened(document: dict[str, Any]) -> None:
    """Let what passed have failed before: a failure of today would be known."""
    for control in document["controls"]:
        control["state"] = "FAIL"


@pytest.mark.parametrize(
    ("change", "described", "words"),
    [
        pytest.param(
            lambda pack: _edited(pack / "results/results.json", lambda it: it.update(headline="x")), lambda _: None,
            "its results are not those that its manifest names", id="roll-up",
        ),
        pytest.param(
            lambda pack: _edited(pack / "accounts" / CHANGED / "results/results.json", _softened), lambda _: None,
            f"{CHANGED}: its results are not those that its manifest names", id="account",
        ),
        pytest.param(
            lambda pack: _edited(pack / "accounts" / CHANGED / "results/results.json", _softened),
            lambda pack: _name_results(pack / "accounts" / CHANGED),
            f"{CHANGED} is another pack than the one that is named", id="account-described-anew",
        ),
        pytest.param(
            lambda pack: shutil.rmtree(pack / "accounts" / CHANGED), lambda _: None,
            f"{CHANGED} is no whole pack: No such file", id="account-taken-away",
        ),
        pytest.param(
            lambda pack: shutil.rmtree(pack / "accounts" / CHANGED), _described_anew,
            f"has no pack of {CHANGED}, which it says it assessed", id="account-forgotten",
        ),
        pytest.param(
            lambda pack: (pack / "manifest.json").write_text("{"), lambda _: None, "is no whole pack", id="no-manifest"
        ),
    ],
)  # fmt: skip
def test_a_baseline_that_was_changed_is_no_word_for_what_was_known(
    made: Organized,
    tmp_path: Path,
    change: Callable[[Path], object],
    described: Callable[[Path], object],
    words: str,
) -> None:
    with pytest.raises(IntegrityError, match=words):
        Baselines.open(_config(_copied(made, tmp_path, change, described=described)), LATER)


def test_the_pack_of_one_account_is_no_baseline_of_an_organization(made: Organized) -> None:
    with pytest.raises(UsageError, match="is no pack of an organization"):
        Baselines.open(_config(made.pack / "accounts" / CHANGED), LATER)


def test_what_only_a_newer_catalogue_asks_is_told_apart(made: Organized, tmp_path: Path) -> None:
    """An earlier pack whose catalogue did not have one of the controls that fail today."""
    failing = [item for item in material_of(made.pack).summaries if item.states[CONTROLS[0]].value == "FAIL"]
    assert failing

    def older(pack: Path) -> None:
        def forget(document: dict[str, Any]) -> None:
            document["controls"] = [item for item in document["controls"] if item["id"] != CONTROLS[0]]

        for account in (pack / "accounts").iterdir():
            _edited(account / "results/results.json", forget)

    earlier = _copied(made, tmp_path, older)
    held = _held(made, earlier)
    assert held.code == 1
    assert {item.change for item in held.gate.loud} == {Change.NEW_BY_CATALOGUE}
    assert {item.finding.account for item in held.gate.loud} == {item.member.account for item in failing}
    assert _only_gaps_of(_held(made, earlier, accept_new_controls=True))


def _only_gaps_of(held: Held) -> bool:
    return held.code == 3 and all(item.change is Change.NEW_BY_CATALOGUE for item in held.gate.loud)


def test_the_pack_of_another_organization_is_refused(made: Organized) -> None:
    baselines = Baselines.open(_config(made.pack), LATER)
    assert baselines is not None
    with pytest.raises(UsageError, match="is of o-nw7k2m4p9x, and this run is of o-another0000"):
        baselines.must_be_of("o-another0000")


def test_a_run_takes_both_and_each_account_sends_its_own(group: Simulator, made: Organized, tmp_path: Path) -> None:
    """One account in which the role may not import: its findings are listed, and the run has not delivered all."""
    group.fault("securityhub:BatchImportFindings", "access-denied", times=1)
    again = organized(
        tmp_path, baseline=str(made.pack), securityhub_import=True, include=["210000000004", CHANGED], formats=["csv"],
        control_ids=CONTROLS[:2],
    )  # fmt: skip
    assert again.imported is not None
    assert again.held is not None
    assert again.held.code == 0, "what failed was known, and both accounts were assessed"
    records = again.imported.records
    assert set(records) == {"210000000004", CHANGED}
    assert records[CHANGED]["accepted"] == records[CHANGED]["sent"] > 0
    assert {account for account, _ in again.imported.refused} == {"210000000004"}
    assert again.code == 5
    printed = document_of(again, parse_period("2026-10", AS_OF))
    validator("run-organization.schema.json").validate(json.loads(text_of(printed)))
    for account in records:
        sent = json.loads((again.pack / "accounts" / account / "results/securityhub-import.json").read_bytes())
        assert {item["operation"] for item in sent["calls"]} <= {
            "BatchImportFindings",
            "GetCallerIdentity",
            "AssumeRole",
        }
    report = verify_pack(again.pack, Demands(at=AS_OF))
    assert report.verdict != "fail"
    difference = compare_packs(made.pack, again.pack)
    changed = difference.comparison
    known = changed.of(Change.KNOWN)
    assert known, "what failed in both accounts then fails now"
    assert {item.finding.account for item in known} <= set(records)
    gone = {item.finding.account for item in changed.of(Change.OUT_OF_SCOPE)}
    assert gone >= {story.AUDIT, story.MANAGEMENT}, "who is not in the newer pack is no longer asked about, not fixed"
    assert (difference.exit_code, changed.of(Change.NEW, Change.FIXED)) == (3, ())
    validator("diff.schema.json").validate(json.loads(text_of(difference.document())))
    assert compare_packs(made.pack, made.pack).exit_code == 0
