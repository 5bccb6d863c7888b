"""Reads single fields of AWS answers strictly: what is missing or of a wrong type raises, and becomes NOT_ASSESSED."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Any, TypeVar

from auditor.base.counts import first_of
from auditor.base.period import parse_time

_Kind = TypeVar("_Kind")
_SEEN_UNTIL: ContextVar[datetime | None] = ContextVar("seen_until", default=None)
_CLOCKS_DIFFER = timedelta(days=1)
_MAX_NAME = 200
"""Characters of one name in a sentence; AWS names are shorter, hostile evidence need not be."""


class FieldMissingError(KeyError):
    """A field is not there. ``item`` is the structure that lacks it, by which its answer is found."""

    def __init__(self, name: str, item: Any) -> None:
        super().__init__(name)
        self.item = item


class FieldMistypedError(TypeError):
    """A field is of another type than documented."""

    def __init__(self, message: str, item: Any) -> None:
        super().__init__(message)
        self.item = item


class FieldMalformedError(ValueError):
    """A field has the documented type, and a value that says nothing."""

    def __init__(self, message: str, item: Any) -> None:
        super().__init__(message)
        self.item = item


def flag(item: Mapping[str, Any], name: str) -> bool:
    """Return a boolean field.

    Raises:
        KeyError: it is missing.
        TypeError: it is no boolean.
    """
    return _typed(item, name, bool)


def integer(item: Mapping[str, Any], name: str) -> int:
    """Return a whole number; booleans are none.

    Raises:
        KeyError: it is missing.
        TypeError: it is no whole number.
    """
    if isinstance(_there(item, name), bool):
        raise FieldMistypedError(f"{name} is not a number", item)
    return _typed(item, name, int)


def text(item: Mapping[str, Any], name: str) -> str:
    """Return a text field.

    Raises:
        KeyError: it is missing.
        TypeError: it is no text.
    """
    return _typed(item, name, str)


def optional_text(item: Mapping[str, Any], name: str) -> str:
    """Return a text field that AWS leaves out when it is unset; empty then.

    Raises:
        TypeError: it is there and no text.
    """
    return text(item, name) if item.get(name) is not None else ""


def listed(item: Mapping[str, Any], name: str) -> Sequence[Any]:
    """Return a list field.

    Raises:
        KeyError: it is missing.
        TypeError: it is no list.
    """
    return _typed(item, name, list)


def optional_list(item: Mapping[str, Any], name: str) -> Sequence[Any]:
    """Return a list field that AWS leaves out when it is empty.

    Raises:
        TypeError: it is there and no list.
    """
    return listed(item, name) if item.get(name) is not None else ()


def mapping(item: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a structure field.

    Raises:
        KeyError: it is missing.
        TypeError: it is no structure.
    """
    return _typed(item, name, dict)


def optional_mapping(item: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a structure that AWS leaves out when it is unset; empty then.

    Raises:
        TypeError: it is there and no structure.
    """
    return mapping(item, name) if item.get(name) is not None else {}


@contextmanager
def seen_until(latest: datetime) -> Iterator[None]:
    """Let no time that is read as past lie more than a day after the moment that is judged and AWS was asked at.

    Every age is counted from such a time, and what has not happened yet is younger than anything: it would pass.
    """
    token = _SEEN_UNTIL.set(latest)
    try:
        yield
    finally:
        _SEEN_UNTIL.reset(token)


def past(when: datetime) -> datetime:
    """Return a time at which something happened, as it is.

    Raises:
        ValueError: AWS was asked more than a day before, or the moment that is judged lies before it.
    """
    latest = _SEEN_UNTIL.get()
    if latest is not None and when - latest > _CLOCKS_DIFFER:
        raise ValueError(
            f"{when:%Y-%m-%d %H:%M} UTC had not come yet when AWS was asked, or at the moment as of which is judged"
        )
    return when


def moment(item: Mapping[str, Any], name: str, *, ahead: bool = False) -> datetime:
    """Return a time field as aware UTC: that of something which happened, unless it may lie ahead.

    Raises:
        KeyError: it is missing.
        TypeError: it is no text.
        ValueError: it is no RFC 3339 time, or lies ahead although it may not.
    """
    try:
        found = time_of(text(item, name))
        return found if ahead else past(found)
    except ValueError as error:
        raise FieldMalformedError(str(error), item) from error


def time_of(value: str) -> datetime:
    """Read an RFC 3339 time as aware UTC.

    Raises:
        ValueError: it is none, or lies outside the years that exist.
    """
    try:
        return parse_time(value)
    except OverflowError as error:
        raise ValueError(f"{value[:40]} is not a time") from error


def optional_moment(item: Mapping[str, Any], name: str, *, ahead: bool = False) -> datetime | None:
    """Return a time field that AWS leaves out when there is none.

    Raises:
        TypeError: it is there and no text.
        ValueError: it is there and no RFC 3339 time, or lies ahead although it may not.
    """
    return moment(item, name, ahead=ahead) if item.get(name) is not None else None


def _there(item: Mapping[str, Any], name: str) -> Any:
    try:
        return item[name]
    except KeyError as error:
        raise FieldMissingError(name, item) from error


def _typed(item: Mapping[str, Any], name: str, kind: type[_Kind]) -> _Kind:
    value = _there(item, name)
    if not isinstance(value, kind):
        raise FieldMistypedError(f"{name} is not of the documented type", item)
    return value


def some(names: Sequence[str], *, limit: int = 5) -> str:
    """List the first few names of a list that may be long or hostile."""
    return first_of(names, limit, lambda name: shortened(name, _MAX_NAME))


def shortened(text: str, most: int) -> str:
    """Cut a text to so many characters, and say so; the whole stands in the evidence."""
    return text if len(text) <= most else f"{text[:most]} (shortened)"
