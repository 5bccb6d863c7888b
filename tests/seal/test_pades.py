import io
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from pyhanko.pdf_utils import generic as pdf_objects
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfStrictReadError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.xref import ObjStreamRef

from auditor.base.errors import IntegrityError, SealError
from auditor.seal.pack import Sealing
from auditor.seal.pades import PdfToolMissingError, check_pdf, sign_pdf
from auditor.seal.pages import manifests_named
from auditor.seal.pyhanko_names import IndexedReader
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
generic: Any = pdf_objects  # its classes are partly typed
NAME = generic.NameObject
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


def crowded() -> bytes:
    """Return a PDF whose objects stand in object streams, as those of our reports do."""
    with pikepdf.open(io.BytesIO(PDF)) as document:
        document.Root.Crowd = pikepdf.Array([document.make_indirect(pikepdf.Dictionary(Number=n)) for n in range(250)])
        output = io.BytesIO()
        document.save(output, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return output.getvalue()


def test_objects_in_object_streams_are_read_as_pyhanko_reads_them() -> None:
    data = crowded()
    ours: Any = IndexedReader(io.BytesIO(data))
    theirs: Any = PdfFileReader(io.BytesIO(data), strict=True)
    assert [item.get_object()["/Number"] for item in ours.root["/Crowd"]] == list(range(250))
    for reference in theirs.xrefs.explicit_refs_in_revision(0):
        if isinstance(theirs.xrefs[reference], ObjStreamRef):
            own = generic.Reference(reference.idnum, reference.generation, ours)
            assert ours.get_object(own) == theirs.get_object(reference)
    signed = sign_pdf(data, SIGNER, ask=ask, stamp_roots=ROOTS)
    assert signed.level == "B-LTA"
    assert check_pdf(signed.data) is not None
    with pytest.raises(IntegrityError):
        check_pdf(appended(signed.data, show_other_pages))


def test_an_object_that_is_not_where_it_is_said_to_be_is_refused() -> None:
    reader = IndexedReader(io.BytesIO(crowded()))
    places = [reader.xrefs[item] for item in reader.xrefs.explicit_refs_in_revision(0)]
    place = next(item for item in places if isinstance(item, ObjStreamRef))
    with pytest.raises(PdfStrictReadError, match="does not hold the object"):
        reader._get_object_from_stream(999_999, place.obj_stream_id, place.ix_in_stream)


def test_a_pdf_without_a_signature_has_none() -> None:
    assert check_pdf(PDF) is None


def draw_over(writer: Any) -> None:
    page = writer.root["/Pages"]["/Kids"][0]
    page["/Contents"] = writer.add_object(generic.StreamObject(stream_data=b"0 0 m 100 100 l S"))
    writer.update_container(page)


def stick_on(writer: Any) -> None:
    look = generic.StreamObject({NAME("/Subtype"): NAME("/Form")}, stream_data=b"0 0 m 100 100 l S")
    note = {
        NAME("/Subtype"): NAME("/Stamp"),
        NAME("/AP"): generic.DictionaryObject({NAME("/N"): writer.add_object(look)}),
    }
    page = writer.root["/Pages"]["/Kids"][0]
    page["/Annots"].append(writer.add_object(generic.DictionaryObject(note)))
    writer.update_container(page)


def add_a_visible_field(writer: Any) -> None:
    """As the time stamp's field, but with an area to draw on."""
    form = writer.root["/AcroForm"]
    stamp = form["/Fields"][-1]
    copy = generic.DictionaryObject({key: stamp.raw_get(key) for key in stamp})
    copy["/Rect"] = generic.ArrayObject([generic.NumberObject(number) for number in (0, 0, 200, 200)])
    form["/Fields"].append(writer.add_object(copy))
    writer.update_container(form)


def lose_a_field(writer: Any) -> None:
    form = writer.root["/AcroForm"]
    del form["/Fields"][0]
    writer.update_container(form)


def open_with_an_action(writer: Any) -> None:
    writer.root["/OpenAction"] = generic.DictionaryObject({NAME("/S"): NAME("/JavaScript")})
    writer.update_root()


def show_other_pages(writer: Any) -> None:
    pages = writer.root["/Pages"]
    pages["/Count"] = generic.NumberObject(0)
    pages["/Kids"] = generic.ArrayObject()
    writer.update_container(pages)


def append_nothing(writer: Any) -> None:
    writer.update_root()


def appended(signed: bytes, change: Callable[[Any], None]) -> bytes:
    """Append a revision to a PDF, as anybody can."""
    writer = IncrementalPdfFileWriter(io.BytesIO(signed))
    change(writer)
    output = io.BytesIO()
    writer.write(output)  # type: ignore[no-untyped-call]  # pyHanko leaves it untyped
    return output.getvalue()


@pytest.mark.parametrize("stamped", [False, True])
@pytest.mark.parametrize("change", [draw_over, stick_on, lose_a_field, open_with_an_action, show_other_pages])
def test_content_added_after_signing_is_found(change: Callable[[Any], None], *, stamped: bool) -> None:
    signed = sign_pdf(PDF, SIGNER, ask=ask if stamped else None, stamp_roots=ROOTS).data
    with pytest.raises(IntegrityError):
        check_pdf(appended(signed, change))


def test_a_stamp_field_that_could_show_something_is_found() -> None:
    signed = sign_pdf(PDF, SIGNER, ask=ask, stamp_roots=ROOTS).data
    with pytest.raises(IntegrityError, match="added to after it was signed"):
        check_pdf(appended(signed, add_a_visible_field))


def test_a_revision_that_changes_nothing_is_no_change() -> None:
    signed = sign_pdf(PDF, SIGNER, ask=ask, stamp_roots=ROOTS).data
    assert check_pdf(appended(signed, append_nothing)) is not None


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


def written_by_hand(*objects: bytes) -> bytes:
    """Return a PDF of these objects, the first of which is its catalog; says that it is signed."""
    data, places = bytearray(b"%PDF-1.7\n%/ByteRange\n"), []
    for number, content in enumerate(objects, start=1):
        places.append(len(data))
        data += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    rows = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    table = b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n<</Size %d /Root 1 0 R>>\n" % (count, rows, count)
    return bytes(data) + table + b"startxref\n%d\n%%%%EOF\n" % len(data)


def test_fields_that_refer_to_each_other_without_end_are_not_followed() -> None:
    levels = [b"<</T(%d)/Kids[%b]>>" % (level, b"%d 0 R " % (level + 1) * 10) for level in range(3, 20)]
    catalog, pages = b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[3 0 R]>> >>", b"<</Type/Pages/Kids[]/Count 0>>"
    with pytest.raises(IntegrityError, match="without end"):
        check_pdf(written_by_hand(catalog, pages, *levels, b"<</FT/Sig/T(z)>>"))
