"""Finds CloudTrail records in whatever people have them in: one reader for all rooms. Judges and opens nothing.

It knows containers only: a record, a log file, arrays, JSON Lines, documents one after the other, gzip of each, answers
of ``aws cloudtrail lookup-events`` and of CloudWatch Logs, EventBridge events, and what a Lambda function is handed.
What is in the input and cannot be read, or is no record, is counted and named, never passed over.
"""

import base64
import binascii
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from auditor.base.counts import counted
from auditor.base.doubled import marked
from auditor.base.errors import UsageError
from auditor.base.untrusted import MOST_VALUES, parse_json

MOST_BYTES: Final = 256 << 20
"""Bytes of one input after unpacking; a log file of CloudTrail has at most some hundred megabytes."""

_NONE: Final = "no CloudTrail record"
_MOST_PROBLEMS: Final = 100
"""After so many places that cannot be read, the rest is not tried: each costs a look at what follows."""

_MOST_WRAPPINGS: Final = 12
"""Containers inside containers; the deepest known (a log group, over SNS, to a queue, to a function) has eight."""

_MOST_GZIPS: Final = 3
"""Gzip inside gzip: what a browser saves of a file that was packed twice."""

_MOST_MEMBERS: Final = 100_000
_PIECE: Final = 1 << 14
"""Bytes handed to the inflater at a time; with many small members, what follows each is copied once more."""

_SIGNS: Final = frozenset({"eventVersion", "eventName", "eventSource", "userIdentity"})
"""A JSON object with one of these is a record, unless ``eventSource`` says that it is a message to a function."""

_ARCHIVES: Final = ((b"PK\x03\x04", "a zip archive"), (b"BZh", "a bzip2 file"), (b"\x28\xb5\x2f\xfd", "a zstd file"),
                    (b"PAR1", "a Parquet file"), (b"%PDF", "a PDF"))  # fmt: skip
_BYTE_ORDERS: Final = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
"""Marks at the beginning of a text; PowerShell writes UTF-16 when the output of a command is redirected."""


