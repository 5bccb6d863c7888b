"""The house rules that a reader cannot see in one file: who may import whom, and what stays at the borders."""

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "auditor"

ROOMS = frozenset(
    {"collect", "trail", "events", "evaluate", "cost", "render", "seal", "deliver", "remedy", "simulator"}
)
"""Each room talks to the others through files and values only."""

LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"base"}),
    frozenset({"model", "regions", "work"}),
    frozenset({"policies", "activity"}),
    frozenset({"monitoring"}),
    frozenset({"config"}),
    frozenset({"evidence"}),
    frozenset({"catalog"}),
    frozenset({"pack"}),
    ROOMS,
    frozenset({"run"}),
    frozenset({"org"}),
    frozenset({"cli"}),
    frozenset({"__main__"}),
)
"""From the ground up. A part may use what lies in layers below its own, never what stands beside it or above."""

WINGS = frozenset({"policies", "activity", "monitoring"})
"""Libraries that could be published alone: they know neither evidence nor catalogue, and no setting."""

MONITORING = ("patterns", "chain", "infrastructure")
"""From the ground up, as above."""

AWS_BORDER = (
    "auditor.collect",
    "auditor.trail.fetch",
    "auditor.events.lookup",
    "auditor.events.athena",
    "auditor.seal.kms",
    "auditor.deliver",
    "auditor.remedy.closer",
    "auditor.simulator",
)
BORDERS = {
    "boto3": AWS_BORDER,
    "botocore": AWS_BORDER,
    "moto": ("auditor.simulator",),
    "weasyprint": ("auditor.render.pdf",),
}
"""Third-party packages and the only modules (or packages) that may import them."""

OUTSIDE_WORLD = frozenset(
    {
        "http",
        "obstore",
        "os",
        "random",
        "requests",
        "secrets",
        "shutil",
        "socket",
        "subprocess",
        "tempfile",
        "time",
        "urllib.request",
    }
)
"""What evaluation must not even import: the same evidence gives the same results on any machine, years later."""


PURE = (
    "auditor.evaluate",
    "auditor.policies",
    "auditor.activity",
    "auditor.monitoring.patterns",
    "auditor.monitoring.chain",
)
"""What judges; code as people have it on disk is read by ``monitoring.infrastructure``."""


def module_name(path: Path) -> str:
    """Return the dotted name of a source file of the package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
PARTS = frozenset(name.split(".")[1] for name in MODULES if "." in name)
TREES = {name: ast.parse(path.read_text(encoding="utf-8"), str(path)) for name, path in MODULES.items()}


def imports(module: str) -> Iterator[str]:
    """Yield the dotted names that a module imports, wherever in it, relative ones resolved."""
    package = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def within(name: str, *packages: str) -> bool:
    """Tell whether a dotted name is one of the packages or stands inside one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def part(name: str) -> str:
    """Return the first name below ``auditor``: a room, a shelf, ``run``, ``cli``; empty for the top itself."""
    first = name.split(".")[1] if "." in name else ""
    return first if first in PARTS else ""


def calls(module: str) -> Iterator[str]:
    """Yield every called name of a module as it is written, such as ``print`` or ``datetime.now``."""
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield ast.unparse(node.func)


def may_import(importer: str, imported: str) -> bool:
    """Tell whether one part of the package may use another; the version stands at the top and is everybody's."""
    if imported in {importer, ""}:
        return True
    heights = {name: height for height, layer in enumerate(LAYERS) for name in layer}
    return heights[imported] < heights[importer]


def test_every_part_of_the_package_has_its_layer() -> None:
    known = frozenset().union(*LAYERS)
    assert {part(name) for name in MODULES} - known <= {""}


def test_the_architecture_page_has_a_line_for_every_folder() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    packages = {path.parent.relative_to(PACKAGE) for path in PACKAGE.rglob("__init__.py")}
    folders = {f"{folder}/" for folder in packages if folder.parts}
    assert sorted(folder for folder in folders if f"`{folder}`" not in page) == []


def test_the_stops_of_the_walk_through_the_code_are_there() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    stops = re.findall(r"`auditor/([\w/]+)[.]py:(\w+)`", page)
    assert len(stops) == len(set(stops)) > 10
    gone = []
    for path, name in stops:
        tree = TREES.get(f"auditor.{path.replace('/', '.')}", ast.Module([], []))
        names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        gone += [f"{path}.py:{name}"] * (name not in names)
    assert gone == []


def test_imports_go_one_way() -> None:
    wrong = [
        f"{module} imports {name}"
        for module in MODULES
        for name in imports(module)
        if within(name, "auditor") and not may_import(part(module), part(name))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        pytest.param(below, above, id=f"{below}-{above}")
        for height, layer in enumerate(LAYERS)
        for below in sorted(layer)
        for above in sorted(frozenset().union(*LAYERS[height:]) - {below})
    ],
)
def test_an_arrow_turned_round_is_noticed(importer: str, imported: str) -> None:
    assert not may_import(importer, imported)


