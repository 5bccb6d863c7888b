"""The organization's trails: found once, with the one account that may read what they deliver.

Each account's deliveries are verified in the audit of that account, by the credentials of the reader that was found
here, so that no object is read twice and each pack holds its own proof. What was delivered for accounts of which there
is no pack is verified here: nothing that is wrong with it may be lost with the account.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from auditor.base.errors import CollectionError
from auditor.catalog.load import Catalog
from auditor.collect.accounts import Caller
from auditor.collect.calls import Asker
from auditor.collect.collection import BUILT_IN, ENABLED
from auditor.evidence.answer import Answer, CallError
from auditor.evidence.operations import GLOBAL, Call, Operation, Where
from auditor.evidence.store import EvidenceWriter
from auditor.model import Control
from auditor.org.accounts import Listing
from auditor.org.doors import Doors, way_into
from auditor.pack.layout import INTEGRITY
from auditor.policies.arn import account_of
from auditor.run.gather import wanted_of_trails
from auditor.run.request import Progress, Request
from auditor.run.settings import caller_of, keep_of, limits_of
from auditor.run.shared import Shared
from auditor.run.trails import DIGESTS

TRAILS: Final = "cloudtrail:DescribeTrails"
LISTED: Final = "s3:ListObjectsV2"

_LIST: Final = Operation(
    name=LISTED, where=Where.GLOBAL, parameters={}, for_each=(), required=(), absent=(), action="s3:ListBucket",
    produced=False,
)  # fmt: skip
_ID: Final = 12


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What the run knows of the organization's trails.

    Args:
        shared: what each audit is handed.
        writers: trail ARN -> accounts that have a folder of their own in its bucket.
        regions: the Regions that the trails' owner has.
        readers: the accounts that may list their buckets.
        verified: whether what they delivered is verified.
    """

    shared: Shared
    writers: Mapping[str, tuple[str, ...]]
    regions: tuple[str, ...]
    readers: tuple[str, ...] = ()
    verified: bool = False


@dataclass(frozen=True)
class TrailFinder:
    """Looks for the organization's trails, and for who may read their buckets.

    Args:
        request: what is asked.
        catalog: the controls and operations.
        doors: who asks.
        listing: the accounts.
        entered: account -> how it is entered.
        writer: takes the answers.
        progress: shown how far it is.
    """

    request: Request
    catalog: Catalog
    doors: Doors
    listing: Listing
    entered: Mapping[str, str]
    writer: EvidenceWriter
    progress: Progress

    def find(self) -> Deliveries:
        """Ask the management account, or the caller's where nobody may enter that one, and then for the readers."""
        config = self.request.config
        verified = bool(wanted_of_trails(config, self.controls))
        asked = verified or any(TRAILS in control.evidence for control in self.controls)
        if not asked or not self.listing.organization:
            return Deliveries(Shared(self.listing.organization), {}, ())
        self.progress("Find the organization's trails", 0, 0)
        holder = self.listing.management if self.listing.management in self.entered else self.doors.caller.account
        asker = self._asker(holder)
        if asker is None:
            return Deliveries(Shared(self.listing.organization), {}, ())
        regions = tuple(config.regions) or self._regions(asker)
        trails: dict[str, Mapping[str, Any]] = {}
        for region in regions or (self.doors.caller.home_region,):
            answer = self._ask(asker, self.catalog.operations[TRAILS], region, {})
            for item in _items(answer, "trailList"):
                if item.get("IsOrganizationTrail") is True and isinstance(item.get("TrailARN"), str):
                    trails.setdefault(str(item["TrailARN"]), item)
        found = self._read_by(tuple(trails[arn] for arn in sorted(trails)), regions)
        return replace(found, verified=verified)

    @property
    def controls(self) -> tuple[Control, ...]:
        """The chosen controls."""
        config = self.request.config
        return tuple(self.catalog.controls_of(self.catalog.select(config.frameworks, config.control_ids)))

    def _read_by(self, trails: Sequence[Mapping[str, Any]], regions: tuple[str, ...]) -> Deliveries:
        readers: dict[str, Mapping[str, str]] = {}
        writers: dict[str, tuple[str, ...]] = {}
        who: list[str] = []
        for trail in trails:
            bucket, prefix = str(trail.get("S3BucketName") or ""), str(trail.get("S3KeyPrefix") or "").strip("/")
            if not bucket:
                continue
            place = "/".join(part for part in (prefix, "AWSLogs", self.listing.organization) if part) + "/"
            for account in self._candidates():
                if (asker := self._asker(account)) is None:
                    continue
                answer = self._ask(asker, _LIST, GLOBAL, {"Bucket": bucket, "Delimiter": "/", "Prefix": place})
                if answer.error is None:
                    readers[bucket] = way_into(self.request.config, account, self.entered[account])
                    writers[str(trail["TrailARN"])] = _folders(answer, place)
                    who.append(account)
                    break
        shared = Shared(self.listing.organization, tuple(trails), readers)
        return Deliveries(shared, writers, regions, tuple(dict.fromkeys(who)))

    def _candidates(self) -> Iterator[str]:
        """Yield who may be let read a trail's bucket, the likeliest first; the log archive has no name of its own."""
        likely = [self.listing.management, self.doors.caller.account]
        likely += [item.id for item in self.listing.accounts if _sounds_like_logs(item.name)]
        yield from dict.fromkeys(name for name in (*likely, *sorted(self.entered)) if name in self.entered)

    def _asker(self, account: str) -> Asker | None:
        try:
            caller = self.doors.behind(account, self.entered.get(account, "own"))
        except CollectionError:
            return None  # that account's own audit says so
        return Asker(caller, now=self.request.now, limits=limits_of(self.request.config))

    def _regions(self, asker: Asker) -> tuple[str, ...]:
        answer = self._ask(asker, BUILT_IN, GLOBAL, {})
        on = [item for item in _items(answer, "Regions") if item.get("OptInStatus", "opted-in") in ENABLED]
        return tuple(sorted(str(item.get("RegionName")) for item in on))

    def _ask(self, asker: Asker, operation: Operation, region: str, parameters: Mapping[str, Any]) -> Answer:
        """Ask once; the same question to the same account is answered from the evidence."""
        asked = {**operation.parameters, **parameters}
        call = Call(operation.name, region, tuple(sorted(asked.items())))
        known = self.writer.recalled(asker.account, call)
        if known is not None:
            return known
        answer = asker.ask(operation, call, parameters=asked)
        self.writer.add(answer)
        return answer


