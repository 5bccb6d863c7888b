"""Measures the event store side by side with gunzip and DuckDB: ``python benchmarks/events.py [RECORDS]``.

CPU seconds and peak memory of one child process for each way, over the same log files, in turns, the least of several
rounds; only ratios within one run count. DuckDB reads the files in two ways of its own: with ``read_json`` as its
documentation shows it (once), and in the fastest SQL that was found. Both write the columns of our store, as little
packed, without positions, strict reading, hashes or a search for copies; a way that reads fewer records than there are
stops the run. The log files are those of ``delivered.py``. ``--questions`` asks every question that ships with the
product of one store. ``--grow DAYS [DAYS...]`` fills stores of so many days instead, one after the other, and prints
memory for each: it has to stay flat. Where ``trailscraper`` is installed in the same environment (it is no dependency),
or ``--trailscraper PYTHON`` names an interpreter that has it, the question that both answer is asked of both.
``--verify`` measures instead what the store adds to the verification of a delivered day.
"""

import argparse
import gzip
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from delivered import ACCOUNT, DAY, START, gathered, write_logs
from isal import isal_zlib

if TYPE_CHECKING:
    from auditor.base.period import Period

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

RECORDS = 250_000
ROLE = "arn:aws:iam::111122223333:role/ledger-batch"
REGION = "eu-central-1"
OCTOBER = {"start": "2026-10-01T00:00:00Z", "end": "2026-11-01T00:00:00Z", "label": "2026-10"}
WHO = {"who": "svc-legacy-backup"}
GIVEN = {
    "our-own-calls": {"who": ROLE},
    "principal": WHO,
    "resource": {"name": "sg-0a11ce0000000001"},
    "session-chain": WHO,
    "timeline": WHO,
    "unusual-regions": {"expected": "eu-central-1,us-east-1"},
}
"""What questions have to be told."""
ASKED_FOR = 0.5
"""CPU seconds of a question on a million events."""


