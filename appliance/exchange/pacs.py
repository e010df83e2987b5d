"""PACS: the archives of the settings, searching them, and pulling from them into a project."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from appliance.core import NotFound, PacsNode, Settings, SettingsError
from appliance.exchange.pacs_link import Link
from appliance.exchange.pacs_search import PacsResult, Search, Searches
from appliance.exchange.pacs_values import PacsQuery

if TYPE_CHECKING:
    from appliance.exchange.importer import Importer

__all__ = ["Pacs"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_TITLE = re.compile(r"[!-\[\]-~][ -\[\]-~]{0,15}")
_CHUNK = 500


class Pacs:
    """The archives that the settings name.

    Parameters
    ----------
    importer : Importer
        Takes what is pulled.
    settings : Settings
        Sections ``pacs`` and ``dicom``.

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
        self._links = {
            name: Link(name, node, settings.dicom.ae_title) for name, node in self._nodes.items()
        }
        self._searches = Searches()

    def close(self) -> None:
        """Stop the searches."""
        self._searches.close()

    def nodes(self, project: str) -> Mapping[str, PacsNode]:
        """Give the archives that a project may use."""
        return {
            name: node
            for name, node in self._nodes.items()
            if not node.projects or project in node.projects
        }

    def link(self, project: str, name: str) -> Link:
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


def _check(name: str, node: PacsNode) -> None:
    where = f"pacs.nodes.{name}"
    if not _NAME.fullmatch(name):
        raise SettingsError(
            f"{where}: no name of a node", hint="Letters, digits, - and _, 32 at most."
        )
    for title in (node.ae_title, node.calling or "-", node.destination or "-"):
        if not _TITLE.fullmatch(title):
            raise SettingsError(f"{where}: {title!r} is no AE title of 1 to 16 characters")
    if not node.host or not 0 < node.port < 65536:
        raise SettingsError(f"{where}: host and port name no address")
    if node.push:
        raise SettingsError(f"{where}: nothing can be sent to an archive yet", hint="push = false")
