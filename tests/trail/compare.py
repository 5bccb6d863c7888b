"""Asks the AWS CLI for its verdict on a scenario: the same bucket behind loopback HTTP, the real command before it.

python -m tests.trail.scenarios --aws PATH/TO/aws
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from auditor.simulator.delivery import utc_text

from .bucket import book
from .faulty_store import Fault, Handler, Store, refusing, serving
from .scenarios import TABLE, Case, Scenario

_STATUS: Mapping[str, int] = {"AccessDenied": 403, "InvalidObjectState": 403, "SlowDown": 503}


class CloudTrailHandler(Handler):
    """The store, with the two CloudTrail answers the AWS CLI asks for."""

    case: Case

    def do_POST(self) -> None:  # noqa: N802 - the name http.server looks for
        """Answer ListPublicKeys, DescribeTrails and DescribeOrganization."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        target = str(self.headers.get("X-Amz-Target"))
        scope = self.case.scope
        document: dict[str, Any] = {}
        if target.endswith("ListPublicKeys"):
            keys = (self.case.keys or book()).keys
            document["PublicKeyList"] = [
                {
                    "Value": base64.b64encode(key.value).decode("ascii"),
                    "Fingerprint": key.stated_fingerprint,
                    "ValidityStartTime": key.valid_from.timestamp(),
                    "ValidityEndTime": key.valid_until.timestamp(),
                }
                for key in keys
                if key.region == scope.home_region
            ]
        elif target.endswith("DescribeTrails"):
            document["trailList"] = [
                {
                    "Name": scope.trail,
                    "TrailARN": scope.arn,
                    "HomeRegion": scope.home_region,
                    "S3BucketName": scope.location.bucket,
                    "S3KeyPrefix": scope.location.prefix,
                    "IsOrganizationTrail": scope.location.organization is not None,
                }
            ]
        else:
            document["Organization"] = {"Id": scope.location.organization}
        self.answer(200, json.dumps(document).encode(), {"content-type": "application/x-amz-json-1.1"})


def ask_cli(row: Scenario, aws: Path) -> str:
    """Run ``aws cloudtrail validate-logs`` on a scenario; return its exit code and what that code says."""
    case = row.change()
    faults: dict[str, Fault] = {
        key: refusing(_STATUS.get(error.code, 500), error.code)
        for key, error in case.bucket.refused.items()
        if not key.endswith("/")
    }
    if any(key.endswith("/") for key in case.bucket.refused):
        faults["list"] = refusing(403, "AccessDenied")
    handler = type("CaseHandler", (CloudTrailHandler,), {"case": case})
    scope = case.scope
    command = [str(aws), "cloudtrail", "validate-logs", "--trail-arn", scope.arn, "--region", scope.home_region]
    command += ["--start-time", utc_text(scope.start), "--end-time", utc_text(scope.end)]
    command += ["--account-id", scope.account] if scope.location.organization else []
    with serving(Store(case.bucket, faults), handler) as endpoint, tempfile.TemporaryDirectory() as home:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": home,
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
        }
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    return f"{done.returncode} {({0: 'valid', 1: 'INVALID', 255: 'aborted'}).get(done.returncode, '?')}"


def table(aws: Path | None) -> tuple[list[str], int]:
    """Return the lines of the table and how many rows are not as expected."""
    answers: Mapping[str, str] = {}
    if aws is not None:
        with ThreadPoolExecutor(2) as pool:
            answers = dict(
                zip((row.name for row in TABLE), pool.map(lambda row: ask_cli(row, aws), TABLE), strict=True)
            )
    lines, wrong = [], 0
    for row in TABLE:
        report = row.change().verify()
        kinds = {finding.kind for finding in report.findings}
        good = report.verdict is row.verdict and (row.kind in kinds if row.kind else not kinds)
        wrong += not good
        beside = f" {answers[row.name]:12}" if aws is not None else ""
        lines.append(f"{row.name:56} {row.kind or '-':27} {report.verdict.word:11}{beside}{'' if good else ' WRONG'}")
    return lines, wrong


def print_table(arguments: list[str]) -> int:
    """Print the table; the exit code is 1 when a row is not as expected."""
    aws = Path(arguments[arguments.index("--aws") + 1]) if "--aws" in arguments else None
    lines, wrong = table(aws)
    head = f"{'scenario':56} {'finding':27} {'verdict':11}{' aws exit code' if aws else ''}"
    sys.stdout.write("\n".join([head, *lines, f"{len(lines)} scenarios, {wrong} not as expected", ""]))
    return 1 if wrong else 0
