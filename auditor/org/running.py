"""A run over an organization: who there is, who lets us in, one audit each, and one pack of all of them.

1. the list of accounts is read once, slowly, and kept as evidence;
2. every account that is to be assessed is knocked at: what refuses is known before an hour is spent;
3. each account that lets us in goes through ``auditor.run``, into a pack of its own;
4. the roll-up follows from those packs, and all of it is sealed as one.
"""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from auditor.base.canonical import canonical_json, sha256_hex
from auditor.base.errors import UsageError
from auditor.base.whole import check_writable, link_files
from auditor.collect.accounts import source_of
from auditor.collect.guard import CallLog
from auditor.collect.organization import Wanted, must_be_whole, read_organization
from auditor.collect.redact import Redactor
from auditor.config import Config
from auditor.deliver.notify import Target, Told
from auditor.deliver.upload import Destination
from auditor.evidence.answer import Answer
from auditor.evidence.store import Evidence, EvidenceWriter
from auditor.model import AccountScope, Control, PartOf, RunInfo
from auditor.org.accounts import Account, Listing, Said, listing_of, named_listing
from auditor.org.again import FILE as ONCE
from auditor.org.again import Once
from auditor.org.baselines import Baselines, Held, hold_all
from auditor.org.doors import ROLE_NAME, Doors, as_kept, config_of, doors_of, knock
from auditor.org.each import each, engine_of
from auditor.org.holding import HolderReader
from auditor.org.importing import Imported, imported_of
from auditor.org.member import Member
from auditor.org.owners import handed_on, owners_of
from auditor.org.pack import (
    BEFORE,
    OUTCOMES,
    REPLAY_TEXT,
    SETTINGS,
    Outcomes,
    RolledUp,
    material_of,
    members_in,
    order_bytes,
    settings_document,
)
from auditor.org.previous import accounts_before
from auditor.org.reconcile import to_assess
from auditor.org.telling import organization_message
from auditor.org.trails import Deliveries, TrailFinder, verify_rest
from auditor.pack.layout import CALLS, EVIDENCE, REPLAY, RESULTS, RULES, write_rules
from auditor.pack.presentation import PRESENTATION
from auditor.run import NOT_DELIVERED
from auditor.run.building import this_build
from auditor.run.gating import gated, makeable
from auditor.run.judging import Rules, load_rules
from auditor.run.keeping import clear_up
from auditor.run.notifying import notify, targets_of
from auditor.run.publishing import presentation_of, put, put_pieces, settle
from auditor.run.request import Progress, Request
from auditor.run.settings import redaction_of
from auditor.run.shared import Shared, operations_in
from auditor.run.uploading import Uploaded, destination_of, upload_pack
from auditor.run.workroom import Workroom, superseded, workroom
from auditor.seal.archive import pack_zip
from auditor.seal.manifest import ACCOUNTS as INSIDE
from auditor.seal.manifest import ORDER, Manifest
from auditor.seal.pack import seal_pack
from auditor.work.ledger import Ledger
from auditor.work.task import Engine, Task

_FOR_ONE_ACCOUNT = ("account", "update_baseline")
"""Settings of a run over one account that mean nothing here, and must not be passed over in silence."""


@dataclass(frozen=True, slots=True)
class Organized:
    """What a run over an organization left behind.

    Args:
        pack: the finished folder.
        document: the roll-up.
        manifest_sha256: printed on every page.
        pack_id: as the manifest states it.
        left_out: what this machine could not make, and why.
        zip: the pack as one file; None when it was not asked for.
        uploaded: what came of the upload; None when it was not asked for.
        told: what came of telling people.
        held: what is new since the baseline; None without one.
        imported: what came of the import into Security Hub; None when it was not asked for.
    """

    pack: Path
    document: Mapping[str, Any]
    manifest_sha256: str
    pack_id: str
    left_out: str = ""
    zip: Path | None = None
    uploaded: Uploaded | None = None
    told: tuple[Told, ...] = ()
    held: Held | None = None
    imported: Imported | None = None

    @property
    def code(self) -> int:
        """The exit code that the roll-up deserves beside its baseline; 5 when not everything was delivered."""
        if self.uploaded is not None and self.uploaded.error:
            return NOT_DELIVERED
        if self.imported is not None and self.imported.refused:
            return NOT_DELIVERED
        return self.held.code if self.held is not None else int(self.document["exit_code"])


