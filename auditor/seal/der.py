"""Just enough DER (X.690) for CMS and time stamps: strict, bounded, without a schema. Knows nothing of their meaning.

Written here because the ASN.1 interface of ``cryptography`` is not yet declared stable, and signatures have to be
checked without any of the extras installed.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from cryptography.x509 import ObjectIdentifier

from auditor.base.counts import counted

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
UTC_TIME, GENERALIZED_TIME, SEQUENCE, SET = 0x17, 0x18, 0x30, 0x31
_LONG_LENGTH, _LONG_TAG, _CONSTRUCTED = 0x80, 0x1F, 0x20
_MOST_LENGTH_BYTES = 4
_MOST_OID_BYTES = 64
"""Those in use have a dozen; reading one takes time by the square of its length."""


class DerError(ValueError):
    """The bytes are not the DER of what was expected."""


@dataclass(frozen=True, slots=True)
class Node:
    """One value: its tag, its content, and all its bytes."""

    tag: int
    content: bytes
    raw: bytes

    def expect(self, tag: int) -> "Node":
        """Return the node itself.

        Raises:
            DerError: it has another tag.
        """
        if self.tag != tag:
            raise DerError(f"found tag {self.tag:#04x} in the place of {tag:#04x}")
        return self

    @property
    def children(self) -> tuple["Node", ...]:
        """The values inside a constructed one."""
        if not self.tag & _CONSTRUCTED:
            raise DerError(f"tag {self.tag:#04x} holds no other values")
        return parse_all(self.content)

    @property
    def oid(self) -> str:
        """An object identifier in dotted form."""
        self.expect(OID)
        if len(self.content) > _MOST_OID_BYTES:
            raise DerError(f"an object identifier of {counted(len(self.content), 'byte')}")
        arcs, value = [], 0
        for byte in self.content:
            if value == 0 and byte == _LONG_LENGTH:
                raise DerError("an object identifier is not minimal")
            value = (value << 7) | (byte & 0x7F)
            if byte < _LONG_LENGTH:
                arcs.append(value)
                value = 0
        if not arcs or self.content[-1] >= _LONG_LENGTH:
            raise DerError("an object identifier is cut off")
        first = min(arcs[0] // 40, 2)
        return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))

    @property
    def integer(self) -> int:
        """A whole number."""
        self.expect(INTEGER)
        if not self.content or encode_integer(int.from_bytes(self.content, "big", signed=True)) != self.raw:
            raise DerError("a number is not minimal")
        return int.from_bytes(self.content, "big", signed=True)

    @property
    def time(self) -> datetime:
        """A time in UTC, with or without a fraction of a second."""
        text = self.content.decode("ascii", "replace")
        if self.tag == UTC_TIME:
            text = ("20" if text < "5" else "19") + text
        elif self.tag != GENERALIZED_TIME:
            raise DerError(f"tag {self.tag:#04x} is no time")
        form = "%Y%m%d%H%M%S.%fZ" if "." in text else "%Y%m%d%H%M%SZ"
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError as error:
            raise DerError(f"{text[:30]!r} is no time") from error


def parse(data: bytes) -> Node:
    """Read exactly one value.

    Raises:
        DerError: there is none, or more than one.
    """
    nodes = parse_all(data)
    if len(nodes) != 1:
        raise DerError("it does not have the structure of such a file")
    return nodes[0]


def parse_all(data: bytes) -> tuple[Node, ...]:
    """Read values that stand one after the other.

    Raises:
        DerError: a length is wrong, not minimal or indefinite, or a tag has several bytes.
    """
    nodes, start = [], 0
    while start < len(data):
        end, content = _bounds(data, start)
        nodes.append(Node(data[start], data[content:end], data[start:end]))
        start = end
    return tuple(nodes)


def _bounds(data: bytes, start: int) -> tuple[int, int]:
    if len(data) < start + 2 or data[start] & _LONG_TAG == _LONG_TAG:
        raise DerError("a value is cut off or has a tag of several bytes")
    length, content = data[start + 1], start + 2
    if length >= _LONG_LENGTH:
        count = length & 0x7F
        if not 1 <= count <= _MOST_LENGTH_BYTES or len(data) < content + count:
            raise DerError("a length is indefinite or too long")
        length = int.from_bytes(data[content : content + count], "big")
        content += count
        if length < _LONG_LENGTH or length >> (8 * (count - 1)) == 0:
            raise DerError("a length is not minimal")
    if len(data) < content + length:
        raise DerError("a value is longer than what holds it")
    return content + length, content


def encode(tag: int, *parts: bytes) -> bytes:
    """Write one value whose content is ``parts`` joined."""
    content = b"".join(parts)
    size = len(content)
    if size < _LONG_LENGTH:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG_LENGTH | len(length))) + length + content


def encode_set(*parts: bytes, tag: int = SET) -> bytes:
    """Write a SET OF: DER wants its members sorted."""
    return encode(tag, *sorted(parts))


def encode_integer(value: int) -> bytes:
    """Write a whole number."""
    return encode(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def encode_oid(dotted: str) -> bytes:
    """Write an object identifier."""
    first, second, *rest = (int(arc) for arc in ObjectIdentifier(dotted).dotted_string.split("."))
    return encode(OID, *(_arc(arc) for arc in (40 * first + second, *rest)))


def _arc(value: int) -> bytes:
    septets = [value & 0x7F]
    while value := value >> 7:
        septets.append(_LONG_LENGTH | (value & 0x7F))
    return bytes(reversed(septets))


def encode_time(moment: datetime) -> bytes:
    """Write an aware time as UTCTime until 2049, GeneralizedTime after (RFC 5652 section 11.3)."""
    utc = moment.astimezone(UTC)
    if 1950 <= utc.year < 2050:  # noqa: PLR2004 - the years of UTCTime
        return encode(UTC_TIME, f"{utc:%y%m%d%H%M%SZ}".encode())
    return encode(GENERALIZED_TIME, f"{utc:%Y%m%d%H%M%SZ}".encode())


def is_sorted(nodes: tuple[Node, ...]) -> bool:
    """Say whether members of a SET OF stand in DER's order."""
    return all(first.raw <= second.raw for first, second in pairwise(nodes))
