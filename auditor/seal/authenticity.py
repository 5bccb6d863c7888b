"""Who sealed a pack and when: signature, time stamp, certificate and the signature in the PDF. Asks no network.

``trust/seal.json`` says how the pack was sealed. It is believed only where it makes the check stricter: what it
announces has to be there, and what it does not announce may not be.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from ssl import PEM_cert_to_DER_cert
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from auditor.base.canonical import sha256_hex
from auditor.base.errors import IntegrityError
from auditor.base.period import rfc3339
from auditor.base.untrusted import parse_json, shape_words
from auditor.pack.presentation import PRESENTATION
from auditor.seal import cms
from auditor.seal.attested import attestation_problem
from auditor.seal.contents import SUMS, Limits, PackFiles, hash_file, read_small
from auditor.seal.intoto import ATTESTATION
from auditor.seal.manifest import MANIFEST, PDF, RULES, SEAL_RECORD, TRUST
from auditor.seal.names import shown
from auditor.seal.pack import CHAIN_PEM, RECORD_SCHEMA, SIGNER_PEM, TRUST_FILES, signature_record
from auditor.seal.pades import PdfToolMissingError, check_pdf
from auditor.seal.report import Check, Finding, Outcome
from auditor.seal.sums import SIGNATURE, TOKEN
from auditor.seal.timestamp import Stamp, check_stamp_path, verify_stamp
from auditor.seal.trust import Use, check_path, is_valid_at, name_of
from auditor.seal.wanted import Wanted

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far a time stamp may lie ahead of the verifier's clock."""


