"""An answer as lines for people: rows, one sentence on what was searched, and what was not, by name."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from auditor.base.counts import counted
from auditor.events.answer import Answer, plain
from auditor.events.table import ROW

_NAMED: Final = 20
_WIDEST: Final = 48
_HEAD: Final = 16


def lines(answer: Answer, shown: Sequence[str]) -> Iterator[str]:
    """Yield the answer's lines; ``shown`` are the usual columns that fit a terminal, own ones follow."""
    period = answer.period.document()
    yield f"{answer.title} ({answer.question}), [{period['start']}, {period['end']})"
    yield ""
    listed = "log_file" in answer.columns
    columns = [name for name in answer.columns if not listed or name in shown or name not in ROW]
    if answer.rows:
        yield from _table(columns, answer.rows)
        yield ""
    yield answer.sentence()
    searched = answer.searched
    if searched.hours_expected is not None:
        yield f"Hours with a verified digest: {searched.hours_verified:,} of {searched.hours_expected:,}."
    if searched.duplicates:
        yield f"{counted(searched.duplicates, 'copy')} of the same events were left out."
    if searched.not_searched:
        yield ""
        yield "Not searched, or not proved:"
        for item in searched.not_searched[:_NAMED]:
            place = ", ".join(f"{name} {_cell(value)}" for name, value in item.where.items() if value)
            yield f"  {'ALTERED ' if item.altered else ''}{item.what}: {item.why}{f' ({place})' if place else ''}"
        if len(searched.not_searched) > _NAMED:
            yield f"  and {len(searched.not_searched) - _NAMED:,} more; --json has all of them"
    for words in answer.cannot_see:
        yield f"Cannot see: {words}"


def _table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    cells = [[_short(_cell(row[name])) for name in columns] for row in rows]
    widths = [max(len(name), *(len(row[index]) for row in cells)) for index, name in enumerate(columns)]
    for row in ([*columns], *cells):
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def _short(text: str) -> str:
    """Leave out the middle of a long text: the beginning tells what it is, the end which one."""
    return text if len(text) <= _WIDEST else f"{text[:_HEAD]}...{text[_HEAD + 3 - _WIDEST :]}"


def _cell(value: Any) -> str:
    shown = plain(value)
    if shown is None:
        return ""
    if isinstance(shown, bool):
        return "yes" if shown else "no"
    return " ".join(str(shown).split())
