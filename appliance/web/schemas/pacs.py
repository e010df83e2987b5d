"""Archives, searches in them and pulls out of them, as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

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

_Pause = Annotated[float, msgspec.Meta(ge=0, le=3600)]


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
    find_pause_s : float or None
        Seconds between two queries; None: as the archive's settings say.
    """

    node: str
    query: PacsQuery
    names: bool = False
    find_pause_s: _Pause | None = None


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
    autoexec : bool
        Whether the rules of autoexecution run on what comes.
    autoexec_queue : str
        Queue of their jobs, for whoever may run batches; empty: that of each rule.
    move_pause_s : float or None
        Seconds after each series; None: as the archive's settings say.
    """

    node: str
    wished: tuple[Wished, ...]
    search: str = ""
    dry_run: bool = False
    again: bool = False
    begin_at: datetime | None = None
    autoexec: bool = True
    autoexec_queue: str = ""
    move_pause_s: _Pause | None = None


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
    autoexec : bool
        Whether the rules of autoexecution run on what it brings.
    autoexec_queue : str
        Queue of their jobs; empty: that of each rule.
    move_pause_s : float or None
        Seconds after it; None: as the archive's settings say.
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
    autoexec: bool
    autoexec_queue: str
    move_pause_s: float | None


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
