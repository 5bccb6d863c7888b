"""Plans a verification: which accounts and Regions are looked at, and in which places. Step 1."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from auditor.trail.context import Context
from auditor.trail.fetch import Unavailable
from auditor.trail.findings import Finding
from auditor.trail.names import LOG_KINDS, OTHER_KINDS, ChainKey, Location, is_account, is_organization, is_region

_KINDS = frozenset({"CloudTrail-Digest", *LOG_KINDS})
_LOOKALIKE = re.compile(r"cloud.?trail", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Target:
    """One account and Region to look at.

    Args:
        number: what the scratch file calls it.
        account: twelve digits.
        region: the Region.
        asked: whether it has to have digests; one that was only found may be another trail's.
    """

    number: int
    account: str
    region: str
    asked: bool
    shared: bool = False
    """It was seen only where an organization's trail would write without its folder: other trails do, too."""

    @property
    def key(self) -> ChainKey:
        """Account and Region."""
        return self.account, self.region


@dataclass(frozen=True, slots=True)
class Plan:
    """Where to look. ``findings`` name the places that could not be listed, ``kinds`` folders beside the log files."""

    locations: tuple[Location, ...]
    targets: tuple[Target, ...]
    findings: tuple[Finding, ...]
    kinds: tuple[tuple[str, str], ...] = ()
    """Account and kind: such as Insights events, of which it is not known whether digests speak."""


def make_plan(context: Context) -> Plan:
    """Plan the verification of a trail: the places named, those found below them, and every target in them."""
    return _Planner(context).plan()


class _Planner:
    """Collects what :func:`make_plan` returns."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._found: dict[ChainKey, bool] = {}
        self._apart: set[ChainKey] = set()
        self._kinds: set[tuple[str, str]] = set()
        self._findings: list[Finding] = []

    def plan(self) -> Plan:
        scope = self._context.scope
        if scope.place_unknown:
            targets = (Target(n, *key, asked=True) for n, key in enumerate(self._asked()))
            return Plan((), tuple(targets), ())
        locations = [scope.location, *scope.more_locations]
        if scope.location.organization is None:
            names = self._folders(scope.location.bucket, scope.location.base())
            locations += [replace(scope.location, organization=name) for name in names if is_organization(name)]
        for location in locations:
            self._plan_location(location)
        self._found |= dict.fromkeys(self._asked(), True)
        found = enumerate(self._found.items())
        targets = (Target(number, *key, asked, key not in self._apart) for number, (key, asked) in found)
        return Plan(tuple(locations), tuple(targets), tuple(self._findings), tuple(sorted(self._kinds)))

    def _asked(self) -> list[ChainKey]:
        scope = self._context.scope
        regions = scope.regions or (scope.home_region,)
        return [(account, region) for account in scope.accounts or (scope.account,) for region in regions]

    def _plan_location(self, location: Location) -> None:
        scope = self._context.scope
        accounts = set(scope.accounts)
        if not accounts:
            accounts = {scope.account}
            if location.organization or scope.of_organization:
                accounts |= {name for name in self._folders(location.bucket, location.base()) if is_account(name)}
        for account in sorted(accounts):
            if self._context.scope.discover_regions:
                base = f"{location.base()}{account}/"
                names = self._folders(location.bucket, base)
                self._kinds |= {(account, name) for name in names if name in OTHER_KINDS}
                odd = [name for name in names if _LOOKALIKE.match(name) and name not in _KINDS]
                self._findings += [_unvouched(account, f"{location.bucket}/{base}{name}/") for name in odd]
            for region in sorted(self._regions(location, account)):
                asked = bool(location.organization) and account != scope.account and region in scope.regions
                self._found[account, region] = self._found.get((account, region), False) or asked
                if location.organization or not scope.of_organization or account == scope.account:
                    self._apart.add((account, region))

    def _regions(self, location: Location, account: str) -> set[str]:
        regions = set(self._context.scope.regions)
        if self._context.scope.discover_regions:
            for kind in ("CloudTrail-Digest", "CloudTrail"):
                folder = f"{location.base()}{account}/{kind}/"
                names = self._folders(location.bucket, folder)
                regions |= {name for name in names if is_region(name)}
                odd = [name for name in names if not is_region(name)]
                self._findings += [_unvouched(account, f"{location.bucket}/{folder}{name}/") for name in odd]
        return regions

    def _folders(self, bucket: str, prefix: str) -> Sequence[str]:
        """Return the folders under a prefix; none, and a finding, when they cannot be listed."""
        try:
            return self._context.source.folders(bucket, prefix)
        except Unavailable as problem:
            self._findings.append(unlisted((self._context.scope.account, ""), f"{bucket}/{prefix}", problem))
            return ()


def _unvouched(account: str, folder: str) -> Finding:
    """Say that there is a folder in which no period of any Region looks."""
    sentence = f"CloudTrail writes no folder {folder}: whoever reads its files reads what no digest vouches for."
    return Finding("folder_unvouched", folder, account, "", None, "a Region's name", "another name", "shown", sentence)


def unlisted(whose: ChainKey, prefix: str, problem: Unavailable) -> Finding:
    """Say that something could not be listed."""
    sentence = f"The objects under {prefix} could not be listed ({problem.code}): some may not have been seen."
    return Finding("list_unreadable", prefix, *whose, None, "a listing", problem.code, "shown", sentence)
