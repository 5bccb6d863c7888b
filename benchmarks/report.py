"""How long the report takes and how much memory: the demo's CIS audit, one account with 17 Regions, organizations.

``python benchmarks/report.py`` prints a table; each row is a process of its own, so that memory is its own, too.
``python benchmarks/report.py PACK`` measures the report of a pack instead, in this process.
Figures to reach: one account 3 s and 200 MiB for PDF and HTML together; 500 accounts bounded.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
CASES = (
    ("1 account, 17 Regions", 1, 17, 9),
    ("50 accounts, 4 Regions", 50, 4, 4),
    ("500 accounts, 2 Regions", 500, 2, 3),
)


def main() -> int:
    """Measure everything, or the one case or pack that is named."""
    if len(sys.argv) > 1:
        name = sys.argv[1]
        _measure(int(name)) if name.isdigit() else _measure_pack(Path(name))
        return 0
    print(f"{'':<26}{'results':>9}{'HTML s':>8}{'MB':>7}{'PDF s':>8}{'pages':>7}{'CPU s':>8}{'peak MiB':>10}")
    with tempfile.TemporaryDirectory() as folder:
        _row("demo's CIS 5.0.0, 18 Reg.", str(_demo(Path(folder))))
        for number, (name, *_) in enumerate(CASES):
            _row(name, str(number))
    return 0


def _demo(folder: Path) -> Path:
    """Audit the simulated account and return its pack."""
    options = ["--framework", "cis-aws-5.0.0", "--format", "csv", "--quiet", "--json", "--out", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "auditor", "demo", *options], check=False, capture_output=True, text=True, cwd=ROOT
    )
    return Path(json.loads(done.stdout)["pack"])


def _row(name: str, what: str) -> None:
    answer = subprocess.run([sys.executable, __file__, what], check=True, capture_output=True, text=True, cwd=ROOT)
    found = json.loads(answer.stdout)
    print(
        f"{name:<26}{found['results']:>9,}{found['html_seconds']:>8.2f}{found['html_mb']:>7.2f}"
        f"{found['pdf_seconds']:>8.2f}{found['pages']:>7}{found['cpu_seconds']:>8.2f}{found['peak_mib']:>10.0f}",
        flush=True,
    )


def _measure(number: int) -> None:
    sys.path.insert(0, str(ROOT))
    from tests.render.sample import REGIONS, build

    _, accounts, regions, resources = CASES[number]
    with tempfile.TemporaryDirectory() as folder:
        made = build(Path(folder) / "evidence", accounts=accounts, regions=REGIONS[:regions], resources=resources)
        _report(made.results, made.evidence)


def _measure_pack(pack: Path) -> None:
    sys.path.insert(0, str(ROOT))
    from auditor.evidence.store import Evidence

    _report(json.loads((pack / "results" / "results.json").read_bytes()), Evidence(pack / "evidence"))


def _report(results: Mapping[str, Any], evidence: Any) -> None:
    from auditor.render import context, html, pdf

    before = time.process_time()
    report = context.build(results, evidence, manifest_hash="00" * 32, report_id="benchmark", paper="report.pdf")
    started = time.perf_counter()
    screen = html.render(report)
    between = time.perf_counter()
    paper = pdf.render(report)
    ended = time.perf_counter()
    print(
        json.dumps(
            {
                "results": sum(len(control["results"]) for control in results["controls"]),
                "html_seconds": between - started,
                "html_mb": len(screen) / 1e6,
                "pdf_seconds": ended - between,
                "pages": _pages(paper),
                "cpu_seconds": time.process_time() - before,
                "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


def _pages(data: bytes) -> int:
    import io

    import pikepdf

    with pikepdf.open(io.BytesIO(data)) as opened:
        return len(opened.pages)


if __name__ == "__main__":
    sys.exit(main())
