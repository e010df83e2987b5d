"""Writing what is not on disk otherwise into one small ``.nora.json`` per study, for `rescan`.

It holds tags and custom fields, the facts of study and series, where each file came from and how
it was made, and what of it lies in the trash.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from appliance.catalog import Catalog, Event, fields_of, study_dir, study_files, tags_of
from appliance.core import DataFolder, StorageError, atomic_write
from appliance.jobs import made_in_study
from appliance.upkeep.kept import write_kept
from appliance.upkeep.project_notes import write_project_notes

__all__ = ["SIDECAR", "SidecarWriter", "StudySidecar", "read_sidecar", "write_sidecar"]

SIDECAR = ".nora.json"
_LOG = logging.getLogger(__name__)
_TOPICS = frozenset({"fields.changed", "files.changed", "studies.changed", "tags.changed"})
_TOPICS_OF_PROJECTS = frozenset({"autorules.changed", "docs.changed", "projects.changed"})
_QUIET_S = 0.5
_PAGE = 1000


class FileNote(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of one file."""

    tags: list[str] = []
    origin: str | None = None
    sha256: str | None = None
    trashed: bool = False


class SeriesNote(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of one series."""

    series_uid: str | None = None
    number: int | None = None
    description: str | None = None
    protocol: str | None = None
    modality: str | None = None
    n_instances: int = 0


class StudySidecar(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that a rescan cannot find in the files themselves.

    Attributes
    ----------
    trashed, subject_trashed : bool
        Whether the study, or all of its subject, lies in the trash; its folder stays until the
        sweep.
    """

    format: int = 1
    trashed: bool = False
    subject_trashed: bool = False
    sex: str | None = None
    study_uid: str | None = None
    date: str | None = None
    time: str | None = None
    age_years: float | None = None
    description: str | None = None
    subject_tags: list[str] = []
    study_tags: list[str] = []
    subject_fields: dict[str, Any] = {}
    study_fields: dict[str, Any] = {}
    series: dict[str, SeriesNote] = {}
    files: dict[str, FileNote] = {}
    provenance: dict[str, Any] = {}


def read_sidecar(study: Path) -> StudySidecar:
    """Read a study's sidecar; an empty one when there is none or it cannot be read."""
    try:
        return msgspec.json.decode((study / SIDECAR).read_bytes(), type=StudySidecar)
    except FileNotFoundError:
        return StudySidecar()
    except (OSError, msgspec.DecodeError):
        _LOG.warning("%s of a study cannot be read; its tags are lost", SIDECAR)
        return StudySidecar()


def write_sidecar(catalog: Catalog, folder: DataFolder, study_id: int) -> bool:
    """Bring a study's sidecar up to date.

    Returns
    -------
    bool
        Whether it had to be written. A study without a folder gets none.
    """
    with catalog.read() as con:
        row = con.execute(
            "SELECT s.*, u.pid, u.sex, u.trashed_at AS subject_trashed_at, j.name AS project"
            " FROM studies s"
            " JOIN subjects u ON u.id = s.subject_id JOIN projects j ON j.id = s.project_id"
            " WHERE s.id = ?",
            (study_id,),
        ).fetchone()
        if row is None:
            return False
        body = msgspec.json.format(msgspec.json.encode(_collect(con, row)), indent=1) + b"\n"
    path = study_dir(folder, row["project"], row["pid"], row["sid"]) / SIDECAR
    if not path.parent.is_dir() or (path.is_file() and path.read_bytes() == body):
        return False
    folder.check_marker(folder.projects)
    with atomic_write(path) as stream:
        stream.write(body)
    return True


def _collect(con: sqlite3.Connection, row: sqlite3.Row) -> StudySidecar:
    series = con.execute("SELECT * FROM series WHERE study_id = ?", (row["id"],)).fetchall()
    facts = ("sex", "study_uid", "date", "time", "age_years", "description")
    subject, study = row["subject_id"], row["id"]
    return StudySidecar(
        **{name: row[name] for name in facts},
        trashed=row["trashed_at"] is not None,
        subject_trashed=row["subject_trashed_at"] is not None,
        subject_tags=tags_of(con, "subject", [subject])[subject],
        study_tags=tags_of(con, "study", [study])[study],
        subject_fields=fields_of(con, "subject", [subject])[subject],
        study_fields=fields_of(con, "study", [study])[study],
        series={s["folder"]: _series_note(s) for s in series},
        provenance=made_in_study(con, study),
        files=_file_notes(con, study, in_trash=True) | _file_notes(con, study, in_trash=False),
    )


def _file_notes(con: sqlite3.Connection, study_id: int, *, in_trash: bool) -> dict[str, FileNote]:
    return {
        file.path: FileNote(
            tags=file.tags, origin=file.origin, sha256=file.sha256, trashed=in_trash
        )
        for file in study_files(con, study_id, in_trash=in_trash)
    }


def _series_note(row: sqlite3.Row) -> SeriesNote:
    return SeriesNote(**{name: row[name] for name in SeriesNote.__struct_fields__})


class SidecarWriter:
    """Listens to changes and writes the sidecars of the studies they touch, a moment later.

    Parameters
    ----------
    catalog : Catalog
    folder : DataFolder
        The place in the event sequence is kept in its ``cache``, so that what changed just
        before a crash is written after the restart.
    """

    def __init__(self, catalog: Catalog, folder: DataFolder) -> None:
        self._catalog, self._folder = catalog, folder
        self._place = folder.cache / "sidecar.seq"
        self._seq = 0
        self._projects = threading.Event()
        self._projects.set()
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._loop, name="sidecars", daemon=True)
        self._unlisten: Callable[[], None] | None = None

    def start(self) -> None:
        """Begin, with what changed since the last time."""
        self._unlisten = self._catalog.events.listen(self._hear)
        self._wake.set()
        self._thread.start()

    def stop(self) -> None:
        """Write what waits, then end."""
        if self._unlisten is not None:
            self._unlisten()
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def catch_up(self) -> int:
        """Write the sidecars of all studies that changed since the last place; count them."""
        end = self._catalog.last_seq()
        write_project_notes(self._catalog, self._folder)
        if self._projects.is_set():
            self._projects.clear()
            write_kept(self._catalog, self._folder)
        studies = self._all_studies() if self._missed() else self._touched(end)
        written = sum(self._write(study) for study in sorted(studies))
        self._seq = end
        with atomic_write(self._place, durable=False) as stream:
            stream.write(str(end).encode())
        return written

    def _missed(self) -> bool:
        """Tell whether the place is unknown, or older than the events that are kept."""
        if self._seq == 0:
            try:
                self._seq = int(self._place.read_text())
            except (OSError, ValueError):
                return True
        with self._catalog.read() as con:
            first = con.execute("SELECT min(seq) FROM events").fetchone()[0]
        return first is not None and first > self._seq + 1

    def _hear(self, event: Event) -> None:
        if event.topic in _TOPICS_OF_PROJECTS:
            self._projects.set()
        if event.topic in _TOPICS | _TOPICS_OF_PROJECTS:
            self._wake.set()

    def _loop(self) -> None:
        while True:
            self._wake.wait()
            stopping = self._stop.wait(_QUIET_S)
            self._wake.clear()
            try:
                self.catch_up()
            except Exception:  # noqa: BLE001 - the outer loop: logged, tried at the next change
                _LOG.exception("sidecars could not be written")
            if stopping:
                return

    def _touched(self, end: int) -> set[int]:
        studies: set[int] = set()
        after = self._seq
        while after < end and (events := self._catalog.events_since(after, _PAGE)):
            after = events[-1].seq
            for event in events:
                studies.update(self._studies_of(event.topic, event.data))
        return studies

    def _studies_of(self, topic: str, data: Mapping[str, Any]) -> Iterable[int]:
        if topic == "files.changed":
            return [data["study_id"]]
        if topic == "studies.changed":
            return list(data["study_ids"])
        if topic == "fields.changed":
            return self._tagged(data["level"], [data["id"]])
        return self._tagged(data["level"], data["ids"]) if topic == "tags.changed" else []

    def _tagged(self, level: str, ids: list[int]) -> list[int]:
        if level == "study":
            return ids
        column = {"file": "SELECT study_id FROM files WHERE id = ?"}.get(
            level, "SELECT id FROM studies WHERE subject_id = ?"
        )
        with self._catalog.read() as con:
            return [row[0] for i in ids for row in con.execute(column, (i,)).fetchall()]

    def _all_studies(self) -> set[int]:
        with self._catalog.read() as con:
            return {row[0] for row in con.execute("SELECT id FROM studies").fetchall()}

    def _write(self, study_id: int) -> bool:
        try:
            return write_sidecar(self._catalog, self._folder, study_id)
        except (OSError, StorageError) as error:
            _LOG.warning("the sidecar of study %d was not written: %s", study_id, error)
            return False
