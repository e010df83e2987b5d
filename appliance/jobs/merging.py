"""The table of jobs as one sorted list: our own jobs, and the rows of other sources."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from appliance.catalog import Catalog, Page
from appliance.core import Invalid
from appliance.jobs.pages import count_rows, job_rows, places
from appliance.jobs.rows import SORTS, JobQuery, JobRow, Listing, Place, Placed

__all__ = ["OwnJobs", "Ranked", "merged_page"]

_BEFORE_ALL, _BEHIND_ALL = -1, 2**63 - 1  # no id of a row is either


class _Cursor(NamedTuple):
    """The last row of a page: rows of equal value stand in the order of their listings."""

    value: int | str
    listing: int
    id: int


class Ranked(Listing, Protocol):
    """A long listing that knows which row has which number."""

    def places(self, query: JobQuery, start: int, count: int) -> list[Place]:
        """Give the places of some rows from the one with number `start`, counted from 0, on."""


class OwnJobs:
    """The jobs of the catalog as a listing."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def rows(self, query: JobQuery, after: Place | None) -> list[Placed]:
        """Give the jobs behind a place."""
        with self._catalog.read() as con:
            return job_rows(con, query, after)

    def places(self, query: JobQuery, start: int, count: int) -> list[Place]:
        """Give the places of some jobs."""
        with self._catalog.read() as con:
            return places(con, query, start, count)

    def count(self, query: JobQuery) -> int:
        """Count the jobs that fit."""
        with self._catalog.read() as con:
            return count_rows(con, query)


def merged_page(own: Ranked, others: Sequence[Listing], query: JobQuery) -> Page[JobRow]:
    """Give one page of several listings in one order; every row stands on exactly one page.

    Parameters
    ----------
    own : Ranked
        The long one.
    others : sequence of Listing
        Those of which all rows may be looked through.

    Raises
    ------
    Invalid
        If the sort or the cursor is unknown, or the query has a cursor and an offset.
    """
    if query.sort_name not in SORTS:
        raise Invalid(
            f"jobs cannot be sorted by {query.sort_name!r}", hint=f"Use {', '.join(SORTS)}."
        )
    if query.after and query.offset:
        raise Invalid("a page begins behind a row or at a number, not both")
    listings = (own, *others)
    counts = [one.count(query) for one in listings]
    if query.offset:
        cursor = _behind(own, others, query, counts)
    else:
        cursor = _decode(query.after) if query.after else None
    found = [pair for n, one in enumerate(listings) for pair in _from(one, n, query, cursor)]
    found.sort(key=lambda pair: pair[0], reverse=query.descending)
    page = found[: query.limit]
    more = _encode(page[-1][0]) if len(found) > query.limit else None
    return Page([row for _, row in page], more, sum(counts))


def _from(
    listing: Listing, number: int, query: JobQuery, cursor: _Cursor | None
) -> list[tuple[_Cursor, JobRow]]:
    rows = listing.rows(query, _start(cursor, number))
    return [(_Cursor(one.place.value, number, one.place.id), one.row) for one in rows]


def _behind(
    own: Ranked, others: Sequence[Listing], query: JobQuery, counts: Sequence[int]
) -> _Cursor | None:
    """Find the row before the one with the number that a page begins at.

    Of the long listing only those rows are looked at that may have this number among all: as many
    before it as the others have rows.
    """
    last = min(query.offset, sum(counts)) - 1
    few = sum(counts[1:])
    skipped = max(0, last - few)
    window = own.places(query, skipped, last + 1 - skipped)
    marks = [_Cursor(place.value, 0, place.id) for place in window]
    for number, listing in enumerate(others, 1):
        if counts[number]:
            whole = msgspec.structs.replace(query, limit=counts[number], after=None, offset=0)
            marks += [mark for mark, _ in _from(listing, number, whole, None)]
    marks.sort(reverse=query.descending)
    at = min(last - skipped, len(marks) - 1)  # rows may have gone since they were counted
    return marks[at] if at >= 0 else None


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
