"""The cases of the product's own controls: each is answered as it says, and each control has them."""

import pytest

from auditor.base.locate import controls_folder
from auditor.catalog.cases import Case, case_files, load_cases
from auditor.run.trying import try_case
from tests.evaluate.kit import catalog

CASES = load_cases(case_files([controls_folder()]), catalog())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.control}: {case.name}")
def test_a_case_is_answered_as_it_says(case: Case) -> None:
    assert not (tried := try_case(case, catalog())).wrong, tried.wrong
