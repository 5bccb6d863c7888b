"""One answer of AWS: what came back for a call, and what is kept of it beside its pages, with the place of its file.

Knows no folder: ``store.py`` writes and reads.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from auditor.base.canonical import canonical_json, plain, sha256_hex
from auditor.base.errors import IntegrityError
from auditor.base.period import parse_time, rfc3339
from auditor.base.untrusted import shape_words
from auditor.evidence.operations import Call, call_in

_ACCOUNT = re.compile(r"\d{12}")
_REGION = re.compile(r"[a-z0-9-]{2,40}")
_OPERATION = re.compile(r"[a-z0-9-]{2,40}:[A-Za-z0-9]{2,80}")
_REF = re.compile(r"EV-\d{4,8}")


@dataclass(frozen=True, slots=True)
class CallError:
    """Why there is no answer.

    Args:
        code: AWS's error code, or one of ours: ``Malformed``, ``Incomplete``, ``ConnectionError`` ...
        message: what AWS or the network said, one line.
        action: the IAM action that the call needs.
    """

    code: str
    message: str
    action: str

    def document(self) -> dict[str, str]:
        """Return the JSON form."""
        return {"code": self.code, "message": self.message, "action": self.action}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one call, before it is stored.

    Args:
        account: twelve digits.
        call: operation, Region and parameters.
        pages: the parsed pages without ``ResponseMetadata``; what had arrived, when the call then failed.
        principal: ARN that asked.
        request_ids: one per page, as AWS gave them.
        http_status: of the last page; 0 when there was none.
        collected_at: when the last page arrived, aware UTC.
        error: set when the answer is not complete.
        absent: True when AWS said that the thing asked for does not exist; ``error`` then carries its code.
    """

    account: str
    call: Call
    pages: tuple[Any, ...]
    principal: str
    request_ids: tuple[str, ...]
    http_status: int
    collected_at: datetime
    error: CallError | None = None
    absent: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A stored answer: everything about it but its pages."""

    ref: str
    account: str
    call: Call
    principal: str
    request_ids: tuple[str, ...]
    http_status: int
    collected_at: datetime
    pages: int
    items: int
    complete: bool
    absent: bool
    error: CallError | None
    sha256: str
    path: str
    """Relative to the evidence folder."""
    redactions: tuple[Mapping[str, str], ...]

    def answer(self, pages: tuple[Any, ...]) -> Answer:
        """Return what was answered, with pages as they were stored or as they are to be handed on."""
        return Answer(
            account=self.account,
            call=self.call,
            pages=pages,
            principal=self.principal,
            request_ids=self.request_ids,
            http_status=self.http_status,
            collected_at=self.collected_at,
            error=self.error,
            absent=self.absent,
        )

    def document(self) -> dict[str, Any]:
        """Return the JSON form, as stored under ``meta/``."""
        return {
            "ref": self.ref,
            "operation": self.call.operation,
            "service": self.call.operation.partition(":")[0],
            "parameters": plain(dict(self.call.parameters)),
            "account": self.account,
            "region": self.call.region,
            "principal": self.principal,
            "request_ids": list(self.request_ids),
            "http_status": self.http_status,
            "collected_at": rfc3339(self.collected_at),
            "pages": self.pages,
            "items": self.items,
            "complete": self.complete,
            "absent": self.absent,
            "error": self.error.document() if self.error else None,
            "sha256": self.sha256,
            "path": self.path,
            "redactions": [dict(item) for item in self.redactions],
        }


Redact = Callable[[str, Any], tuple[Any, tuple[Mapping[str, str], ...]]]
"""Takes an operation and its plain page list; returns the list to store and what was taken out."""


def keep_all(_operation: str, pages: Any) -> tuple[Any, tuple[Mapping[str, str], ...]]:
    """Redact nothing."""
    return pages, ()


def recorded(answer: Answer, redact: Redact) -> tuple[Record, bytes]:
    """Return what is stored of an answer: its record, not numbered yet, and its pages as bytes."""
    path = _raw_path(answer)
    pages, redactions = redact(answer.call.operation, plain(list(answer.pages)))
    data = canonical_json({"pages": pages})
    record = Record(
        ref="",
        account=answer.account,
        call=answer.call,
        principal=answer.principal,
        request_ids=answer.request_ids,
        http_status=answer.http_status,
        collected_at=answer.collected_at,
        pages=len(answer.pages),
        items=sum(_items(page) for page in pages),
        complete=answer.error is None,
        absent=answer.absent,
        error=answer.error,
        sha256=sha256_hex(data),
        path=path,
        redactions=redactions,
    )
    return record, data


def _raw_path(answer: Answer) -> str:
    operation, region = answer.call.operation, answer.call.region
    if not (_ACCOUNT.fullmatch(answer.account) and _REGION.fullmatch(region) and _OPERATION.fullmatch(operation)):
        raise ValueError(f"not an account, Region and operation: {answer.account!r} {region!r} {operation!r}")
    parameters = plain(dict(answer.call.parameters))
    suffix = f".{sha256_hex(canonical_json(parameters))[:12]}" if parameters else ""
    return f"raw/{answer.account}/{region}/{operation.replace(':', '.')}{suffix}.json"


def _items(page: Any) -> int:
    """Count the members of a page's lists; a page without lists is one item."""
    lists = [value for value in page.values() if isinstance(value, list)] if isinstance(page, dict) else []
    return sum(len(value) for value in lists) if lists else 1


def record_in(document: Any, path: Path) -> Record:
    """Read a record as its JSON form has it.

    Args:
        document: what :meth:`Record.document` returned.
        path: of the file that held it, for messages.

    Raises:
        IntegrityError: it is malformed, or its reference or the place of its raw file is not what it has to be.
    """
    try:
        error = document["error"]
        record = Record(
            ref=document["ref"],
            account=document["account"],
            call=call_in(document),
            principal=document["principal"],
            request_ids=tuple(document["request_ids"]),
            http_status=document["http_status"],
            collected_at=parse_time(document["collected_at"]),
            pages=document["pages"],
            items=document["items"],
            complete=document["complete"] is True and error is None,
            absent=document["absent"] is True,
            error=CallError(error["code"], error["message"], error["action"]) if error else None,
            sha256=document["sha256"],
            path=document["path"],
            redactions=tuple(document["redactions"]),
        )
        answer = Answer(record.account, record.call, (), "", (), 0, record.collected_at)
        named_well = _REF.fullmatch(record.ref) is not None and record.path == _raw_path(answer)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise IntegrityError(f"evidence metadata {path.name} is malformed: {shape_words(error)}") from error
    if not named_well:
        raise IntegrityError(f"evidence metadata {path.name} does not fit its reference or raw file")
    return record
