"""``auditor pattern check --terraform | --cloudformation``: infrastructure code in, one answer for each control out."""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.base.errors import UsageError
from auditor.base.scratch import scratch_folder
from auditor.cli.files import named, read_bytes, read_text

if TYPE_CHECKING:
    from auditor.monitoring.infrastructure.values import Code

_TEMPLATES = ("*.yaml", "*.yml", "*.json", "*.template")
_MOST_TEMPLATES = 500
_RESOURCES = re.compile(r'^\s*Resources\s*:|"Resources"\s*:', re.MULTILINE)
_BINARY = b"PK\x03\x04"
"""How a plan begins that Terraform has not yet shown as JSON."""


def read_code(
    terraform: Path | None, cloudformation: Path | None, variables: Sequence[str], variable_files: Sequence[Path]
) -> "Code":
    """Read what was given: a plan, a folder, a file or standard input.

    Raises:
        UsageError: it cannot be read, or is something else.
    """
    if terraform is not None:
        return _terraform(terraform, variables, variable_files)
    if cloudformation is None:
        raise UsageError("give --terraform or --cloudformation")
    if variable_files:
        raise UsageError("--var-file is for Terraform; give parameters of a template with --var")
    return _cloudformation(cloudformation, variables)


def _terraform(path: Path, variables: Sequence[str], variable_files: Sequence[Path]) -> "Code":
    from auditor.monitoring.infrastructure.plan import read_plan
    from auditor.monitoring.infrastructure.terraform import read_terraform

    if path.is_dir():
        return read_terraform(path, variables, variable_files)
    if path.name.endswith((".tf", ".tf.json")):
        if not path.is_file():
            raise UsageError(f"there is no file {path}")
        with scratch_folder("terraform") as scratch:
            shutil.copy(path, scratch / path.name)
            return read_terraform(scratch, variables, variable_files)
    if variables or variable_files:
        raise UsageError("a plan has its variables already; --var and --var-file are for *.tf files")
    if str(path) != "-" and read_bytes(path).startswith(_BINARY):
        raise UsageError(f"{path} is a plan in Terraform's own form", hint=f"terraform show -json {path} > plan.json")
    return read_plan(read_text(path), named(path))


def _cloudformation(path: Path, variables: Sequence[str]) -> "Code":
    from auditor.monitoring.infrastructure.cloudformation import read_cloudformation
    from auditor.monitoring.infrastructure.values import Code

    parameters = {}
    for one in variables:
        name, equals, value = one.partition("=")
        if not equals:
            raise UsageError(f"--var {one[:100]}: give name=value")
        parameters[name.strip()] = value
    if not path.is_dir():
        shown, folder = (named(path), None) if str(path) == "-" else (path.name, path.parent)
        return read_cloudformation(read_text(path), shown, folder, parameters)
    whole = Code()
    templates = _templates(path)
    for file in templates:
        text, name = read_text(file), str(file.relative_to(path))
        prefix = f"{name.partition('.')[0] or name}." if len(templates) > 1 else ""
        found = read_cloudformation(text, name, file.parent, _meant(parameters, text), prefix)
        for resource in found.resources:
            whole.resources.append(resource)
        whole.unread += found.unread
        whole.absent |= found.absent
    return whole


def _templates(folder: Path) -> list[Path]:
    """Return the templates of a folder; of what the CDK writes, the stacks and not their parts."""
    synthesized = sorted(folder.glob("*.template.json"))
    found = synthesized or sorted({path for form in _TEMPLATES for path in folder.glob(form)})
    chosen = [path for path in found if not path.name.endswith(".nested.template.json") and _is_template(path)]
    if not chosen:
        raise UsageError(f"there is no CloudFormation template in {folder}")
    if len(chosen) > _MOST_TEMPLATES:
        raise UsageError(f"there are more than {_MOST_TEMPLATES} templates in {folder}")
    return chosen


def _is_template(path: Path) -> bool:
    return bool(_RESOURCES.search(read_bytes(path)[:2_000_000].decode(errors="replace")))


def _meant(parameters: dict[str, str], text: str) -> dict[str, str]:
    return {name: value for name, value in parameters.items() if name in text}
