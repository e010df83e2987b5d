"""Routes of arrivals: receipts, and what a person decides about one that waits."""

from __future__ import annotations

from typing import Annotated

from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from appliance import exchange
from appliance.web import arrivals, views
from appliance.web.schemas import (
    Items,
    OriginalName,
    Page,
    Receipt,
    ReceiptDetail,
    ResolveRequest,
    WaitingIdentity,
)
from appliance.web.scope import visible
from appliance.web.services import Rooms, Who

__all__ = ["ROUTES"]


@get("/receipts", right="reader", within="handler", sync_to_thread=True)
def list_receipts(
    services: Rooms,
    who: Who,
    *,
    project: FromQuery[str | None] = None,
    in_state: Annotated[str | None, QueryParameter(name="state")] = None,
    after: FromQuery[str | None] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=1000)] = 200,
) -> Page[Receipt]:
    """Give one page of arrivals, newest first."""
    with services.catalog.read() as con:
        found = exchange.list_receipts(
            con,
            project=project,
            project_ids=visible(who),
            state=in_state,
            after=after,
            limit=limit,
        )
    return views.page(found, arrivals.receipt)


@get("/receipts/{key:str}", right="reader", within="receipt", sync_to_thread=True)
def show_receipt(services: Rooms, key: FromPath[str]) -> ReceiptDetail:
    """Give one arrival with its files."""
    with services.catalog.read() as con:
        return arrivals.detail(exchange.get_receipt(con, key))


@post(
    "/receipts/{key:str}/retry",
    right="editor",
    within="receipt",
    status_code=202,
    sync_to_thread=True,
)
def retry_receipt(services: Rooms, key: FromPath[str]) -> Receipt:
    """Try again what failed or was quarantined."""
    return arrivals.receipt(services.importer.retry(key))


@post(
    "/receipts/{key:str}/resolve",
    right="editor",
    within="receipt",
    status_code=202,
    sync_to_thread=True,
)
def resolve_receipt(
    services: Rooms, who: Who, key: FromPath[str], data: JSONBody[ResolveRequest]
) -> Receipt:
    """Decide whose data a waiting arrival is."""
    return arrivals.receipt(
        services.importer.resolve(
            key, data.action, item_ids=data.item_ids, pid=data.pid, actor=who.login
        )
    )


@get("/receipts/{key:str}/names", right="deanonym", within="receipt", sync_to_thread=True)
def receipt_names(services: Rooms, who: Who, key: FromPath[str]) -> Items[OriginalName]:
    """Give the names that the files had where they came from; the look is put on record."""
    found = services.importer.original_names(key, actor=who.login)
    return Items([OriginalName(item_id, name) for item_id, name in found.items()])


@get("/receipts/{key:str}/identities", right="deanonym", within="receipt", sync_to_thread=True)
def receipt_identities(services: Rooms, who: Who, key: FromPath[str]) -> Items[WaitingIdentity]:
    """Tell whom waiting files say they are of, beside whom we know; the look is put on record."""
    found = services.importer.waiting_identities(key, actor=who.login)
    return views.items(found, arrivals.waiting_identity)


ROUTES = [
    list_receipts,
    show_receipt,
    retry_receipt,
    resolve_receipt,
    receipt_names,
    receipt_identities,
]
