"""Traces the names in an expression to what they rest on: literals and given variables, or something that is open.

Works on the text of the blocks, because the evaluator does not tell an open value from null, "" or a fallback.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from auditor.monitoring.infrastructure.folders import Folder
from auditor.monitoring.infrastructure.source import Block, Written, references
from auditor.monitoring.infrastructure.values import MOST_NAME, Unknown

MAX_STEPS = 200
"""Names behind names."""

_MODULES = re.compile(r'(?:module\.[\w-]+(?:\[(?:"(?:[^"\\]|\\.)*"|\d+)\])?\.)*')
_LAST_MODULE = re.compile(r'module\.([\w-]+)(?:\[(?:"(?:[^"\\]|\\.)*"|\d+)\])?\.$')
_SURROUNDINGS = frozenset({"aws_caller_identity", "aws_region", "aws_partition"})
"""Data sources about the caller: texts may be made of them, and nothing can be compared with them."""

_COMPUTES = re.compile(r"[?]|[=!]=|&&|\|\||<|(?<!=)>|\bif\b")
_CALL = re.compile(r"(?<![\w.-])([a-z]\w*(?:::\w+)*)\s*\(")
_KEYWORDS = frozenset({"if", "in", "for", "else"})
_JOINING = frozenset(
    re.findall(r"\w+", "coalesce compact concat distinct flatten format formatlist join jsonencode merge tolist toset")
)
"""Functions of which the outcome hangs on no text that stands for something that code does not tell."""

_EVALUATED = _JOINING | frozenset(
    re.findall(
        r"\w+",
        "abs alltrue anytrue abspath base64decode base64encode base64gzip base64sha256 base64sha512 basename can ceil "
        "chomp chunklist cidrhost cidrnetmask cidrsubnet cidrsubnets coalescelist contains csvdecode dirname element "
        "endswith file filebase64 filebase64sha256 fileexists filemd5 fileset filesha1 floor formatdate indent index "
        "jsondecode keys length log lookup lower matchkeys max md5 min nonsensitive one parseint pathexpand pow range "
        "regex regexall replace reverse sensitive setintersection setproduct setsubtract setunion sha1 sha256 sha512 "
        "signum slice sort split startswith strcontains strrev substr sum textdecodebase64 textencodebase64 timeadd "
        "title tobool tomap tonumber tostring transpose trim trimprefix trimspace trimsuffix try upper urlencode "
        "uuidv5 values yamldecode yamlencode zipmap",
    )
)
"""What the evaluator works out, the same at any time; of any other function it gives nothing, or what is tried next."""

_INTO = re.compile(
    r"(?P<type>[\w-]+)\.(?P<name>[\w-]+)(?:\[(?P<index>[^\]]*)\])?"
    r"(?:\.(?P<block>[\w-]+)(?:\[0\]|\.0|\[\*\]|\.\*))?\.(?P<attribute>\w+)"
)
_NAMES = frozenset({"name", "alarm_name", "function_name"})
"""Attributes that AWS fills where the code does not: they still name the resource."""

_PREFIXES = frozenset({"name_prefix", "alarm_name_prefix"})
"""What such a name begins with, where the code says so: it means the resource, and nothing can be compared with it."""

_OWN_MARKS = frozenset({"id", "arn", "key_id", "target_key_id", "target_key_arn"})
"""Attributes of a resource that only exist after it was made, and by which the code means the resource."""


def split_address(path: str) -> tuple[str, str]:
    """Return the module of an address (empty for the root, else with a closing dot), and the rest."""
    found = _MODULES.match(path)
    end = found.end() if found else 0
    return path[:end], path[end:]


def parent_of(module: str) -> tuple[str, str]:
    """Return the module that calls a module, and the name of the call."""
    found = _LAST_MODULE.search(module)
    return (module[: found.start()], found[1]) if found else ("", "")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is asked of a name.

    Args:
        steps: names that led to it.
        computed: whether something is decided by it, so that no text can stand for what the code does not tell.
        whole: whether it is enough that a resource exists, whatever its values are.
    """

    steps: int = 0
    computed: bool = False
    whole: bool = False

    def next(self) -> "_Asked":
        return replace(self, steps=self.steps + 1, whole=False)


