"""The organization's trail of Northwind Group: owned by the management account, delivered to the log archive's bucket.

Every account writes below a folder of its own; a chain of digests is signed when somebody first reads it. Members see
the trail and may not ask about it; only the log archive may read the bucket.
"""

import gzip
import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from auditor.simulator import clock
from auditor.simulator.app import Refused
from auditor.simulator.calls import Call
from auditor.simulator.delivery import DeliveredTrail, StoredObject, deliver
from auditor.simulator.objects import Bucket
from auditor.simulator.overlay.cloudtrail import DEFAULT_SELECTOR
from auditor.simulator.overlay.network import enabled
from auditor.simulator.worlds import alarms, parts, principals
from auditor.simulator.worlds.archive import keys_of
from auditor.simulator.worlds.builder import Builder
from auditor.simulator.worlds.happening import BEGIN, END, Happening
from auditor.simulator.worlds.principals import Principal

LOG_GROUP: Final = "/aws/cloudtrail/organization"
NAME: Final = "organization-events"
BUCKET: Final = "northwind-group-logs"
WATCHED: Final = ("root-usage", "console-signin-no-mfa", "iam-policy-changes", "organizations-changes")
"""What the organization's log group is watched for; nothing tells of the benchmark's other events."""
ALTERED: Final = "210000000005"
ALTERED_AT: Final = datetime(2026, 10, 20, 10, 20, tzinfo=UTC)
"""The log file with the records around this moment of that account was altered a day later."""
EVENTS_IN: Final = "us-east-1"
"""Where calls to Organizations are recorded."""

_IN_KEY: Final = re.compile(r"/(\d{12})/CloudTrail(?:-Digest)?/([a-z]{2}(?:-[a-z]+)+-\d)/")
_OPERATOR: Final = Principal(
    "AssumedRole", "AWSReservedSSO_Operations_5d1f", (principals.OFFICE,), principals.CONSOLE, "lucia.duarte"
)


@dataclass(frozen=True, slots=True)
class Member:
    """An account that writes to the trail, from when to when."""

    account: str
    begin: datetime = BEGIN
    end: datetime = END
    happenings: tuple[Happening, ...] = ()


@dataclass(frozen=True, slots=True)
class OrganizationTrail:
    """The trail, and who writes to it.

    Args:
        organization: its id.
        management: the account that owns the trail.
        home: the trail's home Region.
        members: everybody who wrote in the period.
    """

    organization: str
    management: str
    home: str
    members: tuple[Member, ...]

    @property
    def delivered(self) -> DeliveredTrail:
        """Where it writes."""
        return DeliveredTrail(NAME, self.home, BUCKET, self.management, organization=self.organization)

    def furnish(self, aws: Builder, *, archive: str) -> None:
        """Let an account see the trail; the management account has its log group, the archive its bucket."""
        application = aws.application
        below = application.overlay["cloudtrail:DescribeTrails"]
        application.overlay["cloudtrail:DescribeTrails"] = lambda call: self._described(call, below(call) or {})
        for name, answer in (("GetTrailStatus", self._status), ("GetEventSelectors", self._selectors)):
            operation = f"cloudtrail:{name}"
            held = application.overlay[operation]
            application.overlay[operation] = _about(self, application.account, answer, held)
        if application.account != archive:
            application.barred.add(BUCKET)
        else:
            statements = [*parts.trail_delivery(BUCKET, self.organization), parts.tls_only(BUCKET)]
            parts.bucket(aws, BUCKET, statements=statements, versioning=True)
        if application.account == self.management:
            aws.client("logs").create_log_group(logGroupName=LOG_GROUP)
            topic = parts.topic(aws, "organization-alerts", [("email", "security@northwind.example")])
            right = alarms.all_right(topic)
            alarms.install(aws, LOG_GROUP, [right[name] for name in WATCHED])

    def attach(self, bucket: Bucket) -> None:
        """Fill the bucket as it is read."""
        bucket.source = Deliveries(self)

    def _described(self, call: Call, listed: Mapping[str, Any]) -> dict[str, Any]:
        asked = call.parameters
        names = asked.get("trailNameList") or [self.delivered.arn]
        shadow = asked.get("includeShadowTrails", True) or call.region == self.home
        own = [self._item()] if shadow and {self.delivered.arn, NAME} & set(names) else []
        return {**listed, "trailList": [*listed.get("trailList", ()), *own]}

    def _item(self) -> dict[str, Any]:
        group = f"arn:aws:logs:{self.home}:{self.management}:log-group:{LOG_GROUP}:*"
        return {
            "Name": NAME,
            "S3BucketName": BUCKET,
            "IncludeGlobalServiceEvents": True,
            "IsMultiRegionTrail": True,
            "HomeRegion": self.home,
            "TrailARN": self.delivered.arn,
            "LogFileValidationEnabled": True,
            "CloudWatchLogsLogGroupArn": group,
            "CloudWatchLogsRoleArn": f"arn:aws:iam::{self.management}:role/cloudtrail-to-logs",
            "HasCustomEventSelectors": False,
            "HasInsightSelectors": False,
            "IsOrganizationTrail": True,
        }

    def _status(self) -> dict[str, Any]:
        now = clock.now()
        return {
            "IsLogging": True,
            "StartLoggingTime": BEGIN,
            "TimeLoggingStarted": f"{BEGIN:%Y-%m-%dT%H:%M:%SZ}",
            "TimeLoggingStopped": "",
            "LatestDeliveryTime": now - timedelta(minutes=4),
            "LatestDigestDeliveryTime": now - timedelta(minutes=18),
            "LatestCloudWatchLogsDeliveryTime": now - timedelta(minutes=2),
        }

    def _selectors(self) -> dict[str, Any]:
        return {"TrailARN": self.delivered.arn, "EventSelectors": [DEFAULT_SELECTOR]}

    def deliver(self, member: Member, region: str) -> list[StoredObject]:
        """Return everything that one account delivered from a Region."""
        recorded = [_recorded(item, member.account) for item in self._happenings(member, region)]
        return list(
            deliver(
                self.delivered,
                region=region,
                keys=keys_of(region),
                start=member.begin,
                end=member.end,
                records=recorded,
                account=member.account,
                every=timedelta(hours=1),
            )
        )

    def _happenings(self, member: Member, region: str) -> list[Happening]:
        """Somebody looks at the instances of the home Region every morning; elsewhere only what is told happens."""
        told = [item for item in member.happenings if item.region == region]
        if region != self.home:
            return told
        day = member.begin.replace(hour=10, minute=20)
        while day < member.end:
            told.append(Happening(day, _OPERATOR, "ec2", "DescribeInstances", region, {}, read_only=True))
            day += timedelta(days=1)
        return told


