"""Between the exchange room and the API: receipts with ISO times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from appliance.core import iso
from appliance.web.schemas import (
    KnownIdentity,
    Receipt,
    ReceiptDetail,
    ReceiptItem,
    UploadState,
    WaitingIdentity,
)
from appliance.web.views import maybe_iso

if TYPE_CHECKING:
    from appliance import exchange, privacy

__all__ = ["detail", "receipt", "upload_state", "waiting_identity"]


def receipt(row: exchange.Receipt) -> Receipt:
    """Show a receipt."""
    return Receipt(**_facts(row))


def detail(row: exchange.ReceiptDetail) -> ReceiptDetail:
    """Show a receipt with its items."""
    items = [msgspec.convert(item, ReceiptItem, from_attributes=True) for item in row.items]
    return ReceiptDetail(**_facts(row), items=items)


def upload_state(row: exchange.PartState) -> UploadState:
    """Show how far an upload is."""
    return UploadState(**msgspec.structs.asdict(row))


def waiting_identity(found: exchange.WaitingIdentity) -> WaitingIdentity:
    """Show whom waiting files say they are of, beside whom we know."""
    known = [_known(one) for one in found.known]
    return WaitingIdentity(item_ids=found.item_ids, known=known, **_person(found.said))


def _known(one: privacy.Likely) -> KnownIdentity:
    facts = {**_person(one.identity), "pid": one.code}
    differs = [field.replace(" ", "_") for field in one.differs]
    return msgspec.convert({**facts, "differs": differs}, KnownIdentity)


def _person(who: privacy.Identity) -> dict[str, str]:
    return {name: getattr(who, name) for name in ("patient_id", "name", "birth_date", "sex")}


def _facts(row: exchange.Receipt) -> dict[str, Any]:
    facts = {name: getattr(row, name) for name in Receipt.__struct_fields__}
    times = {
        "created_at": iso(row.created_at),
        "updated_at": iso(row.updated_at),
        "closed_at": maybe_iso(row.closed_at),
    }
    return {**facts, **times}
