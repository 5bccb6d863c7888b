"""Whether a page says which manifest it was printed from. Reads bytes that anybody may have made; interprets no layout.

Both pages carry ``manifest-sha256:<hash>`` in their keywords: the HTML in its head, the PDF in its XMP metadata.
"""

import re
import zlib
from collections.abc import Iterator
from itertools import islice

_NAMED = re.compile(rb"manifest-sha256:([0-9a-f]{64})")
_METADATA = re.compile(rb"/Subtype\s*/XML\b")
_STREAM = re.compile(rb"[^\0]{0,400}?stream\r?\n")
_MOST_METADATA = 1 << 20
_MOST_STREAMS = 16


def manifests_named(data: bytes) -> frozenset[str]:
    """Return every manifest hash that a page's bytes name in clear or in compressed XMP metadata."""
    texts = (data, *_metadata(data))
    return frozenset(match.decode("ascii") for text in texts for match in _NAMED.findall(text))


def _metadata(data: bytes) -> Iterator[bytes]:
    for kind in islice(_METADATA.finditer(data), _MOST_STREAMS):
        if (match := _STREAM.match(data, kind.end())) is None:
            continue
        unpack = zlib.decompressobj()
        try:
            yield unpack.decompress(data[match.end() : match.end() + _MOST_METADATA], _MOST_METADATA)
        except zlib.error:
            continue  # not compressed: the clear text was searched already
