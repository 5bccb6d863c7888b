"""A question is one YAML file: what it answers, what it cannot see, and its SQL in both dialects.

The SQL stands on tables with the same columns in DuckDB and Athena: ``events`` (the period, after the filters of the
command line), ``period_events`` (the period alone) and ``all_events``; ``calls`` and ``period_calls`` leave out what
endpoints record of a call a second time, and Insights. ``{row}`` stands for the columns that every
listed event shows, ``{openings}`` for the tables that follow the rules of security groups, the last of them
``ended``. Where one text is right in both dialects, it is written once, as ``sql``. A question that lists
events one by one says only of which table (``list``), which (``where``) and what it shows beside the row (``shown``).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, ClassVar, Final, Literal

from auditor.activity.calls import CALLS
from auditor.base.errors import CatalogError, UsageError
from auditor.base.period import parse_time
from auditor.base.suggest import all_of
from auditor.base.yamlfile import YamlError, YamlFile, load_yaml
from auditor.events.table import ROW, part

Engine = Literal["duckdb", "athena"]

_NAME: Final = re.compile(r"[a-z][a-z0-9-]{1,60}")
_PARAMETER: Final = re.compile(r"[a-z][a-z0-9_]{0,40}")
_KEYS: Final = {
    "title",
    "answers",
    "parameters",
    "columns",
    "cannot_see",
    "sql",
    "duckdb",
    "athena",
    "list",
    "where",
    "shown",
    "needs",
    "sources",
}
_CALLS: Final = re.compile(r"\{calls:([a-z_]+)\}")
_KINDS: Final = frozenset(call.kind for call in CALLS.values())
_TYPES: Final = ("text", "integer", "time", "list")
MOST: Final = 1_000_000_000
"""Largest integer of a parameter; there are no negative ones."""
COMMANDS: Final = ("anatomy", "athena-ddl", "list", "show", "sql")
"""Commands beside the questions: a question of that name could not be asked."""
_OURS: Final = re.compile(r"since|until|f\d+")
"""Values that every question may name, of the period and of the filters."""
NEEDS: Final = ("management", "data", "insights", "network")
"""Kinds of events a question is about; without them in the trail, no row means that nobody looked."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that the question asks for, from ``--param NAME=VALUE``."""

    name: str
    type: str
    help: str
    default: str | None
    """None: it has to be given."""

    def value(self, text: str) -> str | int | datetime | list[str]:
        """Read a value.

        Raises:
            UsageError: the text is no value of the type.
        """
        try:
            match self.type:
                case "integer":
                    number = int(text)
                    if not 0 <= number <= MOST:
                        raise UsageError(f"{self.name}: {text} is not between 0 and {MOST:,}")
                    return number
                case "time":
                    return parse_time(text)
                case "list":
                    return [part.strip() for part in text.split(",") if part.strip()]
        except ValueError as error:
            raise UsageError(f"{self.name}: {text!r} is no {self.type}") from error
        return text


@dataclass(frozen=True, slots=True)
class Listing:
    """Events one by one, in order of time: its parts, with which a store is asked in two steps."""

    table: str
    where: str
    """Which events; empty for all."""
    shown: str
    """Columns beside those of every row; may be empty."""

    def rows(self) -> str:
        """Return which events are listed, and in which order."""
        where = f"\nWHERE {self.where}" if self.where else ""
        return f"FROM {self.table}{where}\n{self.order}"

    @property
    def columns(self) -> str:
        """What is shown of each."""
        return f"SELECT {{row}}{f', {self.shown}' if self.shown else ''}"

    order: ClassVar[str] = "ORDER BY event_time, event_id"


@dataclass(frozen=True, slots=True)
class Question:
    """One question as its file states it."""

    name: str
    title: str
    answers: str
    parameters: tuple[Parameter, ...]
    columns: Mapping[str, str]
    """The question's own columns and what they hold."""
    cannot_see: tuple[str, ...]
    needs: tuple[str, ...]
    duckdb: str
    athena: str
    path: str
    own: bool
    listing: Listing | None = None
    """Its parts, where it lists events one by one."""

    def text(self, engine: Engine) -> str:
        """Return the SQL for one engine, with ``{row}`` and the like filled in."""
        return filled_in(self.duckdb if engine == "duckdb" else self.athena, engine)

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "name": self.name,
            "title": self.title,
            "answers": self.answers,
            "parameters": [
                {"name": item.name, "type": item.type, "help": item.help, "default": item.default}
                for item in self.parameters
            ],
            "columns": dict(self.columns),
            "cannot_see": list(self.cannot_see),
            "needs": list(self.needs),
            "sql": {"duckdb": self.text("duckdb"), "athena": self.text("athena")},
        }


