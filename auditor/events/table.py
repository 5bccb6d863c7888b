"""The one table of events that questions see: its text in both dialects, made of files beside this module."""

from collections.abc import Sequence
from importlib.resources import files
from typing import Final

ROW: Final = (
    "event_time",
    "event_id",
    "event_name",
    "event_source",
    "account",
    "region",
    "actor",
    "actor_type",
    "source_ip",
    "user_agent",
    "outcome",
    "error",
    "resource",
    "log_file",
    "verified",
)
"""What each listed event shows, whatever the question."""

RESOURCE_FIELDS: Final = (
    "bucketName",
    "groupId",
    "ModifySecurityGroupRulesRequest.GroupId",
    "trailName",
    "keyId",
    "topicArn",
    "subscriptionArn",
    "logGroupName",
    "alarmNames[0]",
    "alarmName",
    "detectorId",
    "rule",
    "userName",
    "roleName",
    "roleArn",
    "policyArn",
    "policyName",
    "groupName",
    "functionName",
    "networkAclId",
    "routeTableId",
    "vpcId",
    "instancesSet.items[0].instanceId",
    "instanceId",
    "dBInstanceIdentifier",
    "configurationRecorder.name",
    "configurationRecorderName",
    "deliveryChannelName",
    "deliveryChannel.name",
    "DeleteFlowLogsRequest.FlowLogId.content",
    "secretId",
    "tableName",
    "stackName",
    "targetId",
    "accountId",
    "name",
)
"""Where a request names what it is about: the first that is there. Display only; searches look everywhere."""


def resource(request: str, first_arn: str, details: str) -> str:
    """Return the expression for the resource that an event is about, the same text in both dialects.

    Args:
        request: the column with the request, as JSON text.
        first_arn: an expression for the first ARN under ``resources``.
        details: the column with the details of a service's own event.
    """
    key = f"json_extract_scalar({request}, '$.key')"
    bucket = f"json_extract_scalar({request}, '$.bucketName')"
    places = [f"json_extract_scalar({request}, '$.{name}')" for name in RESOURCE_FIELDS]
    found = [f"{bucket} || '/' || {key}", *places, first_arn, f"json_extract_scalar({details}, '$.keyId')"]
    return "COALESCE(" + ",\n        ".join(found) + ", '') AS resource"


_SCALAR: Final = "CASE WHEN json_type(j, p) NOT IN ('OBJECT', 'ARRAY', 'NULL') THEN json_extract_string(j, p) END"


def duckdb_table() -> str:
    """Return the SELECT of all events in DuckDB."""
    first = "json_extract_string(e.resources, '$[0].ARN')"
    return _text("duckdb.sql").replace("{resource}", resource("e.requestParameters", first, "e.serviceEventDetails"))


def macros() -> Sequence[str]:
    """Return what makes functions of Athena known to DuckDB, so that most questions read the same in both."""
    return (
        f"CREATE MACRO json_extract_scalar(j, p) AS {_SCALAR}",
        "CREATE MACRO json_format(j) AS CAST(j AS VARCHAR)",
        "CREATE MACRO regexp_like(t, p) AS regexp_matches(t, p)",
        "CREATE MACRO array_join(l, s) AS array_to_string(l, s)",
    )


def _text(name: str) -> str:
    return files("auditor.events").joinpath("tables", name).read_text("utf-8").rstrip()
