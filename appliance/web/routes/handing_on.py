"""Routes of arrivals: all that failed tried again, given to another project, one file taken."""

from __future__ import annotations

from litestar import get, post
from litestar.params import FromPath, JSONBody
from litestar.response import File

from appliance.catalog import Caller
from appliance.core import ApplianceError
from appliance.exchange import give_to_project, original_file, receipts_to_retry
from appliance.web import arrivals
from appliance.web.schemas import Done, Receipt, ReceiptProject
from appliance.web.scope import check_project, rights_in
from appliance.web.services import Rooms, Who

__all__ = ["ROUTES"]


@post("/receipts/retry", right="editor", within="handler", status_code=202, sync_to_thread=True)
def retry_receipts(services: Rooms, who: Who) -> Done:
    """Try again all arrivals that failed, in the projects that the caller may change."""
    importer = services.importer
    keys = receipts_to_retry(importer.ctx, _may_change(who))
    return Done(sum(_retried(services, key) for key in keys))


@post(
    "/receipts/{key:str}/assign",
    right="editor",
    within="receipt",
    status_code=202,
    sync_to_thread=True,
)
def assign_receipt(
    services: Rooms, who: Who, key: FromPath[str], data: JSONBody[ReceiptProject]
) -> Receipt:
    """Give an arrival of which nothing is in yet to another project."""
    importer = services.importer
    with services.catalog.read() as con:
        check_project(con, who, data.project, "editor")
    give_to_project(importer.ctx, importer.receipt(key), data.project, who.login)
    importer.reconcile()
    return arrivals.receipt(importer.receipt(key))


@get(
    "/receipts/{key:str}/items/{item_id:int}/original",
    right="deanonym",
    within="receipt",
    sync_to_thread=True,
)
def take_original(services: Rooms, who: Who, key: FromPath[str], item_id: FromPath[int]) -> File:
    """Give one file as it came; it may tell who the patient is, and that is put on record."""
    receipt = services.importer.receipt(key)
    path = original_file(services.importer.ctx, receipt, item_id, who.login)
    return File(path, filename=path.name, media_type="application/octet-stream")


def _may_change(who: Caller) -> frozenset[int] | None:
    if who.everywhere:
        return None
    return frozenset(i for i in who.grants if "editor" in rights_in(who, i))


def _retried(services: Rooms, key: str) -> bool:
    try:
        services.importer.retry(key)
    except ApplianceError:
        return False  # somebody else did, or its project is put away
    return True


ROUTES = [retry_receipts, assign_receipt, take_original]
