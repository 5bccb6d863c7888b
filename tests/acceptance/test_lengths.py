"""How long the reports of the demo are: three editions, a summary of some ten pages, a standard under sixty."""

from pathlib import Path

import pikepdf

from auditor.evidence.store import Evidence
from auditor.render import context, pdf
from auditor.render.about import Branding
from tests.acceptance.conftest import Pack


def pages(path: Path) -> int:
    with pikepdf.open(path) as document:
        return len(document.pages)


def test_the_demo_stays_within_the_promised_pages(pack: Pack, tmp_path: Path) -> None:
    assert len(pack.results["run"]["frameworks"]) == 3
    assert pages(pack.path / "report.pdf") < 60
    short = context.build(
        pack.results,
        Evidence(pack.path / "evidence"),
        manifest_hash="9f2c" * 16,
        report_id="short",
        branding=Branding(detail="summary"),
    )
    (tmp_path / "short.pdf").write_bytes(pdf.render(short))
    assert pages(tmp_path / "short.pdf") <= 11
