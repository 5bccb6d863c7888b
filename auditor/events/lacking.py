"""Says what a source does not keep of its events and a question asks for: rows may be missing then, or cells empty."""

import re
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from auditor.events.answer import Missing

_TEXT: Final = re.compile(r"'(?:[^']|'')*'")
_NAME: Final = re.compile(r"[a-z][a-z_]*")


def lacking(columns: Collection[str], question: str, narrowing: Sequence[str]) -> Iterator[Missing]:
    """Yield one part that was not searched, where a question or a filter goes by columns that the source leaves empty.

    Args:
        columns: those of the table of events that the source leaves empty.
        question: its SQL, with all that it shares with others filled in.
        narrowing: the predicates of the filters.
    """
    named = set(_NAME.findall(_TEXT.sub("", " ".join((question, *narrowing)))))
    if found := sorted(named & set(columns)):
        why = "the source does not keep what is asked for here: rows may be missing, or cells empty"
        yield Missing("events", why, {"columns": found})
