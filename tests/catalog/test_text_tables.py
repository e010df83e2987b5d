"""Tables in text files: kinds of columns, odd files, sorting, filters, pages, samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from appliance.catalog import TablePage, TableWish, keep_table, read_table
from appliance.core import FormatError, Invalid

PEOPLE = "name,age,when,ok\nDoe,41,2024-01-02,true\nRoe,n/a,2024-02-03,false\nPoe,7,2024-03-04,\n"


def asked(tmp_path: Path, name: str, content: str | bytes, **wish: Any) -> TablePage:
    """Give the answer for a file with this content."""
    source = tmp_path / name
    source.write_bytes(content.encode() if isinstance(content, str) else content)
    kept = tmp_path / "kept.duckdb"
    keep_table(source, kept)
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted([name, "kept.duckdb"])
    return read_table(kept, TableWish(**wish))


def test_kinds_of_columns_are_recognised_and_na_is_missing(tmp_path: Path) -> None:
    page = asked(tmp_path, "people.csv", PEOPLE)
    assert [(c.name, c.kind) for c in page.columns] == [
        ("name", "text"),
        ("age", "number"),
        ("when", "time"),
        ("ok", "truth"),
    ]
    assert page.rows[:2] == [
        [1, "Doe", 41, "2024-01-02", True],
        [2, "Roe", None, "2024-02-03", False],
    ]
    assert (page.total, page.n_matching, page.note) == (3, 3, "")


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("semicolon.csv", "a;b\nx;1,5\ny;2,5\n", [[1, "x", 1.5], [2, "y", 2.5]]),
        ("tabs.tsv", "a\tb\nx, y\t1\n", [[1, "x, y", 1]]),
        ("latin.csv", "a,b\nK\xe4se,1\n".encode("latin-1"), [[1, "Käse", 1]]),
        ("a[1]*.csv", "a,b\nx,1\n", [[1, "x", 1]]),
        ("quotes.csv", 'a,b\n"x, ""y""",1\n', [[1, 'x, "y"', 1]]),
        ("huge.csv", "a,b\nx,12345678901234567890\n", [[1, "x", "12345678901234567890"]]),
        ("nan.csv", "a,b\nx,1.5\ny,inf\n", [[1, "x", 1.5], [2, "y", None]]),
        ("bom.csv", "\ufeffa,b\nx,1\n", [[1, "x", 1]]),
    ],
    ids=["semicolon", "tabs", "latin", "pattern", "quotes", "huge", "nan", "bom"],
)
def test_files_of_many_habits_are_read(
    tmp_path: Path, name: str, content: str | bytes, rows: list[list[Any]]
) -> None:
    page = asked(tmp_path, name, content)
    assert [column.name for column in page.columns] == ["a", "b"]
    assert page.rows == rows


def test_what_does_not_fit_its_column_is_kept_as_text_and_said(tmp_path: Path) -> None:
    page = asked(tmp_path, "late.csv", "x\n" + "1\n" * 60_000 + "oops\n", sort="-0", limit=1)
    assert (page.total, page.rows) == (60_001, [[60_001, "oops"]])
    assert "text" in page.note
    page = asked(tmp_path / "", "late.csv", "a,b\n1,2,3\n4,5\n")
    assert page.rows == [[1, "1", "2", "3"], [2, "4", "5", None]]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"PK\x03\x04\x00\x00 a spreadsheet"])
def test_what_is_no_table_says_so(tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "x.csv"
    source.write_bytes(content)
    with pytest.raises(FormatError, match=r"x\.csv"):
        keep_table(source, tmp_path / "kept.duckdb")
    assert not (tmp_path / "kept.duckdb").exists()


@pytest.mark.parametrize(
    ("wish", "names"),
    [
        ({"sort": "1"}, ["Poe", "Doe", "Roe"]),
        ({"sort": "-1"}, ["Doe", "Poe", "Roe"]),
        ({"where": ["1:>10"]}, ["Doe"]),
        ({"where": ["1:5..50"]}, ["Doe", "Poe"]),
        ({"where": ["1:7"]}, ["Poe"]),
        ({"where": ["1:!=7"]}, ["Doe"]),
        ({"where": ["1:empty"]}, ["Roe"]),
        ({"where": ["1:not empty", "0:OE"]}, ["Doe", "Poe"]),
        ({"where": ["0:=doe"]}, ["Doe"]),
        ({"where": ["2:2024-02"]}, ["Roe"]),
        ({"where": ['0:"; DROP TABLE t; --']}, []),
        ({"find": "oe 2024-03"}, ["Poe"]),
        ({"offset": 1, "limit": 1}, ["Roe"]),
    ],
)
def test_rows_are_sorted_filtered_and_paged(
    tmp_path: Path, wish: dict[str, Any], names: list[str]
) -> None:
    page = asked(tmp_path, "people.csv", PEOPLE, columns=[0], **wish)
    assert [row[1] for row in page.rows] == names
    assert page.shown == [0]
    if "offset" not in wish:
        assert page.n_matching == len(names)


def test_names_of_columns_may_hold_anything(tmp_path: Path) -> None:
    page = asked(tmp_path, "odd.csv", '"a ""b""; --",x\n1,2\n3,4\n', sort="-0", where=["0:>0"])
    assert page.columns[0].name == 'a "b"; --'
    assert [row[1] for row in page.rows] == [3, 1]


def test_a_sample_is_spread_over_all_that_fits(tmp_path: Path) -> None:
    content = "x\n" + "".join(f"{i}\n" for i in range(1000))
    page = asked(tmp_path, "long.csv", content, spread=True, limit=100, where=["0:>=500"])
    assert [row[1] for row in page.rows] == [*range(500, 1000, 5)]
    assert page.n_matching == 500


@pytest.mark.parametrize("wish", [{"sort": "9"}, {"columns": [4]}, {"where": ["x"]}, {"sort": "a"}])
def test_what_is_not_there_is_refused(tmp_path: Path, wish: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        asked(tmp_path, "people.csv", PEOPLE, **wish)
