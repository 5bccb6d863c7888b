"""Lists digests and log files. Step 2. Log files go to the scratch file; digests are few and stay in memory."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from auditor.trail.context import LATE_DIGESTS, Context
from auditor.trail.fetch import Listed, Unavailable
from auditor.trail.findings import Finding
from auditor.trail.gaps import HOUR
from auditor.trail.names import (
    ChainKey,
    DigestName,
    Location,
    Place,
    days,
    parse_digest_key,
    parse_log_key,
)
from auditor.trail.parallel import Stopped
from auditor.trail.plan import Target, unlisted

LIST_PAGE: Final = 1000
"""Listing rows taken at a time from a remote store: memory stays flat on days with many log files."""
STRAY_LIMIT: Final = 200
"""Objects under foreign names among the digests that are named, per account and Region."""


@dataclass(frozen=True, slots=True)
class Found:
    """What listings showed of one account and Region.

    Args:
        own: the trail's digests.
        foreign: digests of other trails in the same folder.
        sizes: stored bytes of the digests.
        strays: objects among the digests that are none.
        log_objects: how many objects lie among the log files.
        unread: a listing failed: what is not there may only not have been seen.
    """

    own: Mapping[Place, DigestName] = field(default_factory=dict)
    foreign: Mapping[Place, DigestName] = field(default_factory=dict)
    sizes: Mapping[Place, int] = field(default_factory=dict)
    strays: tuple[str, ...] = ()
    log_objects: int = 0
    unread: bool = False

    def joined(self, other: "Found") -> "Found":
        """Return what both showed."""
        return Found(
            {**self.own, **other.own},
            {**self.foreign, **other.foreign},
            {**self.sizes, **other.sizes},
            tuple(dict.fromkeys((*self.strays, *other.strays)))[:STRAY_LIMIT],
            self.log_objects + other.log_objects,
            self.unread or other.unread,
        )


@dataclass(frozen=True, slots=True)
class Listing:
    """What listings showed. ``interrupted``: some were not made, as the run was asked to stop."""

    found: Mapping[ChainKey, Found]
    findings: tuple[Finding, ...] = ()
    interrupted: bool = False

    def of(self, target: Target) -> Found:
        """Return what was found of a target."""
        return self.found.get(target.key, Found())

    def joined(self, other: "Listing") -> "Listing":
        """Return what both showed."""
        changed = {key: self.found.get(key, Found()).joined(found) for key, found in other.found.items()}
        findings = (*self.findings, *other.findings)
        return Listing({**self.found, **changed}, findings, self.interrupted or other.interrupted)

    def stray_findings(self) -> tuple[Finding, ...]:
        """Name the objects among the digests that are none."""
        return tuple(
            Finding(
                "object_foreign",
                stray,
                *key,
                None,
                "only digests",
                "another name",
                "shown",
                f"Object {stray} lies among the digests under a name CloudTrail never gives; it was ignored.",
            )
            for key, found in self.found.items()
            for stray in found.strays
        )


@dataclass(frozen=True, slots=True)
class ListTask:
    """A listing to make, or the rest of one."""

    target: Target
    location: Location
    kind: str
    prefix: str
    after: str
    until: str
    """Day (``YYYY/MM/DD``) after which the listing may end."""
    late: timedelta
    """How far beyond the period digests are noted."""
    days: tuple[str, ...] = ()
    """For log files of several days in one go: the days (``YYYY/MM/DD/``), in order. Only what lies in them counts."""
    others: tuple[str, ...] = ()
    """Of a single day, tried because several in one go were refused: the days that follow if this one can be listed."""

    def apart(self, after: str) -> list["ListTask"]:
        """Return what is left of several days as listings of one day each, to be made side by side.

        Args:
            after: the last key that was seen; empty when nothing was.
        """
        cut = len(self.prefix)
        reached = after[cut : cut + len("YYYY/MM/DD/")]
        left = [day for day in self.days if day >= reached]
        return [
            replace(self, prefix=self.prefix + day, after=after if day == reached else "", until="", days=())
            for day in left
        ]

    def tried(self) -> "ListTask":
        """Return the first day alone, where several were refused: who may not list one day may list none of them."""
        return replace(self.apart("")[0], others=self.days[1:])

    @property
    def folder(self) -> str:
        """What stays unread where this listing fails: with a day that was tried, the folder of all."""
        return self.prefix[: -len("YYYY/MM/DD/")] if self.others else self.prefix

    def following(self) -> list["ListTask"]:
        """Return the listings of the other days, now that the first one could be listed."""
        return [replace(self, prefix=self.folder + day, after="", others=()) for day in self.others]


@dataclass(frozen=True, slots=True)
class _Page:
    """A part of a listing."""

    rows: list[Listed]
    after: str | None
    """Where to go on; None at the end."""
    problem: Unavailable | None


@dataclass(slots=True)
class _Draft:
    """What is being found of one account and Region."""

    own: dict[Place, DigestName] = field(default_factory=dict)
    foreign: dict[Place, DigestName] = field(default_factory=dict)
    sizes: dict[Place, int] = field(default_factory=dict)
    strays: list[str] = field(default_factory=list)
    log_objects: int = 0
    unread: bool = False

    def done(self) -> Found:
        return Found(self.own, self.foreign, self.sizes, tuple(self.strays), self.log_objects, self.unread)


def places_tasks(
    context: Context,
    targets: Sequence[Target],
    locations: Sequence[Location],
    late: Mapping[ChainKey, timedelta] | None = None,
) -> list[ListTask]:
    """Return the listings of the period in some places: digests of each target, log files of each day.

    Args:
        context: the run's tools.
        targets: the accounts and Regions.
        locations: the places.
        late: how far beyond the period digests are read, where that is not the usual.
    """
    scope = context.scope
    last = min(scope.end, context.now + HOUR)
    tasks = []
    for target in targets:
        beyond = (late or {}).get(target.key, LATE_DIGESTS)
        for location in locations:
            tasks.append(digest_task(context, target, location, scope.start, beyond))
            tasks += log_tasks(context, target, location, last, beyond)
    return tasks


def log_tasks(context: Context, target: Target, location: Location, last: datetime, late: timedelta) -> list[ListTask]:
    """Return the listings of a target's log files: one for all days where each costs a request, else one a day.

    Most Regions of most trails hold little or nothing: a month of seventeen Regions by days was 527 requests for that.
    """
    folder = location.folder(target.account, "CloudTrail", target.region)
    wanted = tuple(f"{day:%Y/%m/%d}/" for day in days(context.scope.start, last))
    if not wanted:
        return []
    until = wanted[-1].rstrip("/")
    whole = ListTask(target, location, "log", folder, folder + wanted[0].rstrip("/"), until, late, wanted)
    return [whole] if context.source.remote else whole.apart("")


def digest_task(context: Context, target: Target, location: Location, since: datetime, late: timedelta) -> ListTask:
    """Return the listing of a target's digests from a day on, up to some time beyond the period."""
    folder = location.folder(target.account, "CloudTrail-Digest", target.region)
    until = f"{context.scope.end + late:%Y/%m/%d}"
    return ListTask(target, location, "digest", folder, f"{folder}{since:%Y/%m/%d}", until, late)


