"""What a control is about: the members of its population, as answers name them, and what did not answer."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jmespath

from auditor.evaluate.library import Library
from auditor.evaluate.missing import EvidenceMissing, Missing
from auditor.evaluate.sampling import draw
from auditor.evaluate.view import View
from auditor.evidence.answer import Record
from auditor.evidence.operations import Call
from auditor.model import Control, Sampling, Verdict


@dataclass(frozen=True, slots=True)
class Item:
    """One member of a population, or a call that should have told of members but did not answer."""

    region: str
    resource: str
    value: Mapping[str, Any]
    record: Record | None
    missing: Missing | None = None
    left_out: str = ""
    """Why a member of the population is not tested although nothing is missing; empty when it is."""
    others: tuple[Mapping[str, Any], ...] = ()
    """Further values that the same answer gives under the same name; the worst of all counts."""
    broken_off: bool = False
    """True for a member from an answer that broke off: it counts only for a failure that it shows."""
    view: View | None = None
    """What has been read of a member already, where a check lists the members itself."""
    judge: Callable[[View], Verdict] | None = None
    """How such a member is judged."""


def unlisted(missing: Missing) -> Item:
    """Stand for what an answer would have told of: the thing it was asked about, or all of it."""
    return Item(missing.region, missing.resource or missing.operation, {}, None, missing)


def members_of(control: Control, library: Library) -> list[Item]:
    """List the members of a population; one seen from several Regions counts once, as its home Region shows it."""
    members: dict[tuple[str, str], Item] = {}
    due = library.listed(control.evidence[0])
    unanswered = {missing: unlisted(missing) for _, missing in due.missing}
    if (skipped := library.skipped(control.evidence[0])) is not None:
        unanswered[skipped] = unlisted(skipped)
    for call in due.calls:
        for item in _members(control, library, call):
            if item.missing is not None:
                unanswered.setdefault(item.missing, item)
                continue
            key = (item.region, item.resource)
            known = members.get(key)
            if known is not None and known.record is item.record:
                members[key] = replace(known, others=(*known.others, item.value))
            elif known is None or call.region == item.region or known.broken_off:
                members[key] = item
    gone = map(_elsewhere, library.nowhere(control.evidence[0])) if members or not due.calls else ()
    return [*(members[key] for key in sorted(members)), *gone, *unanswered.values()]


def _elsewhere(record: Record) -> Item:
    """Stand for a Region in which the service does not exist: there is nothing to list."""
    name, region = record.call.operation, record.call.region
    return Item(region, name, {}, record, left_out=no_endpoint(name, region))


def no_endpoint(operation: str, region: str) -> str:
    """Say why there is nothing to judge in a Region in which a service does not exist."""
    return f"The service of {operation} has no endpoint in {region}, so there is nothing of it to judge there."


def sampled(control: Control, account: str, items: Sequence[Item], sampling: Sampling) -> list[Item]:
    """Leave out what is not drawn. Calls without an answer stay: what was never listed cannot be passed over."""
    members = [(item.region, item.resource) for item in items if _can_be_drawn(control, item)]
    drawn = draw(sampling, control.id, account, members)
    left_out = frozenset(members) - drawn
    reason = f"Not drawn into the sample (seed {sampling.seed}, {len(drawn):,} of {len(members):,})."
    return [replace(item, left_out=reason) if (item.region, item.resource) in left_out else item for item in items]


def _can_be_drawn(control: Control, item: Item) -> bool:
    """The criterion's own exclusions come first: a sample is drawn from those that the criterion speaks about."""
    if item.missing is not None or item.left_out:
        return False
    try:
        return not is_excluded(control, item)
    except jmespath.exceptions.JMESPathError:
        return True  # once drawn, it is not assessed and says why


def is_excluded(control: Control, item: Item) -> bool:
    """Tell whether the criterion does not speak about a member, by its own words."""
    return bool(control.exclude_when) and jmespath.search(control.exclude_when, item.value) is True


def _members(control: Control, library: Library, call: Call) -> Iterable[Item]:
    """Yield the members that one call tells of, and what it does not tell; what broke off tells of what it holds."""
    try:
        record = library.record(call, absent_ok=True)
        pages = () if record.absent else library.pages(record)
        broken_off = False
    except EvidenceMissing as signal:
        yield unlisted(signal.missing)
        fragment = library.fragments(call)
        if fragment is None:
            return
        (record, pages), broken_off = fragment, True
    for page in pages:
        for item in _members_of_page(control, library, record, page):
            if not (broken_off and item.missing is not None):
                yield replace(item, broken_off=True) if broken_off else item


def _members_of_page(control: Control, library: Library, record: Record, page: Any) -> Iterable[Item]:
    try:
        values = jmespath.search(control.population, page)
    except jmespath.exceptions.JMESPathError as error:
        yield unlisted(library.malformed(record, f"the population cannot be listed: {error}").missing)
        return
    if values is None:
        yield unlisted(library.malformed(record, f"the answer has nothing at {control.population}").missing)
        return
    outer, _, inner = control.population.rpartition("[].")
    if outer and any(jmespath.search(inner, one) is None for one in jmespath.search(f"{outer}[]", page)):
        yield unlisted(library.malformed(record, f"an item of {outer} has nothing at {inner}").missing)
    for value in values if isinstance(values, list) else [values]:
        try:
            resource = jmespath.search(control.identify, value)
            home = jmespath.search(control.home_region, value) if control.home_region else None
        except jmespath.exceptions.JMESPathError:
            resource = home = None
        if isinstance(resource, str) and resource and isinstance(value, dict):
            yield Item(str(home or record.call.region), resource, value, record)
        else:
            yield unlisted(library.malformed(record, f"an item has no {control.identify}").missing)
