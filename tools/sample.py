"""Rebuilds the committed sample pack, or compares it: ``python tools/sample.py [--check]``.

The sample is the pack of ``auditor demo``, in two Regions. The simulated account stands still at a fixed moment, so
the same sources give the same bytes. Where lines of the PDF break also depends on the system's Pango; the sample is
made on Debian 12.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "reports" / "sample"
REGIONS = "eu-central-1,us-east-1"
"""Where the simulated account's story plays. All seventeen would bring some fifteen megabytes of digests with them."""

PICTURE = ROOT / "docs" / "images" / "pack-page.png"
PICTURED = "Controls by severity and state"
"""Words that only the page shown in the README has."""

AUDITED = (0, 1, 3, 4)
"""Exit codes after which there is a pack."""


def build(folder: Path) -> Path:
    """Run the demo; return the pack that it wrote below ``folder``.

    Raises:
        SystemExit: the demo broke.
    """
    options = ["--quiet", "--json", "--regions", REGIONS, "--out", str(folder)]
    command = [sys.executable, "-m", "auditor", "demo", *options]
    outcome = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if outcome.returncode not in AUDITED:
        raise SystemExit(f"auditor demo ended with {outcome.returncode}; there is no pack to keep")
    return Path(json.loads(outcome.stdout)["pack"])


def files(pack: Path) -> dict[str, bytes]:
    """Return the files of a pack by relative name."""
    return {str(path.relative_to(pack)): path.read_bytes() for path in sorted(pack.rglob("*")) if path.is_file()}


def differences(kept: dict[str, bytes], made: dict[str, bytes]) -> Iterator[str]:
    """Yield one line for each file that is missing, new or different."""
    for name in sorted({*kept, *made}):
        if name not in made:
            yield f"no longer made: {name}"
        elif name not in kept:
            yield f"not committed: {name}"
        elif kept[name] != made[name]:
            yield f"different: {name}"


def draw(report: Path) -> None:
    """Draw the first page of a report that holds the words of ``PICTURED``, for the README; needs poppler.

    Raises:
        SystemExit: no page holds them.
    """
    text = subprocess.run(["pdftotext", str(report), "-"], stdout=subprocess.PIPE, text=True, check=True).stdout
    pages = [number for number, page in enumerate(text.split("\f"), 1) if PICTURED in page]
    if not pages:
        raise SystemExit(f"no page of the report holds {PICTURED!r}; choose another picture for the README")
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    only = ["-f", str(pages[0]), "-l", str(pages[0]), "-singlefile"]
    subprocess.run(["pdftoppm", "-png", "-r", "96", *only, str(report), str(PICTURE.with_suffix(""))], check=True)


def main(arguments: list[str]) -> int:
    """Rebuild or compare; return 1 when a comparison found a difference."""
    with tempfile.TemporaryDirectory(prefix="auditor-sample-") as folder:
        pack = build(Path(folder))
        if "--check" not in arguments:
            shutil.rmtree(SAMPLE, ignore_errors=True)
            shutil.copytree(pack, SAMPLE)
            draw(SAMPLE / "report.pdf")
            print(f"{len(files(SAMPLE))} files in {SAMPLE.relative_to(ROOT)}")
            return 0
        found = list(differences(files(SAMPLE), files(pack)))
    for line in found:
        print(line, file=sys.stderr)
    if found:
        print(
            "reports/sample is not what the sources produce: run `make sample`, look at it, commit it", file=sys.stderr
        )
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
