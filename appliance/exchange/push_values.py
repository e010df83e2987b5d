"""The values of sending to archives: what goes, what was answered, and rows of pushes."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import msgspec

__all__ = ["ObjectState", "Outgoing", "Push", "PushAnswer", "PushState", "Reply", "SentObject"]


class PushState(StrEnum):
    """Where a push is."""

    QUEUED = "queued"
    SENDING = "sending"
    DONE = "done"
    PARTIAL = "partial"  # the archive refused some objects
    FAILED = "failed"
    CANCELLED = "cancelled"


class ObjectState(StrEnum):
    """Where one object of a push is."""

    WAITING = "waiting"
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """A series, or a result, that is sent to an archive; nothing here tells who it shows.

    Attributes
    ----------
    batch : str
        Key of what was asked for together.
    kind : str
        ``originals``, ``seg``, ``rtstruct``, ``picture`` or ``report``.
    what : str
        Series or result in words of the catalog.
    reason, hint : str
        Why it waits or failed, and what to do.
    """

    key: str
    batch: str
    project: str
    node: str
    actor: str
    kind: str
    psid: str
    what: str
    n_objects: int
    n_sent: int
    n_refused: int
    state: str
    reason: str
    hint: str
    tries: int
    due_at: int
    created_at: int
    updated_at: int


class PushAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the archive said of one object; `n` counts within its push, `code` is the status."""

    n: int
    state: str
    code: int | None
    text: str
    at: int | None


class Outgoing(msgspec.Struct, frozen=True):
    """One object on its way: its number within the push and where it lies."""

    n: int
    path: Path


class SentObject(msgspec.Struct, frozen=True):
    """An object that may go, with what an association has to agree on."""

    n: int
    path: Path
    sop_uid: str
    sop_class: str
    syntax: str


class Reply(msgspec.Struct, frozen=True):
    """What an archive, or we ourselves, said of an object."""

    n: int
    state: ObjectState
    code: int | None = None
    text: str = ""
