"""What the inputs of an attempt were when it started: size, time, and hash where it is cheap."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from appliance.catalog import Tx
from appliance.core import content_of, sha256_file
from appliance.jobs.resolve import InputFile

__all__ = ["Fact", "look_at", "look_at_inputs", "note_inputs"]

_SMALL_BYTES = 1 << 20
_MOST_BYTES = 8 << 20
"""Hashed before one attempt starts; the rest is hashed when the machine has time."""


class Fact(NamedTuple):
    """Size, time and hash of a file; no hash where it was not worth the time."""

    size_bytes: int
    mtime_ns: int
    sha256: str | None


def look_at(path: Path, known: Fact | None, room: int) -> Fact | None:
    """Look at a file; its hash is the known one while size and time are, else of a small file.

    Parameters
    ----------
    room : int
        How many bytes may still be read.
    """
    try:
        found = content_of(path)
        if known is not None and known[:2] == found and known.sha256:
            return known
        small = found.size_bytes <= min(_SMALL_BYTES, room)
        digest = sha256_file(path) if small else None
    except OSError:
        return None
    return Fact(*found, digest)


def look_at_inputs(con: sqlite3.Connection, inputs: Iterable[InputFile]) -> dict[int, Fact]:
    """Look at the inputs of an attempt that is about to start, by the id of the file."""
    paths = {one.file_id: one.path for one in inputs}
    known = {
        row["id"]: Fact(row["size_bytes"], row["mtime_ns"], row["sha256"])
        for row in con.execute(
            "SELECT f.* FROM json_each(?) w CROSS JOIN files f ON f.id = w.value",
            (json.dumps(list(paths)),),
        )
    }
    room, found = _MOST_BYTES, dict[int, Fact]()
    for file_id, path in paths.items():
        fact = look_at(path, known.get(file_id), room)
        if fact is not None:
            found[file_id] = fact
            room -= fact.size_bytes if fact != known.get(file_id) and fact.sha256 else 0
    return found


def note_inputs(tx: Tx, job_id: int, n: int, facts: dict[int, Fact]) -> None:
    """Write down what the inputs are; the catalog learns of those that changed on disk."""
    tx.con.executemany(
        "UPDATE job_file SET size_bytes = ?, mtime_ns = ?, sha256 = ?"
        " WHERE job_id = ? AND n = ? AND dir = 'in' AND file_id = ?",
        [(*fact, job_id, n, file_id) for file_id, fact in facts.items()],
    )
    for file_id, fact in facts.items():
        _freshen(tx, file_id, fact)


def _freshen(tx: Tx, file_id: int, fact: Fact) -> None:
    size, mtime, digest = fact
    changed = tx.con.execute(
        "UPDATE files SET size_bytes = ?, mtime_ns = ?, sha256 = ?"
        " WHERE id = ? AND (size_bytes, mtime_ns) <> (?, ?) RETURNING study_id, project_id",
        (size, mtime, digest, file_id, size, mtime),
    ).fetchone()
    if changed is not None:
        name = tx.con.execute("SELECT name FROM projects WHERE id = ?", (changed["project_id"],))
        project = name.fetchone()[0]
        tx.event("files.changed", project=project, study_id=changed["study_id"], file_ids=[file_id])
    elif digest:
        tx.con.execute(
            "UPDATE files SET sha256 = ? WHERE id = ? AND sha256 IS NULL", (digest, file_id)
        )
