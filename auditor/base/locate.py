"""Finds ``controls/`` and ``templates/``: the packaged copy first, the checkout otherwise."""

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).parent.parent
_PACKAGED = _PACKAGE / "_data"
_CHECKOUT = _PACKAGE.parent


@cache
def controls_folder() -> Path:
    """Return the folder of the control catalogue."""
    return _find("controls")


@cache
def templates_folder() -> Path:
    """Return the folder of pages, styles and fonts."""
    return _find("templates")


def _find(name: str) -> Path:
    for parent in (_PACKAGED, _CHECKOUT):
        if (parent / name).is_dir():
            return parent / name
    raise FileNotFoundError(f"the installation lacks its {name} folder; install auditor again")
