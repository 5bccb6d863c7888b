"""The template environment that every page shares: escaping always on, unknown names are errors, nothing is fetched."""

import base64
import re
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from auditor.locate import templates_folder
from auditor.render.text import plural

_AFTER = re.compile(r"(?<=[:/_=,.])")
"""Where a long name may be broken: after these characters, never inside a word such as ``eu-west-1``."""

ACCENT = re.compile(r"#[0-9a-fA-F]{6}")
"""How a colour of the branding is written; it goes into style sheets, so nothing else may pass."""

_WORD_LIMIT = 26
"""A hyphenated piece longer than this may break at its hyphens all the same, or a column would overflow."""


@cache
def environment() -> Environment:
    """Return the environment; templates are read once per process."""
    made = Environment(
        loader=FileSystemLoader(templates_folder() / "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(breakable=breakable, thousands=thousands, plural=plural)
    return made


def page(name: str, **values: Any) -> str:
    """Render one template."""
    return environment().get_template(name).render(**values)


def source(name: str) -> str:
    """Return a style sheet or script of ours as it stands."""
    return (templates_folder() / "report" / name).read_text("utf-8")


def breakable(text: str) -> Markup:
    """Escape a name and allow line breaks after its separators only."""
    return Markup("<wbr>").join(_piece(part) for part in _AFTER.split(text) if part)


def _piece(part: str) -> Markup:
    if "-" in part and len(part) <= _WORD_LIMIT:
        return Markup('<span class="nb">{}</span>').format(part)
    return escape(part)


def thousands(number: int) -> str:
    """Write a number with thousands separated."""
    return f"{number:,}"


def data_url(data: bytes, media_type: str) -> str:
    """Pack bytes into a URL, so that a page needs no other file."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"
