"""How the controls of a service stand on paper: in full where somebody has to act, in a line where all is well.

Alarms share everything but their events, so they stand in one table, and what they repeat is said once above it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

from auditor.model import State
from auditor.render.controls import Control

QUIET = (State.PASS, State.NOT_APPLICABLE)
"""States that ask nothing of anybody."""

_WORTH_IT = 80
"""Characters that texts have in common before one saying of them is worth a reference."""

MET = "Met, or nothing to judge"
"""Title of the last shelf of a report that does not say everything."""

HOLE = "PATTERN"
"""Stands in a command where each control has its own part."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """One service on paper.

    Args:
        title: the service.
        blocks: controls with everything.
        alarms: controls over a monitoring chain, for one table.
        brief: controls that get a line each.
        test: test that all alarms share; empty where they do not.
        criterion: end that all criteria of the alarms share.
        remedy: command that all alarms share, with ``HOLE`` in it.
        mind: side effects that all alarms share.
    """

    title: str
    blocks: tuple[Control, ...]
    alarms: tuple[Control, ...] = ()
    brief: tuple[Control, ...] = ()
    test: str = ""
    criterion: str = ""
    remedy: str = ""
    mind: str = ""


def shelves(services: Sequence[tuple[str, Sequence[Control]]], *, whole: bool) -> tuple[Shelf, ...]:
    """Arrange the controls of each service.

    Args:
        services: title and controls of each.
        whole: whether each control gets a block.
    """
    if whole:
        return tuple(Shelf(title, tuple(members)) for title, members in services)
    found = [_shelf(title, members) for title, members in services]
    quiet = tuple(control for shelf in found for control in shelf.brief)
    kept = [replace(shelf, brief=()) for shelf in found if shelf.blocks or shelf.alarms]
    return (*kept, Shelf(MET, (), brief=quiet)) if quiet else tuple(kept)


def _shelf(title: str, members: Sequence[Control]) -> Shelf:
    alarms = tuple(control for control in members if control.chain)
    if len(alarms) < 2:  # noqa: PLR2004 - a table of one is none
        alarms = ()
    others = [control for control in members if control not in alarms]
    _, criterion = frame([control.criterion for control in alarms], words=True)
    before, after = frame([control.remediation for control in alarms if control.remediation])
    return Shelf(
        title,
        blocks=tuple(control for control in others if control.mark.state not in QUIET),
        alarms=alarms,
        brief=tuple(control for control in others if control.mark.state in QUIET),
        test=_same([control.test for control in alarms]),
        criterion=criterion,
        remedy=f"{before}{HOLE}{after}" if before or after else "",
        mind=_same([control.side_effects for control in alarms]),
    )


def own_part(text: str, shared: str) -> str:
    """Return what a text has beside what it shares with others: of a command the part that stands for ``HOLE``."""
    before, hole, after = shared.partition(HOLE)
    if not (hole and text.startswith(before) and text.endswith(after)):
        return text
    return text[len(before) : len(text) - len(after)]


def _same(texts: Sequence[str]) -> str:
    """Return what most of the texts are; empty where they differ."""
    said = [text for text in texts if text]
    most = max(set(said), key=said.count, default="")
    return most if said.count(most) > 1 else ""


def frame(texts: Sequence[str], *, words: bool = False) -> tuple[str, str]:
    """Return the beginning and the end that all texts share; empty ones where it is not worth a reference."""
    if len(texts) < 2:  # noqa: PLR2004 - one text repeats nothing
        return "", ""
    before = _common(texts)
    shortest = min(len(text) for text in texts)
    after = _common([text[len(before) :][::-1] for text in texts])[::-1] if len(before) < shortest else ""
    if words:
        after = after[after.find(". ") + 2 :] if ". " in after else ""
        return "", after if len(after) >= _WORTH_IT // 2 else ""
    return (before, after) if len(before) + len(after) >= _WORTH_IT else ("", "")


def _common(texts: Sequence[str]) -> str:
    return "".join(
        letters[0] for letters in takewhile(lambda letters: len(set(letters)) == 1, zip(*texts, strict=False))
    )
