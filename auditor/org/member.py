"""One account of an organization's run: the whole way of a single audit, into a folder of its own.

A task holds no credentials: whoever carries it out has them from the SDK's chain and assumes the role himself. It is
idempotent: the pack is written beside its place and renamed, so that a task done twice leaves one pack.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from auditor.base.errors import AuditorError
from auditor.base.whole import unfinished
from auditor.config import Config
from auditor.model import PartOf
from auditor.pack.layout import EVIDENCE
from auditor.run import complete, load_rules
from auditor.run.gather import collect_evidence
from auditor.run.request import Progress, Request
from auditor.seal.manifest import Tool


@dataclass(frozen=True, slots=True)
class Task:
    """One account to audit.

    Args:
        account: twelve digits.
        config: the settings of its audit, with the role that leads into it.
        as_of: the run's one moment, aware UTC.
        salt: secret of the run's redactions.
        part_of: what its pack names as the run that it belongs to.
        folder: where its pack is put.
        previous: the folder in which older packs stand.
        clock: a clock that stands still, for simulated accounts; None for the machine's.
        tool: the program that the pack names as its maker; None for this installation.
    """

    account: str
    config: Config
    as_of: datetime
    salt: bytes = field(repr=False)
    part_of: PartOf
    folder: Path
    previous: Path
    clock: datetime | None = None
    tool: Tool | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a task, in few bytes.

    Args:
        account: twelve digits.
        broken: why there is no pack; empty when there is one.
        ours: whether the reason is a mistake of this program, not of the account or the network.
    """

    account: str
    broken: str = ""
    ours: bool = False


def audit_member(task: Task, progress: Progress = lambda *_: None) -> Done:
    """Audit one account; what breaks is told, so that the other accounts go on.

    Raises:
        OSError: the pack cannot be written, which is the machine's trouble and ends every account.
    """
    clock = task.clock
    now: Callable[[], datetime] = (lambda: clock) if clock is not None else (lambda: datetime.now(UTC))
    request = Request(task.config, task.as_of, now=now, salt=task.salt, tool=task.tool, part_of=task.part_of)
    try:
        rules = load_rules(task.config)
        with unfinished(task.folder.parent) as folder:
            collect_evidence(request, rules.catalog, folder / EVIDENCE, progress, previous=task.previous)
            complete(folder, rules, progress, tool=task.tool)
            folder.chmod(0o755)
            shutil.rmtree(task.folder, ignore_errors=True)  # of a task that was done before
            folder.rename(task.folder)
    except AuditorError as error:
        hint = f" ({error.hint})" if error.hint else ""
        return Done(task.account, f"its audit ended: {error.message}{hint}"[:600])
    return Done(task.account)