class Tracer:
    """Knows the folders of all modules, and says what a name rests on."""

    def __init__(self, root: Path, evaluated: Mapping[str, list[dict[str, Any]]], given: Mapping[str, str]) -> None:
        self.root = root
        self.given = given
        self.evaluated = evaluated
        self.folders: dict[str, Folder] = {}
        self.places: dict[str, str] = {"": "."}
        self.addresses: set[str] = set()
        self.seen_lines: set[tuple[str, int]] = set()
        for blocks in evaluated.values():
            for block in blocks:
                self._place(block["__tfmeta"])
        for block in evaluated.get("module", ()):
            self._call(block)
        self._memory: dict[tuple[str, str, bool, bool], Unknown | None] = {}

    def _place(self, meta: Mapping[str, Any]) -> None:
        module, _ = split_address(str(meta.get("path", "")))
        file = str(meta.get("filename", ""))
        self.places.setdefault(module, Path(file).parent.as_posix())
        self.addresses.add(str(meta.get("path", "")))
        self.seen_lines.add((file, int(meta.get("line_start", 0))))

    def _call(self, block: Mapping[str, Any]) -> None:
        """Place modules that hold no block of their own, where they are on disk."""
        path, source = f"{block['__tfmeta']['path']}.", block.get("source")
        if path not in self.places and isinstance(source, str) and source.startswith("."):
            here = os.path.normpath(Path(block["__tfmeta"]["filename"]).parent / source)
            if (self.root / here).is_dir():
                self.places[path] = here

    def folder(self, module: str) -> Folder:
        """Return the folder of a module; an empty one where it is not on disk."""
        place = self.places.get(module)
        if place is None:
            return Folder()
        if place not in self.folders:
            self.folders[place] = Folder.read(self.root, place)
        return self.folders[place]

    def block_at(self, module: str, meta: Mapping[str, Any]) -> Block | None:
        """Return the text of an evaluated block."""
        file, line = str(meta.get("filename")), meta.get("line_start")
        blocks = self.folder(module).files.get(os.path.normpath(file), ())
        if file.endswith(".json"):
            address = split_address(str(meta.get("path")))[1].removeprefix("data.")
            wanted = tuple(re.sub(r"\[.*\]$", "", address).split("."))
            return next((block for block in blocks if block.labels == wanted), None)
        return next((block for block in blocks if block.line == line), None)

    def address_of(self, kind: str, name: str, module: str, known: Mapping[str, Any]) -> str:
        """Return the address of a resource, or of the first of several; empty when the code has none."""
        plain = f"{module}{kind}.{name}"
        if plain in known:
            return plain
        return next((one for one in sorted(known) if one.startswith(f"{plain}[")), "")

    # -- what a name rests on

    def exists(self, block: Block, module: str) -> Unknown | None:
        """Return what ``count`` or ``for_each`` of a block leaves open."""
        for name in ("count", "for_each"):
            if (written := block.values.get(name)) is not None:
                code = Written(written.text, written.code.replace("each.", "").replace("count.", ""), written.line)
                if (found := self.open_in(code, None, module, block.file, _Asked(whole=True))) is not None:
                    return found
        changed = self.folder(module).changed(block.kind, block.labels)
        if changed is not None and {"count", "for_each"} & changed.values.keys():
            return Unknown("count", f"{changed.file}:{changed.line}", module)
        return self._module_exists(module)

    def _module_exists(self, module: str) -> Unknown | None:
        while module:
            module, name = parent_of(module)
            call = self.folder(module).calls.get(name)
            for key in ("count", "for_each"):
                written = call.values.get(key) if call is not None else None
                if call is None or written is None:
                    continue
                if (found := self.open_in(written, None, module, call.file, _Asked(whole=True))) is not None:
                    return found
        return None

    def open_in(
        self, written: Written, block: Block | None, module: str, file: str = "", asked: _Asked = _Asked()
    ) -> Unknown | None:
        """Return the first name in an expression that is open; None when all are known."""
        place = f"{block.file if block is not None else file}:{written.line}"
        calls = [one for one in _CALL.findall(written.code) if one not in _KEYWORDS]
        if (other := next((one for one in calls if one not in _EVALUATED), "")) != "":
            return Unknown(f"{other}()", place, f"{module}{place}.")
        if _COMPUTES.search(written.code) or not _JOINING.issuperset(calls):
            asked = replace(asked, computed=True)
        for reference in references(written.code):
            if (found := self.open_reference(reference, block, module, place, asked)) is not None:
                return found
        return None

    def open_reference(
        self, reference: str, block: Block | None, module: str, place: str, asked: _Asked = _Asked()
    ) -> Unknown | None:
        """Return what is open behind a reference, placed where it is asked about; None when all is known."""
        if reference.startswith(("each.", "count.")):
            return self._loop(reference, block, module, asked)
        key = (module, reference, asked.computed, asked.whole)
        if key not in self._memory:
            self._memory[key] = Unknown(reference, place, module)  # what hangs on itself is open
            self._memory[key] = self._behind(reference, module, place, asked)
        found = self._memory[key]
        return replace(found, place=place) if found is not None else None

    def _behind(  # noqa: PLR0911 - one line for each kind of name
        self, reference: str, module: str, place: str, asked: _Asked
    ) -> Unknown | None:
        parts = re.sub(r"\[[^\[\]]*\]", "", reference).split(".")
        root, name = parts[0], parts[1]
        open_ = Unknown(reference, place, module)
        if asked.steps > MAX_STEPS:
            return open_
        match root:
            case "var":
                return self._variable(name, module, place, asked)
            case "local":
                folder = self.folder(module)
                written = folder.local.get(name)
                if written is None or folder.changed("local", (name,)) is not None:
                    return open_
                return self.open_in(written, None, module, place.rpartition(":")[0], asked.next())
            case "module":
                return self._output(reference, parts, module, place, asked)
            case "data":
                return self._data(parts, open_, asked)
            case "ephemeral" | "terraform":
                return open_
        if "_" not in root and (root, name) not in self.folder(module).resources:
            return None  # path, or what a "for" expression calls its items
        return self._resource(reference, parts, module, place, asked)

    def _data(self, parts: list[str], open_: Unknown, asked: _Asked) -> Unknown | None:
        known = parts[1] in _SURROUNDINGS and len(parts) > 3 and not asked.computed  # noqa: PLR2004 - data.type.name.attribute
        return None if known or parts[1] == "aws_iam_policy_document" else open_

    def _variable(self, name: str, module: str, place: str, asked: _Asked) -> Unknown | None:
        folder = self.folder(module)
        declared = folder.variables.get(name)
        default = declared is not None and "default" in declared.values
        changed = folder.changed("variable", (name,)) is not None
        if not module:
            known = name in self.given or (default and not changed)
            return None if known else Unknown(f"var.{name}", place, missing=not changed)
        above, call = parent_of(module)
        block = self.folder(above).calls.get(call)
        if changed or self.folder(above).changed("module", (call,)) is not None:
            return Unknown(f"var.{name}", place, module)
        if block is not None and name in block.values:
            return self.open_in(block.values[name], block, above, asked=asked.next())
        return None if default else Unknown(f"var.{name}", place, module, missing=True)

    def _output(self, reference: str, parts: list[str], module: str, place: str, asked: _Asked) -> Unknown | None:
        if len(parts) < 3:  # noqa: PLR2004 - module.name.output
            return Unknown(reference, place, module)
        prefix = f"{module}module.{parts[1]}"
        inside = next((one for one in sorted(self.places) if one == f"{prefix}." or one.startswith(f"{prefix}[")), None)
        folder = self.folder(inside) if inside is not None else Folder()
        output = folder.outputs.get(parts[2])
        changed = folder.changed("output", (parts[2],)) is not None
        if inside is None or output is None or "value" not in output.values or changed:
            return Unknown(reference, place, module)
        return self.open_in(output.values["value"], output, inside, asked=asked.next())

    def _loop(self, reference: str, block: Block | None, module: str, asked: _Asked) -> Unknown | None:
        """Return what is open behind ``each.key``, ``each.value`` or ``count.index``."""
        written = (block.values.get("for_each") or block.values.get("count")) if block is not None else None
        if block is None or written is None:
            return None
        marks = {"each.key", "count.index", *(f"each.value.{one}" for one in _OWN_MARKS | _NAMES)}
        return self.open_in(written, None, module, block.file, replace(asked.next(), whole=reference in marks))

    def _resource(self, reference: str, parts: list[str], module: str, place: str, asked: _Asked) -> Unknown | None:
        folder = self.folder(module)
        block = folder.resources.get((parts[0], parts[1]))
        attribute = next((part for part in parts[2:] if part and part != "*" and not part.isdigit()), "")
        changed = folder.changed("resource", (parts[0], parts[1]))
        open_ = Unknown(reference, place, module)
        if block is None or (changed is not None and attribute in changed.names()) or not (attribute or asked.whole):
            return open_
        if attribute in _OWN_MARKS or not attribute:
            return self.exists(block, module) if asked.steps < MAX_STEPS else None
        if (written := block.values.get(attribute)) is not None:
            return self.open_in(written, block, module, asked=asked.next())
        if attribute in _NAMES and not (asked.computed and _PREFIXES & block.values.keys()):
            return self.exists(block, module) if asked.steps < MAX_STEPS else None
        inside = [inner for inner in block.blocks if inner.kind == attribute or attribute in inner.labels]
        values = ((value, one) for inner in inside for one in inner.inside() for value in one.values.values())
        found = (self.open_in(value, one, module, asked=asked.next()) for value, one in values)
        return next((one for one in found if one is not None), None) if inside else open_

    # -- names for what is open

    def named(self, written: Written, block: Block, module: str, reason: Unknown | None) -> Unknown:
        """Name an open value so that equal expressions, handed on through modules and locals, have equal names."""
        expression, module = self.origin(written, module)
        text = _alone(expression) or re.sub(r"\s+", " ", expression.text)
        missing = reason.missing if reason is not None else False
        looped = block.values.get("for_each") or block.values.get("count")
        if len(text) > MOST_NAME or (looped is not None and re.search(r"\b(?:each|count)\.", text)):
            told = f"{text} {looped.text if looped is not None else ''}"
            module = f"{module}{sha256(told.encode()).hexdigest()}."
        scope = reason.scope if reason is not None and reason.name.endswith("()") else module
        return Unknown(text[:MOST_NAME], f"{block.file}:{written.line}", scope, missing)

    def origin(self, written: Written, module: str) -> tuple[Written, str]:
        """Return the expression that a value comes from, through locals and what is handed to modules."""
        expression, steps = written, 0
        while (alone := _alone(expression)) and (steps := steps + 1) < MAX_STEPS:
            root, _, name = alone.partition(".")
            above, call = parent_of(module)
            handed = self.folder(above).calls.get(call) if module else None
            changed = self.folder(module).changed("local" if root == "local" else "variable", (name,))
            changed = changed or self.folder(above).changed("module", (call,))
            if changed is not None:
                break
            if root == "local" and name in self.folder(module).local:
                expression = self.folder(module).local[name]
            elif root == "var" and handed is not None and name in handed.values:
                expression, module = handed.values[name], above
            else:
                break
        return expression, module

    def literal(self, reference: str, module: str) -> str | None:
        """Return the text that is written for a variable or local; None where it is open or anything but a text."""
        written = Written(reference, reference, 0)
        if self.open_in(written, None, module) is not None:
            return None
        expression, module = self.origin(written, module)
        root, _, name = _alone(expression).partition(".")
        text = expression.text
        if root == "var":
            declared = self.folder(module).variables.get(name)
            default = declared.values.get("default") if declared is not None else None
            text = self.given.get(name, "") if not module and name in self.given else default.text if default else ""
        found = re.fullmatch(r'"([^"$%\\]*)"', text)
        return found[1] if found else None

    def target(
        self, reference: str, module: str, address: str, known: Mapping[str, Mapping[str, Any]]
    ) -> tuple[Mapping[str, Any], re.Match[str]] | None:
        """Return the block that ``type.name[..].attribute`` or ``type.name[..].block[0].attribute`` points into."""
        found = _INTO.fullmatch(reference)
        if found is None:
            return None
        own = re.search(r"\[.*\]$", address)
        place = found["index"]
        suffix = (own[0] if own else "") if place in {"each.key", "count.index"} else f"[{place}]" if place else ""
        block = known.get(f"{module}{found['type']}.{found['name']}{suffix}")
        return None if block is None else (block, found)

    def pointed_at(self, block: Mapping[str, Any], found: re.Match[str]) -> Any:
        """Return the value that such a reference points at; None when that is not possible."""
        module, _ = split_address(str(block["__tfmeta"]["path"]))
        outer = self.block_at(module, block["__tfmeta"])
        if outer is None:
            return None
        attribute, holders = found["attribute"], [outer]
        value: Any = block
        if found["block"]:
            value = block.get(found["block"])
            value = value[0] if isinstance(value, list) and value else value
            holders = [one for one in outer.inside() if one is not outer]
        raw = value.get(attribute) if isinstance(value, Mapping) else None
        written = next((one.values[attribute] for one in holders if attribute in one.values), None)
        if written is None:
            return None
        open_ = self.open_in(written, outer, module)
        plain = isinstance(raw, str | int | float) and "${" not in str(raw)
        return raw if open_ is None and plain else self.named(written, outer, module, open_)

    # -- what the evaluator left out

    def left_out(self, kinds: frozenset[str]) -> list[str]:
        """Name modules that are not on disk, and blocks of interest that are missing because something is open."""
        found: dict[str, None] = {}
        absent: dict[str, None] = {}
        for block in self.evaluated.get("module", ()):
            path = f"{block['__tfmeta']['path']}."
            if path not in self.places:
                place = f"{block['__tfmeta']['filename']}:{block['__tfmeta']['line_start']}"
                absent[f"{path.removesuffix('.')} ({place}) from {block.get('source')} is not on disk"] = None
        for module in list(self.places):
            folder = self.folder(module)
            for (kind, _), resource in folder.resources.items():
                if kind in kinds and (resource.file, resource.line) not in self.seen_lines:
                    self._say_left_out(resource, module, ".".join(resource.labels), found)
            for name, call in folder.calls.items():
                if not any(one.startswith(f"{module}module.{name}") for one in self.addresses):
                    self._say_left_out(call, module, f"module.{name}", found)
        return [*found, *absent]

    def absent(self, kinds: frozenset[str]) -> set[str]:
        """Return the addresses of resources that will not be made, whatever is open."""
        found = set()
        for module in self.places:
            for (kind, name), block in self.folder(module).resources.items():
                if kind in kinds and (block.file, block.line) not in self.seen_lines:
                    found |= {f"{module}{kind}.{name}"} if self.exists(block, module) is None else set()
        return found

    def _say_left_out(self, block: Block, module: str, name: str, found: dict[str, None]) -> None:
        if (open_ := self.exists(block, module)) is not None:
            found[f"{module}{name} ({block.file}:{block.line}) hangs on {open_.words}"] = None


def _alone(written: Written) -> str:
    """Return the one reference that an expression consists of; empty for any other."""
    found = re.fullmatch(r'(?:"\$\{\s*)?([A-Za-z_][\w.\-]*(?:\[[^\[\]]*\][\w.\-]*)*)(?:\s*\}")?', written.text)
    return found[1] if found and "." in found[1] else ""
