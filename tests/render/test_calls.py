"""The table of our own calls: what was sent, by whichever client, and no names of our own."""

from dataclasses import replace
from pathlib import Path

from auditor.evidence.unanswered import OWN_ASKING
from auditor.render.register import call_counts
from tests.render.sample import build


def test_requests_are_those_that_were_sent_and_no_inner_name_is_among_them(tmp_path: Path) -> None:
    records = build(tmp_path / "evidence", regions=("eu-north-1",), resources=1).evidence.records
    asked = records[0]
    records = (*records, *(replace(asked, call=replace(asked.call, operation=name)) for name in OWN_ASKING))
    inner = set(OWN_ASKING)
    answered = {record.call.operation for record in records} - inner
    sent = [
        {"service": "s3", "operation": "GetObject", "region": region, "requests": number}
        for region, number in (("eu-central-1", 7), ("eu-west-1", 5))
    ]
    table = {row.operation: row for row in call_counts(records, sent)}
    assert inner
    assert table.keys() == answered | {"s3:GetObject"}
    read = table["s3:GetObject"]
    assert (read.answers, read.requests, read.regions, read.missing) == (0, 12, 2, 0)
    assert {table[name].requests for name in answered} == {0}
    assert {row.operation for row in call_counts(records)} == answered
    assert all(row.requests >= row.answers for row in call_counts(records))
