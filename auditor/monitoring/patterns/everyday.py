"""What a filter catches beside what it is meant to: records of an ordinary day, held against patterns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.monitoring.patterns.callers import EVENT_NAME, EVENT_SOURCE, IDENTITY_TYPE, Kind
from auditor.monitoring.patterns.coverage import Detector
from auditor.monitoring.patterns.formula import holds
from auditor.monitoring.patterns.records import MFA_USED, SIGN_IN_RESULT, build, describe
from auditor.monitoring.patterns.requirement import Requirement
from auditor.monitoring.patterns.rules import Rules


@dataclass(frozen=True, slots=True)
class Added:
    """An everyday event that a pattern catches though the requirement does not name it."""

    pattern: str
    words: str
    event: Mapping[str, Any]

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"pattern": self.pattern, "words": self.words, "event": dict(self.event)}


def _everyday() -> tuple[Mapping[str, Any], ...]:
    """Build records of an ordinary day."""
    calls = (
        ("ec2.amazonaws.com", "DescribeInstances", "AssumedRole"),
        ("s3.amazonaws.com", "ListBuckets", "IAMUser"),
        ("sts.amazonaws.com", "AssumeRole", "IAMUser"),
        ("kms.amazonaws.com", "Decrypt", "AssumedRole"),
        ("lambda.amazonaws.com", "UpdateFunctionCode20150331v2", "AssumedRole"),
        ("iam.amazonaws.com", "GetRole", "AssumedRole"),
        ("iam.amazonaws.com", "CreateUser", "IAMUser"),
        ("ec2.amazonaws.com", "RunInstances", "AssumedRole"),
        ("cloudtrail.amazonaws.com", "DescribeTrails", "AssumedRole"),
        ("logs.amazonaws.com", "CreateLogStream", "AssumedRole"),
        ("dynamodb.amazonaws.com", "DescribeTable", "IAMUser"),
        ("iam.amazonaws.com", "GetPolicyVersion", "AssumedRole"),
        ("ec2.amazonaws.com", "DescribeSecurityGroups", "AssumedRole"),
        ("s3.amazonaws.com", "GetBucketPolicy", "AssumedRole"),
        ("kms.amazonaws.com", "DescribeKey", "AssumedRole"),
    )
    api = (
        build({EVENT_SOURCE: source, EVENT_NAME: name, IDENTITY_TYPE: who}, Kind.API, index % 2)
        for index, (source, name, who) in enumerate(calls)
    )
    sign_in = build({IDENTITY_TYPE: "IAMUser", SIGN_IN_RESULT: "Success", MFA_USED: "Yes"}, Kind.SIGN_IN)
    return (*api, sign_in)


EVERYDAY = _everyday()


def added(requirement: Requirement, helpful: Sequence[Detector], rules: Rules) -> Iterable[Added]:
    """Yield what patterns catch of an ordinary day though the requirement does not name it, each record once."""
    for record in EVERYDAY:
        if _required(requirement, record) or holds(requirement.may_add, record) or holds(requirement.spared, record):
            continue
        for detector in helpful:
            if detector.catches(record, rules):
                yield Added(detector.name, describe(record), record)
                break


def _required(requirement: Requirement, record: Mapping[str, Any]) -> bool:
    if requirement.events and record["eventName"] not in requirement.events:
        return False
    source = requirement.source_of(record["eventName"])
    if source and record["eventSource"] != source:
        return False
    return holds(requirement.catches, record)
