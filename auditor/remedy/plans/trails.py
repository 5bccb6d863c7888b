"""Remedies for trails: the trail that is there is changed; a second one would be paid for twice."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auditor.base.counts import counted
from auditor.remedy.change import Finding, Look, Made, Remedy, Stage, Step
from auditor.remedy.known import Known, Unknown
from auditor.remedy.plans.common import (
    access_log_steps,
    bucket_steps,
    delivery_statements,
    document,
    lock_step,
    role_steps,
)

RETENTION_DAYS = 400
"""A period of twelve months and the time to look at it; a value that CloudWatch Logs takes."""
_RETENTIONS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
NAME = "management-events"
ROLE = "auditor-cloudtrail-to-logs"
ALIAS = "alias/auditor-cloudtrail"


@dataclass(frozen=True, slots=True)
class Trail:
    """The trail that remedies work on.

    Args:
        item: what ``DescribeTrails`` says of it; empty where it is still to be made.
        arn: its ARN, or the one that it will have.
        home: its home Region.
        steps: what makes it, where it is not there.
    """

    item: Mapping[str, Any]
    arn: str
    home: str
    steps: tuple[Step, ...]

    @property
    def name(self) -> str:
        """Its name."""
        return self.arn.rsplit("/", 1)[1]


def trails(known: Known) -> tuple[Mapping[str, Any], ...]:
    """Return the account's own trails, multi-Region ones first."""
    found: dict[str, Mapping[str, Any]] = {}
    for item in known.items("cloudtrail:DescribeTrails", "trailList"):
        arn = str(item.get("TrailARN"))
        if f":{known.account}:trail/" in arn and (item.get("HomeRegion") in known.regions):
            found.setdefault(arn, item)
    return tuple(
        sorted(found.values(), key=lambda item: (not item.get("IsMultiRegionTrail"), str(item.get("TrailARN"))))
    )


def trail_of(known: Known) -> Trail:
    """Return the trail to work on: the account's own, or one that is to be made."""
    present = trails(known)
    if present:
        item = present[0]
        return Trail(item, str(item["TrailARN"]), str(item["HomeRegion"]), ())
    home = known.home if known.home in known.regions else known.regions[0]
    arn = known.arn("cloudtrail", home, f"trail/{NAME}")
    return Trail({}, arn, home, tuple(_new_trail(known, home)))


def _new_trail(known: Known, home: str) -> list[Step]:
    bucket = f"auditor-trail-{known.account}-{home}"
    statements = delivery_statements(known, bucket, "cloudtrail", f"AWSLogs/{known.account}/*")
    there = Look(
        "cloudtrail", "DescribeTrails", {"trailNameList": [NAME], "includeShadowTrails": False}, "trailList[0].TrailARN"
    )
    made = {
        "Name": NAME,
        "S3BucketName": bucket,
        "IsMultiRegionTrail": True,
        "IncludeGlobalServiceEvents": True,
        "EnableLogFileValidation": True,
    }
    new = Trail({}, known.arn("cloudtrail", home, f"trail/{NAME}"), home, ())
    return [
        *bucket_steps(known, bucket, home, statements),
        lock_step(bucket, home),
        *access_log_steps(known, bucket, home),
        Step(Stage.TRAIL, f"the trail {NAME}", "cloudtrail", "CreateTrail", home, made, unless=there),
        *_encryption(known, new.arn, home),
        *_delivery(known, new, f"/aws/cloudtrail/{NAME}"),
        Step(Stage.FILTER, "start logging", "cloudtrail", "StartLogging", home, {"Name": NAME}),
    ]


def named(finding: Finding, known: Known) -> Mapping[str, Any]:
    """Return the trail that a finding names.

    Raises:
        Unknown: it is not one of the account's own.
    """
    for item in trails(known):
        if item["TrailARN"] == finding.resource:
            return item
    raise Unknown(f"the trail {finding.resource} belongs to another account; the change has to be made there")


