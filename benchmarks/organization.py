"""What a run over an organization takes: one whole run over simulated light accounts, its workers included.

    python benchmarks/organization.py [--accounts 92] [--workers 2] [--latency 0]

It prints what became of each listed account, CPU time of all processes, memory, requests and the size of the packs. CPU
time is what to read: seconds grow when anything else runs on the machine.
"""

import argparse
import ctypes
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from auditor.base.whole import UNFINISHED  # noqa: E402 - the checkout is found first
from auditor.run.workroom import TASKS  # noqa: E402
from auditor.simulator import Simulator  # noqa: E402
from auditor.simulator.worlds import organization as story  # noqa: E402

OPTIONS: Final = (
    *("--org", "--role-name", story.ROLE, "--external-id", story.EXTERNAL_ID, "--framework", "cis-aws-5.0.0"),
    *("--gate", "--format", "html,csv", "--skip", "trail,events", "--quiet"),
)
SECONDS_BETWEEN_LOOKS: Final = 0.5
SECONDS_TO_END: Final = 3.0
"""The server that makes workers ends a moment after the run."""
SUBREAPER: Final = 36
"""``PR_SET_CHILD_SUBREAPER``: processes whose parent has ended become ours, so that what they took is counted."""


def measured(environment: Mapping[str, str], out: Path) -> dict[int, float]:
    """Run to the end; return the driver's memory in MiB when so many accounts had their packs."""
    ctypes.CDLL(None).prctl(SUBREAPER, 1)
    command = [sys.executable, "-m", "auditor", "run", *OPTIONS, "--out", str(out)]
    held: dict[int, float] = {}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            done = sum(1 for _ in out.glob(f"{UNFINISHED}*/{TASKS}/*.done"))
            held[done] = max(held.get(done, 0.0), _mib(process.pid))
            time.sleep(SECONDS_BETWEEN_LOOKS)
    until = time.monotonic() + SECONDS_TO_END
    while time.monotonic() < until:  # the simulated AWS is a child, too, and stays
        if os.waitpid(-1, os.WNOHANG) == (0, 0):
            time.sleep(SECONDS_BETWEEN_LOOKS)
    return held


def _mib(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")), 0.0)


def _requests(pack: Path) -> Iterator[int]:
    for log in pack.rglob("evidence/calls.json"):
        yield sum(item["requests"] for item in json.loads(log.read_bytes()))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Measure a run over an organization.")
    parser.add_argument("--accounts", type=int, default=92, help="light accounts beside the twelve of the story")
    parser.add_argument("--workers", type=int, default=2, help="accounts at once")
    parser.add_argument("--latency", type=float, default=0, help="milliseconds")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Simulator("organization", accounts=options.accounts) as aws:
        aws.latency(options.latency)
        environment = {**os.environ, **aws.environment(), "PYTHONPATH": str(ROOT)}
        environment["AUDITOR_LIMITS_ACCOUNTS"] = str(options.workers)
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        began = time.perf_counter()
        held = measured(environment, Path(folder))
        seconds, used = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        pack = next(path.parent for path in Path(folder).glob("*/*/*/manifest.json"))
        told = json.loads((pack / "results" / "results.json").read_bytes())["reconciliation"]
        requests = list(_requests(pack))
        size = sum(path.stat().st_size for path in pack.rglob("*") if path.is_file())
    print(told["words"])
    print(f"{seconds:,.0f} s, {used.ru_utime + used.ru_stime:,.0f} CPU-s, {sum(requests):,} requests")
    print(f"largest process {used.ru_maxrss / 1024:,.0f} MiB, the driver {max(held.values()):,.0f}")
    shown = [*list(held.items())[:-1:10], *list(held.items())[-1:]]
    print("driver over accounts: " + ", ".join(f"{done}: {mib:.0f} MiB" for done, mib in shown))
    print(f"packs {size / 1e6:,.0f} MB")


if __name__ == "__main__":
    main()
