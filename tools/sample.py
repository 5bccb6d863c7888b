"""Rebuilds the committed sample pack, or compares it: ``python tools/sample.py [--check]``.

The sample is the pack of ``auditor demo``, in two Regions, signed with an identity whose private key lives only while
this runs. The simulated account stands still at a fixed moment, so the same sources give the same bytes below the
signature; those are compared, and the committed signature is verified. Where lines of the PDF break also depends on the
system's Pango; the sample is made on Debian 12.
"""

import base64
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "reports" / "sample"
REGIONS = "eu-central-1,us-east-1"
"""Where the simulated account's story plays. All seventeen would bring some fifteen megabytes of digests with them."""

SIGNER = "Auditor sample pack (throw-away key)"
DAYS = 36500
"""Of validity: nobody holds the key any more, so there is nothing that an early end would protect."""

STATEMENT = "trust/attestation.intoto.json"
SEAL = frozenset(
    {"SHA256SUMS", "SHA256SUMS.p7s", "VERIFY.md", "trust/seal.json", "trust/signer.pem", "trust/chain.pem"}
)
"""Files that a signature makes, or that tell of it."""

HOLDS = ("files", "manifest", "pages", "signature", "pdf-signature", "attestation", "replay")
"""Checks of ``auditor verify`` that the committed sample has to pass."""

README = ROOT / "README.md"
SHOWN = re.compile(r"^\$ auditor verify reports/sample [^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)

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


def sign(pack: Path) -> None:
    """Seal a pack with a new identity, the PDF too; its private key is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="auditor-identity-") as folder:
        options = ["--name", SIGNER, "--days", str(DAYS), "--no-password", "--out", folder]
        _auditor("keygen", *options)
        _auditor(
            "seal",
            str(pack),
            "--key",
            f"{folder}/signing-key.pem",
            "--certificate",
            f"{folder}/signing-certificate.pem",
        )


def _auditor(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "auditor", *arguments], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)


def files(pack: Path) -> dict[str, bytes]:
    """Return the files of a pack by relative name."""
    return {str(path.relative_to(pack)): path.read_bytes() for path in sorted(pack.rglob("*")) if path.is_file()}


def unsealed(found: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return a pack's files as they are before anybody signs: without its seal, the PDF as it was rendered."""
    kept = {name: data for name, data in found.items() if name not in SEAL}
    if (pdf := json.loads(found["trust/seal.json"])["pdf"]) is not None:
        kept["report.pdf"] = kept["report.pdf"][: pdf["unsigned_bytes"]]
    statement = json.loads(kept[STATEMENT])
    if "payload" in statement:
        kept[STATEMENT] = base64.b64decode(statement["payload"])
    return kept


def broken() -> Iterator[str]:
    """Yield one line for each check that the committed sample does not pass, and each that the README tells wrong."""
    command = [sys.executable, "-m", "auditor", "verify", str(SAMPLE.relative_to(ROOT)), "--replay"]
    report = json.loads(subprocess.run([*command, "--json"], cwd=ROOT, stdout=subprocess.PIPE, check=False).stdout)
    outcomes = {check["name"]: f"{check['outcome']}: {check['message']}" for check in report["checks"]}
    for name in HOLDS:
        if not outcomes.get(name, "").startswith("pass"):
            yield f"{name}: {outcomes.get(name, 'not checked')}"
    said = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False).stdout
    for line in shown(README.read_text(encoding="utf-8")):
        if line not in said:
            yield f"README.md shows what auditor verify does not say: {line}"


def shown(readme: str) -> list[str]:
    """Return the lines that the README gives as the answer of ``auditor verify``, each as far as its first dots."""
    found = SHOWN.search(readme)
    return [line.partition("...")[0].rstrip() for line in found[1].splitlines()] if found else ["(no answer is shown)"]


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
            sign(pack)
            shutil.rmtree(SAMPLE, ignore_errors=True)
            shutil.copytree(pack, SAMPLE)
            draw(SAMPLE / "report.pdf")
            print(f"{len(files(SAMPLE))} files in {SAMPLE.relative_to(ROOT)}")
            return 0
        found = [*differences(unsealed(files(SAMPLE)), unsealed(files(pack))), *broken()]
    for line in found:
        print(line, file=sys.stderr)
    if found:
        print(
            "reports/sample is not what the sources produce: run `make sample`, look at it, commit it", file=sys.stderr
        )
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
