"""What a run read once for all accounts, kept beside the results of its tasks: a run that goes on hands on the same.

Accounts that were finished before stay as they are. Were their holders asked a second time, their packs would name
answers that the organization's pack does not have.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import orjson

from auditor.base.canonical import canonical_json
from auditor.base.whole import write_whole
from auditor.collect.guard import CallLog
from auditor.evidence.operations import call_in
from auditor.evidence.store import EvidenceWriter
from auditor.org.accounts import Listing
from auditor.org.trails import Deliveries
from auditor.run.shared import Shared, packed, unpacked

FILE: Final = "checkpoint/shared.json"


@dataclass(frozen=True, slots=True)
class Once:
    """What is read once for all accounts, and under which circumstances it was.

    Args:
        place: the file that keeps it.
        order: SHA-256 of the list of accounts.
        entered: account -> how it is entered now.
        listing: the accounts.
    """

    place: Path
    order: str
    entered: Mapping[str, str]
    listing: Listing

    def keep(self, found: Deliveries, shared: Shared, writer: EvidenceWriter, log: CallLog) -> None:
        """Note what was read, all answers that it came with, and the requests so far."""
        deliveries = {
            "writers": {arn: list(names) for arn, names in found.writers.items()},
            "regions": list(found.regions),
            "readers": list(found.readers),
            "verified": found.verified,
        }
        document = {
            "order": self.order,
            "entered": self._entrances(shared, found.readers),
            "deliveries": deliveries,
            "shared": shared.document(),
            "answers": packed(writer.lent()),
            "requests": log.document(),
        }
        write_whole(self.place, canonical_json(document))
        self.place.chmod(0o600)

    def recalled(self, writer: EvidenceWriter, log: CallLog) -> tuple[Deliveries, Shared] | None:
        """Take over what a run before read; None where there is nothing, or what it stands on has changed.

        Answers that this run has itself, to its own questions for the accounts and roles, stay.
        """
        document = self._kept()
        if document is None:
            return None
        shared, about = Shared.read(document["shared"]), document["deliveries"]
        if document["order"] != self.order or document["entered"] != self._entrances(shared, about["readers"]):
            return None
        for item, data in unpacked(document["answers"]):
            if writer.recalled(item["account"], call_in(item)) is None:
                writer.adopt(item, data)
        for item in document["requests"]:
            log.note(item["service"], item["operation"], item["region"], item["requests"])
        writers = {arn: tuple(names) for arn, names in about["writers"].items()}
        found = Deliveries(
            replace(shared, holders=(), answers=""), writers, tuple(about["regions"]), tuple(about["readers"]),
            verified=about["verified"],
        )  # fmt: skip
        return found, shared

    def _kept(self) -> dict[str, Any] | None:
        try:
            document: dict[str, Any] = orjson.loads(self.place.read_bytes())
        except (OSError, ValueError):
            return None
        return document

    def _entrances(self, shared: Shared, readers: Iterable[str]) -> dict[str, str]:
        """Return how the accounts are entered on which it depends what was read."""
        names = {self.listing.management, *readers, *(holder.scope.id for holder in shared.holders)} - {""}
        return {name: self.entered.get(name, "") for name in sorted(names)}
