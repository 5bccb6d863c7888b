"""Reads the part of HCL that monitoring resources are usually written in. Runs nothing and resolves no module.

Literal values, lists, objects, heredocs, ``jsonencode``, ``local.x``, ``var.x`` with a default, and attributes of other
resources are understood; whatever else stands in an expression is ``UNKNOWN``, never guessed. A plan in JSON says more.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from auditor.base.errors import UsageError


class Unresolved(Enum):
    """The mark of a value that the code alone does not tell."""

    UNKNOWN = "unknown"


UNKNOWN = Unresolved.UNKNOWN


@dataclass(frozen=True, slots=True)
class Reference:
    """A name such as ``aws_sns_topic.alerts.arn``."""

    name: str


@dataclass(frozen=True, slots=True)
class Template:
    """A text with ``${...}`` in it; parts are texts and expressions."""

    parts: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Encoded:
    """``jsonencode(...)`` of a value."""

    value: Any


@dataclass(slots=True)
class Block:
    """One block: its type, labels, attributes and inner blocks."""

    kind: str
    labels: tuple[str, ...]
    values: dict[str, Any] = field(default_factory=dict)
    blocks: list["Block"] = field(default_factory=list)


MAX_DEPTH = 60
_SKIP = re.compile(r"(?:\s|#[^\n]*|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_REFERENCE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z_*][A-Za-z0-9_-]*|\[(?:[0-9]+|\"[^\"\n]*\"|\*)\])*")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_HEREDOC = re.compile(r"<<(-?)([A-Za-z_][A-Za-z0-9_]*)[ \t]*\r?\n")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\"}
_CONSTANTS: Mapping[str, Any] = {"true": True, "false": False, "null": None}
_VALUE_ENDS = frozenset(",)]}\n")


def read_hcl(text: str, name: str) -> list[Block]:
    """Return the top-level blocks of a file.

    Raises:
        UsageError: the text is not HCL; the message names file and line.
    """
    reader = _Reader(text, name)
    return reader.body(top=True, depth=0).blocks


class _Reader:
    def __init__(self, text: str, name: str) -> None:
        self.text = text
        self.name = name
        self.at = 0

    def fail(self, message: str) -> UsageError:
        return UsageError(f"{self.name}:{self.text.count(chr(10), 0, self.at) + 1}: {message}")

    def skip(self) -> None:
        match = _SKIP.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def take(self, token: str) -> bool:
        self.skip()
        found = self.text.startswith(token, self.at)
        self.at += len(token) * found
        return found

    def body(self, *, top: bool, depth: int, kind: str = "", labels: tuple[str, ...] = ()) -> Block:
        if depth > MAX_DEPTH:
            raise self.fail("nested too deeply")
        block = Block(kind, labels)
        while True:
            self.skip()
            if self.at >= len(self.text):
                if top:
                    return block
                raise self.fail("a block is not closed")
            if not top and self.take("}"):
                return block
            self.entry(block, depth)

    def entry(self, block: Block, depth: int) -> None:
        match = _NAME.match(self.text, self.at)
        if match is None:
            raise self.fail("expected a name")
        self.at = match.end()
        self.skip()
        if self.text.startswith("=", self.at) and not self.text.startswith("==", self.at):
            self.at += 1
            block.values[match.group()] = self.expression(depth)
            return
        labels: list[str] = []
        while not self.take("{"):
            labels.append(self.label())
        inner = self.body(top=False, depth=depth + 1, kind=match.group(), labels=tuple(labels))
        block.blocks.append(inner)

    def label(self) -> str:
        self.skip()
        if self.text.startswith('"', self.at):
            value = self.quoted()
            return value if isinstance(value, str) else ""
        match = _NAME.match(self.text, self.at)
        if match is None:
            raise self.fail("expected a label or {")
        self.at = match.end()
        return match.group()

    def expression(self, depth: int) -> Any:
        """Read a value; what follows it up to the end of the expression makes it unknown."""
        value = self.value(depth)
        if self.at_end():
            return value
        self.rest()
        return UNKNOWN

    def at_end(self) -> bool:
        match = re.compile(r"[ \t\r]*(?:(?:#|//)[^\n]*)?").match(self.text, self.at)
        end = match.end() if match else self.at
        return end >= len(self.text) or self.text[end] in _VALUE_ENDS

    def rest(self) -> None:
        """Go to the end of an expression that is not understood."""
        depth = 0
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == '"':
                self.quoted()
                continue
            if depth == 0 and char in _VALUE_ENDS:
                return
            depth += (char in "([{") - (char in ")]}")
            self.at += 1

    def value(self, depth: int) -> Any:  # noqa: PLR0911 - one line for each kind of value
        if depth > MAX_DEPTH:
            raise self.fail("nested too deeply")
        self.skip()
        if self.text.startswith('"', self.at):
            return self.quoted()
        if heredoc := _HEREDOC.match(self.text, self.at):
            return self.heredoc(heredoc)
        if self.take("["):
            return self.items(depth + 1)
        if self.take("{"):
            return self.members(depth + 1)
        if number := _NUMBER.match(self.text, self.at):
            self.at = number.end()
            written = number.group()
            return int(written) if written.lstrip("-").isdigit() else float(written)
        reference = _REFERENCE.match(self.text, self.at)
        if reference is None:
            self.rest()
            return UNKNOWN
        self.at = reference.end()
        return self.named(reference.group(), depth)

    def named(self, name: str, depth: int) -> Any:
        if name in _CONSTANTS:
            return _CONSTANTS[name]
        if not self.text.startswith("(", self.at):
            return Reference(name)
        if name != "jsonencode":
            self.rest()
            return UNKNOWN
        self.at += 1
        inner = self.expression(depth + 1)
        if not self.take(")"):
            raise self.fail("expected )")
        return Encoded(inner)

    def items(self, depth: int) -> Any:
        found: list[Any] = []
        while not self.take("]"):
            if found and not self.take(","):
                raise self.fail("expected , or ]")
            if self.take("]"):
                return found
            self.skip()
            if self.text.startswith("for ", self.at):
                self.rest()
                self.take("]")
                return UNKNOWN
            found.append(self.expression(depth))
            if self.at >= len(self.text):
                raise self.fail("a list is not closed")
        return found

    def members(self, depth: int) -> Any:
        found: dict[str, Any] = {}
        while not self.take("}"):
            self.take(",")
            if self.take("}"):
                return found
            self.skip()
            if self.text.startswith("for ", self.at):
                self.rest()
                self.take("}")
                return UNKNOWN
            key = self.member_key()
            if not (self.take("=") or self.take(":")):
                raise self.fail("expected = after a key")
            found[key] = self.expression(depth)
        return found

    def member_key(self) -> str:
        if self.take("("):
            self.rest()
            self.take(")")
            return ""
        return self.label()

    def quoted(self) -> Any:
        self.at += 1
        parts: list[Any] = [""]
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == '"':
                self.at += 1
                return _joined(parts)
            if char == "\\":
                parts[-1] += _ESCAPES.get(self.text[self.at + 1 : self.at + 2], self.text[self.at : self.at + 2])
                self.at += 2
            elif self.text.startswith(("$${", "%%{"), self.at):
                parts[-1] += self.text[self.at + 1 : self.at + 3]
                self.at += 3
            elif self.text.startswith(("${", "%{"), self.at):
                parts += [self.interpolation(), ""]
            else:
                parts[-1] += char
                self.at += 1
        raise self.fail("a quotation mark is not closed")

    def interpolation(self) -> Any:
        self.at += 2
        value = self.expression(1)
        self.rest()
        self.take("}")
        return value

    def heredoc(self, match: re.Match[str]) -> Any:
        self.at = match.end()
        closing = re.compile(rf"^[ \t]*{re.escape(match[2])}[ \t]*$", re.MULTILINE).search(self.text, self.at)
        if closing is None:
            raise self.fail("a heredoc is not closed")
        text = self.text[self.at : closing.start()]
        self.at = closing.end()
        if match[1]:
            lines = text.split("\n")
            indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
            text = "\n".join(line[indent:] for line in lines)
        return UNKNOWN if "${" in text or "%{" in text else text


def _joined(parts: list[Any]) -> Any:
    kept = [part for part in parts if part != ""]
    if all(isinstance(part, str) for part in kept):
        return "".join(kept)
    return kept[0] if len(kept) == 1 else Template(tuple(kept))


def encoded(value: Any) -> Any:
    """Return the JSON text of a resolved value; unknown when anything inside is."""

    def known(item: Any) -> bool:
        if isinstance(item, dict):
            return all(map(known, item.values()))
        return all(map(known, item)) if isinstance(item, list) else not isinstance(item, Unresolved)

    return json.dumps(value) if known(value) else UNKNOWN
