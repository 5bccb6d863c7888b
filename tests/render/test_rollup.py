"""The roll-up of a large organization: its pages in a real browser, and its length on paper."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from selenium.webdriver import Chrome

from auditor.org.rollup import roll_up
from auditor.render import organization
from auditor.render.about import Branding
from tests.org.madeup import CONTROLS, material
from tests.render import browser

STATED = organization.Stated("0" * 64, "report", Branding(), "auditor")
PHONE, DESK = 390, 1400


@pytest.fixture(scope="module")
def document() -> Mapping[str, Any]:
    return roll_up(material(1_000))


@pytest.fixture(scope="module")
def place(document: Mapping[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rollup") / "report.html"
    path.write_bytes(organization.screen(document, STATED))
    assert path.stat().st_size < 2_500_000
    return path


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_a_page_of_a_thousand_accounts_is_as_wide_as_its_reader(chrome: Chrome, place: Path, width: int) -> None:
    page = browser.show(chrome, place, width=width)
    assert page.execute_script("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_the_head_of_the_matrix_stays_above_its_columns(chrome: Chrome, place: Path, width: int) -> None:
    page = browser.show(chrome, place, width=width)
    script = """
        const grid = document.getElementById("grid");
        [grid.scrollLeft, grid.scrollTop] = [700, 9000];
        const done = arguments[0];
        requestAnimationFrame(() => requestAnimationFrame(() => {
          const box = (node) => node.getBoundingClientRect();
          const [head, row] = [grid.querySelector(".head"), grid.querySelector(".row")];
          const cells = [...row.children].map((cell) => box(cell).left);
          const numbers = [...head.children].map((cell) => box(cell).left);
          done({apart: Math.max(...cells.map((left, at) => Math.abs(left - numbers[at]))), cells: cells.length,
            ends: [box(head).right, box(row.lastChild).right], lines: grid.querySelectorAll(".row").length,
            names: [box(head.firstChild).left, box(row.firstChild).left, box(grid).left]});
        }));
    """
    found = page.execute_async_script(script)
    assert (found["cells"], found["apart"]) == (CONTROLS + 1, 0)
    assert found["ends"][0] >= found["ends"][1], "its ground covers what passes below it"
    assert max(found["names"]) - min(found["names"]) < 2, "accounts stay in sight"
    assert found["lines"] < 80, "only the lines in sight are drawn"


def test_filters_leave_what_they_name(chrome: Chrome, place: Path, document: Mapping[str, Any]) -> None:
    page = browser.show(chrome, place)
    script = """
        const form = document.getElementById("picks");
        Object.entries(arguments[0]).forEach(([name, value]) => { form.elements[name].value = value; });
        form.dispatchEvent(new Event("input", {bubbles: true}));
        return document.getElementById("shown").textContent;
    """
    names = [row["name"] for row in document["accounts"] if row["result"]]
    some = sum("payments-production" in name for name in names)
    told = page.execute_script(script, {"text": "payments-production"})
    assert told.startswith(f"{some} of {len(names)} accounts")
    high = sum(item["severity"] == "high" and "F" in item["cells"] for item in document["controls"])
    told = page.execute_script(script, {"text": "", "state": "F", "severity": "high"})
    assert told.endswith(f"{high} of {CONTROLS} criteria")


def test_the_matrix_keeps_nobody_out(chrome: Chrome, place: Path) -> None:
    assert browser.violations(browser.show(chrome, place), "#part-matrix") == []


def test_five_hundred_accounts_are_fewer_than_forty_pages() -> None:
    document = json.loads(json.dumps(roll_up(material(500))))
    with pikepdf.open(io.BytesIO(organization.paper(document, STATED))) as paper:
        assert 20 < len(paper.pages) < 40


def test_the_sum_over_all_accounts_is_that_of_the_matrix(document: Mapping[str, Any]) -> None:
    values = organization.values_of(document, STATED, "html")
    cells = "".join(item["cells"] for item in document["controls"])
    letters = {state: letter for letter, state in document["letters"].items()}
    assert {item.mark.state.value: item.count for item in values["tally"]} == {
        state: cells.count(letter) for state, letter in letters.items()
    }
    assert values["judged"] == len(cells.replace(" ", ""))
    assert sum(count for _, count in values["gravest"]) == len(values["lines"])
    heads = values["numbers"].split()
    assert heads == [str(number) for number in range(1, CONTROLS + 1, 10)]
