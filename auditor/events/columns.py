"""The columns of stored events: how a record is read, and what every question sees. Data, no code that decides.

Open parts stay JSON text, never inferred: their members change type between services and years. Times are read as text
first, because an unreadable time must leave its row in place.

Source: CloudTrail User Guide, "CloudTrail record contents" and "CloudTrail userIdentity element".
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

Shape = Mapping[str, Any]

_SESSION: Final[Shape] = {
    "sourceIdentity": None,
    "assumedRoot": None,
    "ec2RoleDelivery": None,
    "sessionIssuer": {"type": None, "principalId": None, "arn": None, "accountId": None, "userName": None},
    "attributes": {"creationDate": None, "mfaAuthenticated": None, "sessionCredentialFromConsole": None},
}
IDENTITY: Final[Shape] = {
    "type": None,
    "principalId": None,
    "arn": None,
    "accountId": None,
    "accessKeyId": None,
    "userName": None,
    "invokedBy": None,
    "credentialId": None,
    "identityProvider": None,
    "onBehalfOf": {"userId": None, "identityStoreArn": None},
    "inScopeOf": {"sourceArn": None, "sourceAccount": None, "issuerType": None, "credentialsIssuedTo": None},
    "invokedByDelegate": {"accountId": None},
    "sessionContext": _SESSION,
}
SHAPE: Final[Shape] = {"userIdentity": IDENTITY}
"""Members that must be objects, or absent, for a record to be read strictly. None stands for a plain value."""

SCALARS: Final = (
    "eventVersion",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "sourceIPAddress",
    "userAgent",
    "errorCode",
    "errorMessage",
    "requestID",
    "eventID",
    "eventType",
    "apiVersion",
    "managementEvent",
    "readOnly",
    "recipientAccountId",
    "sharedEventID",
    "vpcEndpointId",
    "vpcEndpointAccountId",
    "eventCategory",
    "sessionCredentialFromConsole",
)
OPEN: Final = (
    "requestParameters",
    "responseElements",
    "additionalEventData",
    "resources",
    "tlsDetails",
    "serviceEventDetails",
    "edgeDeviceDetails",
    "addendum",
    "eventContext",
    "insightDetails",
)
RARE: Final = (
    "apiVersion",
    "vpcEndpointAccountId",
    "sessionCredentialFromConsole",
    "serviceEventDetails",
    "edgeDeviceDetails",
    "addendum",
    "eventContext",
    "insightDetails",
)
"""Members that few records have: kept together in one column, because an empty one takes as long as a full one."""
AGGREGATED_SCALARS: Final = (
    "eventVersion",
    "eventId",
    "eventType",
    "eventCategory",
    "eventSource",
    "eventName",
    "awsRegion",
    "accountId",
)
AGGREGATED_OPEN: Final = ("timeWindow", "summary")
"""Five-minute summaries of data events have a form of their own: ``eventId`` and a window instead of a time."""

VERSION: Final = r"(\d{8}(v\d+)?|\d{4}_\d\d_\d\d)$"
"""API versions that some services write behind the name of a call, as in ``DeleteFunction20150331``."""

_PLACE: Final = (
    "CASE WHEN line THEN COALESCE(of_file, error('a line too many')) ELSE error('a line too few') END AS file",
    "CAST(of_position AS INTEGER) AS position",
)
"""Where a record comes from, joined to it by its place in the batch; both sides must be equally long."""


def struct_type(shape: Shape) -> str:
    """Return DuckDB's type of a shape."""
    inner = (f'"{name}" {"VARCHAR" if part is None else struct_type(part)}' for name, part in shape.items())
    return f"STRUCT({', '.join(inner)})"


def events_columns() -> str:
    """Return the ``columns`` argument with which DuckDB reads records."""
    pairs = [(name, "VARCHAR") for name in SCALARS]
    pairs += [("userIdentity", struct_type(IDENTITY))]
    pairs += [(name, "JSON") for name in OPEN]
    return _columns(pairs)


