"""A portion of a trail's log files, checked wherever a task is carried out. The worker's side of :mod:`sharing`.

What the digests say was proved by whoever drives the run, and arrives here as rows. What comes back is what a step over
the same rows finds on one machine, no more: nothing is judged here that the driver does not judge by the same code.
"""

import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from threading import Event
from typing import Any, Final, Protocol, runtime_checkable

from auditor.activity.logbytes import LogBytes
from auditor.activity.rows import Row, notable_row
from auditor.base.errors import CollectionError
from auditor.base.period import rfc3339
from auditor.trail.context import Context, Teller
from auditor.trail.explain import TrailEvent
from auditor.trail.fetch import Fetched, ObjectSource, Saved, Unavailable
from auditor.trail.links import Links, Origin
from auditor.trail.logs import LogPass, LogsChecked
from auditor.trail.names import Location, Place
from auditor.trail.parallel import Concurrency, Workers
from auditor.trail.plan import Target
from auditor.trail.reading import OnLog, Reading
from auditor.trail.relocated import RelocatedSource
from auditor.trail.report import TrailScope
from auditor.trail.retention import Expiry, Retention
from auditor.trail.spool import Entry, Problem, Spool
from auditor.work.perform import function_of
from auditor.work.task import Json

CHECK: Final = "auditor.trail.portion:check_portion"
READ: Final = "auditor.trail.portion:read_digests"
FOUND, PART = "found.json", "part"
"""What a task makes: what it found, and its part of a store."""
_ABOUT: Final = "metadata.json"
_USUAL: Final = "SHA-256"


@runtime_checkable
class _Counting(Protocol):
    """A store that counts its requests."""

    @property
    def sent(self) -> Mapping[str, int]:
        """How many, by operation."""


@dataclass(frozen=True, slots=True)
class Opening:
    """How whoever carries a task out opens the store. No credentials: he has his own.

    Args:
        function: ``module:name`` of a function that takes ``arguments`` and returns an ``ObjectSource``.
        arguments: small plain JSON, such as a profile's name or a folder.
    """

    function: str
    arguments: Json = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"function": self.function, "arguments": dict(self.arguments)}


class Taker(Protocol):
    """Makes something of log files, where a task is carried out; such as a part of a store of their records."""

    def take(self, log: LogBytes) -> None:
        """Take one log file in. May be called from several threads."""

    def finish(self) -> None:
        """Write what is left, and close."""


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a portion.

    Args:
        problems: of its files, numbered from 0 in their order.
        checked: what else the step over its files found.
        wrappers: how many files were saved otherwise than stored, by how.
        sent: requests that were made, by operation; as far as the store counts them.
        notable: records of note, each with the key of its log file and whether that verified; None when they were not
            asked for.
        read: how many log files and records were searched for them, and how many files could not be read.
    """

    problems: tuple[Problem, ...]
    checked: LogsChecked
    wrappers: Mapping[str, int]
    sent: Mapping[str, int]
    notable: tuple[tuple[str, bool, Mapping[str, Any]], ...] | None = None
    read: tuple[int, int, int] = (0, 0, 0)

    def rows(self) -> Iterator[Row]:
        """Yield the records of note as rows: they are judged where the run is driven, by the same code."""
        for key, verified, record in self.notable or ():
            if (row := notable_row(record, log_file=key, verified=verified)) is not None:
                yield row


# --------------------------------------------------------------------------------------------------- what is asked


def rows_of(entries: Iterable[Entry], links: Links) -> list[dict[str, Any]]:
    """Return log files as rows, put together by account, Region and bucket, in their order."""
    groups: list[dict[str, Any]] = []
    files: list[list[Any]] = []
    last: tuple[str, str, str] | None = None
    for entry in entries:
        target = links.origins[entry.digest].target
        if (target.account, target.region, entry.bucket) != last:
            last = (target.account, target.region, entry.bucket)
            files = []
            groups.append({"account": target.account, "region": target.region, "bucket": entry.bucket, "files": files})
        other = [] if entry.algorithm == _USUAL else [entry.algorithm]
        files.append([entry.key, entry.sha256, entry.size, *other])
    for group in groups:
        group["folder"] = _common([row[0] for row in group["files"]])
        for row in group["files"]:
            row[0] = row[0][len(group["folder"]) :]
    return groups


def relocation(scope: TrailScope) -> list[str]:
    """Return which bucket is read for which other one; nothing where it is the same."""
    return [scope.location.bucket, scope.read_from] if scope.read_from else []


def together(places: Iterable[Place]) -> list[dict[str, Any]]:
    """Return places put together by bucket and folder, in their order."""
    groups: list[dict[str, Any]] = []
    for (bucket, folder), rows in groupby(places, key=lambda place: (place[0], place[1].rpartition("/")[0])):
        groups.append({"bucket": bucket, "folder": f"{folder}/", "files": [key[len(folder) + 1 :] for _, key in rows]})
    return groups


def _common(keys: Sequence[str]) -> str:
    """Return what all keys begin with."""
    first, last = min(keys), max(keys)
    same = next((number for number, letter in enumerate(first) if last[number : number + 1] != letter), len(first))
    return first[:same]


def question(scope: TrailScope, links: Links, retention: Retention, *, events: bool) -> dict[str, Any]:
    """Return what every portion of a trail is asked; with ``events``, also for records of note."""
    return {
        "events": events,
        "trail": {
            "name": scope.trail,
            "home_region": scope.home_region,
            "former_homes": list(scope.former_homes),
            "account": scope.account,
            "owner_known": scope.owner_known,
            "bucket": scope.location.bucket,
        },
        "read_from": relocation(scope),
        "period": [rfc3339(scope.start), rfc3339(scope.end)],
        "windows": [[start.isoformat(), end.isoformat()] for start, end in links.windows],
        "retention": {
            "now": retention.now.isoformat(),
            "days": retention.days,
            "rules": [rule.document() for rule in retention.rules],
        },
    }


# ------------------------------------------------------------------------------------------------ what a worker does


class _Noted(Spool):
    """A scratch file that notes the problems as they come."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[Problem] = []

    def settle(self, entries: Sequence[int], problems: Sequence[Problem]) -> None:  # noqa: ARG002 - none is asked for
        """Take the outcome of a batch."""
        self.noted += problems


