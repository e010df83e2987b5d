"""The values of sending to archives: what goes, what was answered, and rows of pushes."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

import msgspec

from appliance.privacy import Identity

__all__ = [
    "NewPush",
    "ObjectState",
    "Outgoing",
    "Push",
    "PushAnswer",
    "PushFate",
    "PushHow",
    "PushState",
    "PushWish",
    "Reply",
    "SentObject",
]


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


class NewPush(msgspec.Struct, frozen=True, kw_only=True):
    """What is written down of a push; `places` are its objects, relative to the data folder."""

    kind: str
    pid: str
    psid: str
    study_uid: str
    what: str
    places: list[str]
    new_study: bool = False


class PushWish(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody would like to send: kept objects, or a result that is made of them.

    Attributes
    ----------
    like : Path
        An object of the same study, which tells whose it is.
    make : callable, optional
        Writes the one object of a result.
    """

    push: NewPush
    like: Path
    make: Callable[[BinaryIO], None] | None = None


class PushFate(msgspec.Struct, frozen=True, kw_only=True):
    """What would become of a wish.

    Attributes
    ----------
    n_objects, n_there : int
        Objects that would go, and those that the archive has acknowledged already.
    known_there : bool
        Whether the archive has the study.
    problem, hint : str
        Why it may not go; empty when it may.
    patient : Identity or None
        Who it shows, when that was asked for.
    """

    psid: str
    kind: str
    what: str
    n_objects: int
    n_there: int = 0
    known_there: bool = False
    problem: str = ""
    hint: str = ""
    patient: Identity | None = None


class PushHow(msgspec.Struct, frozen=True, kw_only=True):
    """How something is sent.

    Attributes
    ----------
    new_study : bool
        Whether the archive need not have the study.
    again : bool
        Whether also what the archive has acknowledged goes.
    names : bool
        Whether it is told who the subjects are; that is put on record.
    """

    actor: str
    new_study: bool = False
    again: bool = False
    names: bool = False


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
