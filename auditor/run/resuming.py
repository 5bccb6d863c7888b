"""What a collection keeps beside the evidence so that it can be taken up again: its journal, and which trails are done.

Each use of what was kept is preceded by a check of its hash.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path

from auditor.base.errors import UsageError
from auditor.collect.guard import CallLog
from auditor.evidence.operations import Call
from auditor.evidence.store import EvidenceWriter
from auditor.run.workroom import Workroom
from auditor.work.ledger import Ledger, tree_sha256


class Kept:
    """The memory of one run over its interruptions.

    Args:
        room: where it lies.
        log: counts the requests; those of before are added.
    """

    def __init__(self, room: Workroom, log: CallLog) -> None:
        self.journal = room.journal()
        self.ledger = Ledger(room.tasks)
        lines = self.journal.lines()
        self._accounts = [str(line["account"]) for line in lines if "account" in line]
        self._trails = {str(line["trail"]): str(line["sha256"]) for line in lines if "trail" in line}
        for line in lines:
            for item in line.get("requests", ()):
                log.note(item["service"], item["operation"], item["region"], item["requests"])
        log.drained()
        self.journal.beside = lambda: {"requests": log.drained()}

    def hold_account(self, account: str) -> None:
        """Note whose evidence it is.

        Raises:
            UsageError: the run before collected another account's.
        """
        if any(other != account for other in self._accounts):
            raise UsageError(
                f"the credentials are of account {account}; the run that was cut off was of {self._accounts[0]}",
                hint="use the credentials of then, or leave --resume out to begin anew",
            )
        if not self._accounts:
            self.journal.write({"account": account})

    def has_trail(self, folder: Path, calls: Iterable[Call], writer: EvidenceWriter) -> bool:
        """Say whether a trail was verified before and all of it is there still; otherwise clear away what is left."""
        account = self._accounts[0] if self._accounts else ""
        known = self._trails.get(folder.name)
        calls = tuple(calls)
        intact = known is not None and folder.is_dir() and tree_sha256(folder) == known
        if intact and all(writer.recalled(account, call) is not None for call in calls):
            return True
        for call in calls:
            writer.forget(account, call)
        shutil.rmtree(folder, ignore_errors=True)
        return False

    def note_trail(self, folder: Path) -> None:
        """Note that a trail's documents and material are stored."""
        self.journal.write({"trail": folder.name, "sha256": tree_sha256(folder)})

    def close(self) -> None:
        """Close the journal."""
        self.journal.close()
