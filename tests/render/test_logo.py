"""A logo joins signed documents: what it may be, and what is refused."""

import base64
from dataclasses import replace
from pathlib import Path

import pikepdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.base.errors import UsageError
from auditor.config import Config
from auditor.render import html, pdf
from auditor.render.about import Branding
from auditor.render.context import Context
from auditor.render.logo import MOST_BYTES, logo_url
from auditor.run.deriving import branding_of
from auditor.run.publishing import presentation_of
from tests.render.logos import SVG, chunk, png


def svg(inside: str = "", attributes: str = "") -> bytes:
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9" {attributes}>{inside}</svg>'.encode()


def content(url: str) -> bytes:
    return base64.b64decode(url.partition(",")[2])


def test_a_png_keeps_what_draws_it_and_nothing_else() -> None:
    url = logo_url(png(further=chunk(b"tEXt", b"Author\x00somebody")), "logo.png")
    assert url.startswith("data:image/png;base64,")
    assert content(url) == png()


def test_an_svg_keeps_its_shapes_and_loses_what_editors_add() -> None:
    kept = content(logo_url(SVG, "logo.svg"))
    assert b"url(#sea)" in kept
    assert b"inkscape" not in kept
    assert b"peak" not in kept


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"GIF89a", id="gif"),
        pytest.param(b"\xff\xd8\xff\xe0" + bytes(20), id="jpeg"),
        pytest.param(b"<html/>", id="html"),
        pytest.param(b" " * (MOST_BYTES + 1), id="too-large"),
        pytest.param(png()[:-3], id="png-cut-off"),
        pytest.param(png()[:40] + b"\x00" + png()[41:], id="png-one-byte-changed"),
        pytest.param(png(pixels=bytes(100_000)), id="png-unpacks-to-more"),
        pytest.param(png(pixels=b""), id="png-unpacks-to-nothing"),
        pytest.param(png(50_000, 50_000, pixels=b""), id="png-huge"),
        pytest.param(svg("<script>alert(1)</script>"), id="script"),
        pytest.param(svg("<g><SCRIPT/></g>"), id="script-in-capitals"),
        pytest.param(svg(attributes='onload="alert(1)"'), id="handler"),
        pytest.param(svg('<image href="https://example.org/x.png"/>'), id="image"),
        pytest.param(svg("<foreignObject/>"), id="foreign-object"),
        pytest.param(svg('<use href="#a"/>'), id="use"),
        pytest.param(svg("<style>@import 'https://example.org/x.css'</style>"), id="style"),
        pytest.param(svg('<rect fill="url(https://example.org/x)"/>'), id="foreign-fill"),
        pytest.param(svg("<rect style=\"fill:URL( '//example.org/x' )\"/>"), id="foreign-fill-in-style"),
        pytest.param(svg('<rect style="fill:u\\72l(//example.org/x)"/>'), id="escaped-url"),
        pytest.param(svg('<linearGradient href="file:///etc/passwd"/>'), id="file"),
        pytest.param(b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x "y">]>' + svg(), id="entities"),
        pytest.param(b'<svg xmlns="http://www.w3.org/2000/svg"/>', id="no-size"),
        pytest.param(svg("<g/>" * 6000), id="too-many-elements"),
    ],
)
def test_what_could_do_more_than_be_looked_at_is_refused(data: bytes) -> None:
    with pytest.raises(UsageError, match=r"the logo x\.svg cannot be used"):
        logo_url(data, "x.svg")


@given(at=st.integers(8, len(png()) - 1), value=st.integers(0, 255))
def test_no_changed_byte_of_a_png_gets_through(at: int, value: int) -> None:
    data = bytearray(png())
    if data[at] == value:
        return
    data[at] = value
    with pytest.raises(UsageError):
        logo_url(bytes(data), "logo.png")


@pytest.mark.parametrize("data", [png(), SVG], ids=["png", "svg"])
def test_both_formats_show_it_with_a_text_in_its_place(report: Context, data: bytes, tmp_path: Path) -> None:
    (tmp_path / "logo").write_bytes(data)
    config = Config.model_validate({"branding": {"logo": str(tmp_path / "logo")}})
    branded = replace(report, branding=branding_of(presentation_of(config)))
    screen = html.render(branded).decode("utf-8")
    assert f'<img src="{branded.branding.logo}" alt="{report.about.entity}"/>' in screen
    path = tmp_path / "report.pdf"
    path.write_bytes(pdf.render(branded))
    with pikepdf.open(path) as opened:
        figures = [
            str(item.Alt)
            for item in opened.objects
            if isinstance(item, pikepdf.Dictionary) and item.get("/S") == "/Figure" and "/Alt" in item
        ]
    assert report.about.entity in figures


def test_without_a_logo_there_is_no_image(report: Context) -> None:
    assert replace(report.branding, detail="standard") == Branding()
    assert "<img" not in html.render(report).decode("utf-8")


def test_a_logo_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        presentation_of(Config.model_validate({"branding": {"logo": str(tmp_path / "none.png")}}))
