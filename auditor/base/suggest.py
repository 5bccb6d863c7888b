"""Which known name somebody may have meant."""

from collections.abc import Iterable
from difflib import get_close_matches


def closest(name: str, known: Iterable[str]) -> str:
    """Return the known name that comes closest, capitals or not; empty where none does."""
    written = {item.lower(): item for item in known}
    return next((written[near] for near in get_close_matches(name.lower(), written, n=1)), "")


def all_of(name: str, known: Iterable[str]) -> str:
    """Return a hint: the closest known name, and all of them."""
    names = list(known)
    return "; ".join(filter(None, (meant(name, names), f"known ones: {', '.join(names)}")))


def meant(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """Return a hint: the closest known name, or where to look for all of them."""
    close = closest(name, known)
    return f"did you mean {close}?" if close else otherwise
