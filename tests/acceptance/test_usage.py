"""Wrong usage, missing credentials and full disks: one clear message, the right exit code, nothing half-written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.conftest import auditor

NOWHERE = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


def one_message(stderr: str) -> str:
    """Return the message, which must be one, with at most one hint and no traceback."""
    assert "Traceback" not in stderr
    lines = [line for line in stderr.splitlines() if line]
    assert 1 <= len(lines) <= 4, stderr
    return stderr


def test_without_credentials_the_run_breaks_and_leaves_nothing(tmp_path: Path) -> None:
    outcome = auditor("run", "--framework", "cis-aws-5.0.0", "--out", tmp_path / "out", "--quiet", env=NOWHERE)
    assert outcome.code == 5
    assert "credentials" in one_message(outcome.stderr)
    assert list((tmp_path / "out").iterdir()) == []


def test_an_unknown_framework_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    outcome = auditor("run", "--framework", "cis-aws-9.9", "--out", tmp_path / "out", env=NOWHERE)
    assert outcome.code == 2
    message = one_message(outcome.stderr)
    assert "cis-aws-9.9" in message
    assert "cis-aws-5.0.0" in message
    assert not (tmp_path / "out").exists()


def test_a_typing_error_in_the_settings_is_told_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "auditor.yaml").write_text("entity: Example\nframeworxs: [cis-aws-5.0.0]\n")
    outcome = auditor("run", cwd=tmp_path, env=NOWHERE)
    assert outcome.code == 2
    assert "auditor.yaml:2" in one_message(outcome.stderr)
    assert "frameworxs" in outcome.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("run", "--period", "yesterday"), id="period"),
        pytest.param(("run", "--as-of", "noon"), id="as-of"),
        pytest.param(("run", "--account", "111122223333"), id="account-without-role"),
        pytest.param(("run", "--skip", "everything"), id="skip"),
        pytest.param(("run", "--no-such-option"), id="option"),
        pytest.param(("evaluate", "nowhere"), id="no-evidence"),
        pytest.param(("verify", "nowhere"), id="no-pack"),
        pytest.param(("run", "--allow", "everything"), id="allow"),
        pytest.param(("run", "--waivers", "nowhere.yaml", "--framework", "cis-aws-5.0.0"), id="waivers"),
        pytest.param(("run", "--format", "docx", "--framework", "cis-aws-5.0.0"), id="format"),
    ],
)
def test_wrong_usage_answers_two_and_writes_nothing(arguments: tuple[str, ...], tmp_path: Path) -> None:
    outcome = auditor(*arguments, cwd=tmp_path, env=NOWHERE)
    assert outcome.code == 2, outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_output_place_that_is_a_file_is_a_mistake_of_usage(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("in the way")
    outcome = auditor("run", "--framework", "cis-aws-5.0.0", "--out", tmp_path / "out", env=NOWHERE)
    assert outcome.code == 2
    assert "out" in one_message(outcome.stderr)
    assert (tmp_path / "out").read_text() == "in the way"


def test_an_unwritable_output_folder_is_a_mistake_of_usage(tmp_path: Path) -> None:
    """Below /proc nobody can write, not even root."""
    del tmp_path
    outcome = auditor("run", "--framework", "cis-aws-5.0.0", "--out", "/proc/auditor", "--quiet", env=NOWHERE)
    assert outcome.code == 2
    assert "/proc/auditor" in one_message(outcome.stderr)


def test_json_errors_are_one_document(tmp_path: Path) -> None:
    outcome = auditor("run", "--framework", "x", "--json", cwd=tmp_path, env=NOWHERE)
    assert json.loads(outcome.stdout)["exit_code"] == outcome.code == 2


def test_help_is_quick_because_heavy_modules_wait() -> None:
    """Counts modules, not seconds: what is not imported takes no time."""
    script = (
        "import sys\nfrom auditor.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = ('boto3', 'botocore', 'weasyprint', 'obstore', 'moto', 'cryptography', 'rich')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
