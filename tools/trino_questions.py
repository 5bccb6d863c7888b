"""Compares both SQL texts of every question: DuckDB against Trino, the engine behind Athena, on the second month.

Trino runs in one process on Java 17 and comes through Maven; where one of them cannot be had the script says so in one
line and fails nothing. Each question is asked alone, of the log files, and with every filter, of the table of events
that they make. ``python -m tools.trino_questions [NAME ...]`` compares some questions only.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from auditor.activity.logbytes import LogBytes
from auditor.base.period import rfc3339
from auditor.events.answer import plain
from auditor.events.asking import Asked, compose
from auditor.events.athena import from_addresses
from auditor.events.columns import IDENTITY, OPEN, SCALARS, Shape
from auditor.events.filters import Filters, literal_sql, predicates
from auditor.events.question import load_questions, values_of
from auditor.events.table import UNIQUE, athena_table, literal
from tests.events.month import NOVEMBER, logs
from tests.events.test_month import GIVEN, answered, month

ROOT = Path(__file__).resolve().parent.parent
NOT_THERE = {"verified", "log_file"}
"""Columns that only a store can fill; and of copies in two buckets the engines may show either place."""

ROUTINE = 25
"""One in so many of the routine records is taken."""

FILTERS = {
    "user": Filters(users=("ana", "*_EC*:BATCH*")),
    "role": Filters(roles=("*Admin*", "arn:aws:iam::222233334444:role/deploy")),
    "resource": Filters(resources=("ledger", "arn:aws:s3:::ledger", "sg-*", "i-9")),
    "address": Filters(ips=("203.0.113.66", "2001:DB8::6", "cloudformation.amazonaws.com")),
    "range": Filters(ips=("198.51.100.99/24",)),
    "range-6": Filters(ips=("2001:db8::/125",)),
    "event": Filters(events=("Put*", "UpdateFunctionCode", "getFunction20150331V2")),
    "region": Filters(regions=("us-east-1",)),
    "account": Filters(accounts=("222233334444",)),
    "errors-only": Filters(errors="only"),
    "errors-without": Filters(errors="without", events=("*Bucket*", "ConsoleLogin")),
}
"""What the command line can narrow a question to; each must mean the same in both engines."""

Tables = Sequence[tuple[str, str]]
_TEXTS = (*SCALARS, *(name for name in OPEN if name not in {"resources", "addendum"}))


def main(names: Sequence[str]) -> int:
    """Compare; 1 when an answer differs."""
    missing = [name for name in ("java", "mvn") if shutil.which(name) is None]
    if missing:
        print(f"questions: not compared with Trino, because {' and '.join(missing)} cannot be found on this machine")
        return 0
    jars = _trino()
    if jars is None:
        print("questions: not compared with Trino, because Maven cannot fetch it")
        return 0
    wanted = [name for name in load_questions() if not names or name in names]
    with TemporaryDirectory() as scratch:
        return _compare(Path(scratch), jars, wanted)


def _trino() -> Path | None:
    """Resolve Trino into build/trino and return that folder; None when it cannot be had."""
    folder = ROOT / "build" / "trino"
    if not list(folder.glob("trino-main-*-tests.jar")):
        command = ["mvn", "-q", "-B", "-f", str(ROOT / "tools" / "trino.xml"), "dependency:copy-dependencies"]
        if subprocess.run([*command, f"-DoutputDirectory={folder}"], check=False, capture_output=True).returncode:
            return None
    return folder


def _compare(scratch: Path, jars: Path, names: Sequence[str]) -> int:
    store = month(scratch / "store", few())
    queries = scratch / "queries"
    queries.mkdir()
    (scratch / "records.tsv").write_text("".join(f"{path}\t{_as_serde(one)}\n" for path, one in records()), "utf-8")
    (scratch / "made.sql").write_text(f"WITH {_with(_LOG_FILES)} SELECT * FROM all_events", "utf-8")  # noqa: S608 - ours
    asked = {name: (name, Filters()) for name in names}
    asked |= {f"{name} by {option}": (name, filters) for name in names for option, filters in FILTERS.items()}
    for label, (name, filters) in asked.items():
        tables = _LOG_FILES if label == name else _MADE
        (queries / f"{label}.sql").write_text(athena_text(name, filters, tables), "utf-8")
    command = ["java", "-Xmx1g", "-cp", f"{jars}/*", str(ROOT / "tools" / "Trino.java"), str(scratch)]
    subprocess.run(command, check=True, capture_output=True)
    differing = 0
    for label, (name, filters) in asked.items():
        ours = answered(store, name, filters)
        expected = sorted(
            [_cell(plain(row[column])) for column in ours.columns if column not in NOT_THERE] for row in ours.rows
        )
        found = _rows(queries / f"{label}.tsv", ours.columns)
        if found == expected:
            continue
        differing += 1
        theirs = found if isinstance(found, str) else f"{len(found)} rows"
        print(f"{label}: DuckDB {len(expected)} rows, Trino {theirs}")
        if not isinstance(found, str):
            for row in [row for row in expected if row not in found][:3]:
                print(f"  only DuckDB: {row}")
            for row in [row for row in found if row not in expected][:3]:
                print(f"  only Trino:  {row}")
    print(f"questions: {len(asked)} compared with Trino on {sum(1 for _ in records())} records, {differing} differ")
    return 1 if differing else 0


def athena_text(name: str, filters: Filters | None = None, tables: Tables | None = None) -> str:
    """Return a question as Athena would be asked, over a table of the month's records."""
    asked = Asked(load_questions()[name], NOVEMBER, filters or Filters(), GIVEN.get(name, {}))
    narrowing, values = predicates(asked.filters, from_addresses(asked.filters.ips))
    bounds = {"since": asked.period.start, "until": asked.period.end}
    text = compose(asked.question.text("athena"), narrowing, tables or _LOG_FILES)
    return literal_sql(text, {**values_of(asked.question, asked.given), **values, **bounds}, literal)


