"""Compares our EventBridge patterns with AWS's event-ruler: ``python tools/event_ruler.py [PAIRS]``.

The same pairs of pattern and event, drawn with a fixed seed, are put to both: patterns of every operator over small
events, rules on what our controls ask for over CloudTrail events, and broken ones. event-ruler comes through Maven and
runs on Java 17; where one of them cannot be had the script says so in one line and fails nothing.
"""

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from auditor.monitoring.patterns.coverage import cases, example_records  # noqa: E402 - found by the line above
from auditor.monitoring.patterns.delivery import envelope  # noqa: E402
from auditor.monitoring.patterns.errors import PatternError, TooComplexError  # noqa: E402
from auditor.monitoring.patterns.pattern import matches, parse_rule  # noqa: E402
from auditor.monitoring.patterns.requirement import requirement_from  # noqa: E402
from auditor.run import open_catalog  # noqa: E402

PAIRS = 20_000
SHOWN = 10

Pair = tuple[str, str]


def main(arguments: Sequence[str]) -> int:
    """Compare; 1 when an answer differs."""
    missing = [name for name in ("java", "mvn") if shutil.which(name) is None]
    if missing:
        print(f"event-ruler: not compared, because {' and '.join(missing)} cannot be found on this machine")
        return 0
    jars = _event_ruler()
    if jars is None:
        print("event-ruler: not compared, because Maven cannot fetch it")
        return 0
    pairs = [*_drawn(int(arguments[0]) if arguments else PAIRS), *_of_controls()]
    differing = [(pair, theirs, ours) for pair, theirs, ours in _both(jars, pairs) if theirs.split()[0] != ours]
    for (pattern, event), theirs, ours in differing[:SHOWN]:
        print(f"event-ruler says {theirs}, we say {ours}\n  {pattern}\n  {event}")
    print(f"event-ruler: {len(pairs)} pairs compared, {len(differing)} differ")
    return 1 if differing else 0


def _event_ruler() -> Path | None:
    """Resolve event-ruler into build/event-ruler and return that folder; None when it cannot be had."""
    folder = ROOT / "build" / "event-ruler"
    if not list(folder.glob("event-ruler-*.jar")):
        command = ["mvn", "-q", "-B", "-f", str(ROOT / "tools" / "event-ruler.xml"), "dependency:copy-dependencies"]
        if subprocess.run([*command, f"-DoutputDirectory={folder}"], check=False, capture_output=True).returncode:
            return None
    return folder


def _both(jars: Path, pairs: Sequence[Pair]) -> Iterator[tuple[Pair, str, str]]:
    lines = "".join(json.dumps({"pattern": pattern, "event": event}) + "\n" for pattern, event in pairs)
    command = ["java", "-cp", f"{jars}/*", str(ROOT / "tools" / "EventRuler.java")]
    done = subprocess.run(command, check=True, input=lines, capture_output=True, text=True, encoding="utf-8")
    for pair, theirs in zip(pairs, done.stdout.splitlines(), strict=True):
        yield pair, theirs, _ours(*pair)


def _ours(pattern: str, event: str) -> str:
    try:
        return "true" if matches(parse_rule(pattern), json.loads(event)) else "false"
    except (PatternError, TooComplexError):
        return "invalid"


# --- pairs ------------------------------------------------------------------------------------------------------------

_KEYS = ("p", "q", "r")
_LETTERS = "abAB*?\\ é"


def _drawn(count: int) -> Iterator[Pair]:
    chance = random.Random(20261102)  # noqa: S311 - wanted: the same pairs every time
    for _ in range(count):
        yield json.dumps(_object(chance, 0)), json.dumps(_event(chance, 0))


def _text(chance: random.Random) -> str:
    return "".join(chance.choice(_LETTERS) for _ in range(chance.randrange(4)))


