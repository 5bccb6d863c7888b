"""Logos made up from a few lines: a PNG with transparency and an SVG."""

import struct
import zlib

PNG = b"\x89PNG\r\n\x1a\n"

SVG = b"""<svg xmlns="http://www.w3.org/2000/svg"
xmlns:ink="http://www.inkscape.org/namespaces/inkscape" viewBox="0 0 40 12">
<ink:namedview zoom="2"/><defs><linearGradient id="sea"><stop offset="0" stop-color="#14324f"/><stop offset="1"
stop-color="#8fa3b8"/></linearGradient></defs>
<rect width="40" height="12" fill="url(#sea)"/>
<path d="M2 10L12 2L22 10" stroke="#ffffff" fill="none" ink:label="peak"/></svg>"""


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk with its length and check sum (PNG, 5.3)."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int = 48, height: int = 16, *, pixels: bytes | None = None, further: bytes = b"") -> bytes:
    """Return a PNG with an alpha channel that fades from left to right."""
    line = b"\x00" + b"".join(bytes((20, 50, 79, 255 * x // width)) for x in range(width))
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    body = zlib.compress(line * height if pixels is None else pixels)
    return PNG + chunk(b"IHDR", header) + further + chunk(b"IDAT", body) + chunk(b"IEND", b"")
