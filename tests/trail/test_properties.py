"""Laws for every bucket: nothing altered passes, loss never helps, order does not matter, two verifiers agree."""

import gzip
import random
import time
from collections.abc import Iterator
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.trail.digest import Proof, RawDigest, check_digest
from auditor.trail.fetch import Fetched, Listed
from auditor.trail.findings import Level
from auditor.trail.gunzip import Damaged, inflate
from auditor.trail.names import parse_digest_key
from auditor.trail.report import TrailReport
from auditor.trail.verify import verify_trail

from .bucket import END, HOME, HOUR, KEYS, NOW, START, TRAIL, Bucket, Source, book, scope, verify
from .reference import refer
from .scenarios import AT, forged_log, genuine, stopped

_FEW = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def _raw(bucket: Bucket, key: str) -> RawDigest:
    held = bucket.objects[TRAIL.bucket, key]
    name = parse_digest_key(key)
    assert name is not None
    return RawDigest(TRAIL.bucket, key, name, held.body, held.metadata)


# ------------------------------------------------------------------------------------------------- single bytes


def test_every_changed_bit_of_a_digest_is_found() -> None:
    raw = _raw(genuine(), genuine().digest_key(AT + HOUR))
    keys = book().index()
    content = gzip.decompress(raw.body)
    assert check_digest(raw, keys).proof is Proof.VALID
    unnoticed = 0
    for position in range(len(raw.body)):
        for bit in range(8):
            body = bytearray(raw.body)
            body[position] ^= 1 << bit
            if check_digest(replace(raw, body=bytes(body)), keys).proof is Proof.VALID:
                unnoticed += 1
                assert inflate(bytes(body), 1 << 20, keep=True).data == content
    assert unnoticed < 8 * 10  # bits of the gzip header and the padding after the last block: no signature covers them


def test_every_changed_character_of_the_metadata_is_found() -> None:
    raw = _raw(genuine(), genuine().digest_key(AT + HOUR))
    keys = book().index()
    for name, text in raw.metadata.items():
        for position, letter in enumerate(text):
            for other in {"0", "f", "A", letter.upper(), letter.lower(), " "} - {letter}:
                metadata = {**raw.metadata, name: text[:position] + other + text[position + 1 :]}
                checked = check_digest(replace(raw, metadata=metadata), keys)
                assert checked.proof is not Proof.VALID or checked.findings


def test_every_changed_bit_of_a_log_file_is_found() -> None:
    body = genuine().objects[TRAIL.bucket, genuine().log_key(AT)].body
    genuine_log = inflate(body, 1 << 20, keep=True)
    unnoticed = 0
    for position in range(len(body)):
        for bit in range(8):
            changed = bytearray(body)
            changed[position] ^= 1 << bit
            try:
                found = inflate(bytes(changed), 1 << 20, keep=True)
            except Damaged:
                continue
            if found.sha256 == genuine_log.sha256:
                unnoticed += 1
                assert found.data == genuine_log.data
    assert unnoticed < 8 * 10


@_FEW
@given(st.data())
def test_a_changed_byte_anywhere_in_the_period_never_passes_unless_the_content_is_the_same(data: st.DataObject) -> None:
    bucket = genuine().copy()
    inside = [key for key in bucket.digest_keys() if bucket.digest_key(START + HOUR) <= key <= bucket.digest_key(END)]
    inside += [key for key in bucket.log_keys() if bucket.log_key(START) <= key < bucket.log_key(END)]
    key = data.draw(st.sampled_from(inside))
    body = bytearray(bucket.objects[TRAIL.bucket, key].body)
    content = gzip.decompress(bytes(body))
    position = data.draw(st.integers(0, len(body) - 1))
    body[position] ^= data.draw(st.integers(1, 255))
    bucket.change(key, bytes(body))
    if verify(bucket).verdict is Level.PASS:
        assert gzip.decompress(bytes(body)) == content


# ------------------------------------------------------------------------------------------------------- losses

_FAULTS = ("log_altered", "log_deleted", "log_truncated", "digest_altered", "digest_deleted", "metadata", "planted")