def update(arn: str, home: str, words: str, **changes: Any) -> Step:
    """Return a change of a trail, which leaves alone what it does not name."""
    return Step(Stage.SETTING, words, "cloudtrail", "UpdateTrail", home, {"Name": arn, **changes})


def multi_region(finding: Finding, known: Known) -> Remedy:
    """Make the trail that is there cover everything; make one only where there is none."""
    trail = trail_of(known)
    if trail.steps:
        undo = (
            Step(Stage.SETTING, "stop logging", "cloudtrail", "StopLogging", trail.home, {"Name": NAME}),
            Step(Stage.TRAIL, "no trail, as it was", "cloudtrail", "DeleteTrail", trail.home, {"Name": NAME}),
        )
        return Remedy(
            finding,
            "The account has no trail of its own.",
            trail.steps,
            undo,
            "Every management event of the account is recorded. The trail is made whole: bucket with Object Lock and "
            "access logs, key, digests, log group.",
            "the first copy of management events is free; key 1.00 USD; storage 0.023 USD for each GB; log group 0.50 "
            "USD for each GB taken in",
            undo_words="Buckets, key and log group stay, with the logs in them; Object Lock cannot be switched off.",
        )
    asked = {"IsMultiRegionTrail": True, "IncludeGlobalServiceEvents": True}
    steps = [
        update(trail.arn, trail.home, f"{trail.name} covers all Regions and global services", **asked),
        Step(Stage.FILTER, "log", "cloudtrail", "StartLogging", trail.home, {"Name": trail.arn}),
    ]
    selected = known.page("cloudtrail:GetEventSelectors", trail.home, TrailName=trail.arn)
    whole = _all_management_events(selected)
    undo_steps = [update(trail.arn, trail.home, "as it was", **{name: bool(trail.item.get(name)) for name in asked})]
    if whole:
        given = {"TrailName": trail.arn, **whole}
        words = f"{trail.name} records every management event; data events stay as they are"
        steps.append(Step(Stage.SETTING, words, "cloudtrail", "PutEventSelectors", trail.home, given))
        old = {key: selected[key] for key in whole if key in selected}
        undo_steps.append(
            Step(
                Stage.SETTING,
                "the selectors as they were",
                "cloudtrail",
                "PutEventSelectors",
                trail.home,
                {"TrailName": trail.arn, **old},
            )
        )
    return Remedy(
        finding,
        f"The trail {trail.name} in {trail.home}.",
        tuple(steps),
        tuple(undo_steps),
        "No second trail is made: it would bill management events again.",
        "the first copy of management events is free, a further one 2.00 USD for each 100,000; storage 0.023 USD for "
        "each GB",
    )


def _all_management_events(selected: Mapping[str, Any]) -> dict[str, Any]:
    """Return selectors that record all management events beside what is recorded now; nothing where they do."""
    if advanced := selected.get("AdvancedEventSelectors"):
        kept = [item for item in advanced if not _of_management(item)]
        every = {
            "Name": "All management events",
            "FieldSelectors": [{"Field": "eventCategory", "Equals": ["Management"]}],
        }
        changed = [every, *kept]
        return {} if changed == list(advanced) else {"AdvancedEventSelectors": changed}
    classic = list(selected.get("EventSelectors") or ())
    if any(
        item.get("ReadWriteType") == "All"
        and item.get("IncludeManagementEvents")
        and not item.get("ExcludeManagementEventSources")
        for item in classic
    ):
        return {}
    data = [{**item, "IncludeManagementEvents": False} for item in classic if item.get("DataResources")]
    for item in data:
        item.pop("ExcludeManagementEventSources", None)
    return {
        "EventSelectors": [
            {"ReadWriteType": "All", "IncludeManagementEvents": True, "DataResources": []},
            *data,
        ]
    }


def _of_management(selector: Mapping[str, Any]) -> bool:
    return any(
        field.get("Field") == "eventCategory" and "Management" in (field.get("Equals") or ())
        for field in selector.get("FieldSelectors") or ()
    )


