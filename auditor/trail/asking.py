"""Asks an account which trails and Regions are meant, before any object is read.

The front door of ``auditor trail verify``. What is refused costs what depends on it, and
ends up in the scope (``unanswered``) and so in the report.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from auditor.trail.discover import Wanted, owned, scope_of_trail, scope_of_unknown_place, scopes_of_place
from auditor.trail.fetch import (
    ObjectSource,
    Unavailable,
    describe_trail,
    enabled_regions,
    organization_of,
    regions_of_every_account,
)
from auditor.trail.report import TrailScope, Unanswered

TRAILS, REGIONS, ORGANIZATION = (
    "cloudtrail:DescribeTrails",
    "ec2:DescribeRegions",
    "organizations:DescribeOrganization",
)


@dataclass(frozen=True, slots=True)
class Account:
    """An account that is asked.

    Args:
        session: a ``boto3.Session``.
        attempts: how often a call is tried.
    """

    session: Any
    attempts: int = 5

    def trail(self, name: str, wanted: Wanted, known_regions: Sequence[str] = ()) -> TrailScope:
        """Return the scope of one trail, by ARN or by a name in the session's Region.

        Args:
            name: its ARN or name.
            wanted: what is asked.
            known_regions: Regions that are known otherwise (from archived keys), where the account's are not told.

        Raises:
            UsageError: there is no such trail.
            CollectionError: CloudTrail cannot be reached, or there are no credentials.
        """
        try:
            trail = describe_trail(self.session, name, attempts=self.attempts)
        except Unavailable as problem:
            home = wanted.home or self.session.region_name or ""
            return scope_of_unknown_place(replace(wanted, home=home), (Unanswered(TRAILS, problem.code),))
        unanswered: list[Unanswered] = []
        organization, regions = "", tuple(known_regions)
        if trail.get("IsOrganizationTrail"):
            try:
                organization = organization_of(self.session, attempts=self.attempts)[0]
            except Unavailable as problem:
                unanswered.append(Unanswered(ORGANIZATION, problem.code))
        if trail.get("IsMultiRegionTrail") and not wanted.regions:
            try:
                regions = enabled_regions(self.session, attempts=self.attempts)
            except Unavailable as problem:
                unanswered.append(Unanswered(REGIONS, problem.code))
        scope = scope_of_trail(trail, regions, wanted, organization)
        return replace(scope, unanswered=tuple(unanswered))

    def place(
        self, source: ObjectSource, bucket: str, prefix: str, wanted: Wanted, known_regions: Sequence[str] = ()
    ) -> tuple[TrailScope, ...]:
        """Return the scopes of the trails that wrote to a place.

        Raises:
            UsageError: there is no such place.
            CollectionError: the store does not answer.
        """
        unanswered: list[Unanswered] = []

        @cache
        def everywhere() -> tuple[str, ...]:
            try:
                return regions_of_every_account(self.session, attempts=self.attempts)
            except Unavailable as problem:
                unanswered.append(Unanswered(REGIONS, problem.code))
                return tuple(known_regions)

        scopes = scopes_of_place(source, bucket, prefix, replace(wanted, everywhere=everywhere))
        if not all(scope.owner_known for scope in scopes):
            try:
                known = organization_of(self.session, attempts=self.attempts)
                scopes = tuple(owned(scope, *known) for scope in scopes)
            except Unavailable as problem:
                told = Unanswered(ORGANIZATION, problem.code)
                scopes = tuple(scope if scope.owner_known else replace(scope, unanswered=(told,)) for scope in scopes)
        return tuple(_with(scope, unanswered) if scope.everywhere else scope for scope in scopes)


def _with(scope: TrailScope, unanswered: Sequence[Unanswered]) -> TrailScope:
    return replace(scope, unanswered=(*scope.unanswered, *unanswered))
