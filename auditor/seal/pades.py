"""The signature inside ``report.pdf`` (PAdES, ETSI EN 319 142-1), for readers who are handed the PDF alone.

pyHanko (extra ``sign``) writes and reads the PDF; keys, time stamps and trust are this room's own. Signing appends to
the file: its first bytes stay those that were rendered.
"""

import asyncio
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from auditor.base.counts import counted
from auditor.base.errors import IntegrityError, SealError
from auditor.seal.cms import load_certificate
from auditor.seal.signer import Signer
from auditor.seal.updates import only_archived

FIELD = "AuditorSignature"
_FETCH_SECONDS = 10
"""For each list of revoked certificates; without it the PDF gets a lower level."""

Ask = Callable[[bytes], bytes]
"""Takes a TimeStampReq, returns the service's reply."""


class PdfToolMissingError(SealError):
    """pyHanko is not installed."""

    def __init__(self) -> None:
        super().__init__("signatures in PDF files need pyHanko", hint="install auditor with its extra: auditor[sign]")


@dataclass(frozen=True, slots=True)
class SignedPdf:
    """A PDF after signing.

    Args:
        data: the whole file.
        level: ``B-B``, ``B-T`` with a time stamp, ``B-LTA`` with revocation data and an archive time stamp too.
        note: why the level is not higher; empty when nothing higher was asked for.
    """

    data: bytes
    level: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class PdfSignature:
    """A signature that holds for a whole PDF.

    Args:
        certificate: of the signer, not yet believed.
        time: of the time stamp inside; None without one.
    """

    certificate: x509.Certificate
    time: datetime | None


def sign_pdf(
    pdf: bytes, signer: Signer, *, ask: Ask | None = None, stamp_roots: Sequence[x509.Certificate] = ()
) -> SignedPdf:
    """Sign a PDF with the highest level that can be had.

    Args:
        pdf: not signed yet.
        signer: who signs.
        ask: reaches the time-stamping service; None for ``B-B``.
        stamp_roots: certificates under which its tokens are checked.

    Raises:
        PdfToolMissingError: pyHanko is not installed.
        SealError: the PDF cannot be signed, or the service does not answer.
    """
    if ask is None:
        return SignedPdf(_sign(pdf, signer, None, None), "B-B")
    try:
        return SignedPdf(_sign(pdf, signer, ask, (signer.chain[-1], *stamp_roots)), "B-LTA")
    except _NoRevocationData as error:
        return SignedPdf(_sign(pdf, signer, ask, None), "B-T", f"revocation data could not be had: {error}")


class _NoRevocationData(Exception):  # noqa: N818 - never leaves this module
    """The state of a certificate cannot be documented."""


def _sign(pdf: bytes, signer: Signer, ask: Ask | None, roots: Sequence[x509.Certificate] | None) -> bytes:
    tools = _tools()
    arguments: dict[str, Any] = {}
    if roots is not None:
        context = tools.ValidationContext(
            trust_roots=[_foreign(tools, item) for item in roots],
            other_certs=[_foreign(tools, item) for item in signer.chain],
            allow_fetching=True,
            fetcher_backend=tools.RequestsFetcherBackend(per_request_timeout=_FETCH_SECONDS),
            revocation_mode="hard-fail",
        )
        arguments = {"use_pades_lta": True, "embed_validation_info": True, "validation_context": context}
    metadata = tools.PdfSignatureMetadata(
        field_name=FIELD, md_algorithm="sha256", subfilter=tools.SigSeedSubFilter.PADES, **arguments
    )
    writer = tools.PdfSigner(metadata, signer=_bridge(tools, signer), timestamper=ask and _stamper(tools, ask))
    try:
        output = asyncio.run(writer.async_sign_pdf(tools.IncrementalPdfFileWriter(io.BytesIO(pdf))))
    except (*tools.certificate_errors, tools.SigningError, tools.PdfError, ValueError, KeyError, TypeError) as error:
        if roots is not None:  # whatever else is wrong comes up again without revocation data
            raise _NoRevocationData(str(error)[:200]) from error
        raise SealError(f"report.pdf cannot be signed: {error}") from error
    return bytes(output.getvalue())


def _foreign(tools: Any, certificate: x509.Certificate) -> Any:
    return tools.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))


