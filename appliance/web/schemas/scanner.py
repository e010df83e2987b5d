"""Sessions as they arrive, the protocol of a project, and the figures of phantoms."""

from __future__ import annotations

import msgspec

from appliance.exchange import Deviation, ProtocolSeries
from appliance.web.schemas.base import Input

__all__ = [
    "PhantomRow",
    "ProtocolFacts",
    "ProtocolKept",
    "ProtocolLearn",
    "SessionRow",
    "SessionSeries",
]


class SessionSeries(msgspec.Struct, frozen=True, kw_only=True):
    """A series of a session: where it is, what differs from the protocol, quick figures."""

    folder: str
    number: int | None
    description: str
    modality: str
    n_objects: int
    stage: str
    reason: str
    expected: str
    deviations: list[Deviation]
    figures: dict[str, float]
    file_id: int | None
    at: str


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A session; `verdict` is ok, deviates, missing or unchecked (there is no protocol)."""

    project: str
    psid: str
    study_id: int | None
    description: str
    source: str
    station: str
    begun_at: str
    last_at: str
    series: list[SessionSeries]
    missing: list[str]
    verdict: str


class ProtocolFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the sessions of a project should bring; `rev` 0: nobody has said."""

    series: list[ProtocolSeries]
    learned_from: str
    rev: int


class ProtocolKept(Input, frozen=True):
    """The whole protocol as it is to be; `rev` is that of the one it was made from."""

    series: list[ProtocolSeries]
    rev: int
    learned_from: str = ""


class ProtocolLearn(Input, frozen=True):
    """A good session, from which the protocol is taken."""

    psid: str


class PhantomRow(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one phantom measurement."""

    psid: str
    series: str
    station: str
    date: str
    at: str
    figures: dict[str, float]
