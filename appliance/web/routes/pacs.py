"""Routes of the archives: nodes, searches, and pulls into a project.

What an archive answers says who the patients are: it is for those with the right to see that.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from appliance import exchange
from appliance.core import PeerError, iso
from appliance.web.schemas import (
    Done,
    Items,
    PacsActed,
    PacsEcho,
    PacsFound,
    PacsNode,
    PacsPull,
    PacsPullAsked,
    PacsPullRequest,
    PacsSearch,
)
from appliance.web.services import Rooms, Who

__all__ = ["ROUTES"]


@get("/projects/{project:str}/pacs/nodes", right="deanonym", sync_to_thread=True)
def list_pacs_nodes(services: Rooms, project: FromPath[str]) -> Items[PacsNode]:
    """List the archives that a project may search and pull from."""
    found = services.pacs.nodes(project)
    return Items(
        [
            PacsNode(
                name=name,
                address=node.url or f"{node.ae_title}@{node.host}:{node.port}",
                method=node.method,
                window=node.window,
                find_pause_s=node.find_pause_s,
                move_pause_s=node.move_pause_s,
            )
            for name, node in sorted(found.items())
        ]
    )


@post(
    "/projects/{project:str}/pacs/nodes/{node:str}/echo",
    right="deanonym",
    status_code=200,
    sync_to_thread=True,
)
def echo_pacs_node(services: Rooms, project: FromPath[str], node: FromPath[str]) -> PacsEcho:
    """Ask an archive whether it answers, and lets us in."""
    try:
        services.pacs.echo(project, node)
    except PeerError as error:
        return PacsEcho(ok=False, text=error.message, hint=error.hint)
    return PacsEcho(ok=True, text=f"{services.pacs.link(project, node)} answers")


@post(
    "/projects/{project:str}/pacs/searches", right="deanonym", status_code=202, sync_to_thread=True
)
def begin_pacs_search(
    services: Rooms, who: Who, project: FromPath[str], data: JSONBody[PacsSearch]
) -> PacsFound:
    """Begin a search; that it was made is put on record."""
    return _found(services.pacs.search(project, data.node, data.query, who.login))


@get("/projects/{project:str}/pacs/searches/{key:str}", right="deanonym", sync_to_thread=True)
def show_pacs_search(
    services: Rooms, who: Who, project: FromPath[str], key: FromPath[str]
) -> PacsFound:
    """Give what one's own search knows by now."""
    return _found(services.pacs.found(project, key, who.login))


@delete(
    "/projects/{project:str}/pacs/searches/{key:str}",
    right="deanonym",
    status_code=200,
    sync_to_thread=True,
)
def stop_pacs_search(
    services: Rooms, who: Who, project: FromPath[str], key: FromPath[str]
) -> PacsFound:
    """End one's own search; what it found stays for an hour."""
    return _found(services.pacs.stop_search(project, key, who.login))


@post("/projects/{project:str}/pacs/pulls", right="editor", status_code=202, sync_to_thread=True)
def begin_pacs_pull(
    services: Rooms, who: Who, project: FromPath[str], data: JSONBody[PacsPullRequest]
) -> PacsPullAsked:
    """Pull series into a project, or only tell what would come."""
    if data.dry_run:
        batch, fates = "", services.pacs.dry_pull(project, data.node, data.wished)
    else:
        batch, fates = services.pacs.pull(
            project, data.node, data.wished, who.login, again=data.again
        )
    n = sum(one.action == "pull" or (data.again and one.action == "here") for one in fates)
    pause_s = services.pacs.link(project, data.node).node.move_pause_s
    return PacsPullAsked(
        batch=batch, n_pulled=n, least_s=max(0, n - 1) * pause_s, fates=list(fates)
    )


@get("/projects/{project:str}/pacs/pulls", right="reader", sync_to_thread=True)
def list_pacs_pulls(
    services: Rooms,
    project: FromPath[str],
    batch: FromQuery[str] = "",
    limit: Annotated[int, QueryParameter(ge=1, le=10_000)] = 1000,
) -> Items[PacsPull]:
    """List what was asked of archives for a project, newest first, and how far it is."""
    return Items([_pull(one) for one in services.pacs.pulls(project, batch=batch, limit=limit)])


@post(
    "/projects/{project:str}/pacs/pulls/actions",
    right="editor",
    status_code=200,
    sync_to_thread=True,
)
def act_on_pacs_pulls(services: Rooms, project: FromPath[str], data: JSONBody[PacsActed]) -> Done:
    """Cancel pulls that have not ended, or ask again for those that did not work."""
    return Done(services.pacs.change_pulls(project, data.action, keys=data.keys, batch=data.batch))


def _pull(one: exchange.PacsPull) -> PacsPull:
    facts = {
        name: value for name, value in msgspec.structs.asdict(one).items() if name != "project"
    }
    times = {name: iso(facts[name]) for name in ("due_at", "created_at", "updated_at")}
    return PacsPull(**facts | times)


def _found(result: exchange.PacsResult) -> PacsFound:
    return PacsFound(**{name: getattr(result, name) for name in msgspec.structs.asdict(result)})


ROUTES = [
    list_pacs_nodes,
    echo_pacs_node,
    begin_pacs_search,
    show_pacs_search,
    stop_pacs_search,
    begin_pacs_pull,
    list_pacs_pulls,
    act_on_pacs_pulls,
]
