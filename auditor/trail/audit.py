"""The trails of one audited account: who they are, from what CloudTrail said of them, and the verification of each.

This is the room's front door for ``auditor.run``; ``auditor trail verify`` has one of its own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any, Final

from auditor.base.errors import CollectionError
from auditor.base.period import Period
from auditor.trail.context import Progress
from auditor.trail.discover import Wanted, scope_of_trail
from auditor.trail.fetch import S3Source, fetch_public_keys
from auditor.trail.kept import Keep
from auditor.trail.keys import KeyBook, KeySource, PublicKey
from auditor.trail.reading import OnLog
from auditor.trail.report import Anchor, TrailReport, TrailScope
from auditor.trail.sharing import Shared
from auditor.trail.verify import verify_trail

_KEY_THREADS: Final = 8


@dataclass(frozen=True, slots=True)
class AccountTrails:
    """What is known about an account's trails before any object is read.

    Args:
        account: twelve digits.
        regions: the Regions of the audit.
        organization: id of the account's organization, empty when unknown; its trails lie below a folder of that name.
        trails: items of ``DescribeTrails`` answers, keys as AWS spells them; shadow copies may stand among them.
        discover_regions: whether other Regions found in the bucket are verified, too; not when Regions were chosen.
        of: accounts whose deliveries are verified; empty for those of the account itself.
    """

    account: str
    regions: tuple[str, ...]
    organization: str
    trails: tuple[Mapping[str, Any], ...]
    discover_regions: bool = True
    of: tuple[str, ...] = ()

    def scopes(self, period: Period, anchors: Mapping[str, Sequence[Anchor]]) -> tuple[TrailScope, ...]:
        """Return what has to be verified, each trail once, sorted by ARN.

        Args:
            period: the audited period.
            anchors: by trail ARN, the newest digests that an earlier report had seen.
        """
        distinct = {str(trail["TrailARN"]): trail for trail in self.trails if _usable(trail)}
        without = {_place(trail) for trail in distinct.values() if trail.get("LogFileValidationEnabled") is False}
        return tuple(
            self._scope(arn, trail, period, tuple(anchors.get(arn, ())), _place(trail) in without)
            for arn, trail in sorted(distinct.items())
        )

    def _scope(
        self, arn: str, trail: Mapping[str, Any], period: Period, anchors: tuple[Anchor, ...], shared: bool
    ) -> TrailScope:
        wanted = Wanted(period.start, period.end, accounts=self.of or (self.account,))
        return replace(
            scope_of_trail(trail, self.regions, wanted, self.organization),
            arn=arn,
            discover_regions=self.discover_regions,
            anchors=anchors,
            shared_without_digests=shared and trail.get("LogFileValidationEnabled") is True,
        )


def _usable(trail: Mapping[str, Any]) -> bool:
    names = ("TrailARN", "HomeRegion", "Name", "S3BucketName")
    return all(isinstance(trail.get(name), str) for name in names) and str(trail["TrailARN"]).count(":") >= 5  # noqa: PLR2004


def _place(trail: Mapping[str, Any]) -> tuple[str, str]:
    return (str(trail["S3BucketName"]), str(trail.get("S3KeyPrefix") or ""))


def audit_trails(
    trails: AccountTrails,
    session: Any,
    *,
    period: Period,
    now: datetime,
    archive: Path,
    endpoint_url: str | None = None,
    anchors: Mapping[str, Sequence[Anchor]] | None = None,
    progress: Callable[[str, Progress], None] = lambda _trail, _progress: None,
    keep: Keep | None = None,
    sent: Callable[[TrailScope, Mapping[str, int]], None] = lambda _scope, _requests: None,
    finished: Callable[[Path, TrailScope], bool] | None = None,
    on_log: OnLog | None = None,
    reading: Callable[[TrailScope], Any] | None = None,
    shared: Callable[[TrailScope], Shared | None] = lambda _scope: None,
) -> Iterator[tuple[Path, TrailReport]]:
    """Verify each trail of an account and read its records for notable events; per trail its folder and its report.

    Args:
        trails: whose trails.
        session: a ``boto3.Session``.
        period: the audited period.
        now: the run's as-of time, aware UTC.
        archive: a folder; each trail's material for an offline verification goes into one below it.
        endpoint_url: overrides the endpoint of CloudTrail and S3.
        anchors: by trail ARN, the newest digests that an earlier report had seen.
        progress: told the trail's name and how far it is.
        keep: which log files are kept beside the digests; None for none. The size is that of all trails together.
        sent: told of each trail how many S3 requests were made without the SDK, by operation.
        finished: says of a trail's folder and scope whether that was verified before; then it is passed over.
        on_log: called with every log file of every trail, from several threads.
        reading: returns the session by which a trail's bucket is read; the account's own without.
        shared: says who reads digests and log files of a trail in tasks; None for threads of this process.
    """
    scopes = trails.scopes(period, anchors or {})
    share = replace(keep, most=keep.most // len(scopes)) if keep is not None and scopes else None
    for number, scope in enumerate(scopes, start=1):
        place = archive / f"trail-{number}"
        if finished is not None and finished(place, scope):
            continue
        tasks = shared(scope)
        source = S3Source(reading(scope) if reading is not None else session, endpoint_url=endpoint_url)
        report = verify_trail(
            source,
            key_source(session, endpoint_url=endpoint_url),
            scope,
            now=now,
            progress=_named(progress, scope.trail),
            events=True,
            archive=place,
            keep=share,
            on_log=on_log,
            shared=tasks,
        )
        sent(scope, source.sent)
        if tasks is not None:
            sent(scope, tasks.sent)
        yield place, report


def _named(progress: Callable[[str, Progress], None], trail: str) -> Callable[[Progress], None]:
    return lambda item: progress(trail, item)


def key_source(session: Any, *, endpoint_url: str | None = None) -> KeySource:
    """Return a source of public keys that asks CloudTrail, several Regions at once."""

    def keys(regions: Sequence[str], start: datetime, end: datetime) -> KeyBook:
        if session.get_credentials() is None:
            raise CollectionError("no AWS credentials were found", hint="set AWS_PROFILE or pass --profile")

        making = Lock()

        def of(region: str) -> tuple[list[PublicKey], str]:
            return fetch_public_keys(session, region, start, end, making=making, endpoint_url=endpoint_url)

        with ThreadPoolExecutor(_KEY_THREADS) as pool:
            answers = list(pool.map(of, regions))
        return _book(zip(regions, answers, strict=True))

    return keys


def _book(answers: Iterable[tuple[str, tuple[list[PublicKey], str]]]) -> KeyBook:
    found: list[PublicKey] = []
    failed: list[tuple[str, str]] = []
    for region, (keys, error) in answers:
        found += keys
        if error:
            failed.append((region, error))
    return KeyBook(tuple(found), tuple(failed))
