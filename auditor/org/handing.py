"""Holds what the accounts of an organization were handed against where it comes from. Needs no network.

The organization's pack says which accounts hold something for others (``holders`` of its ``scope.json``), and which of
their answers were handed on (``operations``). Each account's pack then has exactly these, as they stand in the
organization's own evidence. What the owner of a trail has verified of changes to it is cut anew from the owner's pack.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from auditor.base.errors import IntegrityError
from auditor.base.untrusted import shape_words
from auditor.evidence.answer import Record
from auditor.evidence.operations import call_in
from auditor.evidence.store import Evidence
from auditor.model import Control
from auditor.org.owners import handed_on, owners_of
from auditor.org.pack import members_in
from auditor.org.trails import TRAILS
from auditor.pack.layout import EVIDENCE, RULES
from auditor.run.judging import open_rules
from auditor.run.shared import Shared, is_lent, unpacked
from auditor.run.trails import DIGESTS, EVENTS
from auditor.seal.manifest import AccountPack
from auditor.seal.report import Difference, Rechecked

_AGREEMENT: Final = "what accounts were handed of others is what stands in the packs of these and of the organization"
_CUT: Final = frozenset({DIGESTS, EVENTS})
"""What is cut from the pack of a trail's owner; everything else stands in the organization's evidence."""

Key = tuple[str, str, str, bytes]
Documents = dict[Key, Mapping[str, Any]]


def recheck_handed_on(pack: Path) -> Rechecked:
    """Compare what each account's pack was handed with its source.

    Args:
        pack: that of an organization, whose files are plain ones with the hashes that it states.

    Raises:
        AuditorError: evidence or rules are not usable.
    """
    try:
        return _rechecked(pack)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise IntegrityError(f"what was handed on is not of its shape: {shape_words(error)}") from error


def _rechecked(pack: Path) -> Rechecked:
    own = Evidence(pack / EVIDENCE)
    sources = _of_holders(own) | (_of_owners(pack, own) if _CUT & set(own.run.operations) else {})
    owners = {key[0] for key in sources if key[2] in _CUT}
    differences = tuple(
        difference
        for member in members_in(pack)
        for difference in _compared(pack, member, _for(member.account, sources, owners), own)
    )
    return Rechecked(_AGREEMENT if sources else "nothing was handed on from account to account", differences)


def _handed(evidence: Evidence, member: AccountPack) -> dict[Key, Record]:
    return {
        (record.account, *record.call.key): record
        for record in evidence.records
        if is_lent(member.account, record.account, record.call.operation)
    }


def _of_holders(own: Evidence) -> Documents:
    """Return the answers in the organization's evidence that are handed on."""
    holders = {holder.scope.id for holder in own.run.holders}
    operations = set(own.run.operations) - _CUT
    return {
        (record.account, *record.call.key): record.document()
        for record in own.records
        if record.account in holders and record.call.operation in operations
    }


def _of_owners(pack: Path, own: Evidence) -> Documents:
    """Return what follows from the packs of those who own the organization's trails."""
    controls = _controls(pack, own)
    trails = {
        str(item["TrailARN"]): item
        for record in own.records
        if record.call.operation == TRAILS
        for page in own.pages(record)
        for item in page.get("trailList") or ()
        if item.get("IsOrganizationTrail") is True
    }
    found = Shared(trails=tuple(trails[arn] for arn in sorted(trails)))
    cut = unpacked(handed_on(pack, owners_of(controls, found), controls, found).answers)
    return {(str(document["account"]), *call_in(document).key): document for document, _ in cut}


def _controls(pack: Path, own: Evidence) -> tuple[Control, ...]:
    catalog = open_rules(pack / RULES).catalog
    return tuple(catalog.controls_of(catalog.select(own.run.frameworks, own.run.controls)))


def _for(account: str, sources: Documents, owners: set[str]) -> Documents:
    """Return what one account is handed: nothing of its own, and an owner of trails nothing of other owners."""
    return {
        key: document
        for key, document in sources.items()
        if is_lent(account, key[0], key[2]) and not (account in owners and key[2] in _CUT)
    }


def _compared(pack: Path, member: AccountPack, sources: Documents, own: Evidence) -> Iterator[Difference]:
    evidence = Evidence(pack / member.folder / EVIDENCE)
    handed, place = _handed(evidence, member), f"{member.folder}{EVIDENCE}"
    for key, record in handed.items():
        if key not in sources:
            words = f"{record.call.operation} of {record.account} was handed on by nobody"
            yield Difference(f"{place}/meta/{record.ref}.json", words)
        elif {**record.document(), "ref": ""} != {**sources[key], "ref": ""}:
            words = f"{record.call.operation} of {record.account} is not what was handed on"
            yield Difference(f"{place}/{record.path}", words)
    for key in sorted(sources.keys() - handed.keys()):
        yield Difference(f"{place}/scope.json", f"lacks the answer of {key[0]} to {key[2]} that was handed on")
    holders = tuple(holder for holder in own.run.holders if holder.scope.id != member.account)
    if evidence.run.holders != holders:
        yield Difference(f"{place}/scope.json", "/holders are not the accounts that hold something for this one")
