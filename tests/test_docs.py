"""What the pages tell people to type works as it is printed: blocks marked ``bash tested`` are run, in their order."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from auditor.base.whole import link_files

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
BLOCK = re.compile(
    r"^(?P<indent> *)```(?P<kind>\S*)(?: (?P<what>[^\n]+))?\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE
)

WANTED = {
    "hand-over": "hand a pack to your auditor",
    "reading-a-pack": "read a pack",
    "verify-a-pack": "verify with openssl only",
    "run-monthly": "run it monthly",
    "gate-a-pipeline": "gate a pipeline",
    "from-finding-to-fix": "from finding to fix",
    "twelve-months": "twelve months for Type II",
    "add-a-control": "write a control",
    "exit-codes": "exit codes",
    "permissions": "permissions",
    "what-changed": "what changed",
}
"""Page -> what people come for; each has commands that are run here."""
READ_ONLY = {"what-we-cannot-see": "what we cannot see"}


def blocks(page: Path) -> list[tuple[str, str, str]]:
    """Return kind, label and text of each fenced block of a page."""
    found = BLOCK.finditer(page.read_text("utf-8"))
    return [(item["kind"], item["what"] or "", dedent(item["text"])) for item in found]


def test_every_page_that_people_come_for_is_there_and_named_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    named = {*WANTED, *READ_ONLY} - {"what-changed"}
    assert [name for name in sorted(named) if f"docs/{name}.md" not in readme] == []
    assert "SECURITY.md" in readme  # the threat model
    tested = {page.stem for page in DOCS.glob("*.md") if any(what == "tested" for _, what, _ in blocks(page))}
    assert tested >= set(WANTED)


@pytest.mark.simulator
@pytest.mark.parametrize(
    "page", sorted(page.stem for page in DOCS.glob("*.md") if "```bash tested" in page.read_text())
)
def test_the_commands_of_a_page_run(page: str, tmp_path: Path) -> None:
    link_files(ROOT / "reports" / "sample", tmp_path / "reports" / "sample")
    words = [f'set -eu\nauditor() {{ {shlex.quote(sys.executable)} -m auditor "$@"; }}']
    for kind, what, text in blocks(DOCS / f"{page}.md"):
        if kind == "bash" and what == "tested":
            words.append(f"(\n{text})")
        elif what.endswith((".yaml", ".tf")):
            (tmp_path / what).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / what).write_text(text, "utf-8")
    done = subprocess.run(["bash"], input="\n".join(words), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
