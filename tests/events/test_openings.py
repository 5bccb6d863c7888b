"""Openings of security groups and what ended them: the questions and the table of events of note tell the same."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.activity.effects import Effect
from auditor.activity.openings import pair_ports
from auditor.activity.rows import OPENED, notable_row
from auditor.events.asking import Asked, ask
from auditor.events.filters import Filters
from auditor.events.question import load_questions

from .kit import records_log, store_of
from .month import ANA, BEN, LAMBDA, NOVEMBER, Record, record

V4, V6, OFFICE = "0.0.0.0/0", "::/0", "198.51.100.0/24"
Form = tuple[str, int | None, int | None, str]
SSH: Final[Form] = ("tcp", 22, 22, V4)
SSH6: Final[Form] = ("tcp", 22, 22, V6)
RDP: Final[Form] = ("tcp", 3389, 3389, V4)
ALL: Final[Form] = ("-1", None, None, V4)


def permission(protocol: str, first: int | None, last: int | None, *ranges: str) -> Record:
    ports = {} if first is None else {"fromPort": first, "toPort": last}
    v4 = {"ipRanges": {"items": [{"cidrIp": one} for one in ranges if "." in one]}}
    v6 = {"ipv6Ranges": {"items": [{"cidrIpv6": one} for one in ranges if ":" in one]}}
    return {"ipProtocol": protocol, **ports, **v4, **v6}


def told(number: str, form: Form) -> Record:
    """Return a rule as EC2 answers: with its id, and -1 where there are no ports."""
    protocol, first, last, source = form
    ports = {"fromPort": -1 if first is None else first, "toPort": -1 if last is None else last}
    return {
        "securityGroupRuleId": f"sgr-{number}",
        "groupId": "sg-1",
        "isEgress": False,
        "ipProtocol": protocol,
        **ports,
        ("cidrIpv6" if ":" in source else "cidrIpv4"): source,
    }


def call(name: str, minute: int, asked: Record, answer: Record | None = None, who: Record = ANA) -> Record:
    at = f"2026-11-12T10:{minute:02d}:00Z"
    return record(f"e{minute:02d}", at, "ec2", name, who, requestParameters=asked, responseElements=answer)


def opens(minute: int, *forms: Form, ids: Sequence[str] = (), group: Mapping[str, str] | None = None) -> Record:
    asked = {**(group or {"groupId": "sg-1"}), "ipPermissions": {"items": [permission(*form) for form in forms]}}
    rules = {"items": [told(number, form) for number, form in zip(ids, forms, strict=True)]} if ids else None
    answer = {"_return": True, **({"securityGroupRuleSet": rules} if rules else {})}
    return call("AuthorizeSecurityGroupIngress", minute, asked, answer)


def revokes(
    minute: int, *forms: Form, ids: Sequence[str] = (), answer: Record | None = None, who: Record = ANA
) -> Record:
    named = [{"securityGroupRuleId": f"sgr-{number}"} for number in ids]
    by = {"securityGroupRuleIds": {"items": named}} if ids else {}
    by |= {"ipPermissions": {"items": [permission(*form) for form in forms]}} if forms else {}
    return call("RevokeSecurityGroupIngress", minute, {"groupId": "sg-1", **by}, answer or {"_return": True}, who)


def becomes(minute: int, *changes: tuple[str, Form]) -> Record:
    rules = []
    for tag, (number, (protocol, first, last, source)) in enumerate(changes, 1):
        form = {"IpProtocol": protocol, "FromPort": first, "ToPort": last}
        told_as = "PrefixListId" if source.startswith("pl-") else "CidrIpv6" if ":" in source else "CidrIpv4"
        form[told_as] = source
        rules.append({"tag": tag, "SecurityGroupRuleId": f"sgr-{number}", "SecurityGroupRule": form})
    asked = {"GroupId": "sg-1", "SecurityGroupRule": rules if len(rules) > 1 else rules[0]}
    return call("ModifySecurityGroupRules", minute, {"ModifySecurityGroupRulesRequest": asked})


def gone(minute: int) -> Record:
    return call("DeleteSecurityGroup", minute, {"groupId": "sg-1"})


def answered(folder: Path, records: Sequence[Record], name: str, filters: Filters | None = None) -> list[Any]:
    store = store_of(folder, records_log(records), card={"period": NOVEMBER.document()})
    return list(ask(store, Asked(load_questions()[name], NOVEMBER, filters or Filters())).rows)


def minute_of(at: Any) -> int | None:
    return None if at is None else at.minute


CASES: Final[Mapping[str, tuple[Sequence[Record], Sequence[tuple[str, int | None, int | None]]]]] = {
    "ipv6 alone stays when the IPv4 rule goes": (
        [opens(0, SSH), opens(1, SSH6), revokes(2, SSH)],
        [("e00", 22, 2), ("e01", 22, None)],
    ),
    "several ranges of one call, one of them revoked": (
        [opens(0, SSH, SSH6, RDP), revokes(2, SSH), revokes(3, RDP)],
        [("e00", 22, 2), ("e00", 3389, 3), ("e00", 22, None)],
    ),
    "several rules of one call by their ids": (
        [opens(0, SSH, RDP, ids=("a", "b")), revokes(2, ids=("b",)), revokes(3, ids=("a",))],
        [("e00", 22, 3), ("e00", 3389, 2)],
    ),
    "another's revoke by rule id": (
        [opens(0, SSH, ids=("a",)), revokes(2, ids=("a",), who=BEN)],
        [("e00", 22, 2)],
    ),
    "opened again after it was reverted": (
        [opens(0, SSH, ids=("a",)), revokes(2, ids=("a",), who=LAMBDA), opens(4, SSH, ids=("b",)), revokes(7, SSH)],
        [("e00", 22, 2), ("e04", 22, 7)],
    ),
    "opened again and left": (
        [opens(0, SSH), revokes(2, SSH), opens(4, SSH)],
        [("e00", 22, 2), ("e04", 22, None)],
    ),
    "all traffic is not closed by a revoke of one port": (
        [opens(0, ALL), revokes(2, SSH), revokes(5, ALL)],
        [("e00", None, 5)],
    ),
    "a port is not closed by a revoke of a wider rule": (
        [opens(0, SSH), revokes(2, ("tcp", 0, 65535, V4))],
        [("e00", 22, None)],
    ),
    "a revoke of another port of the group": (
        [becomes(0, ("a", SSH)), revokes(2, ("tcp", 443, 443, V4))],
        [("e00", 22, None)],
    ),
    "a rule that is changed to an office": (
        [opens(0, SSH, ids=("a",)), becomes(3, ("a", ("tcp", 22, 22, OFFICE)))],
        [("e00", 22, 3)],
    ),
    "two rules changed in one call": (
        [becomes(0, ("a", SSH), ("b", RDP)), becomes(3, ("a", ("tcp", 22, 22, OFFICE)), ("b", RDP))],
        [("e00", 22, 3), ("e00", 3389, None), ("e03", 3389, None)],
    ),
    "a rule that is made wider stays open": (
        [opens(0, SSH, ids=("a",)), becomes(3, ("a", ("tcp", 0, 65535, V4))), gone(9)],
        [("e00", 22, 9), ("e03", 0, 9)],
    ),
    "a revoke that found nothing": (
        [opens(0, SSH), revokes(2, SSH, answer={"_return": False})],
        [("e00", 22, None)],
    ),
    "a revoke of which EC2 knew only a part": (
        [
            opens(0, SSH, RDP),
            revokes(
                2,
                SSH,
                RDP,
                answer={
                    "_return": True,
                    "unknownIpPermissionSet": {"items": [permission(*SSH)]},
                    "revokedSecurityGroupRuleSet": {"items": [told("b", RDP)]},
                },
            ),
        ],
        [("e00", 22, None), ("e00", 3389, 2)],
    ),
    "opened by the group's name and closed by its id": (
        [opens(0, SSH, ids=("a",), group={"groupName": "web"}), revokes(2, SSH)],
        [("e00", 22, 2)],
    ),
    "protocols by number": (
        [opens(0, ("6", 22, 22, V4)), revokes(2, SSH)],
        [("e00", 22, 2)],
    ),
    "short form": (
        [
            call(
                "AuthorizeSecurityGroupIngress",
                0,
                {"groupId": "sg-1", "ipProtocol": "tcp", "fromPort": 22, "toPort": 22, "cidrIp": V4},
            ),
            revokes(2, SSH),
        ],
        [("e00", 22, 2)],
    ),
    "replaced by its like within the same second": (
        [
            opens(0, SSH, ids=("a",)),
            revokes(2, SSH, answer={"_return": True, "revokedSecurityGroupRuleSet": {"items": [told("a", SSH)]}}),
            opens(1, SSH, ids=("b",)) | {"eventTime": "2026-11-12T10:02:00Z"},
        ],
        [("e00", 22, 2), ("e01", 22, None)],
    ),
    "changed to a list that the record does not tell": (
        [opens(0, SSH, ids=("a",)), becomes(3, ("a", ("tcp", 22, 22, "pl-1")))],
        [("e00", 22, None)],
    ),
    "an office is no opening": ([opens(0, ("tcp", 22, 22, OFFICE))], []),
    "a refused revoke": (
        [opens(0, SSH), revokes(2, SSH) | {"errorCode": "Client.UnauthorizedOperation"}],
        [("e00", 22, None)],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_rule_is_ended_by_the_call_that_takes_it_away(case: str, tmp_path: Path) -> None:
    records, expected = CASES[case]
    rows = answered(tmp_path / "store", records, "network-openings")
    found = [(row["event_id"], row["from_port"], minute_of(row["closed_at"])) for row in rows]
    assert found == list(expected)
    notices = answered(tmp_path / "again", records, "opened-to-notice")
    assert [(row["event_id"], row["from_port"], minute_of(row["reverted_time"])) for row in notices] == found


def test_a_rule_that_becomes_a_prefix_list_is_called_neither_closed_nor_harmless() -> None:
    records, _ = CASES["changed to a list that the record does not tell"]
    opened, changed = pair_ports(row for one in records if (row := notable_row(one)) is not None)
    assert (opened.closed_at, changed.effect.effect) == (None, Effect.OPEN)
    assert changed.effect.words == "the record does not tell what stands in pl-1"


def test_a_rule_made_anew_within_the_second_is_not_taken_for_the_one_that_went() -> None:
    """Whichever of the two has the lesser id: records of one second have no order."""
    records, _ = CASES["replaced by its like within the same second"]
    for number in ("e01", "e03"):
        ordered = [*records[:2], records[2] | {"eventID": number}]
        rows = pair_ports(row for item in ordered if (row := notable_row(item)))
        found = {row.event_id: minute_of(row.closed_at) for row in rows if row.kind == OPENED}
        assert found == {"e00": 2, number: None}


def test_who_took_a_rule_back_and_by_what_they_are_linked(tmp_path: Path) -> None:
    records = [
        opens(0, SSH, RDP, SSH6, ids=("a", "b", "c")),
        revokes(2, ids=("a",), who=LAMBDA),
        revokes(3, RDP, who=BEN),
        gone(5),
    ]
    rows = answered(tmp_path / "store", records, "opened-to-notice", Filters(users=("ana",)))
    found = [
        (row["range"], row["from_port"], row["by_itself"], row["linked_by"], row["seconds_between"]) for row in rows
    ]
    assert found == [
        (V4, 22, True, "rule id", 120),
        (V4, 3389, False, "form of the rule", 180),
        (V6, 22, False, "group deleted", 300),
    ]
    assert rows[1]["reverted_who"] == BEN["arn"]


@pytest.mark.parametrize(("protocol", "admin"), [("icmp", False), ("icmpv6", False), ("udp", True), ("-1", True)])
def test_a_number_of_another_protocol_is_no_port(protocol: str, admin: bool, tmp_path: Path) -> None:
    [row] = answered(tmp_path / "store", [opens(0, (protocol, 8, 255, V4))], "network-openings")
    assert row["admin_port"] is admin


_FORMS = st.sampled_from([SSH, SSH6, RDP, ALL, ("tcp", 20, 30, V4), ("tcp", 22, 22, OFFICE)])
_MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("open"), st.lists(_FORMS, min_size=1, max_size=2, unique=True)),
        st.tuples(st.just("revoke"), st.lists(_FORMS, min_size=1, max_size=2, unique=True)),
        st.tuples(st.just("gone"), st.just([SSH])),
    ),
    min_size=1,
    max_size=8,
)


def _applied(moves: Sequence[tuple[str, list[Form]]]) -> list[Record]:
    """Return the calls that EC2 would take: it refuses a rule that is there already."""
    there: set[Form] = set()
    records = []
    for minute, (move, forms) in enumerate(moves):
        if move == "open":
            if new := [form for form in forms if form not in there]:
                records.append(opens(minute, *new))
                there |= set(new)
        elif move == "revoke":
            if old := [form for form in forms if form in there]:
                records.append(revokes(minute, *old))
                there -= set(old)
        else:
            records.append(gone(minute))
            there = set()
    return records


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(_MOVES)
def test_the_table_of_events_of_note_tells_the_same(
    tmp_path_factory: pytest.TempPathFactory, moves: list[tuple[str, list[Form]]]
) -> None:
    records = _applied(moves)
    rows = [row for item in records if (row := notable_row(item))]
    noted = {row.event_id: row.closed_at for row in pair_ports(rows) if row.kind == OPENED and row.ports}
    found: dict[str, list[datetime | None]] = {}
    for row in answered(tmp_path_factory.mktemp("moves") / "store", records, "network-openings"):
        if row["admin_port"]:
            found.setdefault(row["event_id"], []).append(row["closed_at"])
    ended = {name: None if None in ends else max(end for end in ends if end) for name, ends in found.items()}
    assert ended == noted
