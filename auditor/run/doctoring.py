"""Looks at everything a run needs, before a run: this machine, the settings, the credentials, the permissions."""

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path

from auditor import __version__
from auditor.base.counts import counted
from auditor.base.errors import AuditorError, CatalogError, RenderError, UsageError
from auditor.base.whole import check_writable
from auditor.catalog.load import Catalog
from auditor.catalog.policy import operations_for, trail_evidence
from auditor.collect.accounts import Caller, clock_offset, overridden_endpoint
from auditor.collect.guard import CallLog
from auditor.collect.preflight import May, check_permissions
from auditor.config import Config
from auditor.render import pdf
from auditor.run.judging import load_rules
from auditor.run.settings import caller_of

CLOCK = timedelta(minutes=5)
"""AWS refuses requests that are signed further away from its own time."""
_ROOM = 500_000_000
"""Bytes that a pack of one account with its digests may take."""


class Health(StrEnum):
    """What a look at one thing says."""

    GOOD = "ok"
    NOTE = "note"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Look:
    """One thing that was looked at, what was seen, and what to do about it."""

    name: str
    health: Health
    seen: str
    hint: str = ""

    def document(self) -> dict[str, str]:
        """Return the JSON form."""
        return {"name": self.name, "health": self.health.value, "seen": self.seen, "hint": self.hint}


def examine(config: Config, *, now: Callable[[], datetime], permissions: bool = True) -> Iterator[Look]:
    """Look at one thing after the other; what does not depend on a failed one is looked at all the same.

    Args:
        config: the settings of the run.
        now: the clock, aware UTC.
        permissions: whether to ask AWS, once for each operation, what the caller may do.
    """
    catalog, look = _rules(config)
    yield look
    yield from _machine(config)
    caller: Caller | None = None
    try:
        caller = caller_of(config, CallLog())
    except UsageError as error:
        yield Look("settings", Health.BAD, error.message, error.hint)
    except AuditorError as error:
        yield Look("credentials", Health.BAD, error.message, error.hint)
    if caller is None:
        return
    yield Look("credentials", Health.GOOD, f"{caller.principal} of account {caller.account}")
    yield _region(caller)
    yield _clock(caller, now)
    if permissions and catalog is not None:
        yield from _permissions(catalog, config, caller, now)


def examine_machine(config: Config) -> Iterator[Look]:
    """Look at settings and machine alone; asks nobody."""
    yield _rules(config)[1]
    yield from _machine(config)


def _machine(config: Config) -> Iterator[Look]:
    yield Look("version", Health.GOOD, f"auditor {__version__}, Python {sys.version.split()[0]}")
    yield _pdf()
    yield from _extras()
    yield from _folder(Path(config.out))


def _rules(config: Config) -> tuple[Catalog | None, Look]:
    try:
        rules = load_rules(config)
    except (UsageError, CatalogError) as error:
        return None, Look("settings", Health.BAD, error.message, error.hint)
    chosen = rules.catalog.controls_of(rules.catalog.select(config.frameworks, config.control_ids))
    seen = (
        f"{counted(len(chosen), 'control')} chosen of {len(rules.catalog.controls)}, "
        f"{counted(len(rules.waivers), 'waiver')}"
    )
    return rules.catalog, Look("settings", Health.GOOD, seen)


def _pdf() -> Look:
    try:
        pdf.check()
    except RenderError as error:
        return Look("pdf", Health.NOTE, f"runs leave the PDF out: {error.message}", error.hint)
    return Look("pdf", Health.GOOD, "Pango is there, fonts are bundled")


def _extras() -> Iterator[Look]:
    for extra, module, purpose in (
        ("sign", "pyhanko", "signatures inside the PDF"),
        ("excel", "xlsxwriter", "evidence.xlsx"),
        ("terraform", "tfparse", "auditor pattern check --terraform"),
        ("cluster", "distributed", "--scheduler"),
        ("demo", "moto", "auditor demo"),
    ):
        if find_spec(module) is None:
            hint = f"pip install 'auditor[{extra}]'"
            yield Look(f"extra {extra}", Health.NOTE, f"not installed: no {purpose}", hint)


def _folder(out: Path) -> Iterator[Look]:
    try:
        check_writable(out)
        free = shutil.disk_usage(out).free
    except (UsageError, OSError) as error:
        yield Look("output", Health.BAD, str(error), "name another folder with --out")
        return
    room = f"{free / 1e9:.1f} GB free in {out}"
    enough = free >= _ROOM
    yield Look("output", Health.GOOD if enough else Health.NOTE, room, "" if enough else "a pack may need 0.5 GB")


def _region(caller: Caller) -> Look:
    endpoint = overridden_endpoint(caller.session, "sts")
    if endpoint:
        seen = f"requests go to {endpoint}, which is not AWS's own; packs say so"
        return Look("endpoint", Health.NOTE, seen, "unset AWS_ENDPOINT_URL to ask AWS")
    return Look("endpoint", Health.GOOD, f"AWS itself, partition {caller.partition}, {caller.session.region_name}")


def _clock(caller: Caller, now: Callable[[], datetime]) -> Look:
    try:
        offset = clock_offset(caller, now)
    except AuditorError as error:
        return Look("clock", Health.NOTE, error.message, error.hint)
    if offset is None:
        return Look("clock", Health.NOTE, "the endpoint does not tell the time")
    seconds = round(offset.total_seconds())
    if abs(offset) > CLOCK:
        seen = f"this machine is {abs(seconds)} s {'ahead of' if seconds > 0 else 'behind'} AWS"
        simulated = bool(overridden_endpoint(caller.session, "sts"))
        hint = "set the clock; AWS refuses requests that are more than 5 minutes off"
        return Look("clock", Health.NOTE if simulated else Health.BAD, seen, hint)
    return Look("clock", Health.GOOD, f"within {abs(seconds)} s of AWS")


def _permissions(catalog: Catalog, config: Config, caller: Caller, now: Callable[[], datetime]) -> Iterator[Look]:
    chosen = catalog.controls_of(catalog.select(config.frameworks, config.control_ids))
    trail = bool(trail_evidence(chosen, whole=bool(config.frameworks)))
    wanted = operations_for(
        catalog,
        chosen,
        trail=trail and "trail" not in config.skip,
        truth="truth" not in config.skip,
        whole=bool(config.frameworks),
    )
    found = check_permissions(
        caller,
        operations=catalog.operations,
        wanted=[item.name for item in wanted],
        region=caller.session.region_name,
        now=now,
    )
    denied = [item for item in found if item.may is May.DENIED]
    for item in denied:
        yield Look(
            "permission", Health.BAD, f"{item.action} is refused in {item.region}", "`auditor policy` prints all"
        )
    allowed = sum(item.may is May.ALLOWED for item in found)
    rest = len(found) - allowed - len(denied)
    more = f", {rest} with nothing to ask about" if rest else ""
    yield Look("permissions", Health.GOOD, f"{allowed} of {counted(len(found), 'operation')} allowed{more}")
