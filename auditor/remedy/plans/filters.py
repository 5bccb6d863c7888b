"""Filter patterns that meet a control by meaning and, where Security Hub compares texts, also by text.

The texts are those that the CIS AWS Foundations Benchmark prints and that Security Hub's CloudWatch.1 to CloudWatch.14
compare. What they miss is caught by a second filter into the same metric, which leaves the first as it is.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

LONGEST: Final = 1024
"""Characters that a filter pattern may have (CloudWatch Logs quotas)."""

_PRINTED: Final = {
    "monitor-unauthorized-api-calls": '{($.errorCode="*UnauthorizedOperation") || ($.errorCode="AccessDenied*")}',
    "monitor-console-signin-no-mfa": (
        '{ ($.eventName = "ConsoleLogin") && ($.additionalEventData.MFAUsed != "Yes") && '
        '($.userIdentity.type = "IAMUser") && ($.responseElements.ConsoleLogin = "Success") }'
    ),
    "monitor-root-usage": (
        '{ $.userIdentity.type = "Root" && $.userIdentity.invokedBy NOT EXISTS && $.eventType != "AwsServiceEvent" }'
    ),
    "monitor-console-auth-failures": '{ ($.eventName = ConsoleLogin) && ($.errorMessage = "Failed authentication") }',
}
_WITH_SOURCE: Final = frozenset(
    {
        "monitor-kms-key-disable-or-delete",
        "monitor-s3-bucket-policy-changes",
        "monitor-config-changes",
        "monitor-organizations-changes",
    }
)
"""Controls whose printed text names the source of the events."""
_WITHOUT_SOURCE: Final = frozenset(
    {
        "monitor-iam-policy-changes",
        "monitor-cloudtrail-changes",
        "monitor-security-group-changes",
        "monitor-nacl-changes",
        "monitor-network-gateway-changes",
        "monitor-route-table-changes",
        "monitor-vpc-changes",
    }
)
_NOT_PRINTED: Final = {"monitor-security-group-changes": ("ModifySecurityGroupRules",)}
"""Events that newer editions ask for and the text compared by Security Hub leaves out."""


def is_printed(control: str) -> bool:
    """Say whether benchmarks print a filter for a control."""
    return control in _PRINTED or control in _WITH_SOURCE or control in _WITHOUT_SOURCE


def patterns(control: str, parameters: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the filter patterns for a control, the printed one first.

    Args:
        control: its id.
        parameters: its parameters in the catalogue: ``source`` and ``events``, or events with their source.
    """
    if control in _PRINTED:
        return (_PRINTED[control],)
    events = [str(name) for name in parameters.get("events") or ()]
    source = str(parameters.get("source") or "")
    if control in _WITHOUT_SOURCE:
        extra = [name for name in events if name in _NOT_PRINTED.get(control, ())]
        printed = _any_of([name for name in events if name not in extra])
        return (f"{{ {printed} }}", *(f"{{ $.eventName = {name} }}" for name in extra))
    if control in _WITH_SOURCE or source:
        return (_of_source(source, events),)
    found: dict[str, list[str]] = {}
    for event in events:
        origin, _, name = event.partition("/")
        found.setdefault(origin, []).append(name)
    return tuple(_of_source(origin, names) for origin, names in found.items())


def _of_source(source: str, names: Sequence[str]) -> str:
    return f"{{ ($.eventSource = {source}) && ({_any_of(names)}) }}"


def _any_of(names: Sequence[str]) -> str:
    return " || ".join(f"($.eventName = {name})" for name in names)
