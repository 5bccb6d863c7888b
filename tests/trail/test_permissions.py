"""Every call that verification makes meets every fault: the run reports, says what it lacks, and never passes."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest

from auditor.base.errors import CollectionError, UsageError
from auditor.trail.asking import Account
from auditor.trail.audit import key_source
from auditor.trail.discover import Wanted
from auditor.trail.fetch import S3Source
from auditor.trail.findings import Level
from auditor.trail.report import TrailReport
from auditor.trail.verify import verify_trail

from .account_server import CALLS, FAULTS, ORGANIZATION, AccountHandler, AccountStore, account_store, serving
from .bucket import END, HOME, NOW, OTHER, START, TRAIL, Bucket, filled

LATER = END + timedelta(hours=2)


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_CONFIG_FILE", "/dev/null")
        yield boto3.Session("AKIAIOSFODNN7EXAMPLE", "x", region_name=HOME)


@pytest.fixture(scope="module")
def bucket() -> Bucket:
    return filled(
        trail=replace(TRAIL, organization=ORGANIZATION), regions=(HOME, OTHER), end=LATER, accounts=(TRAIL.account,)
    )


def verified(
    session: Any, store: AccountStore, monkeypatch: pytest.MonkeyPatch, place: str = "", **wanted: Any
) -> TrailReport:
    monkeypatch.setattr("auditor.trail.fetch.s3.FIRST_PAUSE_SECONDS", 0)
    monkeypatch.setattr("auditor.trail.fetch.account.KEY_ATTEMPTS", 1)
    with serving(store, AccountHandler) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        source = S3Source(session, retries=0)
        account = Account(session, attempts=1)
        asked = Wanted(START, END, **wanted)
        if place:
            (scope,) = account.place(source, TRAIL.bucket, place, asked)
        else:
            named = replace(asked, trail=TRAIL.name, home=HOME, owner=TRAIL.account)
            scope = account.trail(TRAIL.arn, named)
        return verify_trail(source, key_source(session), scope, now=NOW, concurrency=2)


def kinds(report: TrailReport) -> set[str]:
    return {finding.kind for finding in report.findings}


def test_with_all_answers_everything_is_proved(session: Any, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    store = account_store(bucket)
    report = verified(session, store, monkeypatch)
    assert (report.verdict, kinds(report)) == (Level.PASS, set())
    assert set(CALLS) - set(store.calls) == {"ListObjectVersions"}
    assert verified(session, store, monkeypatch, "logs").verdict is Level.PASS


COST: dict[str, tuple[set[str], Level]] = {
    "DescribeTrails": ({"trail_unreadable"}, Level.INCOMPLETE),
    "DescribeRegions": ({"regions_unknown"}, Level.INCOMPLETE),
    "DescribeOrganization": ({"organization_unknown"}, Level.NOTE),
    "ListPublicKeys": ({"keys_unavailable"}, Level.INCOMPLETE),
    "HeadBucket": (set(), Level.PASS),
    "ListObjectsV2": ({"list_unreadable"}, Level.INCOMPLETE),
    "GetObject": (set(), Level.INCOMPLETE),
    "GetBucketLifecycleConfiguration": (set(), Level.PASS),
    "ListObjectVersions": (set(), Level.PASS),
}
"""What a call's refusal must at least say, and the best verdict that is left."""


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_fails_costs_what_depends_on_it(
    session: Any, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, call: str, fault: str
) -> None:
    store = account_store(bucket)
    store.broken = {call: fault, **({"GetTrail": fault} if call == "DescribeTrails" else {})}
    report = verified(session, store, monkeypatch)
    said, best = COST[call]
    assert report.verdict >= best
    if fault in {"denied", "throttled"}:
        assert said <= kinds(report)
    if best is Level.PASS:
        assert report.verdict is Level.PASS
    if best is Level.INCOMPLETE:
        assert report.exit_code in {3, 4}


def test_regions_come_from_the_bucket_where_the_list_is_refused(
    session: Any, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("", "logs"):
        store = account_store(bucket)
        store.broken = {"DescribeRegions": "denied"}
        report = verified(session, store, monkeypatch, place)
        assert (report.verdict, kinds(report)) == (Level.INCOMPLETE, {"regions_unknown"})
        assert [(chain.account, chain.region) for chain in report.chains] == [
            (TRAIL.account, HOME),
            (TRAIL.account, OTHER),
        ]
        assert report.digests.valid == report.digests.expected


def test_get_trail_is_asked_where_describing_is_refused(
    session: Any, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = account_store(bucket)
    store.broken = {"DescribeTrails": "denied"}
    assert verified(session, store, monkeypatch).verdict is Level.PASS


def test_a_trail_of_one_region_needs_no_list_of_regions(
    session: Any, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = account_store(bucket, IsMultiRegionTrail=False)
    store.broken = {"DescribeRegions": "denied"}
    assert verified(session, store, monkeypatch).verdict is Level.PASS
    assert "DescribeRegions" not in store.calls


def test_what_is_known_of_nothing_claims_nothing(session: Any, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    store = account_store(bucket)
    store.broken = {"DescribeTrails": "denied", "GetTrail": "denied"}
    report = verified(session, store, monkeypatch)
    assert kinds(report) == {"trail_unreadable", "no_digests"}
    assert [gap.certainty for gap in report.gaps] == ["possible"]
    assert report.digests.expected == report.logs.expected == 0
    assert set(store.calls) == {"DescribeTrails", "GetTrail"}


def test_deletions_that_cannot_be_looked_for_are_said(
    session: Any, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = bucket.copy()
    for key in cut.digest_keys()[-4:]:
        cut.delete(key)
    store = account_store(cut)
    store.broken = {"ListObjectVersions": "denied"}
    report = verified(session, store, monkeypatch)
    assert report.verdict > Level.NOTE
    (unread,) = (item for item in report.findings if item.kind == "versions_unreadable")
    assert "AccessDenied" in unread.sentence


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        pytest.param({"Name": "another", "TrailARN": TRAIL.arn.replace("audit", "another")}, TRAIL.arn, id="another"),
        pytest.param({}, "nosuch", id="name"),
        pytest.param({}, TRAIL.arn.replace(HOME, OTHER), id="arn-of-another-region"),
    ],
)
def test_an_answer_about_another_trail_is_none(
    session: Any, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any], asked: str
) -> None:
    with serving(account_store(bucket, **answer), AccountHandler) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        with pytest.raises(UsageError, match="there is no trail") as refused:
            Account(session, attempts=1).trail(asked, Wanted(START, END))
    assert "trails seen there: " in refused.value.hint


def test_a_mistyped_trail_is_told_with_the_one_that_was_meant(
    session: Any, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(account_store(bucket), AccountHandler) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        with pytest.raises(UsageError) as refused:
            Account(session, attempts=1).trail(f"{TRAIL.name}s", Wanted(START, END))
    assert refused.value.hint == f"did you mean {TRAIL.name}?; trails seen there: {TRAIL.name}"


def test_where_nobody_is_there_the_run_breaks(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(CollectionError, match="EndpointConnectionError"):
        Account(session, attempts=1).trail(TRAIL.arn, Wanted(START, END))
