"""What ``--json`` prints: one table of commands and the documents they answer with, and the one way to print them.

Each document names its form in ``schema``, and each form is published under ``docs/schemas``. A document without a
form in the table is not printed: it would be a promise that nobody wrote down.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

import click

ERROR: Final = "auditor.error/1"
"""What every command answers with when it is refused or breaks."""

PRINTED: Final[Mapping[str, tuple[str, ...]]] = {
    "run": ("auditor.run/1", "auditor.run-organization/1"),
    "demo": ("auditor.run/1", "auditor.run-organization/1"),
    "collect": ("auditor.collect/1",),
    "evaluate": ("auditor.evaluate/1",),
    "render": ("auditor.render/1",),
    "seal": ("auditor.seal/1",),
    "verify": ("auditor.verify/1",),
    "upload": ("auditor.upload-answer/1",),
    "diff": ("auditor.diff/1",),
    "remediate": ("auditor.remedies/1",),
    "history": ("auditor.history/1",),
    "assemble": ("auditor.assemble/1",),
    "doctor": ("auditor.doctor/1",),
    "keygen": ("auditor.keygen/1",),
    "trail verify": ("auditor.trail/1",),
    "events NAME": ("auditor.events/1",),
    "events sql": ("auditor.events/1",),
    "events list": ("auditor.questions/1",),
    "events show": ("auditor.question/1",),
    "events anatomy": ("auditor.anatomy/1",),
    "events athena-ddl": ("auditor.athena-ddl/1",),
    "cost": ("auditor.cost/1",),
    "controls list": ("auditor.controls/1",),
    "controls show": ("auditor.control/1",),
    "controls validate": ("auditor.controls-validate/1",),
    "controls test": ("auditor.controls-test/1",),
    "pattern check": ("auditor.pattern-check/1",),
    "pattern test": ("auditor.pattern-test/1",),
    "packs prune": ("auditor.prune/1",),
    "completion": ("auditor.completion/1",),
    "config show": ("auditor.config/1",),
    "policy": ("auditor.policy/1",),
}
"""Command -> the forms of what it prints, beside that of an error."""

PUBLISHED: Final = frozenset({ERROR}.union(*PRINTED.values()))


def file_of(form: str) -> str:
    """Return the name of the published schema of a form."""
    return f"{form.removeprefix('auditor.').partition('/')[0]}.schema.json"


def text_of(document: Mapping[str, Any]) -> str:
    """Return a document as it is printed.

    Raises:
        KeyError: it names no form that is published.
    """
    if (form := document.get("schema")) not in PUBLISHED:
        raise KeyError(f"{form} is no published form of a document")
    first = {name: document[name] for name in ("schema", "exit_code")}
    return json.dumps({**first, **document}, indent=2, ensure_ascii=True)


def echo_json(document: Mapping[str, Any]) -> None:
    """Print one JSON document on stdout."""
    click.echo(text_of(document))
