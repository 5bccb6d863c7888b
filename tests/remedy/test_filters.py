"""The proposed filters meet their controls by meaning, and the printed ones stay as they are printed."""

import pytest

from auditor.monitoring.patterns.judge import judge_patterns
from auditor.monitoring.patterns.requirement import requirement_from
from auditor.remedy.plans.filters import LONGEST, patterns
from auditor.remedy.plans.monitors import MONITORS
from tests.remedy.kit import catalog


def test_every_monitoring_control_has_a_remedy() -> None:
    asked = {name for name, item in catalog().controls.items() if item.check == "monitoring.detection_chain"}
    assert asked <= set(MONITORS)


@pytest.mark.parametrize("control", MONITORS)
def test_no_filter_is_longer_than_it_may_be(control: str) -> None:
    found = patterns(control, catalog().controls[control].parameters)
    assert found
    assert max(map(len, found)) <= LONGEST


@pytest.mark.parametrize("control", MONITORS)
def test_the_filters_catch_what_the_control_asks_for(control: str) -> None:
    parameters = catalog().controls[control].parameters
    assert judge_patterns(requirement_from(control, parameters), patterns(control, parameters)).covers is True


def test_the_text_that_security_hub_compares_stays_and_a_second_filter_adds_what_it_misses() -> None:
    printed, more = patterns(
        "monitor-security-group-changes", catalog().controls["monitor-security-group-changes"].parameters
    )
    assert printed == (
        "{ ($.eventName = AuthorizeSecurityGroupIngress) || ($.eventName = AuthorizeSecurityGroupEgress) || "
        "($.eventName = RevokeSecurityGroupIngress) || ($.eventName = RevokeSecurityGroupEgress) || "
        "($.eventName = CreateSecurityGroup) || ($.eventName = DeleteSecurityGroup) }"
    )
    assert more == "{ $.eventName = ModifySecurityGroupRules }"
