"""Bringing the catalog in line with the projects' folders, or rebuilding it from them."""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.catalog import (
    Catalog,
    Tx,
    add_file,
    ensure_project,
    ensure_series,
    ensure_study,
    ensure_subject,
    list_projects_in,
    path_sql,
    rename_row,
    set_fields,
    tag,
    trash_again,
    trash_files,
)
from appliance.core import DataFolder, old_head, walk_files
from appliance.formats import FileFacts, file_facts
from appliance.jobs import restore_records
from appliance.upkeep.project_notes import adopt_projects
from appliance.upkeep.sidecar import FileNote, StudySidecar, read_sidecar
from appliance.upkeep.values import RescanReport

__all__ = ["rescan"]

_LOG = logging.getLogger(__name__)
_ACTOR = "rescan"
_FILES = (
    f"SELECT {path_sql()} AS path, f.id, f.size_bytes, f.mtime_ns, f.trashed_at"  # noqa: S608
    " FROM projects j JOIN subjects u ON u.project_id = j.id JOIN studies s ON s.subject_id = u.id"
    " JOIN files f ON f.study_id = s.id JOIN paths p ON p.id = f.path_id"
    " WHERE j.name = ? AND u.pid = ? AND s.sid = ?"
)


@dataclass
class _Tally:
    n_studies: int = 0
    n_added: int = 0
    n_changed: int = 0
    n_same: int = 0
    n_trashed: int = 0
    missing: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    made: list[dict[str, Any]] = field(default_factory=list)
    """How files were made, as the sidecars of new studies tell."""
    trash: dict[str, int] = field(default_factory=dict)
    """By project: the operation that holds what was in the trash before the catalog was lost."""

    def report(self) -> RescanReport:
        facts = {name: getattr(self, name) for name in RescanReport.__struct_fields__}
        return RescanReport(**facts)


@dataclass(frozen=True)
class _Found:
    """One file on disk."""

    path: str
    facts: FileFacts


def rescan(
    catalog: Catalog, folder: DataFolder, *, project: str | None = None, prune: bool = False
) -> RescanReport:
    """Walk ``projects/<project>/<subject>/<study>`` and enter what the catalog lacks.

    Parameters
    ----------
    catalog : Catalog
    folder : DataFolder
    project : str, optional
        Only this one.
    prune : bool
        Whether files that are gone from disk go to the trash; else they are only reported.

    Returns
    -------
    RescanReport

    Raises
    ------
    StorageError
        If the disk of the projects is not mounted.
    """
    folder.check_marker(folder.projects)
    tally = _Tally()
    adopted = adopt_projects(catalog, folder)
    with catalog.read() as con:
        trashed = {name for name, _ in list_projects_in(con, "trashed") if _has_rows(con, name)}
    for name in [project] if project else _folders(folder.projects):
        if name in trashed and name not in adopted:
            continue
        root = folder.projects / name
        for pid in _folders(root):
            for sid in _folders(root / pid):
                _guarded(catalog, root, (name, pid, sid), tally, prune=prune)
    if tally.made:
        catalog.write(lambda tx: restore_records(tx, tally.made))
    return tally.report()


def _folders(root: Path) -> list[str]:
    return sorted(e.name for e in os.scandir(root) if e.is_dir() and not e.name.startswith("."))


def _guarded(
    catalog: Catalog, root: Path, names: tuple[str, str, str], tally: _Tally, *, prune: bool
) -> None:
    project, pid, sid = names
    try:
        _study(catalog, root / pid / sid, names, tally, prune=prune)
    except OSError as error:
        tally.problems.append(f"{project}/{pid}/{sid}: {error.strerror}")
        _LOG.warning("a study could not be read: %s", error.strerror)


