"""The pack that is there already: whether a run of this account and period would only repeat one that is complete."""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from auditor.base.errors import AuditorError
from auditor.base.period import Period, parse_time
from auditor.collect.guard import CallLog
from auditor.config import Config
from auditor.deliver.download import Wanted
from auditor.pack.baseline import Baseline, gate
from auditor.pack.cut import cut_short
from auditor.pack.outcome import stated_code
from auditor.run.fetching import packs_of
from auditor.run.gating import open_baseline
from auditor.run.series import Candidate, candidates_in
from auditor.run.settings import caller_of
from auditor.run.uploading import Uploaded, destination_of, upload_pack
from auditor.seal.verify import Demands, verify_pack

NOT_DELIVERED = 5
"""Exit code when the pack is here and could not be put into the bucket."""

_AGO = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Standing:
    """A complete pack that holds.

    Args:
        place: where it is: a folder, or the URL of its folder in a bucket.
        pack_id: as its manifest states it.
        manifest_sha256: of its manifest.
        headline: as its results state it.
        counts: of control states.
        code: the exit code that its results deserve.
        uploaded: what came of putting it into the bucket; None where it was there, or nobody asked.
    """

    place: str
    pack_id: str
    manifest_sha256: str
    headline: str
    counts: Mapping[str, int]
    code: int
    uploaded: Uploaded | None = None

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "place": self.place,
            "pack_id": self.pack_id,
            "manifest_sha256": self.manifest_sha256,
            "headline": self.headline,
            "counts": dict(self.counts),
            "upload": self.uploaded.document() if self.uploaded else None,
        }


def standing(
    config: Config, period: Period, as_of: datetime, progress: Callable[[str, int, int], None]
) -> Standing | None:
    """Return the complete pack of the settings' account and period; None where a run has to make one.

    With an upload the bucket decides: a pack that is only here is put there. Where nobody named an account, the caller
    is asked for by one request.

    Args:
        config: the settings of the run.
        period: that is to be audited.
        as_of: the moment of the run, aware UTC.
        progress: told why a pack was passed over.

    Raises:
        CollectionError: the caller cannot be identified, or the bucket cannot be read.
        UsageError: the place of uploads is none, or the baseline cannot be used.
    """
    stated = partial(_stated, config=config, baseline=open_baseline(config, as_of), as_of=as_of)
    account = config.account or caller_of(config, CallLog()).account
    where, out = destination_of(config), Path(config.out)
    if where is None:
        found = _newest(out, account, period, config, progress)
        return stated(found, str(found[1])) if found else None
    wanted = Wanted(month=period.label, account=account)
    with ExitStack() as stack:
        fetched, _ = stack.enter_context(packs_of(config.upload, wanted, profile=config.profile, region=config.region))
        if found := _newest(fetched, account, period, config, progress):
            return stated(found, where.url(account, period.label, found[1].name))
    if (found := _newest(out, account, period, config, progress)) is None:
        return None
    uploaded = upload_pack(found[1], where, config, show=lambda done, total: progress("Upload", done, total))
    return stated(found, uploaded.place, uploaded=uploaded)


def _newest(
    root: Path, account: str, period: Period, config: Config, progress: Callable[[str, int, int], None]
) -> tuple[Candidate, Path] | None:
    """Return the newest pack below a folder that a run would only repeat."""
    for _, name, pack in sorted(candidates_in(root / account, _AGO), reverse=True):
        try:
            found = Candidate.read(pack)
            reason = _unfit(found, period, config) or broken(pack)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            reason = "it cannot be read, or its results are not those that its manifest names"
        if not reason:
            return found, pack
        if reason != OTHER_PERIOD:
            progress(f"Passed over {name}: {reason}", 0, 0)
    return None


OTHER_PERIOD = "another period"
"""Why packs of other months are passed over, without a word: there are many."""


def _unfit(found: Candidate, period: Period, config: Config) -> str:
    """Say why a pack is not what the run would make; empty when it is."""
    manifest, scope = found.manifest, found.manifest["scope"]
    span = manifest["period"]
    if (parse_time(span["start"]), parse_time(span["end"])) != (period.start, period.end) or manifest.get("members"):
        return OTHER_PERIOD
    if parse_time(scope["as_of"]) < period.end:
        return "it was made before the period had ended"
    if words := cut_short(manifest, found.results):
        return words
    left_out = {name for name in scope["skipped"] if not (config.regions and name.startswith("Region "))}
    regions = {region for item in scope["accounts"] for region in item["regions"]}
    asked = set(found.results["run"].get("controls", ())) | {item["id"] for item in found.results["controls"]}
    return lacking(config, left_out, regions=regions, frameworks=manifest["frameworks"], controls=asked)


def lacking(
    config: Config,
    skipped: Iterable[str],
    *,
    regions: Iterable[str],
    frameworks: Iterable[str],
    controls: Iterable[str],
) -> str:
    """Say what of the settings' questions a pack leaves out; empty for nothing.

    Args:
        config: the settings of the run.
        skipped: what the pack says was skipped.
        regions: that were asked.
        frameworks: that were audited.
        controls: that were judged, or asked for one by one.
    """
    missing = {
        *(set(skipped) - set(config.skip)),
        *(set(config.regions) - set(regions)),
        *(set(config.frameworks) - set(frameworks)),
        *(set(config.control_ids) - set(controls)),
    }
    return f"it leaves out {', '.join(sorted(missing)[:3])}" if missing else ""


def broken(pack: Path) -> str:
    """Say why a pack does not hold; empty where it does."""
    try:
        report = verify_pack(pack, Demands(at=datetime.now(UTC).replace(microsecond=0)))
    except AuditorError as error:
        return error.message
    return "it does not hold" if report.verdict == "fail" else ""


def _stated(
    found: tuple[Candidate, Path],
    place: str,
    *,
    config: Config,
    baseline: Baseline | None,
    as_of: datetime,
    uploaded: Uploaded | None = None,
) -> Standing:
    candidate, _ = found
    results = candidate.results
    known: Collection[str] = ()
    if baseline is not None:
        known = gate(baseline, results, as_of=as_of, accept_new_controls=config.accept_new_controls).known
    code = stated_code(results, fail_on=config.fail_on, allow=config.allow, known=known)
    return Standing(
        place=place,
        pack_id=str(candidate.manifest["pack_id"]),
        manifest_sha256=candidate.sha256,
        headline=str(results["headline"]),
        counts=results["counts"],
        code=NOT_DELIVERED if uploaded and uploaded.error else code,
        uploaded=uploaded,
    )
