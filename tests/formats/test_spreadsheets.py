"""Sheets of workbooks: texts, dates, cached values of formulas, damaged and hostile files."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from appliance.core import FormatError
from appliance.formats import sheet_names, sheet_rows
from tests.vectors.make_sheets import FILE, workbook

CASES: list[dict[str, Any]] = json.loads(FILE.read_text())
ROW = '<row r="1"><c r="A1"><v>1</v></c></row>'


def book(tmp_path: Path, data: bytes) -> Path:
    """A workbook on the disk."""
    path = tmp_path / "book.xlsx"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_E_01_cells_are_read_as_they_are_shown(case: dict[str, Any], tmp_path: Path) -> None:
    path = book(tmp_path, base64.b64decode(case["data"]))
    assert sheet_names(path) == case["names"]
    assert list(sheet_rows(path)) == case["rows"]


def test_another_sheet_is_chosen_and_a_missing_one_refused(tmp_path: Path) -> None:
    path = book(tmp_path, base64.b64decode(CASES[0]["data"]))
    assert list(sheet_rows(path, 1)) == CASES[1]["rows"]
    with pytest.raises(FormatError, match="no sheet 3"):
        list(sheet_rows(path, 2))


def changed(data: bytes, name: str, content: bytes | None) -> bytes:
    """A workbook with one part replaced or left out."""
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as old,
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for entry in old.namelist():
            if entry != name:
                new.writestr(entry, old.read(entry))
            elif content is not None:
                new.writestr(entry, content)
    return stream.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"PK",
        b"",
        b"name;age\n",
        b"\xd0\xcf\x11\xe0" + bytes(600),
        workbook([("a", "visible", ROW)])[:-40],
        workbook([("a", "hidden", ROW)]),
        changed(workbook([("a", "visible", ROW)]), "xl/workbook.xml", None),
        changed(workbook([("a", "visible", ROW)]), "xl/worksheets/sheet1.xml", b"<worksheet><row>"),
        changed(
            workbook([("a", "visible", ROW)]),
            "xl/worksheets/sheet1.xml",
            b'<!DOCTYPE x [<!ENTITY a "aaaa">]><worksheet/>',
        ),
        workbook([("a", "visible", '<row><c t="s"><v>99</v></c></row>')]),
    ],
    ids=[
        "cut",
        "empty",
        "text",
        "protected",
        "no end",
        "all hidden",
        "no book",
        "bad sheet",
        "declares",
        "no such text",
    ],
)
def test_a_damaged_workbook_says_so(data: bytes, tmp_path: Path) -> None:
    path = book(tmp_path, data)
    with pytest.raises(FormatError) as caught:
        list(sheet_rows(path))
    assert str(caught.value)
