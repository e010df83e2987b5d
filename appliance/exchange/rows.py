"""The values of the exchange room: receipts, their items, and what an arrival was told to do."""

from __future__ import annotations

from enum import StrEnum

import msgspec

__all__ = [
    "SET_ASIDE",
    "ArrivalKind",
    "ItemState",
    "Options",
    "Receipt",
    "ReceiptDetail",
    "ReceiptItem",
    "ReceiptState",
]

SET_ASIDE = "set aside by a person"
"""Reason of a file that somebody decided not to import: accounted for, not a problem."""


class ArrivalKind(StrEnum):
    """The door an arrival came through."""

    DROP = "drop"
    DICOM = "dicom"
    UPLOAD = "upload"
    CLI = "cli"
    EXISTING = "existing"  # a folder read into a project


class ReceiptState(StrEnum):
    """Where an arrival is."""

    RECEIVING = "receiving"  # the sender is not done
    PENDING = "pending"  # all here, work has not begun or waits for space
    WORKING = "working"
    WAITING = "waiting"  # for a person
    DONE = "done"
    PARTIAL = "partial"
    FAILED = "failed"


class ItemState(StrEnum):
    """Where one file of an arrival is."""

    EXPECTED = "expected"  # announced; its bytes are not in our folder yet
    RECEIVED = "received"
    SORTED = "sorted"  # in its series, or meant for a study
    CONVERTED = "converted"
    STORED = "stored"
    DUPLICATE = "duplicate"
    WAITING = "waiting"
    QUARANTINED = "quarantined"
    FAILED = "failed"
    UNPACKING = "unpacking"  # an archive whose members are announced
    UNPACKED = "unpacked"  # an archive whose members stand for it


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What an arrival was told to do; no original name is in here.

    Attributes
    ----------
    subject, study : str or None
        Folders that take everything, instead of what the data say.
    pattern : str or None
        Regular expression with the groups ``patients_id`` and ``studies_id`` on original paths.
    place : str or None
        Regular expression with the same groups on the path below the source, from its beginning.
    extra : list of str or None
        Extensions of other files that are taken along; None takes all that can be placed.
    move : bool
        Whether the source's files become ours; else the source stays as it is.
    layout : bool
        Whether folders ``subject/study/...`` of the source name the target.
    native : bool
        Whether what says itself whose it is (DICOM, Bruker) goes there; `subject` and `study` are
        then those of the rest.
    source_key : str or None
        Folder of existing data that is read.
    complete : bool
        Whether all that belongs to it is known to be here.
    released : bool
        Whether its sender said that it was done.
    calling, called, address : str
        AE titles and address of who sent it over an association that nobody asked for.
    autoexec : bool
        Whether the rules of autoexecution run on it.
    autoexec_queue : str
        Queue of their jobs; empty: that of each rule.
    """

    subject: str | None = None
    study: str | None = None
    pattern: str | None = None
    place: str | None = None
    extra: list[str] | None = None
    move: bool = False
    layout: bool = False
    native: bool = False
    source_key: str | None = None
    complete: bool = False
    released: bool = False
    calling: str = ""
    called: str = ""
    address: str = ""
    autoexec: bool = True
    autoexec_queue: str = ""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """One arrival and its fate; times in ms UTC, `studies` as ``PID#SID``.

    `route` names the rule that led it to its project; empty: none did.
    """

    id: int
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
    created_at: int
    updated_at: int
    closed_at: int | None
    reason: str
    hint: str
    route: str = ""


class ReceiptItem(msgspec.Struct, frozen=True, kw_only=True):
    """One file of an arrival; `name` is ours, never the sender's."""

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
    """A receipt with its items."""

    items: list[ReceiptItem]
