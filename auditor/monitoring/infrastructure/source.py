"""Finds where blocks and values stand in ``*.tf`` files, and what a value refers to. Evaluates nothing.

The evaluator gives values with the lines of their blocks. This index gives the line of each value, the names that it is
made of, and the blocks that the evaluator left out. It expects files whose syntax the evaluator has accepted.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_NAME = re.compile(r"[^\W\d][\w-]*|_[\w-]*")
_HEREDOC = re.compile(r"<<-?([A-Za-z_][\w-]*)[ \t]*\r?\n")
_BLANK = re.compile(r"(?:[ \t]+|/\*.*?\*/)+", re.DOTALL)
_DOT = re.compile(r"\s*\.\s*(?=[^\W\d]|\*|\[)")
_SPACE = re.compile(r"(?:[ \t\r\n]+|#[^\n]*|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_REFERENCE = re.compile(r"(?<![\w.\]-])(?P<root>[^\W\d][\w-]*)(?P<rest>(?:\.(?:[^\W\d][\w-]*|\*|\d+)|\[[^\[\]]*\])+)")

MAX_DEPTH = 100


@dataclass(frozen=True, slots=True)
class Written:
    """The expression of one value.

    Args:
        text: as it is written.
        code: the same with the texts of literal strings left out: names in it are references.
        line: where it begins.
    """

    text: str
    code: str
    line: int


@dataclass(slots=True)
class Block:
    """One block: ``kind "label" "label" { values, blocks }`` with its first line."""

    kind: str
    labels: tuple[str, ...]
    file: str
    line: int
    values: dict[str, Written] = field(default_factory=dict)
    blocks: list["Block"] = field(default_factory=list)

    def names(self) -> frozenset[str]:
        """Return the names of its values and of the blocks in it; of dynamic ones, those that they stand for."""
        return frozenset(self.values) | {label for one in self.blocks for label in one.labels or (one.kind,)}

    def inside(self) -> Iterator["Block"]:
        """Yield the block and all blocks in it."""
        yield self
        for block in self.blocks:
            yield from block.inside()


def index(text: str, file: str) -> tuple[Block, ...]:
    """Return the blocks of a file; what cannot be understood is passed over."""
    root = Block("", (), file, 1)
    _Scanner(text, file).body(root, 0)
    return tuple(root.blocks)


def values_of(text: str) -> Mapping[str, Written]:
    """Return the values at the top of a file, such as ``*.tfvars``."""
    root = Block("", (), "", 1)
    _Scanner(text, "").body(root, 0)
    return root.values


def references(code: str) -> tuple[str, ...]:
    """Return the references in an expression, each once, such as ``var.a`` or ``aws_sns_topic.t[0].arn``."""
    found: dict[str, None] = {}
    for one in _REFERENCE.finditer(_DOT.sub(".", code)):
        if "." in re.sub(r"\[[^\[\]]*\]", "", one["rest"]):
            found[one["root"] + one["rest"]] = None
        found |= dict.fromkeys(
            name for inner in re.findall(r"\[([^\[\]]*)\]", one["rest"]) for name in references(inner)
        )
    return tuple(found)


def code_of(text: str) -> str:
    """Return the code of the interpolations in a template; quotation marks inside are taken for blanks."""
    scanner = _Scanner(text.replace('"', " ") + '"', "")
    scanner.at = -1
    return f'"{"".join(scanner.string())}"'


def items_of(text: str) -> tuple[str, ...]:
    """Return the expressions in a list that is written out, ``[a, "b", f(c, d)]``; none for anything else."""
    if not (text.startswith("[") and text.endswith("]")):
        return ()
    inner = text[1:-1]
    scanner, found, start, depth = _Scanner(inner, ""), [], 0, 0
    while scanner.at < len(inner):
        mark = inner[scanner.at]
        if mark == '"':
            scanner.string()
            continue
        if mark in "#/" and (space := _SPACE.match(inner, scanner.at)):
            scanner.at = space.end()
            continue
        depth += (mark in "([{") - (mark in ")]}")
        if mark == "," and not depth:
            found.append(inner[start : scanner.at])
            start = scanner.at + 1
        scanner.at += 1
    found.append(inner[start:])
    return tuple(one.strip() for one in found if one.strip())


class _Scanner:
    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.at = 0
        self._counted = 0
        self._line = 1

    def line(self) -> int:
        """Return the line of the present place; places only grow."""
        self._line += self.text.count("\n", self._counted, self.at)
        self._counted = max(self._counted, self.at)
        return self._line

    def skip(self) -> None:
        if found := _SPACE.match(self.text, self.at):
            self.at = found.end()

    def body(self, block: Block, depth: int) -> None:
        while True:
            self.skip()
            if self.at >= len(self.text):
                return
            if self.text[self.at] == "}":
                self.at += 1
                return
            name = _NAME.match(self.text, self.at)
            if name is None:
                self.at += 1
                continue
            line = self.line()
            self.at = name.end()
            self.member(block, name.group(), line, depth)

    def member(self, block: Block, name: str, line: int, depth: int) -> None:
        labels: list[str] = []
        while True:
            self.blank()
            mark = self.text[self.at : self.at + 1]
            if mark == "=":
                self.at += 1
                block.values[name] = self.expression()
                return
            if mark == "{":
                self.at += 1
                inner = Block(name, tuple(labels), self.file, line)
                if depth < MAX_DEPTH:
                    block.blocks.append(inner)
                self.body(inner, depth + 1) if depth < MAX_DEPTH else self.braces()
                return
            if mark == '"':
                start = self.at
                self.string()
                labels.append(self.text[start + 1 : self.at - 1])
            elif found := _NAME.match(self.text, self.at):
                labels.append(found.group())
                self.at = found.end()
            else:
                return

    def blank(self) -> None:
        if found := _BLANK.match(self.text, self.at):
            self.at = found.end()

    def braces(self) -> None:
        """Skip the rest of a block that is nested too deeply to be of interest."""
        depth = 1
        while self.at < len(self.text) and depth:
            mark = self.text[self.at]
            if mark == '"':
                self.string()
                continue
            depth += (mark == "{") - (mark == "}")
            self.at += 1

    def expression(self) -> Written:
        self.blank()
        start, line = self.at, self.line()
        code: list[str] = []
        depth = 0
        while self.at < len(self.text):
            mark = self.text[self.at]
            if mark == '"':
                code += ['"', *self.string(), '"']
            elif mark == "<" and (heredoc := _HEREDOC.match(self.text, self.at)):
                code += ['"', *self.heredoc(heredoc), '"']
                if not depth:
                    break
            elif mark in "#/" and (found := _SPACE.match(self.text, self.at)):
                self.at = found.start() + len(found.group().split("\n")[0]) if not depth else found.end()
            elif mark == "\n" and not depth:
                break
            else:
                depth += (mark in "([{") - (mark in ")]}")
                if depth < 0:
                    break
                code.append(mark)
                self.at += 1
        return Written(self.text[start : self.at].strip(), "".join(code).strip(), line)

    def string(self) -> list[str]:
        """Go past a string; return the code of its interpolations."""
        self.at += 1
        found: list[str] = []
        while self.at < len(self.text) and self.text[self.at] != '"':
            if self.text[self.at] == "\\":
                self.at += 2
            elif self.text.startswith(("$${", "%%{"), self.at):
                self.at += 3
            elif self.text.startswith(("${", "%{"), self.at):
                self.at += 2
                found += ["${", self.interpolation(), "}"]
            else:
                self.at += 1
        self.at += 1
        return found

    def interpolation(self) -> str:
        code: list[str] = []
        depth = 1
        while self.at < len(self.text):
            mark = self.text[self.at]
            if mark == '"':
                code += ['"', *self.string(), '"']
                continue
            depth += (mark == "{") - (mark == "}")
            self.at += 1
            if not depth:
                break
            code.append(mark)
        return "".join(code)

    def heredoc(self, begin: re.Match[str]) -> list[str]:
        end = re.compile(rf"^[ \t]*{re.escape(begin[1])}[ \t]*\r?$", re.MULTILINE).search(self.text, begin.end())
        stop = end.start() if end else len(self.text)
        self.at = end.end() if end else len(self.text)
        return [code_of(self.text[begin.end() : stop])]
