"""What the pages tell people to type works as it is printed: blocks marked ``bash tested`` are run, in their order."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import click
import pytest

from auditor.base.whole import link_files
from auditor.cli import auditor

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


PAGES = (ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md")))


def shown(page: Path) -> Iterator[list[str]]:
    """Yield the arguments of each ``auditor`` command of a page, in a block or between words."""
    text = page.read_text("utf-8")
    lines = [line for _, _, block in blocks(page) for line in block.replace("\\\n", " ").splitlines()]
    found = [told for line in lines if (told := re.match(r"\s*(?:\$ )?(?:\S*/)?auditor (.*)", line))]
    for told in (*found, *re.finditer(r"`(?:\.venv/bin/)?auditor ([^`\n]+)`", text)):
        try:
            yield shlex.split(re.split(r"\s[|>;&#]", told[1])[0])
        except ValueError:  # a quote goes on in the next line
            continue


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_and_options_that_a_page_shows_are_there(page: Path) -> None:
    for words in shown(page):
        command: click.Command = auditor
        rest = list(words)
        while rest and isinstance(command, click.Group) and not rest[0].startswith("-"):
            found = command.get_command(click.Context(command), rest[0])
            assert found is not None, words
            command = found
            rest.pop(0)
        known = {name for item in command.params for name in (*item.opts, *item.secondary_opts)} | {"--help"}
        assert [word for word in rest if word.startswith("--") and word.partition("=")[0] not in known] == [], words
