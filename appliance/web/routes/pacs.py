"""Routes of the archives: nodes, searches, and pulls into a project.

What an archive answers says who the patients are: it is for those with the right to see that.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import delete, get, post, put, route
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from appliance import core, exchange
from appliance.catalog import Caller, get_project
from appliance.core import Invalid, PeerError, Refused, SettingsError, iso
from appliance.web.downloads import ZipAnswer, packed
from appliance.web.schemas import (
    Done,
    Items,
    PacsActed,
    PacsEcho,
    PacsNodeRow,
    PacsPull,
    PacsPullAsked,
    PacsPullRequest,
    PacsSearch,
    PacsSettings,
)
from appliance.web.scope import rights_in
from appliance.web.services import Rooms, Services, Who

__all__ = ["ROUTES"]

_ANY = ("0.0.0.0", "::", "127.0.0.1")  # noqa: S104 - names no address that others could use


@get("/projects/{project:str}/pacs/nodes", right="editor", sync_to_thread=True)
def list_pacs_nodes(services: Rooms, project: FromPath[str]) -> Items[PacsNodeRow]:
    """List the archives that a project may search and pull from."""
    found = services.pacs.nodes(project)
    return Items([_node(services, name, node) for name, node in sorted(found.items())])


@post(
    "/projects/{project:str}/pacs/nodes/{node:str}/echo",
    right="editor",
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


@post("/projects/{project:str}/pacs/searches", right="editor", status_code=202, sync_to_thread=True)
def begin_pacs_search(
    services: Rooms, who: Who, project: FromPath[str], data: JSONBody[PacsSearch]
) -> exchange.PacsResult:
    """Begin a search; that it was made is put on record.

    Who the patients are is told, and may be asked for, with the right ``deanonym`` alone.
    """
    view = _view(services, who, project, data.names)
    return services.pacs.search(
        project, data.node, data.query, who.login, view, find_pause_s=data.find_pause_s
    )


@get("/projects/{project:str}/pacs/searches/{key:str}", right="editor", sync_to_thread=True)
def show_pacs_search(
    services: Rooms,
    who: Who,
    project: FromPath[str],
    key: FromPath[str],
    *,
    names: FromQuery[bool] = False,
    studies_from: Annotated[int, QueryParameter(ge=0)] = 0,
    series_from: Annotated[int, QueryParameter(ge=0)] = 0,
    log_from: Annotated[int, QueryParameter(ge=0)] = 0,
) -> exchange.PacsResult:
    """Give what one's own search knows by now, after what was given before.

    With `names` it tells who the patients are, which needs the right ``deanonym`` and is put on
    record.
    """
    view = _view(services, who, project, names)
    known = msgspec.structs.replace(
        view, studies_from=studies_from, series_from=series_from, log_from=log_from
    )
    return services.pacs.found(project, key, who.login, known)


@delete(
    "/projects/{project:str}/pacs/searches/{key:str}",
    right="editor",
    status_code=200,
    sync_to_thread=True,
)
def stop_pacs_search(services: Rooms, who: Who, project: FromPath[str], key: FromPath[str]) -> Done:
    """End one's own search; what it found stays for an hour."""
    services.pacs.stop_search(project, key, who.login)
    return Done(1)


@post("/projects/{project:str}/pacs/pulls", right="editor", status_code=202, sync_to_thread=True)
def begin_pacs_pull(
    services: Rooms, who: Who, project: FromPath[str], data: JSONBody[PacsPullRequest]
) -> PacsPullAsked:
    """Pull series into a project, or only tell what would come."""
    ways = _ways(services, who, project, data)
    wished = services.pacs.wished(project, data.search, data.wished, who.login)
    if data.dry_run:
        batch, fates = "", services.pacs.dry_pull(project, data.node, wished)
    else:
        begin_at = 0 if data.begin_at is None else int(data.begin_at.timestamp() * 1000)
        batch, fates = services.pacs.pull(
            project, data.node, wished, who.login, again=data.again, begin_at=begin_at, ways=ways
        )
    n = sum(one.action == "pull" or (data.again and one.action == "here") for one in fates)
    usual_s = services.pacs.link(project, data.node).node.move_pause_s
    pause_s = usual_s if ways.move_pause_s is None else ways.move_pause_s
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


@route(
    "/projects/{project:str}/pacs/pulls/raw",
    http_method=["GET", "HEAD"],
    right="download",
    sync_to_thread=True,
    include_in_schema=False,
)
def send_raw_dicom(
    services: Rooms,
    who: Who,
    project: FromPath[str],
    batch: FromQuery[str] = "",
    key: FromQuery[str] = "",
) -> ZipAnswer:
    """Send the DICOM objects of pulls as they came, to who may see identities; put on record."""
    found = services.pacs.raw(project, batch=batch, key=key)
    _view(services, who, project, names=True)
    services.pacs.note_raw(project, who.login, len(found))
    return ZipAnswer(lambda: packed(who.login, project, "dicom", found))


