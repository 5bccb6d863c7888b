"""The HTML report in a real browser: accessible, quiet, usable by keyboard, complete without scripts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.render import browser
from tests.render.browser import violations, visible_controls

pytestmark = pytest.mark.browser

Open = Callable[..., Chrome]


@pytest.fixture
def show(chrome: Chrome, screen: str, tmp_path: Path) -> Open:
    path = tmp_path / "report.html"
    path.write_text(screen, "utf-8")
    return lambda **how: browser.show(chrome, path, **how)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(show: Open, theme: str) -> None:
    assert violations(show(theme=theme)) == []


def test_axe_finds_nothing_in_high_contrast_on_a_telephone(show: Open) -> None:
    page = show(width=390)
    page.execute_script("document.documentElement.dataset.look = 'contrast'")
    assert violations(page) == []


def test_the_console_stays_empty_and_nothing_is_requested(show: Open) -> None:
    page = show()
    asked = page.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert [name for name in asked if not name.startswith("data:")] == []
    assert page.get_log("browser") == []  # type: ignore[no-untyped-call]  # selenium leaves it so


@pytest.mark.parametrize("width", [1400, 768, 390])
def test_the_page_never_scrolls_sideways(show: Open, width: int) -> None:
    page = show(width=width)
    assert page.execute_script("return document.documentElement.scrollWidth") <= width


def test_without_scripts_everything_is_there_and_no_idle_tool(show: Open, sample: Any) -> None:
    page = show(scripts=False)
    assert visible_controls(page) == len(sample.results["controls"])
    assert not page.find_element(By.ID, "filters").is_displayed()


def test_filters_by_state(show: Open, sample: Any) -> None:
    page = show()
    page.find_element(By.CSS_SELECTOR, "input[value=WAIVED]").send_keys(Keys.SPACE)
    waived = [item for item in sample.results["controls"] if any(row["state"] == "WAIVED" for row in item["results"])]
    assert visible_controls(page) == len(waived)
    assert page.find_element(By.ID, "found").text.startswith(f"{len(waived)} controls")


def test_searches_the_full_text(show: Open) -> None:
    page = show()
    page.find_element(By.NAME, "text").send_keys("signin failures")
    assert visible_controls(page) == 1
    page.find_element(By.CSS_SELECTOR, "form.filters button[type=reset]").click()
    page.execute_async_script("setTimeout(arguments[0], 20)")
    assert visible_controls(page) > 1


def test_a_deep_link_shows_its_control_though_it_was_filtered_out(show: Open) -> None:
    page = show()
    page.find_element(By.NAME, "text").send_keys("signin failures")
    page.execute_script("location.hash = 'control-iam-root-mfa'")
    page.execute_async_script("setTimeout(arguments[0], 50)")
    assert page.find_element(By.ID, "control-iam-root-mfa").is_displayed()


def test_a_long_page_jumps_to_a_deep_link_and_does_not_glide(show: Open) -> None:
    page = show()
    last = page.find_elements(By.CSS_SELECTOR, "[id^=ev-]")[-1]
    page.execute_script("location.hash = arguments[0].id", last)
    page.execute_async_script("setTimeout(arguments[0], 50)")
    top = page.execute_script("return arguments[0].getBoundingClientRect().top", last)
    assert 0 <= top < page.execute_script("return innerHeight")


def test_tables_sort_by_number(show: Open) -> None:
    page = show()
    head = page.find_element(By.CSS_SELECTOR, "table.calls thead th:nth-child(2) button")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", head)
    head.send_keys(Keys.ENTER)
    cells = page.find_elements(By.CSS_SELECTOR, "table.calls tbody td:nth-child(2)")
    numbers = [int(cell.text) for cell in cells]
    assert numbers == sorted(numbers)
    assert page.find_element(By.CSS_SELECTOR, "table.calls th[aria-sort=ascending]").is_displayed()


def test_evidence_unfolds_by_keyboard(show: Open) -> None:
    page = show()
    summary = page.find_element(By.CSS_SELECTOR, "#control-iam-root-mfa summary")
    summary.send_keys(Keys.ENTER)
    assert page.find_element(By.CSS_SELECTOR, "#control-iam-root-mfa .evidence").is_displayed()


def test_the_first_tab_stop_skips_to_the_report(show: Open) -> None:
    page = show()
    page.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    focused = page.switch_to.active_element
    assert focused.get_attribute("class") == "skip"
    focused.send_keys(Keys.ENTER)
    assert page.switch_to.active_element.get_attribute("id") == "report"
