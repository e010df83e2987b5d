"""Between the exchange room and the API: receipts, streamed uploads, imports of a path."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from appliance.web.schemas import ImportRequest, Page, Receipt, ReceiptDetail
from appliance.web.services import Services

__all__ = ["detail", "import_path", "page", "receipt", "take_upload"]


def receipt(row: Any) -> Receipt:
    """Show a receipt."""
    raise NotImplementedError


def detail(row: Any) -> ReceiptDetail:
    """Show a receipt with its items."""
    raise NotImplementedError


def page(found: Any) -> Page[Receipt]:
    """Show a page of receipts."""
    raise NotImplementedError


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
