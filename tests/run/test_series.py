"""A pack follows the newest complete and comparable one, and says why it passed newer ones over."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from auditor.base.canonical import canonical_json, sha256_hex
from auditor.base.period import parse_period
from auditor.run.series import Wish, find_previous

NOW = datetime(2026, 12, 2, tzinfo=UTC)
WISH = Wish(
    account="111122223333",
    regions=("eu-central-1", "us-east-1"),
    frameworks=("cis-aws-5.0.0", "trail-readiness"),
    controls=(),
    period=parse_period("2026-11", NOW),
    before=NOW,
    trails=True,
)
Change = Callable[[dict[str, Any], dict[str, Any]], object]


def pack(out: Path, name: str, day: int, change: Change = lambda _m, _r: None) -> str:
    """Write what is read of a pack: manifest and results of a run in October."""
    period = parse_period("2026-10", NOW)
    results: dict[str, Any] = {
        "run": {
            "accounts": [],
            "as_of": f"2026-11-{day:02}T06:00:00Z",
            "frameworks": [],
            "period": period.document(),
            "skipped": [],
        },
        "controls": [],
        "gaps": [],
        "integrity": [],
        "sampling": None,
    }
    manifest: dict[str, Any] = {
        "pack_id": name,
        "previous_pack": None,
        "scope": {
            "as_of": f"2026-11-{day:02}T06:00:00Z",
            "accounts": [{"id": WISH.account, "regions": ["eu-central-1", "eu-west-1", "us-east-1"]}],
            "skipped": [],
        },
        "period": period.document(),
        "frameworks": ["cis-aws-5.0.0"],
        "completeness": {"planned": 100, "done": 90, "not_assessed": 4},
    }
    change(manifest, results)
    manifest["results_sha256"] = sha256_hex(canonical_json(results))
    folder = out / WISH.account / period.label / name
    (folder / "results").mkdir(parents=True)
    (folder / "results" / "results.json").write_bytes(canonical_json(results))
    (folder / "manifest.json").write_bytes(canonical_json(manifest))
    return sha256_hex(canonical_json(manifest))


UNFIT: list[Any] = [
    pytest.param(lambda m, _: m["completeness"].update(done=40), "only 40 of 100 calls", id="unanswered"),
    pytest.param(lambda _, r: r["gaps"].append({"error": "ExpiredTokenException"}), "credentials", id="expired"),
    pytest.param(lambda m, _: m.update(period=parse_period("2026-12", NOW).document()), "later", id="later-period"),
    pytest.param(
        lambda m, _: m.update(period=parse_period("2026-11-20/2026-12-01", NOW).document()), "another", id="part"
    ),
    pytest.param(lambda m, _: m["scope"]["accounts"][0].update(regions=["us-east-1"]), "eu-central-1", id="narrower"),
    pytest.param(lambda m, _: m["scope"].update(skipped=["trail"]), "did not verify", id="trails-skipped"),
    pytest.param(lambda m, _: m.update(frameworks=["own-rules"]), "other frameworks", id="frameworks"),
    pytest.param(lambda m, r: (m.update(frameworks=[]), r["run"].update(controls=["iam-root-mfa"])),
                 "other frameworks", id="one-control"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "reason"), UNFIT)
def test_a_newer_pack_that_is_not_comparable_is_passed_over_and_named(
    tmp_path: Path, change: Change, reason: str
) -> None:
    good = pack(tmp_path, "good", 2)
    pack(tmp_path, "newer", 9, change)
    found = find_previous(tmp_path, WISH)
    assert [(item.id, item.manifest_sha256) for item in found.packs] == [("good", good)]
    assert found.words.startswith("good (passed over: newer: ")
    assert reason in found.words


def test_the_newest_of_several_is_followed_with_all_that_it_names(tmp_path: Path) -> None:
    pack(tmp_path, "first", 2)
    earlier = {"id": "before", "manifest_sha256": "0" * 64}
    pack(tmp_path, "second", 5, lambda m, _: m.update(previous_pack=earlier, earlier_packs=[{**earlier, "id": "old"}]))
    found = find_previous(tmp_path, WISH)
    assert [item.id for item in found.packs] == ["second", "before", "old"]
    assert find_previous(tmp_path, replace(WISH, before=datetime(2026, 11, 3, tzinfo=UTC))).packs[0].id == "first"
    assert find_previous(tmp_path, replace(WISH, account="444455556666")).words == "none"


def test_the_keys_of_the_pack_before_are_known_to_the_next(tmp_path: Path) -> None:
    keys = [{"region": "us-east-1", "fingerprint": "ab" * 16}, {"region": "eu-central-1", "fingerprint": "cd" * 16}]
    pack(tmp_path, "first", 2, lambda _, results: results.update(integrity=[{"trail": {"arn": ""}, "keys": keys}]))
    assert find_previous(tmp_path, WISH).keys == (("eu-central-1", "cd" * 16), ("us-east-1", "ab" * 16))
    assert find_previous(tmp_path / "nowhere", WISH).keys == ()


def test_changed_results_and_broken_manifests_anchor_nothing(tmp_path: Path) -> None:
    pack(tmp_path, "changed", 9)
    path = tmp_path / WISH.account / "2026-10" / "changed" / "results" / "results.json"
    path.write_bytes(orjson.dumps({**orjson.loads(path.read_bytes()), "gaps": [1]}))
    (tmp_path / WISH.account / "2026-10" / "broken").mkdir()
    (tmp_path / WISH.account / "2026-10" / "broken" / "manifest.json").write_bytes(b"[]")
    assert find_previous(tmp_path, WISH).packs == ()


def test_the_same_period_and_single_controls_are_comparable_with_their_like(tmp_path: Path) -> None:
    def one(manifest: dict[str, Any], results: dict[str, Any]) -> None:
        manifest.update(frameworks=[], period=WISH.period.document())
        results["run"]["controls"] = ["iam-root-mfa", "kms-key-rotation"]

    pack(tmp_path, "chosen", 9, one)
    assert find_previous(tmp_path, replace(WISH, frameworks=(), controls=("iam-root-mfa",))).packs[0].id == "chosen"
    assert not find_previous(tmp_path, replace(WISH, frameworks=(), controls=("vpc-flow-logs",))).packs
