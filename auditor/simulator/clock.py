"""Stops the clock of everything moto does, so that a world is the same on every run.

moto reads the time in some hundred places. In the child process that is the simulator (and nowhere else) every
loaded moto module gets a ``datetime`` and a ``time`` that answer with the world's own moment. While a world is built
the moment moves, so that resources carry believable past dates; afterwards it stands at the world's as-of time.
"""

import datetime as dt
import sys
import time
from calendar import timegm
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from types import ModuleType
from typing import Any, Final

_moment: datetime = datetime(2026, 11, 2, 6, tzinfo=UTC)


def now() -> datetime:
    """Return the simulated moment, aware UTC."""
    return _moment


def set_now(moment: datetime) -> None:
    """Move the clock.

    Args:
        moment: the new time, aware.
    """
    global _moment  # noqa: PLW0603 - one process, one simulated clock
    _moment = moment.astimezone(UTC)


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Let what happens inside the block happen at ``moment``."""
    before = _moment
    set_now(moment)
    try:
        yield
    finally:
        set_now(before)


class _IsDatetime(type):
    """Real datetimes stay instances of the frozen class: moto tests types with isinstance."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, datetime)


class FrozenDatetime(datetime, metaclass=_IsDatetime):
    """``datetime`` whose idea of now is :func:`now`."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:
        """Return the simulated moment; naive UTC without ``tz``, as on a machine that runs on UTC."""
        return _moment.astimezone(tz) if tz else _moment.replace(tzinfo=None)

    @classmethod
    def utcnow(cls) -> Any:
        """Return the simulated moment as a naive datetime."""
        return _moment.replace(tzinfo=None)

    @classmethod
    def today(cls) -> Any:
        """Return the simulated moment as a naive datetime."""
        return _moment.replace(tzinfo=None)


def _seconds() -> float:
    return _moment.timestamp()


def _no_wait(_seconds: float) -> None:
    """Nothing in a simulated account takes time."""


class _FrozenTime(ModuleType):
    """The ``time`` module with ``time()`` and its relatives at the simulated moment."""

    def __init__(self) -> None:
        super().__init__("time")
        self.__dict__.update({name: value for name, value in vars(time).items() if not name.startswith("__")})
        self.__dict__.update(
            time=_seconds,
            time_ns=lambda: int(_moment.timestamp()) * 1_000_000_000,
            gmtime=lambda seconds=None: time.gmtime(_moment.timestamp() if seconds is None else seconds),
            mktime=timegm,
            sleep=_no_wait,
        )


class _FrozenDatetimeModule(ModuleType):
    """The ``datetime`` module with the frozen class in it."""

    def __init__(self) -> None:
        super().__init__("datetime")
        self.__dict__.update({name: value for name, value in vars(dt).items() if not name.startswith("__")})
        self.__dict__["datetime"] = FrozenDatetime


_TIME: Final = _FrozenTime()
_DATETIME: Final = _FrozenDatetimeModule()


def freeze_moto() -> None:
    """Replace the clocks in all moto modules loaded so far. Cheap to call again after more were loaded."""
    swaps = {id(datetime): FrozenDatetime, id(dt): _DATETIME, id(time): _TIME}
    for name, module in list(sys.modules.items()):
        if not name.startswith("moto.") or module is None:
            continue
        for attribute in ("datetime", "dt", "time", "dtime"):
            held = vars(module).get(attribute)
            if held is not None and id(held) in swaps:
                setattr(module, attribute, swaps[id(held)])
        if vars(module).get("utcnow") is not None and name == "moto.core.utils":
            module.utcnow = FrozenDatetime.utcnow  # type: ignore[attr-defined]
    _freeze_imported_functions()


def _freeze_imported_functions() -> None:
    """``from x import utcnow`` copies the function: replace the copies, too."""
    for name, module in list(sys.modules.items()):
        if name.startswith("moto.") and module is not None and callable(vars(module).get("utcnow")):
            module.utcnow = FrozenDatetime.utcnow  # type: ignore[attr-defined]