@dataclass(frozen=True, slots=True)
class Authenticity:
    """What was found out about who and when.

    Args:
        signer: subject of the certificate that signed; empty when no signature holds.
        sealed_at: time of the stamp, None when none holds.
    """

    checks: tuple[Check, ...]
    findings: tuple[Finding, ...]
    signer: str = ""
    sealed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked of which pack."""

    files: PackFiles
    limits: Limits
    trusted: tuple[x509.Certificate, ...]
    trusted_tsa: tuple[x509.Certificate, ...]
    wanted: Wanted | None
    at: datetime

    def has(self, path: str) -> bool:
        return path in self.files.sizes

    def read(self, path: str) -> bytes:
        return read_small(self.files, path, self.limits)


def check_authenticity(
    files: PackFiles,
    *,
    trusted: tuple[x509.Certificate, ...] = (),
    trusted_tsa: tuple[x509.Certificate, ...] = (),
    wanted: Wanted | None = None,
    at: datetime,
    limits: Limits,
) -> Authenticity:
    """Check everything that says who sealed a pack and when.

    Args:
        files: the pack.
        trusted: certificates in which the paths of signers may end; without any, a signature is checked but nobody
            vouches for its signer.
        trusted_tsa: the same for time-stamping services; without any, those in ``trusted`` count for them too. They
            never vouch for a signer.
        wanted: who has to have signed; None for anybody.
        at: now, aware UTC.
        limits: what may be read.
    """
    question = _Question(files, limits, trusted, trusted_tsa or trusted, wanted, at)
    try:
        record = _parse_record(question.read(SEAL_RECORD), limits)
    except IntegrityError as error:
        finding = Finding("signature", "malformed", SEAL_RECORD, error.message)
        return Authenticity((Check("signature", Outcome.FAIL, error.message),), (finding,))
    signed, checks, findings = _check_signature(question, record)
    stamp, more_checks, more = _check_stamp(question, record)
    checks, findings = [*checks, *more_checks], [*findings, *more]
    if named := _named_signer(question, signed):
        checks, findings = [*checks, _failed("signature", named)], [*findings, named]
    if signed is not None:
        check, more = _check_certificate(question, signed, stamp)
        checks.append(check)
        findings += more
    check, more = _check_pdf(question, record, signed)
    checks.append(check)
    findings += more
    odd = [
        Finding("signature", "added", name, "is nothing that a pack holds")
        for name in files.sizes
        if name.startswith(TRUST) and name not in TRUST_FILES
    ]
    if odd:
        checks, findings = [*checks, _failed("signature", *odd)], [*findings, *odd]
    check, more = _check_attestation(question, record, signed)
    checks.append(check)
    findings += more
    signer = name_of(signed.certificate) if signed else ""
    return Authenticity(tuple(checks), tuple(findings), signer, stamp.time if stamp else None)


_RECORDED: Mapping[str, Mapping[str, type]] = {
    "signature": {"sha256": str},
    "timestamp": {"status": str, "url": str, "reason": str},
    "pdf": {"level": str, "unsigned_sha256": str, "unsigned_bytes": int},
}
"""What is read of the record; each member may also be null."""
_MEMBERS = {"timestamp": {"status", "url", "reason"}, "pdf": {"level", "note", "unsigned_bytes", "unsigned_sha256"}}
"""All that each may have; that of the signature follows from the certificate."""


def _parse_record(data: bytes, limits: Limits) -> Mapping[str, Any]:
    try:
        record = parse_json(data, limits.document_values)
        if record["schema"] != RECORD_SCHEMA:
            raise ValueError(f"its schema is not {RECORD_SCHEMA}")
        if record.keys() != {"schema", *_RECORDED}:
            raise ValueError("it has members that there are not")
        for name, members in _RECORDED.items():
            item = record[name]
            if isinstance(item, dict) and item.keys() != _MEMBERS.get(name, item.keys()):
                raise ValueError(f"{name} has members that there are not")
            if item is not None and not all(type(item[key]) is kind for key, kind in members.items()):
                raise ValueError(f"a member of {name} has another type")
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"is malformed: {shape_words(error)}") from error
    return {name: record[name] for name in _RECORDED}


def _failed(name: str, *findings: Finding) -> Check:
    return Check(name, Outcome.FAIL, f"{shown(findings[0].path)} {findings[0].message}".strip())


_SignatureAnswer = tuple[cms.Signed | None, list[Check], list[Finding]]


def _check_signature(question: _Question, record: Mapping[str, Any]) -> _SignatureAnswer:
    if record["signature"] is None:
        return _check_unsigned(question)
    try:
        signed = cms.verify(question.read(SIGNATURE), question.read(SUMS))
    except IntegrityError as error:
        kind = "invalid" if question.has(SIGNATURE) else "missing"
        message = f"is no signature over {SUMS}: {error.message}" if question.has(SIGNATURE) else "is missing"
        finding = Finding("signature", kind, SIGNATURE, message)
        return None, [_failed("signature", finding)], [finding]
    findings = list(_disagreements(question, signed, record["signature"]))
    if findings:
        return signed, [_failed("signature", *findings)], findings
    message = f"{SUMS} was signed with the key of {name_of(signed.certificate)}"
    return signed, [Check("signature", Outcome.PASS, message)], []


def _check_unsigned(question: _Question) -> _SignatureAnswer:
    findings = [
        Finding("signature", "added", name, f"is there, although {SEAL_RECORD} says that the pack is not signed")
        for name in (SIGNATURE, TOKEN)
        if question.has(name)
    ]
    if question.trusted or question.wanted:
        who = question.wanted.words if question.wanted else "a trusted signer"
        findings.append(Finding("signature", "missing", SIGNATURE, f"is missing, and {who} was asked for"))
    if findings:
        return None, [_failed("signature", *findings)], findings
    message = "the pack is not signed; compare its manifest hash with one that you got by another way"
    return None, [Check("signature", Outcome.SKIPPED, message)], []


def _named_signer(question: _Question, signed: cms.Signed | None) -> Finding | None:
    """Return a finding when the pages name a signer and he did not sign: a signature was taken off, or replaced.

    The name stands in a file of the manifest, so that no seal put on later can leave it out.
    """
    path = f"{RULES}{PRESENTATION}"
    if not question.has(path):
        return None
    try:
        document = parse_json(question.read(path), question.limits.document_values)
        named = str(document["signer"])
    except (ValueError, KeyError, TypeError, IntegrityError):
        return Finding("signature", "malformed", path, "does not say who was going to sign the pack")
    if not named or (signed is not None and signed.certificate.subject.rfc4514_string() == named):
        return None
    who = f"it was signed by {name_of(signed.certificate)}" if signed else "no signature of his is there"
    return Finding("signature", "mismatch", path, f"names {shown(named)} as signer of the pack, but {who}")


def _disagreements(question: _Question, signed: cms.Signed, announced: Mapping[str, Any]) -> Iterator[Finding]:
    """Compare the signature with what the pack's hashed files say about it, so that not a byte of it is unaccounted."""
    if signed.certificate.fingerprint(SHA256()).hex() != announced["sha256"]:
        yield Finding("signature", "mismatch", SIGNATURE, f"was made by another signer than {SEAL_RECORD} names")
    elif announced != signature_record((signed.certificate, *signed.others)):
        yield Finding("signature", "mismatch", SEAL_RECORD, "says of the signer what his certificate does not")
    elif not signed.canonical:
        yield Finding("signature", "changed", SIGNATURE, "holds bytes that nobody signed")
    try:
        stated = _certificates(question, SIGNER_PEM) | _certificates(question, CHAIN_PEM)
    except (ValueError, IntegrityError) as error:
        yield Finding("signature", "malformed", CHAIN_PEM, f"cannot be read: {str(error)[:200]}")
        return
    if stated != {signed.certificate, *signed.others}:
        yield Finding("signature", "mismatch", SIGNATURE, "carries other certificates than the folder trust/")


