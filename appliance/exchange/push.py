"""Sending to archives: off for each until its settings allow it, checked, and kept as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from appliance.core import ApplianceError, Invalid, NotFound, PacsNode, Refused, new_key, now_ms
from appliance.exchange.context import Context
from appliance.exchange.pacs_link import Archive
from appliance.exchange.push_plan import Judge
from appliance.exchange.push_results import (
    RoiForm,
    document_wish,
    forget_results,
    made,
    roi_wish,
    series_wish,
)
from appliance.exchange.push_rows import (
    OPEN,
    PushRow,
    acknowledged_places,
    add_push,
    change_push,
    list_pushes,
    load_push,
    places_of,
    push_answers,
    shown,
)
from appliance.exchange.push_series import SeriesOut, originals, series_keys, series_out
from appliance.exchange.push_values import (
    NewPush,
    Push,
    PushAnswer,
    PushFate,
    PushHow,
    PushState,
    PushWish,
)
from appliance.exchange.push_work import Pusher

if TYPE_CHECKING:
    from appliance.catalog import Tx
    from appliance.formats import Label
    from appliance.geometry import Volume

__all__ = ["PushAction", "Pushes"]

PushAction = Literal["cancel", "retry"]


class Pushes:
    """Sends to the archives of the settings.

    Parameters
    ----------
    ctx : Context
        The rooms below.
    links : mapping of str to Archive
        The archives by name.
    """

    def __init__(self, ctx: Context, links: Mapping[str, Archive]) -> None:
        self._ctx, self._links = ctx, links
        self._pusher = Pusher(ctx, links)

    def start(self) -> None:
        """Begin to send, also what an earlier end left behind."""
        self._pusher.start()

    def stop(self) -> None:
        """End what is under way; the next start goes on with it."""
        self._pusher.stop()

    def nodes(self, project: str) -> Mapping[str, PacsNode]:
        """Give the archives that a project may send to."""
        return {
            name: link.node
            for name, link in self._links.items()
            if link.node.push and (not link.node.projects or project in link.node.projects)
        }

    def link(self, project: str, name: str) -> Archive:
        """Give the way to an archive that may be sent to.

        Raises
        ------
        NotFound
            If there is none of this name, or the project may not use it.
        Refused
            If its settings do not allow sending.
        """
        link = self._links.get(name)
        if link is None or (link.node.projects and project not in link.node.projects):
            there = ", ".join(sorted(self.nodes(project))) or "none"
            raise NotFound(f"there is no PACS node {name!r}", hint=f"Sent may be to: {there}.")
        if not link.node.push:
            raise Refused(
                f"sending to {name} is off", hint=f"Set push = true under [pacs.nodes.{name}]."
            )
        return link

    def forward(
        self, project: str, node: str, series_keys: Sequence[str], actor: str
    ) -> tuple[str, int]:
        """Send the kept objects of series, as rules do; what the archive has is left out.

        Nobody is asked; the archive need not have the study, but must not say that it, or its
        PatientID, is somebody else's. That is checked when it is sent, and told in the row.

        Parameters
        ----------
        series_keys : sequence of str
            Keys of series, the same in the catalog and among those that are assembled.

        Returns
        -------
        (str, int)
            Key of what was asked for together, empty if nothing was, and how many objects go.

        Raises
        ------
        NotFound, Refused, Conflict
            If the archive is unknown or may not be sent to, or the project is archived.
        """
        self.link(project, node)
        with self._ctx.catalog.read() as con:
            wanted = series_out(con, project, keys=series_keys)
        return self._add(project, node, [originals(one, new_study=True) for one in wanted], actor)

    def series(
        self, project: str, *, studies: Sequence[int] = (), files: Sequence[int] = ()
    ) -> list[SeriesOut]:
        """Give the series of studies, and those that images were converted from, with objects."""
        with self._ctx.catalog.read() as con:
            keys = series_keys(con, studies, files)
            return series_out(con, project, keys=keys)

    def wish_series(self, one: SeriesOut) -> PushWish:
        """Wish that the kept objects of a series go."""
        return series_wish(self._ctx, one, originals(one))

    def wish_rois(
        self, one: SeriesOut, form: RoiForm, title: str, rois: tuple[Volume, Sequence[Label]]
    ) -> PushWish:
        """Wish that ROIs go as objects that refer to the series that they were drawn on."""
        return roi_wish(self._ctx, one, form, title, rois)

    def wish_document(self, one: SeriesOut, title: str, data: bytes) -> PushWish:
        """Wish that a picture (PNG, JPEG) or a PDF goes into the study of a series."""
        return document_wish(self._ctx, one, title, data)

    def plan(
        self, project: str, node: str, wishes: Sequence[PushWish], how: PushHow
    ) -> list[PushFate]:
        """Tell what would become of each wish; the archive is asked whose the studies are.

        Raises
        ------
        NotFound, Refused, PeerError
            If the archive is unknown, may not be sent to, or does not answer.
        """
        from appliance.catalog import get_project

        link = self.link(project, node)
        with self._ctx.catalog.read() as con:
            found = get_project(con, project)
            sent = set() if how.again else acknowledged_places(con, found.id, node)
        if how.names:
            target = {"project": project, "node": node}
            self._ctx.catalog.write(
                lambda tx: tx.operation("pacs-names", actor=how.actor, target=target)
            )
        judge = Judge(self._ctx, found.key, link, new_study=how.new_study, names=how.names)
        return [judge.fate(wish, sent) for wish in wishes]

    def begin(
        self, project: str, node: str, wishes: Sequence[PushWish], how: PushHow
    ) -> tuple[str, list[PushFate]]:
        """Send what is wished, if nothing speaks against any of it; see `plan` and `forward`."""
        fates = self.plan(project, node, wishes, how)
        if not wishes:
            raise Invalid("nothing is named", hint="Name studies, series, ROIs or a picture.")
        for fate in fates:
            if fate.problem:
                raise Refused(fate.problem, hint=fate.hint)
        pushes = [wish.push if wish.make is None else made(self._ctx, wish) for wish in wishes]
        wanted = [msgspec.structs.replace(one, new_study=how.new_study) for one in pushes]
        try:
            batch, _ = self._add(project, node, wanted, how.actor, again=how.again)
        except ApplianceError:
            forget_results(self._ctx, [place for one in wanted for place in one.places])
            raise
        return batch, fates

    def _add(
        self,
        project: str,
        node: str,
        wanted: Sequence[NewPush],
        actor: str,
        *,
        again: bool = False,
    ) -> tuple[str, int]:
        """Write pushes down, and have them done; see `forward`.

        Parameters
        ----------
        again : bool
            Whether also what the archive has acknowledged goes.
        """
        from appliance.catalog import get_project, require_open

        batch = new_key()

        def write(tx: Tx) -> int:
            found = get_project(tx.con, project)
            require_open(tx.con, found.id)
            sent = set() if again else acknowledged_places(tx.con, found.id, node)
            left = [_without(one, sent) for one in wanted]
            for one in (one for one in left if one.places):
                add_push(tx, found.id, node, one, batch=batch, actor=actor)
            n = sum(len(one.places) for one in left)
            if n:
                target = {"project": project, "node": node, "batch": batch, "n": n}
                tx.operation("pacs-push", actor=actor, target=target)
            return n

        n = self._ctx.catalog.write(write)
        self._pusher.look()
        return (batch, n) if n else ("", 0)

    def pushes(self, project: str, *, batch: str = "", limit: int = 1000) -> list[Push]:
        """Give the pushes of a project, newest first."""
        from appliance.catalog import get_project

        with self._ctx.catalog.read() as con:
            rows = list_pushes(con, get_project(con, project).id, batch=batch, limit=limit)
        return [shown(row) for row in rows]

    def answers(self, project: str, key: str) -> list[PushAnswer]:
        """Give what the archive said of each object of a push.

        Raises
        ------
        NotFound
            If the project has no such push.
        """
        with self._ctx.catalog.read() as con:
            row = self._row(con, project, key)
            return push_answers(con, row.id)

    def change(
        self, project: str, action: PushAction, *, keys: Sequence[str] = (), batch: str = ""
    ) -> int:
        """Cancel pushes that have not ended, or send again what was not acknowledged.

        Returns
        -------
        int
            How many were changed.
        """
        from appliance.catalog import get_project

        if not keys and not batch:
            raise Invalid("say which pushes", hint="Name keys, or what was asked for together.")

        def write(tx: Tx) -> tuple[int, list[str]]:
            rows = list_pushes(tx.con, get_project(tx.con, project).id, batch=batch, limit=-1)
            named = [row for row in rows if not keys or row.key in keys]
            done = [row.id for row in named if _CHANGES[action](tx, row)]
            return len(done), [place for row_id in done for place in places_of(tx.con, row_id)]

        n, places = self._ctx.catalog.write(write)
        if action == "cancel":
            forget_results(self._ctx, places)
        self._pusher.look()
        return n

    def _row(self, con: Any, project: str, key: str) -> PushRow:
        row = load_push(con, key)
        if row is None or row.project.lower() != project.lower():
            raise NotFound(f"no push {key!r}")
        return row


def _without(one: NewPush, sent: set[str]) -> NewPush:
    left = [place for place in one.places if place not in sent]
    return msgspec.structs.replace(one, places=left)


def _cancel(tx: Tx, row: PushRow) -> bool:
    """Take a push back; one that failed need not go any more."""
    if row.state not in (*OPEN, PushState.PARTIAL, PushState.FAILED):
        return False
    change_push(tx, row, state=PushState.CANCELLED, reason="", hint="")
    return True


def _retry(tx: Tx, row: PushRow) -> bool:
    if row.state not in (PushState.PARTIAL, PushState.FAILED, PushState.CANCELLED):
        return False
    tx.con.execute(
        "UPDATE pacs_push_objects SET state = 'waiting', code = NULL, answer = '', at = NULL"
        " WHERE push_id = ? AND state = 'refused'",
        (row.id,),
    )
    changes = {"state": PushState.QUEUED, "tries": 0, "due_at": now_ms(), "n_refused": 0}
    change_push(tx, row, **changes, reason="", hint="")
    return True


_CHANGES = {"cancel": _cancel, "retry": _retry}
