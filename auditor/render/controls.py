"""Controls as the pages show them: state, population, results and the evidence that they rest on."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from auditor.base.counts import counted
from auditor.model import Severity, State
from auditor.render.chains import Chain, chains_of
from auditor.render.exceptions import Answer, Waiver, answer_of, attested, waiver_of
from auditor.render.marks import EXCEPTIONS, MARKS, Mark, Tally, tally
from auditor.render.register import EvidenceBox, Library
from auditor.render.text import NAME_LIMIT, anywhere, lines, visible

SERVICES = {
    "account": "Account",
    "access-analyzer": "IAM Access Analyzer",
    "accessanalyzer": "IAM Access Analyzer",
    "apigateway": "API Gateway",
    "autoscaling": "EC2 Auto Scaling",
    "cloudtrail": "CloudTrail",
    "cloudwatch": "CloudWatch",
    "config": "Config",
    "ec2": "EC2",
    "efs": "EFS",
    "elbv2": "Elastic Load Balancing",
    "eventbridge": "EventBridge",
    "events": "EventBridge",
    "guardduty": "GuardDuty",
    "iam": "IAM",
    "kms": "KMS",
    "lambda": "Lambda",
    "logs": "CloudWatch Logs",
    "macie": "Macie",
    "macie2": "Macie",
    "monitoring": "Monitoring",
    "oam": "CloudWatch cross-account observability",
    "organizations": "Organizations",
    "rds": "RDS",
    "s3": "S3",
    "securityhub": "Security Hub",
    "sns": "SNS",
    "vpc": "VPC",
}
"""AWS's own names of the services, for headings."""


_WORD = re.compile(r"[\w*][\w*:./-]*[\w*]|[\w*]")


@dataclass(frozen=True, slots=True)
class Row:
    """One result: one resource in one place."""

    mark: Mark
    account: str
    region: str
    resource: str
    reason: str
    observed: str
    expected: str
    refs: tuple[str, ...]
    frameworks: tuple[str, ...]
    waiver: Waiver | None
    attested: str
    """Who answered a manual result, in a sentence; empty when nobody did."""
    response: Answer | None = None

    @property
    def adds(self) -> str:
        """What was observed, where it has a word that the reason does not have."""
        return self.observed if set(_WORD.findall(self.observed)) - set(_WORD.findall(self.reason)) else ""


