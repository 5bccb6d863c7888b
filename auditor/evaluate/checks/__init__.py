"""Pure functions, one question each, for controls that a JMESPath cannot decide. The catalogue names them.

A check's name is ``module.function``; packages may add checks through the entry-point group ``auditor.checks``, whose
entry names then take the place of ``module.function``.
"""

import importlib
import re
from functools import cache
from importlib.metadata import entry_points
from typing import cast

from auditor.catalog.renamed import check_name
from auditor.evaluate.subject import Check, Listing

_NAME = re.compile(r"([a-z_]{1,60})\.([a-z][a-z0-9_]{0,80})")
_GROUP = "auditor.checks"


def find_check(name: str) -> Check | None:
    """Return the check of that name, also of one that it once had, or None when there is none."""
    return _find(check_name(name))


@cache
def _find(name: str) -> Check | None:
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    try:
        module = importlib.import_module(f"{__name__}.{match[1]}")
    except ModuleNotFoundError:
        return _from_entry_points(name)
    function = getattr(module, match[2], None)
    if function is None or getattr(function, "__module__", "") != module.__name__:
        return _from_entry_points(name)
    return cast("Check", function)


def find_listing(name: str) -> Listing | None:
    """Return the check of that name that lists its members itself, or None when there is none."""
    return cast("Listing | None", find_check(name))


def _from_entry_points(name: str) -> Check | None:
    found = entry_points(group=_GROUP, name=name)
    return cast("Check", next(iter(found)).load()) if found else None
