"""The attack table: each scenario changes one thing and expects one named finding and one verdict.

``python -m tests.trail.scenarios`` prints it with our verdict and, where the AWS CLI can be run, its own beside it.
"""

import gzip
import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from auditor.run.sharing import folder_opening
from auditor.simulator.delivery import (
    Chain,
    DeliveredTrail,
    Keyring,
    StoredObject,
    data_to_sign,
    deliver,
    gzipped,
    throwaway_key,
    utc_text,
)
from auditor.trail.discover import Wanted, scope_of_trail, scopes_of_place
from auditor.trail.fetch import Unavailable, open_folder
from auditor.trail.findings import Level
from auditor.trail.keys import KeyBook, parse_keys
from auditor.trail.names import Location
from auditor.trail.portion import Opening
from auditor.trail.report import TrailReport, TrailScope
from auditor.trail.sharing import Shared
from auditor.trail.verify import verify_trail
from auditor.work.local import Threads
from auditor.work.task import Keeper

from .bucket import (
    ACCOUNT,
    END,
    HOME,
    HOUR,
    KEYS,
    NOW,
    OTHER,
    SINCE,
    START,
    TRAIL,
    UNTIL,
    Bucket,
    Held,
    Source,
    book,
    chain_of,
    filled,
    record,
    records,
    scope,
    shown,
    trail_call,
    verify,
)

MINUTE = timedelta(minutes=1)
HALF = 30 * MINUTE
AT = START + 3 * HOUR
"""An hour in the middle of the period: most attacks happen in [AT, AT + 1 h)."""
PASS, NOTE, INCOMPLETE, FAIL = Level.PASS, Level.NOTE, Level.INCOMPLETE, Level.FAIL


@dataclass(slots=True)
class Case:
    """A bucket after the attack, and what the verifier is asked."""

    bucket: Bucket
    scope: TrailScope = field(default_factory=scope)
    keys: KeyBook | None = None
    arguments: dict[str, Any] = field(default_factory=dict)

    def verify(self, keeper: Keeper | None = None) -> TrailReport:
        """Verify it; with a keeper, its log files in tasks of a few each."""
        with shown(self.bucket) as opening:
            return verify(self.bucket, self.scope, self.keys, **self.arguments, shared=in_tasks(keeper, opening))


def in_tasks(keeper: Keeper | None, opening: Opening) -> Shared | None:
    """Return who carries tasks out; None without a keeper."""
    return None if keeper is None else Shared(Threads(2), keeper, opening, files=3, digests=5)


def write(bucket: Bucket, root: Path) -> None:
    """Save a bucket's objects below a folder, with metadata beside each and the keys."""
    for (_, key), held in bucket.objects.items():
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(held.body)
        if held.metadata:
            path.with_name(f"{path.name}.metadata.json").write_text(json.dumps({"Metadata": dict(held.metadata)}))


@dataclass(slots=True)
class FolderCase(Case):
    """A bucket that was downloaded, and what became of the files."""

    change: Callable[[Path], None] = lambda _: None
    """Is given each object's file."""
    part: str = ""
    """Which folder of the download is given."""

    def verify(self, keeper: Keeper | None = None) -> TrailReport:
        """Verify the folder."""
        with TemporaryDirectory() as folder:
            root = Path(folder)
            write(self.bucket, root)
            for path in sorted(root.rglob("*.json.gz")):
                self.change(path)
            source, prefix = open_folder(root / self.part)
            wanted = Wanted(self.scope.start, self.scope.end)
            (found,) = scopes_of_place(source, "", prefix, wanted)
            shared = in_tasks(keeper, folder_opening(root / self.part))
            return verify_trail(source, lambda *_: self.keys or book(), found, now=NOW, concurrency=1, shared=shared)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of the table."""

    name: str
    change: Callable[[], Case]
    kind: str
    """The finding it must lead to; empty when there must be none."""
    verdict: Level


TABLE: list[Scenario] = []


def scenario(kind: str, verdict: Level) -> Callable[[Callable[[Case], Case | None]], Callable[[Case], Case | None]]:
    """Add a row: the function attacks a case with a genuine bucket, or returns another case."""

    def add(function: Callable[[Case], Case | None]) -> Callable[[Case], Case | None]:
        def change() -> Case:
            case = Case(genuine().copy())
            return function(case) or case

        TABLE.append(Scenario(function.__name__, change, kind, verdict))
        return function

    return add


@cache
def genuine() -> Bucket:
    """Return the untouched bucket."""
    return filled()


def forged_log(moment: Any = AT + 20 * MINUTE, region: str = HOME, account: str = ACCOUNT) -> StoredObject:
    """Return a log file that CloudTrail never wrote."""
    chain = Chain(TRAIL, region, KEYS, account)
    return chain.log(moment, [record(moment, 999, eventName="Forged")])


def resign(bucket: Bucket, key: str, change: Callable[[dict[str, Any]], None], **options: Any) -> None:
    """Change a digest and sign it anew: what only AWS's key could do."""
    document = bucket.document(key)
    change(document)
    inflated = json.dumps(document, separators=(",", ":")).encode()
    signing = KEYS.key_for(HOME, START)
    digest = options.get("hash", hashes.SHA256())
    private = options.get("private", signing.private)
    signature = private.sign(data_to_sign(document, inflated), padding.PKCS1v15(), digest).hex()
    bucket.change(key, gzipped(inflated))
    bucket.set_metadata(key, signature=signature)


def stopped(off: Any, on: Any, *, said: bool = True, **arguments: Any) -> Bucket:
    """Return a bucket of a trail that was stopped for a while."""
    extra = [trail_call(off, "StopLogging"), trail_call(on, "StartLogging")] if said else []
    return filled(stopped=[(off, on)], extra=extra, **arguments)


# ---------------------------------------------------------------------------------------------- nothing is wrong


@scenario("", PASS)
def untouched(case: Case) -> None:
    """Leave everything as delivered."""


@scenario("", PASS)
def empty_hours(case: Case) -> Case:
    return Case(filled_with([]))


def filled_with(all_records: list[Mapping[str, Any]]) -> Bucket:
    """Return a bucket with given records only."""
    bucket = Bucket()
    for stored in deliver(TRAIL, region=HOME, keys=KEYS, start=SINCE, end=UNTIL, records=all_records):
        bucket.put(stored)
    return bucket


@scenario("", PASS)
def spki_public_key(case: Case) -> Case:
    keys = replace(KEYS, form="spki")
    return Case(filled(keys=keys), keys=book(keys))


@scenario("", PASS)
def key_rotated_in_period(case: Case) -> Case:
    keys = Keyring("rotating", since=START - timedelta(days=27) + 4 * HOUR, shared=True)
    return Case(filled(keys=keys), keys=book(keys))


@scenario("", PASS)
def no_prefix(case: Case) -> Case:
    trail = replace(TRAIL, prefix="")
    return Case(filled(trail=trail), scope(trail))


@scenario("", PASS)
def deep_prefix_with_odd_letters(case: Case) -> Case:
    trail = replace(TRAIL, prefix="a b/AWSLogs/c(1)")
    return Case(filled(trail=trail), scope(trail))


@scenario("", PASS)
def organization_trail(case: Case) -> Case:
    trail = replace(TRAIL, organization="o-abcdef1234")
    bucket = filled(trail=trail, accounts=("", "444455556666"))
    return Case(bucket, scope(trail))


@scenario("", PASS)
def org_trail_bucket_given(case: Case) -> Case:
    trail = replace(TRAIL, organization="o-abcdef1234")
    bucket = filled(trail=trail, accounts=("", "444455556666"))
    return Case(bucket, replace(scope(trail), location=Location(TRAIL.bucket, TRAIL.prefix)))


@scenario("", PASS)
def two_regions(case: Case) -> Case:
    return Case(filled(regions=(HOME, OTHER)), scope(regions=(HOME, OTHER)))


