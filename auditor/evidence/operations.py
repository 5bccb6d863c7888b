"""The AWS operations that evidence is made of, as data: where and how each is asked, and what counts as an answer.

``controls/operations.yaml`` holds them. The collector expands them into calls; evaluation expands them again to
notice a call whose answer is missing. Knows no SDK and no network.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import jmespath
import jmespath.functions
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from auditor.base.canonical import canonical_json, plain
from auditor.base.errors import CatalogError
from auditor.base.period import Period, rfc3339
from auditor.base.yamlfile import YamlError, YamlFile, load_yaml, problems_of

GLOBAL = "global"
"""Stands where a Region's name would, for operations that are asked once per account."""


class Where(StrEnum):
    """How often an operation is asked per account."""

    GLOBAL = "global"
    REGION = "region"


@dataclass(frozen=True, slots=True)
class ForEach:
    """One call per item of another operation's answers."""

    operation: str
    items: str
    """JMESPath over one page of that operation."""
    parameters: Mapping[str, str]
    """Parameter name -> JMESPath over the item; an item that lacks the value leaves open what there is to ask.

    ``last_part(text, separator)`` is known besides the standard functions: names stand at the end of ARNs.
    """
    region: str
    """JMESPath over the item for the Region to ask; empty means the Region of the page."""
    where: str
    """JMESPath over the item; only items for which it is true are asked about. Empty means all.

    ``{account}`` stands for the account's id, here and in ``parameters``.
    """
    optional: bool = False
    """Asks about these too where they are known. What lists all answers does without them; a control that reads one of
    them by its parameters names their operation in its own evidence."""


@dataclass(frozen=True, slots=True)
class Needless:
    """What proves that an operation has nothing to tell, so that it is not asked there.

    Only a complete answer proves anything: where it is missing, broken off or of another form, the operation is asked.
    It is looked at where it is part of the run anyway; nothing asks for it for this.
    """

    operation: str
    """Asked once per account or Region, and not needless itself."""
    when: str
    """JMESPath over one page of that operation's answer: true on every page where there is nothing to ask. An answer of
    the whole account speaks for every Region, that of a Region for itself."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One read operation of one service."""

    name: str
    where: Where
    parameters: Mapping[str, Any]
    for_each: tuple[ForEach, ...]
    required: tuple[str, ...]
    """Keys that every page must have; an answer without them is malformed, never an empty list."""
    absent: tuple[str, ...]
    """Error codes by which AWS says that the thing asked for does not exist: an answer, not a gap."""
    action: str
    """The IAM action that allows it."""
    produced: bool
    """True for records that a room of ours writes (``trail:VerifyDigests``); nothing is called for them."""
    confirms: tuple[str, ...] = ()
    """Operations whose answers this one is asked about, once they are all there: AWS's own word on our reading of them.

    Its calls come from ``auditor.run``, not from a plan; those that were stored are the due ones.
    """
    beside: tuple[str, ...] = ()
    """Operations beside whose answers the report shows these; no control reads them, so only whole frameworks ask."""
    drawn: bool = False
    """Asked about a sample: its calls follow from the run's seed, and those that were stored are the due ones."""
    first_page: bool = False
    """Only the first page is asked for: it holds all that is wanted, however many more there are."""
    older: Mapping[str, Any] = field(default_factory=dict)
    """Parameters to ask with instead where the service does not know a value of the usual ones yet."""
    needless: tuple[Needless, ...] = ()
    """Answers that make it needless to ask, each by itself."""

    @property
    def parents(self) -> tuple[str, ...]:
        """Names of the operations without whose answers its calls cannot be listed, in order."""
        return tuple(source.operation for source in self.for_each if not source.optional)

    @property
    def leads(self) -> tuple[str, ...]:
        """Names of all operations whose answers tell which of its calls are made, in order."""
        return (*(source.operation for source in self.for_each), *(proof.operation for proof in self.needless))

    def as_before(self, call: "Call") -> "Call":
        """Return a call as it is made where the service is older; the call itself where that makes no difference."""
        if not self.older:
            return call
        return Call(call.operation, call.region, tuple(sorted({**dict(call.parameters), **self.older}.items())))

    @property
    def planned(self) -> bool:
        """Say whether the calls follow from the catalogue and the account's answers alone."""
        return not (self.produced or self.confirms or self.drawn)

    def says_absent(self, code: str, message: str) -> bool:
        """Say whether an error means that there is no such thing.

        An entry of ``absent`` is a code, or a code with the beginning of a message where AWS uses one code for two
        things: Macie refuses "Macie is not enabled" as it refuses a caller.
        """
        return any(entry == code or f"{code}: {message}".startswith(entry) for entry in self.absent)

    @property
    def service(self) -> str:
        """The SDK's client name."""
        return self.name.partition(":")[0]

    @property
    def api(self) -> str:
        """The operation's name as AWS writes it."""
        return self.name.partition(":")[2]


