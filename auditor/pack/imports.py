"""Findings of other tools that join a pack as third-party evidence. Read, kept and listed; never judged by us.

Two documented shapes are understood: OCSF findings (classes 2003 and 2004, what Prowler writes; a JSON list or one
object a line) and findings in the AWS Security Finding Format (what Security Hub gives; a JSON list or
``{"Findings": [...]}``). The files are kept byte for byte, so nothing is redacted in them. The words
of the other tool are kept: its statuses and severities are not ours and are not translated.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from auditor.base.canonical import sha256_hex
from auditor.base.errors import IntegrityError, UsageError
from auditor.base.given import read_given
from auditor.base.period import rfc3339
from auditor.base.untrusted import parse_json

IMPORTED = "imported"
"""Folder below the evidence folder."""

NOTE = "Third-party evidence; not judged by us."

_MOST_BYTES = 64_000_000
_MOST_FINDINGS = 50_000
_MOST_FILES = 20
"""Together they keep ``results.json`` at a size that readers open; a large estate is imported in several packs."""

_TEXT, _WORD = 2048, 100
_NAME = re.compile(r"([1-9][0-9]?)-([0-9a-f]{12})\.json")
_OCSF_CLASSES = (2003, 2004)
_LATEST_SECONDS = 10**11
_LATEST = 10**14
"""Both lie in the year 5138; read as milliseconds, the former is of 1973, before any cloud."""
_ASFF_VERSION = "2018-10-08"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding in the other tool's words; empty text where it says nothing."""

    id: str
    title: str
    account: str
    region: str
    resource: str
    status: str
    severity: str
    time: str = ""
    """When the other tool says that it found this, RFC 3339."""


@dataclass(frozen=True, slots=True)
class Import:
    """A file of findings.

    Args:
        data: the file, byte for byte.
        sha256: of the file.
        tool: which tool wrote it, as the file says.
        findings: in the order of the file.
    """

    data: bytes
    sha256: str
    tool: str
    findings: tuple[Finding, ...]

    def document(self, name: str) -> dict[str, Any]:
        """Return the JSON form; ``name`` is the file's path inside the pack."""
        return {
            "file": name,
            "sha256": self.sha256,
            "tool": self.tool,
            "note": NOTE,
            "counts": dict(sorted(Counter(item.status for item in self.findings).items())),
            "findings": [asdict(item) for item in self.findings],
        }


def load_imports(paths: Sequence[Path]) -> tuple[Import, ...]:
    """Read the files that a run was asked to import; a file given twice counts once.

    Raises:
        UsageError: a file cannot be read, is too large, or has none of the shapes understood.
    """
    found: dict[str, Import] = {}
    for path in paths:
        try:
            item = parse(read_given(path, _MOST_BYTES))
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
        except ValueError as error:
            raise UsageError(f"{path}: {error}", hint="OCSF findings (Prowler) or Security Hub's findings") from error
        found.setdefault(item.sha256, item)
    _check_sizes(tuple(found.values()), UsageError)
    return tuple(found.values())


def store_imports(evidence: Path, imports: Sequence[Import]) -> None:
    """Write imported files into an evidence folder, under names that their hashes give."""
    for number, item in enumerate(imports, start=1):
        path = evidence / IMPORTED / f"{number}-{item.sha256[:12]}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(item.data)


def stored_imports(evidence: Path) -> tuple[tuple[str, Import], ...]:
    """Read back what an evidence folder holds: name below that folder, and content. It may come from a stranger.

    Raises:
        IntegrityError: a name or a content that no run writes.
    """
    folder = evidence / IMPORTED
    if not folder.is_dir():
        return ()
    numbered: list[tuple[int, str, Import]] = []
    for path in folder.iterdir():
        match = _NAME.fullmatch(path.name)
        if match is None or path.is_symlink() or len(numbered) == _MOST_FILES:
            raise IntegrityError(f"{IMPORTED}/{path.name!r} is no file that a run imports")
        try:
            item = parse(read_given(path, _MOST_BYTES))
        except (OSError, ValueError) as error:
            raise IntegrityError(f"{IMPORTED}/{path.name} cannot be read: {error}") from error
        if not item.sha256.startswith(match[2]):
            raise IntegrityError(f"{IMPORTED}/{path.name} is not the file that was imported")
        numbered.append((int(match[1]), path.name, item))
    numbered.sort(key=lambda entry: entry[:2])
    _check_sizes(tuple(item for _, _, item in numbered), IntegrityError)
    return tuple((f"{IMPORTED}/{name}", item) for _, name, item in numbered)


