"""What the run of an organization found once for all its accounts, and hands to the audit of each."""

import base64
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from auditor.base.canonical import canonical_json
from auditor.base.untrusted import parse_json
from auditor.config import Config
from auditor.evidence.scope import read_holder
from auditor.evidence.store import EvidenceWriter
from auditor.model import Holder

_MOST_BYTES: Final = 1 << 30
ASKED_ONCE: Final = frozenset({"s3:ListObjectsV2"})
"""What an organization's run asks and no audit of an account."""


def is_lent(account: str, record_account: str, operation: str) -> bool:
    """Say whether an answer in the evidence of an account was handed to it, and not given to its own audit."""
    return record_account != account or operation in ASKED_ONCE


@dataclass(frozen=True, slots=True)
class Shared:
    """The organization's trails, who can read what they deliver, and what accounts that hold controls answered.

    Args:
        organization: its id; trails of it write below a folder of that name.
        trails: items of ``DescribeTrails`` as the account that holds them was told, keys as AWS spells them.
        readers: bucket -> the settings ``account``, ``role_name`` and ``profile`` of an account that may list it.
        holders: the accounts that hold controls for others.
        answers: their answers as they are stored, packed: one text for all accounts of a run, not one for each.
        owners: of the trails, whose verified records of changes to them are among the answers.
    """

    organization: str = ""
    trails: tuple[Mapping[str, Any], ...] = ()
    readers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    holders: tuple[Holder, ...] = ()
    answers: str = ""
    owners: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the JSON form; no credentials are in it."""
        return {
            "organization": self.organization,
            "trails": [dict(item) for item in self.trails],
            "readers": {bucket: dict(way) for bucket, way in sorted(self.readers.items())},
            "holders": [holder.document() for holder in self.holders],
            "answers": self.answers,
            "owners": list(self.owners),
        }

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Self:
        """Read the JSON form."""
        return cls(
            document["organization"],
            tuple(document["trails"]),
            document["readers"],
            tuple(map(read_holder, document["holders"])),
            document["answers"],
            tuple(document["owners"]),
        )

    def reader(self, bucket: str, config: Config) -> Config | None:
        """Return the settings by which a bucket is read; None where the audited account's own have to do."""
        way = self.readers.get(bucket)
        return config.model_copy(update=dict(way)) if way is not None else None

    def beside(self, listed: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
        """Return the organization's trails that an account does not list itself."""
        own = {item.get("TrailARN") for item in listed}
        return tuple(item for item in self.trails if item.get("TrailARN") not in own)

    def holders_of(self, account: str) -> tuple[Holder, ...]:
        """Return the accounts that hold controls for one of the others."""
        return tuple(holder for holder in self.holders if holder.scope.id != account)

    def lend(self, account: str, writer: EvidenceWriter) -> None:
        """Put the answers of other accounts into the evidence of one; of its own those that its audit does not ask."""
        for document, data in unpacked(self.answers):
            if is_lent(account, document["account"], document["operation"]):
                writer.adopt(document, data)


def packed(answers: Sequence[tuple[Mapping[str, Any], str]]) -> str:
    """Return stored answers as one text; empty for none."""
    if not answers:
        return ""
    data = canonical_json([[dict(document), text] for document, text in answers])
    return base64.b64encode(zlib.compress(data, 6)).decode("ascii")


def unpacked(text: str) -> list[tuple[dict[str, Any], str]]:
    """Return the answers of a text that ``packed`` made."""
    if not text:
        return []
    data = zlib.decompressobj().decompress(base64.b64decode(text), _MOST_BYTES)
    return [(document, held) for document, held in parse_json(data)]


def operations_in(shared: Shared) -> tuple[str, ...]:
    """Return the operations whose answers are handed on, sorted."""
    return tuple(sorted({str(document["operation"]) for document, _ in unpacked(shared.answers)}))
