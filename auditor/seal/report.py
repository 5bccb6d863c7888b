"""What a verification says: checks with an outcome each, findings that name files, one verdict. Prints nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from auditor.base.counts import counted


class Outcome(StrEnum):
    """What became of one check."""

    PASS = "pass"  # noqa: S105 - an outcome, not a secret
    FAIL = "fail"
    SKIPPED = "skipped"
    """Nothing was there to check, or it was not asked for; the message says which."""
    UNKNOWN = "unknown"
    """It should have been checked and could not be."""


@dataclass(frozen=True, slots=True)
class Check:
    """One question put to a pack.

    Args:
        name: ``files``, ``manifest``, ``pages``, ``signature``, ``certificate``, ``timestamp``, ``pdf-signature``,
            ``trail``, ``keys``, ``replay``, ``rules``, ``members``, ``accounts`` or ``previous``.
        outcome: the answer.
        message: one plain sentence.
    """

    name: str
    outcome: Outcome
    message: str

    def document(self) -> dict[str, str]:
        """Return the JSON form."""
        return {"name": self.name, "outcome": self.outcome.value, "message": self.message}


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that does not hold.

    Args:
        check: name of the check that found it.
        kind: ``changed``, ``missing``, ``added``, ``malformed``, ``mismatch``, ``invalid`` or a kind of ``Problem``.
        path: the file concerned, safe to print; empty when it is no single file.
        message: one plain sentence that begins where the path ends.
    """

    check: str
    kind: str
    path: str
    message: str

    def document(self) -> dict[str, str]:
        """Return the JSON form."""
        return {"check": self.check, "kind": self.kind, "path": self.path, "message": self.message}


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """One thing in a pack that does not follow from the rest of it.

    Args:
        path: the file concerned; empty when it is no single file.
        message: one plain sentence that begins where the path ends.
    """

    path: str
    message: str


@dataclass(frozen=True, slots=True)
class Rechecked:
    """What came of looking into a pack's content.

    Args:
        agreement: what holds when nothing differs, in one sentence.
        differences: what does not follow; any of them fails the check.
        open: what could not be compared, each in one sentence; the check passes only without any.
        taken: what is taken from the run that made the pack, because nothing in the pack shows it.
        notices: what a reader has to know before the figures.
        further: checks of their own that came of it, by name.
        skipped: why there was nothing to look into; empty when there was.
    """

    agreement: str
    differences: tuple[Difference, ...] = ()
    open: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    further: "Mapping[str, Rechecked]" = field(default_factory=dict)
    skipped: str = ""


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """Everything a verification found out.

    Args:
        pack: what was verified, as the caller named it.
        pack_id: as the manifest states it; empty when there is no readable manifest.
        manifest_sha256: of ``manifest.json`` as it is; empty when it is missing.
        files: how many files were hashed.
        signer: subject of the certificate that signed, empty when the pack is not signed.
        sealed_at: time of the time stamp, RFC 3339 in UTC; empty without one that holds.
        checks: in the order in which they were made.
        findings: sorted within each check.
        not_derivable: what is taken from the run, when it was asked what can be derived.
        notices: what a reader has to know before the figures, when that was asked.
    """

    pack: str
    pack_id: str
    manifest_sha256: str
    files: int
    signer: str
    sealed_at: str
    checks: tuple[Check, ...]
    findings: tuple[Finding, ...]
    not_derivable: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """``fail`` when anything failed, ``incomplete`` when something could not be checked, else ``pass``."""
        outcomes = {check.outcome for check in self.checks}
        if Outcome.FAIL in outcomes or self.findings:
            return "fail"
        return "incomplete" if Outcome.UNKNOWN in outcomes else "pass"

    @property
    def exit_code(self) -> int:
        """0, 4 when something does not hold, 3 when nothing failed and something could not be checked."""
        return {"pass": 0, "fail": 4, "incomplete": 3}[self.verdict]

    def outcome(self, name: str) -> Outcome:
        """Return the outcome of a check by name.

        Raises:
            KeyError: there was no such check.
        """
        return {check.name: check.outcome for check in self.checks}[name]

    def document(self) -> dict[str, Any]:
        """Return the JSON form; stable from the first release on."""
        return {
            "schema": "auditor.verify/1",
            "verdict": self.verdict,
            "exit_code": self.exit_code,
            "pack": self.pack,
            "pack_id": self.pack_id,
            "manifest_sha256": self.manifest_sha256,
            "files": self.files,
            "signer": self.signer,
            "sealed_at": self.sealed_at,
            "checks": [check.document() for check in self.checks],
            "findings": [finding.document() for finding in self.findings],
            **({"not_derivable": list(self.not_derivable)} if self.not_derivable else {}),
            **({"notices": list(self.notices)} if self.notices else {}),
        }


def concluded(name: str, findings: Iterable[Finding], message: str) -> Check:
    """Return the check that passed with ``message``, or failed with the number of findings."""
    count = len(list(findings))
    if not count:
        return Check(name, Outcome.PASS, message)
    return Check(name, Outcome.FAIL, counted(count, "finding"))
