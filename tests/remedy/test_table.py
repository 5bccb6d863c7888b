"""The page of tried remedies names every remedy, and none that there is not; the trips' own tests hold what it says."""

import re

from auditor.remedy.plans import PLANS
from tests.remedy.table import PAGE


def test_the_page_names_every_remedy_and_says_nothing_bad() -> None:
    text = PAGE.read_text()
    rows = re.findall(r"^\| `([a-z0-9-]+)` \|(.*)\|$", text, re.MULTILINE)
    not_tried = re.findall(r"^- `([a-z0-9-]+)`: proposed", text, re.MULTILINE)
    assert {name for name, _ in rows} | set(not_tried) == PLANS.keys()
    assert {name for name, _ in rows} & set(not_tried) == set()
    for name, cells in rows:
        _, lines, template, module, twice, undone, cost = (cell.strip() for cell in cells.split("|"))
        assert lines in {"yes", "a template instead"}, name
        assert template in {"yes", "no type", "lines"}, name
        assert module in {"yes", "lines"}, name
        assert (twice, undone in {"fails again", "by hand"}) == ("no change", True), name
        assert cost, name
