"""Asks AWS itself whether the filters and rules of an account match what the monitoring controls are about.

The answers are evidence like any other. They confirm or correct our own reading of the patterns, which stands without
them too.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from auditor.base.canonical import canonical_json
from auditor.catalog.load import Catalog
from auditor.evidence.operations import Call, confirming
from auditor.evidence.store import EvidenceWriter
from auditor.model import AccountScope, Framework
from auditor.monitoring.patterns.coverage import World
from auditor.monitoring.patterns.requirement import Requirement, requirement_from
from auditor.monitoring.patterns.truth import plan

_CHECKS = "monitoring."
"""Checks whose parameters are requirements."""

_PATTERNS = (
    ("logs:DescribeMetricFilters", "metricFilters", "filterPattern"),
    ("events:ListRules", "Rules", "EventPattern"),
)
"""Where the patterns of an account stand: operation, list, key."""


def truth_operations(catalog: Catalog, frameworks: Sequence[Framework]) -> tuple[str, ...]:
    """Return the names of the operations by which AWS confirms what the frameworks' controls read."""
    controls = catalog.controls_of(frameworks)
    return confirming(catalog.operations, catalog.operations_of(controls))


def truth_calls(
    catalog: Catalog, frameworks: Sequence[Framework], scope: AccountScope, writer: EvidenceWriter
) -> tuple[Call, ...]:
    """Return the calls that let AWS judge the stored patterns of an account; a bounded number, in a stable order.

    Args:
        catalog: the controls.
        frameworks: what the run asks for.
        scope: the account and its Regions.
        writer: holds what was collected of it.
    """
    known = truth_operations(catalog, frameworks)
    if not known:
        return ()
    patterns = {region: found for region in scope.regions if (found := _patterns(scope.id, region, writer))}
    asked = plan(_requirements(catalog, frameworks), patterns, World(scope.partition, scope.id))
    return tuple(
        Call(request.operation, region, tuple(sorted(request.parameters.items())))
        for region, request in asked
        if request.operation in known
    )


def _requirements(catalog: Catalog, frameworks: Sequence[Framework]) -> Iterator[Requirement]:
    """Yield what the monitoring controls ask for, each edition's own wording once."""
    seen: set[bytes] = set()
    for framework in frameworks:
        for requirement in framework.requirements:
            for control in (catalog.controls[name] for name in requirement.controls):
                parameters = {**control.parameters, **requirement.parameters}
                key = canonical_json(parameters)
                if control.check.startswith(_CHECKS) and key not in seen:
                    seen.add(key)
                    yield requirement_from("requirement", parameters)


def _patterns(account: str, region: str, writer: EvidenceWriter) -> list[str]:
    """Return the patterns of one Region, each once; what does not have the documented form is left to the check."""
    found: dict[str, None] = {}
    for operation, items, key in _PATTERNS:
        for page in writer.stored(account, operation, region=region):
            for item in _listed(page, items):
                text = item.get(key) if isinstance(item, Mapping) else None
                if isinstance(text, str) and text:
                    found[text] = None
    return list(found)


def _listed(page: Any, key: str) -> Sequence[Any]:
    value = page.get(key) if isinstance(page, Mapping) else None
    return value if isinstance(value, list) else ()
