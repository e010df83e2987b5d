"""Rows of one folder of existing data in the catalog: those it knows, those that are new."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.catalog import files_at, path_sql
from appliance.exchange.bids_read import BidsLayout, subject_facts
from appliance.exchange.context import Context
from appliance.exchange.existing_plan import PlacedFile

if TYPE_CHECKING:
    from appliance.catalog import NewFile, Project, Tx

__all__ = ["PSID", "Part", "SourceRows"]

PSID: Callable[[PlacedFile], tuple[str, str]] = attrgetter("pid", "sid")
Part = tuple[PlacedFile, "list[NewFile]"]  # the first file of a study, and its rows
_HEADERS = 1000
_PLACES = (
    f"SELECT f.id, u.pid, s.sid, {path_sql()} AS path FROM files f JOIN paths p ON p.id = f.path_id"
    " JOIN studies s ON s.id = f.study_id JOIN subjects u ON u.id = s.subject_id"
)


class SourceRows:
    """What the catalog holds of one source.

    Attributes
    ----------
    bids : BidsLayout or None
        What the tables of a dataset say of subjects and sessions.
    alive : set of int
        Ids of the files that this reading has seen.
    """

    def __init__(self, ctx: Context, project: Project, origin: str) -> None:
        self._ctx, self._project, self._origin = ctx, project, origin
        self._home = ctx.folder.projects / project.name
        self._studies: dict[tuple[str, str], int] = {}
        self._before: dict[tuple[str, str], int] = {}
        self.bids: BidsLayout | None = None
        self.alive: set[int] = set()

    def path(self, row: Any) -> str:
        """Give the absolute path of a row that `unread` or `others` gave."""
        return f"{self._home}/{row['pid']}/{row['sid']}/{row['path']}"

    def open(self) -> None:
        """Learn which studies the project has already, also those in the trash."""
        with self._ctx.catalog.read() as con:
            rows = con.execute(
                "SELECT u.pid, s.sid, s.id FROM studies s JOIN subjects u ON u.id = s.subject_id"
                " WHERE s.project_id = ?",
                (self._project.id,),
            ).fetchall()
        self._before = {(row[0], row[1]): row[2] for row in rows}

    def known(self, psid: tuple[str, str], paths: list[str]) -> dict[str, Any]:
        """Give the rows that a study has for some paths, also those in the trash."""
        if psid not in self._before:
            return {}
        with self._ctx.catalog.read() as con:
            ids = files_at(con, self._before[psid], paths)
            rows = con.execute(
                "SELECT f.id, f.size_bytes, f.mtime_ns, f.origin,"
                " ifnull(f.trashed_at, s.trashed_at) AS trashed_at FROM json_each(?) j"
                " CROSS JOIN files f ON f.id = j.value JOIN studies s ON s.id = f.study_id",
                (msgspec.json.encode(list(ids.values())).decode(),),
            ).fetchall()
        found = {row["id"]: row for row in rows}
        return {path: found[file_id] for path, file_id in ids.items()}

    def write(self, tx: Tx, parts: Sequence[Part]) -> list[int]:
        """Enter files, with their subjects and studies; gives the ids."""
        from appliance.catalog import enter_files

        studies = []
        for first, files in parts:
            psid = PSID(first)
            if psid not in self._studies:
                self._studies[psid] = self._new_study(tx, psid, first)
            studies.append((self._studies[psid], files))
        return enter_files(tx, studies, origin=self._origin)

    def _new_study(self, tx: Tx, psid: tuple[str, str], first: PlacedFile) -> int:
        from appliance.catalog import ensure_study, ensure_subject, set_fields

        row = self.bids.subjects.get(first.subject, {}) if self.bids else {}
        sex, age, fields = subject_facts(row)
        subject_id = ensure_subject(tx, self._project.id, psid[0], sex=sex)
        study_id = ensure_study(tx, subject_id, psid[1], age_years=age, date=first.date)
        set_fields(tx, "subject", subject_id, fields)
        if self.bids:
            session = self.bids.sessions(first.subject).get(psid[1], {})
            set_fields(tx, "study", study_id, subject_facts(session)[2])
        return study_id

    def unread(self) -> Iterator[list[Any]]:
        """Give images whose headers nobody has read, some at a time."""
        last = 0
        while True:
            with self._ctx.catalog.read() as con:
                rows = con.execute(
                    f"{_PLACES} WHERE f.project_id = ? AND f.id > ? AND f.origin = ?"
                    " AND f.header IS NULL AND f.kind IN ('image', 'labels')"
                    " AND f.trashed_at IS NULL ORDER BY f.id LIMIT ?",
                    (self._project.id, last, self._origin, _HEADERS),
                ).fetchall()
            if not rows:
                return
            last = rows[-1]["id"]
            yield rows

    def others(self) -> list[Any]:
        """Give the live rows of the source that this reading has not seen."""
        where = " WHERE f.project_id = ? AND f.origin = ? AND f.trashed_at IS NULL"
        ours = (self._project.id, self._origin)
        with self._ctx.catalog.read() as con:
            n = con.execute(f"SELECT count(*) FROM files f {where}", ours).fetchone()[0]
            if n == len(self.alive):
                return []
            rows = con.execute(_PLACES + where, ours).fetchall()
        return [row for row in rows if row["id"] not in self.alive]
