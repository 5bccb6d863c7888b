"""Folders of downloaded objects: the same verdict offline, and no way out of the folder."""

import json
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from auditor.base.errors import UsageError
from auditor.simulator.delivery import deliver
from auditor.trail.discover import Wanted, owned, scopes_of_place
from auditor.trail.fetch import FolderSource, Unavailable, read_key_file
from auditor.trail.findings import Level
from auditor.trail.keys import parse_key_file, parse_keys
from auditor.trail.report import TrailReport
from auditor.trail.verify import Progress, verify_trail

from .bucket import END, HOME, KEYS, NOW, OTHER, START, TRAIL, Bucket, Source, book, filled, scope, verify
from .scenarios import AT, genuine


def download(bucket: Bucket, root: Path, *, below_bucket: bool = False, sidecars: bool = False) -> Path:
    """Write a bucket's objects, metadata and keys into a folder."""
    metadata = {}
    for (name, key), held in bucket.objects.items():
        path = root / name / key if below_bucket else root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(held.body)
        if held.metadata and sidecars:
            head = {"ContentLength": len(held.body), "Metadata": dict(held.metadata)}
            path.with_name(path.name + ".metadata.json").write_text(json.dumps(head))
        elif held.metadata:
            metadata[key] = {f"x-amz-meta-{name}": value for name, value in held.metadata.items()}
    if not sidecars:
        (root / "metadata.json").write_text(json.dumps(metadata))
    (root / "public-keys.json").write_text(json.dumps(book().document()))
    return root


def verify_folder(root: Path) -> TrailReport:
    source = FolderSource(root)
    [found] = scopes_of_place(source, "", "", Wanted(START, END))
    return verify_trail(source, lambda regions, *_: source.keys(regions), found, now=NOW)


@pytest.mark.parametrize(("below", "sidecars"), [(False, False), (True, False), (False, True)])
def test_a_downloaded_trail_verifies_offline(tmp_path: Path, below: bool, sidecars: bool) -> None:
    report = verify_folder(download(genuine(), tmp_path, below_bucket=below, sidecars=sidecars))
    assert report.verdict is Level.PASS
    assert report.scope.location.bucket == TRAIL.bucket
    assert report.logs == verify(genuine()).logs


def test_the_archive_of_a_run_verifies_again_but_for_the_logs_it_does_not_hold(tmp_path: Path) -> None:
    first = verify(genuine(), archive=tmp_path / "kept")
    again = verify_folder(tmp_path / "kept")
    assert again.digests == first.digests
    assert again.anchors == first.anchors
    assert {finding.kind for finding in again.findings} == {"log_missing"}


def test_archives_are_the_same_bytes_every_time(tmp_path: Path) -> None:
    for name in ("one", "two"):
        verify(genuine(), archive=tmp_path / name, concurrency=4)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == ["digests.zip", "metadata.json", "objects.csv", "public-keys.json"]
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.parametrize("key", ["../outside", "/etc/passwd", "a/../../outside", "a\\..\\b", "nul\x00", "link/secret"])
def test_no_key_leaves_the_folder(tmp_path: Path, key: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "outside").write_text("secret")
    (tmp_path / "secret").write_text("secret")
    (root / "link").symlink_to(tmp_path)
    source = FolderSource(root)
    with pytest.raises(Unavailable) as caught:
        source.get("", key)
    assert caught.value.reason == "broken", "the object may well be there, elsewhere"
    with pytest.raises(Unavailable):
        source.get("..", "outside")


def test_a_folder_that_is_none_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        FolderSource(tmp_path / "nowhere")


def test_missing_keys_are_reported_for_every_region(tmp_path: Path) -> None:
    found = read_key_file(tmp_path / "none.json", (HOME, OTHER))
    assert [region for region, _ in found.unavailable] == [HOME, OTHER]
    root = download(genuine(), tmp_path)
    (root / "public-keys.json").write_text("not json")
    report = verify_folder(root)
    assert {"keys_unavailable", "key_not_found"} <= {finding.kind for finding in report.findings}
    assert report.verdict is Level.INCOMPLETE


