"""Reads YAML that people wrote, safely and with line numbers. Knows nothing about what it means."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from auditor.base.errors import AuditorError

_MAX_BYTES = 4_000_000
"""Larger than any catalogue or waiver file by two orders of magnitude."""

_MAX_DEPTH = 50
"""Nesting that no file of ours comes near. PyYAML's time grows with the square of it: 100,000 brackets take minutes."""


class YamlError(ValueError):
    """The file cannot be read as plain YAML; the message begins with file and line."""


@dataclass(frozen=True, slots=True)
class YamlFile:
    """A parsed file.

    Args:
        path: where it was read, for messages.
        data: plain values: mappings, lists, text, numbers, booleans, None; dates stay text.
        lines: path of keys and indexes -> line, counted from 1.
        source: the bytes as they were read.
    """

    path: Path
    data: Any
    lines: Mapping[tuple[str | int, ...], int]
    source: bytes

    def at(self, *where: str | int) -> str:
        """Say where a value stands, as ``file:line``; the nearest known parent when it is not there."""
        for length in range(len(where), -1, -1):
            if (line := self.lines.get(tuple(where[:length]))) is not None:
                return f"{self.path}:{line}"
        return str(self.path)


class _Loader(yaml.SafeLoader):
    """Dates and times stay text: JSON has neither, and an audit file should not depend on a parser's guess."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load_yaml(path: Path) -> YamlFile:
    """Read one YAML document.

    Raises:
        YamlError: not readable, too large, nested too deeply, not YAML, a duplicate key, an alias or a tag.
    """
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise YamlError(f"{path}: larger than {_MAX_BYTES} bytes")
        source = path.read_bytes()
        text = source.decode("utf-8")
    except OSError as error:
        raise YamlError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise YamlError(f"{path}: cannot be read: it is not UTF-8") from error
    loader = _Loader(text)
    try:
        _refuse_aliases_and_depth(text, path)
        node = loader.get_single_node()
        lines: dict[tuple[str | int, ...], int] = {}
        data = _build(loader, node, (), lines, path) if node is not None else None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or str(error)
        raise YamlError(f"{path}{line}: {problem}") from error
    finally:
        loader.dispose()
    return YamlFile(path, data, lines, source)


def _refuse_aliases_and_depth(text: str, path: Path) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent):
            raise YamlError(f"{path}:{line}: aliases are not allowed")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH:
            raise YamlError(f"{path}:{line}: nested too deeply")


def _build(
    loader: yaml.SafeLoader,
    node: yaml.Node,
    where: tuple[str | int, ...],
    lines: dict[tuple[str | int, ...], int],
    path: Path,
) -> Any:
    lines[where] = node.start_mark.line + 1
    match node:
        case yaml.MappingNode():
            built: dict[str, Any] = {}
            for key_node, value_node in node.value:
                key = str(_plain(loader, key_node, path))
                if key in built:
                    raise YamlError(f"{path}:{key_node.start_mark.line + 1}: the key {key!r} stands twice")
                built[key] = _build(loader, value_node, (*where, key), lines, path)
                lines[(*where, key)] = key_node.start_mark.line + 1
            return built
        case yaml.SequenceNode():
            return [_build(loader, item, (*where, index), lines, path) for index, item in enumerate(node.value)]
    return _plain(loader, node, path)


def _plain(loader: yaml.SafeLoader, node: yaml.Node, path: Path) -> Any:
    """Return a value without parts; YAML takes some texts for numbers that are none (``0x_``, five thousand digits)."""
    try:
        return loader.construct_object(node, deep=True)
    except (ValueError, KeyError, AttributeError) as error:
        text, kind = str(node.value)[:40], node.tag.rpartition(":")[2]
        raise YamlError(f"{path}:{node.start_mark.line + 1}: {text!r} cannot be read as {kind}; is it text?") from error


_WORDS = {
    "extra_forbidden": "there is no such key",
    "string_type": "expected text; in quotes where YAML sees a number, a yes or no, or a comment in it",
    "list_type": "expected a list",
    "model_type": "expected a mapping",
}
"""What is wrong, in a person's words, where pydantic speaks to a programmer."""


def problem_words(problem: Any) -> str:
    """Say what is wrong with a value, of one problem of a pydantic ``ValidationError``."""
    return _WORDS.get(problem["type"], str(problem["msg"]))


def gravest(error: Any) -> Any:
    """Return the problem of a pydantic ``ValidationError`` to tell first.

    An unknown key goes before all others: a typing error in a key also makes the right key look missing.
    """
    return min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")


def first_problem(
    error: Any, file: YamlFile, kind: type[AuditorError], *, prefix: tuple[str | int, ...] = ()
) -> AuditorError:
    """Turn a pydantic ``ValidationError`` into one error of ours that names file and line."""
    problem = gravest(error)
    where = (*prefix, *problem["loc"])
    name = ".".join(str(part) for part in where) or "the file"
    return kind(f"{file.at(*where)}: {name}: {problem_words(problem)}")
