"""Responses over results: they stand beside findings and move nothing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.catalog.responses import Response
from auditor.catalog.waivers import load_waivers
from auditor.evaluate.engine import evaluate
from auditor.evaluate.exceptions import apply_exceptions
from auditor.evaluate.responses import ANSWERABLE, apply_responses
from auditor.model import Results
from auditor.pack.comparison import compare
from auditor.pack.outcome import exit_code, results_document
from tests.evaluate.test_engine import REGIONS, World, build_catalog, control, vpc
from tests.evaluate.test_exceptions import FRAMEWORK, waiver

AS_OF = datetime(2026, 11, 2, 3, tzinfo=UTC)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("responses")
    world = World(folder)
    for region in REGIONS:
        world.answer("ec2:DescribeVpcs", region, {"Vpcs": [vpc(f"vpc-{region}", Tagged=False), vpc("vpc-good")]})
    catalog = build_catalog(folder / "controls", framework=FRAMEWORK)
    return apply_exceptions(evaluate(world.evidence(), catalog), load_waivers(waiver(folder)))


def said(**changes: object) -> Response:
    plain = Response("vpc-is-tagged", "*", "", "", "Network team", "Tags follow.", "", None, "responses.yaml:2")
    return replace(plain, **changes)  # type: ignore[arg-type]  # a field each


def test_an_open_finding_carries_the_first_response_that_fits_it(results: Results) -> None:
    first, second = said(resource="vpc-us-*", owner="America"), said(owner="Everybody")
    after = apply_responses(results, (first, second))
    found = {item.resource: item.response for item in control(after.controls, "vpc-is-tagged").results}
    assert (found["vpc-us-east-1"] or {})["owner"] == "America"
    assert (found["vpc-eu-central-1"] or {})["owner"] == "Everybody", "what is waived is answered for as well"
    assert found["vpc-good"] is None
    assert [item["used"] for item in after.responses] == [True, True]


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        pytest.param({"resource": "vpc-nowhere"}, "unused: no result fits it", id="no-such-resource"),
        pytest.param({"account": "999999999999"}, "unused: no result fits it", id="another-account"),
        pytest.param({"region": "eu-west-9"}, "unused: no result fits it", id="another-region"),
        pytest.param({"resource": "vpc-[u]s-*"}, "unused: no result fits it", id="brackets-mean-themselves"),
        pytest.param({"resource": "vpc-good"}, "unused: what it fits is not open", id="met"),
        pytest.param({"control": "people-are-trained", "due": AS_OF}, "overdue", id="on-the-instant"),
        pytest.param({"due": AS_OF + timedelta(days=1)}, "due within 30 days", id="soon"),
        pytest.param({}, "no day is named", id="no-day"),
    ],
)
def test_each_response_is_listed_with_what_became_of_it(
    results: Results, changes: dict[str, object], note: str
) -> None:
    listed = apply_responses(replace(results, run=replace(results.run, as_of=AS_OF)), (said(**changes),)).responses
    assert listed[0]["notes"][0].startswith(note)
    assert listed[0]["used"] is not note.startswith("unused")


words = st.sampled_from(["*", "vpc-*", "vpc-us-east-1", "vpc-good", "?", ""])
responses = st.builds(
    said,
    control=st.sampled_from(["vpc-is-tagged", "people-are-trained", "password-is-long", "trail-is-validated"]),
    resource=words,
    region=st.sampled_from(["", "global", *REGIONS]),
    due=st.none() | st.datetimes(timezones=st.just(UTC)),
)


@given(given_responses=st.lists(responses, max_size=6))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_response_moves_a_verdict_a_reason_or_the_exit_code(
    results: Results, given_responses: list[Response]
) -> None:
    after = apply_responses(results, given_responses)
    bare = [replace(item, response=None) for block in after.controls for item in block.results]
    assert bare == [item for block in results.controls for item in block.results]
    assert (after.counts, exit_code(after)) == (results.counts, exit_code(results))
    assert [block.populations for block in after.controls] == [block.populations for block in results.controls]
    assert all(item.response is None or item.state in ANSWERABLE for block in after.controls for item in block.results)
    assert len(after.responses) == len(given_responses)
    before, now = results_document(results), results_document(after)
    assert not any(compare(before, now).counts[kind] for kind in ("new", "worse", "fixed", "no longer assessed"))


def test_without_responses_the_document_has_not_one_byte_more(results: Results) -> None:
    assert apply_responses(results, ()) is results
    assert "response" not in str(results_document(results))
