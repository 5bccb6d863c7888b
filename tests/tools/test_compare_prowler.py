"""The comparison with Prowler, as far as it needs no Prowler."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from auditor.run import open_catalog
from tools.compare_prowler import (
    PAGE,
    RESOLVER,
    CannotCompareError,
    Floor,
    Row,
    Run,
    compared,
    findings,
    floors,
    prepared,
    unexplained,
)

HEAD = "PROVIDER;REQUIREMENTS_ID;STATUS;CHECKID\n"
FIVE = {
    "1.4": "MANUAL;manual",
    "1.7": "PASS;iam_password_policy_minimum_length_14",
    "3.9": "FAIL;cloudtrail_s3_dataevents_read_enabled",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Compliance files as Prowler writes them, cut down to the columns that count."""
    lines = "".join(f"aws;{number};{said}\n" for number, said in FIVE.items())
    (tmp_path / "prowler-output-1_cis_5.0_aws.csv").write_text(f"{HEAD}{lines}aws;3.9;PASS;another_check\n")
    (tmp_path / "prowler-output-1_cis_7.0_aws.csv").write_text(HEAD)
    return tmp_path


def rows(folder: Path) -> dict[str, Row]:
    catalog = open_catalog()
    ours = {**dict.fromkeys(catalog.controls, "PASS"), "iam-user-console-mfa": "NOT_APPLICABLE"}
    found = compared(catalog, ours, findings(sorted(folder.glob("*.csv"))))
    return {row.control: row for row in found}


def test_requirements_are_matched_by_number_and_the_worst_state_counts(folder: Path) -> None:
    found = rows(folder)
    assert (found["iam-root-mfa"].theirs, found["iam-root-mfa"].checks) == ("MANUAL", ())
    reading = found["s3-object-read-logging"]
    assert (reading.theirs, reading.checks) == ("FAIL", ("another_check", "cloudtrail_s3_dataevents_read_enabled"))
    assert not reading.agrees
    assert found["iam-password-min-length"].agrees


def test_nothing_to_judge_and_no_finding_are_the_same_thing(folder: Path) -> None:
    found = rows(folder)
    assert found["iam-user-console-mfa"].agrees
    assert not found["iam-root-no-access-keys"].agrees


def test_a_difference_that_the_page_does_not_explain_is_named_and_so_is_one_that_is_gone() -> None:
    found = [
        Row("new-one", "FAIL", "PASS", ()),
        Row("known-one", "PASS", "NO FINDING", ()),
        Row("same", "PASS", "PASS", ()),
    ]
    page = (
        "| `known-one` | PASS | NO FINDING | for a reason that is told |\n"
        "| `gone` | FAIL | PASS | for another reason |\n"
    )
    assert unexplained(found, page) == [
        "gone: agrees here, FAIL/PASS on the page",
        "new-one: FAIL/PASS here, nothing on the page",
    ]


def test_the_page_explains_controls_that_exist_each_once() -> None:
    listed = [line.split("`")[1] for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert listed == sorted(set(listed))
    assert set(listed) <= set(open_catalog().controls)
    assert len(unexplained((), PAGE.read_text())) == len(listed)


def test_a_floor_is_reached_when_the_ratio_is() -> None:
    found = list(floors("gate", Floor(10, 8, 5), Run(2, 1.0, 0, 100), Run(20, 7.9, 0, 501)))
    assert found == [
        "| gate: time | 1/10 | 1/10.0 | reached |",
        "| gate: CPU | 1/8 | 1/7.9 | not reached |",
        "| gate: requests | 1/5 | 1/5.0 | reached |",
    ]


def test_host_names_with_an_account_in_front_lead_to_loopback(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(RESOLVER)
    script = "import socket; print(socket.getaddrinfo('111122223333.127.0.0.1', 80)[0][4][0])"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "127.0.0.1"


def test_another_version_is_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / "bin" / "prowler"
    command.parent.mkdir()
    command.write_text("#!/bin/sh\necho Prowler 1.2.3\n")
    command.chmod(0o755)
    monkeypatch.setenv("PROWLER_HOME", str(tmp_path))
    with pytest.raises(CannotCompareError, match=r"Prowler 1\.2\.3"):
        prepared()