def validation(finding: Finding, known: Known) -> Remedy:
    """Switch on validation of log files."""
    item = named(finding, known)
    arn, home = str(item["TrailARN"]), str(item["HomeRegion"])
    return Remedy(
        finding,
        f"The trail {item.get('Name')} in {home}, without digests.",
        (update(arn, home, "write signed digests", EnableLogFileValidation=True),),
        (update(arn, home, "as it was", EnableLogFileValidation=False),),
        "Hourly digest files are added; log files of earlier hours get none.",
        "nothing but storage",
    )


def encryption(finding: Finding, known: Known) -> Remedy:
    """Encrypt a trail's files with a key that CloudTrail may use, and the account may decrypt with."""
    item = named(finding, known)
    arn, home = str(item["TrailARN"]), str(item["HomeRegion"])
    return Remedy(
        finding,
        f"The trail {item.get('Name')} in {home}, without a key.",
        tuple(_encryption(known, arn, home)),
        (update(arn, home, "no key, as it was", KmsKeyId=""),),
        "Readers of the logs need kms:Decrypt on the key from now on, also the SIEM and `auditor trail verify`.",
        "1.00 USD, and 0.03 USD for each 10,000 requests",
        undo_words="Files written meanwhile stay encrypted: keep the key as long as they are kept.",
    )


def _encryption(known: Known, arn: str, home: str) -> list[Step]:
    made = Step(
        Stage.KEY,
        "a key for log files of trails",
        "kms",
        "CreateKey",
        home,
        {"Description": "CloudTrail log files", "Policy": document(*_key_statements(known))},
        gives="TRAIL_KEY",
        query="KeyMetadata.Arn",
        unless=Look("kms", "DescribeKey", {"KeyId": ALIAS}, "KeyMetadata.Arn", ("NotFoundException",)),
    )
    alias = Step(
        Stage.KEY,
        f"its name {ALIAS}",
        "kms",
        "CreateAlias",
        home,
        {"AliasName": ALIAS, "TargetKeyId": Made("TRAIL_KEY")},
        tolerated=("AlreadyExistsException",),
    )
    rotate = Step(Stage.KEY, "rotate it", "kms", "EnableKeyRotation", home, {"KeyId": Made("TRAIL_KEY")})
    return [made, alias, rotate, update(arn, home, "encrypt with it", KmsKeyId=Made("TRAIL_KEY"))]


def _key_statements(known: Known) -> list[dict[str, Any]]:
    trail = f"arn:{known.partition}:cloudtrail:*:{known.account}:trail/*"
    service = {"Service": "cloudtrail.amazonaws.com"}
    return [
        {
            "Sid": "Account",
            "Effect": "Allow",
            "Principal": {"AWS": known.arn("iam", "", "root")},
            "Action": "kms:*",
            "Resource": "*",
        },
        {
            "Sid": "CloudTrailEncrypts",
            "Effect": "Allow",
            "Principal": service,
            "Action": "kms:GenerateDataKey*",
            "Resource": "*",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": known.account},
                "StringLike": {"kms:EncryptionContext:aws:cloudtrail:arn": trail},
            },
        },
        {
            "Sid": "CloudTrailDescribes",
            "Effect": "Allow",
            "Principal": service,
            "Action": "kms:DescribeKey",
            "Resource": "*",
        },
    ]


def group_of(known: Known, trail: Trail) -> tuple[str, tuple[Step, ...]]:
    """Return the log group of a trail, and what gives it one where it has none."""
    arn = str(trail.item.get("CloudWatchLogsLogGroupArn") or "")
    if arn:
        return arn.split(":log-group:", 1)[1].removesuffix(":*"), ()
    group = f"/aws/cloudtrail/{trail.name}"
    return group, () if trail.steps else tuple(_delivery(known, trail, group))


