"""Packs in a series: each names the one before, and no digest chain may lose its history in between."""

import gzip
import hashlib
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from auditor.base.canonical import canonical_json
from auditor.base.errors import IntegrityError
from auditor.pack.layout import BY_BUCKET
from auditor.seal.archive import pack_zip
from auditor.seal.contents import FolderFiles, read_small
from auditor.seal.following import invented_keys
from auditor.seal.manifest import Manifest, PreviousPack
from auditor.seal.manifest_form import parse_manifest
from auditor.seal.pack import Sealing
from auditor.seal.report import Difference, Outcome, Rechecked, VerifyReport
from auditor.seal.verify import Demands, verify_pack
from auditor.trail.report import TrailScope
from tests.seal.authority import self_signed_signer
from tests.seal.packs import info, sealed_pack
from tests.trail import bucket as trail_bucket
from tests.trail.bucket import Bucket

HOUR = timedelta(hours=1)
DEMANDS = Demands(at=datetime(2026, 12, 1, tzinfo=UTC))
CONTENT = b'{"digestEndTime": "2026-11-01T00:00:00Z"}'
DIGEST = {
    "account": "111122223333",
    "region": "us-east-1",
    "bucket": "trail-bucket",
    "key": "AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/10/31/newest.json.gz",
    "end": "2026-11-01T00:00:00Z",
    "sha256": hashlib.sha256(CONTENT).hexdigest(),
    "signature": "cd" * 256,
}
LATER = {**DIGEST, "key": DIGEST["key"].replace("10/31", "11/30"), "end": "2026-12-01T00:00:00Z", "sha256": "ef" * 32}


def manifest_of(pack: Path) -> Manifest:
    return parse_manifest(read_small(FolderFiles(pack), "manifest.json"))


def october(folder: Path) -> Path:
    return sealed_pack(folder / "october", integrity=({"anchors": [DIGEST]},))


def november(
    folder: Path,
    previous: Path,
    *reports: dict[str, Any],
    named: PreviousPack | None = None,
    earlier: tuple[PreviousPack, ...] = (),
    archived: tuple[tuple[str, bytes], ...] = ((DIGEST["key"], CONTENT),),
) -> Path:
    before = manifest_of(previous)
    named = named or PreviousPack(before.pack_id, before.sha256)
    what = replace(info("2026-11-example", previous=named), earlier=earlier)
    archive(folder / "november", archived)
    return sealed_pack(folder / "november", what, integrity=reports)


def archive(pack: Path, digests: tuple[tuple[str, bytes], ...]) -> None:
    """Write the archive of digests that a run leaves in its pack."""
    place = pack / "evidence" / "integrity" / "trail-1"
    place.mkdir(parents=True)
    with zipfile.ZipFile(place / "digests.zip", "w") as file:
        for key, content in digests:
            file.writestr(key, gzip.compress(content))


def verified(pack: Path, previous: Path) -> VerifyReport:
    return verify_pack(pack, replace(DEMANDS, previous=previous))


def test_a_pack_that_follows_and_has_seen_every_anchor_holds(tmp_path: Path) -> None:
    first = october(tmp_path)
    second = november(tmp_path, first, {"anchors": [LATER], "earlier_anchors": [DIGEST]})
    pack_zip(first, tmp_path / "october.zip")
    for previous in (first, tmp_path / "october.zip"):
        report = verified(second, previous)
        assert report.findings == ()
        assert report.outcome("previous") is Outcome.PASS


def test_a_manifest_anchors_the_newest_digest_of_each_chain(tmp_path: Path) -> None:
    (anchor,) = manifest_of(october(tmp_path)).anchors
    assert anchor.chain == "111122223333/us-east-1/s3://trail-bucket"
    assert (anchor.object, anchor.sha256, anchor.end) == (DIGEST["key"], DIGEST["sha256"], DIGEST["end"])


@pytest.mark.parametrize(
    ("report", "archived"),
    [
        pytest.param({"anchors": [LATER]}, (), id="not-there"),
        pytest.param({"anchors": [LATER], "earlier_anchors": [DIGEST]}, (), id="said-and-not-there"),
        pytest.param({"earlier_anchors": [DIGEST]}, ((DIGEST["key"], b"{}"),), id="another-content"),
        pytest.param({"earlier_anchors": [DIGEST]}, (("elsewhere.json.gz", CONTENT),), id="another-key"),
        pytest.param(
            {
                "anchors": [LATER],
                "earlier_anchors": [DIGEST],
                "findings": [{"kind": "anchor_missing", "object": DIGEST["key"]}],
            },
            ((DIGEST["key"], CONTENT),),
            id="looked-for-and-gone",
        ),
    ],
)
def test_history_that_disappeared_between_two_packs_is_found(
    tmp_path: Path, report: dict[str, Any], archived: tuple[tuple[str, bytes], ...]
) -> None:
    """By the preparer: what a report says about an anchor proves nothing."""
    first = october(tmp_path)
    outcome = verified(november(tmp_path, first, report, archived=archived), first)
    assert outcome.exit_code == 4
    assert any(DIGEST["key"] in finding.message for finding in outcome.findings)


