"""The rooms joined: collect, verify the trails, evaluate, render, seal. Knows the order and nothing else.

A pack is written to a folder of its own below the output folder and renamed when it is complete, so that no reader sees
half a pack and two runs never mix.
"""

import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import orjson

from auditor import __version__
from auditor import config as config_module
from auditor.canonical import canonical_json, sha256_hex
from auditor.catalog import Catalog, load_catalog
from auditor.collect import accounts
from auditor.collect.accounts import Caller
from auditor.collect.collection import Collected, collect_account
from auditor.collect.guard import CallLog
from auditor.collect.redact import Redactor
from auditor.config import Config
from auditor.errors import UsageError
from auditor.evaluate.checks import find_check
from auditor.evaluate.engine import evaluate
from auditor.evaluate.exceptions import apply_exceptions
from auditor.evidence import Answer, Evidence, EvidenceWriter
from auditor.layout import ATTESTATIONS, CALLS, EVIDENCE, RESULTS, RULES, WAIVERS, read_request, write_rules
from auditor.locate import controls_folder
from auditor.model import Results, RunInfo
from auditor.operations import Call
from auditor.outcome import exit_code, results_document, results_json
from auditor.period import parse_period
from auditor.render import html, pdf
from auditor.render.context import Branding, Context, build
from auditor.render.exports import Source, export
from auditor.replay import differences
from auditor.seal.manifest import Manifest, ManifestInfo, Tool
from auditor.seal.pack import seal_pack
from auditor.trail.audit import AccountTrails, audit_trails
from auditor.trail.verify import Progress as TrailProgress
from auditor.waivers import load_attestations, load_waivers

TOOL = f"auditor {__version__}"
PAGES: dict[str, Callable[[Context], bytes]] = {"html": html.render, "pdf": pdf.render}


class Progress(Protocol):
    """Told how far a stage is; ``total`` is 0 while it is not known."""

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Show it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a run is asked to do, and everything it would otherwise take from its surroundings.

    Args:
        config: the settings.
        as_of: the run's one moment, aware UTC.
        now: the clock, aware UTC; a simulated one makes two runs write the same bytes.
        salt: secret of this run's redactions.
    """

    config: Config
    as_of: datetime
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    salt: bytes = field(default_factory=lambda: secrets.token_bytes(32))


@dataclass(frozen=True, slots=True)
class Finished:
    """What a run left behind.

    Args:
        pack: the finished folder.
        results: the judgement.
        manifest_sha256: printed on every page.
        code: the exit code that the results deserve.
    """

    pack: Path
    results: Results
    manifest_sha256: str
    code: int


def open_catalog(own: Sequence[str] = (), *, folder: Path | None = None) -> Catalog:
    """Load the catalogue with the user's own controls.

    Raises:
        CatalogError: a file is wrong.
        UsageError: a folder does not exist.
    """
    folders = [Path(name) for name in own]
    for path in folders:
        if not path.is_dir():
            raise UsageError(f"there is no folder {path} with own controls")
    return load_catalog(folder or controls_folder(), own=folders, has_check=lambda name: find_check(name) is not None)


def open_rules(rules: Path) -> tuple[Catalog, Config]:
    """Open the rules that a pack was judged by.

    Raises:
        CatalogError: they are not complete.
    """
    request = read_request(rules)
    own = [str(rules / name) for name in request.own]
    config = Config(
        frameworks=list(request.frameworks),
        controls=own,
        waivers=str(rules / WAIVERS) if (rules / WAIVERS).exists() else "",
        attestations=str(rules / ATTESTATIONS) if (rules / ATTESTATIONS).exists() else "",
        fail_on=request.fail_on,
        allow=list(request.allow),
    )
    return open_catalog(own, folder=rules / "controls"), config


def audit(request: Request, progress: Progress) -> Finished:
    """Audit an account and leave a pack.

    Raises:
        AuditorError: anything that ends the run; no part of a pack is left behind then.
    """
    config = request.config
    catalog = open_catalog(config.controls)
    catalog.select(config.frameworks)
    parse_period(config.period, request.as_of)
    with _unfinished(Path(config.out)) as folder:
        collect_evidence(request, catalog, folder / EVIDENCE, progress)
        results, manifest = complete(folder, catalog, config, progress)
        pack = _settle(folder, Path(config.out), results)
    return Finished(pack, results, manifest, exit_code(results, fail_on=config.fail_on, allow=config.allow))


def complete(folder: Path, catalog: Catalog, config: Config, progress: Progress) -> tuple[Results, str]:
    """Judge, render and seal a folder with evidence; return the results and the manifest's hash."""
    progress("Evaluate", 0, 0)
    results = judge(folder / EVIDENCE, catalog, config)
    _write(folder / RESULTS, results_json(results))
    write_rules(folder, catalog, config)
    return results, publish(folder, results, config, progress)


