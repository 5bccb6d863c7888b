"""What a run counted of the period's events prices it, without a store beside the pack."""

from typing import Any

import pytest

from auditor.cost.build import estimate
from auditor.cost.measured import counts_in
from auditor.cost.prices import load_prices
from auditor.evidence import world
from auditor.evidence.store import Evidence
from auditor.evidence.world import ACCOUNT, World
from tests.cost.account import ASKED, EVERYTHING, HOME, Told, empty, line, with_trails
from tests.evaluate.kit import catalog

GETS = {
    "account": ACCOUNT,
    "region": HOME,
    "category": "Data",
    "source": "s3.amazonaws.com",
    "name": "GetObject",
    "read_only": True,
    "type": "AWS::S3::Object",
    "resource": "arn:aws:s3:::shop/",
    "number": 5_000_000,
}
WRITES = GETS | {
    "category": "Management",
    "source": "iam.amazonaws.com",
    "name": "CreateUser",
    "read_only": False,
    "type": "",
    "resource": "",
    "number": 100_000,
}


def page(**changes: Any) -> dict[str, Any]:
    counts = {
        "groups": [GETS, WRITES],
        "omitted": {"groups": 0, "events": 0},
        "copies": [{"account": ACCOUNT, "region": HOME, "category": "Management", "copies": 7}],
        "not_searched": [],
    }
    return {"found": [], "delivery": {}, "silence": [], "counts": counts | changes}


def evidence_of(told: World) -> Evidence:
    return world.held({ACCOUNT: told}, [*ASKED, "events:Measured"], catalog().operations)


def test_counts_of_the_run_price_buckets_calls_and_copies() -> None:
    told = with_trails(empty(), Told("a", EVERYTHING), Told("b")).says("events:Measured", page())
    evidence = evidence_of(told)
    found = estimate(evidence, load_prices(), catalog().operations)
    gets = line(found, "data events", "GetObject on arn:aws:s3:::shop/")
    assert gets.amount == 5
    assert line(found, "management events", "further").amount == 2
    (ref,) = [record.ref for record in evidence.of(ACCOUNT, "events:Measured")]
    assert ref in gets.evidence
    assert "5,100,000 distinct events (5,000,000 Data, 100,000 Management" in found.searched[0]
    assert any("7 Management" in words for words in found.searched)
    assert any(item["title"].startswith("leave out reads of objects of shop") for item in found.proposals)


@pytest.mark.parametrize("changes", [{"not_searched": ["hours: deleted"]}, {"omitted": {"groups": 1, "events": 9}}])
def test_what_was_not_searched_or_not_listed_makes_the_figures_lower_bounds(changes: dict[str, Any]) -> None:
    evidence = evidence_of(with_trails(empty(), Told("a", EVERYTHING)).says("events:Measured", page(**changes)))
    counts, words = counts_in(evidence)
    assert not counts[ACCOUNT].whole
    assert ("not searched, or not with proof: hours: deleted" in words) is ("not_searched" in changes)
    assert line(estimate(evidence, load_prices(), catalog().operations), "data events", "GetObject").note.startswith(
        "at least"
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"groups": [GETS | {"number": "many"}]},
        {"groups": [GETS | {"number": -1}]},
        {"groups": [GETS | {"read_only": "yes"}]},
        {"groups": [{"account": ACCOUNT}]},
        {"groups": None},
        {"copies": [{"account": ACCOUNT, "category": [], "copies": 1}]},
    ],
)
def test_counts_that_are_not_of_their_form_count_nothing(changes: dict[str, Any]) -> None:
    evidence = evidence_of(with_trails(empty(), Told("a", EVERYTHING)).says("events:Measured", page(**changes)))
    assert counts_in(evidence) == ({}, ())
    assert estimate(evidence, load_prices(), catalog().operations).searched == ()


def test_a_refused_answer_counts_nothing() -> None:
    assert counts_in(evidence_of(empty().refuses_all("events:Measured"))) == ({}, ())