def test_key_files_are_read_in_all_their_forms() -> None:
    published = KEYS.key_for(HOME, START)
    wire = {"PublicKeyList": [published.published_json()]}
    plain = parse_keys(HOME, [published.published()])
    assert parse_key_file(wire, [HOME]) == plain
    assert parse_key_file({HOME: wire}, []) == plain
    assert parse_key_file(book(regions=(HOME,)).document(), []) == list(book(regions=(HOME,)).keys)
    hostile: list[Any] = [[], {"PublicKeyList": [1, {}, {"Value": "!"}]}, {HOME: 7}, "x"]
    for broken in hostile:
        assert parse_key_file(broken, [HOME]) == []


def test_every_trail_of_a_place_gets_a_scope_of_its_own() -> None:
    bucket = filled(trail=replace(TRAIL, name="second", organization="o-abcdef1234"), accounts=("", "444455556666"))
    filled(into=bucket)
    found = scopes_of_place(Source(bucket), TRAIL.bucket, "", Wanted(START, END))
    assert [(item.trail, item.location.organization, item.accounts) for item in found] == [
        ("audit", None, ("111122223333",)),
        ("second", "o-abcdef1234", ("111122223333", "444455556666")),
    ]
    [only] = scopes_of_place(Source(bucket), TRAIL.bucket, "logs/AWSLogs/x", Wanted(START, END, trail="audit"))
    assert only.trail == "audit"


def test_one_trail_that_moved_is_one_report_and_two_of_one_name_stay_two() -> None:
    wanted = Wanted(START, END)
    elsewhere = replace(TRAIL, home_region=OTHER)
    both = filled(trail=elsewhere, into=filled())
    assert [item.home_region for item in scopes_of_place(Source(both), TRAIL.bucket, "", wanted)] == [HOME, OTHER]
    again = filled(end=AT)
    for stored in deliver(elsewhere, region=OTHER, keys=KEYS, start=AT, end=END, records=[]):
        again.put(stored)
    (moved,) = scopes_of_place(Source(again), TRAIL.bucket, "", wanted)
    assert (moved.home_region, moved.former_homes) == (OTHER, (HOME,))
    old = filled(trail=replace(TRAIL, prefix="old"), end=AT)
    for stored in deliver(TRAIL, region=HOME, keys=KEYS, start=AT, end=END, records=[]):
        old.put(stored)
    (united,) = scopes_of_place(Source(old), TRAIL.bucket, "", wanted)
    assert (united.location.prefix, [place.prefix for place in united.more_locations]) == ("logs", ["old"])
    neighbours = filled(trail=replace(TRAIL, account="444455556666"), into=filled())
    assert len(scopes_of_place(Source(neighbours), TRAIL.bucket, "", wanted)) == 2


def test_a_members_own_trail_does_not_own_the_organizations() -> None:
    bucket = filled(trail=replace(TRAIL, account="444455556666"), end=AT)
    trail = replace(TRAIL, organization="o-abcdef1234")
    for account in ("", "444455556666"):
        for stored in deliver(trail, region=HOME, keys=KEYS, start=AT, end=END, records=[], account=account):
            bucket.put(stored)
    scopes = scopes_of_place(Source(bucket), TRAIL.bucket, "", Wanted(START, END))
    assert not any(scope.owner_known for scope in scopes if scope.location.organization)


def test_a_trail_of_all_regions_is_missed_where_it_left_nothing() -> None:
    regions = (HOME, "us-east-1")
    wanted = Wanted(START, END, everywhere=lambda: regions)
    [single] = scopes_of_place(Source(filled()), TRAIL.bucket, "", wanted)
    assert single.regions == ()
    bucket = filled(regions=(HOME, OTHER))
    [everywhere] = scopes_of_place(Source(bucket), TRAIL.bucket, "", wanted)
    assert everywhere.regions == regions
    report = verify(bucket, everywhere)
    assert {(item.kind, item.region) for item in report.findings} == {("no_digests", "us-east-1")}
    [chosen] = scopes_of_place(Source(bucket), TRAIL.bucket, "", replace(wanted, regions=(OTHER,)))
    assert chosen.regions == (OTHER,)


