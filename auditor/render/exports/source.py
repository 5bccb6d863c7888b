"""What every export starts from: the results document, flattened, and stable identifiers. Decides nothing."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from auditor.model import State
from auditor.pack.comparison import Change, lasting_id
from auditor.render.exceptions import Given, all_given, attested, waiver_of

_NAMESPACE = uuid.UUID("6b1f7d0e-6c5a-5e0e-9a57-0a4d41554449")
"""Ours alone; identifiers are derived from it (RFC 9562 version 5), so that the same run has the same ones."""

PRODUCT = "Auditor"


@dataclass(frozen=True)
class Source:
    """The material of all exports.

    Args:
        document: the results document, see ``auditor.pack.outcome.results_document``.
        records: evidence metadata documents by reference.
        report_id: printed on every page; makes identifiers unique to this run.
        version: of the tool.
        pages: ``html`` and ``pdf``, as far as the pack has them.
        bom: whether CSV files begin with the mark by which Excel knows UTF-8.
    """

    document: Mapping[str, Any]
    records: Mapping[str, Mapping[str, Any]]
    report_id: str
    version: str
    pages: tuple[str, ...] = ("html", "pdf")
    bom: bool = False

    @property
    def as_of(self) -> str:
        """The run's moment, RFC 3339."""
        return str(self.document["run"]["as_of"])

    @property
    def partition(self) -> str:
        """The AWS partition of the run's accounts."""
        accounts = self.document["run"]["accounts"]
        return str(accounts[0]["partition"]) if accounts else "aws"

    def findings(self) -> Iterator["Finding"]:
        """Yield every result with its control, in the order of the document."""
        for control in self.document["controls"]:
            yield from self.findings_of(control)

    def findings_of(self, control: Mapping[str, Any]) -> Iterator["Finding"]:
        """Yield the results of one control of the document."""
        for result in control["results"]:
            yield Finding(control, result, State(result["state"]))

    @cached_property
    def given(self) -> tuple[Given, ...]:
        """Waivers, attestations, responses and accepted gaps that were handed in, applied or not."""
        return all_given(self.document)

    @cached_property
    def to_mind(self) -> tuple[Given, ...]:
        """Those of them that want a look."""
        return tuple(item for item in self.given if item.to_mind)

    def change(self, finding: "Finding") -> str:
        """Say what became of a result since the pack before; empty where nothing needs a word, or nothing is compared.

        A failure that is not among the changes is still open (``auditor.pack.since``).
        """
        if not self.document.get("since"):
            return ""
        known = Change.KNOWN.value if finding.state is State.FAIL else ""
        return self._changes.get(finding.lasting_id, known)

    @cached_property
    def _changes(self) -> Mapping[str, str]:
        return {item["id"]: item["change"] for item in self.document["since"]["changes"]}

    def identifier(self, *parts: str) -> str:
        """Return a UUID that the same run gives the same thing."""
        return str(uuid.uuid5(_NAMESPACE, "\x1f".join((self.report_id, *parts))))


@dataclass(frozen=True, slots=True)
class Finding:
    """One result and the control it belongs to, as documents."""

    control: Mapping[str, Any]
    result: Mapping[str, Any]
    state: State

    @property
    def key(self) -> tuple[str, ...]:
        """What tells this result from every other of the run."""
        result = self.result
        return (
            self.control["id"],
            result["account"],
            result["region"],
            result["resource"],
            ",".join(result["frameworks"]),
        )

    @property
    def lasting_id(self) -> str:
        """What stays the same for the same finding in the next run: a SHA-256 in hexadecimal."""
        control, account, region, resource, _ = self.key
        return lasting_id(control, account, region, resource, self.result["frameworks"])

    @property
    def requirements(self) -> list[str]:
        """Requirements this result speaks for, such as ``cis-aws-5.0.0 3.1``."""
        chosen = self.result["frameworks"]
        return [
            f"{framework} {number}"
            for framework, numbers in self.control["requirements"].items()
            if not chosen or framework in chosen
            for number in numbers
        ]

    @property
    def people(self) -> str:
        """What people said to it: who accepted the failure, or who answered; empty where nobody did."""
        if self.state is State.WAIVED:
            waiver = waiver_of(self.result["waiver"])
            names = ", ".join(dict.fromkeys(name for name in (waiver.owner, waiver.approver) if name))
            return f"waived until {waiver.expires} ({names}, {waiver.ticket}): {waiver.justification}"
        said = attested(self.result["details"].get("attestation"))
        return f"attested: {said}" if said else ""

    @property
    def references(self) -> list[str]:
        """Evidence references, each once."""
        return list(dict.fromkeys(citation["ref"] for citation in self.result["evidence"]))


def shortened(text: str, limit: int) -> str:
    """Cut text to a format's own limit; the whole stands in ``results.json``."""
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def fitted(text: str, limit: int) -> str:
    """Cut text to so many UTF-16 units, which is how Excel counts, and mark the cut."""
    units = text.encode("utf-16-le", "replace")
    return text if len(units) <= 2 * limit else units[: 2 * (limit - 3)].decode("utf-16-le", "ignore") + "..."


def xml_safe(text: str) -> str:
    """Replace what XML 1.0 cannot carry (section 2.2, Char)."""
    return "".join(mark if _is_xml(mark) else "\ufffd" for mark in text)


def _is_xml(mark: str) -> bool:
    code = ord(mark)
    return mark in "\t\n\r" or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000  # noqa: PLR2004