def list_objects(context: Context, tasks: Iterable[ListTask]) -> Listing:
    """Make listings, in parallel and page by page."""
    return _Lister(context).run(list(tasks))


class _Lister:
    """Collects what :func:`list_objects` returns."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._drafts: dict[ChainKey, _Draft] = {}
        self._findings: list[Finding] = []

    def run(self, tasks: list[ListTask]) -> Listing:
        done, interrupted = 0, False
        try:
            while tasks:
                more: list[ListTask] = []
                for task, page in self._context.workers.map(self._page, tasks):
                    self._note(task, page)
                    if task.days and page.problem is not None and page.problem.reason == "denied":
                        more.append(task.tried())
                    elif task.days and (page.problem is not None or page.after is not None):
                        more += task.apart(page.after or "")
                    elif page.problem is None and page.after is not None:
                        more.append(replace(task, after=page.after, others=()))
                    if task.others and page.problem is None:
                        more += task.following()
                    done += 1
                    self._context.tell("listing", done, None)
                tasks = more
        except Stopped:
            interrupted = True
        found = {key: draft.done() for key, draft in self._drafts.items()}
        return Listing(found, tuple(self._findings), interrupted)

    def _page(self, task: ListTask) -> _Page:
        rows: list[Listed] = []
        seen, cut = 0, len(task.prefix)
        source = self._context.source
        try:
            for row in source.objects(task.location.bucket, task.prefix, task.after):
                if task.until and row.key[cut : cut + 10] > task.until:
                    break
                seen += 1
                if not task.days or row.key[cut : cut + 11] in task.days:
                    rows.append(row)
                if source.remote and seen >= LIST_PAGE:
                    return _Page(rows, row.key, None)
        except Unavailable as problem:
            # Several days that cannot be listed in one go are listed one by one: each says what became of it.
            return _Page([] if task.days else rows, None, problem)
        return _Page(rows, None, None)

    def _note(self, task: ListTask, page: _Page) -> None:
        draft = self._drafts.setdefault(task.target.key, _Draft())
        if task.kind == "digest":
            for row in page.rows:
                self._note_digest(draft, task, row)
        else:
            self._note_logs(draft, task, page.rows)
        if page.problem is not None and not task.days:
            draft.unread = True
            prefix = f"{task.location.bucket}/{task.folder}"
            self._findings.append(unlisted(task.target.key, prefix, page.problem))

    def _note_logs(self, draft: _Draft, task: ListTask, rows: Sequence[Listed]) -> None:
        scope, target = self._context.scope, task.target
        spooled = []
        for row in rows:
            name = parse_log_key(row.key)
            fits = name is not None and (name.account, name.region) == target.key
            if name is not None and fits and not scope.start <= name.minute < scope.end:
                continue
            if not fits and row.key.endswith("/") and row.size == 0:
                continue  # a folder marker some tools leave
            minute = int(name.minute.timestamp()) if name is not None and fits else None
            modified = None if row.last_modified is None else int(row.last_modified.timestamp())
            spooled.append((task.location.bucket, row.key, target.number, minute, row.size, modified, row.etag))
        draft.log_objects += len(spooled)
        self._context.spool.add_listed(spooled)

    def _note_digest(self, draft: _Draft, task: ListTask, row: Listed) -> None:
        scope, place = self._context.scope, (task.location.bucket, row.key)
        name = parse_digest_key(row.key)
        if name is None or (name.account, name.region) != task.target.key:
            if (row.size or not row.key.endswith("/")) and len(draft.strays) < STRAY_LIMIT:
                draft.strays.append(row.key)
            return
        if name.end <= scope.start or name.end > scope.end + task.late:
            return
        draft.sizes[place] = row.size
        (draft.own if scope.owns(name) else draft.foreign)[place] = name
