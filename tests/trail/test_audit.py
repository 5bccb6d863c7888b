"""Which Regions of a trail an audit verifies, and how it asks for their keys."""

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from auditor.base.period import Period
from auditor.trail.audit import AccountTrails, key_source
from tests.trail.bucket import END, HOME, START, filled, verify
from tests.trail.bucket import TRAIL as DELIVERED

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


def test_an_organization_trail_without_the_organizations_folder_is_verified_for_its_account() -> None:
    """Members wrote there before the trail became the organization's."""
    bucket = filled(trail=replace(DELIVERED, organization=None), accounts=("", "444455556666"))
    trail = {
        "TrailARN": DELIVERED.arn,
        "Name": DELIVERED.name,
        "HomeRegion": HOME,
        "S3BucketName": DELIVERED.bucket,
        "S3KeyPrefix": DELIVERED.prefix,
        "IsOrganizationTrail": True,
        "LogFileValidationEnabled": True,
    }
    trails = AccountTrails("444455556666", (HOME,), "o-abcdef1234", (trail,))
    (scope,) = trails.scopes(Period(START, END, "hours"), {})
    report = verify(bucket, scope)
    assert (report.verdict.word, {chain.account for chain in report.chains}) == ("pass", {"444455556666"})
    assert report.digests.valid > 0


class Session:
    """A session that is asked for clients by one thread at a time, or notices."""

    def __init__(self) -> None:
        self.making = self.most = 0

    def get_credentials(self) -> object:
        return object()

    def client(self, service: str, *, region_name: str, **_: Any) -> "Client":
        self.making += 1
        self.most = max(self.most, self.making)
        time.sleep(0.01)
        self.making -= 1
        return Client(service, region_name)


@dataclass(frozen=True, slots=True)
class Client:
    service: str
    region: str

    def list_public_keys(self, **_: Any) -> dict[str, Any]:
        if self.region == "eu-west-9":
            raise ValueError("no such endpoint")
        return {"PublicKeyList": []}


def test_clients_are_made_one_after_the_other() -> None:
    session = Session()
    regions = [f"eu-west-{number}" for number in range(1, 10)]
    book = key_source(session)(regions, OCTOBER.start, OCTOBER.end)
    assert session.most == 1
    assert book.unavailable == (("eu-west-9", "ValueError"),)
