"""How many connections a DB instance takes: its parameter group's formula over the memory of its class.

Source: Amazon RDS User Guide, "Quotas and constraints", "Maximum number of database connections", and "Hardware
specifications for DB instance classes". ``DBInstanceClassMemory`` is a little less than the memory of the class, as the
operating system keeps some, so that what is worked out here is the most that the limit can be.
"""

import math
import re
from collections.abc import Mapping

_GIB = 1024**3
_PER_CPU: Mapping[str, float] = {
    "m": 4,
    "r": 8,
    "x1e": 30.5,
    "x2iedn": 32,
    "x2idn": 16,
    "x2iezn": 32,
    "x2g": 16,
    "x8g": 16,
}
"""GiB of memory for each virtual CPU, by the longest beginning of the family."""
_OLD: Mapping[str, float] = {"r3": 7.625, "r4": 7.625, "z1d": 8, "m3": 3.75}
_SMALL: Mapping[str, float] = {"micro": 1, "small": 2, "medium": 4, "large": 8, "xlarge": 16, "2xlarge": 32}
"""GiB of the burstable classes, ``db.t2`` to ``db.t4g``."""
_CPUS: Mapping[str, int] = {"medium": 1, "large": 2, "xlarge": 4}
_SIZE = re.compile(r"([0-9]{1,3})xlarge")
_FORMULA = re.compile(r"\s*([A-Za-z]+|[0-9]+(?:\.[0-9]+)?|[{}(),*/+-])")
_MAX_LENGTH = 500
NAMES = ("max_connections", "processes", "user connections")
"""Parameters that limit connections, for one engine or another."""
_UNLIMITED = 32_767
"""What SQL Server takes where ``user connections`` is 0."""


def memory_of(instance_class: str) -> float | None:
    """Return the memory of a class in bytes; None where it is not known, as for ``db.serverless``."""
    parts = instance_class.split(".")
    if len(parts) < 3 or parts[0] != "db":  # noqa: PLR2004 - db.family.size
        return None
    family, size = parts[1], parts[2]
    if family.startswith("t"):
        return _SMALL[size] * _GIB if size in _SMALL else None
    many = _SIZE.fullmatch(size)
    cpus = int(many[1]) * 4 if many else _CPUS.get(size)
    each = _OLD.get(family) or next(
        (_PER_CPU[name] for name in sorted(_PER_CPU, key=len, reverse=True) if family.startswith(name)), None
    )
    return cpus * each * _GIB if cpus is not None and each is not None else None


def limit_of(name: str, value: str, memory: float | None) -> float | None:
    """Work out a limit of connections; None where the formula or the memory is not known.

    Args:
        name: of the parameter.
        value: a number or a formula such as ``LEAST({DBInstanceClassMemory/9531392},5000)``.
        memory: of the class, in bytes.
    """
    if name == "user connections" and value in ("", "0"):
        return _UNLIMITED
    tokens = _FORMULA.findall(value)
    if not value or len(value) > _MAX_LENGTH or "".join(tokens) != re.sub(r"\s", "", value):
        return None
    reader = _Reader(tokens, memory)
    try:
        found = reader.total()
    except (ArithmeticError, IndexError, KeyError, ValueError, RecursionError):
        return None
    return found if reader.at == len(tokens) and math.isfinite(found) and found > 0 else None


class _Reader:
    """Reads a formula; raises ``ValueError``, ``KeyError`` or ``IndexError`` over what is none."""

    def __init__(self, tokens: list[str], memory: float | None) -> None:
        self.tokens = tokens
        self.memory = memory
        self.at = 0

    def take(self, *signs: str) -> str:
        if self.at < len(self.tokens) and self.tokens[self.at] in signs:
            self.at += 1
            return self.tokens[self.at - 1]
        return ""

    def total(self) -> float:
        found = self.product()
        while sign := self.take("+", "-"):
            found = found + self.product() if sign == "+" else found - self.product()
        return found

    def product(self) -> float:
        found = self.one()
        while sign := self.take("*", "/"):
            found = found * self.one() if sign == "*" else found / self.one()
        return found

    def one(self) -> float:
        part = self.tokens[self.at]
        self.at += 1
        if part in "({":
            found = self.total()
            if not self.take(")" if part == "(" else "}"):
                raise ValueError(part)
            return found
        if part[0].isdigit():
            return float(part)
        if part == "DBInstanceClassMemory":
            if self.memory is None:
                raise ValueError(part)
            return self.memory
        parts = self.parts()
        return {"LEAST": min(parts), "GREATEST": max(parts), "SUM": sum(parts), "log": math.log2(max(parts[0], 1))}[
            part
        ]

    def parts(self) -> list[float]:
        if not self.take("("):
            raise ValueError("(")
        found = [self.total()]
        while self.take(","):
            found.append(self.total())
        if not self.take(")"):
            raise ValueError(")")
        return found
