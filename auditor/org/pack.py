"""The pack of an organization: what stands in it, and what follows from that. Used by the run and by whoever checks it.

Beside what every pack has (``auditor.pack.layout``)::

    evidence/accounts.json            the list drawn up before any account was asked; each account's pack names its hash
    evidence/outcomes.json            what came of the accounts that have no pack although they could be entered
    evidence/previous-accounts.json   the accounts of the pack before, to see who left
    rules/organization.json           how accounts were chosen and entered
    accounts/<account>/               one whole pack each, in no way different from that of a single audit
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from auditor.base.canonical import canonical_json, sha256_hex
from auditor.base.errors import IntegrityError
from auditor.base.untrusted import parse_json, shape_words
from auditor.collect.organization import ROLE, Role
from auditor.evidence.store import Evidence
from auditor.org.accounts import Choice, Filter, Listing, Said, listing_of, named_listing
from auditor.org.comings import movements_of
from auditor.org.reconcile import Entry, Reconciliation, Standing, gone_since, reconcile, to_assess
from auditor.org.rollup import Material, roll_up
from auditor.org.summary import Asked, Summary, summarized
from auditor.pack.layout import EVIDENCE, ORGANIZATION, REPLAY, REQUEST, RESULTS, RULES, read_request
from auditor.pack.presentation import Presentation
from auditor.pack.told import Told
from auditor.render import organization
from auditor.run.deriving import branding_of
from auditor.run.request import Progress
from auditor.run.trails import DIGESTS
from auditor.seal.manifest import ACCOUNTS, HTML, MANIFEST, ORDER, PDF, AccountPack, Manifest, ManifestInfo, Tool

SETTINGS: Final = f"{RULES}/{ORGANIZATION}"
OUTCOMES: Final = f"{EVIDENCE}/outcomes.json"
BEFORE: Final = f"{EVIDENCE}/previous-accounts.json"
OWN_FILES: Final = frozenset({ORDER, OUTCOMES, BEFORE, SETTINGS})
_MOST_BYTES: Final = 256 << 20

REPLAY_TEXT: Final = b"""\
To derive the packs of all accounts again, and the roll-up from them, without AWS and without a network:

    auditor verify --replay .

The pack of each account below accounts/ has a replay.txt of its own. Write nothing into the folder of the pack: a file
that its checksums do not list is an added one.
"""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What the run knows of accounts beyond what STS and their packs say.

    Args:
        broken: account -> why there is no pack of it.
        own: accounts that were entered by the caller's own credentials.
        ours: whether an account was lost by a mistake of this program.
    """

    broken: Mapping[str, str]
    own: frozenset[str]
    ours: bool = False

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"broken": dict(sorted(self.broken.items())), "own_credentials": sorted(self.own), "ours": self.ours}


def settings_document(choice: Choice, role: Role, *, organization: bool) -> dict[str, Any]:
    """Return what ``rules/organization.json`` says; the external id is a secret of those who share it."""
    return {
        "schema": "auditor.organization-settings/1",
        "organization": organization,
        "choice": choice.document(),
        "role": {
            "name": role.name,
            "external_id": bool(role.external_id),
            "session": role.session,
            "source_identity": role.source_identity,
        },
    }


def choice_in(settings: Mapping[str, Any]) -> Choice:
    """Return which accounts ``rules/organization.json`` means.

    Raises:
        KeyError, TypeError: it is not of its shape.
        UsageError: a filter is none.
    """
    asked = settings["choice"]
    include, exclude = (
        tuple(Filter(str(item["text"]), str(item["kept"])) for item in asked[name]) for name in ("include", "exclude")
    )
    return Choice(include, exclude, tuple(str(name) for name in asked["accounts"]))


def order_document(listing: Listing, choice: Choice) -> dict[str, Any]:
    """Return the list that is drawn up before any account is asked."""
    asked = {account.id for account in to_assess(listing, choice)}
    return {
        "schema": "auditor.accounts/1",
        "organization": listing.organization,
        "management": listing.management,
        "accounts": [{**account.document(), "asked": account.id in asked} for account in listing.accounts],
        "malformed": list(listing.malformed),
    }