def collect_evidence(request: Request, catalog: Catalog, folder: Path, progress: Progress) -> None:
    """Collect the evidence of one account, the verified trails included, and close the evidence folder."""
    config = request.config
    started = request.now()
    log = CallLog()
    caller = _caller(config, log)
    redactor = Redactor(request.salt)
    writer = EvidenceWriter(folder, redact=redactor)
    wanted = catalog.operations_of(catalog.controls_of(catalog.select(config.frameworks)))
    collected = collect_account(
        caller,
        operations=catalog.operations,
        wanted=wanted,
        regions=config.regions,
        writer=writer,
        redactor=redactor,
        log=log,
        now=request.now,
        progress=lambda done, total, note: progress("Collect", done, total, note),
    )
    produced: tuple[str, ...] = ()
    if "trail" not in config.skip:
        produced = (DIGESTS, EVENTS)
        _verify_trails(request, caller, collected, writer, folder / INTEGRITY, progress)
    _write(folder.parent / CALLS, canonical_json(log.document()))
    writer.close(_run_info(request, caller, collected, started, produced))


def _verify_trails(
    request: Request, caller: Caller, collected: Collected, writer: EvidenceWriter, folder: Path, progress: Progress
) -> None:
    """Verify what the account's trails delivered in the period; reports become evidence like any answer."""
    pages = writer.stored(caller.account, "cloudtrail:DescribeTrails")
    trails = AccountTrails(
        account=caller.account,
        regions=collected.scope.regions,
        organization="",
        trails=tuple(item for page in pages for item in page.get("trailList") or ()),
    )

    def show(trail: str, state: TrailProgress) -> None:
        progress(f"Verify {trail}: {state.stage}", state.done, state.total or 0)

    for report in audit_trails(
        trails,
        caller.session,
        period=parse_period(request.config.period, request.as_of),
        now=request.as_of,
        archive=folder,
        progress=show,
    ):
        for operation, document in ((DIGESTS, report.document()), (EVENTS, report.notable)):
            if document is not None:
                call = Call(operation, report.scope.home_region, (("Name", report.scope.arn),))
                writer.add(
                    Answer(caller.account, call, (document,), caller.principal, (), 0, collected_at=request.now())
                )


INTEGRITY = "integrity"
DIGESTS, EVENTS = "trail:VerifyDigests", "trail:NotableEvents"


def _caller(config: Config, log: CallLog) -> Caller:
    session = accounts.open_session(profile=config.profile or None, region=config.region or None, log=log)
    caller = accounts.identify(session)
    if config.role_name:
        return accounts.take_role(caller, account=config.account, role_name=config.role_name, log=log)
    return caller


def _run_info(
    request: Request, caller: Caller, collected: Collected, started: datetime, produced: tuple[str, ...]
) -> RunInfo:
    config = request.config
    return RunInfo(
        entity=config.entity or f"AWS account {caller.account}",
        title=config.title,
        accounts=(collected.scope,),
        period=parse_period(config.period, request.as_of),
        as_of=request.as_of,
        started=started,
        ended=request.now(),
        frameworks=tuple(config.frameworks),
        principal=caller.principal,
        tool=TOOL,
        skipped=tuple(config.skip),
        operations=tuple(sorted({*collected.operations, *produced})),
    )


