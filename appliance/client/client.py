"""The client: one method for each thing that programs ask of the service."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar
from urllib.parse import quote

import msgspec

from appliance.client.rows import (
    Backup,
    BatchAccepted,
    Done,
    Event,
    FileRow,
    FixDone,
    Health,
    JobRow,
    Log,
    OperationDone,
    Project,
    ProjectTags,
    Receipt,
    Selected,
    Session,
    SqlResult,
    StudyRow,
    SubjectRow,
)
from appliance.client.transport import Transport
from appliance.core import PeerError

__all__ = ["Client"]

_T = TypeVar("_T")
_DEFAULT_URL = "http://127.0.0.1:8181"
_SOCKET_URL = "http://localhost"
_OPEN = frozenset({"receiving", "pending", "working"})
_PAGE = 1000


class _Items(msgspec.Struct, Generic[_T]):
    items: list[_T]


class _Page(msgspec.Struct, Generic[_T]):
    items: list[_T]
    next: str | None


class _User(msgspec.Struct):
    login: str
    is_admin: bool
    rights: list[str]


class _Session(msgspec.Struct):
    user: _User
    version: str
    project_default: str


class _Link(msgspec.Struct):
    link: str


class Client:
    """Speaks to one service.

    Parameters
    ----------
    base_url : str, optional
        Its origin, such as ``"http://127.0.0.1:8181"``, which is the default.
    socket : str or Path, optional
        Its Unix socket instead; then no token is needed.
    token : str, optional
        Bearer token.

    Examples
    --------
    >>> with Client.from_environment() as nora:  # doctest: +SKIP
    ...     nora.select("default", "t1*/s0*.nii")
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        socket: str | Path | None = None,
        token: str | None = None,
    ) -> None:
        path = Path(socket) if socket is not None else None
        address = base_url or (_SOCKET_URL if path else _DEFAULT_URL)
        self._transport = Transport(address, socket=path, token=token)

    @classmethod
    def from_environment(cls) -> Self:
        """Make a client from ``NORA_URL`` or ``NORA_SOCKET``, and ``NORA_TOKEN``; as in jobs."""
        return cls(
            os.environ.get("NORA_URL") or None,
            socket=os.environ.get("NORA_SOCKET") or None,
            token=os.environ.get("NORA_TOKEN") or None,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    # -- who and how --
    def session(self) -> Session:
        """Tell who the service takes us for."""
        found = self._get("/session", _Session)
        user = found.user
        return Session(user.login, user.is_admin, user.rights, found.version, found.project_default)

    def login_link(self) -> str:
        """Make a one-time login link for a browser."""
        return self._post("/login-links", _Link).link

    def health(self) -> Health:
        """Run all health checks."""
        return self._get("/health", Health)

    def fix(self, fix_id: str) -> FixDone:
        """Do a repair that a check offered."""
        return self._post(f"/health/fixes/{fix_id}", FixDone)

    def backup(self) -> Backup:
        """Make a backup, and wait until it is verified."""
        return self._post("/backups", Backup)

    def backups(self) -> list[Backup]:
        """List the backups, newest first."""
        return self._get("/backups", _Items[Backup]).items

    def sql(self, statement: str) -> SqlResult:
        """Run one SELECT on the catalog."""
        return self._post("/sql", SqlResult, {"sql": statement})

    def events(self, since: int | None = None) -> Generator[Event, None, None]:
        """Give every change, for ever; after a break those that were missed come first.

        Close the generator to hang up.
        """
        place = since
        while True:
            try:
                for event in self._transport.events(place):
                    place = event.seq
                    yield event
            except PeerError:
                if place is None:
                    raise
                time.sleep(1.0)

    # -- data --
    def projects(self) -> list[Project]:
        """List all projects."""
        return self._get("/projects", _Items[Project]).items

    def create_project(self, name: str, module: str = "") -> Project:
        """Make a project."""
        return self._post("/projects", Project, {"name": name, "module": module})

    def project_tags(self, project: str) -> ProjectTags:
        """Count the tags in use on each level."""
        return self._get(f"/projects/{project}/tags", ProjectTags)

    def all_subjects(self, project: str, **filters: Any) -> Iterator[SubjectRow]:
        """Give all subjects that pass the filter bars."""
        return self._pages(f"/projects/{project}/subjects", _Page[SubjectRow], filters)

    def all_studies(self, project: str, **filters: Any) -> Iterator[StudyRow]:
        """Give all studies that pass the filter bars, such as ``files="t1*"``."""
        return self._pages(f"/projects/{project}/studies", _Page[StudyRow], filters)

    def all_files(self, project: str, **filters: Any) -> Iterator[FileRow]:
        """Give all files that pass the filter bars."""
        return self._pages(f"/projects/{project}/files", _Page[FileRow], filters)

    def select(
        self,
        project: str,
        selector: str,
        *,
        studies: Sequence[str] = (),
        json: bool = False,
        by_filename: bool = False,
    ) -> list[Selected]:
        """Give the files that a selector means; with `json` the content of JSON files too."""
        body = {
            "project": project,
            "selector": selector,
            "studies": list(studies),
            "json": json,
            "by_filename": by_filename,
        }
        return self._post("/select", _Items[Selected], body).items

    def add_files(self, project: str, paths: Sequence[str], *, tags: Sequence[str] = ()) -> Done:
        """Put files below the project's folder into the catalog."""
        body = {"project": project, "paths": [str(p) for p in paths], "tags": list(tags)}
        return self._post("/files/add", Done, body)

    def remove_files(self, project: str, paths: Sequence[str]) -> OperationDone:
        """Put files into the trash, by absolute path or ``PID#SID/path``."""
        body = {"project": project, "paths": [str(p) for p in paths]}
        return self._post("/files/remove", OperationDone, body)

    def trash(
        self,
        *,
        files: Sequence[int] = (),
        studies: Sequence[int] = (),
        subjects: Sequence[int] = (),
    ) -> OperationDone:
        """Put files, studies and subjects into the trash."""
        body = {"files": list(files), "studies": list(studies), "subjects": list(subjects)}
        return self._post("/trash", OperationDone, body)

    def undo(self, operation_id: int) -> None:
        """Take an operation back."""
        self._post(f"/operations/{operation_id}/undo", type(None))

    def tag(
        self,
        level: str,
        ids: Sequence[int],
        *,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
    ) -> Done:
        """Put tags on subjects, studies or files, and take others off."""
        body = {"level": level, "ids": list(ids), "add": list(add), "remove": list(remove)}
        return self._post("/tags", Done, body)

    def download(self, file: FileRow, target: Path) -> None:
        """Write a file's bytes to `target`."""
        self._transport.fetch_file(file.content_url, target)

    # -- arrivals --
    def import_path(self, project: str, path: str | Path, **options: Any) -> Receipt:
        """Import a file or folder of the service's machine.

        Parameters
        ----------
        **options
            ``patients_id``, ``studies_id``, ``pattern``, ``extrafiles_filter``.
        """
        given = {name: value for name, value in options.items() if value is not None}
        return self._post("/imports", Receipt, {"project": project, "path": str(path), **given})

    def upload(
        self,
        project: str,
        file: Path,
        *,
        name: str | None = None,
        subject: str | None = None,
        study: str | None = None,
    ) -> Receipt:
        """Send a file, or a zip of files, of this machine."""
        params = {
            "project": project,
            "filename": name or file.name,
            "subject": subject,
            "study": study,
        }
        return self._transport.send_file("/uploads", file, Receipt, params)

    def all_receipts(self, **filters: Any) -> Iterator[Receipt]:
        """Give all arrivals, newest first; ``project`` and ``state`` narrow them."""
        return self._pages("/receipts", _Page[Receipt], filters)

    def receipt(self, key: str) -> Receipt:
        """Give one arrival with its files."""
        return self._get(f"/receipts/{key}", Receipt)

    def retry_receipt(self, key: str) -> Receipt:
        """Try again what failed or was quarantined."""
        return self._post(f"/receipts/{key}/retry", Receipt)

    def wait_receipt(self, key: str, *, within_s: float = 3600, poll_s: float = 0.3) -> Receipt:
        """Wait until an arrival is through, or waits for a person.

        Raises
        ------
        PeerError
            If that takes longer than `within_s`.
        """
        until = time.monotonic() + within_s
        while (receipt := self.receipt(key)).state in _OPEN:
            if time.monotonic() > until:
                raise PeerError(f"receipt {key} is still {receipt.state} after {within_s:g} s")
            time.sleep(poll_s)
        return receipt

    # -- work --
    def tools(self) -> list[dict[str, Any]]:
        """List the predefined jobs."""
        return self._get("/tools", _Items[dict[str, Any]]).items

    def submit_batch(self, batch: Mapping[str, Any]) -> BatchAccepted:
        """Start a batch: ``project``, ``name``, ``jobs``, ``targets`` and more, as in the API."""
        return self._post("/batches", BatchAccepted, {**batch, "dry_run": False})

    def save_batch(self, project: str, name: str, batch: Mapping[str, Any]) -> None:
        """Keep a batch under a name."""
        path = f"/batches/saved/{quote(name, safe='')}"
        self._transport.ask("PUT", path, dict[str, Any], params={"project": project}, body=batch)

    def try_batch(self, batch: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Tell what each job of a batch would get, and start nothing."""
        found: dict[str, list[dict[str, Any]]] = self._post(
            "/batches", dict[str, Any], {**batch, "dry_run": True}
        )
        return found["rows"]

    def all_jobs(self, **filters: Any) -> list[JobRow]:
        """Give all jobs, newest first; ``batch``, ``project``, ``state`` and ``search`` narrow."""
        return list(self._pages("/jobs", _Page[JobRow], filters))

    def job(self, key: str) -> JobRow:
        """Give one job."""
        return self._get(f"/jobs/{key}", JobRow)

    def log(self, key: str, *, offset: int = 0, attempt: int | None = None) -> Log:
        """Give the log of a job from an offset on."""
        return self._get(f"/jobs/{key}/log", Log, {"offset": offset, "attempt": attempt})

    def job_action(self, key: str, action: str) -> JobRow:
        """Cancel, suspend, resume, retry or dismiss a job."""
        return self._post(f"/jobs/{key}/{action}", JobRow)

    # -- below --
    def _get(self, path: str, kind: type[_T], params: Mapping[str, Any] | None = None) -> _T:
        return self._transport.ask("GET", path, kind, params=params)

    def _post(self, path: str, kind: type[_T], body: Any = None) -> _T:
        return self._transport.ask("POST", path, kind, body=body)

    def _pages(self, path: str, kind: type[_Page[_T]], filters: Mapping[str, Any]) -> Iterator[_T]:
        after: str | None = None
        while True:
            params = {"limit": _PAGE, **filters, "after": after}
            page = self._get(path, kind, params)
            yield from page.items
            after = page.next
            if after is None:
                return
