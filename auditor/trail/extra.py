"""Finds the log objects nobody vouches for. Step 7. Digests of other trails are proved before they count."""

from dataclasses import dataclass

from auditor.activity.logbytes import LogBytes
from auditor.trail.chain import link
from auditor.trail.checked import (
    DIGEST_BUDGET,
    Wanted,
    fetch_digest,
    load_keys,
    stored_size,
    without_logs,
)
from auditor.trail.context import Context
from auditor.trail.digest import CheckedDigest, Proof
from auditor.trail.fetch import Unavailable
from auditor.trail.gunzip import Damaged, inflate
from auditor.trail.keys import KeyBook, KeySource
from auditor.trail.links import Links
from auditor.trail.logfile import LOG_LIMIT, damage_kind
from auditor.trail.logs import LOG_BUDGET
from auditor.trail.names import ChainKey, Identity, Place
from auditor.trail.parallel import Stopped
from auditor.trail.reading import Reading
from auditor.trail.survey import Survey


@dataclass(frozen=True, slots=True)
class Extras:
    """What the search for log objects without digest found; the objects themselves stand in the scratch file.

    Args:
        book: the public keys, with those of other trails' Regions.
        unread: where a digest of another trail could not be read: log objects that nobody names may be that trail's.
        interrupted: the run was asked to stop before the end.
    """

    book: KeyBook
    unread: frozenset[ChainKey] = frozenset()
    interrupted: bool = False


def find_extra(context: Context, keys: KeySource, found: Survey, links: Links) -> Extras:
    """Find the log objects no digest names.

    What another trail's digest cannot prove accounts for nothing: a forged one must not excuse a planted log file.
    """
    context.spool.forget_listed(target.number for target in found.targets if target.key not in links.targets)
    if not context.spool.find_extra():
        return Extras(found.book)
    foreign = [
        Wanted(key, place, name, listed.sizes.get(place, 0))
        for key, target in links.targets.items()
        for listed in (found.listing.of(target),)
        for place, name in sorted(listed.foreign.items())
        if listed.log_objects
    ]
    if not foreign:
        return Extras(found.book)
    book = load_keys(context, keys, found.book, {task.whose[1] for task in foreign})
    try:
        unread = _accept_others(context, book, foreign)
    except Stopped:
        return Extras(book, interrupted=True)
    context.spool.find_extra()
    return Extras(book, unread)


def read_unvouched(context: Context, reading: Reading) -> bool:
    """Hand on the log files that no digest names, when somebody wants all of them; nothing is judged by them.

    Returns:
        Whether the run was asked to stop before the last one.
    """
    on_log = reading.on_log
    if on_log is None:
        return False
    extras = ((extra.bucket, extra.key, extra.size) for extra in context.spool.extras())

    def read(task: tuple[str, str, int]) -> None:
        on_log(_read(context, *task))

    try:
        for _ in context.workers.map(read, extras, weigh=lambda task: task[2], budget=LOG_BUDGET):
            pass
    except Stopped:
        return True
    return False


def _read(context: Context, bucket: str, key: str, size: int) -> LogBytes:
    try:
        inflated = inflate(context.source.read(bucket, key, size), LOG_LIMIT, keep=True)
    except Unavailable:
        return LogBytes(bucket, key, "unvouched", "log_unreadable", "", None)
    except Damaged as damage:
        return LogBytes(bucket, key, "unvouched", damage_kind(damage), "", None)
    return LogBytes(bucket, key, "unvouched", "", inflated.sha256, inflated.data)


def _accept_others(context: Context, book: KeyBook, foreign: list[Wanted]) -> frozenset[ChainKey]:
    """Let proved digests of other trails account for what they name; return where one could not be read."""
    index = book.index()
    unread: set[ChainKey] = set()
    numbers: dict[Place, int] = {}
    chains: dict[Identity, list[CheckedDigest]] = {}
    results = context.workers.map(
        lambda task: fetch_digest(context, index, task), foreign, weigh=stored_size, budget=DIGEST_BUDGET
    )
    for task, (checked, _, _) in results:
        if checked.proof is Proof.UNREADABLE:
            unread.add(task.whose)
        if checked.digest is not None:
            rows = ((log.bucket, log.key, log.sha256, log.algorithm) for log in checked.digest.logs)
            numbers[task.place] = context.spool.add_other_digest(rows)
            identity = Identity(task.name.trail, task.name.home_region, *task.whose)
            chains.setdefault(identity, []).append(without_logs(checked))
    for identity, digests in chains.items():
        linked = link(identity, digests, frozenset(), context.span, expired=None)
        context.spool.accept_other(numbers[item.bucket, item.key] for item in linked.proved())
    return frozenset(unread)
