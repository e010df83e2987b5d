"""Shows in the table of jobs what others run on our clusters; nothing can be done to it."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from typing import Any

from appliance.core import Conflict, NotFound, now_ms
from appliance.jobs.cluster import ClusterAdapter
from appliance.jobs.columns import conditions, sort_expression
from appliance.jobs.rows import JobDetail, JobQuery, JobRow, LogPiece, Place, Placed
from appliance.jobs.states import State, letter_of
from appliance.jobs.workload import Entry, Seen

__all__ = ["ForeignRows"]

_BEGIN = "cluster:"
_STATES = {
    Seen.PENDING: State.QUEUED,
    Seen.RUNNING: State.RUNNING,
    Seen.SUSPENDED: State.SUSPENDED,
}
_COLUMNS = {
    name: name
    for name in (
        *("name", "state", "queue", "adapter", "owner", "why", "key", "cpus", "memory_mb", "gpus"),
        *("created", "started"),
    )
}
_TABLE = f"CREATE TABLE job (id INTEGER PRIMARY KEY, letter TEXT, {', '.join(_COLUMNS)})"
_INSERT = f"INSERT OR IGNORE INTO job VALUES ({', '.join('?' * (len(_COLUMNS) + 2))})"
_SEARCHED = "name || ' ' || owner || ' ' || queue || ' ' || state || ' ' || why"


class ForeignRows:
    """The jobs of others, of all adapters that list them.

    Parameters
    ----------
    adapters : iterable of ClusterAdapter
        Whose lists they are in; as of the last look, which being asked for makes more frequent.
    """

    def __init__(self, adapters: Iterable[ClusterAdapter]) -> None:
        self._adapters = tuple(adapters)

    def rows(self, query: JobQuery, after: Place | None) -> list[Placed]:
        """Give the jobs of others behind a place."""
        where, values = _where(query)
        sort, order = (
            sort_expression(query.sort_name, _COLUMNS),
            "DESC" if query.descending else "ASC",
        )
        if after is not None:
            where += f" AND ({sort}, id) {'<' if query.descending else '>'} (?, ?)"
            values = [*values, *after]
        sql = f"SELECT *, {sort} AS place FROM job WHERE {where}"
        sql += f" ORDER BY place {order}, id {order} LIMIT ?"
        found = self._ask(query, sql, [*values, query.limit + 1])
        return [Placed(Place(row["place"], row["id"]), _row(row)) for row in found]

    def count(self, query: JobQuery) -> int:
        """Count the jobs of others that fit."""
        where, values = _where(query)
        found = self._ask(query, f"SELECT count(*) AS n FROM job WHERE {where}", values)
        return int(found[0]["n"]) if found else 0

    def owns(self, key: str) -> bool:
        """Tell whether a key is that of a job of others."""
        return key.startswith(_BEGIN)

    def detail(self, key: str) -> JobDetail:
        """Give what the cluster tells of a job.

        Raises
        ------
        NotFound
            If it has ended.
        """
        query = JobQuery(filters=(f"key:={key}",))
        for placed in self.rows(query, None):
            return JobDetail(row=placed.row, spec={}, attempts=[], files=[], history=[])
        raise NotFound("this job of someone else has ended")

    def read_log(self, key: str, *, offset: int = 0) -> LogPiece:  # noqa: ARG002 - the protocol's
        """Give nothing: it is the log of someone else."""
        return LogPiece("", offset, done=True)

    def act(self, key: str, action: str, actor: str) -> None:  # noqa: ARG002 - the protocol's
        """Refuse.

        Raises
        ------
        Conflict
            Always.
        """
        raise Conflict(f"nobody here can {action} a job of someone else", job=key)

    def _ask(self, query: JobQuery, sql: str, values: list[Any]) -> list[sqlite3.Row]:
        """Ask a table made for this moment: filters and orders mean the same as elsewhere."""
        if query.dismissed or query.batch or query.project or query.study_id is not None:
            return []
        named = query.project_ids is None  # names of jobs are for those who see everything
        with closing(sqlite3.connect(":memory:")) as con:
            con.row_factory = sqlite3.Row
            con.execute(_TABLE)
            for adapter in self._adapters:
                con.executemany(
                    _INSERT, [_values(adapter.name, one, named=named) for one in adapter.foreign()]
                )
            return con.execute(sql, values).fetchall()


def _where(query: JobQuery) -> tuple[str, list[Any]]:
    parts: list[tuple[str, list[Any]]] = [("1", [])]
    if query.in_some_states:
        parts.append((f"letter IN ({', '.join('?' * len(query.letters))})", list(query.letters)))
    parts += conditions(query.column_filters, _COLUMNS)
    parts += [(f"{_SEARCHED} LIKE ? ESCAPE '\\'", [pattern]) for pattern in query.patterns()]
    return " AND ".join(sql for sql, _ in parts), [v for _, values in parts for v in values]


def _values(adapter: str, entry: Entry, *, named: bool) -> list[Any]:
    key = f"{_BEGIN}{adapter}:{entry.ref}"
    number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:7])
    state = _STATES[entry.seen].value
    name = entry.name if named else "job of someone else"
    return [
        *(number, letter_of(state), name, state, entry.partition, adapter, entry.user),
        *(entry.reason, key, entry.cpus, entry.memory_mb, entry.gpus),
        *(entry.submitted_at, entry.started_at or None),
    ]


def _row(row: sqlite3.Row) -> JobRow:
    started = row["started"] if row["state"] != State.QUEUED else None
    return JobRow(
        key=row["key"],
        batch_key=None,
        name=row["name"],
        psid=None,
        project="",
        study_id=None,
        subject_id=None,
        state=row["state"],
        letter=row["letter"],
        queue=row["queue"],
        attempt=0,
        failure=None,
        why=row["why"],
        owner=row["owner"],
        created_at=row["created"] or now_ms(),
        started_at=started,
        ended_at=None,
        wall_s=None if started is None else max(0, now_ms() - started) / 1000,
        cpus=row["cpus"],
        memory_mb=row["memory_mb"],
        gpus=row["gpus"],
        adapter=row["adapter"],
        foreign=True,
    )
