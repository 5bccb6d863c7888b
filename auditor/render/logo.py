"""The logo of the reader's own house: read once, cut down to what draws it, carried inside the pages. Fetches nothing.

The file is somebody's word, not evidence, but it goes into documents that are signed and handed on: what could run, ask
the network or hide something is refused (SVG) or left behind (ancillary PNG chunks, editors' data).
"""

import base64
import re
import struct
import xml.etree.ElementTree as ET
import zlib
from collections.abc import Iterator

from auditor.base.errors import IntegrityError, UsageError
from auditor.render.pages import data_url

MOST_BYTES = 262_144
MOST_PIXELS = 4_000_000
"""Enough for print at 600 dots an inch; also the bound on what the PNG unpacks to."""

_PNG = b"\x89PNG\r\n\x1a\n"
_DRAWING_CHUNKS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Channels by colour type (PNG, 11.2.1)."""

_SVG = "{http://www.w3.org/2000/svg}"
_XLINK = "{http://www.w3.org/1999/xlink}href"
_SHAPES = frozenset(
    {"svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "title", "desc"}
    | {"defs", "clipPath", "mask", "linearGradient", "radialGradient", "stop"}
)
"""No ``use``: a few nested ones draw a billion shapes. No ``text``: its font would be another one on each machine."""

_LOCAL_URL = re.compile(r"""url\(\s*['"]?#[\w.:-]+['"]?\s*\)""")
_MOST_ELEMENTS = 5_000


def logo_url(data: bytes, name: str) -> str:
    """Return a logo as a ``data:`` URL.

    Args:
        data: a PNG or SVG file.
        name: of the file, for messages.

    Raises:
        UsageError: the file is neither, is too large, is damaged, or could do more than be looked at.
    """
    try:
        if len(data) > MOST_BYTES:
            raise ValueError(f"it is larger than {MOST_BYTES:,} bytes")
        if data.startswith(_PNG):
            return data_url(_png(data), "image/png")
        return data_url(_svg(data), "image/svg+xml")
    except ValueError as error:
        raise UsageError(
            f"the logo {name} cannot be used: {error}", hint="a PNG, or an SVG of plain shapes with text as paths"
        ) from error


def checked_logo(url: str) -> None:
    """Refuse a logo from a stranger's pack that is not one of ours: it will be drawn.

    Raises:
        IntegrityError: it is not what ``logo_url`` makes.
    """
    if not url:
        return
    try:
        made = logo_url(base64.b64decode(url.partition(",")[2], validate=True), "of the pack")
    except (ValueError, UsageError) as error:
        raise IntegrityError(f"the logo of the pack is no logo: {error}") from error
    if made != url:
        raise IntegrityError("the logo of the pack is more than what draws it")


def _png(data: bytes) -> bytes:
    """Keep the chunks that draw, after checking that they draw what the header says."""
    chunks = list(_chunks(data))
    kinds = [kind for kind, _ in chunks]
    if kinds[0] != b"IHDR" or kinds[-1] != b"IEND" or b"IDAT" not in kinds:
        raise ValueError("the PNG has no header, no image or no end")
    width, height, depth, colour, compression, filtering, interlace = struct.unpack(">IIBBBBB", chunks[0][1])
    if not 0 < width * height <= MOST_PIXELS:
        raise ValueError(f"the PNG has more than {MOST_PIXELS:,} pixels, or none")
    if colour not in _CHANNELS or (compression, filtering, interlace) != (0, 0, 0):
        raise ValueError("the PNG is interlaced or of an unknown kind")
    expected = height * (1 + (width * _CHANNELS[colour] * depth + 7) // 8)
    unpacker = zlib.decompressobj()
    try:
        pixels = unpacker.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT"), expected + 1)
    except zlib.error as error:
        raise ValueError("the PNG's image is damaged") from error
    if len(pixels) != expected:
        raise ValueError("the PNG's image is not as large as its header says")
    return _PNG + b"".join(_chunk(kind, body) for kind, body in chunks if kind in _DRAWING_CHUNKS)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_PNG)
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at) if at + 8 <= len(data) else (len(data), b"")
        body, check = data[at + 8 : at + 8 + size], data[at + 8 + size : at + 12 + size]
        if len(check) != 4 or zlib.crc32(kind + body) != int.from_bytes(check):  # noqa: PLR2004 - CRC-32
            raise ValueError("the PNG is damaged")
        yield kind, body
        at += 12 + size


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _svg(data: bytes) -> bytes:
    """Write an SVG anew from its plain shapes."""
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data or b"\x00" in data:
        raise ValueError("it is no PNG, and no SVG without a document type")
    try:
        root = ET.fromstring(data)  # noqa: S314 - no document type, so no entities; bounded above
    except ET.ParseError as error:
        raise ValueError(f"it is neither a PNG nor a well-formed SVG: {error}") from error
    if root.tag != f"{_SVG}svg":
        raise ValueError("it is neither a PNG nor an SVG")
    if sum(1 for _ in root.iter()) > _MOST_ELEMENTS:
        raise ValueError(f"the SVG has more than {_MOST_ELEMENTS:,} elements")
    if "viewBox" not in root.attrib:
        raise ValueError("the SVG has no viewBox")
    ET.register_namespace("", _SVG[1:-1])
    text: bytes = ET.tostring(_shape(root), encoding="utf-8")
    return text


def _shape(element: ET.Element) -> ET.Element:
    name = element.tag.removeprefix(_SVG)
    if name not in _SHAPES:
        raise ValueError(f"the SVG contains <{name.rpartition('}')[2]}>")
    kept = ET.Element(element.tag, dict(_attributes(element)))
    kept.text = element.text if name in {"title", "desc"} else None
    kept.extend([_shape(child) for child in element if child.tag.startswith(_SVG)])
    return kept


def _attributes(element: ET.Element) -> Iterator[tuple[str, str]]:
    """Yield what draws; editors' own attributes stay behind.

    Raises:
        ValueError: an event handler, or a reference that leaves the file.
    """
    for key, value in element.attrib.items():
        if key.lower().startswith("on"):
            raise ValueError(f"the SVG has the event handler {key}")
        if key in {"href", _XLINK}:
            if not value.startswith("#"):
                raise ValueError(f"the SVG refers to {value[:60]!r}")
            yield "href", value
        elif "{" not in key:
            rest = _LOCAL_URL.sub("", value).lower()
            if "url(" in rest or "@import" in rest or "\\" in rest or "image(" in rest or "image-set(" in rest:
                raise ValueError(f"the SVG's attribute {key} refers to another file")
            yield key, value
