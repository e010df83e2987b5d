"""Rows of the table as CSV text in four forms; pure functions over facts by level.

A row is a list of one to three mappings, for subject, study and file; each starts with its name.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

__all__ = ["FORMS", "NAMES", "Facts", "Row", "TextForm", "csv_text"]

Facts: TypeAlias = Mapping[str, Any]
Row: TypeAlias = Sequence[Facts]
NAMES = ("subject", "study", "file")
_RISKY = ("=", "+", "-", "@", "\t", "\r")
_BOM = "\ufeff"  # without it German spreadsheets read UTF-8 as Windows text


class TextForm:
    """How cells are written.

    Parameters
    ----------
    german : bool
        Semicolons between cells and decimal commas.
    """

    def __init__(self, *, german: bool = False) -> None:
        self.separator = ";" if german else ","
        self.start = _BOM if german else ""
        self._german = german

    def cell(self, value: Any) -> str:
        """Write one value; a text that a spreadsheet would run as a formula gets an apostrophe."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return "1" if value else "0"
        if isinstance(value, float):
            text = f"{value:.15g}"
            return text.replace(".", ",") if self._german else text
        if isinstance(value, (list, tuple)):
            return self.cell("/".join(map(str, value)))
        text = str(value)
        return f"'{text}" if isinstance(value, str) and text.startswith(_RISKY) else text


def csv_text(
    rows: Iterable[Row],
    columns: Sequence[str],
    form: str,
    text: TextForm,
    *,
    lines_per_chunk: int = 1000,
) -> Iterator[str]:
    """Write rows as CSV, RFC 4180.

    Parameters
    ----------
    rows : iterable of Row
        Grouped by subject and study.
    columns : sequence of str
        Names of the facts to write.
    form : {"wide", "sparse", "tree", "long"}
    text : TextForm

    Yields
    ------
    str
        Some lines at a time.
    """
    head, lines = FORMS[form](rows, columns)
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=text.separator, lineterminator="\r\n")
    buffer.write(text.start)
    writer.writerow(head)
    for n, line in enumerate(lines, 1):
        writer.writerow([text.cell(value) for value in line])
        if n % lines_per_chunk == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


_Lines: TypeAlias = tuple[Sequence[str], Iterator[Sequence[Any]]]


def _wide(rows: Iterable[Row], columns: Sequence[str]) -> _Lines:
    """A full line per row."""

    def lines() -> Iterator[Sequence[Any]]:
        for row in rows:
            merged = _merged(row)
            yield [merged.get(name) for name in columns]

    return columns, lines()


def _sparse(rows: Iterable[Row], columns: Sequence[str]) -> _Lines:
    """What belongs to the same subject or study as the line above is left out."""

    def lines() -> Iterator[Sequence[Any]]:
        before: Row = ()
        for row in rows:
            merged = _merged(row[_same(before, row) :])
            before = row
            yield [merged.get(name) for name in columns]

    return columns, lines()


def _tree(rows: Iterable[Row], columns: Sequence[str]) -> _Lines:
    """A line for each subject, study and file, below each other."""

    def lines() -> Iterator[Sequence[Any]]:
        for depth, row in _entities(rows):
            yield [NAMES[depth], *(row[depth].get(name) for name in columns)]

    return ["level", *columns], lines()


def _long(rows: Iterable[Row], columns: Sequence[str]) -> _Lines:
    """A line per value that is there."""

    def lines() -> Iterator[Sequence[Any]]:
        for depth, row in _entities(rows):
            path = [level[NAMES[i]] for i, level in enumerate(row[: depth + 1])]
            path += [None] * (len(NAMES) - len(path))
            for name in columns:
                value = row[depth].get(name)
                if name not in NAMES and value not in (None, "", []):
                    yield [*path, name, value]

    return [*NAMES, "name", "value"], lines()


FORMS: Mapping[str, Callable[[Iterable[Row], Sequence[str]], _Lines]] = {
    "wide": _wide,
    "sparse": _sparse,
    "tree": _tree,
    "long": _long,
}


def _merged(levels: Row) -> dict[str, Any]:
    return {name: value for level in levels for name, value in level.items()}


def _same(before: Row, row: Row) -> int:
    """How many levels, from the first, name the same things; the last always counts as new."""
    n = 0
    while n < min(len(before), len(row) - 1) and before[n][NAMES[n]] == row[n][NAMES[n]]:
        n += 1
    return n


def _entities(rows: Iterable[Row]) -> Iterator[tuple[int, Row]]:
    """Each subject, study and file once, with the row it comes in."""
    before: Row = ()
    for row in rows:
        for depth in range(_same(before, row), len(row)):
            yield depth, row
        before = row
