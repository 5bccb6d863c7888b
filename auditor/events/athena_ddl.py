"""Writes the CREATE TABLE of a trail's log files for Athena, with computed partitions. Pure.

AWS's own text lacks newer members (sourceIdentity, assumedRoot, inScopeOf, insightDetails); a JSON SerDe passes over
what is not declared. Each kind of log file has a folder, and so a table, of its own.

Source: Athena User Guide, "Querying CloudTrail logs", "Partition projection".
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from auditor.base.errors import UsageError
from auditor.events.columns import IDENTITY, OPEN, SCALARS, Shape

KINDS: Final = ("CloudTrail", "CloudTrail-Insight", "CloudTrail-NetworkActivity")
_STRUCTURED: Final = frozenset({"resources", "tlsDetails", "addendum"})


@dataclass(frozen=True, slots=True)
class Ddl:
    """What a table is made for.

    Args:
        table: ``database.table``.
        bucket: the trail's bucket.
        prefix: its key prefix, without closing slash.
        organization: id of the organization for its trail, else empty.
        accounts: twelve digits each.
        regions: Regions.
        since: first day, ``YYYY/MM/DD``.
        kind: one of :data:`KINDS`.
    """

    table: str
    bucket: str
    prefix: str
    organization: str
    accounts: tuple[str, ...]
    regions: tuple[str, ...]
    since: str
    kind: str = "CloudTrail"

    def __post_init__(self) -> None:
        checks: Sequence[tuple[bool, str]] = (
            (re.fullmatch(r"[a-z0-9_]+\.[a-z0-9_]+", self.table) is not None, f"--table {self.table}: DATABASE.TABLE"),
            (re.fullmatch(r"[a-z0-9.-]{3,63}", self.bucket) is not None, f"{self.bucket!r} is no bucket"),
            (re.fullmatch(r"[A-Za-z0-9/!_.*()-]*", self.prefix) is not None, f"{self.prefix!r} is no prefix for this"),
            (
                re.fullmatch(r"(o-[a-z0-9]{10,32})?", self.organization) is not None,
                f"{self.organization!r}: no organization",
            ),
            (
                bool(self.accounts) and all(re.fullmatch(r"\d{12}", one) for one in self.accounts),
                "accounts have 12 digits",
            ),
            (bool(self.regions) and all(re.fullmatch(r"[a-z0-9-]+", one) for one in self.regions), "give Regions"),
            (re.fullmatch(r"\d{4}/\d\d/\d\d", self.since) is not None, f"--since {self.since}: YYYY/MM/DD"),
            (self.kind in KINDS, f"--kind {self.kind}: one of {', '.join(KINDS)}"),
        )
        for holds, words in checks:
            if not holds:
                raise UsageError(words)


def ddl(asked: Ddl) -> str:
    """Return the statement."""
    base = "/".join(part for part in (f"s3://{asked.bucket}", asked.prefix, "AWSLogs", asked.organization) if part)
    columns = [
        ("eventversion", "STRING"),
        ("useridentity", _struct(IDENTITY)),
        *((name.lower(), "STRING") for name in (*SCALARS, *OPEN) if name not in _STRUCTURED | {"eventVersion"}),
        ("resources", "ARRAY<STRUCT<arn:STRING,accountid:STRING,type:STRING>>"),
        ("tlsdetails", "STRUCT<tlsversion:STRING,ciphersuite:STRING,clientprovidedhostheader:STRING>"),
        ("addendum", "STRUCT<reason:STRING,updatedfields:STRING,originalrequestid:STRING,originaleventid:STRING>"),
    ]
    properties = {
        "projection.enabled": "true",
        "projection.account.type": "enum",
        "projection.account.values": ",".join(asked.accounts),
        "projection.region.type": "enum",
        "projection.region.values": ",".join(asked.regions),
        "projection.day.type": "date",
        "projection.day.format": "yyyy/MM/dd",
        "projection.day.range": f"{asked.since},NOW",
        "projection.day.interval": "1",
        "projection.day.interval.unit": "DAYS",
        "storage.location.template": f"{base}/${{account}}/{asked.kind}/${{region}}/${{day}}",
        "classification": "cloudtrail",
    }
    inside = ",\n".join(f"    {name} {kind}" for name, kind in columns)
    told = ",\n".join(f"    '{name}' = '{value}'" for name, value in properties.items())
    database, _, table = asked.table.partition(".")
    return (
        f"CREATE EXTERNAL TABLE `{database}`.`{table}` (\n{inside}\n)\n"
        "PARTITIONED BY (account STRING, region STRING, day STRING)\n"
        "ROW FORMAT SERDE 'org.apache.hive.hcatalog.data.JsonSerDe'\n"
        "STORED AS INPUTFORMAT 'com.amazon.emr.cloudtrail.CloudTrailInputFormat'\n"
        "OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'\n"
        f"LOCATION '{base}/'\n"
        f"TBLPROPERTIES (\n{told}\n)\n"
    )


def _struct(shape: Shape) -> str:
    inner = (f"{name.lower()}:{'STRING' if part is None else _struct(part)}" for name, part in shape.items())
    return f"STRUCT<{','.join(inner)}>"
