"""Closing a version: later programs know by hash what it was."""

import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import orjson
import pytest

from auditor import __version__
from auditor.run.building import this_build
from tools.release import closed, dated

ROOT = Path(__file__).parents[2]


def test_a_closed_version_is_known_by_the_hash_over_its_sources_and_the_next_is_begun(tmp_path: Path) -> None:
    for name in ("auditor", "controls", "templates", "tools"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "CHANGELOG.md", tmp_path)
    command = [sys.executable, "-m", "tools.release", "9.0.0"]
    subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}, check=True)
    found = orjson.loads((tmp_path / "auditor/catalog/released.json").read_bytes())
    assert list(found)[-2:] == [__version__, "9.0.0"]
    assert found[__version__]["sources_sha256"] == this_build(drawn=False).sources_sha256
    assert found["9.0.0"] == {"sources_sha256": "", "rules": found[__version__]["rules"]}
    assert '__version__ = "9.0.0"' in (tmp_path / "auditor/__init__.py").read_text()
    assert f"\n## [{__version__}] - " in (tmp_path / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("following", [__version__, "0.0.1", "next", "1.0", "../1.0.0"])
def test_only_a_later_version_follows(following: str) -> None:
    with pytest.raises(ValueError, match="is no version that comes after"):
        closed(__version__, following, "ab" * 32)


def test_what_is_unreleased_becomes_the_version_and_nothing_else_does() -> None:
    text = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A.\n"
    assert dated(text, "1.2.3", date(2026, 12, 1)) == (
        "# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-12-01\n\n### Added\n\n- A.\n"
    )
    with pytest.raises(ValueError, match="no one heading"):
        dated("# Changelog\n", "1.2.3", date(2026, 12, 1))