@scenario("", PASS)
def other_partition(case: Case) -> Case:
    trail = replace(TRAIL, home_region="us-gov-west-1", partition="aws-us-gov")
    bucket = filled(trail=trail, regions=("us-gov-west-1", "us-gov-east-1"))
    regions = ("us-gov-west-1", "us-gov-east-1")
    return Case(bucket, scope(trail, regions=regions), book(regions=regions))


@scenario("", PASS)
def two_trails_in_one_bucket(case: Case) -> None:
    filled(trail=replace(TRAIL, name="second"), into=case.bucket, every=20 * MINUTE)


@scenario("", PASS)
def folder_markers(case: Case) -> None:
    for kind in ("CloudTrail", "CloudTrail-Digest"):
        key = f"logs/AWSLogs/{ACCOUNT}/{kind}/{HOME}/2026/10/05/"
        case.bucket.set(TRAIL.bucket, key, Held(b"", {}, NOW))


@scenario("", PASS)
def backfilled_late_log(case: Case) -> None:
    late_log(case.bucket)


def late_log(bucket: Bucket) -> tuple[str, str]:
    """Deliver a log file that only a backfill digest lists; return the keys of both."""
    chain = Chain(TRAIL, HOME, KEYS)
    late = chain.log(AT + 25 * MINUTE, [record(AT, 777)], listed=False)
    entry = chain.entry(late.key, gzip.decompress(late.body), utc_text(AT), utc_text(AT))
    digest = chain.backfill(AT, AT + HOUR, AT + 9 * HOUR, [entry])
    bucket.put(late)
    bucket.put(digest)
    return late.key, digest.key


@scenario("", PASS)
def backfill_digests_linked(case: Case) -> None:
    two_backfills(case.bucket, linked=True)


@scenario("", PASS)
def backfill_digests_unlinked(case: Case) -> None:
    two_backfills(case.bucket, linked=False)


def two_backfills(bucket: Bucket, *, linked: bool) -> list[str]:
    """Write two backfill digests; return their keys."""
    chain = Chain(TRAIL, HOME, KEYS)
    keys = []
    for step in (1, 2):
        begin = START + step * HOUR
        late = chain.log(begin + 25 * MINUTE, [record(begin, 800 + step)], listed=False)
        entry = chain.entry(late.key, gzip.decompress(late.body), utc_text(begin), utc_text(begin))
        digest = chain.backfill(begin, begin + HOUR, begin + 9 * HOUR, [entry], linked=linked)
        bucket.put(late)
        bucket.put(digest)
        keys.append(digest.key)
    return keys


@scenario("", PASS)
def anchor_found_again(case: Case) -> Case:
    anchors = verify(case.bucket, scope(end=START + 4 * HOUR)).anchors
    return Case(case.bucket, scope(anchors=anchors))


# ------------------------------------------------------------------------------------------------- log files


def planted_in(folder: str) -> Case:
    """Return a case with a log file in a folder of the account that no Region's listing reaches."""
    bucket, forged = genuine().copy(), forged_log()
    name = forged.key.rpartition("/")[2]
    bucket.set(TRAIL.bucket, f"logs/AWSLogs/{ACCOUNT}/{folder}/2026/10/05/{name}", Held(forged.body, {}, NOW))
    return Case(bucket, scope(regions=()))


@scenario("folder_unvouched", INCOMPLETE)
def planted_beside_the_regions(case: Case) -> Case:
    return planted_in("CloudTrail/global")


@scenario("folder_unvouched", INCOMPLETE)
def planted_in_a_region_in_capitals(case: Case) -> Case:
    return planted_in(f"CloudTrail/{HOME.upper()}")


@scenario("folder_unvouched", INCOMPLETE)
def planted_beside_the_folder_of_log_files(case: Case) -> Case:
    return planted_in(f"Cloudtrail/{HOME}")


@scenario("log_altered", FAIL)
def log_altered(case: Case) -> None:
    case.bucket.edit(case.bucket.log_key(AT), lambda data: data.replace(b"alice", b"mallo"))


@scenario("log_altered", FAIL)
def log_record_removed(case: Case) -> None:
    case.bucket.edit_json(case.bucket.log_key(AT), lambda log: log["Records"].pop())


@scenario("log_altered", FAIL)
def log_reformatted(case: Case) -> None:
    case.bucket.edit(case.bucket.log_key(AT), lambda data: json.dumps(json.loads(data), indent=1).encode())


@scenario("log_altered", FAIL)
def log_emptied(case: Case) -> None:
    case.bucket.edit(case.bucket.log_key(AT), lambda _: b'{"Records":[]}')


@scenario("log_altered", FAIL)
def log_swapped_with_another(case: Case) -> None:
    first, second = case.bucket.log_key(AT), case.bucket.log_key(AT + 20 * MINUTE)
    case.bucket.change(first, case.bucket.objects[case.bucket.place(second)].body)


@scenario("log_missing", FAIL)
def log_deleted(case: Case) -> None:
    case.bucket.delete(case.bucket.log_key(AT))


@scenario("log_missing", FAIL)
def log_renamed(case: Case) -> None:
    key = case.bucket.log_key(AT)
    held = case.bucket.objects.pop(case.bucket.place(key))
    case.bucket.set(TRAIL.bucket, key + ".bak", held)


@scenario("log_truncated", FAIL)
def log_truncated_trailer(case: Case) -> None:
    key = case.bucket.log_key(AT)
    case.bucket.change(key, case.bucket.objects[case.bucket.place(key)].body[:-8])


