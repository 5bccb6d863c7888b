"""What single accounts hold for all of an organization, read once: the trail's log group with its alarms, analyzers.

Only the management account, the accounts whose log groups the organization's trails write to, and the delegated
administrators are asked, only for what the chosen controls read, and never one that a filter excludes.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from auditor.base.errors import AuditorError
from auditor.collect.calls import Asker
from auditor.collect.collection import Collected, collect_account
from auditor.collect.organization import administrators_of
from auditor.collect.redact import Redactor
from auditor.evidence.operations import Call, Operation, Where
from auditor.model import AccountScope, Holder
from auditor.org.reconcile import to_assess
from auditor.org.trails import LISTED, TRAILS, Deliveries, TrailFinder
from auditor.policies.arn import account_of
from auditor.run.settings import limits_of
from auditor.run.shared import Shared, packed

_STATUS: Final = ("cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors")


def _members(service: str) -> Operation:
    """Return the question for the list of those whom an administrator looks after: only administrators are asked."""
    name = f"{service}:ListMembers"
    return Operation(
        name=name, where=Where.REGION, parameters={}, for_each=(), required=("Members",), absent=(), action=name,
        produced=False,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Service:
    """A service that one account may administer for all.

    Args:
        name: what its holder holds.
        principal: by which Organizations knows it.
        first: the question whose answer shows where it is on in the administrator's own account.
        members: lists those for whom it is on; None where its own answer covers them.
        listed_in: of what in the answer to the first question a list is asked for, and the parameter that names it;
            empty for one list a Region.
    """

    name: str
    principal: str
    first: str
    members: Operation | None = None
    listed_in: tuple[str, str] = ("", "")

    @property
    def lent(self) -> str:
        """The question whose answers members are handed."""
        return self.members.name if self.members is not None else self.first

    def lists(self, page: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the parameters of each list that there is in a Region, by an answer to the first question."""
        items, parameter = self.listed_in
        if not items:
            yield {"OnlyAssociated": True}
        for item in page.get(items) or () if items else ():
            yield {parameter: str(item), "OnlyAssociated": "true"}  # a text, as this API has it


SERVICES: Final = (
    Service("access-analyzer", "access-analyzer.amazonaws.com", "accessanalyzer:ListAnalyzers"),
    Service(
        "guardduty", "guardduty.amazonaws.com", "guardduty:ListDetectors", _members("guardduty"),
        ("DetectorIds", "DetectorId"),
    ),
    Service("securityhub", "securityhub.amazonaws.com", "securityhub:DescribeHub", _members("securityhub")),
)  # fmt: skip