def _ways(
    services: Services, who: Caller, project: str, data: PacsPullRequest
) -> exchange.PullWays:
    """Give how a pull is done; only who may run batches chooses where the jobs of rules go."""
    queue, known = data.autoexec_queue, services.settings.jobs.queues
    if queue:
        with services.catalog.read() as con:
            held = rights_in(who, get_project(con, project).id)
        if "batch" not in held:
            raise Refused(
                "the queue of rules is chosen with the right 'batch' alone",
                hint="Leave it to the rules, or ask an administrator of the project.",
            )
        if not data.autoexec:
            raise Invalid("a queue is named for rules that are not to run")
        if queue not in known:
            raise Invalid(f"there is no queue {queue!r}", hint=f"Use {', '.join(known)}.")
    return exchange.PullWays(
        autoexec=data.autoexec, autoexec_queue=queue, move_pause_s=data.move_pause_s
    )


def _pull(one: exchange.PacsPull) -> PacsPull:
    hidden = ("project", "ways")
    facts = {
        name: value for name, value in msgspec.structs.asdict(one).items() if name not in hidden
    }
    times = {name: iso(facts[name]) for name in ("due_at", "created_at", "updated_at")}
    return PacsPull(**facts | times | msgspec.structs.asdict(one.ways))


def _node(services: Services, name: str, node: core.PacsNode) -> PacsNodeRow:
    last = services.pacs.contacts.last(name)
    return PacsNodeRow(
        name=name,
        address=node.url or f"{node.ae_title}@{node.host}:{node.port}",
        method=node.method,
        window=node.window,
        find_pause_s=node.find_pause_s,
        move_pause_s=node.move_pause_s,
        push=node.push,
        last=None if last is None else msgspec.convert(last, PacsEcho, from_attributes=True),
    )


def _view(services: Services, who: Caller, project: str, names: bool) -> exchange.PacsView:
    """Tell what may be shown: names only to who may see them, and only when they are asked for."""
    with services.catalog.read() as con:
        held = rights_in(who, get_project(con, project).id)
    if names and "deanonym" not in held:
        raise Refused(
            "who the patients are is seen with the right 'deanonym' alone",
            hint="Ask an administrator of the project for it, or search without names.",
        )
    return exchange.PacsView(named=names)


@get("/pacs/nodes", right="admin", sync_to_thread=True)
def show_pacs_settings(services: Rooms) -> PacsSettings:
    """Give all archives as they are set, and what their administrators have to know of us."""
    known, dicom = services.pacs.known, services.settings.dicom
    return PacsSettings(
        ae_title=known.title,
        port=dicom.port,
        address="" if dicom.bind in _ANY else dicom.bind,
        listens=dicom.enabled,
        fixed_by=known.fixed_by,
        nodes=dict(sorted(known.all.items())),
    )


@put("/pacs/nodes/{name:str}", right="admin", sync_to_thread=True)
def put_pacs_node(
    services: Rooms, who: Who, name: FromPath[str], data: JSONBody[core.PacsNode]
) -> Done:
    """Add an archive, or change one; it counts at once."""
    services.pacs.put_node(name, data, who.login)
    return Done(1)


@delete("/pacs/nodes/{name:str}", right="admin", status_code=200, sync_to_thread=True)
def remove_pacs_node(services: Rooms, who: Who, name: FromPath[str]) -> Done:
    """Remove an archive; what is to come from it fails."""
    services.pacs.remove_node(name, who.login)
    return Done(1)


@post("/pacs/nodes/{name:str}/echo", right="admin", status_code=200, sync_to_thread=True)
def try_pacs_node(services: Rooms, name: FromPath[str], data: JSONBody[core.PacsNode]) -> PacsEcho:
    """Ask an archive, which need not be saved yet, whether it answers and lets us in."""
    try:
        return PacsEcho(ok=True, text=f"{services.pacs.try_node(name, data)} answers")
    except (PeerError, SettingsError) as error:
        return PacsEcho(ok=False, text=error.message, hint=error.hint)


ROUTES = [
    show_pacs_settings,
    put_pacs_node,
    remove_pacs_node,
    try_pacs_node,
    list_pacs_nodes,
    echo_pacs_node,
    begin_pacs_search,
    show_pacs_search,
    stop_pacs_search,
    begin_pacs_pull,
    list_pacs_pulls,
    act_on_pacs_pulls,
    send_raw_dicom,
]
