"""Python checks of other packages, found through their entry points: the example of the docs, installed and judged."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.evaluate.checks import _find, find_check
from auditor.model import State
from tests.evaluate.kit import HOME, World, catalog, reasons, states

DOCS = Path(__file__).resolve().parents[2] / "docs" / "add-a-control.md"
NAME = "house.tagged_in_time"
CONTROL = """
- id: own-vpc-owners
  title: VPCs name their owner
  severity: low
  service: ec2
  objective: Owners can be asked.
  criterion: Each VPC carries a tag Owner.
  evidence: ["ec2:DescribeVpcs"]
  population: Vpcs[]
  identify: VpcId
  check: house.tagged_in_time
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Install the package of the docs: its module, and the metadata that an installer writes."""
    text = DOCS.read_text(encoding="utf-8")
    (entry,) = re.findall(r'^"([a-z_.]+)" = "([a-z_:]+)"$', text, re.MULTILINE)
    (module,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    site = tmp_path / "site"
    metadata = site / "house_rules-1.0.dist-info"
    metadata.mkdir(parents=True)
    (site / "house_rules.py").write_text(module)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: house-rules\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[auditor.checks]\n{entry[0]} = {entry[1]}\n")
    monkeypatch.syspath_prepend(str(site))
    _find.cache_clear()
    yield site
    _find.cache_clear()
    sys.modules.pop("house_rules", None)


def test_without_the_package_there_is_no_such_check() -> None:
    assert find_check(NAME) is None


@pytest.mark.usefixtures("installed")
def test_a_check_of_another_package_judges_like_one_of_ours() -> None:
    vpcs = [
        {"VpcId": "vpc-1", "Tags": [{"Key": "Owner", "Value": "ledger"}]},
        {"VpcId": "vpc-2", "Tags": []},
        {"VpcId": "vpc-3"},
    ]
    world = World().says("ec2:DescribeVpcs", {"Vpcs": []}).says("ec2:DescribeVpcs", {"Vpcs": vpcs}, region=HOME)
    result = world.judge_control(replace(catalog().controls["vpc-flow-logs"], check=NAME, parameters={}))
    assert states(result) == {"vpc-1": State.PASS, "vpc-2": State.FAIL, "vpc-3": State.NOT_ASSESSED}
    assert "belongs to ledger" in reasons(result)
    assert "Tags" in reasons(result)


@pytest.mark.parametrize(("with_package", "code"), [(True, 0), (False, 2)], ids=["installed", "missing"])
def test_own_controls_may_name_it_once_the_package_is_there(
    installed: Path, tmp_path: Path, with_package: bool, code: int
) -> None:
    folder = tmp_path / "my-controls"
    folder.mkdir()
    (folder / "owners.yaml").write_text(CONTROL)
    path = f"import sys; sys.path.insert(0, {str(installed)!r}); " if with_package else ""
    script = f"{path}from auditor.cli import main; main(['controls', 'validate', {str(folder)!r}])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    if code:
        assert f"owners.yaml:{CONTROL.splitlines().index('  check: house.tagged_in_time') + 1}" in done.stderr
        assert f"there is no check named {NAME}" in done.stderr