def said_of(evidence: Evidence) -> tuple[Said, ...]:
    """Return the stored answers of Organizations."""
    return tuple(
        Said(record.call.operation, dict(record.call.parameters), evidence.pages(record), record.complete)
        for record in evidence.records
        if record.call.operation.startswith("organizations:")
    )


def read_document(path: Path) -> Any:
    """Read a JSON file of a pack, which anybody may have made.

    Raises:
        IntegrityError: it is missing, too large or no JSON.
    """
    try:
        if path.is_symlink() or path.stat().st_size > _MOST_BYTES:
            raise ValueError("it is no plain file of a size that is read")
        return parse_json(path.read_bytes())
    except (OSError, ValueError) as error:
        raise IntegrityError(f"{path.name} cannot be read: {shape_words(error)}") from error


def members_in(pack: Path) -> tuple[AccountPack, ...]:
    """Return the packs of the accounts, sorted.

    Raises:
        IntegrityError: a manifest cannot be read.
    """
    found = []
    for folder in sorted((pack / ACCOUNTS).glob("[0-9]" * 12)):
        manifest = folder / MANIFEST
        document = read_document(manifest)
        try:
            found.append(AccountPack(folder.name, str(document["pack_id"]), sha256_hex(manifest.read_bytes())))
        except (KeyError, TypeError) as error:
            raise IntegrityError(f"{ACCOUNTS}{folder.name}/{MANIFEST} is not of its shape") from error
    return tuple(found)


def material_of(pack: Path) -> Material:
    """Gather what the roll-up follows from: evidence, settings, and the results of each account's pack.

    Raises:
        IntegrityError: something of it is missing or not of its shape.
        CatalogError: the rules do not say how the packs were judged.
    """
    try:
        return _material(pack)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise IntegrityError(f"the organization's pack is not of its shape: {shape_words(error)}") from error


def _material(pack: Path) -> Material:
    evidence, settings = Evidence(pack / EVIDENCE), read_document(pack / SETTINGS)
    choice = choice_in(settings)
    listing = listing_of(said_of(evidence)) if settings["organization"] else named_listing(choice.named)
    outcomes, before = read_document(pack / OUTCOMES), read_document(pack / BEFORE)
    members = {member.account: member for member in members_in(pack)}
    own = frozenset(str(name) for name in outcomes["own_credentials"])
    entries = _entries(evidence, members, outcomes["broken"], own)
    summaries, controls = _summaries(pack, tuple(members.values()))
    moved = movements_of((row for item in summaries for row in item.movements), listing.management)
    table = reconcile(listing, choice, entries, evidence.run.period, moved)
    _must_be_assessed(members, table)
    return Material(
        run=evidence.run,
        organization=listing.organization,
        management=listing.management,
        table=table,
        gone=gone_since(listing, before["accounts"], str(before["pack_id"]), moved),
        own=own,
        unmatched=choice.unmatched(listing),
        summaries=summaries,
        asked=controls,
        broke=bool(outcomes["ours"]),
        rest=_rest(evidence),
        unread=tuple(
            str(dict(record.call.parameters).get("Name", ""))
            for record in evidence.records
            if record.call.operation == DIGESTS and not record.complete
        ),
    )


def _must_be_assessed(members: Iterable[str], table: Reconciliation) -> None:
    """Refuse a pack of an account that the table does not count as assessed: its letters would stand under others.

    Raises:
        IntegrityError: there is one; no run leaves it.
    """
    assessed = {row.account.id for row in table.of(Standing.ASSESSED)}
    if strangers := sorted(set(members) - assessed):
        words = f"{ACCOUNTS}{strangers[0]} is the pack of an account that the list does not count as assessed"
        raise IntegrityError(words)


