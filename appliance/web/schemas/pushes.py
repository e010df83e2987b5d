"""What is sent to archives, as the API shows it."""

from __future__ import annotations

from typing import Literal

import msgspec

from appliance.web.schemas.base import Input

__all__ = [
    "Push",
    "PushActed",
    "PushAnswer",
    "PushAsked",
    "PushFate",
    "PushNode",
    "PushPatient",
    "PushRequest",
]


class PushNode(msgspec.Struct, frozen=True, kw_only=True):
    """An archive that the project may send to."""

    name: str
    address: str
    checks: bool


class PushRequest(Input, frozen=True):
    """What is to be sent where.

    Attributes
    ----------
    studies : tuple of int
        All series of them, as the objects that are kept.
    files : tuple of int
        Images (the objects of their series), masks and label maps (as ROIs), pictures and PDFs.
    form : {"seg", "rtstruct"}
        What ROIs become.
    reference_id : int or None
        Image that ROIs were drawn on; else one of their study on the same grid.
    picture : str
        A PNG or JPEG as base64, which goes into the study `study_id`.
    title : str
        What the picture, or a result, is called.
    new_study : bool
        Whether the archive need not have the study.
    again : bool
        Whether also what it has acknowledged goes.
    names : bool
        Whether the answer tells who the subjects are.
    dry_run : bool
        Only tell what would go.
    """

    node: str
    studies: tuple[int, ...] = ()
    files: tuple[int, ...] = ()
    form: Literal["seg", "rtstruct"] = "seg"
    reference_id: int | None = None
    picture: str = ""
    study_id: int | None = None
    title: str = ""
    new_study: bool = False
    again: bool = False
    names: bool = False
    dry_run: bool = False


class PushPatient(msgspec.Struct, frozen=True, kw_only=True):
    """Who a subject is."""

    patient_id: str
    name: str
    birth_date: str
    sex: str


class PushFate(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a series or a result.

    Attributes
    ----------
    n_objects, n_there : int
        Objects that go, and those that the archive has acknowledged already.
    known_there : bool
        Whether the archive has the study.
    problem, hint : str
        Why it may not go; empty when it may.
    """

    psid: str
    kind: str
    what: str
    n_objects: int
    n_there: int
    known_there: bool
    problem: str
    hint: str
    patient: PushPatient | None


class PushAsked(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of everything, in its order; `batch` is empty when nothing goes."""

    batch: str
    address: str
    fates: list[PushFate]


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """A series, or a result, that is sent; nothing here tells who it shows.

    Attributes
    ----------
    kind : str
        ``originals``, ``seg``, ``rtstruct``, ``picture`` or ``report``.
    state : str
        ``queued``, ``sending``, ``done``, ``partial``, ``failed`` or ``cancelled``.
    """

    key: str
    batch: str
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
    due_at: str
    created_at: str
    updated_at: str


class PushAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the archive said of one object: its status, and what that means."""

    n: int
    state: str
    code: int | None
    text: str
    at: str | None


class PushActed(Input, frozen=True):
    """What is to be done with pushes: those of keys, or all that were asked for together."""

    action: Literal["cancel", "retry"]
    keys: tuple[str, ...] = ()
    batch: str = ""
