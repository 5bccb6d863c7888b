"""Prints names from all over Unicode: ``python -m tools.fuzz_characters [NAMES]`` (10,000 unless told; some minutes).

Each batch goes the way of a report's names (made visible, escaped, broken, spelt, laid out) into a PDF of its own, once
beside the fonts of this machine and once with none at all. No batch may fail, and both files must be the same.
"""

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from auditor.render import pdf
from auditor.render.pages import environment
from auditor.render.text import NAME_LIMIT, visible

BATCH = 500
NO_FONTS = '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd"><fontconfig></fontconfig>'

_PAGE = """
<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"/><title>{{ names[0] }}</title></head><body>
<div class="running head-left">{{ names[0] }}</div>
<section class="part alone"><h1 class="chapter">{{ names[0]|breakable }}</h1>
<table><tbody>{% for name in names %}<tr><th>{{ loop.index }}</th><td>{{ name|breakable }}</td>
<td class="mono">{{ name|breakable }}<span class="where">{{ name }}</span></td></tr>{% endfor %}</tbody></table>
{% for name in names[:20] %}<p><strong>{{ name }}</strong></p>
<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 99 9" width="99" height="9" role="img">
<title>{{ name }}</title>
<text x="0" y="8" font-family="IBM Plex Mono" font-size="7">{{ name }}</text></svg>{% endfor %}
</section></body></html>"""


SEQUENCES = (
    "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f3f3\ufe0f\u200d\U0001f308",
    "\U0001f1e9\U0001f1ea", "\U0001f1e9", "\U0001f3f4\U000e0067\U000e0062\U000e007f",
    "1\ufe0f\u20e3", "\u270a\U0001f3fd", "\u8fba\U000e0100", "e\u0301", "\u0301",
    "a" + "\u0338\u0323" * 9, "\u1112\u1161\u11ab", "\u0915\u094d\u0937", "\u0644\u0627", "\u202e",
    "\u2066\u2069", "\u200f", "\ud83d", "\ude00", "\udbff\udfff", "\ufdd0", "\ufffe", "\U0010ffff",
    "\x00", "\x1b[31m", "\x85", "\u2028", "\ufeff", "\ufffd", "\ue000", "\U000f0000", "\u2007",
    "\u00a0", "\u00ad", "\u200b", "<b>", "&amp;", "]]>", "--", "{{ 1 }}", "\\", '"', "'",
)  # fmt: skip
"""What belongs together, or is no character by itself: families, flags, keycaps, marks in stacks, halves of pairs."""


def names(seed: int, count: int) -> list[str]:
    """Draw names: of one block, where letters of one script meet and combine; of sequences; from everywhere."""
    draw = random.Random(seed)  # noqa: S311 - test data
    found = []
    for number in range(count):
        block = draw.randrange(0, 0x11000) << 4 if number % 3 == 0 else None
        parts = [_character(draw, block) for _ in range(draw.randint(1, 12))]
        if number % 3 == 1:
            parts = [draw.choice((part, *draw.sample(SEQUENCES, 2))) for part in parts]
        found.append("".join(parts))
    return found


def _character(draw: random.Random, block: int | None) -> str:
    if block is not None:
        return chr(block + draw.randrange(16))
    top = draw.choice((0x80, 0x3000, 0x10000, 0x20000, 0x110000))
    return chr(draw.randrange(top))


def paper(raw: list[str]) -> bytes:
    """Set names in a PDF.

    Raises:
        RenderError: one of them could not be printed.
    """
    shown = [visible(name, NAME_LIMIT) for name in raw]
    html = environment("pdf").from_string(_PAGE).render(names=shown, medium="pdf")
    return pdf.lay_out(html, accent="#14324f", paper="A4", attachments=[], identity="characters")


def apart(seed: int, count: int, *, fonts: str = "") -> bytes:
    """Do the same in a process of its own, with ``fonts`` as the machine's configuration when it is given."""
    script = "import sys; from tools import fuzz_characters as f; sys.stdout.buffer.write(f.paper(f.names({}, {})))"
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write(fonts)
        file.flush()
        surroundings = {**os.environ, "FONTCONFIG_FILE": file.name} if fonts else dict(os.environ)
        command = [sys.executable, "-W", "error::UserWarning", "-c", script.format(seed, count)]
        root = Path(__file__).resolve().parent.parent
        return subprocess.run(command, cwd=root, env=surroundings, stdout=subprocess.PIPE, check=True).stdout


def _batches(total: int) -> Iterator[tuple[int, int]]:
    for start in range(0, total, BATCH):
        yield start, min(BATCH, total - start)


def main(arguments: list[str]) -> int:
    """Print what was found; return 1 when a batch failed or differed."""
    total, wrong = int(arguments[0]) if arguments else 10_000, 0
    for seed, count in _batches(total):
        try:
            same = apart(seed, count) == apart(seed, count, fonts=NO_FONTS)
        except subprocess.CalledProcessError:
            same = False
        wrong += not same
        print(f"names {seed} to {seed + count}: {'the same bytes' if same else 'FAILED'}", flush=True)
    print(f"{total} names, {wrong} batches failed")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
