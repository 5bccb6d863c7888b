"""Which exit code results deserve: integrity before failures before gaps."""

from typing import Any

import pytest

from auditor.model import Severity
from auditor.pack.comparison import lasting_id
from auditor.pack.outcome import stated_code
from tests.pack.judgements import control, judgement, result

FAIL, GAP, MANUAL, PASS = (result(state) for state in ("FAIL", "NOT_ASSESSED", "MANUAL", "PASS"))
KNOWN = lasting_id("sg-closed", FAIL["account"], FAIL["region"], FAIL["resource"], FAIL["frameworks"])
ATTESTED = result("MANUAL", details={"attestation": {"person": "Head of IT"}})
ALLOWED = ("not-assessed:sg-closed",)


def code(*results: dict[str, Any], verdicts: tuple[str, ...] = (), severity: str = "high", **given: Any) -> int:
    """Answer for one control with these results, and for trails with these verdicts."""
    worst = next(
        state for state in ("FAIL", "NOT_ASSESSED", "MANUAL", "PASS") if state in [one["state"] for one in results]
    )
    told = [{"details": {}, **one} for one in results]
    document = judgement(control("sg-closed", *told, state=worst, severity=severity))
    return stated_code({**document, "integrity": [{"verdict": verdict} for verdict in verdicts]}, **given)


@pytest.mark.parametrize(
    ("results", "given", "expected"),
    [
        pytest.param([PASS], {}, 0, id="met"),
        pytest.param([PASS, FAIL], {}, 1, id="one-failure-among-many"),
        pytest.param([FAIL, GAP], {}, 1, id="a-failure-goes-before-a-gap"),
        pytest.param([PASS, GAP], {}, 3, id="one-gap-among-many"),
        pytest.param([MANUAL], {}, 3, id="left-to-a-person"),
        pytest.param([ATTESTED], {}, 0, id="attested"),
        pytest.param([GAP], {"allow": ALLOWED}, 0, id="an-accepted-gap"),
        pytest.param([GAP], {"allow": ["not-assessed:another"]}, 3, id="another-gap-accepted"),
        pytest.param([FAIL], {"allow": ALLOWED}, 1, id="accepted-gaps-accept-no-failure"),
        pytest.param([FAIL], {"verdicts": ("pass", "fail")}, 4, id="integrity-goes-before-failures"),
        pytest.param([PASS], {"verdicts": ("fail",), "allow": ["not-assessed:trail"]}, 4, id="altered-logs-are-no-gap"),
        pytest.param([PASS], {"verdicts": ("pass", "incomplete")}, 3, id="hours-not-verified"),
        pytest.param([PASS], {"verdicts": ("incomplete",), "allow": ["not-assessed:trail"]}, 0, id="accepted-hours"),
        pytest.param([FAIL], {"verdicts": ("incomplete",)}, 1, id="a-failure-goes-before-hours-not-verified"),
        pytest.param([PASS], {"verdicts": ("pass", "note")}, 0, id="a-note-is-no-gap"),
        pytest.param([FAIL], {"severity": "medium", "fail_on": Severity.MEDIUM}, 1, id="as-grave-as-counts"),
        pytest.param([FAIL], {"severity": "low", "fail_on": Severity.MEDIUM}, 0, id="less-grave-than-counts"),
        pytest.param(
            [FAIL, GAP], {"severity": "low", "fail_on": Severity.MEDIUM}, 3, id="a-gap-beside-what-does-not-count"
        ),
        pytest.param([FAIL], {"known": [KNOWN]}, 0, id="known"),
        pytest.param([FAIL, GAP], {"known": [KNOWN]}, 3, id="a-gap-beside-what-is-known"),
        pytest.param([FAIL, result("FAIL", "r-2")], {"known": [KNOWN]}, 1, id="one-more-than-is-known"),
    ],
)
def test_results_deserve_a_code(results: list[dict[str, Any]], given: dict[str, Any], expected: int) -> None:
    assert code(*results, **given) == expected


def test_a_control_that_fails_without_results_is_never_known() -> None:
    document = {**judgement(control("sg-closed", state="FAIL")), "integrity": []}
    assert stated_code(document, known=[KNOWN]) == 1
