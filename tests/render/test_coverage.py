"""Counts that stand on several pages come to the same number, and lists are in the order they claim."""

from dataclasses import replace

from auditor.model import Severity
from auditor.pack.comparison import Change
from auditor.render.context import Context
from auditor.render.controls import findings
from auditor.render.coverage import Account, Gap, beyond, places_of
from auditor.render.since import since_previous


def _never_sent(region: str, operation: str) -> Gap:
    return Gap("111122223333", region, operation, "NotCollected", "the Region is not part of the audit", "", "", ())


def test_calls_that_were_never_sent_count_as_missing_where_they_were_needed() -> None:
    gaps = [
        _never_sent("global", "sso-admin:ListInstances"),
        _never_sent("us-east-1", "config:DescribeDeliveryChannels"),
        _never_sent("us-east-1", "securityhub:DescribeHub"),
    ]
    found = {place.region: (place.calls, place.missing) for place in places_of((), (), (), gaps)}
    assert found == {"global": (1, 1), "us-east-1": (2, 2)}


def test_regions_with_results_that_were_not_asked_are_named_unless_they_were_left_out() -> None:
    account = Account("111122223333", "", "aws", ("eu-central-1",))
    gaps = [
        _never_sent(region, "s3:GetBucketPolicy") for region in ("eu-central-1", "us-west-2", "us-east-1", "global")
    ]
    places = places_of((account,), (), (), gaps)
    assert beyond((account,), places, ("us-east-1",)) == ("us-west-2",)


def test_the_places_have_as_many_calls_without_an_answer_as_the_summary(report: Context) -> None:
    assert sum(place.missing for place in report.places) == len(report.gaps)


def test_exceptions_are_ordered_by_severity_and_then_by_results(report: Context) -> None:
    (first, *_) = report.findings
    rows = tuple(row for row in first.control.rows if row.mark is first.control.mark)
    more = replace(first.control, id="zz-more", rows=(*first.control.rows, *rows))
    graver = replace(first.control, id="zz-graver", severity=Severity.CRITICAL.value, rows=rows[:1])
    plain = replace(first.control, severity=Severity.HIGH.value)
    found = findings([plain, replace(more, severity=plain.severity), graver])
    assert [item.control.id for item in found] == ["zz-graver", "zz-more", plain.id]


def test_what_became_worse_says_what_it_is_and_what_it_was() -> None:
    change = {"change": "worse", "control": "c-1", "severity": "medium", "title": "Long passwords", "resource": "r-1"}
    document = {
        "changes": [{**change, "reason": "The length is 6.", "why": "was: The length is 8."}],
        "counts": {kind.value: 0 for kind in Change},
        "catalogue": {"added": [], "removed": [], "changed": []},
        "scope": [],
        "pack_id": "20261102T060000Z-be84cd1e",
        "manifest_sha256": "0" * 64,
        "as_of": "2026-11-02T06:00:00Z",
    }
    shown = since_previous(document, {})
    assert shown is not None
    assert [row.words for row in shown.rows] == ["The length is 6. Was: The length is 8."]
