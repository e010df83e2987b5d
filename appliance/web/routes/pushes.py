"""Routes of what is sent to archives."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from appliance import exchange
from appliance.catalog import Caller, get_project
from appliance.core import Refused, iso
from appliance.exchange import PushHow
from appliance.web import pushing
from appliance.web.schemas.base import Done, Items
from appliance.web.schemas.pushes import (
    Push,
    PushActed,
    PushAnswer,
    PushAsked,
    PushFate,
    PushNode,
    PushPatient,
    PushRequest,
)
from appliance.web.scope import rights_in
from appliance.web.services import Rooms, Services, Who

__all__ = ["ROUTES"]


@get("/projects/{project:str}/pacs/push-nodes", right="editor", sync_to_thread=True)
def list_push_nodes(services: Rooms, project: FromPath[str]) -> Items[PushNode]:
    """List the archives that a project may send to."""
    found = services.pacs.pushes.nodes(project)
    return Items(
        [
            PushNode(name=name, address=pushing.address(node), checks=node.push_check)
            for name, node in sorted(found.items())
        ]
    )


@post("/projects/{project:str}/pacs/pushes", right="editor", status_code=202, sync_to_thread=True)
def begin_push(
    services: Rooms, who: Who, project: FromPath[str], data: JSONBody[PushRequest]
) -> PushAsked:
    """Send series and results to an archive, or only tell what would go.

    The archive is asked whose the studies are. Who the subjects are is told with the right
    ``deanonym`` alone, and put on record.
    """
    pushes = services.pacs.pushes
    address = pushing.address(pushes.link(project, data.node).node)
    if data.names:
        _check_names(services, who, project)
    wishes = pushing.wishes(services, who, project, data)
    how = PushHow(actor=who.login, new_study=data.new_study, again=data.again, names=data.names)
    if data.dry_run:
        batch, fates = "", pushes.plan(project, data.node, wishes, how)
    else:
        batch, fates = pushes.begin(project, data.node, wishes, how)
    return PushAsked(batch=batch, address=address, fates=[_fate(one) for one in fates])


@get("/projects/{project:str}/pacs/pushes", right="reader", sync_to_thread=True)
def list_pushes(
    services: Rooms,
    project: FromPath[str],
    batch: FromQuery[str] = "",
    limit: Annotated[int, QueryParameter(ge=1, le=10_000)] = 1000,
) -> Items[Push]:
    """List what was sent to archives from a project, newest first, and how far it is."""
    found = services.pacs.pushes.pushes(project, batch=batch, limit=limit)
    return Items([_push(one) for one in found])


@get("/projects/{project:str}/pacs/pushes/{key:str}", right="reader", sync_to_thread=True)
def show_push_answers(
    services: Rooms, project: FromPath[str], key: FromPath[str]
) -> Items[PushAnswer]:
    """Tell what the archive said of each object of a push."""
    return Items([_answer(one) for one in services.pacs.pushes.answers(project, key)])


@post(
    "/projects/{project:str}/pacs/pushes/actions",
    right="editor",
    status_code=200,
    sync_to_thread=True,
)
def act_on_pushes(services: Rooms, project: FromPath[str], data: JSONBody[PushActed]) -> Done:
    """Cancel pushes that have not ended, or send again what was not acknowledged."""
    pushes = services.pacs.pushes
    return Done(pushes.change(project, data.action, keys=data.keys, batch=data.batch))


def _check_names(services: Services, who: Caller, project: str) -> None:
    with services.catalog.read() as con:
        held = rights_in(who, get_project(con, project).id)
    if "deanonym" not in held:
        raise Refused(
            "who the subjects are is seen with the right 'deanonym' alone",
            hint="Ask an administrator of the project for it, or look without names.",
        )


def _push(one: exchange.Push) -> Push:
    facts = {
        name: value for name, value in msgspec.structs.asdict(one).items() if name != "project"
    }
    return Push(**facts | {name: iso(facts[name]) for name in _TIMES})


def _answer(one: exchange.PushAnswer) -> PushAnswer:
    facts = {name: value for name, value in msgspec.structs.asdict(one).items() if name != "at"}
    return PushAnswer(**facts, at=None if one.at is None else iso(one.at))


def _fate(one: exchange.PushFate) -> PushFate:
    patient = None
    if (who := one.patient) is not None:
        patient = PushPatient(
            patient_id=who.patient_id, name=who.name, birth_date=who.birth_date, sex=who.sex
        )
    facts = {name: getattr(one, name) for name in PushFate.__struct_fields__ if name != "patient"}
    return PushFate(**facts, patient=patient)


_TIMES = ("due_at", "created_at", "updated_at")
ROUTES = [list_push_nodes, begin_push, list_pushes, show_push_answers, act_on_pushes]