@dataclass(frozen=True, slots=True)
class Found:
    """One record and where it was.

    Args:
        record: with the keys of CloudTrail; its values are a stranger's, of any JSON type.
        place: in the input, such as ``line 3, Records[0]``; empty where the input is the record.
        event: the EventBridge event that it came in, None for any other container.
    """

    record: Mapping[str, Any]
    place: str = ""
    event: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What an input holds.

    Args:
        records: in the order of the input.
        events: EventBridge events about something else than a CloudTrail record.
        containers: the kinds of containers met, each once, in words.
        problems: what is no record or could not be read, with its place; at most a hundred are listed.
        skipped: how many such places there are.
    """

    records: tuple[Found, ...]
    events: tuple[Mapping[str, Any], ...] = ()
    containers: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    skipped: int = 0


def read_records(
    data: bytes,
    named: str = "the input",
    *,
    most_bytes: int = MOST_BYTES,
    parse: Callable[[bytes], Any] = parse_json,
) -> Reading:
    """Return the records of an input.

    Args:
        data: its bytes, packed or not.
        named: what messages call it.
        most_bytes: how many bytes it may have after unpacking.
        parse: reads one document; :func:`auditor.base.doubled.parse_marked` marks names that stand twice.

    Raises:
        UsageError: it cannot be read, or holds neither a record nor an event.
    """
    reader = _Reader(named, most_bytes, parse)
    reader.documents(reader.text(reader.unpacked(data)))
    reading = reader.reading()
    if not reading.records and not reading.events:
        why = next((f": {words}" for words in reading.problems[:1] if words != _NONE), "")
        raise UsageError(
            f"{named} holds {_NONE}{why}",
            hint="give a record, a log file, JSON Lines, an EventBridge event, or what aws cloudtrail lookup-events or "
            "aws logs filter-log-events prints; each may be gzipped",
        )
    return reading


@dataclass(slots=True)
class _Reader:
    """Goes through one input; ``left`` is how many bytes may still be unpacked."""

    named: str
    left: int
    parse: Callable[[bytes], Any] = parse_json
    records: list[Found] = field(default_factory=list)
    events: list[Mapping[str, Any]] = field(default_factory=list)
    containers: dict[str, None] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    skipped: int = 0

    def reading(self) -> Reading:
        return Reading(
            tuple(self.records), tuple(self.events), tuple(self.containers), tuple(self.problems), self.skipped
        )

    def problem(self, place: str, words: str) -> None:
        self.skipped += 1
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(f"{place.removesuffix(', ')}: {words}" if place else words)

    # -- from bytes to text

    def unpacked(self, data: bytes) -> bytes:
        for _ in range(_MOST_GZIPS):
            if not data.startswith(b"\x1f\x8b"):
                break
            data = self.gunzip(data)
            self.containers["gzip"] = None
        else:
            raise UsageError(f"{self.named} is gzipped more than {_MOST_GZIPS} times")
        if kind := next((words for magic, words in _ARCHIVES if data.startswith(magic)), ""):
            raise UsageError(f"{self.named} is {kind}", hint="unpack it first, or give what it was made of")
        if len(data) > self.left:
            raise UsageError(f"{self.named} is larger than {counted(self.left, 'byte')}")
        return data

    def gunzip(self, data: bytes) -> bytes:
        """Unpack all members, one after the other, as gzip does."""
        parts: list[bytes] = []
        at = members = 0
        while data.startswith(b"\x1f\x8b", at):
            if (members := members + 1) > _MOST_MEMBERS:
                raise UsageError(f"{self.named} has more than {_MOST_MEMBERS:,} gzip members")
            stream = zlib.decompressobj(wbits=31)
            while not stream.eof:
                if at >= len(data):
                    raise UsageError(f"the gzip stream in {self.named} ends before its end mark")
                piece = data[at : at + _PIECE]
                try:
                    parts.append(stream.decompress(piece, self.left + 1))
                except zlib.error as error:
                    raise UsageError(f"the gzip stream in {self.named} is broken") from error
                self.left -= len(parts[-1])
                if self.left < 0:
                    raise UsageError(f"{self.named} unpacks to more bytes than are read")
                at += len(piece) - len(stream.unused_data)
        if data[at:].strip(b"\x00"):
            self.problem("", f"behind the end of the gzip stream: {counted(len(data) - at, 'byte')}")
        whole = b"".join(parts)
        self.left += len(whole)  # what counts is the text, not each wrapping of it
        return whole

    def text(self, data: bytes) -> str:
        encoding = next((name for mark, name in _BYTE_ORDERS if data.startswith(mark)), "utf-8")
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError as error:
            raise UsageError(f"{self.named} cannot be read: it is not UTF-8 (byte {error.start})") from error
        return text.removeprefix("\ufeff")

    # -- from text to documents

    def documents(self, text: str) -> None:
        """Read one document, or several one after the other, on lines or not."""
        self.bound(text)
        try:
            self.look(self.parse(text.encode("utf-8", "surrogatepass")), "")
        except (ValueError, RecursionError):
            self.several(text)

    def bound(self, text: str) -> None:
        values = sum(text.count(mark) for mark in ",[{")
        if values > MOST_VALUES:
            raise UsageError(f"{self.named} may hold {counted(values, 'value')}; at most {MOST_VALUES:,} are read")

    def several(self, text: str) -> None:
        decoder = json.JSONDecoder(parse_constant=_no_number, object_pairs_hook=marked)
        at, line, counted, documents, on_line = 0, 1, 0, 0, 0
        while (at := _next_start(text, at)) < len(text):
            lines = text.count("\n", counted, at)
            line, counted, on_line = line + lines, at, 1 if lines else on_line + 1
            try:
                value, at = decoder.raw_decode(text, _behind_words(text, at))
            except (ValueError, RecursionError) as error:
                why = error.msg if isinstance(error, json.JSONDecodeError) else "it is no JSON that can be read"
                self.problem(f"line {line}", f"not read ({why[:80]})")
                at = text.find("\n", at) + 1 or len(text)
                if self.skipped >= _MOST_PROBLEMS:
                    self.problem(f"line {line}", "too much cannot be read; what follows was not tried")
                    return
                continue
            documents += 1
            if documents > 1:
                self.containers["several documents"] = None
            self.look(value, f"line {line}, " if on_line == 1 else f"line {line}, document {on_line}, ")

    # -- from documents to records

    def look(self, value: Any, place: str, depth: int = 0) -> None:
        """Take a record, or open a container."""
        if depth > _MOST_WRAPPINGS:
            self.problem(place, "too many containers inside each other")
        elif isinstance(value, list):
            for number, one in enumerate(value):
                self.look(one, f"{place}[{number}]", depth + 1)
        elif isinstance(value, str) and value.lstrip().startswith(("{", "[")):
            self.inside(value, place, depth)
        elif not isinstance(value, Mapping):
            self.problem(place, _NONE)
        elif is_record(value):
            self.records.append(Found(value, place.removesuffix(", ")))
        else:
            self.open(value, place, depth)

    def open(self, value: Mapping[str, Any], place: str, depth: int) -> None:
        detail = value.get("detail")
        if isinstance(detail, Mapping):
            self.containers["an EventBridge event"] = None
            if is_record(detail):
                self.records.append(Found(detail, _within(place, "detail"), value))
            else:
                self.events.append(value)
            return
        for key, words, reach in _CONTAINERS:
            if isinstance(value.get(key), reach):
                self.containers[words] = None
                self.opened(key, value[key], _within(place, key), depth + 1)
                return
        self.problem(place, next((words for key, words in _STRANGERS if key in value), _NONE))

    def opened(self, key: str, value: Any, place: str, depth: int) -> None:
        match key:
            case "awslogs" | "kinesis":
                self.packed(value.get("data"), _within(place, "data"), depth)
            case "Sns":
                self.look(value.get("Message"), _within(place, "Message"), depth)
            case "results":
                self.look([_message_of(row) for row in value], place, depth)
            case _:
                self.look(value, place, depth)

    def inside(self, text: str, place: str, depth: int) -> None:
        """Read a document that stands in a text of another one."""
        try:
            value = self.parse(text.encode("utf-8", "surrogatepass"))
        except (ValueError, RecursionError):
            self.problem(place, "the text in it is no JSON")
            return
        self.look(value, place, depth + 1)

    def packed(self, text: Any, place: str, depth: int) -> None:
        """Read what CloudWatch Logs hands to a subscriber: gzip in base64."""
        try:
            data = base64.b64decode(str(text).encode("ascii"), validate=True)
            data = self.unpacked(data)
            value = self.parse(data)
            self.left -= len(data)
        except (binascii.Error, UnicodeEncodeError, ValueError, RecursionError):
            self.problem(place, "the data in it cannot be read")
            return
        self.look(value, place, depth + 1)


_CONTAINERS: Final[tuple[tuple[str, str, type | tuple[type, ...]], ...]] = (
    ("Records", "a list of Records", list),
    ("Events", "an answer of lookup-events", list),
    ("CloudTrailEvent", "an answer of lookup-events", str),
    ("events", "an answer of CloudWatch Logs", list),
    ("logEvents", "a message of CloudWatch Logs", list),
    ("awslogs", "a message of CloudWatch Logs", Mapping),
    ("results", "an answer of Logs Insights", list),
    ("kinesis", "a message of Kinesis", Mapping),
    ("Sns", "a message of SNS", Mapping),
    ("Message", "a message of SNS", str),
    ("body", "a message of SQS", str),
    ("Messages", "an answer of SQS", list),
    ("Body", "a message of SQS", str),
    ("hits", "an answer of OpenSearch", (Mapping, list)),
    ("_source", "an answer of OpenSearch", Mapping),
    ("eventData", "a message to CloudTrail Lake", (Mapping, str)),
    ("message", "an answer of CloudWatch Logs", str),
)
"""Key, what has it, and what kind of value it has there."""

_STRANGERS: Final = (
    ("digestS3Bucket", "a digest file, which names log files and holds no record"),
    ("s3", "a notification of S3, which names a log file and holds no record; give the file"),
    ("s3Bucket", "a notification of CloudTrail, which names log files and holds no record; give the files"),
    ("QueryResultRows", "an answer of CloudTrail Lake, whose columns are no record; give the log files"),
    ("trailList", "an answer of describe-trails, no record"),
    ("configurationItems", "a file of AWS Config, no CloudTrail record"),
)


def is_record(value: Mapping[str, Any]) -> bool:
    """Say whether a JSON object is a CloudTrail record, complete or not."""
    source = value.get("eventSource")
    return not _SIGNS.isdisjoint(value) and not (isinstance(source, str) and source.startswith("aws:"))


def _within(place: str, key: str) -> str:
    return f"{place}{'.' if place and not place.endswith(' ') else ''}{key}"


def _message_of(row: Any) -> Any:
    """Return the message of a row of Logs Insights: a list of fields with names and values."""
    cells = [cell for cell in row if isinstance(cell, Mapping)] if isinstance(row, list) else []
    return next((cell.get("value") for cell in cells if cell.get("field") == "@message"), row if not cells else None)


def _next_start(text: str, at: int) -> int:
    """Return where the next document begins: behind white space, commas and the separators of RFC 7464."""
    while at < len(text) and text[at] in " \t\r\n,\x1e\ufeff":
        at += 1
    return at


def _behind_words(text: str, at: int) -> int:
    """Return where JSON begins on a line that begins with words, such as the time that ``aws logs tail`` prints."""
    if text[at] in '{["':
        return at
    end = text.find("\n", at)
    found = text.find("{", at, end if end >= 0 else len(text))
    return found if found >= 0 else at


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
