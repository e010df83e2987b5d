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
    from appliance.exchange.dicom_export import BlackenedObjects, ReleaseReport, WithheldObjects
    from appliance.exchange.dicomweb import Asked, OwnArchive, Viewer, WebObject
    from appliance.exchange.dicomweb_query import Level, QidoQuery, parse_query
    from appliance.exchange.drop_root import watched_roots
    from appliance.exchange.existing_plan import (
        ExistingOptions,
        ExistingPreview,
        PreviewRow,
        Unplaced,
    )
    from appliance.exchange.exports import Entry, Export
    from appliance.exchange.handing_on import give_to_project, original_file, receipts_to_retry
    from appliance.exchange.importer import Importer
    from appliance.exchange.listener import DicomListener
    from appliance.exchange.listener_keeper import ListenerKeeper
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
        PullWays,
        Wished,
    )
    from appliance.exchange.parts import PartState
    from appliance.exchange.protocol import keep_protocol, kept_protocol, learn
    from appliance.exchange.protocol_rows import (
        Deviation,
        PhantomPoint,
        Protocol,
        ProtocolSeries,
        SeriesNow,
        SessionNow,
    )
    from appliance.exchange.push import Pushes
    from appliance.exchange.push_forward import forward_objects
    from appliance.exchange.push_series import SeriesOut
    from appliance.exchange.push_values import Push, PushAnswer, PushFate, PushHow, PushWish
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
    from appliance.exchange.sessions import phantom_trend, sessions_now
    from appliance.exchange.targets import target_options
    from appliance.exchange.toolset import EXCHANGE_TOOLS
    from appliance.exchange.upload import Upload
    from appliance.exchange.watch import DropWatcher, WatchedRoot

__all__ = [
    "ARRIVAL_FIELDS",
    "DERIVATIVE",
    "EXCHANGE_TOOLS",
    "ArrivalKind",
    "Asked",
    "BidsMapping",
    "BidsPlan",
    "BidsRule",
    "BlackenedObjects",
    "Brought",
    "Condition",
    "Deviation",
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
    "Level",
    "ListenerKeeper",
    "Missed",
    "Options",
    "OwnArchive",
    "Pacs",
    "PacsPull",
    "PacsQuery",
    "PacsResult",
    "PacsSeries",
    "PacsStudy",
    "PacsView",
    "PartState",
    "Peer",
    "PhantomPoint",
    "PreviewRow",
    "ProjectModule",
    "Protocol",
    "ProtocolSeries",
    "PullWays",
    "Push",
    "PushAnswer",
    "PushFate",
    "PushHow",
    "PushWish",
    "Pushes",
    "QidoQuery",
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
    "SeriesNow",
    "SeriesOut",
    "SessionNow",
    "Unconfirmed",
    "Unplaced",
    "Upload",
    "Viewer",
    "WaitingIdentity",
    "WatchedRoot",
    "Way",
    "WebObject",
    "Wished",
    "WithheldObjects",
    "brought_by",
    "brought_since",
    "change_settings",
    "create_from_module",
    "exchange_migrations",
    "forward_objects",
    "get_receipt",
    "give_to_project",
    "keep_protocol",
    "kept_protocol",
    "learn",
    "list_receipts",
    "module_of",
    "original_file",
    "parse_query",
    "phantom_trend",
    "read_module",
    "receipts_to_retry",
    "send_objects",
    "sessions_now",
    "target_options",
    "watched_roots",
]

_NAMES = {
    "give_to_project": "handing_on",
    "original_file": "handing_on",
    "receipts_to_retry": "handing_on",
    "ARRIVAL_FIELDS": "routing_rows",
    "ArrivalKind": "rows",
    "Asked": "dicomweb",
    "BidsMapping": "bids_plan",
    "BidsPlan": "bids_plan",
    "BidsRule": "bids_plan",
    "BlackenedObjects": "dicom_export",
    "Brought": "arrived",
    "Condition": "routing_rows",
    "DERIVATIVE": "bids_derived",
    "Deviation": "protocol_rows",
    "DicomListener": "listener",
    "ListenerKeeper": "listener_keeper",
    "DropWatcher": "watch",
    "EXCHANGE_TOOLS": "toolset",
    "Entry": "exports",
    "ExistingOptions": "existing_plan",
    "ExistingPreview": "existing_plan",
    "Export": "exports",
    "Fate": "pacs_values",
    "Forward": "routing_rows",
    "Importer": "importer",
    "ItemState": "rows",
    "Level": "dicomweb_query",
    "Missed": "routing_rows",
    "Options": "rows",
    "OwnArchive": "dicomweb",
    "Pacs": "pacs",
    "PacsPull": "pacs_values",
    "PacsQuery": "pacs_values",
    "PacsResult": "pacs_search",
    "PacsSeries": "pacs_values",
    "PacsStudy": "pacs_values",
    "PacsView": "pacs_values",
    "PartState": "parts",
    "Peer": "sending",
    "PhantomPoint": "protocol_rows",
    "PreviewRow": "existing_plan",
    "ProjectModule": "modules",
    "Protocol": "protocol_rows",
    "ProtocolSeries": "protocol_rows",
    "PullWays": "pacs_values",
    "Push": "push_values",
    "PushAnswer": "push_values",
    "PushFate": "push_values",
    "PushHow": "push_values",
    "PushWish": "push_values",
    "Pushes": "push",
    "QidoQuery": "dicomweb_query",
    "Receipt": "rows",
    "ReceiptDetail": "rows",
    "ReceiptItem": "rows",
    "ReceiptState": "rows",
    "ReleaseCheck": "release_checks",
    "ReleaseChecks": "release_checks",
    "ReleaseReport": "dicom_export",
    "Route": "routing_rows",
    "RouteTable": "routing_rows",
    "RouteTried": "routing_rows",
    "RuleRow": "bids_plan",
    "SeriesNow": "protocol_rows",
    "SeriesOut": "push_series",
    "SessionNow": "protocol_rows",
    "Unconfirmed": "release_checks",
    "Unplaced": "existing_plan",
    "Upload": "upload",
    "Viewer": "dicomweb",
    "WaitingIdentity": "revealing",
    "WatchedRoot": "watch",
    "Way": "release_checks",
    "WebObject": "dicomweb",
    "Wished": "pacs_values",
    "WithheldObjects": "dicom_export",
    "brought_by": "arrived",
    "brought_since": "arrived",
    "change_settings": "modules",
    "create_from_module": "modules",
    "exchange_migrations": "schema",
    "forward_objects": "push_forward",
    "get_receipt": "receipts",
    "keep_protocol": "protocol",
    "kept_protocol": "protocol",
    "learn": "protocol",
    "list_receipts": "receipts",
    "module_of": "modules",
    "parse_query": "dicomweb_query",
    "phantom_trend": "sessions",
    "read_module": "modules",
    "send_objects": "sending",
    "sessions_now": "sessions",
    "target_options": "targets",
    "watched_roots": "drop_root",
}

__getattr__ = lazy_door(__name__, _NAMES)
