"""Whether a pack follows another one, and whether the log history that the earlier one had seen is still there.

An anchor of the earlier pack counts as seen only by a digest in this pack's archives: the anchored one itself, or the
one that names it as its predecessor. What a report says about it proves nothing. Asks no network.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from auditor.base.errors import IntegrityError
from auditor.base.untrusted import ZIP_ERRORS, parse_json
from auditor.pack.layout import BY_BUCKET, EVIDENCE, PREVIOUS
from auditor.pack.since import carry
from auditor.seal.contents import Limits, PackFiles, read_small
from auditor.seal.manifest import MANIFEST, RESULTS, Anchor, Manifest
from auditor.seal.names import shown
from auditor.seal.report import Finding

_CARRIED = f"{EVIDENCE}/{PREVIOUS}"
_ARCHIVES = ("evidence/integrity/", "/digests.zip")
_MOST_DIGEST_BYTES = 64 << 20
"""Of one digest, unpacked; one that names 100,000 log files has some thirty million."""
_MOST_KEYS = 2_000
"""Of one pack: 30 Regions and a new key every two weeks make some 800 a year."""
_GZIP = 31
"""``zlib`` reads a gzip member with this window."""


def distance(manifest: Manifest, before: Manifest) -> int:
    """Return how many packs back another one stands in a pack's series: 1 for the one before, 0 for none of it."""
    series = [item for item in (manifest.previous, *manifest.earlier) if item is not None]
    named = (before.pack_id, before.sha256)
    return next((number for number, item in enumerate(series, 1) if (item.id, item.manifest_sha256) == named), 0)


def continuity(manifest: Manifest, before: Manifest, results: Any, files: PackFiles, limits: Limits) -> list[Finding]:
    """Return what speaks against a pack being a later one of the series of another, with all of its log history.

    Whether the history is whole can be told of the pack before alone; the packs in between show the rest.
    """
    back = distance(manifest, before)
    if not back:
        named = manifest.previous
        message = f"follows the pack {named.id}, which is not the one given" if named else "names no previous pack"
        return [Finding("previous", "mismatch", MANIFEST, message)]
    return list(_lost_history(results, before.anchors, files, limits)) if back == 1 else []


def keys_of(results: Any) -> tuple[tuple[str, str], ...]:
    """Return Region and fingerprint of the keys of CloudTrail that a pack's digests were checked with, sorted.

    Args:
        results: its results document.

    Raises:
        KeyError, TypeError, AttributeError: the document is not of its shape.
    """
    reports = results.get("integrity") or ()
    found = {(str(key["region"]), str(key["fingerprint"])) for report in reports for key in report.get("keys") or ()}
    return tuple(sorted(found))[:_MOST_KEYS]


def invented_keys(results: Any, before: Any) -> list[Finding]:
    """Return the keys that a pack says the one before had used, and that one did not.

    Args:
        results: the pack's results document, from strangers.
        before: that of the pack before it, from strangers.
    """
    try:
        said = {(str(region), str(mark)) for region, mark in results.get("run", {}).get("keys_before", ())}
        invented = sorted(said - set(keys_of(before))) if said else []
    except (KeyError, TypeError, ValueError, AttributeError):
        return [Finding("previous", "mismatch", RESULTS, "does not say which keys were seen before")]
    return [
        Finding("previous", "mismatch", RESULTS, f"calls the key {shown(mark)} of {shown(region)} seen before")
        for region, mark in invented
    ]


def untrue_judgement(files: PackFiles, before: Manifest, results: Any, limits: Limits) -> list[Finding]:
    """Hold what a pack carries of the judgement before against that judgement; nothing where it carries none.

    Args:
        files: of the pack.
        before: manifest of the pack before.
        results: its results document, from strangers.
        limits: how much is read.
    """
    if _CARRIED not in files.sizes:
        return []
    try:
        named = {"pack_id": before.pack_id, "manifest_sha256": before.sha256}
        expected = carry(results, **named, results_sha256=str(before.document["results_sha256"]))
        if read_small(files, _CARRIED, limits) == expected:
            return []
    except (IntegrityError, KeyError, TypeError, ValueError, AttributeError):
        return [Finding("previous", "mismatch", _CARRIED, "cannot be held against the judgement of the pack before")]
    return [Finding("previous", "mismatch", _CARRIED, "is not what the pack before found")]


def _lost_history(results: Any, anchors: Sequence[Anchor], files: PackFiles, limits: Limits) -> Iterator[Finding]:
    wanted = {(anchor.object, anchor.sha256) for anchor in anchors}
    proved = _proved(files, wanted, limits)
    missed = _missed(results)
    for anchor in anchors:
        if anchor.object in missed or (anchor.object, anchor.sha256) not in proved:
            message = f"shows no trace of the digest {shown(anchor.object)} that ended the chain {shown(anchor.chain)}"
            yield Finding("previous", "missing", RESULTS, message)


def _missed(results: Any) -> frozenset[str]:
    """Return the digests that the pack's own reports looked for and did not find as they were."""
    reports = results.get("integrity") if isinstance(results, Mapping) else None
    return frozenset(
        str(finding.get("object"))
        for report in (reports if isinstance(reports, list) else ())
        if isinstance(report, Mapping) and isinstance(report.get("findings"), list)
        for finding in report["findings"]
        if isinstance(finding, Mapping) and str(finding.get("kind")).startswith("anchor_")
    )


def _proved(files: PackFiles, wanted: set[tuple[str, str]], limits: Limits) -> set[tuple[str, str]]:
    """Return which digests, by key and hash, the archives hold or name as the one before."""
    found: set[tuple[str, str]] = set()
    for path in files.sizes:
        if not (path.startswith(_ARCHIVES[0]) and path.endswith(_ARCHIVES[1])) or wanted <= found:
            continue
        for key, data in _digests(files, path, limits):
            found.add((key, sha256(data).hexdigest()))
            found.add(_before(data))
            if wanted <= found:
                break
    return found & wanted


def _digests(files: PackFiles, path: str, limits: Limits) -> Iterator[tuple[str, bytes]]:
    try:
        with zipfile.ZipFile(io.BytesIO(read_small(files, path, limits))) as archive:
            for info in archive.infolist():
                if info.file_size <= _MOST_DIGEST_BYTES:
                    data = archive.read(info)
                    key = info.filename.partition("/")[2] if archive.comment == BY_BUCKET else info.filename
                    yield key, zlib.decompressobj(_GZIP).decompress(data, _MOST_DIGEST_BYTES)
    except (*ZIP_ERRORS, zipfile.LargeZipFile, NotImplementedError, IntegrityError):
        return  # what cannot be read proves nothing


def _before(digest: bytes) -> tuple[str, str]:
    """Return key and hash of the digest that another one names as its predecessor; empty texts for none."""
    try:
        document = parse_json(digest)
        return str(document["previousDigestS3Object"]), str(document["previousDigestHashValue"])
    except (ValueError, KeyError, TypeError):
        return "", ""