def audit_organization(request: Request, progress: Progress) -> Organized:
    """Audit every account of an organization and leave one pack.

    Raises:
        AuditorError: anything that ends the whole run. An account that cannot be entered or audited does not.
    """
    config, left_out = makeable(gated(request.config))
    config = checked(config)
    asked, request, out = request, replace(request, config=config), Path(config.out)
    rules = load_rules(config)
    presentation_of(config, request.sealing)
    request.period  # noqa: B018 - a wrong period is told before anything is asked
    where, targets = destination_of(config), targets_of(config)
    baselines = Baselines.open(config, request.as_of)
    check_writable(out)
    log = CallLog()
    doors = doors_of(config, log)
    progress(source_of(doors.caller.session).words, 0, 0)
    with engine_of(config) as engine, workroom(asked, rules.catalog) as room:
        clear_up(out, progress)
        folder = room.pack
        shutil.rmtree(folder)
        folder.mkdir()
        listing = _collect(request, rules, doors, room, engine, log, progress, baselines)
        rolled = RolledUp(folder, material_of(folder))
        manifest = _complete(request, rolled, progress)
        pack = settle(folder, out / (listing.organization or "accounts") / request.period.label, manifest.pack_id)
    superseded(out, room.state)
    held = hold_all(pack, rolled.material, baselines, config, request.as_of) if baselines is not None else None
    finished = Organized(
        pack,
        rolled.document,
        manifest.sha256,
        manifest.pack_id,
        left_out,
        _zipped(pack, config, progress),
        _uploaded(pack, where, request, progress),
        held=held,
        imported=imported_of(pack) if config.securityhub_import else None,
    )
    return replace(finished, told=_told(config, targets, finished)) if targets else finished


def _told(config: Config, targets: tuple[Target, ...], finished: Organized) -> tuple[Told, ...]:
    uploaded = finished.uploaded
    message = organization_message(
        finished.document,
        code=finished.code,
        pack=finished.pack,
        place=uploaded.place if uploaded is not None and not uploaded.error else "",
        manifest_sha256=finished.manifest_sha256,
        held=finished.held,
    )
    return notify(config, targets, message, pack=finished.pack, pack_id=finished.pack_id)


def _zipped(pack: Path, config: Config, progress: Progress) -> Path | None:
    if not config.zip:
        return None
    progress("Zip", 0, 0)
    file = pack.with_name(f"{pack.name}.zip")
    pack_zip(pack, file)
    return file


def _uploaded(pack: Path, where: Destination | None, request: Request, progress: Progress) -> Uploaded | None:
    if where is None:
        return None
    return upload_pack(
        pack, where, request.config, now=request.now, show=lambda done, total: progress("Upload", done, total)
    )


def checked(config: Config) -> Config:
    """Return the settings of the run, with the usual role; refuse those that mean nothing for several accounts.

    Raises:
        UsageError: such a setting is there, or no account is meant.
    """
    if not config.org and not config.accounts:
        raise UsageError("no account is meant", hint="give --org, or accounts in auditor.yaml")
    for name in _FOR_ONE_ACCOUNT:
        if getattr(config, name):
            option = name.replace("_", "-")
            raise UsageError(
                f"--{option} is for a run over one account", hint="leave it out, or audit that account alone"
            )
    return config if config.role_name else config.model_copy(update={"role_name": ROLE_NAME})


