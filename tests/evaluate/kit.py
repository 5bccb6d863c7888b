"""Small worlds of evidence for tests: plain answers in, stored through the real writer, judged by the real engine."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from auditor.base.locate import controls_folder
from auditor.base.period import rfc3339
from auditor.catalog.load import Catalog, load_catalog
from auditor.evaluate.checks import find_check
from auditor.evaluate.engine import evaluate
from auditor.evidence import world
from auditor.evidence.operations import Operation
from auditor.evidence.store import Evidence
from auditor.evidence.world import ACCOUNT, AS_OF, PERIOD
from auditor.model import Control, ControlResult, Framework, Requirement, State

__all__ = ["ACCOUNT", "AS_OF", "PERIOD"]

HOME = "eu-west-1"
FAR = "us-east-1"


def ago(**span: float) -> str:
    """Write the time that lies so far before the worlds' as-of date."""
    return rfc3339(AS_OF - timedelta(**span))


@cache
def catalog() -> Catalog:
    """Load the product's catalogue once."""
    return load_catalog(controls_folder(), has_check=lambda name: find_check(name) is not None)


@dataclass(frozen=True)
class World(world.World):
    """The product's fitting room with the product's catalogue, and the judgement of the engine."""

    operations: Mapping[str, Operation] = field(default_factory=lambda: catalog().operations)

    def judge(self, control_id: str, **parameters: Any) -> ControlResult:
        """Store the world and judge one control, with an edition's parameters if given."""
        return self.judge_control(catalog().controls[control_id], **parameters)

    def weigh(self, control_id: str) -> ControlResult:
        """Judge one control without storing the world: for laws that are tried on thousands of worlds."""
        control = catalog().controls[control_id]
        framework = Framework("test", "", "", "", "", (Requirement("1", "", (control.id,), (), None, "", {}),), "")
        known = replace(catalog(), controls={control.id: control}, frameworks={"test": framework})
        evidence = world.held({ACCOUNT: self}, (*control.evidence, *control.consults), catalog().operations)
        return evaluate(evidence, known, ["test"]).controls[0]

    def judge_control(self, control: Control, **parameters: Any) -> ControlResult:
        """Store the world and judge a control that need not be part of the catalogue."""
        requirement = Requirement("1", "", (control.id,), (), None, "", parameters)
        framework = Framework("test", "", "", "", "", (requirement,), "")
        known = replace(catalog(), controls={control.id: control}, frameworks={"test": framework})
        with tempfile.TemporaryDirectory() as folder:
            return evaluate(stored(Path(folder) / "evidence", control, {ACCOUNT: self}), known, ["test"]).controls[0]


def judge_together(control_id: str, worlds: Mapping[str, World]) -> ControlResult:
    """Store the worlds of several accounts as the evidence of one run and judge one control in all of them."""
    control = catalog().controls[control_id]
    framework = Framework("test", "", "", "", "", (Requirement("1", "", (control.id,), (), None, "", {}),), "")
    known = replace(catalog(), controls={control.id: control}, frameworks={"test": framework})
    with tempfile.TemporaryDirectory() as folder:
        return evaluate(stored(Path(folder) / "evidence", control, worlds), known, ["test"]).controls[0]


def stored(folder: Path, control: Control, worlds: Mapping[str, World]) -> Evidence:
    """Write what AWS would answer in each account, through the real writer."""
    return world.stored(folder, worlds, (*control.evidence, *control.consults), catalog().operations)


def states(result: ControlResult) -> dict[str, State]:
    """Return the state of each resource of a result."""
    return {item.resource: item.state for item in result.results}


def reasons(result: ControlResult) -> str:
    """Return all sentences of a result."""
    return " ".join(item.reason for item in result.results)
