"""One run over a day of an organization, with its trail and with controls that single accounts hold for all."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditor.org.running import Organized
from auditor.simulator import Simulator
from auditor.simulator.worlds import organization as story
from auditor.simulator.worlds.orgtrail import ALTERED

DAY = "2026-10-20/2026-10-20"
GAP = "210000000004"
"""Whose digests may not be listed in this run."""
ASKED = (story.MANAGEMENT, story.LOG_ARCHIVE, story.AUDIT, story.REFUSES, story.DENIED, ALTERED, GAP)
CHOSEN = (
    "trail-chain-verified", "trail-configuration-unchanged", "cloudtrail-multi-region-trail",
    "cloudtrail-log-file-validation", "cloudtrail-cloudwatch-logs", "monitor-root-usage", "monitor-vpc-changes",
    "access-analyzer-external-all-regions", "guardduty-enabled", "securityhub-enabled",
)  # fmt: skip
SETTINGS: Mapping[str, Any] = {
    "control_ids": list(CHOSEN),
    "period": DAY,
    "include": list(ASKED),
    "regions": ["eu-central-1", "us-east-1"],
    "formats": ["html"],
}


@dataclass(frozen=True)
class Watched:
    """A run over one day with the organization's trail, and how often AWS was asked what."""

    made: Organized
    calls: Mapping[str, int]

    def results(self, account: str) -> Mapping[str, Any]:
        """Return the results document of an account's pack."""
        found: Mapping[str, Any] = json.loads(
            (self.made.pack / "accounts" / account / "results/results.json").read_bytes()
        )
        return found

    def states(self, account: str) -> Mapping[str, str]:
        """Return the state of each control of an account."""
        return {item["id"]: item["state"] for item in self.results(account)["controls"]}


def watched_day(group: Simulator, out: Path) -> Watched:
    """Audit the day; the digests of one account cannot be listed."""
    from tests.org.test_run import organized

    place = f"AWSLogs/{story.ID}/{GAP}/CloudTrail-Digest"
    for form in (place, place.replace("/", "%2F")):
        group.fault("s3:ListObjectsV2", "access-denied", key=form)
    return Watched(organized(out, **SETTINGS), group.calls())
