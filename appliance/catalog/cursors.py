"""Keyset pages: the order of a table, and the cursor that says where a page ended."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from appliance.catalog.rows import FileQuery, StudyQuery, SubjectQuery
from appliance.core import Invalid

__all__ = ["Found", "Order", "top"]

_MAX_LIMIT = 1000
_IDS = 2**31  # more than any id
_FITS = 2**32 - 2  # so large may a key be for both to fit 64 bits
_Query: TypeAlias = FileQuery | StudyQuery | SubjectQuery


class Found(NamedTuple):
    """One page as ids: in their order, with the cursor of the next page and how many match."""

    ids: list[int]
    next: str | None
    total: int


@dataclass(frozen=True)
class Order:
    """What to sort by, which way, after which (value, id) to begin, and how many rows to give.

    `column` is the sort's SQL expression.
    """

    name: str
    column: str
    descending: bool
    after: tuple[Any, int] | None
    n: int

    @classmethod
    def parse(cls, query: _Query, allowed: Mapping[str, str]) -> Self:
        """Read the ``sort``, ``after`` and ``limit`` of a query.

        Raises
        ------
        Invalid
            If the name is not allowed, or the cursor is damaged.
        """
        name = query.sort.removeprefix("-")
        if name not in allowed:
            raise Invalid(f"cannot sort by {name!r}", hint=f"Use one of {', '.join(allowed)}.")
        after = _decode(query.after) if query.after else None
        n = max(1, min(query.limit, _MAX_LIMIT))
        return cls(name, allowed[name], query.sort.startswith("-"), after, n)

    def sql(self, id_column: str) -> tuple[str, list[Any], str]:
        """Give a condition with its values, and the ORDER BY clause."""
        column = self.column
        word = "DESC" if self.descending else "ASC"
        clause = f"{column} {word}, {id_column} {word}"
        if self.after is None:
            return "1", [], clause
        sign = "<" if self.descending else ">"
        return f"({column}, {id_column}) {sign} (?, ?)", list(self.after), clause

    @staticmethod
    def cursor(value: Any, row_id: int) -> str:
        """Write the cursor of a row."""
        text = json.dumps([value, row_id])
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def top(
    keys: NDArray[Any],
    ids: NDArray[Any],
    n: int,
    *,
    descending: bool = False,
    after: tuple[Any, int] | None = None,
) -> NDArray[np.int64]:
    """Give the places of the first `n` rows by (key, id).

    Parameters
    ----------
    keys, ids : NDArray
        Numbers, one a row.
    after : (key, id), optional
        Only what comes after.

    Notes
    -----
    O(rows), and a sort of `n` of them.
    """
    if descending:  # the smallest of the negatives; no number here is the least of its type
        keys, ids = -keys, -ids
        after = (-after[0], -after[1]) if after else None
    places = None
    if after is not None:
        places = np.flatnonzero((keys > after[0]) | ((keys == after[0]) & (ids > after[1])))
        keys, ids = keys[places], ids[places]
    if len(keys) > n:
        nearest = _nearest(keys, ids, n)
        keys, ids = keys[nearest], ids[nearest]
        places = nearest if places is None else places[nearest]
    order = np.lexsort((ids, keys))
    return order if places is None else places[order]


def _nearest(keys: NDArray[Any], ids: NDArray[Any], n: int) -> NDArray[np.int64]:
    """Give the places of the first `n` rows, in no order; `ids` part those of the last key."""
    low = keys.min()
    if keys.dtype.kind != "f" and keys.max() - low < _FITS:  # one number for both: none ties
        both = (keys.astype(np.int64) - int(low)) * _IDS + ids
        return np.flatnonzero(both <= np.partition(both, n - 1)[n - 1])
    last = np.partition(keys, n - 1)[n - 1]
    before, ties = np.flatnonzero(keys < last), np.flatnonzero(keys == last)
    wanted = n - len(before)
    if wanted < len(ties):
        limit = np.partition(ids[ties], wanted - 1)[wanted - 1]
        ties = ties[ids[ties] <= limit]
    return np.concatenate([before, ties])


def _decode(cursor: str) -> tuple[Any, int]:
    try:
        value = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if isinstance(value, list) and len(value) == 2 and isinstance(value[1], int):
            return value[0], value[1]
    except ValueError:
        pass
    raise Invalid("the page cursor is damaged", hint="Start again from the first page.")
