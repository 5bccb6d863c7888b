"""Controls over the account summary, MFA devices, password policy and contacts."""

from dataclasses import replace
from typing import Any

import pytest

from auditor.model import State
from tests.evaluate.checks.worlds import CONTACT, summary
from tests.evaluate.kit import ACCOUNT, World, reasons

ROOT_ARN = f"arn:aws:iam::{ACCOUNT}:root"
NO_CREDENTIALS = {"AccountMFAEnabled": 0, "AccountPasswordPresent": 0, "AccountAccessKeysPresent": 0}


def root_world(counts: dict[str, Any], *owners: str) -> World:
    devices = [{"SerialNumber": f"arn:aws:iam::{ACCOUNT}:mfa/{i}", "User": {"Arn": o}} for i, o in enumerate(owners)]
    world = World().says("iam:GetAccountSummary", {"SummaryMap": counts})
    return world.says("iam:ListVirtualMFADevices", {"VirtualMFADevices": devices})


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        pytest.param(
            {"AccountMFAEnabled": 0, "AccountPasswordPresent": 1, "AccountAccessKeysPresent": 0},
            State.FAIL,
            id="no-mfa",
        ),
        pytest.param(NO_CREDENTIALS, State.PASS, id="no-credentials-at-all"),
        pytest.param({**NO_CREDENTIALS, "AccountAccessKeysPresent": 1}, State.FAIL, id="keys-without-mfa"),
        pytest.param({"AccountMFAEnabled": 0, "AccountAccessKeysPresent": 0}, State.FAIL, id="password-unknown"),
        pytest.param({"AccountMFAEnabled": True}, State.NOT_ASSESSED, id="wrong-type"),
        pytest.param({}, State.NOT_ASSESSED, id="nothing-said"),
    ],
)
def test_root_mfa(counts: dict[str, Any], expected: State) -> None:
    assert root_world(counts).judge("iam-root-mfa").state is expected


@pytest.mark.parametrize(
    ("counts", "owners", "expected"),
    [
        pytest.param(summary()["SummaryMap"], (f"arn:aws:iam::{ACCOUNT}:user/a",), State.PASS, id="a-users-device"),
        pytest.param(
            summary()["SummaryMap"], (f"arn:aws:iam::{ACCOUNT}:user/a", ROOT_ARN), State.FAIL, id="one-of-two"
        ),
        pytest.param(summary(AccountMFAEnabled=0)["SummaryMap"], (), State.FAIL, id="no-mfa"),
        pytest.param(NO_CREDENTIALS, (), State.PASS, id="no-credentials"),
    ],
)
def test_root_hardware_mfa(counts: dict[str, Any], owners: tuple[str, ...], expected: State) -> None:
    assert root_world(counts, *owners).judge("iam-root-hardware-mfa").state is expected


@pytest.mark.parametrize("control", ["iam-root-mfa", "iam-root-hardware-mfa"])
def test_root_of_a_govcloud_account_is_protected_in_the_paired_account(control: str) -> None:
    counts = {"AccountMFAEnabled": 0, "AccountAccessKeysPresent": 1}
    result = replace(root_world(counts), partition="aws-us-gov", regions=("us-gov-west-1",)).judge(control)
    assert result.state is State.NOT_APPLICABLE
    assert "paired standard account" in reasons(result)


def test_a_device_left_over_from_credentials_that_are_gone_protects_nothing() -> None:
    result = root_world(NO_CREDENTIALS, ROOT_ARN).judge("iam-root-hardware-mfa")
    assert result.state is State.PASS
    assert "1 virtual device of it is left over" in reasons(result)
    with_mfa = root_world({**NO_CREDENTIALS, "AccountMFAEnabled": 1}, ROOT_ARN)
    assert with_mfa.judge("iam-root-hardware-mfa").state is State.PASS
    assert root_world({"AccountMFAEnabled": 1}, ROOT_ARN).judge("iam-root-hardware-mfa").state is State.FAIL


def test_an_assigned_device_without_its_user_may_be_roots() -> None:
    device = {"SerialNumber": f"arn:aws:iam::{ACCOUNT}:mfa/root-account-mfa-device"}
    world = root_world(summary()["SummaryMap"]).says("iam:ListVirtualMFADevices", {"VirtualMFADevices": [device]})
    assert world.judge("iam-root-hardware-mfa").state is State.NOT_ASSESSED


@pytest.mark.parametrize(
    ("control", "policy", "expected"),
    [
        pytest.param("iam-password-min-length", {"MinimumPasswordLength": 13}, State.FAIL, id="13-characters"),
        pytest.param("iam-password-min-length", {"MinimumPasswordLength": 64}, State.PASS, id="64-characters"),
        pytest.param("iam-password-min-length", {}, State.NOT_ASSESSED, id="length-missing"),
        pytest.param(
            "iam-password-min-length", {"MinimumPasswordLength": "99"}, State.NOT_ASSESSED, id="length-as-text"
        ),
        pytest.param("iam-password-reuse-24", {"PasswordReusePrevention": 23}, State.FAIL, id="23-passwords"),
        pytest.param("iam-password-reuse-24", {"MinimumPasswordLength": 14}, State.FAIL, id="reuse-not-set"),
    ],
)
def test_password_policy(control: str, policy: dict[str, Any], expected: State) -> None:
    world = World().says("iam:GetAccountPasswordPolicy", {"PasswordPolicy": policy})
    assert world.judge(control).state is expected


@pytest.mark.parametrize("control", ["iam-password-min-length", "iam-password-reuse-24"])
def test_an_account_without_password_policy_does_not_meet_it(control: str) -> None:
    result = World().lacks("iam:GetAccountPasswordPolicy").judge(control)
    assert result.state is State.FAIL
    assert "no password policy" in reasons(result)


@pytest.mark.parametrize("field", CONTACT)
def test_each_contact_field_has_to_be_there(field: str) -> None:
    for record in ({**CONTACT, field: ""}, {key: value for key, value in CONTACT.items() if key != field}):
        result = (
            World()
            .says("account:GetContactInformation", {"ContactInformation": record})
            .judge("account-contact-details")
        )
        assert result.state is State.FAIL
        assert field in reasons(result)


def test_contact_values_are_never_repeated() -> None:
    record = {**CONTACT, "FullName": "Jane Q. Canary", "City": ""}
    result = (
        World().says("account:GetContactInformation", {"ContactInformation": record}).judge("account-contact-details")
    )
    assert "Canary" not in str(result.document())


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        pytest.param(World().lacks("account:GetAlternateContact"), State.FAIL, id="none"),
        pytest.param(
            World().says("account:GetAlternateContact", {"AlternateContact": {"EmailAddress": "x"}}),
            State.FAIL,
            id="no-phone",
        ),
        pytest.param(
            World().says("account:GetAlternateContact", {"AlternateContact": []}), State.NOT_ASSESSED, id="hostile"
        ),
        pytest.param(World().refuses("account:GetAlternateContact"), State.NOT_ASSESSED, id="denied"),
    ],
)
def test_security_contact(world: World, expected: State) -> None:
    assert world.judge("account-security-contact").state is expected


def test_an_account_without_contact_record_does_not_meet_it() -> None:
    assert World().lacks("account:GetContactInformation").judge("account-contact-details").state is State.FAIL


def test_security_questions_are_left_to_a_person() -> None:
    assert World().judge("account-security-questions").state is State.MANUAL