class _Pass(LogPass):
    """Step 6 over a portion, which keeps the records of note as they were read."""

    def __init__(self, context: Context, links: Links, retention: Retention, reading: Reading) -> None:
        super().__init__(context, links, retention, reading)
        self.notable: list[tuple[str, bool, Mapping[str, Any]]] = []

    def _note_record(self, entry: Entry, record: Mapping[str, Any], *, verified: bool) -> None:
        self.notable.append((entry.key, verified, record))


def check_portion(arguments: Json, target: Path) -> None:
    """Check the log files of a portion and write what was found; a task.

    Args:
        arguments: as :mod:`sharing` writes them.
        target: the JSON file to make; a folder with it, where a part of a store is made of the log files beside.

    Raises:
        CollectionError: there are no credentials here, or another store than the driver's.
    """
    if arguments["part"] is None:
        target.write_bytes(_checked(arguments))
        return
    target.mkdir()
    wanted = arguments["part"]
    taker: Taker = function_of(wanted["function"])(wanted["arguments"], target / PART)
    (target / FOUND).write_bytes(_checked(arguments, taker.take))
    taker.finish()


def _checked(arguments: Json, on_log: OnLog | None = None) -> bytes:
    """Check the log files of a portion and return what was found, as JSON."""
    source, scope = _source(arguments), _scope(arguments)
    for seen in arguments["seen"]:
        _must_see(source, *seen)
    before = _wrappers(source)
    workers: Workers[Any, Any] = Workers(Concurrency(source.remote, arguments["concurrency"]), Event())
    spool = _Noted()
    try:
        retention = _retention(arguments["retention"])
        context = Context(source, scope, retention.now, workers, spool, Teller(lambda _: None))
        links = _links(arguments, spool)
        step = _Pass(context, links, retention, Reading(events=arguments["events"], on_log=on_log))
        checked = step.run()
        found = _document(spool.noted, checked)
    finally:
        workers.close()
        spool.close()
    after = _wrappers(source)
    found["wrappers"] = {name: after[name] - before.get(name, 0) for name in after}
    found["sent"] = _sent(source)
    if checked.notable is not None:
        found["read"] = [checked.notable["source"].get(name, 0) for name in ("log_files", "records", "unread")]
        found["notable"] = sorted(step.notable, key=lambda item: item[0])
    return json.dumps(found).encode("ascii")


def read_digests(arguments: Json, target: Path) -> None:
    """Read digests and write them down as they are stored, unjudged; a task.

    Args:
        arguments: as :mod:`sharing` writes them.
        target: the ZIP file to make: ``metadata.json``, and each digest that could be read under its number.

    Raises:
        CollectionError: there are no credentials here.
    """
    source = _source(arguments)
    workers: Workers[Any, Any] = Workers(Concurrency(source.remote, arguments["concurrency"]), Event())
    places = [(group["bucket"], group["folder"] + name) for group in arguments["groups"] for name in group["files"]]

    def read(number: int) -> Fetched | None:
        try:
            return source.get(*places[number])
        except Unavailable:
            return None

    told: dict[str, Mapping[str, str]] = {}
    try:
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
            for number, fetched in workers.map(read, range(len(places))):
                if fetched is not None:
                    archive.writestr(str(number), bytes(fetched.body))
                    told[str(number)] = fetched.metadata
            archive.writestr(_ABOUT, json.dumps({"digests": told, "sent": _sent(source)}))
    finally:
        workers.close()


def digests_in(path: Path) -> Iterator[tuple[int, Fetched]]:
    """Yield the digests that :func:`read_digests` could read: position and object."""
    with zipfile.ZipFile(path) as archive:
        for name, metadata in json.loads(archive.read(_ABOUT))["digests"].items():
            yield int(name), Fetched(archive.read(name), metadata)


