"""What a remedy is: a few calls to AWS as values, with what they change, cost and how they are undone.

The command line, the template and the Terraform block are written from the same values, so that they stay equal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import Any


class Stage(IntEnum):
    """When a call is due: what others lean on comes first."""

    BUCKET = 1
    POLICY = 2
    KEY = 3
    ROLE = 4
    LOG_GROUP = 5
    TRAIL = 6
    SETTING = 7
    FILTER = 8
    TOPIC = 9
    ALARM = 10
    SUBSCRIPTION = 11


@dataclass(frozen=True, slots=True)
class Made:
    """A value that AWS gives out when something is made or looked up, such as the id of a key.

    Args:
        name: a shell variable: capitals and underscores.
        many: an array of values, which AWS made up itself.
    """

    name: str
    many: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A value that only a person can give, such as an address."""

    name: str
    """A shell variable: capitals and underscores."""
    words: str
    """What it is, in a few words."""
    default: str = ""
    """What it is unless somebody says otherwise; empty means that somebody has to."""
    allowed: tuple[str, ...] = ()
    """What it may be; empty means anything."""


@dataclass(frozen=True, slots=True)
class Expression:
    """Code of Terraform, of our own words alone."""

    text: str


@dataclass(frozen=True, slots=True)
class Look:
    """A read that tells whether something is there already.

    Args:
        service: as the SDK names it.
        operation: as AWS spells it, such as ``DescribeKey``.
        parameters: SDK parameters.
        query: JMESPath over the answer; what it finds is the value.
        absent: error codes that mean there is no such thing. Any other error stops.
    """

    service: str
    operation: str
    parameters: Mapping[str, Any]
    query: str
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One call that changes something.

    Args:
        stage: when it is due.
        words: one line: what it does.
        service: as the SDK names it, such as ``cloudtrail``.
        operation: as AWS spells it, such as ``UpdateTrail``.
        region: where; the home Region for global services.
        parameters: SDK parameters. A ``Made`` or ``Asked`` stands only as a whole value or as an item of a list.
        gives: the variable that keeps a value of the answer.
        query: JMESPath over the answer, for ``gives``.
        unless: what is there already makes the call unnecessary; what is found becomes the value of ``gives``.
        needs: the call is made only when this look finds something; what is found (words) is the value of ``listed``.
        listed: the variable, an array, that ``needs`` fills.
        expects: what is about to be replaced, read once more.
        expected: what ``expects`` may find: what the evidence shows, and what this call makes of it; all else stops.
        tolerated: error codes that mean that it is done already.
    """

    stage: Stage
    words: str
    service: str
    operation: str
    region: str
    parameters: Mapping[str, Any]
    gives: str = ""
    query: str = ""
    unless: Look | None = None
    needs: Look | None = None
    listed: str = ""
    expects: Look | None = None
    expected: tuple[str, ...] = ()
    tolerated: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """A failed result of a pack.

    Args:
        control: its control's id.
        title: its control's title.
        severity: its control's severity.
        parameters: its control's parameters, as the pack was judged by.
        account: twelve digits.
        partition: such as ``aws``.
        region: or ``global``.
        resource: as the result names it.
        reason: the result's sentence.
        evidence: references such as ``EV-0042``.
    """

    control: str
    title: str
    severity: str
    parameters: Mapping[str, Any]
    account: str
    partition: str
    region: str
    resource: str
    reason: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Resource:
    """One thing to be made, in both languages.

    Args:
        stage: when it is due.
        region: where.
        identity: what tells it from others.
        template_type: of CloudFormation; empty where AWS has none.
        template: its properties.
        block_type: of Terraform.
        block: its arguments; lists of mappings are blocks.
        words: one line: what it is for.
        kept: whether it outlives its stack.
        data: a source of data in Terraform, which makes nothing.
    """

    stage: Stage
    region: str
    identity: str
    template_type: str
    template: Mapping[str, Any]
    block_type: str
    block: Mapping[str, Any]
    words: str = ""
    kept: bool = True
    data: bool = False

    @property
    def logical_id(self) -> str:
        """Its name in a template: letters and digits."""
        return f"{self.block_type.removeprefix('aws_').title().replace('_', '')}{self._mark}"

    @property
    def label(self) -> str:
        """Its name in Terraform."""
        return f"r_{self._mark}"

    @property
    def _mark(self) -> str:
        return sha256(f"{self.block_type}|{self.region}|{self.identity}".encode()).hexdigest()[:10]


@dataclass(frozen=True, slots=True)
class Remedy:
    """The smallest change that closes one finding.

    Args:
        finding: what it closes.
        exists: what is there already, from the evidence.
        steps: what to do, in any order; ``Stage`` orders.
        undo: what leads back, in the order to do it.
        undo_words: what undoing cannot bring back, or why there is no undoing.
        effects: side effects.
        cost: a month, at list price, in words.
        person: what only a person can do afterwards; empty when nothing is left.
        alternatives: other ways, in words.
        declares: what is made beside the calls and has no line of its own; such a remedy is a template or a module.
    """

    finding: Finding
    exists: str
    steps: tuple[Step, ...]
    undo: tuple[Step, ...]
    effects: str
    cost: str
    undo_words: str = ""
    person: str = ""
    alternatives: str = ""
    declares: tuple[Resource, ...] = ()


@dataclass(frozen=True, slots=True)
class Left:
    """A failed result for which nothing is proposed, and why."""

    finding: Finding
    why: str


def in_order(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return the calls in the order in which they are due, each once."""
    kept: list[Step] = []
    for step in sorted(steps, key=lambda item: item.stage):
        if step not in kept:
            kept.append(step)
    return tuple(kept)
