"""What a PDF reader, an archive and a screen reader find in the report; veraPDF judges the rest."""

import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pikepdf
import pydyf
import pytest

from auditor.base.errors import RenderError
from auditor.render import pagenumbers, pdf
from auditor.render.about import Branding
from auditor.render.context import Context
from auditor.render.finish import quick
from auditor.render.pages import source
from auditor.render.sections import CHAPTERS
from tests.render.conftest import text_of
from tests.render.sample import AS_OF, Sample


@pytest.fixture(scope="module")
def opened(paper: Path) -> pikepdf.Pdf:
    return pikepdf.open(paper)


def test_every_control_has_a_bookmark(opened: pikepdf.Pdf, sample: Sample) -> None:
    with opened.open_outline() as outline:
        titles = {entry.title for top in outline.root for middle in top.children for entry in middle.children}
    assert {control["title"] for control in sample.results["controls"]} <= titles


def test_every_control_and_reference_is_a_named_destination(opened: pikepdf.Pdf, sample: Sample) -> None:
    names = {str(name) for name in pikepdf.NameTree(opened.Root.Names.Dests)}
    assert {f"control-{control['id']}" for control in sample.results["controls"]} <= names
    assert {record.ref.lower() for record in sample.evidence.records} <= names


def pages_of(opened: pikepdf.Pdf) -> dict[str, int]:
    numbers: dict[object, int] = {page.objgen: number for number, page in enumerate(opened.pages, start=1)}
    return {str(name): numbers[place[0].objgen] for name, place in pikepdf.NameTree(opened.Root.Names.Dests).items()}


def test_the_contents_name_the_page_of_each_chapter(opened: pikepdf.Pdf, paper: Path) -> None:
    lines = text_of(paper, "-l", "4").splitlines()
    for anchor, title in CHAPTERS:
        (line,) = [line for line in lines if re.search(rf"^\s*\d+\s+{title}\s+\d+$", line)]
        assert int(line.split()[-1]) == pages_of(opened)[anchor]


def test_a_control_is_on_the_page_that_references_name(opened: pikepdf.Pdf, paper: Path) -> None:
    pages = pages_of(opened)
    named = re.findall(r"([a-z0-9-]+) \(p\.\s+(\d+)\)", text_of(paper))
    found = {(control, int(number)) for control, number in named if f"control-{control}" in pages}
    assert len(found) > 20
    assert [item for item in found if pages[f"control-{item[0]}"] != item[1]] == []


def test_evidence_is_on_the_page_that_findings_name(opened: pikepdf.Pdf, paper: Path) -> None:
    pages = pages_of(opened)
    named = {(ref.lower(), int(page)) for ref, page in re.findall(r"(EV-\d+)\s+\(p\.\s+(\d+)\)", text_of(paper))}
    assert len(named) > 2
    assert [item for item in named if pages[item[0]] != item[1]] == []


def test_no_room_for_a_page_number_stays_empty(paper: Path) -> None:
    assert pagenumbers.ROOM not in text_of(paper)


def entries(node: pikepdf.Object) -> Iterator[tuple[int, pikepdf.Object]]:
    numbers = list(pikepdf.Array(node.get("/Nums", [])))
    yield from ((int(number), item) for number, item in zip(numbers[::2], numbers[1::2], strict=True))
    for kid in pikepdf.Array(node.get("/Kids", [])):
        yield from entries(kid)


def test_every_link_is_one_for_a_screen_reader_too(opened: pikepdf.Pdf) -> None:
    """ISO 14289-1, 7.18.5: what veraPDF finds where Java is."""
    structure = dict(entries(opened.Root.StructTreeRoot.ParentTree))
    notes = [item for page in opened.pages for item in pikepdf.Array(page.obj.get("/Annots", []))]
    links = [item for item in notes if item.Subtype == "/Link"]
    assert links
    assert {str(structure[int(item.StructParent)].S) for item in links} == {"/Link"}


def test_it_says_language_and_title_and_both_standards(opened: pikepdf.Pdf) -> None:
    assert str(opened.Root.Lang) == "en"
    assert bool(opened.Root.MarkInfo.Marked)
    assert bool(opened.Root.ViewerPreferences.DisplayDocTitle)
    assert str(opened.Root.PageMode) == "/UseOutlines"
    metadata = opened.Root.Metadata.read_bytes()
    assert b'pdfaid:part="3"' in metadata
    assert b'pdfaid:conformance="A"' in metadata
    assert b"<pdfuaid:part>1</pdfuaid:part>" in metadata


