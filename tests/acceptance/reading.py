"""Reads packs as the acceptance tests need it: metadata, pages, PDFs, the answers of ``auditor verify``."""

import html
import json
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pikepdf

from auditor.model import State
from tests.acceptance.conftest import Pack, auditor, squeezed

PLACE = "eu-central-1"
"""Where the simulated account's own things are."""


def meta(pack: Pack, ref: str) -> Mapping[str, Any]:
    document: Mapping[str, Any] = json.loads((pack.path / "evidence" / "meta" / f"{ref}.json").read_bytes())
    return document


def metas(pack: Pack) -> Iterator[Mapping[str, Any]]:
    for path in (pack.path / "evidence" / "meta").glob("*.json"):
        yield json.loads(path.read_bytes())


def stored(made: Pack, operation: str) -> Mapping[str, Any]:
    (one,) = [item for item in metas(made) if (item["operation"], item["region"]) == (operation, PLACE)]
    return one


def references(control: Mapping[str, Any]) -> set[str]:
    return {citation["ref"] for result in control["results"] for citation in result["evidence"]}


def text_of(markup: str) -> str:
    return squeezed(html.unescape(re.sub(r"<wbr>|<[^>]+>", "", markup)))


def as_shown(value: str) -> str:
    """Return a time as the page writes it, everything else as it is."""
    return value.replace("T", " ").removesuffix("Z") if re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]+Z", value) else value


def prose_of(page: str) -> str:
    """Return a page's own words: without commands, code, account data and excerpts of evidence."""
    page = re.sub(r"<(script|style|code|pre|bdi)\b.*?</\1>", " ", page, flags=re.DOTALL)
    page = re.sub(r'<p class="excerpt">.*?</p>', " ", page, flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]+>", " ", page))


def bookmarks(document: pikepdf.Pdf) -> Iterator[str]:
    with document.open_outline() as outline:
        waiting = list(outline.root)
        while waiting:
            item = waiting.pop()
            yield item.title
            waiting += item.children


def destinations(document: pikepdf.Pdf) -> Iterator[str]:
    yield from map(str, pikepdf.NameTree(document.Root.Names.Dests).keys())


def streams(pdf: Path) -> Iterator[bytes]:
    """Yield every stream of a PDF, unpacked: attachments, metadata and page contents."""
    with pikepdf.open(pdf) as document:
        for item in document.objects:
            if isinstance(item, pikepdf.Stream):
                try:
                    yield item.read_bytes()
                except (pikepdf.PdfError, zlib.error):
                    yield item.read_raw_bytes()


def state_in_sarif(item: Mapping[str, Any]) -> State:
    if "suppressions" in item:
        return State.WAIVED
    return {
        "pass": State.PASS,
        "fail": State.FAIL,
        "open": State.NOT_ASSESSED,
        "notApplicable": State.NOT_APPLICABLE,
        "review": State.MANUAL,
    }[item["kind"]]


def verdict(pack: Path, *options: str | Path) -> tuple[int, Mapping[str, Any]]:
    """Ask ``auditor verify``; return its exit code and its document."""
    outcome = auditor("verify", pack, "--json", *options)
    return outcome.code, json.loads(outcome.stdout)
