"""Northwind Ledger: a believable account with a believable month in it. ``docs/simulator.md`` tells the story."""

from datetime import UTC, datetime
from typing import Any

from auditor.simulator import clock
from auditor.simulator.app import Application
from auditor.simulator.overlay import install
from auditor.simulator.overlay.state import State
from auditor.simulator.worlds.archive import TRAIL, Archive, Plan
from auditor.simulator.worlds.builder import Builder, frame
from auditor.simulator.worlds.events import ACCOUNT, HOME, STOPPED, TRAIL_ARN


def build() -> Application:
    """Build the demo world."""
    aws = frame("demo", ACCOUNT, HOME, {"trail": TRAIL_ARN, "name": "Northwind Ledger"})
    state = State(plan=Plan(TRAIL, eventful=True))
    install(aws.application, state)
    _trail(aws)
    return aws.application


def _trail(aws: Builder) -> None:
    with clock.at(datetime(2024, 3, 4, 9, 12, tzinfo=UTC)):
        s3: Any = aws.client("s3")
        s3.create_bucket(Bucket=TRAIL.bucket, CreateBucketConfiguration={"LocationConstraint": HOME})
        s3.put_bucket_versioning(Bucket=TRAIL.bucket, VersioningConfiguration={"Status": "Enabled"})
        aws.client("cloudtrail").create_trail(
            Name=TRAIL.name, S3BucketName=TRAIL.bucket, IsMultiRegionTrail=True, EnableLogFileValidation=True
        )
    aws.client("cloudtrail").start_logging(Name=TRAIL.name)
    with clock.at(STOPPED[0]):
        aws.client("cloudtrail").stop_logging(Name=TRAIL.name)
    with clock.at(STOPPED[1]):
        aws.client("cloudtrail").start_logging(Name=TRAIL.name)
    Archive(Plan(TRAIL, eventful=True)).attach(aws.application.objects.add(TRAIL.bucket, versioned=True))
