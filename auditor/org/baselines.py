"""A gate over an organization: each account is held beside its own pack in an earlier pack of the organization.

An account without a pack there, because it is new or was refused then, has nothing that was known: all its failures
count. The roll-up states what it would without a baseline, as every pack does; only the run's exit code is another.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from auditor.base.counts import counted
from auditor.base.errors import IntegrityError, UsageError
from auditor.base.period import parse_time, rfc3339
from auditor.config import Config
from auditor.org.pack import SETTINGS, read_document
from auditor.org.rollup import SCHEMA, Material, exit_code
from auditor.pack.baseline import Baseline, Gate, gate, load_baseline
from auditor.pack.comparison import Change, Changed, Side, side_of
from auditor.pack.layout import RESULTS
from auditor.pack.outcome import stated_code
from auditor.run.gating import in_age
from auditor.run.vouching import vouched
from auditor.seal.manifest import ACCOUNTS

_HINT = "give the folder of an earlier pack of the organization: each account is held beside its own pack in it"


@dataclass(frozen=True, slots=True)
class Baselines:
    """An earlier pack of an organization.

    Args:
        pack: its folder.
        organization: its id; empty where accounts were named one by one.
        created: when, aware UTC.
        accounts: those with a pack in it.
    """

    pack: Path
    organization: str
    created: datetime
    accounts: frozenset[str]

    @classmethod
    def open(cls, config: Config, as_of: datetime) -> Self | None:
        """Read the baseline before anything is asked; None when there is none.

        Raises:
            UsageError: it is no pack of an organization, cannot be read, is too old or of a later day.
            IntegrityError: its results, or those of an account, are not what its manifests name.
        """
        if not config.baseline:
            given = [name for name in ("accept_new_controls", "baseline_max_age") if getattr(config, name)]
            if given:
                raise UsageError(f"--{given[0].replace('_', '-')} goes with --baseline PACK")
            return None
        pack = Path(config.baseline)
        if not (pack / SETTINGS).is_file():
            raise UsageError(f"--baseline: {config.baseline} is no pack of an organization", hint=_HINT)
        inside = vouched(pack)
        try:
            document = read_document(pack / RESULTS)
            if document["schema"] != SCHEMA:
                raise UsageError(f"--baseline: {pack / RESULTS} is no roll-up", hint=_HINT)
            created = parse_time(document["run"]["as_of"])
            organization = str(document["organization"]["id"])
            accounts = frozenset(str(row["id"]) for row in document["accounts"] if row["standing"] == "assessed")
        except (IntegrityError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(f"--baseline: the roll-up in {pack} cannot be read", hint=_HINT) from error
        in_age(config, Baseline(created, Side((), {}), {}), as_of)
        found = cls(pack, organization, created, accounts)
        for member in inside:
            vouched(pack / member.folder, member.manifest_sha256)
        if lost := sorted(accounts - {member.account for member in inside}):
            raise IntegrityError(f"--baseline: {pack} has no pack of {lost[0]}, which it says it assessed", hint=_HINT)
        for account in sorted(accounts):
            found.of(account, {})
        return found

    def must_be_of(self, organization: str) -> None:
        """Refuse the pack of another organization: every account would be a new one.

        Raises:
            UsageError: it is one.
        """
        if self.organization != organization:
            of = self.organization or "accounts named one by one"
            asked = organization or "accounts named one by one"
            raise UsageError(f"--baseline: {self.pack} is of {of}, and this run is of {asked}", hint=_HINT)

    def of(self, account: str, now: Mapping[str, Any]) -> Baseline:
        """Return what was known of an account: nothing of one without a pack, by the rules of today.

        Raises:
            UsageError: its pack cannot be read.
        """
        if account in self.accounts:
            return load_baseline(self.pack / ACCOUNTS / account)
        return Baseline(self.created, Side((), side_of(now).rules), {})


@dataclass(frozen=True, slots=True)
class Held:
    """What a run looks like beside its baseline.

    Args:
        code: of the whole.
        codes: of each assessed account.
        gate: all accounts together.
        by_account: findings of each kind.
        without: assessed accounts that have no pack in the baseline.
    """

    code: int
    codes: Mapping[str, int]
    gate: Gate
    by_account: Mapping[str, Mapping[str, int]]
    without: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            **self.gate.document(),
            "accounts": {account: dict(counts) for account, counts in self.by_account.items()},
            "without_baseline": list(self.without),
        }

    @property
    def words(self) -> str:
        """What there is of each kind, in one line."""
        told = ", ".join(f"{number} {kind}" for kind, number in self.gate.counts.items() if number)
        fresh = f"; without a baseline: {counted(len(self.without), 'account')}" if self.without else ""
        return f"Since the baseline of {rfc3339(self.gate.created)}: {told or 'nothing failed then or now'}{fresh}."


def hold_all(pack: Path, material: Material, baselines: Baselines, config: Config, as_of: datetime) -> Held:
    """Hold each account of a pack beside its own earlier pack.

    Args:
        pack: the finished folder.
        material: what its roll-up follows from.
        baselines: the earlier pack.
        config: the settings of the run.
        as_of: the run's moment, aware UTC.
    """
    gates: dict[str, Gate] = {}
    codes: dict[str, int] = {}
    for item in material.summaries:
        account = item.member.account
        results = read_document(pack / item.member.folder / RESULTS)
        known = baselines.of(account, results)
        gates[account] = gate(known, results, as_of=as_of, accept_new_controls=config.accept_new_controls)
        codes[account] = stated_code(results, fail_on=config.fail_on, allow=config.allow, known=gates[account].known)
    together = Gate(
        baselines.created,
        tuple(sorted(_changes(gates.values()), key=lambda item: list(Change).index(item.change))),
        {name: age for found in gates.values() for name, age in found.ages.items()},
        config.accept_new_controls,
    )
    summaries = tuple(replace(item, code=codes[item.member.account]) for item in material.summaries)
    return Held(
        exit_code(replace(material, summaries=summaries)),
        codes,
        together,
        {account: found.counts for account, found in gates.items()},
        tuple(account for account in gates if account not in baselines.accounts),
    )


def _changes(gates: Collection[Gate]) -> Iterator[Changed]:
    for found in gates:
        yield from found.changes