def _certificates(question: _Question, path: str) -> frozenset[x509.Certificate]:
    blocks = question.read(path).decode("ascii", "replace").split(_BEGIN, cms.MOST_CERTIFICATES + 1)[1:]
    if len(blocks) > cms.MOST_CERTIFICATES:
        raise ValueError(f"more than {cms.MOST_CERTIFICATES} certificates")
    return frozenset(cms.load_certificate(PEM_cert_to_DER_cert((_BEGIN + block).strip())) for block in blocks)


_BEGIN = "-----BEGIN CERTIFICATE-----"


def _check_stamp(question: _Question, record: Mapping[str, Any]) -> tuple[Stamp | None, list[Check], list[Finding]]:
    announced = record["timestamp"]
    if announced is None or announced["status"] != "requested":
        return _check_unstamped(question, record)
    try:
        stamp = verify_stamp(question.read(TOKEN), question.read(SIGNATURE))
        if stamp.time > question.at + CLOCK_TOLERANCE:
            raise IntegrityError(f"it states {rfc3339(stamp.time)}, which is yet to come")
    except IntegrityError as error:
        kind = "invalid" if question.has(TOKEN) else "missing"
        message = f"is no time stamp over {SIGNATURE}: {error.message}" if question.has(TOKEN) else "is missing"
        finding = Finding("timestamp", kind, TOKEN, message)
        return None, [_failed("timestamp", finding)], [finding]
    words = f"signed before {rfc3339(stamp.time)}, says {name_of(stamp.certificate)}"
    if not question.trusted_tsa:
        check = Check("timestamp", Outcome.PASS, f"{words}; name certificates with --trust-tsa to check who that is")
        return stamp, [check], []
    try:
        check_stamp_path(stamp, question.trusted_tsa, at=question.at)
    except IntegrityError as error:
        message = f"{words}, but {error.message}; is its root among those given with --trust-tsa?"
        return None, [Check("timestamp", Outcome.UNKNOWN, message)], []
    return stamp, [Check("timestamp", Outcome.PASS, words)], []


def _check_unstamped(question: _Question, record: Mapping[str, Any]) -> tuple[None, list[Check], list[Finding]]:
    announced = record["timestamp"]
    if record["signature"] is None:
        return None, [], []
    if question.has(TOKEN):
        finding = Finding("timestamp", "added", TOKEN, f"is there, although {SEAL_RECORD} does not announce it")
        return None, [_failed("timestamp", finding)], [finding]
    reason = (
        f"it could not be had when the pack was sealed: {shown(announced['reason'])}"
        if announced
        else "none was asked for"
    )
    return None, [Check("timestamp", Outcome.SKIPPED, f"there is no time stamp; {reason}")], []


def _check_certificate(question: _Question, signed: cms.Signed, stamp: Stamp | None) -> tuple[Check, list[Finding]]:
    """Judge the signer's certificate at the time of the stamp; without a stamp that holds, now."""
    leaf, when = signed.certificate, stamp.time if stamp else question.at
    if not is_valid_at(leaf, when):
        words = "when it was stamped" if stamp else "and no time stamp that holds shows that the signature is older"
        message = (
            f"was made with a certificate that is valid from {rfc3339(leaf.not_valid_before_utc)} "
            f"to {rfc3339(leaf.not_valid_after_utc)}, not {'then' if stamp else 'now'}, {words}"
        )
        finding = Finding("certificate", "invalid", SIGNATURE, message)
        return _failed("certificate", finding), [finding]
    wanted = question.wanted
    if wanted is not None and not wanted.is_met(leaf):
        finding = Finding("certificate", "invalid", SIGNATURE, f"was made by {name_of(leaf)}, not by {wanted.words}")
        return _failed("certificate", finding), [finding]
    if not question.trusted:
        return _vouched_by_nobody(leaf, wanted, when), []
    try:
        known = wanted is not None and wanted.is_known(leaf)
        path = check_path(leaf, signed.others, question.trusted, at=when, use=Use.SIGNING, any_purpose=known)
    except IntegrityError as error:
        finding = Finding("certificate", "invalid", SIGNATURE, f"is not to be trusted: {error.message}")
        return _failed("certificate", finding), [finding]
    words = (
        f"{name_of(path[-1])} vouches for {name_of(leaf)}" if len(path) > 1 else f"{name_of(leaf)} is trusted itself"
    )
    return Check("certificate", Outcome.PASS, f"{words}, at {rfc3339(when)}"), []


