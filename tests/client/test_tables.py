"""The table of the client: numbers as numbers, text as text, rows by name."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.client import Table
from appliance.core import Invalid


def test_numbers_of_csv_become_numbers_and_codes_stay_text():
    found = Table.from_csv("id,n,x,code\n007,3,-1.5e3,1_000\nnan,0,0.5,\n")
    assert found.rows == [["007", 3, -1500.0, "1_000"], ["nan", 0, 0.5, None]]
    assert found["n"] == [3, 0]
    assert found.records()[1] == {"id": "nan", "n": 0, "x": 0.5, "code": None}
    assert len(found) == 2


def test_rows_that_are_too_short_or_too_long_fit_their_header():
    assert Table.from_csv("a,b\n1\n1,2,3\n").rows == [[1, None], [1, 2]]
    assert Table.from_csv("").columns == []


def test_records_may_have_different_keys():
    found = Table.from_records([{"a": 1}, {"b": "x", "a": 2}])
    assert found == Table(["a", "b"], [[1, None], [2, "x"]])


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x00"), min_size=1)


@given(st.lists(st.lists(text, min_size=2, max_size=2), max_size=5))
def test_what_is_written_csv_reads_back(rows):
    written = Table(["a", "b"], rows).to_csv()
    assert list(csv.reader(io.StringIO(written, newline=""))) == [["a", "b"], *rows]


def test_a_notebook_shows_names_as_text_never_as_html():
    shown = Table(["<b>"], [["<script>"]] * 60)._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "and 10 more rows" in shown


def test_a_data_frame_needs_pandas():
    try:
        import pandas as pd  # noqa: F401
    except ImportError:
        with pytest.raises(Invalid, match="pandas"):
            Table(["a"], [[1]]).to_pandas()
    else:
        assert list(Table(["a"], [[1]]).to_pandas()["a"]) == [1]
