"""What an audit takes: whole processes on simulated accounts, beside what Python with boto3 takes to start.

    python benchmarks/audit.py [--latency 30] [--times 3] [--world demo]
    python benchmarks/audit.py --chains

Each row is the run with the least CPU time of several. Read CPU first: seconds follow from it and from the latency, and
both grow when anything else runs on the machine. ``--chains`` prints which calls have to wait for which others: however
many are made at once, an audit takes no less than its longest chain times the latency.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from auditor.evidence.operations import needed  # noqa: E402 - the checkout is found first
from auditor.run import open_catalog  # noqa: E402
from auditor.simulator import Simulator  # noqa: E402

FRAMEWORK = "cis-aws-5.0.0"
ROWS = (
    ("a gate: HTML and CSV, no trails", ("--skip", "trail,events", "--format", "html,csv")),
    ("with the PDF, no trails", ("--skip", "trail,events", "--format", "html,pdf,csv")),
    ("everything", ()),
)
START = "import boto3; boto3.Session(region_name='eu-west-1').client('sts')"
"""What any program takes that asks AWS for anything through the SDK."""


@dataclass(frozen=True)
class Took:
    """What a process took."""

    seconds: float
    cpu: float
    peak_mib: float
    requests: int = 0


def run(command: list[str], environment: dict[str, str]) -> Took:
    """Run a process to its end; a failing criterion is no failure of the run.

    Raises:
        RuntimeError: it broke.
    """
    began = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        said = process.stderr.read() if process.stderr else b""
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1, 3, 4):
        raise RuntimeError(said.decode(errors="replace"))
    return Took(time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def audit(environment: dict[str, str], options: Sequence[str]) -> Took:
    """Audit the account once, into a folder that goes afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "auditor", "run", "--framework", FRAMEWORK, "--out", folder, "--quiet"]
        took = run([*command, *options], environment)
        calls = json.loads(next(Path(folder).glob("*/*/*/evidence/calls.json")).read_bytes())
    return Took(took.seconds, took.cpu, took.peak_mib, sum(item["requests"] for item in calls))


def chains() -> Iterator[str]:
    """Yield the longest chain of calls that leads to each operation which no other one hangs on, longest first."""
    catalog = open_catalog()
    asked = needed(catalog.operations, catalog.operations_of(catalog.controls_of(catalog.select((FRAMEWORK,)))))
    known = {item.name: item for item in asked if item.planned}

    def chain(name: str) -> tuple[str, ...]:
        before = (chain(parent) for parent in known[name].parents if parent in known)
        return (*max(before, key=len, default=()), name)

    parents = {parent for item in known.values() for parent in item.parents}
    found = sorted((chain(name) for name in known if name not in parents), key=lambda one: (-len(one), one))
    first = "sts:GetCallerIdentity > ec2:DescribeRegions"
    yield from (f"{len(one) + 2} in a row: {first} > {' > '.join(one)}" for one in found if len(one) > 1)
    yield f"3 in a row: {sum(len(one) == 1 for one in found)} operations that hang on these two only"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Measure whole audits.")
    parser.add_argument("--latency", type=float, default=30, help="milliseconds")
    parser.add_argument("--times", type=int, default=3, help="runs of each row")
    parser.add_argument("--world", default="demo", help="the simulated account")
    parser.add_argument("--chains", action="store_true", help="only print the chains of dependent calls")
    options = parser.parse_args()
    if options.chains:
        print("\n".join(chains()))
        return
    print(f"{'':<34}{'seconds':>9}{'CPU s':>8}{'MiB':>6}{'requests':>10}")
    with Simulator(options.world) as aws:
        # As installed programs are: with compiled modules. Whoever turned that off would measure the compiler.
        environment = {**os.environ, **aws.environment(), "PYTHONPATH": str(ROOT)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        rows = [(name, (*aws.moment, *chosen)) for name, chosen in ROWS]
        audit(environment, rows[0][1])
        aws.latency(options.latency)
        start = min((run([sys.executable, "-c", START], environment) for _ in range(options.times)), key=_cpu)
        print(f"{'Python with boto3, one client':<34}{start.seconds:>9.1f}{start.cpu:>8.2f}{start.peak_mib:>6.0f}")
        for name, chosen in rows:
            took = min((audit(environment, chosen) for _ in range(options.times)), key=_cpu)
            print(
                f"{name:<34}{took.seconds:>9.1f}{took.cpu:>8.2f}{took.peak_mib:>6.0f}{took.requests:>10,}", flush=True
            )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of the simulated AWS: {peak:.0f} MiB")


def _cpu(took: Took) -> float:
    return took.cpu


if __name__ == "__main__":
    main()
