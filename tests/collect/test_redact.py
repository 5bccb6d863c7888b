"""Canaries planted in answers come out in no stored byte; what checks decide on stays what it was."""

import json
import re
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.base.pointer import resolve
from auditor.collect.redact import _HINT, _HINTS, _HINTS_IN_ANY_CASE, _TOKENS, Policy, Redactor, _hinting
from auditor.evidence.operations import load_operations
from tests.catalog.test_load import CONTROLS
from tests.collect.conftest import SALT

ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
PRIVATE_KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIcanary\n-----END RSA PRIVATE KEY-----"


def redact(pages: Any, policy: Policy | None = None) -> tuple[Any, tuple[Any, ...]]:
    return Redactor(SALT, policy=policy)("service:Operation", pages)


CANARIES = [
    pytest.param({"Keys": [{"AccessKeyId": ACCESS_KEY}]}, ACCESS_KEY, "access key", id="access-key"),
    pytest.param({"Description": f"use {ACCESS_KEY} here"}, ACCESS_KEY, "access key", id="access-key-in-text"),
    pytest.param({"Description": "x ASIAQWERTYUIOPASDFGH."}, "ASIAQWERTYUIOPASDFGH", "access key", id="session-key"),
    pytest.param(
        {"Subscriptions": [{"Protocol": "email", "Endpoint": "jane@example.com"}]}, "jane@", "e-mail", id="sns-e-mail"
    ),
    pytest.param(
        {"Subscriptions": [{"Protocol": "sms", "Endpoint": "+15550100"}]}, "5550100", "phone number", id="sns-sms"
    ),
    pytest.param(
        {"Subscriptions": [{"Protocol": "https", "Endpoint": "https://hook.example/T0/B1/canary"}]},
        "canary",
        "endpoint",
        id="sns-web-hook",
    ),
    pytest.param(
        {"Attributes": {"Protocol": "email-json", "Endpoint": "jane@example.com"}},
        "jane@",
        "e-mail",
        id="sns-attributes",
    ),
    pytest.param({"AlarmDescription": "call jane.doe+x@mail.example.com"}, "jane.doe", "e-mail", id="e-mail-in-text"),
    pytest.param({"ContactInformation": {"FullName": "Jane Doe", "City": "Ulm"}}, "Jane Doe", "contact", id="contact"),
    pytest.param({"AlternateContact": {"PhoneNumber": "+15550100"}}, "5550100", "contact", id="alternate-contact"),
    pytest.param(
        {"Functions": [{"Environment": {"Variables": {"DB": "canary"}}}]},
        "canary",
        "environment variable",
        id="lambda-environment",
    ),
    pytest.param(
        {"containerDefinitions": [{"environment": [{"name": "DB", "value": "canary"}]}]},
        "canary",
        "environment variable",
        id="container-environment",
    ),
    pytest.param({"UserData": {"Value": "canary"}}, "canary", "user data", id="user-data-as-attribute"),
    pytest.param({"LaunchTemplateData": {"UserData": "Y2FuYXJ5"}}, "Y2FuYXJ5", "user data", id="user-data"),
    pytest.param({"Tags": [{"Key": "note", "Value": "private canary"}]}, "canary", "tag", id="tag"),
    pytest.param({"TagSet": [{"Key": "note", "Value": "private canary"}]}, "canary", "tag", id="bucket-tag"),
    pytest.param({"tags": {"note": "private canary"}}, "canary", "tag", id="tag-mapping"),
    pytest.param({"Text": PRIVATE_KEY}, "MIIcanary", "private key", id="private-key"),
    pytest.param({"Text": "-----BEGIN PRIVATE KEY-----\nMIIcanary"}, "MIIcanary", "private key", id="cut-private-key"),
    pytest.param({"Text": "ghp_" + "c" * 36}, "ccccc", "token", id="github-token"),
    pytest.param({"Text": "x xoxb-1234567890-canary y"}, "canary", "token", id="slack-token"),
    pytest.param({"Text": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2ln"}, "eyJzdWIi", "token", id="web-token"),
    pytest.param({"Text": "mysql --password=hunter2canary db"}, "hunter2canary", "secret", id="password-in-a-command"),
    pytest.param({"Text": '{"api_key": "hunter2canary"}'}, "hunter2canary", "secret", id="key-in-json-text"),
    pytest.param({"MasterUserPassword": "canary"}, "canary", "secret", id="password-field"),
    pytest.param({"Statement": {"jane@example.com": 1}}, "jane@", "e-mail", id="e-mail-as-a-key"),
    pytest.param({"NextToken": "canary"}, "canary", "page token", id="page-token"),
    pytest.param({"Name": f"backup{ACCESS_KEY}"}, ACCESS_KEY, "access key", id="access-key-after-letters"),
    pytest.param({"Name": f"{ACCESS_KEY}backup"}, ACCESS_KEY, "access key", id="access-key-before-letters"),
    pytest.param({"Tags": {"note": "private canary"}}, "canary", "tag", id="tag-mapping-with-a-capital"),
    pytest.param({"tags": {"Name": "private canary"}}, "canary", "tag", id="tag-called-name"),
    pytest.param({"Variables": {"name": "canary"}}, "canary", "environment variable", id="variable-called-name"),
    pytest.param({"StageVariables": {"db": "canary"}}, "canary", "stage variable", id="stage-variables"),
    pytest.param(
        {"CustomHeaders": {"Items": [{"HeaderName": "X-Origin", "HeaderValue": "canary"}]}},
        "canary",
        "secret",
        id="origin-header",
    ),
    pytest.param({"credentials": {"sessionToken": "canary"}}, "canary", "secret", id="session-token-field"),
    pytest.param({"Text": "mailto:jane%40example.com"}, "jane", "e-mail", id="e-mail-in-a-url"),
    pytest.param({"Text": "j\u00fcrgen.jane@ex\u00e4mple.example"}, "jane", "e-mail", id="e-mail-beyond-ascii"),
    pytest.param({"Text": '"j\\u00fcrgen.jane@ex\\u00e4mple.example"'}, "jane", "e-mail", id="e-mail-in-json-text"),
    pytest.param({"Text": '"jane doe"@example.com'}, "jane doe", "e-mail", id="e-mail-in-quotes"),
    pytest.param({"Text": "dbPassword=hunter2canary"}, "hunter2canary", "secret", id="password-in-camel-case"),
    pytest.param({"Text": "note:password=hunter2canary"}, "hunter2canary", "secret", id="password-after-a-colon"),
    pytest.param({"Text": 'password="two canary words"'}, "canary words", "secret", id="quoted-password"),
    pytest.param({"Text": '{\\"password\\": \\"canary\\"}'}, "canary", "secret", id="password-in-json-in-json"),
    pytest.param({"Text": "passphrase: canary"}, "canary", "secret", id="passphrase"),
    pytest.param({"Text": "Server=db;Uid=sa;Pwd=canary;"}, "canary", "secret", id="connection-string"),
    pytest.param({"Text": "AccountKey=canary0000==;x"}, "canary", "secret", id="account-key"),
    pytest.param({"Text": "postgres://app:canary!1@localhost/db"}, "canary", "secret", id="password-in-a-url"),
    pytest.param({"Text": "https://b.example/o?X-Amz-Signature=canary00"}, "canary", "secret", id="signed-url"),
    pytest.param({"Text": "https://b.example/o?X-Amz-Security-Token=canary00"}, "canary", "secret", id="token-in-url"),
    pytest.param({"Text": "https://b.example/o?sv=1&sig=canary%3D"}, "canary", "secret", id="shared-access-signature"),
    pytest.param({"Text": "Authorization: Basic canary00"}, "canary", "secret", id="basic-authorization"),
    pytest.param({"Text": "Authorization: Bearer canary00"}, "canary", "secret", id="bearer-authorization"),
    pytest.param({"Text": "curl -H 'bearer canary0000000000000000'"}, "canary", "token", id="bare-bearer"),
    pytest.param({"Text": "https://hooks.slack.com/services/T0/B0/canary"}, "canary", "endpoint", id="web-hook"),
    pytest.param({"Text": "IQoJb3JpZ2lu" + "canary" * 8}, "canary", "token", id="bare-session-token"),
    pytest.param(
        {"Text": "-----BEGIN PGP PRIVATE KEY BLOCK-----\ncanary\n-----END PGP PRIVATE KEY BLOCK-----"},
        "canary",
        "private key",
        id="pgp-key",
    ),
]


@pytest.mark.parametrize(("page", "canary", "reason"), CANARIES)
def test_a_canary_does_not_come_out(page: Any, canary: str, reason: str) -> None:
    kept, redactions = redact([page])
    assert canary in json.dumps([page])
    assert canary not in json.dumps([kept, redactions])
    assert reason in {item["reason"] for item in redactions}


@pytest.mark.parametrize(("page", "canary", "reason"), CANARIES)
def test_presence_and_type_stay(page: Any, canary: str, reason: str) -> None:
    kept, _ = redact([page])
    assert shape(kept[0], by_name="jane@" not in canary or reason != "e-mail") == shape(
        page, by_name="jane@" not in canary or reason != "e-mail"
    )


def shape(value: Any, *, by_name: bool) -> Any:
    if isinstance(value, dict):
        return [(name if by_name else "", shape(item, by_name=by_name)) for name, item in value.items()]
    if isinstance(value, list):
        return [shape(item, by_name=by_name) for item in value]
    return (type(value).__name__, bool(value))


@pytest.mark.parametrize(("page", "canary", "reason"), CANARIES)
def test_each_redaction_points_to_its_place(page: Any, canary: str, reason: str) -> None:
    kept, redactions = redact([page])
    for item in redactions:
        assert set(item) == {"pointer", "reason", "hash"}
        resolve({"pages": kept}, item["pointer"])


@pytest.mark.parametrize(
    "page",
    [
        pytest.param({"Arn": "arn:aws:iam::111122223333:user/jane@example.com"}, id="a-user-is-named-by-its-arn"),
        pytest.param({"UserName": "jane@example.com"}, id="a-user-name"),
        pytest.param({"Content": "user,arn\njane@example.com,arn:x\n"}, id="credential-report"),
        pytest.param({"SecretArn": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-AbCdEf"}, id="secret-arn"),
        pytest.param({"Endpoint": "https://host.example:8443/users?page=2#top"}, id="port-in-a-url"),
        pytest.param({"Name": "SLOVAKIA-PRODUCTION-SLOVAKIAPRODUCTION"}, id="letters-of-a-key"),
        pytest.param({"Text": "Basic monitoring; the bearer of infrastructure-costs"}, id="plain-words"),
        pytest.param({"filterPattern": '{ ($.eventName = "GetSecretValue") }'}, id="filter-pattern"),
        pytest.param({"filterPattern": '{ $.errorMessage = "Failed authentication" }'}, id="sign-in-pattern"),
        pytest.param({"Endpoint": "arn:aws:lambda:eu-west-1:111122223333:function:f", "Protocol": "lambda"}, id="arn"),
        pytest.param({"PasswordPolicy": {"MinimumPasswordLength": 14, "RequireSymbols": True}}, id="password-policy"),
        pytest.param({"LogGroupName": "task-with-a-long-name-sk-with-a-long-name-too"}, id="long-name"),
        pytest.param({"State": "COMPLETE", "Tags": [], "NextToken": ""}, id="empty-values"),
        pytest.param({"sourceIPAddress": "198.51.100.7"}, id="source-address-by-default"),
        pytest.param({"AlternateContactType": "SECURITY"}, id="kind-of-contact"),
    ],
)
def test_what_findings_and_checks_need_is_kept(page: Any) -> None:
    assert redact([page]) == ([page], ())


def test_a_policy_takes_out_more() -> None:
    page = {"sourceIPAddress": "198.51.100.7", "source_ip": "198.51.100.7", "UserName": "jane@example.com"}
    kept, _ = redact([page], Policy(source_addresses=True, identities=True))
    assert "198.51" not in json.dumps(kept)
    assert "jane@" not in json.dumps(kept)


def test_an_access_key_is_shortened_to_what_people_recognise() -> None:
    (kept,), _ = redact([{"AccessKeyId": ACCESS_KEY}])
    assert kept["AccessKeyId"].startswith("AKIA[")
    assert kept["AccessKeyId"].endswith("]MPLE")


def test_equal_values_stay_equal_and_others_differ() -> None:
    subscription = {"Protocol": "email"}
    pages = [{"Subscriptions": [subscription | {"Endpoint": name} for name in ("a@x.org", "b@x.org", "a@x.org")]}]
    (kept,), _ = redact(pages)
    first, second, third = (item["Endpoint"] for item in kept["Subscriptions"])
    assert first == third != second


def test_another_salt_gives_another_hash() -> None:
    page = [{"Description": "a@example.com"}]
    assert Redactor(b"0" * 16)("x:Y", page) == Redactor(b"0" * 16)("x:Y", page)
    assert Redactor(b"0" * 16)("x:Y", page) != Redactor(b"1" * 16)("x:Y", page)
    with pytest.raises(ValueError, match="16 bytes"):
        Redactor(b"short")


def test_a_replaced_value_can_be_asked_for_again_in_the_same_run() -> None:
    redactor = Redactor(SALT)
    (kept,), _ = redactor("x:Y", [{"AccessKeyId": ACCESS_KEY, "Name": "plain"}])
    assert redactor.original(dict(kept)) == {"AccessKeyId": ACCESS_KEY, "Name": "plain"}
    assert redactor.original(["x", 1, {"a": None}]) == ["x", 1, {"a": None}]


def test_a_name_of_which_a_part_was_replaced_can_be_asked_for_again() -> None:
    """A secret named after a person exists: asked for by its mark, it would not be found."""
    redactor = Redactor(SALT)
    name = f"team/jane@example.com/{ACCESS_KEY}"
    (kept,), _ = redactor("x:Y", [{"Name": name}])
    assert "jane" not in kept["Name"]
    assert redactor.original(kept["Name"]) == name


def test_identities_leave_messages_too_when_they_are_to_leave() -> None:
    text = Redactor(SALT, policy=Policy(identities=True)).text("arn:aws:sts::1:assumed-role/R/jane@example.com")
    assert "jane" not in text


def test_messages_lose_keys_but_keep_names() -> None:
    text = Redactor(SALT).text(f"User: arn:aws:sts::1:assumed-role/R/jane@example.com used {ACCESS_KEY}")
    assert "jane@example.com" in text
    assert ACCESS_KEY not in text


def test_very_many_redactions_are_counted_instead_of_listed() -> None:
    page = {"Tags": [{"Key": "k", "Value": str(number)} for number in range(10_050)]}
    kept, redactions = redact([page])
    assert len(redactions) == 10_001
    assert redactions[-1]["reason"].startswith("50 more")
    assert all(item["Value"].startswith("redacted:tag:") for item in kept[0]["Tags"])


def test_the_pages_handed_in_are_not_changed() -> None:
    page = {"Tags": [{"Key": "k", "Value": "v"}]}
    redact([page])
    assert page == {"Tags": [{"Key": "k", "Value": "v"}]}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_any_answer_can_be_redacted_twice_with_the_same_end(value: Any) -> None:
    redactor = Redactor(SALT)
    once, _ = redactor("x:Y", [value])
    twice, again = redactor("x:Y", once)
    assert twice == once
    assert again == ()


@given(st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=16, max_size=16), st.text(), st.text())
def test_no_access_key_survives_between_any_two_texts(tail: str, before: str, after: str) -> None:
    key = f"AKIA{tail}"
    kept, _ = redact([{"Text": f"{before} {key} {after}"}])
    assert key not in kept[0]["Text"]


@given(st.text(), st.text())
def test_no_access_key_survives_inside_any_text(before: str, after: str) -> None:
    kept, _ = redact([{"Text": f"{before}{ACCESS_KEY}{after}"}])
    assert ACCESS_KEY not in kept[0]["Text"]


NEEDED = {
    "AlternateContact.Title": "redacted as a contact is; named here because CountryCode alone is plain",
    "Comment": "what a distribution is for, like any description",
    "ContactInformation.CountryCode": "a country is no person",
    "Error.Message": "AWS's own words",
    "KMSMasterKeyID": "which key encrypts is what is judged",
    "Name": "the name of a member account",
    "definition": "what a state machine does is what is judged",
    "description": "like any description",
    "variableReferences": "names, not values",
}
"""Ends of paths that AWS's models call sensitive and that stay all the same, and why."""


def shapes_of(shape: Any, path: tuple[str, ...] = (), above: frozenset[str] = frozenset()) -> Iterator[tuple[Any, Any]]:
    """Yield every text of an answer with its path; ``[]`` and ``{}`` stand for members of lists and mappings."""
    if shape.name in above:
        return
    below = above | {shape.name}
    match shape.type_name:
        case "structure":
            for name, member in shape.members.items():
                yield from shapes_of(member, (*path, name), below)
        case "list":
            yield from shapes_of(shape.member, (*path, "[]"), below)
        case "map":
            yield from shapes_of(shape.value, (*path, "{}"), below)
        case "string":
            yield path, shape


def page_with(path: tuple[str, ...], text: str) -> Any:
    value: Any = text
    for part in reversed(path):
        value = [value] if part == "[]" else {"Name" if part == "{}" else part: value}  # the name most tags have
    return value


def outputs() -> Iterator[tuple[str, tuple[str, ...], Any]]:
    session = botocore.session.get_session()
    for name, operation in load_operations(CONTROLS / "operations.yaml").items():
        if not operation.produced:
            model = session.get_service_model(operation.service).operation_model(operation.api)
            yield from ((name, path, shape) for path, shape in shapes_of(model.output_shape))


def test_what_aws_calls_sensitive_does_not_come_out_of_any_operation_of_the_catalogue() -> None:
    kept = set()
    for name, path, shape in outputs():
        sensitive = shape.serialization.get("sensitive") or shape.metadata.get("sensitive")
        if sensitive and "a private canary" in json.dumps(redact([page_with(path, "a private canary")])):
            kept.add((name, ".".join(part for part in path if part not in {"[]", "{}"})))
    assert {(name, path) for name, path in kept if not path.endswith(tuple(NEEDED))} == set()


TAGS = re.compile(r"tags?(list|set|values)?$", re.IGNORECASE)


def test_no_value_of_a_tag_comes_out_of_any_operation_of_the_catalogue() -> None:
    seen = 0
    for name, path, _ in outputs():
        if path[-1] not in {"Value", "value", "{}", "[]"} or not any(TAGS.search(part) for part in path):
            continue
        seen += 1
        page = page_with(path, "a private canary")
        assert "a private canary" not in json.dumps(redact([page])), (name, path)
    assert seen > 20


pieces = st.one_of(
    st.text(max_size=4),
    st.sampled_from([*_HINTS, *_HINTS_IN_ANY_CASE, *(text.upper() for text in _HINTS_IN_ANY_CASE)]),
    st.sampled_from(["\u017fecret", "\u212aey", "\uff20", "= 'x1y2'", ": ", "://u:p@h", "\\u00e9", "a1" * 12]),
)


@given(st.lists(pieces, max_size=6).map("".join))
def test_a_text_without_a_hint_holds_none_of_the_patterns(text: str) -> None:
    assert _hinting(text) == (_HINT.search(text) is not None)
    assert _hinting(text) or _TOKENS.search(text) is None