def test_a_digest_counts_as_seen_in_an_archive_that_tells_buckets_apart(tmp_path: Path) -> None:
    first = october(tmp_path)
    for name, comment, findings in (("apart", BY_BUCKET, 0), ("not-apart", b"", 1)):
        folder = tmp_path / name
        place = folder / "november" / "evidence" / "integrity" / "trail-1" / "digests.zip"
        archive(folder / "november", ((f"{DIGEST['bucket']}/{DIGEST['key']}", CONTENT),))
        with zipfile.ZipFile(place, "a") as file:
            file.comment = comment
        before = manifest_of(first)
        what = info("2026-11-example", previous=PreviousPack(before.pack_id, before.sha256))
        second = sealed_pack(folder / "november", what, integrity=({"anchors": [LATER]},))
        assert len(verified(second, first).findings) == findings


def test_a_key_that_the_pack_before_did_not_use_is_not_called_seen_before(tmp_path: Path) -> None:
    key = {"region": "us-east-1", "fingerprint": "ab" * 16}
    other = {"region": "us-east-1", "fingerprint": "cd" * 16}
    before = {"run": {"keys_before": []}, "integrity": [{"keys": [key]}]}
    said = {"run": {"keys_before": [["us-east-1", "ab" * 16]]}}
    assert invented_keys(said, before) == []
    (found,) = invented_keys(said, {**before, "integrity": [{"keys": [other]}]})
    assert "calls the key abab" in found.message
    assert invented_keys({}, before) == []
    odd: tuple[Any, ...] = ([], None, {"run": {"keys_before": [1]}}, {"run": []})
    assert [item.kind for document in odd for item in invented_keys(document, before)] == ["mismatch"] * 4
    odd = ([], None, {"integrity": [{"keys": [{}]}]})
    assert [item.kind for document in odd for item in invented_keys(said, document)] == ["mismatch"] * 3


@pytest.mark.parametrize(
    "named",
    [PreviousPack("2026-09-example", "0" * 64), PreviousPack("2026-10-example", "0" * 64)],
    ids=["another-id", "another-manifest"],
)
def test_a_pack_that_follows_another_one_is_recognised(tmp_path: Path, named: PreviousPack) -> None:
    first = october(tmp_path)
    report = verified(november(tmp_path, first, {"earlier_anchors": [DIGEST]}, named=named), first)
    assert any("which is not the one given" in finding.message for finding in report.findings)


def test_a_pack_without_a_predecessor_follows_none(tmp_path: Path) -> None:
    first = october(tmp_path)
    archive(tmp_path / "other", ((DIGEST["key"], CONTENT),))
    second = sealed_pack(tmp_path / "other", integrity=({"earlier_anchors": [DIGEST]},))
    assert any("names no previous pack" in finding.message for finding in verified(second, first).findings)


def test_a_previous_pack_that_does_not_hold_itself_is_told(tmp_path: Path) -> None:
    first = october(tmp_path)
    second = november(tmp_path, first, {"earlier_anchors": [DIGEST]})
    (first / "results/controls.csv").unlink()
    report = verified(second, first)
    assert ("previous", "missing", "results/controls.csv") in {
        (finding.check, finding.kind, finding.path) for finding in report.findings
    }


def test_what_others_recheck_is_part_of_the_report(tmp_path: Path) -> None:
    pack = october(tmp_path)
    pack_zip(pack, tmp_path / "pack.zip")
    seen: list[bool] = []

    def replay(folder: Path) -> Rechecked:
        seen.append((folder / "results/results.json").exists())
        return Rechecked("", (Difference("results/results.json", "/state was PASS, is FAIL\x1b[2J"),))

    for path in (pack, tmp_path / "pack.zip"):
        report = verify_pack(path, replace(DEMANDS, replay=replay, recheck_trail=lambda _: Rechecked("")))
        assert (report.outcome("replay"), report.outcome("trail")) == (Outcome.FAIL, Outcome.PASS)
        assert [finding.message for finding in report.findings] == ["/state was PASS, is FAIL\\x1b[2J"]
    assert seen == [True, True]


