"""Cases beside controls: evidence in a few lines, and what the control is to say of it. Only reads and checks files.

``controls/tests/<topic>.yaml`` holds those of the product, ``DIR/tests/*.yaml`` those of people's own controls.
"""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from auditor.base.errors import CatalogError, UsageError
from auditor.base.period import Period, parse_period, parse_time
from auditor.base.yamlfile import YamlError, YamlFile, load_yaml, problems_of
from auditor.catalog.load import Catalog
from auditor.evidence.operations import Operation, needed
from auditor.evidence.world import AS_OF, PERIOD, REGIONS_OPERATION, Said, Snippet, refusal
from auditor.model import State

FOLDER = "tests"
"""Where cases stand, beside the controls that they try."""

REGIONS = ("eu-west-1",)
"""The Regions of a case that names none."""

_MAX_WORLDS = 20
"""A world that begins with a world that begins with ...: more than this is a mistake."""

Snippets = Mapping[str, tuple[Snippet, ...]]


@dataclass(frozen=True, slots=True)
class Case:
    """One situation and what a control is to say of it.

    Args:
        control: the control's id.
        name: what the situation is, in a few words.
        evidence: what AWS answers, by operation.
        expect: the control's state.
        results: states of single resources, by name.
        reason: words that stand in a reason of that state; empty when any will do.
        parameters: an edition's overrides for the control's parameters.
        regions: the Regions of the audit.
        partition: such as ``aws``.
        as_of: when everything was answered, aware UTC.
        period: the audited period.
        origin: file and line.
    """

    control: str
    name: str
    evidence: Snippets
    expect: State
    results: Mapping[str, State]
    reason: str
    parameters: Mapping[str, Any]
    regions: tuple[str, ...] = REGIONS
    partition: str = "aws"
    as_of: datetime = AS_OF
    period: Period = PERIOD
    origin: str = ""


class _Answer(BaseModel):
    """What some calls of an operation are answered: one of page, pages and error; none of them stores nothing."""

    model_config = ConfigDict(extra="forbid")

    region: Annotated[str, Field(description="The Region it is told of; absent: wherever it is asked.")] = ""
    parameters: Annotated[dict[str, Any], Field(description="The calls it is told of: those with these.")] = Field(
        default_factory=dict
    )
    page: Annotated[dict[str, Any] | None, Field(description="The answer, keys as AWS spells them.")] = None
    pages: Annotated[list[dict[str, Any]] | None, Field(description="The answer's pages, where there are many.")] = None
    error: Annotated[str, Field(description="An error code; with its message behind a colon.")] = ""


_Told = dict[str, Any] | list[_Answer] | str | None
_Evidence = Annotated[
    dict[str, _Told],
    Field(
        description="By operation: a mapping is a page that answers every call; text is an error code that refuses "
        "every call; a list answers single calls; null stores no answer."
    ),
]
_Change = Annotated[
    dict[str, Any],
    Field(description="Single values, by operation and JSON pointer into its pages: s3:ListBuckets/Buckets/0/Name."),
]
_Without = Annotated[list[str], Field(description="Values to take away, named as under change.")]


class _Situation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    world: Annotated[str, Field(description="The world of this file that it begins with.")] = ""
    evidence: _Evidence = Field(default_factory=dict)
    change: _Change = Field(default_factory=dict)
    without: _Without = Field(default_factory=list)
    regions: Annotated[list[str], Field(description="Regions of the audit; default: eu-west-1.")] = Field(
        default_factory=list
    )
    partition: Annotated[str, Field(description="Default: aws.")] = ""
    as_of: Annotated[str, Field(description="When AWS answered; default: 2026-11-21T12:00:00Z.")] = ""
    period: Annotated[str, Field(description="The audited period; default: 2026-10.")] = ""


class _CaseEntry(_Situation):
    """One situation and what the control is to say of it."""

    control: Annotated[str, Field(description="The control's id.")]
    case: Annotated[str, Field(description="What the situation is, in a few words.")]
    expect: Annotated[State, Field(description="The control's state.")]
    results: Annotated[dict[str, State], Field(description="States of single resources, by name.")] = Field(
        default_factory=dict
    )
    reason: Annotated[str, Field(description="Words that stand in a reason of that state.")] = ""
    parameters: Annotated[dict[str, Any], Field(description="An edition's values for the control.")] = Field(
        default_factory=dict
    )


class CaseFile(BaseModel):
    """A file of cases. The account of all of them is 111122223333."""

    model_config = ConfigDict(extra="forbid")

    worlds: Annotated[dict[str, _Situation], Field(description="What several cases begin with, by name.")] = Field(
        default_factory=dict
    )
    cases: list[_CaseEntry]


def case_files(folders: Iterable[Path]) -> tuple[Path, ...]:
    """Return the files of cases beside the controls of some folders."""
    return tuple(path for folder in folders for path in sorted((folder / FOLDER).glob("*.yaml")))


def load_cases(paths: Iterable[Path], catalog: Catalog) -> tuple[Case, ...]:
    """Read files of cases.

    Raises:
        CatalogError: a file is wrong; the message names file and line.
    """
    return tuple(case for path in paths for case in _cases(path, catalog))


def _cases(path: Path, catalog: Catalog) -> Iterator[Case]:
    try:
        file = load_yaml(path)
        parsed = CaseFile.model_validate(file.data)
    except YamlError as error:
        raise CatalogError(str(error)) from error
    except ValidationError as error:
        raise problems_of(error, file, CatalogError) from error
    worlds = {name: (entry, file.at("worlds", name)) for name, entry in parsed.worlds.items()}
    seen: dict[tuple[str, str], str] = {}
    for index, entry in enumerate(parsed.cases):
        at = file.at("cases", index)
        if entry.control not in catalog.controls:
            raise CatalogError(f"{file.at('cases', index, 'control')}: there is no control {entry.control}")
        if first := seen.get((entry.control, entry.case)):
            raise CatalogError(f"{at}: {entry.control} has a case of this name at {first}")
        seen[entry.control, entry.case] = at
        _check_read(entry, catalog, file, index)
        yield _case(entry, at, worlds, catalog.operations)


