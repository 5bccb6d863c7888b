"""``manifest.json``: what a pack is, and every file of it that exists before its pages are made.

The pages print the SHA-256 of the manifest, so the manifest cannot list the pages. It lists everything that the
judgement consists of; ``SHA256SUMS`` lists all files, pages included (docs/decisions/0014-manifest-and-pages.md).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from auditor.base.canonical import canonical_json, sha256_hex
from auditor.base.errors import SealError
from auditor.base.period import rfc3339
from auditor.base.untrusted import members_of
from auditor.model import PartOf, RunInfo
from auditor.pack.members import MEMBERS, Member, read_member
from auditor.pack.outline import outline
from auditor.seal.contents import SUMS, PackFiles, hash_file, read_small
from auditor.seal.sums import UNSUMMED

MANIFEST = "manifest.json"
README = "README.txt"
VERIFY = "VERIFY.md"
PDF = "report.pdf"
HTML = "report.html"
TRUST = "trust/"
SEAL_RECORD = "trust/seal.json"
RESULTS = "results/results.json"
RULES = "rules/"
META = "evidence/meta/"
SCHEMA = "auditor.manifest/1"

_LATER = frozenset({MANIFEST, VERIFY, PDF, HTML, *UNSUMMED})
ACCOUNTS = "accounts/"
"""Folder in which an organization's pack holds one whole pack for each account."""
ORDER = "evidence/accounts.json"
"""The list of accounts that was drawn up before any of them was asked; each of their packs names its hash."""
_INSIDE = re.compile(r"accounts/\d{12}/")
PACK_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")

_ROLES = (
    ("evidence/raw/", "evidence"),
    (META, "evidence-metadata"),
    ("evidence/events/", "events"),
    ("evidence/integrity/", "integrity"),
    ("evidence/imported/", "imported"),
    ("evidence/", "scope"),
    ("results/", "results"),
    (ACCOUNTS, "member"),
    (RULES, "rules"),
    (MEMBERS, "member"),
)

_MEDIA_TYPES = {
    "csv": "text/csv",
    "gz": "application/gzip",
    "html": "text/html",
    "json": "application/json",
    "md": "text/markdown",
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",
    "pdf": "application/pdf",
    "pem": "application/x-pem-file",
    "sarif": "application/sarif+json",
    "sql": "application/sql",
    "txt": "text/plain",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "xml": "application/xml",
    "yaml": "application/yaml",
    "yml": "application/yaml",
}
"""Fixed here, because ``mimetypes`` answers differently from machine to machine."""


@dataclass(frozen=True, slots=True)
class Tool:
    """Which program made the pack, as exactly as it knows itself; what is not known is empty.

    Args:
        name: of the program.
        version: of the program.
        commit: of the repository it runs from, or was installed from.
        lockfile_sha256: of the lock file beside the sources, which names every library.
        sources_sha256: one hash over code, catalogue and templates as installed.
        python: version of the interpreter.
        platform: system, processor and C library.
        libraries: versions of what shapes the pages, by name.
    """

    name: str
    version: str
    commit: str = ""
    lockfile_sha256: str = ""
    sources_sha256: str = ""
    python: str = ""
    platform: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """The build in one line, as far as it is known."""
        known = [f"{self.name} {self.version}"]
        known += [f"commit {self.commit[:12]}"] if self.commit else []
        known += [f"sources {self.sources_sha256[:12]}"] if self.sources_sha256 else []
        known += [f"Python {self.python}"] if self.python else []
        return ", ".join([*known, *([self.platform] if self.platform else [])])

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "name": self.name,
            "version": self.version,
            "commit": self.commit,
            "lockfile_sha256": self.lockfile_sha256,
            "sources_sha256": self.sources_sha256,
            "python": self.python,
            "platform": self.platform,
            "libraries": dict(self.libraries),
        }


