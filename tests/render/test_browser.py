"""The HTML report in a real browser: accessible, quiet, usable by keyboard, complete without scripts."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from auditor.model import State
from auditor.render import html
from auditor.render.context import Context
from auditor.render.marks import MARKS, tally
from tests.render import browser
from tests.render.browser import violations, visible_controls

pytestmark = pytest.mark.browser

Open = Callable[..., Chrome]


@pytest.fixture
def show(chrome: Chrome, screen: str, tmp_path: Path) -> Open:
    path = tmp_path / "report.html"
    path.write_text(screen, "utf-8")
    return lambda **how: browser.show(chrome, path, **how)


def media(page: Chrome, kind: str = "", **features: str) -> None:
    """Pretend to be paper, or a system with these wishes."""
    wishes = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": kind, "features": wishes})


def style(page: Chrome, selector: str, name: str) -> str:
    script = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
    return str(page.execute_script(script, selector, name))


def wait(page: Chrome, milliseconds: int = 50) -> None:
    page.execute_async_script("setTimeout(arguments[1], arguments[0])", milliseconds)


def search(page: Chrome, text: str) -> str:
    """Search and return what the page says about it."""
    field = page.find_element(By.NAME, "text")
    page.execute_script("arguments[0].value = ''", field)
    field.send_keys(text)
    return page.find_element(By.ID, "found").text


def rows_in_sight(page: Chrome) -> list[str]:
    return [row.text for row in page.find_elements(By.CSS_SELECTOR, "table.results tbody tr") if row.is_displayed()]


def column(page: Chrome, table: str, number: int) -> list[str]:
    script = "return Array.from(document.querySelectorAll(arguments[0]), (cell) => cell.textContent)"
    return list(page.execute_script(script, f"{table} tbody > tr > :nth-child({number})"))


def sort(page: Chrome, table: str, number: int) -> None:
    head = page.find_element(By.CSS_SELECTOR, f"{table} thead th:nth-child({number}) button")
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", head)
    head.send_keys(Keys.ENTER)


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
    page.execute_script("document.querySelectorAll('details').forEach((part) => { part.open = true })")
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


def test_a_state_that_only_results_have_can_be_chosen(report: Context) -> None:
    control = next(item for item in report.controls if item.mark.state is State.PASS)
    rows = (*control.rows, replace(control.rows[0], mark=MARKS[State.NOT_APPLICABLE]))
    counts = tuple(item for item in tally(row.mark.state for row in rows) if item.count)
    one = replace(control, rows=rows, counts=counts)
    page = html.render(replace(report, controls=(one,), services=(("One", (one,)),), tally=tally([State.PASS]))).decode(
        "utf-8"
    )
    assert 'name="state" value="NOT_APPLICABLE"' in page
    assert 'name="state" value="FAIL"' not in page


def test_a_framework_leaves_out_results_that_count_for_another(show: Open) -> None:
    page = show()
    assert any(row.endswith("for cis-aws-5.0.0") or "for cis-aws-5.0.0\n" in row for row in rows_in_sight(page))
    page.find_element(By.CSS_SELECTOR, "select[name=framework]").send_keys("cis-aws-3.0.0")
    assert visible_controls(page)
    assert not any("for cis-aws-5.0.0" in row for row in rows_in_sight(page))


def test_it_remembers_no_filter(show: Open) -> None:
    page = show()
    page.find_element(By.CSS_SELECTOR, "select[name=severity]").send_keys("high")
    page.find_element(By.ID, "look").send_keys("dark")
    page.get("about:blank")
    page.back()
    wait(page)
    assert page.find_element(By.NAME, "severity").get_attribute("value") == ""
    assert page.find_element(By.ID, "look").get_attribute("value") == ""
    assert "nothing filtered" in page.find_element(By.ID, "found").text
    assert page.execute_script("return document.cookie + localStorage.length") == "0"


def test_searches_the_full_text(show: Open) -> None:
    page = show()
    page.find_element(By.NAME, "text").send_keys("signin failures")
    assert visible_controls(page) == 1
    page.find_element(By.CSS_SELECTOR, "form.filters button[type=reset]").click()
    page.execute_async_script("setTimeout(arguments[0], 20)")
    assert visible_controls(page) > 1


def test_words_may_stand_in_the_control_and_in_its_result(show: Open, report: Context) -> None:
    page = show()
    control = next(item for item in report.controls if item.id == "iam-root-mfa")
    assert search(page, f"root mfa {control.rows[0].resource}").startswith("1 control and ")
    assert all(control.rows[0].resource in row for row in rows_in_sight(page))


def test_a_search_shows_only_the_results_that_say_it(show: Open) -> None:
    page = show()
    search(page, "eu-north-1")
    found = rows_in_sight(page)
    assert found
    assert all("eu-north-1" in row for row in found)


@pytest.mark.parametrize(
    "typed",
    [
        pytest.param("  SIGNIN\tfailures ", id="case-and-space"),
        pytest.param("\uff53ignin failures", id="wide-letter"),
    ],
)
def test_the_same_words_are_found_however_they_are_typed(show: Open, typed: str) -> None:
    page = show()
    page.execute_script("arguments[0].value = arguments[1]", page.find_element(By.NAME, "text"), typed)
    page.execute_script("document.forms.filters.dispatchEvent(new Event('input', {bubbles: true}))")
    assert visible_controls(page) == 1


@pytest.mark.parametrize("typed", ["<img src=x onerror=alert(1)>", "\\ ( [ .* $", "\u202e\u0301"])
def test_what_is_nowhere_is_said_to_be_nowhere(show: Open, typed: str) -> None:
    page = show()
    assert search(page, typed) == "0 controls and 0 results match. Clear shows everything again."
    assert visible_controls(page) == 0


def test_what_the_page_adds_is_not_searched(show: Open) -> None:
    page = show()
    before = search(page, "copy")
    page = show(anchor="#control-iam-root-mfa")
    wait(page, 300)
    assert page.find_elements(By.CSS_SELECTOR, "#control-iam-root-mfa button.copy")
    assert search(page, "copy") == before


def test_a_deep_link_shows_its_control_though_it_was_filtered_out(show: Open) -> None:
    page = show()
    page.find_element(By.NAME, "text").send_keys("signin failures")
    page.execute_script("location.hash = 'control-iam-root-mfa'")
    page.execute_async_script("setTimeout(arguments[0], 50)")
    assert page.find_element(By.ID, "control-iam-root-mfa").is_displayed()


def test_a_link_to_where_the_reader_already_was_shows_it_again(show: Open) -> None:
    page = show(anchor="#control-iam-root-mfa")
    search(page, "signin failures")
    assert not page.find_element(By.ID, "control-iam-root-mfa").is_displayed()
    page.execute_script("document.querySelector('.matrix a[href=\"#control-iam-root-mfa\"]').click()")
    wait(page)
    assert page.find_element(By.ID, "control-iam-root-mfa").is_displayed()


def test_a_link_that_nobody_can_read_leads_nowhere_quietly(show: Open) -> None:
    page = show(anchor="#%E0%A4%A")
    assert "nothing filtered" in page.find_element(By.ID, "found").text
    assert page.get_log("browser") == []  # type: ignore[no-untyped-call]  # selenium leaves it so


@pytest.mark.parametrize("width", [1440, 1040, 800, 360])
def test_nothing_covers_the_head_that_a_link_leads_to(show: Open, width: int) -> None:
    page = show(width=width, anchor="#control-iam-root-mfa")
    wait(page, 200)
    script = """
    const head = document.querySelector("#control-iam-root-mfa h3"), box = head.getBoundingClientRect();
    return document.elementFromPoint(box.left + 4, box.top + box.height / 2) === head;
    """
    assert page.execute_script(script)


def test_nothing_covers_what_has_the_focus(show: Open) -> None:
    page = show(width=1040)
    script = """
    const covered = [];
    for (const node of document.querySelectorAll("#part-controls :is(.ref, .to, thead button, summary)")) {
      if (!node.checkVisibility()) continue;
      scrollTo(0, node.getBoundingClientRect().top + scrollY + 300);
      node.scrollIntoView({block: "nearest"});
      const box = node.getBoundingClientRect();
      if (!node.contains(document.elementFromPoint(box.left + 2, box.top + 3))) covered.push(node.outerHTML);
    }
    return covered;
    """
    assert page.execute_script(script) == []


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


def test_severities_sort_by_weight(show: Open, report: Context) -> None:
    page = show()
    sort(page, "table.findings", 1)
    assert list(dict.fromkeys(column(page, "table.findings", 1))) == [
        severity for severity, _ in report.severities if any(f.control.severity == severity for f in report.findings)
    ]


def test_states_sort_worst_first(show: Open, sample: Any) -> None:
    page = show()
    sort(page, "table.matrix", 4)
    count = len(sample.results["frameworks"][0]["requirements"])
    marks = [f"{mark.sign}\u2002{mark.word}" for mark in MARKS.values()]
    order = [marks.index(state) for state in column(page, "table.matrix", 4)[:count] if state in marks]
    assert order == sorted(order)
    assert len(set(order)) > 3


def test_numbers_of_requirements_sort_as_people_count(show: Open) -> None:
    page = show()
    before = column(page, "table.matrix", 1)
    sort(page, "table.matrix", 1)
    assert column(page, "table.matrix", 1) == before


def test_sorting_keeps_the_order_of_equals(show: Open, sample: Any) -> None:
    page = show()
    before = column(page, "table.matrix", 2)
    sort(page, "table.matrix", 4)
    after = list(zip(column(page, "table.matrix", 4), column(page, "table.matrix", 2), strict=True))
    count = len(sample.results["frameworks"][0]["requirements"])
    for state in {state for state, _ in after[:count]}:
        subjects = [before.index(subject) for found, subject in after[:count] if found == state]
        assert subjects == sorted(subjects)


def test_tables_sort_on_a_telephone(show: Open) -> None:
    page = show(width=360)
    head = page.find_element(By.CSS_SELECTOR, "table.matrix thead button")
    script = """
    arguments[0].scrollIntoView({block: "center"});
    const box = arguments[0].getBoundingClientRect();
    return document.elementFromPoint(box.left + 20, box.top + box.height / 2) === arguments[0];
    """
    assert page.execute_script(script, head)
    sort(page, "table.matrix", 1)
    assert page.find_element(By.CSS_SELECTOR, "table.matrix th[aria-sort=ascending]").is_displayed()


@pytest.mark.parametrize("width", [360, 800])
def test_no_cell_of_the_list_of_evidence_runs_into_the_next(show: Open, width: int) -> None:
    page = show(width=width)
    script = """
    return Array.from(document.querySelectorAll("table.refs tbody :is(th, td)"))
      .filter((cell) => cell.scrollWidth > cell.clientWidth + 1).map((cell) => cell.textContent);
    """
    assert page.execute_script(script) == []


def test_copying_takes_the_name_and_nothing_else(show: Open, report: Context) -> None:
    page = show(anchor="#control-iam-root-mfa")
    wait(page, 300)
    page.execute_script(
        "Object.defineProperty(navigator, 'clipboard', {value: {writeText: (text) => { window.kept = text }}})"
    )
    page.find_element(By.CSS_SELECTOR, "#control-iam-root-mfa table.results button.copy").click()
    wait(page)
    control = next(item for item in report.controls if item.id == "iam-root-mfa")
    assert page.execute_script("return window.kept") == control.rows[0].resource
    assert page.find_element(By.CSS_SELECTOR, "main > .aside[role=status]").get_attribute("textContent") == "copied"


def test_without_a_clipboard_the_text_is_selected(show: Open) -> None:
    page = show()
    command = page.find_element(By.CSS_SELECTOR, "pre.shell")
    text = command.get_attribute("textContent")
    page.execute_script("arguments[0].scrollIntoView()", command)
    wait(page, 300)
    page.execute_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.find_element(By.CSS_SELECTOR, "pre.shell button.copy").click()
    wait(page)
    assert page.execute_script("return String(getSelection())").strip() == (text or "").strip()


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


def test_print_keeps_the_heads_of_tables_that_sort(show: Open) -> None:
    page = show()
    media(page, "print")
    head = page.find_element(By.CSS_SELECTOR, "table.matrix thead th")
    assert head.text == "Requirement"
    assert not page.find_element(By.ID, "filters").is_displayed()
    media(page)


@pytest.mark.parametrize("look", ["dark", ""])
def test_print_is_dark_on_light_whatever_the_screen_shows(show: Open, look: str) -> None:
    page = show(theme="dark")
    page.execute_script("document.documentElement.dataset.look = arguments[0]", look)
    assert style(page, "html", "color") == "rgb(230, 235, 241)"
    media(page, "print", prefers_color_scheme="dark")
    assert style(page, "html", "color") == "rgb(27, 36, 48)"
    media(page)


def test_printing_leaves_folded_what_the_report_for_paper_has_and_says_so(show: Open) -> None:
    page = show()
    folded = "return document.querySelectorAll('details:not([open])').length"
    before = page.execute_script(folded)
    page.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert page.execute_script(folded) == before > 0
    assert style(page, ".for-paper", "display") == "none"
    media(page, "print")
    assert style(page, ".for-paper", "display") == "block"
    assert style(page, "details:not([open])", "display") == "none"
    assert "report.pdf" in page.execute_script("return document.querySelector('.for-paper').textContent")
    media(page)


def test_without_a_report_for_paper_printing_unfolds_the_evidence_and_folds_it_again(show: Open) -> None:
    page = show()
    page.execute_script("delete document.body.dataset.paper")
    folded = "return document.querySelectorAll('details:not([open])').length"
    before = page.execute_script(f"document.querySelector('details').open = true; {folded}")
    page.execute_script("dispatchEvent(new Event('beforeprint'))")
    assert page.execute_script(folded) == 0
    page.execute_script("dispatchEvent(new Event('afterprint'))")
    assert page.execute_script(folded) == before


def test_charts_can_be_read_in_the_colours_of_a_high_contrast_system(show: Open) -> None:
    page = show(theme="dark")
    media(page, forced_colors="active", prefers_color_scheme="dark")
    assert style(page, "svg.chain", "backgroundColor") == "rgb(255, 255, 255)"
    assert style(page, "svg.chain .k-name", "fill") == "rgb(27, 36, 48)"
    media(page)


def test_the_numbers_of_the_bar_stand_out_from_it(show: Open) -> None:
    page = show()
    assert style(page, "svg.bar .t-gap", "fill") == "rgb(255, 255, 255)"
    assert style(page, "svg.bar .t-gap", "stroke") == "none"


PLACES = """
const boxes = "td, p, li, dd, pre, svg, [aria-hidden]";
const inline = (node) => getComputedStyle(node).display !== "block";
const flat = (cell) => !cell.querySelector(boxes) && Array.from(cell.querySelectorAll("*")).every(inline);
const seen = (cell) => cell.checkVisibility({ contentVisibilityAuto: true }) && flat(cell);
const places = (kinds) => Array.from(document.querySelectorAll(`main :is(${kinds})`)).filter(seen).map((cell) => {
    const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT), texts = [];
    let words = "";
    while (walker.nextNode()) { texts.push([words.length, walker.currentNode]); words += walker.currentNode.data; }
    const put = (range, way, at) => {
      const [from, node] = texts.findLast(([start]) => start <= at - (way === "setEnd"));
      range[way](node, at - from);
    };
    const range = (at, long) => {
      const made = document.createRange();
      put(made, "setStart", at);
      put(made, "setEnd", at + long);
      return made;
    };
    return { cell, words, range };
  });
