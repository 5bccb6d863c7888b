"""Deriving again what a pack says, from its evidence and rules, and comparing it file by file. Needs no network.

Everything but evidence and rules follows from them: results, exports, texts, manifest, pages, statement. What follows
from nothing is listed by ``auditor.pack.derivable``.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from auditor.base.errors import CatalogError, IntegrityError
from auditor.catalog.released import Release, shipped
from auditor.pack.derivable import not_derivable
from auditor.pack.layout import EVIDENCE, RULES
from auditor.run.again import Again, presentation_in
from auditor.run.deriving import Judged, judged
from auditor.run.judging import Rules, open_rules
from auditor.run.maker import Kind, Maker, maker_of
from auditor.run.reassembling import is_assembled, replay_assembled
from auditor.run.rulings import ruled
from auditor.run.strays import strays
from auditor.seal.manifest import MANIFEST
from auditor.seal.manifest_form import parse_manifest
from auditor.seal.report import Difference, Rechecked

_AGREEMENT = "results, exports, texts, manifest, pages and statement follow from evidence and rules, byte for byte"


def replay(pack: Path, known: Mapping[str, Release] | None = None) -> Rechecked:
    """Derive everything again that follows from a pack's evidence and rules; say what differs.

    Args:
        pack: a folder whose files are plain ones with lawful names and the hashes that the pack states.
        known: releases by version; None for those that this program knows.

    Raises:
        AuditorError: evidence, rules or manifest are not usable.
    """
    if is_assembled(pack):
        return replay_assembled(pack, known)
    stated = parse_manifest((pack / MANIFEST).read_bytes())
    maker = maker_of(stated.tool, known)
    try:
        rules = open_rules(pack / RULES)
    except CatalogError as error:
        if maker.kind is not Kind.EARLIER:
            raise
        return Rechecked("", open=(maker.words, f"this program does not read the rules of the pack: {error.message}"))
    if maker.release is not None:
        rules = replace(rules, shipped=shipped(known, stated.tool.version))
    found = _judged(pack, rules)
    wrong, unlike = Again(pack, stated, presentation_in(pack), found, maker).outcome()
    return Rechecked(
        _AGREEMENT,
        differences=(*_not_its_rules(maker, rules), *wrong, *strays(pack, found.evidence, stated)),
        open=unlike,
        taken=not_derivable(found.document, [entry.path for entry in stated.files]),
        notices=tuple(item["text"] for item in found.document["notices"]),
        further={"rules": ruled(found, rules.catalog, stated.tool.version)},
    )


def _not_its_rules(maker: Maker, rules: Rules) -> tuple[Difference, ...]:
    """Return a difference where a pack names a release as its maker that had other rules: that was not its maker."""
    name = f"{maker.tool.name} {maker.tool.version}"
    return tuple(
        Difference(RULES, f"{rule} is not as {name} shipped it, which {MANIFEST} names as the maker")
        for rule in maker.shipped_otherwise(rules.catalog)
    )


def _judged(pack: Path, rules: Rules) -> Judged:
    found = judged(pack / EVIDENCE, rules)
    try:
        found.report_id  # noqa: B018 - written down once, here, where it can be told what is wrong with it
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"the results of judging again have no canonical form: {error}") from error
    return found
