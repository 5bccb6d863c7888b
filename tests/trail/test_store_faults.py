"""What the store does wrong on the wire costs coverage at most, never the run and never the truth."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import boto3
import pytest

from auditor.trail.fetch import FIRST_PAUSE_SECONDS, S3Source, Unavailable
from auditor.trail.findings import Level
from auditor.trail.report import TrailReport
from auditor.trail.verify import verify_trail

from .bucket import ACCOUNT, HOME, HOUR, NOW, TRAIL, Held, book, filled, scope, verify
from .faulty_store import Store, breaking, redirecting, refusing, serving, slow, understating
from .scenarios import AT, Case, expiring, forged_log, genuine

assert FIRST_PAUSE_SECONDS < 1


@pytest.fixture
def store() -> Store:
    return Store(genuine().copy())


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    return boto3.Session(aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="x", region_name=HOME)


def verified(store: Store, session: Any, *, retries: int = 1, now: datetime = NOW) -> TrailReport:
    with serving(store) as endpoint:
        source = S3Source(session, endpoint_url=endpoint, retries=retries)
        return verify_trail(source, lambda *_: book(), scope(), now=now, concurrency=4)


def kinds(report: TrailReport) -> set[str]:
    return {finding.kind for finding in report.findings}


def test_over_http_the_report_is_the_same_as_in_memory(store: Store, session: Any) -> None:
    assert verified(store, session).document() == verify(store.bucket).document()


def test_a_prefix_that_the_faster_client_cannot_spell_is_read_by_the_sdk(session: Any) -> None:
    trail = replace(TRAIL, prefix="/logs//a/../b/")
    bucket = filled(trail=trail)
    with serving(Store(bucket)) as endpoint:
        source = S3Source(session, endpoint_url=endpoint, retries=1)
        report = verify_trail(source, lambda *_: book(), scope(trail), now=NOW, concurrency=4)
    assert report.document() == verify(bucket, scope(trail)).document()
    assert report.verdict is Level.PASS


def test_small_pages_lose_nothing(store: Store, session: Any) -> None:
    store.page = 3
    assert verified(store, session).verdict is Level.PASS


def test_a_short_throttling_storm_is_ridden_out(store: Store, session: Any) -> None:
    store.faults["json.gz"] = refusing(503, "SlowDown", times=1)
    assert verified(store, session, retries=4).verdict is Level.PASS


def test_a_log_that_stays_throttled_could_not_be_checked(store: Store, session: Any) -> None:
    store.faults[store.bucket.log_key(AT)] = refusing(503, "SlowDown")
    report = verified(store, session)
    assert kinds(report) == {"log_unreadable"}
    assert report.verdict is Level.INCOMPLETE
    assert report.findings[0].found == "SlowDown"


def test_a_throttled_listing_is_said(store: Store, session: Any) -> None:
    store.faults["list"] = refusing(503, "SlowDown")
    report = verified(store, session)
    assert {"list_unreadable", "no_digests"} <= kinds(report)
    assert report.verdict is Level.INCOMPLETE


@pytest.mark.parametrize("part", [0.0, 0.5, 0.99], ids=["at-once", "half-way", "near-the-end"])
def test_a_reset_in_mid_body_is_tried_again(store: Store, session: Any, part: float) -> None:
    store.faults[store.bucket.log_key(AT)] = breaking(part, times=1)
    assert verified(store, session).verdict is Level.PASS


def test_a_body_that_never_arrives_whole_could_not_be_checked(store: Store, session: Any) -> None:
    store.faults[store.bucket.digest_key(AT + HOUR)] = breaking(0.5)
    report = verified(store, session)
    assert "digest_unreadable" in kinds(report)
    assert report.verdict is Level.INCOMPLETE


def test_a_wrong_content_length_never_passes(store: Store, session: Any) -> None:
    store.faults[store.bucket.log_key(AT)] = understating()
    assert verified(store, session).verdict > Level.NOTE


@pytest.mark.parametrize(
    ("status", "code", "found"),
    [
        pytest.param(403, "AccessDenied", "AccessDenied", id="denied"),
        pytest.param(403, "InvalidObjectState", "InvalidObjectState", id="archived"),
        pytest.param(403, "InvalidAccessKeyId", "InvalidAccessKeyId", id="deleted-key"),
        pytest.param(400, "ExpiredToken", "ExpiredToken", id="expired"),
        pytest.param(500, "InternalError", "InternalError", id="broken"),
    ],
)
def test_one_refused_object_does_not_end_the_run(
    store: Store, session: Any, status: int, code: str, found: str
) -> None:
    store.faults[store.bucket.log_key(AT)] = refusing(status, code)
    report = verified(store, session, retries=2)
    assert [(item.kind, item.found) for item in report.findings] == [("log_unreadable", found)]
    assert report.logs.valid == report.logs.expected - 1


@pytest.mark.parametrize("key", ["k403", "k503", "NoSuchBucket", "<Code>AccessDenied</Code>", "storage class", "k429"])
@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        pytest.param(404, "NoSuchKey", "missing", id="missing"),
        pytest.param(500, "InternalError", "broken", id="broken"),
        pytest.param(403, "Whatever", "denied", id="denied"),
    ],
)
def test_a_hostile_name_says_nothing_about_the_outcome(
    store: Store, session: Any, monkeypatch: pytest.MonkeyPatch, key: str, status: int, code: str, reason: str
) -> None:
    monkeypatch.setattr("auditor.trail.fetch.s3.FIRST_PAUSE_SECONDS", 0)
    store.faults[key] = refusing(status, code)
    with serving(store) as endpoint, pytest.raises(Unavailable) as raised:
        S3Source(session, endpoint_url=endpoint, retries=0).get(TRAIL.bucket, key)
    assert raised.value.reason == reason


def test_a_redirect_is_not_followed_and_not_fatal(store: Store, session: Any) -> None:
    store.faults[store.bucket.log_key(AT)] = redirecting()
    assert kinds(verified(store, session)) == {"log_unreadable"}


def test_a_slow_object_is_waited_for(store: Store, session: Any) -> None:
    store.faults[store.bucket.log_key(AT)] = slow(0.5)
    assert verified(store, session).verdict is Level.PASS


def test_an_object_deleted_during_the_run_is_missing(store: Store, session: Any) -> None:
    store.faults[store.bucket.log_key(AT)] = refusing(404, "NoSuchKey")
    assert kinds(verified(store, session)) == {"log_missing"}


def test_an_object_that_appears_during_the_run_is_not_lost(store: Store, session: Any) -> None:
    def deliver() -> None:
        store.bucket.put(forged_log())

    store.before_listing = deliver
    assert kinds(verified(store, session)) == {"log_unvouched"}


def test_a_planted_name_that_the_client_cannot_read_does_not_hide_the_rest(store: Store, session: Any) -> None:
    key = f"logs/AWSLogs/{ACCOUNT}/CloudTrail/{HOME}/2026/10/05//extra.json.gz"
    store.bucket.set(TRAIL.bucket, key, Held(b"x", {}, NOW))
    report = verified(store, session)
    assert "object_unexpected" in kinds(report)
    assert report.logs.valid == report.logs.expected


def test_without_a_store_nothing_is_verified(session: Any) -> None:
    source = S3Source(session, endpoint_url="http://127.0.0.1:9", retries=0)
    with pytest.raises(Unavailable):
        source.get(TRAIL.bucket, "key")


def test_the_buckets_rules_explain_what_they_deleted(session: Any) -> None:
    case = expiring(Case(genuine().copy()))
    store = Store(case.bucket)
    report = verified(store, session, now=case.arguments["now"])
    assert {item.kind for item in report.findings} == {"gap_out_of_retention", "log_out_of_retention"}
    assert "Lifecycle rule keep of bucket trail-bucket deletes objects after 1 day." in report.gaps[0].sentence


@pytest.mark.parametrize("status", [pytest.param(403, id="denied"), pytest.param(503, id="throttled")])
def test_rules_that_cannot_be_read_explain_nothing(session: Any, status: int) -> None:
    case = expiring(Case(genuine().copy()))
    store = Store(case.bucket, {"lifecycle": refusing(status, "AccessDenied" if status == 403 else "SlowDown")})
    report = verified(store, session, retries=1, now=case.arguments["now"])
    assert report.verdict is Level.FAIL
    assert [bucket for bucket, _ in report.unread_rules] == ["trail-bucket"]