def _with(tables: Tables) -> str:
    return ",\n".join(f"{name} AS ({text})" for name, text in tables)


def few() -> list[LogBytes]:
    """Return the month's log files with a few of the routine records only: Trino reads them as one long statement."""
    found = []
    for log in logs():
        if "/CloudTrail-Aggregated/" in log.key:
            continue  # summaries have another form, and no question reads them
        kept = [item for item in json.loads(log.data or b"{}")["Records"] if _counts(item["eventID"])]
        data = json.dumps({"Records": kept}).encode()
        found.append(replace(log, data=data, sha256=sha256(data).hexdigest()))
    return found


def _counts(name: str) -> bool:
    return not name.startswith("routine-") or int(name.removeprefix("routine-")) % ROUTINE == 0


def records() -> list[tuple[str, Mapping[str, Any]]]:
    """Return the month's records with the places of their log files."""
    return [
        (f"s3://{log.bucket}/{log.key}", record) for log in few() for record in json.loads(log.data or b"{}")["Records"]
    ]


def _table() -> str:
    texts = ", ".join(f"json_extract_scalar(j, '$.{name.lower()}') AS {name.lower()}" for name in _TEXTS)
    identity = f"CAST(json_extract(j, '$.useridentity') AS {_row(IDENTITY)})"
    resources = "CAST(json_extract(j, '$.resources') AS ARRAY(ROW(arn varchar, accountid varchar, type varchar)))"
    addendum = "CAST(json_extract(j, '$.addendum') AS ROW(reason varchar, originaleventid varchar))"
    return (
        f'SELECT path AS "$path", {texts}, {identity} AS useridentity,'  # noqa: S608 - names of ours
        f" {resources} AS resources, {addendum} AS addendum FROM month.t.records"
    )


def _row(shape: Shape) -> str:
    inner = (f"{name.lower()} {'varchar' if part is None else _row(part)}" for name, part in shape.items())
    return f"ROW({', '.join(inner)})"


def _as_serde(record: Mapping[str, Any]) -> str:
    """Write a record as the JSON SerDe hands it over: open parts as JSON text, names in lower case."""
    found: dict[str, Any] = {}
    for name in _TEXTS:
        value = record.get(name)
        if isinstance(value, bool):
            value = "true" if value else "false"
        if isinstance(value, dict | list):
            value = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        found[name.lower()] = value
    found["useridentity"] = _lower(record.get("userIdentity"))
    found["resources"] = _lower(record.get("resources"))
    found["addendum"] = _lower(record.get("addendum"))
    text = json.dumps(found, ensure_ascii=False)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _lower(value: Any) -> Any:
    if isinstance(value, dict):
        return {name.lower(): _lower(inner) for name, inner in value.items()}
    return [_lower(item) for item in value] if isinstance(value, list) else value


def _rows(path: Path, columns: Sequence[str]) -> list[list[str]] | str:
    text = path.read_text("utf-8")
    if text.startswith("!"):
        return f"refuses it: {text[1:].strip()}"
    rows = []
    for line in text.splitlines():
        cells = [cell.replace("\\t", "\t").replace("\\n", "\n").replace("\\\\", "\\") for cell in line.split("\t")]
        cells = ["" if cell == "\\N" else cell for cell in cells]
        rows.append([_theirs(cell) for column, cell in zip(columns, cells, strict=True) if column not in NOT_THERE])
    return sorted(rows)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return _json(str(value))


def _theirs(cell: str) -> str:
    if re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ UTC", cell):
        return rfc3339(datetime.fromisoformat(cell.removesuffix(" UTC")).replace(tzinfo=UTC))
    return _json(cell)


def _json(text: str) -> str:
    """Write JSON text in one spelling."""
    if text[:1] in {"{", "["}:
        try:
            return json.dumps(json.loads(text), sort_keys=True)
        except ValueError:
            return text
    return text


_LOG_FILES: Tables = (
    ("cloudtrail", _table()),
    ("cloudtrail_files", athena_table("cloudtrail", "1 = 1")),
    ("all_events", UNIQUE),
)
"""The tables in front of a question, as Athena has them."""
_MADE: Tables = (("all_events", "{made}"),)
"""The same, computed once."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
