"""Puts the files that an attempt made into the catalog, with their tags and their origin."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from appliance.catalog import (
    Catalog,
    Tx,
    add_file,
    files_at,
    find_study,
    project_root,
    study_dir,
    tag,
)
from appliance.core import (
    ApplianceError,
    Conflict,
    DataFolder,
    Invalid,
    file_around,
    fsync_dir,
    fsync_file,
    members,
)
from appliance.jobs.outputs import made_since
from appliance.jobs.plan import Targets, plan_of
from appliance.jobs.resolve import OutputPath
from appliance.jobs.states import LIVE

if TYPE_CHECKING:
    from appliance.formats import FileFacts

__all__ = ["Found", "NewFile", "find_outputs", "pend_tags", "write_outputs"]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class NewFile:
    """One file to register; `name` is relative to its study, or absent outside of studies."""

    arg_id: str
    study_id: int | None
    name: str | None
    path: Path
    tags: tuple[str, ...]
    facts: FileFacts


Found = list[NewFile]


def find_outputs(
    catalog: Catalog,
    folder: DataFolder,
    job: sqlite3.Row,
    outputs: Sequence[OutputPath],
    run_dir: Path,
) -> Found:
    """Look at what the job made and at what it asked to be tagged; all is made durable on disk."""
    made: dict[Path, NewFile] = {}
    with catalog.read() as con:
        changed = {path for _, path in made_since(run_dir, outputs)}
        wanted = [(o, p) for o, p in made_since(run_dir, outputs) if o.is_folder]
        wanted += [(o, o.path) for o in outputs if not o.is_folder]  # a file's own tags count
        for output, path in wanted:
            name = _name_in_study(con, folder, job["project"], output.study_id, path)
            made[path] = _look(path, output.arg_id, output.study_id, name, output.tags)
        for row in _pending(con, job):
            _add_pending(con, folder, job, row, made)
    parents = {path.parent for path in made}
    for path in changed & made.keys():
        for _, member in members(path):
            fsync_file(member)
            parents.add(member.parent)
    for parent in parents:
        fsync_dir(parent)
    return list(made.values())


def write_outputs(tx: Tx, job: sqlite3.Row, found: Iterable[NewFile]) -> None:
    """Write the files of an attempt into the catalog and into its provenance."""
    origin = f"attempt:{job['key']}/{job['attempt']}"
    for new in found:
        file_id = None
        if new.study_id is not None and new.name is not None:
            file_id = _known(tx, new) or add_file(
                tx,
                new.study_id,
                new.name,
                origin=origin,
                **new.facts,
            )
            tag(tx, "file", [file_id], add=new.tags)
        _write_provenance(tx, job, new, file_id)
    _tag_studies(tx, job, found)


def _tag_studies(tx: Tx, job: sqlite3.Row, found: Iterable[NewFile]) -> None:
    """Put the study tags of a job on its studies; those of a job over many on its results."""
    tags = plan_of(job).job.study_tags
    if not tags:
        return
    targets = msgspec.json.decode(job["targets"], type=Targets)
    studies = set(targets.study_ids)
    if targets.level == "project":
        studies = {new.study_id for new in found if new.study_id is not None}
    tag(tx, "study", sorted(studies), add=list(tags))


def _known(tx: Tx, new: NewFile) -> int | None:
    """Id of a file that is in the catalog as it is on disk: it keeps its origin."""
    assert new.study_id is not None  # noqa: S101
    assert new.name is not None  # noqa: S101
    file_id = files_at(tx.con, new.study_id, [new.name]).get(new.name)
    row = tx.con.execute(
        "SELECT id FROM files WHERE id = ? AND size_bytes = ? AND mtime_ns = ?"
        " AND trashed_at IS NULL",
        (file_id, new.facts["size_bytes"], new.facts["mtime_ns"]),
    ).fetchone()
    return None if row is None else int(row["id"])


def pend_tags(catalog: Catalog, job_key: str, paths: Iterable[Path], tags: Sequence[str]) -> int:
    """Note files that a running job wants registered and tagged once it has succeeded.

    Parameters
    ----------
    catalog : Catalog
        Where it is noted.
    job_key : str
        The job, from its token.
    paths : iterable of Path
        Absolute, below the job's project.
    tags : sequence of str
        May be empty: the files are only registered.

    Returns
    -------
    int
        How many files were noted.

    Raises
    ------
    Conflict
        If the job does not run.
    """
    chosen = [str(path) for path in paths]

    def note(tx: Tx) -> int:
        job = tx.con.execute("SELECT * FROM job WHERE key = ?", (job_key,)).fetchone()
        if job is None or job["state"] not in LIVE:
            raise Conflict("the job does not run any more")
        for path in chosen:
            tx.con.execute(
                "INSERT INTO job_file (job_id, n, arg_id, dir, path, tags)"
                " VALUES (?, ?, ?, 'tag', ?, ?) ON CONFLICT DO NOTHING",
                (job["id"], job["attempt"], json.dumps(list(tags)), path, json.dumps(list(tags))),
            )
        return len(chosen)

    return catalog.write(note)


def _pending(con: sqlite3.Connection, job: sqlite3.Row) -> list[sqlite3.Row]:
    return con.execute(
        "SELECT * FROM job_file WHERE job_id = ? AND n = ? AND dir = 'tag' ORDER BY id",
        (job["id"], job["attempt"]),
    ).fetchall()


def _add_pending(
    con: sqlite3.Connection,
    folder: DataFolder,
    job: sqlite3.Row,
    row: sqlite3.Row,
    made: dict[Path, NewFile],
) -> None:
    """Merge one noted request with what was found; one that means no study's file is logged."""
    asked, tags = Path(row["path"]), tuple(json.loads(row["tags"]))
    path = file_around(project_root(folder, job["project"]), asked) or asked
    old = made.get(path)
    if old is not None:
        made[path] = _look(path, old.arg_id, old.study_id, old.name, (*old.tags, *tags))
        return
    try:
        study_id, name = _study_of(con, folder, job, path)
        made[path] = _look(path, "tag", study_id, name, tags)
    except (ApplianceError, OSError) as error:
        _LOG.warning("job %s asked for a file that cannot be registered: %s", job["key"], error)


