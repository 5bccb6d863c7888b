"""``README.txt`` and ``VERIFY.md``, the two texts that explain a pack to a stranger. Decides nothing about the pack."""

import unicodedata
from collections.abc import Mapping
from typing import Any

from auditor.base.locate import templates_folder
from auditor.pack.derivable import not_derivable
from auditor.seal.manifest import Manifest, ManifestInfo

_MOST_ACCOUNTS = 20


def readme_text(info: ManifestInfo) -> bytes:
    """Return the bytes of ``README.txt``; the same for the same run."""
    run = info.run
    accounts = [account.id for account in run.accounts]
    more = f" and {len(accounts) - _MOST_ACCOUNTS} more" if len(accounts) > _MOST_ACCOUNTS else ""
    return _render(
        "README.txt",
        {
            "title": _one_line(run.title) or "Evidence pack",
            "entity": _one_line(run.entity),
            "period": run.period.document(),
            "accounts": ", ".join(accounts[:_MOST_ACCOUNTS]) + more,
            "report_id": info.report_id,
            "pack_id": info.pack_id,
            "tool": f"{info.tool.name} {info.tool.version}",
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
            "taken": not_derivable(results, [entry.path for entry in manifest.files]),
        },
    )


def _render(name: str, context: Mapping[str, Any]) -> bytes:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=FileSystemLoader(templates_folder() / "pack"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    return environment.get_template(name).render(context).encode("utf-8")


def _one_line(text: str) -> str:
    """Keep letters, digits, marks, punctuation and single spaces of a text that others chose."""
    kept = "".join(char if unicodedata.category(char)[0] in "LMNPS" else " " for char in text)
    return " ".join(kept.replace("`", "'").split())[:200]
