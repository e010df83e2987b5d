"""Pulls what was asked for, one series after the other for each archive, in its hours.

Everything about a pull is in its row, so that an end of the service loses none: what was under way
is asked for again, and what had come by then is kept.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from traceback import format_tb
from typing import Any

import msgspec

from appliance.core import ApplianceError, now_ms
from appliance.exchange.crash import crash_point
from appliance.exchange.importer import Importer
from appliance.exchange.pacs_awaited import Awaited
from appliance.exchange.pacs_hours import Hours
from appliance.exchange.pacs_link import Archive, Moved
from appliance.exchange.pacs_rows import PullRow, change_pull, due_pulls, load_pull, requeue_running
from appliance.exchange.pacs_values import PullState
from appliance.exchange.reception import Reception
from appliance.exchange.rows import Options

__all__ = ["Puller"]

_LOG = logging.getLogger(__name__)
_LOOK_S, _END_WITHIN_S = 1.0, 10.0
_NO_NODE = "the settings know this archive no more"
_COUNT_EVERY_MS = 500


class Puller:
    """One thread that looks what is due, and one for each archive that sends.

    Parameters
    ----------
    importer : Importer
        Takes what comes.
    links : mapping of str to Archive
        The archives.
    awaited : Awaited
        Tells the listener what was asked for.
    local_time : callable
        Gives the time of day.
    """

    def __init__(
        self,
        importer: Importer,
        links: Mapping[str, Archive],
        awaited: Awaited,
        *,
        local_time: Callable[[], datetime] = datetime.now,
    ) -> None:
        self._importer, self._ctx = importer, importer.ctx
        self._links, self._awaited, self._local_time = links, awaited, local_time
        self._stopping, self._wake = threading.Event(), threading.Event()
        self._busy: dict[str, threading.Thread] = {}
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Take up what an earlier end left behind, and begin."""
        if self._thread is not None:
            return
        self._ctx.catalog.write(requeue_running)
        self._stopping.clear()
        for link in list(self._links.values()):
            link.open()
        self._thread = threading.Thread(target=self._run, name="pacs-pulls", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End what is under way; the next start asks for it again."""
        self._stopping.set()
        self._wake.set()
        for link in list(self._links.values()):
            link.close()
        for thread in [self._thread, *self._busy.values()]:
            if thread is not None:
                thread.join(_END_WITHIN_S)
        self._thread = None

    def interrupt(self, node: str) -> None:
        """End what an archive sends now, because that was cancelled."""
        if node in self._links:
            self._links[node].cancel_pull()

    def look(self) -> None:
        """Look now: something was asked for."""
        self._wake.set()

    def opens_in_s(self, node: str) -> float:
        """Give the seconds until an archive's hours begin; 0: now, or it is unknown."""
        link = self._links.get(node)
        return 0.0 if link is None else Hours(link.node.window).wait_s(self._local_time())

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._hand_out()
            except Exception:  # noqa: BLE001 - an outer loop: the next round tries again
                _LOG.exception("pulling from archives stumbled")
            self._wake.wait(_LOOK_S)
            self._wake.clear()

    def _hand_out(self) -> None:
        """Give each archive that is idle and in its hours its next pull."""
        self._busy = {name: one for name, one in self._busy.items() if one.is_alive()}
        with self._ctx.catalog.read() as con:
            due = due_pulls(con, now_ms())
        for name, row in due.items():
            if name not in self._links:
                self._settle(row, PullState.FAILED, _NO_NODE, "Enter it again, then retry.")
            elif name not in self._busy and self.opens_in_s(name) == 0:
                thread = threading.Thread(
                    target=self._work, args=(row,), name=f"pacs-{name}", daemon=True
                )
                self._busy[name] = thread
                thread.start()

    def _work(self, row: PullRow) -> None:
        try:
            self.pull(row)
        except Exception as error:  # noqa: BLE001 - an outer loop: told in the row
            where = "".join(format_tb(error.__traceback__))
            _LOG.error("pull %s ended by a fault: %s\n%s", row.key, type(error).__name__, where)
            self._settle(row, PullState.FAILED, "a fault in the service", "The log tells more.")
        link = self._links.get(row.node)
        usual = 0.0 if link is None else link.node.move_pause_s
        asked = row.ways.move_pause_s
        self._stopping.wait(usual if asked is None else asked)
        self._wake.set()

    def pull(self, row: PullRow) -> None:
        """Ask for one series, or study, and settle what became of it."""
        link = self._links.get(row.node)
        if link is None:
            self._settle(row, PullState.FAILED, _NO_NODE, "Enter it again, then retry.")
            return
        try:
            options = Options(autoexec=row.ways.autoexec, autoexec_queue=row.ways.autoexec_queue)
            reception = Reception(self._importer, row.project, f"PACS {row.node}", options)
        except ApplianceError as error:
            self._settle(row, PullState.FAILED, error.message, error.hint)
            return
        row = self._begin(row, reception)
        crash_point("pull.begun")
        try:
            moved = self._ask(link, row, reception)
        except ApplianceError as error:
            moved = Moved(0, 0, error.message, error.hint)
        crash_point("pull.received")
        self._conclude(link, row, reception, moved)

    def _begin(self, row: PullRow, reception: Reception) -> PullRow:
        receipts = [*row.receipts, reception.key]
        changes: dict[str, Any] = {
            "state": PullState.RUNNING,
            "tries": row.tries + 1,
            "n_received": 0,
            "reason": "",
            "hint": "",
        }
        kept = {**changes, "receipts": json.dumps(receipts)}
        self._ctx.catalog.write(lambda tx: change_pull(tx, row, **kept))
        return msgspec.structs.replace(row, **changes, receipts=receipts)

    def _ask(self, link: Archive, row: PullRow, reception: Reception) -> Moved:
        keys = {"StudyInstanceUID": row.study_uid, "SeriesInstanceUID": row.series_uid}
        counted = 0

        def heard() -> None:
            nonlocal counted
            if now_ms() - counted >= _COUNT_EVERY_MS:
                counted = now_ms()
                n = reception.n_stored
                self._ctx.catalog.write(lambda tx: change_pull(tx, row, n_received=n))

        if link.node.method != "move":
            return link.get(keys, reception.store, heard)
        uids = (row.study_uid, row.series_uid)
        expected = self._awaited.open(link.node, link.calling, uids, reception)
        try:
            return link.move(keys, expected.message_id, heard)
        finally:
            self._awaited.close(expected)

    def _conclude(self, link: Archive, row: PullRow, reception: Reception, moved: Moved) -> None:
        n = reception.n_stored
        whole = not moved.why and not moved.n_failed and n >= max(1, row.n_expected or 0)
        if n:
            reception.close(complete=whole)
        else:
            reception.abandon()
            row = msgspec.structs.replace(row, receipts=row.receipts[:-1])
        if whole:
            self._settle(row, PullState.DONE, n_received=n)
            return
        if self._stopping.is_set() or self._is_cancelled(row):
            self._keep_count(row, n)
            return
        reason, hint = _shortage(row, n, moved)
        if reception.refusal is not None:
            reason, hint = reception.refusal.message, reception.refusal.hint
        if row.tries < link.node.tries:
            self._try_again(link, row, n, reason, hint)
        else:
            state = PullState.PARTIAL if n else PullState.FAILED
            self._settle(row, state, reason, hint, n_received=n)

    def _try_again(self, link: Archive, row: PullRow, n: int, reason: str, hint: str) -> None:
        wait_s = link.node.retry_s * 4 ** (row.tries - 1)
        due_at = now_ms() + int(wait_s * 1000)
        self._settle(row, PullState.QUEUED, reason, hint, n_received=n, due_at=due_at)

    def _keep_count(self, row: PullRow, n: int) -> None:
        """Note what came of a pull that was cancelled, or that the next start takes up again."""
        receipts = json.dumps(row.receipts)
        self._ctx.catalog.write(
            lambda tx: tx.con.execute(
                "UPDATE pacs_pulls SET n_received = ?, receipts = ? WHERE id = ?",
                (n, receipts, row.id),
            )
        )

    def _is_cancelled(self, row: PullRow) -> bool:
        with self._ctx.catalog.read() as con:
            now = load_pull(con, row.key)
        return now is None or now.state == PullState.CANCELLED

    def _settle(
        self, row: PullRow, state: PullState, reason: str = "", hint: str = "", **more: Any
    ) -> None:
        changes = {
            "state": state,
            "reason": reason,
            "hint": hint,
            "receipts": json.dumps(row.receipts),
            **more,
        }
        self._ctx.catalog.write(lambda tx: change_pull(tx, row, **changes))
        _LOG.info("pull %s from %s: %s%s", row.key, row.node, state, f" ({reason})" * bool(reason))


def _shortage(row: PullRow, n: int, moved: Moved) -> tuple[str, str]:
    """Say what is missing, and what to do."""
    if moved.why:
        return moved.why, moved.hint
    if moved.n_failed:
        why = f"the archive could not send {moved.n_failed} of {moved.n_failed + n} images"
        return why, "Does its log tell more? Some archives cannot send what they have compressed."
    if not n:
        return "nothing came", (
            "It has no such series any more, or sends to another address: check what it knows of"
            " our listener."
        )
    return f"{n} of {row.n_expected} images came", "What came is kept; the rest is asked for again."
