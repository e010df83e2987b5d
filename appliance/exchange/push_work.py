"""Sends what was asked for, one push after the other for each archive.

Everything about a push is in its rows, so that an end of the service loses none: what was
acknowledged stays acknowledged, and the rest goes again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from traceback import format_tb
from typing import TYPE_CHECKING, Any

from appliance.core import ApplianceError, Refused, now_ms
from appliance.exchange.context import Context
from appliance.exchange.crash import crash_point
from appliance.exchange.pacs_link import Archive
from appliance.exchange.push_check import check_archive_agrees, check_objects
from appliance.exchange.push_results import forget_results
from appliance.exchange.push_rows import (
    OPEN,
    PushRow,
    change_push,
    due_pushes,
    load_push,
    note_replies,
    places_of,
    requeue_sending,
    waiting_objects,
)
from appliance.exchange.push_store import send_all
from appliance.exchange.push_values import Outgoing, PushState, Reply

if TYPE_CHECKING:
    from appliance.catalog import Tx

__all__ = ["Pusher"]

_LOG = logging.getLogger(__name__)
_LOOK_S, _END_WITHIN_S = 1.0, 10.0
_NO_NODE = "the settings know this archive no more"
_NO_NODE_HINT = "Enter it again, then retry."
_OFF, _OFF_HINT = "sending to this archive is off", "Set push = true for it, then retry."
_GONE = "an object is not on disk any more"


class Pusher:
    """One thread that looks what is due, and one for each archive that is sent to.

    Parameters
    ----------
    ctx : Context
    links : mapping of str to Archive
    """

    def __init__(self, ctx: Context, links: Mapping[str, Archive]) -> None:
        self._ctx, self._links = ctx, links
        self._stopping, self._wake = threading.Event(), threading.Event()
        self._busy: dict[str, threading.Thread] = {}
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Take up what an earlier end left behind, and begin."""
        if self._thread is not None:
            return
        self._ctx.catalog.write(requeue_sending)
        self._stopping.clear()
        for link in list(self._links.values()):
            link.open()
        self._thread = threading.Thread(target=self._run, name="pacs-pushes", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End what is under way; the next start goes on with it."""
        self._stopping.set()
        self._wake.set()
        for link in list(self._links.values()):
            link.close()
        for thread in [self._thread, *self._busy.values()]:
            if thread is not None:
                thread.join(_END_WITHIN_S)
        self._thread = None

    def look(self) -> None:
        """Look now: something was asked for."""
        self._wake.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._hand_out()
            except Exception:  # noqa: BLE001 - an outer loop: the next round tries again
                _LOG.exception("sending to archives stumbled")
            self._wake.wait(_LOOK_S)
            self._wake.clear()

    def _hand_out(self) -> None:
        self._busy = {name: one for name, one in self._busy.items() if one.is_alive()}
        with self._ctx.catalog.read() as con:
            due = due_pushes(con, now_ms())
        for name, row in due.items():
            if name not in self._links:
                self._settle(row, PushState.FAILED, _NO_NODE, _NO_NODE_HINT)
            elif name not in self._busy:
                thread = threading.Thread(
                    target=self._work, args=(row,), name=f"pacs-push-{name}", daemon=True
                )
                self._busy[name] = thread
                thread.start()

    def _work(self, row: PushRow) -> None:
        try:
            self._push(row)
        except Refused as error:
            self._settle(row, PushState.FAILED, error.message, error.hint)
        except ApplianceError as error:
            self._try_again(row, error)
        except Exception as error:  # noqa: BLE001 - an outer loop: told in the row
            where = "".join(format_tb(error.__traceback__))
            _LOG.error("push %s ended by a fault: %s\n%s", row.key, type(error).__name__, where)
            self._settle(row, PushState.FAILED, "a fault in the service", "The log tells more.")
        self._wake.set()

    def _push(self, row: PushRow) -> None:
        """Check once more whose it is, send what was not answered for, and settle."""
        link = self._links.get(row.node)
        if link is None:
            raise Refused(_NO_NODE, hint=_NO_NODE_HINT)
        if not link.node.push:
            raise Refused(_OFF, hint=_OFF_HINT)
        begun = {"state": PushState.SENDING, "tries": row.tries + 1, "reason": "", "hint": ""}
        self._ctx.catalog.write(lambda tx: change_push(tx, row, **begun))
        crash_point("push.begun")
        objects = self._objects(row)
        if objects:
            self._check(link, row, objects)
            send_all(link, objects, lambda replies: self._heard(row, replies))
        self._conclude(row)

    def _objects(self, row: PushRow) -> list[Outgoing]:
        with self._ctx.catalog.read() as con:
            waiting = waiting_objects(con, row.id)
        objects = [Outgoing(n, self._ctx.path(place)) for n, place in waiting]
        if any(not one.path.is_file() for one in objects):
            raise Refused(_GONE, hint="Send the series anew.")
        return objects

    def _check(self, link: Archive, row: PushRow, objects: Sequence[Outgoing]) -> None:
        if not link.node.push_check:
            return
        path = objects[0].path
        ours = check_objects(self._ctx, row.project_key, row.pid, row.study_uid, path)
        check_archive_agrees(link, ours, row.study_uid, new_study=bool(row.new_study))

    def _heard(self, row: PushRow, replies: Sequence[Reply]) -> bool:
        """Keep replies; tell whether to go on."""
        self._ctx.catalog.write(lambda tx: note_replies(tx, row, replies))
        crash_point("push.heard")
        return not self._stopping.is_set() and self._is_open(row)

    def _is_open(self, row: PushRow) -> bool:
        now = self._now(row)
        return now is not None and now.state in OPEN

    def _now(self, row: PushRow) -> PushRow | None:
        with self._ctx.catalog.read() as con:
            return load_push(con, row.key)

    def _conclude(self, row: PushRow) -> None:
        now = self._now(row)
        if now is None or now.state not in OPEN or self._stopping.is_set():
            return
        if now.n_sent + now.n_refused < now.n_objects:
            return  # cut off between two objects; the next start goes on
        if not now.n_refused:
            self._settle(now, PushState.DONE)
            with self._ctx.catalog.read() as con:
                forget_results(self._ctx, places_of(con, now.id))
            return
        with self._ctx.catalog.read() as con:
            why = con.execute(
                "SELECT answer FROM pacs_push_objects WHERE push_id = ? AND state = 'refused'"
                " ORDER BY n LIMIT 1",
                (row.id,),
            ).fetchone()[0]
        state = PushState.PARTIAL if now.n_sent else PushState.FAILED
        reason = f"{now.n_refused} of {now.n_objects} objects were refused: {why}"
        self._settle(now, state, reason, "Look into the archive's log; then retry.")

    def _try_again(self, row: PushRow, error: ApplianceError) -> None:
        """Ask for another try, after a wait that is each time four times as long.

        An archive that says how long it is busy is not asked before.
        """
        now = self._now(row)
        if now is None or now.state not in OPEN or self._stopping.is_set():
            return
        link = self._links.get(row.node)
        if link is None or now.tries >= link.node.tries:
            state = PushState.PARTIAL if now.n_sent else PushState.FAILED
            self._settle(now, state, error.message, error.hint)
            return
        wait_s = max(link.node.retry_s * 4 ** (now.tries - 1), error.facts.get("after_s", 0.0))
        due_at = now_ms() + int(wait_s * 1000)
        self._settle(now, PushState.QUEUED, error.message, error.hint, due_at=due_at)

    def _settle(
        self, row: PushRow, state: PushState, reason: str = "", hint: str = "", **more: Any
    ) -> None:
        changes = {"state": state, "reason": reason, "hint": hint, **more}

        def write(tx: Tx) -> None:
            now = load_push(tx.con, row.key)
            if now is not None and now.state in OPEN:  # else somebody took it back meanwhile
                change_push(tx, row, **changes)

        self._ctx.catalog.write(write)
        _LOG.info("push %s to %s: %s%s", row.key, row.node, state, f" ({reason})" * bool(reason))