def test_wings_know_only_the_ground_they_stand_on() -> None:
    wrong = [
        f"{module} imports {name}"
        for module in MODULES
        if part(module) in WINGS
        for name in imports(module)
        if within(name, "auditor") and part(name) not in WINGS | {"", "base", "model", "regions"}
    ]
    assert wrong == []


def test_monitoring_is_built_on_its_patterns() -> None:
    def shelf(name: str) -> int:
        names = name.split(".")
        return MONITORING.index(names[2]) if len(names) > 2 and names[2] in MONITORING else -1

    wrong = [
        f"{module} imports {name}"
        for module in MODULES
        if within(module, "auditor.monitoring")
        for name in imports(module)
        if within(name, "auditor.monitoring") and shelf(name) > shelf(module)
    ]
    assert wrong == []


@pytest.mark.parametrize("package", BORDERS)
def test_heavy_packages_stay_at_their_border(package: str) -> None:
    users = {module for module in MODULES if any(within(name, package) for name in imports(module))}
    assert {module for module in users if not within(module, *BORDERS[package])} == set()


def test_evaluation_cannot_see_the_outside_world() -> None:
    rooms = [module for module in MODULES if within(module, *PURE)]
    wrong = [f"{module} imports {name}" for module in rooms for name in imports(module) if within(name, *OUTSIDE_WORLD)]
    wrong += [
        f"{module} calls {name}"
        for module in rooms
        for name in calls(module)
        if name in {"open", "input"} or name.endswith((".now", ".utcnow", ".today", ".read_text", ".read_bytes"))
    ]
    assert wrong == []


def test_only_the_command_line_prints_and_exits() -> None:
    forbidden = {"print", "exit", "quit", "sys.exit", "os._exit", "SystemExit"}
    # In worker processes of the simulator a thread ends them when their parent is gone; a thread has no other way.
    # A forked child of the simulator must not run what its parent has registered for its own end.
    excused = {("auditor.simulator.worlds.archive", "os._exit"), ("auditor.simulator.nursery", "os._exit")}
    wrong = [
        f"{module} calls {name}"
        for module in MODULES
        if part(module) != "cli" and not module.endswith("__main__")
        for name in calls(module)
        if name in forbidden and (module, name) not in excused
    ]
    assert wrong == []


def test_every_package_says_what_it_is_for() -> None:
    assert [module for module, tree in TREES.items() if not ast.get_docstring(tree)] == []


def test_start_up_imports_nothing_heavy() -> None:
    program = "import sys, auditor.cli; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    outcome = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    heavy = {
        "boto3",
        "botocore",
        "weasyprint",
        "obstore",
        "moto",
        "cryptography",
        "pyhanko",
        "jinja2",
        "pydantic",
        "duckdb",
    }
    assert heavy & set(outcome.stdout.split()) == set()


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel and install it, without its dependencies, into a folder far from the checkout."""
    folder = tmp_path_factory.mktemp("installation")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    target = folder / "site"
    subprocess.run([*install, "--target", str(target), str(wheel)], cwd=folder, check=True, capture_output=True)
    return target


def elsewhere(installation: Path, *arguments: str, expected: frozenset[int] = frozenset({0})) -> str:
    """Run the installed package outside the checkout; return what it prints."""
    environment = {**os.environ, "PYTHONPATH": str(installation), "NO_COLOR": "1"}
    outcome = subprocess.run(
        [sys.executable, *arguments],
        cwd=installation.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode in expected, outcome.stderr
    return outcome.stdout


def test_a_wheel_finds_its_own_catalogue_and_templates(installation: Path) -> None:
    program = "from auditor.base import locate; print(locate.controls_folder(), locate.templates_folder())"
    folders = [Path(folder) for folder in elsewhere(installation, "-c", program).split()]
    assert folders == [installation / "auditor/_data/controls", installation / "auditor/_data/templates"]


@pytest.mark.parametrize("name", ["controls", "templates"])
def test_a_wheel_holds_every_data_file_of_the_checkout(installation: Path, name: str) -> None:
    def files(folder: Path) -> dict[str, bytes]:
        found = [path for path in folder.rglob("*") if path.is_file() and path.parent.name != "__pycache__"]
        return {str(path.relative_to(folder)): path.read_bytes() for path in found}

    assert files(installation / "auditor" / "_data" / name) == files(ROOT / name)


def test_a_wheel_answers_on_the_command_line(installation: Path) -> None:
    assert "run" in elsewhere(installation, "-m", "auditor", "--help")


def test_a_wheel_renders_the_sample(installation: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "reports" / "sample" / "evidence", tmp_path / "evidence")
    judged = frozenset({0, 1, 3, 4})
    elsewhere(installation, "-m", "auditor", "render", "--quiet", str(tmp_path), expected=judged)
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF-")
    assert b"Northwind Ledger" in (tmp_path / "report.html").read_bytes()
    assert "The pack holds." in elsewhere(installation, "-m", "auditor", "verify", str(tmp_path))
