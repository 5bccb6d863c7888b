"""A small account over twelve months: one trail whose every hour is delivered, an alarm, a user; the clock is moved.

Whoever audits it month after month moves the clock (``Simulator.move_to``) and changes the account by its API between.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from auditor.simulator import clock
from auditor.simulator.app import Application
from auditor.simulator.calls import Call
from auditor.simulator.delivery import DeliveredTrail, Keyring, StoredObject, deliver
from auditor.simulator.overlay import install
from auditor.simulator.overlay.cloudtrail import list_public_keys
from auditor.simulator.overlay.state import State
from auditor.simulator.worlds import alarms, parts
from auditor.simulator.worlds.archive import Archive, Plan
from auditor.simulator.worlds.builder import Builder, frame

ACCOUNT: Final = "333344445555"
HOME: Final = "us-east-1"
BEGIN: Final = datetime(2025, 10, 31, tzinfo=UTC)
END: Final = datetime(2026, 11, 2, 6, tzinfo=UTC)
LOG_GROUP: Final = "/aws/cloudtrail/audit"
WATCHED: Final = "root-usage"
"""The one requirement of the benchmark that this account watches for."""

_TRAIL: Final = DeliveredTrail("audit", HOME, "year-trail-logs", ACCOUNT)
_KEYS: Final = Keyring("year", since=datetime(2025, 10, 20, tzinfo=UTC), shared=True)
_SETTLED: Final = datetime(2025, 9, 1, 8, tzinfo=UTC)


def build() -> Application:
    """Build the world at the beginning of its second month."""
    about = {"trail": _TRAIL.arn, "name": "Year Ltd", "period": "2025-11", "as_of": "2025-12-02T06:00:00Z"}
    aws = frame("year", ACCOUNT, HOME, about)
    install(aws.application, State(summary={"AccountMFAEnabled": 1}))
    aws.application.overlay["cloudtrail:ListPublicKeys"] = _keys
    with clock.at(_SETTLED):
        _account(aws)
    bucket = aws.application.objects.add(_TRAIL.bucket, versioned=True)
    Archive(Plan(_TRAIL, eventful=False), produce=_delivered).attach(bucket)
    clock.set_now(datetime(2025, 12, 2, 6, tzinfo=UTC))
    return aws.application


def _keys(call: Call) -> dict[str, object]:
    def between(region: str, start: datetime, end: datetime) -> list[dict[str, object]]:
        return [key.published() for key in _KEYS.public_keys(region, start, end)]

    return list_public_keys(call, between)


def _delivered(plan: Plan, region: str) -> list[StoredObject]:
    """Deliver the year of the home Region; nothing happens anywhere else."""
    if region != HOME:
        return []
    hour = timedelta(hours=1)
    return list(deliver(plan.trail, region=region, keys=_KEYS, start=BEGIN, end=END, records=(), every=hour))


def _account(aws: Builder) -> None:
    parts.role(aws, "cloudtrail-to-logs", trust=parts.service_trust("cloudtrail.amazonaws.com"))
    parts.bucket(
        aws,
        _TRAIL.bucket,
        statements=[*parts.trail_delivery(_TRAIL.bucket, ACCOUNT), parts.tls_only(_TRAIL.bucket)],
        lock=True,
    )
    aws.client("logs").create_log_group(logGroupName=LOG_GROUP)
    trail = aws.client("cloudtrail")
    parts.trail(aws, _TRAIL, LOG_GROUP)
    trail.start_logging(Name=_TRAIL.name)
    queue = aws.arn("sqs", "security-inbox")
    aws.client("sqs").create_queue(QueueName="security-inbox")
    topic = parts.topic(aws, "security-alerts", [("email", "security@year.example"), ("sqs", queue)])
    alarms.install(aws, LOG_GROUP, [alarms.all_right(topic)[WATCHED]])
    aws.client("iam").create_user(UserName="operator")
