"""Tables of spreadsheets (.xlsx): the values as they were last computed; formulas never run."""

from __future__ import annotations

import datetime as dt
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from xml.etree import ElementTree as ET

from appliance.core import FormatError
from appliance.formats.guard import reading

__all__ = ["sheet_names", "sheet_rows"]

_MOST_BYTES = 1 << 30
_MOST_COLUMNS = 16384
_DATES = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))
_TIME_LETTERS = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.|(?P<letter>[ymdhs])', re.IGNORECASE)
_CELL = re.compile(r"([A-Z]{1,3})\d+")
_OLE = b"\xd0\xcf\x11\xe0"


def sheet_names(path: Path) -> list[str]:
    """Name the sheets of a workbook in its order, hidden ones left out.

    Raises
    ------
    FormatError
        If it is damaged, protected or no workbook.
    """
    with reading(path, "spreadsheet"), _opened(path) as book:
        return [name for name, _ in _sheets(book)]


def sheet_rows(path: Path, sheet: int = 0) -> Iterator[list[str]]:
    """Give the rows of a sheet that hold something, from left to right, as text.

    Parameters
    ----------
    path : Path
    sheet : int
        Which of `sheet_names`.

    Yields
    ------
    list of str
        Numbers with a point, dates as ISO text, ``true`` and ``false``; nothing for errors.

    Raises
    ------
    FormatError
        As `sheet_names`, or if there is no such sheet.
    """
    with reading(path, "spreadsheet"), _opened(path) as book:
        found = _sheets(book)
        if not 0 <= sheet < len(found):
            raise FormatError(f"{path.name} has no sheet {sheet + 1}")
        cells = _Cells(book)
        with _part(book, found[sheet][1]) as stream:
            for _, element in _elements(stream, "row"):
                row = cells.row(element)
                if any(row):
                    yield row
                element.clear()


def _opened(path: Path) -> zipfile.ZipFile:
    with path.open("rb") as stream:
        if stream.read(4) == _OLE:
            raise FormatError(
                f"{path.name} is protected by a password, or an old .xls",
                hint="Save it as .xlsx without a password, or as CSV.",
            )
    book = zipfile.ZipFile(path)
    if sum(entry.file_size for entry in book.infolist()) > _MOST_BYTES:
        book.close()
        raise FormatError(f"{path.name} needs more than 1 GB", hint="Save the sheet as CSV.")
    return book


def _part(book: zipfile.ZipFile, name: str) -> IO[bytes]:
    return book.open(name.removeprefix("/"))


def _elements(stream: IO[bytes], *names: str) -> Iterator[tuple[str, ET.Element]]:
    """Give whole elements by the names they have without their namespace."""
    if b"<!DOCTYPE" in stream.read(4096):
        raise FormatError("the spreadsheet declares a document type", hint="It is not opened.")
    stream.seek(0)
    for _, element in ET.iterparse(stream):  # noqa: S314 - bounded, and without declarations
        name = _bare(element.tag)
        if name in names:
            yield name, element


def _bare(tag: str) -> str:
    return tag.rpartition("}")[2]


def _sheets(book: zipfile.ZipFile) -> list[tuple[str, str]]:
    """Names and places of the sheets that are not hidden."""
    with _part(book, "xl/_rels/workbook.xml.rels") as stream:
        targets = {
            one.get("Id", ""): one.get("Target", "")
            for _, one in _elements(stream, "Relationship")
            if one.get("Type", "").endswith("/worksheet")
        }
    found = []
    with _part(book, "xl/workbook.xml") as stream:
        for _, one in _elements(stream, "sheet"):
            key = next((value for name, value in one.items() if _bare(name) == "id"), "")
            if key in targets and one.get("state", "visible") == "visible":
                target = targets[key]
                place = target if target.startswith("/") else f"xl/{target}"
                found.append((one.get("name", ""), place))
    if not found:
        raise FormatError("the workbook has no sheet that can be seen")
    return found


class _Cells:
    """Texts, dates and the first day of a workbook, by which its cells are read."""

    def __init__(self, book: zipfile.ZipFile) -> None:
        names = set(book.namelist())
        self._texts = _texts(book) if "xl/sharedStrings.xml" in names else []
        self._dates = _date_styles(book) if "xl/styles.xml" in names else set()
        with _part(book, "xl/workbook.xml") as stream:
            late = [
                one.get("date1904") in ("1", "true") for _, one in _elements(stream, "workbookPr")
            ]
        self._first = dt.datetime(1904, 1, 1) if any(late) else dt.datetime(1899, 12, 30)  # noqa: DTZ001

    def row(self, element: ET.Element) -> list[str]:
        found: list[str] = []
        for cell in element:
            place = _CELL.match(cell.get("r", ""))
            at = _column(place[1]) if place else len(found)
            if not len(found) <= at < _MOST_COLUMNS:
                continue
            found += [""] * (at - len(found))
            found.append(self._text(cell))
        while found and not found[-1]:
            found.pop()
        return found

    def _text(self, cell: ET.Element) -> str:
        kind = cell.get("t", "n")
        if kind == "inlineStr":
            return "".join(_runs(cell))
        value = next((one.text or "" for one in cell if _bare(one.tag) == "v"), "")
        if kind == "s":
            return self._texts[int(value)] if value else ""
        if kind == "b":
            return "true" if value == "1" else "false"
        if kind == "e":
            return ""
        if kind == "n" and value and int(cell.get("s", 0)) in self._dates:
            return self._date(float(value))
        return _number(value) if kind == "n" else value

    def _date(self, days: float) -> str:
        """Write a day, or a day with its time; numbers below one are times of no day."""
        try:
            at = self._first + dt.timedelta(seconds=round(days * 86400))
        except OverflowError:
            return str(days)
        if 0 <= days < 1:
            return at.strftime("%H:%M:%S")
        return at.strftime("%Y-%m-%d" if days == int(days) else "%Y-%m-%d %H:%M:%S")


def _number(text: str) -> str:
    """A number as a spreadsheet shows it: files hold doubles in full, 1.1 as 1.1000000000000001."""
    return f"{float(text):.15g}" if len(text) > 16 and "E" not in text.upper() else text


def _column(letters: str) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - 64
    return number - 1


def _runs(element: ET.Element) -> Iterator[str]:
    """Give the parts of a text, without how they are pronounced."""
    for one in element:
        name = _bare(one.tag)
        if name == "t":
            yield one.text or ""
        elif name in ("r", "is"):
            yield from _runs(one)


def _texts(book: zipfile.ZipFile) -> list[str]:
    found = []
    with _part(book, "xl/sharedStrings.xml") as stream:
        for _, element in _elements(stream, "si"):
            found.append("".join(_runs(element)))
            element.clear()
    return found


def _date_styles(book: zipfile.ZipFile) -> set[int]:
    """Numbers of the styles that show a number as a date or time."""
    own: dict[int, bool] = {}
    styles: list[Any] = []
    with _part(book, "xl/styles.xml") as stream:
        for name, element in _elements(stream, "numFmt", "cellXfs"):
            if name == "numFmt":
                own[int(element.get("numFmtId", 0))] = _is_date(element.get("formatCode", ""))
            else:
                styles = [int(one.get("numFmtId", 0)) for one in element]
    return {at for at, number in enumerate(styles) if own.get(number, number in _DATES)}


def _is_date(code: str) -> bool:
    first = code.partition(";")[0]
    return any(found["letter"] for found in _TIME_LETTERS.finditer(first))
