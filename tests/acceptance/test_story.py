"""Everything that happened in the demo account in October 2026 can be read in its report, with the evidence for it."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.acceptance.conftest import Pack, squeezed

ATTACKER = "203.0.113.66"


def event(pack: Pack, name: str, **fields: str) -> Mapping[str, Any]:
    """Return the one row of notable events with that name and those fields."""
    rows = [row for document in pack.results["events"] for row in document["rows"]]
    found = [
        row
        for row in rows
        if row["event_name"] == name and all(str(row[key]).startswith(value) for key, value in fields.items())
    ]
    assert len(found) == 1, [row for row in rows if row["event_name"] == name]
    one: Mapping[str, Any] = found[0]
    return one


@pytest.mark.parametrize(
    ("name", "fields", "shown"),
    [
        pytest.param("ConsoleLogin", {"event_time": "2026-10-06T09:14:22"}, "198.51.100.23", id="root-sign-in"),
        pytest.param("ConsoleLogin", {"event_time": "2026-10-08T07:58:10"}, "bob.tanaka", id="sign-in-without-mfa"),
        pytest.param("ConsoleLogin", {"event_time": "2026-10-19T18:21:07"}, "dave.okafor", id="failed-sign-in"),
        pytest.param("DeleteBucket", {}, "northwind-ledger-exports-2025", id="bucket-deleted"),
        pytest.param("PutBucketPolicy", {}, "northwind-ledger-statements", id="bucket-policy-changed"),
        pytest.param("AuthorizeSecurityGroupIngress", {"region": "eu-c"}, "sg-0b45710e5a11ed9e4", id="port-22-opened"),
        pytest.param("RevokeSecurityGroupIngress", {}, "sg-remediator", id="port-22-closed"),
        pytest.param("ScheduleKeyDeletion", {}, "7d3f1c52-4b0a-4e6e-9c1d-2f5a8e6b9d10", id="key-deletion"),
        pytest.param("StopLogging", {}, ATTACKER, id="logging-stopped"),
        pytest.param("StartLogging", {}, "alice.meyer", id="logging-started"),
    ],
)
def test_an_event_is_told_with_who_when_and_from_where(
    pack: Pack, name: str, fields: Mapping[str, str], shown: str
) -> None:
    row = event(pack, name, **fields)
    assert row["actor"]
    assert row["source_ip"]
    assert row["log_file"]
    for text in (pack.page, pack.paper):
        assert squeezed(name) in text
        assert squeezed(shown) in text


def test_the_opened_port_was_closed_four_minutes_later_by_the_function(pack: Pack) -> None:
    opened = event(pack, "AuthorizeSecurityGroupIngress", region="eu-central-1")
    closed = event(pack, "RevokeSecurityGroupIngress")
    assert opened["event_time"] == "2026-10-21T14:02:11Z"
    assert opened["closing_event"] == closed["event_id"]
    assert closed["event_time"] == "2026-10-21T14:06:13Z"
    assert "sg-remediator-role" in closed["actor"]


def test_two_openings_are_followed_step_by_step(pack: Pack) -> None:
    (document,) = pack.results["opened"]
    told = [[(step["state"], step["seconds"]) for step in item["steps"]] for item in document["openings"]]
    nothing = ("missing", None)
    assert told == [
        [("seen", 0), ("seen", None), ("seen", None), ("seen", 242), ("seen", 73.412)],
        [("seen", 0), nothing, nothing, nothing, nothing],
    ]
    first, _ = document["openings"]
    assert "sgr-02b5e1f7c9a84d063" in first["steps"][3]["why"]
    for text in (pack.page, pack.paper):
        assert squeezed("242 s") in text
        assert squeezed("no call ended it until the end of the period") in text


STATES = {
    "monitor-unauthorized-api-calls": "PASS",
    "monitor-console-signin-no-mfa": "PASS",
    "monitor-root-usage": "PASS",
    "monitor-config-changes": "PASS",
    "monitor-nacl-changes": "PASS",
    "monitor-route-table-changes": "PASS",
    "monitor-iam-policy-changes": "PASS",
    "monitor-s3-bucket-policy-changes": "PASS",
    "monitor-cloudtrail-changes": "FAIL",
    "monitor-console-auth-failures": "FAIL",
    "monitor-kms-key-disable-or-delete": "FAIL",
    "monitor-vpc-changes": "FAIL",
    "monitor-network-gateway-changes": "FAIL",
    "iam-root-not-used": "FAIL",
    "iam-user-console-mfa": "FAIL",
    "iam-access-key-rotation-90d": "FAIL",
    "iam-credentials-unused-45d": "FAIL",
    "iam-password-min-length": "FAIL",
    "account-security-contact": "FAIL",
    "kms-key-rotation": "FAIL",
    "s3-object-read-logging": "FAIL",
    "s3-object-write-logging": "PASS",
    "cloudtrail-multi-region-trail": "PASS",
    "cloudtrail-log-file-validation": "PASS",
    "cloudtrail-bucket-access-logging": "PASS",
}


@pytest.mark.parametrize("name", STATES)
def test_a_control_of_the_demo_account_comes_out_as_planted(pack: Pack, name: str) -> None:
    control = pack.control(name)
    assert control["state"] == STATES[name], [result["reason"] for result in control["results"]]
    title = squeezed(control["title"])
    assert title in pack.page
    assert title in pack.paper or squeezed(name) in pack.paper, "a title of two lines stands between other columns"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("monitor-cloudtrail-changes", ("DeleteTrail", "DeleteTrial"), id="misspelt-event-name"),
        pytest.param("monitor-console-auth-failures", ("ops-digest", "confirmed"), id="no-confirmed-subscriber"),
        pytest.param("monitor-kms-key-disable-or-delete", ("disabled",), id="disabled-alarm"),
        pytest.param("monitor-s3-bucket-policy-changes", ("security-alerts",), id="through-a-composite-alarm"),
    ],
)
def test_an_alarm_defect_is_explained(pack: Pack, name: str, words: tuple[str, ...]) -> None:
    (result,) = [item for item in pack.control(name)["results"] if item["resource"]][:1]
    text = f"{result['reason']} {result['details']}"
    for word in words:
        assert word in text
        assert word in pack.page
        assert word in pack.paper


def test_security_group_changes_differ_by_edition(pack: Pack) -> None:
    by_edition = {
        edition: result["state"]
        for result in pack.control("monitor-security-group-changes")["results"]
        for edition in result["frameworks"]
    }
    assert by_edition == {"cis-aws-3.0.0": "PASS", "cis-aws-5.0.0": "FAIL"}


@pytest.mark.parametrize("name", ["bob.tanaka", "dave.okafor", "frank.mueller"])
def test_users_without_mfa_are_named(pack: Pack, name: str) -> None:
    failed = [item["resource"] for item in pack.control("iam-user-console-mfa")["results"] if item["state"] == "FAIL"]
    assert any(name in resource for resource in failed)
    assert name in pack.page
    assert name in pack.paper


def test_the_answer_names_the_pack_the_headline_and_the_true_exit_code(pack: Pack) -> None:
    assert pack.answer["exit_code"] == 4
    assert pack.answer["headline"] == pack.results["headline"]
    assert pack.answer["counts"] == pack.results["counts"]
