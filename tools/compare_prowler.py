"""Audits the simulated demo account with Prowler and with Auditor, and holds the two side by side.

    python tools/compare_prowler.py [--latency 30] [--skip-measuring] [--keep DIR]

Prints what each control came to, and which differences ``docs/compare-prowler.md`` does not explain yet (exit 1 then).
Prowler takes 2.3 GB and an older Python than ours may be: it gets an environment of its own (``build/prowler``, or
where ``PROWLER_HOME`` says) and is part of neither the dependencies nor continuous integration.
"""

import argparse
import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from auditor.catalog.load import Catalog
from auditor.run import open_catalog
from auditor.simulator import Simulator

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "compare-prowler.md"
VERSION = "5.46.0"
"""What ``docs/compare-prowler.md`` was written about."""
PYTHONS = ("python3.12", "python3.11", "python3.10")
NEEDED_BYTES = 4_000_000_000
EDITIONS: Final[Mapping[str, str]] = {
    "cis-aws-1.4.0": "cis_1.4_aws",
    "cis-aws-1.5.0": "cis_1.5_aws",
    "cis-aws-2.0.0": "cis_2.0_aws",
    "cis-aws-3.0.0": "cis_3.0_aws",
    "cis-aws-4.0.1": "cis_4.0_aws",
    "cis-aws-5.0.0": "cis_5.0_aws",
    "cis-aws-6.0.0": "cis_6.0_aws",
    "cis-aws-7.0.0": "cis_7.0_aws",
}
"""Ours and Prowler's names of the same benchmark editions."""
MEASURED = "cis-aws-5.0.0"
NEVER_OFF = 17
"""Regions that are on in every account: what the figure is about."""
SILENT = "NO FINDING"
WORST = ("FAIL", "MANUAL", "PASS")

RESOLVER = '''"""Leads host names with an account in front, as S3 Control makes them, to the simulated AWS."""

import socket

_known = socket.getaddrinfo


def _getaddrinfo(host, *rest, **more):
    name = host.decode() if isinstance(host, bytes) else host
    if isinstance(name, str) and name.endswith(".127.0.0.1"):
        name = "127.0.0.1"
    return _known(name, *rest, **more)


socket.getaddrinfo = _getaddrinfo
'''


class CannotCompareError(Exception):
    """Prowler cannot be had or run here; the message says why."""


@dataclass(frozen=True)
class Run:
    """What an audit took.

    Args:
        seconds: on the clock.
        cpu: seconds of CPU time, of all its processes.
        peak: bytes of memory of its largest process.
        requests: how often the simulated AWS was called.
    """

    seconds: float
    cpu: float
    peak: int
    requests: int


@dataclass(frozen=True)
class Row:
    """What both said about one control."""

    control: str
    ours: str
    theirs: str
    checks: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """True when both say the same; nothing to judge and no finding are the same thing."""
        return self.ours == self.theirs or (self.ours, self.theirs) == ("NOT_APPLICABLE", SILENT)


def main() -> int:
    """Compare, print, and answer 1 when the page does not explain exactly the differences that there are."""
    parser = argparse.ArgumentParser(description="Audit the demo account with Prowler and with Auditor.")
    parser.add_argument("--latency", type=float, default=30, help="milliseconds, while time is measured")
    parser.add_argument("--skip-measuring", action="store_true", help="only compare verdicts")
    parser.add_argument("--keep", type=Path, help="folder for what both wrote; default: removed at the end")
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="auditor-prowler-"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        prowler = prepared()
        rows = verdicts(prowler, folder)
        for row in rows:
            print(f"{'same' if row.agrees else 'DIFFERS':<8}{row.control:<44}{row.ours:<16}{row.theirs}")
        print(f"\n{sum(row.agrees for row in rows)} of {len(rows)} controls agree.")
        if not options.skip_measuring:
            measure(prowler, folder, options.latency)
        problems = unexplained(rows, PAGE.read_text() if PAGE.exists() else "")
        print("\n".join(problems) or "docs/compare-prowler.md explains every difference.")
    except CannotCompareError as error:
        print(f"compare-prowler: {error}", file=sys.stderr)
        return 2
    finally:
        if options.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    return 1 if problems else 0


# --- Prowler ----------------------------------------------------------------------------------------------------------


