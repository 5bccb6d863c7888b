"""Where things stand in a pack, and how the rules that judged it get there."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from auditor.canonical import canonical_json
from auditor.catalog import Catalog
from auditor.config import Config
from auditor.locate import controls_folder

EVIDENCE = "evidence"
CALLS = "evidence/calls.json"
RESULTS = "results/results.json"
RULES = "rules"
REPLAY = "replay.txt"

_REPLAY = """\
To judge the evidence of this pack again, without AWS and without a network:

    auditor verify --replay .

or, step by step, with the rules that stand in this pack:

    auditor evaluate . --rules rules --out results-again.json
    cmp results/results.json results-again.json

Same evidence, same rules, same as-of time: the same bytes.
"""


def write_rules(folder: Path, catalog: Catalog, config: Config) -> None:
    """Copy everything that the judgement depended on, byte for byte, into ``rules/``."""
    rules = folder / RULES
    roots = [controls_folder(), *(Path(name) for name in config.controls)]
    for path in catalog.files:
        root = next(item for item in roots if path.is_relative_to(item))
        number = roots.index(root)
        _copy(path, rules / ("controls" if number == 0 else f"own-{number}") / path.relative_to(root))
    if config.waivers:
        _copy(Path(config.waivers), rules / "waivers.yaml")
    if config.attestations:
        source = Path(config.attestations)
        _copy(source, rules / "attestations" / "attestations.yaml")
        for name in _attached(source):
            _copy(source.parent / name, rules / "attestations" / name)
    request = {
        "frameworks": list(config.frameworks),
        "fail_on": config.fail_on.value,
        "allow": list(config.allow),
        "own": [f"own-{number}" for number in range(1, len(roots))],
    }
    (rules / "request.json").write_bytes(canonical_json(request))
    (folder / REPLAY).write_text(_REPLAY, encoding="utf-8")


def _attached(path: Path) -> Iterable[str]:
    from auditor.yamlfile import load_yaml

    data = load_yaml(path).data
    return {name for item in data["attestations"] for name in item.get("attachments", ())}


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
