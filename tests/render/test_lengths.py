"""Three lengths of the paper report from one context: what each holds, and that none leads to a place it lacks."""

import base64
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pikepdf
import pytest

from auditor.model import State
from auditor.render import pdf
from auditor.render.about import DETAILS, Branding
from auditor.render.context import Context
from auditor.render.pages import source
from auditor.render.references import unlink
from auditor.render.sections import CHAPTERS, SUMMARY
from auditor.render.shelves import HOLE, frame, own_part
from auditor.render.text import NAME_LIMIT
from tests.render.conftest import text_of

HOUSE = Branding(
    classification="C" * 200,
    prepared_by="Jane Doe, Cloud Platform",
    prepared_for="Audit committee",
    contact="jane.doe@example.com",
    version="1.0",
    sign_off=True,
)


_LOGO = base64.b64encode(b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 30"><path d="M0 0h99v29z"/></svg>')


@pytest.fixture(scope="module")
def papers(report: Context, paper: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    found = {"full": paper}
    for detail in ("summary", "standard"):
        found[detail] = tmp_path_factory.mktemp(detail) / "report.pdf"
        found[detail].write_bytes(pdf.render(replace(report, branding=replace(HOUSE, detail=detail))))
    return {detail: found[detail] for detail in DETAILS}


def test_a_longer_report_has_more_pages(papers: Mapping[str, Path]) -> None:
    pages = []
    for path in papers.values():
        with pikepdf.open(path) as opened:
            pages.append(len(opened.pages))
    assert pages == sorted(set(pages))


def test_the_summary_has_the_chapters_for_a_stranger(papers: Mapping[str, Path], report: Context) -> None:
    text = text_of(papers["summary"])
    for anchor, title in CHAPTERS:
        listed = re.search(rf"^(.*  )?\s*\d+\s+{title}\s+\d+(  .*)?$", text, re.MULTILINE)
        assert bool(listed) == (anchor in SUMMARY)
    assert report.glance.integrity.split(";")[0][:40] in " ".join(text.split())


def test_every_control_has_a_place_and_a_bookmark_at_standard_length(
    papers: Mapping[str, Path], report: Context
) -> None:
    with pikepdf.open(papers["standard"]) as opened:
        names = {str(name) for name in pikepdf.NameTree(opened.Root.Names.Dests)}
        with opened.open_outline() as outline:
            titles = {entry.title for top in outline.root for middle in top.children for entry in middle.children}
    assert {control.anchor for control in report.controls} <= names
    assert {control.title for control in report.controls} <= titles


def test_every_open_reason_stands_on_paper(papers: Mapping[str, Path], report: Context) -> None:
    text = "".join(text_of(papers["standard"], "-raw").split()).replace("\u200b", "")
    for control in report.controls:
        for row in control.rows:
            if row.mark.state in (State.NOT_ASSESSED, State.MANUAL):
                assert "".join(row.reason.split()) in text


@pytest.mark.parametrize("detail", DETAILS)
def test_no_link_leads_nowhere(papers: Mapping[str, Path], detail: str) -> None:
    with pikepdf.open(papers[detail]) as opened:
        names = {str(name) for name in pikepdf.NameTree(opened.Root.Names.Dests)}
        links = [item for page in opened.pages for item in pikepdf.Array(page.obj.get("/Annots", []))]
        assert links
        assert {str(item.Dest) for item in links if "/Dest" in item} <= names


def test_the_cover_says_who_made_it_for_whom_and_stays_on_the_page(papers: Mapping[str, Path]) -> None:
    cover = text_of(papers["standard"], "-l", "1")
    for words in ("Jane Doe, Cloud Platform", "Audit committee", "jane.doe@example.com", "1.0"):
        assert words in cover
    assert "[first 80 of 200 characters]" in " ".join(cover.split())
    assert "Sign-off" in text_of(papers["standard"])


@pytest.mark.parametrize("paper", ["A4", "Letter"])
@pytest.mark.parametrize("words", ["A long title of a report ", "WIDE CAPITALS ", "\u5831\u544a "])
def test_whatever_stands_on_the_cover_stays_on_it(report: Context, paper: str, words: str, tmp_path: Path) -> None:
    bounded = (words * 40)[:NAME_LIMIT]
    about = replace(report.about, title=bounded, entity=bounded, notices=(f"{bounded[:-5]} end.",) * 6)
    person = (words * 40)[:160]
    house = Branding(
        detail="summary",
        paper=paper,
        logo=f"data:image/svg+xml;base64,{_LOGO.decode()}",
        classification="Strictly confidential " * 4,
        distribution=person,
        prepared_by=person,
        prepared_for=person,
        contact=person,
        version="v" * 80,
    )
    editions = tuple(replace(report.frameworks[n % 2], id=f"edition-{n}") for n in range(12))
    path = tmp_path / "long.pdf"
    path.write_bytes(pdf.render(replace(report, about=about, branding=house, frameworks=editions)))
    assert "Made with" in text_of(path, "-l", "1")
    assert "Executive summary" in text_of(path, "-f", "2", "-l", "2")


def test_a_name_without_a_blank_stays_within_the_pages(report: Context, tmp_path: Path) -> None:
    path = tmp_path / "wide.pdf"
    about = replace(report.about, title="W" * NAME_LIMIT, entity="W" * NAME_LIMIT)
    path.write_bytes(pdf.render(replace(report, about=about, branding=replace(HOUSE, detail="summary"))))
    boxes = text_of(path, "-bbox", "-l", "3")
    width = max(float(wide) for wide in re.findall(r'<page width="([0-9.]+)"', boxes))
    assert max(float(right) for right in re.findall(r'xMax="([0-9.]+)"', boxes)) < width


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_a_cover_with_a_few_words_more_still_reaches_its_foot(report: Context, paper: str, tmp_path: Path) -> None:
    about = replace(report.about, title="A title of four lines or so " * 3, entity="A group of companies " * 3)
    path = tmp_path / "dense.pdf"
    house = replace(HOUSE, paper=paper, detail="summary", distribution="The board")
    path.write_bytes(pdf.render(replace(report, about=about, branding=house)))
    (height,) = re.findall(r'<page width="[0-9.]+" height="([0-9.]+)"', boxes := text_of(path, "-bbox", "-l", "1"))
    (made,) = re.findall(r'yMax="([0-9.]+)">Made<', boxes)
    assert float(made) > 0.88 * float(height)


@pytest.mark.parametrize("notices", [1, 3])
@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_a_full_cover_keeps_what_is_below_below(report: Context, paper: str, notices: int, tmp_path: Path) -> None:
    house = replace(HOUSE, paper=paper, logo=f"data:image/svg+xml;base64,{_LOGO.decode()}", distribution="The board")
    told = ("Gaps accepted by name: not-assessed:account-security-questions.",) * (notices - 1)
    about = replace(report.about, title="AWS control evidence report", notices=(*told, "The end of the notices."))
    path = tmp_path / "full.pdf"
    path.write_bytes(pdf.render(replace(report, about=about, branding=replace(house, detail="summary"))))
    places = re.findall(r'yMin="([0-9.]+)".* yMax="([0-9.]+)">(.*?)<', text_of(path, "-bbox", "-l", "1"))
    first = min(float(top) for top, _, word in places if word == "Prepared")
    assert max(float(bottom) for _, bottom, word in places if word == "notices.") < first


def test_a_link_to_a_place_that_is_left_out_becomes_words() -> None:
    page = '<p id="here"><a class="to" href="#here">a</a> <a class="to nb" href="#gone">b</a></p>'
    assert unlink(page) == '<p id="here"><a class="to" href="#here">a</a> b</p>'


def test_what_commands_share_is_said_once() -> None:
    start, end = (
        "aws logs put-metric-filter --log-group-name GROUP --filter-pattern '",
        "' --metric-transformations value=1",
    )
    texts = [f"{start}{pattern}{end}" for pattern in ("{ a }", "{ b && c }", "{ d }")]
    before, after = frame(texts)
    shared = f"{before}{HOLE}{after}"
    assert [f"{before}{own_part(text, shared)}{after}" for text in texts] == texts
    assert len(before) + len(after) >= len(start) + len(end)
    assert frame(texts[:1]) == ("", "")
    assert own_part("something else", shared) == "something else"


def test_the_summary_names_every_requirement_with_its_state_and_every_finding(
    papers: Mapping[str, Path], report: Context
) -> None:
    text = "".join(text_of(papers["summary"], "-raw").split()).replace("\u200b", "")
    for framework in report.frameworks:
        groups = framework.by_state
        assert sum(len(items) for _, items in groups) == len(framework.requirements)
        for mark, items in groups:
            word = f"{mark.word} {len(items)}" if mark else f"Not covered {len(items)}"
            assert "".join(f"{word} {items[0].id} {items[0].title}".split()) in text
    for finding in report.findings:
        assert "".join(finding.control.title.split()) in text


def test_the_longest_state_fits_its_column() -> None:
    """ "Not applicable" takes a seventh of a page's width where another column follows."""
    text = source("paper_control.html")
    for columns, heads in re.findall(r"<colgroup>(.*?)</colgroup>\n<thead>(.*?)</thead>", text):
        names = re.findall(r"<th[^>]*>(.*?)</th>", heads)
        widths = [int(width) for width in re.findall(r'class="w(\d+)"', columns)]
        assert sum(widths) == 100
        assert "State" not in names or widths[names.index("State")] >= 15