def _vouched_by_nobody(leaf: x509.Certificate, wanted: Wanted | None, when: datetime) -> Check:
    """Say what a signer's certificate is worth to somebody who named no trusted ones."""
    if wanted is None:
        fingerprint = leaf.fingerprint(SHA256()).hex()
        message = (
            f"nobody vouches for the signer: use --trust, or compare the SHA-256 of the certificate, {fingerprint}"
        )
        return Check("certificate", Outcome.SKIPPED, message)
    if wanted.is_known(leaf):
        message = f"{name_of(leaf)} is the very signer that was asked for, at {rfc3339(when)}"
        return Check("certificate", Outcome.PASS, message)
    message = f"anybody can call himself {wanted.words}: name certificates with --trust that vouch for the signer"
    return Check("certificate", Outcome.UNKNOWN, message)


def _check_pdf(
    question: _Question, record: Mapping[str, Any], signed: cms.Signed | None
) -> tuple[Check, list[Finding]]:
    announced = record["pdf"]
    if not question.has(PDF):
        return Check("pdf-signature", Outcome.SKIPPED, f"there is no {PDF}"), []
    try:
        pdf = question.read(PDF)
        inside = check_pdf(pdf)
        problem = _pdf_problem(pdf, announced, inside.certificate if inside else None, signed)
    except PdfToolMissingError as error:
        return Check("pdf-signature", Outcome.UNKNOWN, f"{error.message}; {error.hint}"), []
    except IntegrityError as error:
        problem = error.message
    if problem:
        finding = Finding("pdf-signature", "invalid", PDF, problem)
        return _failed("pdf-signature", finding), [finding]
    if announced is None or inside is None:
        return Check("pdf-signature", Outcome.SKIPPED, f"{PDF} carries no signature of its own"), []
    when = f", stamped {rfc3339(inside.time)}" if inside.time else ""
    return Check("pdf-signature", Outcome.PASS, f"{PDF} is signed by the same signer{when}"), []


def _check_attestation(
    question: _Question, record: Mapping[str, Any], signed: cms.Signed | None
) -> tuple[Check, list[Finding]]:
    if not question.has(ATTESTATION):
        return Check("attestation", Outcome.SKIPPED, f"there is no {ATTESTATION}"), []
    try:
        problem = attestation_problem(
            question.read(ATTESTATION),
            manifest_sha256=hash_file(question.files, MANIFEST) if question.has(MANIFEST) else "",
            enveloped=record["signature"] is not None,
            signer=signed.certificate if signed else None,
            limits=question.limits,
        )
    except IntegrityError as error:
        problem = error.message
    if problem:
        finding = Finding("attestation", "invalid", ATTESTATION, problem)
        return _failed("attestation", finding), [finding]
    words = f"the in-toto statement speaks of this {MANIFEST}"
    if record["signature"] is None:
        return Check("attestation", Outcome.PASS, f"{words}; nobody signed it"), []
    if signed is None:
        message = f"{words}; who signed it cannot be said, because the pack's own signature does not hold"
        return Check("attestation", Outcome.UNKNOWN, message), []
    return Check("attestation", Outcome.PASS, f"{words}; signed by the same signer"), []


def _pdf_problem(
    pdf: bytes, announced: Mapping[str, Any] | None, inside: x509.Certificate | None, signed: cms.Signed | None
) -> str:
    if announced is None:
        return "" if inside is None else f"carries a signature that {SEAL_RECORD} does not announce"
    if inside is None:
        return f"carries no signature, although {SEAL_RECORD} announces one"
    if signed is not None and inside != signed.certificate:
        return f"was signed by {name_of(inside)}, the pack by another signer"
    if sha256_hex(pdf[: announced["unsigned_bytes"]]) != announced["unsigned_sha256"]:
        return "does not begin with the file that was rendered"
    return ""
