"""The rooms joined: collect, verify the trails, evaluate, render, seal. Knows the order and nothing else.

A pack is written to a folder of its own below the output folder and renamed when it is complete, so that no reader sees
half a pack and two runs never mix.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from auditor import __version__
from auditor.canonical import canonical_json, sha256_hex
from auditor.catalog import Catalog, load_catalog
from auditor.config import Config
from auditor.errors import UsageError
from auditor.evaluate.checks import find_check
from auditor.evaluate.engine import evaluate
from auditor.evaluate.exceptions import apply_exceptions
from auditor.evidence import Evidence
from auditor.locate import controls_folder
from auditor.model import Results
from auditor.outcome import exit_code, results_json
from auditor.waivers import load_attestations, load_waivers

RESULTS = "results/results.json"
EVIDENCE = "evidence"
RULES = "rules"
TOOL = f"auditor {__version__}"

Clock = Callable[[], datetime]


class Progress(Protocol):
    """Told how far a stage is; ``total`` is 0 while it is not known."""

    def __call__(self, stage: str, done: int, total: int, note: str = "") -> None:
        """Show it."""


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


def judge(folder: Path, catalog: Catalog, config: Config) -> Results:
    """Judge a stored evidence folder with the waivers and attestations of the configuration; needs no network."""
    results = evaluate(Evidence(folder), catalog, config.frameworks)
    waivers = load_waivers(Path(config.waivers)) if config.waivers else ()
    attestations = load_attestations(Path(config.attestations)) if config.attestations else ()
    return apply_exceptions(results, waivers, attestations)
