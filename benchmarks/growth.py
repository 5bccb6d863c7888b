"""How time and memory grow: over accounts, users, buckets, security groups and log files, a few points each.

    python benchmarks/growth.py [--svg docs/images/growth.svg] [--only accounts,log_files] [--figures FILE]

Each point is a whole process on simulated accounts: ``auditor run`` with HTML, PDF and CSV and no trail for what an
account holds, HTML and CSV for accounts of an organization, ``auditor trail verify`` for log files. CPU time is what to
read: seconds grow when anything else runs on the machine. ``--figures`` keeps the points, and draws those that are
there already without measuring them again.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Final

import audit
import trail

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from auditor.simulator import Simulator  # noqa: E402 - the checkout is found first
from auditor.simulator.worlds import organization  # noqa: E402

FULL: Final = {"users": 5000, "buckets": 2000, "groups": 10_000, "log_groups": 5000, "alarms": 2000}
"""The largest account that is measured; a curve over one kind of thing leaves the others at nothing."""
NOTHING: Final = dict.fromkeys(FULL, 0)
CIS: Final = ("--framework", "cis-aws-5.0.0", "--skip", "trail,events", "--quiet")
PARTS: Final = (0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Point:
    """One run: how much there was, and what it took."""

    count: int
    cpu_seconds: float
    peak_mib: float
    requests: int = 0


def of_account(kind: str) -> list[Point]:
    """Audit an account in which one kind of thing grows, or (``everything``) all of them together."""
    found = [_empty()]
    for part in PARTS:
        grown = FULL if kind == "everything" else {kind: FULL[kind]}
        sizes = NOTHING | {name: round(count * part) for name, count in grown.items()}
        with Simulator("large", sizes=sizes) as aws:
            found.append(_audited(sum(sizes.values()), aws, "--format", "html,pdf,csv"))
        _say(kind, found[-1])
    return found


@cache
def _empty() -> Point:
    """Audit the account with nothing of any kind: every curve over an account begins there."""
    with Simulator("large", sizes=NOTHING) as aws:
        return _audited(0, aws, "--format", "html,pdf,csv")


def of_accounts() -> list[Point]:
    """Audit organizations of growing number, one account after the other: others' CPU time would not be counted."""
    found = []
    for count in (0, 4, 8):
        role = ("--org", "--role-name", organization.ROLE, "--external-id", organization.EXTERNAL_ID)
        with Simulator("organization", accounts=count) as aws:
            found.append(_audited(count + 7, aws, "--format", "html,csv", *role))
        _say("accounts", found[-1])
    return found


def of_log_files() -> list[Point]:
    """Verify log files of one Region."""
    found = []
    for hours in (100, 200, 400, 800):
        content = trail.content_of(hours, 50, 20_000, 200)
        with trail.served(content, 0) as server:
            end = trail.START + timedelta(hours=hours)
            took = trail.run(
                trail.ours(trail.START, end, "--trail", trail.TRAIL.arn, "--regions", trail.REGION), server.endpoint
            )
        found.append(Point(trail.files_of(took), took.cpu_seconds, took.peak_mib))
        _say("log_files", found[-1])
    return found