def _about(trail: OrganizationTrail, account: str, answer: Any, below: Any) -> Any:
    """Answer about the organization's trail where the account owns it; members may not ask."""

    def handler(call: Call) -> dict[str, Any] | None:
        name = str(call.parameters.get("Name") or call.parameters.get("TrailName") or "")
        if name not in (trail.delivered.arn, NAME):
            found: dict[str, Any] | None = below(call)
            return found
        if account != trail.management:
            raise Refused("AccessDeniedException", f"{account} is not the owner of {trail.delivered.arn}.")
        told: dict[str, Any] = answer()
        return told

    return handler


def _recorded(happening: Happening, account: str) -> dict[str, Any]:
    """Return a record as of another account than the one whose story the events tell."""
    found: dict[str, Any] = json.loads(json.dumps(happening.record()).replace(principals.ACCOUNT, account))
    return found


@dataclass(slots=True)
class Deliveries:
    """Fills the bucket account by account and Region by Region; whoever lists accounts sees a first digest of each."""

    trail: OrganizationTrail
    _begun: bool = False
    _done: set[tuple[str, str]] = field(default_factory=set)

    def waiting(self, _wanted: str) -> Sequence[Future[Any]]:
        """Nothing is made elsewhere."""
        return ()

    def fill(self, bucket: Bucket, wanted: str) -> None:
        """Put everything under a key or prefix into the bucket."""
        root = f"AWSLogs/{self.trail.organization}/"
        if not (wanted.startswith(root) or root.startswith(wanted)):
            return
        if not self._begun:
            self._begun = True
            for member in self.trail.members:
                for region in enabled():
                    self._put(bucket, self.trail.deliver(_first_hour(member), region))
        found = _IN_KEY.search(wanted)
        if found is None or (found[1], found[2]) in self._done or found[2] not in enabled():
            return
        self._done.add((found[1], found[2]))
        for member in self.trail.members:
            if member.account == found[1]:
                self._put(bucket, self.trail.deliver(member, found[2]))
                if (member.account, found[2]) == (ALTERED, self.trail.home):
                    _alter(bucket, self.trail.delivered)

    @staticmethod
    def _put(bucket: Bucket, delivered: Sequence[StoredObject]) -> None:
        for stored in delivered:
            if stored.key not in bucket.objects:
                bucket.put(stored.key, stored.body, stored.metadata, stored.last_modified)


def _first_hour(member: Member) -> Member:
    return Member(member.account, member.begin, member.begin + timedelta(hours=1))


def _alter(bucket: Bucket, trail: DeliveredTrail) -> None:
    """Do to a log file what somebody did who wants not to have been there."""
    folder = trail.folder(ALTERED, "CloudTrail", trail.home_region, ALTERED_AT)
    key = next(key for key in sorted(bucket.objects) if key.startswith(folder))
    document = json.loads(gzip.decompress(bucket.objects[key][-1].body))
    for record in document["Records"]:
        record["sourceIPAddress"] = principals.VPN
    body = gzip.compress(json.dumps(document, separators=(",", ":")).encode(), mtime=0)
    bucket.put(key, body, {}, ALTERED_AT + timedelta(days=1))