def main(arguments: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure the event store.")
    parser.add_argument("records", type=int, nargs="?", default=RECORDS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--grow", type=int, nargs="+", default=(), metavar="DAYS")
    parser.add_argument("--questions", action="store_true", help="every question of one store")
    parser.add_argument("--verify", action="store_true", help="verification with the store against one without")
    parser.add_argument("--trailscraper", default=sys.executable, metavar="PYTHON")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="auditor-bench-") as scratch:
        folder = Path(scratch)
        if chosen.verify:
            _with_and_without(folder, chosen.records, chosen.rounds)
            return 0
        count = DAY if chosen.grow else chosen.records
        plain = write_logs(folder / "logs", count)
        files = len(list((folder / "logs").rglob("*.gz")))
        print(
            f"{count:,} records in {files:,} log files, {plain / 1e6:,.0f} MB of JSON, load {os.getloadavg()[0]:.1f}\n"
        )
        for days in chosen.grow:
            [ran] = _measured({f"a store of {days * DAY:,} events": _Growing(days)}, folder, 1).values()
            print(f"{'':<34}{days * DAY / ran:,.0f} events per second and core")
        if chosen.questions:
            _questions(folder, chosen.rounds)
        elif not chosen.grow:
            _side_by_side(folder, count, chosen.rounds, chosen.trailscraper)
    return 0


def _side_by_side(folder: Path, count: int, rounds: int, trailscraper: str) -> None:
    python, isal = "gunzip with Python's gzip", "gunzip with isal and SHA-256"
    ours, theirs = "our store, all columns", "DuckDB's read_json, same columns"
    fastest = "DuckDB's fastest SQL, the same"
    ways: dict[str, Callable[[Path], None]] = {
        python: _gunzip,
        isal: _inflate,
        ours: _ingest,
        fastest: _Duckdb(FASTEST, count),
    }
    took = _measured(ways, folder, rounds)
    took |= _measured({theirs: _Duckdb(READ_JSON, count)}, folder, 1)
    print(f"\nrate of the store: {took[python] / took[ours]:.2f} of Python's gzip (asked for: 0.25)")
    print(f"DuckDB's read_json takes {took[theirs] / took[ours]:.2f} times as long (asked for: 1.5)")
    print(f"its fastest SQL takes {took[fastest] / took[ours]:.2f} times as long")
    print(f"events per second and core: {count / took[ours]:,.0f}")
    _with_trailscraper(folder, trailscraper, rounds)


def _questions(folder: Path, rounds: int) -> None:
    from auditor.events.question import load_questions

    _once(_ingest, folder)
    took = _measured({name: _Asking(name) for name in load_questions()}, folder, rounds)
    longest = max(took, key=took.__getitem__)
    slow = sum(seconds > ASKED_FOR for seconds in took.values())
    print(f"\n{len(took)} questions, {slow} above {ASKED_FOR} CPU s; the longest, {longest}, {took[longest]:.2f}")
    print(f"in all {sum(took.values()):.2f} CPU s; load {os.getloadavg()[0]:.1f}")


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

    before, cpu = _peak(), _cpu_seconds()
    way(folder)
    answer.send((_cpu_seconds() - cpu, before, _peak()))


def _peak() -> float:
    """Return MiB that this process held at most; ``ru_maxrss`` is also that of the process that started it."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


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
    """A store of one day's log files several times over, with times and ids of their own each time."""

    def __init__(self, days: int) -> None:
        self.days = days

    def __call__(self, folder: Path) -> None:
        from auditor.activity.logbytes import LogBytes
        from auditor.events.opened import finish
        from auditor.events.store import StoreWriter

        place = folder / f"grown-{self.days}"
        writer = StoreWriter(place)
        for number in range(self.days):
            for name, body in _bodies(folder):
                key, data = _moved(name, isal_zlib.decompress(body, 31), number)
                writer.take(LogBytes("bucket", key, "valid", "", key, data))
        writer.flush()
        writer.close()
        finish(place, {"period": OCTOBER})
        shutil.rmtree(place)


def _moved(name: str, data: bytes, days: int) -> tuple[str, bytes]:
    """Return a log file of the first day, its key and its records, as one of a later day."""
    for day in (START + timedelta(1), START):  # the last minutes of a day are delivered on the next one
        moved = day + timedelta(days)
        for form in ("/%Y/%m/%d/", "_%Y%m%dT"):
            name = name.replace(f"{day:{form}}", f"{moved:{form}}")
    data = data.replace(b"-0000-4000-8000-", b"-%04d-4000-8000-" % days)
    return name, data.replace(f"{START:%Y-%m-%dT}".encode(), f"{START + timedelta(days):%Y-%m-%dT}".encode())


READ_JSON = """SELECT filename, unnest(Records, max_depth := 2)
FROM read_json({files}, columns={{'Records': '{struct}[]'}}, maximum_object_size=33554432, filename=true)"""
FASTEST = """SELECT filename, record.*
FROM (SELECT filename, unnest(json_transform(json, '{{"Records": [{shape}]}}').Records) AS record
    FROM read_json_objects({files}, maximum_object_size=33554432, filename=true))"""


class _Duckdb:
    """The same files read by DuckDB alone, into the columns of our store."""

    def __init__(self, reading: str, count: int) -> None:
        self.reading, self.count = reading, count

    def __call__(self, folder: Path) -> None:
        from auditor.events.columns import IDENTITY, OPEN, SCALARS, Shape, stored, struct_type
        from auditor.events.store import FORM, connect, quoted

        def typed(shape: Shape) -> dict[str, Any]:
            return {name: "VARCHAR" if part is None else typed(part) for name, part in shape.items()}

        shape = {**typed(dict.fromkeys(SCALARS) | {"userIdentity": IDENTITY}), **dict.fromkeys(OPEN, "JSON")}
        struct = struct_type(dict.fromkeys(SCALARS) | {"userIdentity": IDENTITY})[:-1]
        struct += "".join(f', "{name}" JSON' for name in OPEN) + ")"
        files = quoted(folder / "logs" / "**" / "*.gz")
        records = self.reading.format(files=files, struct=struct, shape=json.dumps(shape))
        select = stored(place=("filename",))
        database = connect(folder, memory="2GB", threads=1)
        copy = f"COPY (SELECT {select} FROM ({records})) TO {quoted(folder / 'duckdb.parquet')} {FORM}"  # noqa: S608
        if (found := database.execute(copy).fetchone()) != (self.count,):
            raise RuntimeError(f"DuckDB read {found} of {self.count} records")


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


# --------------------------------------------------------------------------------------------------- verification


def _with_and_without(folder: Path, count: int, rounds: int) -> None:
    """Verify a folder of downloaded objects: hashes alone, with the rows of note as an audit has them, with a store."""
    size = _deliver(folder / "bucket", count)
    print(f"{count:,} records, {size / 1e6:,.0f} MB of JSON, delivered; load {os.getloadavg()[0]:.1f}\n")
    hashes, rows, store = "verified, hashes alone", "verified, with rows of note", "the same, filling a store"
    ways = {hashes: _Verifying(), rows: _Verifying(events=True), store: _Verifying(events=True, store=True)}
    took = _measured(ways, folder, rounds)
    print(f"\nverification with the store takes {took[store] / took[rows]:.2f} times as long (asked for: 2)")
    print(f"what the store adds is {(took[store] - took[rows]) / took[hashes]:.2f} times the hashes alone")


class _Verifying:
    """Verification of the delivered day, in this process."""

    def __init__(self, *, events: bool = False, store: bool = False) -> None:
        self.events, self.store = events, store

    def __call__(self, folder: Path) -> None:
        from datetime import UTC, datetime

        from auditor.events.opened import finish
        from auditor.events.store import StoreWriter
        from auditor.trail.discover import Wanted, scopes_of_place
        from auditor.trail.fetch import open_folder
        from auditor.trail.verify import verify_trail

        source, prefix = open_folder(folder / "bucket")
        start, end = datetime(2026, 10, 5, tzinfo=UTC), datetime(2026, 10, 6, tzinfo=UTC)
        [scope] = scopes_of_place(source, "bench-bucket", prefix, Wanted(start, end))
        shutil.rmtree(folder / "verified-store", ignore_errors=True)
        writer = StoreWriter(folder / "verified-store") if self.store else None

        report = verify_trail(
            source,
            lambda regions, *_: source.keys(regions, None),
            scope,
            now=datetime(2026, 10, 7, tzinfo=UTC),
            events=self.events,
            on_log=None if writer is None else writer.take,
        )
        if report.logs.valid != report.logs.expected or not report.logs.valid:
            raise RuntimeError(f"the benchmark's own trail did not verify: {report.findings[:3]}")
        if writer is not None:
            writer.flush()
            writer.close()
            finish(folder / "verified-store", {"period": OCTOBER})


def _deliver(root: Path, count: int) -> int:
    """Write a day of a trail, log files and digests, as a folder of downloaded objects; return bytes of JSON."""
    from datetime import UTC, datetime, timedelta

    from auditor.simulator.delivery import Chain, DeliveredTrail, Keyring

    start, hour = datetime(2026, 10, 5, tzinfo=UTC), timedelta(hours=1)
    keys = Keyring("benchmark", since=start - timedelta(days=25), shared=True)
    chain = Chain(DeliveredTrail("bench", REGION, "bench-bucket", ACCOUNT), REGION, keys)
    chain.start(start)
    size, metadata = 0, {}
    files = gathered(count, start, each=-(-count // 288))
    for number in range(25):
        for begin, records in islice(files, 12):
            stored = chain.log(begin + timedelta(minutes=10), records)
            size += len(gzip.decompress(stored.body))
            _put(root, stored.key, stored.body)
        stored = chain.digest(start + (number + 1) * hour)
        metadata[stored.key] = dict(stored.metadata)
        _put(root, stored.key, stored.body)
    (root / "metadata.json").write_text(json.dumps(metadata))
    published = [key.published_json() for key in keys.public_keys(REGION, start, start + timedelta(days=2))]
    (root / "public-keys.json").write_text(json.dumps({REGION: {"PublicKeyList": published}}))
    return size


def _put(root: Path, key: str, body: bytes) -> None:
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)


if __name__ == "__main__":
    started = time.monotonic()
    code = main(sys.argv[1:])
    print(f"\n{time.monotonic() - started:.0f} s in all")
    sys.exit(code)
