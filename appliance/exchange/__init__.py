"""What comes in: drop folder, DICOM listener, upload and import by path, through one pipeline.

A receipt is written before anything else happens; originals are kept byte for byte; what is not
understood goes to quarantine with its reason. It never decides who may send, beyond the listener's
own list, and never shows an original name. Level: silver.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.core import lazy_door

if TYPE_CHECKING:
    from appliance.exchange.importer import Importer
    from appliance.exchange.listener import DicomListener
    from appliance.exchange.receipts import get_receipt, list_receipts
    from appliance.exchange.rows import (
        ArrivalKind,
        ItemState,
        Options,
        Receipt,
        ReceiptDetail,
        ReceiptItem,
        ReceiptState,
    )
    from appliance.exchange.schema import exchange_migrations
    from appliance.exchange.upload import Upload
    from appliance.exchange.watch import DropWatcher, WatchedRoot

__all__ = [
    "ArrivalKind",
    "DicomListener",
    "DropWatcher",
    "Importer",
    "ItemState",
    "Options",
    "Receipt",
    "ReceiptDetail",
    "ReceiptItem",
    "ReceiptState",
    "Upload",
    "WatchedRoot",
    "exchange_migrations",
    "get_receipt",
    "list_receipts",
]

_NAMES = {
    "ArrivalKind": "rows",
    "DicomListener": "listener",
    "DropWatcher": "watch",
    "Importer": "importer",
    "ItemState": "rows",
    "Options": "rows",
    "Receipt": "rows",
    "ReceiptDetail": "rows",
    "ReceiptItem": "rows",
    "ReceiptState": "rows",
    "Upload": "upload",
    "WatchedRoot": "watch",
    "exchange_migrations": "schema",
    "get_receipt": "receipts",
    "list_receipts": "receipts",
}

__getattr__ = lazy_door(__name__, _NAMES)
