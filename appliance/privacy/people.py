"""Looking at many identities at once; the part of the identity store that reads lists."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection

from appliance.privacy.identity import Identity
from appliance.privacy.keys import identity_of_row, shown

__all__ = ["People"]


class People:
    """Mixed into the store, which owns the connection."""

    _con: sqlite3.Connection
    _lock: threading.RLock

    def people(self, project_key: str, codes: Collection[str] | None = None) -> list[Identity]:
        """Give every identity, each spelling of it, behind some codes or all of a project.

        The caller keeps them to itself: they are for finding what would tell who somebody is.
        """
        with self._lock:
            rows = self._con.execute(
                "SELECT patient_id, issuer, name, birth_date, sex, code FROM identities"
                " WHERE project_key = ? ORDER BY id",
                (project_key,),
            ).fetchall()
        wanted = None if codes is None else set(codes)
        return [shown(identity_of_row(row)) for row in rows if wanted is None or row[5] in wanted]
