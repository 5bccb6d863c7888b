"""Asks a table of log files in Athena: what it can answer for is read first, what it costs is told before and after.

Athena writes its results to a bucket, so it is used only when somebody asks for it, with a policy of its own:
``athena:StartQueryExecution``, ``StopQueryExecution``, ``GetQueryExecution``, ``GetQueryResults``,
``GetQueryRuntimeStatistics``, ``glue:GetTable``, ``s3:ListBucket`` and what Athena needs on the buckets.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from itertools import product
from typing import Any, Final

from auditor.base.counts import counted
from auditor.base.errors import CollectionError, UsageError
from auditor.base.period import Period
from auditor.events.answer import Answer, Missing, Searched
from auditor.events.asking import Asked, compose
from auditor.events.athena_table import LogTable, constrained, scans, table_of
from auditor.events.filters import literal_sql, network_of, predicates
from auditor.events.lacking import lacking
from auditor.events.question import values_of
from auditor.events.table import UNIQUE, athena_table, empty_columns, literal

WRITES: Final = frozenset({"athena:StartQueryExecution", "athena:StopQueryExecution"})
"""Operations that are no reads; whoever asks Athena asked for them."""
USD_PER_TB: Final = 5.0
"""List price of a terabyte scanned, us-east-1, seen 2026-11-21; ``--price-per-tb`` replaces it."""
TB: Final = 1 << 40
POLL_SECONDS: Final = 1.0
CANNOT_SEE: Final = (
    "Whether log files verify: Athena reads them as they are; `auditor trail verify` proves them.",
    "Log files that cannot be read, and records that are no JSON: Athena leaves them out or fails as a whole.",
)
_LISTINGS: Final = 3000
"""Pages of listings for an estimate; beyond, there is none."""


@dataclass(frozen=True, slots=True)
class Athena:
    """Where and how Athena is asked.

    Args:
        session: a boto3 session whose guard lets :data:`WRITES` pass.
        region: where table and workgroup are.
        table: ``database.table``.
        workgroup: its name.
        output: S3 place for results; empty leaves it to the workgroup.
        max_cost: US dollars that a question may cost at most by the estimate; None for no bound.
        price_per_tb: US dollars.
        now: the run's as-of time.
        sleep: waits; a parameter for tests.
        tell: told the estimate before anything is asked.
    """

    session: Any
    region: str
    table: str
    workgroup: str
    output: str
    max_cost: float | None
    now: datetime
    price_per_tb: float = USD_PER_TB
    sleep: Callable[[float], None] = time.sleep
    tell: Callable[[str], None] = field(default=lambda _: None)

    def client(self, service: str) -> Any:
        """Make a client."""
        from botocore.config import Config

        config = Config(retries={"mode": "adaptive", "max_attempts": 6}, connect_timeout=10, read_timeout=60)
        return self.session.client(service, region_name=self.region, config=config)


@dataclass(frozen=True, slots=True)
class _Ran:
    """A query that ended."""

    id: str
    columns: tuple[str, ...]
    rows: list[dict[str, Any]]
    truncated: bool
    execution: Mapping[str, Any]
    input_rows: int


def ask_athena(athena: Athena, asked: Asked) -> Answer:
    """Answer a question in Athena.

    Raises:
        UsageError: no such table, one that cannot be constrained, or an estimate above ``max_cost``.
        CollectionError: Athena or Glue do not answer, or the query failed.
    """
    values = values_of(asked.question, asked.given)
    table = _read_table(athena)
    where, missing = constrained(table, asked.period, asked.filters, athena.now)
    narrowing, filtered = predicates(asked.filters, from_addresses(asked.filters.ips))
    text, count = _text(table, where, asked, narrowing, {**values, **filtered})
    size = _estimate(athena, table, asked)
    _tell_cost(athena, size, count)
    ran = _run(athena, text, asked.limit)
    scanned = int((ran.execution.get("Statistics") or {}).get("DataScannedInBytes") or 0)
    return Answer(
        asked.question.name,
        asked.question.title,
        {**values, **asked.filters.document()},
        asked.period,
        "athena",
        (_source(athena, table, text, ran, scanned, count, size),),
        Searched(
            asked.filters.accounts or table.values("account") or (),
            asked.filters.regions or table.values("region") or (),
            None,
            None,
            size[1] if size else 0,
            ran.input_rows // count,
            0,
            0,
            (
                *missing,
                *_nothing_read(ran, size),
                *lacking(empty_columns(table.columns), asked.question.text("athena"), narrowing),
            ),
        ),
        ran.columns,
        tuple(ran.rows),
        ran.truncated,
        (*asked.question.cannot_see, *CANNOT_SEE),
    )


def _nothing_read(ran: _Ran, size: tuple[int, int] | None) -> Iterator[Missing]:
    if not ran.input_rows:
        yield Missing("source", "Athena read no record at all: are location, prefix and projection right?", {})
    if size is None:
        yield Missing("source", "the log files could not be listed: whether Athena read all of them is not known", {})


def _text(
    table: LogTable, where: str, asked: Asked, narrowing: Sequence[str], values: Mapping[str, Any]
) -> tuple[str, int]:
    """Return the whole statement, and how often it reads the log files."""
    prelude = [("cloudtrail_files", athena_table(table.quoted, where, table.columns)), ("all_events", UNIQUE)]
    bounds = {"since": asked.period.start, "until": asked.period.end}
    question = asked.question.text("athena")
    text = literal_sql(compose(question, narrowing, prelude), {**values, **bounds}, literal)
    whole = dict([*prelude, *_tables(asked.period)])
    return text, scans(question, whole)


def _tables(period: Period) -> list[tuple[str, str]]:
    del period
    return [
        ("period_events", "FROM all_events"),
        ("period_calls", "FROM period_events"),
        ("events", "FROM period_events"),
        ("calls", "FROM events"),
    ]


def from_addresses(texts: Sequence[str]) -> str:
    """Return the predicate for addresses, ranges and names of services."""
    parts = []
    for text in texts:
        network = network_of(text)
        if network is None:
            parts.append(f"source_ip = {literal(text)}")
        else:
            within = f"TRY(contains({literal(str(network))}, CAST(source_ip AS IPADDRESS)))"
            parts.append(f"regexp_like(source_ip, '^[0-9a-fA-F.:]+$') AND {within}")
    return " OR ".join(f"({part})" for part in parts)


# ------------------------------------------------------------------------------------------------------ AWS


def _read_table(athena: Athena) -> LogTable:
    database, _, name = athena.table.partition(".")
    if not database or not name:
        raise UsageError(f"--table {athena.table}: give DATABASE.TABLE")
    try:
        answer = _called(athena.client("glue").get_table, "glue:GetTable", DatabaseName=database, Name=name)
    except CollectionError as error:
        if "EntityNotFoundException" in error.message:
            raise UsageError(
                f"there is no table {athena.table}", hint="`auditor events athena-ddl` writes one"
            ) from error
        raise
    return table_of(database, answer)


def _called(function: Callable[..., Any], operation: str, **request: Any) -> Any:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return function(**request)
    except (ClientError, BotoCoreError) as error:
        code = str((getattr(error, "response", None) or {}).get("Error", {}).get("Code") or type(error).__name__)
        told = isinstance(error, ClientError)  # by AWS; else nobody was reached, and no permission would help
        raise CollectionError(
            f"{operation} was not answered ({code})",
            hint="see docs/events.md for permissions" if told else "check credentials, network, proxy and Region",
        ) from error


def _estimate(athena: Athena, table: LogTable, asked: Asked) -> tuple[int, int] | None:
    """Return bytes and number of the log files that the partitions hold; None when they cannot be listed."""
    client = athena.client("s3")
    size = files = pages = 0
    try:
        for bucket, prefix in _prefixes(table, asked):
            request: dict[str, Any] = {"Bucket": bucket, "Prefix": prefix}
            while True:
                answer = _called(client.list_objects_v2, "s3:ListObjectsV2", **request)
                pages += 1
                found = answer.get("Contents") or ()
                size += sum(int(item.get("Size") or 0) for item in found)
                files += len(found)
                if not answer.get("IsTruncated"):
                    break
                if pages > _LISTINGS:
                    return None
                request["ContinuationToken"] = answer["NextContinuationToken"]
    except (CollectionError, UsageError):
        return None
    return size, files


def _prefixes(table: LogTable, asked: Asked) -> Iterator[tuple[str, str]]:
    """Yield bucket and prefix of each account, Region and month that the question reads."""
    template = table.parameters.get("storage.location.template") or table.location
    keys = {role: table.key_of(role) for role in ("account", "region", "day")}
    if not table.projected or not template.startswith("s3://") or None in (keys["region"], keys["day"]):
        raise UsageError("the table's files cannot be listed by partition")
    accounts = asked.filters.accounts or table.values("account") or ("",)
    regions = asked.filters.regions or table.values("region") or ()
    form = table.projection(str(keys["day"]), "format") or "yyyy/MM/dd"
    form = form.replace("yyyy", "%Y").replace("MM", "%m").partition("/dd")[0].partition("-dd")[0]
    days = [asked.period.start, asked.period.end]
    months = sorted({f"{day:%Y-%m}" for day in days} | set(_months(asked.period)))
    for account, region, month in product(accounts, regions, months):
        moment = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
        text = template.replace(f"${{{keys['account']}}}", account).replace(f"${{{keys['region']}}}", region)
        text = text.replace(f"${{{keys['day']}}}", moment.strftime(form))
        bucket, _, prefix = text.removeprefix("s3://").partition("/")
        yield bucket, prefix


def _months(period: Period) -> Iterator[str]:
    year, month = period.start.year, period.start.month
    while (year, month) <= (period.end.year, period.end.month):
        yield f"{year:04d}-{month:02d}"
        year, month = (year + month // 12, month % 12 + 1)


def _tell_cost(athena: Athena, size: tuple[int, int] | None, count: int) -> None:
    if size is None:
        athena.tell("What the question will scan is not known: its log files cannot be listed.")
        if athena.max_cost is not None:
            raise UsageError(
                "--max-cost: the cost cannot be estimated", hint="allow s3:ListBucket, or leave --max-cost out"
            )
        return
    cost = size[0] * count * athena.price_per_tb / TB
    times = f", read {counted(count, 'time')}" if count > 1 else ""
    athena.tell(
        f"Up to {counted(size[0], 'byte')} of {counted(size[1], 'log file')}{times}: about {cost:.2f} US "
        "dollars at list price."
    )
    if athena.max_cost is not None and cost > athena.max_cost:
        raise UsageError(
            f"the question would cost about {cost:.2f} US dollars, more than --max-cost {athena.max_cost:g}",
            hint="narrow the period, --account or --region",
        )


def _run(athena: Athena, text: str, limit: int) -> _Ran:
    client = athena.client("athena")
    request: dict[str, Any] = {"QueryString": text, "WorkGroup": athena.workgroup}
    if athena.output:
        request["ResultConfiguration"] = {"OutputLocation": athena.output}
    started = _called(client.start_query_execution, "athena:StartQueryExecution", **request)
    id_ = str(started["QueryExecutionId"])
    try:
        execution = _wait(athena, client, id_)
    except KeyboardInterrupt:
        client.stop_query_execution(QueryExecutionId=id_)
        raise
    state = (execution.get("Status") or {}).get("State")
    if state != "SUCCEEDED":
        reason = str((execution.get("Status") or {}).get("StateChangeReason") or state)
        raise CollectionError(f"Athena did not answer ({id_}): {reason[:500]}")
    columns, rows, truncated = _results(client, id_, limit)
    return _Ran(id_, columns, rows, truncated, execution, _input_rows(client, id_))


def _wait(athena: Athena, client: Any, id_: str) -> Mapping[str, Any]:
    while True:
        answer = _called(client.get_query_execution, "athena:GetQueryExecution", QueryExecutionId=id_)
        execution: Mapping[str, Any] = answer.get("QueryExecution") or {}
        if (execution.get("Status") or {}).get("State") not in {"QUEUED", "RUNNING"}:
            return execution
        athena.sleep(POLL_SECONDS)


def _results(client: Any, id_: str, limit: int) -> tuple[tuple[str, ...], list[dict[str, Any]], bool]:
    columns: list[tuple[str, str]] = []
    rows: list[dict[str, Any]] = []
    request: dict[str, Any] = {"QueryExecutionId": id_, "MaxResults": 1000}
    first = True
    while True:
        answer = _called(client.get_query_results, "athena:GetQueryResults", **request)
        result = answer.get("ResultSet") or {}
        info = (result.get("ResultSetMetadata") or {}).get("ColumnInfo") or ()
        columns = columns or [(str(item["Name"]), str(item["Type"]).lower()) for item in info]
        for row in (result.get("Rows") or ())[1 if first else 0 :]:
            if limit and len(rows) >= limit:
                return tuple(name for name, _ in columns), rows, True
            cells = [item.get("VarCharValue") for item in row.get("Data") or ()]
            rows.append({name: _value(cell, kind) for (name, kind), cell in zip(columns, cells, strict=True)})
        first = False
        if not answer.get("NextToken"):
            return tuple(name for name, _ in columns), rows, False
        request["NextToken"] = answer["NextToken"]


def _value(cell: str | None, kind: str) -> Any:
    """Return a value of Athena's text; times as aware UTC."""
    if cell is None:
        return None
    if kind == "boolean":
        return cell == "true"
    if kind in {"tinyint", "smallint", "integer", "bigint"}:
        return int(cell)
    if kind in {"double", "real", "float"}:
        return float(cell)
    if kind.startswith("timestamp"):
        return datetime.fromisoformat(cell.removesuffix(" UTC")).replace(tzinfo=UTC)
    return cell