def _delivery(known: Known, trail: Trail, group: str) -> list[Step]:
    arn = known.arn("logs", trail.home, f"log-group:{group}:*")
    there = Look(
        "logs",
        "DescribeLogGroups",
        {"logGroupNamePrefix": group},
        f"logGroups[?logGroupName=='{group}'].arn | [0]",
    )
    may = {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": arn}
    return [
        *role_steps(known, ROLE, "cloudtrail", may),
        Step(
            Stage.LOG_GROUP,
            f"the log group {group}",
            "logs",
            "CreateLogGroup",
            trail.home,
            {"logGroupName": group},
            unless=there,
        ),
        Step(
            Stage.LOG_GROUP,
            f"keep its events for {RETENTION_DAYS} days",
            "logs",
            "PutRetentionPolicy",
            trail.home,
            {"logGroupName": group, "retentionInDays": RETENTION_DAYS},
        ),
        update(
            trail.arn,
            trail.home,
            f"{trail.name} delivers to {group}",
            CloudWatchLogsLogGroupArn=arn,
            CloudWatchLogsRoleArn=known.arn("iam", "", f"role/{ROLE}"),
        ),
    ]


def log_group(finding: Finding, known: Known) -> Remedy:
    """Give a trail a log group, or start the delivery to it again."""
    item = named(finding, known)
    trail = Trail(item, str(item["TrailARN"]), str(item["HomeRegion"]), ())
    group, steps = group_of(known, trail)
    if not steps:
        raise Unknown(
            f"{trail.name} names the log group {group} and does not deliver to it; the role has to be looked at"
        )
    undo = update(
        trail.arn, trail.home, "no log group, as it was", CloudWatchLogsLogGroupArn="", CloudWatchLogsRoleArn=""
    )
    return Remedy(
        finding,
        f"The trail {trail.name} in {trail.home}, without a log group.",
        steps,
        (undo,),
        "Every recorded event is delivered once more.",
        "0.50 USD for each GB taken in, 0.03 USD for each GB kept",
        person="The control passes after the first delivery, some minutes later.",
        undo_words="The log group stays, with what was delivered.",
    )


def retention(finding: Finding, known: Known) -> Remedy:
    """Keep the events of a log group for longer, or decide how long; never for less than now."""
    name, region = finding.resource, finding.region
    if ":log-group:" in name:
        name = name.split(":log-group:", 1)[1].removesuffix(":*")
    if finding.resource.startswith("arn:") and ":trail/" in finding.resource:
        item = named(finding, known)
        region = str(item["HomeRegion"])
        name, missing = group_of(known, Trail(item, finding.resource, region, ()))
        if missing:
            raise Unknown("the trail has no log group; cloudtrail-cloudwatch-logs comes first")
    groups = {
        str(item.get("logGroupName")): item for item in known.items("logs:DescribeLogGroups", "logGroups", region)
    }
    if name not in groups:
        raise Unknown(f"the pack does not show the log group {name} in {region}")
    before = groups[name].get("retentionInDays")
    least = int(finding.parameters.get("keep_days") or RETENTION_DAYS)
    days = next((value for value in _RETENTIONS if value >= max(least, int(before or 0))), _RETENTIONS[-1])
    given = {"logGroupName": name}
    step = Step(
        Stage.LOG_GROUP,
        f"keep events of {name} for {counted(days, 'day')}",
        "logs",
        "PutRetentionPolicy",
        region,
        {**given, "retentionInDays": days},
    )
    undo = (
        Step(
            Stage.LOG_GROUP,
            "as it was",
            "logs",
            "PutRetentionPolicy",
            region,
            {**given, "retentionInDays": int(before)},
        )
        if before
        else Step(Stage.LOG_GROUP, "no expiry, as it was", "logs", "DeleteRetentionPolicy", region, given)
    )
    return Remedy(
        finding,
        f"Events are kept for {counted(before, 'day')}." if before else "Events are kept for ever.",
        (step,),
        (undo,),
        "Undoing deletes what is older at once."
        if before
        else "Events that are older than this are deleted at once, and cannot be brought back.",
        "0.03 USD for each GB kept",
    )