def _study(
    catalog: Catalog, root: Path, names: tuple[str, str, str], tally: _Tally, *, prune: bool
) -> None:
    if _in_trash(catalog, names):
        return
    note = read_sidecar(root)
    found = {file.path: file for file in _walk(root)}
    for path in [path for path in found if "\\" in path]:  # no address can name it
        tally.problems.append(f"{'/'.join(names)}/{path}: rename it, without the backslash")
        del found[path]
    known = _known(catalog, names)
    renamed = _take_heads(known, found)
    trashed = {path for path, row in known.items() if row["trashed_at"] is not None}
    found = {path: file for path, file in found.items() if path not in trashed}
    known = {path: row for path, row in known.items() if path not in trashed}
    new = [f for path, f in found.items() if path not in known]
    changed = [f for path, f in found.items() if path in known and _differs(known[path], f)]

    def enter(tx: Tx) -> tuple[int | None, int]:
        is_new, project_id, study_id = _enter_study(tx, names, root, note)
        for file_id, path in renamed.items():
            rename_row(tx, file_id, path)
        ids = _enter_files(tx, study_id, new, note)
        _enter_files(tx, study_id, changed, StudySidecar())
        gone = [i for path, i in ids.items() if (about := _about(note, path)) and about.trashed]
        whole = is_new and note.trashed  # what the catalog knows is newer than the sidecar
        if not (gone or whole):
            return None, 0
        operation = trash_again(
            tx,
            project_id,
            tally.trash.get(names[0]),
            files=gone,
            study=study_id if whole else None,
            with_subject=note.subject_trashed,
            actor=_ACTOR,
        )
        return operation, len(ids) if whole else len(gone)

    operation, n_trashed = catalog.write(enter)
    if operation is not None:
        tally.trash[names[0]] = operation
    tally.n_trashed += n_trashed
    gone = {path: row["id"] for path, row in known.items() if path not in found}
    if gone and prune:
        ids = [file_id for path, file_id in gone.items() if not (root / path).is_symlink()]
        catalog.write(lambda tx: trash_files(tx, ids, _ACTOR))  # a link's disk may be away
    tally.n_studies += 1
    tally.made += [note.provenance] if new and note.provenance else []
    tally.n_added += len(new)
    tally.n_changed += len(changed)
    tally.n_same += len(found) - len(new) - len(changed)
    tally.missing += [f"{'/'.join(names)}/{path}" for path in sorted(gone)]


def _walk(root: Path) -> Iterator[_Found]:
    for path in walk_files(root):
        parts = path.relative_to(root).parts
        if not any(part.startswith(".") for part in parts):
            yield _Found("/".join(parts), file_facts(path))


def _enter_study(
    tx: Tx, names: tuple[str, str, str], root: Path, note: StudySidecar
) -> tuple[bool, int, int]:
    """Enter a study; tell whether it is new, and the ids of its project and of itself."""
    project, pid, sid = names
    info = _nodeinfo(root)
    sex = note.sex or info.get("sex")
    project_id = _project_id(tx, project)
    subject = ensure_subject(tx, project_id, pid, sex=sex)
    is_new = not _has_study(tx.con, subject, sid)
    study = ensure_study(
        tx,
        subject,
        sid,
        study_uid=note.study_uid,
        date=note.date or info.get("date"),
        time=note.time or info.get("time"),
        age_years=note.age_years,
        description=note.description or info.get("description"),
    )
    if is_new:  # what the catalog knows of a study is newer than its sidecar
        tag(tx, "subject", [subject], add=note.subject_tags)
        tag(tx, "study", [study], add=note.study_tags)
        set_fields(tx, "subject", subject, note.subject_fields)
        set_fields(tx, "study", study, note.study_fields)
    return is_new, project_id, study


def _project_id(tx: Tx, name: str) -> int:
    """Give a project, made when it does not exist; one in the trash stays there."""
    row = tx.con.execute("SELECT id FROM projects WHERE name = ?", (name,)).fetchone()
    return int(row[0]) if row else ensure_project(tx, name).id


