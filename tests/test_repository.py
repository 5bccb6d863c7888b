"""What the repository as a whole promises: no machine named, nothing unfinished, locks and fonts in order."""

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

ROOT = Path(__file__).resolve().parent.parent
FONTS = ROOT / "templates" / "fonts"
LOCKS = ("requirements.lock", "requirements-demo.lock", "requirements-dev.lock")
LARGEST = 2_000_000

REGISTRY_SHAPES = (
    r"--(extra-)?index-url[ =]+http",
    r'"resolved": *"http',
    r'registry *= *"http',
    r'https?://[^ "]+/simple\b',
    r'https?://[^ "]+/packages/[0-9a-f]{2}/',
    r'https?://[^ "]+/-/[^ "]+[.]tgz',
    r"[.]whl[#]sha256",
    r"\b(pypi|pythonhosted|npmjs|yarnpkg)[.](org|com|io)\b",
)
"""What the address of a package registry looks like, in lock files and elsewhere."""

UNFINISHED = "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3, "raise NotImplemented" + "Error"))
LEFT_OUT = r"pytest[.]mark[.](skip|xfail)|pytest[.]skip[(]|importor" + "skip|assert " + r"True\b"


def tracked() -> list[Path]:
    """Return the files that git tracks and that stand in the work tree."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in listing.decode().split("\0") if name and (ROOT / name).is_file()]


TRACKED = tracked()


def lines_with(pattern: str, *suffixes: str) -> list[str]:
    """Return ``file:line`` of every match in tracked text files, of all kinds or with the given name endings."""
    expression = re.compile(pattern)
    found = []
    for path in TRACKED:
        if suffixes and not path.name.endswith(suffixes):
            continue
        content = path.read_bytes()
        if b"\0" in content:
            continue
        lines = content.decode("utf-8", "replace").splitlines()
        found += [
            f"{path.relative_to(ROOT)}:{number}" for number, line in enumerate(lines, 1) if expression.search(line)
        ]
    return found


@pytest.mark.parametrize("shape", REGISTRY_SHAPES)
def test_no_file_names_a_package_registry(shape: str) -> None:
    assert lines_with(shape) == []


def test_no_file_names_a_path_of_this_machine() -> None:
    assert lines_with(rf"{re.escape(str(ROOT))}\b") == []


def test_nothing_is_marked_unfinished() -> None:
    assert lines_with(rf"\b({UNFINISHED})\b", ".py", ".yaml", ".j2", ".sh", "Makefile") == []


def test_no_test_is_left_out() -> None:
    assert lines_with(LEFT_OUT, ".py") == []


def test_no_file_is_too_large_to_read_in_a_review() -> None:
    assert [str(path.relative_to(ROOT)) for path in TRACKED if path.stat().st_size > LARGEST] == []


def test_nothing_generated_is_tracked() -> None:
    generated = re.compile(r"(^|/)(uv\.lock|package-lock\.json|\.DS_Store|node_modules/.*|\.venv/.*|.*\.pyc)$")
    assert [path.name for path in TRACKED if generated.search(str(path.relative_to(ROOT)))] == []


def test_the_documents_a_newcomer_looks_for_are_there() -> None:
    wanted = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "Makefile", ".ci/run")
    assert [name for name in wanted if not (ROOT / name).is_file() or not (ROOT / name).stat().st_size] == []


def test_every_make_target_is_explained_by_make_help() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE)) - {"demo-ready"}
    alone = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "--no-print-directory", "help"]
    listing = subprocess.run(command, cwd=ROOT, env=alone, capture_output=True, text=True, check=True).stdout
    assert {line.split()[0] for line in listing.splitlines()} == targets


def test_every_make_target_that_is_announced_is_there_once() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    [announced] = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert sorted(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE)) == sorted(announced.split())


def test_links_between_our_documents_lead_somewhere() -> None:
    broken = [
        f"{path.relative_to(ROOT)} -> {target}"
        for path in TRACKED
        if path.suffix == ".md" and "reports" not in path.parts
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
        if not (path.parent / target).exists()
    ]
    assert broken == []


def test_every_decision_is_in_the_list_of_decisions() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = set(re.findall(r"\]\(([^)]+)\)", (folder / "README.md").read_text(encoding="utf-8")))
    assert listed == {path.name for path in folder.glob("*.md")} - {"README.md"}


# --- lock files -------------------------------------------------------------------------------------------------------


def pins(lock: str) -> dict[str, set[str]]:
    """Return the pinned versions of a lock file by package name; a package may have one for each Python version."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(
        r"^([a-z0-9.-]+)(?:\[[^]]*])?==([^ ;\\]+)", (ROOT / lock).read_text(), re.MULTILINE
    ):
        found.setdefault(name, set()).add(version)
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_hashes_and_no_address(lock: str) -> None:
    entries = re.split(r"\n(?=[a-z0-9])", (ROOT / lock).read_text(encoding="utf-8").strip())
    shape = re.compile(r"[a-z0-9.-]+(\[[a-z0-9,-]+])?==[^ ]+( ; [^\\]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+")
    assert [entry.splitlines()[0] for entry in entries if not shape.fullmatch(entry)] == []


