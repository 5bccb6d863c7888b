"""Which verdicts a file of a pack states, so that two files of one pack can be held against each other.

Whoever made a pack, its tables, pages and exports tell the verdicts of its results. For a pack of another build the
files are not compared byte for byte; what they say of one and the same result still has to be one and the same. Reads
what strangers wrote, within bounds; judges nothing.
"""

import csv
import html
import io
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from auditor.base.counts import counted
from auditor.base.untrusted import ZIP_ERRORS, parse_json

Stated = Mapping[tuple[str, ...], Counter[str]]
"""What is said to be in which state, by what names it; several results may have one name."""

_MOST_BYTES: Final = 256 << 20
_SHOWN: Final = 120
_NAMED: Final = 3
_RESULT: Final = ("control", "account", "region", "resource", "requirements")
_UNMET: Final = re.compile(r"\W*(?:fail|not met|waive|not-satisfied|suppress)", re.IGNORECASE)

_CASE = re.compile(r'<testcase classname="([^"]*)" name="([^"]*)"[^>]*?(?:/>|>(.*?)</testcase>)', re.DOTALL)
_ARTICLE = re.compile(r'<article class="control" id="([^"]*)" data-state="([^"]*)".*?</article>', re.DOTALL)
_ROW = re.compile(r'<tr data-state="([^"]*)" data-account="([^"]*)" data-region="([^"]*)"(.*?)</tr>', re.DOTALL)
_MARK = re.compile(r'<span class="state [^"]*">.*?</span>', re.DOTALL)
_CELL = re.compile(r'<c r="([A-Z]+)\d+"([^>]*?)(?:/>|>(?:<f>.*?</f>)?(.*?)</c>)', re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_SHARED = "xl/sharedStrings.xml"
_TEXT = re.compile(r"<si>(.*?)</si>", re.DOTALL)


def stated(name: str, data: bytes) -> Stated:
    """Return the verdicts that a file states; none where it states none, or cannot be read.

    Args:
        name: of the file; its ending tells how it is read.
        data: the file, from strangers.
    """
    reader = _READERS.get(name.rpartition(".")[2])
    found: dict[tuple[str, ...], Counter[str]] = {}
    try:
        for key, state in reader(data) if reader is not None and len(data) <= _MOST_BYTES else ():
            found.setdefault(tuple(map(str, key)), Counter())[str(state)] += 1
    except (*ZIP_ERRORS, csv.Error, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        return {}
    return found


def contradiction(name: str, was: bytes, made: bytes) -> str:
    """Say where a file states other verdicts than the results that it was made from; nothing where it does not.

    What one of the two names and the other does not is no contradiction, as another build may name it otherwise; but a
    file that names nothing else and leaves out what is not met contradicts the results.

    Args:
        name: of the file.
        was: as it is in the pack.
        made: as this program makes it of the same results.
    """
    told, known = stated(name, was), stated(name, made)
    shared = [key for key in known if key in told]
    if name.endswith(".md"):  # its headings are words, which another build may choose otherwise
        headings = {state for states in known.values() for state in states}
        shared = [key for key in shared if key[0] == "count" or told[key].keys() <= headings]
    differing = [key for key in shared if told[key] != known[key]]
    words = [f"of {_named(key)} {_states(told[key])}, not {_states(known[key])}" for key in differing]
    lost = [key for key in known if key not in told and any(_UNMET.match(state) for state in known[key])]
    if shared and lost and told.keys() <= known.keys() and not name.endswith(".md"):
        words += [f"nothing of {_named(key)}" for key in lost]
    if not words:
        return ""
    more = f"; and {counted(len(words) - _NAMED, 'more difference')}" if len(words) > _NAMED else ""
    return f"contradicts the results of the same pack: it says {'; '.join(words[:_NAMED])}{more}"


def _named(key: tuple[str, ...]) -> str:
    return " ".join(dict.fromkeys(filter(None, key)))[:_SHOWN]


def _states(states: Counter[str]) -> str:
    return ", ".join(sorted(f"{state} {many} times" if many > 1 else state for state, many in states.items()))[:_SHOWN]


_Read = Iterator[tuple[Iterable[str], str]]


def _csv(data: bytes) -> _Read:
    return _rows(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


def _rows(rows: Iterable[Mapping[str, Any]]) -> _Read:
    for row in rows:
        if "control" in row and "state" in row:
            yield [row.get(name) or "" for name in _RESULT], row["state"]


def _sarif(data: bytes) -> _Read:
    for run in parse_json(data)["runs"]:
        for one in run["results"]:
            places = (place["logicalLocations"][0]["fullyQualifiedName"] for place in one["locations"])
            marks = one.get("partialFingerprints", {}).values()
            open_ = one["kind"] == "fail" and one["level"] == "none"
            yield [one["ruleId"], *places, *marks], f"{one['kind']}{' at no level' * open_}{_accepted(one)}"


def _accepted(one: Mapping[str, Any]) -> str:
    found = one.get("suppressions") or "Suppressed" in (
        one.get("status"),
        one.get("Workflow", {}).get("Status", "").title(),
    )
    return ", suppressed" if found else ""


def _junit(data: bytes) -> _Read:
    for found in _CASE.finditer(data.decode()):
        inner = re.search(r"<(failure|error|skipped)\b", found[3] or "")
        yield map(html.unescape, found.group(1, 2)), inner[1] if inner else "passed"


def _ocsf(data: bytes) -> _Read:
    for line in data.splitlines():
        one = parse_json(line)
        if compliance := one.get("compliance"):
            yield [one["finding_info"]["uid"], compliance["control"]], f"{compliance['status']}{_accepted(one)}"


def _json(data: bytes) -> _Read:
    document = parse_json(data)
    if isinstance(document, list):
        for one in document:
            if "Compliance" in one:
                yield [one["Id"]], f"{one['Compliance']['Status']}{_accepted(one)}"
            elif "fingerprint" in one:
                yield [one["check_name"], one["fingerprint"]], "failed"
        return
    for result in document.get("assessment-results", {}).get("results", ()):
        for one in result["observations"]:
            props = {item["name"]: item["value"] for item in one.get("props", ())}
            if "state" in props:
                yield [props.get(name, "") for name in _RESULT], props["state"]
        for one in result.get("findings", ()):
            yield ["finding", one["target"]["target-id"]], one["target"]["status"]["state"]


def _markdown(data: bytes) -> _Read:
    section, heads = "", [""]
    for line in data.decode().splitlines():
        section = line.removeprefix("## ") if line.startswith("## ") else section
        cells = line.strip("| ").split(" | ")
        if line.startswith("| `"):
            yield [cells[0].strip("`"), cells[2].strip("`")], section
        elif line.startswith("| ") and all(map(str.isdecimal, cells)) and len(cells) == len(heads):
            yield from zip([("count", head) for head in heads], cells, strict=True)
        heads = heads if line.startswith("| --") else cells


def _html(data: bytes) -> _Read:
    marks: dict[str, set[str]] = {}
    for article in _ARTICLE.finditer(data.decode()):
        head = article[0].partition("<table")[0]
        rows = [("", "", article[2], head), *((row[2], row[3], row[1], row[4]) for row in _ROW.finditer(article[0]))]
        for account, region, state, inner in rows:
            names = re.search(r'<td class="mono">(.*?)<span class="where">', inner, re.DOTALL)
            yield [article[1], account, region, names[1] if names and account else ""], state
            mark = _MARK.search(inner)
            marks.setdefault(state, set()).add(mark[0] if mark else "")
    said = [mark for found in marks.values() for mark in found]
    if any(said):
        apart = len(said) == len(set(said)) == len(marks)
        yield ["the marks of states"], "one for each" if apart else "one for several"


def _xlsx(data: bytes) -> _Read:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(info.file_size for info in archive.infolist()) > _MOST_BYTES:
            raise ValueError("too large")
        shared = archive.read(_SHARED).decode() if _SHARED in archive.namelist() else ""
        texts = [html.unescape(_TAG.sub("", one)) for one in _TEXT.findall(shared)]
        for name in sorted(archive.namelist()):
            if name.startswith("xl/worksheets/"):
                yield from _rows(_sheet(archive.read(name).decode(), texts))


def _sheet(text: str, texts: list[str]) -> Iterator[Mapping[str, str]]:
    heads: dict[str, str] = {}
    for row in re.findall(r"<row [^>]*>(.*?)</row>", text, re.DOTALL):
        values = [(column, kind, _TAG.sub("", inner)) for column, kind, inner in _CELL.findall(row)]
        cells = {
            column: texts[int(value)] if 't="s"' in kind else html.unescape(value) for column, kind, value in values
        }
        if heads:
            yield {heads[column]: value for column, value in cells.items() if column in heads}
        else:
            heads = cells


_READERS: Mapping[str, Callable[[bytes], _Read]] = {
    "csv": _csv,
    "sarif": _sarif,
    "xml": _junit,
    "ndjson": _ocsf,
    "json": _json,
    "md": _markdown,
    "html": _html,
    "xlsx": _xlsx,
}
