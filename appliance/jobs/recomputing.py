"""Runs again just those jobs whose files are out of date, each after those that it needs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence

import msgspec

from appliance.catalog import Catalog, Tx, get_file
from appliance.jobs.bulk import Outcome
from appliance.jobs.lineage import say_marks
from appliance.jobs.stale import Mark, judge
from appliance.jobs.states import ENDED

__all__ = ["RecomputeStep", "Recomputing"]

_MAKERS = "SELECT f.id, f.origin FROM json_each(?) w CROSS JOIN files f ON f.id = w.value"
_INPUTS = "SELECT file_id FROM provenance_file WHERE origin = ? AND dir = 'in'"
_JOBS = "SELECT j.key, j.id, j.state FROM json_each(?) w CROSS JOIN job j ON j.key = w.value"
_NEEDS_ALREADY = """
WITH RECURSIVE needed(id) AS (
  SELECT ? UNION
  SELECT d.needs_job_id FROM needed n CROSS JOIN job_dep d ON d.job_id = n.id
) SELECT 1 FROM needed WHERE id = ?
"""
_STEPS = (
    "SELECT j.key, j.name, j.psid, j.attempt FROM json_each(?) w"
    " CROSS JOIN job j ON j.key = w.value"
)
_MADE = """
SELECT f.id FROM provenance_file o CROSS JOIN files f ON f.id = o.file_id AND f.origin = o.origin
WHERE o.origin = ? AND o.dir = 'out' AND f.trashed_at IS NULL ORDER BY 1
"""
_MOST_FILES = 20
_NO_JOB = "its job is not kept any more: start its batch again"


class RecomputeStep(msgspec.Struct, frozen=True, kw_only=True):
    """One job that would run: what it makes, the first files of it, and why it is out of date."""

    key: str
    name: str
    psid: str
    files: list[str]
    why: str


class Recomputing:
    """Recomputes what is out of date.

    Parameters
    ----------
    catalog : Catalog
    rerun : callable
        Queues ended jobs again, in the order given.
    """

    def __init__(self, catalog: Catalog, rerun: Callable[[Sequence[str], str], Outcome]) -> None:
        self._catalog, self._rerun = catalog, rerun

    def plan(self, file_ids: Iterable[int]) -> tuple[list[str], dict[str, str]]:
        """Give the keys of the jobs that would run, in order, and why others cannot."""
        with self._catalog.read() as con:
            graph = _Graph(con, file_ids)
            rows = {row["key"]: row for row in con.execute(_JOBS, (json.dumps(graph.order),))}
        refused = {key: _NO_JOB for key in graph.order if key not in rows}
        ready = [key for key in graph.order if key in rows and rows[key]["state"] in ENDED]
        return ready, refused

    def steps(self, keys: Sequence[str]) -> list[RecomputeStep]:
        """Tell of jobs what they make, and why it is out of date, in the order given."""
        with self._catalog.read() as con:
            return [_step(con, row) for row in con.execute(_STEPS, (json.dumps(list(keys)),))]

    def recompute(self, file_ids: Iterable[int], actor: str) -> Outcome:
        """Queue the jobs behind files that are out of date, and behind their inputs that are.

        Those that wait or run already are left alone.
        """
        ids = list(file_ids)
        with self._catalog.read() as con:
            graph = _Graph(con, ids)
        ready, refused = self.plan(ids)
        self._catalog.write(lambda tx: _depend(tx, graph.needs, graph.order))
        outcome = self._rerun(ready, actor)
        for key, why in refused.items():
            outcome.refuse(key, why)
        return outcome


def _step(con: sqlite3.Connection, row: sqlite3.Row) -> RecomputeStep:
    origin = f"attempt:{row['key']}/{row['attempt']}"
    ids = [made["id"] for made in con.execute(_MADE, (origin,))][:_MOST_FILES]
    marks = say_marks(con, judge(con, ids))
    return RecomputeStep(
        key=row["key"],
        name=row["name"],
        psid=row["psid"],
        files=[get_file(con, one).path for one in ids],
        why=next((mark.text for mark in marks.values()), ""),
    )


class _Graph:
    """The jobs behind files that are out of date, and which of them needs which."""

    def __init__(self, con: sqlite3.Connection, file_ids: Iterable[int]) -> None:
        self.con = con
        self.needs: dict[str, set[str]] = {}
        origins = self._origins(judge(con, file_ids))
        while origins:
            more: dict[str, str] = {}
            for origin, key in origins.items():
                inputs = [row[0] for row in con.execute(_INPUTS, (origin,))]
                behind = self._origins(judge(con, inputs))
                self.needs.setdefault(key, set()).update(set(behind.values()) - {key})
                more |= {one: name for one, name in behind.items() if name not in self.needs}
            origins = more
        self.order = _ordered(self.needs)

    def _origins(self, marks: dict[int, Mark]) -> dict[str, str]:
        """Give the attempts that made files, and the keys of their jobs."""
        rows = self.con.execute(_MAKERS, (json.dumps(list(marks)),)).fetchall()
        found = [row["origin"] for row in rows if (row["origin"] or "").startswith("attempt:")]
        return {one: one.removeprefix("attempt:").rpartition("/")[0] for one in found}


def _ordered(needs: dict[str, set[str]]) -> list[str]:
    order, seen = list[str](), set[str]()
    for start in sorted(needs):
        stack = [(start, False)]
        while stack:
            key, is_done = stack.pop()
            if is_done:
                order.append(key)
            elif key not in seen:
                seen.add(key)
                stack.append((key, True))
                stack += [(one, False) for one in sorted(needs.get(key, ()))]
    return order


def _depend(tx: Tx, needs: dict[str, set[str]], order: Sequence[str]) -> None:
    """Let jobs wait for those that make their inputs, also across batches."""
    ids = {row["key"]: row["id"] for row in tx.con.execute(_JOBS, (json.dumps(list(order)),))}
    place = {key: i for i, key in enumerate(order)}
    for key, before in needs.items():
        for one in before:
            if key not in ids or one not in ids or place[one] > place[key]:
                continue
            if tx.con.execute(_NEEDS_ALREADY, (ids[one], ids[key])).fetchone() is None:
                tx.con.execute(
                    "INSERT OR IGNORE INTO job_dep VALUES (?, ?, 'ok')", (ids[key], ids[one])
                )
