"""Routes of files that are edited by other programs: taken, listed, checked in and released."""

from __future__ import annotations

from litestar import delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from appliance import catalog, viewing
from appliance.catalog import Caller, FileRow
from appliance.core import iso
from appliance.viewing import Checkout
from appliance.web import drawing
from appliance.web.schemas import Items
from appliance.web.schemas.checkouts import CheckedIn, CheckIn, CheckOut, CheckoutRow
from appliance.web.scope import check_ids, rights_in
from appliance.web.services import Rooms, Services, Who

__all__ = ["ROUTES"]

_SHOWN = (
    *("key", "project", "psid", "file_id", "path", "target", "program", "actor", "n", "name"),
    *("reference", "state", "problem", "hint", "suggested_path", "n_saved"),
)


@post("/files/{file_id:int}/checkout", right="editor", status_code=201, sync_to_thread=True)
def check_out(
    services: Rooms, who: Who, file_id: FromPath[int], data: JSONBody[CheckOut]
) -> CheckoutRow:
    """Copy an image or mask into a work folder, to be edited by a program of this machine.

    What is saved there is noticed and becomes a new version of the file.
    """
    row = _row(services, who, file_id)
    if data.reference_id is not None:
        below: FileRow | None = _row(services, who, data.reference_id)
    else:
        below = viewing.find_underlay(services.catalog, row) if "mask" in row.tags else None
    found = viewing.check_out(
        services.catalog,
        services.folder,
        row,
        data.program,
        actor=who.login,
        reference=below,
    )
    return _shown(services, who, found)


@get("/checkouts", right="reader", within="project", sync_to_thread=True)
def list_checkouts(services: Rooms, who: Who, project: FromQuery[str]) -> Items[CheckoutRow]:
    """List the caller's files that are edited elsewhere; who manages the project sees all."""
    found = viewing.list_checkouts(services.folder, _name(services, project))
    visible = [one for one in found if _is_for(services, who, one)]
    return Items([_shown(services, who, one) for one in visible])


@post(
    "/checkouts/{key:str}/checkin",
    right="editor",
    within="project",
    status_code=200,
    sync_to_thread=True,
)
def check_in(
    services: Rooms, who: Who, key: FromPath[str], project: FromQuery[str], data: JSONBody[CheckIn]
) -> CheckedIn:
    """Save the edited copy as a new version of its file now; it stays checked out.

    Refused (409, key ``changed``) if somebody changed the file meanwhile, and (409, key
    ``other_grid``) if the copy lies on another grid. The copy stays where it is.
    """
    done = viewing.check_in(
        services.catalog,
        services.folder,
        drawing.limits(services),
        _own(services, who, project, key).key,
        actor=who.login,
        if_changed=data.if_changed,
        other_grid=data.other_grid,
        note=data.note,
    )
    saved = None if done.saved is None else drawing.saved(done.saved, done.checkout.path)
    return CheckedIn(saved is not None, saved, _shown(services, who, done.checkout))


@delete(
    "/checkouts/{key:str}", right="reader", within="project", status_code=204, sync_to_thread=True
)
def release(
    services: Rooms,
    who: Who,
    key: FromPath[str],
    project: FromQuery[str],
    discard: FromQuery[bool] = False,
) -> None:
    """Remove the work folder of a file; with `discard` also when it holds changes."""
    one = _own(services, who, project, key)
    viewing.release_checkout(services.folder, one.key, discard=discard)


def _own(services: Services, who: Caller, project: str, key: str) -> Checkout:
    """Give one of the caller's own; who manages the project may have any of it."""
    one = viewing.find_checkout(services.folder, key)
    if one.project != _name(services, project) or not _is_for(services, who, one):
        raise viewing.no_checkout()
    return one


def _name(services: Services, project: str) -> str:
    with services.catalog.read() as con:
        return catalog.get_project(con, project).name


def _is_for(services: Services, who: Caller, one: Checkout) -> bool:
    if one.actor == who.login:
        return True
    with services.catalog.read() as con:
        return "manage" in rights_in(who, catalog.get_project(con, one.project).id)


def _shown(services: Services, who: Caller, one: Checkout) -> CheckoutRow:
    folder = services.folder
    others = {
        other.actor
        for other in viewing.list_checkouts(folder, one.project)
        if other.file_id == one.file_id and other.actor != one.actor
    }
    facts = {name: getattr(one, name) for name in _SHOWN}
    return CheckoutRow(
        **facts,
        program_name=viewing.PROGRAMS[one.program],
        is_mine=one.actor == who.login,
        since=iso(one.since),
        folder=str(viewing.checkout_folder(folder, one.key)),
        command=viewing.checkout_command(folder, one),
        is_changed=viewing.changed_file(folder, one) is not None,
        last_at=iso(one.last_at) if one.last_at else None,
        others=sorted(others),
    )


def _row(services: Services, who: Caller, file_id: int) -> FileRow:
    with services.catalog.read() as con:
        check_ids(con, who, "file", [file_id], "reader")
        return catalog.get_file(con, file_id)


ROUTES = [check_out, list_checkouts, check_in, release]
