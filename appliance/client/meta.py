"""Calls about metadata: columns, tables, files to keep, and SQL over them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO
from urllib.parse import quote

import msgspec

from appliance.client.base import Base
from appliance.client.tables import Table

__all__ = ["MetaCalls", "MetaKey", "MetaPart"]

_ROWS = 2000


class MetaKey(msgspec.Struct, frozen=True):
    """A column that could be chosen: in how many files it is, and the range of its numbers."""

    name: str
    n_documents: int
    n_numbers: int
    low: float | None
    high: float | None


class _Keys(msgspec.Struct):
    items: list[MetaKey]


class MetaPart(msgspec.Struct, frozen=True):
    """Some rows: study id, subject, study, file, then a cell for each of `columns`."""

    columns: list[str]
    rows: list[list[Any]]
    total: int


class _Answer(msgspec.Struct):
    columns: list[dict[str, str]]
    rows: list[list[Any]]
    truncated: bool


class MetaCalls(Base):
    """What the client can ask about metadata of JSON files."""

    def meta_keys(self, project: str, search: str = "", *, limit: int = 5000) -> list[MetaKey]:
        """List the columns whose names hold all words of `search`."""
        params = {"search": search, "limit": limit}
        return self._get(f"{_of(project)}/meta/keys", _Keys, params).items

    def meta(
        self, project: str, columns: Sequence[str] = (), files: str = "", **more: Any
    ) -> Table:
        """Give metadata as a table with a row per study.

        Parameters
        ----------
        columns : sequence of str
            Names such as ``radio_t1.mask.volume``, or patterns with ``*``; empty: all.
        files : str
            File selector of the JSON files to look at; empty: all.
        **more
            ``filters``, ``studies``, ``per`` (``"study"`` or ``"file"``) and ``sort``.

        Examples
        --------
        >>> nora.meta("default", ["*.mask.volume", "nodeinfo.subject.sex"])  # doctest: +SKIP
        """
        rows: list[list[Any]] = []
        names: list[str] = []
        for part in self.meta_parts(project, columns, files, **more):
            names = ["subject", "study", "file", *part.columns]
            rows += [row[1:] for row in part.rows]
        return Table(names, rows)

    def meta_parts(
        self, project: str, columns: Sequence[str] = (), files: str = "", **more: Any
    ) -> Iterator[MetaPart]:
        """Give the rows of `meta` part by part."""
        asked = {**more, "columns": list(columns), "files": files, "limit": _ROWS}
        offset = 0
        while True:
            body = {**asked, "offset": offset}
            part: MetaPart = self._post(f"{_of(project)}/meta/table", MetaPart, body)
            yield part
            offset += len(part.rows)
            if not part.rows or offset >= part.total:
                return

    def export_meta(self, project: str, out: BinaryIO, **asked: Any) -> None:
        """Write metadata as CSV or Parquet to a stream.

        Parameters
        ----------
        **asked
            Those of `meta`, and ``format`` (``"csv"`` or ``"parquet"``), ``shape`` (``"wide"``,
            ``"tree"``, ``"sparse"`` or ``"long"``), ``german`` and ``newline``.
        """
        self._transport.fetch(f"{_of(project)}/meta/export", out, body=asked)

    def meta_sql(self, project: str, statement: str) -> Table:
        """Run one SELECT of DuckDB over the tables ``meta`` and ``studies`` of a project."""
        answer = self._post(f"{_of(project)}/sql", _Answer, {"sql": statement})
        return Table([column["name"] for column in answer.columns], answer.rows)


def _of(project: str) -> str:
    return f"/projects/{quote(project, safe='')}"
