"""Rules by which arrivals are routed, trials of them, and what was sent on."""

from __future__ import annotations

import msgspec

from appliance.exchange import Missed, Route
from appliance.web.schemas.base import Input

__all__ = ["ForwardAgain", "ForwardRow", "RouteTable", "RouteTrial", "RouteTriedRow", "RoutesKept"]


class RouteTable(msgspec.Struct, frozen=True, kw_only=True):
    """All rules in their order; the first that fits takes an arrival.

    `problems` says by name what keeps a rule from working. `fields` are what is known of an
    arrival without its header; any DICOM keyword can be asked for as well. `nodes` are archives,
    with whether anything may be sent there.
    """

    routes: list[Route]
    rev: int
    problems: dict[str, str]
    fields: list[str]
    nodes: dict[str, bool]


class RoutesKept(Input, frozen=True):
    """The whole table as it is to be; `rev` is that of the table it was made from."""

    routes: list[Route]
    rev: int


class RouteTrial(Input, frozen=True):
    """Rules to be tried on the last arrivals; without `routes` those that are kept."""

    routes: list[Route] | None = None
    limit: int = 50


class RouteTriedRow(msgspec.Struct, frozen=True, kw_only=True):
    """Which rule would take one series of an arrival, and on what those before it failed."""

    receipt: str
    at: str
    door: str
    source: str
    project: str
    modality: str
    psid: str
    series: str
    rule: str
    goes_to: str
    missed: list[Missed]


class ForwardRow(msgspec.Struct, frozen=True, kw_only=True):
    """Objects of one series that are sent on to an archive."""

    key: str
    project: str
    psid: str
    series: str
    node: str
    route: str
    state: str
    n_objects: int
    n_sent: int
    tries: int
    reason: str
    hint: str
    receipt: str
    created_at: str
    updated_at: str


class ForwardAgain(Input, frozen=True):
    """What is to be sent again: one by its key, or all that failed."""

    key: str = ""
