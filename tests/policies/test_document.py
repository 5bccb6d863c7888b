"""Policy documents: what is read, and what is kept as unreadable instead of being guessed at."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.policies.access import Request, allows
from auditor.policies.document import Kind, Policy, Principal, read_policy
from auditor.policies.grants import grants, is_open

READ = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::logs/*"}
ADMIN = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def document(*statements: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def without(name: str, **changes: Any) -> dict[str, Any]:
    return {key: value for key, value in READ.items() if key != name} | changes


@pytest.mark.parametrize(
    "given",
    [json.dumps(document(READ)), quote(json.dumps(document(READ))), {"Statement": READ}, document(READ)],
    ids=["text", "encoded", "one-statement", "parsed"],
)
def test_documents_come_as_text_encoded_or_parsed(given: Any) -> None:
    (found,) = read_policy(given).statements
    assert (found.allow, found.actions, found.resources) == (True, ("s3:GetObject",), ("arn:aws:s3:::logs/*",))
    assert found.principals == (Principal("AWS", "*"),)


@pytest.mark.parametrize(
    "given",
    [None, [], "", "[]", "{", {}, 5, "[" * 100_000, "x" * 1_000_001, '{"Statement": [], "Statement": []}'],
    ids=["none", "list", "empty", "text-list", "broken", "no-statements", "number", "deep", "large", "twice"],
)
def test_what_is_no_policy_is_unreadable_as_a_whole(given: Any) -> None:
    found = read_policy(given)
    assert found.statements == ()
    assert len(found.unreadable) == 1


ODD = [
    pytest.param(1, id="number"),
    pytest.param(without("Effect"), id="no-effect"),
    pytest.param({**READ, "Effect": "Maybe"}, id="another-effect"),
    pytest.param({**READ, "Effect": ["Allow"]}, id="effects"),
    pytest.param(without("Action"), id="no-action"),
    pytest.param({**READ, "Action": []}, id="empty-action"),
    pytest.param({**READ, "Action": None}, id="null-action"),
    pytest.param({**READ, "Action": {"a": 1}}, id="action-of-no-text"),
    pytest.param({**READ, "Action": [1]}, id="action-a-number"),
    pytest.param({**READ, "NotAction": "s3:GetObject"}, id="both-actions"),
    pytest.param({**READ, "NotPrincipal": {"AWS": "1"}}, id="both-principals"),
    pytest.param({**READ, "NotResource": "*"}, id="both-resources"),
    pytest.param({**READ, "Resource": []}, id="empty-resource"),
    pytest.param({**READ, "Principal": {}}, id="nobody"),
    pytest.param({**READ, "Principal": "arn:aws:iam::1:root"}, id="principal-without-kind"),
    pytest.param({**READ, "Principal": {"Aws": "*"}}, id="principal-of-no-kind"),
    pytest.param({**READ, "Principal": {"AWS": []}}, id="empty-principal"),
    pytest.param({**READ, "Principal": {"AWS": True}}, id="principal-of-no-text"),
    pytest.param({**READ, "Conditions": {"Bool": {"aws:SecureTransport": "false"}}}, id="unknown-element"),
    pytest.param({**READ, "Condition": None}, id="null-condition"),
    pytest.param({**READ, "Condition": ["x"]}, id="condition-of-no-form"),
    pytest.param({**READ, "Condition": {"Bool": "x"}}, id="operator-of-no-form"),
    pytest.param({**READ, "Condition": {"Bool": {"a": {"x": 1}}}}, id="value-of-no-form"),
    pytest.param({**READ, "Condition": {"Bool": {"a": "true"}, "bool": {"b": "true"}}}, id="operator-twice"),
    pytest.param({**READ, "Condition": {"Bool": {"aws:SourceArn": "1", "AWS:sourcearn": "2"}}}, id="key-twice"),
]


@pytest.mark.parametrize("statement", ODD)
def test_a_statement_of_another_form_is_unreadable_and_the_others_are_read(statement: Any) -> None:
    found = read_policy(document(READ, statement, READ))
    assert len(found.statements) == 2
    assert found.fault.startswith("statement 2 ")


@pytest.mark.parametrize("statement", ODD)
def test_an_unreadable_statement_lets_nothing_pass_and_hides_no_failure(statement: Any) -> None:
    named = {**READ, "Principal": {"AWS": "111122223333"}}
    assert is_open(read_policy(document(named))) is False
    assert is_open(read_policy(document(named, statement))) is None
    assert is_open(read_policy(document(READ, statement))) is True
    service = Request("s3.amazonaws.com", "s3:GetObject", "arn:aws:s3:::logs/x", "111122223333")
    assert allows(read_policy(document(READ, statement)), service) is None
    denied = {**READ, "Effect": "Deny"}
    assert allows(read_policy(document(READ, denied, statement)), service) is False


@pytest.mark.parametrize(
    ("kind", "name", "readable"),
    [
        (Kind.RESOURCE, "Resource", True),
        (Kind.RESOURCE, "Principal", False),
        (Kind.BUCKET, "Resource", False),
        (Kind.BUCKET, "Principal", False),
        (Kind.IDENTITY, "Principal", True),
        (Kind.IDENTITY, "", False),
    ],
)
def test_what_a_statement_has_to_name_depends_on_what_the_policy_is_attached_to(
    kind: Kind, name: str, readable: bool
) -> None:
    assert bool(read_policy(document(without(name)), kind).statements) is readable


def test_an_identity_policy_names_its_resources() -> None:
    assert read_policy(document(ADMIN), Kind.IDENTITY).unreadable == ()
    assert read_policy(document({"Effect": "Allow", "Action": "*"}), Kind.IDENTITY).unreadable


def test_case_matters_in_resources_and_not_in_actions() -> None:
    (found,) = read_policy(document({**READ, "Action": "s3:get*"})).statements
    assert found.speaks_of("S3:GetObject")
    assert found.names("arn:aws:s3:::logs/x") is True
    assert found.names("ARN:aws:s3:::logs/x") is False


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(r"*:aA$\{}", max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["Statement", "Effect", "Action", "Principal", "AWS", "Condition"]), inner)
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_hostile_documents_raise_nothing_and_are_never_closed_by_accident(found: Any) -> None:
    policy = read_policy(found)
    assert isinstance(policy, Policy)
    assert policy.unreadable or len(policy.statements) == len(
        found["Statement"] if isinstance(found["Statement"], list) else [0]
    )
    for statement in policy.statements:
        assert grants(policy, statement, "s3:GetObject", under="arn:aws:s3:::logs/") in (True, False, None)