@pytest.mark.parametrize(
    ("lock", "extras", "groups"),
    [
        pytest.param("requirements.lock", (), (), id="product"),
        pytest.param("requirements-demo.lock", ("demo", "excel", "sign"), ("build",), id="demo"),
        pytest.param("requirements-dev.lock", ("demo", "excel", "sign"), ("build", "dev"), id="dev"),
    ],
)
def test_a_lock_covers_what_the_project_asks_for(lock: str, extras: tuple[str, ...], groups: tuple[str, ...]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = list(project["project"]["dependencies"])
    for extra in extras:
        wanted += project["project"]["optional-dependencies"][extra]
    for group in groups:
        wanted += [item for item in project["dependency-groups"][group] if isinstance(item, str)]
    names = {re.split(r"[\[<>=!~; ]", item)[0].lower() for item in wanted}
    assert names - set(pins(lock)) == set()


def test_smaller_locks_pin_the_same_versions_as_the_larger() -> None:
    product, demo, dev = (pins(lock) for lock in LOCKS)
    assert product.items() <= demo.items() <= dev.items()


# --- fonts ------------------------------------------------------------------------------------------------------------


def listed_fonts() -> list[dict[str, str]]:
    """Return the entries of the font list."""
    fonts: list[dict[str, str]] = json.loads((FONTS / "fonts.json").read_text(encoding="utf-8"))["fonts"]
    return fonts


def characters(role: str) -> set[int]:
    """Return the code points that all fonts of a role cover together."""
    covered: set[int] = set()
    for font in listed_fonts():
        if font["role"] == role:
            with TTFont(FONTS / font["file"]) as opened:
                covered |= set(opened.getBestCmap())
    return covered


def test_the_font_list_and_the_font_folder_agree() -> None:
    assert sorted(font["file"] for font in listed_fonts()) == sorted(path.name for path in FONTS.glob("*.woff2"))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Zoë Müller, Łódź, Ğüneş, Nguyễn", id="latin"),
        pytest.param("Ελένη, Владимир, Дмитро Ґжицький", id="greek-and-cyrillic"),
        pytest.param("مُحَمَّد, יעל, Հայկ, გიორგი", id="arabic-hebrew-armenian-georgian"),
        pytest.param("田中さくら, 王小明, 김민준", id="chinese-japanese-korean"),
        pytest.param("प्रिया, অনিন্দিতা, கவிதா, สมชาย, አበበ, ភូមិ", id="indic-thai-ethiopic-khmer"),
        pytest.param("✓ ✗ ~ ? \u2013 ✋ → ≥ …", id="signs"),
    ],
)
def test_no_name_shows_as_boxes(text: str) -> None:
    covered = characters("text") | characters("fallback")
    assert [char for char in text if ord(char) not in covered] == []


def test_licences_of_the_fonts_travel_with_them() -> None:
    assert "SIL OPEN FONT LICENSE" in (FONTS / "LICENSE-IBMPlex.txt").read_text(encoding="utf-8").upper()
    assert len(list(FONTS.glob("LICENSE-*.txt"))) == 4
