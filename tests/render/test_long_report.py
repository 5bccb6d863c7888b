"""A report of a hundred thousand results in a real browser: it opens, filters, searches, sorts and turns pages."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from auditor.render import html
from auditor.render.context import Context
from tests.render import browser
from tests.render.browser import violations, visible_controls

ROWS = 100_000
PAGE = 25


def grown(report: Context, rows: int) -> Context:
    """Repeat the results of a report until there are so many, each of a resource of its own."""
    times = -(-rows // sum(len(control.rows) for control in report.controls))
    controls = {
        control.id: replace(
            control,
            rows=tuple(replace(row, resource=f"{row.resource}/{n}") for n in range(times) for row in control.rows),
        )
        for control in report.controls
    }
    services = tuple((service, tuple(controls[item.id] for item in members)) for service, members in report.services)
    return replace(report, controls=tuple(controls.values()), services=services)


@pytest.fixture(scope="module")
def large(report: Context) -> Context:
    return grown(report, ROWS)


@pytest.fixture(scope="module")
def path(large: Context, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("large") / "report.html"
    made.write_bytes(html.render(large))
    return made


@pytest.fixture
def page(chrome: Chrome, path: Path) -> Chrome:
    with within(60):
        browser.show(chrome, path)
        assert chrome.find_element(By.ID, "found").text
    return chrome


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Bound a step, generously: machines that run tests are busy."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


def wait_for(page: Chrome, text: str) -> None:
    script = """
    const [text, done] = arguments, until = performance.now() + 20000;
    const look = () => document.getElementById("found").textContent.includes(text) || performance.now() > until
      ? done() : setTimeout(look, 20);
    look();
    """
    page.execute_async_script(script, text)
    assert text in page.find_element(By.ID, "found").text


def first_long(page: Chrome) -> str:
    return str(page.execute_script("return document.querySelector('.pager').closest('article').id"))


def shown(page: Chrome, control: str) -> list[str]:
    cells = f"#{control} table.results tbody td.mono .name"
    script = "return Array.from(document.querySelectorAll(arguments[0]), (name) => name.textContent)"
    return list(page.execute_script(script, cells))


@pytest.mark.browser
def test_it_opens_with_few_rows_and_every_control(page: Chrome, large: Context) -> None:
    assert visible_controls(page) == len(large.controls)
    rows = page.execute_script("return document.querySelectorAll('table.results tbody tr').length")
    assert 0 < rows <= PAGE * len(large.controls)
    assert page.get_log("browser") == []  # type: ignore[no-untyped-call]  # selenium leaves it so


@pytest.mark.browser
def test_every_result_is_counted_by_the_filters(page: Chrome, large: Context) -> None:
    for state in ("FAIL", "PASS"):
        with within(20):
            page.find_element(By.CSS_SELECTOR, f"input[value={state}]").send_keys(Keys.SPACE)
            count = sum(row.mark.state.value == state for control in large.controls for row in control.rows)
            wait_for(page, f"{count:,} results match")
        page.find_element(By.CSS_SELECTOR, f"input[value={state}]").send_keys(Keys.SPACE)


@pytest.mark.browser
def test_search_finds_one_resource_among_all(page: Chrome, large: Context) -> None:
    wanted = large.controls[0].rows[-1].resource
    with within(20):
        page.find_element(By.NAME, "text").send_keys(wanted)
        hits = sum(wanted in row.resource for control in large.controls for row in control.rows)
        wait_for(page, f"{hits:,} result")
    assert wanted in shown(page, large.controls[0].anchor)


@pytest.mark.browser
def test_pages_turn_by_keyboard_and_keep_the_focus(page: Chrome, large: Context) -> None:
    control = first_long(page)
    before = shown(page, control)
    assert len(before) == PAGE
    turn = page.find_element(By.CSS_SELECTOR, f"#{control} .pager button:last-of-type")
    with within(10):
        turn.send_keys(Keys.ENTER)
        after = shown(page, control)
    assert not set(before) & set(after)
    page.execute_async_script("setTimeout(arguments[0], 200)")
    assert page.find_elements(By.CSS_SELECTOR, f"#{control} table.results tbody button.copy")
    assert page.switch_to.active_element == turn
    status = page.find_element(By.CSS_SELECTOR, f"#{control} .pager [role=status]").text
    total = next(len(item.rows) for item in large.controls if item.anchor == control)
    assert status.startswith(f"Results {PAGE + 1} to {2 * PAGE} of {total:,}.")


@pytest.mark.browser
def test_the_last_page_is_reached_by_its_number(page: Chrome, large: Context) -> None:
    control = first_long(page)
    rows = next(item.rows for item in large.controls if item.anchor == control)
    number = page.find_element(By.CSS_SELECTOR, f"#{control} .pager input")
    number.send_keys(Keys.CONTROL, "a")
    number.send_keys("99999", Keys.TAB)
    assert shown(page, control)[-1] == rows[-1].resource


@pytest.mark.browser
def test_sorting_covers_every_page(page: Chrome, large: Context) -> None:
    control = first_long(page)
    rows = next(item.rows for item in large.controls if item.anchor == control)
    head = page.find_element(By.CSS_SELECTOR, f"#{control} table.results thead th:nth-child(2) button")
    with within(20):
        head.send_keys(Keys.ENTER)
        up = shown(page, control)
        head.send_keys(Keys.ENTER)
        down = shown(page, control)
    by_number = sorted(
        {row.resource for row in rows},
        key=lambda name: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)],
    )
    assert up[0] == by_number[0]
    assert down[0] == by_number[-1]


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(chrome: Chrome, path: Path, theme: str) -> None:
    assert violations(browser.show(chrome, path, theme=theme), "#part-controls") == []


@pytest.mark.browser
def test_paper_says_what_it_leaves_out_and_where_the_rest_is(page: Chrome) -> None:
    page.find_element(By.CSS_SELECTOR, "input[value=FAIL]").send_keys(Keys.SPACE)
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        said = page.find_element(By.ID, "left-out").text
        assert said.startswith("Filtered for this copy")
        assert "results/results.json" in said
        assert "Paper shows this page only" in page.find_element(By.CSS_SELECTOR, "article:not([hidden]) .shown").text
        assert not any(item.is_displayed() for item in page.find_elements(By.CSS_SELECTOR, ".pager button"))
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


@pytest.mark.browser
def test_without_scripts_it_summarises_and_says_where_the_rest_is(chrome: Chrome, path: Path, large: Context) -> None:
    page = browser.show(chrome, path, scripts=False)
    assert visible_controls(page) == len(large.controls)
    assert "results/results.json" in page.find_element(By.CSS_SELECTOR, "table.folded").text


def test_the_data_holds_every_result_of_the_long_tables(large: Context, path: Path) -> None:
    text = path.read_text("utf-8")
    data = json.loads(re.findall(r'<script type="application/json" id="rows">(.*?)</script>', text, re.DOTALL)[0])
    for control in large.controls:
        if control.anchor in data["rows"]:
            cells = data["rows"][control.anchor]
            assert [data["words"][at] for at in cells[3::11]] == [row.resource for row in control.rows]
    assert len(data["rows"]) > len(large.controls) / 2


def test_a_page_without_long_tables_carries_no_data(screen: str) -> None:
    assert 'id="rows"' not in screen


def test_a_resource_cannot_end_the_data(large: Context) -> None:
    control = large.controls[0]
    evil = replace(
        control, rows=tuple(replace(row, resource="</script><script>alert(1)</script>") for row in control.rows)
    )
    page = html.render(replace(large, controls=(evil, *large.controls[1:]))).decode("utf-8")
    assert "</script><script>alert" not in page
