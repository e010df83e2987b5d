"""A table as notebooks like it: rows by name, and a data frame where pandas is installed."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import msgspec

from appliance.core import Invalid

__all__ = ["Table"]

_SHOWN = 50


class Table(msgspec.Struct, frozen=True):
    """Names of columns, and rows.

    Examples
    --------
    >>> table = Table(["pid", "n"], [["S-0001", 3]])
    >>> table.records()
    [{'pid': 'S-0001', 'n': 3}]
    >>> table["n"]
    [3]
    """

    columns: list[str]
    rows: list[list[Any]]

    @classmethod
    def from_records(cls, records: Sequence[Mapping[str, Any]]) -> Table:
        """Make a table of mappings; a column for every key that one of them has."""
        columns = list(dict.fromkeys(key for record in records for key in record))
        return cls(columns, [[record.get(name) for name in columns] for record in records])

    @classmethod
    def from_csv(cls, text: str, *, delimiter: str = ",") -> Table:
        """Read CSV; whole and decimal numbers become numbers, an empty cell None."""
        header, *rows = [*csv.reader(io.StringIO(text), delimiter=delimiter)] or [[]]
        return cls(header, [_fitted(row, len(header)) for row in rows if row])

    def to_csv(self, *, delimiter: str = ",") -> str:
        """Write CSV, lines ending in LF."""
        stream = io.StringIO()
        writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
        writer.writerows([self.columns, *self.rows])
        return stream.getvalue()

    def records(self) -> list[dict[str, Any]]:
        """Give each row as a mapping."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]

    def to_pandas(self) -> Any:
        """Give a data frame.

        Raises
        ------
        Invalid
            If pandas is not installed; the appliance does without it.
        """
        try:
            pandas = import_module("pandas")
        except ImportError as error:
            raise Invalid("pandas is not installed", hint="pip install pandas") from error
        return pandas.DataFrame(self.rows, columns=self.columns)

    def __getitem__(self, name: str) -> list[Any]:
        place = self.columns.index(name)
        return [row[place] for row in self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.columns)
        body = "".join(
            f"<tr>{''.join(f'<td>{html.escape(_text(cell))}</td>' for cell in row)}</tr>"
            for row in self.rows[:_SHOWN]
        )
        more = len(self.rows) - _SHOWN
        tail = f"<p>and {more} more rows</p>" if more > 0 else ""
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{tail}"


def _text(cell: Any) -> str:
    return "" if cell is None else str(cell)


def _fitted(row: list[str], n_columns: int) -> list[Any]:
    """Read the cells of a row; one that is too short is filled up, a longer one cut."""
    cells = [_value(cell) for cell in row[:n_columns]]
    return [*cells, *[None] * (n_columns - len(cells))]


def _value(cell: str) -> Any:
    for kind in (int, float):
        try:
            number = kind(cell)
        except ValueError:
            continue
        return number if _is_plain(cell) else cell
    return cell or None


def _is_plain(cell: str) -> bool:
    """Tell that a number would be written like this: not ``007``, ``1_000`` or ``inf``."""
    digits = cell.lstrip("-")
    return not cell.strip("0123456789.-+eE") and (digits[:1] != "0" or digits[1:2] in ("", "."))
