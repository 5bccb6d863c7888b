"""Framework editions and what became of their numbered requirements."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auditor.model import State
from auditor.render.anchors import Link
from auditor.render.controls import Control
from auditor.render.marks import MARKS, Mark, Tally, tally
from auditor.render.text import visible


@dataclass(frozen=True, slots=True)
class Requirement:
    """One numbered requirement of an edition; ``mark`` is None where no control bears on it."""

    id: str
    title: str
    controls: tuple[Link, ...]
    suggested: tuple[str, ...]
    by_hand: bool
    """Whether the benchmark calls for a person."""
    mark: Mark | None
    elsewhere: str
    """Where the same controls say something else for another edition; empty where none does."""


@dataclass(frozen=True, slots=True)
class Framework:
    """One edition of one framework and what became of its requirements."""

    id: str
    title: str
    edition: str
    publisher: str
    url: str
    requirements: tuple[Requirement, ...]
    tally: tuple[Tally, ...]

    @property
    def uncovered(self) -> int:
        """Requirements that no control bears on."""
        return sum(item.mark is None for item in self.requirements)

    @property
    def by_state(self) -> tuple[tuple[Mark | None, tuple[Requirement, ...]], ...]:
        """The requirements of each state that occurs, in the order of ``MARKS``; last those that nothing bears on."""
        groups = [
            (mark, tuple(item for item in self.requirements if item.mark == mark)) for mark in (*MARKS.values(), None)
        ]
        return tuple((mark, items) for mark, items in groups if items)


def framework_edition(document: Mapping[str, Any], by_id: Mapping[str, Control]) -> Framework:
    """Prepare one edition; a requirement's state is what the results say."""
    requirements = tuple(
        Requirement(
            id=visible(item["id"]),
            title=visible(item["title"]),
            controls=tuple(Link(by_id[name].anchor, name) for name in item["controls"] if name in by_id),
            suggested=tuple(item.get("suggested", ())),
            by_hand=item["assessment"] == "manual",
            mark=MARKS[State(item["state"])] if item["state"] else None,
            elsewhere=_elsewhere(document["id"], item, by_id),
        )
        for item in document["requirements"]
    )
    return Framework(
        id=visible(document["id"]),
        title=visible(document["title"]),
        edition=visible(document["edition"]),
        publisher=visible(document.get("publisher", "")),
        url=visible(document.get("url", "")),
        requirements=requirements,
        tally=tally(item.mark.state for item in requirements if item.mark),
    )


def _elsewhere(framework: str, requirement: Mapping[str, Any], by_id: Mapping[str, Control]) -> str:
    """Say which editions ask for something else of the same control, and what became of it there."""
    found: dict[str, str] = {}
    for name in requirement["controls"]:
        for row in by_id[name].rows if name in by_id else ():
            if row.frameworks and framework not in row.frameworks and row.mark.state.value != requirement["state"]:
                found |= dict.fromkeys(row.frameworks, row.mark.word.lower())
    return ", ".join(f"{word} for {visible(edition)}" for edition, word in found.items())
