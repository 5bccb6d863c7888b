"""The requirements of the shipped catalogue, by control id."""

from functools import cache
from typing import Any

import yaml

from auditor.base.locate import controls_folder
from auditor.monitoring.patterns.requirement import Requirement, requirement_from


@cache
def requirement(control: str, **changes: Any) -> Requirement:
    entries = yaml.safe_load((controls_folder() / "monitoring.yaml").read_text(encoding="utf-8"))
    parameters = next(entry["parameters"] for entry in entries if entry["id"] == control)
    return requirement_from(control, {**parameters, **changes})
