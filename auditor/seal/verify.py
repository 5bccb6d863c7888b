"""The read side: what holds of a pack that somebody else sent. Changes nothing, asks no network.

Order, and what each step rests on:

1. the files are plain files with lawful names (``contents.py``, ``zipfiles.py``);
2. ``SHA256SUMS`` lists each of them with its hash, and no other;
3. ``manifest.json`` agrees, and describes the evidence, results and rules that are there;
4. the pages name that manifest;
5. the signature over ``SHA256SUMS``, its time stamp, its certificate, the signature in the PDF;
6. what others hand in: digests checked again, evidence judged again;
7. the packs inside, in that of an organization;
8. the pack before this one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from auditor.base.counts import counted
from auditor.base.errors import AuditorError, IntegrityError
from auditor.base.period import rfc3339
from auditor.base.scratch import scratch_folder
from auditor.base.untrusted import parse_json
from auditor.seal.archive import open_sealed, unpack
from auditor.seal.authenticity import check_authenticity
from auditor.seal.belonging import belonging
from auditor.seal.contents import (
    DEFAULT_LIMITS,
    SUMS,
    Limits,
    PackFiles,
    read_small,
)
from auditor.seal.following import continuity, distance, invented_keys, untrue_judgement
from auditor.seal.listed import check_listed
from auditor.seal.manifest import (
    ACCOUNTS,
    HTML,
    MANIFEST,
    META,
    PDF,
    RESULTS,
    SEAL_RECORD,
    Manifest,
    anchors_in,
    belongs_in_manifest,
    ruleset_sha256,
)
from auditor.seal.manifest_form import parse_manifest
from auditor.seal.names import shown
from auditor.seal.pages import manifests_named
from auditor.seal.parts import parts_of
from auditor.seal.report import Check, Difference, Finding, Outcome, Rechecked, VerifyReport, concluded
from auditor.seal.wanted import Wanted

Recheck = Callable[[Path], Rechecked]
"""Examines an unpacked pack."""

_LONGEST = 1_000
"""Characters of what others say about a pack."""


@dataclass(frozen=True, slots=True)
class Demands:
    """What is asked of a pack beyond being whole.

    Args:
        at: now, aware UTC.
        trusted: certificates that vouch for signers; with any, a pack has to be signed.
        trusted_tsa: certificates that vouch for time-stamping services; without any, those in ``trusted`` do.
        wanted: who has to have signed; None for anybody.
        previous: the pack that this one has to follow.
        recheck_trail: verifies the recorded digests and log hashes again from the keys in the pack.
        replay: derives everything again from the evidence and rules in the pack.
        check_keys: asks CloudTrail for the keys in the pack; the one check that needs a network.
        members: looks for the packs that an assembled one consists of, and verifies them.
        handed_on: of an organization's pack: compares what its accounts were handed with where it comes from.
        limits: what may be spent on each pack.
    """

    at: datetime
    trusted: tuple[x509.Certificate, ...] = ()
    trusted_tsa: tuple[x509.Certificate, ...] = ()
    wanted: Wanted | None = None
    previous: Path | None = None
    recheck_trail: Recheck | None = None
    replay: Recheck | None = None
    check_keys: Recheck | None = None
    members: Recheck | None = None
    handed_on: Recheck | None = None
    limits: Limits = DEFAULT_LIMITS


@dataclass(frozen=True, slots=True)
class _Pack:
    """A pack while it is verified: its storage, and what was made of it so far."""

    files: PackFiles
    limits: Limits
    manifest: Manifest | None
    broken: str
    """Why there is no manifest; empty when there is one."""

    def read(self, path: str) -> bytes:
        return read_small(self.files, path, self.limits)


def verify_pack(path: Path, demands: Demands) -> VerifyReport:
    """Verify a pack, folder or zip.

    Args:
        path: where it is.
        demands: what is asked of it.

    Raises:
        UsageError: there is no pack at ``path`` at all.
        IntegrityError: the pack cannot be read within the limits, or is no readable zip.
    """
    with open_sealed(path, demands.limits) as files:
        return _verify(path, files, demands)


def _verify(path: Path, files: PackFiles, demands: Demands) -> VerifyReport:
    # 1 and 2: files
    pack = _open(files, demands.limits)
    listed = check_listed(files, pack.manifest, demands.limits)
    findings = list(listed.findings)
    checks = [concluded("files", findings, f"{counted(listed.stated, 'file')}, all as {SUMS} lists")]
    # 3: manifest
    found = [Finding("manifest", "malformed", MANIFEST, pack.broken)] if pack.broken else []
    found += _manifest_findings(pack, pack.manifest, listed.hashes) if pack.manifest else ()
    described = counted(len(pack.manifest.files) if pack.manifest else 0, "file")
    checks.append(concluded("manifest", found, f"the manifest describes the {described} it was made over"))
    findings += found
    # 4: pages
    manifest_sha256 = listed.hashes.get(MANIFEST, "")
    check, found = _pages(pack, manifest_sha256)
    checks.append(check)
    findings += found
    # 5: who and when
    who = check_authenticity(
        files,
        trusted=demands.trusted,
        trusted_tsa=demands.trusted_tsa,
        wanted=demands.wanted,
        at=demands.at,
        limits=demands.limits,
    )
    checks += who.checks
    findings += who.findings
    # 6: what others hand in
    several = bool(pack.manifest and pack.manifest.accounts)
    content = _recheck(path, files, demands if several else replace(demands, handed_on=None), sound=not findings)
    checks += content.checks
    findings += content.findings
    # 7: the packs inside
    if several or any(parts_of(files)):
        check, found = _inside(path, pack, demands)
        checks.append(check)
        findings += found
    # 8: the pack before
    if demands.previous is not None:
        check, found = _previous(pack, demands)
        checks.append(check)
        findings += found
    return VerifyReport(
        pack=str(path),
        pack_id=pack.manifest.pack_id if pack.manifest else "",
        manifest_sha256=manifest_sha256,
        files=listed.readable,
        signer=who.signer,
        sealed_at=rfc3339(who.sealed_at) if who.sealed_at else "",
        checks=tuple(checks),
        findings=tuple(findings),
        not_derivable=content.taken,
        notices=content.notices,
    )


def _open(files: PackFiles, limits: Limits) -> _Pack:
    try:
        return _Pack(files, limits, parse_manifest(read_small(files, MANIFEST, limits), limits), "")
    except IntegrityError as error:
        return _Pack(files, limits, None, error.message.removeprefix(f"{MANIFEST} "))


def _manifest_findings(pack: _Pack, manifest: Manifest, actual: Mapping[str, str]) -> Iterator[Finding]:
    listed = {entry.path: entry for entry in manifest.files}
    for name, entry in listed.items():
        if name not in pack.files.sizes:
            yield Finding("manifest", "missing", name, f"is listed in {MANIFEST} but is not there")
        elif (actual.get(name), pack.files.sizes[name]) != (entry.sha256, entry.size):
            yield Finding("manifest", "changed", name, f"is not the file that {MANIFEST} lists")
    for name in pack.files.sizes:
        if belongs_in_manifest(name) and name not in listed:
            yield Finding("manifest", "added", name, f"is not listed in {MANIFEST}")
    hashes = {name: entry.sha256 for name, entry in listed.items()}
    if manifest.document["results_sha256"] != hashes.get(RESULTS):
        yield Finding("manifest", "mismatch", RESULTS, "is not the file that results_sha256 names")
    if manifest.document["ruleset"]["sha256"] != ruleset_sha256(hashes):
        yield Finding("manifest", "mismatch", MANIFEST, "names another ruleset than the files below rules/")
    yield from _results_findings(pack, manifest)
    yield from _meta_findings(pack, hashes)


def _results_findings(pack: _Pack, manifest: Manifest) -> Iterator[Finding]:
    if RESULTS not in pack.files.sizes:
        return
    results = _json(pack, RESULTS)
    if not isinstance(results, dict):
        yield Finding("manifest", "malformed", RESULTS, "is not a JSON object")
        return
    if results.get("counts") != manifest.document["counts"]:
        yield Finding("manifest", "mismatch", RESULTS, f"counts other states than {MANIFEST}")
    try:
        anchors = anchors_in(results)
    except ValueError as error:
        yield Finding("manifest", "malformed", RESULTS, f"cannot be read: {error}")
        return
    if anchors != manifest.anchors:
        yield Finding("manifest", "mismatch", RESULTS, f"names other newest digests than {MANIFEST}")


def _meta_findings(pack: _Pack, hashes: Mapping[str, str]) -> Iterator[Finding]:
    """Compare the hash that each evidence reference records with the file it points to."""
    for name in pack.files.sizes:
        if not name.startswith(META):
            continue
        meta = _json(pack, name)
        raw = f"evidence/{meta.get('path')}" if isinstance(meta, dict) else ""
        if not isinstance(meta, dict) or not isinstance(meta.get("sha256"), str):
            yield Finding("manifest", "malformed", name, "is no evidence metadata")
        elif hashes.get(raw) != meta["sha256"]:
            yield Finding("manifest", "mismatch", name, f"records another SHA-256 for {shown(raw)} than {MANIFEST}")


def _json(pack: _Pack, name: str) -> Any:
    try:
        return parse_json(pack.read(name), pack.limits.document_values)
    except (ValueError, IntegrityError):
        return None


def _pages(pack: _Pack, expected: str) -> tuple[Check, list[Finding]]:
    present = [name for name in (PDF, HTML) if name in pack.files.sizes]
    if not present:
        return Check("pages", Outcome.SKIPPED, "the pack has no report.pdf and no report.html"), []
    found: list[Finding] = []
    for name in present:
        named = _named(pack, name)
        if not named:
            found.append(Finding("pages", "mismatch", name, f"does not say which {MANIFEST} it was printed from"))
        elif named != {expected}:
            found.append(Finding("pages", "mismatch", name, f"was printed from another {MANIFEST}"))
    says = "name" if len(present) > 1 else "names"
    return concluded("pages", found, f"{' and '.join(present)} {says} this {MANIFEST}"), found


def _named(pack: _Pack, name: str) -> frozenset[str]:
    try:
        return manifests_named(pack.read(name))
    except IntegrityError:
        return frozenset()


@dataclass(frozen=True, slots=True)
class _Content:
    """What came of looking into the content of a pack."""

    checks: tuple[Check, ...] = ()
    findings: tuple[Finding, ...] = ()
    taken: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


def _recheck(path: Path, files: PackFiles, demands: Demands, *, sound: bool) -> _Content:
    """Let others examine the content; only of a pack in which nothing was found so far, because they read paths."""
    asked = {name: recheck for name, recheck in _rechecks(demands) if recheck is not None}
    if not asked:
        return _Content()
    if not sound:
        message = "not done, because the pack does not hold"
        return _Content(tuple(Check(name, Outcome.UNKNOWN, message) for name in asked))
    outcomes: dict[str, Rechecked] = {}
    with _folder_of(path, files) as folder:
        for name, recheck in asked.items():
            outcomes[name] = _outcome(recheck, folder)
            outcomes.update(outcomes[name].further)
    found = {name: _differing(name, outcome) for name, outcome in outcomes.items()}
    return _Content(
        tuple(_concluded(name, found[name], outcome) for name, outcome in outcomes.items()),
        tuple(finding for findings in found.values() for finding in findings),
        tuple(dict.fromkeys(item for outcome in outcomes.values() for item in outcome.taken)),
        tuple(shown(item, _LONGEST) for outcome in outcomes.values() for item in outcome.notices),
    )


def _inside(path: Path, pack: _Pack, demands: Demands) -> tuple[Check, list[Finding]]:
    """Verify the pack of each account, and that it and the organization's pack name each other.

    Who signed is asked of the whole: its ``SHA256SUMS`` covers every file of every account.
    """
    stated = {member.account: member for member in pack.manifest.accounts} if pack.manifest else {}
    missing = dict(stated)
    found: list[Finding] = []
    open_questions: list[str] = []
    asked = replace(demands, previous=None, members=None, handed_on=None, trusted=(), wanted=None)
    for account, part in parts_of(pack.files):
        member = missing.pop(account, None)
        if member is None:
            found.append(Finding("accounts", "added", f"{ACCOUNTS}{account}", f"is no pack that {MANIFEST} names"))
            continue
        place = member.folder.rstrip("/")
        report = _verify(path / place, part, asked)
        open_questions += [f"{account}: {check.name}" for check in report.checks if check.outcome is Outcome.UNKNOWN]
        found += [replace(item, check="accounts", path=f"{place}/{item.path}") for item in report.findings]
        if pack.manifest is not None:
            found += belonging(part, member, report, pack.manifest, demands.limits)
    found += (
        Finding("accounts", "missing", member.folder, f"is named in {MANIFEST} but is not there")
        for member in missing.values()
    )
    found.sort()
    if open_questions and not found:
        return Check("accounts", Outcome.UNKNOWN, shown(f"not checked: {'; '.join(open_questions)}", _LONGEST)), []
    packs = counted(len(stated), "pack")
    words = f"each of the {packs} of accounts holds, is named here, and is of this run: list, rules, moment"
    return concluded("accounts", found, words), found


def _differing(name: str, outcome: Rechecked) -> tuple[Finding, ...]:
    return tuple(
        Finding(name, "mismatch", shown(item.path), shown(item.message, _LONGEST)) for item in outcome.differences
    )


def _rechecks(demands: Demands) -> tuple[tuple[str, Recheck | None], ...]:
    return (
        ("trail", demands.recheck_trail),
        ("keys", demands.check_keys),
        ("replay", demands.replay),
        ("members", demands.members),
        ("handed-on", demands.handed_on),
    )


@contextmanager
def _folder_of(path: Path, files: PackFiles) -> Iterator[Path]:
    """Give the pack as a folder: itself, or unpacked for a while."""
    if path.is_dir():
        yield path
        return
    with scratch_folder("pack") as folder:
        unpack(files, folder)
        yield folder


def _outcome(recheck: Recheck, folder: Path) -> Rechecked:
    try:
        return recheck(folder)
    except AuditorError as error:
        return Rechecked("", (Difference("", error.message),))


def _concluded(name: str, found: Sequence[Finding], outcome: Rechecked) -> Check:
    if outcome.skipped:
        return Check(name, Outcome.SKIPPED, outcome.skipped)
    if not outcome.open:
        return concluded(name, found, outcome.agreement)
    unsettled = shown("; ".join(outcome.open), _LONGEST)
    if not found:
        return Check(name, Outcome.UNKNOWN, unsettled)
    check = concluded(name, found, "")
    return replace(check, message=f"{check.message}; {unsettled}")


def _previous(pack: _Pack, demands: Demands) -> tuple[Check, list[Finding]]:
    assert demands.previous is not None  # noqa: S101 - asked by the only caller
    with open_sealed(demands.previous, demands.limits) as files:
        report = _verify(
            demands.previous,
            files,
            replace(demands, previous=None, recheck_trail=None, replay=None, check_keys=None, members=None),
        )
        before = _open(files, demands.limits)
        results = _json(before, RESULTS) if before.manifest is not None else None
        signed_before = _certificate(before)
    found = [
        Finding("previous", item.kind, item.path, f"of the previous pack {item.message}") for item in report.findings
    ]
    back = 0
    if pack.manifest is None or before.manifest is None:
        found.append(Finding("previous", "mismatch", MANIFEST, "cannot be compared with that of the previous pack"))
    else:
        back = distance(pack.manifest, before.manifest)
        found += continuity(pack.manifest, before.manifest, _json(pack, RESULTS), pack.files, pack.limits)
        if back == 1:
            found += invented_keys(_json(pack, RESULTS), results)
            found += untrue_judgement(pack.files, before.manifest, results, pack.limits)
    open_questions = " and ".join(check.name for check in report.checks if check.outcome is Outcome.UNKNOWN)
    if open_questions and not found:
        return Check("previous", Outcome.UNKNOWN, f"its {open_questions} could not be checked"), []
    words = "it follows the pack given, and no digest chain lost its history"
    if back > 1:
        words = (
            f"it follows the pack given, {counted(back, 'pack')} back; the packs in between show that no "
            "history was lost"
        )
    if signed_before != (signed := _certificate(pack)):
        now, was = _signed_by(signed), _signed_by(signed_before)
        words = f"{words}; this pack {now}, the one given {was}: ask the signer why, by another way"
    return concluded("previous", found, words), found


def _signed_by(certificate: str) -> str:
    return f"is signed with the certificate {certificate[:16]}" if certificate else "is not signed"


def _certificate(pack: _Pack) -> str:
    """Return the SHA-256 of the certificate that a pack says it was signed with; empty without one."""
    try:
        return str(_json(pack, SEAL_RECORD)["signature"]["sha256"])
    except (KeyError, TypeError):
        return ""
