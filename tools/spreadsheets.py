"""Has LibreOffice open our tables: what it makes of CSV and XLSX has to be what they say, and no formula.

CSV is read with commas as in English and in German, and as if it had semicolons or tabs, numbers and dates taken for
such; XLSX as it is, and printed. A profile of its own keeps the user's settings out. How it looks, people say.
"""

import csv
import io
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from pathlib import Path

import openpyxl

OFFICE = "soffice"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"

_READINGS = {"comma": (44, 1033), "comma in German": (44, 1031), "semicolon": (59, 1031), "tab": (9, 1033)}
"""How a file is read -> what separates its cells, and the language that numbers and dates are written in."""
_FILTER = "CSV:{separator},34,76,1,,{language},false,true,false"
"""Quoted by ", UTF-8, from the first line, quoted cells no text by that, numbers and dates taken for such."""

_FLAT = "fods"
_MOST = 5
_TOO_NARROW = "###"
"""What is printed for a number that does not fit into its column."""

Cell = tuple[str, str]
"""What kind of value a cell has, or "formula", and what it shows."""


def judge(files: Sequence[Path], folder: Path) -> list[str]:
    """Return what LibreOffice reads differently, one line each, and say of each file whether it conforms.

    Args:
        files: CSV and XLSX, each with a name of its own.
        folder: takes what is made of them.
    """
    tables = [file for file in files if file.suffix == ".csv"]
    books = [file for file in files if file.suffix == ".xlsx"]
    found: dict[Path, list[str]] = {file: [] for file in files}
    for name, (separator, language) in _READINGS.items():
        for file, made in _convert(tables, folder, name, _FLAT, _FILTER.format(separator=separator, language=language)):
            found[file] += (f"{file.name}, read with a {name}: {words}" for words in _csv(file, made, name))
    for file, made in _convert(books, folder, "workbook", _FLAT):
        found[file] += (f"{file.name}, {words}" for words in _workbook(file, made))
    for file, made in _convert(books, folder, "printed", "pdf"):
        found[file] += (f"{file.name}: {words}" for words in _printed(made))
    for file, lines in found.items():
        print(f"LibreOffice: {'conforms' if not lines else 'DOES NOT CONFORM'}: {file.name}")
        for line in lines[:_MOST]:
            print(line)
    return [line for lines in found.values() for line in lines]


def _csv(file: Path, made: Path, name: str) -> Iterator[str]:
    ((_, got),) = _sheets(made)
    yield from formulas(got)
    if name.startswith("comma"):
        yield from differences(list(csv.reader(io.StringIO(file.read_bytes().decode("utf-8-sig"), newline=""))), got)


def _workbook(file: Path, made: Path) -> Iterator[str]:
    got, wanted = dict(_sheets(made)), dict(_written(file))
    if list(got) != list(wanted):
        yield f"sheets {list(got)} instead of {list(wanted)}"
    for name, rows in wanted.items():
        yield from (f"{name}: {words}" for words in formulas(got.get(name, [])))
        yield from (f"{name}: {words}" for words in differences(rows, got.get(name, []), typed=True))


def _printed(made: Path) -> Iterator[str]:
    text = subprocess.run(["pdftotext", "-layout", str(made), "-"], check=True, capture_output=True, text=True).stdout
    if _TOO_NARROW in text:
        yield "a column is too narrow for its numbers"


def formulas(rows: Sequence[Sequence[Cell]]) -> Iterator[str]:
    """Yield the cells that calculate."""
    for row, cells in enumerate(rows, start=1):
        for column, (kind, text) in enumerate(cells, start=1):
            if kind == "formula":
                yield f"row {row}, column {column} is a formula: {text[:80]!r}"


