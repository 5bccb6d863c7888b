"""The report as one HTML file that asks nobody for anything: style, script and fonts are inside it."""

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from auditor.base.errors import RenderError
from auditor.render import fonts, sections
from auditor.render.context import Context
from auditor.render.longtables import as_data
from auditor.render.pages import ACCENT, data_url, page, source

_LIMITS = sections.Limits(
    rows=1500,
    whole=1_000_000,
    groups=8,
    proofs=0,
    lines=0,
    boxes=6,
    row_refs=8,
    excerpts=3,
    refs=200,
    accounts=10_000,
    places=10_000,
    events=1000,
    activity=1000,
    posture=200,
    cost=1000,
    waivers=1000,
    changes=2000,
    gaps=2000,
    evidence=5000,
    uses=16,
    imported=2000,
)


def render(context: Context) -> bytes:
    """Return the page, UTF-8.

    Raises:
        RenderError: the accent colour of the branding is no colour.
    """
    values = sections.values(context, "html", _LIMITS)
    long_rows = as_data(context.controls, values["lists"], _LIMITS.row_refs)
    script = source("longtables.js") + source("screen.js") + source("whole.js")
    return self_contained(
        "screen.html", {**values, "long_rows": long_rows}, accent=context.branding.accent, script=script
    )


def self_contained(
    template: str, values: Mapping[str, Any], *, accent: str, script: str = "", styles: Sequence[str] = ()
) -> bytes:
    """Return a page that holds its own style, fonts and script, and a policy that allows nothing else; UTF-8.

    Args:
        template: its name.
        values: what it shows.
        accent: colour as #rrggbb.
        script: text of its script.
        styles: names of style sheets beside the one of all pages.

    Raises:
        RenderError: the accent colour is no colour.
    """
    if not ACCENT.fullmatch(accent):
        raise RenderError(f"the accent colour {accent!r} is not written as #rrggbb")
    text = fonts.spelt(page(template, **values, style="", script=_own(script), policy=""))
    style = "\n".join(
        (fonts.faces(_fonts(text)), f":root{{--accent:{accent}}}", source("screen.css"), *map(source, styles))
    )
    data = text.encode("utf-8")
    del text  # of a large account, of more than one byte for each character
    # Nothing from an account can look like these two places: what it holds of < and " has been escaped.
    data = data.replace(b"<style></style>", f"<style>{style}</style>".encode(), 1)
    return data.replace(b'Policy" content=""', f'Policy" content="{_policy(style, script)}"'.encode(), 1)


def _fonts(text: str) -> Iterator[tuple[fonts.Font, str]]:
    """Return the fonts of a page as URLs that hold them; of a fallback only what the page shows of it."""
    characters = {ord(character) for character in set(text)}
    for font in fonts.needed(text):
        data = fonts.part(font, fonts.held(font, characters)) if font.ranges else font.data()
        yield font, data_url(data, "font/woff2")


def _own(text: str) -> Markup:
    """Let a file of ours into the page as it stands; nothing in it comes from an account."""
    return Markup(text)  # noqa: S704 - style sheet and script, the only unescaped parts


def _policy(style: str, script: str) -> str:
    """Allow this very style and script, fonts and images that are inside the page, and nothing else at all."""
    return (
        "default-src 'none'; "
        f"style-src '{_digest(style)}'; script-src {_sources(script)}; "
        "font-src data:; img-src data:; base-uri 'none'; form-action 'none'"
    )


def _sources(script: str) -> str:
    return f"'{_digest(script)}'" if script else "'none'"


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
