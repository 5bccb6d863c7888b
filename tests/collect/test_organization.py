"""Reading an organization over HTTP, and asking for roles; the accounts are simulated."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from auditor.base.errors import CollectionError
from auditor.collect.accounts import Caller, Life, identify, open_session, source_of
from auditor.collect.guard import CallLog
from auditor.collect.organization import (
    ACCOUNTS,
    CHILDREN,
    ORGANIZATION,
    ROOTS,
    TAGS,
    UNITS,
    Doorkeeper,
    Role,
    Wanted,
    items_of,
    must_be_whole,
    read_organization,
)
from auditor.simulator import Simulator
from auditor.simulator.worlds import organization as story

pytestmark = pytest.mark.simulator

AS_OF = datetime(2026, 11, 2, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def running() -> Iterator[Simulator]:
    with Simulator("organization", accounts=30, enabled=["eu-central-1"]) as simulator:
        yield simulator


@pytest.fixture
def group(running: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    running.clear()
    for name, value in running.environment().items():
        monkeypatch.setenv(name, value)
    return running


@pytest.fixture
def caller(group: Simulator) -> Caller:
    return identify(open_session(log=CallLog()))


def test_the_list_is_read_to_its_last_page_and_once(group: Simulator, caller: Caller) -> None:
    answers = {item.call.operation: item for item in read_organization(caller, Wanted(), now=lambda: AS_OF)}
    assert set(answers) == {ORGANIZATION, ACCOUNTS}
    assert len(items_of(answers[ACCOUNTS], "Accounts")) == 42, "an empty page is not the last one"
    assert group.calls() == {"organizations:DescribeOrganization": 1, "organizations:ListAccounts": 4,
                             "sts:GetCallerIdentity": 1}  # fmt: skip


def test_units_and_tags_are_read_when_they_are_wanted(caller: Caller) -> None:
    asked = [
        item.call.operation for item in read_organization(caller, Wanted(units=True, tags=True), now=lambda: AS_OF)
    ]
    assert asked.count(ROOTS) == 1
    assert asked.count(UNITS) == 5
    assert asked.count(TAGS) == 42
    assert asked.count(CHILDREN) == 0, "AWS names the path of each account itself"


def test_a_throttled_list_is_waited_for(group: Simulator, caller: Caller) -> None:
    group.fault("organizations:ListAccounts", "throttled", times=3)
    answers = list(read_organization(caller, Wanted(), now=lambda: AS_OF))
    assert [item.error for item in answers] == [None, None]


@pytest.mark.parametrize("kind", ["access-denied", "lost-page", "truncated", "missing-fields", "empty-body"])
def test_a_part_of_the_list_is_never_taken_for_the_whole(group: Simulator, caller: Caller, kind: str) -> None:
    group.fault("organizations:ListAccounts", kind)
    listed = list(read_organization(caller, Wanted(), now=lambda: AS_OF))[1]
    with pytest.raises(CollectionError, match="cannot tell which accounts there are"):
        must_be_whole(listed)


def test_each_door_opens_or_says_why_not(caller: Caller) -> None:
    door = Doorkeeper(caller, Role(story.ROLE, story.EXTERNAL_ID), now=lambda: AS_OF)
    opened = door.knock("210000000004")
    assert opened.error is None
    assert opened.pages[0]["AssumedRoleUser"]["Arn"].startswith(
        "arn:aws:sts::210000000004:assumed-role/AuditorReadOnly/"
    )
    assert "Credentials" not in opened.pages[0]
    assert story.EXTERNAL_ID not in str(opened)
    shut = door.knock(story.REFUSES)
    assert shut.error is not None
    assert shut.error.code == "AccessDenied"
    assert "is not authorized to perform: sts:AssumeRole" in shut.error.message
    assert shut.pages == ()


def test_the_role_is_named_in_the_callers_partition() -> None:
    role = Role("/audit/Reader", session="october")
    assert role.arn("aws-us-gov", "111122223333") == "arn:aws-us-gov:iam::111122223333:role/audit/Reader"
    assert role.parameters("aws-cn", "111122223333") == {
        "RoleArn": "arn:aws-cn:iam::111122223333:role/audit/Reader", "RoleSessionName": "october"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("variables", "life", "words"),
    [
        pytest.param({}, Life.PERMANENT, "do not end", id="key"),
        pytest.param({"AWS_SESSION_TOKEN": "t"}, Life.FIXED, "at a time that nothing states", id="token"),
        pytest.param(
            {"AWS_SESSION_TOKEN": "t", "AWS_CREDENTIAL_EXPIRATION": "2099-01-01T05:00:00Z"},
            Life.FIXED, "end at 2099-01-01 05:00 UTC and cannot be renewed", id="token-with-end",
        ),
    ],
)  # fmt: skip
def test_the_end_of_the_source_is_told(
    group: Simulator, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], life: Life, words: str
) -> None:
    assert group.account
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    source = source_of(open_session(log=CallLog()))
    assert source.life is life
    assert words in source.words
