"""Sending to archives: off for each until its settings allow it, checked, and kept as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from appliance.core import Invalid, NotFound, PacsNode, Refused, new_key, now_ms
from appliance.exchange.context import Context
from appliance.exchange.pacs_link import Archive
from appliance.exchange.push_rows import (
    OPEN,
    NewPush,
    PushRow,
    acknowledged_places,
    add_push,
    change_push,
    list_pushes,
    load_push,
    push_answers,
    shown,
)
from appliance.exchange.push_values import Push, PushAnswer, PushState
from appliance.exchange.push_work import Pusher

if TYPE_CHECKING:
    from appliance.catalog import Project, Tx

__all__ = ["PushAction", "Pushes"]

PushAction = Literal["cancel", "retry"]


class SeriesOut(msgspec.Struct, frozen=True, kw_only=True):
    """A series of a project with the objects that are kept of it."""

    key: str
    pid: str
    psid: str
    study_uid: str
    what: str
    places: list[str]


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
        wanted = self.series_out(project, series_keys)
        return self.add(project, node, [originals(one, new_study=True) for one in wanted], actor)

    def add(
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

    def series_out(self, project: str, keys: Sequence[str]) -> list[SeriesOut]:
        """Give series with their kept objects; those of which none is kept are left out."""
        from appliance.catalog import get_project

        with self._ctx.catalog.read() as con:
            found = get_project(con, project)
            rows = con.execute(
                "SELECT c.key, coalesce(b.pid, c.pid) AS pid, coalesce(t.sid, c.sid) AS sid,"
                " c.study_uid, c.modality, c.number, c.folder, i.place FROM incoming_series c"
                " LEFT JOIN series s ON s.key = c.key LEFT JOIN studies t ON t.id = s.study_id"
                " LEFT JOIN subjects b ON b.id = t.subject_id"
                " JOIN receipt_items i ON i.series_id = c.id AND i.place LIKE 'originals/%'"
                " WHERE c.project_id = ? AND c.key IN (SELECT value FROM json_each(?))"
                " GROUP BY i.place ORDER BY c.id, min(i.id)",
                (found.id, msgspec.json.encode(list(keys)).decode()),
            ).fetchall()
        series: dict[str, SeriesOut] = {}
        for row in rows:
            series.setdefault(row["key"], _series(row)).places.append(row["place"])
        return list(series.values())

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

        def write(tx: Tx) -> int:
            rows = list_pushes(tx.con, get_project(tx.con, project).id, batch=batch, limit=-1)
            named = [row for row in rows if not keys or row.key in keys]
            return sum(_CHANGES[action](tx, row) for row in named)

        n = self._ctx.catalog.write(write)
        self._pusher.look()
        return n

    def _row(self, con: Any, project: str, key: str) -> PushRow:
        row = load_push(con, key)
        if row is None or row.project.lower() != project.lower():
            raise NotFound(f"no push {key!r}")
        return row

    def project(self, name: str) -> Project:
        """Give a project that is in use.

        Raises
        ------
        NotFound, Conflict
            If there is none, or it is archived.
        """
        from appliance.catalog import get_project, require_open

        with self._ctx.catalog.read() as con:
            found = get_project(con, name)
            require_open(con, found.id)
        return found


def originals(one: SeriesOut, *, new_study: bool = False) -> NewPush:
    """Give the push of a series' kept objects."""
    return NewPush(
        kind="originals",
        pid=one.pid,
        psid=one.psid,
        study_uid=one.study_uid,
        what=one.what,
        places=one.places,
        new_study=new_study,
    )


def _series(row: Any) -> SeriesOut:
    return SeriesOut(
        key=row["key"],
        pid=row["pid"],
        psid=f"{row['pid']}#{row['sid']}",
        study_uid=row["study_uid"],
        what=f"{row['folder']} ({row['modality']})" if row["modality"] else row["folder"],
        places=[],
    )


def _without(one: NewPush, sent: set[str]) -> NewPush:
    left = [place for place in one.places if place not in sent]
    return msgspec.structs.replace(one, places=left)


def _cancel(tx: Tx, row: PushRow) -> bool:
    if row.state not in OPEN:
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