@dataclass(frozen=True, slots=True)
class Call:
    """One operation with everything it is asked with. ``region`` is ``global`` for account-wide ones."""

    operation: str
    region: str
    parameters: tuple[tuple[str, Any], ...]
    _key: tuple[str, str, bytes] | None = field(default=None, init=False, repr=False, compare=False)
    _identity: tuple[str, str, bytes] | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def key(self) -> tuple[str, str, bytes]:
        """Sort order, and identity among calls that are planned; worked out once."""
        if self._key is None:
            known = (self.region, self.operation, canonical_json(dict(self.parameters)))
            object.__setattr__(self, "_key", known)
            return known
        return self._key

    @property
    def identity(self) -> tuple[str, str, bytes]:
        """Identity of a call as it was stored, its parameters as plain JSON; worked out once."""
        if self._identity is None:
            known = (self.region, self.operation, canonical_json(plain(dict(self.parameters))))
            object.__setattr__(self, "_identity", known)
            return known
        return self._identity


def call_in(document: Mapping[str, Any]) -> Call:
    """Return the call of an answer's record in its JSON form.

    Raises:
        KeyError, TypeError, AttributeError: it is not of its shape.
    """
    return Call(document["operation"], document["region"], tuple(sorted(document["parameters"].items())))


Pages = Iterable[tuple[str, Sequence[Any]]]
"""Answers of one operation in one account: Region and pages, each."""


class _Functions(jmespath.functions.Functions):
    """What the catalogue's expressions know beyond standard JMESPath."""

    @jmespath.functions.signature({"types": ["string"]}, {"types": ["string"]})
    def _func_last_part(self, text: str, separator: str) -> str:
        """Return what follows the last separator: the name at the end of an ARN."""
        return text.rpartition(separator)[2]


_OPTIONS = jmespath.Options(custom_functions=_Functions())


def expand(
    operation: Operation,
    *,
    account: str,
    regions: Sequence[str],
    answers: Callable[[str], Pages],
    period: Period | None = None,
    broken: Callable[[ForEach, str, Exception], None] | None = None,
) -> tuple[Call, ...]:
    """List the calls that an operation stands for in one account, sorted and each once.

    Args:
        operation: what to ask.
        account: twelve digits; replaces ``{account}`` in parameters and in ``where``.
        regions: the Regions of the account that are part of the run.
        answers: gives the complete answers of another operation, by its name.
        period: the audited period; replaces ``{start}`` and ``{end}`` in fixed parameters.
        broken: told of a Region's answer from which no calls can be listed; the others go on.

    Raises:
        ValueError: the operation is asked about a period, and there is none.
        JMESPathError, TypeError, AttributeError: an answer has another shape, and ``broken`` is not given.
    """
    words = {"{account}": account}
    if period is not None:
        words |= {"{start}": rfc3339(period.start), "{end}": rfc3339(period.end)}
    fixed = tuple(sorted((key, _filled(value, words)) for key, value in operation.parameters.items()))
    nothing = frozenset(settled(operation, answers))
    if GLOBAL in nothing:
        return ()
    regions = tuple(region for region in regions if region not in nothing)
    if not operation.for_each:
        places = (GLOBAL,) if operation.where is Where.GLOBAL else tuple(regions)
        return tuple(Call(operation.name, region, fixed) for region in places)
    calls: dict[tuple[str, str, bytes], Call] = {}
    for source in operation.for_each:
        narrowed = replace(
            source,
            where=source.where.replace("{account}", account),
            parameters={name: path.replace("{account}", account) for name, path in source.parameters.items()},
        )
        for region, pages in answers(source.operation):
            try:
                for call in _from_items(operation, narrowed, fixed, regions, region, pages):
                    calls.setdefault(call.key, call)
            except SHAPELESS as error:
                if broken is None:
                    raise
                broken(source, region, error)
    return tuple(calls[key] for key in sorted(calls))


