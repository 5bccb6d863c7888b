"""Member packs of a joined one: read as they lie, and as the joined pack keeps what they were sealed with."""

from collections.abc import Callable, Iterator
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256

from auditor.base.canonical import sha256_hex
from auditor.base.errors import IntegrityError, UsageError
from auditor.base.period import Period
from auditor.base.untrusted import parse_json, shape_words
from auditor.pack.members import Member, Signed
from auditor.pack.months import MonthPack
from auditor.pack.runs import read_run
from auditor.seal import cms
from auditor.seal.archive import open_pack
from auditor.seal.contents import SUMS, FolderFiles, PackFiles, hash_file, read_small
from auditor.seal.manifest import MANIFEST, RESULTS, SEAL_RECORD
from auditor.seal.manifest_form import parse_manifest
from auditor.seal.pack import TRUST_FILES
from auditor.seal.report import VerifyReport
from auditor.seal.sums import SIGNATURE, TOKEN, parse_sums
from auditor.seal.trust import name_of
from auditor.seal.verify import Demands, verify_pack

KEPT = (MANIFEST, RESULTS, SUMS, SIGNATURE, TOKEN, *sorted(TRUST_FILES))
"""What a joined pack keeps of each member, where the member has it."""

_LONGEST = 300


def read_pack(files: PackFiles, place: str) -> MonthPack:
    """Read a pack, or what is kept of one, and hold it against its own checksums and signature.

    Args:
        files: the pack, or the folder with what is kept of it.
        place: where that is, for messages.

    Raises:
        UsageError: the pack consists of others.
        IntegrityError: manifest, results, checksums and signature do not belong together, or one is malformed.
    """
    data = read_small(files, MANIFEST)
    manifest = parse_manifest(data)
    if manifest.members or manifest.accounts:
        inside = "; name those in its folder accounts/" if manifest.accounts else ""
        raise UsageError(f"{place} consists of other packs itself; only packs of single runs are joined{inside}")
    sums = read_small(files, SUMS)
    stated, results = parse_sums(sums), read_small(files, RESULTS)
    hashes = {MANIFEST: sha256_hex(data), RESULTS: sha256_hex(results)}
    for name, actual in hashes.items():
        if stated.get(name) != actual:
            raise IntegrityError(f"{place}: {name} does not have the SHA-256 that {SUMS} states")
    if manifest.document["results_sha256"] != hashes[RESULTS]:
        raise IntegrityError(f"{place}: {RESULTS} is not the file that {MANIFEST} names")
    for name in files.sizes:
        if name in TRUST_FILES and stated.get(name) != hash_file(files, name):
            raise IntegrityError(f"{place}: {name} does not have the SHA-256 that {SUMS} states")
    try:
        document = parse_json(results)
        run = read_run(place, manifest.document, document, "pass", manifest.sha256)
        member = Member(
            manifest.pack_id,
            run.accounts,
            Period(run.start, run.end, run.label),
            run.as_of,
            manifest.sha256,
            _signed(files, sums, place),
        )
        return MonthPack(run, member)
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"{place}: the pack has another form than expected: {shape_words(error)}") from error


def _signed(files: PackFiles, sums: bytes, place: str) -> Signed | None:
    """Return who signed, after the signature over the checksums was checked; None where nobody did.

    Raises:
        IntegrityError: the signature does not hold, or is not the one that the seal announces.
    """
    announced = parse_json(read_small(files, SEAL_RECORD))["signature"]
    if (announced is None) != (SIGNATURE not in files.sizes):
        raise IntegrityError(f"{place}: {SEAL_RECORD} and {SIGNATURE} do not belong together")
    if announced is None:
        return None
    found = cms.verify(read_small(files, SIGNATURE), sums).certificate
    fingerprint = found.fingerprint(SHA256()).hex()
    if announced["sha256"] != fingerprint:
        raise IntegrityError(f"{place}: the signature is by another certificate than {SEAL_RECORD} announces")
    return Signed(name_of(found)[:_LONGEST], fingerprint, sha256_hex(sums))


def check_holds(path: Path, report: VerifyReport) -> None:
    """Refuse a pack that was found not to hold.

    Raises:
        IntegrityError: it does not.
    """
    if report.verdict == "fail":
        first = report.findings[0] if report.findings else None
        why = f": {first.path} {first.message}" if first else ""
        raise IntegrityError(f"{path} does not hold{why}", hint=f"auditor verify {path} says all of it")


def verified_pack(path: Path, demands: Demands) -> tuple[MonthPack, dict[str, bytes]]:
    """Verify a pack and return it with the files that are kept of it.

    Raises:
        UsageError: there is no pack.
        IntegrityError: it does not hold.
    """
    check_holds(path, verify_pack(path, demands))
    with open_pack(path) as files:
        return read_pack(files, str(path)), {name: read_small(files, name) for name in KEPT if name in files.sizes}


def read_whole(path: Path) -> MonthPack:
    """Read a pack where it lies; see ``read_pack``."""
    with open_pack(path) as files:
        return read_pack(files, str(path))


def kept_packs(pack: Path, members: tuple[Member, ...]) -> Iterator[MonthPack]:
    """Read what a joined pack keeps of its members.

    Raises:
        IntegrityError: one is missing, is not as its manifest states, or holds anything else.
    """
    for member in members:
        folder = pack / member.folder
        if not folder.is_dir():
            raise IntegrityError(f"{member.folder} is missing")
        files = FolderFiles(folder)
        if odd := [problem.path for problem in files.problems] + sorted(files.sizes.keys() - set(KEPT)):
            raise IntegrityError(f"{member.folder}{odd[0]} is nothing that is kept of a pack")
        found = read_pack(files, member.folder.rstrip("/"))
        if found.member != member:
            raise IntegrityError(f"{member.folder} is not the pack that {MANIFEST} names")
        yield found


Show = Callable[[int, int, str], None]
"""Told how many packs are done, how many there are, and which one was read."""
