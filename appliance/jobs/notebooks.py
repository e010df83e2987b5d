"""Notebooks: JupyterLab as a job of its own, or as the debugger of another job."""

from __future__ import annotations

import importlib.util
import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from appliance.catalog import Catalog, Tx, get_project, require_open
from appliance.core import (
    DataFolder,
    Invalid,
    NotFound,
    Refused,
    Settings,
    atomic_write,
    install_command,
    now_ms,
    safe_name,
)
from appliance.jobs.capacity import Capacity, refuse_impossible
from appliance.jobs.dryrun import Chain, Step
from appliance.jobs.notebook_debug import debug_notebook
from appliance.jobs.notebook_server import FACTS, NOTEBOOK, SOCKET, base_url
from appliance.jobs.plan import Plan, Targets, plan_of
from appliance.jobs.resolve import Resolved, resolve
from appliance.jobs.states import LIVE, State, letter_of
from appliance.jobs.structs import Argument, BatchSpec, JobSpec, Resources
from appliance.jobs.submit import Order, insert_batch

__all__ = ["NOTEBOOK_SOCKET", "Door", "Notebook", "NotebookRequest", "Notebooks"]

NOTEBOOK_SOCKET = SOCKET
"""Name of the socket of a notebook in its run folder."""
_COMMAND = ("{python}", "-m", "appliance.jobs.notebook_server", "{home}", "{open}", "{idle_s}")
_ROWS = (
    "SELECT job.*, batch.actor FROM job JOIN batch ON batch.id = job.batch_id"
    " WHERE job.function = ?"
)
_OPEN = ("queued", "held", *sorted(LIVE), "finishing")


class NotebookRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody asks of a notebook; zeros stand for what the settings propose."""

    project: str
    cpus: int = 0
    memory_mb: int = 0
    gpus: int = 0
    hours: float = 0
    queue: str = ""


class Notebook(msgspec.Struct, frozen=True):
    """A notebook that waits or runs; `path` is its address on the port of the notebooks."""

    key: str
    project: str
    name: str
    login: str
    state: str
    letter: str
    why: str
    created_at: int
    path: str


@dataclass(frozen=True)
class Door:
    """What the proxy needs to know of one notebook.

    Attributes
    ----------
    folder : Path
        Run folder, in which its socket lies.
    token : str
        Secret of the server; empty as long as it has not started.
    """

    login: str
    state: str
    why: str
    folder: Path
    token: str
    opened: str

    @property
    def socket(self) -> Path:
        """Where it listens, once it does."""
        return self.folder / NOTEBOOK_SOCKET


class Notebooks:
    """Starts notebooks and finds those that run.

    Parameters
    ----------
    catalog, folder, settings
        The objects of the appliance.
    capacity : Capacity
        What no notebook may exceed.

    Attributes
    ----------
    problem : str
        Why their port does not answer; set by who opens it.
    """

    def __init__(
        self, catalog: Catalog, folder: DataFolder, settings: Settings, capacity: Capacity
    ) -> None:
        self._catalog, self._folder = catalog, folder
        self.capacity, self.settings = capacity, settings.notebooks
        self.queues = settings.jobs.queues
        self.problem = "" if self.settings.enabled else "Notebooks are switched off."

    def obstacle(self) -> str:
        """Say why no notebook can be opened; empty when they can."""
        if self.problem:
            return self.problem
        if importlib.util.find_spec("jupyterlab") is None:
            return f"JupyterLab is not installed: {install_command('notebooks')}"
        return ""

    def start(self, asked: NotebookRequest, login: str) -> str:
        """Queue a notebook in the persistent home folder of a user; gives the key of its job.

        Raises
        ------
        Invalid, JobError
            If it asks for what there is not.
        Refused
            If notebooks are switched off.
        """
        return self._queue(asked, login, "JupyterLab", "lab")

    def debug(self, job_key: str, login: str) -> str:
        """Queue a notebook that holds a job: its arguments, its script, its outputs.

        Raises
        ------
        NotFound
            If there is no such job.
        Invalid
            If it is a notebook itself.
        """
        with self._catalog.read() as con:
            job = con.execute("SELECT * FROM job WHERE key = ?", (job_key,)).fetchone()
            if job is None:
                raise NotFound(f"no job {job_key}")
            if job["function"] == NOTEBOOK:
                raise Invalid("this job is a notebook itself")
            plan = plan_of(job)
            found = self._resolved(con, job, plan)
        name = f"{safe_name(job['name'])}-{job_key[-6:]}.ipynb"
        place = self._home(login) / "debug" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():  # what somebody wrote into it is not overwritten
            text = json.dumps(debug_notebook(dict(job), plan, found), indent=1)
            with atomic_write(place, mode=0o600) as stream:
                stream.write(text.encode())
        need = plan.resources
        asked = NotebookRequest(
            job["project"], cpus=need.cpus, memory_mb=need.memory_mb, gpus=need.gpus
        )
        return self._queue(asked, login, f"Debug {job['name']}", f"lab/tree/debug/{name}")

    def list_notebooks(self, login: str) -> list[Notebook]:
        """List the notebooks of a user that wait or run, newest first."""
        marks = ",".join("?" * len(_OPEN))
        with self._catalog.read() as con:
            rows = con.execute(
                f"{_ROWS} AND batch.actor = ? AND job.state IN ({marks}) ORDER BY job.id DESC",
                (NOTEBOOK, login, *_OPEN),
            ).fetchall()
        return [_notebook(row) for row in rows]

    def notebook(self, key: str) -> Notebook:
        """Give one notebook, in whatever state.

        Raises
        ------
        NotFound
            If there is none.
        """
        return _notebook(self._row(key))

    def door(self, key: str) -> Door:
        """Tell where a notebook listens, and whose it is.

        Raises
        ------
        NotFound
            If there is no such notebook.
        """
        row = self._row(key)
        folder = self._folder.jobs / key / str(row["attempt"])
        facts = _facts(folder) if row["state"] in LIVE else {}
        return Door(
            login=row["actor"],
            state=row["state"],
            why=row["why"],
            folder=folder,
            token=facts.get("token", ""),
            opened=facts.get("open", "lab"),
        )

    def _row(self, key: str) -> sqlite3.Row:
        with self._catalog.read() as con:
            row: sqlite3.Row | None = con.execute(
                f"{_ROWS} AND job.key = ?", (NOTEBOOK, key)
            ).fetchone()
        if row is None:
            raise NotFound("there is no such notebook")
        return row

    def _queue(self, asked: NotebookRequest, login: str, name: str, opened: str) -> str:
        if why := self.obstacle():
            raise Refused("no notebook can be opened", hint=why)
        queue = asked.queue or self.queues[0]
        if queue not in self.queues:
            raise Invalid(f"there is no queue {queue!r}", hint=f"Use {', '.join(self.queues)}.")
        need = self._resources(asked)
        refuse_impossible(name, need, self.capacity)
        home = self._home(login)
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        values = {
            "home": str(home),
            "open": opened,
            "idle_s": str(self.settings.idle_minutes * 60),
        }
        args = tuple(Argument(i, "STRING", value=value) for i, value in values.items())
        spec = JobSpec(name=name, tool=NOTEBOOK, args=args, queue=queue)
        batch = BatchSpec(
            name=name, project=asked.project, jobs=(spec,), level="project", queue=queue
        )
        plan = Plan(spec, need, _COMMAND)
        return self._catalog.write(lambda tx: _insert(tx, batch, plan, login))

    def _resources(self, asked: NotebookRequest) -> Resources:
        hours = asked.hours or self.settings.hours
        if asked.cpus < 0 or asked.memory_mb < 0 or asked.gpus < 0 or hours <= 0:
            raise Invalid("a notebook cannot ask for less than nothing")
        return Resources(
            cpus=asked.cpus or min(self.settings.cpus, self.capacity.cpus),
            memory_mb=asked.memory_mb or min(self.settings.memory_mb, self.capacity.memory_mb),
            gpus=asked.gpus,
            walltime_s=int(hours * 3600),
        )

    def _home(self, login: str) -> Path:
        return self._folder.notebooks / safe_name(login)

    def _resolved(self, con: sqlite3.Connection, job: sqlite3.Row, plan: Plan) -> Resolved:
        project = get_project(con, job["project"])
        targets = msgspec.json.decode(job["targets"], type=Targets)
        return resolve(con, self._folder, project, plan, targets)


def _insert(tx: Tx, batch: BatchSpec, plan: Plan, login: str) -> str:
    project = get_project(tx.con, batch.project)
    require_open(tx.con, project.id)
    chain = Chain("", Targets("project", None, ()))
    order = Order(project, batch, [plan], login)
    done = insert_batch(tx, order, [(chain, [Step(plan, Resolved(), "run", "")])])
    row = tx.con.execute(
        "SELECT job.key FROM job JOIN batch ON batch.id = job.batch_id WHERE batch.key = ?",
        (done.key,),
    ).fetchone()
    target = {"project_id": project.id, "project": project.name, "job": row["key"]}
    tx.operation("notebook", actor=login, target=target)
    return str(row["key"])


def _facts(folder: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads((folder / FACTS).read_bytes())
    except (OSError, ValueError):
        return {}
    return found


def _notebook(row: sqlite3.Row) -> Notebook:
    return Notebook(
        key=row["key"],
        project=row["project"],
        name=row["name"],
        login=row["actor"],
        state=row["state"],
        letter=letter_of(State(row["state"])),
        why=row["why"],
        created_at=row["created_at"] or now_ms(),
        path=base_url(row["key"]),
    )
