"""Reads all means of detection of an account from evidence, into the plain values of ``auditor.monitoring.chain``."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from auditor.evaluate.checks import selectors
from auditor.evaluate.checks.alarm_facts import alarm_from, composite_from, log_alarm_from, mute_rules, unanswered
from auditor.evaluate.checks.cloudtrail import trail_selectors, trail_status
from auditor.evaluate.checks.fields import (
    flag,
    listed,
    mapping,
    optional_list,
    optional_mapping,
    optional_moment,
    optional_text,
    text,
)
from auditor.evaluate.checks.holders import undelivered
from auditor.evaluate.checks.target_facts import Keys, reactions
from auditor.evaluate.missing import UNREADABLE, Consulted, EvidenceMissing, Missing
from auditor.evaluate.subject import Subject
from auditor.evaluate.view import View
from auditor.evidence.answer import Record
from auditor.monitoring.chain.actions import Parts
from auditor.monitoring.chain.facts import Facts, Filter, Group, Rule, Sharing, Subscription, Topic, Trail
from auditor.policies.document import read_policy

ALARMS = "cloudwatch:DescribeAlarms"

_T = TypeVar("_T")
_Placed = tuple[Record, str, Any]
"""A record, a place in the evidence as ``EV-0001#/pages/0/key/2``, and the item that stands there."""


def placed(
    view: View, operation: str, key: str, *, optional: bool = False, region: str | None = None
) -> Iterator[tuple[Record, str, Any]]:
    """Yield the items of a list on all pages, each with its record and its place as ``EV-0001#/pages/0/key/2``.

    ``optional``: a list that AWS leaves out where it knows no such thing yet. ``region``: of one Region only.
    """
    pages: dict[str, int] = {}
    for record, page in view.located(operation, "[@]", region=region):
        number = pages[record.ref] = pages.get(record.ref, -1) + 1
        for index, item in enumerate(optional_list(page, key) if optional else listed(page, key)):
            yield record, f"{record.ref}#/pages/{number}/{key}/{index}", item


def facts_of(subject: Subject) -> Facts:
    """Read all means of detection of an account from evidence, and those of other accounts that they lead to.

    What cannot be read is lacking in the evidence, and ``unread`` in the facts; in another account it is left open, as
    it counts only where a chain leads to it. The controls of an account share what was read.
    """
    return subject.evidence.shared("means of detection", partial(_facts, subject.as_of))


def _facts(as_of: datetime, view: View) -> Facts:
    facts = Reader(view, as_of).facts()
    others: dict[str, Facts] = {}
    for name in sorted(_leads_to(facts)):
        beside = view.beside(name, leaving_open=True)
        if beside is not None:
            others[name] = Reader(beside, as_of, another=True).facts()
    return replace(facts, others=others) if others else facts


def _leads_to(facts: Facts) -> set[str]:
    """Return the accounts in which a detection of this one may go on."""
    arns = [one.group_arn for one in facts.trails] + [one.arn for one in facts.trails]
    arns += [action for alarm in facts.alarms for action in alarm.actions]
    arns += [action for alarm in facts.composites for action in alarm.actions]
    arns += [target for rule in facts.rules for target in rule.targets]
    named = {Parts.of(arn).account for arn in arns} | {one.account for one in facts.sharings}
    return named - {"", facts.account}


