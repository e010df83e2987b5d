"""Archives, searches in them and pulls out of them, as the API shows them."""

from __future__ import annotations

import msgspec

from appliance.exchange import PacsQuery, PacsSeries, PacsStudy
from appliance.web.schemas.base import Input

__all__ = ["PacsEcho", "PacsFound", "PacsNode", "PacsSearch"]


class PacsNode(msgspec.Struct, frozen=True, kw_only=True):
    """An archive that the project may use.

    Attributes
    ----------
    address : str
        ``TITLE@HOST:PORT``.
    method : str
        ``move`` or ``get``.
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
