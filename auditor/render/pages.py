"""The template environment that every page shares: escaping always on, unknown names are errors, nothing is fetched."""

import base64
import re
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

from jinja2 import BaseLoader, Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from auditor.base.counts import counted, every
from auditor.base.locate import templates_folder
from auditor.render.charts import KEY
from auditor.render.compiled import Compiled
from auditor.render.pagenumbers import ROOM

_AFTER = re.compile(r"(?<=[:/_=,.])(?!/)(?:(?<!\d[,.])|(?!\d))")
"""Where a long name may be broken: behind these, never inside ``eu-west-1``, ``1,024`` or ``198.51.100.23``."""

ACCENT = re.compile(r"#[0-9a-fA-F]{6}")
"""How a colour of the branding is written; it goes into style sheets, so nothing else may pass."""

_NEVER_BROKEN = re.compile(r"[a-z]{2}(-[a-z]{2,12}){1,3}-\d{1,2}[a-z]?|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Names of Regions and zones, ids of events and requests stay whole; other words may break at their hyphens."""

_SKIPPED = (
    r"<head>.*?</head>|<a\b.*?</a>|<svg.*?</svg>|<h[1-6]\b.*?</h[1-6]>|<pre.*?</pre>"
    r'|<p class="(?:answer|files)".*?</p>'
    r'|<[^>]*\bclass="(?:[^"]* )?nb"[^>]*>[^<]*|<[^>]*>'
)
"""Markup, and text whose words are whole anyhow or that must not hold further elements: a link is one (ISO 14289-1)."""

_HYPHENED = re.compile(rf"{_SKIPPED}|(?P<word>\w[\w.]*(?:-[\w.]*\w)+)", re.DOTALL)

_OPTION = re.compile(r"((?<![^\s'\"(])[\w.]*-[\w.-]*\w)")
"""An option or subcommand of a command line, an id or a Region: a word with hyphens."""

_DIGIT, _BROKEN = re.compile(r"\d"), re.compile(r"-[^\W\d]")
"""A name has a digit somewhere; a line ends behind a hyphen only where a letter follows."""

_WHOLE = 40
"""Characters of a word that is kept whole; a longer one might not fit a line."""

_KEPT = 8_192
"""Names and parts of names whose breaks are remembered: pages show the same ones over and over."""

Medium = Literal["pdf", "html"]

_ISOLATED = re.compile(r"<bdi>(.*?)</bdi>", re.DOTALL)


@cache
def environment(medium: Medium) -> Environment:
    """Return the environment of a medium; templates are read once per process."""
    made = Environment(
        loader=_Loader(medium),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=Compiled(templates_folder() / "report", medium, Path(__file__).parent.glob("*.py")),
    )
    breaks = breakable if medium == "html" else breakable_on_paper
    made.globals.update(medium=medium, room=ROOM, strip_key=KEY)
    made.filters.update(
        breakable=breaks, thousands=thousands, plural=counted, every=every, options=options, without=without
    )
    return made


class _Loader(BaseLoader):
    """Reads our templates. For paper, bare ``<bdi>`` goes: WeasyPrint ignores it, and each one costs a box.

    What could turn the reading direction was spelt out before (``auditor.render.text``).
    """

    def __init__(self, medium: Medium) -> None:
        self._files = FileSystemLoader(templates_folder() / "report")
        self._medium = medium

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        text, path, fresh = self._files.get_source(environment, template)
        return (_ISOLATED.sub(r"\1", text) if self._medium == "pdf" else text), path, fresh


def page(name: str, **values: Any) -> str:
    """Render one template; ``medium`` among the values says for what."""
    return environment(values["medium"]).get_template(name).render(**values)


def source(name: str) -> str:
    """Return a style sheet or script of ours as it stands."""
    return (templates_folder() / "report" / name).read_text("utf-8")


@lru_cache(maxsize=_KEPT)
def breakable(text: str) -> Markup:
    """Escape a name and allow line breaks after its separators only."""
    return Markup("<wbr>".join(_piece(part) for part in _AFTER.split(text) if part))  # noqa: S704 - escaped pieces


@lru_cache(maxsize=_KEPT)
def breakable_on_paper(text: str) -> Markup:
    """Do the same with a zero-width space: in a layout for print each ``<wbr>`` would be a box of its own."""
    return Markup("\u200b".join(_piece(part) for part in _AFTER.split(text) if part))  # noqa: S704 - as above


@lru_cache(maxsize=_KEPT)
def _piece(part: str) -> Markup:
    if "-" in part and _NEVER_BROKEN.fullmatch(part.rstrip(":/_=,.")):
        return Markup('<span class="nb">{}</span>').format(part)
    return escape(part)


def options(text: str) -> Markup:
    """Escape a command and keep its words whole: a line that ends with ``--`` or ``eu-`` reads as something else."""
    whole = Markup('<span class="nb">{}</span>')
    return Markup().join(
        whole.format(part) if at % 2 and len(part) <= _WHOLE else escape(part)
        for at, part in enumerate(_OPTION.split(text))
    )


def whole(html: str) -> str:
    """Keep the names in a page whole: Regions, editions, ids; what Pango breaks behind a hyphen copies as two words."""
    return _HYPHENED.sub(lambda found: _whole(found["word"]) if found["word"] else found[0], html)


def _whole(word: str) -> str:
    if len(word) > _WHOLE or not _DIGIT.search(word) or not _BROKEN.search(word):
        return word
    return f'<span class="nb">{word}</span>'


def without(text: str, end: str) -> str:
    """Leave out an end that is said elsewhere."""
    return text.removesuffix(end).rstrip() if end else text


def thousands(number: int) -> str:
    """Write a number with thousands separated."""
    return f"{number:,}"


def data_url(data: bytes, media_type: str) -> str:
    """Pack bytes into a URL, so that a page needs no other file."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"
