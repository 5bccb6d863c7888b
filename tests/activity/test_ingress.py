"""Openings and closings of security groups, read by meaning."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.activity.ingress import change_of, open_ports
from tests.activity.test_effects import JSON


def authorize(*cidrs: str, protocol: Any = "tcp", first: Any = 22, last: Any = 22, **fields: Any) -> dict[str, Any]:
    v4 = [{"cidrIp": cidr} for cidr in cidrs if ":" not in cidr]
    v6 = [{"cidrIpv6": cidr} for cidr in cidrs if ":" in cidr]
    permission = {
        "ipProtocol": protocol,
        "fromPort": first,
        "toPort": last,
        "ipRanges": {"items": v4},
        "ipv6Ranges": {"items": v6},
    }
    asked = {"groupId": "sg-1", "ipPermissions": {"items": [permission]}}
    return {"eventName": "AuthorizeSecurityGroupIngress", "requestParameters": asked, **fields}


@pytest.mark.parametrize(
    ("record", "ports"),
    [
        pytest.param(authorize("0.0.0.0/0"), (22,), id="everybody"),
        pytest.param(authorize("0.0.0.0/1", "128.0.0.0/1"), (22,), id="two-halves"),
        pytest.param(authorize("0.0.0.0/1"), (), id="one-half"),
        pytest.param(authorize("2000::/3"), (22,), id="all-routed-of-ipv6"),
        pytest.param(authorize("0.0.0.0/0", protocol="6"), (22,), id="protocol-by-number"),
        pytest.param(authorize("0.0.0.0/0", protocol=6), (22,), id="protocol-as-a-number"),
        pytest.param(authorize("0.0.0.0/0", protocol="-1", first=None, last=None), (22, 3389), id="all-traffic"),
        pytest.param(authorize("0.0.0.0/0", protocol="icmp", first=3, last=40), (), id="icmp-types-are-no-ports"),
        pytest.param(authorize("0.0.0.0/0", protocol="1", first=3, last=40), (), id="icmp-by-number"),
        pytest.param(authorize("0.0.0.0/0", protocol="47", first=None, last=None), (), id="no-ports-at-all"),
        pytest.param(authorize("10.0.0.0/8", "172.16.0.0/12"), (), id="private"),
        pytest.param(authorize("0.0.0.0/0", first=0, last=65535), (22, 3389), id="every-port"),
        pytest.param(authorize("0.0.0.0/0", first=443, last=443), (), id="another-port"),
    ],
)
def test_what_an_opening_opens(record: dict[str, Any], ports: tuple[int, ...]) -> None:
    change = change_of(record)
    assert change is not None
    assert open_ports(change.opens) == ports


def test_a_group_told_by_name_is_known_by_the_id_of_the_answer() -> None:
    made = [
        {
            "groupId": "sg-9",
            "securityGroupRuleId": "sgr-1",
            "ipProtocol": "tcp",
            "fromPort": 22,
            "toPort": 22,
            "cidrIpv4": "0.0.0.0/0",
        }
    ]
    record = authorize("0.0.0.0/0", responseElements={"securityGroupRuleSet": {"items": made}})
    record["requestParameters"] |= {"groupId": None, "groupName": "default"}
    change = change_of(record)
    assert change is not None
    assert (change.group, [known for known, _ in change.adds]) == ("sg-9", ["sgr-1"])


@given(
    st.sampled_from(
        [
            "AuthorizeSecurityGroupIngress",
            "RevokeSecurityGroupIngress",
            "ModifySecurityGroupRules",
            "DeleteSecurityGroup",
        ]
    ),
    JSON,
    JSON,
)
def test_no_record_whatever_breaks_the_reader(name: str, asked: Any, answer: Any) -> None:
    change = change_of({"eventName": name, "requestParameters": asked, "responseElements": answer})
    assert change is not None
    open_ports(change.opens)