class Reader:
    """Reads what can be read of an account's means of detection, and keeps account of what there could be beside it.

    Whatever is missing is lacking in the view, so that only a failure can still be concluded; ``unread`` says why for
    each kind of thing and Region, as ``Facts`` has it.
    """

    def __init__(self, view: View, as_of: datetime, *, another: bool = False) -> None:
        self.view = view
        self._where = f"in account {view.account.id} " if another else ""
        self.as_of = as_of
        self.unread: dict[tuple[str, str], str] = {}

    def facts(self) -> Facts:
        """Return everything that is known about detection in the account itself."""
        view, as_of = self.view, self.as_of
        mutes, unread_mutes = mute_rules(view)
        sharings, unread_sharings = sharings_of(view)
        return Facts(
            account=view.account.id,
            partition=view.account.partition,
            regions=view.account.regions,
            as_of=as_of,
            trails=self._trails(),
            groups=self._all("groups", "logs:DescribeLogGroups", "logGroups", _group),
            filters=tuple(
                one
                for each in self._all("filters", "logs:DescribeMetricFilters", "metricFilters", _filters)
                for one in each
            ),
            alarms=self._all("alarms", ALARMS, "MetricAlarms", partial(alarm_from, as_of=as_of)),
            composites=self._all("alarms", ALARMS, "CompositeAlarms", composite_from),
            log_alarms=self._all("alarms", ALARMS, "LogAlarms", partial(log_alarm_from, as_of=as_of), optional=True),
            mutes=mutes,
            unread_mutes=unread_mutes,
            sharings=sharings,
            unread_sharings=unread_sharings,
            attached=_attached(view),
            topics=self.topics(),
            rules=self._rules(),
            reactions=reactions(view),
            unread=self.unread,
        )

    @contextmanager
    def _or_unread(self, what: str, region: str) -> Iterator[None]:
        """Go on after what cannot be read of one kind in a Region."""
        try:
            yield
        except EvidenceMissing as signal:
            self._missing(what, region, signal.missing)
        except UNREADABLE as error:
            self._missing(what, region, self.view.blamed(error))

    def _missing(self, what: str, region: str, missing: Missing) -> None:
        self.view.lack(missing)
        self.unread.setdefault((what, region), self._where + unanswered(missing))

    def _all(
        self, what: str, operation: str, key: str, make: Callable[..., _T], *, optional: bool = False
    ) -> tuple[_T, ...]:
        """Make something of each item that an operation lists, by item, ``region`` and ``ref``, its place."""
        listing = self._listing(what, operation)
        found = self._items(what, listing, key, optional=optional)
        return tuple(one for part in found for one in self._made(what, part, make))

    def _made(self, what: str, part: _Placed, make: Callable[..., _T]) -> Iterator[_T]:
        record, place, item = part
        with self._or_unread(what, record.call.region):
            yield make(item, region=record.call.region, ref=place)

    def _listing(self, what: str, operation: str, region: str | None = None) -> Consulted:
        """Return the answers of an operation; where one is missing there could be more of what it lists."""
        listing = self.view.pieces(operation, region=region)
        for call, missing in listing.missing:
            for place in (call.region,) if call is not None else self.view.account.regions:
                self._missing(what, place, missing)
        return listing

    def _items(self, what: str, listing: Consulted, key: str, *, optional: bool = False) -> Iterator[_Placed]:
        """Yield the items of a list on all pages, each with its record and its place."""
        for record, pages in listing.answers:
            for number, page in enumerate(pages):
                items: Sequence[Any] = ()
                with self._or_unread(what, record.call.region):
                    items = optional_list(page, key) if optional else listed(page, key)
                for index, item in enumerate(items):
                    yield record, f"{record.ref}#/pages/{number}/{key}/{index}", item

    def _trails(self) -> tuple[Trail, ...]:
        """Return each trail once, as its home Region shows it; every Region shows those of all Regions."""
        listing = self.view.pieces("cloudtrail:DescribeTrails")
        found: dict[str, tuple[Mapping[str, Any], str]] = {}
        for record, place, item in self._items("trails", listing, "trailList"):
            with self._or_unread("trails", ""):
                arn = text(item, "TrailARN")
                if arn not in found or record.call.region == text(item, "HomeRegion"):
                    found[arn] = (item, place)
        broken = {call for call, _ in listing.missing}
        if all(record.call in broken for record, _ in listing.answers) and listing.missing:
            self._missing("trails", "", listing.missing[0][1])
        for (what, _), why in tuple(self.unread.items()):
            if what == "trails":
                self.unread.setdefault(("trails", ""), why)
        trails: list[Trail] = []
        for arn in sorted(found):
            with self._or_unread("trails", ""):
                trails.append(_trail(self.view, *found[arn]))
        return tuple(trails)

    def topics(self, region: str | None = None) -> dict[str, Topic]:
        """Return the topics of an account, or of one Region, with policy, key and subscriptions, by ARN."""
        listing = self.view.pieces("sns:ListSubscriptionsByTopic", region=region)
        subscriptions: dict[str, list[Subscription]] = {}
        for record, place, item in self._items("subscriptions", listing, "Subscriptions"):
            with self._or_unread("subscriptions", record.call.region):
                one = Subscription(text(item, "SubscriptionArn"), text(item, "Protocol"), place)
                subscriptions.setdefault(text(item, "TopicArn"), []).append(one)
        asked = self.view.pieces("sns:GetTopicAttributes", region=region, absent_ok=True)
        attributes = {str(dict(record.call.parameters).get("TopicArn", "")): pages for record, pages in asked.answers}
        keys = Keys(self.view)
        found: dict[str, Topic] = {}
        for record, place, item in self._items("topics", self._listing("topics", "sns:ListTopics", region), "Topics"):
            here = record.call.region
            with self._or_unread("topics", here):
                arn = text(item, "TopicArn")
                unread = self._unread(listing, here, TopicArn=arn) or self.unread.get(("subscriptions", here), "")
                found[arn] = Topic(arn, None, subscriptions=tuple(subscriptions.get(arn, ())), ref=place, unread=unread)
                with self.view.going_on():
                    found[arn] = _attributed(found[arn], attributes.get(arn, ()), keys)
        return found

    def _rules(self) -> tuple[Rule, ...]:
        listing = self.view.pieces("events:ListTargetsByRule")
        targets: dict[tuple[str, str], list[str]] = {}
        for record, _, item in self._items("targets", listing, "Targets"):
            name = str(dict(record.call.parameters).get("Rule", ""))
            with self._or_unread("targets", record.call.region):
                targets.setdefault((record.call.region, name), []).append(text(item, "Arn"))
        found: list[Rule] = []
        for record, place, item in self._items("rules", self._listing("rules", "events:ListRules"), "Rules"):
            here = record.call.region
            with self._or_unread("rules", here):
                if optional_text(item, "EventBusName") not in {"", "default"}:
                    continue
                name = text(item, "Name")
                rule = Rule(
                    name=name,
                    region=here,
                    pattern=optional_text(item, "EventPattern"),
                    state=text(item, "State"),
                    targets=tuple(targets.get((here, name), ())),
                    ref=place,
                    arn=optional_text(item, "Arn"),
                    unread=self._unread(listing, here, Rule=name) or self.unread.get(("targets", here), ""),
                )
                found.append(rule)
        return tuple(found)

    def _unread(self, listing: Consulted, region: str, **parameters: Any) -> str:
        """Say why the answer to a call about one thing is not known as a whole; empty where it is."""
        for call, missing in listing.missing:
            if call is not None and call.region == region and parameters.items() <= dict(call.parameters).items():
                return self._where + unanswered(missing)
        for record, _ in listing.answers:
            if record.call.region == region and parameters.items() <= dict(record.call.parameters).items():
                return ""
        gap = listing.gap(region, **parameters)
        return self._where + unanswered(gap) if gap is not None else ""