def filled_in(text: str, engine: Engine) -> str:
    """Fill in what stands in braces: columns of rows, kinds of calls, and what the engines write differently."""
    array, once = ("JSON[]", "MATERIALIZED ") if engine == "duckdb" else ("ARRAY(JSON)", "")
    whole = text.replace("{openings}", part("openings.sql").strip())
    return with_calls(with_rows(whole)).replace("{json_array}", array).replace("{once} ", once)


def with_rows(text: str) -> str:
    """Fill in ``{row}``, and ``{e.row}`` where the table has an alias."""

    def columns(match: re.Match[str]) -> str:
        alias = match[1] or ""
        return ", ".join(f"{alias}{name}" for name in ROW)

    return re.sub(r"\{([a-z]+\.)?row\}", columns, text).strip()


def with_calls(text: str) -> str:
    """Fill in ``{calls:KIND}``: the calls of a kind in the table that the period's controls go by."""
    return re.sub(_CALLS, lambda match: _any_of(match[1]), text)


def _any_of(kind: str) -> str:
    names: dict[str, list[str]] = {}
    for call in CALLS.values():
        if call.kind == kind:
            names.setdefault(call.source, []).append(f"'{call.name}'")
    found = [f"event_source = '{source}' AND call IN ({', '.join(sorted(known))})" for source, known in names.items()]
    return f"({' OR '.join(found)})"


def load_questions(folders: Sequence[Path] = ()) -> dict[str, Question]:
    """Read the questions that ship with the product and those of further folders.

    Raises:
        CatalogError: a file is wrong; the message names file and line.
        UsageError: a folder is none, or a name stands twice.
    """
    found: dict[str, Question] = {}
    with as_file(files("auditor.events").joinpath("questions")) as shipped:
        for folder in (shipped, *folders):
            if not folder.is_dir():
                raise UsageError(f"--questions {folder}: no such folder")
            for path in sorted(folder.glob("*.yaml")):
                question = _load(path, own=folder is not shipped)
                if question.name in found:
                    raise UsageError(f"{path}: there is a question {question.name} already", hint="rename the file")
                found[question.name] = question
    return dict(sorted(found.items()))


def _load(path: Path, *, own: bool) -> Question:
    try:
        file = load_yaml(path)
    except YamlError as error:
        raise CatalogError(str(error)) from error
    data = file.data
    if not isinstance(data, dict):
        raise CatalogError(f"{path}:1: expected a mapping")
    for key in data:
        if key not in _KEYS:
            raise CatalogError(f"{file.at(key)}: there is no such key: {key}", hint=", ".join(sorted(_KEYS)))
    if not _NAME.fullmatch(path.stem):
        raise CatalogError(f"{path}: a question's name has lower-case letters, digits and hyphens")
    if path.stem in COMMANDS:
        raise CatalogError(f"{path}: {path.stem} is a command", hint="rename the file")
    listing = _listing(file)
    both = f"{listing.columns}\n{listing.rows()}" if listing else _text(file, "sql", optional=True)
    duckdb = _text(file, "duckdb", optional=bool(both)) or both
    athena = _text(file, "athena", optional=bool(both)) or both
    written = "list" if listing else "sql"
    for name, text in (("duckdb", duckdb), ("athena", athena)):
        if not re.match(r"\s*(--[^\n]*\n\s*)*(SELECT|WITH)\b", text, re.IGNORECASE):
            raise CatalogError(f"{file.at(name if name in data else written)}: expected one SELECT")
        if unknown := set(_CALLS.findall(text)) - _KINDS:
            raise CatalogError(
                f"{file.at(name if name in data else written)}: there are no calls of kind {min(unknown)}",
                hint=", ".join(sorted(_KINDS)),
            )
    return Question(
        path.stem,
        _text(file, "title"),
        _text(file, "answers"),
        tuple(_parameter(file, index) for index, _ in enumerate(_list(file, "parameters"))),
        _columns(file),
        tuple(_words(file, "cannot_see")),
        tuple(_needs(file)),
        duckdb,
        athena,
        str(path),
        own,
        listing,
    )


