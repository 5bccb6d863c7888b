"""The answers about infrastructure code as SARIF 2.1.0, on the lines of the files, for a gate."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from auditor.monitoring.chain.link import State
from auditor.monitoring.infrastructure.account import Answer

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {State.BROKEN: "error", State.UNKNOWN: "warning"}


def sarif_of(rows: Sequence[tuple[str, Answer]], invalid: Iterable[str], path: Path) -> dict[str, Any]:
    """Return a SARIF log: errors for what is not covered or not valid, warnings for what is not decided.

    Args:
        rows: control and answer.
        invalid: patterns that AWS would refuse, with their place in words.
        path: what was judged; stands for answers without a place in the code.
    """
    results = [_result(name, answer, path) for name, answer in rows if answer.state in _LEVELS]
    results += [
        {
            "ruleId": "pattern-not-valid",
            "level": "error",
            "message": {"text": words},
            "locations": [_location(_place_in(words), path)],
        }
        for words in invalid
    ]
    rules = sorted({str(one["ruleId"]) for one in results})
    driver = {"name": "Auditor", "rules": [{"id": name} for name in rules]}
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}


def _result(name: str, answer: Answer, path: Path) -> dict[str, Any]:
    places = answer.places or ("",)
    result: dict[str, Any] = {
        "ruleId": name,
        "level": _LEVELS[answer.state],
        "message": {"text": answer.reason},
        "locations": [_location(places[0], path)],
    }
    if len(places) > 1:
        result["relatedLocations"] = [{"id": number, **_location(one, path)} for number, one in enumerate(places[1:])]
    return result


def _place_in(words: str) -> str:
    begin = words.partition(" (")[2]
    return begin.partition(")")[0] if begin else ""


def _location(place: str, path: Path) -> dict[str, Any]:
    file, _, line = place.rpartition(":")
    folder = path if path.is_dir() else path.parent
    known = bool(file) and line.isdigit() and (folder / file).is_file()
    artifact = {"uri": Path(os.path.normpath(folder / file if known else path)).as_posix()}
    region = {"startLine": int(line) if known else 1}
    return {"physicalLocation": {"artifactLocation": artifact, "region": region}}
