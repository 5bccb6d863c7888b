"""How fast an account is collected: the demo account, all controls and Regions, at several latencies and worker counts.

    python benchmarks/collect.py [--latency 0 30] [--workers 8 24]

The simulated AWS answers 250-550 small reads a second on one core: at no latency the table shows its limit, not ours.
Compare requests and CPU first, seconds second.
"""

import argparse
import os
import resource
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from auditor.collect.accounts import identify, open_session
from auditor.collect.clients import Limits
from auditor.collect.collection import collect_account
from auditor.collect.guard import CallLog
from auditor.collect.redact import Redactor
from auditor.evidence.store import EvidenceWriter
from auditor.run import open_catalog
from auditor.simulator import Simulator

HEADINGS = " latency  workers  Regions   calls  requests  seconds    CPU  calls/s"


def measure(folder: Path, workers: int) -> tuple[int, int, int, float, float]:
    """Collect once; return Regions, calls, requests, seconds and CPU seconds of this process."""
    catalog, log, redactor = open_catalog(), CallLog(), Redactor(bytes(16))
    wanted = catalog.operations_of(catalog.controls.values())
    began, cpu = time.perf_counter(), time.process_time()
    collected = collect_account(
        identify(open_session(log=log)),
        operations=catalog.operations,
        wanted=wanted,
        writer=EvidenceWriter(folder, redact=redactor),
        redactor=redactor,
        log=log,
        now=lambda: datetime(2026, 11, 2, 6, tzinfo=UTC),
        limits=Limits(workers=workers),
    )
    seconds, spent = time.perf_counter() - began, time.process_time() - cpu
    return len(collected.scope.regions), collected.calls, log.requests, seconds, spent


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Measure the collection of one account.")
    parser.add_argument("--latency", type=float, nargs="+", default=[0, 30], help="milliseconds")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 8, 24])
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="collect-"))
    print(HEADINGS)
    try:
        with Simulator("demo") as aws:
            os.environ.update(aws.environment())
            measure(scratch / "warm-up", 24)
            for latency in options.latency:
                aws.latency(latency)
                for workers in options.workers:
                    regions, calls, requests, seconds, cpu = measure(scratch / f"{latency}-{workers}", workers)
                    print(
                        f"{latency:>5.0f} ms {workers:>8} {regions:>8} {calls:>7} {requests:>9} "
                        f"{seconds:>8.2f} {cpu:>6.2f} {calls / seconds:>8.0f}"
                    )
        print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