def _sounds_like_logs(name: str) -> bool:
    return "log" in name.lower() or "archive" in name.lower()


def _items(answer: Answer, key: str) -> Iterator[Mapping[str, Any]]:
    for page in answer.pages:
        found = page.get(key) if isinstance(page, Mapping) else None
        yield from (item for item in found or () if isinstance(item, Mapping))


def _folders(answer: Answer, place: str) -> tuple[str, ...]:
    names = (str(item.get("Prefix") or "").removeprefix(place).rstrip("/") for item in _items(answer, "CommonPrefixes"))
    return tuple(sorted({name for name in names if len(name) == _ID and name.isdigit() and name.isascii()}))


def verify_rest(
    deliveries: Deliveries, request: Request, doors: Doors, writer: EvidenceWriter, apart: Iterable[str]
) -> None:
    """Verify what the trails delivered for accounts that have no pack; the reports become evidence of this run.

    Args:
        deliveries: the trails.
        request: what is asked.
        doors: who asks.
        writer: takes the reports; its folder holds the archives.
        apart: accounts that have a pack, or that a filter excludes.
    """
    from auditor.trail.audit import AccountTrails, audit_trails

    if not deliveries.verified:
        return
    rest = tuple(sorted({name for names in deliveries.writers.values() for name in names} - set(apart)))
    readers: dict[str, Caller] = {}
    for trail in deliveries.shared.trails:
        settings = deliveries.shared.reader(str(trail.get("S3BucketName")), request.config)
        if rest and settings is not None:
            arn, home = str(trail["TrailARN"]), str(trail.get("HomeRegion"))
            try:
                readers[arn] = caller_of(settings, doors.log)
            except CollectionError as error:
                lost = CallError("NotRead", error.message[:400], "")
                writer.add(
                    Answer(account_of(arn), Call(DIGESTS, home, (("Name", arn),)), (), "", (), 0, request.now(), lost)
                )
    if not readers:
        return
    trails = AccountTrails(
        account=doors.caller.account,
        regions=deliveries.regions,
        organization=deliveries.shared.organization,
        trails=tuple(item for item in deliveries.shared.trails if item["TrailARN"] in readers),
        discover_regions=not request.config.regions,
        of=rest,
    )
    for _, report in audit_trails(
        trails,
        doors.caller.session,
        period=request.period,
        now=request.as_of,
        archive=writer.folder / INTEGRITY,
        keep=keep_of(request.config),
        reading=lambda scope: readers[scope.arn].session,
    ):
        call = Call(DIGESTS, report.scope.home_region, (("Name", report.scope.arn),))
        asked_by = readers[report.scope.arn].principal
        writer.add(Answer(report.scope.account, call, (report.document(),), asked_by, (), 0, request.now()))
