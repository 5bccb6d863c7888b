"""Evidence beside a control on paper: an excerpt where it tells something new, otherwise a line with its source.

Whole files lie in the pack, are embedded in the PDF and are listed with their hashes in the appendix; a page shows the
few lines that decided. Fifteen controls may rest on the same lines of the same answer: they are shown once.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from auditor.render.controls import Control
from auditor.render.excerpt import Excerpt
from auditor.render.marks import EXCEPTIONS
from auditor.render.register import EvidenceBox, EvidenceItem

_QUIET = 1

_Place: TypeAlias = tuple[str, Excerpt | None]
"""Lines of an answer, the deciding one marked."""


@dataclass(frozen=True, slots=True)
class Proof:
    """An answer that a control rests on.

    Args:
        item: the answer.
        excerpt: the lines to show; None where the source says enough.
        anchor: names the place, when there is an excerpt.
        shown_at: anchor of an earlier place that shows the same lines; empty where none does.
    """

    item: EvidenceItem
    excerpt: Excerpt | None = None
    anchor: str = ""
    shown_at: str = ""


def proofs(controls: Iterable[Control], *, most: int = 2, lines: int = 6) -> Mapping[str, tuple[Proof, ...]]:
    """Choose what stands beside each control, by its id; ``controls`` come in the order of the pages.

    What no control before has cited comes first: of the long way from a trail to a subscriber, the alarm of this very
    control and not once more the trail of them all. What the worst results rest on goes before what others rest on.

    Args:
        controls: those with a place of their own.
        most: answers beside a control that needs somebody's attention, each of another operation; with one alone,
            lines are shown only where they decided.
        lines: lines of an answer, the deciding ones first of all.
    """
    cited: dict[_Place, str] = {}
    return {control.id: tuple(_proofs(control, cited, most, lines)) for control in controls}


def _proofs(control: Control, cited: dict[_Place, str], most: int, lines: int) -> Iterator[Proof]:
    exception = control.mark.state in EXCEPTIONS
    worst = {ref for row in control.rows if row.mark == control.mark for ref in row.refs}
    boxes = sorted(
        control.boxes[: control.kinds],
        key=lambda box: (_place(box) in cited, box.item.ref not in worst, not _decides(box)),
    )
    for number, box in enumerate(boxes[: most if exception else _QUIET]):
        earlier = cited.get(_place(box))
        excerpt = _telling(box, anything=exception and number == 0 and most > 1)
        if earlier is None and excerpt:
            anchor = cited[_place(box)] = f"proof-{len(cited) + 1}"
            yield Proof(box.item, excerpt.cut(lines), anchor)
        else:
            yield Proof(box.item, shown_at=cited.setdefault(_place(box), ""))


def _decides(box: EvidenceBox) -> bool:
    """Whether a result rests on this answer more than on one that was only read.

    It does where it pointed at a value in it, and where the answer is that there is no such thing.
    """
    return box.item.absent or any(excerpt.deciding for excerpt in box.excerpts)


def _place(box: EvidenceBox) -> _Place:
    return box.item.ref, next(iter(box.excerpts), None)


def _telling(box: EvidenceBox, *, anything: bool) -> Excerpt | None:
    """Return the first place of an answer that decided; ``anything`` takes one that only shows what it looks like."""
    first = next(iter(box.excerpts), None)
    return first if first and first.lines and (anything or first.deciding) else None
