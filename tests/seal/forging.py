"""A small real pack, judged and drawn as a run does it, and what a forger does to one: change, hash anew, seal anew."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson

from auditor.base.canonical import canonical_json, sha256_hex
from auditor.config import Config
from auditor.evidence.answer import Answer
from auditor.evidence.operations import GLOBAL, Call
from auditor.evidence.store import EvidenceWriter
from auditor.run import complete, load_rules
from auditor.run.replaying import replay
from auditor.seal.contents import FolderFiles, hash_file
from auditor.seal.manifest_form import parse_manifest
from auditor.seal.pack import Sealing, finish_pack
from auditor.seal.report import VerifyReport
from auditor.seal.verify import Demands, verify_pack
from tests.seal.packs import ACCOUNT, NOW, RUN

CONTROLS = """
- id: own-bucket-names
  title: Buckets carry the team's prefix
  severity: high
  service: s3
  objective: Owners of buckets can be told from their names.
  criterion: The name of each bucket begins with team-.
  evidence: ["s3:ListBuckets"]
  population: Buckets[]
  identify: Name
  pass_when: starts_with(Name, 'team-')
"""
FRAMEWORK = """
id: own-rules
title: Rules of the house
requirements:
  "1":
    title: Names tell owners
    controls: [own-bucket-names]
  "2":
    title: The root user needs more than a password
    controls: [iam-root-mfa]
"""
AT = datetime(2026, 12, 1, tzinfo=UTC)


NAMED: tuple[Mapping[str, str], ...] = ({"Name": "team-logs"}, {"Name": "stuff"})


def evidence_folder(folder: Path, scope: Mapping[str, Any], listed: Sequence[Mapping[str, str]] = NAMED) -> Path:
    """Write evidence about buckets, of which "stuff" does not meet the criterion, and about the root user."""

    writer = EvidenceWriter(folder)
    buckets = Call("s3:ListBuckets", GLOBAL, (("MaxBuckets", 1000),))
    said = (
        (buckets, {"Buckets": [dict(item) for item in listed]}),
        (Call("iam:GetAccountSummary", GLOBAL, ()), {"SummaryMap": {"AccountMFAEnabled": 0}}),
    )
    for call, page in said:
        writer.add(Answer(ACCOUNT, call, (page,), RUN.principal, ("r-1",), 200, NOW))
    (folder / "calls.json").write_bytes(canonical_json([]))
    writer.close(replace(RUN, frameworks=("own-rules",), operations=tuple(call.operation for call, _ in said)))
    edited(folder / "scope.json", lambda document: document.update(scope))
    return folder


def made_pack(
    folder: Path,
    *,
    formats: str = "html,csv,results-csv,sarif,markdown",
    scope: Mapping[str, Any] = MappingProxyType({}),
    buckets: Sequence[Mapping[str, str]] = NAMED,
    sealing: Sealing | None = None,
    **config: Any,
) -> Path:
    """Return a pack of that evidence, not signed unless it is said how; ``scope`` replaces members of its scope."""
    own = folder.parent / f"{folder.name}-controls"
    (own / "frameworks").mkdir(parents=True)
    (own / "names.yaml").write_text(CONTROLS)
    (own / "frameworks" / "own.yaml").write_text(FRAMEWORK)
    evidence_folder(folder / "evidence", scope, buckets)
    settings = Config.model_validate({"controls": [str(own)], "formats": formats.split(","), **config})
    complete(folder, load_rules(settings), lambda *_: None, sealing=sealing)
    return folder


def rewrite_manifest(pack: Path, change: Callable[[dict[str, Any]], object] = lambda _: None) -> None:
    """Describe the files as they are now, and change what else the manifest says."""
    path = pack / "manifest.json"
    document = orjson.loads(path.read_bytes())
    files = FolderFiles(pack)
    kept = {entry["path"]: entry for entry in document["files"]}
    for entry in kept.values():
        if entry["path"] in files.sizes:
            entry.update(sha256=hash_file(files, entry["path"]), size=files.sizes[entry["path"]])
    document["files"] = [entry for name, entry in sorted(kept.items()) if name in files.sizes]
    document["results_sha256"] = kept["results/results.json"]["sha256"]
    rules = "".join(f"{e['sha256']}  {e['path']}\n" for e in document["files"] if e["path"].startswith("rules/"))
    document["ruleset"]["sha256"] = sha256_hex(rules.encode())
    change(document)
    before = sha256_hex(path.read_bytes())
    path.write_bytes(canonical_json(document))
    page = pack / "report.html"
    if page.exists():
        after = sha256_hex(path.read_bytes())
        page.write_text(page.read_text().replace(before, after).replace(before[:16], after[:16]))


def reseal(pack: Path, sealing: Sealing | None = None) -> None:
    """Do what whoever prepares a pack can do at any time: seal it again, with all hashes right."""
    finish_pack(pack, parse_manifest((pack / "manifest.json").read_bytes()), sealing)


def verified(pack: Path, *, again: bool = True) -> VerifyReport:
    """Verify a pack, and derive everything again."""
    return verify_pack(pack, Demands(at=AT, replay=replay if again else None))


def copy(pack: Path, folder: Path) -> Path:
    """Return a copy that may be spoilt."""
    shutil.copytree(pack, folder)
    return folder


def edited(path: Path, change: Callable[[Any], object]) -> None:
    """Change a JSON file of a pack; it stays canonical."""
    document = orjson.loads(path.read_bytes())
    change(document)
    path.write_bytes(canonical_json(document))
