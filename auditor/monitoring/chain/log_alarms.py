"""Log alarms: scheduled queries over log groups that raise an alarm. Never taken for proof, only for a possibility.

What such a query finds is written in the query language of Logs Insights, which is not judged here. One that looks at
a trail's log group, and whose hits would reach people, leaves a control open that would fail without it; unless the
query plainly asks for other event names. Source: ``LogAlarm`` of the CloudWatch API model.
"""

import re
from collections.abc import Sequence

from auditor.monitoring.chain.actions import act, kept_back_now
from auditor.monitoring.chain.alarms import hindered
from auditor.monitoring.chain.facts import Facts, LogAlarm, Trail
from auditor.monitoring.chain.link import Link, Links, State, state_of
from auditor.monitoring.patterns.requirement import Requirement

_BY_NAME = re.compile(r"""filter\s+eventName\s*(?:=\s*(?P<one>"[^"]*"|'[^']*')|in\s*\[(?P<several>[^\]]*)\])""")
_QUOTED = re.compile(r"""["']([^"']*)["']""")


def log_alarm_links(facts: Facts, requirement: Requirement, heads: Sequence[tuple[Trail, Links]]) -> Links | None:
    """Return the chain over a log alarm that could detect what is required; None when there is none."""
    for trail, head in heads:
        place = trail.delivers_to
        owner = facts.of(place.account) if place is not None else None
        if place is None or owner is None or state_of(head) is State.BROKEN:
            continue
        if why := owner.gap("alarms", place.region):
            sentence = f"Whether a log alarm looks at the log group is not known: {why}."
            return (*head, Link("filter", State.UNKNOWN, "", sentence))
        for alarm in owner.log_alarms:
            if (
                alarm.region == place.region
                and _looks_at(alarm, trail.group_arn, place.name)
                and _may_hit(alarm, owner)
            ):
                if _asks_for_others(alarm.query, requirement):
                    continue
                sentence = f"The log alarm {alarm.name} runs a query over the log group, which is not judged here."
                return (*head, Link("filter", State.UNKNOWN, alarm.name, sentence, (alarm.ref,)))
    return None


def _looks_at(alarm: LogAlarm, arn: str, name: str) -> bool:
    """An alarm that names no group has them in its query, which is not read."""
    named = {group.removesuffix(":*") for group in alarm.groups}
    return not named or name in named or arn.removesuffix(":*") in named


def _may_hit(alarm: LogAlarm, facts: Facts) -> bool:
    if alarm.needed > 1 or alarm.comparison.startswith("LessThan"):
        return False
    trouble = hindered(alarm.name, alarm.evaluation, alarm.warm_up)
    if trouble is not None and trouble[0] is State.BROKEN:
        return False
    if any(name and name in one.rule for one in facts.composites for name in (alarm.name, alarm.arn)):
        return True
    back = kept_back_now(alarm.name, alarm.region, facts)
    return state_of(act(alarm, "log alarm", back, facts)) is not State.BROKEN


def _asks_for_others(query: str, requirement: Requirement) -> bool:
    """Say whether a stage of the query keeps to event names of which the requirement has none."""
    wanted = {name.rpartition("/")[2] for name in requirement.events}
    for stage in query.split("|"):
        found = _BY_NAME.fullmatch(stage.strip())
        if found and wanted and wanted.isdisjoint(_QUOTED.findall(found["one"] or found["several"])):
            return True
    return False
