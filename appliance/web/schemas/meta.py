"""Questions about the metadata of a project, and SQL over it, as the API takes and gives them."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from appliance.catalog import MetaFilter, MetaKey, SqlColumn
from appliance.web.schemas.base import Input

__all__ = [
    "MetaExport",
    "MetaHistogramRequest",
    "MetaKeys",
    "MetaPointsRequest",
    "MetaQuestion",
    "MetaSqlRequest",
    "MetaSqlResult",
    "MetaTableRequest",
    "SqlRequest",
    "SqlResult",
]


class MetaQuestion(Input, frozen=True):
    """Which columns and which rows.

    Attributes
    ----------
    columns : list of str
        Names such as ``radio_t1.mask.volume``, or patterns with ``*``; empty: all.
    filters : list of MetaFilter
        All must hold.
    per : {"study", "file"}
        What a row is.
    files : str
        File selector of the JSON files to look at; empty: all.
    studies : list of str
        ``PID#SID`` or subject selectors; empty: all.
    sort : str
        ``subject``, ``study``, ``date`` or a column; a minus before it sorts downwards.
    """

    columns: list[str] = msgspec.field(default_factory=list)
    filters: list[MetaFilter] = msgspec.field(default_factory=list)
    per: Literal["study", "file"] = "study"
    files: str = ""
    studies: list[str] = msgspec.field(default_factory=list)
    sort: str = "subject"


class MetaTableRequest(MetaQuestion, frozen=True, kw_only=True):
    """Some rows of the table."""

    offset: int = 0
    limit: int = 200


class MetaHistogramRequest(MetaQuestion, frozen=True, kw_only=True):
    """How one column is spread over the rows."""

    key: str
    bins: int = 30


class MetaPointsRequest(MetaQuestion, frozen=True, kw_only=True):
    """Two columns against each other, coloured by a third."""

    x: str
    y: str
    group: str = ""


class MetaExport(MetaQuestion, frozen=True, kw_only=True):
    """The table as a file; `newline` ends the lines of CSV."""

    format: Literal["csv", "parquet"] = "csv"
    shape: Literal["wide", "tree", "sparse", "long"] = "wide"
    german: bool = False
    newline: Literal["\r\n", "\n"] = "\r\n"


class MetaKeys(msgspec.Struct, frozen=True, kw_only=True):
    """The columns there are.

    Attributes
    ----------
    items : list of MetaKey
        By name.
    total : int
        How many there are without the limit.
    n_documents : int
        JSON files that were read, with one made for each study.
    n_cut : int
        Files that hold more values than are kept.
    """

    items: list[MetaKey]
    total: int
    n_documents: int
    n_cut: int


class MetaSqlRequest(Input, frozen=True):
    """One SELECT over ``meta`` and ``studies`` of a project."""

    sql: str
    max_rows: int = 10_000
    seconds: float = 20.0


class MetaSqlResult(msgspec.Struct, frozen=True):
    """The answer to a statement; `truncated` when more rows would have followed."""

    columns: list[SqlColumn]
    rows: list[list[Any]]
    truncated: bool
    wall_s: float


class SqlRequest(Input, frozen=True):
    """One read-only statement on the catalog; `project` narrows NORA's own tables."""

    sql: str
    project: str | None = None


class SqlResult(msgspec.Struct, frozen=True):
    """The answer to a statement; `truncated` when more rows would have followed."""

    columns: list[str]
    rows: list[list[Any]]
    truncated: bool
