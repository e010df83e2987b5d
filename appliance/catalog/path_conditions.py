"""Patterns on paths as SQL conditions: on names as they are, and on templates study by study."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from appliance.catalog.posting_reads import templates_after
from appliance.catalog.template_match import Fit, fit_of
from appliance.catalog.wildcards import fold, likes

__all__ = ["Condition", "PathCondition", "teach_fold"]

Condition = tuple[str, list[Any]]

_LISTED = "(p.id IN (SELECT value FROM json_each(?)))"
_ASCII_FIRST = "CASE WHEN length({0}) = length(CAST({0} AS BLOB)) THEN {0} ELSE fold({0}) END"
_EXPANDED = "replace(replace(p.path_fold, char(1), {}), char(2), {})".format(
    _ASCII_FIRST.format("b.pid"), _ASCII_FIRST.format("{0}.sid")
)  # LIKE itself knows the case of ASCII


class PathCondition:
    """A pattern on paths.

    Attributes
    ----------
    sure : Condition
        Holds for a path ``p`` that fits in every study.
    open : str
        JSON list of the templates that fit in some studies, empty when there are none.
    """

    def __init__(self, con: sqlite3.Connection, pattern: str, *, anchored: bool) -> None:
        self._likes = likes(pattern, anchored=anchored)
        self.sure = self._like("p.path_fold")
        self.open = ""
        templates = templates_after(con, 0)
        if not templates:
            return
        fits = {i: fit_of(pattern, text, anchored=anchored) for i, text in templates.items()}
        sql, values = self.sure
        sure, some = ([i for i in fits if fits[i] is fit] for fit in (Fit.ALL, Fit.SOME))
        self.sure = f"({sql} AND NOT p.templated OR {_LISTED})", [*values, json.dumps(sure)]
        self.open = json.dumps(some) if some else ""

    def expanded(self, study: str) -> Condition:
        """Test the path in a study of this name, of a subject ``b``."""
        return self._like(_EXPANDED.format(study))

    def of_file(self) -> Condition:
        """Test a file ``f`` of a study ``s`` with its path ``p``."""
        sql, values = self.sure
        if not self.open:
            return sql, values
        check, more = self.expanded("s")
        # what asks only the path stands first, so that it is asked once for each path
        some = f"SELECT 1 FROM subjects b WHERE b.id = s.subject_id AND {check}"
        # what asks only the path stands first, so that it is asked once for each path
        sql = f"({sql} OR {_LISTED}) AND (NOT {_LISTED} OR EXISTS ({some}))"
        return sql, [*values, self.open, self.open, *more]

    def _like(self, text: str) -> Condition:
        sql = " OR ".join([f"{text} LIKE ? ESCAPE '\\'"] * len(self._likes))
        return (f"({sql})" if len(self._likes) > 1 else sql), list(self._likes)


def teach_fold(con: sqlite3.Connection) -> None:
    """Give the connection our `fold`, once; LIKE alone knows the case of ASCII only."""
    try:
        con.execute("SELECT fold('')").fetchone()
    except sqlite3.OperationalError:
        con.create_function("fold", 1, _fold, deterministic=True)


def _fold(text: str | None) -> str | None:
    return None if text is None else fold(text)
