"""Reads YAML that people wrote, safely and with line numbers. Knows nothing about what it means."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml

from auditor.base.counts import counted, first_of
from auditor.base.errors import AuditorError
from auditor.base.given import read_given
from auditor.base.suggest import meant

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


_FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's parser where the wheel has it: the catalogue is read at every start."""


class _Loader(_FAST):  # type: ignore[misc, valid-type]
    """Dates and times stay text: JSON has neither, and an audit file should not depend on a parser's guess."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}

_TEXT = "tag:yaml.org,2002:str"
_ACCOUNT = re.compile(r"0[0-9]{11}")


def load_yaml(path: Path) -> YamlFile:
    """Read one YAML document.

    Raises:
        YamlError: not readable, too large, nested too deeply, not YAML, a duplicate key, an alias or a tag.
    """
    try:
        source = read_given(path, _MAX_BYTES)
        text = source.decode("utf-8")
    except OSError as error:
        raise YamlError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise YamlError(f"{path}: cannot be read: it is not UTF-8") from error
    reader = None
    try:
        reader = _Reader(path, text)
        data = reader.document()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or str(error)
        raise YamlError(f"{path}{line}: {problem}") from error
    finally:
        if reader is not None:
            reader.close()
    return YamlFile(path, data, reader.lines, source)


class _Reader:
    """Builds plain values and their lines from the parser's events, in one pass."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._loader = _Loader(text)
        self.lines: dict[tuple[str | int, ...], int] = {}

    def close(self) -> None:
        """Give the parser back."""
        self._loader.dispose()

    def document(self) -> Any:
        """Return the one document; None for an empty file."""
        self._next()  # the stream starts
        if isinstance(self._loader.peek_event(), yaml.StreamEndEvent):
            return None
        self._next()  # the document starts
        data = self._value(self._next(), ())
        self._next()  # the document ends
        if not isinstance(event := self._next(), yaml.StreamEndEvent):
            raise YamlError(f"{self._line(event)}: a second document begins; one is expected")
        return data

    def _next(self) -> Any:
        return self._loader.get_event()

    def _line(self, event: Any) -> str:
        return f"{self._path}:{self._number(event)}"

    @staticmethod
    def _number(event: Any) -> int:
        return int(event.start_mark.line) + 1

    def _value(self, event: Any, where: tuple[str | int, ...]) -> Any:
        if isinstance(event, yaml.AliasEvent):
            raise YamlError(f"{self._line(event)}: aliases are not allowed")
        self.lines[where] = self._number(event)
        if isinstance(event, yaml.ScalarEvent):
            return self._plain(event)
        if len(where) >= _MAX_DEPTH:
            raise YamlError(f"{self._line(event)}: nested too deeply")
        if event.tag not in {None, "!"} and not event.implicit:
            raise YamlError(f"{self._line(event)}: the tag {event.tag!r} is not allowed")
        return self._mapping(where) if isinstance(event, yaml.MappingStartEvent) else self._list(where)

    def _mapping(self, where: tuple[str | int, ...]) -> dict[str, Any]:
        built: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            if isinstance(event, yaml.AliasEvent):
                raise YamlError(f"{self._line(event)}: aliases are not allowed")
            if not isinstance(event, yaml.ScalarEvent):
                raise YamlError(f"{self._line(event)}: a key has to be text")
            key = str(self._plain(event))
            if key in built:
                raise YamlError(f"{self._line(event)}: the key {key!r} stands twice")
            line = self._number(event)
            built[key] = self._value(self._next(), (*where, key))
            self.lines[(*where, key)] = line
        return built

    def _list(self, where: tuple[str | int, ...]) -> list[Any]:
        built: list[Any] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            built.append(self._value(event, (*where, len(built))))
        return built

    def _plain(self, event: Any) -> Any:
        """Return a value without parts; YAML takes some texts for numbers that are none (``0x_``, 5,000 digits).

        An account id that begins with 0 would be an octal number, and another id.
        """
        tag = event.tag
        if tag is None or tag == "!":
            tag = self._loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        if "\0" in event.value:
            raise YamlError(f"{self._line(event)}: a text holds a zero byte")
        if tag == _TEXT or (event.tag is None and _ACCOUNT.fullmatch(event.value)):
            return event.value
        node = yaml.ScalarNode(tag, event.value, event.start_mark, event.end_mark, style=event.style)
        try:
            return self._loader.construct_object(node, deep=True)
        except (ValueError, KeyError, AttributeError) as error:
            text, kind = str(event.value)[:40], tag.rpartition(":")[2]
            raise YamlError(f"{self._line(event)}: {text!r} cannot be read as {kind}; is it text?") from error


