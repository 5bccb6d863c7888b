"""The chain from trail to human, link by link."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from auditor.monitoring.chain.facts import (
    Composite,
    Facts,
    Filter,
    Key,
    LogAlarm,
    MuteRule,
    Reaction,
    Rule,
    Series,
    Sharing,
    Subscription,
)
from auditor.monitoring.chain.judgement import detection_time
from auditor.monitoring.chain.link import ORDER, Link, State, first_broken
from auditor.policies.document import read_policy
from tests.monitoring.chain.account import (
    ALARM,
    ALERTS,
    AS_OF,
    CONTROL,
    FILTER,
    HOME,
    ME,
    OTHER,
    POLICY,
    RIGHT,
    TOPIC,
    TRAIL,
    alarmed,
    detect,
    filtered,
    topical,
    trail,
)
from tests.monitoring.patterns.published import PRINTED

KEY = f"arn:aws:kms:{HOME}:{ME}:key/1234abcd"
GRANT = {
    "Effect": "Allow",
    "Principal": {"Service": "cloudwatch.amazonaws.com"},
    "Action": ["kms:Decrypt", "kms:GenerateDataKey*"],
    "Resource": "*",
}
SHARED = Sharing(f"arn:aws:oam:{HOME}:{ME}:link/1", HOME, OTHER, "EV-0009#/pages/0/Items/0")
FUNCTION = f"arn:aws:lambda:{HOME}:{ME}:function:x"
MACHINE = f"arn:aws:states:{HOME}:{ME}:stateMachine:x"
BUS = f"arn:aws:events:{HOME}:{ME}:event-bus/"
INVOKE = {
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "lambda:InvokeFunction"}
    ]
}


def keyed(statement: Mapping[str, object]) -> Facts:
    return topical(key="alias/alerts", cipher=Key(KEY, read_policy({"Statement": [statement]}), ref="EV-0008"))


def muted(expression: str, **changes: Any) -> Facts:
    given = {"region": HOME, "alarms": frozenset({"changes"}), "status": "SCHEDULED", **changes}
    return replace(RIGHT, mutes=(MuteRule("nightly", expression=expression, duration="PT1H", ref="EV-0008", **given),))


EVENT_POLICY = {
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": ["sns:Publish"]}]
}
OWNER_POLICY = {
    "Statement": {
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": ["SNS:Publish"],
        "Condition": {"StringEquals": {"AWS:SourceOwner": ME}},
    }
}
ODD_POLICY = {"Statement": [{**POLICY["Statement"][0], "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}]}
DENIED = {"Statement": [*POLICY["Statement"], {"Effect": "Deny", "Principal": "*", "Action": "sns:*"}]}


def hidden(what: str, region: str = HOME, **changes: Any) -> Facts:
    return replace(RIGHT, unread={(what, region): "refused"}, **changes)


def test_a_whole_chain_passes_with_every_link_named() -> None:
    found = detect(RIGHT)
    assert found.state is State.OK
    assert [link.kind for link in found.chain] == list(ORDER)
    assert all(link.state is State.OK and link.sentence for link in found.chain)
    cited = {ref for link in found.details["chain"] for ref in link["evidence"]}
    assert cited == {f"EV-000{n}" for n in range(1, 7)}
    assert found.details["detection_time"]["seconds"] == 600


@pytest.mark.parametrize(
    ("facts", "link", "words"),
    [
        pytest.param(replace(RIGHT, trails=()), "trail", "no trail", id="no-trail"),
        pytest.param(trail(multi_region=False), "trail", "all Regions", id="one-region"),
        pytest.param(trail(logging=False), "trail", "not logging", id="stopped"),
        pytest.param(trail(group_arn=""), "trail", "does not deliver to CloudWatch Logs", id="no-log-group"),
        pytest.param(trail(writes=False), "trail", "write management events", id="reads-only"),
        pytest.param(
            trail(excluded=frozenset({"cloudtrail.amazonaws.com"})), "trail", "leaves out", id="excluded-source"
        ),
        pytest.param(trail(delivered=None), "log group", "Nothing was ever", id="never-delivered"),
        pytest.param(trail(delivered=AS_OF - timedelta(hours=25)), "log group", "last delivery", id="delivery-stopped"),
        pytest.param(trail(delivery_error="AccessDenied"), "log group", "fails: AccessDenied", id="delivery-fails"),
        pytest.param(replace(RIGHT, groups=()), "log group", "does not exist", id="group-deleted"),
        pytest.param(
            replace(RIGHT, groups=(replace(RIGHT.groups[0], kind="INFREQUENT_ACCESS"),)),
            "log group",
            "of class",
            id="class",
        ),
        pytest.param(replace(RIGHT, filters=()), "filter", "No metric filter", id="no-filter"),
        pytest.param(filtered(group="other"), "filter", "No metric filter", id="filter-on-another-group"),
        pytest.param(filtered(region="us-east-1"), "filter", "No metric filter", id="filter-in-another-region"),
        pytest.param(filtered(pattern="{ $.eventName = "), "filter", "No metric filter", id="invalid-pattern"),
        pytest.param(
            filtered(pattern=PRINTED[CONTROL].replace("DeleteTrail", "DeleteTrial")),
            "filter",
            "did you mean DeleteTrail?",
            id="misspelt-name",
        ),
        pytest.param(filtered(selection='@aws.region = "us-east-1"'), "metric", "leaves out", id="selection"),
        pytest.param(
            filtered(selection=f'@aws.account NOT IN ["{ME}"]'), "metric", "leaves out", id="account-left-out"
        ),
        pytest.param(filtered(value="$.latency"), "metric", "do not have", id="value-from-a-field"),
        pytest.param(filtered(value="0"), "metric", "no alarm notices", id="value-zero"),
        pytest.param(replace(RIGHT, alarms=()), "alarm", "No alarm watches", id="no-alarm"),
        pytest.param(alarmed(series=(Series("Other", "Changes"),)), "alarm", "another namespace", id="namespace"),
        pytest.param(alarmed(series=(Series("Audit", "changes"),)), "alarm", "No alarm watches", id="metric-name"),
        pytest.param(alarmed(region="us-east-1"), "alarm", "another Region", id="alarm-in-another-region"),
        pytest.param(
            alarmed(series=(Series("Audit", "Changes", (("a", "b"),)),)), "alarm", "sees no data", id="dimension"
        ),
        pytest.param(
            filtered(dimensions=frozenset({"a"}), default=None), "alarm", "sees no data", id="filter-dimension"
        ),
        pytest.param(alarmed(series=(Series("Audit", "Changes", unit="Count"),)), "alarm", "unit Count", id="unit"),
        pytest.param(alarmed(comparison="LessThanThreshold"), "alarm", "LessThanThreshold", id="comparison"),
        pytest.param(alarmed(threshold=5.0), "alarm", "needs", id="threshold"),
        pytest.param(
            alarmed(threshold=1.0, comparison="GreaterThanThreshold"), "alarm", "needs", id="greater-than-one"
        ),
        pytest.param(alarmed(periods=3, datapoints=2), "alarm", "2 of 3 periods", id="datapoints"),
        pytest.param(alarmed(statistic="Minimum"), "alarm", "Minimum 0", id="minimum-with-default"),
        pytest.param(alarmed(statistic="Average"), "alarm", "Average 0.2", id="average-with-default"),
        pytest.param(alarmed(threshold=0.0), "alarm", "never rests", id="threshold-zero"),
        pytest.param(filtered(default=1.0), "alarm", "never rests", id="default-reaches-threshold"),
        pytest.param(alarmed(actions=()), "action", "no action", id="no-action"),
        pytest.param(alarmed(actions_enabled=False), "action", "disabled", id="actions-disabled"),
        pytest.param(
            alarmed(actions=(f"arn:aws:automate:{HOME}:ec2:stop",)), "action", "tells nobody", id="stops-a-machine"
        ),
        pytest.param(replace(RIGHT, topics={}), "action", "does not exist", id="topic-deleted"),
        pytest.param(topical(policy=read_policy({"Statement": []})), "action", "does not let", id="policy-empty"),
        pytest.param(
            topical(policy=read_policy(EVENT_POLICY)), "action", "does not let", id="policy-for-another-service"
        ),
        pytest.param(topical(policy=read_policy(DENIED)), "action", "does not let", id="policy-denies"),
        pytest.param(topical(key="alias/aws/sns"), "action", "alias/aws/sns", id="aws-managed-key"),
        pytest.param(
            topical(key="k", cipher=Key(KEY, None, aws_managed=True)), "action", "alias/aws/sns", id="aws-key"
        ),
        pytest.param(
            topical(key="k", cipher=Key(KEY, read_policy({"Statement": [GRANT]}), state="PendingDeletion")),
            "action",
            "PendingDeletion",
            id="key-pending-deletion",
        ),
        pytest.param(
            keyed({**GRANT, "Action": "kms:Decrypt"}), "action", "kms:GenerateDataKey", id="key-without-data-key"
        ),
        pytest.param(
            keyed({**GRANT, "Principal": {"AWS": f"arn:aws:iam::{ME}:root"}}),
            "action",
            "does not let",
            id="key-of-root",
        ),
        pytest.param(alarmed(evaluation="EVALUATION_ERROR"), "alarm", "has errors", id="evaluation-error"),
        pytest.param(alarmed(warm_up="certain"), "alarm", "warm-up", id="warming-up"),
        pytest.param(
            alarmed(series=(Series("Audit", "Changes", account=OTHER),)), "alarm", OTHER, id="metric-of-another-account"
        ),
        pytest.param(muted("cron(0 2 * * *)"), "action", "again and again", id="muted-every-night"),
        pytest.param(muted("at(2026-01-01T00:00)", status="ACTIVE"), "action", "now", id="muted-now"),
        pytest.param(topical(subscriptions=()), "subscriber", "no subscriptions", id="nobody-subscribed"),
        pytest.param(
            topical(subscriptions=(Subscription("PendingConfirmation", "email"),)),
            "subscriber",
            "nobody is told",
            id="pending",
        ),
        pytest.param(topical(subscriptions=(Subscription("Deleted", "email"),)), "subscriber", "nobody", id="deleted"),
    ],
)
def test_the_first_broken_link_is_named(facts: Facts, link: str, words: str) -> None:
    found = detect(facts)
    assert found.state is State.BROKEN
    broken = first_broken(found.chain)
    assert broken is not None
    assert broken.kind == link
    assert words in broken.sentence
    assert broken.sentence in found.reason
    after = [one for one in found.chain if ORDER.index(one.kind) > ORDER.index(link)]
    assert all(one.state is State.NOT_REACHED for one in after)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        pytest.param(trail(unread="GetTrailStatus was refused"), "GetTrailStatus", id="trail-unread"),
        pytest.param(trail(group_arn=f"arn:aws:logs:{HOME}:{OTHER}:log-group:trail:*"), OTHER, id="group-elsewhere"),
        pytest.param(
            trail(group_arn=f"arn:aws:logs:sa-east-1:{ME}:log-group:x:*"), "sa-east-1", id="region-not-audited"
        ),
        pytest.param(filtered(transformed=True), "transformed", id="transformed"),
        pytest.param(filtered(default=-1.0), "enough is not sure", id="default-below-zero"),
        pytest.param(filtered(selection='@aws.source = "x"'), "not clear", id="selection-of-tomorrow"),
        pytest.param(
            filtered(selection=f'@aws.region = "{HOME}" AND @aws.account = "{ME}" OR @aws.account = "1"'),
            "not clear",
            id="selection-of-both-kinds",
        ),
        pytest.param(filtered(pattern="{ $.eventName = %" + "a{999}" * 9 + "% }"), "Not assessed", id="too-complex"),
        pytest.param(alarmed(series=(), unread="its expression is no plain sum"), "no plain sum", id="metric-maths"),
        pytest.param(alarmed(threshold=None), "no fixed threshold", id="anomaly-detection"),
        pytest.param(alarmed(statistic=""), "percentile", id="percentile"),
        pytest.param(alarmed(evaluation="PARTIAL_DATA"), "PARTIAL_DATA", id="partial-data"),
        pytest.param(alarmed(evaluation="EVALUATION_FAILURE"), "EVALUATION_FAILURE", id="evaluation-fails"),
        pytest.param(alarmed(evaluation="NEW_STATE"), "NEW_STATE", id="evaluation-state-of-tomorrow"),
        pytest.param(alarmed(warm_up="possible"), "warm-up", id="perhaps-warming-up"),
        pytest.param(alarmed(comparison="GreaterThanUpperThreshold"), "GreaterThanUpperThreshold", id="band"),
        pytest.param(alarmed(missing_data="tomorrow"), "tomorrow", id="missing-data-of-tomorrow"),
        pytest.param(muted("cron(0 2 ? * *)"), "cannot be read", id="muted-perhaps"),
        pytest.param(muted("cron(0 2 * * *)", alarms=None), "which alarms", id="muted-without-names"),
        pytest.param(replace(RIGHT, unread_mutes={HOME: "AccessDenied"}), "AccessDenied", id="mute-rules-unread"),
        pytest.param(
            replace(RIGHT, alarms=(), unread_sharings={HOME: "AccessDenied"}), "AccessDenied", id="sharings-unread"
        ),
        pytest.param(replace(RIGHT, alarms=(), sharings=(SHARED,)), OTHER, id="shared-with-an-account-not-seen"),
        pytest.param(
            alarmed(actions=(f"arn:aws:ssm-incidents::{ME}:response-plan/p",)), "not known", id="response-plan"
        ),
        pytest.param(alarmed(actions=(f"arn:aws:sns:{HOME}:{OTHER}:alerts",)), OTHER, id="topic-elsewhere"),
        pytest.param(alarmed(actions=(f"arn:aws:sns:sa-east-1:{ME}:alerts",)), "sa-east-1", id="topic-region"),
        pytest.param(alarmed(actions=(f"arn:aws:lambda:{HOME}:{ME}:function:x",)), "function x", id="function"),
        pytest.param(topical(policy=None), "could not be read", id="policy-unread"),
        pytest.param(topical(policy=read_policy(ODD_POLICY)), "conditions", id="policy-conditions"),
        pytest.param(topical(key="1234abcd"), "not looked at", id="own-key"),
        pytest.param(
            topical(key="alias/x", cipher=Key("", None, unread=": AccessDenied")), "AccessDenied", id="key-unread"
        ),
        pytest.param(
            keyed({**GRANT, "Condition": {"StringEquals": {"kms:ViaService": "x"}}}), "conditions", id="key-conditions"
        ),
        pytest.param(trail(logging=None, delivered=None, unread="refused"), "refused", id="status-unread"),
        pytest.param(trail(unread="refused"), "refused", id="selectors-unread"),
        pytest.param(hidden("trails", "", trails=()), "Which trails", id="trails-unread"),
        pytest.param(hidden("groups", groups=()), "Whether the log group trail exists", id="groups-unread"),
        pytest.param(hidden("filters", filters=()), "Whether a filter", id="filters-unread"),
        pytest.param(hidden("alarms", alarms=()), "Whether another alarm", id="alarms-unread"),
        pytest.param(hidden("alarms", alarms=(replace(ALARM, actions=()),)), "another alarm", id="another-alarm"),
        pytest.param(hidden("alarms", filters=()), "Whether a log alarm", id="log-alarms-unread"),
        pytest.param(hidden("topics", topics={}), "Whether the topic alerts exists", id="topics-unread"),
        pytest.param(topical(subscriptions=(), unread="refused"), "confirmed subscription", id="people-unread"),
        pytest.param(
            replace(RIGHT, filters=(), unread={("rules", one): "refused" for one in RIGHT.regions}),
            "EventBridge rule",
            id="rules-unread-in-every-region",
        ),
        pytest.param(
            replace(RIGHT, alarms=(replace(ALARM, actions=()),), unread_sharings={HOME: "refused"}),
            "shared with another account",
            id="sharing-unread-beside-a-broken-alarm",
        ),
    ],
)
def test_what_is_not_known_is_neither_pass_nor_fail(facts: Facts, words: str) -> None:
    found = detect(facts)
    assert found.state is State.UNKNOWN
    assert words in found.reason or words in str(found.details)


NOBODY: dict[str, Any] = {"topics": {TOPIC: replace(ALERTS, subscriptions=())}}


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        pytest.param(trail(multi_region=False, unread="refused"), "all Regions", id="trail-of-one-region"),
        pytest.param(trail(logging=False, unread="refused"), "not logging", id="trail-stopped"),
        pytest.param(trail(logging=None, delivered=None, unread="x", writes=False), "write", id="trail-of-reads"),
        pytest.param(
            replace(trail(logging=None, delivered=None, unread="x"), filters=()), "No metric filter", id="trail-unread"
        ),
        pytest.param(
            replace(RIGHT, filters=(), unread={("rules", HOME): "x"}), "No metric filter", id="one-list-of-rules"
        ),
        pytest.param(
            replace(RIGHT, filters=(), unread={("filters", "us-east-1"): "x"}), "No metric", id="other-region"
        ),
        pytest.param(hidden("topics", **NOBODY), "nobody is told", id="another-topic"),
        pytest.param(hidden("filters", filters=(), **NOBODY), "No metric filter", id="whatever-the-filter"),
        pytest.param(replace(RIGHT, unread_mutes={HOME: "x"}, **NOBODY), "nobody is told", id="mute-rules"),
        pytest.param(topical(policy=None, subscriptions=()), "nobody is told", id="policy-of-the-topic"),
        pytest.param(topical(key="k", subscriptions=()), "nobody is told", id="key-of-the-topic"),
    ],
)
def test_a_break_that_is_proven_outlives_what_is_not_known(facts: Facts, words: str) -> None:
    found = detect(facts)
    assert found.state is State.BROKEN, found.reason
    assert words in found.reason


@pytest.mark.parametrize(
    "facts",
    [
        pytest.param(filtered(default=None), id="no-default"),
        pytest.param(alarmed(statistic="Maximum"), id="maximum"),
        pytest.param(
            alarmed(statistic="Average", threshold=0.0, comparison="GreaterThanThreshold"), id="average-above-zero"
        ),
        pytest.param(alarmed(threshold=0.0, comparison="GreaterThanThreshold"), id="greater-than-zero"),
        pytest.param(topical(policy=read_policy(OWNER_POLICY)), id="default-policy"),
        pytest.param(
            alarmed(series=(Series("Audit", "Other"), Series("Audit", "Changes")), fills=True), id="sum-of-metrics"
        ),
        pytest.param(alarmed(actions=(f"arn:aws:ssm:{HOME}:{ME}:opsitem:2", TOPIC)), id="ticket"),
        pytest.param(trail(excluded=frozenset({"kms.amazonaws.com"})), id="other-source-excluded"),
        pytest.param(trail(excluded_reads=frozenset({"cloudtrail.amazonaws.com"})), id="only-reads-excluded"),
        pytest.param(trail(reads=False), id="writes-are-enough-here"),
        pytest.param(keyed(GRANT), id="own-key-that-cloudwatch-may-use"),
        pytest.param(
            filtered(selection=f'@aws.account IN ["1", "{ME}"] AND @aws.region != "us-east-1"'),
            id="selection-takes-it-in",
        ),
        pytest.param(
            filtered(selection=f"@aws.region = 'x' OR @aws.region = '{HOME}'"), id="selection-by-alternatives"
        ),
        pytest.param(muted("cron(0 2 * * *)", status="EXPIRED"), id="mute-rule-expired"),
        pytest.param(muted("cron(0 2 * * *)", alarms=frozenset({"other"})), id="mute-rule-of-another-alarm"),
        pytest.param(muted("cron(0 2 * * *)", region="us-east-1"), id="mute-rule-of-another-region"),
        pytest.param(muted("at(2026-12-01T00:00)"), id="mute-window-ahead"),
        pytest.param(
            alarmed(series=(Series("Audit", "Changes", account=ME),)), id="metric-of-the-own-account-by-its-number"
        ),
    ],
)
def test_other_right_ways_pass(facts: Facts) -> None:
    assert detect(facts).state is State.OK


def test_reads_are_needed_where_reads_are_named() -> None:
    facts = replace(trail(reads=False), filters=(replace(FILTER, pattern=PRINTED["monitor-root-usage"]),))
    found = detect(facts, "monitor-root-usage")
    assert found.state is State.BROKEN
    assert "read-only" in found.reason


def test_several_filters_share_the_work() -> None:
    names = ("CreateTrail", "UpdateTrail", "DeleteTrail", "StartLogging", "StopLogging")
    filters = tuple(replace(FILTER, name=name, pattern=f"{{ $.eventName = {name} }}") for name in names)
    assert detect(replace(RIGHT, filters=filters)).state is State.OK
    fewer = detect(replace(RIGHT, filters=filters[:-1]))
    assert fewer.state is State.BROKEN
    assert "StopLogging" in fewer.reason
    silent = replace(filters[-1], metric="Unwatched")
    unwatched = detect(replace(RIGHT, filters=(*filters[:-1], silent)))
    assert unwatched.state is State.BROKEN
    assert first_broken(unwatched.chain).kind == "alarm"  # type: ignore[union-attr]  # a broken chain has a first broken link


IAM = PRINTED["monitor-iam-policy-changes"]


@pytest.mark.parametrize(
    ("control", "pattern", "drawn"),
    [
        pytest.param("monitor-organizations-changes", IAM, False, id="names-that-two-services-share"),
        pytest.param(
            "monitor-organizations-changes",
            '{ $.eventSource = "iam.amazonaws.com" && ($.eventName = AttachPolicy || $.eventName = DetachPolicy) }',
            False,
            id="the-same-names-of-another-service",
        ),
        pytest.param(
            "monitor-organizations-changes",
            '{ $.eventSource = "organisations.amazonaws.com" && $.eventName = DetachPolicy }',
            True,
            id="a-slip-in-the-source",
        ),
        pytest.param(
            "monitor-organizations-changes",
            '{ $.eventSource = "organizations.amazonaws.com" && $.eventName = AttachPolicy }',
            True,
            id="one-of-its-events",
        ),
        pytest.param(
            "monitor-network-gateway-changes", "{ $.eventName = DeleteInternetGateway }", True, id="no-source-asked-for"
        ),
    ],
)
def test_a_filter_for_other_events_is_not_drawn(control: str, pattern: str, drawn: bool) -> None:
    found = detect(filtered(pattern=pattern), control)
    assert found.state is State.BROKEN
    assert (found.details["missed"]["pattern"] == pattern) is drawn
    if drawn:
        assert [one["pattern"] for one in found.details["filters"]] == [pattern]


def test_two_trails_and_groups_count_together() -> None:
    second = replace(TRAIL, arn=TRAIL.arn + "2", group_arn=f"arn:aws:logs:{HOME}:{ME}:log-group:second:*")
    halves = (
        replace(FILTER, pattern="{ $.eventName = *Trail }"),
        replace(FILTER, name="b", group="second", pattern="{ $.eventName = *Logging }"),
    )
    facts = replace(
        RIGHT, trails=(TRAIL, second), groups=(*RIGHT.groups, replace(RIGHT.groups[0], name="second")), filters=halves
    )
    assert detect(facts).state is State.OK


def composite(rule: str, **changes: object) -> Facts:
    quiet = replace(ALARM, actions=())
    one = Composite("all", f"arn:aws:cloudwatch:{HOME}:{ME}:alarm:all", HOME, rule, actions=(TOPIC,), ref="EV-0006")
    return replace(RIGHT, alarms=(quiet,), composites=(replace(one, **changes),))  # type: ignore[arg-type]  # fields of the value


@pytest.mark.parametrize(
    ("facts", "state", "words"),
    [
        pytest.param(composite('ALARM("changes")'), State.OK, "", id="alone"),
        pytest.param(composite('ALARM("x") OR ALARM(changes)'), State.OK, "", id="or"),
        pytest.param(composite(f'ALARM("{ALARM.arn}") OR OK("x")'), State.OK, "", id="by-arn"),
        pytest.param(composite('ALARM("changes") OR (ALARM(y) AND NOT OK(z))'), State.OK, "", id="nested"),
        pytest.param(composite('NOT OK("changes")'), State.OK, "", id="not-ok"),
        pytest.param(composite('ALARM("changes") OR TRUE'), State.BROKEN, "red already", id="always-red"),
        pytest.param(composite('ALARM("changes") OR OK("changes")'), State.BROKEN, "red already", id="red-at-rest"),
        pytest.param(
            replace(
                composite('NOT OK("changes")'),
                alarms=(replace(ALARM, actions=(), missing_data="missing"),),
            ),
            State.UNKNOWN,
            "red already",
            id="perhaps-red-at-rest",
        ),
        pytest.param(composite('ALARM("changes") AND ALARM("x")'), State.BROKEN, "does not go off", id="and"),
        pytest.param(composite('OK("changes")'), State.BROKEN, "does not go off", id="ok"),
        pytest.param(composite('ALARM("changes2")'), State.BROKEN, "no action", id="another-alarm"),
        pytest.param(composite('ALARM("changes")', actions=()), State.BROKEN, "no action", id="no-actions"),
        pytest.param(composite('ALARM("changes")', actions_enabled=False), State.BROKEN, "disabled", id="disabled"),
        pytest.param(composite('ALARM("changes")', suppressor="x"), State.UNKNOWN, "kept back", id="suppressor"),
        pytest.param(
            composite('ALARM("changes")', suppressor="x", suppressed="Alarm"), State.BROKEN, "now", id="suppressed"
        ),
        pytest.param(
            composite('AT_LEAST(2, ALARM, ("changes"))'), State.UNKNOWN, "cannot be understood", id="new-grammar"
        ),
        pytest.param(composite('ALARM("changes")', region="us-east-1"), State.BROKEN, "no action", id="other-region"),
    ],
)
def test_composite_alarms_are_read_as_expressions(facts: Facts, state: State, words: str) -> None:
    found = detect(facts)
    assert found.state is state
    assert words in found.reason
    if state is State.OK:
        assert any("composite alarm all" in link.sentence for link in found.chain)


def test_composites_of_composites_lead_to_people_and_circles_end() -> None:
    inner = Composite("inner", "arn:inner", HOME, 'ALARM("changes") OR ALARM("outer")')
    outer = Composite("outer", "arn:outer", HOME, 'ALARM("inner")', actions=(TOPIC,))
    facts = replace(RIGHT, alarms=(replace(ALARM, actions=()),), composites=(inner, outer))
    assert detect(facts).state is State.OK
    lost = replace(facts, composites=(inner, replace(outer, actions=())))
    assert detect(lost).state is State.BROKEN


def test_composites_that_all_name_each_other_are_gone_through_once() -> None:
    names = [f"c{number}" for number in range(40)]
    every = " OR ".join(f"ALARM({name})" for name in ["changes", *names])
    several = tuple(Composite(name, f"arn:{name}", HOME, every) for name in names)
    facts = replace(RIGHT, alarms=(replace(ALARM, actions=()),), composites=several)
    assert detect(facts).state is State.BROKEN
    assert detect(replace(facts, composites=(*several[:-1], replace(several[-1], actions=(TOPIC,))))).state is State.OK


def rule(**changes: object) -> Facts:
    pattern = (
        '{"source": ["aws.cloudtrail"], "detail": {"eventName": '
        '["CreateTrail", "UpdateTrail", "DeleteTrail", "StartLogging", "StopLogging"]}}'
    )
    one = Rule("trail-changes", HOME, pattern, "ENABLED", (TOPIC,), "EV-0007")
    changed = replace(one, **changes)  # type: ignore[arg-type]  # fields of the value
    topic = replace(ALERTS, policy=read_policy({"Statement": [*POLICY["Statement"], *EVENT_POLICY["Statement"]]}))
    rules = (changed, replace(changed, region="us-east-1"))
    return replace(RIGHT, filters=(), rules=rules, topics={TOPIC: topic})


def reacting(reaction: Reaction) -> Facts:
    return replace(rule(targets=(reaction.arn,)), reactions={reaction.arn: reaction})


def test_rules_in_every_region_are_an_alternative_and_labelled_so() -> None:
    found = detect(rule())
    assert found.state is State.OK
    assert "alternative detector" in found.reason.lower()
    assert found.details["detection_time"]["way"] == "EventBridge"
    assert len(found.details["alternatives"]) == 2


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        pytest.param(replace(rule(), rules=rule().rules[:1]), State.BROKEN, id="one-region-only"),
        pytest.param(rule(state="DISABLED"), State.BROKEN, id="disabled"),
        pytest.param(rule(targets=()), State.BROKEN, id="no-target"),
        pytest.param(rule(pattern='{"source": "x"}'), State.BROKEN, id="invalid-pattern"),
        pytest.param(rule(targets=(FUNCTION,)), State.UNKNOWN, id="function-not-seen"),
        pytest.param(reacting(Reaction(FUNCTION, exists=False)), State.BROKEN, id="function-deleted"),
        pytest.param(reacting(Reaction(FUNCTION, True, policy=None)), State.BROKEN, id="function-without-policy"),
        pytest.param(
            reacting(Reaction(FUNCTION, True, policy=read_policy(INVOKE), concurrency=0)),
            State.BROKEN,
            id="function-never-runs",
        ),
        pytest.param(
            reacting(Reaction(FUNCTION, True, "its state is Failed", read_policy(INVOKE))),
            State.BROKEN,
            id="function-failed",
        ),
        pytest.param(
            reacting(Reaction(FUNCTION, True, policy=read_policy(INVOKE), unread="AccessDenied")),
            State.UNKNOWN,
            id="function-unread",
        ),
        pytest.param(reacting(Reaction(FUNCTION, True, policy=read_policy(INVOKE))), State.OK, id="function"),
        pytest.param(rule(targets=(MACHINE,)), State.UNKNOWN, id="workflow-not-seen"),
        pytest.param(reacting(Reaction(MACHINE, True)), State.OK, id="workflow"),
        pytest.param(reacting(Reaction(MACHINE, False)), State.BROKEN, id="workflow-deleted"),
        pytest.param(reacting(Reaction(BUS + "audit", True)), State.UNKNOWN, id="bus-of-its-own"),
        pytest.param(reacting(Reaction(BUS + "audit", False)), State.BROKEN, id="bus-deleted"),
        pytest.param(
            rule(targets=(f"arn:aws:events:{HOME}:{OTHER}:event-bus/default",)), State.UNKNOWN, id="bus-elsewhere"
        ),
        pytest.param(rule(targets=(f"arn:aws:ssm:{HOME}:{ME}:opsitem",)), State.OK, id="ticket"),
        pytest.param(rule(targets=(f"arn:aws:sqs:{HOME}:{ME}:queue",)), State.UNKNOWN, id="queue"),
        pytest.param(replace(rule(), topics=RIGHT.topics), State.BROKEN, id="policy-without-events"),
        pytest.param(replace(rule(), trails=()), State.BROKEN, id="no-trail"),
        pytest.param(rule(state="ENABLED_TOMORROW"), State.UNKNOWN, id="state-of-tomorrow"),
    ],
)
def test_a_rule_counts_only_when_something_happens(facts: Facts, state: State) -> None:
    assert detect(facts).state is state


def test_an_open_rule_beside_a_filter_is_told_with_the_event_that_hangs_on_it() -> None:
    beside = reacting(Reaction(FUNCTION, True, policy=read_policy(INVOKE), unread="AccessDenied"))
    narrow = replace(RIGHT.filters[0], pattern=RIGHT.filters[0].pattern.replace("StopLogging", "ListTrails"))
    found = detect(replace(beside, filters=(narrow,)))
    assert found.state is State.UNKNOWN
    assert "would act is not known" in found.reason
    assert found.reason.endswith("Nothing that is known to work catches StopLogging.")


def test_a_filter_that_publishes_a_field_breaks_no_other() -> None:
    odd = replace(FILTER, name="odd", value="$.size", selection="of tomorrow")
    assert detect(replace(RIGHT, filters=(odd, FILTER))).state is State.OK


def test_rules_do_not_see_what_the_trail_leaves_out() -> None:
    unrecorded = replace(rule(), trails=(replace(TRAIL, excluded=frozenset({"cloudtrail.amazonaws.com"})),))
    assert detect(rule()).state is State.OK
    assert detect(unrecorded).state is State.BROKEN


def test_an_over_broad_filter_passes_and_says_what_else_it_catches() -> None:
    found = detect(filtered(pattern="{ $.eventName = * }"))
    assert found.state is State.OK
    assert "also fires" in found.reason
    assert found.coverage.adds


def test_a_stuck_alarm_is_mentioned() -> None:
    found = detect(alarmed(state="ALARM", since=AS_OF - timedelta(days=3)))
    assert "has been in ALARM since 2026-10-30 08:00 UTC" in str(found.details)


def test_order_of_everything_does_not_matter() -> None:
    noise = tuple(Filter(f"n{i}", "trail", HOME, f"{{ $.eventName = X{i} }}", "N", f"N{i}") for i in range(9))
    first = replace(
        RIGHT, filters=(*noise, FILTER), alarms=(replace(ALARM, name="b", series=(Series("N", "N1"),)), ALARM)
    )
    last = replace(first, filters=first.filters[::-1], alarms=first.alarms[::-1])
    assert detect(first).reason == detect(last).reason
    assert detect(first).details["chain"] == detect(last).details["chain"]


def test_detection_time_grows_with_the_period() -> None:
    assert detection_time(replace(ALARM, period=3600))["seconds"] > detection_time(ALARM)["seconds"]
    assert detection_time(None)["way"] == "EventBridge"


def test_a_rule_may_hand_its_events_to_the_bus_of_another_region() -> None:
    there = rule().rules[0]
    handing = replace(there, name="forward", region="us-east-1", targets=(BUS + "default",), pattern=FROM_CLOUDTRAIL)
    facts = replace(rule(), rules=(there, handing))
    found = detect(facts)
    assert found.state is State.OK
    assert "forward (us-east-1) to trail-changes" in found.reason
    for broken in (
        replace(facts, rules=(there, replace(handing, state="DISABLED"))),
        replace(facts, rules=(replace(there, targets=()), handing)),
        replace(facts, rules=(there, replace(handing, pattern=FROM_CLOUDTRAIL.replace("cloudtrail", "s3")))),
        replace(facts, rules=(handing,)),
    ):
        assert detect(broken).state is State.BROKEN


FROM_CLOUDTRAIL = '{"source": ["aws.cloudtrail"]}'
QUERY = "fields @timestamp | filter eventName in ['StopLogging', 'DeleteTrail'] | stats count(*)"
LOG_ALARM = LogAlarm("query", "arn:query", HOME, QUERY, ("trail",), actions=(TOPIC,), ref="EV-0008")


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        pytest.param({}, State.UNKNOWN, id="looks-at-the-group"),
        pytest.param({"groups": (f"arn:aws:logs:{HOME}:{ME}:log-group:trail",)}, State.UNKNOWN, id="by-arn"),
        pytest.param({"groups": ()}, State.UNKNOWN, id="group-in-the-query"),
        pytest.param({"query": "filter eventName like /Trail/"}, State.UNKNOWN, id="another-test"),
        pytest.param({"query": 'filter eventName = "RunInstances" | stats count(*)'}, State.BROKEN, id="other-names"),
        pytest.param({"groups": ("other",)}, State.BROKEN, id="another-group"),
        pytest.param({"region": "us-east-1"}, State.BROKEN, id="another-region"),
        pytest.param({"needed": 2}, State.BROKEN, id="two-results"),
        pytest.param({"comparison": "LessThanThreshold"}, State.BROKEN, id="below"),
        pytest.param({"evaluation": "EVALUATION_ERROR"}, State.BROKEN, id="cannot-be-evaluated"),
        pytest.param({"warm_up": "certain"}, State.BROKEN, id="warming-up"),
        pytest.param({"actions": ()}, State.BROKEN, id="no-action"),
        pytest.param({"actions_enabled": False}, State.BROKEN, id="disabled"),
    ],
)
def test_a_log_alarm_is_a_possibility_and_never_a_proof(changes: dict[str, Any], state: State) -> None:
    found = detect(replace(RIGHT, filters=(), log_alarms=(replace(LOG_ALARM, **changes),)))
    assert found.state is state
    if state is State.UNKNOWN:
        assert "log alarm query" in found.reason


def test_a_log_alarm_takes_nothing_from_a_whole_chain() -> None:
    assert detect(replace(RIGHT, log_alarms=(LOG_ALARM,))).state is State.OK


@pytest.mark.parametrize(
    ("default", "changes", "state"),
    [
        pytest.param(None, {}, State.BROKEN, id="for-good"),
        pytest.param(0, {}, State.OK, id="default-value"),
        pytest.param(None, {"fills": True}, State.OK, id="filled"),
        pytest.param(None, {"missing_data": "notBreaching"}, State.OK, id="rests"),
        pytest.param(None, {"missing_data": "missing"}, State.OK, id="drops"),
        pytest.param(None, {"state": "OK"}, State.OK, id="not-yet"),
    ],
)
def test_an_alarm_that_never_leaves_the_state_tells_nobody(
    default: float | None, changes: dict[str, Any], state: State
) -> None:
    given = {"missing_data": "ignore", "state": "ALARM", "since": AS_OF - timedelta(days=200), **changes}
    facts = replace(alarmed(**given), filters=(replace(FILTER, default=default),))
    found = detect(facts)
    assert found.state is state
    assert state is State.OK or "never acts again" in found.reason


def test_an_alarm_that_ignores_missing_data_is_said_to_stay() -> None:
    facts = replace(alarmed(missing_data="ignore", state="OK"), filters=(replace(FILTER, default=None),))
    found = detect(facts)
    assert found.state is State.OK
    assert "stays in ALARM" in str(found.details)


@pytest.mark.parametrize("state", [State.UNKNOWN, State.BROKEN])
def test_what_is_told_of_a_chain_is_the_link_that_says_why_not_one_that_was_not_reached(state: State) -> None:
    head = Link("trail", State.OK, "t", "The trail is on.")
    hidden = [Link.not_reached(kind) for kind in ("filter", "metric", "alarm")]
    target = Link("action", state, "f", "Whether the function would act is not known.")
    assert first_broken([head, *hidden, target]) == target
    assert first_broken([head, *hidden]) == hidden[0]
    assert first_broken([head]) is None