@scenario("log_truncated", FAIL)
def log_cut_in_half(case: Case) -> None:
    key = case.bucket.log_key(AT)
    body = case.bucket.objects[case.bucket.place(key)].body
    case.bucket.change(key, body[: len(body) // 2])


@scenario("log_truncated", FAIL)
def log_of_zero_bytes(case: Case) -> None:
    case.bucket.change(case.bucket.log_key(AT), b"")


@scenario("log_trailing_bytes", FAIL)
def log_second_member(case: Case) -> None:
    key = case.bucket.log_key(AT)
    body = case.bucket.objects[case.bucket.place(key)].body
    case.bucket.change(key, body + gzipped(b'{"Records":[]}'))


@scenario("log_trailing_bytes", FAIL)
def log_trailing_bytes(case: Case) -> None:
    key = case.bucket.log_key(AT)
    case.bucket.change(key, case.bucket.objects[case.bucket.place(key)].body + b"\x00")


@scenario("log_damaged", FAIL)
def log_checksum_broken(case: Case) -> None:
    key = case.bucket.log_key(AT)
    body = bytearray(case.bucket.objects[case.bucket.place(key)].body)
    body[-6] ^= 1
    case.bucket.change(key, bytes(body))


@scenario("log_damaged", FAIL)
def log_not_compressed(case: Case) -> None:
    key = case.bucket.log_key(AT)
    case.bucket.change(key, gzip.decompress(case.bucket.objects[case.bucket.place(key)].body))


@scenario("log_altered", FAIL)
def log_replaced_by_bomb(case: Case) -> None:
    case.bucket.change(case.bucket.log_key(AT), gzip.compress(b"0" * 30_000_000, mtime=0))


@scenario("gzip_header_differs", NOTE)
def log_header_changed(case: Case) -> None:
    key = case.bucket.log_key(AT)
    body = bytearray(case.bucket.objects[case.bucket.place(key)].body)
    body[5] ^= 1
    case.bucket.change(key, bytes(body))


@scenario("log_unreadable", INCOMPLETE)
def log_access_denied(case: Case) -> None:
    case.bucket.refused[case.bucket.log_key(AT)] = Unavailable("denied", "AccessDenied")


@scenario("log_unreadable", INCOMPLETE)
def log_archived(case: Case) -> None:
    case.bucket.refused[case.bucket.log_key(AT)] = Unavailable("archived", "InvalidObjectState")


@scenario("log_unreadable", INCOMPLETE)
def log_throttled(case: Case) -> None:
    case.bucket.refused[case.bucket.log_key(AT)] = Unavailable("throttled", "SlowDown")


@scenario("log_unvouched", FAIL)
def extra_log_object(case: Case) -> None:
    case.bucket.put(forged_log())


@scenario("log_unvouched", FAIL)
def log_copied_under_another_name(case: Case) -> None:
    key = case.bucket.log_key(AT)
    held = case.bucket.objects[case.bucket.place(key)]
    case.bucket.set(TRAIL.bucket, key.replace(key.split("_")[-1], "AAAABBBBCCCCDDDD.json.gz"), held)


@scenario("log_unvouched", FAIL)
def forged_digest_of_another_trail_vouches_for_nothing(case: Case) -> None:
    forged = forged_log()
    case.bucket.put(forged)
    chain = Chain(replace(TRAIL, name="second"), HOME, Keyring("not-aws", since=KEYS.since, shared=True))
    chain.start(AT)
    chain.pending.append(chain.entry(forged.key, gzip.decompress(forged.body)))
    case.bucket.put(chain.digest(AT + HOUR))


@scenario("log_unvouched_in_gap", INCOMPLETE)
def digest_of_another_trail_cannot_be_read(case: Case) -> None:
    second = replace(TRAIL, name="second")
    filled(trail=second, into=case.bucket, every=20 * MINUTE)
    key = next(key for key in case.bucket.digest_keys(HOME, "second") if f"{AT + HOUR:%Y%m%dT%H}" in key)
    case.bucket.refused[key] = Unavailable("denied", "AccessDenied")


@scenario("signature_metadata_lost", NOTE)
def other_trail_lost_its_metadata(case: Case) -> None:
    filled(trail=replace(TRAIL, name="second"), into=case.bucket, every=20 * MINUTE)
    for name in ("second", "audit"):
        for key in case.bucket.digest_keys(HOME, name)[2:-2]:
            case.bucket.set_metadata(key, signature=None)


@scenario("no_digests", INCOMPLETE)
def region_emptied_of_digests_behind_a_decoy(case: Case) -> Case:
    third = "us-east-1"
    bucket = filled(regions=(HOME, OTHER, third))
    for key in bucket.digest_keys(third):
        held = bucket.objects.pop(bucket.place(key))
        bucket.set(TRAIL.bucket, key.replace("_audit_", "_decoy_"), held)
    return Case(bucket, scope(regions=(HOME,)), book(regions=(HOME, OTHER, third)))


@scenario("object_unexpected", FAIL)
def planted_object_with_another_name(case: Case) -> None:
    key = f"logs/AWSLogs/{ACCOUNT}/CloudTrail/{HOME}/2026/10/05/extra.json.gz"
    case.bucket.set(TRAIL.bucket, key, Held(forged_log().body, {}, NOW))


@scenario("object_unexpected", FAIL)
def planted_object_of_another_account(case: Case) -> None:
    key = forged_log().key.replace(f"{ACCOUNT}_", "999988887777_")
    case.bucket.set(TRAIL.bucket, key, Held(forged_log().body, {}, NOW))


@scenario("log_listed_twice", NOTE)
def log_in_two_digests(case: Case) -> Case:
    bucket = Bucket()
    chain = Chain(TRAIL, HOME, KEYS)
    chain.start(SINCE)
    log = chain.log(SINCE + 3 * HOUR + 5 * MINUTE, [record(SINCE + 3 * HOUR, 1)])
    entry = chain.pending.pop()
    bucket.put(log)
    moment = SINCE
    while moment < UNTIL:
        moment += HOUR
        if moment in {SINCE + 4 * HOUR, SINCE + 5 * HOUR}:
            chain.pending.append(dict(entry))
        bucket.put(chain.digest(moment))
    return Case(bucket)


@scenario("log_hashes_conflict", FAIL)
def log_in_two_digests_with_two_hashes(case: Case) -> Case:
    bucket = Bucket()
    chain = Chain(TRAIL, HOME, KEYS)
    chain.start(SINCE)
    log = chain.log(SINCE + 3 * HOUR + 5 * MINUTE, [record(SINCE + 3 * HOUR, 1)])
    entry = chain.pending.pop()
    bucket.put(log)
    moment = SINCE
    while moment < UNTIL:
        moment += HOUR
        if moment == SINCE + 4 * HOUR:
            chain.pending.append(dict(entry))
        if moment == SINCE + 5 * HOUR:
            chain.pending.append(dict(entry) | {"hashValue": "0" * 64})
        bucket.put(chain.digest(moment))
    return Case(bucket)


@scenario("log_hash_unknown", INCOMPLETE)
def unknown_hash_algorithm(case: Case) -> Case:
    bucket = Bucket()
    chain = Chain(TRAIL, HOME, KEYS)
    chain.start(SINCE)
    bucket.put(chain.log(START + 5 * MINUTE, [record(START, 1)]))
    entry = chain.pending.pop()
    moment = SINCE
    while moment < UNTIL:
        moment += HOUR
        if moment == START + HOUR:
            chain.pending.append(dict(entry) | {"hashAlgorithm": "SHA-1024"})
        bucket.put(chain.digest(moment))
    return Case(bucket)


@scenario("log_misplaced", FAIL)
def digest_lists_a_log_of_another_region(case: Case) -> Case:
    bucket = Bucket()
    chain, other = Chain(TRAIL, HOME, KEYS), Chain(TRAIL, OTHER, KEYS)
    chain.start(SINCE)
    other.start(SINCE)
    bucket.put(other.log(START + 5 * MINUTE, [record(START, 1)]))
    moment = SINCE
    while moment < UNTIL:
        moment += HOUR
        if moment == START + HOUR:
            chain.pending += other.pending
        bucket.put(chain.digest(moment))
    return Case(bucket, scope(discover_regions=False))


# ---------------------------------------------------------------------------------------------- single digests


@scenario("digest_altered", FAIL)
def digest_content_altered(case: Case) -> None:
    case.bucket.edit_json(case.bucket.digest_key(AT + HOUR), lambda digest: digest["logFiles"].pop())


@scenario("digest_altered", FAIL)
def digest_log_hash_replaced(case: Case) -> None:
    def change(digest: dict[str, Any]) -> None:
        digest["logFiles"][0]["hashValue"] = hashlib.sha256(b'{"Records":[]}').hexdigest()

    case.bucket.edit_json(case.bucket.digest_key(AT + HOUR), change)
    case.bucket.edit(case.bucket.log_key(AT), lambda _: b'{"Records":[]}')


@scenario("digest_altered", FAIL)
def digest_signed_with_another_key(case: Case) -> None:
    private = throwaway_key("mallory")
    resign(case.bucket, case.bucket.digest_key(AT + HOUR), lambda digest: digest["logFiles"].pop(), private=private)


@scenario("digest_altered", FAIL)
def sha1_signature(case: Case) -> None:
    bound = case.bucket.digest_key(END)
    for key in case.bucket.digest_keys():
        if key > bound:
            case.bucket.delete(key)
    resign(case.bucket, case.bucket.digest_key(END), lambda _: None, hash=hashes.SHA1())  # noqa: S303


@scenario("digest_altered", FAIL)
def digest_start_time_altered(case: Case) -> None:
    case.bucket.edit_json(
        case.bucket.digest_key(AT + HOUR), lambda digest: digest.update(digestStartTime=utc_text(AT - HOUR))
    )


@scenario("digest_damaged", FAIL)
def digest_second_member(case: Case) -> None:
    key = case.bucket.digest_key(AT + HOUR)
    case.bucket.change(key, case.bucket.objects[case.bucket.place(key)].body + gzipped(b"{}"))


@scenario("digest_damaged", FAIL)
def digest_trailing_byte(case: Case) -> None:
    key = case.bucket.digest_key(AT + HOUR)
    case.bucket.change(key, case.bucket.objects[case.bucket.place(key)].body + b"x")


@scenario("digest_damaged", FAIL)
def digest_trailer_cut(case: Case) -> None:
    key = case.bucket.digest_key(AT + HOUR)
    case.bucket.change(key, case.bucket.objects[case.bucket.place(key)].body[:-4])


@scenario("digest_damaged", FAIL)
def digest_bomb(case: Case) -> None:
    case.bucket.change(case.bucket.digest_key(AT + HOUR), gzip.compress(b" " * (1 << 27), mtime=0))


@scenario("digest_malformed", FAIL)
def digest_not_json(case: Case) -> None:
    case.bucket.edit(case.bucket.digest_key(AT + HOUR), lambda _: b"{")


@scenario("digest_malformed", FAIL)
def digest_without_log_files(case: Case) -> None:
    case.bucket.edit_json(case.bucket.digest_key(AT + HOUR), lambda digest: digest.pop("logFiles"))


@scenario("digest_malformed", FAIL)
def digest_with_half_a_link(case: Case) -> None:
    case.bucket.edit_json(case.bucket.digest_key(AT + HOUR), lambda digest: digest.update(previousDigestSignature=None))


@scenario("digest_malformed", FAIL)
def digest_is_a_list(case: Case) -> None:
    case.bucket.edit(case.bucket.digest_key(AT + HOUR), lambda _: b"[]")


@scenario("digest_misnamed", FAIL)
def digest_replaced_by_another_hours(case: Case) -> None:
    older = case.bucket.objects[case.bucket.place(case.bucket.digest_key(AT))]
    place = case.bucket.place(case.bucket.digest_key(AT + HOUR))
    case.bucket.set(*place, older)


@scenario("digest_misnamed", FAIL)
def digest_of_another_account(case: Case) -> None:
    resign(case.bucket, case.bucket.digest_key(AT + HOUR), lambda digest: digest.update(awsAccountId="999988887777"))


@scenario("digest_misnamed", FAIL)
def digest_claims_a_week(case: Case) -> None:
    start = utc_text(AT - timedelta(days=7))
    resign(case.bucket, case.bucket.digest_key(AT + HOUR), lambda digest: digest.update(digestStartTime=start))


@scenario("digest_moved", FAIL)
def digests_copied_to_another_bucket(case: Case) -> None:
    for (_, key), held in list(case.bucket.objects.items()):
        case.bucket.set("copy", key, held)
    case.scope = replace(case.scope, location=replace(case.scope.location, bucket="copy"))


@scenario("digest_moved", FAIL)
def digest_signed_for_another_key(case: Case) -> None:
    key = case.bucket.digest_key(AT + HOUR)
    resign(case.bucket, key, lambda digest: digest.update(digestS3Object=key.replace("logs/", "old/")))


@scenario("digest_algorithm", FAIL)
def digest_names_a_weaker_algorithm(case: Case) -> None:
    key = case.bucket.digest_key(AT + HOUR)
    resign(case.bucket, key, lambda digest: digest.update(digestSignatureAlgorithm="SHA1withRSA"))


@scenario("digest_unreadable", INCOMPLETE)
def digest_access_denied(case: Case) -> None:
    case.bucket.refused[case.bucket.digest_key(AT + HOUR)] = Unavailable("denied", "AccessDenied")


@scenario("digest_unreadable", INCOMPLETE)
def digest_archived(case: Case) -> None:
    case.bucket.refused[case.bucket.digest_key(AT + HOUR)] = Unavailable("archived", "InvalidObjectState")


# -------------------------------------------------------------------------------------------------- metadata


@scenario("signature_metadata_lost", NOTE)
def digest_missing_metadata(case: Case) -> None:
    case.bucket.set_metadata(case.bucket.digest_key(AT + HOUR), signature=None, signature_algorithm=None)


@scenario("signature_metadata_lost", NOTE)
def algorithm_metadata_lost(case: Case) -> None:
    case.bucket.set_metadata(case.bucket.digest_key(AT + HOUR), signature_algorithm=None)


@scenario("signature_metadata_altered", FAIL)
def algorithm_metadata_altered(case: Case) -> None:
    case.bucket.set_metadata(case.bucket.digest_key(AT + HOUR), signature_algorithm="SHA1withRSA")


@scenario("signature_metadata_altered", FAIL)
def signature_metadata_altered(case: Case) -> None:
    case.bucket.set_metadata(case.bucket.digest_key(AT + HOUR), signature="00" * 256)


@scenario("signature_metadata_altered", FAIL)
def signature_metadata_in_upper_case(case: Case) -> None:
    key = case.bucket.digest_key(AT + HOUR)
    signature = case.bucket.objects[case.bucket.place(key)].metadata["signature"]
    case.bucket.set_metadata(key, signature=signature.upper())


@scenario("digest_unproved", INCOMPLETE)
def newest_digest_without_metadata(case: Case) -> None:
    bound = case.bucket.digest_key(END)
    for key in case.bucket.digest_keys():
        if key > bound:
            case.bucket.delete(key)
    case.bucket.set_metadata(case.bucket.digest_key(END), signature=None)


@scenario("signature_metadata_lost", NOTE)
def all_metadata_lost_but_the_newest(case: Case) -> None:
    for key in case.bucket.digest_keys()[:-1]:
        case.bucket.set_metadata(key, signature=None, signature_algorithm=None)


@scenario("digest_unproved", INCOMPLETE)
def all_metadata_lost(case: Case) -> None:
    for key in case.bucket.digest_keys():
        case.bucket.set_metadata(key, signature=None, signature_algorithm=None)


@scenario("link_hash_mismatch", FAIL)
def digest_altered_and_metadata_removed(case: Case) -> None:
    key = case.bucket.digest_key(AT + HOUR)
    case.bucket.edit_json(key, lambda digest: digest["logFiles"].pop())
    case.bucket.set_metadata(key, signature=None)


@scenario("backfill_timestamp_lost", NOTE)
def backfill_no_timestamp(case: Case) -> None:
    _, key = late_log(case.bucket)
    case.bucket.set_metadata(key, backfill_generation_timestamp=None)


@scenario("backfill_timestamp_altered", FAIL)
def backfill_timestamp_before_its_end(case: Case) -> None:
    _, key = late_log(case.bucket)
    case.bucket.set_metadata(key, backfill_generation_timestamp=utc_text(AT - HOUR))


# ------------------------------------------------------------------------------------------------------ keys


@scenario("key_not_found", INCOMPLETE)
def no_key_has_the_fingerprint(case: Case) -> None:
    case.keys = KeyBook(tuple(parse_keys(HOME, [Keyring("x", since=KEYS.since).key_for(HOME, START).published()])))


@scenario("keys_unavailable", INCOMPLETE)
def no_public_keys(case: Case) -> None:
    case.keys = KeyBook((), ((HOME, "AccessDenied"),))


@scenario("key_outside_validity", FAIL)
def expired_key_window(case: Case) -> None:
    key = KEYS.key_for(HOME, START).published() | {"ValidityEndTime": START - timedelta(days=1)}
    case.keys = KeyBook(tuple(parse_keys(HOME, [key])))


@scenario("key_outside_validity", FAIL)
def key_not_yet_valid(case: Case) -> None:
    key = KEYS.key_for(HOME, START).published() | {"ValidityStartTime": NOW}
    case.keys = KeyBook(tuple(parse_keys(HOME, [key])))


@scenario("key_not_found", INCOMPLETE)
def key_under_a_borrowed_fingerprint(case: Case) -> None:
    genuine_key = KEYS.key_for(HOME, START)
    mallory = Keyring("mallory", since=KEYS.since, shared=True).key_for(HOME, START).published()
    case.keys = KeyBook(tuple(parse_keys(HOME, [mallory | {"Fingerprint": genuine_key.fingerprint}])))


@scenario("key_fingerprint_differs", NOTE)
def key_published_under_another_fingerprint(case: Case) -> None:
    key = KEYS.key_for(HOME, START).published() | {"Fingerprint": "0" * 32}
    case.keys = KeyBook(tuple(parse_keys(HOME, [key])))


@scenario("key_not_found", INCOMPLETE)
def key_of_another_region(case: Case) -> None:
    case.keys = KeyBook(tuple(parse_keys(OTHER, [KEYS.key_for(HOME, START).published()])))


@scenario("key_not_found", INCOMPLETE)
def key_value_is_garbage(case: Case) -> None:
    key = KEYS.key_for(HOME, START).published() | {"Value": b"garbage"}
    case.keys = KeyBook(tuple(parse_keys(HOME, [key])))


@scenario("proved_by_successor", NOTE)
def key_of_the_older_half_is_gone(case: Case) -> Case:
    keys = Keyring("rotating", since=START - timedelta(days=27) + 4 * HOUR, shared=True)
    first = keys.key_for(HOME, START).fingerprint
    return Case(filled(keys=keys), keys=book(keys, drop=first))


# ----------------------------------------------------------------------------------------------------- chains


@scenario("digest_missing", FAIL)
def digest_deleted(case: Case) -> None:
    case.bucket.delete(case.bucket.digest_key(AT + HOUR))


@scenario("digest_missing", FAIL)
def digest_deleted_run(case: Case) -> None:
    for step in (1, 2, 3):
        case.bucket.delete(case.bucket.digest_key(AT + step * HOUR))


@scenario("digest_missing", FAIL)
def digest_and_its_logs_deleted(case: Case) -> None:
    case.bucket.delete(case.bucket.digest_key(AT + HOUR))
    for key in case.bucket.log_keys():
        if f"{AT:%Y%m%dT%H}" in key:
            case.bucket.delete(key)


@scenario("digest_missing", FAIL)
def first_half_deleted(case: Case) -> None:
    bound = case.bucket.digest_key(AT + HOUR)
    for key in case.bucket.digest_keys():
        if key < bound:
            case.bucket.delete(key)


@scenario("gap_out_of_retention", INCOMPLETE)
def first_half_expired(case: Case) -> Case:
    bucket = filled()
    bound = AT + HOUR
    for key in bucket.digest_keys():
        if key < bucket.digest_key(bound):
            bucket.delete(key)
    return Case(bucket, scope(retention_days=1), arguments={"now": AT + timedelta(days=1, minutes=5)})


def expiring(case: Case, days: int = 1, **rule: Any) -> Case:
    """Return a case whose first half is gone two days later, and a lifecycle rule may say why."""
    case.bucket.rules = [
        {"ID": "keep", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": days}} | rule
    ]
    bound = START + 4 * HOUR
    deleted = START + timedelta(days=1, hours=1)
    for key in [*case.bucket.digest_keys(), *case.bucket.log_keys()]:
        if key.rsplit("_", 2 if "/CloudTrail/" in key else 1)[1] <= f"{bound:%Y%m%dT%H%M}":
            case.bucket.delete(key, at=deleted)
    case.scope = replace(case.scope, start=START)
    case.arguments = {"now": deleted + timedelta(days=1)}
    return case


@scenario("gap_out_of_retention", INCOMPLETE)
def first_half_expired_by_the_buckets_rule(case: Case) -> Case:
    return expiring(case)


@scenario("gap_out_of_retention", INCOMPLETE)
def rule_of_the_older_form(case: Case) -> Case:
    case = expiring(case)
    case.bucket.rules = [{"Status": "Enabled", "Prefix": "logs/", "Expiration": {"Days": 1}}]
    return case


@scenario("digest_missing", FAIL)
def rule_cannot_be_read(case: Case) -> Case:
    case.bucket.refused[f"{TRAIL.bucket}?lifecycle"] = Unavailable("denied", "AccessDenied")
    return expiring(case)


@scenario("digest_missing", FAIL)
def rule_is_switched_off(case: Case) -> Case:
    return expiring(case, Status="Disabled")


@scenario("digest_missing", FAIL)
def rule_is_for_tagged_objects(case: Case) -> Case:
    return expiring(case, Filter={"Tag": {"Key": "keep", "Value": "no"}})


@scenario("digest_missing", FAIL)
def rule_is_for_another_prefix(case: Case) -> Case:
    return expiring(case, Filter={"Prefix": "other/"})


@scenario("digest_missing", FAIL)
def deleted_before_the_rule_would_have(case: Case) -> Case:
    return expiring(case, days=30)


def marked(case: Case, at: Any) -> Case:
    """Return a case whose delete markers were all made then."""
    for states in case.bucket.history.values():
        states[:] = [(at, None) if held is None else (moment, held) for moment, held in states]
    return case


@scenario("gap_digest_deleted", FAIL)
def delete_markers_older_than_the_rule_makes(case: Case) -> Case:
    return marked(expiring(Case(versioned())), START + 12 * HOUR)


@scenario("gap_out_of_retention", INCOMPLETE)
def delete_markers_made_by_the_rule(case: Case) -> Case:
    return marked(expiring(Case(versioned())), START + timedelta(days=2))


def by_word(case: Case) -> Case:
    """Return a case of which the caller says, instead of the bucket's rules, that objects are deleted after a day."""
    case.bucket.rules = []
    case.scope = replace(case.scope, retention_days=1)
    return case


@scenario("gap_digest_deleted", FAIL)
def delete_markers_older_than_the_callers_word(case: Case) -> Case:
    return by_word(marked(expiring(Case(versioned())), START + 12 * HOUR))


@scenario("gap_out_of_retention", INCOMPLETE)
def delete_markers_by_the_callers_word(case: Case) -> Case:
    return by_word(marked(expiring(Case(versioned())), START + timedelta(days=2)))


@scenario("digest_missing", FAIL)
def digest_moved_to_another_day(case: Case) -> None:
    key = case.bucket.digest_key(AT + HOUR)
    held = case.bucket.objects.pop(case.bucket.place(key))
    case.bucket.set(TRAIL.bucket, key.replace("/2026/10/05/", "/2026/10/06/"), held)


@scenario("link_hash_mismatch", FAIL)
def chain_hash_mismatch(case: Case) -> None:
    resign(
        case.bucket, case.bucket.digest_key(AT + HOUR), lambda digest: digest.update(previousDigestHashValue="0" * 64)
    )


@scenario("link_signature_mismatch", FAIL)
def chain_signature_mismatch(case: Case) -> None:
    resign(
        case.bucket, case.bucket.digest_key(AT + HOUR), lambda digest: digest.update(previousDigestSignature="ab" * 256)
    )


@scenario("link_skips_digest", FAIL)
def chain_skips_digest(case: Case) -> None:
    older = case.bucket.digest_key(AT - HOUR)
    held = case.bucket.objects[case.bucket.place(older)]
    resign(
        case.bucket,
        case.bucket.digest_key(AT + HOUR),
        lambda digest: digest.update(
            previousDigestS3Object=older,
            previousDigestHashValue=hashlib.sha256(gzip.decompress(held.body)).hexdigest(),
            previousDigestSignature=held.metadata["signature"],
        ),
    )


@scenario("gap_signed_times", FAIL)
def time_hole(case: Case) -> None:
    later = utc_text(AT + 20 * MINUTE)
    resign(case.bucket, case.bucket.digest_key(AT + HOUR), lambda digest: digest.update(digestStartTime=later))


@scenario("link_overlap", FAIL)
def digests_overlap(case: Case) -> None:
    earlier = utc_text(AT - 20 * MINUTE)
    resign(case.bucket, case.bucket.digest_key(AT + HOUR), lambda digest: digest.update(digestStartTime=earlier))


@scenario("link_foreign", FAIL)
def chain_leads_to_another_trail(case: Case) -> None:
    key = case.bucket.digest_key(AT).replace("_audit_", "_other_")
    resign(case.bucket, case.bucket.digest_key(AT + HOUR), lambda digest: digest.update(previousDigestS3Object=key))


@scenario("chain_restarted", NOTE)
def restarted_without_a_pause(case: Case) -> Case:
    bucket = filled(end=AT)
    for stored in deliver(TRAIL, region=HOME, keys=KEYS, start=AT, end=UNTIL, records=records()):
        bucket.put(stored)
    return Case(bucket)


@scenario("digest_missing", FAIL)
def backfill_deleted_from_its_chain(case: Case) -> None:
    case.bucket.delete(two_backfills(case.bucket, linked=True)[0])


@scenario("log_unvouched", FAIL)
def backfill_deleted(case: Case) -> None:
    _, key = late_log(case.bucket)
    case.bucket.delete(key)


@scenario("digest_altered", FAIL)
def backfill_altered(case: Case) -> None:
    _, key = late_log(case.bucket)
    case.bucket.edit_json(key, lambda digest: digest["logFiles"].clear())


@scenario("log_altered", FAIL)
def backfilled_log_altered(case: Case) -> None:
    key, _ = late_log(case.bucket)
    case.bucket.edit(key, lambda data: data + b" ")


# ------------------------------------------------------------------------------------------------------ holes


@scenario("gap_logging_stopped", INCOMPLETE)
def stopped_and_started(case: Case) -> Case:
    return Case(stopped(AT, AT + 2 * HOUR))


@scenario("gap_unexplained", INCOMPLETE)
def chain_gap_new_start(case: Case) -> Case:
    return Case(stopped(AT, AT + 2 * HOUR, said=False))


@scenario("gap_logs_without_digest", FAIL)
def tail_deleted_before_restart(case: Case) -> Case:
    bucket = stopped(AT + 2 * HOUR, AT + 2 * HOUR + 10 * MINUTE, said=False)
    first, last = bucket.digest_key(AT), bucket.digest_key(AT + 2 * HOUR)
    for key in bucket.digest_keys():
        if first < key <= last:
            bucket.delete(key)
    return Case(bucket)


@scenario("gap_logs_without_digest", FAIL)
def digests_deleted_behind_an_honest_stop(case: Case) -> Case:
    bucket = stopped(AT + HALF, AT + HOUR)
    second = AT + 3 * HOUR
    chain_end = [key for key in bucket.digest_keys() if key > bucket.digest_key(AT + HALF)]
    for key in chain_end:
        if key <= next(name for name in chain_end if f"{second:%Y%m%dT%H}" in name):
            bucket.delete(key)
    restart = next(key for key in bucket.digest_keys() if key > bucket.digest_key(AT + HALF))
    resign(
        bucket,
        restart,
        lambda digest: digest.update(
            dict.fromkeys([name for name in digest if name.startswith("previousDigest")], None)
        ),
    )
    return Case(bucket)


@scenario("gap_validation_off", INCOMPLETE)
def validation_switched_off(case: Case) -> Case:
    off, on = AT, AT + 2 * HOUR
    calls = [
        trail_call(off, "UpdateTrail", enableLogFileValidation=False),
        trail_call(on, "UpdateTrail", enableLogFileValidation=True),
    ]
    return Case(filled(stopped=[(off, on)], extra=calls))


@scenario("gap_logging_stopped", INCOMPLETE)
def trail_deleted_and_created_again(case: Case) -> Case:
    calls = [trail_call(AT, "DeleteTrail"), trail_call(AT + 2 * HOUR, "CreateTrail")]
    return Case(filled(stopped=[(AT, AT + 2 * HOUR)], extra=calls))


@scenario("gap_unexplained", INCOMPLETE)
def stop_of_another_trail_explains_nothing(case: Case) -> Case:
    other = [trail_call(AT, "StopLogging", name="someone-else")]
    return Case(filled(stopped=[(AT, AT + 2 * HOUR)], extra=other))


@scenario("gap_unexplained", INCOMPLETE)
def refused_stop_explains_nothing(case: Case) -> Case:
    refused = trail_call(AT, "StopLogging") | {"errorCode": "AccessDenied"}
    return Case(filled(stopped=[(AT, AT + 2 * HOUR)], extra=[refused]))


@scenario("gap_logging_stopped", INCOMPLETE)
def stopped_in_all_regions(case: Case) -> Case:
    bucket = stopped(AT, AT + 2 * HOUR, regions=(HOME, OTHER))
    return Case(bucket, scope(regions=(HOME, OTHER)))


MEMBER = "444455556666"
ORGANIZATION = replace(TRAIL, organization="o-abcdef1234")


def stopped_organization(*, said_by: str = "", named: str = TRAIL.arn) -> Bucket:
    """Return a bucket of an organization's trail that was stopped; the calls are in the records of one account."""
    pause = (AT, AT + 2 * HOUR)
    calls = [trail_call(pause[0], "StopLogging", name=named), trail_call(pause[1], "StartLogging", name=named)]
    bucket = Bucket()
    for account in ("", MEMBER):
        extra = calls if account == said_by else []
        filled(trail=ORGANIZATION, into=bucket, accounts=(account,), stopped=[pause], extra=extra)
    return bucket


@scenario("gap_logging_stopped", INCOMPLETE)
def stop_of_the_owner_seen_from_a_member(case: Case) -> Case:
    return Case(stopped_organization(), scope(ORGANIZATION, accounts=(MEMBER,)))


@scenario("gap_logging_stopped", INCOMPLETE)
def stop_seen_from_the_management_account(case: Case) -> Case:
    return Case(stopped_organization(named=TRAIL.name), scope(ORGANIZATION))


@scenario("gap_logging_stopped", INCOMPLETE)
def stop_seen_where_the_home_region_was_not_asked_for(case: Case) -> Case:
    bucket = stopped(AT, AT + 2 * HOUR, regions=(HOME, OTHER))
    return Case(bucket, scope(regions=(OTHER,), discover_regions=False))


@scenario("gap_unexplained", INCOMPLETE)
def stop_of_a_members_own_trail_explains_nothing(case: Case) -> Case:
    return Case(stopped_organization(said_by=MEMBER, named=TRAIL.name), scope(ORGANIZATION, accounts=(MEMBER,)))


@scenario("gap_unexplained", INCOMPLETE)
def stop_where_the_owner_is_not_known(case: Case) -> Case:
    return Case(stopped_organization(), scope(ORGANIZATION, owner_known=False))


@scenario("gap_unexplained", INCOMPLETE)
def owners_records_denied(case: Case) -> Case:
    bucket = stopped_organization()
    for kind in ("CloudTrail", "CloudTrail-Digest"):
        bucket.refused[f"logs/AWSLogs/o-abcdef1234/{ACCOUNT}/{kind}/"] = Unavailable("denied", "AccessDenied")
    return Case(bucket, scope(ORGANIZATION, accounts=(MEMBER,)))


@scenario("gap_unexplained", INCOMPLETE)
def owners_records_forged(case: Case) -> Case:
    bucket = stopped_organization()
    for key in bucket.log_keys():
        if f"/{ACCOUNT}/" in key:
            bucket.edit(key, lambda data: data + b" ")
    return Case(bucket, scope(ORGANIZATION, accounts=(MEMBER,)))


@scenario("gap_logs_without_digest", FAIL)
def digest_deleted_newest(case: Case) -> None:
    bound = case.bucket.digest_key(AT)
    for key in case.bucket.digest_keys():
        if key > bound:
            case.bucket.delete(key)


@scenario("gap_after_last_digest", INCOMPLETE)
def undigested_tail(case: Case) -> None:
    digest_deleted_newest(case)
    case.scope = replace(case.scope, validation_enabled=None)


@scenario("gap_not_yet_digested", INCOMPLETE)
def last_hour_not_yet_digested(case: Case) -> Case:
    return Case(filled(end=END - 20 * MINUTE), arguments={"now": END + 10 * MINUTE})


@scenario("no_digests", INCOMPLETE)
def digest_all_deleted(case: Case) -> None:
    for key in case.bucket.digest_keys():
        case.bucket.delete(key)


@scenario("no_digests", INCOMPLETE)
def bucket_is_empty(case: Case) -> Case:
    return Case(Bucket())


@scenario("no_digests", INCOMPLETE)
def region_without_digests(case: Case) -> Case:
    return Case(case.bucket, scope(regions=(HOME, OTHER)))


@scenario("gap_before_first_digest", INCOMPLETE)
def validation_began_within_the_period(case: Case) -> Case:
    return Case(filled(start=AT))


@scenario("anchor_missing", FAIL)
def anchored_digest_deleted(case: Case) -> None:
    anchors = verify(case.bucket, scope(end=AT)).anchors
    for key in case.bucket.digest_keys():
        case.bucket.delete(key)
    case.scope = replace(case.scope, anchors=anchors)


@scenario("anchor_differs", FAIL)
def history_written_anew(case: Case) -> None:
    anchors = verify(case.bucket, scope(end=AT)).anchors
    case.bucket = filled(extra=[record(AT, 4711)])
    changed = tuple(replace(anchor, sha256="0" * 64) for anchor in anchors)
    case.scope = replace(case.scope, anchors=changed)


@scenario("anchor_unreadable", INCOMPLETE)
def anchored_digest_denied(case: Case) -> None:
    anchors = verify(case.bucket, scope(end=AT)).anchors
    case.scope = replace(case.scope, start=START + 6 * HOUR, anchors=anchors)
    case.bucket.refused[anchors[0].key] = Unavailable("denied", "AccessDenied")


# ------------------------------------------------------------------------------------------- places and trails


@scenario("log_altered", FAIL)
def other_region_tampered(case: Case) -> Case:
    bucket = filled(regions=(HOME, OTHER))
    bucket.edit(bucket.log_key(AT, OTHER), lambda data: data + b" ")
    return Case(bucket)


@scenario("log_altered", FAIL)
def other_account_of_the_organization_tampered(case: Case) -> Case:
    trail = replace(TRAIL, organization="o-abcdef1234")
    bucket = filled(trail=trail, accounts=("", "444455556666"))
    key = next(key for key in bucket.log_keys() if "/444455556666/" in key and f"{AT:%Y%m%dT%H}" in key)
    bucket.edit(key, lambda data: data + b" ")
    return Case(bucket, scope(trail))


@scenario("lookalike_trail", NOTE)
def lookalike_trail_beside_an_honest_one(case: Case) -> None:
    filled(trail=replace(TRAIL, name=f"audit_{HOME}_x"), into=case.bucket, every=20 * MINUTE)


@scenario("log_missing", FAIL)
def lookalike_trail_name(case: Case) -> None:
    own = case.bucket.log_keys()
    filled(trail=replace(TRAIL, name=f"audit_{HOME}_x"), into=case.bucket, every=20 * MINUTE)
    for key in own:
        case.bucket.delete(key)


@scenario("location_found", NOTE)
def prefix_moved_after_restart(case: Case) -> Case:
    bucket = filled(trail=replace(TRAIL, prefix="old"), end=AT)
    for stored in deliver(TRAIL, region=HOME, keys=KEYS, start=AT, end=UNTIL, records=records()):
        bucket.put(stored)
    return Case(bucket)


@scenario("log_altered", FAIL)
def log_altered_under_the_old_prefix(case: Case) -> None:
    moved = prefix_moved_after_restart(case)
    assert isinstance(moved, Case)
    case.bucket = moved.bucket
    case.bucket.edit(case.bucket.log_key(START + HOUR), lambda data: data + b" ")


def moved_chain(trail: DeliveredTrail) -> Bucket:
    """Return a bucket whose chain goes on, unbroken, in another place from AT on."""
    bucket = filled(end=AT)
    chain = chain_of(bucket)
    chain.trail = trail
    chain.pending = []
    moment = AT
    while moment < UNTIL:
        bucket.put(chain.log(moment + 20 * MINUTE, [record(moment, 5)]))
        moment += HOUR
        bucket.put(chain.digest(moment))
    return bucket


@scenario("location_changed", NOTE)
def prefix_changed_with_the_chain_intact(case: Case) -> Case:
    trail = replace(TRAIL, prefix="new")
    return Case(moved_chain(trail), scope(trail))


@scenario("location_changed", NOTE)
def bucket_changed_with_the_chain_intact(case: Case) -> Case:
    trail = replace(TRAIL, bucket="new-bucket")
    return Case(moved_chain(trail), scope(trail))


@scenario("object_foreign", NOTE)
def junk_among_the_digests(case: Case) -> None:
    key = case.bucket.digest_key(AT).replace("_audit_", "__")
    case.bucket.set(TRAIL.bucket, key, Held(b"x", {}, NOW))


@scenario("list_unreadable", INCOMPLETE)
def digest_listing_denied(case: Case) -> None:
    case.bucket.refused[f"logs/AWSLogs/{ACCOUNT}/CloudTrail-Digest/"] = Unavailable("denied", "AccessDenied")


@scenario("list_unreadable", INCOMPLETE)
def log_listing_throttled(case: Case) -> None:
    case.bucket.refused[f"logs/AWSLogs/{ACCOUNT}/CloudTrail/"] = Unavailable("throttled", "SlowDown")


@scenario("trail_changed", NOTE)
def event_selectors_changed(case: Case) -> Case:
    bucket = filled(extra=[trail_call(AT, "PutEventSelectors")])
    return Case(bucket, arguments={"events": True})


@scenario("log_unvouched_in_gap", INCOMPLETE)
def neighbour_without_digests(case: Case) -> None:
    case.bucket.put(forged_log())
    case.scope = replace(case.scope, shared_without_digests=True)


# --------------------------------------------------------------------------------------------------- versions


def versioned() -> Bucket:
    """Return a genuine bucket that keeps versions."""
    return filled(into=Bucket(versioned=True, remote=True))


@scenario("log_altered", FAIL)
def original_still_among_the_versions(case: Case) -> Case:
    bucket = versioned()
    bucket.edit(bucket.log_key(AT), lambda data: data + b" ")
    return Case(bucket)


@scenario("log_missing", FAIL)
def delete_marker_on_a_log(case: Case) -> Case:
    bucket = versioned()
    bucket.delete(bucket.log_key(AT))
    return Case(bucket)


@scenario("gap_digest_deleted", FAIL)
def delete_markers_on_the_newest_digests(case: Case) -> Case:
    bucket = versioned()
    bound = bucket.digest_key(AT)
    for key in bucket.digest_keys():
        if key > bound:
            bucket.delete(key)
    return Case(bucket, scope(validation_enabled=None))


# ----------------------------------------------------------------------------------------------------- downloads


def saved_plain(path: Path) -> None:
    path.write_bytes(gzip.decompress(path.read_bytes()))


@scenario("download_unpacked", NOTE)
def saved_by_a_browser_as_plain_json(case: Case) -> Case:
    return FolderCase(case.bucket, change=saved_plain)


@scenario("download_unpacked", NOTE)
def saved_without_the_ending(case: Case) -> Case:
    return FolderCase(case.bucket, change=lambda path: (path.rename(path.with_suffix("")), None)[1])


@scenario("gzip_header_differs", NOTE)
def packed_again_after_a_download(case: Case) -> Case:
    return FolderCase(
        case.bucket, change=lambda path: (path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()))), None)[1]
    )


