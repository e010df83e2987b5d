"""Writes sheets.json: small workbooks and the rows that are in them, for Python and TypeScript."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from pathlib import Path
from typing import Any

__all__ = ["FILE", "workbook"]

FILE = Path(__file__).parent / "sheets.json"
_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_STYLES = f"""<styleSheet {_MAIN}><numFmts><numFmt numFmtId="170" formatCode="dd/mm/yyyy"/>
<numFmt numFmtId="171" formatCode="0.0&quot; days&quot;"/></numFmts>
<cellStyleXfs><xf numFmtId="14"/>
</cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="170"/>
<xf numFmtId="171"/>
<xf numFmtId="22"/><xf numFmtId="20"/></cellXfs></styleSheet>"""
_TEXTS = f"""<sst {_MAIN}><si><t>subject</t></si><si><r><t>in </t></r><r><t>parts</t></r>
<rPh sb="0" eb="1"><t>SPOKEN</t></rPh></si>
<si><t xml:space="preserve"> ä, "quoted" </t></si></sst>"""

# Cells as they are written, and the rows that are read from them.
_PLAIN = """<row r="2"><c r="A2" t="s"><v>0</v></c><c r="B2" t="inlineStr"><is><t>age</t></is></c>
<c r="D2" t="str"><f>1+1</f><v>sum</v></c></row><row r="3"/>
<row r="5"><c r="A5" t="s"><v>1</v></c><c r="B5"><v>41.5</v></c>
<c r="D5"><f>B5*2</f><v>83</v></c></row>
<row r="6"><c r="A6" t="s"><v>2</v></c><c r="C6" t="b"><v>1</v></c>
<c r="D6" t="e"><v>#N/A</v></c></row>
<row r="7"><c t="inlineStr"><is><t>no place</t></is></c><c><v>7</v></c>
<c r="D7"><v>1.1000000000000001</v></c><c><v>-0.30000000000000004</v></c><c><v>1E-7</v></c></row>"""
_PLAIN_ROWS = [
    ["subject", "age", "", "sum"],
    ["in parts", "41.5", "", "83"],
    [' ä, "quoted" ', "", "true"],
    ["no place", "7", "", "1.1", "-0.3", "1E-7"],
]
_DATES = """<row r="1"><c r="A1" s="1"><v>45292</v></c><c r="B1" s="2"><v>45292.5</v></c>
<c r="C1" s="3"><v>3</v></c><c r="D1" s="4"><v>45292.75</v></c><c r="E1" s="5"><v>0.25</v></c>
<c r="AA1"><v>45292</v></c></row>"""
_DATE_ROWS = [
    [
        "2024-01-01",
        "2024-01-01 12:00:00",
        "3",
        "2024-01-01 18:00:00",
        "06:00:00",
        *[""] * 21,
        "45292",
    ]
]


def workbook(sheets: list[tuple[str, str, str]], *, first: str = "") -> bytes:
    """A workbook of sheets: name, state, cells."""
    entries = "".join(
        f'<sheet name="{name}" sheetId="{n}" state="{state}" r:id="rId{n}"/>'
        for n, (name, state, _) in enumerate(sheets, 1)
    )
    links = "".join(
        f'<Relationship Id="rId{n}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, len(sheets) + 1)
    )
    parts = {
        "[Content_Types].xml": "<Types/>",
        "xl/workbook.xml": f'<workbook {_MAIN} xmlns:r="{_OFFICE}">'
        f"<workbookPr {first}/><sheets>{entries}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f"<Relationships>{links}</Relationships>",
        "xl/styles.xml": _STYLES,
        "xl/sharedStrings.xml": _TEXTS,
    }
    for n, (_, _, cells) in enumerate(sheets, 1):
        parts[f"xl/worksheets/sheet{n}.xml"] = (
            f"<worksheet {_MAIN}><sheetData>{cells}</sheetData></worksheet>"
        )
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, f'<?xml version="1.0" encoding="UTF-8"?>{text}')
    return stream.getvalue()


def _case(name: str, rows: Any, data: bytes, names: list[str]) -> dict[str, Any]:
    return {"name": name, "rows": rows, "names": names, "data": base64.b64encode(data).decode()}


def main() -> None:
    """Write the file."""
    both = [("hidden", "hidden", _DATES), ("Scores", "visible", _PLAIN), ("b", "visible", _DATES)]
    dates = [("Dates", "visible", _DATES)]
    early = [[*_DATE_ROWS[0]]]
    early[0][:4] = ["2028-01-02", "2028-01-02 12:00:00", "3", "2028-01-02 18:00:00"]
    cases = [
        _case("texts and formulas", _PLAIN_ROWS, workbook(both), ["Scores", "b"]),
        _case("dates", _DATE_ROWS, workbook(dates), ["Dates"]),
        _case("dates from 1904", early, workbook(dates, first='date1904="1"'), ["Dates"]),
    ]
    FILE.write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
