"""The one table of events that questions see: its text in both dialects, made of files beside this module."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import files
from typing import Final, Literal

from auditor.events.columns import VERSION

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
    """Return Athena's expression for the resource that an event is about.

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


def _duckdb_resource() -> str:
    """Return the same for DuckDB, which reads a request once for all places: a tenth of the work."""
    places = [f"$.{name}" for name in RESOURCE_FIELDS]
    request = "e.requestParameters"
    key = f"json_extract_scalar({request}, '$.bucketName') || '/' || json_extract_scalar({request}, '$.key')"
    found = [
        f"CASE WHEN strpos({request}, '\"key\"') > 0 THEN {key} END",
        f"first_scalar(json_extract({request}, {places}))",
        "json_extract_string(e.resources, '$[0].ARN')",
        "json_extract_scalar(e.serviceEventDetails, '$.keyId')",
    ]
    return "COALESCE(" + ",\n        ".join(found) + ", '') AS resource"


def duckdb_table(*, copies: bool, kind: Literal["all", "numbered", "picked"] = "all", only: Sequence[str] = ()) -> str:
    """Return the SELECT of all events in DuckDB.

    Args:
        copies: whether there are copies to be left out; where there are none, nobody looks for each row among them.
        kind: ``numbered`` has the number of the log file as well, ``of_file``; ``picked`` has only the rows of the
            table of that name, and makes what is dear to make, such as the resource, for these alone.
        only: predicates over stored rows, ``e``, that all wanted ones fulfil: others are passed over unread.
    """
    text = part("duckdb.sql").replace("{resource}", _duckdb_resource())
    if kind == "numbered":
        text = text.replace("SELECT", "SELECT\n    e.file AS of_file,", 1)
    where = [*([_NO_COPIES] if copies else ()), *only]
    return text + (_PICKED if kind == "picked" else "") + (f"\nWHERE {' AND '.join(where)}" if where else "")


_PICKED: Final = "\nJOIN picked p ON p.of_file = e.file AND p.position = e.position"
_NO_COPIES: Final = "NOT EXISTS (SELECT 1 FROM copies c WHERE c.file = e.file AND c.position = e.position)"
_SCALAR: Final = "CASE WHEN json_type(j, p) NOT IN ('OBJECT', 'ARRAY', 'NULL') THEN json_extract_string(j, p) END"
_SCALARS: Final = "list_filter(l, lambda x: left(CAST(x AS VARCHAR), 1) NOT IN ('{', '[', 'n'))"
_FIRST: Final = f"json_extract_string(list_extract({_SCALARS}, 1), '$')"


def macros() -> Sequence[str]:
    """Return what makes functions of Athena known to DuckDB, so that most questions read the same in both."""
    return (
        f"CREATE MACRO json_extract_scalar(j, p) AS {_SCALAR}",
        f"CREATE MACRO first_scalar(l) AS {_FIRST}",
        "CREATE MACRO json_format(j) AS CAST(j AS VARCHAR)",
        "CREATE MACRO regexp_like(t, p) AS regexp_matches(t, p)",
        "CREATE MACRO array_join(l, s) AS array_to_string(l, s)",
    )


def part(name: str) -> str:
    """Return the text of a file beside the tables."""
    return files("auditor.events").joinpath("tables", name).read_text("utf-8").rstrip()


def athena_table(table: str, partitions: str, known: Collection[str] | None = None) -> str:
    """Return the SELECT of all events in Athena.

    Args:
        table: its quoted name.
        partitions: a predicate over the partitions; all of them are constrained, always.
        known: columns and members of structures that the table has, lower case, such as
            ``useridentity.sessioncontext.sourceidentity``; None for the table that we make. What it lacks is empty.
    """
    have = _optional(known)
    text = part("athena.sql").replace("{version}", VERSION)

    def column(match: re.Match[str]) -> str:
        name = match[1]
        if name not in have:
            return "CAST(NULL AS varchar)"
        return _ADDENDUM if name == "addendum_json" else f"e.{name}"

    text = re.sub(r"\{\?([a-z_.]+)\}", column, text)
    first = "element_at(e.resources, 1).arn"
    text = text.replace("{resource}", resource("e.requestparameters", first, "e.serviceeventdetails"))
    return text.replace("{table}", table).replace("{partitions}", partitions)


def empty_columns(known: Collection[str]) -> tuple[str, ...]:
    """Return the columns of the table of events that are empty where a table of log files has only these columns."""
    have = _optional(known)
    return tuple(column for name, columns in OPTIONAL.items() if name not in have for column in columns)


def _optional(known: Collection[str] | None) -> frozenset[str]:
    if known is None:
        return frozenset(OPTIONAL)
    return frozenset(OPTIONAL) & {*known, *(("addendum_json",) if "addendum" in known else ())}


OPTIONAL: Final[Mapping[str, tuple[str, ...]]] = {
    "eventcategory": (),
    "managementevent": ("management",),
    "insightdetails": ("insight",),
    "addendum_json": ("addendum",),
    "vpcendpointaccountid": ("vpc_endpoint_account",),
    "useridentity.onbehalfof.userid": ("on_behalf_of",),
    "useridentity.inscopeof.sourcearn": ("in_scope_of",),
    "useridentity.inscopeof.credentialsissuedto": ("issued_to",),
    "useridentity.sessioncontext.sourceidentity": ("source_identity",),
    "useridentity.sessioncontext.assumedroot": ("assumed_root",),
}
"""What AWS's own table of CloudTrail logs lacks, wholly or in older forms, and the columns that are empty then."""

_ADDENDUM: Final = (
    "CASE WHEN e.addendum IS NOT NULL THEN json_format(CAST(MAP(ARRAY['reason', 'originalEventID'],"
    " ARRAY[e.addendum.reason, e.addendum.originaleventid]) AS JSON)) END"
)

UNIQUE: Final = (
    "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY account, event_id, event_time, event_name, event_type,"
    " actor, source_ip, error_code, request, response ORDER BY log_file) AS copy FROM cloudtrail_files)"
    " WHERE copy = 1 OR event_id IS NULL OR event_id = ''"
)
"""Copies of an event count once; rows of one id that differ stay."""


def literal(value: object) -> str:
    """Write a value as Athena does."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case datetime():
            return f"TIMESTAMP '{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f} UTC'".replace(".000000", "")
        case list() | tuple():
            return literal(",".join(map(str, value)))
    return "'" + str(value).replace("'", "''") + "'"