@scenario("log_altered", FAIL)
def altered_and_saved_as_plain_json(case: Case) -> Case:
    case.bucket.edit(case.bucket.log_key(AT), lambda data: data + b" ")
    return FolderCase(case.bucket, change=saved_plain)


@scenario("", PASS)
def content_of_one_account(case: Case) -> Case:
    return FolderCase(case.bucket, part=f"logs/AWSLogs/{ACCOUNT}")


@scenario("", PASS)
def content_of_awslogs(case: Case) -> Case:
    return FolderCase(case.bucket, part="logs/AWSLogs")


# ------------------------------------------------------------------------------------------------ history that moved


@dataclass(slots=True)
class PlaceCase(Case):
    """A bucket of which only the place is named; it has to be one trail."""

    read: str = TRAIL.bucket
    """The bucket that is named."""

    def verify(self, keeper: Keeper | None = None) -> TrailReport:
        """Find the trails of the place and verify the only one."""
        source = Source(self.bucket)
        (found,) = scopes_of_place(source, self.read, "", Wanted(self.scope.start, self.scope.end))
        keys = self.keys or book(regions=(HOME, OTHER))
        with shown(self.bucket) as opening:
            shared = in_tasks(keeper, opening)
            return verify_trail(source, lambda *_: keys, found, now=NOW, concurrency=1, shared=shared)