def _listing(file: YamlFile) -> Listing | None:
    """Read the parts of a question that lists events; None where it has SQL of its own."""
    table = file.data.get("list")
    if table is None:
        for key in ("where", "shown"):
            if key in file.data:
                raise CatalogError(f"{file.at(key)}: {key} goes with list", hint="list: events, or list: calls")
        return None
    if table not in ("events", "calls"):
        raise CatalogError(f"{file.at('list')}: list: expected events or calls")
    for key in ("sql", "duckdb", "athena"):
        if key in file.data:
            raise CatalogError(f"{file.at(key)}: {key} and list exclude each other")
    return Listing(table, _text(file, "where", optional=True), _text(file, "shown", optional=True).rstrip(","))


def _text(file: YamlFile, key: str, *, optional: bool = False) -> str:
    value = file.data.get(key)
    if value is None and optional:
        return ""
    if not isinstance(value, str) or not value.strip():
        raise CatalogError(f"{file.at(key)}: {key}: expected text")
    return value.strip()


def _list(file: YamlFile, key: str) -> list[Any]:
    value = file.data.get(key, [])
    if not isinstance(value, list):
        raise CatalogError(f"{file.at(key)}: {key}: expected a list")
    return value


def _words(file: YamlFile, key: str) -> list[str]:
    words = _list(file, key)
    for index, item in enumerate(words):
        if not isinstance(item, str):
            raise CatalogError(f"{file.at(key, index)}: {key}: expected text")
    return words


def _needs(file: YamlFile) -> list[str]:
    needs = _words(file, "needs") or ["management"]
    for index, item in enumerate(needs):
        if item not in NEEDS:
            raise CatalogError(f"{file.at('needs', index)}: needs: {item} is none of {', '.join(NEEDS)}")
    return needs


def _columns(file: YamlFile) -> Mapping[str, str]:
    columns = file.data.get("columns", {})
    if not isinstance(columns, dict) or not all(isinstance(words, str) for words in columns.values()):
        raise CatalogError(f"{file.at('columns')}: columns: expected a name and words for each")
    return columns


def _parameter(file: YamlFile, index: int) -> Parameter:
    item = file.data["parameters"][index]
    where = file.at("parameters", index)
    if not isinstance(item, dict) or not _PARAMETER.fullmatch(str(item.get("name", ""))):
        raise CatalogError(f"{where}: a parameter has a name of lower-case letters, digits and underlines")
    if _OURS.fullmatch(item["name"]):
        raise CatalogError(f"{where}: the name {item['name']} is taken by the period and the filters")
    if unknown := set(item) - {"name", "type", "help", "default"}:
        raise CatalogError(f"{where}: there is no such key: {min(unknown)}")
    kind = item.get("type", "text")
    if kind not in _TYPES:
        raise CatalogError(f"{where}: type: {kind} is none of {', '.join(_TYPES)}")
    default = item.get("default")
    parameter = Parameter(item["name"], kind, str(item.get("help", "")), None if default is None else str(default))
    if parameter.default is not None:
        try:
            parameter.value(parameter.default)
        except UsageError as error:
            raise CatalogError(f"{where}: default: {error.message}") from error
    return parameter


def values_of(question: Question, given: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters' values, defaults filled in.

    Raises:
        UsageError: a value is missing, wrong, or of no parameter.
    """
    known = {item.name: item for item in question.parameters}
    for name in given:
        if name not in known:
            raise UsageError(
                f"{question.name} has no parameter {name}", hint=all_of(name, known) if known else "it has none"
            )
    values: dict[str, Any] = {}
    for name, parameter in known.items():
        text = given.get(name, parameter.default)
        if text is None:
            raise UsageError(f"{question.name} needs --param {name}=VALUE", hint=parameter.help)
        if parameter.default is None and not text.strip():
            raise UsageError(f"{question.name}: {name} is empty", hint=parameter.help)
        values[name] = parameter.value(text)
    return values