def settled(operation: Operation, answers: Callable[[str], Pages]) -> Iterable[str]:
    """Yield where it is needless to ask: Regions, and ``global`` where an answer speaks for the whole account."""
    for proof in operation.needless:
        for region, pages in answers(proof.operation):
            if pages and all(_says(proof.when, page) for page in pages):
                yield region


def _says(expression: str, page: Any) -> bool:
    try:
        return jmespath.search(expression, page) is True
    except SHAPELESS:
        return False


SHAPELESS = (jmespath.exceptions.JMESPathError, TypeError, AttributeError, ValueError)
"""What comes of listing calls from an answer that does not have the form AWS documents."""


def _filled(value: Any, words: Mapping[str, str]) -> Any:
    if not isinstance(value, str):
        return value
    for word, meaning in words.items():
        value = value.replace(word, meaning)
    if value in _PERIOD:
        raise ValueError(f"{value} is asked for, and there is no period")
    return value


_PERIOD = ("{start}", "{end}")


def _from_items(
    operation: Operation,
    source: ForEach,
    fixed: tuple[tuple[str, Any], ...],
    regions: Sequence[str],
    region: str,
    pages: Sequence[Any],
) -> Iterable[Call]:
    """Yield the calls of items, and raise ValueError at the end if one of them does not name what to ask about."""
    nameless = ""
    for page in pages:
        for item in jmespath.search(source.items, page) or ():
            if source.where and jmespath.search(source.where, item) is not True:
                continue
            found = {name: jmespath.search(path, item, _OPTIONS) for name, path in source.parameters.items()}
            if lacking := [source.parameters[name] for name, value in found.items() if value is None]:
                nameless = lacking[0]
                continue
            place = _place(operation, source, region, item)
            if place == GLOBAL or place in regions:
                yield Call(operation.name, place, tuple(sorted([*fixed, *found.items()], key=lambda pair: pair[0])))
    if nameless:
        raise ValueError(f"an item has no {nameless}")


def _place(operation: Operation, source: ForEach, region: str, item: Any) -> str:
    if operation.where is Where.GLOBAL:
        return GLOBAL
    if not source.region:
        return region
    return str(jmespath.search(source.region, item) or region)


class _ForEachFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    operation: str
    items: str
    parameters: dict[str, str]
    region: str = ""
    where: str = ""
    optional: bool = False


class _NeedlessFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    operation: str
    when: str


class _OperationFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    where: Where = Where.REGION
    parameters: dict[str, Any] = Field(default_factory=dict)
    for_each: list[_ForEachFile] = Field(default_factory=list)
    required: list[str] = Field(default_factory=list)
    absent: list[str] = Field(default_factory=list)
    action: str = ""
    produced: bool = False
    confirms: list[str] = Field(default_factory=list)
    beside: list[str] = Field(default_factory=list)
    drawn: bool = False
    first_page: bool = False
    older: dict[str, Any] = Field(default_factory=dict)
    needless: list[_NeedlessFile] = Field(default_factory=list)


def load_operations(path: Path) -> dict[str, Operation]:
    """Read ``operations.yaml``.

    Raises:
        CatalogError: with file and line.
    """
    try:
        return parse_operations(load_yaml(path))
    except YamlError as error:
        raise CatalogError(str(error)) from error


