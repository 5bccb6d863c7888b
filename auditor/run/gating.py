"""A run whose exit code a pipeline reads: no PDF, and failures that were known before do not count."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from auditor import __version__
from auditor.base.counts import counted
from auditor.base.errors import RenderError, UsageError
from auditor.base.period import rfc3339
from auditor.base.whole import write_whole
from auditor.config import Config
from auditor.pack.baseline import Baseline, Gate, baseline_bytes, gate, load_baseline, refreshed
from auditor.render import pdf
from auditor.run.fetching import baseline_of
from auditor.run.vouching import vouched
from auditor.seal.manifest import MANIFEST


def gated(config: Config) -> Config:
    """Leave out what only people read, where a gate was asked for."""
    if not config.gate:
        return config
    return config.model_copy(update={"formats": [name for name in config.formats if name != "pdf"]})


def makeable(config: Config) -> tuple[Config, str]:
    """Leave out the PDF where this machine cannot make one: everything else does not depend on it.

    Returns:
        The settings, and what was left out and why; empty where nothing was.
    """
    if "pdf" not in config.formats:
        return config, ""
    try:
        pdf.check()
    except RenderError as error:
        rest = [name for name in config.formats if name != "pdf"]
        return config.model_copy(
            update={"formats": rest or ["html"]}
        ), f"report.pdf is left out: {error.message}; {error.hint}"
    return config, ""


def open_baseline(config: Config, as_of: datetime) -> Baseline | None:
    """Read the baseline before anything is asked; None when there is none, or none yet.

    Raises:
        UsageError: it cannot be read, is too old or of a later day, or cannot be written anew.
        IntegrityError: it is a pack whose results are not those that its manifest names.
        CollectionError: it is in a bucket that cannot be read.
    """
    path = Path(config.baseline)
    if not config.baseline:
        given = [
            name for name in ("update_baseline", "accept_new_controls", "baseline_max_age") if getattr(config, name)
        ]
        if given:
            raise UsageError(f"--{given[0].replace('_', '-')} goes with --baseline FILE")
        return None
    if config.baseline.startswith("s3://"):
        return in_age(config, _uploaded_baseline(config), as_of)
    if config.update_baseline and not path.exists():
        if not path.parent.is_dir():
            raise UsageError(f"--baseline: there is no folder {path.parent}")
        return None
    if config.update_baseline and (path.is_dir() or path.name == "results.json"):
        raise UsageError(f"--update-baseline: {path} is part of a pack, which is never written again")
    if (path / MANIFEST).is_file():
        vouched(path)
    return in_age(config, load_baseline(path), as_of)


def _uploaded_baseline(config: Config) -> Baseline:
    """Read a baseline, results or a pack's results from a bucket; nothing is ever written there."""
    if config.update_baseline:
        raise UsageError(
            "--update-baseline: a baseline in a bucket is not written anew",
            hint="write it to a file, and put that where it belongs",
        )
    with baseline_of(config.baseline, profile=config.profile, region=config.region) as file:
        return load_baseline(file)


def in_age(config: Config, baseline: Baseline, as_of: datetime) -> Baseline:
    """Return a baseline that is neither too old nor of a later day."""
    path, age = config.baseline, as_of - baseline.created
    if age < timedelta():
        raise UsageError(f"--baseline: {path} is of {rfc3339(baseline.created)}, after the moment of this run")
    if config.baseline_max_age and age > (most := timedelta(days=int(config.baseline_max_age[:-1]))):
        raise UsageError(
            f"--baseline: {path} is {counted(age.days, 'day')} old, and {most.days} are allowed",
            hint="look at what is in it, then run once with --update-baseline",
        )
    return baseline


def hold(config: Config, baseline: Baseline | None, document: Mapping[str, Any], as_of: datetime) -> Gate:
    """Hold a results document beside the baseline, and write the baseline anew where that was asked for.

    Args:
        config: the settings.
        baseline: what was known; None where there is none yet.
        document: the results of today.
        as_of: the run's moment, aware UTC.

    Returns:
        The comparison. On the day it is first written, everything in it is known.
    """
    fresh = refreshed(baseline, document, as_of)
    found = gate(baseline or fresh, document, as_of=as_of, accept_new_controls=config.accept_new_controls)
    if config.update_baseline:
        write_whole(Path(config.baseline), baseline_bytes(fresh, f"auditor {__version__}"))
    return found
