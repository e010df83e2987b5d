"""Forgets jobs that ended long ago, with their run folders; what they made stays."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from appliance.catalog import Catalog, Tx
from appliance.core import DataFolder, now_ms
from appliance.jobs.states import ENDED

__all__ = ["forget_jobs", "purge_jobs"]

_DAY_MS = 86_400_000
_AT_ONCE = 200
_IN_ENDED = ", ".join(f"'{state}'" for state in sorted(ENDED))
_TABLES = ("job_dep", "attempt", "job_file", "job_event", "job_revision")


def purge_jobs(catalog: Catalog, folder: DataFolder, keep_days: int) -> int:
    """Remove batches of which every job ended more than `keep_days` ago.

    Returns
    -------
    int
        How many jobs were forgotten. A job with an error stays until it is dismissed.
    """
    before = now_ms() - keep_days * _DAY_MS
    with catalog.read() as con:
        keys = con.execute(
            "SELECT key, id FROM job WHERE batch_id NOT IN (SELECT batch_id FROM job"
            f" WHERE state NOT IN ({_IN_ENDED}) OR ended_at >= ?"
            " OR (state IN ('failed', 'lost') AND dismissed = 0) OR keep_logs = 1)",
            (before,),
        ).fetchall()
    for start in range(0, len(keys), _AT_ONCE):
        some = keys[start : start + _AT_ONCE]
        for row in some:
            shutil.rmtree(folder.jobs / row["key"], ignore_errors=True)
        ids = [row["id"] for row in some]
        catalog.write(lambda tx, ids=ids: forget_jobs(tx, ids))  # type: ignore[misc]
    return len(keys)


def forget_jobs(tx: Tx, job_ids: Sequence[int]) -> None:
    """Remove jobs from all tables, and batches that have none left."""
    ids = [(one,) for one in job_ids]
    tx.con.executemany("DELETE FROM job_dep WHERE needs_job_id = ?", ids)
    for table in _TABLES:
        tx.con.executemany(f"DELETE FROM {table} WHERE job_id = ?", ids)
    tx.con.executemany("DELETE FROM job WHERE id = ?", ids)
    tx.con.execute("DELETE FROM batch WHERE id NOT IN (SELECT batch_id FROM job)")
