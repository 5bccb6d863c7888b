"""Changes the judging code of checks, one place at a time, and says which changes no test notices.

    python -m tools.mutants auditor/evaluate/checks/kms.py tests/evaluate/checks/test_logging.py --most 40

A mutant is one comparison turned, one condition negated, one ``and`` made ``or``, one number moved by one, one verdict
exchanged or one ``return`` of a boolean flipped. Each runs in a process of its own on a copy of the file beside the
tests that are named; the file itself is put back whatever happens. Survivors are printed with line and change.
"""

import argparse
import ast
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,  # codespell:ignore notin
    ast.NotIn: ast.In,  # codespell:ignore notin
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
VERDICTS = {"failed": "passed", "passed": "failed", "not_assessed": "passed", "not_applicable": "passed"}


def mutants(source: str) -> Iterator[tuple[int, str, str]]:
    """Yield each mutant of a module: its line, what was changed, and the whole text."""
    places = len(list(ast.walk(ast.parse(source))))
    for place in range(places):
        tree = ast.parse(source)
        node = list(ast.walk(tree))[place]
        change = _change(node)
        if change:
            yield getattr(node, "lineno", 0), change, ast.unparse(tree)


def _change(node: ast.AST) -> str:
    """Change a node in place and say how; empty when it is none of those that decide."""
    change = ""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        old, node.ops = node.ops[0], [TURNED[type(node.ops[0])]()]
        change = f"{type(old).__name__} to {type(node.ops[0]).__name__}"
    elif isinstance(node, ast.BoolOp):
        node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        change = f"to {type(node.op).__name__}"
    elif isinstance(node, ast.If | ast.IfExp):
        node.test = ast.UnaryOp(ast.Not(), node.test)
        change = "condition negated"
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        node.value = not node.value if isinstance(node.value, bool) else node.value + 1
        change = f"to {node.value}"
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in VERDICTS:
        change = f"{node.func.id} to {VERDICTS[node.func.id]}"
        node.func = ast.Name(VERDICTS[node.func.id], ast.Load())
    return change


def survives(path: Path, text: str, tests: Sequence[str]) -> bool:
    """Say whether the tests pass although the module reads so."""
    kept = path.read_bytes()
    try:
        path.write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-n", "0", *tests]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    finally:
        path.write_bytes(kept)


def main() -> None:
    """Read the command line and print the survivors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("module", type=Path)
    parser.add_argument("tests", nargs="+")
    parser.add_argument("--most", type=int, default=30, help="how many mutants are tried, drawn by a fixed seed")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the module is put back
    found = list(mutants(asked.module.read_text(encoding="utf-8")))
    drawn = sorted(random.Random(1).sample(found, min(asked.most, len(found))))  # noqa: S311 - no secret
    alive = [(line, change) for line, change, text in drawn if survives(asked.module, text, asked.tests)]
    for line, change in alive:
        sys.stdout.write(f"{asked.module}:{line}: survived: {change}\n")
    sys.stdout.write(f"{len(drawn)} of {len(found)} mutants tried, {len(alive)} survived\n")


if __name__ == "__main__":
    main()
