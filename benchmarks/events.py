"""Measures the event store side by side with gunzip and DuckDB: ``python benchmarks/events.py [RECORDS]``.

CPU seconds and peak memory of one child process for each way, over the same log files, in turns, the least of several
rounds; only ratios within one run count. Records are drawn with a fixed seed from the simulated account's month, some
of them large. ``--grow RECORDS [RECORDS...]`` fills stores of growing size instead, one after the other, and prints
memory for each: it has to stay flat. Where ``trailscraper`` is installed in the same environment (it is no dependency),
or ``--trailscraper PYTHON`` names an interpreter that has it, the question that both answer is asked of both.
"""

import argparse
import gzip
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isal import isal_zlib

if TYPE_CHECKING:
    from auditor.base.period import Period

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

RECORDS = 250_000
PER_FILE = 250
ROLE = "arn:aws:iam::111122223333:role/ledger-batch"
QUESTIONS = ("root-activity", "who-deleted-bucket", "denied-calls", "network-openings", "log-tampering", "principal")
ACCOUNT, REGION = "111122223333", "eu-central-1"
OCTOBER = {"start": "2026-10-01T00:00:00Z", "end": "2026-11-01T00:00:00Z", "label": "2026-10"}
GIVEN = {"principal": {"who": "svc-legacy-backup"}}


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure the event store.")
    parser.add_argument("records", type=int, nargs="?", default=RECORDS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--grow", type=int, nargs="+", default=(), metavar="RECORDS")
    parser.add_argument("--trailscraper", default=sys.executable, metavar="PYTHON")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="auditor-bench-") as scratch:
        folder = Path(scratch)
        count = min(chosen.records, *chosen.grow) if chosen.grow else chosen.records
        plain = _write(folder / "logs", count)
        files = len(list((folder / "logs").rglob("*.gz")))
        print(
            f"{count:,} records in {files:,} log files, {plain / 1e6:,.0f} MB of JSON, load {os.getloadavg()[0]:.1f}\n"
        )
        for wanted in chosen.grow:
            [(_, ran)] = _measured({f"a store of {wanted:,} events": _Growing(wanted // count)}, folder, 1).items()
            print(f"{'':<34}{wanted // count * count / ran:,.0f} events per second and core")
        if not chosen.grow:
            _side_by_side(folder, count, chosen.rounds, chosen.trailscraper)
    return 0


def _side_by_side(folder: Path, count: int, rounds: int, trailscraper: str) -> None:
    python, isal = "gunzip with Python's gzip", "gunzip with isal and SHA-256"
    ours, theirs = "our store, all columns", "DuckDB's own read into Parquet"
    ways = {python: _gunzip, isal: _inflate, ours: _ingest, theirs: _duckdb}
    took = _measured(ways, folder, rounds)
    print(f"\nrate of the store: {took[python] / took[ours]:.2f} of Python's gzip (asked for: 0.25)")
    print(f"DuckDB's own read takes {took[theirs] / took[ours]:.2f} times as long (asked for: 1.5)")
    print(f"events per second and core: {count / took[ours]:,.0f}\n")
    _measured({f"question {name}": _Asking(name) for name in QUESTIONS}, folder, rounds)
    _with_trailscraper(folder, trailscraper, rounds)


def _measured(ways: Mapping[str, Callable[[Path], None]], folder: Path, rounds: int) -> dict[str, float]:
    """Run each way in processes of its own, in turns; print and return the least CPU seconds of each."""
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            found[name].append(_once(way, folder))
    for name, runs in found.items():
        cpu, before, peak = min(runs)
        print(f"{name:<34}{cpu:8.2f} CPU s   peak {peak:4.0f} MiB, of which {before:3.0f} before", flush=True)
    return {name: min(runs)[0] for name, runs in found.items()}


def _once(way: Callable[[Path], None], folder: Path) -> tuple[float, float, float]:
    context = get_context("spawn")
    there, here = context.Pipe()
    child = context.Process(target=_child, args=(way, folder, here))
    child.start()
    here.close()
    cpu, before, peak = there.recv()
    child.join()
    return float(cpu), float(before), float(peak)


def _child(way: Callable[[Path], None], folder: Path, answer: Any) -> None:
    import duckdb  # noqa: F401 - its import is no part of any way
    import msgspec  # noqa: F401

    import auditor.events.asking
    import auditor.events.store  # noqa: F401

    before, cpu = resource.getrusage(resource.RUSAGE_SELF), _cpu_seconds()
    way(folder)
    after = resource.getrusage(resource.RUSAGE_SELF)
    answer.send((_cpu_seconds() - cpu, before.ru_maxrss / 1024, after.ru_maxrss / 1024))


def _cpu_seconds() -> float:
    """Return the seconds of this process and of those it started and saw end."""
    both = (resource.getrusage(whose) for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


# ----------------------------------------------------------------------------------------------------------- ways


def _bodies(folder: Path) -> Iterator[tuple[str, bytes]]:
    logs = folder / "logs"
    for path in sorted(logs.rglob("*.json.gz")):
        yield str(path.relative_to(logs)), path.read_bytes()


def _gunzip(folder: Path) -> None:
    for _, body in _bodies(folder):
        gzip.decompress(body)


def _inflate(folder: Path) -> None:
    from auditor.trail.gunzip import inflate

    for _, body in _bodies(folder):
        inflate(body, 1 << 29, keep=True)


def _ingest(folder: Path) -> None:
    from auditor.activity.logbytes import LogBytes
    from auditor.events.opened import finish
    from auditor.events.store import StoreWriter

    shutil.rmtree(folder / "store", ignore_errors=True)
    writer = StoreWriter(folder / "store")
    for name, body in _bodies(folder):
        # Inflated as verification does; the hash is part of that, not of the store.
        writer.take(LogBytes("bucket", name, "valid", "", name, isal_zlib.decompress(body, 31)))
    writer.flush()
    writer.close()
    finish(folder / "store", {"period": OCTOBER})


class _Growing:
    """A store of the same log files several times over, with ids of their own each time."""

    def __init__(self, times: int) -> None:
        self.times = times

    def __call__(self, folder: Path) -> None:
        from auditor.activity.logbytes import LogBytes
        from auditor.events.opened import finish
        from auditor.events.store import StoreWriter

        place = folder / f"grown-{self.times}"
        writer = StoreWriter(place)
        for time_ in range(self.times):
            ids = b"-%04d-4000-8000-" % time_
            for name, body in _bodies(folder):
                data = isal_zlib.decompress(body, 31).replace(b"-0000-4000-8000-", ids)
                key = name.replace(".json.gz", f"{time_}.json.gz")
                writer.take(LogBytes("bucket", key, "valid", "", f"{name}-{time_}", data))
        writer.flush()
        writer.close()
        finish(place, {"period": OCTOBER})
        shutil.rmtree(place)


def _duckdb(folder: Path) -> None:
    from auditor.events.columns import events_columns
    from auditor.events.store import connect, quoted

    database = connect(folder, memory="2GB")
    database.execute(
        f"COPY (SELECT * FROM read_json({quoted(folder / 'logs' / '**' / '*.gz')}, columns={events_columns()},"  # noqa: S608
        f" records=true, maximum_object_size=134217728)) TO {quoted(folder / 'duckdb.parquet')}"
        " (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
    )


def _october() -> "Period":
    from datetime import UTC, datetime

    from auditor.base.period import Period

    return Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), "2026-10")


class _Asking:
    """One question, asked of the store that was filled."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, folder: Path) -> None:
        from auditor.events.asking import Asked, ask
        from auditor.events.opened import EventStore
        from auditor.events.question import load_questions

        question = load_questions()[self.name]
        ask(EventStore(folder / "store"), Asked(question, _october(), given=GIVEN.get(self.name, {})))


def _with_trailscraper(folder: Path, python: str, rounds: int) -> None:
    """Ask trailscraper what both can answer: which calls a role made, from log files to the answer."""
    there = subprocess.run([python, "-c", "import trailscraper"], capture_output=True, check=False)
    if there.returncode:
        print("\ntrailscraper is not installed; not compared")
        return
    print()
    ways: dict[str, Callable[[Path], None]] = {
        "calls of a role, from log files": _calls_of_role,
        "the same, trailscraper": _Trailscraper(python),
    }
    ours, theirs = _measured(ways, folder, rounds).values()
    counts = [(folder / name).read_text() for name in ("ours.count", "theirs.count")]
    print(f"\ntrailscraper takes {theirs / ours:.1f} times as long; calls found: {' and '.join(counts)}")


def _calls_of_role(folder: Path) -> None:
    from auditor.events.asking import Asked, ask
    from auditor.events.opened import EventStore
    from auditor.events.question import load_questions

    _ingest(folder)
    asked = Asked(load_questions()["timeline"], _october(), given={"who": ROLE}, limit=0)
    answer = ask(EventStore(folder / "store"), asked)
    (folder / "ours.json").write_text(json.dumps(answer.document()))
    (folder / "ours.count").write_text(str(len(answer.rows)))


class _Trailscraper:
    """The records of one role, as its command line prints them."""

    def __init__(self, python: str) -> None:
        self.python = python

    def __call__(self, folder: Path) -> None:
        command = [self.python, "-c", "from trailscraper.cli import root_group; root_group()", "select"]
        command += ["--log-dir", str(folder / "logs"), "--filter-assumed-role-arn", ROLE]
        command += ["--from", "2026-10-01", "--to", "2026-11-01"]
        found = subprocess.run(command, capture_output=True, check=True).stdout
        (folder / "theirs.count").write_text(str(len(json.loads(found)["Records"])))


# -------------------------------------------------------------------------------------------------------- records


def _write(folder: Path, count: int) -> int:
    """Write log files of one account where their keys say; return bytes of JSON."""
    from auditor.simulator.worlds.archive import trail_records
    from auditor.simulator.worlds.events import LOG_REGIONS

    chance = random.Random(20261102)  # noqa: S311 - wanted: the same records every time
    known = [record for region in LOG_REGIONS for record in trail_records(region, eventful=True)]
    size = 0
    for number in range(0, count, PER_FILE):
        records = [_varied(chance, known, number + n) for n in range(min(PER_FILE, count - number))]
        data = json.dumps({"Records": records}, separators=(",", ":")).encode()
        size += len(data)
        place = folder / f"AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/2026/10/05"
        place.mkdir(parents=True, exist_ok=True)
        name = f"{ACCOUNT}_CloudTrail_{REGION}_20261005T1300Z_{sha256(data).hexdigest()[:16]}.json.gz"
        (place / name).write_bytes(gzip.compress(data, 6, mtime=0))
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
