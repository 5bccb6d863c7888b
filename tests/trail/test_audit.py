"""Which Regions of a trail an audit verifies."""

from datetime import UTC, datetime

import pytest

from auditor.period import Period
from auditor.trail.audit import AccountTrails

TRAIL = {
    "TrailARN": "arn:aws:cloudtrail:eu-central-1:111122223333:trail/main",
    "Name": "main",
    "HomeRegion": "eu-central-1",
    "S3BucketName": "logs",
    "IsMultiRegionTrail": True,
    "LogFileValidationEnabled": True,
}
OCTOBER = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), "2026-10")


@pytest.mark.parametrize("discover", [pytest.param(True, id="all-regions"), pytest.param(False, id="chosen-regions")])
def test_regions_in_the_bucket_are_added_only_when_none_were_chosen(discover: bool) -> None:
    trails = AccountTrails("111122223333", ("eu-central-1", "us-east-1"), "", (TRAIL,), discover_regions=discover)
    (scope,) = trails.scopes(OCTOBER, {})
    assert (scope.regions, scope.discover_regions) == (("eu-central-1", "us-east-1"), discover)


def test_a_trail_of_one_region_is_verified_there_alone() -> None:
    trails = AccountTrails("111122223333", ("us-east-1",), "", ({**TRAIL, "IsMultiRegionTrail": False},))
    (scope,) = trails.scopes(OCTOBER, {})
    assert scope.regions == ("eu-central-1",)
