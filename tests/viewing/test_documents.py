"""Pictures and tables of a study as the browser gets them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from appliance.catalog import TableWish
from appliance.core import DataFolder, FormatError, Invalid, NotFound
from appliance.viewing import document_picture, picture_facts, table_page
from tests.vectors.make_sheets import workbook
from tests.viewing.test_display import row_of


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    return folder


def test_a_table_is_taken_once_and_again_when_it_has_changed(
    folder: DataFolder, tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a\n1\n")
    wish = TableWish()
    assert table_page(folder, row_of(path, "table"), path, wish).rows == [[1, 1]]
    kept = sorted(one.name for one in (folder.cache / "display").glob("*.duckdb"))
    assert len(kept) == 1
    path.write_text("a\n1\n2\n")
    assert len(table_page(folder, row_of(path, "table"), path, wish).rows) == 2
    assert len(list((folder.cache / "display").glob("*.duckdb"))) == 1


def test_E_01_the_first_sheet_of_a_workbook_is_a_table(folder: DataFolder, tmp_path: Path) -> None:
    cells = """<row><c t="inlineStr"><is><t>name</t></is></c>
        <c t="inlineStr"><is><t>age</t></is></c>
        </row><row><c t="inlineStr"><is><t>A, "B"</t></is></c><c><v>41</v></c></row>
        <row><c t="inlineStr"><is><t>C</t></is></c><c><f>40+2</f><v>42</v></c>
        <c><v>3</v></c></row>"""
    path = tmp_path / "x.xlsx"
    path.write_bytes(workbook([("One", "visible", cells), ("Two", "visible", "")]))
    page = table_page(folder, row_of(path, "table"), path, TableWish())
    assert [one.name for one in page.columns][:2] == ["name", "age"]
    assert page.columns[1].kind == "number"
    assert page.rows == [[1, 'A, "B"', 41, None], [2, "C", 42, 3]]
    assert page.sheets == ["One", "Two"]
    empty = table_page(folder, row_of(path, "table"), path, TableWish(sheet=1))
    assert (empty.columns, empty.rows, empty.sheets) == ([], [], ["One", "Two"])
    with pytest.raises(Invalid, match="no sheet 3"):
        table_page(folder, row_of(path, "table"), path, TableWish(sheet=2))


def test_E_01_each_sheet_of_a_workbook_is_a_table(folder: DataFolder, tmp_path: Path) -> None:
    def cells(*values: str) -> str:
        row = "<row><c t='inlineStr'><is><t>{}</t></is></c></row>"
        return "".join(row.format(value) for value in values)

    path = tmp_path / "x.xlsx"
    sheets = [("One", "visible", cells("a", "x")), ("Two", "visible", cells("b", "y", "z"))]
    path.write_bytes(workbook(sheets))
    row = row_of(path, "table")
    # One after the other, and the first one again.
    for sheet, (title, n) in ((0, ("a", 1)), (1, ("b", 2)), (0, ("a", 1))):
        page = table_page(folder, row, path, TableWish(sheet=sheet))
        assert ([one.name for one in page.columns], page.total) == ([title], n)


@pytest.mark.parametrize(("name", "says"), [("x.xlsx", "not a readable"), ("x.ods", "no table")])
def test_a_damaged_or_unknown_spreadsheet_says_so(
    folder: DataFolder, tmp_path: Path, name: str, says: str
) -> None:
    path = tmp_path / name
    path.write_bytes(b"PK")
    with pytest.raises(FormatError, match=says) as caught:
        table_page(folder, row_of(path, "table"), path, TableWish())
    assert caught.value.hint


def test_a_table_that_is_gone_is_not_found(folder: DataFolder, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a\n1\n")
    row = row_of(path, "table")
    path.unlink()
    with pytest.raises(NotFound):
        table_page(folder, row, path, TableWish())


@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.tif", "x.bmp", "x.gif"])
def test_pictures_of_every_kind_become_png(folder: DataFolder, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:, 15:] = (255, 0, 0)
    Image.fromarray(pixels).save(path)
    row = row_of(path, "document")
    assert (picture_facts(row, path).width, picture_facts(row, path).n_pages) == (30, 1)
    with Image.open(document_picture(folder, row, path)) as made:
        assert (made.format, made.size) == ("PNG", (30, 20))
        red = made.convert("RGB").getpixel((25, 10))
    assert red[0] > 240
    assert max(red[1:]) < 20


def test_a_tif_of_sixteen_bits_and_several_pages_is_shown_page_by_page(
    folder: DataFolder, tmp_path: Path
) -> None:
    path = tmp_path / "stack.tif"
    first = np.linspace(1000, 3000, 100).reshape(10, 10).astype(np.uint16)
    pages = [Image.fromarray(first), Image.fromarray(first[::-1].copy())]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    row = row_of(path, "document")
    assert picture_facts(row, path).n_pages == 2
    with Image.open(document_picture(folder, row, path, 0)) as made:
        assert made.getpixel((0, 0)) == 0
        assert made.getpixel((9, 9)) == 255
    with Image.open(document_picture(folder, row, path, 1)) as made:
        assert made.getpixel((9, 0)) == 255
    with pytest.raises(Invalid):
        document_picture(folder, row, path, 2)


def test_a_large_picture_is_sent_smaller(folder: DataFolder, tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    Image.new("L", (8192, 16)).save(path)
    row = row_of(path, "document")
    assert picture_facts(row, path).shown == (4096, 8)
    with Image.open(document_picture(folder, row, path)) as made:
        assert made.size == (4096, 8)


def test_a_picture_for_billions_of_pixels_is_refused_unread(
    folder: DataFolder, tmp_path: Path
) -> None:
    path = tmp_path / "bomb.bmp"
    Image.new("1", (8, 8)).save(path)
    raw = bytearray(path.read_bytes())
    raw[18:26] = (60_000).to_bytes(4, "little") * 2
    path.write_bytes(bytes(raw))
    with pytest.raises(FormatError, match="million"):
        document_picture(folder, row_of(path, "document"), path)


@pytest.mark.parametrize("name", ["cut.png", "not.png", "x.nii"])
def test_what_is_no_picture_says_so(folder: DataFolder, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    Image.effect_noise((64, 64), 80).save(path, format="PNG")
    if name == "cut.png":
        path.write_bytes(path.read_bytes()[:600])
    if name == "not.png":
        path.write_bytes(b"something else")
    with pytest.raises(FormatError):
        document_picture(folder, row_of(path, "document"), path)
    assert not list((folder.cache / "display").glob("*.png"))
