"""``SHA256SUMS``: one line per file in the format of coreutils' ``sha256sum``, sorted by bytes. Opens nothing."""

import re
from collections.abc import Iterable, Iterator
from io import BytesIO

from auditor.base.counts import counted
from auditor.base.errors import IntegrityError
from auditor.seal.contents import CHUNK, DEFAULT_LIMITS, SUMS, Limits
from auditor.seal.names import is_portable, shown

SIGNATURE = f"{SUMS}.p7s"
TOKEN = f"{SIGNATURE}.tsr"
UNSUMMED = frozenset({SUMS, SIGNATURE, TOKEN})
"""Files that cannot stand in ``SHA256SUMS``: itself and what vouches for it."""

_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
_CUT = 1_000
"""Bytes, and far more than a line may have."""


def sums_text(hashes: Iterable[tuple[str, str]]) -> bytes:
    """Return the file's bytes for paths with their SHA-256, sorted by path."""
    text = BytesIO()
    text.writelines(f"{sha256}  {path}\n".encode("ascii") for path, sha256 in hashes)
    return text.getvalue()


def parse_sums(data: bytes, limits: Limits = DEFAULT_LIMITS) -> dict[str, str]:
    """Return path -> SHA-256 of a file that reads the same for everybody.

    Raises:
        IntegrityError: as ``read_sums``.
    """
    return dict(read_sums((data,), limits))


def read_sums(chunks: Iterable[bytes], limits: Limits = DEFAULT_LIMITS) -> Iterator[tuple[str, str]]:
    """Yield path and SHA-256 line by line, so that nobody holds the million lines of a large organization.

    Raises:
        IntegrityError: a line is not of that form, names are not sorted or stand twice, or a name is none a pack uses.
    """
    last = ""
    for number, raw in enumerate(_lines(chunks), start=1):
        if not raw.isascii():
            raise IntegrityError(f"{SUMS} is not plain ASCII")
        if not raw.endswith(b"\n"):
            raise IntegrityError(f"{SUMS} does not end with a line end")
        line = raw[:-1].decode("ascii")
        match = _LINE.fullmatch(line)
        if match is None or not is_portable(match[2]) or match[2] in UNSUMMED:
            raise IntegrityError(f"{SUMS} line {number} is not a SHA-256 and a file name: {shown(line)}")
        if match[2] <= last:
            raise IntegrityError(f"{SUMS} line {number} is out of order or repeated: {shown(match[2])}")
        if number > limits.files:
            raise IntegrityError(f"{SUMS} has more than {counted(limits.files, 'line')}")
        last = match[2]
        yield last, match[1]
    if not last:
        raise IntegrityError(f"{SUMS} does not end with a line end")


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines with their ends; of one without an end no more is held than shows that it is no line of ours."""
    rest = b""
    for chunk in chunks:
        whole, end, rest = (rest + chunk).rpartition(b"\n")
        yield from BytesIO(whole + end)
        if len(rest) > CHUNK:
            yield rest[:_CUT] + b"\n"
            return
    if rest:
        yield rest