def _study_of(
    con: sqlite3.Connection, folder: DataFolder, job: sqlite3.Row, path: Path
) -> tuple[int, str]:
    root = project_root(folder, job["project"]).resolve()
    if not path.resolve().is_relative_to(root):
        raise Invalid("it is not below the job's project")
    pid, sid, *rest = path.resolve().relative_to(root).parts
    if not rest:
        raise Invalid("it is not below a study")
    return find_study(con, job["project_id"], f"{pid}#{sid}"), "/".join(rest)


def _name_in_study(
    con: sqlite3.Connection, folder: DataFolder, project: str, study_id: int | None, path: Path
) -> str | None:
    if study_id is None:
        return None
    row = con.execute(
        "SELECT u.pid, s.sid FROM studies s JOIN subjects u ON u.id = s.subject_id WHERE s.id = ?",
        (study_id,),
    ).fetchone()
    return path.relative_to(study_dir(folder, project, row["pid"], row["sid"])).as_posix()


def _look(
    path: Path, arg_id: str, study_id: int | None, name: str | None, tags: tuple[str, ...]
) -> NewFile:
    from appliance.formats import file_facts

    return NewFile(arg_id, study_id, name, path, tuple(dict.fromkeys(tags)), file_facts(path))


def _write_provenance(tx: Tx, job: sqlite3.Row, new: NewFile, file_id: int | None) -> None:
    tx.con.execute(
        "INSERT INTO job_file (job_id, n, arg_id, dir, file_id, study_id, path, size_bytes,"
        " mtime_ns, tags) VALUES (?, ?, ?, 'out', ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (job_id, n, dir, arg_id, path) DO UPDATE SET file_id = excluded.file_id,"
        " size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns, tags = excluded.tags",
        (
            *(job["id"], job["attempt"], new.arg_id, file_id, new.study_id, str(new.path)),
            *(new.facts["size_bytes"], new.facts["mtime_ns"], json.dumps(new.tags)),
        ),
    )
