"""Prepares the steps from an opened security group to the notice of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auditor.base.counts import counted
from auditor.base.period import parse_time
from auditor.render.text import NAME_LIMIT, moment, visible

NAMES = {
    "event": "Event",
    "rule": "Rule",
    "target": "Target",
    "revert": "Taken back",
    "notice": "Notice",
}


@dataclass(frozen=True, slots=True)
class StepRow:
    """One step; ``after`` is the time since the event, empty where no time of it is recorded."""

    name: str
    state: str
    time: str
    after: str
    what: str
    by: str
    why: str
    event: str


@dataclass(frozen=True, slots=True)
class OpeningRows:
    """One opening with its steps."""

    title: str
    region: str
    steps: tuple[StepRow, ...]


@dataclass(frozen=True, slots=True)
class Opened:
    """What one account's openings came to."""

    account: str
    refs: tuple[str, ...]
    sentence: str
    openings: tuple[OpeningRows, ...]
    more: int


def opened(document: Mapping[str, Any]) -> Opened:
    """Prepare one account."""
    return Opened(
        account=visible(document["account"], 40),
        refs=tuple(document["refs"]),
        sentence=_sentence(document),
        openings=tuple(_opening(item, document["account"]) for item in document["openings"]),
        more=document["more"],
    )


def _sentence(document: Mapping[str, Any]) -> str:
    found = document["openings"]
    number = len(found) + document["more"]
    if not number:
        return "No call that opened port 22 or 3389 to everybody is among the log files that were searched."
    whole = sum(all(step["state"] == "seen" for step in item["steps"]) for item in found)
    reverted = [step for item in found for step in item["steps"] if step["step"] == "revert" and step["at"]]
    told = [step for item in found for step in item["steps"] if step["step"] == "notice" and step["state"] == "seen"]
    text = f"Port 22 or 3389 was opened to everybody {counted(number, 'time')}: {len(reverted):,} taken back"
    if reverted:
        text += f", the slowest after {_seconds(max(step['seconds'] for step in reverted))}"
    return f"{text}; of {len(told):,} somebody could be told; of {whole:,} every step was seen."


def _opening(item: Mapping[str, Any], account: str) -> OpeningRows:
    ports = ", ".join(map(str, item["ports"]))
    return OpeningRows(
        title=f"{visible(item['group'], NAME_LIMIT)}, port {ports}, {moment(parse_time(item['event_time']))}",
        region=visible(item["region"], 40),
        steps=tuple(_step(step, account) for step in item["steps"]),
    )


def _step(step: Mapping[str, Any], account: str) -> StepRow:
    first = step["step"] == "event"
    return StepRow(
        name=NAMES.get(step["step"], visible(step["step"], 20)),
        state=visible(step["state"], 20),
        time=moment(parse_time(step["at"]))[11:] if step["at"] else "",
        after="" if step["seconds"] is None or first else _seconds(step["seconds"]),
        what=visible(step["what"], NAME_LIMIT),
        by=_who(visible(step["by"], NAME_LIMIT), account),
        why=visible(step["why"]),
        event=visible(step["event_id"], 60),
    )


def _who(name: str, account: str) -> str:
    head, mark, rest = name.partition(f":{account}:")
    return rest if mark and head.startswith("arn:") else name


def _seconds(value: float) -> str:
    whole = round(value)
    return f"{whole:,} s" if whole else f"{value:.1f} s"