@dataclass(frozen=True, slots=True)
class PreviousPack:
    """The pack before this one, by id and by the SHA-256 of its ``manifest.json``."""

    id: str
    manifest_sha256: str

    def document(self) -> dict[str, str]:
        """Return the JSON form."""
        return {"id": self.id, "manifest_sha256": self.manifest_sha256}


@dataclass(frozen=True, slots=True)
class Anchor:
    """The newest digest file of one digest chain that this pack has seen.

    The next pack must have seen it too: whoever deletes history between two packs breaks that.

    Args:
        chain: account, Region and bucket of the chain, such as ``111122223333/us-east-1/s3://trail-bucket``.
        object: S3 key of the digest file.
        sha256: of the digest file, lower-case hexadecimal.
        end: ``digestEndTime``, RFC 3339 in UTC.
    """

    chain: str
    object: str
    sha256: str
    end: str

    def document(self) -> dict[str, str]:
        """Return the JSON form."""
        return {"chain": self.chain, "object": self.object, "sha256": self.sha256, "end": self.end}


def anchors_in(results: Any) -> tuple[Anchor, ...]:
    """Return the anchors that the trail reports inside a results document state, sorted by chain.

    Raises:
        ValueError: the document is not of that shape.
    """
    try:
        found = [
            Anchor(
                f"{item['account']}/{item['region']}/s3://{item['bucket']}", item["key"], item["sha256"], item["end"]
            )
            for report in results.get("integrity", ())
            for item in report.get("anchors", ())
        ]
        return tuple(sorted(set(found), key=lambda anchor: (anchor.chain, anchor.end, anchor.object)))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("its trail reports are not of their shape") from error


@dataclass(frozen=True, slots=True)
class AccountPack:
    """The pack of one account inside that of an organization, below ``accounts/<account>/``."""

    account: str
    pack_id: str
    manifest_sha256: str

    @property
    def folder(self) -> str:
        """Where it lies in the pack."""
        return f"{ACCOUNTS}{self.account}/"

    def document(self) -> dict[str, str]:
        """Return the JSON form."""
        return {"account": self.account, "pack_id": self.pack_id, "manifest_sha256": self.manifest_sha256}


