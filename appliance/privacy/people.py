"""Looking at many identities at once; the part of the identity store that reads lists."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager

from appliance.privacy.identity import Identity
from appliance.privacy.keys import identity_of_row, shown

__all__ = ["People"]


class People:
    """Mixed into the store, which owns the connection."""

    _con: sqlite3.Connection
    _lock: threading.RLock

    def _transaction(self) -> AbstractContextManager[None]:
        raise NotImplementedError

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

    def same_person(self, project_key: str, code: str) -> list[tuple[str, str]]:
        """Give project key and code of whoever has a PatientID of this subject elsewhere."""
        with self._lock:
            rows = self._con.execute(
                "SELECT DISTINCT o.project_key, o.code FROM identities i JOIN identities o"
                " ON o.patient_id = i.patient_id AND i.patient_id <> ''"
                " WHERE i.project_key = ? AND i.code = ? AND NOT"
                " (o.project_key = i.project_key AND o.code = i.code)",
                (project_key, code),
            ).fetchall()
        return [(str(row[0]), str(row[1])) for row in rows]

    def count_names(self, keys: Sequence[str]) -> int:
        """Tell how many of these keys have a name."""
        with self._lock:
            found = [
                self._con.execute("SELECT 1 FROM names WHERE item_key = ?", (key,)).fetchone()
                for key in keys
            ]
        return sum(row is not None for row in found)

    def forget(self, project_key: str, code: str, names: Sequence[str]) -> None:
        """Forget for good who a code stands for, and names that files came with.

        The code stays taken, so that nobody else gets it. Deleted bytes are written over, in the
        database and in its log.
        """
        with self._transaction():
            for table in ("identities", "moved_dates"):
                self._con.execute(
                    f"DELETE FROM {table} WHERE project_key = ? AND code = ?",  # noqa: S608
                    (project_key, code),
                )
            self._con.executemany("DELETE FROM names WHERE item_key = ?", [(n,) for n in names])
        with self._lock:
            self._con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
