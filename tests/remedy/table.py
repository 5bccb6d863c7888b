"""Writes docs/remedies.md from remedies that are made: ``python -m tests.remedy.table`` (some minutes).

Each is run by its script, and where it has one by its template, in simulated accounts that fail what it closes; audited
again; made a second time; undone. What the tests of these trips find is what the page says, or they fail.
"""

import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from auditor.remedy.change import Remedy, in_order
from auditor.remedy.declared import Undeclared, declared
from auditor.remedy.plans import PLANS
from auditor.remedy.plans.monitors import MONITORS
from tests.remedy.kit import failures, subjects
from tests.remedy.trips import KEPT, OPENED, PORTS, SHORT, WORSE, Trip, is_declared, trip_by_lines, trip_by_templates

PAGE = Path(__file__).resolve().parents[2] / "docs" / "remedies.md"
_HEAD = """# The remedies, tried

Written by `make remedies`; do not edit. Each remedy of [`auditor remediate`](from-finding-to-fix.md) is made in a
simulated account whose audit fails what it closes: by its script in a real shell, and where it is declared by its
template. The account is audited again, the remedy made a second time, and undone. Costs are a month's at list price.

- **lines**, **template**: `yes` where it was made that way and the finding was closed. A template that AWS has no type
  for, or that would take over what exists, comes as lines.
- **module**: `yes` where Terraform declares it, with the values of the template, held to an excerpt of the schema of
  `hashicorp/aws`; nothing is applied with it here.
- **twice**: a second time changed no answer of AWS.
- **undone**: `fails again` where the undo script brought the finding back; `by hand` where the page of the proposal
  says how, or that there is no way back.

| control | calls or types | lines | template | module | twice | undone | cost |
|---|---|---|---|---|---|---|---|
"""
_TRAIL = "cloudtrail-multi-region-trail"
_NOT = {
    "trail-key-usable": "its key may be disabled, about to be deleted, or closed to CloudTrail; "
    "a key policy is replaced as a whole, and a wrong one locks out",
    "root-unused-in-period and others over a period": "what happened cannot be undone",
    "iam-root-mfa and others about people": "only a person has the device, the key or the decision",
}
"""Failures that remedies could be expected for, and why there is none."""


@dataclass(frozen=True)
class Tried:
    """What was seen of one control's remedies."""

    remedy: Remedy
    lines: str = ""
    template: str = ""
    twice: bool = True
    undone: str = ""


def tried(trips: Iterable[Trip]) -> dict[str, Tried]:
    """Return what trips show, by control. A control that was tried in several accounts has to hold in each."""
    found: dict[str, Tried] = {}
    for trip in trips:
        left = failures(trip.after)
        for control in dict.fromkeys(item.finding.control for item in trip.closed):
            mine = tuple(item for item in trip.closed if item.finding.control == control)
            closed = "no" if subjects(mine) & left or trip.failed else "yes"
            by_lines = trip.undone is not None or not trip.kinds
            before = found.get(control, Tried(mine[0]))
            found[control] = Tried(
                min(before.remedy, *mine, key=lambda item: len(item.steps)),
                _worst(before.lines, closed) if by_lines else before.lines,
                before.template if by_lines else _worst(before.template, closed),
                before.twice and not trip.changed,
                _undone(before.undone, mine, trip),
            )
    return found


def _worst(one: str, other: str) -> str:
    return "no" if "no" in (one, other) else other


def _undone(before: str, mine: tuple[Remedy, ...], trip: Trip) -> str:
    if trip.undone is None:
        return before or "by hand"
    back = tuple(item for item in mine if item.undo)
    if not back or not subjects(back) <= failures(trip.undone):
        return before or "by hand"
    return "fails again"


def row(control: str, seen: Tried) -> str:
    """Return a line of the table."""
    remedy = seen.remedy
    calls = [f"`{step.service}:{step.operation}`" for step in in_order(remedy.steps)]
    calls += [f"`{item.template_type}`" for item in remedy.declares if item.template_type]
    if "`cloudtrail:CreateTrail`" in calls and control != _TRAIL:
        own = [call for call in calls if call.startswith(("`logs:PutMetric", "`cloudwatch", "`sns"))]
        calls = [f"what `{_TRAIL}` makes where there is no trail", *own]
    cells = (
        f"`{control}`",
        ", ".join(dict.fromkeys(calls)),
        seen.lines or "a template instead",
        seen.template or _why(remedy),
        "yes" if is_declared(remedy, template=False) else "lines",
        "no change" if seen.twice else "changes",
        seen.undone,
        remedy.cost,
    )
    return f"| {' | '.join(cells)} |"


def _why(remedy: Remedy) -> str:
    try:
        declared(remedy, template=True)
    except Undeclared as why:
        return "no type" if "no CloudFormation type" in str(why) else "lines"
    return "not tried"


def page(found: Mapping[str, Tried]) -> str:
    """Return the whole page."""
    rows = [row(control, found[control]) for control in PLANS if control in found]
    missing = [control for control in PLANS if control not in found]
    lines = [_HEAD + "\n".join(rows), "", "## Not tried, and not there", ""]
    lines += [f"- `{name}`: proposed, but no simulated account fails it; {_like(name)}." for name in missing]
    lines += [f"- {name}: no remedy, because {why}." for name, why in _NOT.items()]
    return "\n".join(lines) + "\n"


def _like(control: str) -> str:
    if control in MONITORS:
        return "it is made as the other monitoring controls are, and its filters are judged by our own checker"
    return "it has the same calls as a control above" if _twin(control) else "its calls are not tried"


def _twin(control: str) -> bool:
    return sum(plan is PLANS[control] for plan in PLANS.values()) > 1


def trips(folder: Path) -> list[Trip]:
    """Make every trip."""
    for name in ("lines-demo", "lines-empty", "worse", "opened", "short", "demo", "empty"):
        (folder / name).mkdir()
    return [
        *(trip_by_lines(world, folder / f"lines-{world}") for world in ("demo", "empty")),
        trip_by_lines("demo", folder / "worse", worse=WORSE),
        trip_by_lines("demo", folder / "opened", worse=OPENED, controls=PORTS),
        trip_by_lines("demo", folder / "short", worse=SHORT, controls=KEPT),
        *(trip_by_templates(world, folder / world) for world in ("demo", "empty")),
    ]


def main() -> int:
    """Write the page."""
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(page(tried(trips(Path(folder)))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
