"""Judging stored evidence: with the installed rules, or with those of a pack. Needs no network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from auditor.base.errors import IntegrityError, UsageError
from auditor.base.locate import controls_folder
from auditor.base.suggest import meant
from auditor.catalog.load import Catalog, load_catalog
from auditor.catalog.released import Shipped
from auditor.catalog.responses import Response, load_responses
from auditor.catalog.waivers import Attestation, Waiver, load_attestations, load_waivers
from auditor.config import Config
from auditor.evaluate.checks import find_check
from auditor.evaluate.engine import evaluate
from auditor.evaluate.exceptions import apply_exceptions
from auditor.evaluate.library import Library
from auditor.evaluate.responses import apply_responses
from auditor.evidence.store import Evidence
from auditor.model import Results, RunInfo, Sampling
from auditor.pack.imports import Import, load_imports, stored_imports
from auditor.pack.layout import ATTESTATIONS, EVIDENCE, PREVIOUS, RESPONSES, WAIVERS, read_request
from auditor.pack.outcome import results_document
from auditor.pack.since import MOST_BYTES, read_carried, since
from auditor.run.noticing import notices, rules_document


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


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything that a judgement depends on, beside the evidence.

    Args:
        config: the settings; without any framework or control, what the evidence was collected for is judged.
        catalog: controls, frameworks and operations.
        waivers: accepted failures.
        attestations: answers to manual controls.
        responses: what the people in charge say to findings; no verdict depends on them.
        imports: findings of other tools that are to join the pack; the judgement does not depend on them.
        shipped: what counts as released; None for all that this program knows.
    """

    config: Config
    catalog: Catalog
    waivers: tuple[Waiver, ...] = ()
    attestations: tuple[Attestation, ...] = ()
    responses: tuple[Response, ...] = ()
    imports: tuple[Import, ...] = ()
    shipped: Shipped | None = None


def load_rules(config: Config, catalog: Catalog | None = None) -> Rules:
    """Read all rules that a configuration names; nothing wrong in them is left for later.

    Raises:
        CatalogError: a control file is wrong.
        UsageError: an unknown framework or control, or a wrong waiver, attestation, response or imported file.
    """
    catalog = catalog or open_catalog(config.controls)
    catalog.select(config.frameworks, config.control_ids)
    rules = Rules(
        config,
        catalog,
        load_waivers(Path(config.waivers)) if config.waivers else (),
        load_attestations(Path(config.attestations)) if config.attestations else (),
        load_responses(Path(config.responses)) if config.responses else (),
        load_imports([Path(name) for name in config.imports]),
    )
    _check_names(rules)
    return rules


def _check_names(rules: Rules) -> None:
    """Refuse what is said of a control that there is not, by a file or ``--allow``: it would do nothing.

    Raises:
        UsageError: a name is unknown; the hint names the one that comes closest.
    """
    known = rules.catalog.controls
    config = rules.config
    named = [(f"{_line(config.waivers, item.origin)}: a waiver", item.control) for item in rules.waivers]
    named += [
        (f"{_line(config.attestations, item.origin)}: an attestation", item.control) for item in rules.attestations
    ]
    named += [(f"{_line(config.responses, item.origin)}: a response", item.control) for item in rules.responses]
    named += [("--allow", name.removeprefix("not-assessed:")) for name in config.allow]
    for where, name in named:
        if name not in known and not (where == "--allow" and name == "trail"):
            hint = meant(name, known, "see `auditor controls list`")
            raise UsageError(f"{where} names {name!r}, and there is no such control", hint=hint)


def _line(file: str, origin: str) -> str:
    return f"{file}:{origin.rpartition(':')[2]}"


def open_rules(rules: Path) -> Rules:
    """Open the rules that a pack was judged by.

    Raises:
        CatalogError: they are not complete.
    """
    request = read_request(rules)
    own = [str(rules / name) for name in request.own]
    config = Config(
        frameworks=list(request.frameworks),
        control_ids=list(request.controls),
        controls=own,
        waivers=str(rules / WAIVERS) if (rules / WAIVERS).exists() else "",
        attestations=str(rules / ATTESTATIONS) if (rules / ATTESTATIONS).exists() else "",
        responses=str(rules / RESPONSES) if (rules / RESPONSES).exists() else "",
        fail_on=request.fail_on,
        allow=list(request.allow),
        sampling=request.sampling,
    )
    return load_rules(config, open_catalog(own, folder=rules / "controls"))


def judge(folder: Path, rules: Rules, evidence: Evidence | None = None) -> Results:
    """Judge an evidence folder.

    Args:
        folder: the evidence folder.
        rules: what it is judged by.
        evidence: the folder, opened; None lets it be opened here.

    Raises:
        IntegrityError: an evidence file does not have its hash, or what travels of the judgement before is not usable.
    """
    asked = rules.config.sampling
    sampling = Sampling(asked.size, asked.seed) if asked else None
    evidence = evidence or Evidence(folder)
    results = evaluate(evidence, rules.catalog, rules.config.frameworks, sampling, rules.config.control_ids)
    evidence.let_go()
    results = replace(results, run=_scoped(results.run, evidence, rules.catalog))
    imported = tuple(item.document(f"{EVIDENCE}/{name}") for name, item in stored_imports(folder))
    results = replace(apply_exceptions(results, rules.waivers, rules.attestations), imported=imported)
    results = apply_responses(results, rules.responses)
    results = replace(results, since=_since(folder, results))
    results = replace(results, rules=rules_document(results, rules.catalog, rules.config, rules.shipped))
    return replace(results, notices=notices(results, evidence))


def _scoped(run: RunInfo, evidence: Evidence, catalog: Catalog) -> RunInfo:
    """Name the Regions that were left out by what AWS listed, as the controls do: the scope is the run's own word."""
    accounts = (
        replace(account, left_out=Library(evidence, account, catalog.operations).left_out) for account in run.accounts
    )
    return replace(run, accounts=tuple(accounts))


def _since(folder: Path, results: Results) -> Mapping[str, Any]:
    """Say what changed since the pack that the run followed, as far as its judgement travels with the evidence.

    Raises:
        IntegrityError: what travels is not of its form, or of another pack than the one that the run followed.
    """
    path = folder / PREVIOUS
    if not path.is_file():
        return {}
    with path.open("rb") as file:
        carried = read_carried(file.read(MOST_BYTES + 1))
    if (carried.pack_id, carried.manifest_sha256) not in results.run.series[:1]:
        raise IntegrityError(f"{EVIDENCE}/{PREVIOUS} is of another pack than the one that this run followed")
    return since(carried, results_document(results))