def read_listing(doors: Doors, config: Config, *, redactor: Redactor, request: Request) -> tuple[Listing, list[Answer]]:
    """Read the list of accounts, or take the one that the settings name.

    Raises:
        CollectionError: the list cannot be had in full.
    """
    if not config.org:
        return named_listing(doors.choice.named), []
    wanted = Wanted(
        units=any(item.by_name for item in doors.choice.filters),
        tags=any(item.by_tag for item in doors.choice.filters),
        within=any(item.by_unit for item in doors.choice.filters),
    )
    answers: list[Answer] = []
    for answer in read_organization(doors.lister, wanted, now=request.now):
        must_be_whole(answer)  # what is asked at all is what chooses the accounts
        answers.append(answer)
    return listing_of([_said(answer, redactor) for answer in answers]), answers


def _said(answer: Answer, redactor: Redactor) -> Said:
    """Return an answer as it is stored: what is taken out of the evidence cannot choose an account either."""
    pages, _ = redactor(answer.call.operation, list(answer.pages))
    return Said(answer.call.operation, dict(answer.call.parameters), tuple(pages), answer.error is None)


def _collect(
    request: Request,
    rules: Rules,
    doors: Doors,
    room: Workroom,
    engine: Engine,
    log: CallLog,
    progress: Progress,
    baselines: Baselines | None = None,
) -> Listing:
    """Read the list, knock at every door, audit whoever lets us in; leave evidence, rules and packs in the folder."""
    config, started, folder = request.config, room.state.started, room.pack
    redactor = Redactor(request.salt, policy=redaction_of(config))
    writer = EvidenceWriter(folder / EVIDENCE, redact=redactor)
    progress("List the accounts", 0, 0)
    doors = replace(doors, choice=as_kept(doors.choice, redactor))
    listing, answers = read_listing(doors, config, redactor=redactor, request=request)
    if baselines is not None:
        baselines.must_be_of(listing.organization)
    for answer in answers:
        writer.add(answer)
    write_rules(folder, rules.catalog, config)
    put(folder / REPLAY, REPLAY_TEXT)
    presentation = presentation_of(config, request.sealing)
    put(folder / RULES / PRESENTATION, presentation.data())
    settings = settings_document(doors.choice, doors.role, organization=config.org)
    put(folder / SETTINGS, canonical_json(settings))
    order = order_bytes(listing, doors.choice)
    put(folder / ORDER, order)
    put(folder / BEFORE, canonical_json(accounts_before(Path(config.out), listing.organization, request.as_of)))
    entered = knock(doors, listing, writer, request, progress)
    part_of = PartOf(listing.organization, sha256_hex(order))
    finder = TrailFinder(request, rules.catalog, doors, listing, entered, writer, progress)
    once = Once(room.folder / ONCE, part_of.accounts_sha256, entered, listing)
    found, shared = once.recalled(writer, log) or _read_once(finder, redactor, once, log)
    each_one = _Each(request, doors, listing, entered, part_of, shared)
    broken, ours, shared = _audit_each(each_one, finder.controls, room, engine, progress)
    excluded = {item.id for item in listing.accounts if doors.choice.reason(item)}
    progress("Verify deliveries of accounts without a pack", 0, 0)
    verify_rest(found, request, doors, writer, excluded | (entered.keys() - broken.keys()))
    outcomes = Outcomes(broken, frozenset(name for name, how in entered.items() if how != "role"), ours)
    put(folder / OUTCOMES, canonical_json(outcomes.document()))
    put(folder / EVIDENCE / CALLS, canonical_json(log.document()))
    info = _run_info(request, doors, listing, folder, started, log, redactor)
    info = replace(info, holders=shared.holders, operations=operations_in(shared))
    writer.close(replace(info, resumed=room.state.resumed))
    return listing


