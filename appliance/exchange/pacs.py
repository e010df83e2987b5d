"""PACS: the archives of the settings, searching them, and pulling from them into a project."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal

import msgspec

from appliance.core import Invalid, NotFound, PacsNode, Settings, SettingsError, now_ms
from appliance.exchange.pacs_awaited import Awaited
from appliance.exchange.pacs_link import Archive, Link
from appliance.exchange.pacs_pull import Puller
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
from appliance.exchange.pacs_values import Fate, PacsPull, PacsQuery, PullState, Wished
from appliance.exchange.pacs_web import WebLink

if TYPE_CHECKING:
    from appliance.catalog import Tx
    from appliance.exchange.importer import Importer

__all__ = ["Action", "Pacs"]

Action = Literal["cancel", "retry"]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_TITLE = re.compile(r"[!-\[\]-~][ -\[\]-~]{0,15}")
_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_CHUNK = 500


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
    awaited : Awaited
        For the listener: what was asked for.
    puller : Puller
        Does the pulls.

    Raises
    ------
    SettingsError
        If a node cannot be understood.
    """

    def __init__(self, importer: Importer, settings: Settings) -> None:
        self._ctx = importer.ctx
        self._nodes = settings.pacs.nodes
        for name, node in self._nodes.items():
            _check(name, node)
        title = settings.dicom.ae_title
        self._links: dict[str, Archive] = {
            name: WebLink(name, node) if node.method == "web" else Link(name, node, title)
            for name, node in self._nodes.items()
        }
        self._searches = Searches()
        self.awaited = Awaited(link.calling for link in self._links.values() if link.calling)
        self.puller = Puller(importer, self._links, self.awaited)

    def start(self) -> None:
        """Begin to pull, also what an earlier end left behind."""
        self.puller.start()

    def close(self) -> None:
        """Stop the searches and pulls; the next start goes on with the pulls."""
        self._searches.close()
        self.puller.stop()

    def nodes(self, project: str) -> Mapping[str, PacsNode]:
        """Give the archives that a project may use."""
        return {
            name: node
            for name, node in self._nodes.items()
            if not node.projects or project in node.projects
        }

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
        return self._links[name]

    def echo(self, project: str, name: str) -> None:
        """Ask an archive whether it answers.

        Raises
        ------
        NotFound, PeerError
            If there is no such archive; if it does not answer or lets us not in.
        """
        self.link(project, name).echo()

    def search(self, project: str, name: str, query: PacsQuery, actor: str) -> PacsResult:
        """Begin a search; that somebody searched is put on record, what for is not.

        Raises
        ------
        NotFound, Invalid, Conflict
            If there is no such archive, the query makes no sense, or too many searches run.
        """
        search = self._searches.begin(self.link(project, name), query, (project, actor))
        target = {"project": project, "node": name}
        self._ctx.catalog.write(lambda tx: tx.operation("pacs-search", actor=actor, target=target))
        return self._with_here(project, search)

    def found(self, project: str, key: str, actor: str) -> PacsResult:
        """Give what one's own search knows by now."""
        return self._with_here(project, self._searches.get(key, (project, actor)))

    def stop_search(self, project: str, key: str, actor: str) -> PacsResult:
        """End one's own search; what it found stays for an hour."""
        search = self._searches.get(key, (project, actor))
        search.stop()
        return self._with_here(project, search)

    def _with_here(self, project: str, search: Search) -> PacsResult:
        found = search.found()
        here = self.images_here(project, [one.series_uid for one in found.series])
        series = [
            msgspec.structs.replace(one, n_here=here.get(one.series_uid, 0)) for one in found.series
        ]
        return msgspec.structs.replace(found, series=series)

    def dry_pull(self, project: str, name: str, wished: Sequence[Wished]) -> list[Fate]:
        """Tell what a pull would do with each series; nothing is asked of the archive."""
        from appliance.catalog import get_project

        self.link(project, name)
        with self._ctx.catalog.read() as con:
            asked = open_series(con, get_project(con, project).id)
        here = self.images_here(project, [one.series_uid for one in wished if one.series_uid])
        return [_fate(one, here.get(one.series_uid, 0), asked) for one in wished]

    def pull(
        self, project: str, name: str, wished: Sequence[Wished], actor: str, *, again: bool = False
    ) -> tuple[str, list[Fate]]:
        """Ask for series; what is here already, or was asked for, is left out.

        Parameters
        ----------
        again : bool
            Whether also what is here is pulled.

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
            batch, n = add_pulls(tx, found.id, name, chosen, actor)
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
        """Tell of a pull that waits for its archive's hours."""
        if pull.state != PullState.QUEUED or self.puller.opens_in_s(pull.node) == 0:
            return pull
        window = self._nodes[pull.node].window
        told = f"{pull.reason}; " if pull.reason else ""
        return msgspec.structs.replace(pull, reason=f"{told}waits for its hours, {window}")

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


def _check(name: str, node: PacsNode) -> None:
    where = f"pacs.nodes.{name}"
    if not _NAME.fullmatch(name):
        raise SettingsError(
            f"{where}: no name of a node", hint="Letters, digits, - and _, 32 at most."
        )
    if node.push:
        raise SettingsError(f"{where}: nothing can be sent to an archive yet", hint="push = false")
    if node.method == "web":
        if not re.match(r"https?://[^/]", node.url):
            raise SettingsError(f"{where}: url names no address", hint="https://HOST/dicom-web")
        return
    for title in (node.ae_title, node.calling or "-", node.destination or "-"):
        if not _TITLE.fullmatch(title):
            raise SettingsError(f"{where}: {title!r} is no AE title of 1 to 16 characters")
    if not node.host or not 0 < node.port < 65536:
        raise SettingsError(f"{where}: host and port name no address")
