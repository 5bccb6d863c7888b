"""``README.txt`` and ``VERIFY.md``, the two texts that explain a pack to a stranger. Decides nothing about the pack."""

import re
import textwrap
import unicodedata
from collections.abc import Mapping
from typing import Any

from auditor.base.counts import first_of
from auditor.base.locate import templates_folder
from auditor.pack.derivable import not_derivable
from auditor.seal.manifest import Manifest, ManifestInfo

_MOST_ACCOUNTS = 20
_MOST_KEYS = 100
_WORD = re.compile(r"[A-Za-z0-9:-]{1,64}")
_PLAIN = re.compile(r"[A-Za-z0-9_./=+@-]{1,1100}")
_HEX = re.compile(r"(?:[0-9a-f]{2}){64,512}")


def readme_text(info: ManifestInfo) -> bytes:
    """Return the bytes of ``README.txt``; the same for the same run."""
    run = info.run
    accounts = [account.id for account in run.accounts]
    return _render(
        "README.txt",
        {
            "title": _one_line(run.title) or "Evidence pack",
            "entity": _one_line(run.entity),
            "period": run.period.document(),
            "accounts": first_of(accounts, _MOST_ACCOUNTS),
            "report_id": info.report_id,
            "pack_id": info.pack_id,
            "tool": f"{info.tool.name} {info.tool.version}",
            "members": len(info.members),
            "inside": len(info.accounts),
        },
    )


def verify_text(manifest: Manifest, record: Mapping[str, Any], results: Mapping[str, Any]) -> bytes:
    """Return the bytes of ``VERIFY.md`` for a pack sealed as ``trust/seal.json`` says.

    Only what was made by us stands inside its commands: an id and a hash of known form.
    """
    signature = record["signature"]
    stamp = record["timestamp"]
    return _render(
        "VERIFY.md",
        {
            "pack_id": manifest.pack_id,
            "manifest_sha256": manifest.sha256,
            "signature": signature and {**signature, "subject": _one_line(signature["subject"])},
            "timestamp": stamp if stamp and stamp["status"] == "requested" else None,
            "missed": _one_line(stamp["url"]) if stamp and stamp["status"] != "requested" else "",
            "pdf": record["pdf"],
            "keys": _keys(results),
            "digest": _digest(results),
            "members": manifest.members,
            "inside": len(manifest.accounts),
            "taken": not_derivable(results, [entry.path for entry in manifest.files]),
        },
    )


def _keys(results: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the keys of CloudTrail that digests were checked with, as far as they have the form of one."""
    found = {
        (str(key["region"]), str(key["valid_from"]), str(key["valid_until"]), str(key["fingerprint"]))
        for report in results.get("integrity", ())
        for key in report.get("keys", ())
    }
    names = ("region", "start", "end", "fingerprint")
    before = {(str(region), str(mark)) for region, mark in results.get("run", {}).get("keys_before", ())}
    words = {True: " (used by the pack before, too)", False: " (not seen before)"} if before else {}
    return [
        dict(zip(names, row, strict=True)) | {"before": words.get((row[0], row[3]) in before, "")}
        for row in sorted(found)
        if all(_WORD.fullmatch(text) for text in row)
    ][:_MOST_KEYS]


def _digest(results: Mapping[str, Any]) -> dict[str, str] | None:
    """Return a digest to be checked by hand: the newest of the first chain whose names a shell takes as they are."""
    for report in results.get("integrity", ()):
        for anchor in report.get("anchors", ()):
            kept = {name: str(anchor.get(name, "")) for name in ("bucket", "key", "sha256", "signature")}
            if all(_PLAIN.fullmatch(text) for text in kept.values()) and _HEX.fullmatch(kept["signature"]):
                return kept
    return None


def _render(name: str, context: Mapping[str, Any]) -> bytes:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=FileSystemLoader(templates_folder() / "pack"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    text = environment.get_template(name).render(context)
    return (wrapped(text) if name.endswith(".md") else text).encode("utf-8")


_WIDTH = 118
_PLAIN_START = re.compile(r"[^\W\d_]|[`(\"'“]")
"""How a line may begin that was broken off: never as a heading, a list or a rule, whatever names stand in it."""


def wrapped(text: str) -> str:
    """Break long lines of prose; commands, tables and what is set in by four blanks stay as they are.

    What is left over of a line begins the next one where that goes on with the same paragraph.
    """
    lines: list[str] = []
    verbatim = over = False
    for line in text.split("\n"):
        verbatim ^= line.startswith("```")
        if verbatim or line.startswith(("    ", "|", "#", "```")):
            lines, over = [*lines, line], False
            continue
        joined = f"{lines[-1]} {line.strip()}" if over and _PLAIN_START.match(line.strip()) else ""
        parts = _broken(joined) if joined else []
        if parts:
            lines.pop()
        else:
            parts = _broken(line) or [line]
        over = len(parts) > 1 or (bool(joined) and parts[0] == joined)
        lines += parts
    return "\n".join(lines)


def _broken(line: str) -> list[str]:
    """Return a line of prose in parts; none where one of them would begin as a heading, a list or a rule does."""
    inner = "  " if line.startswith(("- ", "  ")) else ""
    if len(line) <= _WIDTH:
        return [line]
    parts = textwrap.wrap(line, _WIDTH, subsequent_indent=inner, break_long_words=False, break_on_hyphens=False)
    return parts if all(_PLAIN_START.match(part.strip()) for part in parts[1:]) else []


def _one_line(text: str) -> str:
    """Keep letters, digits, marks, punctuation and single spaces of a text that others chose."""
    kept = "".join(char if unicodedata.category(char)[0] in "LMNPS" else " " for char in text)
    return " ".join(kept.replace("`", "'").split())[:200]