def _attributed(topic: Topic, pages: Sequence[Any], keys: Keys) -> Topic:
    if not pages:
        return topic
    attributes = mapping(pages[0], "Attributes")
    key = optional_text(attributes, "KmsMasterKeyId")
    return replace(topic, policy=read_policy(attributes.get("Policy")), key=key, cipher=keys.of(key, topic.arn))


LINKS, ATTACHED = "oam:ListLinks", "oam:ListAttachedLinks"
_METRICS = "AWS::CloudWatch::Metric"


def sharings_of(view: View) -> tuple[tuple[Sharing, ...], dict[str, str]]:
    """Return with whom metrics are shared, and for each Region where that is not known why."""
    links = view.consult(LINKS)
    unread = {}
    for call, missing in links.missing:
        view.leave_open(missing)
        for region in (call.region,) if call is not None else view.account.regions:
            unread[region] = unanswered(missing)
    found: list[Sharing] = []
    for record, pages in links.answers:
        try:
            found += _sharings(view, record, pages)
        except UNREADABLE as error:
            missing = view.blamed(error)
            view.lack(missing)
            unread[record.call.region] = unanswered(missing)
    return tuple(found), unread


def _sharings(view: View, record: Record, pages: Sequence[Any]) -> Iterator[Sharing]:
    for number, page in enumerate(pages):
        for index, item in enumerate(listed(page, "Items")):
            if _METRICS in optional_list(item, "ResourceTypes"):
                view.note(record)
                place = f"{record.ref}#/pages/{number}/Items/{index}"
                account = Parts.of(text(item, "SinkArn")).account
                yield Sharing(text(item, "Arn"), record.call.region, account, place)


