"""Follows one trail to its log group: whether the events that a control names arrive where filters look.

Source: CloudTrail User Guide, "Sending events to CloudWatch Logs": the group is in the trail's home Region.
"""

from datetime import timedelta

from auditor.base.truth import Truth
from auditor.monitoring.chain.facts import Facts, Trail
from auditor.monitoring.chain.link import Link, Links, State

DELIVERY_LIMIT = timedelta(hours=24)
"""The benchmark's own bound for deliveries to CloudWatch Logs."""


def trail_links(trail: Trail, facts: Facts, *, reads: bool, sources: frozenset[str]) -> Links:
    """Judge a trail and its log group for a requirement.

    Args:
        trail: the trail.
        facts: what is known of the account.
        reads: whether the required events include read-only ones.
        sources: event sources of the required events; empty for any.
    """
    state, sentence = _trail(trail, reads=reads, sources=sources)
    link = Link("trail", state, trail.name, sentence, (trail.ref,))
    if state is State.BROKEN:
        return (link, Link.not_reached("log group"))
    return (link, _group(trail, facts))


def records(trail: Trail, *, reads: bool, sources: frozenset[str]) -> Truth:
    """Say whether a trail records the required events of all Regions; EventBridge gets them only then.

    None when that is not known.
    """
    stopped = not trail.logging and not (trail.unread and trail.logging is None)
    if not trail.multi_region or stopped or not trail.writes or (reads and not trail.reads):
        return False
    if _left_out(trail, sources, reads=reads):
        return False
    return None if trail.unread or trail.unseen else True


def _left_out(trail: Trail, sources: frozenset[str], *, reads: bool) -> frozenset[str]:
    """Return the sources that a trail leaves out of the required events; reads and writes each by themselves."""
    excluded = trail.excluded | trail.excluded_reads if reads else trail.excluded
    return excluded & sources if sources else excluded


def _trail(  # noqa: PLR0911 - one line for each way to break
    trail: Trail, *, reads: bool, sources: frozenset[str]
) -> tuple[State, str]:
    name = trail.name
    if not trail.multi_region:
        return State.BROKEN, f"The trail {name} does not record all Regions and global services."
    if not trail.group_arn:
        return State.BROKEN, f"The trail {name} does not deliver to CloudWatch Logs."
    if not trail.logging and not (trail.unread and trail.logging is None):
        return State.BROKEN, f"The trail {name} is not logging."
    if not trail.writes or (reads and not trail.reads):
        missing = "write" if not trail.writes else "read-only"
        return State.BROKEN, f"The trail {name} does not record {missing} management events."
    if left_out := _left_out(trail, sources, reads=reads):
        return State.BROKEN, f"The trail {name} leaves out the events of {', '.join(sorted(left_out))}."
    if trail.unseen:
        return State.UNKNOWN, f"{trail.unseen[0].upper()}{trail.unseen[1:]}."
    if trail.unread:
        return State.UNKNOWN, f"What the trail {name} does is not known: {trail.unread}."
    return State.OK, f"The trail {name} is logging management events of all Regions."


def _group(trail: Trail, facts: Facts) -> Link:  # noqa: PLR0911 - one line for each way to break
    place = trail.delivers_to
    if place is None:
        return Link("log group", State.UNKNOWN, trail.group_arn, "The log group's ARN cannot be read.", (trail.ref,))
    region, account, name = place.region, place.account, place.name

    def link(state: State, sentence: str, ref: str = trail.ref) -> Link:
        return Link("log group", state, name, sentence, (ref,))

    if trail.delivery_error:
        return link(State.BROKEN, f"Delivery to the log group {name} fails: {trail.delivery_error[:200]}.")
    delivers = State.UNKNOWN if trail.unread and trail.logging is None else State.OK
    if delivers is State.OK and trail.delivered is None:
        return link(State.BROKEN, f"Nothing was ever delivered to the log group {name}.")
    if trail.delivered is not None and facts.as_of - trail.delivered > DELIVERY_LIMIT:
        return link(
            State.BROKEN, f"The last delivery to the log group {name} was at {trail.delivered:%Y-%m-%d %H:%M} UTC."
        )
    owner = facts.of(account)
    if owner is None:
        sentence = f"The log group {name} is in account {account}: its filters and alarms have to be looked at there."
        return link(State.UNKNOWN, sentence)
    if region not in owner.regions:
        return link(State.UNKNOWN, f"The log group {name} is in {region}, which is not part of the audit.")
    group = next((one for one in owner.groups if one.name == name and one.region == region), None)
    if group is None and (why := owner.gap("groups", region)):
        return link(State.UNKNOWN, f"Whether the log group {name} exists in {region} is not known: {why}.")
    if group is None:
        return link(State.BROKEN, f"The log group {name} does not exist in {region}.")
    if group.kind != "STANDARD":
        return link(
            State.BROKEN, f"The log group {name} is of class {group.kind}, which has no metric filters.", group.ref
        )
    if delivers is State.UNKNOWN:
        return link(State.UNKNOWN, f"Whether the trail delivers to the log group {name} is not known.")
    return link(State.OK, f"The log group {name} in {region} receives the trail's events.", group.ref)