def then(bucket: Bucket, trail: DeliveredTrail, since: Any, **arguments: Any) -> Bucket:
    """Deliver to another place from some time on, with a chain of its own."""
    regions = arguments.pop("regions", (HOME,))
    for region in regions:
        for stored in deliver(trail, region=region, keys=KEYS, start=since, end=UNTIL, records=records(), **arguments):
            bucket.put(stored)
    return bucket


BOTH = (HOME, OTHER)


@scenario("location_changed", NOTE)
def prefix_changed_by_hand(case: Case) -> Case:
    return PlaceCase(then(filled(trail=replace(TRAIL, prefix="old"), end=AT), TRAIL, AT))


@scenario("location_changed", NOTE)
def became_an_organization_trail(case: Case) -> Case:
    bucket = moved_chain(replace(TRAIL, organization="o-abcdef1234"))
    bucket.set_metadata(bucket.digest_key(AT), signature=None, signature_algorithm=None)
    return PlaceCase(bucket)


@scenario("log_altered", FAIL)
def altered_before_it_became_an_organization_trail(case: Case) -> Case:
    bucket = moved_chain(replace(TRAIL, organization="o-abcdef1234"))
    bucket.edit(bucket.log_key(START + HOUR), lambda data: data + b" ")
    return PlaceCase(bucket)