def parse_operations(file: YamlFile) -> dict[str, Operation]:
    """Check the content of ``operations.yaml``.

    Raises:
        CatalogError: with file and line.
    """
    if not isinstance(file.data, dict):
        raise CatalogError(f"{file.at()}: expected a mapping of operations")
    operations: dict[str, Operation] = {}
    for name, entry in file.data.items():
        try:
            parsed = _OperationFile.model_validate(entry or {})
        except ValidationError as error:
            raise problems_of(error, file, CatalogError, prefix=(name,)) from error
        operations[name] = _operation(name, parsed)
    for name, operation in operations.items():
        for verb, others in (("confirms", operation.confirms), ("stands beside", operation.beside)):
            if unlisted := [other for other in others if other not in operations]:
                raise CatalogError(f"{file.at(name)}: {name} {verb} {unlisted[0]}, which is not listed")
        if operation.for_each and not operation.parents:
            raise CatalogError(f"{file.at(name)}: {name} is asked for each of optional things only")
        _check_proofs(operation, operations, file.at(name))
        for source in operation.for_each:
            if source.operation not in operations:
                raise CatalogError(f"{file.at(name)}: {name} is asked for each {source.operation}, which is not listed")
            for expression in (source.items, source.region, source.where, *source.parameters.values()):
                check_expression(expression, file.at(name))
    return operations


def _check_proofs(operation: Operation, operations: Mapping[str, Operation], at: str) -> None:
    for proof in operation.needless:
        other = operations.get(proof.operation)
        if other is None or other.for_each or other.needless:
            fault = "which is not listed" if other is None else "which is not always asked itself"
            raise CatalogError(f"{at}: {operation.name} is needless after {proof.operation}, {fault}")
        check_expression(proof.when, at)


def check_expression(expression: str, at: str) -> None:
    """Refuse text that is not JMESPath; empty text means that there is no expression.

    Raises:
        CatalogError: names ``at``, where the text stands.
    """
    if not expression:
        return
    try:
        jmespath.compile(expression)
    except jmespath.exceptions.JMESPathError as error:
        raise CatalogError(f"{at}: {expression!r} is not JMESPath: {error}") from error


def _operation(name: str, parsed: _OperationFile) -> Operation:
    service, _, api = name.partition(":")
    return Operation(
        name=name,
        where=parsed.where,
        parameters=parsed.parameters,
        for_each=tuple(
            ForEach(item.operation, item.items, item.parameters, item.region, item.where, item.optional)
            for item in parsed.for_each
        ),
        required=tuple(parsed.required),
        absent=tuple(parsed.absent),
        action="" if parsed.produced else parsed.action or f"{service}:{api}",
        produced=parsed.produced,
        confirms=tuple(parsed.confirms),
        beside=tuple(parsed.beside),
        drawn=parsed.drawn,
        first_page=parsed.first_page,
        older=parsed.older,
        needless=tuple(Needless(item.operation, item.when) for item in parsed.needless),
    )


def confirming(operations: Mapping[str, Operation], wanted: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the operations that confirm some of the wanted ones, sorted."""
    asked = set(wanted)
    return tuple(sorted(name for name, item in operations.items() if asked.intersection(item.confirms)))


def shown_beside(operations: Mapping[str, Operation], wanted: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the operations that the report shows beside some of the wanted ones, sorted."""
    asked = set(wanted)
    return tuple(sorted(name for name, item in operations.items() if asked.intersection(item.beside)))


def needed(operations: Mapping[str, Operation], wanted: Iterable[str]) -> tuple[Operation, ...]:
    """Return the wanted operations and those they depend on, parents first."""
    ordered: dict[str, Operation] = {}

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise CatalogError(f"operations ask for each other in a circle: {' > '.join((*above, name))}")
        for parent in operations[name].parents:
            visit(parent, (*above, name))
        ordered.setdefault(name, operations[name])

    for name in sorted(set(wanted)):
        visit(name, ())
    return tuple(ordered.values())
