"""What is left out on request: said in the report, and judged by nobody."""

import json
from pathlib import Path

from auditor.simulator import Simulator
from tests.acceptance.conftest import auditor


def test_without_events_digests_are_verified_and_nothing_is_said_of_what_took_place(tmp_path: Path) -> None:
    with Simulator("demo") as aws:
        when = ("--period", "2026-10", "--as-of", "2026-11-02T06:00:00Z", "--regions", "us-east-1,eu-central-1")
        options = ("--framework", "trail-readiness", "--skip", "events,truth", "--format", "html", "--out", tmp_path)
        outcome = auditor("run", *when, *options, "--json", "--quiet", env=aws.environment())
    pack = Path(json.loads(outcome.stdout)["pack"])
    results = json.loads((pack / "results" / "results.json").read_bytes())
    controls = {item["id"]: item for item in results["controls"]}
    assert (len(results["integrity"]), results["events"]) == (1, [])
    assert controls["trail-chain-verified"]["state"] == "FAIL"
    (open_result,) = controls["root-unused-in-period"]["results"]
    assert open_result["state"] == "NOT_ASSESSED"
    assert "trail:NotableEvents" in open_result["reason"]
    page = (pack / "report.html").read_text()
    assert "left out on request" in page
    assert "looked for in log files: nothing here says whether these hold every event" in page
