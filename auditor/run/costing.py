"""What logging costs, from a pack, a folder of evidence, or both beside an event store. A pack is verified first."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from auditor.base.counts import counted
from auditor.base.errors import IntegrityError, UsageError
from auditor.base.locate import controls_folder
from auditor.base.scratch import scratch_folder
from auditor.base.untrusted import parse_json
from auditor.cost.build import estimate
from auditor.cost.estimate import Estimate
from auditor.cost.measured import not_counted
from auditor.cost.prices import Prices
from auditor.cost.recorded import Counts
from auditor.cost.selectors import Group
from auditor.events import counting
from auditor.events.opened import EventStore
from auditor.evidence.operations import load_operations
from auditor.evidence.store import SCOPE, Evidence
from auditor.pack.layout import CALLS, EVIDENCE
from auditor.seal.archive import open_pack, unpack
from auditor.seal.manifest import MANIFEST
from auditor.seal.verify import Demands, verify_pack

_MOST_CALLS = 50_000_000


@dataclass(frozen=True, slots=True)
class Costed:
    """An estimate and what it was made from.

    Args:
        estimate: the estimate.
        source: as the caller named it.
        verified: whether the pack holds, in words.
        holds: whether nothing speaks against it.
    """

    estimate: Estimate
    source: str
    verified: str
    holds: bool

    @property
    def exit_code(self) -> int:
        """4 when the pack does not hold, 3 when an answer is missing that AWS could give, else 0."""
        return self.estimate.exit_code if self.holds else 4

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        document = self.estimate.document()
        source = {"source": self.source, "verified": self.verified}
        return {"schema": document.pop("schema"), "exit_code": self.exit_code, **source, **document}


def cost_of(path: Path, prices: Prices, *, store: Path | None = None, unverified: bool = False) -> Costed:
    """Estimate what the logging costs that a pack, or a folder of evidence, tells about.

    Args:
        path: a pack, folder or zip, or what `auditor collect` wrote.
        prices: list prices.
        store: an event store of the same period, which tells events one by one.
        unverified: go on with a pack that does not hold.

    Raises:
        UsageError: there is neither.
        IntegrityError: the pack does not hold, or a file of evidence was changed.
    """
    with _opened(path, unverified=unverified) as (folder, words, holds):
        evidence, calls = Evidence(folder), _calls(folder)
        counts, told = (None, ()) if store is None else _counts(evidence, EventStore(store))
        operations = load_operations(controls_folder() / "operations.yaml")
        found = estimate(evidence, prices, operations, calls=calls, counts=counts, searched=told)
        return Costed(found, str(path), words, holds)


def _counts(evidence: Evidence, store: EventStore) -> tuple[dict[str, Counts], tuple[str, ...]]:
    """Return the events of the period in groups, account by account, and what was searched for them.

    Raises:
        UsageError: the store holds no account of the evidence.
    """
    period = evidence.run.period
    rows, searched = counting.counted(store, period)
    groups = [Group(**row) for row in rows]
    accounts = {item.id for item in evidence.run.accounts} & set(searched.accounts)
    if not accounts:
        raise UsageError(
            "the event store holds no event of the evidence's accounts",
            hint="fill one from a trail of the same account",
        )
    gaps = [f"{item.what}: {item.why}" for item in searched.not_searched]
    hours = (
        f"{searched.hours_verified:,} of {counted(searched.hours_expected, 'hour')} verified"
        if searched.hours_expected
        else ""
    )
    words = [
        f"{counted(searched.records, 'record')} in {counted(searched.log_files, 'log file')}",
        hours,
        *not_counted(gaps),
    ]
    counts = {
        account: Counts(tuple(group for group in groups if group.account == account), whole=not gaps)
        for account in sorted(accounts)
    }
    return counts, tuple(word for word in words if word)


@contextmanager
def _opened(path: Path, *, unverified: bool) -> Iterator[tuple[Path, str, bool]]:
    """Yield the evidence folder, and whether the pack that it is of holds."""
    collected = next((folder for folder in (path, path / EVIDENCE) if (folder / SCOPE).is_file()), None)
    if collected is not None and not (path / MANIFEST).exists():
        yield collected, "evidence that is not sealed; each file has the hash that stands beside it", True
        return
    report = verify_pack(path, Demands(at=datetime.now(UTC).replace(microsecond=0)))
    if report.verdict == "fail" and not unverified:
        raise IntegrityError(
            f"{path} does not hold, so nothing is said about what its logging costs",
            hint=f"`auditor verify {path}` says what is wrong; --unverified goes on all the same",
        )
    words = {"pass": "the pack holds", "fail": "the pack does NOT hold"}
    told, holds = words.get(report.verdict, "not everything could be checked"), report.verdict != "fail"
    if path.is_dir():
        yield path / EVIDENCE, told, holds
        return
    with scratch_folder("pack") as scratch, open_pack(path) as files:
        unpack(files, scratch / "pack")
        yield scratch / "pack" / EVIDENCE, told, holds


def _calls(folder: Path) -> Any:
    """Return the run's own calls; None where they are not there."""
    try:
        with (folder / CALLS).open("rb") as file:
            data = file.read(_MOST_CALLS + 1)
    except FileNotFoundError:
        return None
    if len(data) > _MOST_CALLS:
        raise UsageError(f"{CALLS} is larger than {_MOST_CALLS:,} bytes")
    try:
        return parse_json(data)
    except ValueError as error:
        raise IntegrityError(f"{CALLS} cannot be read: {error}") from error
