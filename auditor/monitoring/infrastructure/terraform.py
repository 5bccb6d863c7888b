"""Reads a folder of ``*.tf`` files: tfparse evaluates them, and what rests on an open value stays open.

tfparse puts null, an empty text or a fallback where a value hangs on something that it does not know. Therefore every
value of interest is traced over the names in its expression (``Tracer``): only what rests on known names counts as
known. A block that it left out because its ``for_each`` is open is named as a part that was not read.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from auditor.base.errors import UsageError
from auditor.base.given import read_given
from auditor.base.scratch import scratch_folder
from auditor.monitoring.infrastructure.evaluator import evaluate
from auditor.monitoring.infrastructure.folders import MAX_FILE, Folder, is_override
from auditor.monitoring.infrastructure.homes import home_of
from auditor.monitoring.infrastructure.source import Block, Written, items_of, references, values_of
from auditor.monitoring.infrastructure.terraform_names import NAME_OF, OF_INTEREST, kind_of, resource
from auditor.monitoring.infrastructure.trace import Tracer, split_address
from auditor.monitoring.infrastructure.values import ACCOUNT, HERE, MOST_NAME, REGION, Code, Unknown, text_of, unknowns

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_HIDDEN = re.compile(r"metric_transformation|\[(?:each\.key|count\.index)\]")
_ALONE = re.compile(
    r"""(?:"\$\{\s*)?(?:try\(\s*|one\(\s*)?[\w.\-]+(?:\[[^\[\]]*\][\w.\-]*)*(?:\s*,\s*(?:""|null)\s*)?\)?(?:\s*\}")?"""
)
"""One reference, perhaps with a fallback that only counts where there is no such resource."""

_META = frozenset({"count", "for_each", "provider", "depends_on", "id", "source", "version"})
"""What is written in blocks beside the values that AWS gets."""

_LOOP = re.compile(r"[\[{]\s*for\b")
_INTERPOLATION = re.compile(r"\$\{([^{}]*)\}")
_SURROUNDING = re.compile(r"data\.aws_(?:caller_identity|region|partition)\.[\w-]+\.(\w+)")
_OWN = re.compile(r"(aws_\w+)\.([\w-]+)(?:\[[^\]]*\]|\.\*)?\.(id|arn|name|(?:target_)?key_id|target_key_arn)")
_SURROUNDINGS = {"account_id": ACCOUNT, "name": REGION, "region": REGION, "id": REGION, "partition": "aws"}
"""What data sources about the caller give, under the names that stand for it here."""


def read_terraform(folder: Path, variables: Sequence[str] = (), variable_files: Sequence[Path] = ()) -> Code:
    """Read a folder.

    Args:
        folder: with ``*.tf`` or ``*.tf.json`` files.
        variables: ``name=value`` as on Terraform's command line.
        variable_files: further ``*.tfvars`` files, the last one counts most.

    Raises:
        UsageError: there is no such file, one is refused, or tfparse is not installed.
    """
    if not any(folder.glob("*.tf")) and not any(folder.glob("*.tf.json")):
        raise UsageError(f"there are no *.tf files in {folder}")
    files = [*_found_variable_files(folder), *variable_files]
    given = {
        name.removeprefix("TF_VAR_"): json.dumps(text)
        for name, text in os.environ.items()
        if name.startswith("TF_VAR_")
    }
    with scratch_folder("terraform") as scratch:
        declared = Folder.read(folder, "").variables
        files += _written(variables, declared, scratch)
        for file in files:
            given |= _texts_in(file)
        evaluated = evaluate(folder, files)
    return _Reader(folder, evaluated, given).code()


def _found_variable_files(folder: Path) -> list[Path]:
    """Return the files that Terraform takes by itself, in its order."""
    plain = [folder / "terraform.tfvars", folder / "terraform.tfvars.json"]
    auto = sorted([*folder.glob("*.auto.tfvars"), *folder.glob("*.auto.tfvars.json")])
    return [path for path in (*plain, *auto) if path.is_file()]


def _texts_in(path: Path) -> Mapping[str, str]:
    """Return the names of the variables in a file, and the expression that each is set to."""
    try:
        text = read_given(path, MAX_FILE).decode("utf-8-sig")
        if path.suffix == ".json":
            return {name: json.dumps(value) for name, value in dict(json.loads(text)).items()}
        return {name: value.text for name, value in values_of(text).items()}
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read: {str(error)[:200]}") from error


def _written(variables: Sequence[str], declared: Mapping[str, Block], scratch: Path) -> list[Path]:
    """Write ``--var`` into a file; a text needs no quotation marks, everything else is an expression."""
    lines = []
    for one in variables:
        name, equals, value = one.partition("=")
        name = name.strip()
        if not equals or not re.fullmatch(r"[\w-]+", name):
            raise UsageError(f"--var {one[:100]}: give name=value")
        if name not in declared:
            raise UsageError(f"--var {name}: the code declares no such variable")
        kind = declared[name].values.get("type")
        plain = kind is None or kind.text in {"string", "any"}
        lines.append(f"{name} = {json.dumps(value) if plain else value}\n")
    if not lines:
        return []
    path = scratch / "given.tfvars"
    path.write_text("".join(lines), encoding="utf-8")
    return [path]


class _Reader:
    """Goes through what the evaluator gave, block by block."""

    def __init__(self, root: Path, evaluated: Mapping[str, list[dict[str, Any]]], given: Mapping[str, str]) -> None:
        self.tracer = Tracer(root, evaluated, given)
        self.found = Code()
        self.blocks = [(kind, block) for kind, blocks in evaluated.items() for block in blocks]
        self.known = {str(block.get("id")): (kind, block) for kind, block in self.blocks}
        self.by_address = {_path(block): block for _, block in self.blocks}
        self.absent = self.tracer.absent(OF_INTEREST)

    def code(self) -> Code:
        for kind, block in self.blocks:
            if kind in OF_INTEREST and block["__tfmeta"].get("type") == "resource":
                self.add(kind, block)
        self.found.unread += self.tracer.left_out(OF_INTEREST)
        self.found.absent = self.absent
        return self.found

    def add(self, kind: str, block: dict[str, Any]) -> None:
        module, address = split_address(_path(block))
        written = self.tracer.block_at(module, block["__tfmeta"])
        place = f"{block['__tfmeta']['filename']}:{block['__tfmeta']['line_start']}"
        if is_override(str(block["__tfmeta"]["filename"])):
            return
        exists = Unknown(address, place) if written is None else self.tracer.exists(written, module)
        values = self.members(block, written, module, address)
        changed = self.tracer.folder(module).changed("resource", written.labels) if written is not None else None
        if changed is not None:
            values |= {name: Unknown(name, f"{changed.file}:{changed.line}", module) for name in changed.names()}
        one = resource(kind, f"{module}{address}", values, place, exists)
        if one is not None:
            home = home_of(written, module, self.tracer) if written is not None else HERE
            self.found.resources.append(replace(one, home=home))

    def members(self, block: Mapping[str, Any], written: Block | None, module: str, address: str) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, raw in block.items():
            if name in {"__tfmeta", "count", "for_each"} or (name == "id" and written is None):
                continue
            expression = written.values.get(name) if written is not None else None
            if expression is not None and written is not None:
                values[name] = _Value(self, written, expression, module, address).read(raw)
            elif name != "id":
                known = written is not None and name in written.names()
                values[name] = self.inner(raw, module, address, written)
                if _is_open(values[name]) or (raw is not None and not known):
                    values[name] = Unknown(name, f"{block['__tfmeta']['filename']}:{block['__tfmeta']['line_start']}")
        if written is not None:
            for inner in written.blocks:
                if inner.kind == "dynamic" and (open_ := self.tracer.exists(inner, module)) is not None:
                    values[inner.labels[0]] = open_
            for name in written.values.keys() - block.keys() - _META:  # what the evaluator passed over is not absent
                values[name] = Unknown(name, f"{written.file}:{written.values[name].line}", f"{module}{address}.")
        return values

    def inner(self, raw: Any, module: str, address: str, outer: Block | None) -> Any:
        """Read nested blocks."""
        if isinstance(raw, list):
            return [self.inner(one, module, address, outer) for one in raw]
        if isinstance(raw, Mapping) and "__tfmeta" in raw:
            line = raw["__tfmeta"].get("line_start")
            inside = outer.inside() if outer is not None else ()
            written = next((one for one in inside if one.line == line and one is not outer), None)
            return self.members(raw, written, module, address)
        return raw

    def text_for(self, uuid: str, code: str) -> str:
        """Return what stands for a reference that the evaluator gave as the mark of a block."""
        kind, block = self.known[uuid]
        attribute = "arn" if re.search(r"\.arn\b", code) else "id"
        return text_of(kind_of(kind), _path(block), attribute, block.get(NAME_OF.get(kind, "name")))

    def name_of(self, kind: str, block: Mapping[str, Any]) -> Any:
        """Return the name that a block gives itself: a text, something open, or None."""
        module, _ = split_address(_path(block))
        written = self.tracer.block_at(module, block["__tfmeta"])
        attribute = NAME_OF.get(kind, "name")
        expression = written.values.get(attribute) if written is not None else None
        if written is None or expression is None or kind == "aws_sns_topic":
            return None
        open_ = self.tracer.open_in(expression, written, module)
        return block.get(attribute) if open_ is None else self.tracer.named(expression, written, module, open_)

    def policy(self, block: Mapping[str, Any]) -> Any:
        """Return the JSON text of a policy document that is written as a data source."""
        module, address = split_address(_path(block))
        written = self.tracer.block_at(module, block["__tfmeta"])
        values = self.members(block, written, module, address)
        if {"source_policy_documents", "override_policy_documents", "source_json", "override_json"} & values.keys():
            return Unknown(_path(block), f"{block['__tfmeta']['filename']}:{block['__tfmeta']['line_start']}")
        statements = values.get("statement", [])
        if (open_ := next(unknowns(statements), None)) is not None:
            return open_
        return json.dumps({"Statement": [_statement(one) for one in _listed(statements)]})


class _Value:
    """One value of one block, with the expression that it comes from."""

    def __init__(self, reader: _Reader, block: Block, written: Written, module: str, address: str) -> None:
        self.reader = reader
        self.block = block
        self.written = written
        self.module = module
        self.address = address
        self.open = reader.tracer.open_in(written, block, module)

    def unknown(self) -> Unknown:
        return self.reader.tracer.named(self.written, self.block, self.module, self.open)

    def read(self, raw: Any) -> Any:
        """Return what the value is, as far as it is known."""
        if (found := self.followed()) is not None:
            return found
        if re.fullmatch(r'"[^"$%\\]*"', self.written.text):
            return self.written.text[1:-1]  # a plain text, also where the evaluator puts its own mark (id)
        if isinstance(raw, list | dict) and self.written.text[:1] in "[{" and "__attribute__" not in raw:
            return self.literal(raw)
        if self.open is None:
            return self.settled(raw)
        origin, module = self.reader.tracer.origin(self.written, self.module)
        if origin is not self.written and (items := items_of(origin.text)) and not _LOOP.match(origin.text):
            return [self.item(one, module) for one in items]
        return self.unknown()

    def followed(self) -> Any:
        """Follow a reference that the evaluator does not resolve: into a nested block, or by ``each.key``."""
        named = [one for one in references(self.written.code) if not one.startswith(("each.", "count."))]
        hidden = [one for one in named if _HIDDEN.search(one)]
        if not hidden:
            return None
        tracer, known = self.reader.tracer, self.reader.by_address
        target = tracer.target(hidden[0], self.module, self.address, known) if len(named) == 1 else None
        if target is None or not _ALONE.fullmatch(self.written.text):
            return self.unknown()
        block, found = target
        if found["attribute"] in {"id", "arn"} and not found["block"]:
            name = self.reader.name_of(found["type"], block)
            if isinstance(name, Unknown) and found["attribute"] == "id":
                return name
            return self.reader.text_for(str(block["id"]), f".{found['attribute']}")
        value = tracer.pointed_at(block, found)
        return self.unknown() if value is None else value

    def literal(self, raw: Any) -> Any:
        """Read a list or map that is written out: its members are open one by one."""
        if _LOOP.match(self.written.text):
            return self.unknown() if self.open is not None else self.settled(raw)
        if isinstance(raw, Mapping):
            return self.settled(raw) if self.open is None else self.unknown()
        return [self.element(one, number) for number, one in enumerate(raw)]

    def element(self, raw: Any, number: int) -> Any:
        """Read an item of a list: from its value where all names in it are known, else from its text."""
        items = items_of(self.written.text)
        text = items[number] if number < len(items) else self.written.text
        known = raw is not None and not (isinstance(raw, Mapping) and "__attribute__" in raw)
        if known and self.open is not None:
            own = Written(text, text, self.written.line)
            known = self.reader.tracer.open_in(own, self.block, self.module) is None
        return self.settled(raw) if known else self.item(text, self.module)

    def item(self, text: str, module: str) -> Any:
        """Read one expression of a list from its text: a text, a reference, or a text with references in it."""
        plain = text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else f"${{{text}}}"
        parts = [self.referred(one.strip(), module) for one in _INTERPOLATION.findall(plain)]
        if None in parts or '"' in _INTERPOLATION.sub("", plain):
            place = f"{self.block.file}:{self.written.line}"
            return Unknown(text[:MOST_NAME], place, module if len(text) <= MOST_NAME else f"{module}{place}.")
        remaining = iter(parts)
        return _INTERPOLATION.sub(lambda _: str(next(remaining)), plain)

    def referred(self, reference: str, module: str) -> str | None:
        """Return what a reference to the surroundings, to a resource of the code or to a text in it stands for."""
        surroundings = _SURROUNDING.fullmatch(reference)
        if surroundings:
            return _SURROUNDINGS.get(surroundings[1])
        if reference.startswith(("var.", "local.")):
            return self.reader.tracer.literal(reference, module)
        own = _OWN.fullmatch(reference)
        if own is None:
            return None
        address = self.reader.tracer.address_of(own[1], own[2], module, self.reader.by_address)
        if not address and f"{module}{own[1]}.{own[2]}" in self.reader.absent:
            return text_of(kind_of(own[1]), f"{module}{own[1]}.{own[2]}", own[3], None)
        block = self.reader.by_address.get(address)
        named = self.reader.name_of(own[1], block) if block is not None else None
        if block is None or (isinstance(named, Unknown) and own[3] != "arn"):
            return None
        return text_of(kind_of(own[1]), address, own[3], named)

    def settled(self, raw: Any) -> Any:
        """Turn a value that rests on known names into what it means."""
        match raw:
            case None:
                code = self.written.text if self.block.file.endswith(".json") else self.written.code
                return None if re.search(r"\bnull\b", code) else self.unknown()
            case str():
                return self.text(raw)
            case list():
                return [self.settled(one) for one in raw]
            case dict() if "__attribute__" in raw:
                return self.attribute(str(raw["__attribute__"]))
            case dict():
                return {key: self.settled(one) for key, one in raw.items() if key != "__tfmeta"}
        return raw

    def text(self, raw: str) -> Any:
        alone = self.reader.known.get(raw)
        if alone is not None and alone[0] == "aws_iam_policy_document":
            return self.reader.policy(alone[1])
        if alone is not None and not re.search(r"\.arn\b", self.written.code):
            name = self.reader.name_of(*alone)
            if isinstance(name, Unknown):
                return name
        if "${" in raw:
            raw = _INTERPOLATION.sub(lambda found: self.referred(found[1], self.module) or found[0], raw)
            if "${" in raw and "$${" not in self.written.text:
                return self.unknown()
        if raw.lstrip().startswith("{") and "jsonencode" in self.written.code and _holds_null(raw):
            return self.unknown() if not re.search(r"\bnull\b", self.written.code) else raw
        known = self.reader.known
        return _UUID.sub(
            lambda found: self.reader.text_for(found[0], self.written.code) if found[0] in known else found[0], raw
        )

    def attribute(self, name: str) -> Any:
        """Resolve a reference that the evaluator left as one, though nothing in it is open."""
        surroundings = _SURROUNDING.fullmatch(name)
        if surroundings and surroundings[1] in _SURROUNDINGS:
            return _SURROUNDINGS[surroundings[1]]
        own = re.fullmatch(r"(aws_\w+)\.([\w-]+)(?:\.\[[^\]]*\])?\.(name|alarm_name|function_name)", name)
        if own and (address := self.reader.tracer.address_of(own[1], own[2], self.module, self.reader.by_address)):
            return text_of(kind_of(own[1]), address, "name", None)
        if name.startswith(("var.", "each.", "local.")) or "__" in name:
            return None  # known, and null: Terraform takes that for not given
        return self.referred(name, self.module) or self.unknown()


def _path(block: Mapping[str, Any]) -> str:
    return str(block["__tfmeta"]["path"])


def _is_open(raw: Any) -> bool:
    """Say whether a value without an expression of its own is one that the evaluator left open."""
    if isinstance(raw, Mapping):
        return "__attribute__" in raw
    return isinstance(raw, str) and "${" in raw


def _holds_null(text: str) -> bool:
    try:
        waiting = [json.loads(text)]
    except (ValueError, RecursionError):
        return False
    while waiting:
        value = waiting.pop()
        if value is None:
            return True
        if isinstance(value, dict | list):
            waiting += value.values() if isinstance(value, dict) else value
    return False


def _statement(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a statement of an IAM policy from the block of a data source."""
    names = {"actions": "Action", "not_actions": "NotAction", "resources": "Resource", "not_resources": "NotResource"}
    found: dict[str, Any] = {"Effect": values.get("effect") or "Allow"}
    found |= {names[name]: value for name, value in values.items() if name in names}
    for block, key in (("principals", "Principal"), ("not_principals", "NotPrincipal")):
        for one in _listed(values.get(block)):
            everybody = one.get("type") in {"*", "AWS"} and one.get("identifiers") == ["*"]
            found[key] = "*" if everybody else {**found.get(key, {}), str(one.get("type")): one.get("identifiers")}
    for one in _listed(values.get("condition")):
        tests = found.setdefault("Condition", {}).setdefault(str(one.get("test")), {})
        tests[str(one.get("variable"))] = one.get("values")
    return found


def _listed(blocks: Any) -> list[Mapping[str, Any]]:
    return [one for one in (blocks if isinstance(blocks, list) else [blocks]) if isinstance(one, Mapping)]