@scenario("home_region_changed", NOTE)
def made_again_in_another_home_region(case: Case) -> Case:
    return PlaceCase(then(filled(end=AT, regions=BOTH), replace(TRAIL, home_region=OTHER), AT, regions=BOTH))


@scenario("gap_digest_deleted", FAIL)
def digest_deleted_before_it_was_made_again(case: Case) -> Case:
    bucket = then(filled(end=AT, regions=BOTH), replace(TRAIL, home_region=OTHER), AT, regions=BOTH)
    bucket.delete(next(key for key in bucket.digest_keys() if f"{START + 2 * HOUR:%Y%m%dT%H}" in key))
    return PlaceCase(bucket)


@scenario("", PASS)
def organization_path_without_its_id(case: Case) -> Case:
    organization = replace(TRAIL, organization=None)
    bucket = filled(trail=organization, accounts=("", "444455556666"))
    filled(trail=replace(TRAIL, name="neighbour", account="777788889999"), into=bucket)
    trail = {
        "Name": TRAIL.name,
        "TrailARN": TRAIL.arn,
        "HomeRegion": HOME,
        "S3BucketName": TRAIL.bucket,
        "S3KeyPrefix": TRAIL.prefix,
        "IsOrganizationTrail": True,
        "LogFileValidationEnabled": True,
    }
    return Case(bucket, scope_of_trail(trail, (), Wanted(START, END), "o-abcdef1234"))


