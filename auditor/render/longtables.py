"""Results that are too many to stand in the page, as data for its script (``templates/report/longtables.js``).

The page without scripts summarises them; with scripts it shows them page by page, filters, searches and sorts them all.
"""

from collections.abc import Iterable, Mapping, Sequence

import orjson
from markupsafe import Markup

from auditor.render.controls import Control, Row
from auditor.render.listing import Listing
from auditor.render.marks import MARKS


def as_data(controls: Sequence[Control], lists: Mapping[str, Listing], row_refs: int) -> Markup:
    """Return JSON for a script element; empty when every result stands in the page.

    ``words`` holds each text once. ``rows`` has one list of numbers for each control: eleven for each result, which say
    where its texts stand among the words (state, account, Region, resource, reason, observed, expected, frameworks,
    waiver, response, references).

    Args:
        controls: all of them.
        lists: what the page shows of each; a control with groups has results that it does not show.
        row_refs: references named in one line.
    """
    long = [control for control in controls if lists[control.id].groups]
    if not long:
        return Markup()
    words: dict[str, int] = {}
    rows = {
        control.anchor: [
            words.setdefault(text, len(words)) for row in control.rows for text in _texts(row, control, row_refs)
        ]
        for control in long
    }
    states = {state.value: (mark.key, mark.sign, mark.word) for state, mark in MARKS.items()}
    data = orjson.dumps({"words": list(words), "rows": rows, "states": states})
    # Inside a script element only "<" could end it or start a comment (HTML, 13.1.2.6); no text becomes markup later.
    return Markup(data.decode().replace("<", "\\u003c"))  # noqa: S704


def _texts(row: Row, control: Control, row_refs: int) -> Iterable[str]:
    refs = list(row.refs[:row_refs])
    if len(row.refs) > row_refs:
        refs.append(f"and {len(row.refs) - row_refs:,} more")
    waiver = ""
    if row.waiver:
        waiver = row.waiver.justification + (f", until {row.waiver.expires}" if row.waiver.expires else "")
    return (
        row.mark.state.value,
        row.account,
        row.region,
        row.resource,
        row.reason,
        row.adds,
        row.expected if row.expected != control.criterion else "",
        ", ".join(row.frameworks),
        waiver,
        row.response.words if row.response else "",
        "\n".join(refs),
    )
