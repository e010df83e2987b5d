"""The table of jobs as one sorted list: our own jobs, and the rows of other sources."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from appliance.catalog import Catalog, Page
from appliance.core import Invalid
from appliance.jobs.listing import count_rows, job_rows
from appliance.jobs.rows import SORTS, JobQuery, JobRow, Listing, Place, Placed

__all__ = ["OwnJobs", "merged_page"]

_BEFORE_ALL, _BEHIND_ALL = -1, 2**63 - 1  # no id of a row is either


class _Cursor(NamedTuple):
    """The last row of a page: rows of equal value stand in the order of their listings."""

    value: int | str
    listing: int
    id: int


class OwnJobs:
    """The jobs of the catalog as a listing."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def rows(self, query: JobQuery, after: Place | None) -> list[Placed]:
        """Give the jobs behind a place."""
        with self._catalog.read() as con:
            return job_rows(con, query, after)

    def count(self, query: JobQuery) -> int:
        """Count the jobs that fit."""
        with self._catalog.read() as con:
            return count_rows(con, query)


def merged_page(listings: Sequence[Listing], query: JobQuery) -> Page[JobRow]:
    """Give one page of several listings in one order; every row stands on exactly one page.

    Raises
    ------
    Invalid
        If the sort or the cursor is unknown.
    """
    if query.sort_name not in SORTS:
        raise Invalid(
            f"jobs cannot be sorted by {query.sort_name!r}", hint=f"Use {', '.join(SORTS)}."
        )
    cursor = _decode(query.after) if query.after else None
    found = [
        (_Cursor(one.place.value, n, one.place.id), one.row)
        for n, listing in enumerate(listings)
        for one in listing.rows(query, _start(cursor, n))
    ]
    found.sort(key=lambda pair: pair[0], reverse=query.descending)
    page = found[: query.limit]
    more = _encode(page[-1][0]) if len(found) > query.limit else None
    return Page([row for _, row in page], more, sum(one.count(query) for one in listings))


def _start(cursor: _Cursor | None, listing: int) -> Place | None:
    """Tell where a listing goes on: with which ids among the rows of the cursor's value.

    The order, up or down, is by value, then listing, then id.
    """
    if cursor is None:
        return None
    if listing == cursor.listing:
        return Place(cursor.value, cursor.id)
    return Place(cursor.value, _BEFORE_ALL if listing > cursor.listing else _BEHIND_ALL)


def _encode(cursor: _Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode()


def _decode(text: str) -> _Cursor:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text), type=_Cursor)
    except ValueError as error:
        raise Invalid("the cursor of the page is damaged", hint="Load the table again.") from error