# -------------------------------------------------------------------------------------------------- other kinds


def of_kind(bucket: Bucket, kind: str, *, listed: bool) -> str:
    """Put a file of another kind into the bucket; where digests speak of it, CloudTrail's key signed them so."""
    body = gzipped(json.dumps({"Records": [record(AT, 7)]}).encode())
    key = bucket.log_key(AT).replace("/CloudTrail/", f"/{kind}/").replace("_CloudTrail_", f"_{kind}_")
    bucket.set(TRAIL.bucket, key, Held(body, {}, AT))
    if listed:
        entry = {
            "s3Bucket": TRAIL.bucket,
            "s3Object": key,
            "hashValue": hashlib.sha256(gzip.decompress(body)).hexdigest(),
            "hashAlgorithm": "SHA-256",
            "newestEventTime": utc_text(AT),
            "oldestEventTime": utc_text(AT),
        }
        newest = bucket.digest_keys()[-1]
        resign(bucket, newest, lambda document: document["logFiles"].append(entry))
    return key


@scenario("kind_without_digest", NOTE)
def insights_of_which_no_digest_speaks(case: Case) -> None:
    of_kind(case.bucket, "CloudTrail-Insight", listed=False)


@scenario("kind_without_digest", NOTE)
def network_activity_of_which_no_digest_speaks(case: Case) -> None:
    of_kind(case.bucket, "CloudTrail-NetworkActivity", listed=False)


