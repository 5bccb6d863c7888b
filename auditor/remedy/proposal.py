"""All remedies for the failed results of a pack."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.evidence.store import Evidence
from auditor.remedy.change import Finding, Left, Remedy
from auditor.remedy.known import Known, Unknown
from auditor.remedy.plans import PLANS

_REDACTED = re.compile(r"redacted:[a-z -]+:[0-9a-f]{12}|(?:AKIA|ASIA)\[[0-9a-f]{8}\].{4}")
"""What stands in evidence where a value was taken out; it must never be written back to AWS."""

_CONTROL = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_ACCOUNT = re.compile(r"[0-9]{12}")
_REF = re.compile(r"EV-[0-9]{4,}")


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a pack's failed results lead to.

    Args:
        pack_id: as the pack states it.
        as_of: of its run, RFC 3339.
        remedies: in the order of the results.
        left: failed results without a remedy, each with the reason.
    """

    pack_id: str
    as_of: str
    remedies: tuple[Remedy, ...]
    left: tuple[Left, ...]


def findings(document: Mapping[str, Any], parameters: Mapping[str, Mapping[str, Any]]) -> tuple[Finding, ...]:
    """Return the failed results of a results document.

    Args:
        document: of a pack that was verified.
        parameters: control id -> its parameters in the rules of the pack.

    Raises:
        KeyError, TypeError, ValueError: it is not one.
    """
    partitions = {item["id"]: item["partition"] for item in document["run"]["accounts"]}
    found = tuple(
        Finding(
            control=control["id"],
            title=control["title"],
            severity=control["severity"],
            parameters=parameters.get(control["id"], {}),
            account=result["account"],
            partition=partitions[result["account"]],
            region=result["region"],
            resource=result["resource"],
            reason=result["reason"],
            evidence=tuple(dict.fromkeys(item["ref"] for item in result["evidence"])),
        )
        for control in document["controls"]
        for result in control["results"]
        if result["state"] == "FAIL"
    )
    for item in found:
        _check(item)
    return found


def _check(finding: Finding) -> None:
    """Refuse names that become names of files or stand outside quotes: anybody can write a pack.

    Raises:
        ValueError: which one is no such name.
    """
    for pattern, text in (
        (_CONTROL, finding.control),
        (_CONTROL, finding.severity),
        (_ACCOUNT, finding.account),
        (_CONTROL, finding.partition),
        (_CONTROL, finding.region),
        *((_REF, ref) for ref in finding.evidence),
    ):
        if not pattern.fullmatch(text):
            raise ValueError(f"{text[:80]!r} is no name of a control, account, Region or piece of evidence")


def propose(
    found: Sequence[Finding], evidence: Evidence, *, pack_id: str, as_of: str, controls: Sequence[str] = ()
) -> Proposal:
    """Return a remedy for each finding that has one.

    Args:
        found: the failed results, all of them: what is replaced as a whole is replaced once for all.
        evidence: of the same pack.
        pack_id: as the pack states it.
        as_of: of its run.
        controls: only findings of these; empty means all.
    """
    accounts = {item.account: _known(item.account, found, evidence) for item in found}
    remedies: list[Remedy] = []
    left: list[Left] = []
    for finding in found:
        if controls and finding.control not in controls:
            continue
        outcome = _one(finding, accounts[finding.account])
        if isinstance(outcome, Remedy):
            remedies.append(outcome)
        else:
            left.append(outcome)
    return Proposal(pack_id, as_of, tuple(remedies), tuple(left))


def _known(account: str, found: Sequence[Finding], evidence: Evidence) -> Known:
    failing: dict[str, frozenset[str]] = {}
    for item in found:
        if item.account == account:
            failing[item.control] = failing.get(item.control, frozenset()) | {item.resource}
    return Known(evidence, account, failing)


def _one(finding: Finding, known: Known) -> Remedy | Left:
    plan = PLANS.get(finding.control)
    if plan is None:
        return Left(finding, "done by hand, as auditor controls show ID says")
    try:
        remedy = plan(finding, known)
    except Unknown as missing:
        return Left(finding, str(missing))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return Left(finding, f"the evidence has not the form that AWS documents ({type(error).__name__}: {error})")
    if any(_REDACTED.search(text) for text in _texts(remedy)):
        return Left(finding, "the setting holds a value that was redacted from the evidence, so it cannot be merged")
    return remedy


def _texts(remedy: Remedy) -> Iterator[str]:
    waiting: list[Any] = [step.parameters for step in (*remedy.steps, *remedy.undo)]
    waiting += [item.template for item in remedy.declares]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            waiting += value.values()
        elif isinstance(value, list | tuple):
            waiting += value
