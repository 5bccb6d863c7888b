"""One sample run, its context and its pages, made once for all tests of this folder."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from auditor.render import context, html, pdf
from auditor.render.about import Branding
from auditor.render.context import Context
from tests.render import browser
from tests.render.sample import Sample, build


def text_of(path: Path, *switches: str) -> str:
    """Read the text of a PDF as poppler sees it, laid out as on the page."""
    command = ["pdftotext", "-layout", *switches, str(path), "-"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return build(
        tmp_path_factory.mktemp("sample") / "evidence", regions=("eu-central-1", "eu-north-1", "us-east-1"), resources=4
    )


@pytest.fixture(scope="session")
def report(sample: Sample) -> Context:
    """The report at full length: every control and reference has its place."""
    return context.build(
        sample.results,
        sample.evidence,
        manifest_hash="9f2c" * 16,
        report_id="AUD-2026-10-7c1f",
        paper="report.pdf",
        branding=Branding(detail="full"),
    )


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Context:
    made = build(
        tmp_path_factory.mktemp("hostile") / "evidence", regions=("eu-north-1", "us-east-1"), resources=4, hostile=True
    )
    return context.build(made.results, made.evidence, manifest_hash="00" * 32, report_id="AUD-hostile")


@pytest.fixture(scope="session")
def screen(report: Context) -> str:
    return html.render(report).decode("utf-8")


@pytest.fixture(scope="session")
def paper(report: Context, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("paper") / "report.pdf"
    path.write_bytes(pdf.render(report))
    return path


@pytest.fixture(scope="session")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    driver = browser.start(tmp_path_factory.mktemp("chromium"))
    yield driver
    driver.quit()
