"""What was appended to a PDF after it was signed: nothing, or nothing but validation data and time stamps (B-LTA).

pyHanko can judge this for any PDF, by following every path through it; in a tagged report with 30,000 objects there are
too many. Ours is one known form, so it is enough to look at the objects that were written anew: each has to be one that
a time stamp needs, and to differ from its signed self only in what that time stamp adds.
"""

from io import BytesIO
from typing import Any

_CATALOG_MAY_CHANGE = frozenset({"/DSS", "/Extensions", "/Version"})
_STAMP_FIELD = frozenset({"/FT", "/T", "/TU", "/Type", "/Subtype", "/F", "/Rect", "/P", "/V"})
"""All that the field of a time stamp may say: no appearance, no action, no children."""


def only_archived(reader: Any, signed: int) -> bool:
    """Say whether everything after a revision serves its long-term validation alone.

    Args:
        reader: pyHanko's, strict.
        signed: the revision that the signature covers whole.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: the file is of another form than ours.
    """
    later = range(signed + 1, reader.xrefs.total_revisions)
    if any(reader.xrefs.refs_freed_in_revision(revision) for revision in later):
        return False
    before = reader.get_historical_resolver(signed)
    catalog, form = reader.root_ref, reader.root.raw_get("/AcroForm").reference
    if before.root_ref != catalog or not _same(before(catalog), reader.get_object(catalog), _CATALOG_MAY_CHANGE):
        return False
    if not _same(before(form), reader.get_object(form), {"/Fields"}):
        return False
    fields = _added(before(form), reader.get_object(form), "/Fields")
    if fields is None or not all(_is_stamp(item.get_object()) for item in fields):
        return False
    described = {catalog, form, reader.root.raw_get("/Metadata").reference, reader.trailer.raw_get("/Info").reference}
    rewritten = {
        reference
        for revision in later
        for reference in reader.xrefs.explicit_refs_in_revision(revision)
        if reader.xrefs.get_historical_ref(reference, signed) is not None
    }
    stamps = {_bytes(item) for item in fields}
    return all(_only_carries(before(page), reader.get_object(page), stamps) for page in rewritten - described)


def _only_carries(before: Any, after: Any, stamps: set[bytes]) -> bool:
    """Say whether a rewritten object is a page that differs only in carrying the fields of the time stamps."""
    if before["/Type"] != "/Page" or not _same(before, after, {"/Annots"}):
        return False
    annotations = _added(before, after, "/Annots")
    return annotations is not None and {_bytes(item) for item in annotations} <= stamps


def _is_stamp(field: Any) -> bool:
    return (
        set(field) <= _STAMP_FIELD
        and field["/FT"] == "/Sig"
        and field["/V"]["/Type"] == "/DocTimeStamp"
        and not any(float(number) for number in field["/Rect"])
    )


def _same(before: Any, after: Any, but: set[str] | frozenset[str]) -> bool:
    keys = (set(before) | set(after)) - but
    return all(
        key in before and key in after and _bytes(before.raw_get(key)) == _bytes(after.raw_get(key)) for key in keys
    )


def _added(before: Any, after: Any, key: str) -> list[Any] | None:
    """Return what a list has more than before, as references; None when it is not the old list with more at its end."""
    old, new = (list(item.raw_get(key)) if key in item else [] for item in (before, after))
    if [_bytes(item) for item in old] != [_bytes(item) for item in new[: len(old)]]:
        return None
    return new[len(old) :]


def _bytes(value: Any) -> bytes:
    output = BytesIO()
    value.write_to_stream(output, None)
    return output.getvalue()
