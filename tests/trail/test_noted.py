"""What a verification collects of records: calls about its trail, rows of note, and what could not be read."""

import gzip
from datetime import timedelta

from auditor.trail.explain import trail_event

from .bucket import START, filled, scope, trail_call, verify
from .scenarios import MINUTE


def test_only_successful_calls_on_this_trail_are_trail_events() -> None:
    means = scope().means
    event = trail_event(trail_call(START, "UpdateTrail", enableLogFileValidation=False), means)
    assert event is not None
    assert event.validation is False
    assert event.time == START
    assert trail_event(trail_call(START, "StopLogging", name="other"), means) is None
    assert trail_event(trail_call(START, "StopLogging") | {"errorCode": "AccessDenied"}, means) is None
    assert trail_event(trail_call(START + timedelta(), "LookupEvents"), means) is None


def test_a_record_that_only_a_patient_reader_reads_is_searched_as_well() -> None:
    odd = trail_call(START + MINUTE, "StopLogging", size=float("nan"))
    document = verify(filled(extra=[odd]), events=True).notable
    assert document is not None
    assert document["counts"] == {"trail_changed": 1}
    assert "unread" not in document["source"]


def test_log_files_that_cannot_be_read_are_counted() -> None:
    bucket = filled()
    bucket.change(bucket.log_keys()[20], gzip.compress(b"no records"))
    document = verify(bucket, events=True).notable
    assert document is not None
    assert document["source"]["unread"] == 1
