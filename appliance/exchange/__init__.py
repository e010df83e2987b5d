"""What comes in and goes out: drop folder, DICOM listener, upload, existing data, BIDS datasets.

A receipt is written before anything else happens; originals are kept byte for byte; what is not
understood goes to quarantine with its reason. It never decides who may send, beyond the listener's
own list, and never shows an original name. Level: silver.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from appliance.core import lazy_door

if TYPE_CHECKING:
    from appliance.exchange.arrived import Brought, brought_by, brought_since
    from appliance.exchange.bids_derived import DERIVATIVE
    from appliance.exchange.bids_plan import BidsMapping, BidsPlan, BidsRule, RuleRow
    from appliance.exchange.dicom_export import ReleaseReport, WithheldObjects
    from appliance.exchange.existing_plan import (
        ExistingOptions,
        ExistingPreview,
        PreviewRow,
        Unplaced,
    )
    from appliance.exchange.exports import Entry, Export
    from appliance.exchange.importer import Importer
    from appliance.exchange.listener import DicomListener
    from appliance.exchange.modules import (
        ProjectModule,
        change_settings,
        create_from_module,
        module_of,
        read_module,
    )
    from appliance.exchange.pacs import Pacs
    from appliance.exchange.pacs_search import PacsResult
    from appliance.exchange.pacs_values import (
        Fate,
        PacsPull,
        PacsQuery,
        PacsSeries,
        PacsStudy,
        PacsView,
        Wished,
    )
    from appliance.exchange.parts import PartState
    from appliance.exchange.push import Pushes
    from appliance.exchange.push_forward import forward_objects
    from appliance.exchange.push_series import SeriesOut
    from appliance.exchange.push_values import Push, PushAnswer, PushFate, PushHow, PushWish
    from appliance.exchange.parts import PartState
    from appliance.exchange.receipts import get_receipt, list_receipts
    from appliance.exchange.release_checks import ReleaseCheck, ReleaseChecks, Unconfirmed, Way
    from appliance.exchange.revealing import WaitingIdentity
    from appliance.exchange.routing_rows import (
        ARRIVAL_FIELDS,
        Condition,
        Forward,
        Missed,
        Route,
        RouteTable,
        RouteTried,
    )
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
    from appliance.exchange.sending import Peer, send_objects
    from appliance.exchange.toolset import EXCHANGE_TOOLS
    from appliance.exchange.targets import target_options
    from appliance.exchange.upload import Upload
    from appliance.exchange.watch import DropWatcher, WatchedRoot

__all__ = [
    "ARRIVAL_FIELDS",
    "DERIVATIVE",
    "EXCHANGE_TOOLS",
    "ArrivalKind",
    "BidsMapping",
    "BidsPlan",
    "BidsRule",
    "Brought",
    "Condition",
    "DicomListener",
    "DropWatcher",
    "Entry",
    "ExistingOptions",
    "ExistingPreview",
    "Export",
    "Fate",
    "Forward",
    "Importer",
    "ItemState",
    "Missed",
    "Options",
    "Pacs",
    "PacsPull",
    "PacsQuery",
    "PacsResult",
    "PacsSeries",
    "PacsStudy",
    "PacsView",
    "PartState",
    "Peer",
    "PreviewRow",
    "ProjectModule",
    "Push",
    "PushAnswer",
    "PushFate",
    "PushHow",
    "PushWish",
    "Pushes",
    "Receipt",
    "ReceiptDetail",
    "ReceiptItem",
    "ReceiptState",
    "ReleaseCheck",
    "ReleaseChecks",
    "ReleaseReport",
    "Route",
    "RouteTable",
    "RouteTried",
    "RuleRow",
    "SeriesOut",
    "Unconfirmed",
    "Unplaced",
    "Upload",
    "WaitingIdentity",
    "WatchedRoot",
    "Way",
    "Wished",
    "WithheldObjects",
    "brought_by",
    "brought_since",
    "change_settings",
    "create_from_module",
    "exchange_migrations",
    "forward_objects",
    "get_receipt",
    "list_receipts",
    "module_of",
    "read_module",
    "send_objects",
    "target_options",
]

_NAMES = {
    "Entry": "exports",
    "Way": "release_checks",
    "Unconfirmed": "release_checks",
    "ReleaseChecks": "release_checks",
    "ReleaseCheck": "release_checks",
    "ARRIVAL_FIELDS": "routing_rows",
    "Condition": "routing_rows",
    "Forward": "routing_rows",
    "Missed": "routing_rows",
    "Route": "routing_rows",
    "RouteTable": "routing_rows",
    "RouteTried": "routing_rows",
    "ArrivalKind": "rows",
    "BidsMapping": "bids_plan",
    "BidsPlan": "bids_plan",
    "BidsRule": "bids_plan",
    "DERIVATIVE": "bids_derived",
    "Brought": "arrived",
    "DicomListener": "listener",
    "EXCHANGE_TOOLS": "toolset",
    "DropWatcher": "watch",
    "ExistingOptions": "existing_plan",
    "ExistingPreview": "existing_plan",
    "Export": "exports",
    "Importer": "importer",
    "ItemState": "rows",
    "Options": "rows",
    "Pacs": "pacs",
    "Fate": "pacs_values",
    "PacsPull": "pacs_values",
    "PacsQuery": "pacs_values",
    "PacsResult": "pacs_search",
    "PacsSeries": "pacs_values",
    "PacsStudy": "pacs_values",
    "PacsView": "pacs_values",
    "PartState": "parts",
    "Peer": "sending",
    "PreviewRow": "existing_plan",
    "ProjectModule": "modules",
    "Receipt": "rows",
    "ReceiptDetail": "rows",
    "ReceiptItem": "rows",
    "ReceiptState": "rows",
    "ReleaseReport": "dicom_export",
    "RuleRow": "bids_plan",
    "Unplaced": "existing_plan",
    "Upload": "upload",
    "WaitingIdentity": "revealing",
    "WatchedRoot": "watch",
    "Wished": "pacs_values",
    "WithheldObjects": "dicom_export",
    "brought_by": "arrived",
    "brought_since": "arrived",
    "change_settings": "modules",
    "Push": "push_values",
    "PushAnswer": "push_values",
    "PushFate": "push_values",
    "PushHow": "push_values",
    "PushWish": "push_values",
    "Pushes": "push",
    "SeriesOut": "push_series",
    "forward_objects": "push_forward",
    "create_from_module": "modules",
    "exchange_migrations": "schema",
    "get_receipt": "receipts",
    "list_receipts": "receipts",
    "module_of": "modules",
    "read_module": "modules",
    "send_objects": "sending",
    "target_options": "targets",
}

__getattr__ = lazy_door(__name__, _NAMES)
