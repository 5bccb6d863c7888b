"""What shipped under which id: hashes of every control and framework of each release; holds a catalogue against them.

``released.json`` is written by ``tools/control_pages.py``. The entry of a version that is not released yet follows the
catalogue; entries of releases stay as they are. ``tools/release.py`` closes one: it adds the hash over the sources of
the release, by which later programs know it again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from auditor.base.canonical import sha256_hex
from auditor.catalog.load import Catalog

FILE = Path(__file__).with_name("released.json")

Shipped = Mapping[str, Mapping[str, str]]
"""Version -> name of a rule, such as ``control iam-root-mfa`` -> its SHA-256."""


@dataclass(frozen=True, slots=True)
class Release:
    """What one version shipped.

    Args:
        sources_sha256: one hash over code, catalogue and templates, as a manifest names it; empty while it is not
            released: a program cannot hold its own.
        rules: name of a rule, such as ``control iam-root-mfa`` -> its SHA-256.
    """

    sources_sha256: str
    rules: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Standing:
    """How the rules of a judgement stand to those that shipped; names sorted.

    Args:
        version: the newest release of which everything that is not the user's own is; empty when there is none.
        released: how many rules are as some release had them.
        changed: rules with the id of one that shipped and another content.
        own: rules that never shipped.
    """

    version: str
    released: int
    changed: tuple[str, ...]
    own: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "as_released_in": self.version,
            "released": self.released,
            "changed": list(self.changed),
            "own": list(self.own),
        }


@cache
def releases() -> Mapping[str, Release]:
    """Return each release by its version, the oldest first."""
    found = orjson.loads(FILE.read_bytes())
    return {version: Release(item["sources_sha256"], item["rules"]) for version, item in found.items()}


def shipped(known: Mapping[str, Release] | None = None, until: str = "") -> Shipped:
    """Return the rules of each release, the oldest first.

    Args:
        known: the releases; None for all that this program knows.
        until: the last version that counts; empty for all.
    """
    found: dict[str, Mapping[str, str]] = {}
    for version, release in (releases() if known is None else known).items():
        found[version] = release.rules
        if version == until:
            break
    return found


def written(known: Mapping[str, Release]) -> str:
    """Return ``released.json`` with these releases."""
    documents = {
        version: {"sources_sha256": item.sources_sha256, "rules": dict(item.rules)} for version, item in known.items()
    }
    return orjson.dumps(documents, option=orjson.OPT_INDENT_2).decode() + "\n"


def fingerprints(catalog: Catalog) -> dict[str, str]:
    """Return the SHA-256 of each rule as it is written, by name; comments and the order of keys do not count."""
    return {name: fingerprint(catalog.written[name]) for name in sorted(catalog.written)}


def fingerprint(written: Any) -> str:
    """Return the SHA-256 of one entry of a YAML file."""
    return sha256_hex(orjson.dumps(written, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS))


def standing(catalog: Catalog, names: Iterable[str], known: Shipped | None = None) -> Standing:
    """Hold rules against those that shipped.

    Args:
        catalog: what is judged by.
        names: the rules that the judgement rests on, such as ``control iam-root-mfa``.
        known: what shipped.
    """
    known = shipped() if known is None else known
    hashes = {name: fingerprint(catalog.written[name]) for name in sorted(set(names))}
    ids = {name for release in known.values() for name in release}
    as_shipped = {name for name, sha256 in hashes.items() if any(item.get(name) == sha256 for item in known.values())}
    ours = hashes.keys() & ids
    versions = [
        version for version, release in known.items() if all(release.get(name) == hashes[name] for name in ours)
    ]
    return Standing(
        versions[-1] if versions and ours else "",
        len(as_shipped),
        tuple(sorted(ours - as_shipped)),
        tuple(sorted(hashes.keys() - ids)),
    )