def _object(chance: random.Random, depth: int, keys: Sequence[str] = _KEYS) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in chance.sample(keys, chance.randint(1, 2)):
        nested = depth < 2 and chance.random() < 0.3
        found[key] = _object(chance, depth + 1) if nested else [_leaf(chance) for _ in range(chance.randint(1, 2))]
    if depth == 0 and chance.random() < 0.1:
        # event-ruler lets an alternative replace what is asked of the same field beside it; we ask for both
        free = [key for key in _KEYS if key not in found] * 2
        found["$or"] = [_object(chance, 1, free) for _ in range(chance.randint(1, 2))] if free else [{"p": [1]}]
    return found


def _leaf(chance: random.Random) -> Any:
    text, number = _text(chance), chance.randint(-3, 3)
    return chance.choice(
        [
            text,
            text,
            number,
            None,
            chance.random() < 0.5,
            {"prefix": text},
            {"suffix": text},
            {"prefix": {"equals-ignore-case": text}},
            {"suffix": {"equals-ignore-case": text}},
            {"equals-ignore-case": text},
            {"wildcard": text},
            {"exists": chance.random() < 0.5},
            {"numeric": ["=", number]},
            {"numeric": [">", number]},
            {"numeric": ["<=", number + 0.5]},
            {"numeric": ["<", number, ">", number - 2]},
            {"numeric": ["=", number, "<", number + 1]},
            {"numeric": [">", 10 ** chance.randint(8, 17)]},
            {"numeric": ["!=", number]},
            {"anything-but": {"cidr": "10.0.0.0/8"}},
            {"anything-but": {"numeric": ["=", number]}},
            {"anything-but": []},
            {"anything-but": [text, number]},
            {"anything-but": [None]},
            {"anything-but": None},
            {"anything-but": True},
            {"prefix": [text]},
            {"prefix": ""},
            {"exists": "yes"},
            {"wildcard": "a**b"},
            {"numeric": [">", "1"]},
            {},
            {"prefix": text, "suffix": text},
            {"anything-but": {"equals-ignore-case": [text, "a"]}},
            {"equals-ignore-case": [text]},
            number + 0.5,
            10 ** chance.randint(8, 17),
            {"numeric": [">=", number, "<", number + chance.randint(0, 3)]},
            {"anything-but": text},
            {"anything-but": number},
            {"anything-but": [text, _text(chance)]},
            {"anything-but": [number, number + 1]},
            {"anything-but": {"prefix": text}},
            {"anything-but": {"suffix": text}},
            {"anything-but": {"prefix": [text, _text(chance)]}},
            {"anything-but": {"equals-ignore-case": text}},
            {"anything-but": {"wildcard": text}},
            {"cidr": chance.choice(["10.0.0.0/8", "10.0.0.0/33", "2001:db8::/32", "x"])},
            {"regex": text},
            [text],
        ]
    )


def _event(chance: random.Random, depth: int) -> dict[str, Any]:
    return {key: _value(chance, depth) for key in chance.sample(_KEYS, chance.randint(1, 3))}


def _value(chance: random.Random, depth: int) -> Any:
    if depth < 2 and chance.random() < 0.3:
        return _event(chance, depth + 1)
    if chance.random() < 0.2:
        return [_scalar(chance) for _ in range(chance.randrange(3))]
    return _scalar(chance)


def _scalar(chance: random.Random) -> Any:
    numbers = [chance.randint(-3, 3), chance.randint(-3, 3) + 0.5, 10 ** chance.randint(8, 17), 1e3]
    return chance.choice([_text(chance), _text(chance), *numbers, None, True, False, "10.2.3.4", "2001:db8::1"])


def _of_controls() -> Iterator[Pair]:
    """Yield a rule for each monitoring control, and a few that miss something, over the events that it asks for."""
    for control in open_catalog().controls.values():
        if control.check.startswith("monitoring."):
            asked = requirement_from(control.id, control.parameters)
            names: list[Any] = list(asked.events) or ["ConsoleLogin"]
            rules: list[Any] = [
                {"detail": {"eventName": names}},
                {"detail": {"eventName": [{"anything-but": names[0]}]}},
            ]
            rules += [{"source": [{"prefix": "aws."}], "detail": {"userIdentity": {"type": [{"suffix": "Role"}]}}}]
            for case in cases(asked):
                for record in example_records(case):
                    yield from ((json.dumps(rule), json.dumps(envelope(record))) for rule in rules)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
