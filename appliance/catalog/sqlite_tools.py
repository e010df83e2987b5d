"""sqlite-utils, loaded without pandas, which it would only ask for one more type of column."""

from __future__ import annotations

from appliance.core import without

with without("pandas"):  # a third of the time in which the service starts
    from sqlite_utils import Database, Migrations

__all__ = ["Database", "Migrations"]
