"""What arrives: receipts, uploads and imports, as the API gives and takes them."""

from __future__ import annotations

from typing import Literal

import msgspec

from appliance.web.schemas.base import Input

__all__ = [
    "ImportRequest",
    "KnownIdentity",
    "OriginalName",
    "Receipt",
    "ReceiptDetail",
    "ReceiptItem",
    "ReceiptProject",
    "ResolveRequest",
    "UploadState",
    "WaitingIdentity",
]


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The record of one arrival and its fate; `route` is the rule that led it to its project."""

    key: str
    project: str
    kind: str
    source: str
    state: str
    n_files: int
    n_done: int
    n_quarantined: int
    n_duplicate: int
    n_pending: int
    size_bytes: int
    studies: list[str]
    created_at: str
    updated_at: str
    closed_at: str | None
    reason: str
    hint: str
    route: str


class ReceiptItem(msgspec.Struct, frozen=True, kw_only=True):
    """One file of an arrival; `name` is ours, the original name is kept apart."""

    id: int
    name: str
    size_bytes: int
    state: str
    reason: str
    hint: str
    modality: str | None
    series_number: int | None
    psid: str | None


class ReceiptDetail(Receipt, frozen=True, kw_only=True):
    """A receipt with its files."""

    items: list[ReceiptItem]


class ReceiptProject(Input, frozen=True):
    """The project that an arrival is given to."""

    project: str


class OriginalName(msgspec.Struct, frozen=True):
    """The name a file had where it came from; may tell who the patient is."""

    id: int
    original_path: str


class KnownIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Who is known behind a subject's code; `differs` names what the arrival says otherwise."""

    pid: str
    patient_id: str
    name: str
    birth_date: str
    sex: str
    differs: list[Literal["name", "birth_date", "sex"]]


class WaitingIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Whom waiting files say they are of, beside those who are known with that PatientID."""

    item_ids: list[int]
    patient_id: str
    name: str
    birth_date: str
    sex: str
    known: list[KnownIdentity]


class ResolveRequest(Input, frozen=True):
    """What a person decided about an arrival that waits."""

    action: Literal["assign", "new", "discard-wait"]
    item_ids: list[int] = msgspec.field(default_factory=list)
    pid: str | None = None


class UploadState(msgspec.Struct, frozen=True, kw_only=True):
    """How far an upload in parts is; whole, it is the arrival of that key."""

    key: str
    offset_bytes: int
    size_bytes: int


class ImportRequest(Input, frozen=True):
    """A path on the machine of the service to be imported."""

    project: str
    path: str
    patients_id: str | None = None
    studies_id: str | None = None
    pattern: str | None = None
    extrafiles_filter: str | None = None
