"""A year of a drifting account by the scheduler's own commands: what is missing, repeated or broken is told as such."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from selenium.webdriver import Chrome

from tests.cli.test_compare import answer
from tests.render import browser
from tools.twelve_months import ACCOUNT, EXPIRED, MISSED, MONTHS, REPEATED, UPGRADED, Year, assemble, call, months

pytestmark = pytest.mark.simulator

RIGHTS, ALARM, PASSWORD = "iam-user-permissions-via-groups", "monitor-root-usage", "iam-password-min-length"
RED = {
    "2026-01": RIGHTS,
    "2026-02": RIGHTS,
    "2026-04": ALARM,
    UPGRADED: PASSWORD,
    EXPIRED: PASSWORD,
    "2026-10": PASSWORD,
}


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Year:
    return months(tmp_path_factory.mktemp("year"), pages="csv")


@pytest.fixture(scope="module")
def joined(year: Year) -> tuple[int, dict[str, Any]]:
    return assemble(year)


def steps(year: Year, command: str, month: str) -> list[Any]:
    return [step for step in year.steps if step.words[0] == command and step.month == month]


def packs(year: Year, month: str) -> list[Path]:
    return sorted((year.packs / ACCOUNT / month).glob("*/"))


def test_each_month_answers_for_what_is_wrong_in_it(year: Year) -> None:
    for month in MONTHS:
        ran = steps(year, "run", month)
        assert [step.code for step in ran] == {
            MISSED: [],
            REPEATED: [0, 0, 0],
            EXPIRED: [3, 1],
        }.get(month, [1 if month in RED else 0])
        if ran:
            assert {item["control"] for item in ran[-1].document["failing"]} == (
                {RED[month]} if month in RED else set()
            )


def test_the_watch_answers_three_for_the_month_that_was_missed_alone(year: Year) -> None:
    assert {month: steps(year, "history", month)[0].code for month in MONTHS} == {
        month: 3 if month == MISSED else 0 for month in MONTHS
    }


def test_a_second_start_makes_none_and_a_second_run_names_the_first(year: Year) -> None:
    first, again, second = [step.document for step in steps(year, "run", REPEATED)]
    assert (first["made"], again["made"], second["made"]) == (True, False, True)
    assert again["pack_id"] == first["pack_id"]
    manifest = orjson.loads((year.folder / second["pack"] / "manifest.json").read_bytes())
    assert manifest["previous_pack"]["id"] == first["pack_id"]
    assert [len(packs(year, month)) for month in (MISSED, REPEATED, EXPIRED, "2025-11")] == [0, 2, 2, 1]


def test_every_pack_follows_the_one_before_but_none_whose_credentials_expired(year: Year) -> None:
    cut, whole = [step.document["pack_id"] for step in steps(year, "run", EXPIRED)]
    followed = []
    for month in MONTHS:
        for pack in packs(year, month):
            manifest = orjson.loads((pack / "manifest.json").read_bytes())
            followed.append((manifest["pack_id"], (manifest["previous_pack"] or {}).get("id")))
    assert followed[0][1] is None
    whole_ones = [name for name, _ in followed if name != cut]
    assert {name: before for name, before in followed if name != cut} == dict(
        zip(whole_ones, [None, *whole_ones], strict=False)
    )
    assert dict(followed)[cut] == dict(followed)[whole]


@pytest.mark.parametrize(
    ("old", "new", "counts"),
    [
        ("2025-11", "2025-12", {}),
        ("2025-12", "2026-01", {"new": 1}),
        ("2026-01", "2026-02", {"still open": 1}),
        ("2026-02", "2026-03", {"fixed": 1}),
        ("2026-03", "2026-04", {"new": 1}),
        ("2026-04", "2026-05", {"fixed": 1}),
        (REPEATED, UPGRADED, {"new by catalogue": 1}),
        (UPGRADED, EXPIRED, {"still open": 1}),
    ],
)
def test_what_changed_from_month_to_month(
    year: Year, capsys: pytest.CaptureFixture[str], old: str, new: str, counts: dict[str, int]
) -> None:
    code, out, _ = answer(capsys, "diff", str(packs(year, old)[-1]), str(packs(year, new)[-1]), "--json")
    document = json.loads(out)
    assert {kind: number for kind, number in document["counts"].items() if number} == counts
    assert code == (1 if {"new", "worse", "new by catalogue"} & counts.keys() else 0)


def test_what_cannot_be_read_any_more_is_never_fixed(year: Year, capsys: pytest.CaptureFixture[str]) -> None:
    cut = next(pack for pack in packs(year, EXPIRED) if pack.name == steps(year, "run", EXPIRED)[0].document["pack_id"])
    code, out, _ = answer(capsys, "diff", str(packs(year, UPGRADED)[-1]), str(cut), "--json")
    counts = json.loads(out)["counts"]
    assert (code, counts["fixed"], counts["no longer assessed"]) == (3, 0, 1)


def test_the_months_as_one_pack(year: Year, joined: tuple[int, dict[str, Any]]) -> None:
    code, made = joined
    document = orjson.loads((Path(made["pack"]) / "results" / "results.json").read_bytes())
    signs = {"PASS": "+", "FAIL": "x", "NOT_ASSESSED": "?"}
    rows = {item["id"]: "".join(signs[cell["state"]] for cell in item["months"]) for item in document["controls"]}
    assert rows == {
        RIGHTS: "++xx+++?++++",
        ALARM: "+++++x+?++++",
        PASSWORD: "?????????xxx",
        "cloudtrail-log-file-validation": "+++++++?++++",
        "trail-chain-verified": "+++++++?++++",
    }
    assert code == 1
    assert {item["month"]: item["marks"] for item in made["months"]} == {
        month: ["missing"] if month == MISSED else ["repeated"] if month in (REPEATED, EXPIRED) else ["done"]
        for month in MONTHS
    }
    taken = {item["month"]: item["taken"] for item in document["population"]["months"]}
    assert taken[EXPIRED] == steps(year, "run", EXPIRED)[1].document["pack_id"]
    found = {item["control"]: (item["months"], item["fixed"]) for item in document["exceptions"]}
    assert found[RIGHTS] == (["2026-01", "2026-02"], "2026-04-02T06:00:00Z")
    assert found[PASSWORD] == ([UPGRADED, EXPIRED, "2026-10"], None)


def test_all_of_it_can_be_derived_again(year: Year, joined: tuple[int, dict[str, Any]]) -> None:
    code, said = call(["verify", joined[1]["pack"], "--replay", "--members", str(year.packs), "--json"])
    outcomes = {check["name"]: check["outcome"] for check in json.loads(said)["checks"]}
    assert (code, outcomes["replay"], outcomes["members"]) == (0, "pass", "pass"), said


@pytest.fixture(scope="module")
def chrome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    driver = browser.start(tmp_path_factory.mktemp("chromium"))
    yield driver
    driver.quit()


@pytest.mark.browser
def test_history_and_joined_report_are_readable_for_everybody(
    year: Year, joined: tuple[int, dict[str, Any]], chrome: Chrome
) -> None:
    assert call(["history", str(year.packs), "--as-of", "2026-11-10T06:00:00Z", "--quiet"])[0] == 0
    for path in (year.packs / "index.html", Path(joined[1]["pack"]) / "report.html"):
        for width in (1400, 390):
            page = browser.show(chrome, path, width=width, scripts=False)
            assert page.execute_script("return document.documentElement.scrollWidth") <= width
            assert browser.violations(browser.show(chrome, path, width=width)) == []
