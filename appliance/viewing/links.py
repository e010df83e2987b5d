"""Shared links: a state of the viewer, kept under a random key; files in it are only named.

A link opens nothing by itself: what it names is looked up for whoever opens it.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from appliance import catalog
from appliance.catalog import Catalog, FileRow, Tx
from appliance.core import Invalid, NotFound, Refused

__all__ = [
    "FileName",
    "Link",
    "LinkDraft",
    "check_owner",
    "find_link",
    "list_links",
    "make_link",
    "named_files",
    "no_link",
    "replace_link",
    "revoke_link",
]

_KIND = "link"
_VERSION = 1
_MOST_BYTES = 256 * 1024
_MOST_FILES = 500
_GONE = "It may have been revoked, or you lack the right to see its project."


class FileName(msgspec.Struct, frozen=True):
    """A file by what survives a rebuild of the catalog: project, ``PID#SID`` and path."""

    project: str
    psid: str
    path: str


class LinkDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept: the state, and the ids of the files that it names by number."""

    title: str
    state: dict[str, Any]
    files: Sequence[int]


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A link as it is kept."""

    key: str
    project_id: int
    project: str
    title: str
    owner: str
    state: dict[str, Any]
    files: list[FileName]
    rev: int
    updated_at: int


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    title: str
    owner: str
    state: dict[str, Any]
    files: list[FileName]


def make_link(kept: Catalog, project_id: int, draft: LinkDraft, owner: str) -> Link:
    """Keep a state under a new key.

    Raises
    ------
    Invalid
        If the state is too large, or of no version that is known here.
    """
    key = secrets.token_hex(16)

    def write(tx: Tx) -> Link:
        doc = _document(tx.con, draft, owner)
        catalog.put_doc(tx, _KIND, key, doc, project_id=project_id, actor=owner)
        return find_link(tx.con, key)

    return kept.write(write)


def replace_link(
    kept: Catalog, link: Link, draft: LinkDraft, actor: str, *, rev: int | None
) -> Link:
    """Let a link show another state; its owner stays.

    Raises
    ------
    Conflict
        If it was changed since revision `rev`.
    """

    def write(tx: Tx) -> Link:
        find_link(tx.con, link.key)  # a revoked link does not come back
        doc = _document(tx.con, draft, link.owner)
        catalog.put_doc(tx, _KIND, link.key, doc, project_id=link.project_id, rev=rev, actor=actor)
        return find_link(tx.con, link.key)

    return kept.write(write)


def revoke_link(kept: Catalog, link: Link, actor: str) -> int:
    """Let a link open nothing any more; gives the operation by which this is undone."""
    return kept.write(
        lambda tx: catalog.delete_doc(tx, _KIND, link.key, project_id=link.project_id, actor=actor)
    )


def find_link(con: sqlite3.Connection, key: str) -> Link:
    """Give a link by its key.

    Raises
    ------
    NotFound
        If there is none, or its project is in the trash.
    """
    rows = _rows(con, "d.name = ?", (key,))
    if not rows:
        raise no_link()
    return rows[0]


def no_link() -> NotFound:
    """What is said of a link that is not there, and of one that the caller may not open."""
    return NotFound("no such link", hint=_GONE)


def list_links(con: sqlite3.Connection, project_id: int, owner: str | None = None) -> list[Link]:
    """Give the links of a project, or those of one owner, the latest first."""
    found = _rows(con, "d.project_id = ?", (project_id,))
    return [link for link in found if owner is None or link.owner == owner]


def named_files(
    con: sqlite3.Connection, names: Iterable[FileName], may_see: Callable[[int], bool]
) -> list[FileRow | None]:
    """Look files up by name; None for what is not there or may not be seen, which is the same."""
    known: dict[tuple[str, str], dict[str, FileRow]] = {}
    found: list[FileRow | None] = []
    for name in names:
        study = (name.project, name.psid)
        if study not in known:
            known[study] = _files_of(con, *study, may_see)
        found.append(known[study].get(name.path))
    return found


def check_owner(link: Link, actor: str, *, manages: bool) -> None:
    """Refuse to change somebody else's link."""
    if link.owner != actor and not manages:
        raise Refused("this link is somebody else's", hint="Save the view as a link of your own.")


def _files_of(
    con: sqlite3.Connection, project: str, psid: str, may_see: Callable[[int], bool]
) -> dict[str, FileRow]:
    try:
        project_id = catalog.get_project(con, project).id
        if not may_see(project_id):
            return {}
        study_id = catalog.find_study(con, project_id, psid)
    except NotFound:
        return {}
    return {row.path: row for row in catalog.study_files(con, study_id)}


def _document(con: sqlite3.Connection, draft: LinkDraft, owner: str) -> dict[str, Any]:
    if draft.state.get("version") != _VERSION:
        raise Invalid("this state of the viewer is of no version that is known here")
    if len(draft.files) > _MOST_FILES:
        raise Invalid(f"a link shows at most {_MOST_FILES} files")
    if len(msgspec.json.encode(draft.state)) > _MOST_BYTES:
        raise Invalid("this state of the viewer is too large for a link")
    kept = _Kept(
        version=_VERSION,
        title=draft.title.strip()[:200],
        owner=owner,
        state=draft.state,
        files=[_name(catalog.get_file(con, file_id)) for file_id in draft.files],
    )
    doc: dict[str, Any] = msgspec.to_builtins(kept)
    return doc


def _name(row: FileRow) -> FileName:
    return FileName(row.project, row.psid, row.path)


def _rows(con: sqlite3.Connection, where: str, values: tuple[Any, ...]) -> list[Link]:
    rows = con.execute(
        "SELECT d.name, d.doc, d.rev, d.updated_at, d.project_id, p.name project"  # noqa: S608
        " FROM json_docs d JOIN projects p ON p.id = d.project_id"
        f" WHERE d.kind = 'link' AND p.state <> 'trashed' AND {where} ORDER BY d.updated_at DESC",
        values,
    ).fetchall()
    return [_link(row) for row in rows]


def _link(row: sqlite3.Row) -> Link:
    kept = msgspec.json.decode(row["doc"], type=_Kept)
    return Link(
        key=row["name"],
        project_id=row["project_id"],
        project=row["project"],
        title=kept.title,
        owner=kept.owner,
        state=kept.state,
        files=kept.files,
        rev=row["rev"],
        updated_at=row["updated_at"],
    )