def parse(data: bytes) -> Import:
    """Read one file of findings.

    Raises:
        ValueError: it has none of the shapes understood; the message says where.
    """
    items = _items(data)
    if len(items) > _MOST_FINDINGS:
        raise ValueError(f"it has more than {_MOST_FINDINGS:,} findings")
    readers = {_reader(item, number) for number, item in enumerate(items, start=1)}
    if len(readers) > 1:
        raise ValueError("it mixes OCSF and Security Hub findings")
    pairs = [reader(item) for reader in readers for item in items]
    tools = sorted({tool for tool, _ in pairs if tool})
    return Import(data, sha256_hex(data), _text(", ".join(tools)), tuple(finding for _, finding in pairs))


def _check_sizes(imports: Sequence[Import], error: type[UsageError] | type[IntegrityError]) -> None:
    if len(imports) > _MOST_FILES or sum(len(item.findings) for item in imports) > _MOST_FINDINGS:
        raise error(f"at most {_MOST_FILES} files with {_MOST_FINDINGS:,} findings can be imported")


def _items(data: bytes) -> list[Any]:
    try:
        document = parse_json(data)
    except orjson.JSONDecodeError as error:
        lines = [line for line in data.splitlines() if line.strip()]
        if len(lines) < 2:  # noqa: PLR2004 - one line that is no JSON is no list of lines either
            raise ValueError(f"it is not JSON: {error}") from error
        return [_line(line, number) for number, line in enumerate(lines, start=1)]
    if isinstance(document, Mapping) and isinstance(document.get("Findings"), list):
        return list(document["Findings"])
    return document if isinstance(document, list) else [document]


def _line(line: bytes, number: int) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ValueError(f"neither the whole nor its line {number} is JSON: {error}") from error


_Reader = Callable[[Mapping[str, Any]], tuple[str, Finding]]


def _reader(item: Any, number: int) -> _Reader:
    if isinstance(item, Mapping):
        if item.get("class_uid") in _OCSF_CLASSES:
            return _ocsf
        if item.get("SchemaVersion") == _ASFF_VERSION:
            return _asff
    raise ValueError(f"its item {number} is neither an OCSF finding (class 2003 or 2004) nor a Security Hub finding")


def _ocsf(item: Mapping[str, Any]) -> tuple[str, Finding]:
    resources = _list(item.get("resources"))
    status = _word(item.get("status_code")) or _word(_at(item, "compliance", "status"))
    suppressed = _word(item.get("status")).lower() == "suppressed"
    tool = f"{_word(_at(item, 'metadata', 'product', 'name'))} {_word(_at(item, 'metadata', 'product', 'version'))}"
    return tool.strip(), Finding(
        id=_text(_at(item, "finding_info", "uid")),
        title=_text(_at(item, "finding_info", "title")),
        account=_word(_at(item, "cloud", "account", "uid")),
        region=_word(_at(item, "cloud", "region")) or _word(_at(resources[0] if resources else None, "region")),
        resource=_joined([_text(_at(found, "uid")) or _text(_at(found, "name")) for found in resources]),
        status=_with_suppression(status or _word(item.get("status")), suppressed=suppressed and bool(status)),
        severity=_word(item.get("severity")),
        time=_moment(item.get("time")) or _word(item.get("time_dt")),
    )


def _asff(item: Mapping[str, Any]) -> tuple[str, Finding]:
    resources = _list(item.get("Resources"))
    tool = f"{_word(item.get('CompanyName'))} {_word(item.get('ProductName'))}".strip()
    return tool or _word(item.get("ProductArn")), Finding(
        id=_text(item.get("Id")),
        title=_text(item.get("Title")),
        account=_word(item.get("AwsAccountId")),
        region=_word(item.get("Region")) or _word(_at(resources[0] if resources else None, "Region")),
        resource=_joined([_text(_at(found, "Id")) for found in resources]),
        status=_with_suppression(
            _word(_at(item, "Compliance", "Status")), suppressed=_at(item, "Workflow", "Status") == "SUPPRESSED"
        ),
        severity=_word(_at(item, "Severity", "Label")),
        time=_word(item.get("UpdatedAt")),
    )


def _moment(value: Any) -> str:
    """Write an OCSF time; the standard counts milliseconds since 1970, Prowler counts seconds."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < _LATEST:
        return ""
    seconds = value / 1000 if value > _LATEST_SECONDS else value
    return rfc3339(datetime.fromtimestamp(seconds, UTC))


def _with_suppression(status: str, *, suppressed: bool) -> str:
    return f"{status} (suppressed)".strip() if suppressed else status


def _joined(names: Sequence[str]) -> str:
    """Most findings are about one resource; where they are about several, none is dropped without a word."""
    return _text("; ".join(name for name in names if name))


def _at(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any, limit: int = _TEXT) -> str:
    """Return bounded text; a value of another kind says nothing that could be shown as text."""
    if not isinstance(value, str):
        return ""
    return value if len(value) <= limit else f"{value[: limit - 3]}..."


def _word(value: Any) -> str:
    return _text(value, _WORD)
