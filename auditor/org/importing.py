"""What became of the findings that the audits of an organization's accounts sent to Security Hub.

Security Hub takes findings about an account from that account alone, no administrator may send them for it: each audit
sends its own, by the session that reads the account, and leaves the record of it in the account's pack.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditor.org.pack import members_in, read_document
from auditor.run.publishing import SECURITY_HUB


@dataclass(frozen=True, slots=True)
class Imported:
    """The records of all accounts.

    Args:
        records: account -> ``sent``, ``accepted`` and ``refused``, as its pack records them.
    """

    records: Mapping[str, Mapping[str, Any]]

    @property
    def sent(self) -> int:
        """Findings that were sent."""
        return sum(int(record["sent"]) for record in self.records.values())

    @property
    def accepted(self) -> int:
        """Findings that Security Hub took."""
        return sum(int(record["accepted"]) for record in self.records.values())

    @property
    def refused(self) -> tuple[tuple[str, Mapping[str, Any]], ...]:
        """Account and finding of what it did not take."""
        return tuple((account, item) for account, record in self.records.items() for item in record["refused"])

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        names = ("sent", "accepted", "refused")
        accounts = {account: {name: record[name] for name in names} for account, record in self.records.items()}
        return {"sent": self.sent, "accepted": self.accepted, "accounts": accounts}


def imported_of(pack: Path) -> Imported:
    """Read the records that the packs of the accounts hold.

    Raises:
        IntegrityError: one cannot be read.
    """
    found = ((member.account, pack / member.folder / SECURITY_HUB) for member in members_in(pack))
    return Imported({account: read_document(path) for account, path in found if path.is_file()})
