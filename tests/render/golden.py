"""What readers get to read of a small fixed report, kept as text: ``python -m tests.render.golden`` rewrites it.

A change of a template, a style or a sentence shows here; whether it was meant is for the reviewer to say.
"""

import sys
import tempfile
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path

from auditor.render import context, html, pdf
from auditor.render.about import Branding
from auditor.render.context import Context
from tests.render.conftest import text_of
from tests.render.sample import COST, build

FOLDER = Path(__file__).parent / "golden"
CONTROLS = 9
_INLINE = frozenset({"a", "b", "bdi", "button", "code", "input", "label", "select", "span", "strong", "u", "wbr"})


def texts() -> Mapping[str, str]:
    """Return file name -> text."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        report = _report(folder / "evidence")
        path = folder / "report.pdf"
        path.write_bytes(pdf.render(report))
        return {
            "report.html.txt": _joined(_lines(html.render(report).decode("utf-8"))),
            "report.pdf.txt": _joined(text_of(path).splitlines()),
        }


def _report(folder: Path) -> Context:
    """Make a report in which every state and every part occurs, of few controls."""
    made = build(folder, regions=("eu-north-1", "us-east-1"), resources=2)
    controls = made.results["controls"]
    states = {control["state"]: control for control in reversed(controls)}
    chains = [control for control in controls if any(result["details"] for result in control["results"])]
    chosen = {control["id"] for control in (*states.values(), *chains[:1], *controls[: CONTROLS - len(states) - 1])}
    results = {**made.results, "controls": [control for control in controls if control["id"] in chosen]}
    return context.build(
        results,
        made.evidence,
        manifest_hash="9f2c" * 16,
        report_id="golden",
        branding=Branding(classification="Internal", distribution="The audit committee"),
        signer="CN=Northwind Internal Audit",
        paper="report.pdf",
        cost=COST,
    )


def _joined(lines: Iterator[str] | list[str]) -> str:
    """Forget what tools of another version may set differently: spaces and empty lines."""
    kept = (" ".join(line.split()) for line in lines)
    return "".join(f"{line}\n" for line in kept if line)


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - as the parser calls it
        self._hidden += tag in {"style", "script"}
        if tag not in _INLINE:
            self.found.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in {"style", "script"}
        if tag not in _INLINE:
            self.found.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.found.append(data)


def _lines(page: str) -> Iterator[str]:
    reader = _Text()
    reader.feed(page)
    yield from "".join(reader.found).split("\n")


def main() -> int:
    """Write the texts."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in texts().items():
        (FOLDER / name).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
