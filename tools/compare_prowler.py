"""Audits the simulated demo account with Prowler and with Auditor, and holds the two side by side.

    python tools/compare_prowler.py [--latency 30] [--skip-measuring] [--skip-verdicts] [--large] [--keep DIR]

Prints what each control came to, and which differences ``docs/compare-prowler.md`` does not explain yet (exit 1 then);
then what whole audits took, side by side, and which of the floors that we set ourselves are reached.
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
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
    parser.add_argument("--skip-verdicts", action="store_true", help="only measure")
    parser.add_argument("--large", action="store_true", help="measure an account of 300 users as well")
    parser.add_argument("--keep", type=Path, help="folder for what both wrote; default: removed at the end")
    options = parser.parse_args()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="auditor-prowler-"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        prowler = prepared()
        rows = () if options.skip_verdicts else verdicts(prowler, folder)
        for row in rows:
            print(f"{'same' if row.agrees else 'DIFFERS':<8}{row.control:<44}{row.ours:<16}{row.theirs}")
        problems = []
        if rows:
            print(f"\n{sum(row.agrees for row in rows)} of {len(rows)} controls agree.")
            problems = unexplained(rows, PAGE.read_text() if PAGE.exists() else "")
            print("\n".join(problems) or "docs/compare-prowler.md explains every difference.")
        for account in (SMALL, LARGE)[: 0 if options.skip_measuring else 1 + options.large]:
            measure(prowler, folder / account.name, options.latency, account)
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
    command += [*aws.moment, *options]
    command += [part for name in editions for part in ("--framework", name)]
    command += ["--regions", ",".join(regions)] if regions else []
    return _measured(command, aws, folder / "auditor.json", {"PYTHONPATH": str(ROOT)})


def _measured(command: Sequence[str], aws: Simulator, output: Path, more: Mapping[str, str]) -> Run:
    """Run a command against the simulated AWS; its output goes to a file."""
    # As installed programs are, with compiled modules: whoever turned that off would measure Python's compiler.
    left_out = ("AWS_", "PYTHONDONTWRITEBYTECODE")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    before = aws.calls()
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
    requests = sum(aws.calls().values()) - sum(before.values())
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


GATE: Final = ("--skip", "trail", "--format", "html,csv")
"""What a pipeline asks: the verdicts, as a page and a table."""
MIB: Final = 2**20
ABOVE_BOTO3: Final = 100 * MIB


@dataclass(frozen=True)
class Floor:
    """How many times less than Prowler an audit is to take."""

    seconds: float
    cpu: float
    requests: float = 1.0


@dataclass(frozen=True)
class Measured:
    """An account, and what its audits are held to.

    Args:
        name: of the account.
        world: what the simulator calls it; the large one has 300 users, 400 buckets, 500 security and 500 log groups.
        floors: what is audited -> options, and the floor.
    """

    name: str
    world: str
    floors: Mapping[str, tuple[tuple[str, ...], Floor]]


_NO_TRAIL: Final = ("--skip", "trail")
SMALL: Final = Measured(
    "small",
    "demo",
    {
        "Auditor as a gate: HTML and CSV, no trails": (GATE, Floor(10, 8)),
        "Auditor with the PDF, no trails": (_NO_TRAIL, Floor(4, 3)),
    },
)
LARGE: Final = Measured("large", "large", {"Auditor as a gate: HTML and CSV, no trails": (GATE, Floor(15, 8, 5))})


def measure(prowler: Path, folder: Path, latency: float, account: Measured) -> None:
    """Audit an edition with both in seventeen Regions, every answer delayed; print what each took, and the floors."""
    folder.mkdir()
    with Simulator(account.world) as aws:
        regions = [name for name in aws.about["regions"] if name != "eu-south-1"]
        if len(regions) != NEVER_OFF:
            raise CannotCompareError(f"the simulated account has {len(regions)} Regions that are always on")
        # What is answered for the first time takes the simulated account longest: both find it made.
        run_auditor(aws, [MEASURED], _new(folder / "warm-up"), regions, *GATE)
        if account is LARGE:
            run_prowler(prowler, aws, [MEASURED], _new(folder / "warm-up-prowler"), regions)
        aws.latency(latency)
        alone = _measured([sys.executable, "-c", START], aws, folder / "boto3.log", {})
        alone = replace(alone, peak=int((folder / "boto3.log").read_text()) * 1024)
        ours = {
            name: run_auditor(aws, [MEASURED], _new(folder / f"measured-{number}"), regions, *options)
            for number, (name, (options, _)) in enumerate(account.floors.items())
        }
        theirs = run_prowler(prowler, aws, [MEASURED], _new(folder / "measured-prowler"), regions)
    print(f"\n{account.name}: {MEASURED}, {NEVER_OFF} Regions, {latency:.0f} ms latency, {os.cpu_count()} cores\n")
    print("| audit | seconds | CPU seconds | API requests | peak memory |\n|---|---:|---:|---:|---:|")
    for name, run in {"Python with boto3, one client": alone, **ours, "Prowler": theirs}.items():
        print(f"| {name} | {run.seconds:.1f} | {run.cpu:.1f} | {run.requests:,} | {run.peak / MIB:.0f} MiB |")
    print("\n| floor | asked | came to | |\n|---|---:|---:|---|")
    for name, run in ours.items():
        options, floor = account.floors[name]
        for line in floors(name, floor, run, theirs):
            print(line)
        if options == GATE:
            above = run.peak - alone.peak
            print(_floor(f"{name}: memory above boto3's", "100 MiB", f"{above / MIB:.0f} MiB", above < ABOVE_BOTO3))


START: Final = """
import boto3
boto3.Session(region_name="eu-west-1").client("sts")
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""
"""What any program takes that asks AWS for anything through the SDK. It says itself how much memory, in KiB: what the
system says of so small a process is what the one that started it had."""


def floors(name: str, floor: Floor, ours: Run, theirs: Run) -> Iterator[str]:
    """Say line by line which part of a floor an audit reached."""
    for what, asked, came in (
        ("time", floor.seconds, theirs.seconds / ours.seconds),
        ("CPU", floor.cpu, theirs.cpu / ours.cpu),
        ("requests", floor.requests, theirs.requests / ours.requests),
    ):
        yield _floor(f"{name}: {what}", f"1/{asked:g}", f"1/{came:.1f}", came >= asked)


def _floor(what: str, asked: str, came: str, reached: bool) -> str:
    return f"| {what} | {asked} | {came} | {'reached' if reached else 'not reached'} |"


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    sys.exit(main())
