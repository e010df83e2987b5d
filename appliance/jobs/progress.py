"""What running jobs say of how far they are: the last line of the file that NORA_PROGRESS names.

It is read when someone looks and never stored; a job that writes none says nothing.
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from collections.abc import Sequence
from pathlib import Path

import msgspec

from appliance.jobs.rows import JobRow
from appliance.jobs.states import State

__all__ = ["PROGRESS_NAME", "with_progress"]

PROGRESS_NAME = ".progress"
"""The file's name in the folder in which a job runs."""
_MOST_BYTES, _MOST_TEXT = 4096, 200
_FOLDERS = (
    "SELECT j.key, a.run_dir FROM json_each(?) w JOIN job j ON j.key = w.value"
    " JOIN attempt a ON a.job_id = j.id AND a.n = j.attempt"
)


def with_progress(con: sqlite3.Connection, rows: Sequence[JobRow]) -> list[JobRow]:
    """Put what running jobs say of their progress into their rows; the others stay as they are."""
    keys = [row.key for row in rows if row.state == State.RUNNING and not row.why]
    if not keys:
        return list(rows)
    folders = dict(con.execute(_FOLDERS, (json.dumps(keys),)).fetchall())
    said = {key: _said(Path(folder, "work", PROGRESS_NAME)) for key, folder in folders.items()}
    return [
        msgspec.structs.replace(row, why=text) if (text := said.get(row.key)) else row
        for row in rows
    ]


def _said(path: Path) -> str:
    """Read the last whole line; of a plain file only, for the job may put anything there."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode):
            return ""
        data = os.pread(handle, _MOST_BYTES, max(0, facts.st_size - _MOST_BYTES))
    except OSError:
        return ""
    finally:
        os.close(handle)
    lines = [line for line in data.decode("utf-8", "replace").splitlines() if line.strip()]
    text = lines[-1].strip() if lines else ""
    return "".join(one if one.isprintable() else " " for one in text)[:_MOST_TEXT]
