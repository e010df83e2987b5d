"""Keyset pages: the order of a table, and the cursor that says where a page ended."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self, TypeAlias

from appliance.catalog.rows import FileQuery, StudyQuery, SubjectQuery
from appliance.core import Invalid

__all__ = ["Found", "Order"]

_MAX_LIMIT = 1000
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


def _decode(cursor: str) -> tuple[Any, int]:
    try:
        value = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if isinstance(value, list) and len(value) == 2 and isinstance(value[1], int):
            return value[0], value[1]
    except ValueError:
        pass
    raise Invalid("the page cursor is damaged", hint="Start again from the first page.")