def test_an_organizations_trail_is_bound_to_its_owner_by_arn_or_by_the_organization() -> None:
    organization = replace(TRAIL, organization="o-abcdef1234")
    bucket = filled(trail=organization, accounts=("", "444455556666"))
    [unbound] = scopes_of_place(Source(bucket), TRAIL.bucket, "", Wanted(START, END))
    assert not unbound.owner_known
    assert owned(unbound, "o-another123", "444455556666") == unbound
    bound = owned(unbound, "o-abcdef1234", "444455556666")
    assert (bound.owner_known, bound.account) == (True, "444455556666")
    by_arn = Wanted(START, END, trail="audit", home=HOME, owner="444455556666")
    [named] = scopes_of_place(Source(bucket), TRAIL.bucket, "", by_arn)
    assert (named.owner_known, named.account) == (True, "444455556666")


def test_an_arn_leaves_out_trails_of_the_same_name() -> None:
    bucket = filled()
    for owner, home in (("444455556666", HOME), (TRAIL.account, OTHER)):
        wanted = Wanted(START, END, trail=TRAIL.name, home=home, owner=owner)
        [nothing] = scopes_of_place(Source(bucket), TRAIL.bucket, "", wanted)
        assert verify(bucket, nothing).digests.valid == 0


def test_a_place_without_digests_still_gets_a_scope() -> None:
    [nothing] = scopes_of_place(Source(Bucket()), TRAIL.bucket, "", Wanted(START, END))
    assert verify(Bucket(), nothing).verdict is Level.INCOMPLETE


# ------------------------------------------------------------------------------------------- stop and go on


class Stopping(Source):
    """Asks for a stop after some log files."""

    def __init__(self, bucket: Bucket, stop: Event, after: int) -> None:
        super().__init__(bucket)
        self._stop, self._after = stop, after

    def read(self, bucket: str, key: str, size: int | None) -> bytes:
        time.sleep(0.003)  # a slow store gets its files in small batches
        self._after -= 1
        if self._after == 0:
            self._stop.set()
        return super().read(bucket, key, size)


def test_a_stopped_run_says_what_it_did_not_reach_and_the_next_one_goes_on(tmp_path: Path) -> None:
    checkpoint = tmp_path / "state" / "checkpoint.sqlite"
    bucket = genuine().copy()
    stop = Event()
    part = verify_trail(
        Stopping(bucket, stop, after=12),
        lambda *_: book(),
        scope(),
        now=NOW,
        concurrency=1,
        stop=stop,
        checkpoint=checkpoint,
    )
    assert (part.interrupted, part.exit_code, part.verdict) == (True, 130, Level.INCOMPLETE)
    assert 0 < part.logs.valid < part.logs.expected
    assert part.logs.unchecked == part.logs.expected - part.logs.valid
    assert checkpoint.exists()
    altered = bucket.log_key(START)
    bucket.edit(altered, lambda data: data + b" ")
    source = Source(bucket)
    whole = verify_trail(source, lambda *_: book(), scope(), now=NOW, checkpoint=checkpoint)
    assert [finding.key for finding in whole.findings] == [altered]
    assert whole.logs.valid == whole.logs.expected - 1
    logs_read = {key for key in source.reads if "/CloudTrail/" in key}
    assert altered in logs_read
    assert len(logs_read) == whole.logs.expected - part.logs.valid + 1
    assert not checkpoint.exists()


def test_a_run_stopped_at_once_verifies_nothing_and_says_so() -> None:
    stop = Event()
    stop.set()
    report = verify(genuine(), stop=stop)
    assert report.interrupted
    assert report.digests.valid == 0
    assert report.verdict is Level.INCOMPLETE


def test_progress_never_runs_backwards() -> None:
    seen: list[Progress] = []
    verify(genuine(), progress=seen.append)
    by_stage: dict[str, list[int]] = {}
    for state in seen:
        by_stage.setdefault(state.stage, []).append(state.done)
    assert all(done == sorted(done) for done in by_stage.values())


def test_periods_need_not_begin_on_the_hour() -> None:
    odd = scope(start=START + timedelta(minutes=20), end=AT + timedelta(minutes=40))
    report = verify(genuine(), odd)
    assert report.verdict is Level.PASS
    assert len(report.chains[0].hours) == 4
