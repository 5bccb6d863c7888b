"""Splits an inflated log file into its records without building objects; what cannot be split is named. Pure.

The quick reader takes nearly every file. One record that it refuses (half of a character, nesting without end, a number
that is none) must not hide its neighbours: then the file is cut at its braces, and each record is looked at alone.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import add
from typing import Final

import msgspec

RECORD_LIMIT: Final = 4 << 20
"""Bytes of one record. CloudTrail's own stay below 256 KB, large parameters being left out."""

_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)
_ELEMENT: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\],]', re.DOTALL)
_NAME_THEN_LIST: Final = re.compile(rb"\s*:\s*\[")
_SPACE: Final = b" \t\r\n"
_RECORDS: Final = re.compile(
    b'"' + b"".join(rb"(?:%c|\\u00(?i:%02x))" % (letter, letter) for letter in b"Records") + b'"'
)
"""The list's name, also with letters written as escapes: two spellings of it are two lists."""
_AROUND: Final = len(b'{"Records":[]}')
_BEFORE: Final = len(b'{"Records":[')
_LINE_FEED: Final = ord("\n")


Plain = tuple[bytes | bytearray, int]
"""The records of a file of the usual form as lines, each with its line feed, and how many they are."""


class _Envelope(msgspec.Struct):
    Records: list[msgspec.Raw]


_decoder: Final = msgspec.json.Decoder(_Envelope)


class Unsplittable(Exception):  # noqa: N818 - a state of a file, counted and named
    """The file is not one object with a list of records."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The records of one file, as bytes or views of them.

    ``checked`` tells whether the quick reader has read them: each is then well-formed JSON.
    """

    records: Sequence[memoryview]
    checked: bool


def plain_lines(data: bytes) -> Plain | None:
    """Return the records as lines, and how many, of a file as CloudTrail writes it; None of any other.

    Such a file is one object on one line with nothing but the list in it, and every record is an object of ordinary
    size. Python reads no record for that: records are parts of the file, so where they and the commas between them
    leave just room for the shortest envelope, there is nothing else in it.

    Args:
        data: the inflated bytes of a log file.
    """
    try:
        records = _decoder.decode(data).Records
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    count, size = len(records), len(data) - data.endswith(b"\n")
    reached = list(accumulate(map(len, records)))
    if not count or reached[-1] + count - 1 + _AROUND != size or data.find(b"\n", 0, size) >= 0:
        return None
    if len(data) > RECORD_LIMIT and max(map(len, records)) > RECORD_LIMIT:
        return None
    lines = bytearray(memoryview(data)[_BEFORE : size - 1])
    ends = list(map(add, reached, range(count)))
    if bytes(map(lines.__getitem__, [0, *(end + 1 for end in ends[:-1])])) != b"{" * count:
        return None
    for end in ends:  # there stand the commas, and the bracket that closes the list
        lines[end] = _LINE_FEED
    return lines, count


def split(data: bytes) -> Parts:
    """Cut a log file into records.

    Args:
        data: the inflated bytes of a log file.

    Raises:
        Unsplittable: it has no list of records, two of them, or something around the object.
    """
    if len(_RECORDS.findall(data)) == 1:
        try:
            found = _decoder.decode(data).Records
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            pass
        else:
            return Parts([memoryview(record) for record in found], checked=True)
    return Parts([memoryview(record) for record in _cut(data)], checked=False)


def _cut(data: bytes) -> Iterator[bytes]:
    """Yield the elements of the one list called ``Records``, found by counting brackets outside of strings."""
    text = data.strip(_SPACE)
    if not text.startswith(b"{"):
        begins = "with a byte order mark" if text.startswith(b"\xef\xbb\xbf") else "as no JSON object"
        raise Unsplittable(f"the file begins {begins}")
    depth, begin, end = 0, -1, -1
    found: list[tuple[int, int]] = []
    for token in _TOKEN.finditer(text):
        mark = token.group()[:1]
        if mark == b'"':
            if (
                depth == 1
                and _RECORDS.fullmatch(token.group())
                and (opening := _NAME_THEN_LIST.match(text, token.end()))
            ):
                begin = opening.end()
        elif mark in b"{[":
            depth += 1
        else:
            depth -= 1
            if depth == 1 and begin >= 0:
                found.append((begin, token.start()))
                begin = -1
            if depth == 0:
                end = token.end()
                break
    if end != len(text):
        raise Unsplittable("the object is not closed" if end < 0 else "something follows the object")
    if len(found) != 1:
        raise Unsplittable("the file has two lists of records" if found else "the file has no list of records")
    yield from _elements(text[slice(*found[0])])


def _elements(text: bytes) -> Iterator[bytes]:
    """Yield what stands between the commas of a list's inside."""
    depth, begin = 0, 0
    for token in _ELEMENT.finditer(text):
        mark = token.group()[:1]
        if mark in b"{[":
            depth += 1
        elif mark in b"}]":
            depth -= 1
        elif mark == b"," and depth == 0:
            yield text[begin : token.start()].strip(_SPACE)
            begin = token.end()
    last = text[begin:].strip(_SPACE)
    if last or begin:
        yield last
