"""What a read view has in memory: the postings of a running service, or nothing."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from appliance.catalog.store import Reader

if TYPE_CHECKING:
    from appliance.catalog.evaluate import View
    from appliance.catalog.postings import Postings

__all__ = ["postings_of", "view_of"]


def postings_of(con: sqlite3.Connection) -> Postings | None:
    """Give the postings of a service's connection, None where SQL has to answer.

    They hold every change committed before the first question of a read view; all further
    questions in it are answered from the same state.
    """
    if not isinstance(con, Reader) or con.keeper is None:
        return None
    if con.postings is None:
        con.postings = con.keeper.state()
    return con.postings


def view_of(con: sqlite3.Connection) -> View | None:
    """Give what filters are evaluated on, None where SQL has to answer."""
    postings = postings_of(con)
    if postings is None or not isinstance(con, Reader) or con.keeper is None:
        return None
    from appliance.catalog.evaluate import View

    return View(con, postings, con.keeper.paths)
