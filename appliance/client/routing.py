"""The part of the client that keeps the rules of routing, and looks at what they do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from appliance.client.base import Base, Items
from appliance.client.rows import Done

__all__ = ["ForwardRow", "RouteTable", "RouteTried", "RoutingCalls"]


class RouteTable(msgspec.Struct, frozen=True):
    """All rules in their order, as plain values; `problems` by name."""

    routes: list[dict[str, Any]]
    rev: int
    problems: dict[str, str]


class RouteTried(msgspec.Struct, frozen=True):
    """Which rule would take one series of an arrival."""

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
    missed: list[dict[str, str]]


class ForwardRow(msgspec.Struct, frozen=True):
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
    reason: str


class RoutingCalls(Base):
    """Rules of routing, trials of them, and what was sent on."""

    def routes(self) -> RouteTable:
        """Give the rules by which arrivals are led to projects."""
        return self._get("/routes", RouteTable)

    def keep_routes(self, routes: Sequence[dict[str, Any]], rev: int) -> RouteTable:
        """Replace the rules; refused when they are not as at `rev` any more."""
        body = {"routes": list(routes), "rev": rev}
        return self._transport.ask("PUT", "/routes", RouteTable, body=body)

    def try_routes(
        self, routes: Sequence[dict[str, Any]] | None = None, limit: int = 50
    ) -> list[RouteTried]:
        """Tell which rule would take each series of the last arrivals."""
        body = {"routes": None if routes is None else list(routes), "limit": limit}
        return self._post("/routes/try", Items[RouteTried], body).items

    def forwards(self, state: str = "") -> list[ForwardRow]:
        """List what rules send on to archives, newest first."""
        return self._get("/forwards", Items[ForwardRow], {"state": state}).items

    def retry_forwards(self, key: str = "") -> int:
        """Send again what failed or was held: one, or all; tell how many."""
        return self._post("/forwards/retry", Done, {"key": key}).n