def _check_read(entry: _CaseEntry, catalog: Catalog, file: YamlFile, index: int) -> None:
    """Refuse evidence that the control would never look at: it is a typing error, or tries another control."""
    control = catalog.controls[entry.control]
    read = {item.name for item in needed(catalog.operations, (*control.evidence, *control.consults))}
    confirming = {name for name, item in catalog.operations.items() if read.intersection(item.confirms)}
    for name in entry.evidence:
        if name in catalog.operations and name not in read | confirming | {REGIONS_OPERATION}:
            raise CatalogError(f"{file.at('cases', index, 'evidence', name)}: {entry.control} does not read {name}")


@dataclass(slots=True)
class _Draft:
    """A situation while its parts are put on top of each other."""

    operations: Mapping[str, Operation]
    evidence: dict[str, tuple[Snippet, ...]] = field(default_factory=dict)
    regions: tuple[str, ...] = REGIONS
    partition: str = "aws"
    as_of: datetime = AS_OF
    period: Period = PERIOD

    def put(self, entry: _Situation, at: str) -> None:
        """Put a situation on top: its answers replace those of the same operation, then single values change."""
        for name, told in entry.evidence.items():
            operation = self.operations.get(name)
            if operation is None:
                raise CatalogError(f"{at}: {name} is not in operations.yaml")
            self.evidence[name] = tuple(_snippets(operation, told, at))
        for place, value in entry.change.items():
            self._edit(place, at, partial(_set, value))
        for place in entry.without:
            self._edit(place, at, _take_away)
        self.regions = tuple(entry.regions) or self.regions
        self.partition = entry.partition or self.partition
        try:
            self.as_of = parse_time(entry.as_of) if entry.as_of else self.as_of
            self.period = parse_period(entry.period, self.as_of) if entry.period else self.period
        except (ValueError, UsageError) as error:
            raise CatalogError(f"{at}: {error}") from error

    def _edit(self, place: str, at: str, edit: Callable[[Any, str], None]) -> None:
        """Change a value in every answer of its operation that has the place; one at least must."""
        name, _, pointer = place.partition("/")
        steps = [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")]
        found = 0
        changed = []
        for snippet in self.evidence.get(name, ()):
            pages = copy.deepcopy(snippet.said.pages) if snippet.said is not None else ()
            try:
                for page in pages:
                    parent = page
                    for step in steps[:-1]:
                        parent = parent[int(step) if isinstance(parent, list) else step]
                    edit(parent, steps[-1])
                    found += 1
            except (KeyError, IndexError, TypeError, ValueError):
                changed.append(snippet)
            else:
                changed.append(Snippet(Said(pages), snippet.region, snippet.parameters) if pages else snippet)
        if not pointer or not found:
            raise CatalogError(f"{at}: no answer told so far has {place}")
        self.evidence[name] = tuple(changed)


def _set(told: Any, parent: Any, key: str) -> None:
    value = copy.deepcopy(told)
    if isinstance(parent, list):
        if key == "-":
            parent.append(value)
        else:
            parent[int(key)] = value
    else:
        parent[key] = value


def _take_away(parent: Any, key: str) -> None:
    del parent[int(key) if isinstance(parent, list) else key]


def _snippets(operation: Operation, told: _Told, at: str) -> Iterator[Snippet]:
    match told:
        case None:
            yield Snippet(None)
        case str():
            yield Snippet(refusal(operation, told))
        case dict():
            yield Snippet(Said((told,)))
        case _:
            for item in told:
                given = [item.page is not None, item.pages is not None, bool(item.error)]
                if sum(given) > 1:
                    raise CatalogError(f"{at}: {operation.name} is told several of page, pages and error at once")
                yield Snippet(_said(operation, item), item.region, item.parameters)


def _said(operation: Operation, item: _Answer) -> Said | None:
    if item.error:
        return refusal(operation, item.error)
    if item.pages is not None:
        return Said(tuple(item.pages))
    return Said((item.page,)) if item.page is not None else None


def _case(
    entry: _CaseEntry, at: str, worlds: Mapping[str, tuple[_Situation, str]], operations: Mapping[str, Operation]
) -> Case:
    draft = _Draft(operations)
    for situation, where in reversed(_layers(entry, at, worlds)):
        draft.put(situation, where)
    return Case(
        control=entry.control,
        name=entry.case,
        evidence=draft.evidence,
        expect=entry.expect,
        results=dict(entry.results),
        reason=entry.reason,
        parameters=dict(entry.parameters),
        regions=draft.regions,
        partition=draft.partition,
        as_of=draft.as_of,
        period=draft.period,
        origin=at,
    )


def _layers(
    entry: _Situation, at: str, worlds: Mapping[str, tuple[_Situation, str]]
) -> Sequence[tuple[_Situation, str]]:
    """Return the situation and the worlds that it begins with, the outermost first."""
    layers = [(entry, at)]
    while name := layers[-1][0].world:
        if name not in worlds:
            raise CatalogError(f"{layers[-1][1]}: there is no world {name} in this file")
        if len(layers) > _MAX_WORLDS:
            raise CatalogError(f"{at}: worlds begin with each other in a circle")
        layers.append(worlds[name])
    return layers
