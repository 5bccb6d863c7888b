import io
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pikepdf
import pytest

from auditor.errors import IntegrityError, SealError
from auditor.seal.pack import Sealing
from auditor.seal.pades import PdfToolMissingError, check_pdf, sign_pdf
from auditor.seal.pages import manifests_named
from auditor.seal.report import Outcome
from auditor.seal.verify import Demands, verify_pack
from tests.seal.authority import (
    YEAR,
    issued_signer,
    make_authority,
    self_signed_signer,
    signatures_of_every_level,
    signer_of_unknown_state,
    stamping_service,
)
from tests.seal.packs import blank_pdf, sealed_pack

NOW = datetime.now(UTC).replace(microsecond=0)
SIGNER = self_signed_signer(at=NOW - timedelta(days=1))
TSA_ROOT = make_authority("Example TSA Root", at=NOW)
SERVICE = stamping_service(TSA_ROOT, time=NOW)
ROOTS = (TSA_ROOT.certificate,)
PDF = blank_pdf("manifest-sha256:" + "0" * 64)


def ask(query: bytes) -> bytes:
    return SERVICE.answer("", query)


def test_a_signature_is_appended_and_holds() -> None:
    signed = sign_pdf(PDF, SIGNER)
    assert (signed.level, signed.note) == ("B-B", "")
    assert signed.data.startswith(PDF)
    found = check_pdf(signed.data)
    assert found is not None
    assert (found.certificate, found.time) == (SIGNER.chain[0], None)


def test_with_a_service_the_signature_is_stamped_for_the_archive() -> None:
    signed = sign_pdf(PDF, SIGNER, ask=ask, stamp_roots=ROOTS)
    found = check_pdf(signed.data)
    assert signed.level == "B-LTA"
    assert found is not None
    assert found.time == NOW
    assert b"/DocTimeStamp" in signed.data


def test_without_revocation_data_the_level_is_lower_and_the_reason_told() -> None:
    signer = signer_of_unknown_state(make_authority(at=NOW), at=NOW)
    signed = sign_pdf(PDF, signer, ask=ask, stamp_roots=ROOTS)
    assert signed.level == "B-T"
    assert "revocation data could not be had" in signed.note
    found = check_pdf(signed.data)
    assert found is not None
    assert found.time == NOW


def test_every_level_keeps_what_was_rendered_and_holds() -> None:
    signed = dict(signatures_of_every_level(PDF))
    assert list(signed) == ["B-B", "B-T", "B-LTA"]
    for level, data in signed.items():
        assert data.startswith(PDF)
        found = check_pdf(data)
        assert found is not None
        assert (found.time is None) == (level == "B-B")


def test_a_pdf_without_a_signature_has_none() -> None:
    assert check_pdf(PDF) is None


@pytest.mark.parametrize("stamped", [False, True])
def test_content_added_after_signing_is_found(*, stamped: bool) -> None:
    signed = sign_pdf(PDF, SIGNER, ask=ask if stamped else None, stamp_roots=ROOTS).data
    from pyhanko.pdf_utils import generic
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    writer = IncrementalPdfFileWriter(io.BytesIO(signed))
    stream = generic.StreamObject(stream_data=b"0 0 m 100 100 l S")
    page = writer.root["/Pages"]["/Kids"][0]
    page["/Contents"] = writer.add_object(stream)
    writer.update_container(page)
    output = io.BytesIO()
    writer.write(output)  # type: ignore[no-untyped-call]  # pyHanko leaves it untyped
    with pytest.raises(IntegrityError):
        check_pdf(output.getvalue())


def test_a_second_signature_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    signed = sign_pdf(PDF, SIGNER).data
    monkeypatch.setattr("auditor.seal.pades.FIELD", "Another")
    twice = sign_pdf(signed, self_signed_signer(at=NOW)).data
    with pytest.raises(IntegrityError, match="2 signatures instead of one"):
        check_pdf(twice)


def test_a_pdf_that_is_signed_already_is_not_signed_over() -> None:
    with pytest.raises(SealError, match="cannot be signed"):
        sign_pdf(sign_pdf(PDF, SIGNER).data, SIGNER)


def test_what_is_no_pdf_is_not_signed() -> None:
    with pytest.raises(SealError, match="cannot be signed"):
        sign_pdf(b"<html>", SIGNER)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"/ByteRange", id="no-pdf"),
        pytest.param(b"%PDF-1.7\n/ByteRange [0 1 2 3]\n%%EOF", id="no-structure"),
        pytest.param(PDF + b"/ByteRange", id="no-signature-field"),
    ],
)
def test_what_only_looks_signed_is_an_integrity_error(data: bytes) -> None:
    with pytest.raises(IntegrityError):
        check_pdf(data)


def test_a_signature_that_cannot_be_checked_is_not_passed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack = sealed_pack(tmp_path / "pack", sealing=Sealing(SIGNER, NOW))
    monkeypatch.setitem(sys.modules, "auditor.seal.pyhanko_names", None)
    monkeypatch.delattr("auditor.seal.pyhanko_names", raising=False)
    report = verify_pack(pack, Demands(at=NOW, trusted=SIGNER.chain))
    assert report.outcome("pdf-signature") is Outcome.UNKNOWN
    assert (report.verdict, report.exit_code) == ("incomplete", 3)
    with pytest.raises(PdfToolMissingError, match="pyHanko"):
        sign_pdf(PDF, SIGNER)


def test_a_rendered_pdf_names_its_manifest_before_and_after_signing() -> None:
    import weasyprint

    keyword = "ab" * 32
    html = f'<html lang="en"><title>x</title><meta name="keywords" content="manifest-sha256:{keyword}"><p>x'
    pdf = weasyprint.HTML(string=html).write_pdf(pdf_variant="pdf/ua-1")
    assert manifests_named(pdf) == {keyword}
    signed = sign_pdf(pdf, issued_signer(make_authority(at=NOW), start=NOW - YEAR, end=NOW + YEAR)).data
    assert manifests_named(signed) == {keyword}
    with pikepdf.open(io.BytesIO(signed)) as document, document.open_metadata() as metadata:
        assert metadata["pdfuaid:part"] == "1"


def test_a_page_that_names_two_manifests_names_neither_alone() -> None:
    data = b"manifest-sha256:" + b"a" * 64 + b" manifest-sha256:" + b"b" * 64
    assert manifests_named(data) == {"a" * 64, "b" * 64}
    assert manifests_named(b"manifest-sha256:" + b"A" * 64) == frozenset()
