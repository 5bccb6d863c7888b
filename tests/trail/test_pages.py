"""``auditor trail verify --report``: the chapter on log integrity alone, on paper and on a screen."""

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from selenium.webdriver import Chrome

from auditor.cli import _run
from auditor.render import integrity
from auditor.trail.names import Location
from tests.render.browser import show, violations
from tests.render.conftest import chrome

from .bucket import HOME, TRAIL, scope, verify
from .scenarios import AT, TOLD, documents_of, genuine
from .test_cli import PERIOD
from .test_fetch import download

__all__ = ["chrome"]


def links(page: str) -> tuple[set[str], set[str]]:
    """Return where a page's links go and what they may go to."""
    return set(re.findall(r'href="#([^"]*)"', page)), set(re.findall(r'id="([^"]+)"', page))


def test_the_report_is_written_in_both_formats_beside_the_document(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket = genuine().copy()
    bucket.edit(bucket.log_key(AT), lambda data: data + b" ")
    download(bucket, tmp_path / "trail")
    paper, screen = tmp_path / "report.pdf", tmp_path / "report.HTML"
    place = ["--dir", str(tmp_path / "trail"), "--json"]
    assert _run(["trail", "verify", *place, *PERIOD, "--report", str(paper), "--report", str(screen)]) == 4
    printed = json.loads(capsys.readouterr().out)
    printed.pop("exit_code")
    with pikepdf.open(paper) as opened:
        (carried,) = json.loads(opened.attachments[integrity.DOCUMENT].get_file().read_bytes())
    assert carried == printed
    text = re.sub(r"<wbr>|<[^>]+>", "", screen.read_text("utf-8"))
    assert bucket.log_key(AT) in text
    assert printed["keys"]
    assert all(f"{key['region']}{key['fingerprint']}" in text for key in printed["keys"])


def test_a_name_that_says_no_format_is_refused_before_anything_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(["trail", "verify", "--dir", "/nowhere", "--report", str(tmp_path / "report.txt"), *PERIOD]) == 2
    assert ".html or .pdf" in capsys.readouterr().err


def test_a_page_that_cannot_be_written_costs_the_exit_code_and_not_the_findings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    download(genuine(), tmp_path / "trail")
    taken = tmp_path / "report.html"
    taken.mkdir()
    place = ["--dir", str(tmp_path / "trail"), "--json", "--report"]
    assert _run(["trail", "verify", *place, str(taken), *PERIOD]) == 5
    answered = capsys.readouterr()
    assert (json.loads(answered.out)["exit_code"], json.loads(answered.out)["verdict"]) == (5, "pass")
    assert "report.html cannot be written" in answered.err
    assert _run(["trail", "verify", *place, str(tmp_path / "no-folder" / "report.html"), *PERIOD]) == 5


def test_every_link_leads_somewhere_and_nothing_is_fetched() -> None:
    page = integrity.render_html(integrity.pages(documents_of(*TOLD))).decode("utf-8")
    wanted, there = links(page)
    assert wanted
    assert wanted <= there
    assert "script-src 'none'" in unescape(page)
    assert "<script" not in page
    assert not re.search(r'(?:src|href)="(?!#|data:)', page)


def test_what_is_too_long_for_a_page_is_counted_and_leads_nowhere() -> None:
    (document,) = documents_of("extra_log_object")
    (finding,) = [item for item in document["findings"] if item["kind"] == "log_unvouched"]
    page = integrity.render_html(integrity.pages([{**document, "findings": [finding] * 500}])).decode("utf-8")
    assert "300 more findings in the trail report." in page
    assert links(page)[0] <= links(page)[1]


def test_the_paper_is_tagged_archivable_and_keeps_every_hostile_name(tmp_path: Path) -> None:
    hostile = "<b>\u202ename</b>"
    trail = verify(genuine(), scope(location=Location(TRAIL.bucket, hostile))).document()
    path = tmp_path / "report.pdf"
    path.write_bytes(integrity.render_pdf(integrity.pages([*documents_of(*TOLD), trail])))
    with pikepdf.open(path) as opened:
        metadata = opened.Root.Metadata.read_bytes()
        assert b'pdfaid:part="3"' in metadata
        assert b"<pdfuaid:part>1</pdfuaid:part>" in metadata
        assert bool(opened.Root.MarkInfo.Marked)
        with opened.open_outline() as outline:
            (top,) = outline.root
            assert [child.title for child in top.children] == ["Trail audit"] * 5


def test_the_same_documents_give_the_same_bytes() -> None:
    content = integrity.pages(documents_of("original_still_among_the_versions"))
    assert integrity.render_pdf(content) == integrity.render_pdf(content)


def test_a_partial_report_says_so_first() -> None:
    report = verify(genuine(), stop=_set())
    content = integrity.pages([report.document()])
    head = integrity.render_html(content).decode("utf-8").split("<h2", 1)[0]
    assert "partial report" in head
    assert "Every hour of the period is proved" not in head
    assert content.verdict == "incomplete"


def test_the_worst_trail_gives_the_verdict() -> None:
    content = integrity.pages([verify(genuine()).document(), *documents_of("extra_log_object")])
    assert (content.verdict, content.accounts, content.regions) == ("fail", "111122223333", "1 Region")


def test_a_hole_names_the_calls_that_made_it() -> None:
    page = integrity.render_html(integrity.pages(documents_of("stopped_and_started"))).decode("utf-8")
    assert "called StopLogging at 2026-10-05T" in page
    assert "called StartLogging at 2026-10-05T" in page


@pytest.mark.browser
@pytest.mark.parametrize("width", [1300, 400])
def test_the_page_is_accessible_and_never_scrolls_sideways(chrome: Chrome, tmp_path: Path, width: int) -> None:
    path = tmp_path / "report.html"
    found = documents_of(*TOLD)
    wide = verify(genuine(), replace(scope(), regions=(HOME, "ap-southeast-2", "us-east-1"))).document()
    path.write_bytes(integrity.render_html(integrity.pages([*found, wide])))
    page = show(chrome, path, width=width)
    assert page.get_log("browser") == []  # type: ignore[no-untyped-call]
    assert page.execute_script("return document.documentElement.scrollWidth") <= width
    assert violations(page) == []


def _set() -> Any:
    from threading import Event

    stop = Event()
    stop.set()
    return stop
