"""Judges whether an Auto Scaling group grows with its load: a policy that adds capacity, and its alarm.

Source: Amazon EC2 Auto Scaling User Guide, "Step and simple scaling policies", "Target tracking scaling policies" and
"Suspend and resume processes". A policy's alarms are its own for target tracking: Auto Scaling makes one that adds when
the metric is above its target, and one that removes. Predictive policies follow a forecast and have no alarm.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from auditor.base.counts import counted, lasting
from auditor.evaluate.checks.alarm_facts import alarm_from, mute_rules
from auditor.evaluate.checks.chain_facts import ALARMS, placed
from auditor.evaluate.checks.fields import integer, listed, optional_list, optional_text, some, text
from auditor.evaluate.subject import Subject
from auditor.model import Verdict, failed, not_assessed, passed
from auditor.monitoring.chain.actions import kept_back_now
from auditor.monitoring.chain.alarms import hindered
from auditor.monitoring.chain.facts import Alarm, Facts
from auditor.monitoring.chain.link import State

_POLICIES = "autoscaling:DescribePolicies"
_NEEDED = ("Launch", "AlarmNotification")
"""Processes without which no alarm adds an instance."""
_PERCENT = ("CPUUtilization", "percent", "Percent")
_LOADS = ("CPUUtilization", "NetworkIn", "NetworkOut", "RequestCount", "RequestCountPerTarget", "mem_used_percent")
"""Metrics that rise with the load, so that an alarm on little of them marks the opposite."""
_FULL = 100.0
_ORDER = (State.BROKEN, State.UNKNOWN, State.OK)
_Answer = tuple[State, str, str]
"""State, sentence, and the policy's name."""


def group_scaling(subject: Subject) -> Verdict:
    """Judge one Auto Scaling group: an enabled policy adds capacity on load, set off by an alarm that acts.

    The alarm exists, its actions are taken, and it goes off ``within_minutes`` at a threshold that load reaches.

    Evidence: ``autoscaling:DescribeAutoScalingGroups`` (population), ``autoscaling:DescribePolicies``,
    ``cloudwatch:DescribeAlarms``; consulted are mute rules.
    """
    if hindrance := _hindrance(subject.item):
        return hindrance
    name = text(subject.item, "AutoScalingGroupName")
    policies = [
        item
        for item in subject.evidence.items(_POLICIES, "ScalingPolicies[]", region=subject.region)
        if text(item, "AutoScalingGroupName") == name
    ]
    if not policies:
        return failed("The group has no scaling policy: no alarm adds capacity on load.", observed="no policy")
    known = _Known.of(subject)
    answers = [answer for policy in policies for answer in _answers(subject, policy, known)]
    state, sentence, policy_name = max(answers, key=lambda one: _ORDER.index(one[0]))
    if state is State.OK:
        return passed(sentence, observed=some([policy_name]))
    if state is State.UNKNOWN:
        return not_assessed(sentence, observed=some([policy_name]))
    more = f" None of the group's {counted(len(policies), 'policy')} does otherwise." if len(policies) > 1 else ""
    return failed(f"{sentence}{more}", observed=some([policy_name]))


def _hindrance(group: Mapping[str, Any]) -> Verdict | None:
    """Return a failure where no policy could add capacity to a group."""
    stopped = [text(one, "ProcessName") for one in optional_list(group, "SuspendedProcesses")]
    if suspended := [name for name in _NEEDED if name in stopped]:
        return failed(
            f"No alarm adds capacity: the process {suspended[0]} of the group is suspended.",
            observed=f"{suspended[0]} suspended",
            pointer="/SuspendedProcesses",
        )
    if group.get("MinSize") is None or group.get("MaxSize") is None:
        return None
    least, most = integer(group, "MinSize"), integer(group, "MaxSize")
    if most <= least:
        return failed(
            f"No alarm adds capacity: the group's maximum, {most:,}, is its minimum.",
            observed=f"{least:,} to {most:,}",
            pointer="/MaxSize",
        )
    return None


@dataclass(frozen=True, slots=True)
class _Known:
    """The alarms of the group's Region by name, each with its item, and what mutes them."""

    alarms: Mapping[str, tuple[Alarm, Mapping[str, Any]]]
    facts: Facts

    @classmethod
    def of(cls, subject: Subject) -> "_Known":
        mutes, unread = mute_rules(subject.evidence)
        about = subject.account
        alarms = {
            text(item, "AlarmName"): (alarm_from(item, subject.region, subject.as_of, place), item)
            for _, place, item in placed(subject.evidence, ALARMS, "MetricAlarms", region=subject.region)
        }
        facts = Facts(about.id, about.partition, about.regions, subject.as_of, mutes=mutes, unread_mutes=unread)
        return cls(alarms, facts)