def of_any_place(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Return rows that say of several Regions what each said of its own, so that equal ones can stand together.

    A reason that rows of several Regions give word for word speaks of no Region of theirs, and stays.
    """
    told: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        told[row.reason].add(row.region)
    return tuple(
        replace(row, reason=anywhere(row.reason, row.region), observed=anywhere(row.observed, row.region))
        if len(told[row.reason]) == 1
        else row
        for row in rows
    )


@dataclass(frozen=True, slots=True)
class PopulationRow:
    """How a population reconciles in one place."""

    account: str
    region: str
    source: int
    tested: int
    excluded: int
    not_assessed: int


@dataclass(frozen=True, slots=True)
class Control:
    """Everything a page says about one control."""

    anchor: str
    id: str
    title: str
    mark: Mark
    severity: str
    test_type: str
    service: str
    objective: str
    criterion: str
    test: str
    why: str
    remediation: str
    side_effects: str
    operations: tuple[str, ...]
    requirements: tuple[tuple[str, str], ...]
    population: PopulationRow
    populations: tuple[PopulationRow, ...]
    rows: tuple[Row, ...]
    counts: tuple[Tally, ...]
    refs: tuple[str, ...]
    """All evidence that its results cite."""
    boxes: tuple[EvidenceBox, ...]
    other_refs: tuple[str, ...]
    kinds: int
    """How many operations the evidence comes from; the first boxes are of one each."""
    chain: Chain | None


@dataclass(frozen=True, slots=True)
class Finding:
    """A line of the summary's list of what matters most, with what the people in charge say to it."""

    control: Control
    count: int
    reason: str
    answers: tuple[tuple[Answer, int], ...]
    """Each response, and to how many of the results it speaks."""


_BOXES = 6
"""Evidence boxes of one control; further references are listed and stand in the appendix and the evidence folder."""


def control_block(
    document: Mapping[str, Any], library: Library, by_hand: Collection[tuple[str, str]] = frozenset()
) -> Control:
    """Prepare one control of the results document; its worst results come first.

    Args:
        document: the control.
        library: the evidence.
        by_hand: framework and requirement where the benchmark calls for a person.
    """
    results = sorted(document["results"], key=lambda item: _state_order(item["state"]))
    rows = tuple(_row(result) for result in results)
    cited: dict[str, list[str]] = defaultdict(list)
    for result in results:
        for citation in result["evidence"]:
            if citation["ref"] in library.items:
                cited[citation["ref"]].append(citation["pointer"])
    refs, kinds = _varied(cited, library)
    worst = results[0]["state"] if results else ""
    wanted = frozenset(result["resource"] for result in results if result["state"] == worst)
    return Control(
        anchor=document["anchor"],
        id=document["id"],
        title=visible(document["title"]),
        mark=MARKS[State(document["state"])],
        severity=document["severity"],
        test_type=document["test_type"],
        service=visible(document["service"]),
        objective=visible(document["objective"], 2000),
        criterion=visible(document["criterion"], 2000),
        test=visible(document["test"], 2000),
        why=visible(document["why"], 2000),
        remediation=lines(document["remediation"], 4000),
        side_effects=visible(document.get("side_effects", ""), 2000),
        operations=tuple(document.get("operations", ())),
        requirements=tuple(
            (
                framework,
                ", ".join(
                    f"{visible(number)} (Manual)" if (framework, number) in by_hand else visible(number)
                    for number in numbers
                ),
            )
            for framework, numbers in document["requirements"].items()
        ),
        population=_population(document["population"]),
        populations=tuple(_population(item) for item in document["populations"]),
        rows=rows,
        counts=tuple(item for item in tally(row.mark.state for row in rows) if item.count),
        refs=tuple(cited),
        boxes=tuple(library.box(ref, cited[ref], wanted) for ref in refs[:_BOXES]),
        other_refs=tuple(refs[_BOXES:]),
        kinds=kinds,
        chain=chains_of(results),
    )


def _varied(refs: Iterable[str], library: Library) -> tuple[list[str], int]:
    """Put one answer of each operation first: the same setting read in another Region shows little more."""
    seen: Counter[str] = Counter()
    ranked = []
    for ref in refs:
        operation = library.items[ref].operation
        ranked.append((seen[operation], ref))
        seen[operation] += 1
    return [ref for _, ref in sorted(ranked, key=lambda item: item[0])], len(seen)


_STATE_ORDER = {state.value: number for number, state in enumerate((*EXCEPTIONS, State.PASS, State.NOT_APPLICABLE))}


def _state_order(state: str) -> int:
    return _STATE_ORDER[state]


def _population(document: Mapping[str, Any]) -> PopulationRow:
    return PopulationRow(
        account=document.get("account", ""),
        region=document.get("region", ""),
        source=document["source"],
        tested=document["tested"],
        excluded=document["excluded"],
        not_assessed=document["not_assessed"],
    )


def _row(document: Mapping[str, Any]) -> Row:
    return Row(
        mark=MARKS[State(document["state"])],
        account=visible(document["account"], 40),
        region=visible(document["region"], 40),
        resource=visible(document["resource"], NAME_LIMIT),
        reason=visible(document["reason"]),
        observed=visible(document["observed"]),
        expected=visible(document["expected"]),
        refs=tuple(dict.fromkeys(citation["ref"] for citation in document["evidence"])),
        frameworks=tuple(document["frameworks"]),
        waiver=waiver_of(document["waiver"]) if document["waiver"] else None,
        attested=attested(document["details"].get("attestation")),
        response=answer_of(document.get("response")),
    )


def summed(rows: Sequence[PopulationRow]) -> PopulationRow:
    """Add populations up; the place of the sum is empty."""
    return PopulationRow(
        "",
        "",
        sum(row.source for row in rows),
        sum(row.tested for row in rows),
        sum(row.excluded for row in rows),
        sum(row.not_assessed for row in rows),
    )


def by_severity(controls: Sequence[Control]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Count controls by severity, worst first, in the order of ``MARKS``."""
    rows = []
    for severity in Severity:
        states = Counter(control.mark.state for control in controls if control.severity == severity.value)
        if states:
            rows.append((severity.value, tuple(states[state] for state in MARKS)))
    return tuple(rows)


def by_service(controls: Sequence[Control]) -> tuple[tuple[str, tuple[Control, ...]], ...]:
    """Group controls by the service they look at, in the order in which services first occur."""
    groups: dict[str, list[Control]] = defaultdict(list)
    for control in controls:
        groups[SERVICES.get(control.service, control.service)].append(control)
    return tuple((service, tuple(members)) for service, members in groups.items())


@dataclass(frozen=True, slots=True)
class Left:
    """A control with results that nobody can conclude from: how many, and where."""

    control: Control
    count: int
    place: str


@dataclass(frozen=True, slots=True)
class Open:
    """Results that nobody can conclude from for one reason, control by control."""

    mark: Mark
    reason: str
    attested: str
    response: Answer | None
    left: tuple[Left, ...]


def open_results(controls: Sequence[Control], state: State) -> tuple[Open, ...]:
    """List every result in a state, also inside controls that failed, by reason: one refusal leaves many open."""
    found = [(control, row) for control in controls for row in control.rows if row.mark.state is state]
    groups: dict[tuple[str, str, Answer | None], list[tuple[Control, Row]]] = defaultdict(list)
    for (control, row), general in zip(found, of_any_place([row for _, row in found]), strict=True):
        groups[general.reason, row.attested, row.response].append((control, row))
    return tuple(
        Open(
            MARKS[state],
            common if len({row.region for _, row in members}) > 1 else members[0][1].reason,
            words,
            response,
            tuple(_left(members)),
        )
        for (common, words, response), members in groups.items()
    )


def _left(members: Sequence[tuple[Control, Row]]) -> Iterator[Left]:
    for control, pairs in groupby(members, key=lambda pair: pair[0]):
        rows = [row for _, row in pairs]
        regions = {row.region for row in rows}
        own = rows[0].resource
        one = own if own == rows[0].region else f"{own}, {rows[0].region}"
        several = f"{counted(len(rows), 'result')} in {counted(len(regions), 'Region')}"
        yield Left(control, len(rows), one if len(rows) == 1 else several)


def findings(controls: Sequence[Control]) -> tuple[Finding, ...]:
    """List the failing controls by severity, then by the number of failing results, each with its first reason."""
    failing = [
        (control, [row for row in control.rows if row.mark.state is State.FAIL])
        for control in controls
        if control.mark.state is State.FAIL
    ]
    found = []
    for control, rows in sorted(failing, key=lambda item: (_severity_rank(item[0]), -len(item[1]), item[0].id)):
        answers = Counter(row.response for row in rows if row.response)
        found.append(Finding(control, len(rows), rows[0].reason, tuple(answers.items())))
    return tuple(found)


def _severity_rank(control: Control) -> int:
    return Severity(control.severity).rank