def _has_rows(con: sqlite3.Connection, name: str) -> bool:
    found = con.execute(
        "SELECT 1 FROM projects p JOIN subjects u ON u.project_id = p.id WHERE p.name = ? LIMIT 1",
        (name,),
    ).fetchone()
    return found is not None


def _has_study(con: sqlite3.Connection, subject_id: int, sid: str) -> bool:
    found = con.execute(
        "SELECT 1 FROM studies WHERE subject_id = ? AND sid = ?", (subject_id, sid)
    ).fetchone()
    return found is not None


def _in_trash(catalog: Catalog, names: tuple[str, str, str]) -> bool:
    """Tell whether a study lies in the trash: its folder stays until the sweep."""
    with catalog.read() as con:
        found = con.execute(
            "SELECT 1 FROM studies s JOIN subjects u ON u.id = s.subject_id"
            " JOIN projects j ON j.id = s.project_id WHERE j.name = ? AND u.pid = ? AND s.sid = ?"
            " AND s.trashed_at IS NOT NULL",
            names,
        ).fetchone()
    return found is not None


def _nodeinfo(root: Path) -> dict[str, str]:
    """Give what ``nodeinfo.json`` says of subject and study; it helps when no sidecar does."""
    path = root / "nodeinfo.json"
    info = file_facts(path)["doc"] if path.is_file() else None
    parts = [info.get("subject"), info.get("study")] if isinstance(info, dict) else []
    found = {key: value for part in parts if isinstance(part, dict) for key, value in part.items()}
    return {key: value for key, value in found.items() if isinstance(value, str) and value}


def _known(catalog: Catalog, names: tuple[str, str, str]) -> dict[str, sqlite3.Row]:
    with catalog.read() as con:
        rows = con.execute(_FILES, names).fetchall()
    return {row["path"]: row for row in rows}


def _take_heads(known: dict[str, sqlite3.Row], found: Mapping[str, _Found]) -> dict[int, str]:
    """Let rows of earlier versions, which named a pyramid by a file in it, stand for its folder.

    Returns
    -------
    dict
        The new path of each row.
    """
    renamed = {}
    for path in [path for path in known if old_head(path) in found and path not in found]:
        folder = old_head(path)
        if folder not in known:
            known[folder] = known.pop(path)
            renamed[known[folder]["id"]] = folder
    return renamed


def _about(note: StudySidecar, path: str) -> FileNote | None:
    """Give what a sidecar keeps of a file; one of an earlier version names a part of a pyramid."""
    heads = (one for name, one in note.files.items() if old_head(name) == path)
    return note.files.get(path) or next(heads, None)


def _differs(row: sqlite3.Row, file: _Found) -> bool:
    return (row["size_bytes"], row["mtime_ns"]) != (
        file.facts["size_bytes"],
        file.facts["mtime_ns"],
    )


def _enter_files(tx: Tx, study_id: int, files: list[_Found], note: StudySidecar) -> dict[str, int]:
    """Enter files of a study; gives their ids by path."""
    series = {
        folder: ensure_series(
            tx,
            study_id,
            folder,
            series_uid=facts.series_uid,
            number=facts.number,
            description=facts.description,
            protocol=facts.protocol,
            modality=facts.modality,
            n_instances=facts.n_instances,
        )
        for folder, facts in note.series.items()
        if any(file.path.startswith(f"{folder}/") for file in files)
    }
    return {file.path: _enter_file(tx, study_id, file, series, note) for file in files}


def _enter_file(
    tx: Tx, study_id: int, file: _Found, series: Mapping[str, int], note: StudySidecar
) -> int:
    about = _about(note, file.path)
    file_id = add_file(
        tx,
        study_id,
        file.path,
        series_id=series.get(file.path.rpartition("/")[0]),
        origin=about.origin if about else None,
        **file.facts,
    )
    if about and about.tags:
        tag(tx, "file", [file_id], add=about.tags)
    return file_id
