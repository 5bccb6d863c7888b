"""Who calls: every kind of identity is part of the model, and no event is shown that CloudTrail could not write."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.monitoring.patterns.callers import (
    FEDERATED,
    IDENTITY_TYPE,
    OTHER_ACCOUNT,
    OWN,
    SERVICE_CALLER,
    SIGNING_IN,
    STS,
    Kind,
    callers_of,
    presence,
    shares,
)
from auditor.monitoring.patterns.judge import Coverage, judge_patterns
from auditor.monitoring.patterns.records import build
from auditor.monitoring.patterns.requirement import Requirement
from tests.monitoring.patterns.catalogue import requirement
from tests.monitoring.patterns.published import PRINTED

REFUSED, ROOT, NO_MFA = "monitor-unauthorized-api-calls", "monitor-root-usage", "monitor-console-signin-no-mfa"
EVERYBODY = callers_of("")


def narrowed(control: str, clause: str) -> Coverage:
    return judge_patterns(requirement(control), [f"{{ ({PRINTED[control].strip('{} ')}) && ({clause}) }}"])


def fields(value: Any, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    if not isinstance(value, dict):
        return {path}
    return {path} | {below for key, part in value.items() for below in fields(part, (*path, key))}


def could_be_written(record: dict[str, Any]) -> bool:
    """Say whether a record has the fields that its caller always has, no field of another one's, and a call of his."""
    kind, who = Kind(record["eventType"]), record["userIdentity"]["type"]
    always, sometimes = presence(who, kind)
    has = fields(record["userIdentity"], ("userIdentity",))
    others = set().union(*(presence(one, kind)[0] | presence(one, kind)[1] for one in (*EVERYBODY, SERVICE_CALLER)))
    if not always <= has or has & (others - always - sometimes):
        return False
    if who in FEDERATED and (record["eventSource"], record["eventName"]) != (STS, FEDERATED[who]):
        return False
    if who == OTHER_ACCOUNT and not shares(record["eventSource"]):
        return False
    provider = "SamlProviderArn" in (record.get("additionalEventData") or {})
    return not provider or (kind is Kind.SIGN_IN and who == "AssumedRole")


@pytest.mark.parametrize("who", [one for one in EVERYBODY if one != "Unknown"])
def test_a_filter_of_refused_calls_that_leaves_one_kind_of_caller_out_misses_its_calls(who: str) -> None:
    found = narrowed(REFUSED, f'$.userIdentity.type != "{who}"')
    assert found.covers is False
    assert found.missed[0].event["userIdentity"]["type"] == who


@pytest.mark.parametrize("who", [*OWN, OTHER_ACCOUNT])
def test_callers_of_other_accounts_count_where_a_service_is_shared(who: str) -> None:
    clause = f'$.userIdentity.type != "{who}"'
    assert narrowed("monitor-s3-bucket-policy-changes", clause).covers is False
    assert narrowed("monitor-cloudtrail-changes", clause).covers is (who == OTHER_ACCOUNT)


@pytest.mark.parametrize(
    ("control", "clause", "covers"),
    [
        pytest.param(ROOT, '$.eventType != "AwsConsoleAction"', False, id="console-actions-of-root"),
        pytest.param(ROOT, '$.eventType = "AwsApiCall" || $.eventType = "AwsConsoleSignIn"', False, id="two-types"),
        pytest.param(ROOT, '$.eventType != "AwsServiceEvent"', True, id="service-events-are-spared"),
        pytest.param(ROOT, "$.userIdentity.identityProvider NOT EXISTS", True, id="root-has-no-provider"),
        pytest.param(REFUSED, "$.userIdentity.identityProvider NOT EXISTS", False, id="others-have"),
        pytest.param(REFUSED, "$.userIdentity.sessionContext NOT EXISTS", False, id="sessions"),
        pytest.param(NO_MFA, "$.additionalEventData.SamlProviderArn NOT EXISTS", True, id="users-have-no-saml"),
        pytest.param(NO_MFA, "$.userIdentity.sessionContext NOT EXISTS", True, id="users-sign-in-without-session"),
        pytest.param(NO_MFA, "$.userIdentity.userName != alice", False, id="one-user-left-out"),
    ],
)
def test_only_fields_and_types_that_such_records_carry_count(control: str, clause: str, covers: bool) -> None:
    found = narrowed(control, clause)
    assert found.covers is covers, found.missed
    assert all(could_be_written(dict(one.event)) for one in found.missed)


CLAUSES = [
    *(f'$.userIdentity.type != "{who}"' for who in EVERYBODY),
    *(f'$.userIdentity.{name} != "x"' for name in ("arn", "accountId", "userName", "principalId", "accessKeyId")),
    *(f"$.userIdentity.{name} NOT EXISTS" for name in ("arn", "invokedBy", "onBehalfOf.userId", "identityProvider")),
    '$.userIdentity.sessionContext.sessionIssuer.userName != "x"',
    '$.userIdentity.sessionContext.attributes.mfaAuthenticated = "true"',
    "$.additionalEventData.SamlProviderArn NOT EXISTS",
    '$.eventSource != "s3.amazonaws.com"',
    '$.eventName != "AssumeRoleWithSAML"',
]


@settings(deadline=None, max_examples=40)
@given(st.sampled_from([REFUSED, ROOT, NO_MFA]), st.lists(st.sampled_from(CLAUSES), min_size=1, max_size=2))
def test_no_event_is_shown_that_could_not_be_written(control: str, clauses: list[str]) -> None:
    found = narrowed(control, " && ".join(clauses))
    assert [one.event for one in found.missed if not could_be_written(dict(one.event))] == []


@pytest.mark.parametrize("style", [0, 1])
@pytest.mark.parametrize("who", [*EVERYBODY, SERVICE_CALLER])
def test_a_record_of_each_caller_could_be_written(who: str, style: int) -> None:
    assert could_be_written(build({IDENTITY_TYPE: who}, Kind.API, style))


@pytest.mark.parametrize("who", SIGNING_IN)
def test_a_sign_in_of_each_caller_could_be_written(who: str) -> None:
    assert could_be_written(build({IDENTITY_TYPE: who}, Kind.SIGN_IN))


def test_every_kind_of_record_is_searched_where_any_name_counts() -> None:
    found = judge_patterns(Requirement("all"), ["{ $.eventType = AwsApiCall || $.eventType = AwsConsoleSignIn }"])
    assert {one.event["eventType"] for one in found.missed} == {"AwsConsoleAction", "AwsServiceEvent"}