def _audited(count: int, aws: Simulator, *options: str) -> Point:
    environment = {**os.environ, **aws.environment(), "PYTHONPATH": str(ROOT), "AUDITOR_LIMITS_ACCOUNTS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "auditor", "run", *CIS, *aws.moment, *options, "--out", folder]
        took = audit.run(command, environment)
        logs = [json.loads(path.read_bytes()) for path in Path(folder).rglob("evidence/calls.json")]
    return Point(count, took.cpu, took.peak_mib, sum(item["requests"] for log in logs for item in log))


def _say(kind: str, point: Point) -> None:
    print(
        f"{kind:<12}{point.count:>9,}{point.cpu_seconds:>9.1f} CPU-s{point.peak_mib:>7.0f} MiB"
        f"{point.requests:>9,} requests",
        flush=True,
    )


CURVES: Final[Mapping[str, tuple[str, Callable[[], list[Point]]]]] = {
    "accounts": ("accounts of an organization", of_accounts),
    "users": ("users", lambda: of_account("users")),
    "buckets": ("buckets", lambda: of_account("buckets")),
    "groups": ("security groups", lambda: of_account("groups")),
    "everything": ("users, buckets, groups, log groups, alarms", lambda: of_account("everything")),
    "log_files": ("digests and log files of a trail", of_log_files),
}
"""Name -> title, and what measures it."""


# ------------------------------------------------------------------------------------------------------- the drawing

WIDTH, HEIGHT, GAP, TOP = 250, 110, 60, 34
FACE: Final = 'font-family="Helvetica, Arial, sans-serif" font-size="10" role="img"'
INK, GREY, LINE, AREA = "#1b1f24", "#57606a", "#1f5fa8", "#8a4b08"


def drawing(curves: Mapping[str, Sequence[Point]]) -> str:
    """Return the curves as SVG: a row for each, CPU time on the left and memory on the right."""
    rows = [name for name in CURVES if name in curves]
    height = TOP + len(rows) * (HEIGHT + GAP)
    width = 2 * (WIDTH + GAP) + 20
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {FACE}>',
        "<title>CPU time and memory of an audit over what there is to audit</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for row, name in enumerate(rows):
        top = TOP + row * (HEIGHT + GAP)
        points = curves[name]
        parts.append(f'<text x="{GAP - 10}" y="{top - 14}" font-weight="bold" fill="{INK}">{CURVES[name][0]}</text>')
        parts.append(_chart(GAP - 10, top, "CPU seconds", [(item.count, item.cpu_seconds) for item in points], LINE))
        right = 2 * GAP + WIDTH - 10
        parts.append(_chart(right, top, "MiB at most", [(item.count, item.peak_mib) for item in points], AREA))
    return "\n".join([*parts, "</svg>", ""])


def _chart(left: int, top: int, unit: str, points: Sequence[tuple[int, float]], colour: str) -> str:
    widest, highest = max(count for count, _ in points) or 1, _rounded(max(value for _, value in points))
    places = [(left + count / widest * WIDTH, top + HEIGHT - value / highest * HEIGHT) for count, value in points]
    way = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    marks = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>' for x, y in places]
    grid = []
    for part in (0.0, 0.5, 1.0):
        y = top + HEIGHT - part * HEIGHT
        grid.append(f'<line x1="{left}" y1="{y:.1f}" x2="{left + WIDTH}" y2="{y:.1f}" stroke="#d0d7de"/>')
        grid.append(f'<text x="{left - 5}" y="{y + 3:.1f}" text-anchor="end" fill="{GREY}">{part * highest:g}</text>')
        x = left + part * WIDTH
        anchor = ("start", "middle", "end")[round(part * 2)]
        count = f"{round(part * widest):,}"
        grid.append(f'<text x="{x:.1f}" y="{top + HEIGHT + 13}" text-anchor="{anchor}" fill="{GREY}">{count}</text>')
    told = f'<text x="{left}" y="{top - 3}" fill="{GREY}">{unit}</text>'
    line = f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
    return "\n".join([*grid, told, line, *marks])


def _rounded(value: float) -> float:
    """Return the next number with one digit that is even when halved."""
    step = 10.0 ** (len(str(int(value))) - 1)
    return next(step * count for count in (1, 2, 4, 6, 8, 10, 20) if step * count >= value)


def main() -> None:
    """Measure, print, draw."""
    parser = argparse.ArgumentParser(description="Measure how time and memory grow.")
    parser.add_argument("--only", default=",".join(CURVES), help="which curves")
    parser.add_argument("--svg", type=Path, help="where the drawing goes")
    parser.add_argument("--figures", type=Path, help="where the points are kept")
    options = parser.parse_args()
    kept = json.loads(options.figures.read_text()) if options.figures and options.figures.exists() else {}
    for name in options.only.split(","):
        if name not in kept:
            kept[name] = [asdict(point) for point in CURVES[name][1]()]
            if options.figures:
                options.figures.write_text(json.dumps(kept, indent=1))
    if options.svg:
        options.svg.write_text(drawing({name: [Point(**item) for item in items] for name, items in kept.items()}))


if __name__ == "__main__":
    main()
