"""Old names of check functions stay known, so that old packs replay."""

from dataclasses import replace

import pytest

from auditor.catalog.renamed import CHECKS, check_name
from auditor.evaluate.checks import find_check
from auditor.model import State
from tests.evaluate.checks.worlds import RIGHT
from tests.evaluate.kit import catalog

CONTROL = "account-contact-details"


def test_a_control_that_names_a_check_as_it_was_called_once_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    control = catalog().controls[CONTROL]
    monkeypatch.setitem(CHECKS, "contacts.filled_in", control.check)
    assert find_check("contacts.filled_in") is find_check(control.check)
    old = replace(control, check="contacts.filled_in")
    result = RIGHT[CONTROL].judge_control(old)
    assert result.state is State.MANUAL
    assert result.results == RIGHT[CONTROL].judge(CONTROL).results


def test_a_name_that_nothing_ever_had_is_no_check() -> None:
    assert find_check("contacts.filled_in") is None


def test_old_names_lead_to_checks_that_exist_and_the_catalogue_uses_none_of_them() -> None:
    assert [name for name in CHECKS.values() if find_check(name) is None or check_name(name) != name] == []
    assert not CHECKS.keys() & {control.check for control in catalog().controls.values()}
