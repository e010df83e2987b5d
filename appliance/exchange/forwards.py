"""Sends on what rules asked for: a queue of rows that outlives the service, tried again by itself.

Nothing leaves for an archive whose settings do not say ``push = true``.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from appliance.core import ApplianceError, Conflict, NotFound, PacsNode, PeerError, now_ms
from appliance.exchange.context import Context
from appliance.exchange.crash import crash_point
from appliance.exchange.once import OncePerRow
from appliance.exchange.push_forward import forward_objects
from appliance.exchange.routing_rows import Forward

if TYPE_CHECKING:
    from appliance.catalog import Event, Tx

__all__ = ["FORWARD_STEP", "Forwards"]

_LOG = logging.getLogger(__name__)
FORWARD_STEP = "exchange.forward"
_WAITS_MS = tuple(minutes * 60_000 for minutes in (1, 5, 15, 60, 60, 60, 240, 240, 240, 720))
_HELD_MS = 10 * 60_000
_OFF = "sending there is switched off"
_OFF_HINT = "An administrator allows it with push = true at the archive, in the settings."
_SELECT = (
    "SELECT f.*, p.name AS project, r.key AS receipt, s.pid, s.sid, s.folder"
    " FROM forwards f JOIN projects p ON p.id = f.project_id"
    " JOIN receipts r ON r.id = f.receipt_id JOIN incoming_series s ON s.id = f.series_id"
)


class Forwards:
    """The queue of what is sent on.

    Parameters
    ----------
    ctx : Context
        The rooms below.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._once = OncePerRow()
        self._nodes: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._deaf: Callable[[], None] | None = None
        ctx.queue.register_step(FORWARD_STEP, self._step)

    def open(self) -> None:
        """Put back what was being sent when the service ended, and hear of what is to be sent."""
        self._ctx.catalog.write(
            lambda tx: tx.con.execute(
                "UPDATE forwards SET state = 'queued', due_at = 0"
                " WHERE state IN ('running', 'held')"
            )
        )
        self._deaf = self._ctx.catalog.events.listen(self._hear)

    def close(self) -> None:
        """Hear no more."""
        if self._deaf is not None:
            self._deaf()
            self._deaf = None

    def look(self) -> None:
        """Ask for what is due."""
        with self._ctx.catalog.read() as con:
            rows = con.execute(
                "SELECT id FROM forwards WHERE state IN ('queued', 'held') AND due_at <= ?"
                " ORDER BY id LIMIT 1000",
                (now_ms(),),
            ).fetchall()
        for row in rows:
            self._ctx.ask(FORWARD_STEP, int(row[0]))

    def listed(
        self, state: str = "", limit: int = 200, project_ids: Collection[int] | None = None
    ) -> list[Forward]:
        """List what was and is sent on, newest first."""
        wheres, values = ["1"], list[Any]()
        if state:
            wheres.append("f.state = ?")
            values.append(state)
        sql = f"{_SELECT} WHERE {' AND '.join(wheres)} ORDER BY f.id DESC LIMIT ?"
        with self._ctx.catalog.read() as con:
            rows = con.execute(sql, (*values, max(1, min(limit, 1000)))).fetchall()
        return [
            _shown(row)
            for row in rows
            if project_ids is None or int(row["project_id"]) in project_ids
        ]

    def again(self, key: str = "") -> int:
        """Send again what failed or is held: one, or all; tell how many.

        Raises
        ------
        NotFound, Conflict
            If there is none of that key, or it did not fail.
        """

        def write(tx: Tx) -> int:
            if (
                key
                and not tx.con.execute("SELECT 1 FROM forwards WHERE key = ?", (key,)).fetchone()
            ):
                raise NotFound(f"nothing {key!r} is sent on")
            n = tx.con.execute(
                "UPDATE forwards SET state = 'queued', tries = 0, due_at = 0, reason = '',"
                " hint = '' WHERE state IN ('failed', 'held') AND (key = ?1 OR ?1 = '')",
                (key,),
            ).rowcount
            if not n:
                raise Conflict("nothing of this failed")
            tx.event("forwards.changed")
            return int(n)

        return self._ctx.catalog.write(write)

    def _hear(self, event: Event) -> None:
        if event.topic == "forwards.changed":
            self.look()

    def _step(self, row_id: int) -> None:
        self._once.run(self._send, row_id)

    def _send(self, row_id: int) -> None:
        with self._ctx.catalog.read() as con:
            row = con.execute(f"{_SELECT} WHERE f.id = ?", (row_id,)).fetchone()
        if row is None or row["state"] not in ("queued", "held") or row["due_at"] > now_ms():
            return
        node = self._ctx.settings.pacs.nodes.get(row["node"])
        if node is None or not node.push:
            self._set(row, "held", due_in=_HELD_MS, reason=_OFF, hint=_OFF_HINT)
            return
        with self._nodes[row["node"]]:
            self._set(row, "running", tries=row["tries"] + 1)
            try:
                n = self._send_to(node, row)
            except ApplianceError as error:
                self._failed(row, error)
            else:
                crash_point("forward.sent")
                self._set(row, "done", n_sent=n, reason="", hint="")

    def _send_to(self, node: PacsNode, row: Any) -> int:
        with self._ctx.catalog.read() as con:
            paths = [self._ctx.path(place) for place in _places(con, row)]
        if not paths:
            raise NotFound("its originals are not here any more")
        forward_objects(row["node"], node, self._ctx.settings.dicom.ae_title, paths)
        return len(paths)

    def _failed(self, row: Any, error: ApplianceError) -> None:
        _LOG.warning("sending %s on to %s: %s", row["key"], row["node"], error.message)
        tries = int(row["tries"])
        given_up = tries >= len(_WAITS_MS) or not isinstance(error, PeerError)
        due_in = 0 if given_up else _WAITS_MS[tries]
        state = "failed" if given_up else "queued"
        self._set(row, state, due_in=due_in, reason=error.message, hint=error.hint)

    def _set(self, row: Any, state: str, *, due_in: int = 0, **facts: Any) -> None:
        now = now_ms()
        columns = {**facts, "state": state, "updated_at": now, "due_at": now + due_in}
        text = ", ".join(f"{name} = ?" for name in columns)

        def write(tx: Tx) -> None:
            tx.con.execute(
                f"UPDATE forwards SET {text} WHERE id = ?", (*columns.values(), row["id"])
            )
            tx.event("forward.changed", key=row["key"], state=state, project=row["project"])

        self._ctx.catalog.write(write)


def _places(con: sqlite3.Connection, row: Any) -> list[str]:
    rows = con.execute(
        "SELECT place FROM receipt_items WHERE receipt_id = ? AND series_id = ?"
        " AND place LIKE 'originals/%' AND state IN ('converted', 'stored', 'quarantined')"
        " ORDER BY n",
        (row["receipt_id"], row["series_id"]),
    )
    return [str(found[0]) for found in rows]


def _shown(row: Any) -> Forward:
    facts = {
        name: row[name] for name in Forward.__struct_fields__ if name not in ("psid", "series")
    }
    return Forward(**facts, psid=f"{row['pid']}#{row['sid']}", series=row["folder"])
