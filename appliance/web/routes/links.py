"""Routes of shared links: make, open, replace, list and revoke them."""

from __future__ import annotations

import sqlite3

from litestar import delete, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody

from appliance import catalog, viewing
from appliance.catalog import Caller
from appliance.core import iso
from appliance.viewing import Link, LinkDraft
from appliance.web import views
from appliance.web.checking import let_link_go
from appliance.web.schemas import Items, OperationDone
from appliance.web.schemas.links import LinkRow, NewLink, SharedLink
from appliance.web.scope import check_ids, rights_in
from appliance.web.services import Rooms, Who

__all__ = ["ROUTES"]


@get("/links", right="reader", within="project", sync_to_thread=True)
def list_links(services: Rooms, who: Who, project: FromQuery[str]) -> Items[LinkRow]:
    """List the caller's links of a project; who manages it sees all of them."""
    with services.catalog.read() as con:
        project_id = catalog.get_project(con, project).id
        mine = None if "manage" in rights_in(who, project_id) else who.login
        return Items([_row(link, who) for link in viewing.list_links(con, project_id, mine)])


@post("/links", right="reader", within="project", status_code=201, sync_to_thread=True)
def make_link(
    services: Rooms, who: Who, project: FromQuery[str], data: JSONBody[NewLink]
) -> LinkRow:
    """Keep a state of the viewer under a new key. The key gives nobody a right."""
    with services.catalog.read() as con:
        project_id = catalog.get_project(con, project).id
        check_ids(con, who, "file", data.files)
    draft = _draft(data)
    let_link_go(services, who, project, draft)
    return _row(viewing.make_link(services.catalog, project_id, draft, who.login), who)


@get("/links/{key:str}", right="reader", within="handler", sync_to_thread=True)
def open_link(services: Rooms, who: Who, key: FromPath[str]) -> SharedLink:
    """Give a link with the files of it that the caller may see."""
    with services.catalog.read() as con:
        link = _visible(con, who, key)
        files = viewing.named_files(con, link.files, lambda i: "reader" in rights_in(who, i))
    return SharedLink(
        link=_row(link, who),
        state=link.state,
        files=[None if row is None else views.file_row(row) for row in files],
        missing=[
            f"{name.psid}/{name.path}"
            for name, row in zip(link.files, files, strict=True)
            if row is None and name.project == link.project
        ],
    )


@put("/links/{key:str}", right="reader", within="handler", sync_to_thread=True)
def replace_link(services: Rooms, who: Who, key: FromPath[str], data: JSONBody[NewLink]) -> LinkRow:
    """Let a link show another state; its owner and who manages the project may."""
    with services.catalog.read() as con:
        link = _visible(con, who, key)
        check_ids(con, who, "file", data.files)
    viewing.check_owner(link, who.login, manages=_manages(who, link))
    draft = _draft(data)
    let_link_go(services, who, link.project, draft)
    changed = viewing.replace_link(services.catalog, link, draft, who.login, rev=data.rev)
    return _row(changed, who)


@delete("/links/{key:str}", right="reader", within="handler", status_code=200, sync_to_thread=True)
def revoke_link(services: Rooms, who: Who, key: FromPath[str]) -> OperationDone:
    """Let a link open nothing any more."""
    with services.catalog.read() as con:
        link = _visible(con, who, key)
    viewing.check_owner(link, who.login, manages=_manages(who, link))
    return OperationDone(viewing.revoke_link(services.catalog, link, who.login), 1)


def _visible(con: sqlite3.Connection, who: Caller, key: str) -> Link:
    """Give a link of a project that the caller may see; others are as if there were none."""
    link = viewing.find_link(con, key)
    if "reader" not in rights_in(who, link.project_id):
        raise viewing.no_link()
    return link


def _manages(who: Caller, link: Link) -> bool:
    return "manage" in rights_in(who, link.project_id)


def _draft(data: NewLink) -> LinkDraft:
    return LinkDraft(title=data.title, state=data.state, files=data.files)


def _row(link: Link, who: Caller) -> LinkRow:
    return LinkRow(
        key=link.key,
        project=link.project,
        title=link.title,
        owner=link.owner,
        rev=link.rev,
        updated_at=iso(link.updated_at),
        n_files=len(link.files),
        may_change=link.owner == who.login or _manages(who, link),
    )


ROUTES = [list_links, make_link, open_link, replace_link, revoke_link]
