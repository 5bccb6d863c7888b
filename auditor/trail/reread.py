"""Derives from the log files that a pack keeps what it says of them: their states, findings about them, event rows.

Everything read here comes from strangers. A log file that is not kept shows nothing; what rests on it is
listed as taken from the run.
"""

import csv
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from auditor.activity.candidates import candidates
from auditor.activity.noted import ROW_LIMIT, notable_document
from auditor.activity.rows import Row, notable_row
from auditor.base.counts import counted
from auditor.base.untrusted import ZIP_ERRORS, parse_json
from auditor.trail.archive import OBJECT_LIST, defused
from auditor.trail.fetch.source import OBJECT_LIMIT
from auditor.trail.kept import ABOUT, LOG_ZIP
from auditor.trail.logfile import Shown, judge_log

_MOST_FILES: Final = 500_000
_MOST_INFLATED: Final = 4 << 30
"""Bytes of all log files together; what lies beyond is not read again, and that is said."""
_LONGEST_LINE: Final = 8_000
_MOST_ABOUT: Final = 10_000
_JUDGED: Final = (
    "log_altered", "log_damaged", "log_truncated", "log_trailing_bytes", "log_too_large", "log_hash_unknown",
)  # fmt: skip
"""Kinds of findings that follow from a log file and the hash that a digest states."""
_PAIRED: Final = ("port_opened", "port_closed")
_BY_PAIRS: Final = frozenset({"ports", "summary", "closed_by", "closed_at", "closing_event", "minutes_open"})
_LATER: Final = frozenset({"closing_event"})
"""Members that rows of packs of earlier versions do not have."""
"""Members of a row that other rows decide about, which may come from other log files."""
_MARK: Final = re.compile(r"redacted:[a-z -]+:[0-9a-f]{12}|(?:AKIA|ASIA)\[[0-9a-f]{8}\].{4}")
"""What stands in evidence in the place of what was taken out of it, see ``auditor.collect.redact``."""