def aggregated_columns() -> str:
    """Return the ``columns`` argument with which DuckDB reads five-minute summaries."""
    pairs = [(name, "VARCHAR") for name in AGGREGATED_SCALARS]
    pairs += [(name, "JSON") for name in AGGREGATED_OPEN]
    return _columns(pairs)


def _columns(pairs: list[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in pairs) + "}"


_WHO: Final = ("arn", "userName", "onBehalfOf.userId", "invokedBy", "principalId", "accountId", "type")
"""Who acted: the first of these members of the identity that says anything."""
_ACTOR: Final = "COALESCE(" + "".join(f"NULLIF(userIdentity.{name}, ''), " for name in _WHO) + "'unknown') AS actor"
_BY_ROOT: Final = (
    "(COALESCE(userIdentity.type = 'Root', false) OR COALESCE(userIdentity.sessionContext.assumedRoot = 'true', false))"
    " AS by_root"
)
_OUTCOME: Final = """CASE
    WHEN regexp_matches(errorCode, '(?i)AccessDenied|Unauthorized|AuthorizationError|NotAuthorized') THEN 'refused'
    WHEN errorCode IS NOT NULL THEN 'failed'
    WHEN eventName = 'ConsoleLogin' AND json_extract_string(responseElements, '$.ConsoleLogin') = 'Failure'
        THEN 'failed'
    WHEN eventType = 'AwsConsoleSignIn' AND errorMessage IS NOT NULL THEN 'failed'
    ELSE 'success' END AS outcome"""


_MOMENT: Final = "CASE WHEN isfinite(TRY_CAST(eventTime AS TIMESTAMPTZ)) THEN TRY_CAST(eventTime AS TIMESTAMPTZ) END"
_ODD_TIME: Final = f"CASE WHEN {_MOMENT} IS NULL THEN eventTime END"


def stored(place: Sequence[str] = _PLACE) -> str:
    """Return the select list that turns records as read, with their places, into rows as stored."""
    flag = "CASE lower({0}) WHEN 'true' THEN true WHEN 'false' THEN false END AS {0}"
    special = {
        "eventTime": f"{_MOMENT} AS eventTime",
        "readOnly": flag.format("readOnly"),
        "managementEvent": flag.format("managementEvent"),
        "eventName": f"eventName, regexp_replace(eventName, '{VERSION}', '') AS call",
    }
    names = [special.get(name, name) for name in SCALARS if name not in RARE]
    opened = [f"{_given(name)} AS {name}" for name in OPEN if name not in RARE]
    return ", ".join([*place, *names, "userIdentity", *opened, _ACTOR, _OUTCOME, _rare()])


def _given(name: str) -> str:
    return f"CAST(NULLIF(CAST({name} AS VARCHAR), 'null') AS VARCHAR)"


def _rare() -> str:
    """Return the column of the rare members, as one JSON object; NULL where a record has none of them."""
    members = ", ".join(f"'{name}', {name}" for name in RARE)
    anything = ", ".join([*map(_given, RARE), _ODD_TIME])
    whole = f"json_object({members}, 'odd_time', {_ODD_TIME})"
    return f"CASE WHEN COALESCE({anything}) IS NOT NULL THEN CAST({whole} AS VARCHAR) END AS rare"


def as_columns(source: str) -> str:
    """Return the SELECT of stored rows in which the rare members are columns again."""
    scalars = [*(name for name in RARE if name in SCALARS), "odd_time"]
    columns = [f"json_extract_string(rare, '$.{name}') AS {name}" for name in scalars]
    columns += [
        f"NULLIF(CAST(json_extract(rare, '$.{name}') AS VARCHAR), 'null') AS {name}" for name in RARE if name in OPEN
    ]
    return f"SELECT * EXCLUDE (rare), {', '.join(columns)}, {_BY_ROOT} FROM {source}"


def stored_aggregated() -> str:
    """Return the same for five-minute summaries."""
    begin = "TRY_CAST(json_extract_string(timeWindow, '$.windowStart') AS TIMESTAMPTZ) AS windowStart"
    opened = [f"CAST({name} AS VARCHAR) AS {name}" for name in AGGREGATED_OPEN]
    return ", ".join([*_PLACE, *AGGREGATED_SCALARS, begin, *opened])
