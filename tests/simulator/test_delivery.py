"""The deliveries are checked here against the published format with OpenSSL's primitives, not with our parser."""

import gzip
import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from auditor.simulator.delivery import Chain, DeliveredTrail, Keyring, StoredObject, deliver, throwaway_key

START = datetime(2026, 10, 1, tzinfo=UTC)
END = START + timedelta(hours=8)
PAUSE = (START + timedelta(hours=3, minutes=20), START + timedelta(hours=5))
TRAIL = DeliveredTrail("audit", "eu-central-1", "bucket", "111122223333", prefix="p")
KEYS = Keyring("tests", since=START - timedelta(days=28), shared=True)
RECORDS = [
    {"eventTime": f"{START + timedelta(minutes=7 * step):%Y-%m-%dT%H:%M:%SZ}", "eventID": str(step)}
    for step in range(68)
]


def delivered(**changes: Any) -> list[StoredObject]:
    arguments: dict[str, Any] = {"region": "eu-west-1", "keys": KEYS, "start": START, "end": END}
    return list(deliver(TRAIL, **(arguments | {"records": RECORDS} | changes)))


def digests(objects: list[StoredObject]) -> list[tuple[StoredObject, dict[str, Any]]]:
    return [(item, json.loads(gzip.decompress(item.body))) for item in objects if "/CloudTrail-Digest/" in item.key]


def test_same_label_gives_the_same_bytes() -> None:
    throwaway_key.cache_clear()
    first = delivered()
    throwaway_key.cache_clear()
    assert first == delivered()


def test_every_digest_is_signed_with_the_published_key() -> None:
    for stored, document in digests(delivered()):
        keys = KEYS.public_keys("eu-west-1", START, END)
        entry = next(key.published() for key in keys if key.fingerprint == document["digestPublicKeyFingerprint"])
        assert hashlib.md5(entry["Value"], usedforsecurity=False).hexdigest() == entry["Fingerprint"]
        public = load_der_public_key(entry["Value"])
        assert isinstance(public, rsa.RSAPublicKey)
        inflated = gzip.decompress(stored.body)
        before = document["previousDigestSignature"] or "null"
        lines = [
            document["digestEndTime"],
            f"bucket/{stored.key}",
            hashlib.sha256(inflated).hexdigest(),
            before,
        ]
        public.verify(
            bytes.fromhex(stored.metadata["signature"]),
            "\n".join(lines).encode(),
            padding.PKCS1v15(),
            hashes.SHA256(),
        )


def test_digests_are_linked_and_vouch_for_every_log() -> None:
    objects = delivered()
    by_key = {item.key: item for item in objects}
    vouched: list[str] = []
    before: StoredObject | None = None
    for stored, document in digests(objects):
        assert document["previousDigestS3Object"] == (before.key if before else None)
        if before:
            assert document["previousDigestSignature"] == before.metadata["signature"]
            assert document["previousDigestHashValue"] == hashlib.sha256(gzip.decompress(before.body)).hexdigest()
        for entry in document["logFiles"]:
            assert entry["hashValue"] == hashlib.sha256(gzip.decompress(by_key[entry["s3Object"]].body)).hexdigest()
            vouched.append(entry["s3Object"])
        before = stored
    assert sorted(vouched) == sorted(key for key in by_key if "/CloudTrail/" in key)


def test_a_pause_ends_the_chain_and_starts_another() -> None:
    documents = [document for _, document in digests(delivered(stopped=[PAUSE]))]
    ends = [document["digestEndTime"] for document in documents]
    assert "2026-10-01T03:20:00Z" in ends
    restarted = documents[ends.index("2026-10-01T03:20:00Z") + 1]
    assert (restarted["digestStartTime"], restarted["previousDigestSignature"]) == (
        "2026-10-01T05:00:00Z",
        None,
    )


def test_events_inside_a_pause_are_not_delivered() -> None:
    logs = [json.loads(gzip.decompress(item.body)) for item in delivered(stopped=[PAUSE]) if "/CloudTrail/" in item.key]
    times = [datetime.fromisoformat(record["eventTime"]) for log in logs for record in log["Records"]]
    assert times
    assert not [time for time in times if PAUSE[0] < time < PAUSE[1]]


def test_an_hour_without_events_has_an_empty_digest() -> None:
    documents = [document for _, document in digests(delivered(records=[]))]
    assert len(documents) == 8
    assert all(document["logFiles"] == [] and document["newestEventTime"] is None for document in documents)


def test_backfill_digests_carry_their_generation_time() -> None:
    chain = Chain(TRAIL, "eu-west-1", KEYS)
    chain.start(START)
    late = chain.log(START + timedelta(minutes=55), RECORDS[:1], listed=False)
    stored = chain.backfill(
        START,
        START + timedelta(hours=1),
        START + timedelta(hours=9),
        [chain.entry(late.key, gzip.decompress(late.body))],
    )
    assert stored.key.endswith("_20261001T010000Z_backfill.json.gz")
    assert stored.metadata["backfill-generation-timestamp"] == "2026-10-01T09:00:00Z"


def test_keys_rotate_and_overlap() -> None:
    ring = Keyring("rotation", since=START)
    keys = ring.public_keys("eu-west-1", START, START + timedelta(days=60))
    assert len({key.fingerprint for key in keys}) == 3
    assert keys[1].valid_from < keys[0].valid_until
    assert ring.public_keys("us-east-1", START, START)[0].fingerprint != keys[0].fingerprint
