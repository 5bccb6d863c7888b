"""Deriving the roll-up of an organization's pack again, from the packs inside it. Needs no network."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from auditor.evidence.store import Evidence
from auditor.org.accounts import listing_of, named_listing
from auditor.org.pack import OWN_FILES, SETTINGS, RolledUp, choice_in, material_of, order_bytes, read_document, said_of
from auditor.pack.derivable import not_derivable
from auditor.pack.layout import EVIDENCE
from auditor.run.again import Again, presentation_in
from auditor.run.maker import maker_of
from auditor.run.replaying import replay
from auditor.run.strays import strays
from auditor.seal.manifest import MANIFEST, ORDER
from auditor.seal.manifest_form import parse_manifest
from auditor.seal.report import Difference, Rechecked

_AGREEMENT: Final = "roll-up, tables, texts, manifest and pages follow from the packs of the accounts, byte for byte"


def replay_any(pack: Path) -> Rechecked:
    """Derive again what follows from a pack, of one account or of an organization.

    Raises:
        AuditorError: evidence, rules or manifest are not usable.
    """
    return replay_organization(pack) if (pack / SETTINGS).is_file() else replay(pack)


def replay_organization(pack: Path) -> Rechecked:
    """Derive the roll-up again and everything made of it; the packs of the accounts are replayed one by one elsewhere.

    Args:
        pack: a folder whose files are plain ones with lawful names and the hashes that the pack states.

    Raises:
        AuditorError: evidence, rules or manifest are not usable.
    """
    found = RolledUp(pack, material_of(pack))
    stated = parse_manifest((pack / MANIFEST).read_bytes())
    wrong, unlike = Again(pack, stated, presentation_in(pack), found, maker_of(stated.tool)).outcome()
    return Rechecked(
        _AGREEMENT,
        differences=(*wrong, *_strays(pack, found), *_order(pack), *_scopes(pack, found)),
        open=unlike,
        taken=(
            *not_derivable(found.document, ()),
            "evidence/outcomes.json: why an account that could be entered has no pack",
            "evidence/previous-accounts.json: whom the pack before this one listed",
        ),
        notices=tuple(item["text"] for item in found.document["notices"]),
    )


def _strays(pack: Path, found: RolledUp) -> Iterator[Difference]:
    stated = parse_manifest((pack / MANIFEST).read_bytes())
    own = OWN_FILES | {f"results/{name}" for name in ("accounts.csv", "matrix.csv")}
    inside = {f"{member.folder}{MANIFEST}" for member in stated.accounts}
    yield from (item for item in strays(pack, found.evidence, stated) if item.path not in own | inside)


def _order(pack: Path) -> Iterator[Difference]:
    """Compare the list that was drawn up with the answers of Organizations and the filters."""
    settings = read_document(pack / SETTINGS)
    choice = choice_in(settings)
    answers = said_of(Evidence(pack / EVIDENCE))
    listing = listing_of(answers) if settings["organization"] else named_listing(choice.named)
    if (pack / ORDER).read_bytes() != order_bytes(listing, choice):
        yield Difference(ORDER, "is not the list that follows from the answers of Organizations and the settings")


def _scopes(pack: Path, found: RolledUp) -> Iterator[Difference]:
    """Compare the accounts of the run with those of the packs."""
    stated = [account.document() for account in found.material.run.accounts]
    inside = [
        account.document()
        for item in found.material.summaries
        for account in Evidence(pack / item.member.folder / EVIDENCE).run.accounts
    ]
    if stated != inside:
        yield Difference(f"{EVIDENCE}/scope.json", "names other accounts than those of which there are packs")
