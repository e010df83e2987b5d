"""Between the exchange room and the API: receipts with ISO times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from appliance.core import iso
from appliance.web.schemas import Receipt, ReceiptDetail, ReceiptItem
from appliance.web.views import maybe_iso

if TYPE_CHECKING:
    from appliance import exchange

__all__ = ["detail", "receipt"]


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
