"""Links the chains of all accounts and Regions, and lets proved digests name the log files to check. Step 5."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from auditor.trail.chain import Linked, link
from auditor.trail.context import Context
from auditor.trail.digest import unreadable
from auditor.trail.explain import event_windows
from auditor.trail.names import ChainKey, Identity, Location
from auditor.trail.plan import Target
from auditor.trail.retention import Expired, Retention
from auditor.trail.survey import Survey


@dataclass(frozen=True, slots=True)
class Origin:
    """The digest that names a log file: of whom it is, and when it begins."""

    target: Target
    start: datetime


@dataclass(frozen=True, slots=True)
class Links:
    """The chains, linked.

    Args:
        targets: the accounts and Regions that count; those where only other trails write are gone.
        linked: their chains, sorted by account and Region.
        origins: by number in the scratch file, where a log file's digest comes from.
        windows: when the log files were made that may hold the calls around a hole.
    """

    targets: Mapping[ChainKey, Target]
    linked: tuple[Linked, ...]
    origins: Mapping[int, Origin]
    windows: tuple[tuple[datetime, datetime], ...]


def link_chains(context: Context, found: Survey, retention: Retention) -> Links:
    """Link each chain in memory; the log files that proved digests name become the entries of the scratch file.

    What a listing showed and the run did not reach is an unreadable digest.
    """
    targets = {target.key: target for target in _own_targets(context, found)}
    linked, origins = [], {}
    accepted: list[tuple[int, str]] = []
    for key, target in sorted(targets.items()):
        kept = found.digests.of(key)
        missed = ((place, name) for place, name in found.listing.of(target).own.items() if place not in kept)
        digests = [item.checked for item in kept.values()]
        digests += [unreadable(*place, name, "not reached") for place, name in missed]
        identity = Identity(context.scope.trail, context.scope.home_region, *key)
        expired = _expired(context, found, target, retention)
        chain = link(identity, digests, found.digests.gone(key), context.span, expired=expired)
        linked.append(chain)
        origins.update({item.number: Origin(target, item.checked.start) for item in kept.values() if item.number})
        for item in chain.proved():
            bound = f"{context.scope.end:%Y%m%dT%H%M}" if item.start >= context.scope.end else ""
            accepted.append((kept[item.bucket, item.key].number, bound))
    context.spool.accept(accepted)
    windows = event_windows(gap for chain in linked for gap in chain.gaps)
    return Links(targets, tuple(linked), origins, windows)


def _own_targets(context: Context, found: Survey) -> Iterable[Target]:
    """Leave out discovered Regions in which only other trails write.

    A trail with digests outside its home Region is a multi-Region one and writes everywhere: a Region of its without
    digests is then a finding, whatever else lies there.
    """
    own = {target.key: _has_own(found, target) for target in found.targets}
    everywhere = any(has and region not in context.scope.homes for (_, region), has in own.items())
    for target in found.targets:
        listed = found.listing.of(target)
        others = bool(listed.foreign) and not everywhere
        if target.asked or own[target.key] or not (others or target.shared or not listed.log_objects):
            yield target


def _has_own(found: Survey, target: Target) -> bool:
    return bool(found.listing.of(target).own) or bool(found.digests.of(target.key))


def _expired(context: Context, found: Survey, target: Target, retention: Retention) -> Expired | None:
    """Return which digests of a chain are gone by rule, in all places that it was written to."""
    names = dict(found.listing.of(target).own)
    names |= {place: item.checked.name for place, item in found.digests.of(target.key).items()}
    written = {Location(bucket, name.location_prefix, name.organization) for (bucket, _), name in names.items()}
    places = [
        (place.bucket, place.folder(target.account, "CloudTrail-Digest", target.region))
        for place in sorted(written or {context.scope.location}, key=str)
    ]
    return retention.expired(places)
