"""The report as one HTML file that asks nobody for anything: style, script and fonts are inside it."""

import base64
import hashlib

from markupsafe import Markup

from auditor.errors import RenderError
from auditor.render import fonts, sections
from auditor.render.context import Context
from auditor.render.pages import ACCENT, page, source

_LIMITS = sections.Limits(
    rows=6000,
    whole=1_000_000,
    boxes=6,
    quiet_boxes=6,
    row_refs=8,
    excerpts=3,
    refs=200,
    accounts=10_000,
    places=10_000,
    events=1000,
    waivers=1000,
    gaps=2000,
    evidence=5000,
    uses=16,
)


def render(context: Context) -> bytes:
    """Return the page, UTF-8.

    Raises:
        RenderError: the accent colour of the branding is no colour.
    """
    if not ACCENT.fullmatch(context.branding.accent):
        raise RenderError(f"the accent colour {context.branding.accent!r} is not written as #rrggbb")
    style = "\n".join((fonts.faces(""), f":root{{--accent:{context.branding.accent}}}", source("screen.css")))
    script = source("screen.js")
    values = sections.values(context, "html", _LIMITS)
    own = {"style": _own(style), "script": _own(script)}
    text = page("screen.html", **values, **own, policy=_policy(style, script))
    return text.encode("utf-8")


def _own(text: str) -> Markup:
    """Let a file of ours into the page as it stands; nothing in it comes from an account."""
    return Markup(text)  # noqa: S704 - style sheet and script, the only unescaped parts


def _policy(style: str, script: str) -> str:
    """Allow this very style and script, fonts and images that are inside the page, and nothing else at all."""
    return (
        "default-src 'none'; "
        f"style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "font-src data:; img-src data:; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
