"""Evidence that is not there: which answer, why, whether a permission would mend it, and what stands in its place."""

import re
from dataclasses import dataclass
from typing import Any

import jmespath

from auditor.evidence.answer import Record
from auditor.evidence.operations import GLOBAL, Call

UNREADABLE = (
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    IndexError,
    ArithmeticError,
    StopIteration,
    RecursionError,
    jmespath.exceptions.JMESPathError,
)
"""What a check raises over evidence that does not have the form AWS documents."""


@dataclass(frozen=True, slots=True)
class Missing:
    """One call whose answer is not there.

    Args:
        operation: what was asked.
        region: where, or ``global``.
        code: AWS's error code, or one of ours.
        message: what AWS said, or what is wrong with its answer.
        action: the IAM action that would mend it; empty where no IAM permission could.
        ref: reference of what was stored of it; empty when nothing was.
        resource: what the call asks about, as its parameters name it; empty for calls about everything.
    """

    operation: str
    region: str
    code: str
    message: str
    action: str
    ref: str
    resource: str = ""


_UNKNOWN = frozenset({"UnknownOperationException", "UnknownOperation", "InvalidAction"})


_OUR_SDK = "the installed SDK"


def unknown_feature(missing: Missing) -> bool:
    """Say whether the service itself does not know an operation that lists something: the feature is not there.

    New features come to the partitions and Regions one by one. What is asked about a thing that exists is no such
    case, nor is an SDK that is too old to ask.
    """
    lists = missing.operation.partition(":")[2].startswith(("List", "Describe"))
    return missing.code in _UNKNOWN and lists and not missing.resource and _OUR_SDK not in missing.message


_DENIED = re.compile(r"AccessDenied|Unauthorized|AuthorizationError|NotAuthorized")


_BY_ANOTHER_POLICY = re.compile(
    r"explicit deny|no (resource-based policy|resource control policy|service control policy|VPC endpoint policy|"
    r"permissions boundary|session policy)",
    re.IGNORECASE,
)


def mendable(code: str, message: str) -> bool:
    """Say whether a further IAM permission could mend a refusal.

    It does not where a key's, bucket's or organization's policy or an explicit deny refuses, nor where the thing does
    not exist or the endpoint is not reached. Source: IAM User Guide, "Troubleshoot access denied error messages".
    """
    return bool(_DENIED.search(code)) and not _BY_ANOTHER_POLICY.search(message)


class EvidenceMissing(Exception):  # noqa: N818 - a signal to the engine, not an error of the product
    """A check asked for evidence that does not exist, is incomplete or malformed."""

    def __init__(self, missing: Missing) -> None:
        super().__init__(f"{missing.operation} in {missing.region}: {missing.code}")
        self.missing = missing


@dataclass(frozen=True, slots=True)
class Due:
    """The calls that an operation stands for, as far as answers tell of them.

    Args:
        calls: those that are known.
        missing: where further ones could be, a Region or ``global`` for anywhere, and the answer that does not tell.
    """

    calls: tuple[Call, ...] = ()
    missing: tuple[tuple[str, Missing], ...] = ()

    def gap(self, region: str | None = None) -> Missing | None:
        """Return what hides further calls of one Region, or of any."""
        return next((missing for place, missing in self.missing if region is None or place in (region, GLOBAL)), None)


@dataclass(frozen=True, slots=True)
class Consulted:
    """What became of the calls of an operation that is looked at only where something leads there.

    Args:
        answers: the complete answers with their pages; no page where AWS said that there is no such thing.
        missing: the calls without an answer; no call where it is not even known what was to be asked, and one
            without parameters where that is known of a Region only.
        unknown: operations that the service does not know where they were asked: nothing is there that they could tell.
    """

    answers: tuple[tuple[Record, tuple[Any, ...]], ...] = ()
    missing: tuple[tuple[Call | None, Missing], ...] = ()
    unknown: tuple[Missing, ...] = ()

    def gap(self, region: str, **parameters: Any) -> Missing | None:
        """Return what is missing of a Region's answers, or of those to calls with some parameters."""
        for call, missing in self.missing:
            fits = call is None or not call.parameters or parameters.items() <= dict(call.parameters).items()
            if fits and (call is None or call.region in {region, GLOBAL}):
                return missing
        return None
