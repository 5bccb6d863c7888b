"""The report on paper: PDF/A-3a and PDF/UA-1 in one file, laid out by WeasyPrint. Fetches nothing, reads no clock."""

import gc
import hashlib
import io
import logging
import os
import re
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from auditor.base.errors import RenderError
from auditor.base.locate import templates_folder
from auditor.base.period import rfc3339
from auditor.render import fonts, pagenumbers, sections
from auditor.render.context import Context
from auditor.render.covers import fitted
from auditor.render.finish import finish, quick
from auditor.render.pages import ACCENT, page, source, whole
from auditor.render.references import lead, shared_places, unlink

ROW_BUDGET = 900
"""Results that stand line by line; at 1,000 rows a layout takes some 3 s and 100 MiB (docs/decisions)."""

_FULL = sections.Limits(
    rows=ROW_BUDGET,
    whole=6,
    groups=8,
    proofs=2,
    lines=6,
    boxes=2,
    row_refs=3,
    excerpts=1,
    refs=0,
    accounts=120,
    places=60,
    events=25,
    activity=25,
    posture=40,
    cost=40,
    waivers=40,
    changes=40,
    gaps=60,
    evidence=1200,
    uses=80,
    imported=150,
)
_LIMITS = {
    "summary": replace(_FULL, cost=1, accounts=40, places=30, gaps=30, waivers=20, changes=12, evidence=0),
    "standard": replace(_FULL, whole=1, activity=6, posture=6, cost=1, groups=0, proofs=1, lines=1, uses=0, evidence=0),
    "full": _FULL,
}
"""How much of each list stands on paper, by length of the report."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that travels inside the PDF.

    Args:
        name: path inside the pack; becomes the name of the embedded file.
        data: its bytes.
        description: one sentence for the reader's list of attachments.
        modified: date shown by readers, aware UTC.
        relationship: ``Data``, ``Source``, ``Supplement`` or ``Alternative`` (ISO 32000-2, 7.11.3).
    """

    name: str
    data: bytes
    description: str
    modified: datetime
    relationship: str = "Data"


def check() -> None:
    """Say now, and not when everything else is done, that a PDF cannot be made here.

    Raises:
        RenderError: Pango is missing.
    """
    _weasyprint()


def layout_libraries() -> dict[str, str]:
    """Return the versions of the system's libraries that lay pages out; none where they are not installed."""
    try:
        _weasyprint()
    except RenderError:
        return {}
    from weasyprint.text.ffi import pango

    number = int(pango.pango_version())  # such as 15012 for 1.50.12
    return {"pango": f"{number // 10000}.{number // 100 % 100}.{number % 100}"}


def render(context: Context, attachments: Sequence[Attachment] = ()) -> bytes:
    """Lay the report out and embed the evidence files of the context, and further files.

    Raises:
        RenderError: Pango is missing, or WeasyPrint complains about anything at all.
    """
    values = sections.values(context, "pdf", _LIMITS[context.branding.detail])
    html = page("paper.html", **values, created=rfc3339(context.about.as_of_time))
    shared = shared_places(values["sources"])
    return lay_out(
        unlink(lead(html, shared)),
        accent=context.branding.accent,
        paper=context.branding.paper,
        attachments=[*_evidence(context), *attachments],
        identity=f"{context.about.report_id}\n{context.about.manifest_hash}",
        shared=shared,
    )


