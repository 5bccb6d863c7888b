"""Runs tfparse over a folder in a process of its own, which may neither take all memory nor go on for ever.

tfparse (the extra ``terraform``) evaluates what Terraform does: locals, functions, ``count``, ``for_each``, modules on
disk. A folder may be a stranger's: ``count = 100000000`` must end in one message.
"""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from auditor.base.errors import UsageError

SECONDS = 60
"""A folder with 200 modules takes a few."""

MEMORY_BYTES = 4 << 30
"""Address space; its run-time reserves a good part without using it."""

_PROGRAM = f"""
import json, sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, ({MEMORY_BYTES}, {MEMORY_BYTES}))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
except ImportError:
    pass  # Windows knows no such limits
from tfparse import ParseError, load_from_path
try:
    found = load_from_path(sys.argv[1], stop_on_hcl_error=True, vars_paths=sys.argv[2:])
except ParseError as error:
    found = {{"error": str(error)}}
json.dump(found, sys.stdout)
"""


def evaluate(folder: Path, variable_files: Sequence[Path]) -> dict[str, list[dict[str, Any]]]:
    """Return the blocks of a folder and of its modules by kind, as tfparse gives them.

    Args:
        folder: with ``*.tf`` files.
        variable_files: in the order in which they count, the last one most.

    Raises:
        UsageError: tfparse is not installed, or the folder cannot be evaluated.
    """
    if importlib.util.find_spec("tfparse") is None:
        raise UsageError(
            "Terraform files need the package tfparse, which is not installed",
            hint="pip install 'auditor[terraform]', or give a plan: terraform show -json PLAN > plan.json",
        )
    names = [os.path.relpath(path.resolve(), folder.resolve()) for path in variable_files]
    command = [sys.executable, "-P", "-c", _PROGRAM, str(folder.resolve()), *names]
    try:
        ended = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)  # noqa: S603 - our own program
    except subprocess.TimeoutExpired as error:
        raise UsageError(f"{folder} was not evaluated within {SECONDS} seconds") from error
    if ended.returncode:
        raise UsageError(
            f"{folder} cannot be evaluated: the evaluator stopped", hint="give a plan: terraform show -json PLAN"
        )
    found = json.loads(ended.stdout)
    if "error" in found and isinstance(found["error"], str):
        raise UsageError(f"{folder} is refused: {found['error'].rpartition('TerraformConverter: ')[2][:500]}")
    return {kind: blocks for kind, blocks in found.items() if isinstance(blocks, list)}