"""


@pytest.mark.parametrize("width", [390, 768])
def test_names_are_not_broken_where_they_fit_a_line(show: Open, report: Context, width: int) -> None:
    page = show(width=width)
    broken = (
        PLACES
        + """
    const names = /(?<![\\w-])(?:[a-z]{2}-[a-z]+-\\d|i-[0-9a-f]{17})(?![\\w-])/g, found = [];
    let count = 0;
    for (const { cell, words, range } of places("td, p, li, dd, .where, .fact")) {
      if (cell.matches(".evidence *")) continue;
      for (const name of words.matchAll(names)) {
        const lines = [...range(name.index, name[0].length).getClientRects()];
        const tops = new Set(lines.map((box) => Math.round(box.top / 4)));
        count += tops.size ? 1 : 0;
        if (tops.size > 1 && cell.clientWidth > 200) found.push(name[0]);
      }
    }
    return [count, found];
    """
    )
    seen, found = page.execute_script(broken)
    assert seen > 20
    assert not found
    words = page.execute_script("return document.querySelector('main').textContent")
    assert report.accounts[0].id in words
    assert words == show(width=1400).execute_script("return document.querySelector('main').textContent")


@pytest.mark.parametrize("width", [768, 390])
def test_names_are_found_and_copied_with_the_words_around_them(show: Open, width: int) -> None:
    page = show(width=width)
    sought = (
        PLACES
        + """
    const names = /.{4}[a-z]{2}-[a-z]+-\\d.{4}/g, lost = [], chosen = getSelection();
    let count = 0;
    for (const { words, range } of places("td, p, li, dd, .where, .fact")) {
      const name = words.matchAll(names).next().value;
      if (!name || count === 100) continue;
      count += 1;
      chosen.removeAllRanges();
      if (!find(name[0].trim(), false, false, true)) lost.push(name[0]);
      chosen.removeAllRanges();
      chosen.addRange(range(name.index, name[0].length));
      if (chosen.toString().trim() !== name[0].trim()) lost.push([name[0], chosen.toString()]);
    }
    return [count, lost];
    """
    )
    seen, lost = page.execute_script(sought)
    assert seen > 20
    assert not lost


@pytest.mark.parametrize("width", [1400, 1000, 768, 390])
def test_no_words_run_out_of_their_cell(show: Open, width: int) -> None:
    outside = """
    const cells = Array.from(document.querySelectorAll("main :is(td, dd, p, li)")).filter((cell) => cell.clientWidth);
    const out = cells.filter((cell) => cell.scrollWidth > cell.clientWidth + 1 && !cell.closest(".scroll"));
    return [cells.length, out.map((cell) => cell.textContent)];
    """
    seen, found = show(width=width).execute_script(outside)
    assert seen > 200
    assert not found
