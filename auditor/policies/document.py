"""Reads a policy document into frozen statements, once for everybody who asks about it.

A statement that does not have the documented form is not guessed at: it is kept as unreadable, with the reason, and
whoever concludes something from the others has to say what it could change. Nothing here raises, and nothing is judged.
Source: IAM User Guide, "IAM JSON policy elements reference" and "Grammar of the IAM JSON policy language".
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final
from urllib.parse import unquote

from auditor.base.truth import Truth, negated
from auditor.policies.language import holds_all, like, matches, may_hold

_MAX_DOCUMENT: Final = 1_000_000
"""Characters; the largest policy AWS accepts is two orders of magnitude smaller."""
_NEGATED: Final = ("Principal", "Action", "Resource")
"""Elements that have a negation; a statement has one of the two."""
_ELEMENTS: Final = frozenset({*_NEGATED, *(f"Not{name}" for name in _NEGATED), "Sid", "Effect", "Condition"})
_KINDS: Final = frozenset({"AWS", "Service", "Federated", "CanonicalUser"})
_QUANTIFIERS: Final = ("foranyvalue:", "forallvalues:")


class Kind(Enum):
    """What a policy is attached to, which decides what its statements have to name."""

    RESOURCE = "resource"
    """Names principals; may leave its one resource out."""
    BUCKET = "bucket"
    """Names principals and resources."""
    IDENTITY = "identity"
    """Names resources and no principals: they are those of whom it is attached to."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody whom a statement names: ``AWS``, ``Service``, ``Federated`` or ``CanonicalUser``, and the value."""

    kind: str
    name: str

    @property
    def everybody(self) -> bool:
        """True for all callers there are; all services, or all of another kind, are not."""
        return self.name == "*" and self.kind == "AWS"


@dataclass(frozen=True, slots=True)
class Condition:
    """One line of a condition block, with operator and key in lower case.

    Args:
        operator: without quantifier and ``IfExists``.
        quantifier: ``foranyvalue``, ``forallvalues`` or empty.
        if_exists: whether a request without the key fulfils it.
        key: the condition key.
        values: what it is compared with; one of them is enough.
    """

    operator: str
    quantifier: str
    if_exists: bool
    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; single values are tuples of one."""

    allow: bool
    principals: tuple[Principal, ...]
    """Empty in identity policies."""
    not_principals: bool
    actions: tuple[str, ...]
    not_actions: bool
    resources: tuple[str, ...]
    """Empty where a resource policy leaves its one resource out."""
    not_resources: bool
    conditions: tuple[Condition, ...]

    @property
    def every_principal(self) -> bool:
        """True when it speaks to everybody; an Allow for all services or all of another kind counts as that."""
        if self.not_principals:
            return False
        return any(one.everybody or (self.allow and one.name == "*") for one in self.principals)

    def speaks_of(self, action: str) -> bool:
        """Say whether it is about an action; case does not matter there."""
        asked = action.lower()
        return any(like(pattern.lower(), asked) for pattern in self.actions) is not self.not_actions

    def names(self, arn: str) -> Truth:
        """Say whether it is about a resource; None when that depends on a policy variable."""
        if not self.resources:
            return True
        found = matches(self.resources, arn)
        return negated(found) if self.not_resources else found

    def touches(self, beginning: str) -> bool:
        """Say whether it may be about any of the resources whose ARNs begin so."""
        if self.not_resources:
            return not any(holds_all(pattern, beginning) for pattern in self.resources)
        return not self.resources or any(may_hold(pattern, beginning) for pattern in self.resources)

    def takes_in(self, beginning: str) -> bool:
        """Say whether it is sure to be about all of the resources whose ARNs begin so."""
        if self.not_resources:
            return not any(may_hold(pattern, beginning) for pattern in self.resources)
        return not self.resources or any(holds_all(pattern, beginning) for pattern in self.resources)


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy document.

    Args:
        statements: those that have the documented form.
        unreadable: for each of the others, or for the document as a whole, what is wrong with it.
    """

    statements: tuple[Statement, ...] = ()
    unreadable: tuple[str, ...] = ()

    @property
    def fault(self) -> str:
        """What is wrong with the first part that cannot be read; empty when all of it can."""
        return self.unreadable[0] if self.unreadable else ""


class _NotReadableError(ValueError):
    """A document or statement does not have the documented form."""


def read_policy(document: Any, kind: Kind = Kind.RESOURCE) -> Policy:
    """Read a policy document.

    Args:
        document: the parsed document, or its JSON text, URL-encoded or not.
        kind: what it is attached to.
    """
    try:
        found = _statements_of(_parsed(document))
    except _NotReadableError as error:
        return Policy((), (str(error),))
    readable: list[Statement] = []
    unreadable: list[str] = []
    for number, item in enumerate(found, start=1):
        try:
            readable.append(_statement(item, kind))
        except _NotReadableError as error:
            unreadable.append(f"statement {number} {error}")
    return Policy(tuple(readable), tuple(unreadable))


