"""SQL typed by a person over the metadata of a project, run by DuckDB in a locked child process."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.catalog.stopping import SqlStop
from appliance.core import Conflict, Invalid, Refused, StorageError

if TYPE_CHECKING:
    from appliance.catalog.meta_store import MetaStore
    from appliance.catalog.rows import Project

__all__ = ["SandboxResult", "SqlColumn", "meta_sql"]

_CHILD = Path(__file__).with_name("sandbox_child.py")
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/nonexistent"}
_MOST_SQL = 100_000
_START_S = 20.0  # a busy machine takes its time to start an interpreter
_WAIT_S = 30.0
_LOOK_S = 0.2
_LATE = 3  # the child's exit status when it ended itself


class SqlColumn(msgspec.Struct, frozen=True):
    """Name and type of a column of an answer."""

    name: str
    type: str


class SandboxResult(msgspec.Struct, frozen=True):
    """The answer to a statement; `truncated` when more rows would have followed."""

    columns: list[SqlColumn]
    rows: list[list[Any]]
    truncated: bool
    wall_s: float


def meta_sql(
    store: MetaStore,
    project: Project,
    sql: str,
    *,
    max_rows: int = 10_000,
    seconds: float = 20.0,
    memory_mb: int = 1024,
    stop: SqlStop | None = None,
) -> SandboxResult:
    """Run one SELECT over ``meta`` and ``studies`` of a project.

    Parameters
    ----------
    sql : str
        One statement of DuckDB's SQL that only reads.
    max_rows : int
        Rows that are given at most.
    seconds, memory_mb : float, int
        Limits after which the statement is stopped.
    stop : SqlStop, optional
        By which another thread can end it.

    Raises
    ------
    Refused
        If it would write, read files, change settings, exceeds a limit, or was stopped.
    Invalid
        If DuckDB does not understand it.
    Conflict
        If too many statements run already.
    """
    if len(sql) > _MOST_SQL:
        raise Invalid(f"the statement is longer than {_MOST_SQL} characters")
    order = {
        "path": str(store.snapshot(project)),
        "sql": sql,
        "max_rows": max_rows,
        "seconds": seconds,
        "memory_mb": memory_mb,
        "threads": 2,
    }
    stop = stop or SqlStop()
    _wait_for_room(store, stop)
    started = time.monotonic()
    try:
        answer = _run(order, seconds, stop)
    finally:
        store.sandboxes.release()
    if "error" in answer:
        raise _explain(answer, seconds, memory_mb)
    return SandboxResult(
        [SqlColumn(*column) for column in answer["columns"]],
        answer["rows"],
        answer["truncated"],
        round(time.monotonic() - started, 3),
    )


def _wait_for_room(store: MetaStore, stop: SqlStop) -> None:
    until = time.monotonic() + _WAIT_S
    while not store.sandboxes.acquire(timeout=_LOOK_S):
        if stop.stopped:
            raise _explain({"error": "stopped"}, 0, 0)
        if time.monotonic() > until:
            raise Conflict("other statements are still running", hint="Try again in a moment.")


def _run(order: dict[str, Any], seconds: float, stop: SqlStop) -> dict[str, Any]:
    child = subprocess.Popen(
        [sys.executable, "-I", str(_CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_ENVIRONMENT,
        cwd="/",
        start_new_session=True,
    )
    with child:
        stop.holds(child)
        try:
            text, _ = child.communicate(json.dumps(order).encode(), timeout=seconds + _START_S)
        except subprocess.TimeoutExpired:
            return {"error": "time"}
        finally:
            child.kill()
    if stop.stopped:
        return {"error": "stopped"}
    if child.returncode == 0:
        answer: dict[str, Any] = json.loads(text)
        return answer
    if child.returncode == _LATE:
        return {"error": "time"}
    if child.returncode < 0:
        return {"error": "memory"}
    raise StorageError(
        f"the process for SQL ended with {child.returncode}",
        hint="Try again; then look at the health page.",
    )


def _explain(answer: dict[str, Any], seconds: float, memory_mb: int) -> Invalid | Refused:
    kind, text = answer["error"], str(answer.get("text", ""))
    if kind == "stopped":
        return Refused("the query was stopped")
    if kind == "time":
        return Refused(f"the query took longer than {seconds:g} s", hint="Ask for less at once.")
    if kind == "memory":
        return Refused(
            f"the query needs more than {memory_mb} MB of memory", hint="Ask for less at once."
        )
    if kind == "refused":
        return Refused(f"SQL: {_first_line(text)}", hint="Only SELECT on meta and studies.")
    if kind == "statements":
        hint = "Write one SELECT statement, without anything after its semicolon."
        return Invalid(f"SQL: {answer['n']} statements", hint=hint)
    return Invalid(f"SQL: {text}", hint="The tables are meta and studies; see the manual.")


def _first_line(text: str) -> str:
    return text.partition("\n")[0]
