"""Rows on the terminal: in columns for people, as JSON or CSV for programs."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Collection, Iterable, Sequence
from typing import Any

__all__ = ["show", "table", "write_csv"]

_RISKY = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run these


def show(columns: Sequence[str], rows: Iterable[Sequence[Any]], switches: Collection[str]) -> None:
    """Print rows.

    Parameters
    ----------
    columns : sequence of str
        Names for JSON and CSV; the columns for people have no header.
    rows : iterable of sequence
    switches : collection of str
        With ``json``: a list of objects; with ``csv``: a header and lines; else aligned columns.
    """
    if "json" in switches:
        print(json.dumps([dict(zip(columns, row, strict=True)) for row in rows], indent=1))
    elif "csv" in switches:
        write_csv([columns, *rows])
    else:
        table([_text(cell) for cell in row] for row in rows)


def table(rows: Iterable[Sequence[str]]) -> None:
    """Print rows in columns."""
    found = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*found, strict=True)]
    for row in found:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip())


def write_csv(rows: Iterable[Iterable[Any]]) -> None:
    """Print CSV (RFC 4180, lines end in LF); no cell is a formula to a spreadsheet."""
    csv.writer(sys.stdout, lineterminator="\n").writerows([_safe(c) for c in row] for row in rows)


def _safe(cell: Any) -> Any:
    if isinstance(cell, list):
        cell = _text(cell)
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_RISKY) else cell


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    return ",".join(map(str, cell)) if isinstance(cell, list | tuple) else str(cell)