@dataclass(frozen=True)
class HolderReader:
    """Reads what accounts hold for others, into the evidence of the organization's run.

    Args:
        finder: who asks, and where the answers go.
        redactor: the one of the writer.
    """

    finder: TrailFinder
    redactor: Redactor

    def read(self, deliveries: Deliveries) -> Shared:
        """Return what each account's audit is handed; nothing where no chosen control can be held elsewhere."""
        holders: list[Holder] = []
        asked: set[str] = {LISTED}
        chain = self._chain()
        if chain and deliveries.shared.trails:
            asked |= {*chain, TRAILS}
            homes = {str(trail.get("HomeRegion")) for trail in deliveries.shared.trails}
            owners = sorted(_owners(deliveries.shared.trails))
            holders += [self._held(account, ("cloudtrail",), chain, sorted(homes)) for account in owners]
        for service in SERVICES:
            if service.first in self._evidence():
                asked.add(service.lent)
                holders += self._looking_after(service)
        holders += [Holder(AccountScope(name, "", ()), ("deliveries",)) for name in deliveries.readers]
        together = tuple(_merged(holders))
        accounts = {holder.scope.id for holder in together}
        answers = self.finder.writer.lent(accounts, asked)
        return replace(deliveries.shared, holders=together, answers=packed(answers))

    def _evidence(self) -> set[str]:
        return {name for control in self.finder.controls for name in control.evidence}

    def _chain(self) -> frozenset[str]:
        """Return what is read of the way from a trail to people, as far as a chosen control follows it."""
        catalog = self.finder.catalog
        chains = [control for control in self.finder.controls if control.check.startswith("monitoring.")]
        wanted = {*catalog.operations_of(chains), *(name for name in _STATUS if name in self._evidence())}
        return frozenset(name for name in wanted if catalog.operations[name].planned)

    def _looking_after(self, service: Service) -> Iterator[Holder]:
        """Yield the accounts that look after a service for all: the management account, and administrators."""
        found, error = self._administrators(service.principal)
        for account in dict.fromkeys((self.finder.listing.management, *found)):
            holder = self._held(account, (service.name,), {service.first}, self.finder.request.config.regions)
            if service.members is not None and not holder.error:
                self._list_members(holder, service, service.members)
            yield replace(holder, scope=replace(holder.scope, regions=()))
        if error:
            yield Holder(AccountScope("", "", ()), (service.name,), error)

    def _administrators(self, principal: str) -> tuple[tuple[str, ...], str]:
        finder = self.finder
        answer = administrators_of(finder.doors.lister, principal, now=finder.request.now)
        known = finder.writer.recalled(answer.account, answer.call)
        if known is None:
            finder.writer.add(answer)
        if answer.error is not None:
            return (), f"who administers it is not known: {answer.call.operation}: {answer.error.code}"
        items = (item for page in answer.pages for item in page.get("DelegatedAdministrators") or ())
        return tuple(sorted(str(item.get("Id")) for item in items)), ""

    def _held(self, account: str, holds: tuple[str, ...], wanted: Iterable[str], regions: Iterable[str]) -> Holder:
        """Ask one account; whatever keeps it from answering is what its holder says."""
        if why := self._closed(account):
            return Holder(AccountScope(account, "", ()), holds, why)
        try:
            scope = self._collected(account, wanted, tuple(regions)).scope
        except AuditorError as error:
            return Holder(AccountScope(account, "", ()), holds, f"it could not be asked: {error.message}")
        return Holder(scope, holds)

    def _closed(self, account: str) -> str:
        """Say why an account is not asked; empty where it lets us in."""
        finder = self.finder
        if account in finder.entered:
            return ""
        listed = next((item for item in finder.listing.accounts if item.id == account), None)
        if listed is None:
            return "the organization does not list it"
        if finder.doors.choice.reason(listed):
            return "it is not asked, because a filter of the run leaves it out"
        if unsure := finder.doors.choice.unsure(listed):
            return unsure
        known = {item.id for item in to_assess(finder.listing, finder.doors.choice)}
        return "the role was refused" if account in known else f"it is {listed.state}"

    def _collected(self, account: str, wanted: Iterable[str], regions: tuple[str, ...]) -> Collected:
        finder = self.finder
        return collect_account(
            finder.doors.behind(account, finder.entered[account]),
            operations=finder.catalog.operations,
            wanted=wanted,
            regions=regions,
            period=finder.request.period,
            writer=finder.writer,
            redactor=self.redactor,
            log=finder.doors.log,
            now=finder.request.now,
            limits=limits_of(finder.request.config),
        )

    def _list_members(self, holder: Holder, service: Service, members: Operation) -> None:
        """Ask an administrator, in each Region in which the service is on there, for whom it is on as well."""
        finder, account = self.finder, holder.scope.id
        asker = Asker(
            finder.doors.behind(account, finder.entered[account]), now=finder.request.now,
            limits=limits_of(finder.request.config), scrub=self.redactor.text,
        )  # fmt: skip
        for region in holder.scope.regions:
            for page in finder.writer.stored(account, service.first, region=region):
                for asked in service.lists(page):
                    call = Call(members.name, region, tuple(sorted(asked.items())))
                    finder.writer.add(asker.ask(members, call, parameters=asked))


def _owners(trails: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the accounts that own the trails and the log groups that they write to."""
    arns = [str(trail.get(name) or "") for trail in trails for name in ("TrailARN", "CloudWatchLogsLogGroupArn")]
    return {account_of(arn) for arn in arns} - {""}


def _merged(holders: Iterable[Holder]) -> Iterator[Holder]:
    """Yield each account once, with all that it holds; what could not be read stays apart from what could."""
    found: dict[tuple[str, str], Holder] = {}
    for holder in holders:
        key = (holder.scope.id, holder.error)
        known = found.get(key, holder)
        regions = tuple(sorted({*known.scope.regions, *holder.scope.regions}))
        holds = tuple(dict.fromkeys((*known.holds, *holder.holds)))
        found[key] = Holder(replace(holder.scope, regions=regions, left_out=()), holds, holder.error)
    yield from (found[key] for key in sorted(found))
