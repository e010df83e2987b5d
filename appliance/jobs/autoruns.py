"""Autoexecution: runs batches by itself on what has arrived, each arrival once.

What arrives is written down as firings: one row for each rule, study and state of its files. A
firing and the batch that it starts change in one transaction, so that no end of the process loses
or doubles one.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, Protocol

from appliance.catalog import Catalog, Tx, get_project
from appliance.core import ApplianceError, Conflict, Invalid, now_ms
from appliance.jobs.autorule_rows import Arrival, Arrivals, AutoRule, RuleTried, Verdict
from appliance.jobs.autorules import KeptRule, kept_rule, kept_rules, may_run, read_rule
from appliance.jobs.autounits import Unit, judge, units_named, units_of
from appliance.jobs.crash import crash_point
from appliance.jobs.queue import Queue
from appliance.jobs.structs import BatchSpec, Submitted

__all__ = ["AutoRuns", "Submit"]

_LOG = logging.getLogger(__name__)
_STEP, _ONLY = "jobs.autorun", 0
_LATER_MS, _AT_ONCE, _NEAR = 60_000, 2000, 1000
_NAMES = "SELECT id, name FROM projects WHERE state <> 'trashed'"
_FIRED = (
    "UPDATE autofire SET state = 'submitted', batch_key = ?, why = ?, updated_at = ?"
    " WHERE id = ? AND state = 'waiting'"
)
_RUN_NOW = (
    "INSERT INTO autofire (rule_id, project_id, unit_id, psid, revision, state, why, batch_key,"
    " due_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, 'submitted', ?6, ?7, ?8, ?8)"
    " ON CONFLICT (rule_id, unit_id, revision) DO UPDATE SET state = 'submitted',"
    " why = excluded.why, batch_key = excluded.batch_key, updated_at = excluded.updated_at"
)
_WAITS = (
    "INSERT INTO autofire (rule_id, project_id, unit_id, psid, revision, state, due_at, updated_at,"
    " queue) VALUES (?, ?, ?, ?, ?, 'waiting', ?, ?, ?)"
)
_SUPERSEDE = (
    "UPDATE autofire SET state = 'superseded', why = 'more has arrived', updated_at = ?"
    " WHERE rule_id = ? AND unit_id = ? AND state = 'waiting'"
)


class Submit(Protocol):
    """Accepts a batch; `within` is called in the transaction that writes it."""

    def __call__(
        self,
        spec: BatchSpec,
        targets: Sequence[str],
        actor: str,
        *,
        within: Callable[[Tx, Submitted], None] | None = None,
    ) -> Submitted:
        """Submit it."""


class AutoRuns:
    """Looks after the rules of all projects.

    Parameters
    ----------
    catalog, queue
        The objects of the appliance.
    submit : Submit
        What starts batches.
    arrivals : Arrivals
        Tells what has come.
    """

    def __init__(self, catalog: Catalog, queue: Queue, submit: Submit, arrivals: Arrivals) -> None:
        self._catalog, self._queue = catalog, queue
        self._submit, self._arrivals = submit, arrivals
        queue.register_step(_STEP, self._step)
        queue.register_reconciler(self.look)

    def look(self) -> None:
        """Have what has arrived looked at soon."""
        self._queue.enqueue(_STEP, _ONLY)

    def try_rule(
        self,
        project: str,
        rule: AutoRule,
        login: str,
        *,
        targets: Sequence[str] | None = None,
        limit: int = 500,
    ) -> RuleTried:
        """Tell what a rule would do to studies, were they to arrive now; nothing is changed."""
        with self._catalog.read() as con:
            found = get_project(con, project)
            kept = read_rule(con, found, rule, login)
            units = _units(con, kept, targets)
            why = judge(con, found.id, rule, units)
        rows = [
            Verdict(psid=unit.psid, action="skip" if why[unit.id] else "run", why=why[unit.id])
            for unit in units
        ]
        counts = Counter(str(row.action) for row in rows)
        return RuleTried(rows[: max(0, limit)], len(rows), dict(counts))

    def run(
        self,
        project: str,
        targets: Sequence[str],
        login: str,
        *,
        names: Sequence[str] = (),
        queue: str = "",
        force: bool = False,
    ) -> list[Verdict]:
        """Run rules on studies now, with the rights of the caller.

        Parameters
        ----------
        names : sequence of str
            Of the rules; none: all that are switched on.
        queue : str
            Instead of the rules' own.
        force : bool
            Take studies that the rules would leave out, too.

        Raises
        ------
        NotFound
            If there is no such rule or study.
        Invalid
            If the project has no rule, or nothing is chosen.
        """
        if not targets:
            raise Invalid("no studies are chosen", hint="Check some in the table first.")
        with self._catalog.read() as con:
            found = get_project(con, project)
            kept = [kept_rule(con, found.id, name) for name in names]
            kept = kept or [one for one in kept_rules(con, found.id) if one.rule.enabled]
            if not kept:
                raise Invalid(
                    f"project {found.name} has no autoexecution rule that is switched on",
                    hint="Make one on the page of the project's settings.",
                )
            work = []
            for one in kept:
                units = _units(con, one, targets)
                why = {} if force else judge(con, found.id, one.rule, units)
                work.append((one, units, why))
        return [
            verdict
            for one, units, why in work
            for verdict in self._run_now(found.name, one, units, why, login=login, queue=queue)
        ]

    def _run_now(
        self,
        project: str,
        kept: KeptRule,
        units: Sequence[Unit],
        why: dict[int, str],
        *,
        login: str,
        queue: str,
    ) -> list[Verdict]:
        left = [unit for unit in units if why.get(unit.id)]
        told = [
            Verdict(rule=kept.name, psid=unit.psid, action="skip", why=why[unit.id])
            for unit in left
        ]
        taken = [unit for unit in units if not why.get(unit.id)]
        for chunk in _chunks(taken, kept.rule.chunk):

            def mark(tx: Tx, done: Submitted, chunk: Sequence[Unit] = chunk) -> None:
                _mark_run(tx, project, kept, chunk, done)

            psids = [unit.psid for unit in chunk]
            done = self._submit(kept.spec(project, queue), psids, login, within=mark)
            said = _problems(done)
            told += [
                Verdict(
                    rule=kept.name, psid=p, action="run", why=said.get(p, ""), batch_key=done.key
                )
                for p in psids
            ]
        return told

    # -- by itself ---------------------------------------------------------------------------
    def _step(self, _row_id: int) -> None:
        self._take()
        with self._catalog.read() as con:
            rows = con.execute(
                "SELECT * FROM autofire WHERE state = 'waiting' AND due_at <= ?"
                " ORDER BY rule_id, queue, id LIMIT ?",
                (now_ms(), _AT_ONCE),
            ).fetchall()
            rules = {kept.id: kept for kept in kept_rules(con)} if rows else {}
            projects = dict(con.execute(_NAMES).fetchall()) if rows else {}
        for (rule_id, _), group in groupby(rows, key=lambda row: (row["rule_id"], row["queue"])):
            due = list(group)
            if rule_id not in rules:
                continue  # deleted this moment, and with it what waited
            try:
                self._fire(rules[rule_id], projects.get(due[0]["project_id"]), due)
            except ApplianceError as error:
                self._put_off(due, error)

    def _take(self) -> None:
        """Write down what each rule has to look at; with it how far we have come."""
        with self._catalog.read() as con:
            (seq,) = con.execute("SELECT seq FROM autocursor").fetchone()
        arrivals, reached = self._arrivals.since(seq)
        if not arrivals and reached < seq + _NEAR:
            return

        def write(tx: Tx) -> None:
            now = now_ms()
            for arrival in arrivals:
                for kept in kept_rules(tx.con, arrival.project_id):
                    if _takes(kept, arrival):
                        for unit in units_of(
                            tx.con, arrival.project_id, kept.level, arrival.study_ids
                        ):
                            _wait(tx, kept, unit, now, arrival.queue)
            moved = tx.con.execute(
                "UPDATE autocursor SET seq = ? WHERE seq = ?", (reached, seq)
            ).rowcount
            if not moved:
                raise Conflict("somebody else has looked at these arrivals")

        self._catalog.write(write)
        crash_point("autorun_taken")

    def _fire(self, kept: KeptRule, project: str | None, rows: Sequence[sqlite3.Row]) -> None:
        with self._catalog.read() as con:
            problem = may_run(con, kept.owner, kept.project_id)
            if not kept.rule.enabled:
                problem = "the rule is switched off"
            units = _living(con, kept, rows)
            why = judge(con, kept.project_id, kept.rule, list(units.values()))
        if not project:
            problem = "the project is in the trash"
        left = {
            row["id"]: problem or why.get(row["unit_id"], "it is not there any more")
            for row in rows
        }
        bad = kept if problem and kept.rule.enabled else None
        self._settle([row for row in rows if left[row["id"]]], left, bad)
        for chunk in _chunks([row for row in rows if not left[row["id"]]], kept.rule.chunk):
            self._start(kept, str(project), chunk, units)

    def _start(
        self,
        kept: KeptRule,
        project: str,
        rows: Sequence[sqlite3.Row],
        units: dict[int, Unit],
    ) -> None:
        def mark(tx: Tx, done: Submitted) -> None:
            _check_still(tx, kept)
            said, now = _problems(done), now_ms()
            for row in rows:
                values = (done.key, said.get(row["psid"], ""), now, row["id"])
                if tx.con.execute(_FIRED, values).rowcount != 1:
                    raise Conflict("somebody else has started this")
                tx.con.execute(  # what has come meanwhile is in it
                    "UPDATE OR IGNORE autofire SET revision = ? WHERE id = ?",
                    (units[row["unit_id"]].revision(tx.con), row["id"]),
                )
            tx.event("autorules.changed", project=project)
            crash_point("autorun_before_commit")

        try:
            spec, psids = kept.spec(project, rows[0]["queue"]), [row["psid"] for row in rows]
            self._submit(spec, psids, kept.owner, within=mark)
        except Conflict as error:
            self._put_off(rows, error)
        except ApplianceError as error:
            _LOG.warning("rule %s of project %s: %s", kept.name, project, error.message)
            self._settle(rows, {row["id"]: error.message for row in rows}, kept)
        crash_point("autorun_committed")

    def _settle(
        self, rows: Sequence[sqlite3.Row], why: dict[int, str], failed: KeptRule | None
    ) -> None:
        """Write down why nothing was started; `failed` is the rule, if it ought to have been."""
        if not rows:
            return
        state = "failed" if failed else "skipped"

        def write(tx: Tx) -> None:
            now = now_ms()
            tx.con.executemany(
                "UPDATE autofire SET state = ?, why = ?, updated_at = ?"
                " WHERE id = ? AND state = 'waiting'",
                [(state, why[row["id"]], now, row["id"]) for row in rows],
            )
            _tell(tx, rows[0]["project_id"])
            if failed:
                _tell_failed(tx, failed, len(rows))

        self._catalog.write(write)

    def _put_off(self, rows: Sequence[sqlite3.Row], error: ApplianceError) -> None:
        """Try again later what the present state forbids, such as a full project."""

        def write(tx: Tx) -> None:
            now = now_ms()
            tx.con.executemany(
                "UPDATE autofire SET due_at = ?, why = ?, updated_at = ?"
                " WHERE id = ? AND state = 'waiting'",
                [(now + _LATER_MS, error.message, now, row["id"]) for row in rows],
            )
            _tell(tx, rows[0]["project_id"])

        self._catalog.write(write)


def _takes(kept: KeptRule, arrival: Arrival) -> bool:
    """Tell whether a rule looks at an arrival: of later than itself, and named if it must be."""
    named = kept.name.casefold() in {name.casefold() for name in arrival.fire}
    return kept.rule.enabled and kept.created_at <= arrival.at and (named or not kept.rule.routed)


def _units(con: sqlite3.Connection, kept: KeptRule, targets: Sequence[str] | None) -> list[Unit]:
    if targets is None:
        return units_of(con, kept.project_id, kept.level)
    return units_named(con, kept.project_id, kept.level, targets)


def _living(
    con: sqlite3.Connection, kept: KeptRule, rows: Sequence[sqlite3.Row]
) -> dict[int, Unit]:
    """Give the units of firings that are not in the trash."""
    ids = [row["unit_id"] for row in rows]
    if kept.level == "subject":
        marks = ",".join("?" * len(ids))
        found = con.execute(f"SELECT id FROM studies WHERE subject_id IN ({marks})", ids)
        ids = [row[0] for row in found]
    return {unit.id: unit for unit in units_of(con, kept.project_id, kept.level, ids)}


def _wait(tx: Tx, kept: KeptRule, unit: Unit, now: int, queue: str) -> None:
    """Write down that a rule has to look at a unit, unless it has for the same files."""
    revision = unit.revision(tx.con)
    known = tx.con.execute(
        "SELECT 1 FROM autofire WHERE rule_id = ? AND unit_id = ? AND revision = ?",
        (kept.id, unit.id, revision),
    ).fetchone()
    if known:
        return
    tx.con.execute(_SUPERSEDE, (now, kept.id, unit.id))
    due = now + int(kept.rule.quiet_minutes * 60_000)
    values = (kept.id, kept.project_id, unit.id, unit.psid, revision, due, now, queue)
    tx.con.execute(_WAITS, values)
    _tell(tx, kept.project_id)


def _mark_run(tx: Tx, project: str, kept: KeptRule, units: Sequence[Unit], done: Submitted) -> None:
    """Note what somebody started by hand, so that it is not started again by itself."""
    said, now = _problems(done), now_ms()
    for unit in units:
        values = (kept.id, kept.project_id, unit.id, unit.psid, unit.revision(tx.con))
        tx.con.execute(_RUN_NOW, (*values, said.get(unit.psid, ""), done.key, now))
        tx.con.execute(_SUPERSEDE, (now, kept.id, unit.id))
    tx.event("autorules.changed", project=project)


def _check_still(tx: Tx, kept: KeptRule) -> None:
    """Look once more, where nobody can change it: the rule is the same and its owner may run it."""
    row = tx.con.execute("SELECT rev FROM autorule WHERE id = ?", (kept.id,)).fetchone()
    if row is None or row["rev"] != kept.rev:
        raise Conflict("the rule has just been changed")
    problem = may_run(tx.con, kept.owner, kept.project_id)
    if problem:
        raise Conflict(problem)


def _problems(done: Submitted) -> dict[str, str]:
    """Say by study why some of its jobs do not start."""
    return {one.psid: one.problem for one in (*done.skipped, *done.unresolved)}


def _chunks(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[i : i + size] for i in range(0, len(items), size)]


def _tell(tx: Tx, project_id: int) -> None:
    row = tx.con.execute("SELECT name FROM projects WHERE id = ?", (project_id,)).fetchone()
    if row is not None:
        tx.event("autorules.changed", project=row["name"])


def _tell_failed(tx: Tx, kept: KeptRule, n: int) -> None:
    row = tx.con.execute("SELECT name FROM projects WHERE id = ?", (kept.project_id,)).fetchone()
    if row is not None:
        facts = {"rule": kept.name, "owner": kept.owner, "n": n}
        tx.event("autorule.failed", project=row["name"], **facts)
