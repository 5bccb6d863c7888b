"""What the roll-up keeps of one account's pack: states, gaps and trails, in little room however large the pack is."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.activity.calls import MEMBERSHIP
from auditor.base.errors import IntegrityError
from auditor.model import Severity, State
from auditor.seal.manifest import AccountPack

LETTERS: Mapping[State, str] = {
    State.PASS: "P",
    State.FAIL: "F",
    State.WAIVED: "W",
    State.MANUAL: "M",
    State.NOT_ASSESSED: "?",
    State.NOT_APPLICABLE: "-",
}
"""One letter a cell: a thousand accounts by a hundred controls are a hundred kilobytes."""

ABSENT = " "
"""The cell of a control that an account's pack does not have."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One control as the packs describe it."""

    id: str
    title: str
    severity: str
    requirements: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Summary:
    """One account's pack.

    Args:
        member: the pack.
        states: control id -> state of the whole control.
        gravest: severity -> number of controls that failed.
        failed: results that failed, over all controls.
        causes: error codes of the calls without an answer, with their number, the commonest first.
        trails: one entry a trail, as the pack reports on it.
        code: the exit code that the account alone would have had.
        scope: partition, Regions asked and left out.
        movements: rows about accounts that came to the organization or left it.
    """

    member: AccountPack
    states: Mapping[str, State]
    gravest: Mapping[str, int]
    failed: int
    causes: tuple[tuple[str, int], ...]
    trails: tuple[Mapping[str, Any], ...]
    code: int
    headline: str
    scope: Mapping[str, Any]
    principal: str
    movements: tuple[Mapping[str, Any], ...] = ()

    def counts(self) -> dict[str, int]:
        """Controls by state, every state present."""
        found = Counter(self.states.values())
        return {state.value: found[state] for state in State}


def summarized(
    member: AccountPack, results: Mapping[str, Any], *, fail_on: Severity, allow: Collection[str]
) -> tuple[Summary, dict[str, Asked]]:
    """Take out of a results document what the roll-up needs, and how its controls are called.

    Raises:
        IntegrityError: the document is not of its shape.
    """
    try:
        controls = results["controls"]
        asked = {
            str(item["id"]): Asked(
                str(item["id"]), str(item["title"]), Severity(item["severity"]).value, dict(item["requirements"])
            )
            for item in controls
        }
        states = {str(item["id"]): State(item["state"]) for item in controls}
        gravest = Counter(str(item["severity"]) for item in controls if item["state"] == State.FAIL.value)
        causes = Counter(str(gap["error"]) for gap in results["gaps"]).most_common()
        (account,) = results["run"]["accounts"]
        return Summary(
            member=member,
            states=states,
            gravest=dict(gravest),
            failed=sum(each["state"] == State.FAIL.value for item in controls for each in item["results"]),
            causes=tuple(sorted(causes, key=lambda cause: (-cause[1], cause[0]))),
            trails=tuple(trail_summary(report) for report in results["integrity"]),
            code=code_of(results, fail_on=fail_on, allow=allow),
            headline=str(results["headline"]),
            scope={
                "partition": str(account["partition"]),
                "regions": len(account["regions"]),
                "regions_left_out": len(account["regions_left_out"]),
            },
            principal=str(results["run"]["principal"]),
            movements=tuple(
                row for document in results.get("events", ()) for row in document["rows"] if row["kind"] == MEMBERSHIP
            ),
        ), asked
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise IntegrityError(
            f"the results of account {member.account} are not of their shape: {type(error).__name__}"
        ) from error


def trail_summary(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the roll-up keeps of a trail's report.

    Raises:
        KeyError, TypeError, ValueError: it is not of its shape.
    """
    trail, coverage, digests, logs = (
        report["trail"], report["coverage"], report["counts"]["digests"], report["counts"]["logs"]
    )  # fmt: skip
    return {
        "arn": str(trail["arn"]),
        "name": str(trail["name"]),
        "owner": str(trail["account"]),
        "organization": bool(trail["organization"]),
        "verdict": str(report["verdict"]),
        "hours_asked": int(coverage["hours_asked"]),
        "hours_verified": int(coverage["hours_verified"]),
        "digests": int(digests["valid"]),
        "logs": int(logs["valid"]),
        "altered": int(digests["altered"]) + int(logs["altered"]),
        "missing": int(digests["missing"]) + int(logs["missing"]),
    }


def accounts_of_report(report: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Return the accounts that a report is about, and those of them with a finding that fails it."""
    about = {str(chain["account"]) for chain in report["coverage"]["chains"]}
    failing = {str(item["account"]) for item in report["findings"] if item["level"] == "fail"}
    return sorted(about), sorted(failing)


def code_of(results: Mapping[str, Any], *, fail_on: Severity, allow: Collection[str]) -> int:
    """Return the exit code of a results document, as ``pack.outcome.exit_code`` does of results.

    Raises:
        KeyError, ValueError: it is not of its shape.
    """
    verdicts = {str(report["verdict"]) for report in results["integrity"]}
    if "fail" in verdicts:
        return 4
    controls = results["controls"]
    if any(item["state"] == State.FAIL.value and Severity(item["severity"]).rank <= fail_on.rank for item in controls):
        return 1
    accepted = {name.removeprefix("not-assessed:") for name in allow}
    gaps = {str(item["id"]) for item in controls if any(map(_is_gap, item["results"]))}
    if gaps - accepted or ("incomplete" in verdicts and "trail" not in accepted):
        return 3
    return 0


def _is_gap(result: Mapping[str, Any]) -> bool:
    attested = "attestation" in (result.get("details") or {})
    return result["state"] == State.NOT_ASSESSED.value or (result["state"] == State.MANUAL.value and not attested)
