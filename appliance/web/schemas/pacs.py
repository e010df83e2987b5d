"""Archives, searches in them and pulls out of them, as the API shows them."""

from __future__ import annotations

from typing import Literal

import msgspec

from appliance.exchange import Fate, PacsQuery, PacsSeries, PacsStudy, Wished
from appliance.web.schemas.base import Input

__all__ = [
    "PacsActed",
    "PacsEcho",
    "PacsFound",
    "PacsNode",
    "PacsPull",
    "PacsPullAsked",
    "PacsPullRequest",
    "PacsSearch",
]


class PacsNode(msgspec.Struct, frozen=True, kw_only=True):
    """An archive that the project may use.

    Attributes
    ----------
    address : str
        ``TITLE@HOST:PORT``, or the URL of a DICOMweb service.
    method : str
        ``move``, ``get`` or ``web``.
    window : str
        Hours in which images are pulled; empty: always.
    """

    name: str
    address: str
    method: str
    window: str
    find_pause_s: float
    move_pause_s: float


class PacsEcho(msgspec.Struct, frozen=True, kw_only=True):
    """What an archive said when it was asked whether it is there."""

    ok: bool
    text: str
    hint: str = ""


class PacsSearch(Input, frozen=True):
    """A search in an archive."""

    node: str
    query: PacsQuery


class PacsFound(msgspec.Struct, frozen=True, kw_only=True):
    """What a search knows by now. It says who the patients are.

    Attributes
    ----------
    state : str
        ``running``, ``done``, ``failed`` or ``stopped``.
    missing : list of str
        PatientIDs of the list of which the archive has nothing that fits.
    log : list of str
        What was asked when; it names no patient.
    """

    key: str
    node: str
    state: str
    reason: str
    hint: str
    n_steps: int
    n_done: int
    studies: list[PacsStudy]
    series: list[PacsSeries]
    missing: list[str]
    log: list[str]


class PacsPullRequest(Input, frozen=True):
    """Series, or whole studies, that are to come from an archive.

    Attributes
    ----------
    dry_run : bool
        Only tell what would come.
    again : bool
        Also pull what is here.
    """

    node: str
    wished: tuple[Wished, ...]
    dry_run: bool = False
    again: bool = False


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
