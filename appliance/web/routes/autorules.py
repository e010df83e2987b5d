"""Routes of autoexecution: rules of a project, what they did, a dry test, and running them now."""

from __future__ import annotations

import msgspec
from litestar import delete, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody

from appliance import catalog, jobs
from appliance.catalog import Caller
from appliance.core import iso
from appliance.jobs import Asker, AutoRule, RuleTried, Verdict
from appliance.web.schemas import AutoFiring, AutoRuleRow, AutoRun, AutoTry, Done, Items
from appliance.web.scope import rights_in
from appliance.web.services import Rooms, Services, Who

__all__ = ["ROUTES"]


@get("/projects/{project:str}/autorules", right="reader", sync_to_thread=True)
def list_autorules(services: Rooms, who: Who, project: FromPath[str]) -> Items[AutoRuleRow]:
    """List the rules by which batches run by themselves on what arrives."""
    with services.catalog.read() as con:
        found = catalog.get_project(con, project)
        rows = jobs.list_rules(con, found, _asker(services, who, project))
    return Items([_shown(row) for row in rows])


@put("/projects/{project:str}/autorules/{name:str}", right="batch", sync_to_thread=True)
def save_autorule(
    services: Rooms,
    who: Who,
    project: FromPath[str],
    name: FromPath[str],
    data: JSONBody[AutoRule],
) -> AutoRuleRow:
    """Keep a rule with the saved batch as it is now; from now on it runs as the caller."""
    asker = _asker(services, who, project)
    return _shown(jobs.save_rule(services.catalog, project, name, data, asker))


@delete(
    "/projects/{project:str}/autorules/{name:str}",
    right="batch",
    status_code=200,
    sync_to_thread=True,
)
def delete_autorule(services: Rooms, who: Who, project: FromPath[str], name: FromPath[str]) -> Done:
    """Forget a rule, and what waits for it; batches that it started stay."""
    jobs.delete_rule(services.catalog, project, name, _asker(services, who, project))
    return Done(1)


@get("/projects/{project:str}/autofirings", right="reader", sync_to_thread=True)
def list_autofirings(
    services: Rooms,
    project: FromPath[str],
    rule: FromQuery[str] = "",
    limit: FromQuery[int] = 200,
) -> Items[AutoFiring]:
    """List what the rules of a project did, newest first."""
    with services.catalog.read() as con:
        project_id = catalog.get_project(con, project).id
        found = jobs.list_firings(con, project_id, rule, limit)
    return Items([_firing(one) for one in found])


@post(
    "/projects/{project:str}/autorules/try",
    right="batch",
    archived=True,
    status_code=200,
    sync_to_thread=True,
)
def try_autorule(
    services: Rooms, who: Who, project: FromPath[str], data: JSONBody[AutoTry]
) -> RuleTried:
    """Tell which studies that are there a rule would run on, which not, and why; starts nothing."""
    return services.autoruns.try_rule(
        project, data.rule, who.login, targets=data.targets, limit=data.limit
    )


@post("/projects/{project:str}/autorules/run", right="batch", status_code=202, sync_to_thread=True)
def run_autorules(
    services: Rooms, who: Who, project: FromPath[str], data: JSONBody[AutoRun]
) -> Items[Verdict]:
    """Run rules on studies now, with the rights of the caller."""
    found = services.autoruns.run(
        project, data.targets, who.login, names=data.names, queue=data.queue, force=data.force
    )
    return Items(found)


def _asker(services: Services, who: Caller, project: str) -> Asker:
    with services.catalog.read() as con:
        project_id = catalog.get_project(con, project).id
    return Asker(who.login, "manage" in rights_in(who, project_id))


def _shown(row: jobs.RuleFacts) -> AutoRuleRow:
    facts = {name: getattr(row, name) for name in row.__struct_fields__}
    return AutoRuleRow(**facts | {"updated_at": iso(row.updated_at)})


def _firing(one: jobs.Firing) -> AutoFiring:
    facts = msgspec.structs.asdict(one)
    return AutoFiring(**facts | {"due_at": iso(one.due_at), "updated_at": iso(one.updated_at)})


ROUTES = [
    list_autorules,
    save_autorule,
    delete_autorule,
    list_autofirings,
    try_autorule,
    run_autorules,
]
