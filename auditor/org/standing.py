"""The organization's pack that is there already: whether a run of this period would only repeat it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from auditor.base.canonical import sha256_hex
from auditor.base.errors import UsageError
from auditor.base.period import Period, parse_time
from auditor.base.untrusted import parse_json
from auditor.collect.guard import CallLog
from auditor.collect.organization import Wanted, must_be_whole, read_organization
from auditor.config import Config
from auditor.org.baselines import Baselines, hold_all
from auditor.org.doors import doors_of
from auditor.org.pack import SETTINGS, material_of
from auditor.pack.layout import RESULTS
from auditor.run.standing import OTHER_PERIOD, Standing, broken, lacking
from auditor.seal.manifest import MANIFEST


def standing_organization(
    config: Config, period: Period, now: Callable[[], datetime], progress: Callable[[str, int, int], None]
) -> Standing | None:
    """Return the organization's complete pack of a period in the output folder; None where a run has to make one.

    Complete is one in which no account was refused or lost. Which organization it is is asked for by one request.

    Raises:
        UsageError: an upload is asked for, whose bucket would have to decide; or accounts are named one by one.
        CollectionError: nobody says which organization it is.
    """
    if config.upload or not config.org:
        raise UsageError(
            "--if-missing looks for an organization's pack in the output folder",
            hint="leave out --upload and accounts one by one, or --if-missing",
        )
    lister = doors_of(config, CallLog()).lister
    about = next(iter(read_organization(lister, Wanted(), now=now)))
    must_be_whole(about)
    told = [page.get("Organization") for page in about.pages if isinstance(page, Mapping)]
    name = next((str(item.get("Id")) for item in told if isinstance(item, Mapping)), "")
    if not name:
        return None
    baselines = Baselines.open(config, as_of := now())
    if baselines is None:
        return _newest(Path(config.out) / name, period, config, progress)
    baselines.must_be_of(name)

    def beside(pack: Path) -> int:
        return hold_all(pack, material_of(pack), baselines, config, as_of).code

    return _newest(Path(config.out) / name, period, config, progress, beside)


def _newest(
    root: Path,
    period: Period,
    config: Config,
    progress: Callable[[str, int, int], None],
    beside: Callable[[Path], int] | None = None,
) -> Standing | None:
    found = sorted(root.glob(f"*/*/{MANIFEST}"), key=lambda path: path.parent.name, reverse=True)
    for path in found:
        pack = path.parent
        try:
            data, results = path.read_bytes(), (pack / RESULTS).read_bytes()
            manifest, document = parse_json(data), parse_json(results)
            why = _unfit(manifest, document, sha256_hex(results), period, config)
            why = why or _chosen_otherwise(parse_json((pack / SETTINGS).read_bytes()), config) or broken(pack)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            why = "it cannot be read"
        if not why:
            return Standing(
                place=str(pack),
                pack_id=str(manifest["pack_id"]),
                manifest_sha256=sha256_hex(data),
                headline=str(document["headline"]),
                counts=document["counts"],
                code=int(document["exit_code"]) if beside is None else beside(pack),
            )
        if why != OTHER_PERIOD:
            progress(f"Passed over {pack.name}: {why}", 0, 0)
    return None


def _unfit(
    manifest: Mapping[str, Any], document: Mapping[str, Any], sha256: str, period: Period, config: Config
) -> str:
    """Say why a pack is not what the run would make; empty when it is."""
    span, scope, run = manifest["period"], manifest["scope"], document["run"]
    if (parse_time(span["start"]), parse_time(span["end"])) != (period.start, period.end):
        return OTHER_PERIOD
    if manifest["results_sha256"] != sha256:
        return "its results are not those that its manifest names"
    if parse_time(scope["as_of"]) < period.end:
        return "it was made before the period had ended"
    if document["reconciliation"]["whole"] is not True:
        return "an account was refused or lost"
    regions = {region for item in run["accounts"] for region in item["regions"]}
    asked = set(run.get("controls", ())) | {item["id"] for item in document["controls"]}
    return lacking(config, run["skipped"], regions=regions, frameworks=run["frameworks"], controls=asked)


def _chosen_otherwise(settings: Mapping[str, Any], config: Config) -> str:
    """Say that a pack is of other accounts; empty when the same filters chose them."""
    was = {name: sorted(str(item["text"]) for item in settings["choice"][name]) for name in ("include", "exclude")}
    now = {"include": sorted(config.include), "exclude": sorted(config.exclude)}
    return "" if was == now else "other filters chose its accounts"
