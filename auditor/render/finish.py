"""What is done to a PDF before it is written: a second marker, further names of places, each object turned into bytes.

Its objects are those of ``pydyf``, the library under WeasyPrint. Nothing here changes what a page shows.
"""

import xml.etree.ElementTree as ET
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import pydyf

from auditor.base.errors import RenderError

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_UA = "http://www.aiim.org/pdfua/ns/id/"

_UA_METADATA = f"""
<rdf:Description xmlns:rdf="{_RDF}" rdf:about="" xmlns:pdfuaid="{_UA}"><pdfuaid:part>1</pdfuaid:part></rdf:Description>
<rdf:Description xmlns:rdf="{_RDF}" rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
 xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
<pdfaSchema:schema>PDF/UA identification schema</pdfaSchema:schema>
<pdfaSchema:namespaceURI>{_UA}</pdfaSchema:namespaceURI><pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">
<pdfaProperty:name>part</pdfaProperty:name><pdfaProperty:valueType>Integer</pdfaProperty:valueType>
<pdfaProperty:category>internal</pdfaProperty:category>
<pdfaProperty:description>Part of ISO 14289 that the document conforms to</pdfaProperty:description>
</rdf:li></rdf:Seq></pdfaSchema:property></rdf:li></rdf:Bag></pdfaExtension:schemas></rdf:Description>
"""
"""PDF/UA identifier and its PDF/A extension schema (ISO 19005-3, 6.6.2.3): PDF/A allows no undescribed property."""


_LEVEL = 6
"""zlib's usual one."""


class _Settled(pydyf.Object):  # type: ignore[misc]
    """An object whose bytes are worked out. ``pydyf`` works them out for the file, and again for the file's hash."""

    data = b""
    compressible = True

    def __init__(self, item: Any) -> None:
        super().__init__()
        self.number, self.generation = item.number, item.generation
        self.data, self.compressible = _bytes(item), item.compressible


def _bytes(item: Any) -> bytes:
    """Return an object's bytes; a stream is packed at zlib's usual level, five times faster and 3 % larger."""
    if not (isinstance(item, pydyf.Stream) and item.compress):
        return bytes(item.data)
    content = pydyf.Stream(item.stream).data.partition(b"stream\n")[2].removesuffix(b"\nendstream")
    return bytes(pydyf.Stream([zlib.compress(content)], {**item.extra, "Filter": "/FlateDecode"}).data)


def finish(pdf: Any, shared: Mapping[str, str]) -> None:
    """Finish a document that WeasyPrint has drawn and is about to write.

    Args:
        pdf: its objects.
        shared: further names of places, and the named destination that each stands for.

    Raises:
        RenderError: its metadata does not have the expected form.
    """
    _say_accessible(pdf)
    pdf.catalog["PageMode"] = "/UseOutlines"  # a reader of sixty pages begins with their outline
    _name(pdf, shared)
    pdf.objects[:] = [item if item.free == "f" else _Settled(item) for item in pdf.objects]


@contextmanager
def quick() -> Iterator[None]:
    """Spare ``pydyf`` what it does thousands of times and needs once, while a document is drawn and written.

    It lists all pages for each tag and each link, looks three times at each number before writing it, and packs the
    objects at zlib's highest level. The bytes are the same but for the packing, which is 1.5 % larger.
    """
    kept = pydyf.PDF.page_references, pydyf._to_bytes, pydyf.zlib  # noqa: SLF001
    pydyf.PDF.page_references = property(_references)
    pydyf._to_bytes = partial(_to_bytes, kept[1])  # noqa: SLF001
    pydyf.zlib = SimpleNamespace(compressobj=lambda level: zlib.compressobj(min(level, _LEVEL)))
    try:
        yield
    finally:
        pydyf.PDF.page_references, pydyf._to_bytes, pydyf.zlib = kept  # noqa: SLF001


def _references(pdf: Any) -> tuple[bytes, ...]:
    """Return the references of all pages there are, worked out once for each number of them."""
    numbers = pdf.pages["Kids"][::3]
    known: tuple[bytes, ...] = pdf.__dict__.get("references_of_pages", ())
    if len(known) != len(numbers):
        known = pdf.references_of_pages = tuple(f"{number} 0 R".encode("ascii") for number in numbers)
    return known


def _to_bytes(otherwise: Callable[[Any], bytes], item: Any) -> bytes:
    kind = type(item)
    if kind is bytes:
        return item  # type: ignore[no-any-return]
    return str(item).encode("ascii") if kind is int or kind is str else otherwise(item)


def _name(pdf: Any, shared: Mapping[str, str]) -> None:
    """Give places further names; a name tree is sorted (ISO 32000-2, 7.9.6)."""
    if shared:
        tree = pdf.catalog["Names"]["Dests"]["Names"]
        places = {name.string: place for name, place in zip(tree[::2], tree[1::2], strict=True)}
        places |= {name: places[known] for name, known in shared.items()}
        tree[:] = [item for name in sorted(places) for item in (pydyf.String(name), places[name])]


def _say_accessible(pdf: Any) -> None:
    """Say PDF/UA-1 beside PDF/A-3a: WeasyPrint writes one variant, the other's marker joins its metadata here."""
    number = int(pdf.catalog["Metadata"].split()[0])
    stream = pdf.objects[number]
    xml = b"".join(stream.stream)
    end = b"</rdf:RDF>"
    if xml.count(end) != 1:
        raise RenderError("the PDF's metadata does not have the expected form")
    ET.fromstring(f"<root>{_UA_METADATA}</root>")  # noqa: S314 - our own constant, checked for being well-formed
    stream.stream = [xml.replace(end, _UA_METADATA.encode() + end)]