def differences(
    wanted: Sequence[Sequence[str]], got: Sequence[Sequence[Cell]], *, typed: bool = False
) -> Iterator[str]:
    """Yield the cells that show something else than was written.

    Args:
        wanted: what was written.
        got: what is shown; further empty rows and cells do not matter.
        typed: text has to be text; without it, "true" may become a truth value, and digits a number that looks alike.
    """
    heads = wanted[0] if wanted else ()
    for row, cells in enumerate(wanted):
        shown = [*(got[row] if row < len(got) else ()), *[("", "")] * len(cells)]
        for column, (text, (kind, read)) in enumerate(zip(cells, shown, strict=False)):
            place = f"row {row + 1}, {heads[column] if column < len(heads) else column}"
            plain = text.replace("\r\n", "\n").replace("\r", "\n")
            if read != plain and kind != "boolean":
                yield f"{place}: {read[:80]!r} instead of {plain[:80]!r}"
            elif typed and plain and kind != "string" and not _counted(plain):
                yield f"{place}: {plain[:80]!r} is a {kind}"


def _counted(text: str) -> bool:
    """Say whether text may be a number of a workbook: counts are, account ids are not."""
    return text.isdigit() and len(text) < len("111122223333")


def _convert(
    files: Sequence[Path], folder: Path, name: str, kind: str, reading: str = ""
) -> Iterator[tuple[Path, Path]]:
    """Let LibreOffice convert files in one go, and yield each with what was made of it.

    Raises:
        RuntimeError: nothing was made of a file.
    """
    if not files:
        return
    place = folder / "office" / name.replace(" ", "-")
    profile = f"-env:UserInstallation={(folder / 'office' / 'profile').resolve().as_uri()}"
    how = [f"--infilter={reading}"] if reading else []
    command = [OFFICE, profile, "--headless", "--norestore", "--convert-to", kind, *how, "--outdir", str(place)]
    answer = subprocess.run([*command, *map(str, files)], check=False, capture_output=True, text=True, timeout=900)
    for file in files:
        made = place / f"{file.stem}.{kind}"
        if not made.is_file():
            raise RuntimeError(f"LibreOffice made nothing of {file.name}: {(answer.stdout + answer.stderr)[:500]}")
        yield file, made


def _sheets(file: Path) -> Iterator[tuple[str, list[list[Cell]]]]:
    """Yield name and cells of each sheet of a flat OpenDocument file."""
    for table in ET.parse(file).getroot().iter(f"{_TABLE}table"):  # noqa: S314 - written by LibreOffice just now
        yield table.get(f"{_TABLE}name", ""), [list(_cells(row)) for row in _rows(table)]


def _rows(table: ET.Element) -> Iterator[ET.Element]:
    for row in table.iter(f"{_TABLE}table-row"):
        for _ in range(min(int(row.get(f"{_TABLE}number-rows-repeated", "1")), 1000)):
            yield row


def _cells(row: ET.Element) -> Iterator[Cell]:
    for cell in row:
        kind = "formula" if cell.get(f"{_TABLE}formula") else cell.get(f"{_OFFICE}value-type", "")
        shown = "\n".join(_text(part) for part in cell.findall(f"{_TEXT}p"))
        for _ in range(min(int(cell.get(f"{_TABLE}number-columns-repeated", "1")), 100)):
            yield kind, shown


def _text(part: ET.Element) -> str:
    """Return the text of a paragraph, with the blanks that OpenDocument counts."""
    found = part.text or ""
    for inner in part:
        if inner.tag == f"{_TEXT}s":
            found += " " * int(inner.get(f"{_TEXT}c", "1"))
        else:
            found += {f"{_TEXT}tab": "\t", f"{_TEXT}line-break": "\n"}.get(inner.tag) or _text(inner)
        found += inner.tail or ""
    return found


def _written(file: Path) -> Iterator[tuple[str, list[list[str]]]]:
    """Yield name and texts of each sheet of a workbook, as another reader has them."""
    book = openpyxl.load_workbook(file, read_only=True)
    for sheet in book:
        yield sheet.title, [["" if cell is None else str(cell) for cell in row] for row in sheet.values]
