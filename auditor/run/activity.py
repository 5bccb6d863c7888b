"""What the report asks of a period's events: a store filled in the pass that verifies, the answers kept as evidence."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from auditor.activity.logbytes import LogBytes
from auditor.base.errors import AuditorError
from auditor.base.period import Period
from auditor.base.whole import write_whole
from auditor.events.answer import plain
from auditor.events.asking import Asked, ask
from auditor.events.measures import measured
from auditor.events.opened import EventStore, finish
from auditor.events.question import load_questions
from auditor.events.store import StoreWriter
from auditor.evidence.answer import Answer, CallError
from auditor.evidence.operations import GLOBAL, Call
from auditor.evidence.store import EvidenceWriter
from auditor.run.sharing import StoreParts
from auditor.run.trails import ANSWERS, MEASURED
from auditor.trail.coverage import STATES
from auditor.trail.report import TrailReport

_TRAILS: Final = "trails.jsonl"
_GLOBAL_EVENTS: Final = "us-east-1"
"""Where IAM and other global services record what they are asked."""

QUESTIONS: Final = (
    "root-activity",
    "console-logins",
    "denied-calls",
    "iam-changes",
    "network-openings",
    "auto-remediation",
    "s3-policy",
    "kms-changes",
    "organizations",
    "cross-account",
    "privileged-sessions",
    "new-principals",
    "unusual-regions",
    "our-own-calls",
)
"""What is asked, in the order of the report."""

MOST_ROWS: Final = 1_000
"""Rows of one answer that a pack keeps; that there are more is said."""
_LEFT_OUT: Final = frozenset({"request", "response"})
"""Columns that may hold anything somebody sent; the log files have them."""

CANNOT_SEE: Final = (
    "Events of the period's last minutes that were delivered after its end.",
    "Insights and network activity events, which lie in folders of their own.",
)

PROBLEMS: Final = {
    "log_missing": "missing: a digest names it, and it is not there",
    "log_unreadable": "it could not be read",
    "log_out_of_retention": "deleted by the bucket's own rules",
    "log_altered": "altered: its hash is not the digest's",
    "log_damaged": "altered: it is no gzip file",
    "log_truncated": "altered: the gzip file is not whole",
    "log_trailing_bytes": "altered: bytes follow the gzip file",
    "log_too_large": "larger than a log file can be",
    "log_hash_unknown": "the digest's hash is of an unknown kind",
}
"""What is wrong with a log file, in words, by kind of finding."""


def log_bytes(log: LogBytes) -> LogBytes:
    """Return a log file as the pass read it, for a store: what is wrong with it said in words.

    Of one that no digest vouches for, nobody knows whether it was ever whole.
    """
    words = PROBLEMS.get(log.problem, log.problem)
    return replace(log, problem=words if log.state != "unvouched" else words.replace("altered: ", "damaged: ", 1))


def hours_of(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the hours of a trail's chains with their states, of the document of its verification."""
    name = document["trail"]["name"]
    return [
        {"trail": name, "account": chain["account"], "region": chain["region"], "days": chain["days"]}
        for chain in document["coverage"]["chains"]
    ]


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks about what.

    Args:
        period: the audited period.
        principal: the ARN that the run itself works under.
        expected: the Regions in use, see :func:`in_use`.
    """

    period: Period
    principal: str
    expected: tuple[str, ...]

    def given(self, question: str) -> Mapping[str, str]:
        """Return the parameters of a question."""
        return {
            "our-own-calls": {"who": self.principal},
            "unusual-regions": {"expected": ",".join(self.expected)},
        }.get(question, {})


def in_use(homes: Iterable[str]) -> tuple[str, ...]:
    """Return the Regions in use: the homes of the trails, and where global services record what they are asked."""
    return tuple(sorted({*homes, _GLOBAL_EVENTS}))


class Activity:
    """Takes the log files of an account's trails while they are verified, and answers the report's questions.

    Args:
        folder: an empty folder, or that of a run which was cut off; whoever made it removes it.
        account: twelve digits.
    """

    def __init__(self, folder: Path, account: str) -> None:
        self._folder, self._account = folder, account
        self._writer = StoreWriter(folder)

    def take(self, log: LogBytes) -> None:
        """Take one log file in. May be called from several threads."""
        self._writer.take(log_bytes(log))

    def parts(self) -> StoreParts:
        """Return what takes in the parts that tasks make of log files."""
        return StoreParts(self._writer)

    def note(self, report: TrailReport) -> None:
        """Note that a trail was read to its end, and what its verification says of its hours; that outlasts the run."""
        document = report.document()
        name = document["trail"]["name"]
        line = {
            "arn": document["trail"]["arn"],
            "source": {"kind": "log-files", "trail": name, "verdict": document["verdict"]},
            "coverage": hours_of(document),
        }
        self._writer.flush()
        path = self._folder / _TRAILS
        before = path.read_bytes() if path.is_file() else b""
        write_whole(path, before + json.dumps(line).encode() + b"\n")  # half a line would stop the next run

    def _read(self) -> list[dict[str, Any]]:
        """Return what was noted of each trail, by this run and those before it; the last word on each counts."""
        path = self._folder / _TRAILS
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.is_file() else []
        found = {line["arn"]: line for line in lines}
        return [found[arn] for arn in sorted(found)]

    @contextmanager
    def opened(self, period: Period) -> Iterator[EventStore]:
        """Finish the store, and open it once for all that is asked of it."""
        try:
            self._writer.flush()
        finally:
            self._writer.close()
        finish(self._folder, self._card(period))
        store = EventStore(self._folder)
        with store.kept_open():
            yield store

    def keep(
        self,
        asking: Asking,
        principal: str,
        writer: EvidenceWriter,
        now: Callable[[], datetime],
        drawn: Iterable[str] = (),
        followed: Iterable[str] = (),
    ) -> None:
        """Ask, and keep the answers as evidence; that there are none costs the run nothing else.

        Args:
            asking: who asks about what.
            principal: how the evidence names the run's principal.
            writer: takes the evidence.
            now: the clock.
            drawn: ids of events that Event history listed, which are looked for.
            followed: ids of events whose records are kept.
        """
        unanswered = dict.fromkeys(QUESTIONS)

        def add(name: str, pages: tuple[Any, ...], error: CallError | None = None) -> None:
            call = Call(ANSWERS, GLOBAL, (("Question", name),)) if name else Call(MEASURED, GLOBAL, ())
            writer.forget(self._account, call)  # a run that was cut off may have answered already
            writer.add(Answer(self._account, call, pages, principal, (), 0, now(), error))

        try:
            with self.opened(asking.period) as store:
                for name, document in answers(store, asking):
                    add(name, (document,))
                    del unanswered[name]
                add("", (measured(store, asking.period, drawn, followed),))
        except AuditorError as error:
            for name in (*unanswered, ""):
                add(name, (), CallError("NotAnswered", error.message, ""))

    def _card(self, period: Period) -> dict[str, Any]:
        trails = self._read()
        return {
            "period": period.document(),
            "sources": [line["source"] for line in trails],
            "coverage": [chain for line in trails for chain in line["coverage"]],
            "states": dict(STATES),
            "missing": [],
            "cannot_see": list(CANNOT_SEE),
        }


def answers(store: EventStore, asking: Asking) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the name of each question of the report with its answer."""
    questions = load_questions()
    for name in QUESTIONS:
        asked = Asked(questions[name], asking.period, given=asking.given(name), limit=MOST_ROWS)
        document = ask(store, asked).document()
        columns: Sequence[str] = [item for item in document["columns"] if item not in _LEFT_OUT]
        rows = [{column: plain(row[column]) for column in columns} for row in document["rows"]]
        statement = questions[name].text("duckdb").strip()
        title = {"title": questions[name].title, "answers": questions[name].answers}
        yield name, {**document, **title, "columns": columns, "rows": rows, "statement": statement}
