"""Archives, searches in them and pulls out of them, as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from appliance import core
from appliance.exchange import Fate, PacsQuery, Wished
from appliance.web.schemas.base import Input

__all__ = [
    "PacsActed",
    "PacsEcho",
    "PacsNodeRow",
    "PacsPull",
    "PacsPullAsked",
    "PacsPullRequest",
    "PacsSearch",
    "PacsSettings",
]


class PacsEcho(msgspec.Struct, frozen=True, kw_only=True):
    """What an archive said when it was asked whether it is there."""

    ok: bool
    text: str
    hint: str = ""


class PacsNodeRow(msgspec.Struct, frozen=True, kw_only=True):
    """An archive that the project may use.

    Attributes
    ----------
    address : str
        ``TITLE@HOST:PORT``, or the URL of a DICOMweb service.
    method : str
        ``move``, ``get`` or ``web``.
    window : str
        Hours in which images are pulled; empty: always.
    push : bool
        Whether anything may be sent there.
    last : PacsEcho or None
        What was heard of it last.
    """

    name: str
    address: str
    method: str
    window: str
    find_pause_s: float
    move_pause_s: float
    push: bool
    last: PacsEcho | None


class PacsSearch(Input, frozen=True):
    """A search in an archive.

    Attributes
    ----------
    names : bool
        Whether the answer tells who the patients are; it needs the right for that.
    """

    node: str
    query: PacsQuery
    names: bool = False


class PacsPullRequest(Input, frozen=True):
    """Series, or whole studies, that are to come from an archive.

    Attributes
    ----------
    search : str
        Key of a search, when they are named by the numbers that it shows without names.
    dry_run : bool
        Only tell what would come.
    again : bool
        Also pull what is here.
    begin_at : datetime or None
        When it begins; None: at once.
    """

    node: str
    wished: tuple[Wished, ...]
    search: str = ""
    dry_run: bool = False
    again: bool = False
    begin_at: datetime | None = None


class PacsPullAsked(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of wished series, in their order.

    Attributes
    ----------
    batch : str
        Key of what was asked for together; empty when nothing was.
    n_pulled : int
        How many come, or would come.
    least_s : float
        Seconds that the pauses between them take.
    """

    batch: str
    n_pulled: int
    least_s: float
    fates: list[Fate]


class PacsPull(msgspec.Struct, frozen=True, kw_only=True):
    """A series, or study, that is pulled; nothing here tells who it shows.

    Attributes
    ----------
    state : str
        ``queued``, ``running``, ``done``, ``partial``, ``failed`` or ``cancelled``.
    receipts : list of str
        Keys of the arrivals, one for each time that it was asked for and something came.
    """

    key: str
    batch: str
    node: str
    actor: str
    modality: str
    number: int | None
    n_expected: int | None
    n_received: int
    state: str
    reason: str
    hint: str
    receipts: list[str]
    tries: int
    due_at: str
    created_at: str
    updated_at: str


class PacsActed(Input, frozen=True):
    """What is to be done with pulls: those of keys, or all that were asked for together."""

    action: Literal["cancel", "retry"]
    keys: tuple[str, ...] = ()
    batch: str = ""


class PacsSettings(msgspec.Struct, frozen=True, kw_only=True):
    """All archives as they are set, and what an archive has to know of us.

    Attributes
    ----------
    ae_title : str
        Our title.
    port : int
        Of our DICOM listener.
    address : str
        Where it listens; empty: at every address of this machine.
    listens : bool
        Whether it does.
    fixed_by : str
        What sets the archives so that they cannot be changed here: environment, command line.
    """

    ae_title: str
    port: int
    address: str
    listens: bool
    fixed_by: str
    nodes: dict[str, core.PacsNode]