def _answers(subject: Subject, policy: Mapping[str, Any], known: _Known) -> Iterator[_Answer]:
    name = text(policy, "PolicyName")
    kind = optional_text(policy, "PolicyType") or "SimpleScaling"
    if policy.get("Enabled") is False:
        yield State.BROKEN, f"The scaling policy {some([name])} is disabled.", name
        return
    if kind == "PredictiveScaling":
        yield State.BROKEN, f"The scaling policy {some([name])} follows a forecast and no alarm on load.", name
        return
    alarms = listed(policy, "Alarms") if policy.get("Alarms") is not None else []
    if not alarms:
        yield State.BROKEN, f"No alarm sets the scaling policy {some([name])} off.", name
    for one in alarms:
        called = text(one, "AlarmName")
        found = known.alarms.get(called)
        if found is None:
            yield State.BROKEN, f"The alarm {some([called])} of the scaling policy {some([name])} does not exist.", name
            continue
        state, sentence = _sets_off(subject, policy, kind, found[0], known)
        if state is State.OK:
            subject.evidence.point(found[1])
        yield state, sentence, name


def _sets_off(  # noqa: PLR0911 - one line for each way to break
    subject: Subject, policy: Mapping[str, Any], kind: str, alarm: Alarm, known: _Known
) -> tuple[State, str]:
    """Say whether an alarm sets a policy off that adds capacity, when the load is high and soon enough."""
    name, by = some([text(policy, "PolicyName")]), some([alarm.name])
    if not alarm.actions_enabled:
        return State.BROKEN, f"The actions of the alarm {by}, which sets the scaling policy {name} off, are disabled."
    if text(policy, "PolicyARN") not in alarm.actions:
        return State.BROKEN, f"The alarm {by} does not set the scaling policy {name} off when it goes to ALARM."
    rises = alarm.comparison.startswith("GreaterThan") or alarm.comparison.endswith("GreaterThanUpperThreshold")
    adds = _adds(policy, kind, subject.item, rises=rises)
    if adds is None:
        return State.UNKNOWN, f"What the scaling policy {name} of the type {kind[:40]} does is not known here."
    if not adds:
        return State.BROKEN, f"The scaling policy {name} adds nothing when the alarm {by} goes off."
    within = 60 * integer(subject.parameters, "within_minutes")
    if answer := _late_or_dead(alarm, by, within, rises=rises):
        return answer
    if answer := hindered(alarm.name, alarm.evaluation, alarm.warm_up):
        return answer
    back = kept_back_now(alarm.name, alarm.region, known.facts)
    if back is not None and back[0] is not State.OK:
        return back[0], f"The actions of the alarm {by} can be kept back: {back[1]}."
    after = lasting(alarm.period * alarm.datapoints)
    return (
        State.OK,
        f"The scaling policy {name} adds capacity {after} after the alarm {by} sees load.",
    )


def _adds(policy: Mapping[str, Any], kind: str, group: Mapping[str, Any], *, rises: bool) -> bool | None:
    """Say whether a policy adds capacity when its alarm goes off; None where its type is not known."""
    if kind == "TargetTrackingScaling":
        return rises
    if kind == "SimpleScaling":
        return _more(policy, integer(policy, "ScalingAdjustment"), group)
    if kind == "StepScaling":
        bounds = ("MetricIntervalUpperBound", 1) if rises else ("MetricIntervalLowerBound", -1)
        return any(
            _more(policy, integer(step, "ScalingAdjustment"), group)
            for step in listed(policy, "StepAdjustments")
            if step.get(bounds[0]) is None or float(step[bounds[0]]) * bounds[1] > 0
        )
    return None


def _more(policy: Mapping[str, Any], adjustment: int, group: Mapping[str, Any]) -> bool:
    """Say whether an adjustment is upwards: by its sign, an exact capacity by the least that the group has anyway."""
    if optional_text(policy, "AdjustmentType") == "ExactCapacity":
        return adjustment > (integer(group, "MinSize") if group.get("MinSize") is not None else 0)
    return adjustment > 0


def _late_or_dead(alarm: Alarm, by: str, within: int, *, rises: bool) -> tuple[State, str] | None:
    """Find alarms that no load raises, that are always red, that mark little load, or that come too late."""
    seconds = alarm.period * alarm.datapoints
    if seconds > within:
        return (
            State.BROKEN,
            f"The alarm {by} goes off after {lasting(seconds)}; the limit is {lasting(within)}.",
        )
    metrics = {one.metric for one in alarm.series}
    if not rises and metrics & set(_LOADS):
        return State.BROKEN, f"The alarm {by} goes off when {some(sorted(metrics))} is low, which is no load."
    limit = alarm.threshold
    if limit is None or len(alarm.series) != 1 or alarm.unread:
        return None
    strict = not alarm.comparison.endswith("OrEqualToThreshold")
    percent = any(word in next(iter(metrics)) for word in _PERCENT)
    if rises and percent and (limit > _FULL or (strict and limit == _FULL)):
        return State.BROKEN, f"The alarm {by} with the threshold {limit:g} never goes off: the metric is a percentage."
    if rises and (limit < 0 or (not strict and limit == 0)):
        return State.BROKEN, f"The alarm {by} with the threshold {limit:g} never rests."
    return None