def prepared() -> Path:
    """Return the prowler command, installed where it is not yet.

    Raises:
        CannotCompareError: no suitable Python, too little space, or the installation failed.
    """
    home = Path(os.environ.get("PROWLER_HOME", ROOT / "build" / "prowler"))
    command = home / "bin" / "prowler"
    if not command.exists():
        home.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(home.parent).free < NEEDED_BYTES:
            raise CannotCompareError(
                f"less than {NEEDED_BYTES // 10**9} GB free for {home}; PROWLER_HOME puts it elsewhere"
            )
        print(f"compare-prowler: installing Prowler {VERSION} into {home}; this takes minutes and 2.3 GB", flush=True)
        _run([_python(), "-m", "venv", str(home)])
        _run([str(home / "bin" / "pip"), "install", "--quiet", f"prowler=={VERSION}"])
    said = subprocess.run([command, "--version"], capture_output=True, text=True, check=False)
    if VERSION not in said.stdout:
        raise CannotCompareError(f"{command} says {said.stdout.strip() or said.stderr.strip()!r}, not {VERSION}")
    return command


def _python() -> str:
    for name in PYTHONS:
        found = shutil.which(name)
        if found and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0:
            return found
    raise CannotCompareError(f"Prowler {VERSION} needs one of {', '.join(PYTHONS)}, and none is here")


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise CannotCompareError(
            f"{command[0]} ended with {done.returncode}: {said[-1] if said else 'it said nothing'}"
        )


def run_prowler(
    prowler: Path, aws: Simulator, editions: Iterable[str], folder: Path, regions: Sequence[str] = ()
) -> Run:
    """Let Prowler audit the simulated account."""
    resolver = folder / "resolver"
    resolver.mkdir(exist_ok=True)
    (resolver / "sitecustomize.py").write_text(RESOLVER)
    command = [str(prowler), "aws", "--compliance", *(EDITIONS[name] for name in editions)]
    command += ["--output-formats", "csv", "json-ocsf", "--output-directory", str(folder / "prowler")]
    command += ["--no-banner", "--no-color", "--ignore-exit-code-3"]
    command += ["--region", *regions] if regions else []
    return _measured(command, aws, folder / "prowler.log", {"PYTHONPATH": str(resolver)})


def run_auditor(
    aws: Simulator, editions: Iterable[str], folder: Path, regions: Sequence[str] = (), *options: str
) -> Run:
    """Audit the simulated account ourselves."""
    command = [sys.executable, "-m", "auditor", "run", "--out", str(folder / "auditor"), "--json", "--quiet"]
    command += ["--as-of", str(aws.about["as_of"]), "--period", str(aws.about["period"]), *options]
    command += [part for name in editions for part in ("--framework", name)]
    command += ["--regions", ",".join(regions)] if regions else []
    return _measured(command, aws, folder / "auditor.json", {"PYTHONPATH": str(ROOT)})


