"""Large batches are written down piece by piece, so that other writes get their turn.

Until the last piece such a batch is there for nobody. A service that dies meanwhile has accepted
nothing: what is left of the batch is withdrawn afterwards. With the last commit all of it is there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable

from appliance.catalog import Catalog, Tx
from appliance.jobs.crash import crash_point
from appliance.jobs.retention import forget_jobs
from appliance.jobs.structs import Submitted
from appliance.jobs.submit import Order, Work, Writing

__all__ = ["Submissions"]

_AT_ONCE = 500
_DEAD = "SELECT id FROM batch WHERE submitting = 1"


class Submissions:
    """The batches that are being written down.

    Parameters
    ----------
    catalog : Catalog
        Where jobs are.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._live: set[int] = set()

    def write(
        self,
        order: Order,
        pieces: Iterable[Work],
        n_all: int,
        within: Callable[[Tx, Submitted], None] | None = None,
    ) -> Submitted:
        """Write a batch down; its jobs are durable and there when this returns.

        Parameters
        ----------
        pieces : iterable of Work
            Each is a write of its own; they are asked for between the writes.
        n_all : int
            How many jobs there will be at most, for those who look on.
        within : callable, optional
            Called in the last write; what it raises takes the batch back.
        """
        writing = Writing(order)
        try:
            for piece in pieces:
                self._catalog.write(lambda tx, some=piece: self._add(tx, writing, some, n_all))  # type: ignore[misc]
                crash_point("piece_committed")
            return self._catalog.write(lambda tx: _accept(tx, writing, within))
        except BaseException:
            with contextlib.suppress(Exception):  # else those who look for dead ones do it
                self._withdraw(writing.batch_id)
            raise
        finally:
            self._live.discard(writing.batch_id)

    def withdraw_dead(self) -> int:
        """Take back what was being written when a service died; tell how many batches it was."""
        with self._catalog.read() as con:
            dead = [row[0] for row in con.execute(_DEAD) if row[0] not in self._live]
        for batch_id in dead:
            self._withdraw(batch_id)
        return len(dead)

    def _add(self, tx: Tx, writing: Writing, work: Work, n_all: int) -> None:
        if not writing.batch_id:
            writing.begin(tx)
            self._live.add(writing.batch_id)  # before anybody can see it in the table
        writing.add(tx, work)
        order = writing.order
        tx.event(
            "batch.submitting",
            key=writing.key,
            project=order.project.name,
            owner=order.actor,
            n=writing.n_jobs,
            of=n_all,
        )

    def _withdraw(self, batch_id: int) -> None:
        while self._catalog.write(lambda tx: _withdraw_some(tx, batch_id)):
            pass


def _accept(tx: Tx, writing: Writing, within: Callable[[Tx, Submitted], None] | None) -> Submitted:
    done = writing.end(tx)
    if within is not None:
        within(tx, done)
    return done


def _withdraw_some(tx: Tx, batch_id: int) -> bool:
    """Delete some jobs of a batch, the last ones first, and in the end the batch."""
    rows = tx.con.execute(
        "SELECT job.id FROM job JOIN batch ON batch.id = job.batch_id"
        " WHERE batch.id = ? AND batch.submitting = 1 ORDER BY job.id DESC LIMIT ?",
        (batch_id, _AT_ONCE),
    ).fetchall()
    if rows:
        forget_jobs(tx, [row[0] for row in rows])
    else:
        tx.con.execute("DELETE FROM batch WHERE id = ? AND submitting = 1", (batch_id,))
    return bool(rows)