@dataclass(slots=True)
class Reread:
    """What came of it.

    Args:
        differences: one sentence for each thing that does not follow.
        taken: what is taken from the run.
    """

    differences: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the kept log files show, by key.

    Args:
        shown: of each that was read.
        rows: the notable records of those that a digest names.
        left_out: how many that were wanted are not there, as the pack says; or could not be read again.
        read: how many have readable records.
        records: how many they hold.
    """

    shown: Mapping[str, tuple[str, Shown]]
    rows: tuple[Row, ...]
    left_out: int
    read: int
    records: int


def reread_logs(archive: Path, recorded: Mapping[str, Any], notable: Mapping[str, Any] | None) -> Reread:
    """Read the kept log files of one trail again and compare.

    Args:
        archive: the trail's archive; its object list was compared with its digests.
        recorded: the trail's report document.
        notable: the document of its notable events, None when there is none.

    Raises:
        ValueError, KeyError, TypeError, OSError, csv.Error: a document or the archive is not of its shape.
    """
    found = Reread()
    kept = _read_all(archive, found)
    _compare_findings(recorded, kept, found)
    if notable is not None:
        _compare_rows(notable, kept, found)
    return found


def _read_all(archive: Path, found: Reread) -> _Kept:
    path = archive / LOG_ZIP
    if not path.is_file():
        return _Kept({}, (), 0, 0, 0)
    try:
        with zipfile.ZipFile(path) as opened:
            return _read_members(opened, archive / OBJECT_LIST, found)
    except ZIP_ERRORS as error:
        raise ValueError(f"{LOG_ZIP} cannot be read: {error}") from error


def _read_members(opened: zipfile.ZipFile, listed: Path, found: Reread) -> _Kept:
    members = {info.filename: info for info in opened.infolist()}
    if len(members) != len(opened.infolist()) or len(members) > _MOST_FILES:
        raise ValueError("names stand in it twice, or it has far too many")
    about = members.pop(ABOUT, None)
    left_out = _left_out(opened, about)
    objects = _listed(listed, members)
    shown: dict[str, tuple[str, Shown]] = {}
    rows: list[Row] = []
    inflated = read = records = 0
    for name, info in sorted(members.items()):
        bucket, _, key = name.partition("/")
        place = objects.get((defused(bucket), defused(key)))
        if place is None:
            found.differences.append(f"{key}: is kept, and the object list does not name it")
            continue
        if info.file_size > OBJECT_LIMIT or info.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"{name[:200]} is too large, or packed")
        if inflated > _MOST_INFLATED:
            left_out += 1
            continue
        sha256, state = place
        seen = judge_log(opened.read(info), sha256, keep=True)
        inflated += seen.size
        _compare_state(key, state, seen, found)
        shown[key] = (state, Shown(seen.state, seen.problem, seen.expected, seen.found, seen.size, seen.sha256))
        if state == "unvouched" or seen.data is None:
            continue
        content = candidates(seen.data)
        if content.count is not None:
            read += 1
            records += content.count
        verified = not seen.problem
        made = (notable_row(record, log_file=key, verified=verified) for record in content.records)
        rows += [row for row in made if row is not None]
    return _Kept(shown, tuple(rows), left_out, read, records)


def _left_out(opened: zipfile.ZipFile, about: zipfile.ZipInfo | None) -> int:
    if about is None or about.file_size > _MOST_ABOUT:
        raise ValueError(f"it has no {ABOUT}")
    return int(parse_json(opened.read(about))["left_out"])


def _listed(path: Path, members: Mapping[str, object]) -> dict[tuple[str, str], tuple[str, str]]:
    """Return hash and state of the log files that are kept, as the object list has them."""
    wanted = {tuple(defused(part) for part in name.split("/", 1)) for name in members}
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(iter(partial(file.readline, _LONGEST_LINE), ""))
        return {(row[0], row[1]): (row[2], row[3]) for row in rows if (row[0], row[1]) in wanted}


def _compare_state(key: str, state: str, seen: Shown, found: Reread) -> None:
    if state in ("unvouched", "unchecked") or state == seen.state:
        return
    words = {"valid": "has the hash that its digest states", "altered": "is not what its digest states"}
    found.differences.append(
        f"{key}: the object list calls it {state}, and the kept log file {words.get(seen.state, 'is unreadable')}"
    )


def _compare_findings(recorded: Mapping[str, Any], kept: _Kept, found: Reread) -> None:
    """Compare findings about kept log files; one by one where the report names all."""
    was: dict[str, tuple[str, str]] = {}
    other = 0
    for finding in recorded["findings"]:
        kind, key = str(finding["kind"]), str(finding["object"])
        if not kind.startswith("log_"):
            continue
        if key not in kept.shown:
            other += 1
        elif kind in _JUDGED:
            was[key] = (kind, str(finding["found"]))
    omitted = recorded["findings_omitted"]
    for key, (state, seen) in sorted(kept.shown.items()):
        now = (seen.problem, seen.found) if state != "unvouched" and seen.problem else None
        if key in was and was[key] != now:
            words = f"{now[0]} ({now[1]})" if now else "nothing wrong"
            found.differences.append(
                f"{key}: the report finds {was[key][0]} ({was[key][1]}), the kept file shows {words}"
            )
        elif now is not None and key not in was and now[0] not in omitted:
            found.differences.append(f"{key}: the kept log file shows {now[0]}, and the report does not")
    if other:
        found.taken.append(f"findings about log files that are missing or not kept: {other}")


def _compare_rows(notable: Mapping[str, Any], kept: _Kept, found: Reread) -> None:
    """Compare event rows; where log files that decide about them are left out, only what each shows by itself."""
    rows: list[Mapping[str, Any]] = list(notable["rows"])
    omitted = int(notable["omitted"])
    if not omitted and dict(Counter(str(row["kind"]) for row in rows)) != notable["counts"]:
        found.differences.append("/counts of the event rows are not those of the rows")
    mine = [row for row in rows if row["log_file"] in kept.shown]
    other = len(rows) - len(mine)
    whole = not other and not kept.left_out and not omitted
    again = notable_document(kept.rows, {}, log_files=kept.read, records=kept.records)["rows"]
    made: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in again:
        made.setdefault(_name(row), []).append(row)
    for row in mine:
        if not (left := made.get(_name(row))):
            if whole or row["kind"] not in _PAIRED:
                found.differences.append(f"event row {_words(row)} is recorded, and its log file does not show it")
            continue
        now = left.pop(0)
        leave = frozenset() if whole else _BY_PAIRS if row["kind"] in _PAIRED else frozenset()
        found.differences += [
            f"event row {_words(row)}: /{name} was {row.get(name)}, is {now[name]}"
            for name in now
            if name not in leave and (name in row or name not in _LATER) and not _same(row.get(name), now[name])
        ]
    known = {(row["account"], row["event_id"], row["kind"]) for row in rows}
    for row in (row for left in made.values() for row in left):
        spoken_for = omitted or (row["account"], row["event_id"], row["kind"]) in known
        if not spoken_for and (whole or row["kind"] not in _PAIRED):
            found.differences.append(f"event row {_words(row)} is in a kept log file, and not among the rows")
    found.taken += _taken(notable, kept, len(rows), other, omitted)


def _taken(notable: Mapping[str, Any], kept: _Kept, rows: int, other: int, omitted: int) -> Iterator[str]:
    if other:
        yield f"{other} of {counted(rows, 'event row')}: their log files are not kept"
    if omitted:
        yield f"{counted(omitted, 'more event is', 'more events are')} counted and not listed; {ROW_LIMIT} rows are"
    source = notable["source"]
    if kept.read != source["log_files"] or kept.records != source["records"]:
        yield (
            f"that no other record is of note: {counted(source['records'], 'record')} of "
            f"{counted(source['log_files'], 'log file')} read, and {kept.read} with {kept.records} are kept"
        )


def _name(row: Mapping[str, Any]) -> tuple[str, ...]:
    """What makes a row unique, but for what may have been taken out of it."""
    return tuple(str(row[name]) for name in ("kind", "account", "region", "event_time", "event_id", "event_name"))


def _words(row: Mapping[str, Any]) -> str:
    return f"{str(row['event_time'])[:40]} {str(row['event_name'])[:80]} ({str(row['event_id'])[:64]})"


def _same(was: object, now: object) -> bool:
    """Tell whether a recorded value is another one, as far as redaction left of it."""
    if was == now:
        return True
    if not isinstance(was, str) or not isinstance(now, str) or not _MARK.search(was):
        return False
    parts = [re.escape(part) for part in _MARK.split(was)]
    return re.fullmatch(".+".join(parts), now, re.DOTALL) is not None
