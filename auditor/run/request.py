"""What a run is asked to do, and what it leaves behind."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from auditor import __version__
from auditor.base.period import Period, parse_past_period
from auditor.config import Config
from auditor.model import AccountScope, PartOf, Results, RunInfo
from auditor.pack.baseline import Gate
from auditor.run.shared import Shared
from auditor.seal.manifest import Tool
from auditor.seal.pack import Sealing

if TYPE_CHECKING:
    from auditor.deliver.notify import Told
    from auditor.deliver.securityhub import Import
    from auditor.run.uploading import Uploaded

TOOL = f"auditor {__version__}"


class Progress(Protocol):
    """Told how far a stage is; ``total`` is 0 while it is not known."""

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Show it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a run is asked to do, and everything it would otherwise take from its surroundings.

    Args:
        config: the settings.
        as_of: the run's one moment, aware UTC.
        now: the clock, aware UTC; a simulated one makes two runs write the same bytes.
        salt: secret of this run's redactions.
        sealing: who signs; None leaves the pack unsigned.
        tool: the program that the pack names as its maker; None for this installation with all that it knows of itself.
        room: the folder of the run that was cut off and is gone on with; None for a new run.
        part_of: the organization's run that this one is a part of.
        shared: what that run found once for all its accounts.
    """

    config: Config
    as_of: datetime
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    salt: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    sealing: Sealing | None = None
    tool: Tool | None = None
    room: Path | None = None
    part_of: PartOf | None = None
    shared: Shared = field(default_factory=Shared)

    @property
    def period(self) -> Period:
        """The audited period."""
        return parse_past_period(self.config.period, self.as_of)

    def run_info(self, accounts: tuple[AccountScope, ...], entity: str, principal: str, started: datetime) -> RunInfo:
        """Return what an evidence folder says of its run as far as the request tells it; the caller adds the rest.

        Args:
            accounts: what was in scope.
            entity: whom the run is about, where the settings name nobody.
            principal: who asked, as the redaction leaves it.
            started: when the run began, aware UTC; it ends now.
        """
        return RunInfo(
            entity=self.config.entity or entity,
            title=self.config.title,
            accounts=accounts,
            period=self.period,
            as_of=self.as_of,
            started=started,
            ended=self.now(),
            frameworks=tuple(self.config.frameworks),
            controls=tuple(self.config.control_ids),
            principal=principal,
            tool=TOOL,
            skipped=tuple(self.config.skip),
            part_of=self.part_of,
        )


@dataclass(frozen=True, slots=True)
class Finished:
    """What a run left behind.

    Args:
        pack: the finished folder.
        results: the judgement.
        manifest_sha256: printed on every page.
        code: the exit code that the results deserve.
        zip: the pack as one file; None when it was not asked for.
        imported: what came of the import into Security Hub; None when it was not asked for.
        gate: what changed since the baseline; None without one.
        pack_id: as the manifest states it.
        left_out: what this machine could not make, and why.
        uploaded: what came of the upload; None when it was not asked for.
        told: what came of telling people.
    """

    pack: Path
    results: Results
    manifest_sha256: str
    code: int
    zip: Path | None = None
    imported: "Import | None" = None
    gate: Gate | None = None
    pack_id: str = ""
    left_out: str = ""
    uploaded: "Uploaded | None" = None
    told: "tuple[Told, ...]" = ()
