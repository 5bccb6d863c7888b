"""What the logging consists of and costs: every gap is named beside the counts, money adds up as it was estimated."""

from pathlib import Path

from auditor.evaluate.posture import OPERATIONS
from auditor.render.posture import cost, posture
from tests.render.sample import COST, build, holdings


def test_counts_stand_beside_what_was_not_counted(tmp_path: Path) -> None:
    made = build(tmp_path / "evidence", regions=("eu-central-1",), resources=1)
    shown = posture(holdings(made.evidence.run.accounts[0], made.evidence))
    facts = dict(shown.facts)
    assert facts["Log groups"] == "3, 5.0 GiB stored; 1 keep for ever"
    assert facts["Alarms"].startswith("at least 15 (14 OK, 1 ALARM); 1 with actions off")
    assert facts["Across accounts"].startswith("sinks not asked; "), "a zero would speak of what nobody looked for"
    assert shown.more_groups == 1
    assert shown.gaps == ("oam:ListSinks: no part of this run", "cloudwatch:DescribeAlarms: no answer in sa-east-1")
    assert [group.kept for group in shown.groups] == ["400 days", "for ever"]


def test_no_count_stands_where_nothing_was_asked(tmp_path: Path) -> None:
    made = build(tmp_path / "evidence", regions=("eu-central-1",), resources=1)
    document = holdings(made.evidence.run.accounts[0], made.evidence)
    shown = posture({**document, "not_asked": list(OPERATIONS), "unread": []})
    assert not any(letter.isdigit() for _, value in shown.facts for letter in value)


def test_what_nobody_could_read_is_told_by_operation_and_is_no_zero(tmp_path: Path) -> None:
    made = build(tmp_path / "evidence", regions=("eu-central-1",), resources=1)
    document = holdings(made.evidence.run.accounts[0], made.evidence)
    regions = ("eu-west-1", "eu-west-2", "us-east-1", "us-west-2")
    unread = [f"logs:DescribeMetricFilters {region}" for region in regions]
    shown = posture({**document, "metric_filters": 0, "not_asked": [], "unread": [*unread, "oam:ListSinks global"]})
    assert shown.gaps == ("logs:DescribeMetricFilters: no answer in 4 places", "oam:ListSinks: no answer in global")
    assert dict(shown.facts)["Metric filters"] == "not known"


def test_a_composite_is_resolved_to_its_alarms_and_to_who_is_told(tmp_path: Path) -> None:
    made = build(tmp_path / "evidence", regions=("eu-central-1",), resources=1)
    (shown,) = posture(holdings(made.evidence.run.accounts[0], made.evidence)).composites
    assert shown.children == "cis-1 (OK), gone (there is no such alarm)"
    assert shown.told == "nobody: its actions are off"


def test_an_estimate_stands_by_part_with_price_formula_and_source() -> None:
    shown = cost(COST)
    assert (shown.total, shown.twice, shown.audit) == ("12.50", "2.50", "0.0177")
    assert [(area.name, area.usd) for area in shown.areas] == [("Management events", "2.5000"), ("Alarms", "10.0000")]
    (line,) = shown.areas[0].lines
    assert line.price == "125,000 events at 2 USD per 100,000"
    assert (line.formula, line.source, line.twice) == ("125,000 records x 1.0000", "price list, 2026-11-20", True)
    assert cost({**COST, "not_known": COST["not_known"] * 2}).unpriced == ("transfer: data that leaves a Region",)
    assert shown.unknown == (("transfer: data that leaves a Region", "no answer"),)