def lay_out(
    html: str,
    *,
    accent: str,
    paper: str,
    attachments: Sequence[Attachment],
    identity: str,
    shared: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    """Lay a page of ours out as PDF/A-3a and PDF/UA-1.

    Args:
        html: the page, well-formed; its style is that of the report.
        accent: colour as ``#rrggbb``.
        paper: ``A4`` or ``Letter``.
        attachments: files that travel inside.
        identity: what the document is about; the same gives the same file.
        shared: further names of places, and the anchor that each stands for.

    Raises:
        RenderError: Pango is missing, or WeasyPrint complains about anything at all.
    """
    weasyprint = _weasyprint()
    html = _unhung(whole(fonts.spelt(html)))
    with _complaints() as complaints, _no_collector():
        configuration = _configuration(weasyprint)
        sheets = [
            _fonts(weasyprint, html, configuration),
            *(_style(weasyprint, style, configuration) for style in _styles(accent, paper)),
        ]

        def laid_out(page: str) -> Any:
            return _parsed(weasyprint, page).render(font_config=configuration, stylesheets=sheets)

        document = laid_out(fitted(html, laid_out))
        pagenumbers.fill(document)
        fetcher = _fetcher(weasyprint)
        document.metadata.attachments = [_attach(weasyprint, item, fetcher) for item in attachments]
        data = _write(document, _identifier(identity), shared)
    if complaints:
        raise RenderError(f"the PDF's layout failed: {complaints[0]}")
    return data


_HANGING = re.compile(r"(<h[1-6]\b.*?</h[1-6]>)|(?<=[^\s>]) (?=<(?:a|b|bdi|code|span|strong)\b)", re.DOTALL)


def _unhung(html: str) -> str:
    """Let no text end with a space, but with a place to break behind it.

    Where a text fills its line but for its last space, Pango 1.50 breaks it after its first word. Headings stay as
    they are: their words are the outline's.
    """
    return _HANGING.sub(lambda found: found[1] or " \u200b", html)


def _write(document: Any, identifier: bytes, shared: Mapping[str, str]) -> bytes:
    def finisher(_document: Any, pdf: Any) -> None:
        finish(pdf, shared)

    with quick(), warnings.catch_warnings():
        # WeasyPrint 70 leaves the file of its colour profile to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        data: bytes = document.write_pdf(pdf_variant="pdf/a-3a", pdf_identifier=identifier, finisher=finisher)
    return data


def _weasyprint() -> Any:
    """Import WeasyPrint: a second of start-up that only this format pays."""
    try:
        # It prints a notice of its own when Pango is missing, and warns when the machine has no fonts: ours are enough.
        with redirect_stdout(io.StringIO()), warnings.catch_warnings(), _no_fonts_of_the_machine():
            warnings.filterwarnings("ignore", message=".*FontConfig.*", category=UserWarning)
            import weasyprint
            import weasyprint.text.fonts
    except OSError as error:
        raise RenderError(
            f"the PDF needs Pango, which is not installed: {error}",
            hint="on Debian and Ubuntu: apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0",
        ) from error
    return weasyprint


@contextmanager
def _no_fonts_of_the_machine() -> Iterator[None]:
    """Let Fontconfig, which reads this variable whenever it starts anew, know of no font but those handed to it.

    A font that one machine has and another lacks would give other bytes, and other places where lines break.
    """
    name = "FONTCONFIG_FILE"
    before = os.environ.get(name)
    os.environ[name] = str(templates_folder() / "fonts" / "fonts.conf")
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _configuration(weasyprint: Any) -> Any:
    with _no_fonts_of_the_machine():
        return weasyprint.text.fonts.FontConfiguration()


def _parsed(weasyprint: Any, html: str) -> Any:
    """Hand WeasyPrint a tree. Our pages are well-formed XML, which parses twenty times faster than HTML has to.

    Raises:
        RenderError: a template, or a value in it, is not well-formed.
    """
    import cssselect2

    try:
        root = ET.fromstring(html.partition("<!DOCTYPE html>")[2])  # noqa: S314 - written by our templates, no DTD
    except ET.ParseError as error:
        raise RenderError(f"the page for the PDF is not well-formed: {error}") from error
    _lower_ids(root)
    made = weasyprint.HTML(string="<html></html>", url_fetcher=_fetcher(weasyprint))
    made.wrapper_element = cssselect2.ElementWrapper.from_html_root(root, content_language=None)
    made.etree_element = made.wrapper_element.etree_element
    # WeasyPrint can go without its own style sheet, for its tests; templates/report/elements.css says why we do.
    made._ua_stylesheets = lambda *_args, **_options: [weasyprint.CSS(string=source("elements.css"))]  # noqa: SLF001
    return made


_EMPTY = ("br", "img")
_HOLDING = ("article", "div", "tr")


def _lower_ids(root: ET.Element) -> None:
    """Give the ids of what holds other elements to the first of these that holds none.

    WeasyPrint makes an id a part of the style, and lets elements share a style whose parents share theirs: each control
    would have styles of its own throughout. A place is then where its first words are.
    """
    for element in root.iter():
        if element.tag in _HOLDING and element.get("id") and (first := _first_leaf(element)) is not None:
            first.set("id", element.attrib.pop("id"))


def _first_leaf(element: ET.Element) -> ET.Element | None:
    for child in element:
        if child.get("id") or child.tag == "colgroup" or child.tag.startswith("{"):
            continue
        if (found := _first_leaf(child) if len(child) else child) is not None and found.tag not in _EMPTY:
            return found
    return None


def _fetcher(weasyprint: Any) -> Any:
    return weasyprint.urls.URLFetcher(allowed_protocols={"data"}, fail_on_errors=True)


def _style(weasyprint: Any, text: str, configuration: Any) -> Any:
    return weasyprint.CSS(string=text, font_config=configuration, url_fetcher=_fetcher(weasyprint))


def _fonts(weasyprint: Any, html: str, configuration: Any) -> Any:
    """Bring the fonts that a page needs, under names: as ``data:`` URLs WeasyPrint would read them letter by letter."""
    known = {_font_url(font): font for font in fonts.bundled()}

    class Bundled(weasyprint.urls.URLFetcher):  # type: ignore[misc]
        """Hands out the bundled fonts, and nothing else."""

        def fetch(self, url: str, headers: object = None) -> Any:  # noqa: ARG002 - WeasyPrint's signature
            return weasyprint.urls.URLFetcherResponse(url, known[url].data())

    faces = fonts.faces((font, _font_url(font)) for font in fonts.needed(html))
    return weasyprint.CSS(string=faces, font_config=configuration, url_fetcher=Bundled(fail_on_errors=True))


def _font_url(font: fonts.Font) -> str:
    return f"bundled:{font.path}"


def _styles(accent: str, paper: str) -> tuple[str, ...]:
    if not ACCENT.fullmatch(accent):
        raise RenderError(f"the accent colour {accent!r} is not written as #rrggbb")
    settings = f":root{{--accent:{accent}}}"
    if paper == "Letter":
        settings += "@page{size:Letter}section.cover{height:279.4mm}"
    return (source("paper.css"), settings)


@contextmanager
def _no_collector() -> Iterator[None]:
    """Spare the layout the cycle collector: it looks through a growing tree for garbage that is not there.

    Measured on 100 pages: a quarter less CPU, the same peak of memory.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """Collect WeasyPrint's warnings and errors; it says there, and only there, that something was not laid out."""
    found: list[str] = []

    class _Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record.getMessage())

    handler = _Collector(logging.WARNING)
    logger = logging.getLogger("weasyprint")
    logger.addHandler(handler)
    try:
        yield found
    finally:
        logger.removeHandler(handler)


def _attach(weasyprint: Any, item: Attachment, fetcher: Any) -> Any:
    """Hand WeasyPrint an attachment. Without a fetcher, each of hundreds would make one, ready for all the web."""
    return weasyprint.Attachment(
        string=item.data,
        url_fetcher=fetcher,
        name=item.name,
        description=item.description,
        created=item.modified,
        modified=item.modified,
        relationship=item.relationship,
    )


def _evidence(context: Context) -> Iterator[Attachment]:
    for file in context.embedded:
        yield Attachment(file.name, file.data, file.description, file.collected)


def _identifier(identity: str) -> bytes:
    """Identify the document by what it is about, so that the same pack gives the same file."""
    return hashlib.sha256(identity.encode()).hexdigest()[:32].encode("ascii")
