"""Which accounts there are, and that none of them can get lost."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.base.errors import UsageError
from auditor.base.period import Period
from auditor.collect.organization import ACCOUNTS, CHILDREN, ORGANIZATION, ROOTS, TAGS, UNITS
from auditor.org.accounts import NOT_ACTIVE, Account, Choice, Filter, Listing, Said, listing_of, named_listing
from auditor.org.comings import movements_of
from auditor.org.reconcile import Entry, Standing, gone_since, reconcile, to_assess

OCTOBER = Period(datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC), "2026-10")
A, B, C, D = (f"11112222333{number}" for number in range(4))


def said(operation: str, key: str, items: Sequence[Any], **parameters: str) -> Said:
    return Said(operation, parameters, ({key: list(items)},), complete=True)


def listed(*items: Mapping[str, Any], **more: Said) -> Listing:
    about = Said(ORGANIZATION, {}, ({"Organization": {"Id": "o-abcdefghij", "MasterAccountId": A}},), complete=True)
    return listing_of([about, said(ACCOUNTS, "Accounts", items), *more.values()])


def test_state_goes_before_status_and_either_will_do() -> None:
    found = listed(
        {"Id": A, "State": "ACTIVE", "Status": "SUSPENDED"},
        {"Id": B, "State": "CLOSED"},
        {"Id": C, "Status": "ACTIVE"},
        {"Id": D},
    )
    assert [item.state for item in found.accounts] == ["ACTIVE", "CLOSED", "ACTIVE", ""]
    assert [item.id for item in to_assess(found, Choice())] == [A, C, D], "no state at all excuses nobody"
    assert [item.management for item in found.accounts] == [True, False, False, False]


def test_a_list_that_changed_while_it_was_paged_names_each_account_once() -> None:
    found = listed({"Id": A, "State": "PENDING_CLOSURE"}, {"Id": A, "State": "ACTIVE"}, {"Id": A, "State": "CLOSED"})
    assert [(item.id, item.state) for item in found.accounts] == [(A, "ACTIVE")]


def test_of_an_account_named_twice_the_state_counts_that_excuses_it_least() -> None:
    """A closed account cannot hide one that is listed again in a state that nobody knows."""
    for second in ({"Id": A}, {"Id": A, "State": "SOMETHING_NEW"}, {"Id": A, "State": "ACTIVE"}):
        for order in ([{"Id": A, "State": "SUSPENDED"}, second], [second, {"Id": A, "State": "SUSPENDED"}]):
            assert [item.id for item in to_assess(listed(*order), Choice())] == [A], order


@pytest.mark.parametrize("text", ["ou:/workloads", "ou:ou-ab12-workload"])
def test_an_account_whose_unit_nobody_knows_is_missing_where_the_unit_decides(text: str) -> None:
    """It moved or joined while the list was read: neither audited against a filter nor excluded in silence."""
    units = said(UNITS, "OrganizationalUnits", [{"Id": "ou-ab12-workload", "Name": "workloads"}], ParentId="r-ab12")
    roots = said(ROOTS, "Roots", [{"Id": "r-ab12", "Name": "Root"}])
    within = said(CHILDREN, "Accounts", [{"Id": A}], ParentId="ou-ab12-workload")
    outside = said(CHILDREN, "Accounts", [{"Id": C}], ParentId="r-ab12")
    active = {"State": "ACTIVE"}
    found = listed({"Id": A, **active}, {"Id": B, **active}, {"Id": C, **active}, a=units, b=roots, c=within, d=outside)
    for choice, standings in (
        (Choice(include=(Filter(text),)), ["assessed", "missing", "excluded"]),
        (Choice(exclude=(Filter(text),)), ["excluded", "missing", "assessed"]),
        (Choice(include=(Filter(text), Filter(B))), ["assessed", "assessed", "excluded"]),
        (Choice(include=(Filter(C),), exclude=(Filter(text),)), ["excluded", "excluded", "assessed"]),
        (Choice(exclude=(Filter(text), Filter(B))), ["excluded", "excluded", "assessed"]),
    ):
        asked = {item.id for item in to_assess(found, choice)}
        table = reconcile(found, choice, {name: Entry(done=True) for name in asked}, OCTOBER)
        assert [row.standing.value for row in table.rows] == standings
        assert asked == {row.account.id for row in table.rows if row.standing is Standing.ASSESSED}


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"Id": "1"},
        {"Id": "\u0661" * 12},
        {"Id": "\uff11" * 12},
        {"Id": 111122223333},
        {"Id": None},
        "text",
        7,
        None,
        {"State": "ACTIVE"},
    ],
)
def test_an_entry_that_names_no_account_is_missing_not_ignored(entry: Any) -> None:
    found = listed({"Id": A, "State": "ACTIVE"}, entry)
    table = reconcile(found, Choice(), {A: Entry(done=True)}, OCTOBER)
    assert table.counts["listed"] == 2
    assert table.counts["missing"] == 1
    assert not table.whole


def test_units_come_from_paths_or_from_the_tree() -> None:
    units = said(UNITS, "OrganizationalUnits", [{"Id": "ou-ab12-workload", "Name": "workloads"}], ParentId="r-ab12")
    deeper = said(
        UNITS, "OrganizationalUnits", [{"Id": "ou-ab12-productn", "Name": "prod"}], ParentId="ou-ab12-workload"
    )
    roots = said(ROOTS, "Roots", [{"Id": "r-ab12", "Name": "Root"}])
    within = said(CHILDREN, "Accounts", [{"Id": B}], ParentId="ou-ab12-productn")
    path = "o-abcdefghij/r-ab12/ou-ab12-workload/ou-ab12-productn/"
    found = listed({"Id": A, "Paths": [path]}, {"Id": B}, {"Id": C}, a=units, b=deeper, c=roots, d=within)
    assert [item.path for item in found.accounts] == ["/workloads/prod", "/workloads/prod", ""]
    for text in ("ou:/workloads", "ou:/workloads/prod/", "ou:/", "ou:ou-ab12-workload", "ou:r-ab12"):
        assert [item.id for item in found.accounts if Filter(text).holds(item)] == [A, B], text
    for text in ("ou:/work", "ou:/prod", "ou:ou-ab12-sandboxx", "tag:a=b"):
        assert Choice(include=(Filter(text),)).unmatched(found) == (text,)


def test_tags_choose_accounts() -> None:
    tags = said(TAGS, "Tags", [{"Key": "stage", "Value": "prod=eu"}], ResourceId=B)
    found = listed({"Id": A, "State": "ACTIVE"}, {"Id": B, "State": "ACTIVE"}, a=tags)
    choice = Choice(exclude=(Filter("tag:stage=prod=eu"),))
    assert [item.id for item in to_assess(found, choice)] == [A]
    assert choice.reason(found.accounts[1]) == "excluded by tag:stage=prod=eu"


@pytest.mark.parametrize(
    "text", ["", "prod", "1234", "ou:", "ou:prod", "tag:", "tag:stage", "tag:=x", "id:111122223333"]
)
def test_a_filter_that_is_none_says_which_there_are(text: str) -> None:
    with pytest.raises(UsageError, match="does not say which accounts are meant"):
        Filter(text)


def test_an_account_that_is_asked_for_and_not_listed_is_missing() -> None:
    choice = Choice(include=(Filter(B),), named=(C,))
    table = reconcile(listed({"Id": A, "State": "ACTIVE"}), choice, {}, OCTOBER)
    assert [(row.account.id, row.standing) for row in table.rows] == [
        (A, Standing.EXCLUDED), (B, Standing.MISSING), (C, Standing.MISSING)
    ]  # fmt: skip


def test_who_joined_and_who_left_is_told() -> None:
    joined = {"Id": A, "State": "ACTIVE", "JoinedTimestamp": "2026-10-14T09:05:00Z"}
    found = listed(joined, {"Id": B, "State": "ACTIVE", "JoinedTimestamp": "2026-11-01T00:00:00Z"}, {"Id": C})
    rows = reconcile(found, Choice(), {}, OCTOBER).rows
    assert [row.joined for row in rows] == [True, False, False]
    before = [row.document() for row in reconcile(named_listing([A, D]), Choice(), {}, OCTOBER).rows]
    assert [item.id for item in gone_since(found, before, "20261001T000000Z-aaaaaaaa")] == [D]


ENTRIES = st.one_of(
    st.just(Entry(done=True)),
    st.just(Entry(("AccessDenied", "not authorized"))),
    st.just(Entry(broken="the network went away")),
    st.none(),
)
STATES = st.sampled_from(["ACTIVE", "", "SOMETHING_NEW", *NOT_ACTIVE])
ORGANIZATIONS = st.dictionaries(
    st.integers(0, 10**12 - 1).map("{:012d}".format), st.tuples(STATES, ENTRIES), max_size=8
)


@given(ORGANIZATIONS, st.sets(st.integers(0, 7)), st.sets(st.integers(0, 7)))
def test_every_account_is_in_exactly_one_part(
    world: Mapping[str, tuple[str, Entry | None]], include: set[int], exclude: set[int]
) -> None:
    names = sorted(world)
    listing = Listing("o-abcdefghij", "", tuple(Account(name, state=world[name][0]) for name in names))
    chosen = [[Filter(names[index]) for index in picks if index < len(names)] for picks in (include, exclude)]
    choice = Choice(tuple(chosen[0]), tuple(chosen[1]))
    entries = {name: entry for name, (_, entry) in world.items() if entry is not None}
    table = reconcile(listing, choice, entries, OCTOBER)
    counts = table.counts
    assert [row.account.id for row in table.rows] == names
    assert counts["listed"] == sum(count for part, count in counts.items() if part != "listed") == len(names)
    for row in table.rows:
        if row.standing is Standing.ASSESSED:
            assert entries[row.account.id].done, "nothing is assessed that nobody assessed"
        else:
            assert row.reason, "whatever is not assessed says why"


def row(event: str, *, account: str = A, resource: str = "", **more: Any) -> dict[str, Any]:
    told = {"kind": "membership_changed", "verified": True, "outcome": "Success", "actor": "alice", "event_id": "e-1"}
    about = {"event_name": event, "account": account, "resource": resource, "event_time": "2026-10-20T10:12:00Z"}
    return {**told, **about, **more}


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (row("CreateAccountResult", resource=C), (C, "joined")),
        (row("InviteAccountToOrganization", resource=C), (C, "invited")),
        (row("AcceptHandshake", account=C, resource="h-1"), (C, "joined")),
        (row("RemoveAccountFromOrganization", resource=D), (D, "left")),
        (row("LeaveOrganization", account=D), (D, "left")),
        (row("CloseAccountResult", resource=C), (C, "closed")),
        (row("RemoveAccountFromOrganization", resource=D, verified=False), None),
        (row("RemoveAccountFromOrganization", resource=D, outcome="AccessDenied"), None),
        (row("CloseAccountResult", resource=C, outcome="INTERNAL_FAILURE"), None),
        (row("RemoveAccountFromOrganization", account=B, resource=D), None),
        (row("LeaveOrganization", account=A), None),
        (row("RemoveAccountFromOrganization", resource="<b>everybody</b>"), None),
        (row("CreateAccount", resource=C), None),
        (row("CreateAccountResult", resource=C, kind="trail_changed"), None),
    ],
)
def test_comings_are_read_from_verified_calls_that_succeeded(told: dict[str, Any], expected: Any) -> None:
    found = movements_of([told, told], A)
    assert [(move.account, move.what) for move in found] == ([expected] if expected else [])


def test_records_say_when_an_account_came_and_went() -> None:
    listing = listed(
        {"Id": A, "State": "ACTIVE"}, {"Id": B, "State": "CLOSED"}, {"Id": C, "State": "ACTIVE"},
    )  # fmt: skip
    moved = movements_of(
        [
            row("CreateAccountResult", resource=C),
            row("CloseAccountResult", resource=B),
            row("LeaveOrganization", account=D),
        ],
        A,
    )
    table = reconcile(listing, Choice(), {}, OCTOBER, moved)
    lines = {line.account.id: line for line in table.rows}
    assert (lines[C].joined, lines[B].joined) == (True, False)
    assert lines[B].reason.endswith(
        f"closed at 2026-10-20T10:12:00Z: CloseAccountResult in the verified records of {A}"
    )
    assert sum(table.counts[item.value] for item in Standing) == table.counts["listed"] == 3
    assert [(item.id, item.since) for item in gone_since(listing, (), "", moved)] == [
        (D, f"left at 2026-10-20T10:12:00Z: LeaveOrganization in the verified records of {D}")
    ]
    both = gone_since(listing, [{"id": D, "name": "sold"}], "pack-1", moved)
    assert [(item.name, item.since.count(";")) for item in both] == [("sold", 1)]
