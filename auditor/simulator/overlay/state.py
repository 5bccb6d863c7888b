"""What a world knows that moto has no place for."""

from dataclasses import dataclass, field
from typing import Any

from auditor.simulator.worlds.archive import Plan


@dataclass(slots=True)
class State:
    """Answers that the overlay gives by itself.

    ``declared`` maps ``(operation, region)`` to an output, or to an error as ``(code, message, status)``; the Region
    ``*`` stands for every Region.
    """

    plan: Plan | None = None
    declared: dict[tuple[str, str], Any] = field(default_factory=dict)
    events: bool = True
    """Whether LookupEvents knows the plan's records."""
    caller: str = "assumed-role/AuditorReadOnly/auditor"
    root: dict[str, str] = field(default_factory=dict)
    """Fields of the root row of the credential report that differ from an untouched account."""
    summary: dict[str, int] = field(default_factory=dict)
    """Fields of the account summary that differ from moto's."""
    pending: list[dict[str, str]] = field(default_factory=list)
    """E-mail subscriptions nobody confirmed: keys as SNS spells them."""
    composites: list[dict[str, Any]] = field(default_factory=list)
    """Composite alarms, as DescribeAlarms shows them."""
    account_block: dict[str, bool] | None = None
    """The account's S3 public access block; None when there is none."""

    def declare(self, operation: str, output: Any, *, region: str = "*") -> None:
        """Set the output of an operation."""
        self.declared[(operation, region)] = output

    def refuse(self, operation: str, code: str, message: str, *, status: int = 400, region: str = "*") -> None:
        """Let an operation answer with an AWS error."""
        self.declared[(operation, region)] = (code, message, status)
