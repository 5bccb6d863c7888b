"""What changed since the pack before: what travels of that one's judgement, and the comparison that follows from it.

A pack carries, among its evidence, as much of the judgement before as ``comparison`` reads: so who checks the pack can
derive the comparison again without the older one, and who has that one can tell whether it was carried truly.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from auditor.base.canonical import canonical_json
from auditor.base.errors import IntegrityError
from auditor.base.period import parse_time
from auditor.base.untrusted import parse_json, shape_words
from auditor.model import Severity, State
from auditor.pack.comparison import Change, Finding, Side, compared, lasting_id, side_of

SCHEMA: Final = "auditor.previous/1"
MOST_BYTES: Final = 128_000_000
"""Of what is carried: a judgement with a million results has less."""

_TOLD: Final = (State.FAIL, State.WAIVED)
"""States of which a comparison says more than that they were."""

_SCOPE: Final = ("as_of", "frameworks", "period", "skipped")


@dataclass(frozen=True, slots=True)
class Carried:
    """The judgement of the pack before, as far as it is compared.

    Args:
        pack_id: of that pack.
        manifest_sha256: of its manifest.
        results_sha256: of its ``results.json``.
        side: findings and rules.
        scope: what was asked: members ``run`` and ``sampling`` of a results document, as far as they are compared.
    """

    pack_id: str
    manifest_sha256: str
    results_sha256: str
    side: Side
    scope: Mapping[str, Any]


def carry(results: Mapping[str, Any], *, pack_id: str, manifest_sha256: str, results_sha256: str) -> bytes:
    """Return what a later pack carries of a judgement, in canonical form.

    Args:
        results: its results document.
        pack_id: of its pack.
        manifest_sha256: of the pack's manifest.
        results_sha256: of ``results.json``.

    Raises:
        IntegrityError: the document has another shape.
    """
    side = side_of(results)
    try:
        run = results["run"]
        accounts = [{"id": item["id"], "regions": list(item["regions"])} for item in run["accounts"]]
        scope = {
            "run": {"accounts": accounts, **{name: run[name] for name in _SCOPE}},
            "sampling": results["sampling"],
        }
    except (KeyError, TypeError) as error:
        raise IntegrityError(f"the results have another form than expected: {shape_words(error)}") from error
    return canonical_json(
        {
            "schema": SCHEMA,
            "pack_id": pack_id,
            "manifest_sha256": manifest_sha256,
            "results_sha256": results_sha256,
            **scope,
            "controls": list(_controls(side)),
        }
    )


def _controls(side: Side) -> Iterator[dict[str, Any]]:
    rows: dict[str, list[Finding]] = {}
    for item in side.findings:
        rows.setdefault(item.control, []).append(item)
    for name, rule in side.rules.items():
        found = rows.get(name, [])
        yield {
            "id": name,
            "title": found[0].title if found else name,
            "severity": found[0].severity.value if found else Severity.INFORMATIONAL.value,
            "rule": dict(rule),
            "results": [_row(item) for item in found],
        }


def _row(item: Finding) -> list[Any]:
    """Return a result as a list: its strings are most of what is carried."""
    place = [item.account, item.region, item.resource, list(item.editions), item.state.value]
    return [*place, item.reason, item.content] if item.state in _TOLD else place


def read_carried(data: bytes) -> Carried:
    """Read what a pack carries of the judgement before; it comes from strangers.

    Raises:
        IntegrityError: it is too large, or not of its form.
    """
    try:
        if len(data) > MOST_BYTES:
            raise ValueError(f"more than {MOST_BYTES} bytes")
        document = parse_json(data)
        if document["schema"] != SCHEMA:
            raise ValueError("another schema")
        findings = tuple(_finding(control, row) for control in document["controls"] for row in control["results"])
        rules = {
            str(item["id"]): {str(part): str(value) for part, value in item["rule"].items()}
            for item in document["controls"]
        }
        scope = {"run": document["run"], "sampling": document["sampling"]}
        parse_time(scope["run"]["as_of"])
        pack_id, manifest, judged = (str(document[name]) for name in ("pack_id", "manifest_sha256", "results_sha256"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"the judgement of the pack before cannot be read: {shape_words(error)}") from error
    return Carried(pack_id, manifest, judged, Side(findings, rules), scope)


def _finding(control: Mapping[str, Any], row: list[Any]) -> Finding:
    account, region, resource, editions, state, *told = row
    reason, content = told or ("", "")
    return Finding(
        id=lasting_id(str(control["id"]), str(account), str(region), str(resource), editions),
        control=str(control["id"]),
        title=str(control["title"]),
        severity=Severity(control["severity"]),
        account=str(account),
        region=str(region),
        resource=str(resource),
        editions=tuple(str(name) for name in editions),
        state=State(state),
        reason=str(reason),
        content=str(content),
    )


def since(carried: Carried, now: Mapping[str, Any]) -> dict[str, Any]:
    """Return what changed since the pack before, as ``results.json`` has it: what is still open is counted only.

    A failure that is not among the changes is still open.

    Raises:
        IntegrityError: one of the two has another shape.
    """
    found = compared(carried.side, carried.scope, now)
    return {
        "pack_id": carried.pack_id,
        "manifest_sha256": carried.manifest_sha256,
        "as_of": str(carried.scope["run"]["as_of"]),
        **found.document(),
        "changes": [item.document() for item in found.changes if item.change is not Change.KNOWN],
    }
