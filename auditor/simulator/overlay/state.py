"""What a world knows that moto has no place for."""

from dataclasses import dataclass, field
from typing import Any

from auditor.simulator.worlds.archive import Plan


@dataclass(slots=True)
class UserFacts:
    """What the credential report says about a user beyond moto: texts as the report writes them."""

    password_last_used: str = "no_information"  # noqa: S105 - a report value
    password_last_changed: str = ""
    """Empty: when the user was created."""
    key_used: tuple[str, ...] = ()
    """When each access key was last used; ``N/A`` for never."""


@dataclass(slots=True)
class State:
    """The facts that the overlay's answers depend on."""

    plan: Plan | None = None
    """What the trail delivered and the event history knows; None for an account without a trail."""
    sessions: dict[str, str] = field(default_factory=dict)
    """Access key -> assumed role and session, for those who assumed a role here."""
    root_created: str = "2023-02-14T10:31:07+00:00"
    root_last_used: str = "no_information"
    summary: dict[str, int] = field(default_factory=dict)
    """Fields of the account summary that differ from moto's."""
    users: dict[str, UserFacts] = field(default_factory=dict)
    unconfirmed: set[str] = field(default_factory=set)
    """Endpoints of e-mail subscriptions that nobody confirmed."""
    composites: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Region -> composite alarms, as DescribeAlarms shows them."""
    alarm_history: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Region -> what alarms did, as DescribeAlarmHistory shows it."""
    saved_queries: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Region -> saved queries of Logs Insights, as DescribeQueryDefinitions shows them."""
    mutes: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    """Region -> name -> alarm mute rule, as GetAlarmMuteRule shows it."""
    elsewhere: set[str] = field(default_factory=set)
    """Buckets that belong to another account and can be read from this one: not in ListBuckets."""
    mfa_delete: set[str] = field(default_factory=set)
    """Buckets that ask for MFA before a deletion."""