def _input_rows(client: Any, id_: str) -> int:
    answer = _called(client.get_query_runtime_statistics, "athena:GetQueryRuntimeStatistics", QueryExecutionId=id_)
    statistics = answer.get("QueryRuntimeStatistics") or {}
    return int((statistics.get("Rows") or {}).get("InputRows") or 0)


def _source(
    athena: Athena,
    table: LogTable,
    text: str,
    ran: _Ran,
    scanned: int,
    count: int,
    size: tuple[int, int] | None,
) -> dict[str, Any]:
    """Return what is kept of a query: enough to find it again in Athena, and what it cost."""
    execution = ran.execution
    return {
        "kind": "athena",
        "table": f"{table.database}.{table.name}",
        "location": table.location,
        "region": athena.region,
        "workgroup": athena.workgroup,
        "query_id": ran.id,
        "sql": text,
        "sql_sha256": sha256(text.encode()).hexdigest(),
        "engine": (execution.get("EngineVersion") or {}).get("EffectiveEngineVersion"),
        "result": (execution.get("ResultConfiguration") or {}).get("OutputLocation"),
        "scanned_bytes": scanned,
        "read_times": count,
        "estimated_bytes": None if size is None else size[0] * count,
        "cost_usd": round(scanned * athena.price_per_tb / TB, 6),
    }
