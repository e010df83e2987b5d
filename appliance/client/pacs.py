"""The part of the client that searches archives and pulls from them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from appliance.client.base import Base, Items
from appliance.client.rows import Done

__all__ = [
    "PacsAsked",
    "PacsCalls",
    "PacsEcho",
    "PacsFate",
    "PacsFound",
    "PacsNode",
    "PacsPull",
    "PacsSeries",
    "PacsStudy",
]


class PacsNode(msgspec.Struct, frozen=True):
    """An archive that a project may use."""

    name: str
    address: str
    method: str
    window: str


class PacsEcho(msgspec.Struct, frozen=True):
    """What an archive said when it was asked whether it is there."""

    ok: bool
    text: str
    hint: str


class PacsStudy(msgspec.Struct, frozen=True):
    """A study in an archive; it says who the patient is."""

    study_uid: str
    patient_id: str
    patient_name: str
    birth_date: str
    sex: str
    date: str
    time: str
    description: str
    accession: str
    modalities: list[str]
    age_years: float | None
    n_series: int | None
    n_images: int | None


class PacsSeries(msgspec.Struct, frozen=True):
    """A series in an archive, in how many studies its like occurs, and its images that are here."""

    study_uid: str
    series_uid: str
    number: int | None
    description: str
    protocol: str
    modality: str
    n_images: int | None
    in_studies: int
    in_patients: int
    n_here: int


class PacsFound(msgspec.Struct, frozen=True):
    """What a search knows by now; `state` is running, done, failed or stopped."""

    key: str
    node: str
    state: str
    reason: str
    hint: str
    n_steps: int
    n_done: int
    studies: list[PacsStudy]
    series: list[PacsSeries]
    missing: list[str]
    log: list[str]


class PacsFate(msgspec.Struct, frozen=True):
    """What becomes of a wished series: `action` is pull, here or asked."""

    action: str
    n_here: int


class PacsAsked(msgspec.Struct, frozen=True):
    """What becomes of wished series; `batch` is empty when nothing was asked for."""

    batch: str
    n_pulled: int
    least_s: float
    fates: list[PacsFate]


class PacsPull(msgspec.Struct, frozen=True):
    """A series, or study, that is pulled; nothing here tells who it shows."""

    key: str
    batch: str
    node: str
    modality: str
    number: int | None
    n_expected: int | None
    n_received: int
    state: str
    reason: str
    hint: str
    receipts: list[str]
    tries: int


def _quiet(_found: PacsFound) -> None:
    """Nobody watches."""


class PacsCalls(Base):
    """Archives: nodes, searches, pulls."""

    def pacs_settings(self) -> dict[str, dict[str, Any]]:
        """Give all archives by name as they are set; for administrators."""
        return self._get("/pacs/nodes", _Settings).nodes

    def set_pacs_node(self, name: str, node: Mapping[str, Any]) -> None:
        """Add an archive, or put another in its place, at once; see the manual for its keys."""
        self._transport.ask("PUT", _node(name), Done, body=dict(node))

    def try_pacs_node(self, name: str, node: Mapping[str, Any]) -> PacsEcho:
        """Ask an archive that need not be set whether it answers."""
        return self._post(f"{_node(name)}/echo", PacsEcho, dict(node))

    def remove_pacs_node(self, name: str) -> None:
        """Remove an archive; what is to come from it fails."""
        self._transport.ask("DELETE", _node(name), Done)

    def pacs_nodes(self, project: str) -> list[PacsNode]:
        """List the archives that a project may use."""
        return self._get(f"{_pacs(project)}/nodes", Items[PacsNode]).items

    def pacs_echo(self, project: str, node: str) -> PacsEcho:
        """Ask an archive whether it answers."""
        return self._post(f"{_pacs(project)}/nodes/{quote(node, safe='')}/echo", PacsEcho)

    def pacs_search(
        self,
        project: str,
        node: str,
        *,
        watch: Callable[[PacsFound], None] = _quiet,
        poll_s: float = 0.3,
        names: bool = True,
        find_pause_s: float | None = None,
        **query: Any,
    ) -> PacsFound:
        """Search an archive, and wait until that is through.

        Parameters
        ----------
        watch : callable
            Hears what is known, again and again.
        names : bool
            Whether it is told who the patients are, which needs the right to see that.
        find_pause_s : float or None
            Seconds between two queries; None: as the archive's settings say.
        **query
            ``patient_id``, ``patient_name``, ``accession``, ``study_date``, ``days_before``,
            ``days_after``, ``study_description``, ``series_description``, ``modality``,
            ``modalities_in_study``, ``min_age``, ``max_age``, ``patients``, ``without``,
            ``series``.
        """
        body = {"node": node, "query": query, "names": names, "find_pause_s": find_pause_s}
        found = self._post(f"{_pacs(project)}/searches", PacsFound, body)
        path = f"{_pacs(project)}/searches/{found.key}"
        try:
            while found.state == "running":
                watch(found)
                time.sleep(poll_s)
                found = self._get(path, PacsFound, {"names": names})
        except KeyboardInterrupt:
            self._transport.ask("DELETE", path, Done)
            raise
        return found

    def pacs_pull(
        self,
        project: str,
        node: str,
        series: Sequence[PacsSeries | PacsStudy],
        *,
        search: str = "",
        dry_run: bool = False,
        again: bool = False,
        begin_at: str = "",
        autoexec: bool = True,
        autoexec_queue: str = "",
        move_pause_s: float | None = None,
    ) -> PacsAsked:
        """Pull series, or whole studies, that a search found.

        Parameters
        ----------
        search : str
            Key of the search, when it told no names.
        dry_run : bool
            Only tell what would come.
        again : bool
            Also pull what is here.
        begin_at : str
            When it begins, ISO 8601 with its zone; empty: at once.
        autoexec : bool
            Whether the rules of autoexecution run on what comes.
        autoexec_queue : str
            Queue of their jobs; empty: that of each rule.
        move_pause_s : float or None
            Seconds after each series; None: as the archive's settings say.
        """
        body = {
            "node": node,
            "search": search,
            "wished": [_wished(one) for one in series],
            "dry_run": dry_run,
            "again": again,
            "autoexec": autoexec,
            "autoexec_queue": autoexec_queue,
            "move_pause_s": move_pause_s,
            **({"begin_at": begin_at} if begin_at else {}),
        }
        return self._post(f"{_pacs(project)}/pulls", PacsAsked, body)

    def pacs_pulls(self, project: str, *, batch: str = "") -> list[PacsPull]:
        """List what was asked of archives for a project, newest first."""
        params = {"batch": batch, "limit": 10_000}
        return self._get(f"{_pacs(project)}/pulls", Items[PacsPull], params).items

    def pacs_raw(self, project: str, target: Path, *, batch: str = "", key: str = "") -> None:
        """Write the DICOM objects of pulls, as they came, into a zip; put on record."""
        chosen = urlencode({"batch": batch, "key": key})
        with target.open("wb") as out:
            self._transport.fetch(f"{_pacs(project)}/pulls/raw?{chosen}", out)

    def act_on_pacs_pulls(self, project: str, action: str, *, batch: str) -> int:
        """Cancel, or retry, what was asked for together; gives how many were changed."""
        body = {"action": action, "batch": batch}
        return self._post(f"{_pacs(project)}/pulls/actions", Done, body).n


class _Settings(msgspec.Struct):
    nodes: dict[str, dict[str, Any]]


def _node(name: str) -> str:
    return f"/pacs/nodes/{quote(name, safe='')}"


def _wished(one: PacsSeries | PacsStudy) -> dict[str, Any]:
    if isinstance(one, PacsStudy):
        return {"study_uid": one.study_uid, "n_images": one.n_images}
    names = ("study_uid", "series_uid", "modality", "number", "n_images")
    return {name: getattr(one, name) for name in names}


def _pacs(project: str) -> str:
    return f"/projects/{quote(project, safe='')}/pacs"
