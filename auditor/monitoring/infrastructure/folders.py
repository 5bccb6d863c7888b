"""The blocks of one folder of Terraform files, and what its override files change of them. Evaluates nothing."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from auditor.base.errors import UsageError
from auditor.base.given import read_given
from auditor.monitoring.infrastructure.source import Block, Written, code_of, index

MAX_FILE = 5_000_000
_OVERRIDE = re.compile(r"(?:.*_)?override\.tf(?:\.json)?")
"""Names of files that change blocks of the others: Terraform language, "Override Files"."""


_HINT = "terraform show -json PLAN > plan.json"


def is_override(file: str) -> bool:
    """Say whether a file changes blocks of others instead of declaring its own."""
    return _OVERRIDE.fullmatch(Path(file).name) is not None


@dataclass(slots=True)
class Folder:
    """The blocks of one folder."""

    variables: dict[str, Block] = field(default_factory=dict)
    local: dict[str, Written] = field(default_factory=dict)
    outputs: dict[str, Block] = field(default_factory=dict)
    calls: dict[str, Block] = field(default_factory=dict)
    resources: dict[tuple[str, str], Block] = field(default_factory=dict)
    providers: list[Block] = field(default_factory=list)
    files: dict[str, tuple[Block, ...]] = field(default_factory=dict)
    overrides: dict[tuple[str, tuple[str, ...]], Block] = field(default_factory=dict)

    def changed(self, kind: str, labels: tuple[str, ...]) -> Block | None:
        """Return the block of an override file that changes a block, or a local value."""
        return self.overrides.get((kind, labels))

    @classmethod
    def read(cls, root: Path, relative: str) -> Self:
        """Read the files of a folder, named relative to the root of the code."""
        folder = cls()
        place = Path(os.path.normpath(root / relative))
        if (other := next(iter(sorted(place.glob("*.tofu*"))), None)) is not None:
            raise UsageError(
                f"{os.path.relpath(other, root)} is read by OpenTofu alone, and in place of *.tf", hint=_HINT
            )
        for path in sorted([*place.glob("*.tf"), *place.glob("*.tf.json")]):
            name = os.path.relpath(path, root)
            try:
                text = read_given(path, MAX_FILE).decode("utf-8-sig", errors="replace")
            except OSError as error:
                raise UsageError(f"{name} cannot be read: {error.strerror or error}") from error
            try:
                folder.add(name, _from_json(text, name) if path.suffix == ".json" else index(text, name))
            except RecursionError as error:
                raise UsageError(f"{name} is nested too deeply") from error
        return folder

    def add(self, file: str, blocks: tuple[Block, ...]) -> None:
        """Take the blocks of one file."""
        self.files[file] = blocks
        if is_override(file):
            for block in blocks:
                names = block.values if block.kind == "locals" else ()
                self.overrides |= {("local", (name,)): block for name in names} | {(block.kind, block.labels): block}
            return
        for block in blocks:
            self._refuse_second(block)
            match block.kind, block.labels:
                case "variable", (name,):
                    self.variables[name] = block
                case "output", (name,):
                    self.outputs[name] = block
                case "module", (name,):
                    self.calls[name] = block
                case "locals", ():
                    self.local |= block.values
                case "provider", _:
                    self.providers.append(block)
                case ("resource" | "data") as kind, (of, name):
                    self.resources[f"data.{of}" if kind == "data" else of, name] = block

    def _refuse_second(self, block: Block) -> None:
        of = {"variable": self.variables, "output": self.outputs, "module": self.calls}.get(block.kind, {})
        twice = [".".join((block.kind, *block.labels))] if block.labels and block.labels[0] in of else []
        if block.kind in {"resource", "data"} and len(block.labels) == 2:  # noqa: PLR2004 - type and name
            kind, name = block.labels
            twice += [f"{kind}.{name}"] * ((f"data.{kind}" if block.kind == "data" else kind, name) in self.resources)
        if block.kind == "locals":
            twice += [f"local.{name}" for name in block.values if name in self.local]
        if twice:
            raise UsageError(f"{block.file}:{block.line}: {twice[0]} stands there twice")


def _from_json(text: str, file: str) -> tuple[Block, ...]:
    """Read the JSON form of Terraform far enough to trace names; every block is said to begin on line 1."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    found: list[Block] = []
    for kind, levels in (
        ("resource", 2),
        ("data", 2),
        ("variable", 1),
        ("output", 1),
        ("module", 1),
        ("locals", 0),
        ("provider", 1),
    ):
        inner = document.get(kind) if isinstance(document, dict) else None
        for labels, body in _labelled(inner, levels):
            block = Block(kind, labels, file, 1)
            block.values = {
                name: Written(json.dumps(one), " ".join(map(code_of, _texts(one))), 1) for name, one in body.items()
            }
            found.append(block)
    return tuple(found)


def _labelled(value: Any, levels: int) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    if isinstance(value, list):
        for one in value:
            yield from _labelled(one, levels)
    elif isinstance(value, Mapping) and not levels:
        yield (), value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            for labels, body in _labelled(inner, levels - 1):
                yield (str(name), *labels), body


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts in a value; each is a template."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in (*value, *value.values()):
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