def sent_for(path: Path) -> Mapping[str, int]:
    """Return which requests :func:`read_digests` made."""
    with zipfile.ZipFile(path) as archive:
        return dict(json.loads(archive.read(_ABOUT))["sent"])


def _source(arguments: Json) -> ObjectSource:
    opening = arguments["store"]
    source: ObjectSource = function_of(opening["function"])(opening["arguments"])
    if arguments["read_from"]:
        source = RelocatedSource(source, *arguments["read_from"])
    return source


def _must_see(source: ObjectSource, bucket: str, key: str, digest: str) -> None:
    """Refuse to speak about another store than the one a digest was read from: what is missing there is not missing.

    Raises:
        CollectionError: a digest that the driver has read is not there, or is another one.
    """
    place = f"s3://{bucket}/{key}"
    try:
        body = source.read(bucket, key, None)
    except Unavailable as problem:
        raise CollectionError(
            f"{problem.code}: this worker cannot read {place}, which the driver has read",
            hint="give workers leave to read the bucket, or the folder under the same path",
        ) from problem
    if sha256(body).hexdigest() != digest:
        raise CollectionError(
            f"this worker reads other bytes at {place} than the driver", hint="let both read the same place"
        )


def _sent(source: ObjectSource) -> dict[str, int]:
    """Return how many requests a store counts, by operation; nothing where it counts none."""
    inner = source.source if isinstance(source, RelocatedSource) else source
    return dict(inner.sent) if isinstance(inner, _Counting) else {}


def _wrappers(source: ObjectSource) -> dict[str, int]:
    return dict(source.wrappers()) if isinstance(source, Saved) else {}


def _scope(arguments: Json) -> TrailScope:
    told = arguments["trail"]
    start, end = (datetime.fromisoformat(text) for text in arguments["period"])
    return TrailScope(
        trail=told["name"],
        home_region=told["home_region"],
        location=Location(told["bucket"]),
        start=start,
        end=end,
        account=told["account"],
        owner_known=told["owner_known"],
        former_homes=tuple(told["former_homes"]),
    )


def _retention(told: Json) -> Retention:
    rules = tuple(Expiry(rule["bucket"], rule["prefix"], rule["days"], rule["rule"]) for rule in told["rules"])
    return Retention(datetime.fromisoformat(told["now"]), told["days"], rules)


def _links(arguments: Json, spool: Spool) -> Links:
    """Let the scratch file hold the rows, as if a digest had named each group of them."""
    origins: dict[int, Origin] = {}
    start = datetime.fromisoformat(arguments["period"][0])
    for group in arguments["groups"]:
        target = Target(len(origins), group["account"], group["region"], asked=True)
        number = spool.add_other_digest(_named(group))
        origins[number] = Origin(target, start)
        spool.add_listed(
            (group["bucket"], group["folder"] + row[0], target.number, None, row[2], None, "")
            for row in group["files"]
            if row[2] is not None
        )
    spool.accept([(number, "") for number in origins])
    windows = [(datetime.fromisoformat(start), datetime.fromisoformat(end)) for start, end in arguments["windows"]]
    return Links({}, (), origins, tuple(windows))


def _named(group: Json) -> Iterator[tuple[str, str, str, str]]:
    for name, digest, _, *other in group["files"]:
        yield group["bucket"], group["folder"] + name, digest, other[0] if other else _USUAL


# --------------------------------------------------------------------------------------------------- what comes back


def _document(problems: Iterable[Problem], checked: LogsChecked) -> dict[str, Any]:
    return {
        "problems": [
            [item.entry - 1, item.state, item.level, item.kind, item.expected, item.found]
            for item in sorted(problems, key=lambda item: item.entry)
        ],
        "stored_bytes": checked.stored_bytes,
        "inflated_bytes": checked.inflated_bytes,
        "events": [
            [event.name, event.time.isoformat(), event.event_id, event.actor, event.validation]
            for event in checked.events
        ],
        "headers": [[header.hex(), count, list(keys)] for header, (count, keys) in sorted(checked.headers.items())],
    }


def read_found(path: Path) -> Found:
    """Read what :func:`check_portion` wrote: a file, or a folder with a part of a store."""
    document = json.loads((path / FOUND if path.is_dir() else path).read_bytes())
    events = tuple(
        TrailEvent(name, datetime.fromisoformat(time), event_id, actor, validation)
        for name, time, event_id, actor, validation in document["events"]
    )
    headers = {bytes.fromhex(text): (count, tuple(keys)) for text, count, keys in document["headers"]}
    checked = LogsChecked(
        document["stored_bytes"], document["inflated_bytes"], events, headers, None, frozenset(), interrupted=False
    )
    notable = document.get("notable")
    files, records, unread = document.get("read", (0, 0, 0))
    return Found(
        tuple(Problem(*row) for row in document["problems"]),
        checked,
        document["wrappers"],
        document["sent"],
        None if notable is None else tuple((key, verified, record) for key, verified, record in notable),
        (files, records, unread),
    )
