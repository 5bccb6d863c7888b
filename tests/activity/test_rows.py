"""Notable records are recognised by meaning; hostile ones are survived."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.activity.calls import MOST_NAMED, few_of, names_in, resource_of
from auditor.activity.effects import Effect
from auditor.activity.noted import notable_document
from auditor.activity.openings import pair_ports
from auditor.activity.rows import Row, notable, notable_row
from auditor.base.canonical import canonical_json
from auditor.trail.explain import trail_event
from tests.trail.bucket import ACCOUNT, START, record, scope, trail_call
from tests.trail.scenarios import MINUTE

ROOT: dict[str, Any] = {"type": "Root", "arn": f"arn:aws:iam::{ACCOUNT}:root"}
ROLE = {"type": "AssumedRole", "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s"}


def sign_in(**fields: Any) -> dict[str, Any]:
    base = {"eventName": "ConsoleLogin", "eventSource": "signin.amazonaws.com", "eventType": "AwsConsoleSignIn"}
    return record(START, 1, **(base | {"responseElements": {"ConsoleLogin": "Success"}} | fields))


def call(source: str, name: str, **fields: Any) -> dict[str, Any]:
    return record(START, 2, eventSource=f"{source}.amazonaws.com", eventName=name, **fields)


def ingress(
    name: str, permission: dict[str, Any], at: Any = START, group: str = "sg-1", **fields: Any
) -> dict[str, Any]:
    parameters = {"groupId": group, "ipPermissions": {"items": [permission]}}
    return record(
        at, int(at.timestamp()), eventSource="ec2.amazonaws.com", eventName=name, requestParameters=parameters, **fields
    )


def open_to(address: str, first: int = 22, last: int = 22, protocol: str = "tcp") -> dict[str, Any]:
    key, ranges = ("cidrIpv6", "ipv6Ranges") if ":" in address else ("cidrIp", "ipRanges")
    return {"ipProtocol": protocol, "fromPort": first, "toPort": last, ranges: {"items": [{key: address}]}}


@pytest.mark.parametrize(
    ("given_record", "expected"),
    [
        pytest.param(record(START, 0), None, id="plain-read"),
        pytest.param(trail_call(START, "StopLogging"), "trail_changed", id="stop-logging"),
        pytest.param(trail_call(START, "PutEventSelectors"), "trail_changed", id="event-selectors"),
        pytest.param(sign_in(userIdentity=ROOT), "root_sign_in", id="root-console"),
        pytest.param(
            sign_in(userIdentity=ROOT, additionalEventData={"MFAUsed": "Yes"}), "root_sign_in", id="root-with-mfa"
        ),
        pytest.param(call("s3", "ListBuckets", userIdentity=ROOT), "root_call", id="root-api"),
        pytest.param(
            call("s3", "ListBuckets", userIdentity=ROOT, eventType="AwsServiceEvent"), None, id="root-service-event"
        ),
        pytest.param(
            call("s3", "ListBuckets", userIdentity=ROOT | {"invokedBy": "config.amazonaws.com"}), None, id="root-by-aws"
        ),
        pytest.param(
            ingress("AuthorizeSecurityGroupIngress", open_to("0.0.0.0/0", 443, 443), userIdentity=ROOT),
            "root_call",
            id="root-opens-another-port",
        ),
        pytest.param(sign_in(additionalEventData={"MFAUsed": "No"}), "sign_in_without_mfa", id="no-mfa"),
        pytest.param(sign_in(additionalEventData={"MFAUsed": "Yes"}), None, id="with-mfa"),
        pytest.param(sign_in(), "sign_in_without_mfa", id="mfa-not-stated"),
        pytest.param(
            sign_in(userIdentity=ROLE, additionalEventData={"MFAUsed": "No"}), "sign_in_federated", id="federated"
        ),
        pytest.param(
            sign_in(responseElements={"ConsoleLogin": "Failure"}, errorMessage="Failed authentication"),
            "sign_in_failed",
            id="failed",
        ),
        pytest.param(call("s3", "DeleteBucket"), "bucket_deleted", id="bucket-deleted"),
        pytest.param(call("s3", "PutBucketPolicy"), "bucket_changed", id="bucket-policy"),
        pytest.param(call("kms", "ScheduleKeyDeletion"), "key_disabled", id="key-deletion"),
        pytest.param(call("monitoring", "DeleteAlarms"), "alarm_changed", id="alarms-deleted"),
        pytest.param(call("sns", "Unsubscribe"), "notice_removed", id="unsubscribed"),
        pytest.param(call("evil", "DeleteBucket"), None, id="right-name-wrong-service"),
        pytest.param(ingress("AuthorizeSecurityGroupIngress", open_to("0.0.0.0/0")), "port_opened", id="ssh-to-all"),
        pytest.param(
            ingress("AuthorizeSecurityGroupIngress", open_to("::/0", 3389, 3389)), "port_opened", id="rdp-to-all-v6"
        ),
        pytest.param(
            ingress("AuthorizeSecurityGroupIngress", open_to("0.0.0.0/0", 0, 65535)), "port_opened", id="all-ports"
        ),
        pytest.param(
            ingress("AuthorizeSecurityGroupIngress", open_to("0.0.0.0/0", -1, -1, "-1")),
            "port_opened",
            id="any-protocol",
        ),
        pytest.param(ingress("AuthorizeSecurityGroupIngress", open_to("10.0.0.0/8")), None, id="private-range"),
        pytest.param(ingress("AuthorizeSecurityGroupIngress", open_to("0.0.0.0/0", 443, 443)), None, id="https"),
        pytest.param(ingress("RevokeSecurityGroupIngress", open_to("0.0.0.0/0")), "port_closed", id="closed"),
        pytest.param(
            call(
                "ec2",
                "AuthorizeSecurityGroupIngress",
                requestParameters={
                    "groupId": "sg-1",
                    "ipProtocol": "tcp",
                    "fromPort": 22,
                    "toPort": 22,
                    "cidrIp": "0.0.0.0/0",
                },
            ),
            "port_opened",
            id="short-form",
        ),
        pytest.param(
            call(
                "ec2",
                "ModifySecurityGroupRules",
                requestParameters={
                    "ModifySecurityGroupRulesRequest": {
                        "GroupId": "sg-1",
                        "SecurityGroupRule": {
                            "SecurityGroupRule": {
                                "IpProtocol": "tcp",
                                "FromPort": 22,
                                "ToPort": 22,
                                "CidrIpv4": "0.0.0.0/0",
                            }
                        },
                    }
                },
            ),
            "port_opened",
            id="modified-rule",
        ),
    ],
)
def test_records_are_recognised(given_record: dict[str, Any], expected: str | None) -> None:
    assert notable(given_record) == expected


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_NAMES = st.sampled_from(
    [
        "ConsoleLogin",
        "AuthorizeSecurityGroupIngress",
        "ModifySecurityGroupRules",
        "RevokeSecurityGroupIngress",
        "StopLogging",
        "DeleteBucket",
    ]
)
_SOURCES = st.sampled_from(
    ["signin.amazonaws.com", "ec2.amazonaws.com", "cloudtrail.amazonaws.com", "s3.amazonaws.com"]
)


@given(_JSON, _NAMES, _SOURCES, _JSON, _JSON, st.sampled_from(["2026-10-05T00:00:00Z", "", "9999999"]))
def test_no_record_whatever_breaks_the_reader(
    anything: Any, name: str, source: str, parameters: Any, identity: Any, moment: str
) -> None:
    hostile = {
        "eventName": name,
        "eventSource": source,
        "eventTime": moment,
        "requestParameters": parameters,
        "userIdentity": identity,
        "additionalEventData": anything,
        "responseElements": anything,
        "resources": anything,
        "eventID": anything,
    }
    for value in (anything, hostile, {"eventName": anything, "eventSource": anything}):
        row = notable_row(value)
        trail_event(value, scope().means)
        if row is not None:
            canonical_json(notable_document([row], {}, log_files=1, records=1))


def test_hostile_text_comes_out_short_and_on_one_line() -> None:
    row = notable_row(call("s3", "DeleteBucket", userAgent="a\n\x1b[31m\u202e" + "x" * 10_000))
    assert row is not None
    assert len(row.user_agent) < 400
    assert row.user_agent.isprintable()


def rows(*records_: dict[str, Any]) -> list[Row]:
    return [row for item in records_ if (row := notable_row(item, log_file="k", verified=True)) is not None]


def test_an_opened_port_is_paired_with_the_call_that_closed_it() -> None:
    found = rows(
        ingress("RevokeSecurityGroupIngress", open_to("0.0.0.0/0"), START + 4 * MINUTE, userIdentity=ROLE),
        ingress("AuthorizeSecurityGroupIngress", open_to("0.0.0.0/0")),
        ingress("AuthorizeSecurityGroupIngress", open_to("0.0.0.0/0"), START + MINUTE, group="sg-2"),
    )
    document = notable_document(found, {}, log_files=1, records=3)
    opened = {row["resource"]: row for row in document["rows"] if row["kind"] == "port_opened"}
    assert (opened["sg-1"]["minutes_open"], opened["sg-1"]["closed_by"]) == (4.0, ROLE["arn"])
    assert opened["sg-2"]["closed_at"] is None


def opened(*records_: dict[str, Any]) -> list[float | None]:
    """Return how long each opening lasted."""
    document = notable_document(rows(*records_), {}, log_files=1, records=len(records_))
    return [row["minutes_open"] for row in document["rows"] if row["kind"] == "port_opened"]


def test_closing_one_ip_version_leaves_the_other_open() -> None:
    one, other = open_to("0.0.0.0/0"), open_to("::/0")
    found = opened(
        ingress("AuthorizeSecurityGroupIngress", one),
        ingress("AuthorizeSecurityGroupIngress", other, START + MINUTE),
        ingress("RevokeSecurityGroupIngress", one, START + 3 * MINUTE),
    )
    assert found == [3.0, None]


def test_an_opening_ends_with_its_last_rule() -> None:
    both = open_to("0.0.0.0/0") | {"ipv6Ranges": {"items": [{"cidrIpv6": "::/0"}]}}
    found = opened(
        ingress("AuthorizeSecurityGroupIngress", both),
        ingress("RevokeSecurityGroupIngress", open_to("0.0.0.0/0"), START + MINUTE),
        ingress("RevokeSecurityGroupIngress", open_to("::/0"), START + 5 * MINUTE),
    )
    assert found == [5.0]


@pytest.mark.parametrize(
    "closed",
    [
        pytest.param(open_to("0.0.0.0/0", protocol="udp"), id="another-protocol"),
        pytest.param(open_to("0.0.0.0/0", 22, 3389), id="other-ports"),
        pytest.param({**open_to("0.0.0.0/0"), "ipProtocol": "-1"}, id="all-traffic"),
    ],
)
def test_a_call_closes_only_the_rule_that_it_names(closed: dict[str, Any]) -> None:
    found = opened(
        ingress("AuthorizeSecurityGroupIngress", open_to("0.0.0.0/0")),
        ingress("RevokeSecurityGroupIngress", closed, START + MINUTE),
    )
    assert found == [None]


TO_ALL = {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIpv4": "0.0.0.0/0"}


def ruled(name: str, parameters: Any, answer: Any = None, at: Any = START, **fields: Any) -> dict[str, Any]:
    asked = {"groupId": "sg-1", **parameters} if isinstance(parameters, dict) else parameters
    return record(
        at,
        int(at.timestamp()),
        eventSource="ec2.amazonaws.com",
        eventName=name,
        requestParameters=asked,
        responseElements=answer,
        **fields,
    )


def authorized(known: str = "sgr-1", at: Any = START, **rule: Any) -> dict[str, Any]:
    """A call that opened a port, with the answer in which EC2 tells the rule's id."""
    made = {**TO_ALL, **rule, "groupId": "sg-1", "isEgress": False, "securityGroupRuleId": known}
    ranges = {"ipRanges": {"items": [{"cidrIp": made["cidrIpv4"]}]}, "ipv6Ranges": {}}
    asked = {name: made[name] for name in ("ipProtocol", "fromPort", "toPort")} | ranges
    return ruled(
        "AuthorizeSecurityGroupIngress",
        {"ipPermissions": {"items": [asked]}},
        {"_return": True, "securityGroupRuleSet": {"items": [made]}},
        at,
    )