def _with_faults(draw: random.Random, count: int, kinds: tuple[str, ...] = _FAULTS) -> Bucket:
    bucket = genuine().copy()
    for number in range(count):
        kind = draw.choice(kinds)
        logs, digests = bucket.log_keys(), bucket.digest_keys()
        if kind == "log_altered":
            bucket.change(draw.choice(logs), gzip.compress(b"{}" + bytes([number]), mtime=0))
        elif kind == "log_deleted":
            bucket.delete(draw.choice(logs))
        elif kind == "log_truncated":
            key = draw.choice(logs)
            bucket.change(key, bucket.objects[TRAIL.bucket, key].body[: draw.randrange(40)])
        elif kind == "digest_altered":
            bucket.change(draw.choice(digests), gzip.compress(b"{}", mtime=0))
        elif kind == "digest_deleted":
            bucket.delete(draw.choice(digests))
        elif kind == "metadata":
            bucket.set_metadata(draw.choice(digests), signature=draw.choice([None, "00", "zz"]))
        else:
            stored = forged_log(START + draw.randrange(8 * 60) * (HOUR / 60))
            bucket.put(stored)
    return bucket


@_FEW
@given(st.integers(0, 2**32), st.integers(0, 3))
def test_losing_an_object_never_improves_the_verdict(seed: int, count: int) -> None:
    draw = random.Random(seed)  # noqa: S311
    bucket = _with_faults(draw, count, _FAULTS[:-1])  # a planted object that goes away is no loss
    before = verify(bucket)
    key = draw.choice([key for _, key in bucket.objects])
    bucket.delete(key)
    after = verify(bucket, scope(anchors=before.anchors))
    assert after.verdict >= before.verdict


def test_losing_any_single_digest_of_the_period_is_a_failure() -> None:
    anchors = verify(genuine()).anchors
    for step in range(1, 9):
        bucket = genuine().copy()
        bucket.delete(bucket.digest_key(START + step * HOUR))
        assert verify(bucket, scope(anchors=anchors)).verdict is Level.FAIL


# -------------------------------------------------------------------------------------------------------- order


class Shuffled(Source):
    """Lists in random order and answers after random pauses."""

    def __init__(self, bucket: Bucket, seed: int) -> None:
        super().__init__(bucket)
        self._draw = random.Random(seed)  # noqa: S311

    def objects(self, bucket: str, prefix: str, after: str) -> Iterator[Listed]:
        rows = list(super().objects(bucket, prefix, after))
        self._draw.shuffle(rows)
        yield from rows

    def get(self, bucket: str, key: str) -> Fetched:
        time.sleep(self._draw.random() / 2000)
        return super().get(bucket, key)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32))
def test_order_of_listing_and_completion_changes_nothing(seed: int) -> None:
    bucket = _with_faults(random.Random(seed), 6)  # noqa: S311
    calm = verify(bucket, events=True)
    restless = verify_trail(Shuffled(bucket, seed), lambda *_: book(), scope(), now=NOW, concurrency=8, events=True)
    assert restless.document() == calm.document()
    assert restless.notable == calm.notable


# ---------------------------------------------------------------------------------------------------- agreement


def _objects(report: TrailReport, *kinds: str) -> set[str]:
    return {finding.key for finding in report.findings if finding.kind in kinds}


@_FEW
@given(st.integers(0, 2**32), st.integers(0, 8))
def test_the_fast_path_agrees_with_the_slow_reference(seed: int, count: int) -> None:
    bucket = _with_faults(random.Random(seed), count)  # noqa: S311
    slow = refer(bucket, KEYS.key_for(HOME, START).value, START, END)
    fast = verify(bucket)
    assert fast.digests.valid == len(slow.digests)
    assert fast.logs.valid == len(slow.valid)
    assert fast.logs.missing == len(slow.missing)
    assert fast.logs.altered == len(slow.wrong)
    assert fast.logs.unvouched == len(slow.nobodys)
    assert _objects(fast, "log_missing") == slow.missing
    assert _objects(fast, "log_altered", "log_truncated", "log_damaged", "log_trailing_bytes") == slow.wrong
    assert _objects(fast, "log_unvouched", "log_unvouched_in_gap") <= slow.nobodys


def test_a_stop_is_explained_only_by_events_of_verified_logs() -> None:
    bucket = stopped(AT, AT + 2 * HOUR)
    said = next(
        key for key in bucket.log_keys() if b"StopLogging" in gzip.decompress(bucket.objects[TRAIL.bucket, key].body)
    )
    bucket.edit(said, lambda data: data + b" ")
    kinds = {finding.kind for finding in verify(bucket).findings}
    assert "gap_logging_stopped" not in kinds
    assert {"gap_unexplained", "log_altered"} <= kinds
