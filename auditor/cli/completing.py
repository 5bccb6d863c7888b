"""What a shell completes for options that are plain text to click: files, Regions, profiles, formats, periods."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, get_args

from click.shell_completion import CompletionItem

_FILES: Final = frozenset({"attestations", "baseline", "import", "responses", "waivers"})
_FOLDERS: Final = frozenset({"certificates", "controls", "out"})


def completed(option: str, begun: str) -> list[CompletionItem]:
    """Return what a value of an option may become; the last one where several stand between commas.

    Args:
        option: how it is called in full, without its dashes.
        begun: what was typed.
    """
    if option in _FILES or option in _FOLDERS:
        return [CompletionItem(begun, type="file" if option in _FILES else "dir")]
    before, comma, last = begun.rpartition(",")
    words = _WORDS[option]() if option in _WORDS else ()
    return [CompletionItem(f"{before}{comma}{word}") for word in words if word.startswith(last)]


def questions() -> Iterable[str]:
    """Return the names of the built-in questions about events."""
    from auditor.events.question import load_questions

    return load_questions(())


def _regions() -> Iterable[str]:
    from auditor.regions import KNOWN

    return KNOWN


def _profiles() -> Iterable[str]:
    from auditor.collect.accounts import known_profiles

    return known_profiles()


def _formats() -> Iterable[str]:
    from auditor.config import Format

    return get_args(Format)


def _worlds() -> Iterable[str]:
    from auditor.simulator import WORLDS

    return WORLDS


def _gaps() -> Iterable[str]:
    from auditor.run.judging import open_catalog

    return [f"not-assessed:{name}" for name in sorted(open_catalog().controls)]


_PERIODS: Final = ("last-month", "last-quarter", "last-7d", "24h", "7d")
_WORDS: Final[Mapping[str, Callable[[], Iterable[str]]]] = {
    "allow": _gaps,
    "format": _formats,
    "home-region": _regions,
    "keep-logs": lambda: ("none", "findings", "notable", "all"),
    "management-account-profile": _profiles,
    "period": lambda: _PERIODS,
    "profile": _profiles,
    "region": _regions,
    "regions": _regions,
    "skip": lambda: ("trail", "events", "truth"),
    "world": _worlds,
}
