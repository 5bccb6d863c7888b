"""What the command line narrows a question to, as predicates that read the same in both dialects."""

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from auditor.base.errors import UsageError

_WHO: Final = (
    "actor",
    "identity_arn",
    "user_name",
    "access_key",
    "session_name",
    "source_identity",
    "principal_id",
    "on_behalf_of",
)
_SOMETHING: Final = ("request", "response", "service_details")


@dataclass(frozen=True, slots=True)
class Filters:
    """What is asked for; several values of one option add up, several options narrow.

    ``*`` stands for anything in users, roles, events and at the end of resources.
    """

    users: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    ips: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    errors: Literal["", "only", "without"] = ""

    def __post_init__(self) -> None:
        for text in self.ips:
            try:
                ipaddress.ip_network(text, strict=False)
            except ValueError:
                if not re.fullmatch(r"[A-Za-z0-9. -]{1,255}", text) or re.fullmatch(r"[0-9./:]+", text):
                    raise UsageError(f"--ip {text}: no address, range or service name") from None

    def document(self) -> dict[str, Any]:
        """Return what was asked for, without what was not."""
        named = {name: list(getattr(self, name)) for name in self.__slots__ if name != "errors" and getattr(self, name)}
        return named | ({"errors": self.errors} if self.errors else {})


def predicates(filters: Filters, from_there: str = "") -> tuple[list[str], dict[str, Any]]:
    """Return predicates over the table of events, and the values that they name.

    Args:
        filters: what is asked for.
        from_there: the predicate for source addresses, which each engine tells from ranges in its own way.
    """
    found: list[str] = []
    values: dict[str, Any] = {}

    def named(value: Any) -> str:
        values[f"f{len(values)}"] = value
        return f"$f{len(values) - 1}"

    def any_of(texts: Sequence[str], columns: Sequence[str]) -> str:
        return " OR ".join(
            f"lower({column}) {operator} {place}"
            for text in texts
            for operator, place in [_like(text, named)]
            for column in columns
        )

    if filters.users:
        found.append(any_of(filters.users, _WHO))
    if filters.roles:
        found.append(any_of(filters.roles, ("role_name", "role_arn")))
    if filters.events:
        found.append(any_of(filters.events, ("call", "event_name")))
    if filters.resources:
        found.append(" OR ".join(part for text in filters.resources for part in _about(text, named)))
    for column, texts in (("region", filters.regions), ("account", filters.accounts)):
        if texts:
            found.append(" OR ".join(f"{column} = {named(text)}" for text in texts))
    if filters.ips:
        found.append(from_there)
    if filters.errors:
        found.append("outcome <> 'success'" if filters.errors == "only" else "outcome = 'success'")
    return found, values


def _like(text: str, named: Any) -> tuple[str, str]:
    """Return operator and place of a value in which ``*`` stands for anything."""
    lower = text.lower()
    if "*" not in lower:
        return "=", named(lower)
    escaped = lower.replace("!", "!!").replace("%", "!%").replace("_", "!_").replace("*", "%")
    return "LIKE", f"{named(escaped)} ESCAPE '!'"


def _about(text: str, named: Any) -> Iterator[str]:
    """Yield predicates for events whose request, answer or resources name something as a whole value.

    A name counts also as the end of an ARN, after a colon or a slash. The quick look for the text goes first.
    """
    bare, open_end = (text[:-1], True) if text.endswith("*") else (text, False)
    literal = json.dumps(bare, ensure_ascii=False)[1:-1]
    inside = named(literal)
    close = r'([^"\\]|\\.)*"' if open_end else '"'
    whole = named(rf'((^|[^\\])"|[/:]){re.escape(literal)}{close}\s*([,}}\]]|$)')
    for column in _SOMETHING:
        yield f"(strpos({column}, {inside}) > 0 AND regexp_like({column}, {whole}))"
    end = "" if open_end else r"(\n|$)"
    pattern = rf"(^|[\n/:]){re.escape(bare)}{end}"
    yield f"regexp_like(resource_arns, {named(pattern)})"


def taken_in(texts: Sequence[str], addresses: Sequence[str]) -> list[str]:
    """Return those of the addresses that the asked-for addresses, ranges and names take in."""
    networks = [network for text in texts if (network := network_of(text)) is not None]
    names = {text for text in texts if network_of(text) is None}
    found = []
    for address in addresses:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            if address in names:
                found.append(address)
            continue
        if any(parsed.version == network.version and parsed in network for network in networks):
            found.append(address)
    return found


def network_of(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """Return the range that an address or range of ``--ip`` is; None of the name of a service."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def literal_sql(text: str, values: Mapping[str, Any], literal: Any) -> str:
    """Write values into SQL in place of their names, outside of quotes."""
    names = "|".join(sorted(map(re.escape, values), key=len, reverse=True))
    if not names:
        return text
    pattern = re.compile(rf"'(?:[^']|'')*'|\$({names})\b")
    return pattern.sub(lambda match: literal(values[match[1]]) if match[1] else match[0], text)


def used(text: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that a text names: DuckDB refuses others."""
    names = set(re.findall(r"'(?:[^']|'')*'|\$([a-z][a-z0-9_]*)", text))
    return {name: value for name, value in values.items() if name in names}
