"""Has others judge our files: ``python tools/conformance.py [FILE.pdf|FILE.sarif|FILE.html|FILE.csv|FILE.xlsx ...]``.

veraPDF judges PDFs against PDF/A-3a and PDF/UA-1, Microsoft's multitool SARIF logs with GitHub's rules, the Nu Html
Checker of the WHATWG's and W3C's validators HTML pages, LibreOffice what becomes of CSV and XLSX. Without files
the committed sample pack is judged, and the test sample: laid out in its variants (A4, Letter, names that mean harm;
with logos, all with attachments) and signed at each level of PAdES. veraPDF comes through Maven, the next two through
npm; where one of them cannot be had the script says so in one line and judges the rest.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent
PROFILES = {"3a": "PDF/A-3a", "ua1": "PDF/UA-1"}
VERAPDF = "org.verapdf.apps.GreenfieldCliWrapper"

MULTITOOL = "@microsoft/sarif-multitool@5.7.0"
RULES = "Sarif;Ghas"
ACCEPTED = {"SARIF2005": "the tool has no home page that informationUri could name"}
"""Warnings of the multitool that stay, and why."""

CHECKER = "vnu-jar@26.9.27"
HTML_ACCEPTED = {
    "Trailing slash on void elements": "the templates are XML as well, for the layout of the PDF",
    "Consider using the “h1” element": "each chapter has a heading of the first level, as on paper",
    "Inline style violates Content Security Policy": "the policy names its hash, which the checker does not work out",
    "Inline script violates Content Security Policy": "the same",
    "Resource violates Content Security Policy (meta tag): image “data:": "img-src allows data:, as browsers take it",
}
"""Beginnings of what the checker remarks and what stays, and why; errors never do."""

SAMPLE = ROOT / "reports" / "sample"

TRAPS = (
    *("x;=1+41;y", "x\n=1+1", "\t=1+1", " =1+1", "+1", "-1+2", "@SUM(A1)", '";"=1', "'=1", "=1", "x\r\n;+1", "\uff1d1"),
    *(
        "012345678901",
        "111122223333",
        "1E10",
        "1e-5",
        "12345678901234567",
        "1.10",
        "1,5",
        "3/4",
        "10-11",
        "3:45",
        "50%",
    ),
    *("sep-2", "2-Mar", "1 Dez", "2026-10-31", "2026-10-31T00:00:00Z", "10.0.0.1", "TRUE", "1 1/2", " 007", "1.2.26"),
    *("\U0001f6a8" * 20_000, "x" * 140_000, "\u202ecod.exe", "a\x00b", "\x1b[31m", "_x000D_", "<r><t>a</t></r>"),
)
"""Texts of which one spreadsheet or another makes something else."""


def main(arguments: Sequence[str]) -> int:
    """Judge each file by each judge; 1 when a rule fails."""
    with tempfile.TemporaryDirectory(prefix="auditor-conformance-") as name:
        folder = Path(name)
        files = [Path(argument) for argument in arguments] or list(_samples(folder))
        pdfs = [file for file in files if file.suffix == ".pdf"]
        logs = [file for file in files if file.suffix == ".sarif"]
        pages = [file for file in files if file.suffix == ".html"]
        failed = [*(_judge_pdfs(pdfs) if pdfs else ()), *(_judge_logs(logs, folder) if logs else ())]
        failed += _judge_pages(pages) if pages else ()
        tables = [file for file in files if file.suffix in {".csv", ".xlsx"}]
        failed += _judge_tables(tables, folder) if tables else ()
    return 1 if failed else 0


def _lacks(what: str, *programs: str) -> bool:
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        print(f"conformance: {what} not judged, because {' and '.join(missing)} cannot be found on this machine")
    return bool(missing)


# --- PDF --------------------------------------------------------------------------------------------------------------


def _judge_pdfs(files: Sequence[Path]) -> list[str]:
    """Return what does not conform, as "file, profile"."""
    if _lacks("PDF", "java", "mvn"):
        return []
    jars = _verapdf()
    return [f"{file.name}, {profile}" for profile in PROFILES for file in _not_conforming(jars, files, profile)]


def _verapdf() -> Path:
    """Resolve veraPDF into build/verapdf and return that folder."""
    folder = ROOT / "build" / "verapdf"
    if not list(folder.glob("*.jar")):
        command = ["mvn", "-q", "-B", "-f", str(ROOT / "tools" / "verapdf.xml"), "dependency:copy-dependencies"]
        subprocess.run([*command, f"-DoutputDirectory={folder}"], check=True)
    return folder


def _not_conforming(jars: Path, files: Sequence[Path], profile: str) -> list[Path]:
    """Judge all files in one process, as most of the time of a first file is Java's; a file without PASS has failed."""
    command = ["java", "-Djava.awt.headless=true", "-cp", f"{jars}/*", VERAPDF, "-f", profile, "--format", "text", "-v"]
    answer = subprocess.run([*command, *map(str, files)], check=False, capture_output=True, text=True)
    passed = {line for line in answer.stdout.splitlines() if line.startswith("PASS ")}
    wrong = [file for file in files if f"PASS {file.resolve()} {profile}" not in passed]
    for file in files:
        print(f"{PROFILES[profile]}: {'DOES NOT CONFORM' if file in wrong else 'conforms'}: {file.name}")
    if wrong:
        print(answer.stdout, answer.stderr, sep="\n")
    return wrong


