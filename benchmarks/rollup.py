"""How the roll-up of an organization grows: its pages and tables for made-up accounts, each size a process of its own.

``python benchmarks/rollup.py`` prints a table; ``python benchmarks/rollup.py 500 FOLDER`` leaves report.html and
report.pdf of that many accounts there, to look at. Figures to reach: under 40 pages at 500 accounts; time linear.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
SIZES = (100, 500, 1_000, 2_000, 4_000)


def main() -> int:
    """Measure all sizes, or make the pages of one."""
    if len(sys.argv) > 1:
        folder = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(tempfile.mkdtemp())
        print(json.dumps(measured(int(sys.argv[1]), folder)))
        return 0
    print(
        f"{'accounts':>8}{'HTML s':>8}{'MB':>7}{'PDF s':>8}{'MB':>7}{'pages':>7}{'CSV s':>8}{'CPU s':>8}"
        f"{'peak MiB':>10}"
    )
    for number in SIZES:
        done = subprocess.run(
            [sys.executable, __file__, str(number)], check=True, capture_output=True, text=True, cwd=ROOT
        )
        found = json.loads(done.stdout)
        print(
            f"{number:>8,}{found['html_seconds']:>8.2f}{found['html_mb']:>7.2f}{found['pdf_seconds']:>8.2f}"
            f"{found['pdf_mb']:>7.2f}{found['pages']:>7}{found['csv_seconds']:>8.2f}{found['cpu_seconds']:>8.2f}"
            f"{found['peak_mib']:>10.0f}",
            flush=True,
        )
    return 0


def measured(number: int, folder: Path) -> dict[str, Any]:
    """Write the pages of so many accounts into a folder, and return what that took in CPU seconds."""
    sys.path.insert(0, str(ROOT))
    from auditor.org.rollup import roll_up
    from auditor.render import organization
    from auditor.render.about import Branding
    from tests.org.madeup import material

    folder.mkdir(parents=True, exist_ok=True)
    before = time.process_time()
    document = roll_up(material(number))
    stated = organization.Stated("0" * 64, "benchmark", Branding(), "auditor")
    marks = [time.process_time()]
    for name, make in (("report.html", organization.screen), ("report.pdf", organization.paper)):
        (folder / name).write_bytes(make(document, stated))
        marks.append(time.process_time())
    for name, data in organization.tables(document).items():
        (folder / name).write_bytes(data)
    return {
        "html_seconds": marks[1] - marks[0],
        "html_mb": (folder / "report.html").stat().st_size / 1e6,
        "pdf_seconds": marks[2] - marks[1],
        "pdf_mb": (folder / "report.pdf").stat().st_size / 1e6,
        "pages": _pages(folder / "report.pdf"),
        "csv_seconds": time.process_time() - marks[2],
        "cpu_seconds": time.process_time() - before,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _pages(path: Path) -> int:
    import pikepdf

    with pikepdf.open(path) as opened:
        return len(opened.pages)


if __name__ == "__main__":
    sys.exit(main())
