"""The values of questions about metadata and of their answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

__all__ = [
    "Histogram",
    "MetaFilter",
    "MetaKey",
    "MetaQuery",
    "MetaTable",
    "MetaValue",
    "Op",
    "Point",
    "Points",
]

Op = Literal["=", "!=", "<", "<=", ">", ">=", "contains", "exists", "missing"]


class MetaFilter(msgspec.Struct, frozen=True):
    """A condition on one column; numbers are compared as numbers, all else as text."""

    key: str
    op: Op = "exists"
    value: str | float | bool | None = None


class MetaQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which columns and which rows.

    Attributes
    ----------
    columns : sequence of str
        Names, or patterns in which ``*`` stands for any characters; empty: all.
    filters : sequence of MetaFilter
        All must hold.
    per : {"study", "file"}
        What a row is. A study that holds two files of one name has a row for each.
    files : sequence of int, optional
        Ids of the JSON files to look at; minus a study's id stands for its ``nodeinfo.json``.
    keep_empty : bool
        Whether rows without any value in the columns are given too.
    sort : str
        ``subject``, or a column; a minus before it sorts downwards.
    """

    columns: Sequence[str] = ()
    filters: Sequence[MetaFilter] = ()
    per: Literal["study", "file"] = "study"
    files: Sequence[int] | None = None
    keep_empty: bool = False
    sort: str = "subject"


class MetaKey(msgspec.Struct, frozen=True):
    """A column that could be chosen.

    Attributes
    ----------
    name : str
    n_documents : int
        In how many JSON files it is.
    n_numbers : int
        How many of its values are numbers.
    low, high : float or None
        Range of the numbers.
    """

    name: str
    n_documents: int
    n_numbers: int
    low: float | None
    high: float | None


class MetaValue(msgspec.Struct, frozen=True):
    """A value of a column with how many rows have it."""

    value: str | None
    n: int


class MetaTable(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of the table: the study they belong to, and a cell for each column.

    Attributes
    ----------
    columns : list of str
        What the patterns of the question stood for.
    rows : list of list
        Study id, subject, study, file (None when there is a row per study), then the cells.
    total : int
        How many rows there are in all.
    """

    columns: list[str]
    rows: list[list[Any]]
    total: int


class Histogram(msgspec.Struct, frozen=True, kw_only=True):
    """How the values of a column are spread over rows.

    Attributes
    ----------
    edges : list of float
        Of the bins; empty when the column holds text.
    counts : list of int
        Rows in each bin.
    values : list of MetaValue
        The most frequent values, when the column holds text.
    n : int
        Rows with a value.
    mean, sd, low, q25, median, q75, high : float or None
        Of the numbers; `sd` with n - 1.
    """

    edges: list[float]
    counts: list[int]
    values: list[MetaValue]
    n: int
    mean: float | None = None
    sd: float | None = None
    low: float | None = None
    q25: float | None = None
    median: float | None = None
    q75: float | None = None
    high: float | None = None


class Point(msgspec.Struct, frozen=True, array_like=True):
    """A row as a point of a plot."""

    x: float
    y: float
    group: str | None
    study_id: int
    psid: str


class Points(msgspec.Struct, frozen=True, kw_only=True):
    """Two columns against each other.

    Attributes
    ----------
    points : list of Point
        All, or a regular sample of them.
    n : int
        Rows with both numbers.
    r, slope, intercept : float or None
        Pearson's correlation and the regression line of y on x, over all rows.
    """

    points: list[Point]
    n: int
    r: float | None = None
    slope: float | None = None
    intercept: float | None = None