def _rest(evidence: Evidence) -> tuple[Mapping[str, Any], ...]:
    """Return the reports on what the organization's trails delivered for accounts without a pack."""
    return tuple(
        {"ref": record.ref, "account": record.account, "region": record.call.region, **page}
        for record in evidence.records
        if record.call.operation == DIGESTS and record.complete
        for page in evidence.pages(record)
    )


def _entries(
    evidence: Evidence, members: Mapping[str, AccountPack], broken: Mapping[str, str], own: frozenset[str]
) -> dict[str, Entry]:
    """Say of every account that somebody tried to enter what came of it."""
    refused = {
        record.account: (record.error.code, record.error.message)
        for record in evidence.records
        if record.call.operation == ROLE and record.error is not None and record.account not in own
    }
    tried = {record.account for record in evidence.records if record.call.operation == ROLE} | own
    return {
        name: Entry(refused.get(name, ("", "")), str(broken.get(name, "")), name in members)
        for name in sorted(tried | members.keys() | broken.keys())
    }


def _summaries(pack: Path, members: Sequence[AccountPack]) -> tuple[tuple[Summary, ...], dict[str, Asked]]:
    """Read one pack's results after the other: what is kept of each is small."""
    request = read_request(pack / RULES)
    found, controls = [], {}
    for member in members:
        results = read_document(pack / member.folder / RESULTS)
        summary, asked = summarized(member, results, fail_on=request.fail_on, allow=request.allow)
        found.append(summary)
        controls.update(asked)
    return tuple(found), controls


@dataclass(frozen=True)
class RolledUp(Told):
    """Packs and what follows from them: the roll-up, its pages, and what the manifest says."""

    pack: Path
    material: Material

    def derived(self) -> Mapping[str, Any]:
        """Return the roll-up."""
        return roll_up(self.material)

    @cached_property
    def report_id(self) -> str:
        """What names the report on every page."""
        return self.name(self.material.run.as_of)

    def texts(self, pack: Path) -> Iterator[tuple[str, bytes]]:
        """Yield the files that follow from what was asked."""
        yield f"{RULES}/{REQUEST}", read_request(pack / RULES).data()
        yield REPLAY, REPLAY_TEXT

    @cached_property
    def evidence(self) -> Evidence:
        """The organization's own evidence: the list of accounts and the roles."""
        return Evidence(self.pack / EVIDENCE)

    def info(self, tool: Tool) -> ManifestInfo:
        """Return what the manifest says beside what it reads from the files."""
        records = self.evidence.records
        return ManifestInfo(
            pack_id=self.report_id,
            report_id=self.report_id,
            run=self.material.run,
            tool=tool,
            ruleset=("auditor-controls", tool.version),
            planned=len(records),
            done=sum(record.complete or record.absent for record in records),
            counts=self.document["counts"],
            accounts=tuple(item.member for item in self.material.summaries),
        )

    def exports(self, presentation: Presentation, _version: str) -> Iterator[tuple[str, Iterable[bytes]]]:
        """Yield the tables for other programs, with their paths in the pack."""
        if "csv" in presentation.formats:
            for name, data in organization.tables(self.document).items():
                yield f"results/{name}", (data,)

    def pages(self, presentation: Presentation, manifest: Manifest, progress: Progress) -> Iterator[tuple[str, bytes]]:
        """Yield the pages with their paths in the pack.

        Raises:
            RenderError: a page cannot be drawn.
        """
        about = organization.Stated(
            manifest.sha256, self.report_id, branding_of(presentation), manifest.tool.words, presentation.signer
        )
        if "html" in presentation.formats:
            progress("Render HTML", 0, 0)
            yield HTML, organization.screen(self.document, about)
        if "pdf" in presentation.formats:
            progress("Render PDF", 0, 0)
            yield PDF, organization.paper(self.document, about)


def order_bytes(listing: Listing, choice: Choice) -> bytes:
    """Return the bytes of ``evidence/accounts.json``."""
    return canonical_json(order_document(listing, choice))
