"""Where things stand in a pack, and how the rules that judged it get there."""

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from auditor.base.canonical import canonical_json
from auditor.base.errors import CatalogError
from auditor.base.locate import controls_folder
from auditor.base.untrusted import shape_words
from auditor.base.yamlfile import load_yaml
from auditor.catalog.load import Catalog
from auditor.config import Config, Sampling
from auditor.model import Severity

EVIDENCE = "evidence"
CALLS = "calls.json"
"""Our own calls; inside the evidence folder."""
PREVIOUS = "previous.json"
"""What travels of the judgement before (``auditor.pack.since``); inside the evidence folder."""
INTEGRITY = "integrity"
"""Material for an offline verification of the trails; inside the evidence folder."""
BY_BUCKET = b"by bucket"
"""Comment of an archive of digests whose names are keys behind the name of their bucket, since there are several."""
RESULTS = "results/results.json"
RULES = "rules"
WAIVERS = "waivers.yaml"
RESPONSES = "responses.yaml"
ATTESTATIONS = "attestations/attestations.yaml"
REQUEST = "request.json"
REPLAY = "replay.txt"
ORGANIZATION = "organization.json"
"""How accounts were chosen and entered, in ``rules/``: only the pack of an organization has it."""

_OWN = re.compile(r"own-[1-9][0-9]?")
_MAX_REQUEST_BYTES = 100_000
_REQUEST_SCHEMA = "auditor.request/1"

REPLAY_TEXT = b"""\
To judge the evidence of this pack again, without AWS and without a network:

    auditor verify --replay .

or, step by step, with the rules that stand in this pack:

    auditor evaluate . --rules rules --out /tmp/results-again.json
    cmp results/results.json /tmp/results-again.json

Same evidence, same rules, same as-of time: the same bytes. Write nothing into the folder of the pack: a file that its
checksums do not list is an added one.
"""


def write_rules(folder: Path, catalog: Catalog, config: Config) -> None:
    """Copy everything that the judgement depended on, byte for byte, into ``rules/``."""
    rules = folder / RULES
    roots = [controls_folder(), *(Path(name) for name in config.controls)]
    for path, data in catalog.files.items():
        number, root = next((number, root) for number, root in enumerate(roots) if path.is_relative_to(root))
        target = rules / ("controls" if number == 0 else f"own-{number}") / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    if config.waivers:
        _copy(Path(config.waivers), rules / WAIVERS)
    if config.responses:
        _copy(Path(config.responses), rules / RESPONSES)
    if config.attestations:
        source = Path(config.attestations)
        _copy(source, rules / ATTESTATIONS)
        for name in _attached(source):
            _copy(source.parent / name, rules / "attestations" / name)
    request = JudgedAs(
        frameworks=tuple(config.frameworks),
        fail_on=config.fail_on,
        allow=tuple(config.allow),
        own=tuple(f"own-{number}" for number in range(1, len(roots))),
        sampling=config.sampling,
        controls=tuple(config.control_ids),
    )
    (rules / REQUEST).write_bytes(request.data())
    (folder / REPLAY).write_bytes(REPLAY_TEXT)


@dataclass(frozen=True, slots=True)
class JudgedAs:
    """How a pack was judged: ``rules/request.json``."""

    frameworks: tuple[str, ...]
    fail_on: Severity
    allow: tuple[str, ...]
    own: tuple[str, ...]
    """Folders of own controls, inside ``rules``."""
    sampling: Sampling | None = None
    controls: tuple[str, ...] = ()
    """Single controls, beside those of the frameworks."""

    def data(self) -> bytes:
        """Return the bytes of ``rules/request.json``."""
        return canonical_json(
            {
                "schema": _REQUEST_SCHEMA,
                "frameworks": list(self.frameworks),
                "fail_on": self.fail_on.value,
                "allow": list(self.allow),
                "own": list(self.own),
                "sampling": self.sampling.model_dump() if self.sampling else None,
                **({"controls": list(self.controls)} if self.controls else {}),
            }
        )


def read_request(rules: Path) -> JudgedAs:
    """Read how a pack was judged; it comes from strangers, so nothing in it may lead outside its folder.

    Raises:
        CatalogError: the file is missing or malformed.
    """
    path = rules / REQUEST
    try:
        if path.is_symlink() or path.stat().st_size > _MAX_REQUEST_BYTES:
            raise ValueError("it is no small file")
        document = orjson.loads(path.read_bytes())
        own = tuple(str(name) for name in document["own"])
        if not all(_OWN.fullmatch(name) for name in own):
            raise ValueError("own controls lie outside the rules")
        return JudgedAs(
            frameworks=tuple(str(name) for name in document["frameworks"]),
            fail_on=Severity(document["fail_on"]),
            allow=tuple(str(name) for name in document["allow"]),
            own=own,
            sampling=_sampling(document.get("sampling")),
            controls=tuple(str(name) for name in document.get("controls", ())),
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise CatalogError(f"{path.name} does not say how the pack was judged: {shape_words(error)}") from error


def _sampling(value: Any) -> Sampling | None:
    return None if value is None else Sampling.model_validate(value)


def _attached(path: Path) -> Iterable[str]:
    data = load_yaml(path).data
    return {name for item in data["attestations"] for name in item.get("attachments", ())}


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