@scenario("", PASS)
def aggregated_events_that_digests_list(case: Case) -> Case:
    of_kind(case.bucket, "CloudTrail-Aggregated", listed=True)
    return Case(case.bucket, scope(end=UNTIL))


@scenario("log_missing", FAIL)
def listed_insights_deleted(case: Case) -> Case:
    case.bucket.delete(of_kind(case.bucket, "CloudTrail-Insight", listed=True))
    return Case(case.bucket, scope(end=UNTIL))


@scenario("log_altered", FAIL)
def listed_network_activity_altered(case: Case) -> Case:
    case.bucket.edit(of_kind(case.bucket, "CloudTrail-NetworkActivity", listed=True), lambda data: data + b" ")
    return Case(case.bucket, scope(end=UNTIL))


# ------------------------------------------------------------------------------------------------ relocated evidence


def copied() -> Bucket:
    """Return a bucket to which another one was copied, metadata and all."""
    return Bucket({("archive-bucket", key): held for (_, key), held in filled().objects.items()})


@scenario("evidence_relocated", NOTE)
def read_from_a_copy_of_the_bucket(case: Case) -> Case:
    return PlaceCase(copied(), read="archive-bucket")


@scenario("log_altered", FAIL)
def altered_in_a_copy_of_the_bucket(case: Case) -> Case:
    bucket = copied()
    bucket.edit(bucket.log_key(AT), lambda data: data + b" ")
    return PlaceCase(bucket, read="archive-bucket")


@scenario("digest_moved", FAIL)
def cloudtrail_says_it_is_another_bucket(case: Case) -> Case:
    return Case(copied(), scope(replace(TRAIL, bucket="archive-bucket")))


TOLD = ("original_still_among_the_versions", "stopped_and_started", "extra_log_object", "junk_among_the_digests")
"""Rows whose reports have something in every part of the pages about them."""


def documents_of(*names: str) -> list[dict[str, Any]]:
    """Return the report documents of some rows."""
    rows = {row.name: row for row in TABLE}
    return [rows[name].change().verify().document() for name in names]


def main() -> int:
    """Print the table, with the AWS CLI's verdicts when ``--aws PATH`` names it."""
    from .compare import print_table

    return print_table(sys.argv[1:])


if __name__ == "__main__":
    from tests.trail.scenarios import main as run

    raise SystemExit(run())