_WORDS = {
    "bool_parsing": "expected true or false",
    "bool_type": "expected true or false",
    "date_from_datetime_inexact": "expected a date without a time, such as 2026-12-31",
    "date_from_datetime_parsing": "expected a date, such as 2026-12-31",
    "date_parsing": "expected a date, such as 2026-12-31",
    "date_type": "expected a date, such as 2026-12-31",
    "dict_type": "expected a mapping",
    "extra_forbidden": "there is no such key",
    "float_parsing": "expected a number",
    "float_type": "expected a number",
    "int_from_float": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_type": "expected a whole number",
    "list_type": "expected a list, such as [one, two]",
    "missing": "is missing",
    "model_type": "expected a mapping",
    "string_type": "expected text; in quotes where YAML sees a number, a yes or no, or a comment in it",
}
"""What is wrong, in a person's words, where pydantic speaks to a programmer."""

_BOUNDS = {
    "greater_than": ("gt", "has to be more than"),
    "greater_than_equal": ("ge", "has to be at least"),
    "less_than": ("lt", "has to be less than"),
    "less_than_equal": ("le", "has to be at most"),
}
_SHOWN = 60


def problem_words(problem: Any) -> str:
    """Say what is wrong with a value, of one problem of a pydantic ``ValidationError``."""
    kind, bounds = problem["type"], problem.get("ctx") or {}
    given = repr(problem.get("input"))
    given = given if len(given) <= _SHOWN else f"{given[:_SHOWN]}..."
    if kind in {"literal_error", "enum"}:
        known = re.findall(r"'([^']*)'", str(bounds.get("expected", "")))
        close = meant(str(problem.get("input")), known)
        return f"{given} is none of {', '.join(known)}{f'; {close}' if close else ''}"
    if kind == "string_pattern_mismatch":
        return f"{given} does not have the form that this takes"
    if kind == "string_too_long":
        return f"too long: {counted(len(problem['input']), 'character')}, and at most {bounds['max_length']:,} fit"
    if kind == "string_too_short":
        return (
            "must not be empty"
            if bounds["min_length"] == 1
            else f"takes at least {counted(bounds['min_length'], 'character')}"
        )
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"{given} {words} {bounds[name]:,}"
    return _WORDS.get(kind, str(problem["msg"]))


def gravest(error: Any) -> Any:
    """Return the problem of a pydantic ``ValidationError`` to tell first.

    An unknown key goes before all others: a typing error in a key also makes the right key look missing.
    """
    return min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")


def _keys_at(model: Any, where: Iterable[str | int]) -> tuple[str, ...]:
    """Return the keys of a pydantic model, or of one inside it; empty where the place is no model."""
    for part in where:
        if isinstance(part, int):
            continue
        inner = [model.model_fields[part].annotation] if part in model.model_fields else []
        while inner and not hasattr(inner[0], "model_fields"):
            inner = [*get_args(inner.pop(0)), *inner]
        if not inner:
            return ()
        model = inner[0]
    return tuple(field.alias or name for name, field in model.model_fields.items())


_MOST_PROBLEMS = 40


def problems_of(
    error: Any, file: YamlFile, kind: type[AuditorError], *, prefix: tuple[str | int, ...] = (), model: Any = None
) -> AuditorError:
    """Turn a pydantic ``ValidationError`` into one error of ours that names each mistake with file and line.

    The gravest stands first, and of one line one is told, beside what lacks: a value that could be of several kinds is
    wrong as each of them. With the ``model`` that was not met, an unknown key is told with the one that was meant and
    with all there are.
    """
    grave = gravest(error)
    told: dict[tuple[str, bool], str] = {}
    for problem in (grave, *error.errors()):
        place, words = _placed(problem, error, file, prefix)
        told.setdefault((place, problem["type"] == "missing"), f"{place}: {words}")
    hint = ""
    if grave["type"] == "extra_forbidden" and model is not None:
        known = _keys_at(model, grave["loc"][:-1])
        close = meant(str(grave["loc"][-1]), known)
        hint = "; ".join(filter(None, (close, f"known keys: {', '.join(known)}" if known else "")))
    return kind(first_of(list(told.values()), _MOST_PROBLEMS, between="; "), hint=hint)


def _placed(problem: Any, error: Any, file: YamlFile, prefix: tuple[str | int, ...]) -> tuple[str, str]:
    """Say where a problem is, and what it is; of an entry that lacks something, all that it lacks."""
    lacks = problem["type"] == "missing"
    around = problem["loc"][:-1] if lacks else problem["loc"]
    where = (*prefix, *around)
    name = ".".join(str(part) for part in where) or "the file"
    if not lacks:
        return file.at(*where), f"{name}: {problem_words(problem)}"
    gone = [item["loc"][-1] for item in error.errors() if item["type"] == "missing" and item["loc"][:-1] == around]
    return file.at(*where), f"{name}: missing: {', '.join(map(str, gone))}"
