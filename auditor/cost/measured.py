"""The events of the period as a run has counted them: groups that selectors can tell apart, and copies of events."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from auditor.base.counts import counted
from auditor.cost.facts import MOST, UNREADABLE
from auditor.cost.recorded import Counts
from auditor.cost.selectors import Group
from auditor.evidence.store import Evidence

MEASURED: Final = "events:Measured"
_TEXTS: Final = ("account", "region", "category", "source", "name", "type", "resource")
_MOST_SOURCES: Final = 5


def counts_in(evidence: Evidence) -> tuple[dict[str, Counts], tuple[str, ...]]:
    """Return the events of each account whose run counted them, and what was counted, in words.

    An answer that is missing, or not of its form, counts nothing: sums of log files tell then.

    Raises:
        IntegrityError: an evidence file was changed.
    """
    counts: dict[str, Counts] = {}
    words: list[str] = []
    for account in evidence.run.accounts:
        for record in evidence.of(account.id, MEASURED):
            pages = evidence.pages(record) if record.complete else ()
            try:
                told = pages[0]["counts"]
                groups = tuple(_group(row) for row in told["groups"] if row["account"] in {"", account.id})
                copies = Counter[str]()
                for row in told["copies"]:
                    if row["account"] in {"", account.id}:
                        copies[_text(row["category"])] += _number(row["copies"])
                omitted = _number(told["omitted"]["events"])
                gaps = [_text(item) for item in told["not_searched"]]
            except UNREADABLE:
                continue
            counts[account.id] = Counts(groups, (record.ref,), whole=not (gaps or omitted))
            words += _words(account.id, groups, copies, omitted, record.ref)
            words += not_counted(gaps)
    return counts, tuple(words)


def not_counted(gaps: Iterable[str]) -> list[str]:
    """Say in one piece what was not searched for events, or not with proof; nothing where all was."""
    told = "; ".join(dict.fromkeys(gap.replace("_", " ", 1) for gap in gaps))
    return [f"not searched, or not with proof: {told}"] if told else []


def _group(row: Mapping[str, Any]) -> Group:
    read_only = row["read_only"]
    if read_only is not None and not isinstance(read_only, bool):
        raise TypeError("read_only")
    return Group(**{name: _text(row[name]) for name in _TEXTS}, read_only=read_only, number=_number(row["number"]))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text")
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < MOST:
        raise TypeError("a number")
    return value


def _words(account: str, groups: tuple[Group, ...], copies: Counter[str], omitted: int, ref: str) -> list[str]:
    """Say how many events there were, of which kinds and services, and how many copies lay beside them."""
    kinds, sources = Counter[str](), Counter[str]()
    for group in groups:
        kinds[group.category or "not told"] += group.number
        sources[group.source.removesuffix(".amazonaws.com") or "not told"] += group.number
    named = ", ".join(f"{number:,} {kind}" for kind, number in kinds.most_common())
    first = ", ".join(f"{source} {number:,}" for source, number in sources.most_common(_MOST_SOURCES))
    found = [f"{account}: {counted(kinds.total(), 'distinct event')} ({named or 'none'}; {ref})"]
    found += [f"most of them of {first}"] if first else []
    found += [f"{counted(omitted, 'further event')} in groups that are not listed"] if omitted else []
    if copies.total():
        kept = ", ".join(f"{number:,} {kind or 'not told'}" for kind, number in copies.most_common())
        found.append(f"copies of events that other log files hold as well: {kept}")
    return found
