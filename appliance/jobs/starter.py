"""Starts one job in the order of writes that makes a crash between any two of them decidable.

First the row says ``starting`` with a new attempt, then the run folder exists, then the supervisor
runs, then the row says ``running``.
"""

from __future__ import annotations

import json
import logging
import socket
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import msgspec

from appliance.catalog import Catalog, Tx, get_project, issue_token, revoke_job_tokens
from appliance.core import ApplianceError, Conflict, DataFolder, JobError, now_ms
from appliance.jobs.adapters import Adapter
from appliance.jobs.crash import crash_point
from appliance.jobs.finish import end_job, job_by_id, skip_dependents
from appliance.jobs.inputs import Fact, look_at_inputs, note_inputs
from appliance.jobs.launch import Start, prepare
from appliance.jobs.limits import Limits
from appliance.jobs.notebook_server import NOTEBOOK, SCOPE
from appliance.jobs.plan import Targets, plan_of
from appliance.jobs.resolve import Resolved, resolve
from appliance.jobs.sandbox import Sandbox
from appliance.jobs.states import State, transition

__all__ = ["Starter"]

_LOG = logging.getLogger(__name__)


class Starter:
    """Starts jobs of one appliance.

    Parameters
    ----------
    catalog, folder, sandbox
        What jobs are started from and in.
    url : str
        Where jobs reach our API.
    matlab : str
        The setting ``jobs.matlab_command``.
    limits : Limits
        What attempts may take.
    """

    def __init__(
        self,
        catalog: Catalog,
        folder: DataFolder,
        sandbox: Sandbox,
        *,
        url: str,
        matlab: str,
        limits: Limits,
    ) -> None:
        self._catalog = catalog
        self._folder = folder
        self._sandbox = sandbox
        self.url = url
        self._matlab = matlab
        self._limits = limits

    def start(self, row: sqlite3.Row, adapter: Adapter, gpus: Sequence[str]) -> None:
        """Hand a queued job to its adapter; when it cannot start, that is written down."""
        plan = plan_of(row)
        notebook = row["function"] == NOTEBOOK
        targets = msgspec.json.decode(row["targets"], type=Targets)
        with self._catalog.read() as con:
            project = get_project(con, row["project"])
            found = resolve(con, self._folder, project, plan, targets)
            facts = {} if found.problems else look_at_inputs(con, found.inputs)
        if found.problems:
            why = "; ".join(found.problems)
            self._catalog.write(lambda tx: _unresolved(tx, row, why))
            return
        try:
            n, token = self._catalog.write(lambda tx: self._begin(tx, row, gpus, found, facts))
        except Conflict:
            return  # cancelled or held meanwhile
        crash_point("starting_committed")
        job_folder = self._attempt_folder(row["key"], n)
        start = Start(
            key=row["key"],
            attempt=n,
            folder=job_folder,
            plan=plan,
            resolved=found,
            gpus=gpus,
            facts=self._facts(row, token),
            matlab=self._matlab,
            sandbox=self._sandbox,
            site=adapter.site,
            limits=self._limits,
            binds=[Path(home) for home in found.values["home"]] if notebook else [],
        )
        self._launch(row, adapter, start)

    def _launch(self, row: sqlite3.Row, adapter: Adapter, start: Start) -> None:
        try:
            self._folder.check_marker(self._folder.projects)
            prepare(start)
        except (OSError, ApplianceError) as error:
            self._give_up(row, error)
            return
        try:
            adapter.submit(row, start)
        except JobError as error:
            self._give_up(row, error)

    def _give_up(self, row: sqlite3.Row, error: Exception) -> None:
        _LOG.warning("job %s cannot start: %s", row["key"], error)
        why = f"could not be started: {error}"
        self._catalog.write(lambda tx: _cannot_start(tx, row["id"], why))

    def _begin(
        self,
        tx: Tx,
        row: sqlite3.Row,
        gpus: Sequence[str],
        found: Resolved,
        facts: dict[int, Fact],
    ) -> tuple[int, str]:
        now = job_by_id(tx.con, row["id"])
        if now["spec"] != row["spec"]:
            raise Conflict("the job was edited meanwhile")
        n = int(now["attempt"]) + 1
        transition(tx, row["id"], State.STARTING, attempt=n, failure=None)
        tx.con.execute(
            "INSERT INTO attempt (job_id, n, state, run_dir, gpu_uuids, host, started_at, adapter)"
            " VALUES (?, ?, 'starting', ?, ?, ?, ?, ?)",
            (
                *(row["id"], n, str(self._attempt_folder(row["key"], n))),
                *(json.dumps(list(gpus)), socket.gethostname(), now_ms(), row["adapter"]),
            ),
        )
        _note_files(tx, row["id"], n, found)
        note_inputs(tx, row["id"], n, facts)
        revoke_job_tokens(tx, row["key"])
        scope = SCOPE if row["function"] == NOTEBOOK else "job"
        return n, issue_token(
            tx, f"job {row['key']}", login=_login(tx, row), scope=scope, job_key=row["key"]
        )

    def _attempt_folder(self, key: str, n: int) -> Path:
        return self._folder.jobs / key / str(n)

    def _facts(self, row: sqlite3.Row, token: str) -> dict[str, str]:
        pid, _, sid = row["psid"].partition("#")
        return {
            "NORA_PROJECT": row["project"],
            "NORA_SUBJECT": pid,
            "NORA_STUDY": sid,
            "NORA_URL": self.url,
            "NORA_TOKEN": token,
            "DPXproject": row["project"],  # NORA's names, for scripts that were written for it
            "DPXpsid": row["psid"],
        }


def _note_files(tx: Tx, job_id: int, n: int, found: Resolved) -> None:
    inputs = [
        (job_id, n, one.arg_id, "in", one.file_id, one.study_id, str(one.path), "[]")
        for one in found.inputs
    ]
    outputs = [
        (
            *(job_id, n, f"{one.arg_id}/" if one.is_folder else one.arg_id, "out", None),
            *(one.study_id, str(one.path), json.dumps(one.tags)),
        )
        for one in found.outputs
    ]
    tx.con.executemany(
        "INSERT INTO job_file (job_id, n, arg_id, dir, file_id, study_id, path, tags)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [*inputs, *outputs],
    )


def _login(tx: Tx, row: sqlite3.Row) -> str:
    """Who the job speaks as: whoever submitted it, else the owner of the appliance."""
    found = tx.con.execute(
        "SELECT u.login FROM batch b JOIN users u ON u.login = b.actor WHERE b.id = ?",
        (row["batch_id"],),
    ).fetchone()
    return str(found["login"]) if found else "owner"


def _unresolved(tx: Tx, row: sqlite3.Row, why: str) -> None:
    if job_by_id(tx.con, row["id"])["state"] == State.QUEUED:
        transition(tx, row["id"], State.UNRESOLVED, why, failure="unresolved_input")
        skip_dependents(tx, row["id"], row["name"])


def _cannot_start(tx: Tx, job_id: int, why: str) -> None:
    end_job(tx, job_by_id(tx.con, job_id), State.FAILED, why, failure="cannot_start")
