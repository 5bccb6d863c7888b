"""Names of places in the document: HTML anchors, which are the named destinations of the PDF as well."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Link:
    """A place in this document: its anchor and what to call it."""

    anchor: str
    label: str
