"""Verifies an account's trails in a run: reports and tables of events become evidence like any answer."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.base.errors import CollectionError
from auditor.base.scratch import scratch_folder
from auditor.collect import accounts
from auditor.collect.accounts import Caller
from auditor.collect.guard import CallLog
from auditor.config import Config
from auditor.evidence.answer import Answer
from auditor.evidence.operations import Call
from auditor.evidence.store import EvidenceWriter
from auditor.model import AccountScope
from auditor.pack.layout import INTEGRITY
from auditor.run.drawing import drawn_ids, followed_ids
from auditor.run.request import Progress, Request
from auditor.run.resuming import Kept
from auditor.run.settings import caller_of, keep_of
from auditor.run.workroom import Workroom
from auditor.work.task import Engine, Failure

if TYPE_CHECKING:  # a run without trails does without the rooms
    from auditor.run.activity import Activity
    from auditor.trail.audit import AccountTrails
    from auditor.trail.report import Anchor, TrailReport, TrailScope
    from auditor.trail.sharing import Shared
    from auditor.trail.verify import Progress as TrailProgress

DIGESTS, EVENTS = "trail:VerifyDigests", "trail:NotableEvents"
"""What the trail room contributes to the evidence."""
ANSWERS = "events:Answer"
"""What the report asks of the events of the period, one document for each question."""
MEASURED = "events:Measured"
"""What the events of the period show about their own completeness."""

Anchors = Mapping[str, Sequence["Anchor"]]
"""Trail ARN -> the newest digests that the previous pack had seen."""

_UNREAD = frozenset({"digest_unreadable", "log_unreadable", "list_unreadable"})
"""Findings that a lost network or an ended session leaves behind."""


@dataclass(frozen=True)
class TrailRun:
    """The trails of one run.

    Args:
        request: what is asked.
        caller: who asks.
        own: the caller's ARN as log files have it, from which nothing is taken out.
        writer: takes the evidence.
        folder: the evidence folder.
        log: counts the requests.
        progress: shown how far it is.
        wanted: which of the two documents about a trail become evidence.
        kept: what lets the run be taken up again; None when it cannot be.
        engine: carries tasks out on other machines; None where this one does all.
        failed: is given the key of each task that failed, and why.
        readers: who reads which bucket, as far as that was asked.
    """

    request: Request
    caller: Caller
    own: str
    writer: EvidenceWriter
    folder: Path
    log: CallLog
    progress: Progress
    wanted: tuple[str, ...]
    kept: Kept | None
    engine: Engine | None = None
    failed: list[tuple[str, Failure]] = field(default_factory=list)
    readers: dict[str, Caller] = field(default_factory=dict)

    def verify(self, scope: AccountScope, anchors: Anchors, room: Workroom | None) -> tuple[str, ...]:
        """Verify what the account's trails delivered in the period; return the operations that this answers."""
        trails = self._trails(scope)
        with self._store(room) as activity:
            for place, report in self._reports(trails, anchors, activity):
                self._add(report)
                if activity is not None:
                    activity.note(report)
                if self.kept is not None:
                    self.kept.note_trail(place)
            if self.failed:
                self._tell_failed()
            if activity is not None and trails.trails:
                from auditor.run.activity import Asking, in_use

                self.progress("Ask about the events of the period", 0, 0)
                homes = (str(item.get("HomeRegion")) for item in trails.trails)
                asking = Asking(self.request.period, self.own, in_use(homes))
                drawn = drawn_ids(self.writer, self.caller.account)
                followed = followed_ids(self.writer, self.caller.account)
                activity.keep(asking, self.caller.principal, self.writer, self.request.now, drawn, followed)
        return (*self.wanted, *((ANSWERS, MEASURED) if EVENTS in self.wanted else ()))

    def _tell_failed(self) -> None:
        from auditor.run.sharing import failed_words

        for words in failed_words(self.failed):
            self.progress(words, 0, 0)

    def _trails(self, scope: AccountScope) -> "AccountTrails":
        from auditor.trail.audit import AccountTrails

        pages = self.writer.stored(self.caller.account, "cloudtrail:DescribeTrails")
        listed = tuple(item for page in pages for item in page.get("trailList") or ())
        return AccountTrails(
            account=self.caller.account,
            regions=scope.regions,
            organization=self._organization(),
            trails=(*listed, *self.request.shared.beside(listed)),
            discover_regions=not self.request.config.regions,
        )

    def _organization(self) -> str:
        """Return the organization's id where an answer names it; without, the folders of the trail's bucket tell."""
        pages = self.writer.stored(self.caller.account, "organizations:DescribeOrganization")
        found = [page.get("Organization") or {} for page in pages]
        return str(found[0].get("Id") or "") if found else self.request.shared.organization

    def _reader(self, scope: "TrailScope") -> Caller:
        """Return who reads a trail's bucket: whom the organization's run found for it, or the account itself."""
        bucket = scope.location.bucket
        if bucket not in self.readers:
            settings = self.request.shared.reader(bucket, self.request.config) if scope.of_organization else None
            self.readers[bucket] = self._taken(settings) if settings is not None else self.caller
        return self.readers[bucket]

    def _taken(self, settings: Config) -> Caller:
        """Return the caller that settings lead to; the account's own where the role is not given any more."""
        try:
            found = caller_of(settings, self.log)
        except CollectionError:
            return self.caller
        return found if found.account != self.caller.account else self.caller

    def _reports(
        self, trails: "AccountTrails", anchors: Anchors, activity: "Activity | None"
    ) -> "Iterator[tuple[Path, TrailReport]]":
        from auditor.trail.audit import audit_trails

        kept, writer = self.kept, self.writer

        def show(trail: str, state: "TrailProgress") -> None:
            self.progress(f"Verify {trail}: {state.stage}", state.done, state.total or 0)

        def count(scope: "TrailScope", requests: Mapping[str, int]) -> None:
            for operation, number in requests.items():
                if number:
                    self.log.note("s3", operation, scope.home_region, number)

        return audit_trails(
            trails,
            self.caller.session,
            period=self.request.period,
            now=self.request.as_of,
            archive=self.folder / INTEGRITY,
            anchors=anchors,
            progress=show,
            keep=keep_of(self.request.config),
            sent=count,
            finished=None if kept is None else lambda place, scope: kept.has_trail(place, self._calls(scope), writer),
            on_log=None if activity is None else activity.take,
            reading=lambda scope: self._reader(scope).session,
            shared=lambda scope: self._tasks(scope, activity),
        )

    def _tasks(self, scope: "TrailScope", activity: "Activity | None") -> "Shared | None":
        """Return who reads a trail in tasks; None where this machine does."""
        if self.engine is None or self.kept is None or self._reader(scope) is not self.caller:
            return None
        from auditor.run.sharing import account_opening
        from auditor.trail.sharing import Shared

        parts = None if activity is None else activity.parts()
        opening = account_opening(self.request.config)
        return Shared(self.engine, self.kept.ledger, opening, parts=parts, failed=self.failed)

    def _add(self, report: "TrailReport") -> None:
        """Store a report and its table of events.

        Raises:
            AuditorError: something was unreadable, and neither does AWS say any more who asks: the run breaks off.
        """
        caller, reader = self.caller, self._reader(report.scope)
        if any(finding.kind in _UNREAD for finding in report.findings):
            accounts.identify(reader.session)
        documents = {DIGESTS: report.document(), EVENTS: report.notable}
        for call in self._calls(report.scope):
            if (document := documents[call.operation]) is not None:
                self.writer.add(Answer(caller.account, call, (document,), reader.principal, (), 0, self.request.now()))

    def _calls(self, scope: "TrailScope") -> tuple[Call, ...]:
        """Return the calls under which a trail's documents are known in the evidence."""
        return tuple(
            Call(operation, scope.home_region, (("Name", scope.arn),))
            for operation in (DIGESTS, EVENTS)
            if operation in self.wanted
        )

    @contextmanager
    def _store(self, room: Workroom | None) -> "Iterator[Activity | None]":
        """Give room for the period's events: beside what a run needs to be taken up again, or for this run only."""
        if EVENTS not in self.wanted:
            yield None
            return
        from auditor.run.activity import Activity

        if room is not None:
            yield Activity(room.events, self.caller.account)
            return
        with scratch_folder("events") as folder:
            yield Activity(folder, self.caller.account)
