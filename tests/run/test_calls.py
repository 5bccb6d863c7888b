"""``calls.json`` lists every request that was sent, whoever sent it: the simulator counts with us."""

import json
from collections import Counter
from pathlib import Path

import pytest

from auditor.base.period import parse_time
from auditor.config import Config
from auditor.run import Request, collect_evidence, open_catalog
from auditor.simulator import Simulator


@pytest.mark.simulator
def test_our_own_calls_are_those_that_the_account_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Simulator("demo") as aws:
        moment = parse_time(aws.about["as_of"])
        config = Config.model_validate(
            {"frameworks": ["trail-readiness"], "regions": ["eu-central-1"], "period": "2026-10-14/2026-10-15"}
        )
        for name, value in aws.environment().items():
            monkeypatch.setenv(name, value)
        aws.clear()
        request = Request(config, moment, now=lambda: moment, salt=b"a salt for tests")
        collect_evidence(request, open_catalog(), tmp_path / "evidence", lambda *_: None)
        counted = {name: number for name, number in aws.calls().items() if number}
    ours: Counter[str] = Counter()
    for call in json.loads((tmp_path / "evidence" / "calls.json").read_bytes()):
        ours[f"{call['service']}:{call['operation']}"] += call["requests"]
    assert dict(ours) == counted
    assert {"s3:GetObject", "s3:ListObjectsV2", "cloudtrail:ListPublicKeys", "sts:GetCallerIdentity"} <= counted.keys()
    scope = json.loads((tmp_path / "evidence" / "scope.json").read_bytes())
    assert scope["endpoints"] == ["http://127.0.0.1"]
