"""Which files jobs have read, or are about to read."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

__all__ = ["input_files"]

_INPUTS = """
SELECT i.file_id FROM json_each(?1) w CROSS JOIN provenance_file i
  ON i.file_id = w.value AND i.dir = 'in'
UNION
SELECT f.file_id FROM job j CROSS JOIN job_file f ON f.job_id = j.id AND f.dir = 'in'
WHERE j.state IN ('queued', 'held', 'starting', 'running', 'suspended', 'finishing')
  AND f.file_id IN (SELECT value FROM json_each(?1))
"""


def input_files(con: sqlite3.Connection, file_ids: Sequence[int]) -> set[int]:
    """Give those of some files that a made file was made from, or a job at work reads."""
    return {int(row[0]) for row in con.execute(_INPUTS, (json.dumps(list(file_ids)),))}