@dataclass(frozen=True, slots=True)
class ManifestInfo:
    """What the run knows about its pack; the rest of the manifest is read from the files.

    Args:
        pack_id: letters, digits, ``.``, ``_`` and ``-``; names the folder.
        report_id: printed on every page.
        run: scope, period, principal and times of the run.
        tool: the program.
        ruleset: name and version of the catalogue; its hash is computed from ``rules/``.
        planned: calls planned.
        done: calls answered completely.
        counts: controls by state.
        session_name: of the assumed role; empty without one.
        clock_offset_ms: our clock minus AWS's; None when it was not measured.
        previous: None for the first pack of a series.
        earlier: the packs before that one, the newest first.
        sampling: seed and sizes; empty because everything is tested.
        retention: until when the pack has to be kept, and on what ground.
        members: the packs that this one consists of; empty for the pack of one run.
        accounts: the packs inside, in the pack of an organization.
    """

    pack_id: str
    report_id: str
    run: RunInfo
    tool: Tool
    ruleset: tuple[str, str]
    planned: int
    done: int
    counts: Mapping[str, int]
    session_name: str = ""
    clock_offset_ms: int | None = None
    previous: PreviousPack | None = None
    earlier: tuple[PreviousPack, ...] = ()
    sampling: Mapping[str, Any] = field(default_factory=dict)
    retention: Mapping[str, Any] = field(default_factory=dict)
    members: tuple[Member, ...] = ()
    accounts: tuple[AccountPack, ...] = ()


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of the manifest."""

    path: str
    sha256: str
    size: int
    media_type: str
    role: str
    evidence_ref: str = ""

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "path": self.path,
            "sha256": self.sha256,
            "size": self.size,
            "media_type": self.media_type,
            "role": self.role,
            "evidence_ref": self.evidence_ref,
        }


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest as written or read.

    Args:
        data: the exact bytes of ``manifest.json``.
        document: the same, parsed.
        files: its ``files``.
    """

    data: bytes
    document: Mapping[str, Any]
    files: tuple[FileEntry, ...]

    @property
    def sha256(self) -> str:
        """The hash that the pages print and the next pack names."""
        return sha256_hex(self.data)

    @property
    def pack_id(self) -> str:
        """The pack's id."""
        return str(self.document["pack_id"])

    @property
    def tool(self) -> Tool:
        """The program that made the pack, as it says itself."""
        return Tool(**members_of(self.document["tool"], Tool, "tool"))

    @property
    def previous(self) -> PreviousPack | None:
        """The pack that this one says it follows."""
        item = self.document["previous_pack"]
        return None if item is None else PreviousPack(item["id"], item["manifest_sha256"])

    @property
    def earlier(self) -> tuple[PreviousPack, ...]:
        """The packs before that one, the newest first."""
        return tuple(
            PreviousPack(item["id"], item["manifest_sha256"]) for item in self.document.get("earlier_packs", ())
        )

    @property
    def members(self) -> tuple[Member, ...]:
        """The packs that this one consists of; none for the pack of one run."""
        return tuple(read_member(item) for item in self.document.get("members", ()))

    @property
    def accounts(self) -> tuple[AccountPack, ...]:
        """The packs of single accounts inside, in the pack of an organization."""
        found = self.document.get("account_packs", ())
        return tuple(AccountPack(**members_of(item, AccountPack, "an account's pack")) for item in found)

    @property
    def part_of(self) -> PartOf | None:
        """The organization's run that the pack belongs to."""
        item = self.document.get("part_of")
        return None if item is None else PartOf(**members_of(item, PartOf, "part_of"))

    @property
    def anchors(self) -> tuple[Anchor, ...]:
        """The newest digest per chain."""
        return tuple(
            Anchor(item["chain"], item["object"], item["sha256"], item["end"]) for item in self.document["anchors"]
        )


def belongs_in_manifest(path: str) -> bool:
    """Say whether a file exists before the pages do, so that the manifest vouches for it."""
    if inside := _INSIDE.match(path):
        return path == f"{inside[0]}{MANIFEST}"  # which vouches for the rest of that account's pack
    return path not in _LATER and not path.startswith(TRUST)


def build_manifest(pack: PackFiles, info: ManifestInfo) -> Manifest:
    """Describe the files of a pack that is about to get its pages. Same files and info, same bytes.

    Raises:
        SealError: the id is none, the folder holds something that no pack may hold, or results or rules are missing.
    """
    if not PACK_ID.fullmatch(info.pack_id):
        raise SealError(f"{info.pack_id!r} cannot be a pack id", hint="use letters, digits, dots and dashes")
    if pack.problems:
        problem = pack.problems[0]
        raise SealError(f"{problem.path} {problem.message}", hint="rename or remove it before sealing")
    metas = tuple(_metas(pack))
    references = {path: meta.ref for meta in metas for path in (meta.path, meta.about)}
    known = {meta.path: meta.sha256 for meta in metas}
    files = tuple(_entry(pack, path, references, known) for path in pack.sizes if belongs_in_manifest(path))
    hashes = {entry.path: entry.sha256 for entry in files}
    if RESULTS not in hashes:
        raise SealError(f"{RESULTS} is missing; a pack is sealed after it was judged")
    document = {
        **_described(info),
        **_computed(pack, info, hashes, metas),
        "files": [entry.document() for entry in files],
    }
    return Manifest(canonical_json(document), document, files)


