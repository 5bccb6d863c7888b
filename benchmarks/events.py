"""Measures the event store side by side with gunzip and DuckDB: ``python benchmarks/events.py [RECORDS]``.

CPU seconds and peak memory of one child process for each way, over the same log files, one after the other; only
ratios within one run count. Records are drawn with a fixed seed from the simulated account's month, some of them large.
"""

import gzip
import json
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from isal import isal_zlib

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

RECORDS = 250_000
PER_FILE = 250
QUESTIONS = ("root-activity", "who-deleted-bucket", "denied-calls", "network-openings", "log-tampering", "principal")
GIVEN = {"principal": {"who": "svc-legacy-backup"}}


def main(arguments: list[str]) -> int:
    """Measure and print."""
    count = int(arguments[0]) if arguments else RECORDS
    with tempfile.TemporaryDirectory(prefix="auditor-bench-") as scratch:
        folder = Path(scratch)
        plain = _write(folder / "logs", count)
        files = len(list((folder / "logs").iterdir()))
        print(
            f"{count:,} records in {files:,} log files, {plain / 1e6:,.0f} MB of JSON, load {os.getloadavg()[0]:.1f}\n"
        )
        python = _measured("gunzip with Python's gzip", _gunzip, folder)
        _measured("gunzip with isal and SHA-256", _inflate, folder)
        ours = _measured("our store, all columns", _ingest, folder)
        theirs = _measured("DuckDB's own read into Parquet", _duckdb, folder)
        print(f"\nrate of the store: {python / ours:.2f} of Python's gzip (asked for: 0.25)")
        print(f"DuckDB's own read takes {theirs / ours:.2f} times as long (asked for: 1.5)")
        print(f"events per second and core: {count / ours:,.0f}\n")
        for name in QUESTIONS:
            _measured(f"question {name}", _Asking(name), folder)
    return 0


def _measured(name: str, way: Callable[[Path], None], folder: Path) -> float:
    """Run one way in a process of its own; print and return its CPU seconds."""
    context = get_context("spawn")
    there, here = context.Pipe()
    child = context.Process(target=_child, args=(way, folder, here))
    child.start()
    here.close()
    cpu, before, peak = there.recv()
    child.join()
    print(f"{name:<34}{cpu:8.2f} CPU s   peak {peak:4.0f} MiB, of which {before:3.0f} before")
    return float(cpu)


def _child(way: Callable[[Path], None], folder: Path, answer: Any) -> None:
    import duckdb  # noqa: F401 - its import is no part of any way
    import msgspec  # noqa: F401

    import auditor.events.asking
    import auditor.events.store  # noqa: F401

    before = resource.getrusage(resource.RUSAGE_SELF)
    way(folder)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    answer.send((cpu, before.ru_maxrss / 1024, after.ru_maxrss / 1024))


# ----------------------------------------------------------------------------------------------------------- ways


def _bodies(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted((folder / "logs").iterdir()):
        yield path.name, path.read_bytes()


def _gunzip(folder: Path) -> None:
    for _, body in _bodies(folder):
        gzip.decompress(body)


def _inflate(folder: Path) -> None:
    from auditor.trail.gunzip import inflate

    for _, body in _bodies(folder):
        inflate(body, 1 << 29, keep=True)


def _ingest(folder: Path) -> None:
    from auditor.events.lines import LogBytes
    from auditor.events.opened import finish
    from auditor.events.store import StoreWriter

    writer = StoreWriter(folder / "store")
    for name, body in _bodies(folder):
        # Inflated as verification does; the hash is part of that, not of the store.
        writer.take(LogBytes("bucket", name.replace("~", "/"), "valid", "", name, isal_zlib.decompress(body, 31)))
    writer.flush()
    writer.close()
    finish(
        folder / "store",
        {"period": {"start": "2026-10-01T00:00:00Z", "end": "2026-11-01T00:00:00Z", "label": "2026-10"}},
    )


def _duckdb(folder: Path) -> None:
    from auditor.events.columns import events_columns
    from auditor.events.store import connect, quoted

    database = connect(folder, memory="2GB")
    database.execute(
        f"COPY (SELECT * FROM read_json({quoted(folder / 'logs' / '*.gz')}, columns={events_columns()},"  # noqa: S608
        f" records=true, maximum_object_size=134217728)) TO {quoted(folder / 'duckdb.parquet')}"
        " (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
    )


class _Asking:
    """One question, asked of the store that was filled."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, folder: Path) -> None:
        from datetime import UTC, datetime

        from auditor.base.period import Period
        from auditor.events.asking import Asked, ask
        from auditor.events.opened import EventStore
        from auditor.events.question import load_questions

        october = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), "2026-10")
        question = load_questions()[self.name]
        ask(EventStore(folder / "store"), Asked(question, october, given=GIVEN.get(self.name, {})))


# -------------------------------------------------------------------------------------------------------- records


def _write(folder: Path, count: int) -> int:
    """Write log files of one account, named by their keys with ``~`` for the slashes; return bytes of JSON."""
    from auditor.simulator.worlds.archive import trail_records
    from auditor.simulator.worlds.events import LOG_REGIONS

    chance = random.Random(20261102)  # noqa: S311 - wanted: the same records every time
    known = [record for region in LOG_REGIONS for record in trail_records(region, eventful=True)]
    folder.mkdir(parents=True)
    size = 0
    for number in range(0, count, PER_FILE):
        records = [_varied(chance, known, number + n) for n in range(min(PER_FILE, count - number))]
        data = json.dumps({"Records": records}, separators=(",", ":")).encode()
        size += len(data)
        key = f"AWSLogs/111122223333/CloudTrail/eu-central-1/2026/10/05/{sha256(data).hexdigest()[:16]}.json.gz"
        (folder / key.replace("/", "~")).write_bytes(gzip.compress(data, 6, mtime=0))
    return size


def _varied(chance: random.Random, known: list[dict[str, Any]], number: int) -> dict[str, Any]:
    """Return a record of the month with ids of its own and, now and then, parameters as large as real ones."""
    record = dict(chance.choice(known))
    record["eventID"] = f"{chance.getrandbits(32):08x}-0000-4000-8000-{number:012d}"
    record["requestID"] = f"{chance.getrandbits(128):032x}"
    if chance.random() < 0.3:
        extra = {f"member{n}": f"{chance.getrandbits(64):016x}" for n in range(chance.randint(5, 60))}
        record["requestParameters"] = {**(record.get("requestParameters") or {}), **extra}
    return record


if __name__ == "__main__":
    started = time.monotonic()
    code = main(sys.argv[1:])
    print(f"\n{time.monotonic() - started:.0f} s in all")
    sys.exit(code)
