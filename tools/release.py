"""Closes the version that the sources are: ``python -m tools.release NEXT``, run where it was tagged and built.

The hash over its sources goes into ``auditor/catalog/released.json``: by it later programs know packs that the release
made. The sources then are those of the next version, and the heading of the changelog says so.
"""

import re
import sys
from datetime import UTC, date, datetime
from pathlib import Path

from auditor import __version__
from auditor.catalog.released import FILE, Release, fingerprints, releases, written
from auditor.run import open_catalog
from auditor.run.building import this_build

_ROOT = Path(__file__).resolve().parent.parent
_HEADING = "## [Unreleased]\n"
_VERSION = re.compile(r"\d+\.\d+\.\d+")


def closed(version: str, following: str, sources_sha256: str) -> str:
    """Return ``released.json`` with a version closed, and the one that follows begun with the rules as they are.

    Raises:
        ValueError: the version that follows does not come later, or the one to be closed is closed.
    """
    if not _VERSION.fullmatch(following) or _parts(following) <= _parts(version):
        raise ValueError(f"{following} is no version that comes after {version}")
    known = releases()
    if version in known and known[version].sources_sha256:
        raise ValueError(f"{version} is released already")
    rules = fingerprints(open_catalog())
    return written({**known, version: Release(sources_sha256, rules), following: Release("", rules)})


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def dated(changelog: str, version: str, day: date) -> str:
    """Return a changelog in which what is unreleased is that of a version.

    Raises:
        ValueError: it has no heading for what is unreleased.
    """
    if changelog.count(_HEADING) != 1:
        raise ValueError(f"the changelog has no one heading {_HEADING.strip()!r}")
    return changelog.replace(_HEADING, f"{_HEADING}\n## [{version}] - {day:%Y-%m-%d}\n")


def main(arguments: list[str]) -> int:
    """Close the version; return 2 when that cannot be done."""
    if len(arguments) != 1:
        print("usage: python -m tools.release NEXT", file=sys.stderr)
        return 2
    (following,) = arguments
    changelog, module = _ROOT / "CHANGELOG.md", _ROOT / "auditor" / "__init__.py"
    try:
        # all is worked out before anything is written: the hash is over the sources as they were released
        text = closed(__version__, following, this_build(drawn=False).sources_sha256)
        changes = dated(changelog.read_text("utf-8"), __version__, datetime.now(UTC).date())
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    FILE.write_text(text, encoding="utf-8")
    changelog.write_text(changes, encoding="utf-8")
    line = f'__version__ = "{__version__}"'
    module.write_text(module.read_text("utf-8").replace(line, f'__version__ = "{following}"'), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