def _bridge(tools: Any, signer: Signer) -> Any:
    """Return our signer in the form that pyHanko calls."""
    leaf, *others = (_foreign(tools, item) for item in signer.chain)
    registry = tools.SimpleCertificateStore()
    registry.register_multiple(others)
    uses_rsa = isinstance(signer.chain[0].public_key(), rsa.RSAPublicKey)
    mechanism = tools.SignedDigestAlgorithm({"algorithm": "sha256_rsa" if uses_rsa else "sha256_ecdsa"})

    class Bridge(tools.Signer):  # type: ignore[misc]  # the base class comes from a package without types
        async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
            if digest_algorithm != "sha256":
                raise SealError(f"{digest_algorithm} is not used here")
            return bytes(_LONGEST_SIGNATURE) if dry_run else signer.sign(data)

    return Bridge(signing_cert=leaf, cert_registry=registry, signature_mechanism=mechanism)


_LONGEST_SIGNATURE = 1024
"""Bytes; RSA 8192."""


def _stamper(tools: Any, ask: Ask) -> Any:
    class Stamper(tools.TimeStamper):  # type: ignore[misc]  # the base class comes from a package without types
        async def async_request_tsa_response(self, req: Any) -> Any:
            return tools.TimeStampResp.load(ask(req.dump()))

    return Stamper()


def check_pdf(pdf: bytes) -> PdfSignature | None:
    """Check the signature in a PDF; None when there is none. Says nothing about trust.

    Accepted is one signature over the whole file, or one followed by nothing but the time stamps and validation data
    of ``B-LTA``.

    Raises:
        PdfToolMissingError: pyHanko is not installed.
        IntegrityError: a signature does not hold, or the file was changed after it.
    """
    if b"/ByteRange" not in pdf:
        return None
    tools = _tools()
    try:
        return _check(tools, pdf)
    except IntegrityError:
        raise
    except Exception as error:  # pyHanko and its parsers trip over hostile PDFs in many ways; none of them means yes
        raise IntegrityError(f"the signature in the PDF cannot be read: {str(error)[:200]}") from error


def _check(tools: Any, pdf: bytes) -> PdfSignature:
    reader = tools.IndexedReader(io.BytesIO(pdf))
    signatures = list(reader.embedded_regular_signatures)
    if len(signatures) != 1:
        raise IntegrityError(f"the PDF carries {counted(len(signatures), 'signature')} instead of one")
    (signature,) = signatures
    contexts = {
        "signer_validation_context": _itself(tools, [signature.signer_cert]),
        "ts_validation_context": _itself(tools, _token_certificates(signature)),
    }
    status = asyncio.run(tools.async_validate_pdf_signature(signature, skip_diff=True, **contexts))
    if not (status.intact and status.valid):
        raise IntegrityError("the PDF was changed after it was signed, or its signature is wrong")
    whole = status.coverage is tools.SignatureCoverageLevel.ENTIRE_FILE
    revision = status.coverage is tools.SignatureCoverageLevel.ENTIRE_REVISION
    if not whole and not (revision and only_archived(reader, signature.signed_revision)):
        raise IntegrityError("the PDF was added to after it was signed")
    stamps = [item for item in (status.timestamp_validity, *_archive_stamps(tools, reader)) if item is not None]
    if not all(stamp.intact and stamp.valid for stamp in stamps):
        raise IntegrityError("a time stamp in the PDF does not hold")
    own = status.timestamp_validity
    return PdfSignature(load_certificate(signature.signer_cert.dump()), own.timestamp if own else None)


def _archive_stamps(tools: Any, reader: Any) -> list[Any]:
    return [
        asyncio.run(
            tools.async_validate_pdf_timestamp(item, _itself(tools, item.signed_data["certificates"]), skip_diff=True)
        )
        for item in reader.embedded_timestamp_signatures
    ]


def _itself(tools: Any, certificates: Any) -> Any:
    """Let certificates count as their own roots: trust is judged by the caller, with the rules of the whole pack."""
    roots = [getattr(item, "chosen", item) for item in certificates]
    return tools.ValidationContext(trust_roots=roots, allow_fetching=False)


def _token_certificates(signature: Any) -> list[Any]:
    attributes = signature.signer_info["unsigned_attrs"]
    return [
        certificate
        for attribute in ((attributes.native and attributes) or ())
        if attribute["type"].native == "signature_time_stamp_token"
        for token in attribute["values"]
        for certificate in token["content"]["certificates"]
    ]


def _tools() -> Any:
    """Import what is used of pyHanko, which takes half a second and is an extra.

    Raises:
        PdfToolMissingError: it is not installed.
    """
    try:
        from auditor.seal import pyhanko_names
    except ImportError as error:
        raise PdfToolMissingError from error
    return pyhanko_names