def revoked(ids: Any, answer: Any = None, minutes: int = 4, **fields: Any) -> dict[str, Any]:
    named = {"securityGroupRuleIds": ids}
    return ruled("RevokeSecurityGroupIngress", named, answer or {"_return": True}, START + minutes * MINUTE, **fields)


def modified(known: Any, rule: Any, minutes: int = 2, **fields: Any) -> dict[str, Any]:
    change = {"SecurityGroupRuleId": known, "tag": 1, "SecurityGroupRule": rule}
    request = {"ModifySecurityGroupRulesRequest": {"GroupId": "sg-1", "SecurityGroupRule": change}}
    return record(
        START + minutes * MINUTE,
        minutes,
        eventSource="ec2.amazonaws.com",
        eventName="ModifySecurityGroupRules",
        requestParameters=request,
        **fields,
    )


BY_ID = {"items": [{"securityGroupRuleId": "sgr-1"}]}


@pytest.mark.parametrize(
    "closing",
    [
        pytest.param(revoked(BY_ID), id="items"),
        pytest.param(revoked(["sgr-1"]), id="list"),
        pytest.param(revoked({"items": ["sgr-2", "sgr-1"]}), id="items-of-text"),
        pytest.param(
            ruled(
                "RevokeSecurityGroupIngress",
                {},
                {"revokedSecurityGroupRuleSet": {"items": [{"securityGroupRuleId": "sgr-1"}]}},
                START + 4 * MINUTE,
            ),
            id="answer-alone",
        ),
        pytest.param(ingress("RevokeSecurityGroupIngress", open_to("0.0.0.0/0"), START + 4 * MINUTE), id="by-form"),
        pytest.param(modified("sgr-1", {"CidrIpv4": "10.0.0.0/8", "IpProtocol": "-1"}, 4), id="narrowed"),
        pytest.param(modified("sgr-1", {"ReferencedGroupId": "sg-2", "IpProtocol": "-1"}, 4), id="for-a-group"),
        pytest.param(
            modified("sgr-1", {"CidrIpv4": "0.0.0.0/0", "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}, 4),
            id="another-port",
        ),
        pytest.param(revoked(BY_ID, userIdentity=ROOT), id="by-root"),
    ],
)
def test_a_rule_is_closed_by_its_id(closing: dict[str, Any]) -> None:
    assert opened(authorized(), closing) == [4.0]


@pytest.mark.parametrize(
    "closing",
    [
        pytest.param(revoked({"items": [{"securityGroupRuleId": "sgr-2"}]}), id="another-rule"),
        pytest.param(revoked(BY_ID, errorCode="UnauthorizedOperation"), id="refused"),
        pytest.param(revoked({"item": {"securityGroupRuleId": "sgr-1"}}), id="unknown-shape"),
        pytest.param(revoked("sgr-1"), id="text"),
        pytest.param(revoked({"items": [["sgr-1"], {"securityGroupRuleId": ["sgr-1"]}, None]}), id="hostile"),
        pytest.param(revoked(BY_ID) | {"eventName": "RevokeSecurityGroupEgress"}, id="another-call"),
        pytest.param(revoked(BY_ID) | {"eventSource": "vpc.example.com"}, id="another-service"),
        pytest.param(
            ruled("RevokeSecurityGroupIngress", {"groupId": "sg-2", "securityGroupRuleIds": BY_ID}), id="another-group"
        ),
        pytest.param(modified("sgr-1", None), id="changed-to-nothing"),
        pytest.param(modified("sgr-1", {"Description": "x"}), id="description"),
        pytest.param(modified("sgr-1", {"CidrIpv4": "anywhere", "IpProtocol": ["tcp"]}), id="no-network"),
        pytest.param(modified("sgr-1", {"CidrIpv4": "0.0.0.0/0", "IpProtocol": "tcp"}), id="no-ports"),
        pytest.param(
            modified("sgr-1", {"CidrIpv4": "0.0.0.0/0", "IpProtocol": "tcp", "FromPort": True, "ToPort": True}),
            id="ports-of-tomorrow",
        ),
        pytest.param(
            modified("sgr-1", {"CidrIpv4": "10.0.0.0/8", "CidrIpv6": "::/0", "IpProtocol": {}}), id="half-narrowed"
        ),
        pytest.param(modified("sgr-1", {"CidrIpv4": "10.0.0.0/8"}, errorCode="Client.Unknown"), id="change-refused"),
        pytest.param(modified(["sgr-1"], {"CidrIpv4": "10.0.0.0/8"}), id="no-id"),
    ],
)
def test_what_does_not_surely_name_the_rule_closes_nothing(closing: dict[str, Any]) -> None:
    assert opened(authorized(), closing) == [None]


def test_a_changed_rule_stays_open_until_its_id_is_closed() -> None:
    wider = {"CidrIpv4": "0.0.0.0/0", "IpProtocol": "tcp", "FromPort": 20, "ToPort": 30}
    assert opened(authorized(), modified("sgr-1", wider, 50)) == [None, None]
    assert opened(authorized(), modified("sgr-1", wider, 50), revoked(BY_ID, minutes=90)) == [90.0, 40.0]


def test_an_old_form_of_a_rule_does_not_close_its_namesake() -> None:
    elsewhere = {"CidrIpv4": "0.0.0.0/0", "IpProtocol": "tcp", "FromPort": 3389, "ToPort": 3389}
    again = authorized("sgr-2", START + 3 * MINUTE)
    assert opened(authorized(), modified("sgr-1", elsewhere), again, revoked(BY_ID)) == [4.0, 2.0, None]


def test_all_traffic_is_one_rule_with_and_without_port_numbers() -> None:
    everything = {"ipProtocol": "-1", "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}}
    found = opened(
        ingress("AuthorizeSecurityGroupIngress", everything),
        ingress("RevokeSecurityGroupIngress", open_to("0.0.0.0/0", -1, -1, "-1"), START + MINUTE),
    )
    assert found == [1.0]


def test_only_ids_of_open_rules_make_a_row() -> None:
    records = (authorized(), revoked({"items": ["sgr-7"]}, minutes=1), revoked(BY_ID, userIdentity=ROLE))
    document = notable_document(rows(*records), {}, log_files=1, records=len(records))
    assert [(row["kind"], row["summary"]) for row in document["rows"][1:]] == [
        ("port_closed", f"{ROLE['arn']} closed port 22 of sg-1 for everybody.")
    ]


def test_the_root_user_is_named_whatever_id_it_closes() -> None:
    document = notable_document(rows(revoked(["sgr-7"], userIdentity=ROOT)), {}, log_files=1, records=1)
    assert document["counts"] == {"root_call": 1}


def test_groups_without_an_id_are_not_taken_for_each_other() -> None:
    found = opened(
        ingress("AuthorizeSecurityGroupIngress", open_to("0.0.0.0/0"), group=""),
        ingress("RevokeSecurityGroupIngress", open_to("0.0.0.0/0"), START + MINUTE, group=""),
    )
    assert found == [None]


def test_halves_of_the_internet_open_a_port_together_and_one_closes_it() -> None:
    found = opened(
        ingress("AuthorizeSecurityGroupIngress", open_to("0.0.0.0/1")),
        ingress("AuthorizeSecurityGroupIngress", open_to("128.0.0.0/1"), START + MINUTE),
        ingress("RevokeSecurityGroupIngress", open_to("0.0.0.0/1"), START + 6 * MINUTE),
    )
    assert found == [5.0]


def test_a_group_that_is_deleted_is_open_no_more() -> None:
    gone = ruled("DeleteSecurityGroup", {"groupId": "sg-1"}, {"_return": True}, START + 7 * MINUTE)
    assert opened(ingress("AuthorizeSecurityGroupIngress", open_to("0.0.0.0/0")), gone) == [7.0]
    assert rows(gone)
    assert notable_document(rows(gone), {}, log_files=1, records=1)["rows"] == []


def test_protocols_by_number_and_by_name_are_the_same() -> None:
    found = opened(
        ingress("AuthorizeSecurityGroupIngress", open_to("0.0.0.0/0", protocol="6")),
        ingress("RevokeSecurityGroupIngress", open_to("0.0.0.0/0"), START + 3 * MINUTE),
    )
    assert found == [3.0]


def test_the_copy_of_a_call_in_network_activity_counts_once() -> None:
    told = trail_call(START, "UpdateTrail")
    copy = told | {"eventID": "other", "eventType": "AwsVpceEvent", "eventCategory": "NetworkActivity"}
    assert len(rows(told, copy)) == 1
    assert trail_event(copy, scope().means) is None


def test_a_refused_closing_closes_nothing() -> None:
    found = rows(
        ingress("AuthorizeSecurityGroupIngress", open_to("0.0.0.0/0")),
        ingress("RevokeSecurityGroupIngress", open_to("0.0.0.0/0"), START + MINUTE, errorCode="UnauthorizedOperation"),
    )
    document = notable_document(found, {}, log_files=1, records=2)
    assert document["rows"][0]["closed_at"] is None
    assert document["rows"][1]["outcome"] == "UnauthorizedOperation"


def test_a_record_in_two_log_files_counts_once_and_as_verified() -> None:
    twice = call("s3", "DeleteBucket")
    found = [notable_row(twice, log_file="a"), notable_row(twice, log_file="b", verified=True)]
    document = notable_document([row for row in found if row is not None], {}, log_files=2, records=2)
    assert [(row["log_file"], row["verified"]) for row in document["rows"]] == [("b", True)]


def test_rows_beyond_the_limit_are_counted() -> None:
    found = [
        row
        for step in range(9)
        if (row := notable_row(call("s3", "DeleteBucket") | {"eventID": str(step)})) is not None
    ]
    document = notable_document(found, {}, log_files=1, records=9, limit=4)
    assert (len(document["rows"]), document["omitted"], document["counts"]) == (4, 5, {"bucket_deleted": 9})


LISTED = {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "prefixListIds": {"items": [{"prefixListId": "pl-1"}]}}
BY_ROOT: dict[str, Any] = {"userIdentity": {"type": "Root"}}
OMITTED = {"omitted": True, "originalSize": 204800}
NOT_THERE = "the request is not in the record"


def asked(*permissions: Any) -> dict[str, Any]:
    return {"groupId": "sg-1", "ipPermissions": {"items": list(permissions)}}


@pytest.mark.parametrize("who", [{}, BY_ROOT])
@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [
        ("AuthorizeSecurityGroupIngress", asked(LISTED), "pl-1"),
        ("AuthorizeSecurityGroupIngress", None, NOT_THERE),
        (
            "AuthorizeSecurityGroupIngress",
            {"omitted": True, "originalSize": 204800},
            "the request is not in the record",
        ),
        ("ModifySecurityGroupRules", OMITTED, NOT_THERE),
        (
            "ModifySecurityGroupRules",
            {
                "ModifySecurityGroupRulesRequest": {
                    "GroupId": "sg-1",
                    "SecurityGroupRule": {
                        "SecurityGroupRuleId": "sgr-1",
                        "SecurityGroupRule": {
                            "IpProtocol": "tcp",
                            "FromPort": 22,
                            "ToPort": 22,
                            "PrefixListId": "pl-2",
                        },
                    },
                }
            },
            "pl-2",
        ),
    ],
)
def test_an_opening_that_the_record_does_not_tell_in_full_is_kept_as_open(
    name: str, parameters: Any, words: str, who: dict[str, Any]
) -> None:
    (row,) = pair_ports(rows(ruled(name, parameters, **who)))
    assert (row.kind, row.ports, row.effect.effect) == ("port_opened", (), Effect.OPEN)
    assert words in row.effect.words


def test_a_prefix_list_on_another_port_opens_no_administration_port() -> None:
    assert (
        pair_ports(rows(ruled("AuthorizeSecurityGroupIngress", asked(LISTED | {"fromPort": 443, "toPort": 443})))) == []
    )


def test_an_opening_beside_a_prefix_list_is_an_opening() -> None:
    both = asked(LISTED | {"ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}})
    (row,) = pair_ports(rows(ruled("AuthorizeSecurityGroupIngress", both)))
    assert (row.ports, row.effect.effect) == ((22,), Effect.HARMLESS)


def test_halves_that_root_lets_in_are_an_opening_by_root() -> None:
    half = {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22}
    halves = [
        ruled(
            "AuthorizeSecurityGroupIngress",
            asked(half | {"ipRanges": {"items": [{"cidrIp": cidr}]}}),
            **BY_ROOT,
            eventID=cidr,
        )
        for cidr in ("0.0.0.0/1", "128.0.0.0/1")
    ]
    assert sorted((row.kind, row.ports, row.by_root) for row in pair_ports(rows(*halves))) == [
        ("port_opened", (22,), True),
        ("root_call", (), True),
    ]


@pytest.mark.parametrize(
    ("answer", "closes"),
    [
        ({"_return": True}, True),
        ({"_return": False}, False),
        ({"_return": True, "unknownIpPermissionSet": {"items": [LISTED]}}, False),
    ],
)
def test_ec2_says_which_rules_it_did_not_know(answer: Any, closes: bool) -> None:
    everybody = asked(
        {"ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]}}
    )
    first = ruled("AuthorizeSecurityGroupIngress", everybody, eventID="1")
    last = ruled("RevokeSecurityGroupIngress", everybody, answer, START + timedelta(minutes=4), eventID="2")
    opening = next(row for row in pair_ports(rows(first, last)) if row.kind == "port_opened")
    assert (opening.closed_at is not None) is closes


@given(st.lists(st.text("ab-", min_size=1, max_size=40), min_size=1, max_size=MOST_NAMED + 9, unique=True))
def test_all_things_of_a_call_are_named_or_it_is_said_how_many_more(names: list[str]) -> None:
    told = resource_of(call("monitoring", "DeleteAlarms", requestParameters={"alarmNames": names}))
    assert names_in(told) == (tuple(names[:MOST_NAMED]), len(names) > MOST_NAMED)
    few = few_of(told)
    assert few == told if len(names) <= 3 else few.endswith(f", {names[2]} and {len(names) - 3} more")


@pytest.mark.parametrize(
    "named", [None, "", [], [None], {"items": []}, {"items": [{"FlowLogId": {}}]}, [[[[[["deep"]]]]]], 5, [5, {"x": 1}]]
)
def test_what_names_nothing_is_about_nothing(named: Any) -> None:
    record_ = call("ec2", "DeleteFlowLogs", requestParameters={"DeleteFlowLogsRequest": {"FlowLogId": named}})
    assert names_in(resource_of(record_)) == ((), False)
