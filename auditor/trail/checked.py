"""Fetches digests and checks each by itself, in parallel. Step 3.

Their bytes and their lists of log files go to the scratch file.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from auditor.trail.context import LATE_DIGESTS, Context
from auditor.trail.digest import CheckedDigest, Proof, RawDigest, check_digest, unreadable
from auditor.trail.fetch import Fetched, Unavailable
from auditor.trail.findings import Finding
from auditor.trail.keys import KeyBook, KeySource, PublicKey
from auditor.trail.names import ChainKey, DigestName, Place
from auditor.trail.parallel import Stopped

DIGEST_BUDGET: Final = 1 << 17
"""Stored bytes of digests under way: being parsed, a digest of 4,000 log files takes a hundred times its 190 kB."""
_GONE: Final = frozenset({"NoSuchKey", "404"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """A digest to fetch: of whom, from where, what its key says, and its stored bytes as listed."""

    whose: ChainKey
    place: Place
    name: DigestName
    size: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """A digest that was fetched and checked, without its list of log files.

    Args:
        number: where the scratch file has its bytes and that list; 0 when it could not be read.
        checked: the judgement so far.
    """

    number: int
    checked: CheckedDigest


@dataclass(frozen=True, slots=True)
class Digests:
    """The digests of all targets, each checked by itself.

    Args:
        kept: by account and Region, then by place.
        missing: places that a proved digest names and the store does not have.
        interrupted: some were not fetched, as the run was asked to stop.
    """

    kept: Mapping[ChainKey, Mapping[Place, Kept]] = field(default_factory=dict)
    missing: Mapping[ChainKey, frozenset[Place]] = field(default_factory=dict)
    interrupted: bool = False

    def of(self, key: ChainKey) -> Mapping[Place, Kept]:
        """Return the digests of an account and Region."""
        return self.kept.get(key, {})

    def checked(self, key: ChainKey) -> list[CheckedDigest]:
        """Return the judgements on the digests of an account and Region."""
        return [kept.checked for kept in self.of(key).values()]

    def gone(self, key: ChainKey) -> frozenset[Place]:
        """Return the places that hold no digest although one is named there."""
        return self.missing.get(key, frozenset())

    def joined(self, other: "Digests") -> "Digests":
        """Return both; of a digest that both have, the later judgement."""
        kept = {key: {**self.of(key), **found} for key, found in other.kept.items()}
        missing = {key: self.gone(key) | places for key, places in other.missing.items()}
        return Digests({**self.kept, **kept}, {**self.missing, **missing}, self.interrupted or other.interrupted)


def load_keys(context: Context, keys: KeySource, book: KeyBook, regions: Iterable[str]) -> KeyBook:
    """Return the book with the public keys of Regions that were not asked for yet."""
    known = {key.region for key in book.keys} | {region for region, _ in book.unavailable}
    new = sorted(set(regions) - known)
    if not new:
        return book
    context.tell("keys", 0, len(new), force=True)
    start, end = context.scope.start - timedelta(days=1), max(context.now, context.scope.end + LATE_DIGESTS)
    found = keys(new, start, end)
    return KeyBook((*book.keys, *found.keys), tuple(sorted({*book.unavailable, *found.unavailable})))


def key_findings(book: KeyBook, account: str) -> tuple[Finding, ...]:
    """Name the Regions whose public keys could not be had."""
    return tuple(
        Finding(
            "keys_unavailable",
            "",
            account,
            region,
            None,
            "public keys",
            code,
            "shown",
            f"The public keys of {region} could not be had ({code}): no digest from there can be checked.",
        )
        for region, code in book.unavailable
    )


def fetch_digests(context: Context, book: KeyBook, wanted: Sequence[Wanted], *, listed: bool) -> Digests:
    """Fetch and check digests.

    Args:
        context: the run's tools.
        book: the public keys.
        wanted: what to fetch.
        listed: whether listings showed them. One that only its successor names and that is not there is missing; a
            listed one could not be read.
    """
    index = book.index()
    kept: dict[ChainKey, dict[Place, Kept]] = {}
    missing: dict[ChainKey, set[Place]] = {}
    interrupted = False
    results = (_ahead if listed and context.ahead is not None else _fetched)(context, index, wanted)
    try:
        for done, (task, (checked, body, metadata)) in enumerate(results, 1):
            if not listed and body is None and any(item.found in _GONE for item in checked.findings):
                missing.setdefault(task.whose, set()).add(task.place)
            else:
                kept.setdefault(task.whose, {})[task.place] = _keep(context, task.place, checked, body, metadata)
            context.tell("digests", done, len(wanted), force=done == len(wanted) and listed)
    except Stopped:
        interrupted = True
    return Digests(kept, {key: frozenset(places) for key, places in missing.items()}, interrupted)


_Index = Mapping[tuple[str, str], PublicKey]
_Fetched = tuple[CheckedDigest, bytes | None, Mapping[str, str]]
"""A digest, its stored bytes and its metadata."""


def _fetched(context: Context, index: _Index, wanted: Sequence[Wanted]) -> Iterator[tuple[Wanted, _Fetched]]:
    return context.workers.map(
        lambda task: fetch_digest(context, index, task), wanted, weigh=stored_size, budget=DIGEST_BUDGET
    )


def _ahead(context: Context, index: _Index, wanted: Sequence[Wanted]) -> Iterator[tuple[Wanted, _Fetched]]:
    """Let others read the digests, and judge them here. What does not prove itself that way is read here, too.

    So another store, or a copy, before those others can neither help nor harm a trail.
    """
    assert context.ahead is not None  # noqa: S101 - asked for by the caller
    came = ((wanted[number], read) for number, read in context.ahead([(task.place, task.size) for task in wanted]))

    def judge(item: tuple[Wanted, Fetched | Unavailable | None]) -> _Fetched:
        task, read = item
        if isinstance(read, Unavailable):
            return unreadable(*task.place, task.name, read.code), None, {}
        if read is not None and len(read.body) == (task.size or len(read.body)):
            checked = check_digest(RawDigest(*task.place, task.name, read.body, read.metadata), index)
            if checked.proof is Proof.VALID:
                return checked, read.body, read.metadata
        return fetch_digest(context, index, task)

    results = context.workers.map(judge, came, weigh=lambda item: item[0].size, budget=DIGEST_BUDGET)
    return ((task, found) for (task, _), found in results)


def stored_size(task: Wanted) -> int:
    """Return the stored bytes of a digest, as listed."""
    return task.size


def fetch_digest(
    context: Context, keys: Mapping[tuple[str, str], PublicKey], task: Wanted
) -> tuple[CheckedDigest, bytes | None, Mapping[str, str]]:
    """Fetch and check one digest; return it with its stored bytes and metadata. Runs on a worker's thread."""
    bucket, key = task.place
    try:
        fetched = context.source.get(bucket, key)
    except Unavailable as problem:
        return unreadable(bucket, key, task.name, problem.code), None, {}
    raw = RawDigest(bucket, key, task.name, fetched.body, fetched.metadata)
    return check_digest(raw, keys), fetched.body, fetched.metadata


def without_logs(checked: CheckedDigest) -> CheckedDigest:
    """Return a digest without its list of log files, which may have thousands of entries."""
    return checked if checked.digest is None else replace(checked, digest=replace(checked.digest, logs=()))


def _keep(
    context: Context, place: Place, checked: CheckedDigest, body: bytes | None, metadata: Mapping[str, str]
) -> Kept:
    """Spool the bytes and the list of log files; return the digest without that list."""
    if body is None:
        return Kept(0, checked)
    logs = () if checked.digest is None else checked.digest.logs
    rows = ((log.bucket, log.key, log.sha256, log.algorithm) for log in logs)
    return Kept(context.spool.add_digest(place, body, metadata, rows), without_logs(checked))
