"""Records as hypothesis draws them, those of the second month with members changed to rare ones; filters for them."""

from typing import Any, Final

from hypothesis import strategies as st

from auditor.events.filters import Filters

from .month import DEV, FAR, HOME, PROD, STRANGER, US, records

ODD: Final = (
    *("ünïcode", "a b", 'quo"te', "back\\slash", "100%_x!"),
    *("b", "x.y+z(1)[2]{3}", "Ledger", "ledger-2", "a/ledger", "né:e"),
)
"""Names with characters that mean something in patterns, in JSON or in SQL."""
ADDRESSES: Final = (
    *("198.51.100.7", "198.51.100.200", "203.0.113.66", "10.255.255.255", "11.0.0.0"),
    *("2001:db8::5", "2001:db8:0:0:0:0:0:6", "2001:db9::1", "fe80::1"),
    *("cloudformation.amazonaws.com", "AWS Internal", "10.0.0.1.evil.example", "", None),
)
_PLAIN: Final = tuple(item for item in records() if not item["eventID"].startswith("routine-"))
_NAMES: Final = st.sampled_from(ODD)


def _role_session(name: str, person: dict[str, str]) -> dict[str, Any]:
    return {"sessionIssuer": {"arn": f"arn:aws:iam::{PROD}:role/x/{name}", "userName": name}} | person


_WHO: Final = {
    "userName": _NAMES,
    "arn": _NAMES.map(lambda name: f"arn:aws:iam::{PROD}:user/{name}"),
    "principalId": _NAMES.map(lambda name: f"AROA1:{name}") | st.just("AROA1:"),
    "accessKeyId": st.sampled_from(["AKIAODD", "ASIAODD", ""]),
    "sessionContext": st.builds(
        _role_session, _NAMES, st.sampled_from([{}, {"sourceIdentity": "ana"}, {"sourceIdentity": "Ünï"}])
    ),
    "onBehalfOf": st.just({"userId": "9067-dora"}),
}
_ABOUT: Final = st.recursive(
    _NAMES | st.sampled_from(["ledger", "arn:aws:s3:::ledger", "sg-1", 5, None, True, '{"in": "ledger"}', "x/ledger"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["ledger", "name", "a:b"]), inner, max_size=2)
    ),
    max_leaves=4,
)
_REQUEST: Final = st.dictionaries(st.sampled_from(["bucketName", "groupId", "ledger"]), _ABOUT, max_size=2) | _NAMES
_IDENTITY: Final = st.fixed_dictionaries({"type": st.sampled_from(["IAMUser", "AssumedRole"])}, optional=_WHO)
_CHANGES: Final = {
    "eventName": st.sampled_from(["DeleteFunction20150331v2", "GetDistribution2020_05_31", "putbucketpolicy", "Put%"]),
    "sourceIPAddress": st.sampled_from(ADDRESSES),
    "awsRegion": st.sampled_from([HOME, US, FAR, None]),
    "recipientAccountId": st.sampled_from([PROD, DEV, STRANGER]),
    "errorCode": st.sampled_from(["AccessDenied", "Client.UnauthorizedOperation", "Throttling", "", None]),
    "requestParameters": _REQUEST,
    "responseElements": st.none() | st.dictionaries(st.just("x"), _ABOUT, max_size=1),
    "resources": st.lists(_NAMES.map(lambda name: {"ARN": f"arn:aws:s3:::{name}"}), max_size=2),
    "userIdentity": _IDENTITY | st.none(),
}


@st.composite
def odd_records(draw: st.DrawFn, least: int = 20, most: int = 60) -> list[dict[str, Any]]:
    """Draw records of the second month, each with a few members that are rare, and an id of its own."""
    some = st.tuples(st.sampled_from(_PLAIN), st.fixed_dictionaries({}, optional=_CHANGES))
    drawn = draw(st.lists(some, min_size=least, max_size=most))
    return [record | changes | {"eventID": f"e{number:03d}"} for number, (record, changes) in enumerate(drawn)]


_USERS: Final = ("ana", "ANA", "AKIAODD", "arn:aws:iam::*", "*ünï*", "*!", "9067-dora", "AROA1:*", "*")
_RESOURCES: Final = ("ledger", "led*", "sg-*", "arn:aws:s3:::ledger", "in", "in*", "5", "y", "ledger/*", "né*")
_RANGES: Final = (
    *("198.51.100.0/24", "198.51.100.7", "10.1.2.3/8", "0.0.0.0/0", "cloudformation.amazonaws.com", "AWS Internal"),
    *("2001:db8::/32", "2001:DB8::5", "2001:db8::6", "::/0"),
)
_CALLS: Final = ("Put*", "PUTBUCKETPOLICY", "DeleteFunction", "GetDistribution2020_05_31", "*%", "Put_ucketPolicy", "*")
OPTIONS: Final = {
    "users": _NAMES | st.sampled_from(_USERS),
    "roles": _NAMES | st.sampled_from(["closer-role", "*ADMIN*", "arn:aws:iam::*:role/x/*", "*"]),
    "resources": _NAMES | st.sampled_from(_RESOURCES),
    "ips": st.sampled_from(_RANGES),
    "events": st.sampled_from(_CALLS),
    "regions": st.sampled_from([HOME, US, FAR]),
    "accounts": st.sampled_from([PROD, DEV, STRANGER]),
}
"""Options of the command line, and values for them."""


@st.composite
def filters(draw: st.DrawFn) -> Filters:
    """Draw one to three options, each with one or two values."""
    several = {name: st.lists(values, min_size=1, max_size=2).map(tuple) for name, values in OPTIONS.items()}
    both: dict[str, st.SearchStrategy[Any]] = {**several, "errors": st.sampled_from(["only", "without"])}
    chosen = draw(st.lists(st.sampled_from(sorted(both)), min_size=1, max_size=3, unique=True))
    return Filters(**{name: draw(both[name]) for name in chosen})