def _measured(command: Sequence[str], aws: Simulator, output: Path, more: Mapping[str, str]) -> Run:
    """Run a command against the simulated AWS; its output goes to a file."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    before = sum(aws.calls().values())
    began = time.perf_counter()
    with output.open("w") as file:
        child = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, env={**clean, **aws.environment(), **more}
        )
        _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    if child.returncode not in (0, 1, 3, 4):
        tail = output.read_text(errors="replace").strip().splitlines()[-3:]
        raise CannotCompareError(f"{command[0]} ended with {child.returncode}: {' / '.join(tail)}")
    requests = sum(aws.calls().values()) - before
    return Run(seconds, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, requests)


# --- verdicts ---------------------------------------------------------------------------------------------------------


def verdicts(prowler: Path, folder: Path) -> tuple[Row, ...]:
    """Audit all editions with both and return what each control came to."""
    with Simulator("demo") as aws:
        run_prowler(prowler, aws, EDITIONS, folder)
        run_auditor(aws, EDITIONS, folder, (), "--skip", "trail,truth", "--format", "csv")
    results = orjson.loads(next((folder / "auditor").glob("*/*/*/results/results.json")).read_bytes())
    ours = {item["id"]: str(item["state"]) for item in results["controls"]}
    return compared(open_catalog(), ours, findings(sorted((folder / "prowler" / "compliance").glob("*.csv"))))


Findings = Mapping[tuple[str, str], tuple[frozenset[str], frozenset[str]]]
"""(Prowler's name of the edition, requirement) -> states and checks that were seen."""


def findings(files: Iterable[Path]) -> Findings:
    """Read Prowler's compliance files: one line a requirement, check and resource."""
    states: dict[tuple[str, str], set[str]] = defaultdict(set)
    checks: dict[tuple[str, str], set[str]] = defaultdict(set)
    for path in files:
        edition = next(name for name in EDITIONS.values() if path.stem.endswith(name))
        with path.open(newline="") as file:
            for line in csv.DictReader(file, delimiter=";"):
                key = edition, line["REQUIREMENTS_ID"]
                states[key].add(line["STATUS"])
                if line["CHECKID"] != "manual":
                    checks[key].add(line["CHECKID"])
    return {key: (frozenset(states[key]), frozenset(checks[key])) for key in states}


def compared(catalog: Catalog, ours: Mapping[str, str], theirs: Findings) -> tuple[Row, ...]:
    """Set the worst that Prowler says about a control's requirements, in any edition, beside our own state."""
    seen: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for framework in catalog.select(tuple(EDITIONS)):
        for requirement in framework.requirements:
            for control in requirement.controls:
                seen[control].add((EDITIONS[framework.id], requirement.id))
    rows = []
    for control in sorted(seen):
        found = [theirs[key] for key in seen[control] if key in theirs]
        states = {state for states, _ in found for state in states}
        checks = {check for _, checks in found for check in checks}
        worst = next((state for state in WORST if state in states), SILENT)
        rows.append(Row(control, ours[control], worst, tuple(sorted(checks))))
    return tuple(rows)


_EXPLAINED = re.compile(r"^\| `([a-z0-9-]+)` \| ([A-Z_]+) \| ([A-Z ]+) \| .{10,} \|$", re.MULTILINE)


def unexplained(rows: Iterable[Row], page: str) -> list[str]:
    """Return what the page and the comparison say differently."""
    told = {match[1]: (match[2], match[3].strip()) for match in _EXPLAINED.finditer(page)}
    differing = {row.control: (row.ours, row.theirs) for row in rows if not row.agrees}
    found = []
    for name in sorted(told.keys() | differing.keys()):
        here, there = "/".join(differing.get(name, ("agrees",))), "/".join(told.get(name, ("nothing",)))
        if here != there:
            found.append(f"{name}: {here} here, {there} on the page")
    return found


# --- figures ----------------------------------------------------------------------------------------------------------


def measure(prowler: Path, folder: Path, latency: float) -> None:
    """Audit one edition with both in seventeen Regions, every answer delayed, and print what each took."""
    with Simulator("demo") as aws:
        regions = [name for name in aws.about["regions"] if name != "eu-south-1"]
        if len(regions) != NEVER_OFF:
            raise CannotCompareError(f"the simulated account has {len(regions)} Regions that are always on")
        runs: dict[str, Run] = {}
        csv_only = ("--skip", "trail,truth", "--format", "csv")
        run_auditor(aws, [MEASURED], _new(folder / "warm-up"), regions)  # the simulated trail is made when first read
        aws.latency(latency)
        for name, options in (("Auditor", csv_only), ("Auditor, trails verified, PDF and HTML", ())):
            runs[name] = run_auditor(aws, [MEASURED], _new(folder / f"measured-{len(runs)}"), regions, *options)
        runs["Prowler"] = run_prowler(prowler, aws, [MEASURED], _new(folder / "measured-prowler"), regions)
    print(f"\n{MEASURED}, {NEVER_OFF} Regions, {latency:.0f} ms latency, {os.cpu_count()} cores\n")
    print("| audit | seconds | CPU seconds | API requests | peak memory |\n|---|---:|---:|---:|---:|")
    for name, run in runs.items():
        print(f"| {name} | {run.seconds:.1f} | {run.cpu:.1f} | {run.requests} | {run.peak / 2**20:.0f} MiB |")
    a, b = runs["Auditor"], runs["Prowler"]
    print(f"| ratio | {b.seconds / a.seconds:.1f} | {b.cpu / a.cpu:.1f} | {b.requests / a.requests:.1f} | |")


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    sys.exit(main())