def _attached(view: View) -> frozenset[str] | None:
    """Return the links attached to the account's sinks; None where that was not fully looked at."""
    links = view.consult(ATTACHED)
    if links.missing or not view.planned(ATTACHED):
        return None

    def read() -> frozenset[str]:
        items = [item for _, pages in links.answers for page in pages for item in listed(page, "Items")]
        return frozenset(text(item, "LinkArn") for item in items)

    return view.known(read)


def _group(item: Mapping[str, Any], region: str, ref: str) -> Group:
    return Group(text(item, "logGroupName"), region, optional_text(item, "logGroupClass") or "STANDARD", ref)


def _trail(view: View, item: Mapping[str, Any], place: str) -> Trail:
    """Return a trail with its status and selectors; what cannot be read counts as good, and ``unread`` says so."""
    base = Trail(
        arn=text(item, "TrailARN"),
        home_region=text(item, "HomeRegion"),
        multi_region=flag(item, "IsMultiRegionTrail") and flag(item, "IncludeGlobalServiceEvents"),
        organization=item.get("IsOrganizationTrail") is True,
        group_arn=optional_text(item, "CloudWatchLogsLogGroupArn"),
        logging=None,
        ref=place,
    )
    if view.lent(base.account):
        base = replace(base, unseen=undelivered(view, item))
    found = base
    for add in (_with_status, _with_selectors):
        try:
            found = add(view, item, found)
        except EvidenceMissing as signal:
            if base.account == view.account.id:
                view.lack(signal.missing)
                unread = unanswered(signal.missing)
            else:
                # members of an organization may often not ask about its trail; that must not hide their own
                unread = f"{signal.missing.operation} was refused here; account {base.account} can answer"
            found = replace(found, unread=found.unread or unread)
        except UNREADABLE as error:
            missing = view.blamed(error)
            view.lack(missing)
            found = replace(found, unread=found.unread or unanswered(missing))
    return found


def _with_status(view: View, item: Mapping[str, Any], trail: Trail) -> Trail:
    status = trail_status(view, item)
    return replace(
        trail,
        logging=flag(status, "IsLogging"),
        delivery_error=optional_text(status, "LatestCloudWatchLogsDeliveryError"),
        delivered=optional_moment(status, "LatestCloudWatchLogsDeliveryTime"),
    )


def _with_selectors(view: View, item: Mapping[str, Any], trail: Trail) -> Trail:
    management = selectors.management(trail_selectors(view, item))
    reads, writes = (selectors.left_out(management, access) for access in (selectors.READ, selectors.WRITE))
    return replace(
        trail,
        reads=reads is not None,
        writes=writes is not None,
        excluded=writes or frozenset(),
        excluded_reads=reads or frozenset(),
    )


def _filters(item: Mapping[str, Any], region: str, ref: str) -> list[Filter]:
    return [
        Filter(
            name=text(item, "filterName"),
            group=text(item, "logGroupName"),
            region=region,
            pattern=optional_text(item, "filterPattern"),
            namespace=text(change, "metricNamespace"),
            metric=text(change, "metricName"),
            value=text(change, "metricValue"),
            default=float(change["defaultValue"]) if change.get("defaultValue") is not None else None,
            unit=optional_text(change, "unit").removesuffix("None"),
            dimensions=frozenset(optional_mapping(change, "dimensions"))
            | frozenset(map(str, optional_list(item, "emitSystemFieldDimensions"))),
            selection=optional_text(item, "fieldSelectionCriteria"),
            transformed=item.get("applyOnTransformedLogs") is True,
            ref=ref,
        )
        for change in listed(item, "metricTransformations")
    ]
