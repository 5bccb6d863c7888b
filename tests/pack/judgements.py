"""Small results documents, as far as comparisons read them."""

from collections.abc import Sequence
from typing import Any


def result(state: str = "FAIL", resource: str = "r-1", **fields: Any) -> dict[str, Any]:
    """Make one result."""
    return {
        "account": "111122223333",
        "region": "eu-central-1",
        "resource": resource,
        "state": state,
        "reason": f"{resource} is seen as {state}",
        "observed": f"{resource} is open",
        "expected": "It is closed.",
        "frameworks": [],
        **fields,
    }


def control(name: str = "sg-closed", *results: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Make one control with its results."""
    return {
        "id": name,
        "title": f"Title of {name}",
        "severity": "high",
        "criterion": "It is closed.",
        "test": "It was read.",
        "test_type": "PIT",
        "scope": "region",
        "results": list(results),
        **fields,
    }


def judgement(*controls: dict[str, Any], as_of: str = "2026-11-02T06:00:00Z", **fields: Any) -> dict[str, Any]:
    """Make a results document."""
    return {
        "controls": list(controls),
        "sampling": None,
        "run": {
            "as_of": as_of,
            "accounts": accounts(),
            "frameworks": ["cis-aws-5.0.0"],
            "period": {"start": "2026-10-01T00:00:00Z", "end": "2026-11-01T00:00:00Z"},
            "skipped": [],
            **fields,
        },
    }


def accounts(
    regions: Sequence[str] = ("eu-central-1", "us-east-1"), account: str = "111122223333"
) -> list[dict[str, Any]]:
    """Make the accounts of a run."""
    return [{"id": account, "regions": list(regions)}]
