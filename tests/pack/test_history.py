"""Packs of many months, in order: nothing missing goes unsaid, and no figure compares what cannot be compared."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.base.errors import IntegrityError
from auditor.pack.history import History, Mark, build, median_days
from auditor.pack.runs import Run, read_run
from auditor.render.history import render
from tests.pack.judgements import accounts, control, judgement, result

NOW = datetime(2027, 1, 3, tzinfo=UTC)


def run_of(
    month: str,
    *controls: dict[str, Any],
    verified: str = "pass",
    late: int = 1,
    previous: str = "",
    regions: tuple[str, ...] = ("eu-central-1",),
    **fields: Any,
) -> Run:
    """Make a run over one month."""
    start = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    end = (start + timedelta(days=31)).replace(day=1)
    as_of = f"{end + timedelta(days=late):%Y-%m-%dT06:00:00Z}"
    period = {
        "label": month,
        "start": fields.pop("start", f"{start:%Y-%m-%dT%H:%M:%SZ}"),
        "end": fields.pop("end", f"{end:%Y-%m-%dT%H:%M:%SZ}"),
        "tz": "UTC",
    }
    asked = controls or (control("k", result("PASS")),)
    document = judgement(*asked, as_of=as_of, accounts=fields.pop("accounts", accounts(regions)), period=period)
    document |= {
        "integrity": fields.pop("integrity", []),
        "waivers": fields.pop("waivers", []),
        "frameworks": [
            {"id": "cis-aws-5.0.0", "requirements": [{"controls": [item["id"] for item in asked]}]},
        ],
    }
    manifest = {
        "pack_id": f"pack-{month}-{late}",
        "period": period,
        "scope": {"as_of": as_of, "skipped": fields.pop("skipped", [])},
        "previous_pack": {"manifest_sha256": previous} if previous else None,
        "ruleset": {"sha256": fields.pop("ruleset", "rules-1")},
        "tool": {"version": "1"},
        **({"completeness": fields.pop("completeness")} if "completeness" in fields else {}),
    }
    document["gaps"] = fields.pop("gaps", [])
    return read_run(f"111122223333/{month}/{late}", manifest, document, verified, f"sha-{month}-{late}")


def months(history: History) -> dict[str, list[str]]:
    (line,) = history.accounts
    return {month.label: [mark.value for mark in month.marks] for month in line.months}


def test_every_month_between_the_first_and_the_last_one_due_is_told() -> None:
    runs = [run_of("2026-08"), run_of("2026-10", late=20), run_of("2026-11"), run_of("2026-11", late=2)]
    assert months(build(runs, now=NOW)) == {
        "2026-08": ["done"],
        "2026-09": ["missing"],
        "2026-10": ["late"],
        "2026-11": ["repeated"],
        "2026-12": ["missing"],
    }


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        pytest.param(run_of("2026-12", verified="fail"), ["does not hold"], id="broken"),
        pytest.param(run_of("2026-12", skipped=["trail"]), ["incomplete"], id="skipped"),
        pytest.param(run_of("2026-12", late=-1), ["incomplete"], id="before-its-end"),
        pytest.param(run_of("2026-12", control("k", result("NOT_ASSESSED"))), ["incomplete"], id="unread"),
        pytest.param(
            run_of("2026-12", integrity=[{"coverage": {"hours_asked": 744, "hours_verified": 740}}]),
            ["incomplete"],
            id="hours",
        ),
    ],
)
def test_what_keeps_a_month_from_being_done_is_named(run: Run, expected: list[str]) -> None:
    history = build([run], now=NOW)
    assert months(history) == {"2026-12": expected}
    assert (history.missing("2026-12") == ("111122223333",)) is (run.verified == "fail" or not run.whole)


def test_a_run_that_was_cut_short_is_no_month_and_speaks_for_none_that_has_another() -> None:
    expired = {"gaps": [{"error": "ExpiredTokenException"}], "completeness": {"planned": 10, "done": 9}}
    half = {"gaps": [], "completeness": {"planned": 10, "done": 4}}
    for cut in (expired, half):
        late = run_of("2026-12", control("k", result("NOT_ASSESSED")), late=2, **cut)
        assert (late.whole, build([late], now=NOW).missing("2026-12")) == (False, ("111122223333",))
        history = build([run_of("2026-12", control("k", result())), late], now=NOW)
        assert history.missing("2026-12") == ()
        ((month,),) = [line.months for line in history.accounts]
        assert month.best is not None
        assert month.best.pack_id == "pack-2026-12-1"


def test_a_month_is_required_of_every_account() -> None:
    history = build([run_of("2026-10"), run_of("2026-11")], now=NOW)
    assert (history.missing("2026-11"), history.missing("2026-12")) == ((), ("111122223333",))


def test_a_finding_lives_until_a_run_that_looked_no_longer_sees_it() -> None:
    open_, gap, gone = control("k", result()), control("k", result("NOT_ASSESSED")), control("k", result("PASS"))
    runs = [run_of("2026-08", open_), run_of("2026-09", gap), run_of("2026-10", open_), run_of("2026-11", gone)]
    ((life,),) = [line.lives for line in build(runs, now=NOW).accounts]
    assert (f"{life.first_seen:%m}", f"{life.fixed:%m}" if life.fixed else "") == ("09", "12")
    assert median_days([life]) == {"high": (1, 91.0, 91)}


def test_a_region_that_was_left_out_mends_nothing() -> None:
    runs = [run_of("2026-10", control("k", result())), run_of("2026-11", control("k"), regions=("us-east-1",))]
    ((life,),) = [line.lives for line in build(runs, now=NOW).accounts]
    assert life.fixed is None


def test_trends_compare_the_same_scope_and_rules_beside_all_that_was_looked_at() -> None:
    old = run_of("2026-10", control("k", result("PASS")), control("l", result()))
    new = run_of(
        "2026-12",
        control("k", result("PASS"), result("FAIL", "x", region="us-east-1")),
        control("l", result("PASS"), criterion="Another."),
        control("m", result()),
        regions=("eu-central-1", "us-east-1"),
        ruleset="rules-2",
    )
    (line,) = build([old, new], now=NOW).accounts
    first, gap, last = line.trends["cis-aws-5.0.0"]
    assert first is not None
    assert last is not None
    assert gap is None
    assert (first.counts["PASS"], first.counts["FAIL"], last.counts["PASS"], last.counts["FAIL"]) == (1, 1, 1, 2)
    assert last.constant is not None
    assert (last.constant["PASS"], last.constant["FAIL"]) == (1, 0)
    assert (first.upgraded, last.upgraded) == (False, True)


def test_a_pack_that_names_another_before_it_breaks_the_series() -> None:
    good = [run_of("2026-10"), run_of("2026-11", previous="sha-2026-10-1")]
    (line,) = build(good, now=NOW).accounts
    assert line.broken_links == ()
    (line,) = build([*good, run_of("2026-12", previous="lost")], now=NOW).accounts
    assert line.broken_links == ("pack-2026-12-1 names a pack before it that is not here (lost)",)


@given(st.sets(st.integers(1, 12), min_size=1))
def test_no_month_is_left_out(there: set[int]) -> None:
    told = months(build([run_of(f"2026-{number:02d}") for number in there], now=NOW))
    assert list(told) == [f"2026-{number:02d}" for number in range(min(there), 13)]
    assert {label for label, marks in told.items() if marks != ["missing"]} == {
        f"2026-{number:02d}" for number in there
    }


def test_the_page_shows_each_mark_and_escapes_what_it_is_given() -> None:
    runs = [
        run_of("2026-08", control("k", result(resource="<script>x</script>"))),
        run_of("2026-10", late=20),
        run_of("2026-11", verified="fail"),
    ]
    page = render(build(runs, now=NOW), [("half <b>", "no manifest")], NOW).decode()
    for mark in (Mark.MISSING, Mark.LATE, Mark.BROKEN, Mark.DONE):
        assert mark.value in page
    assert "<script>x" not in page
    assert "half <b>" not in page


@pytest.mark.parametrize("manifest", [{}, {"period": []}, []])
def test_a_pack_of_another_shape_is_refused(manifest: Any) -> None:
    with pytest.raises(IntegrityError):
        read_run("here", manifest, judgement(), "pass", "")


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("0001-01-01T00:00:00Z", "2026-11-01T00:00:00Z"),
        ("2026-10-01T00:00:00Z", "9999-12-31T00:00:00Z"),
        ("2026-10-01T00:00:00Z", "2026-10-01T00:00:00Z"),
        ("2026-11-01T00:00:00Z", "2026-10-01T00:00:00Z"),
    ],
)
def test_a_period_that_is_none_is_refused(start: str, end: str) -> None:
    with pytest.raises(IntegrityError):
        run_of("2026-10", start=start, end=end)


def test_waivers_of_another_shape_are_refused() -> None:
    with pytest.raises(IntegrityError):
        run_of("2026-10", waivers=["x"])


def test_a_pack_of_several_accounts_is_a_pack_of_each() -> None:
    both = [*accounts(account="111122223333"), *accounts(account="444455556666")]
    history = build([run_of("2026-10", accounts=both), run_of("2026-11")], now=NOW)
    assert history.known == {"111122223333", "444455556666"}
    assert (history.missing("2026-10"), history.missing("2026-11")) == ((), ("444455556666",))
