"""The page of ``auditor diff``: what changed between two packs, one table for each kind of change. Decides nothing."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any

from auditor.render import html

ACCENT = "#14324f"


def render(document: Mapping[str, Any]) -> bytes:
    """Return one self-contained page, UTF-8.

    Args:
        document: what ``auditor diff --json`` prints, see ``docs/schemas/diff.schema.json``.
    """
    kinds = [(kind, list(items)) for kind, items in groupby(document["changes"], key=lambda item: item["change"])]
    return html.self_contained("comparison.html", {"c": document, "kinds": kinds, "medium": "html"}, accent=ACCENT)