def _described(info: ManifestInfo) -> dict[str, Any]:
    run = info.run
    return {
        "schema": SCHEMA,
        "schema_version": 1,
        "pack_id": info.pack_id,
        "report_id": info.report_id,
        "previous_pack": None if info.previous is None else info.previous.document(),
        **({"earlier_packs": [item.document() for item in info.earlier]} if info.earlier else {}),
        **({"part_of": run.part_of.document()} if run.part_of else {}),
        **({"account_packs": [item.document() for item in info.accounts]} if info.accounts else {}),
        **({"members": [item.document() for item in info.members]} if info.members else {}),
        "entity": run.entity,
        "scope": {
            "accounts": [account.document() for account in run.accounts],
            "skipped": list(run.skipped),
            "as_of": rfc3339(run.as_of),
        },
        "period": run.period.document(),
        "collection": {
            "started": rfc3339(run.started),
            "ended": rfc3339(run.ended),
            "principal_arn": run.principal,
            "session_name": info.session_name,
            "clock_offset_ms": info.clock_offset_ms,
            **({"resumed": [rfc3339(moment) for moment in run.resumed]} if run.resumed else {}),
        },
        "tool": info.tool.document(),
        "frameworks": list(run.frameworks),
        "sampling": dict(info.sampling),
        "counts": dict(info.counts),
        "completeness": {
            "planned": info.planned,
            "done": info.done,
            "not_assessed": info.counts.get("NOT_ASSESSED", 0),
        },
        "retention": dict(info.retention),
        "signing": {"sums": SUMS, "record": SEAL_RECORD},
    }


def _computed(
    pack: PackFiles, info: ManifestInfo, hashes: Mapping[str, str], metas: Iterable["_Meta"]
) -> dict[str, Any]:
    name, version = info.ruleset
    return {
        "ruleset": {"name": name, "version": version, "sha256": ruleset_sha256(hashes)},
        "redaction": [{"evidence_ref": meta.ref, "items": meta.redactions} for meta in metas if meta.redactions],
        "anchors": [anchor.document() for anchor in anchors_in(_results(pack))],
        "results_sha256": hashes[RESULTS],
    }


def _results(pack: PackFiles) -> Any:
    try:
        return outline(read_small(pack, RESULTS))
    except ValueError as error:
        raise SealError(f"{RESULTS} cannot be read: {error}") from error


def ruleset_sha256(hashes: Mapping[str, str]) -> str:
    """Return one hash for all files below ``rules/``: of their ``SHA256SUMS`` lines, sorted."""
    lines = (f"{hashes[path]}  {path}\n" for path in sorted(hashes) if path.startswith(RULES))
    return sha256_hex("".join(lines).encode())


@dataclass(frozen=True, slots=True)
class _Meta:
    """A metadata file of the evidence, read once.

    Args:
        path: its own.
        about: of the file with the answer.
        ref: its reference.
        sha256: its own.
        redactions: how much was taken out of the answer; the file tells where and why.
    """

    path: str
    about: str
    ref: str
    sha256: str
    redactions: int


def _metas(pack: PackFiles) -> Iterator[_Meta]:
    for path in pack.sizes:
        if path.startswith(META):
            data = read_small(pack, path)
            try:
                meta = orjson.loads(data)
            except orjson.JSONDecodeError as error:
                raise SealError(f"{path} is not JSON: {error}") from error
            taken_out = len(meta.get("redactions") or ())
            yield _Meta(path, f"evidence/{meta['path']}", meta["ref"], sha256_hex(data), taken_out)


def _entry(pack: PackFiles, path: str, references: Mapping[str, str], known: Mapping[str, str]) -> FileEntry:
    return FileEntry(
        path=path,
        sha256=known.get(path) or hash_file(pack, path),
        size=pack.sizes[path],
        media_type=_MEDIA_TYPES.get(path.rpartition(".")[2], "application/octet-stream"),
        role=next((role for prefix, role in _ROLES if path.startswith(prefix)), "guide"),
        evidence_ref=references.get(path, ""),
    )


Pages = Callable[[Manifest], None]
"""Writes ``report.pdf`` and ``report.html`` into the pack's folder; they must carry the manifest's hash."""