def judge(folder: Path, catalog: Catalog, config: Config) -> Results:
    """Judge a stored evidence folder with the waivers and attestations of the configuration; needs no network."""
    results = evaluate(Evidence(folder), catalog, config.frameworks)
    waivers = load_waivers(Path(config.waivers)) if config.waivers else ()
    attestations = load_attestations(Path(config.attestations)) if config.attestations else ()
    return apply_exceptions(results, waivers, attestations)


def publish(folder: Path, results: Results, config: Config, progress: Progress) -> str:
    """Render and seal a judged folder; return the manifest's hash, which every page prints."""
    report_id = _report_id(results)
    evidence = Evidence(folder / EVIDENCE)
    document = results_document(results)
    formats = [name for name in config.formats if name not in PAGES]
    records = {record.ref: record.document() for record in evidence.records}
    for name, data in export(Source(document, records, report_id, __version__), formats).items():
        _write(folder / "results" / name, data)

    def pages(manifest: Manifest) -> None:
        context = build(
            document, evidence, manifest_hash=manifest.sha256, report_id=report_id, branding=_branding(config.branding)
        )
        for name, render in PAGES.items():
            if name in config.formats:
                progress(f"Render {name.upper()}", 0, 0)
                _write(folder / f"report.{name}", render(context))

    return seal_pack(folder, _manifest_info(folder, results, report_id), pages=pages).sha256


def _branding(branding: config_module.Branding) -> Branding:
    return Branding(
        accent=branding.accent,
        classification=branding.classification,
        distribution=branding.distribution,
        paper=branding.paper,
    )


def _manifest_info(folder: Path, results: Results, report_id: str) -> ManifestInfo:
    records = Evidence(folder / EVIDENCE).records
    return ManifestInfo(
        pack_id=report_id,
        report_id=report_id,
        run=results.run,
        tool=Tool("auditor", __version__),
        ruleset=("auditor-controls", __version__),
        planned=len(records),
        done=sum(record.complete or record.absent for record in records),
        counts=results.counts,
    )


def replay(pack: Path) -> tuple[str, ...]:
    """Judge a pack's evidence again by the pack's own rules; return what differs from what the pack says.

    Raises:
        AuditorError: evidence or rules are not usable.
    """
    catalog, config = open_rules(pack / RULES)
    again = results_json(judge(pack / EVIDENCE, catalog, config))
    recorded = (pack / RESULTS).read_bytes()
    if again == recorded:
        return ()
    try:
        document = orjson.loads(recorded)
    except orjson.JSONDecodeError:
        return (f"{RESULTS} is not JSON",)
    return differences(document, orjson.loads(again)) or (f"{RESULTS} is not in canonical form",)


@contextmanager
def _unfinished(out: Path) -> Iterator[Path]:
    """Give a folder that vanishes unless it was renamed; beside the packs, so that renaming is one step."""
    out.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=out))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _settle(folder: Path, out: Path, results: Results) -> Path:
    """Move a finished pack to its place; an older pack of the same name stays where it is."""
    report_id = _report_id(results)
    owner = results.run.accounts[0].id if len(results.run.accounts) == 1 else "organization"
    parent = out / owner / results.run.period.label
    parent.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    for number in range(1, 10_000):
        target = parent / (report_id if number == 1 else f"{report_id}.{number}")
        if not target.exists():
            return folder.rename(target)
    raise UsageError(f"{parent} already holds 9,999 packs named {report_id}")


def _report_id(results: Results) -> str:
    return f"{results.run.as_of:%Y%m%dT%H%M%SZ}-{sha256_hex(results_json(results))[:8]}"


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
