"""What people do with batches and selections of jobs; the scheduler itself is not asked."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from appliance.catalog import Catalog, get_project
from appliance.core import NotFound, now_ms
from appliance.jobs.batches import Batches, DryPieces
from appliance.jobs.bulk import Bulk, Outcome
from appliance.jobs.logs import LogHits, log_lines, search_log, search_logs
from appliance.jobs.pages import count_by_owner, job_ids
from appliance.jobs.priorities import prioritise_jobs
from appliance.jobs.rerun import Downstream, Edit, Reruns
from appliance.jobs.rows import BatchRow, JobQuery
from appliance.jobs.states import letter_of
from appliance.jobs.structs import BatchSpec, DryRow

__all__ = ["BatchDetail", "Desk"]


class BatchDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A batch that was started, as it was asked for, and what it runs on."""

    row: BatchRow
    spec: dict[str, Any]
    targets: list[str]


class Desk:
    """Questions and changes about many jobs.

    Parameters
    ----------
    catalog : Catalog
        Where jobs are.
    batches : Batches
        For dry runs and checks.
    bulk : Bulk
        For actions.
    reruns : Reruns
        For editing.
    """

    def __init__(self, catalog: Catalog, batches: Batches, bulk: Bulk, reruns: Reruns) -> None:
        self._catalog, self._batches = catalog, batches
        self._bulk, self._reruns = bulk, reruns

    def dry_run(self, spec: BatchSpec, targets: Sequence[str], actor: str) -> list[DryRow]:
        """Tell what a batch would do, with the variables of a user."""
        return self._batches.dry_run(spec, targets, actor)

    def dry_pieces(self, spec: BatchSpec, targets: Sequence[str], actor: str) -> DryPieces:
        """Tell the same bit by bit."""
        return self._batches.dry_pieces(spec, targets, actor)

    def check(self, spec: BatchSpec, actor: str) -> list[str]:
        """Tell what is wrong with the jobs of a batch."""
        return self._batches.check(spec, actor)

    def act(self, what: JobQuery | Sequence[str], action: str, actor: str) -> Outcome:
        """Do the same to many jobs, named by key or by what they have in common."""
        ids, unknown = self._ids(what)
        outcome = self._bulk.act(ids, action, actor)
        outcome.unknown = unknown
        return outcome

    def prioritise(self, what: JobQuery | Sequence[str], priority: int, actor: str) -> Outcome:
        """Let jobs that wait start sooner or later than others."""
        ids, unknown = self._ids(what)
        outcome = self._catalog.write(
            lambda tx: prioritise_jobs(tx, ids, priority, actor, now=now_ms())
        )
        outcome.unknown = unknown
        return outcome

    def rerun(
        self,
        what: JobQuery | Sequence[str],
        edit: Edit,
        actor: str,
        *,
        downstream: Downstream = "needed",
    ) -> Outcome:
        """Run ended jobs again, edited."""
        ids, unknown = self._ids(what)
        outcome = self._reruns.rerun(ids, edit, actor, downstream=downstream)
        outcome.unknown = unknown
        return outcome

    def dry_rerun(self, what: JobQuery | Sequence[str], edit: Edit, actor: str) -> list[DryRow]:
        """Tell what edited jobs would get."""
        return self._reruns.dry_run(self._ids(what)[0], edit, actor)

    def counts(self, query: JobQuery, login: str) -> dict[str, dict[str, int]]:
        """Count jobs by letter, one's own and those of others."""
        with self._catalog.read() as con:
            return count_by_owner(con, query, login)

    def search_log(
        self, key: str, text: str, *, attempt: int | None = None, limit: int = 200
    ) -> LogHits:
        """Find a text in the log of a job."""
        with self._catalog.read() as con:
            return search_log(con, key, text, attempt=attempt, limit=limit)

    def search_logs(
        self, what: JobQuery | Sequence[str], text: str, *, limit: int = 200
    ) -> LogHits:
        """Find a text in the latest logs of many jobs."""
        ids = self._ids(what)[0]
        with self._catalog.read() as con:
            return search_logs(con, ids, text, limit=limit)

    def log_file(self, key: str, *, attempt: int | None = None) -> Iterator[bytes]:
        """Give the log of an attempt, or of all."""
        with self._catalog.read() as con:
            return log_lines(con, key, attempt=attempt)

    def batches(self, project: str, *, limit: int = 200) -> list[BatchRow]:
        """List the batches of a project that were started, newest first."""
        with self._catalog.read() as con:
            project_id = get_project(con, project).id
            rows = con.execute(
                "SELECT * FROM batch WHERE project_id = ? AND submitting = 0"
                " ORDER BY id DESC LIMIT ?",
                (project_id, limit),
            ).fetchall()
            return _batch_rows(con, project, rows)

    def batch(self, key: str) -> BatchDetail:
        """Give a batch that was started.

        Raises
        ------
        NotFound
            If there is none.
        """
        with self._catalog.read() as con:
            row = con.execute(
                "SELECT b.*, p.name AS project FROM batch b JOIN projects p ON p.id = b.project_id"
                " WHERE b.key = ?",
                (key,),
            ).fetchone()
            if row is None:
                raise NotFound(f"there is no batch {key}")
            targets = con.execute(
                "SELECT DISTINCT psid FROM job WHERE batch_id = ? AND psid <> ''", (row["id"],)
            ).fetchall()
            [shown] = _batch_rows(con, row["project"], [row])
        return BatchDetail(
            row=shown, spec=json.loads(row["spec"]), targets=[one[0] for one in targets]
        )

    def _ids(self, what: JobQuery | Sequence[str]) -> tuple[list[int], list[str]]:
        """Give the ids of jobs, and the keys that are of none."""
        with self._catalog.read() as con:
            if isinstance(what, JobQuery):
                return job_ids(con, what), []
            rows = con.execute(
                "SELECT job.id, job.key FROM json_each(?) w CROSS JOIN job ON job.key = w.value",
                (json.dumps(list(what)),),
            ).fetchall()
        known = {row["key"] for row in rows}
        return [row["id"] for row in rows], [key for key in what if key not in known]


def _batch_rows(
    con: sqlite3.Connection, project: str, rows: Sequence[sqlite3.Row]
) -> list[BatchRow]:
    counts: dict[int, dict[str, int]] = {row["id"]: {} for row in rows}
    for found in con.execute(
        "SELECT c.batch_id, c.state, sum(c.n) AS n FROM json_each(?) w CROSS JOIN job_count c"
        " ON c.batch_id = w.value AND c.n > 0 GROUP BY 1, 2",
        (json.dumps(list(counts)),),
    ):
        of_batch, letter = counts[found["batch_id"]], letter_of(found["state"])
        of_batch[letter] = of_batch.get(letter, 0) + found["n"]
    return [
        BatchRow(
            key=row["key"],
            name=row["name"],
            project=project,
            owner=row["actor"],
            level=row["level"],
            queue=row["queue"],
            created_at=row["created_at"],
            n_jobs=sum(counts[row["id"]].values()),
            counts=counts[row["id"]],
        )
        for row in rows
    ]