def test_nothing_is_rechecked_in_a_pack_that_does_not_hold(tmp_path: Path) -> None:
    pack = october(tmp_path)
    (pack / "results/link").symlink_to("/etc/passwd")

    def never(folder: Path) -> Rechecked:
        raise AssertionError(folder)

    report = verify_pack(pack, replace(DEMANDS, replay=never))
    assert report.outcome("replay") is Outcome.UNKNOWN
    assert report.exit_code == 4


def test_a_recheck_that_cannot_be_done_fails(tmp_path: Path) -> None:
    def broken(folder: Path) -> Rechecked:
        raise IntegrityError(f"no rules in {folder.name}")

    report = verify_pack(october(tmp_path), replace(DEMANDS, replay=broken))
    assert [finding.message for finding in report.findings] == ["no rules in october"]


def test_another_certificate_of_the_same_name_is_told_of_a_pack_in_a_series(tmp_path: Path) -> None:
    """A new certificate is no fault; that it is a new one is for the reader to know."""
    at = DEMANDS.at
    first_key, second_key = self_signed_signer(at=at), self_signed_signer(at=at)
    first = sealed_pack(tmp_path / "october", sealing=Sealing(first_key, at, sign_pdf=False))
    before = manifest_of(first)
    what = info("2026-11-example", previous=PreviousPack(before.pack_id, before.sha256))
    for signer, told in ((first_key, False), (second_key, True)):
        second = sealed_pack(tmp_path / f"november-{told}", what, sealing=Sealing(signer, at, sign_pdf=False))
        report = verified(second, first)
        (words,) = [check.message for check in report.checks if check.name == "previous"]
        assert report.outcome("previous") is Outcome.PASS
        assert ("; this pack is signed with " in words and "ask the signer why" in words) == told


def halves(bucket: Bucket) -> tuple[dict[str, Any], Bucket, TrailScope]:
    """Verify the first hours of a bucket; return that report and what to ask about the rest."""
    first = trail_bucket.verify(bucket, trail_bucket.scope(end=trail_bucket.START + 4 * HOUR))
    rest = trail_bucket.scope(start=trail_bucket.START + 4 * HOUR, anchors=first.anchors)
    return first.document(), bucket, rest


def test_the_reports_of_the_trail_room_say_that_they_looked_for_the_anchors(tmp_path: Path) -> None:
    before, bucket, rest = halves(trail_bucket.filled())
    first = sealed_pack(tmp_path / "october", integrity=(before,))
    assert manifest_of(first).anchors
    later = tmp_path / "later"
    report = trail_bucket.verify(bucket, rest, archive=later)
    with zipfile.ZipFile(later / "digests.zip") as file:
        kept = tuple((name, gzip.decompress(file.read(name))) for name in file.namelist())
    second = november(tmp_path, first, report.document(), archived=kept)
    assert verified(second, first).findings == ()


def test_the_digest_after_an_anchor_proves_it(tmp_path: Path) -> None:
    after = {"previousDigestS3Object": DIGEST["key"], "previousDigestHashValue": DIGEST["sha256"]}
    first = october(tmp_path)
    second = november(tmp_path, first, archived=(("after.json.gz", canonical_json(after)),))
    assert verified(second, first).findings == ()


def test_any_earlier_pack_of_the_series_is_accepted_with_its_distance(tmp_path: Path) -> None:
    first = october(tmp_path)
    manifest = manifest_of(first)
    between = PreviousPack("2026-10-again", "1" * 64)
    second = november(
        tmp_path, first, named=between, earlier=(PreviousPack(manifest.pack_id, manifest.sha256),), archived=()
    )
    report = verified(second, first)
    assert report.exit_code == 0
    (check,) = [check for check in report.checks if check.name == "previous"]
    assert check.message.startswith("it follows the pack given, 2 packs back")


def test_a_digest_deleted_between_two_runs_is_found_in_their_packs(tmp_path: Path) -> None:
    before, bucket, rest = halves(trail_bucket.filled())
    first = sealed_pack(tmp_path / "october", integrity=(before,))
    bucket.delete(before["anchors"][0]["key"])
    second = november(tmp_path, first, trail_bucket.verify(bucket, rest).document())
    assert any(before["anchors"][0]["key"] in finding.message for finding in verified(second, first).findings)
