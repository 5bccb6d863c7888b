"""Has veraPDF judge our PDFs against PDF/A-3a and PDF/UA-1: ``python tools/conformance.py [FILE.pdf ...]``.

Without files it lays out the test sample in its variants: A4, Letter, names that mean harm; all with attachments.
veraPDF comes through Maven; where Java or Maven is missing the script says so and does not fail.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROFILES = {"3a": "PDF/A-3a", "ua1": "PDF/UA-1"}
MAIN = "org.verapdf.apps.GreenfieldCliWrapper"


def main() -> int:
    """Judge each file by each profile; 1 when a rule fails."""
    missing = [name for name in ("java", "mvn") if shutil.which(name) is None]
    if missing:
        print(f"conformance: not judged, because {' and '.join(missing)} cannot be found on this machine")
        return 0
    jars = _verapdf()
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(name) for name in sys.argv[1:]] or list(_samples(Path(folder)))
        failed = [file.name for file in files for profile in PROFILES if not _conforms(jars, file, profile)]
    return 1 if failed else 0


def _verapdf() -> Path:
    """Resolve veraPDF into build/verapdf and return that folder."""
    folder = ROOT / "build" / "verapdf"
    if not list(folder.glob("*.jar")):
        command = ["mvn", "-q", "-B", "-f", str(ROOT / "tools" / "verapdf.xml"), "dependency:copy-dependencies"]
        subprocess.run([*command, f"-DoutputDirectory={folder}"], check=True)
    return folder


def _conforms(jars: Path, file: Path, profile: str) -> bool:
    command = ["java", "-Djava.awt.headless=true", "-cp", f"{jars}/*", MAIN, "-f", profile, "--format", "text", "-v"]
    answer = subprocess.run([*command, str(file)], check=False, capture_output=True, text=True)
    passed = answer.stdout.startswith("PASS ")
    print(f"{PROFILES[profile]}: {'conforms' if passed else 'DOES NOT CONFORM'}: {file.name}")
    if not passed:
        print(answer.stdout, answer.stderr, sep="\n")
    return passed


def _samples(folder: Path) -> Iterator[Path]:
    sys.path.insert(0, str(ROOT))
    from auditor.render import context, pdf
    from tests.render.sample import AS_OF, REGIONS, build

    for name, hostile, paper in (("a4", False, "A4"), ("letter", False, "Letter"), ("hostile", True, "A4")):
        made = build(folder / name, regions=REGIONS[6:9], resources=3, hostile=hostile)
        branding = context.Branding(paper=paper, classification="Confidential")
        report = context.build(
            made.results, made.evidence, manifest_hash="00" * 32, report_id=f"conformance-{name}", branding=branding
        )
        further = pdf.Attachment("results/results.json", b"{}\n", "All results", AS_OF, "Source")
        path = folder / f"{name}.pdf"
        path.write_bytes(pdf.render(report, [further]))
        yield path


if __name__ == "__main__":
    sys.exit(main())