def test_evidence_is_embedded_with_relation_description_and_date(opened: pikepdf.Pdf) -> None:
    files = list(opened.Root.AF)
    assert files
    for file in files:
        assert str(file.AFRelationship) == "/Data"
        assert str(file.Desc).startswith("EV-")
        assert str(file.EF.F.Params.ModDate).startswith("D:20261102")


def test_embedded_evidence_is_the_file_in_the_pack(opened: pikepdf.Pdf, sample: Sample) -> None:
    record = sample.evidence.records[0]
    kept = opened.attachments[f"evidence/{record.path}"].get_file().read_bytes()
    assert hashlib.sha256(kept).hexdigest() == record.sha256


def test_all_fonts_are_embedded(opened: pikepdf.Pdf) -> None:
    for item in opened.objects:
        if isinstance(item, pikepdf.Dictionary) and item.get("/Type") == "/FontDescriptor":
            assert any(name in item for name in ("/FontFile", "/FontFile2", "/FontFile3"))


def test_a_colour_that_is_none_is_refused(report: Context) -> None:
    odd = replace(report, branding=Branding(accent="red;}body{display:none"))
    with pytest.raises(RenderError, match="#rrggbb"):
        pdf.render(odd)


def test_a_file_can_be_attached(report: Context, tmp_path: Path) -> None:
    path = tmp_path / "with.pdf"
    path.write_bytes(
        pdf.render(report, [pdf.Attachment("results/results.json", b"{}\n", "All results", AS_OF, "Source")])
    )
    with pikepdf.open(path) as opened:
        assert opened.attachments["results/results.json"].get_file().read_bytes() == b"{}\n"


def test_no_line_ends_early_where_the_text_fills_it_but_for_its_last_space(tmp_path: Path) -> None:
    """Pango 1.50 broke such a text after its first word."""
    said = "Topics, their keys and the rules that mute them were read; pending subscriptions do not count."
    paragraphs = (f'<p class="say" style="width: {width}px">{said} <b>Why</b></p>' for width in range(480, 520))
    page = f'<!DOCTYPE html><html lang="en"><head><title>Lines</title></head><body>{"".join(paragraphs)}</body></html>'
    data = pdf.lay_out(page, accent="#14324f", paper="A4", attachments=(), identity="lines")
    (path := tmp_path / "lines.pdf").write_bytes(data)
    lines = [line.split() for line in text_of(path).splitlines() if line.strip()]
    assert [words for words in lines if words[0] == "Topics," and len(words) < len(said.split()) - 2] == []
    assert sum(words[0] == "Topics," for words in lines) == len(range(480, 520))


def test_ids_stand_on_what_holds_nothing_but_where_the_style_asks_for_them() -> None:
    """An id is a part of an element's style, and nothing inside it would share its own with what is inside others."""
    held = "<div id='a'><colgroup/><p><b>first</b> and</p><i id='b'>x</i></div>"
    page = f"<html>{held}<section id='part-c'><p>y</p></section></html>"
    root = ET.fromstring(page)  # noqa: S314 (ours)
    pdf._lower_ids(root)
    assert [(item.tag, item.get("id")) for item in root.iter() if item.get("id")] == [
        ("b", "a"),
        ("i", "b"),
        ("section", "part-c"),
    ]
    asked = re.findall(r"#([a-z][\w-]*)[^{};]*\{", re.sub(r"\{[^{}]*\}", "{}", source("paper.css")))
    assert asked
    assert all(name.startswith("part-") for name in asked)


def test_the_quicker_writer_writes_the_same_objects() -> None:
    def written() -> tuple[list[bytes], int]:
        made, out = pydyf.PDF(), io.BytesIO()
        for number in range(40):
            stream = pydyf.Stream([b"q", 1.5 + number, number, "text", pydyf.String("(ü)"), b"Q"])
            made.add_object(stream)
            made.add_page(
                pydyf.Dictionary({"Type": "/Page", "Contents": stream.reference, "Parent": made.pages.reference})
            )
            made.add_object(pydyf.Array(made.page_references))
        made.write(out, identifier=b"same", compress=True)
        with pikepdf.open(io.BytesIO(out.getvalue())) as opened:
            return [item.unparse(resolved=True) for item in opened.objects], len(opened.pages)

    before = written()
    with quick():
        assert written() == before
    assert before[1] == 40