# --- SARIF ------------------------------------------------------------------------------------------------------------


def _judge_logs(files: Sequence[Path], folder: Path) -> list[str]:
    """Return each error, and each warning that is not accepted, as one line."""
    if _lacks("SARIF", "npm") or (tool := _multitool()) is None:
        return []
    found = [complaint for file in files for complaint in _complaints(tool, file, folder / f"{file.name}.judged")]
    for line in found:
        print(line)
    return found


def _multitool() -> Path | None:
    """Install the multitool into build/sarif-multitool and return its program; None where it does not come for."""
    folder = ROOT / "build" / "sarif-multitool"
    if not (folder / "node_modules").exists():
        folder.mkdir(parents=True, exist_ok=True)
        quiet = ["--no-save", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(["npm", "install", *quiet, "--prefix", str(folder), MULTITOOL], check=True, stdout=sys.stderr)
    program = folder / "node_modules" / "@microsoft" / f"sarif-multitool-{sys.platform}" / "Sarif.Multitool"
    if not program.exists():
        print(f"conformance: SARIF not judged, because the multitool does not come for {sys.platform}")
        return None
    program.chmod(program.stat().st_mode | 0o100)
    return program


def _complaints(tool: Path, file: Path, judged: Path) -> list[str]:
    command = [str(tool), "validate", str(file), "--rule-kind", RULES, "--level", "Error;Warning", "--kind", "Fail"]
    environment = {**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
    answer = subprocess.run(
        [*command, "--output", str(judged)], check=False, capture_output=True, text=True, env=environment
    )
    if answer.returncode or not judged.exists():
        return [f"{file.name}: the multitool broke: {(answer.stdout + answer.stderr)[:500]}"]
    run = json.loads(judged.read_text(encoding="utf-8-sig"))["runs"][0]
    found = [item for item in run.get("results", ()) if item["ruleId"] not in ACCEPTED]
    lines = [f"{file.name}: {item.get('level', 'warning')} {item['ruleId']}: {_words(item)}" for item in found]
    print(f"SARIF and GitHub's rules: {'conforms' if not lines else 'DOES NOT CONFORM'}: {file.name}")
    return lines


def _words(item: Mapping[str, Any]) -> str:
    message = item["message"]
    return str(message.get("text") or ", ".join(message.get("arguments", ())))


# --- HTML ------------------------------------------------------------------------------------------------------------


def _judge_pages(files: Sequence[Path]) -> list[str]:
    """Return each error, and each remark that is not accepted, as one line."""
    if _lacks("HTML", "java", "npm"):
        return []
    folder = ROOT / "build" / "vnu"
    jar = folder / "node_modules" / "vnu-jar" / "build" / "dist" / "vnu.jar"
    if not jar.exists():
        folder.mkdir(parents=True, exist_ok=True)
        quiet = ["--no-save", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(["npm", "install", *quiet, "--prefix", str(folder), CHECKER], check=True, stdout=sys.stderr)
    command = ["java", "-Xss8m", "-jar", str(jar), "--format", "json", *map(str, files)]
    answer = subprocess.run(command, check=False, capture_output=True, text=True)
    found = list(remarks(answer.stderr))
    for file in files:
        wrong = any(line.startswith((f"{file.name}:", "the checker broke:")) for line in found)
        print(f"HTML: {'DOES NOT CONFORM' if wrong else 'conforms'}: {file.name}")
    for line in found:
        print(line)
    return found


def remarks(answer: str) -> Iterator[str]:
    """Yield what the Nu Html Checker says of pages, but for what is accepted; an answer that is none is told."""
    try:
        messages = json.loads(answer)["messages"]
    except (ValueError, KeyError, TypeError):
        yield f"the checker broke: {answer[:500]}"
        return
    for item in messages:
        if "error" in item["type"] or not item["message"].startswith(tuple(HTML_ACCEPTED)):
            page = unquote(str(item.get("url", "?"))).rpartition("/")[2]
            yield f"{page}:{item.get('lastLine', 0)}: {item['type']}: {item['message']}"


# --- CSV and XLSX -----------------------------------------------------------------------------------------------------


def _judge_tables(files: Sequence[Path], folder: Path) -> list[str]:
    """Return what a spreadsheet makes of our tables that they do not say."""
    if _lacks("CSV and XLSX", "soffice", "pdftotext"):
        return []
    sys.path.insert(0, str(ROOT))
    from tools.spreadsheets import judge

    return judge(files, folder)


# --- what is judged ---------------------------------------------------------------------------------------------------


def _samples(folder: Path) -> Iterator[Path]:
    sys.path.insert(0, str(ROOT))
    from auditor.render import about, context, html, integrity, pdf
    from auditor.render.exports import Source, export
    from auditor.render.exports.tables import csv_pieces
    from auditor.render.logo import logo_url
    from tests.render import logos
    from tests.render.sample import AS_OF, REGIONS, build
    from tests.trail.scenarios import TOLD, documents_of

    png, svg = logo_url(logos.png(), "logo.png"), logo_url(logos.SVG, "logo.svg")
    variants = (("a4", False, "A4", png), ("letter", False, "Letter", svg), ("hostile", True, "A4", ""))
    for name, hostile, paper, logo in variants:
        made = build(folder / name, regions=REGIONS[6:9], resources=3, hostile=hostile)
        branding = about.Branding(paper=paper, classification="Confidential", logo=logo)
        report = context.build(
            made.results, made.evidence, manifest_hash="00" * 32, report_id=f"conformance-{name}", branding=branding
        )
        shown = folder / f"{name}.html"
        shown.write_bytes(html.render(report))
        yield shown
        further = pdf.Attachment("results/results.json", b"{}\n", "All results", AS_OF, "Source")
        path = folder / f"{name}.pdf"
        path.write_bytes(pdf.render(report, [further]))
        yield path
        records = {record.ref: record.document() for record in made.evidence.records}
        source = Source(made.results, records, f"conformance-{name}", "0")
        made_files = export(
            replace(source, bom=name == "letter"), ["sarif", "csv", "results-csv", "imported-csv", "xlsx"]
        )
        for file, pieces in made_files:
            path = folder / f"{name}-{file}"
            path.write_bytes(b"".join(pieces))
            yield path
    traps = folder / "traps.csv"
    traps.write_bytes(b"".join(csv_pieces(("what", "as"), [(text, "x") for text in TRAPS])))
    yield traps
    alone = folder / "integrity.pdf"
    alone.write_bytes(integrity.render_pdf(integrity.pages(documents_of(*TOLD))))
    yield alone
    yield from (SAMPLE / "report.pdf", SAMPLE / "report.html", SAMPLE / "results" / "results.sarif")
    yield from sorted((SAMPLE / "results").glob("*.csv"))
    yield from _signed(folder / "a4.pdf")


def _signed(path: Path) -> Iterator[Path]:
    """Sign a PDF at each level of PAdES that is used."""
    from tests.seal.authority import signatures_of_every_level

    for level, data in signatures_of_every_level(path.read_bytes()):
        signed = path.with_name(f"{path.stem}-signed-{level.lower()}.pdf")
        signed.write_bytes(data)
        yield signed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