def _read_once(finder: TrailFinder, redactor: Redactor, once: Once, log: CallLog) -> tuple[Deliveries, Shared]:
    """Read what all accounts are handed, and keep it for a run that goes on."""
    found = finder.find()
    finder.progress("Read what single accounts hold for all", 0, 0)
    shared = HolderReader(finder, redactor).read(found)
    once.keep(found, shared, finder.writer, log)
    return found, shared


@dataclass(frozen=True, slots=True)
class _Each:
    """What the audits of all accounts have in common."""

    request: Request
    doors: Doors
    listing: Listing
    entered: Mapping[str, str]
    part_of: PartOf
    shared: Shared

    @property
    def accounts(self) -> tuple[Account, ...]:
        """The accounts that let us in."""
        return tuple(item for item in to_assess(self.listing, self.doors.choice) if item.id in self.entered)

    def tasks(self, accounts: Iterable[Account]) -> list[Task]:
        """Return one task for each account."""
        now, request = self.request.now(), self.request
        clock = now if now == request.as_of else None  # a simulated one stands still
        return [
            Member(
                account=account.id,
                config=config_of(request.config, account, self.entered[account.id]),
                as_of=request.as_of,
                salt=request.salt,
                part_of=self.part_of,
                previous=Path(request.config.out),
                clock=clock,
                tool=request.tool,
                shared=self.shared,
            ).task()
            for account in accounts
        ]


def _audit_each(
    common: _Each, controls: Sequence[Control], room: Workroom, engine: Engine, progress: Progress
) -> tuple[dict[str, str], bool, Shared]:
    """Audit the accounts that let us in.

    Return why some have no pack, whether that was a mistake of ours, and what the last of them were handed.

    Accounts whose records others are judged by come first.

    Raises:
        CollectionError: the caller's own credentials have ended: a run that goes on finds what is finished.
    """
    owners = owners_of(controls, common.shared)
    first = [item for item in common.accounts if item.id in owners]
    rest = [item for item in common.accounts if item.id not in owners]
    total, ended = len(first) + len(rest), 0
    broken: dict[str, str] = {}
    ours = False
    progress("Audit the accounts", 0, total)
    for accounts in (first, rest):
        for done in each(common.tasks(accounts), engine, Ledger(room.tasks)):
            ended += 1
            progress("Audit the accounts", ended, total, f"{done.account}: {done.broken or 'done'}")
            if done.pack is not None:
                link_files(done.pack, room.pack / INSIDE / done.account)
            else:
                common.doors.must_hold()
                broken[done.account] = done.broken
            ours = ours or done.ours
        if accounts and accounts is first:
            common = replace(common, shared=handed_on(room.pack, owners, controls, common.shared))
    return broken, ours, common.shared


def _run_info(
    request: Request, doors: Doors, listing: Listing, folder: Path, started: Any, log: CallLog, redactor: Redactor
) -> RunInfo:
    scopes: list[AccountScope] = []
    endpoints = set(log.endpoints)
    for member in members_in(folder):
        run = Evidence(folder / member.folder / EVIDENCE).run
        scopes += run.accounts
        endpoints |= set(run.endpoints)
    entity = f"Organization {listing.organization}" if listing.organization else "AWS accounts"
    info = request.run_info(tuple(scopes), entity, redactor.text(doors.caller.principal), started)
    return replace(info, endpoints=tuple(sorted(endpoints)))


def _complete(request: Request, rolled: RolledUp, progress: Progress) -> Manifest:
    """Write what follows from evidence and packs, and seal all of it as one."""
    folder = rolled.pack
    presentation = presentation_of(request.config, request.sealing)
    tool = request.tool or this_build(drawn="pdf" in presentation.formats)
    put(folder / RESULTS, rolled.data)
    for name, pieces in rolled.exports(presentation, tool.version):
        put_pieces(folder / name, pieces)

    def pages(manifest: Manifest) -> None:
        for name, data in rolled.pages(presentation, manifest, progress):
            put(folder / name, data)

    return seal_pack(folder, rolled.info(tool), pages=pages, sealing=request.sealing)
