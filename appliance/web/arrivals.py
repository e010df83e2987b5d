"""Between the exchange room and the API: receipts, streamed uploads, imports of a path."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.core import iso
from appliance.web.schemas import ImportRequest, Receipt, ReceiptDetail, ReceiptItem
from appliance.web.services import Services
from appliance.web.views import maybe_iso

if TYPE_CHECKING:
    from appliance import exchange

__all__ = ["detail", "import_path", "receipt", "take_upload"]


def receipt(row: exchange.Receipt) -> Receipt:
    """Show a receipt."""
    return Receipt(**_facts(row))


def detail(row: exchange.ReceiptDetail) -> ReceiptDetail:
    """Show a receipt with its items."""
    items = [msgspec.convert(item, ReceiptItem, from_attributes=True) for item in row.items]
    return ReceiptDetail(**_facts(row), items=items)


def _facts(row: exchange.Receipt) -> dict[str, Any]:
    facts = {name: getattr(row, name) for name in Receipt.__struct_fields__}
    times = {
        "created_at": iso(row.created_at),
        "updated_at": iso(row.updated_at),
        "closed_at": maybe_iso(row.closed_at),
    }
    return {**facts, **times}


async def take_upload(
    importer: Any,
    pieces: AsyncIterator[bytes],
    project: str,
    filename: str,
    *,
    subject: str | None,
    study: str | None,
) -> Any:
    """Write a body to disk as it arrives."""
    await asyncio.sleep(0)
    raise NotImplementedError


def import_path(services: Services, data: ImportRequest, *, actor: str) -> Any:
    """Import a path."""
    raise NotImplementedError
