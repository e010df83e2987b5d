"""PACS: the archives of the settings, searching them, and pulling from them into a project."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from appliance.core import Invalid, NotFound, PacsNode, Refused, Settings, iso, now_ms
from appliance.exchange.pacs_awaited import Awaited
from appliance.exchange.pacs_contacts import Contacts
from appliance.exchange.pacs_hidden import hidden, names_patients, unhidden
from appliance.exchange.pacs_link import Archive
from appliance.exchange.pacs_nodes import Nodes, link_to
from appliance.exchange.pacs_pull import Puller
from appliance.exchange.pacs_raw import raw_objects
from appliance.exchange.pacs_rows import (
    OPEN,
    PullRow,
    add_pulls,
    change_pull,
    list_pulls,
    open_series,
    without_uids,
)
from appliance.exchange.pacs_search import PacsResult, Search, Searches
from appliance.exchange.pacs_values import (
    Fate,
    PacsPull,
    PacsQuery,
    PacsView,
    PullState,
    PullWays,
    Wished,
)
from appliance.exchange.push import Pushes

if TYPE_CHECKING:
    from appliance.catalog import Tx
    from appliance.exchange.importer import Importer

__all__ = ["Action", "Pacs"]

Action = Literal["cancel", "retry"]
_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_CHUNK = 500
_NAMED, _USUAL = PacsView(), PullWays()


class Pacs:
    """The archives that the settings name.

    Parameters
    ----------
    importer : Importer
        Takes what is pulled.
    settings : Settings
        Sections ``pacs`` and ``dicom``.

    Attributes
    ----------
    known : Nodes
        The archives.
    awaited : Awaited
        For the listener: what was asked for.
    puller : Puller
        Does the pulls.
    pushes : Pushes
        Sends to them.

    Raises
    ------
    SettingsError
        If a node cannot be understood.
    """

    def __init__(self, importer: Importer, settings: Settings) -> None:
        self._ctx = importer.ctx
        self.known = Nodes(settings, importer.ctx.folder)
        self._searches = Searches()
        self.awaited = Awaited(self.known.askers)
        self.puller = Puller(importer, self.known.links, self.awaited)
        self.pushes = Pushes(importer.ctx, self.known.links)

    def start(self) -> None:
        """Begin to pull and to push, also what an earlier end left behind."""
        self.puller.start()
        self.pushes.start()

    def close(self) -> None:
        """Stop the searches and pulls; the next start goes on with the pulls."""
        self._searches.close()
        self.puller.stop()
        self.pushes.stop()

    @property
    def contacts(self) -> Contacts:
        """What was heard of each archive last."""
        return self.known.contacts

    def nodes(self, project: str) -> Mapping[str, PacsNode]:
        """Give the archives that a project may use."""
        return self.known.of(project)

    def put_node(self, name: str, node: PacsNode, actor: str) -> None:
        """Add an archive, or change one, at once; see `Nodes.put`."""
        self.known.put(name, node)
        target = {"node": name}
        self._ctx.catalog.write(lambda tx: tx.operation("pacs-node", actor=actor, target=target))
        self.puller.look()

    def remove_node(self, name: str, actor: str) -> None:
        """Remove an archive; see `Nodes.remove`."""
        self.known.remove(name)
        target = {"node": name}
        self._ctx.catalog.write(lambda tx: tx.operation("pacs-no-node", actor=actor, target=target))
        self.puller.look()

    def try_node(self, name: str, node: PacsNode) -> str:
        """Ask an archive that need not be saved whether it answers; gives what it is.

        Raises
        ------
        SettingsError, PeerError
            If it cannot be understood; if it does not answer or lets us not in.
        """
        link = link_to(name, node, self.known.title)
        link.echo()
        return str(link)

    def link(self, project: str, name: str) -> Archive:
        """Give the way to an archive.

        Raises
        ------
        NotFound
            If there is none of this name, or the project may not use it.
        """
        known = self.nodes(project)
        if name not in known:
            there = ", ".join(sorted(known)) or "none"
            raise NotFound(f"there is no PACS node {name!r}", hint=f"There are: {there}.")
        return self.known.links[name]

    def echo(self, project: str, name: str) -> None:
        """Ask an archive whether it answers.

        Raises
        ------
        NotFound, PeerError
            If there is no such archive; if it does not answer or lets us not in.
        """
        self.contacts.echo(self.link(project, name))

    def search(
        self,
        project: str,
        name: str,
        query: PacsQuery,
        actor: str,
        view: PacsView = _NAMED,
        *,
        find_pause_s: float | None = None,
    ) -> PacsResult:
        """Begin a search; that somebody searched is put on record, what for is not.

        `find_pause_s` are the seconds between its queries; None: as the node says.

        Raises
        ------
        NotFound, Invalid, Conflict
            If there is no such archive, the query makes no sense, or too many searches run.
        Refused
            If the query says who is sought, and `view` may not tell who was found.
        """
        if names_patients(query) and not view.named:
            raise Refused(
                "a search that names patients needs the right to see who they are",
                hint="Search by days, descriptions, modalities and ages; or ask for 'deanonym'.",
            )
        search = self._searches.begin(
            self.link(project, name), query, (project, actor), find_pause_s
        )
        seen = view.named and search.names_seen_first()
        target = {"project": project, "node": name, "names": seen}
        self._ctx.catalog.write(lambda tx: tx.operation("pacs-search", actor=actor, target=target))
        return self._seen(project, search, view)

    def found(self, project: str, key: str, actor: str, view: PacsView = _NAMED) -> PacsResult:
        """Give what one's own search knows by now; that names were seen is put on record."""
        return self._seen(project, self._searches.get(key, (project, actor)), view)

    def stop_search(
        self, project: str, key: str, actor: str, view: PacsView = _NAMED
    ) -> PacsResult:
        """End one's own search; what it found stays for an hour."""
        search = self._searches.get(key, (project, actor))
        search.stop()
        return self._seen(project, search, view)

    def _seen(self, project: str, search: Search, view: PacsView) -> PacsResult:
        """Give what is asked for of a search, with the images that are here."""
        if view.named and search.names_seen_first():
            _, actor = search.owner
            target = {"project": project, "node": search.node}
            self._ctx.catalog.write(
                lambda tx: tx.operation("pacs-names", actor=actor, target=target)
            )
        found = search.found()
        new = found.series[view.series_from :]
        here = self.images_here(project, [one.series_uid for one in new])
        shown = found if view.named else hidden(found)
        series = [
            msgspec.structs.replace(told, n_here=here.get(one.series_uid, 0))
            for told, one in zip(shown.series[view.series_from :], new, strict=True)
        ]
        return msgspec.structs.replace(
            shown,
            studies=shown.studies[view.studies_from :],
            series=series,
            log=shown.log[view.log_from :],
        )

    def wished(self, project: str, key: str, wished: Sequence[Wished], actor: str) -> list[Wished]:
        """Give what is meant by series that are named as a search without names shows them."""
        if not key:
            return list(wished)
        found = self._searches.get(key, (project, actor)).found()
        return [unhidden(found, one) for one in wished]

    def dry_pull(self, project: str, name: str, wished: Sequence[Wished]) -> list[Fate]:
        """Tell what a pull would do with each series; nothing is asked of the archive."""
        from appliance.catalog import get_project

        self.link(project, name)
        with self._ctx.catalog.read() as con:
            asked = open_series(con, get_project(con, project).id)
        here = self.images_here(project, [one.series_uid for one in wished if one.series_uid])
        return [_fate(one, here.get(one.series_uid, 0), asked) for one in wished]

    def pull(
        self,
        project: str,
        name: str,
        wished: Sequence[Wished],
        actor: str,
        *,
        again: bool = False,
        begin_at: int = 0,
        ways: PullWays = _USUAL,
    ) -> tuple[str, list[Fate]]:
        """Ask for series; what is here already, or was asked for, is left out.

        Parameters
        ----------
        again : bool
            Whether also what is here is pulled.
        begin_at : int
            When it begins, ms UTC; the hours of the archive count as well.
        ways : PullWays
            Its pauses, and whether rules run on what comes.

        Returns
        -------
        (str, list of Fate)
            Key of what was asked for together, and what becomes of each.

        Raises
        ------
        NotFound, Invalid, Conflict
            If there is no such archive, nothing is named, or the project is archived.
        """
        from appliance.catalog import get_project, require_open

        if not wished or any(not _UID.fullmatch(one.study_uid) for one in wished):
            raise Invalid("no series are named", hint="Search first, then name what is to come.")
        if any(one.series_uid and not _UID.fullmatch(one.series_uid) for one in wished):
            raise Invalid("what is named is no series")
        fates = self.dry_pull(project, name, wished)
        takes = ("pull", "here") if again else ("pull",)
        chosen = [w for w, fate in zip(wished, fates, strict=True) if fate.action in takes]

        def write(tx: Tx) -> str:
            found = get_project(tx.con, project)
            require_open(tx.con, found.id)
            batch, n = add_pulls(tx, found.id, name, chosen, actor, begin_at=begin_at, ways=ways)
            target = {"project": project, "node": name, "batch": batch, "n": n}
            tx.operation("pacs-pull", actor=actor, target=target)
            return batch

        batch = self._ctx.catalog.write(write) if chosen else ""
        self.puller.look()
        return batch, fates

    def pulls(self, project: str, *, batch: str = "", limit: int = 1000) -> list[PacsPull]:
        """Give the pulls of a project, newest first, with why those wait that do."""
        from appliance.catalog import get_project

        with self._ctx.catalog.read() as con:
            rows = list_pulls(con, get_project(con, project).id, batch=batch, limit=limit)
        return [self._with_wait(without_uids(row)) for row in rows]

    def raw(self, project: str, *, batch: str = "", key: str = "") -> list[tuple[str, Path]]:
        """Give the objects of pulls as they came; see `raw_objects`."""
        return raw_objects(self._ctx, project, batch=batch, key=key)

    def note_raw(self, project: str, actor: str, n: int) -> None:
        """Put on record that objects are taken away as they came."""
        target = {"project": project, "n": n}
        self._ctx.catalog.write(lambda tx: tx.operation("pacs-raw", actor=actor, target=target))

    def change_pulls(
        self, project: str, action: Action, *, keys: Sequence[str] = (), batch: str = ""
    ) -> int:
        """Cancel pulls that have not ended, or ask again for those that have not worked.

        Returns
        -------
        int
            How many were changed.
        """
        from appliance.catalog import get_project

        if not keys and not batch:
            raise Invalid("say which pulls", hint="Name keys, or what was asked for together.")
        with self._ctx.catalog.read() as con:
            found = list_pulls(con, get_project(con, project).id, batch=batch, limit=-1)
        named = [row for row in found if not keys or row.key in keys]
        done = [r for r in named if self._ctx.catalog.write(partial(_CHANGES[action], row=r))]
        for row in done:
            if action == "cancel" and row.state == PullState.RUNNING:
                self.puller.interrupt(row.node)
        self.puller.look()
        return len(done)

    def _with_wait(self, pull: PacsPull) -> PacsPull:
        """Tell what a pull waits for: its time, or its archive's hours."""
        if pull.state != PullState.QUEUED:
            return pull
        waits = []
        if pull.due_at > now_ms():
            waits.append(f"waits until {iso(pull.due_at)}")
        if self.puller.opens_in_s(pull.node):
            waits.append(f"waits for its hours, {self.known.links[pull.node].node.window}")
        reason = "; ".join(filter(None, [pull.reason, *waits]))
        return msgspec.structs.replace(pull, reason=reason)

    def images_here(self, project: str, series_uids: Sequence[str]) -> dict[str, int]:
        """Tell how many images of series a project has already."""
        from appliance.catalog import get_project

        found: dict[str, int] = {}
        with self._ctx.catalog.read() as con:
            project_id = get_project(con, project).id
            for start in range(0, len(series_uids), _CHUNK):
                rows = con.execute(
                    "SELECT s.series_uid, count(i.id) AS n FROM incoming_series s"
                    " JOIN receipt_items i ON i.series_id = s.id WHERE s.project_id = ?"
                    " AND s.series_uid IN (SELECT value FROM json_each(?))"
                    " AND i.state IN ('sorted', 'converted', 'stored') GROUP BY s.series_uid",
                    (project_id, json.dumps(list(series_uids[start : start + _CHUNK]))),
                )
                found.update({row["series_uid"]: row["n"] for row in rows})
        return found


def _fate(wished: Wished, n_here: int, asked: set[tuple[str, str]]) -> Fate:
    if (wished.study_uid, wished.series_uid) in asked:
        return Fate(action="asked", n_here=n_here)
    whole = n_here > 0 and n_here >= (wished.n_images or 0)
    return Fate(action="here" if whole else "pull", n_here=n_here)


def _cancel(tx: Tx, row: PullRow) -> bool:
    if row.state not in OPEN:
        return False
    change_pull(tx, row, state=PullState.CANCELLED, reason="", hint="")
    return True


def _retry(tx: Tx, row: PullRow) -> bool:
    if row.state not in (PullState.PARTIAL, PullState.FAILED, PullState.CANCELLED):
        return False
    if (row.study_uid, row.series_uid) in open_series(tx.con, row.project_id):
        return False
    change_pull(
        tx, row, state=PullState.QUEUED, tries=0, due_at=now_ms(), reason="", hint="", n_received=0
    )
    return True


_CHANGES = {"cancel": _cancel, "retry": _retry}
