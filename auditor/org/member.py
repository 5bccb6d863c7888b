"""One account of an organization's run: the whole way of a single audit, into a folder of its own.

A task holds no credentials: whoever carries it out has them from the SDK's chain and assumes the role himself. It is
idempotent: carried out twice, it leaves the same pack, which the driver of the run puts in its place.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from auditor.base.arenas import cleared_after
from auditor.base.canonical import canonical_json, sha256_hex
from auditor.base.errors import UsageError
from auditor.base.period import parse_time, rfc3339
from auditor.config import Config
from auditor.model import PartOf
from auditor.pack.layout import EVIDENCE
from auditor.run import complete, load_rules
from auditor.run.engine import external_id_there
from auditor.run.gather import collect_evidence
from auditor.run.request import Request
from auditor.run.shared import Shared
from auditor.run.workroom import MAY_DIFFER
from auditor.seal.manifest import Tool
from auditor.work.task import Json, Task


@dataclass(frozen=True, slots=True)
class Member:
    """One account to audit.

    Args:
        account: twelve digits.
        config: the settings of its audit, with the role that leads into it.
        as_of: the run's one moment, aware UTC.
        salt: secret of the run's redactions.
        part_of: what its pack names as the run that it belongs to.
        previous: the folder in which older packs stand.
        clock: a clock that stands still, for simulated accounts; None for the machine's.
        tool: the program that the pack names as its maker; None for this installation.
        shared: what the run found once for all accounts.
    """

    account: str
    config: Config
    as_of: datetime
    salt: bytes = field(repr=False)
    part_of: PartOf
    previous: Path
    clock: datetime | None = None
    tool: Tool | None = None
    shared: Shared = field(default_factory=Shared)

    def task(self) -> Task:
        """Return the work as a task."""
        config = self.config.model_dump(mode="json")
        away = bool(self.config.scheduler)
        arguments: dict[str, Any] = {
            "config": {
                **config,
                "external_id": "" if away else self.config.external_id,
                "scheduler": "",
                "cluster": {},
            },
            "external_id": bool(self.config.external_id) and away,
            "as_of": rfc3339(self.as_of),
            "salt": self.salt.hex(),
            "part_of": self.part_of.document(),
            "previous": str(self.previous.resolve()),
            "older": (self.previous / self.account).is_dir(),
            "clock": rfc3339(self.clock) if self.clock is not None else "",
            "tool": self.tool.document() if self.tool is not None else None,
            "shared": self.shared.document(),
        }
        shaping = {name: value for name, value in config.items() if name not in MAY_DIFFER}
        identity = {name: arguments[name] for name in ("as_of", "salt", "part_of", "tool", "shared")}
        identity |= {"config": shaping}
        return Task(
            f"audit/{self.account}", "auditor.org.member:audit_member", arguments, sha256_hex(canonical_json(identity))
        )


def audit_member(arguments: Json, target: Path) -> None:
    """Audit one account and leave its pack.

    Args:
        arguments: as ``Member.task`` writes them.
        target: the folder to make.

    Raises:
        AuditorError: the account has no pack; the others go on.
        OSError: the pack cannot be written.
    """
    clock = parse_time(arguments["clock"]) if arguments["clock"] else None
    now: Callable[[], datetime] = (lambda: clock) if clock is not None else (lambda: datetime.now(UTC))
    tool = Tool(**arguments["tool"]) if arguments["tool"] is not None else None
    config, previous = _config(arguments), Path(arguments["previous"])
    if arguments["older"] and not previous.is_dir():
        raise UsageError(
            f"the older packs in {previous} cannot be seen from this machine",
            hint="let workers see the output folder under the same path, or name a new one with --out",
        )
    part_of = PartOf(**arguments["part_of"])
    salt = bytes.fromhex(arguments["salt"])
    shared = Shared.read(arguments["shared"])
    as_of = parse_time(arguments["as_of"])
    request = Request(config, as_of, now=now, salt=salt, tool=tool, part_of=part_of, shared=shared)
    rules = load_rules(config)
    target.mkdir()
    with cleared_after():  # whoever audits many accounts would hold the clients of all
        collect_evidence(request, rules.catalog, target / EVIDENCE, lambda *_: None, previous=previous)
    deliver = partial(_imported, config) if config.securityhub_import else None
    complete(target, rules, lambda *_: None, tool=tool, deliver=deliver)
    target.chmod(0o755)


def _imported(config: Config, findings: Sequence[Mapping[str, Any]]) -> bytes:
    from auditor.run.delivering import import_into_security_hub

    return import_into_security_hub(config, findings)[1]


def _config(arguments: Json) -> Config:
    config = dict(arguments["config"])
    if arguments["external_id"]:
        config["external_id"] = external_id_there()
    return Config.model_validate(config)
