"""Erases subjects: first told, then typed, then done, and gone on with after a power cut.

Bytes leave first, then who it was, then the rows; so what is left after a crash is always found
again by the rows. A list beside the databases tells a restored backup what to forget.
"""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from appliance.catalog import Catalog, list_sources
from appliance.core import Conflict, DataFolder, Invalid, NotFound, fsync_dir, new_key, now_ms
from appliance.jobs import crash_point
from appliance.privacy import IdentityStore
from appliance.upkeep.backups import list_backups
from appliance.upkeep.erasing.found import Found, Subject, find, find_subject, made_for_others
from appliance.upkeep.erasing.ledger import Erased, Ledger
from appliance.upkeep.erasing.rows import clean_pages, erase_rows
from appliance.upkeep.erasing.values import ErasurePlan

__all__ = ["Eraser", "erase_again"]

_LOG = logging.getLogger(__name__)
_WORKING = "SELECT 1 FROM job WHERE subject_id = ? AND started_at IS NOT NULL AND ended_at IS NULL"
_ARRIVING = (
    "SELECT 1 FROM incoming_series WHERE project_id = ? AND pid = ?"
    " AND state IN ('ready', 'entered')"
)


class Eraser:
    """Tells what an erasure would take, and erases.

    Parameters
    ----------
    catalog, folder, identities
        Where a subject lies.
    on_erased : callable, optional
        Hears the key of the project, so that caches that are open are thrown away.
    """

    def __init__(
        self,
        catalog: Catalog,
        folder: DataFolder,
        identities: IdentityStore,
        *,
        on_erased: Callable[[str], None] | None = None,
    ) -> None:
        self._catalog, self._folder, self._identities = catalog, folder, identities
        self._ledger = Ledger(folder)
        self._on_erased = on_erased

    def plan(self, project: str, code: str) -> ErasurePlan:
        """Tell what would be erased of a subject, and what would stay."""
        with self._catalog.read() as con:
            who = find_subject(con, project, code)
            found = find(con, self._folder, self._identities, who)
            return self._told(con, who, found)

    def erase(self, project: str, code: str, *, typed: str, actor: str) -> ErasurePlan:
        """Erase a subject for good.

        Parameters
        ----------
        typed : str
            The code once more, as a person typed it.

        Raises
        ------
        Invalid
            If it was not typed.
        Conflict
            If a job works on it, or files are arriving for it.
        """
        plan = self.plan(project, code)
        if typed != plan.code:
            raise Invalid("the code was not typed", hint=f"Type {plan.code} to erase it.")
        if plan.busy:
            raise Conflict(plan.busy, hint="Wait for its end, or cancel it.")
        with self._catalog.read() as con:
            who = find_subject(con, project, code)
        entry = Erased(
            key=new_key(), project=who.project_key, subject=who.key, actor=actor, at=now_ms()
        )
        self._ledger.put(entry)
        crash_point("erase.written")
        self._finish(entry, who)
        return plan

    def resume(self) -> int:
        """Go on with erasures that were cut off; count them."""
        open_ones = [one for one in self._ledger.all() if one.state == "begun"]
        for entry in open_ones:
            self._again(entry)
        return len(open_ones)

    def _again(self, entry: Erased) -> None:
        with self._catalog.read() as con:
            who = _by_key(con, entry)
        if who is None:
            self._ledger.put(msgspec.structs.replace(entry, state="done"))
        else:
            self._finish(entry, who)

    def _finish(self, entry: Erased, who: Subject) -> None:
        with self._catalog.read() as con:
            found = find(con, self._folder, self._identities, who)
        for storage in (self._folder.originals, self._folder.projects, self._folder.quarantine):
            self._folder.check_marker(storage)
        if self._on_erased is not None:
            self._on_erased(who.project_key)
        _remove([*found.folders, *found.originals, *found.held, *found.cached])
        _remove(path.with_name(f"{path.name}.reason.json") for path in found.held)
        _drop_empty({path.parent for path in (*found.originals, *found.held)}, self._folder)
        crash_point("erase.removed")
        self._identities.forget(who.project_key, who.code, found.names)
        crash_point("erase.forgotten")
        erase_rows(self._catalog, who, found, actor=entry.actor)
        crash_point("erase.rows")
        clean_pages(self._catalog)
        self._ledger.put(msgspec.structs.replace(entry, state="done"))
        _LOG.info("erased a subject of project %s", who.project)

    def _told(self, con: sqlite3.Connection, who: Subject, found: Found) -> ErasurePlan:
        paths = [*found.folders, *found.originals, *found.held, *found.cached]
        names = dict(con.execute("SELECT key, name FROM projects").fetchall())
        elsewhere = self._identities.same_person(who.project_key, who.code)
        studies = con.execute("SELECT sid FROM studies WHERE subject_id = ?", (who.id,)).fetchall()
        return ErasurePlan(
            project=who.project,
            code=who.code,
            studies=[f"{who.code}#{row['sid']}" for row in studies],
            n_files=len(found.files),
            n_originals=sum(path.is_file() for path in found.originals),
            n_held=sum(path.is_file() for path in found.held),
            n_jobs=len(found.jobs),
            n_cached=len(found.cached),
            n_names=self._identities.count_names(found.names),
            size_bytes=sum(map(_size, paths)),
            backups=[one.name for one in list_backups(self._folder.backups)],
            of_others=made_for_others(con, who),
            elsewhere=[f"{names[key]}/{code}" for key, code in elsewhere if key in names],
            sources=[one.root for one in list_sources(con, who.project_id)],
            busy=_busy(con, who),
        )


def erase_again(catalog: Catalog, folder: DataFolder, identities: IdentityStore) -> int:
    """Erase from databases that were brought back what had been erased before; count it.

    Raises
    ------
    UpkeepError
        If the list of erasures is damaged.
    """
    eraser = Eraser(catalog, folder, identities)
    done = 0
    for entry in Ledger(folder).all():
        with catalog.read() as con:
            who = _by_key(con, entry)
        if who is not None:
            eraser._finish(entry, who)
            done += 1
    return done


def _by_key(con: sqlite3.Connection, entry: Erased) -> Subject | None:
    """Give the subject of an erasure if there is still something of it."""
    row = con.execute(
        "SELECT b.pid, p.name FROM subjects b JOIN projects p ON p.id = b.project_id"
        " WHERE b.key = ? AND p.key = ?",
        (entry.subject, entry.project),
    ).fetchone()
    if row is None:
        return None
    try:
        who = find_subject(con, row["name"], row["pid"])
    except NotFound:
        return None
    gone = con.execute(
        "SELECT 1 FROM operations WHERE verb = 'erase' AND project_id = ?"
        " AND json_extract(target, '$.subject') = ?",
        (who.project_id, who.key),
    ).fetchone()
    return None if gone else who


def _busy(con: sqlite3.Connection, who: Subject) -> str:
    if con.execute(_WORKING, (who.id,)).fetchone():
        return "a job is working on it"
    if con.execute(_ARRIVING, (who.project_id, who.code)).fetchone():
        return "files are arriving for it"
    return ""


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    os.sync()


def _drop_empty(folders: set[Path], folder: DataFolder) -> None:
    """Remove folders that have become empty, up to the storage root."""
    roots = {*folder.storage_roots, folder.root}
    for start in folders:
        for path in (start, *start.parents):
            if path in roots or not path.is_dir() or any(path.iterdir()):
                break
            path.rmdir()
            fsync_dir(path.parent)


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(p.lstat().st_size for p in path.rglob("*") if p.is_file())
    return path.lstat().st_size if path.exists() else 0
