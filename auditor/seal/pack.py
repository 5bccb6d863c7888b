"""The write side: from a judged folder to a sealed pack. Never renders and never decides where a pack is put.

Order, because each step covers the ones before it:

1. ``README.txt`` and ``manifest.json`` over all that was judged;
2. the pages, which print the manifest's hash;
3. a signature inside ``report.pdf``, which changes that file;
4. ``trust/`` and ``VERIFY.md``, which say how the pack is sealed;
5. ``SHA256SUMS`` over every file;
6. ``SHA256SUMS.p7s``, a detached signature over ``SHA256SUMS``;
7. ``SHA256SUMS.p7s.tsr``, a time stamp over the signature.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auditor.canonical import canonical_json
from auditor.errors import IntegrityError, SealError
from auditor.seal.contents import SUMS, FolderFiles, hash_file, read_small
from auditor.seal.guides import readme_text, verify_text
from auditor.seal.manifest import (
    MANIFEST,
    README,
    SEAL_RECORD,
    VERIFY,
    Manifest,
    ManifestInfo,
    Pages,
    build_manifest,
    parse_manifest,
)
from auditor.seal.sums import UNSUMMED, sums_text

UNSIGNED: Mapping[str, Any] = {"schema": "auditor.seal/1", "signature": None, "timestamp": None, "pdf": None}


def seal_pack(folder: Path, info: ManifestInfo, *, pages: Pages | None = None) -> Manifest:
    """Seal a folder that holds evidence, results and rules.

    Args:
        folder: not yet seen by any reader; the caller renames it when this returns.
        info: what the run knows.
        pages: called between manifest and seal to write the pages into ``folder``.

    Raises:
        SealError: the folder cannot become a pack.
    """
    manifest = write_manifest(folder, info)
    if pages is not None:
        pages(manifest)
    finish_pack(folder, manifest)
    return manifest


def write_manifest(folder: Path, info: ManifestInfo) -> Manifest:
    """Write ``README.txt`` and ``manifest.json`` (step 1).

    Raises:
        SealError: the folder cannot become a pack.
    """
    _write(folder / README, readme_text(info))
    manifest = build_manifest(_files(folder), info)
    _write(folder / MANIFEST, manifest.data)
    return manifest


def finish_pack(folder: Path, manifest: Manifest) -> Mapping[str, Any]:
    """Seal a folder whose pages are there (steps 3 to 7); returns the document of ``trust/seal.json``.

    Raises:
        SealError: a signature or time stamp cannot be had; the folder is then not a sealed pack.
    """
    for name in UNSUMMED:
        (folder / name).unlink(missing_ok=True)
    record = UNSIGNED
    _write(folder / SEAL_RECORD, canonical_json(record))
    _write(folder / VERIFY, verify_text(manifest, record))
    _write(folder / SUMS, _sums(folder))
    return record


def reseal_pack(folder: Path) -> Mapping[str, Any]:
    """Seal anew a pack whose manifest still holds, for instance to sign what was made unsigned.

    Raises:
        SealError: a file of the manifest is missing or changed, or there is no manifest.
    """
    files = _files(folder)
    try:
        manifest = parse_manifest(read_small(files, MANIFEST))
    except IntegrityError as error:
        raise SealError(
            error.message, hint="only a folder written by `auditor run` or `auditor render` can be sealed"
        ) from error
    for entry in manifest.files:
        if entry.path not in files.sizes or hash_file(files, entry.path) != entry.sha256:
            raise SealError(f"{entry.path} is not what the manifest says; a changed pack is not sealed again")
    return finish_pack(folder, manifest)


def _sums(folder: Path) -> bytes:
    files = _files(folder)
    return sums_text({path: hash_file(files, path) for path in files.sizes if path not in UNSUMMED})


def _files(folder: Path) -> FolderFiles:
    try:
        return FolderFiles(folder)
    except IntegrityError as error:
        raise SealError(error.message) from error


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