def _parsed(document: Any) -> Any:
    if not isinstance(document, str):
        return document
    if len(document) > _MAX_DOCUMENT:
        raise _NotReadableError("the policy document is larger than AWS allows")
    text = unquote(document) if document.lstrip().startswith("%7B") else document
    try:
        return json.loads(text, object_pairs_hook=_distinct)
    except _NotReadableError:
        raise
    except ValueError as error:
        raise _NotReadableError("the policy document is no JSON") from error
    except RecursionError as error:
        raise _NotReadableError("the policy document is nested too deeply") from error


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; a name that it holds twice would hide what stands under the first one."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _NotReadableError("the policy document holds a name twice in one object")
    return found


def _statements_of(parsed: Any) -> list[Any]:
    if not isinstance(parsed, Mapping) or "Statement" not in parsed:
        raise _NotReadableError("the policy document is no object with statements")
    found = parsed["Statement"]
    return found if isinstance(found, list) else [found]


def _statement(item: Any, kind: Kind) -> Statement:
    if not isinstance(item, Mapping):
        raise _NotReadableError("is no object")
    if item.get("Effect") not in ("Allow", "Deny"):
        raise _NotReadableError("neither allows nor denies")
    if item.keys() - _ELEMENTS:
        raise _NotReadableError("has elements that do not exist")
    _check_elements(item, kind)
    return Statement(
        allow=item["Effect"] == "Allow",
        principals=_principals(item["NotPrincipal" if "NotPrincipal" in item else "Principal"])
        if kind is not Kind.IDENTITY
        else (),
        not_principals="NotPrincipal" in item,
        actions=_texts(item["NotAction" if "NotAction" in item else "Action"], "Action"),
        not_actions="NotAction" in item,
        resources=_texts(item["NotResource" if "NotResource" in item else "Resource"], "Resource")
        if item.keys() & {"Resource", "NotResource"}
        else (),
        not_resources="NotResource" in item,
        conditions=_conditions(item["Condition"]) if "Condition" in item else (),
    )


def _check_elements(item: Mapping[str, Any], kind: Kind) -> None:
    """Check that what has to be named is named, and nothing by an element and its negation."""
    number = {name: len(item.keys() & {name, f"Not{name}"}) for name in _NEGATED}
    if number["Action"] != 1:
        raise _NotReadableError("names no actions, or names them twice")
    if kind is not Kind.IDENTITY and number["Principal"] != 1:
        raise _NotReadableError("names no principals, or names them twice")
    if kind is Kind.IDENTITY and number["Principal"]:
        raise _NotReadableError("names principals, which an identity policy does not")
    if number["Resource"] > 1 or (kind is not Kind.RESOURCE and not number["Resource"]):
        raise _NotReadableError("names no resources, or names them twice")


def _principals(value: Any) -> tuple[Principal, ...]:
    if value == "*":
        return (Principal("AWS", "*"),)
    if not isinstance(value, Mapping) or not value or value.keys() - _KINDS:
        raise _NotReadableError("names principals in a form that does not exist")
    return tuple(Principal(kind, name) for kind, names in value.items() for name in _names(names))


def _names(value: Any) -> tuple[str, ...]:
    """Return principals; account ids may be written as numbers."""
    values = value if isinstance(value, list) else [value]
    return _texts(
        [str(one) if isinstance(one, int) and not isinstance(one, bool) else one for one in values], "Principal"
    )


def _texts(value: Any, name: str) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(one, str) for one in values):
        raise _NotReadableError(f"holds something else than text as {name}")
    return tuple(values)


def _conditions(value: Any) -> tuple[Condition, ...]:
    if not isinstance(value, Mapping) or not all(isinstance(keys, Mapping) for keys in value.values()):
        raise _NotReadableError("has conditions that are no object")
    lines = [_condition(str(name), str(key), values) for name, keys in value.items() for key, values in keys.items()]
    names = [(one.quantifier, one.operator, one.if_exists, one.key) for one in lines]
    if len(set(names)) < len(names) or len({str(name).lower() for name in value}) < len(value):
        raise _NotReadableError("holds the same condition twice")
    return tuple(lines)


def _condition(name: str, key: str, given: Any) -> Condition:
    operator = name.lower()
    quantifier = next((one for one in _QUANTIFIERS if operator.startswith(one)), "")
    plain = operator.removeprefix(quantifier)
    values = given if isinstance(given, list) else [given]
    if not all(isinstance(one, str | int | float) for one in values):
        raise _NotReadableError("compares a condition key with something else than text")
    return Condition(
        operator=plain.removesuffix("ifexists"),
        quantifier=quantifier.rstrip(":"),
        if_exists=plain.endswith("ifexists"),
        key=key.lower(),
        values=tuple(str(one).lower() if isinstance(one, bool) else str(one) for one in values),
    )
