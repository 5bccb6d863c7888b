"""The write side: from a judged folder to a sealed pack. Never renders and never decides where a pack is put.

Order, because each step covers the ones before it:

1. ``README.txt`` and ``manifest.json`` over all that was judged;
2. the pages, which print the manifest's hash;
3. a signature inside ``report.pdf``, which changes that file;
4. ``trust/`` and ``VERIFY.md``, which say how the pack is sealed, and what it says in in-toto's words;
5. ``SHA256SUMS`` over every file;
6. ``SHA256SUMS.p7s``, a detached signature over ``SHA256SUMS``;
7. ``SHA256SUMS.p7s.tsr``, a time stamp over the signature.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import orjson

from auditor.base.canonical import canonical_json, sha256_hex
from auditor.base.errors import IntegrityError, SealError, UsageError
from auditor.base.inside import inside
from auditor.base.period import rfc3339
from auditor.pack.outline import outline
from auditor.seal.contents import STAGING, SUMS, FolderFiles, hash_file, read_small
from auditor.seal.guides import readme_text, verify_text
from auditor.seal.intoto import ATTESTATION, attestation
from auditor.seal.manifest import (
    MANIFEST,
    PDF,
    README,
    RESULTS,
    SEAL_RECORD,
    VERIFY,
    Manifest,
    ManifestInfo,
    Pages,
    build_manifest,
)
from auditor.seal.manifest_form import parse_manifest
from auditor.seal.sums import SIGNATURE, TOKEN, UNSUMMED, sums_text

if TYPE_CHECKING:  # an unsigned pack does without
    from cryptography import x509

    from auditor.seal.signer import Signer
    from auditor.seal.timestamp import Tsa

RECORD_SCHEMA = "auditor.seal/1"
SIGNER_PEM = "trust/signer.pem"
CHAIN_PEM = "trust/chain.pem"
TSA_PEM = "trust/tsa-chain.pem"
_OURS = (SIGNER_PEM, CHAIN_PEM, TSA_PEM)
TRUST_FILES = frozenset({*_OURS, SEAL_RECORD, ATTESTATION})
"""All that may stand in ``trust/``."""


@dataclass(frozen=True, slots=True)
class Sealing:
    """How a pack is signed.

    Args:
        signer: who signs.
        at: now, aware UTC; the signing time that is claimed.
        tsa: who states the time; None for a signature that expires with its certificate.
        sign_pdf: whether ``report.pdf`` gets a signature of its own (needs the extra ``sign``).
    """

    signer: "Signer"
    at: datetime
    tsa: "Tsa | None" = None
    sign_pdf: bool = True


def seal_pack(
    folder: Path, info: ManifestInfo, *, pages: Pages | None = None, sealing: Sealing | None = None
) -> Manifest:
    """Seal a folder that holds evidence, results and rules.

    Args:
        folder: not yet seen by any reader; the caller renames it when this returns.
        info: what the run knows.
        pages: called between manifest and seal to write the pages into ``folder``.
        sealing: how to sign; None leaves the pack unsigned.

    Raises:
        SealError: the folder cannot become a pack, or cannot be signed as asked.
    """
    manifest = write_manifest(folder, info)
    if pages is not None:
        pages(manifest)
    finish_pack(folder, manifest, sealing, known={entry.path: entry.sha256 for entry in manifest.files})
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


def finish_pack(
    folder: Path, manifest: Manifest, sealing: Sealing | None = None, *, known: Mapping[str, str] = MappingProxyType({})
) -> Mapping[str, Any]:
    """Seal a folder whose pages are there (steps 3 to 7); returns the document of ``trust/seal.json``.

    Args:
        folder: the pack.
        manifest: its manifest.
        sealing: how to sign; None leaves the pack unsigned.
        known: SHA-256 by path of files that were hashed in this very run; they are not read again.

    A time stamp that cannot be had ends this with an error, unless ``sealing.tsa`` is not required: then the pack is
    signed without one and says so.

    Raises:
        SealError: a signature or time stamp cannot be had; the folder is then as it was, sealed earlier or not at all.
    """
    pdf = _rendered_pdf(folder)
    if sealing is None:
        return _finish(folder, manifest, pdf, None, "", known)
    from auditor.seal.timestamp import StampError

    try:
        return _finish(folder, manifest, pdf, sealing, "", known)
    except StampError as error:
        if sealing.tsa is None or sealing.tsa.required:
            raise
        return _finish(folder, manifest, pdf, sealing, error.message, known)


def _finish(
    folder: Path,
    manifest: Manifest,
    pdf: bytes | None,
    sealing: Sealing | None,
    stamp_failure: str,
    known: Mapping[str, str],
) -> Mapping[str, Any]:
    new: dict[str, bytes] = {}
    signer = sealing.signer if sealing is not None else None
    tsa = sealing.tsa if sealing is not None and not stamp_failure else None
    # 3. the PDF
    pdf_record = _seal_pdf(new, pdf, sealing, tsa)
    # 4. how this pack is sealed
    record = {
        "schema": RECORD_SCHEMA,
        "signature": signature_record(signer.chain) if signer else None,
        "timestamp": _stamp_record(sealing.tsa, stamp_failure) if sealing and sealing.tsa else None,
        "pdf": pdf_record,
    }
    if signer is not None:
        from auditor.seal.signer import pem

        leaf, *issuers = signer.chain
        new[SIGNER_PEM] = pem(leaf)
        new[CHAIN_PEM] = pem(*(issuers or [leaf]))
        if tsa is not None:
            new[TSA_PEM] = pem(*tsa.trusted)
    results = (folder / RESULTS).read_bytes()
    new[ATTESTATION] = attestation(manifest, results, signer)
    new[SEAL_RECORD] = canonical_json(record)
    new[VERIFY] = verify_text(manifest, record, outline(results))
    # 5. every file
    new[SUMS] = _sums(folder, new, known)
    # 6. and 7. the signature and its time
    if sealing is not None:
        new[SIGNATURE] = _sign(new[SUMS], sealing)
        if tsa is not None:
            from auditor.seal.timestamp import fetch_stamp

            new[TOKEN] = fetch_stamp(new[SIGNATURE], tsa, at=sealing.at)
    # A record of a signed PDF also holds for the unsigned one, as it says where that ends; the reverse is not true.
    _replace(folder, new, first=SEAL_RECORD if pdf_record else PDF)
    return record


def _replace(folder: Path, new: Mapping[str, bytes], *, first: str) -> None:
    """Put a seal in the place of an earlier one once it is on the disk: what fails leaves the pack as it was.

    Args:
        folder: the pack.
        new: bytes by path.
        first: the file to begin with, so that a pack left between two files can be sealed again.
    """
    names = sorted(new, key=lambda name: name != first)
    with TemporaryDirectory(prefix=STAGING, dir=folder) as staging:
        for number, name in enumerate(names):
            _write(Path(staging) / str(number), new[name])
        for name in (*UNSUMMED, *_OURS):
            (folder / name).unlink(missing_ok=True)
        for number, name in enumerate(names):
            (folder / name).parent.mkdir(exist_ok=True)
            (Path(staging) / str(number)).replace(folder / name)


def _sign(sums: bytes, sealing: Sealing) -> bytes:
    from auditor.seal import cms

    signature = cms.sign(sums, sealing.signer, at=sealing.at)
    try:
        cms.verify(signature, sums)
    except IntegrityError as error:
        raise SealError(
            f"the signature just made does not hold: {error.message}", hint="do key and certificate belong together?"
        ) from error
    return signature


def _rendered_pdf(folder: Path) -> bytes | None:
    """Return ``report.pdf`` as it was rendered, without the signature of an earlier seal; None when there is none."""
    path = folder / PDF
    if not path.exists():
        return None
    data, record = path.read_bytes(), folder / SEAL_RECORD
    if not record.exists():
        return data
    try:
        before = orjson.loads(record.read_bytes())["pdf"]
        if before is None:
            return data
        data = data[: before["unsigned_bytes"]]
        intact = sha256_hex(data) == before["unsigned_sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise SealError(f"{SEAL_RECORD} of an earlier seal is malformed: {error}") from error
    if not intact:
        raise SealError(f"{PDF} is not the file that {SEAL_RECORD} of an earlier seal speaks about")
    return data


def _seal_pdf(
    new: dict[str, bytes], pdf: bytes | None, sealing: Sealing | None, tsa: "Tsa | None"
) -> dict[str, Any] | None:
    if pdf is None:
        return None
    if sealing is None or not sealing.sign_pdf:
        new[PDF] = pdf
        return None
    from auditor.seal.pades import sign_pdf

    signed = sign_pdf(pdf, sealing.signer, ask=tsa.ask if tsa else None, stamp_roots=tsa.trusted if tsa else ())
    new[PDF] = signed.data
    return {
        "level": signed.level,
        "note": signed.note,
        "unsigned_bytes": len(pdf),
        "unsigned_sha256": sha256_hex(pdf),
    }


def signature_record(chain: Sequence["x509.Certificate"]) -> dict[str, Any]:
    """Return what ``trust/seal.json`` says about a signature made with the first certificate of a chain."""
    from cryptography.hazmat.primitives.hashes import SHA256

    from auditor.seal.signer import is_self_signed, key_kind
    from auditor.seal.trust import name_of

    leaf = chain[0]
    return {
        "file": SIGNATURE,
        "format": "CMS detached, DER",
        "algorithm": key_kind(leaf),
        "subject": name_of(leaf),
        "issuer": leaf.issuer.rfc4514_string()[:300],
        "serial": f"{leaf.serial_number:x}",
        "sha256": leaf.fingerprint(SHA256()).hex(),
        "not_before": rfc3339(leaf.not_valid_before_utc),
        "not_after": rfc3339(leaf.not_valid_after_utc),
        "self_signed": is_self_signed(leaf),
        "complete": any(is_self_signed(certificate) for certificate in chain),
    }


def _stamp_record(tsa: "Tsa", failure: str) -> dict[str, str]:
    return {"status": "failed" if failure else "requested", "url": tsa.url, "reason": failure}


def reseal_pack(folder: Path, sealing: Sealing | None = None) -> Mapping[str, Any]:
    """Seal anew a pack whose manifest still holds, for instance to sign what was made unsigned.

    What an earlier attempt that was cut short left behind is taken away.

    Raises:
        UsageError: there is no manifest.
        IntegrityError: a file of the manifest is missing or changed.
        SealError: signing fails.
    """
    files = _files(folder)
    if odd := [problem for problem in files.problems if problem.kind != "leftover"]:
        raise IntegrityError(f"{odd[0].path} {odd[0].message}")
    if MANIFEST not in files.sizes:
        if held := inside(folder, lambda below: (below / MANIFEST).is_file()):
            raise UsageError(f"{folder} is no pack itself, but holds {held}", hint="name the folder of the pack")
        raise UsageError(
            f"{folder} is no pack: it holds no {MANIFEST}", hint="only what `auditor run` wrote can be sealed anew"
        )
    manifest = parse_manifest(read_small(files, MANIFEST))
    for entry in manifest.files:
        if entry.path not in files.sizes or hash_file(files, entry.path) != entry.sha256:
            raise IntegrityError(f"{entry.path} is not what the manifest says; a changed pack is not sealed again")
    for path in folder.glob(f"{STAGING}*/"):
        rmtree(path)
    return finish_pack(folder, manifest, sealing)


def _sums(folder: Path, new: Mapping[str, bytes], known: Mapping[str, str]) -> bytes:
    """Return ``SHA256SUMS``; an organization of a thousand accounts has a million files, each held once."""
    files = _files(folder)
    replaced = {*UNSUMMED, *_OURS, *new}
    kept = ((path, known.get(path) or hash_file(files, path)) for path in files.sizes if path not in replaced)
    return sums_text(merge(kept, sorted((path, sha256_hex(data)) for path, data in new.items())))


def _files(folder: Path) -> FolderFiles:
    try:
        return FolderFiles(folder)
    except IntegrityError as error:
        raise SealError(error.message) from error


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
