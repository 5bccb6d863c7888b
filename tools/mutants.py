"""Changes the judging code of checks, one place at a time, and says which changes no test notices.

    python -m tools.mutants auditor/evaluate/checks/kms.py tests/evaluate/checks/test_logging.py --most 40

A mutant is one comparison turned, one condition negated, one ``and`` made ``or``, one number moved by one, one verdict
exchanged or one ``return`` of a boolean flipped. Each lives in a forked process that has the tests loaded: its
functions take the place of the genuine ones there, and the file is never touched. Survivors are printed with line and
change.
"""

import argparse
import ast
import os
import random
import signal
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

MOST_SECONDS = 300
"""For the tests of one mutant."""

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


def survives(module: ModuleType, text: str, tests: Sequence[str]) -> bool:
    """Say whether the tests pass although the module reads so.

    Args:
        module: imported; unchanged afterwards.
        text: of the mutant.
        tests: paths and options for pytest. What they import is loaded already, or is loaded by each mutant anew.
    """
    sys.stdout.flush()
    child = os.fork()
    if not child:
        quiet = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(quiet, stream)
        signal.alarm(MOST_SECONDS)  # a loop that no longer ends is noticed, too
        outcome = 1
        try:
            become(module, text)
            outcome = _run(tests)
        finally:
            os._exit(outcome)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


def _run(tests: Sequence[str]) -> int:
    return int(pytest.main(["-q", "-x", "-p", "no:cacheprovider", "-n", "0", *tests]))


def become(module: ModuleType, text: str) -> None:
    """Give a module's functions, wherever they were imported to, the code of another version of it."""
    before = dict(vars(module))
    exec(compile(text, str(module.__file__), "exec"), vars(module))  # noqa: S102 - the module's own text
    for name, old in before.items():
        new = vars(module)[name]
        if isinstance(old, FunctionType) and isinstance(new, FunctionType):
            _take(old, new)
            vars(module)[name] = old
        elif isinstance(old, type) and isinstance(new, type) and old.__module__ == module.__name__:
            for member, thing in vars(new).items():
                before_it, after_it = _function(vars(old).get(member)), _function(thing)
                if before_it is not None and after_it is not None:
                    _take(before_it, after_it)
            vars(module)[name] = old


def _function(member: object) -> FunctionType | None:
    """Return the function of a method, of a property, or of a method of the class."""
    inner = getattr(member, "fget", None) or getattr(member, "func", None) or getattr(member, "__func__", member)
    return inner if isinstance(inner, FunctionType) else None


def _take(old: FunctionType, new: FunctionType) -> None:
    if old.__code__.co_freevars == new.__code__.co_freevars:
        old.__code__, old.__defaults__, old.__kwdefaults__ = new.__code__, new.__defaults__, new.__kwdefaults__


def main() -> None:
    """Read the command line and print the survivors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("module", type=Path)
    parser.add_argument("tests", nargs="+")
    parser.add_argument("--most", type=int, default=30, help="how many mutants are tried, drawn by a fixed seed")
    asked = parser.parse_args()
    module = import_module(".".join(asked.module.with_suffix("").parts))
    if _run(asked.tests) != 0:
        sys.exit("the tests fail without any mutant")
    found = list(mutants(asked.module.read_text(encoding="utf-8")))
    drawn = sorted(random.Random(1).sample(found, min(asked.most, len(found))))  # noqa: S311 - no secret
    alive = 0
    for line, change, text in drawn:
        if survives(module, text, asked.tests):
            alive += 1
            sys.stdout.write(f"{asked.module}:{line}: survived: {change}\n")
    sys.stdout.write(f"{len(drawn)} of {len(found)} mutants tried, {alive} survived\n")


if __name__ == "__main__":
    main()
