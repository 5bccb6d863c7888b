"""The SQL answers what plain Python answers, on random events."""

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.events.filters import Filters

from . import reference
from .kit import OCTOBER, asked, ids, log, store_of

_CALLS = [
    *(("s3", name) for name in ("DeleteBucket", "DeleteObject", "PutBucketPolicy", "PutBucketAcl", "GetObject")),
    *(("signin", name) for name in ("ConsoleLogin", "CheckMfa")),
    *(("ec2", name) for name in ("CreateVpc", "DeleteFlowLogs", "AuthorizeSecurityGroupIngress", "DescribeVpcs")),
    *(("kms", name) for name in ("ScheduleKeyDeletion", "PutKeyPolicy", "Decrypt")),
    *(("monitoring", name) for name in ("DeleteAlarms", "SetAlarmState", "DescribeAlarms")),
    *(("organizations", name) for name in ("LeaveOrganization", "ListAccounts", "DetachPolicy")),
    *(("cloudtrail", name) for name in ("StopLogging", "UpdateTrail", "LookupEvents")),
    ("lambda", "GetFunction20150331v2"),
    ("sts", "AssumeRole"),
]
_maybe = st.none()
_identities = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["Root", "IAMUser", "AssumedRole", "AWSService", "AWSAccount", "IdentityCenterUser"])
        | _maybe,
        "arn": st.sampled_from(["arn:aws:iam::111122223333:user/ana", "arn:aws:iam::111122223333:root", ""]) | _maybe,
        "accountId": st.sampled_from(["111122223333", "444455556666", "anonymous"]) | _maybe,
        "principalId": st.sampled_from(["AROA1:ana", "AIDA1", "ANONYMOUS_PRINCIPAL", "AROA1:ben"]) | _maybe,
        "userName": st.sampled_from(["ana", "ben"]) | _maybe,
        "accessKeyId": st.sampled_from(["AKIA1", "ASIA1", ""]) | _maybe,
        "invokedBy": st.sampled_from(["config.amazonaws.com"]) | _maybe,
        "onBehalfOf": st.sampled_from([{"userId": "ana"}, {}]) | _maybe,
        "sessionContext": st.sampled_from(
            [{}, {"assumedRoot": "true"}, {"sourceIdentity": "ana"}, {"sessionIssuer": {"userName": "ana"}}]
        )
        | _maybe,
    },
)
_records = st.builds(
    lambda name, base, identity: {
        "eventSource": f"{name[0]}.amazonaws.com",
        "eventName": name[1],
        **({} if identity == "absent" else {"userIdentity": identity}),
        **base,
    },
    st.sampled_from(_CALLS),
    st.fixed_dictionaries(
        {
            "eventTime": st.sampled_from(["2026-10-05T13:06:24Z", "2026-10-31T23:59:59Z", "2026-11-01T00:00:00Z"]),
            "recipientAccountId": st.sampled_from(["111122223333", "444455556666"]),
        },
        optional={
            "errorCode": st.sampled_from(["AccessDenied", "Client.UnauthorizedOperation", "Throttling", "accessdenied"])
            | _maybe,
            "errorMessage": st.sampled_from(["Failed authentication"]) | _maybe,
            "readOnly": st.sampled_from([True, False, "true", "false", "x"]) | _maybe,
            "eventType": st.sampled_from(["AwsApiCall", "AwsServiceEvent", "AwsConsoleSignIn", "AwsVpceEvent"]),
            "eventCategory": st.sampled_from(["Management", "Data", "NetworkActivity", "Insight"]) | _maybe,
            "responseElements": st.sampled_from([{"ConsoleLogin": "Failure"}, {"ConsoleLogin": "Success"}, {}])
            | _maybe,
        },
    ),
    _identities | _maybe | st.just("absent"),
)


def _in_october(record: dict[str, Any]) -> bool:
    return str(record["eventTime"]) < "2026-11"


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_records, min_size=30, max_size=120))
def test_the_sql_answers_what_plain_python_answers(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[dict[str, Any]]
) -> None:
    records = [record | {"eventID": f"e{number:03d}"} for number, record in enumerate(drawn)]
    store = store_of(tmp_path_factory.mktemp("random") / "store", log(json.dumps({"Records": records}).encode()))
    inside = [record for record in records if _in_october(record)]
    for name, belongs in reference.LISTED.items():
        given_: dict[str, str] = {"who": "ana"} if name == "timeline" else {}
        expected = sorted(str(record["eventID"]) for record in inside if belongs(record))
        assert sorted(ids(asked(store, name, OCTOBER, None, **given_))) == expected, name
    for name, (group, columns) in reference.GROUPED.items():
        expected_groups = Counter(found for record in inside if (found := group(record)) is not None)
        found_groups: Counter[tuple[Any, ...]] = Counter()
        for row in asked(store, name).rows:
            found_groups[tuple(row[column] for column in columns)] += row["calls"]
        assert found_groups == expected_groups, name


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_records, min_size=20, max_size=80))
def test_errors_and_users_are_filtered_as_plain_python_does(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[dict[str, Any]]
) -> None:
    records = [record | {"eventID": f"e{number:03d}"} for number, record in enumerate(drawn)]
    store = store_of(tmp_path_factory.mktemp("random") / "store", log(json.dumps({"Records": records}).encode()))
    inside = [record for record in records if _in_october(record)]
    only = [str(record["eventID"]) for record in inside if not reference.succeeded(record)]
    assert sorted(ids(asked(store, "who-did", OCTOBER, Filters(errors="only")))) == only
    without = [str(record["eventID"]) for record in inside if reference.succeeded(record)]
    assert sorted(ids(asked(store, "who-did", OCTOBER, Filters(errors="without")))) == without
