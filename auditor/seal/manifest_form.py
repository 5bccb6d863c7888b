"""The form that a manifest must have: what is accepted of one that anybody may have written, and nothing else.

Verification rests on every member that is read here; a member more, or one less, and it is no manifest of this schema.
"""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from auditor.base.canonical import canonical_json
from auditor.base.errors import IntegrityError
from auditor.base.untrusted import members_of, parse_json, shape_words
from auditor.seal.contents import DEFAULT_LIMITS, Limits
from auditor.seal.manifest import MANIFEST, PACK_ID, SCHEMA, FileEntry, Manifest, Tool, belongs_in_manifest
from auditor.seal.names import is_portable

_ACCOUNT = re.compile(r"\d{12}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WORDS = re.compile(r"[A-Za-z0-9._+() -]{0,100}")


def parse_manifest(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Manifest:
    """Read a manifest that anybody may have written.

    Only RFC 8785 bytes are accepted: they have one reading, so no parser sees other members than ours.

    Raises:
        IntegrityError: the bytes are no canonical JSON, or a member that verification rests on is missing or malformed.
    """
    try:
        document = parse_json(data, limits.document_values)
        _check_canonical(document, data)
        _check(document)
        files = tuple(FileEntry(**members_of(item, FileEntry, "a file entry")) for item in document["files"])
        manifest = Manifest(data, document, files)
        _check_files(files)
        _check_chain(manifest)
        _check_members(manifest)
        _check_accounts(manifest)
        _check_tool(manifest.tool)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise IntegrityError(f"{MANIFEST} is malformed: {shape_words(error)}") from error
    return manifest


def _check_canonical(document: Any, data: bytes) -> None:
    fast = orjson.dumps(document, option=orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)
    if fast != data and canonical_json(document) != data:
        raise ValueError("its bytes are not canonical JSON (RFC 8785)")


_MEMBERS: Mapping[str, frozenset[str]] = {
    "": frozenset(
        {"schema", "schema_version", "pack_id", "report_id", "previous_pack", "entity", "scope", "period", "collection"}
        | {"tool", "frameworks", "sampling", "counts", "completeness", "retention", "signing"}
        | {"ruleset", "redaction", "anchors", "results_sha256", "files"}
    ),
    "scope": frozenset({"accounts", "skipped", "as_of"}),
    "period": frozenset({"start", "end", "tz", "label"}),
    "collection": frozenset({"started", "ended", "principal_arn", "session_name", "clock_offset_ms"}),
    "completeness": frozenset({"planned", "done", "not_assessed"}),
    "ruleset": frozenset({"name", "version", "sha256"}),
    "signing": frozenset({"sums", "record"}),
}
"""Members of the document and of the objects in it: one more, or one less, and it is no manifest of this schema."""

_OPTIONAL = frozenset({"account_packs", "earlier_packs", "members", "part_of", "resumed"})
"""Members that stand there only when there is something to say."""


def _check(document: Any) -> None:
    if document["schema"] != SCHEMA:
        raise ValueError(f"its schema is not {SCHEMA}")
    for name, members in {"": document, **{name: document[name] for name in _MEMBERS if name}}.items():
        if odd := sorted((members.keys() - _OPTIONAL) ^ _MEMBERS[name]):
            raise ValueError(f"{name or 'it'} lacks, or should not have, {', '.join(map(str, odd))[:200]}")
    _each(PACK_ID, document["pack_id"], "pack_id")
    _each(_SHA256, document["results_sha256"], "results_sha256")
    _each(_SHA256, document["ruleset"]["sha256"], "ruleset.sha256")
    for name in ("counts", "period", "collection", "tool", "scope"):
        if not isinstance(document[name], dict):
            raise TypeError(f"{name} is not an object")


def _each(pattern: re.Pattern[str], value: Any, name: str) -> None:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError(f"{name} is not of its form")


def _check_files(files: tuple[FileEntry, ...]) -> None:
    last = ""
    for entry in files:
        _each(_SHA256, entry.sha256, "sha256 of a file")
        texts = (entry.path, entry.media_type, entry.role, entry.evidence_ref)
        if not all(isinstance(text, str) for text in texts) or type(entry.size) is not int:
            raise TypeError("a file entry has members of another type")
        if not is_portable(entry.path) or entry.path <= last or not belongs_in_manifest(entry.path):
            raise ValueError("its files are not sorted, stand twice or have names that do not belong there")
        last = entry.path


def _check_chain(manifest: Manifest) -> None:
    for item in (manifest.previous, *manifest.earlier):
        if item is not None:
            _each(PACK_ID, item.id, "id of an earlier pack")
            _each(_SHA256, item.manifest_sha256, "manifest_sha256 of an earlier pack")
    for anchor in manifest.anchors:
        _each(_SHA256, anchor.sha256, "sha256 of an anchor")
        if not all(isinstance(text, str) for text in (anchor.chain, anchor.object, anchor.end)):
            raise TypeError("an anchor has members of another type")


def _check_members(manifest: Manifest) -> None:
    ids = [item.id for item in manifest.members]
    if len(ids) != len(set(ids)):
        raise ValueError("a member stands twice")


def _check_accounts(manifest: Manifest) -> None:
    last = ""
    for item in manifest.accounts:
        _each(_ACCOUNT, item.account, "account of a pack inside")
        _each(PACK_ID, item.pack_id, "pack_id of a pack inside")
        _each(_SHA256, item.manifest_sha256, "manifest_sha256 of a pack inside")
        if item.account <= last:
            raise ValueError("the packs inside are not sorted, or one stands twice")
        last = item.account
    part_of = manifest.part_of
    if part_of is not None:
        _each(_SHA256, part_of.accounts_sha256, "accounts_sha256 of part_of")
        if not isinstance(part_of.organization, str):
            raise TypeError("part_of has members of another type")


def _check_tool(tool: Tool) -> None:
    texts = {name: value for name, value in tool.document().items() if name != "libraries"}
    if not isinstance(tool.libraries, dict):
        raise TypeError("tool.libraries is not an object")
    for name, value in {**texts, **tool.libraries}.items():
        if not isinstance(value, str) or not _WORDS.fullmatch(name) or not _WORDS.fullmatch(value):
            raise ValueError(f"tool.{name[:40]} is not of its form")
