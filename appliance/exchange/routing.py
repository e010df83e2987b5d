"""The table of rules by which arrivals are routed: kept whole, checked, and tried on arrivals.

What a rule does to an arrival is in `routing_apply`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.core import Invalid, Settings, SettingsError
from appliance.exchange.context import Context
from appliance.exchange.routing_match import Header, arrival_facts, check_condition, choose
from appliance.exchange.routing_rows import (
    ARRIVAL_FIELDS,
    Route,
    RouteTable,
    RouteTried,
    Sample,
)
from appliance.exchange.rows import Options
from appliance.privacy import ProjectPolicy

if TYPE_CHECKING:
    from appliance.catalog import Tx

__all__ = ["Routing", "header_fields", "kept_routes", "open_routes"]

_KIND, _NAME = "routing", "routes"
_RECENT = (
    "SELECT r.key, r.kind, r.source, r.created_at, r.options, p.name AS project, i.place, i.pid,"
    " i.sid, s.modality, s.folder FROM receipts r JOIN projects p ON p.id = r.project_id"
    " JOIN receipt_items i ON i.receipt_id = r.id"
    " LEFT JOIN incoming_series s ON s.id = i.series_id"
    " WHERE r.kind IN ('dicom', 'drop', 'upload', 'cli') AND r.id IN"
    "  (SELECT id FROM receipts ORDER BY id DESC LIMIT ?)"
    " AND i.place LIKE 'originals/%' GROUP BY r.id, i.series_id ORDER BY r.id DESC, i.series_id"
)
_MOST_ARRIVALS = 500


class Routing:
    """The rules of one appliance.

    Parameters
    ----------
    ctx : Context
        The rooms below.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def table(self) -> RouteTable:
        """Give the rules in their order, and what keeps some from working."""
        with self._ctx.catalog.read() as con:
            table = kept_routes(con)
            problems = _problems(con, self._ctx.settings, table.routes)
        return msgspec.structs.replace(table, problems=problems)

    def keep(self, routes: Sequence[Route], rev: int, actor: str) -> RouteTable:
        """Replace the table; it goes into the history and can be taken back.

        Raises
        ------
        Invalid
            If a rule could not be used.
        Conflict
            If somebody changed it after `rev`.
        """
        from appliance.catalog import put_doc

        with self._ctx.catalog.read() as con:
            check_routes(con, self._ctx.settings, routes)
        doc = {"routes": msgspec.to_builtins(list(routes))}

        def write(tx: Tx) -> None:
            put_doc(tx, _KIND, _NAME, doc, rev=rev, actor=actor)
            tx.event("routes.changed")

        self._ctx.catalog.write(write)
        return self.table()

    def try_on(
        self, routes: Sequence[Route], limit: int = 50, hidden: bool = False
    ) -> list[RouteTried]:
        """Tell which rule would take the series of recent arrivals; nothing is changed.

        Parameters
        ----------
        limit : int
            How many arrivals back.
        hidden : bool
            Whether the sender's name, which may tell of a person, is left out.
        """
        fields = header_fields(routes)
        with self._ctx.catalog.read() as con:
            rows = con.execute(_RECENT, (max(1, min(limit, _MOST_ARRIVALS)),)).fetchall()
        return [self._tried(row, routes, fields, hidden) for row in rows]

    def _tried(
        self, row: Any, routes: Sequence[Route], fields: Sequence[str], hidden: bool
    ) -> RouteTried:
        sample = sample_of(row)
        path = self._ctx.path(sample.place) if sample.place else None
        route, missed = choose(routes, sample.door, sample.facts, Header(path, fields))
        return RouteTried(
            receipt=row["key"],
            at=row["created_at"],
            door=sample.door,
            source="" if hidden else row["source"],
            project=sample.project,
            modality=row["modality"] or "",
            psid="" if row["pid"] is None else f"{row['pid']}#{row['sid']}",
            series=row["folder"] or "",
            rule=route.name if route else "",
            goes_to=(route.project if route else "") or sample.project,
            missed=missed,
        )


def sample_of(row: Any) -> Sample:
    """Give what rules look at, from the row of a receipt and the place of one of its objects."""
    options = msgspec.json.decode(row["options"], type=Options)
    told = {"calling": options.calling, "called": options.called, "address": options.address}
    return Sample(
        door=row["kind"],
        project=row["project"],
        facts=arrival_facts(row["created_at"], row["source"], told),
        place=row["place"],
    )


def kept_routes(con: sqlite3.Connection) -> RouteTable:
    """Read the table."""
    from appliance.catalog import get_doc
    from appliance.core import NotFound

    try:
        found = get_doc(con, _KIND, _NAME)
    except NotFound:
        return RouteTable()
    routes = msgspec.convert(found.doc["routes"], tuple[Route, ...])
    return RouteTable(routes=routes, rev=found.rev)


def open_routes(con: sqlite3.Connection) -> list[Route]:
    """Give the rules that can be followed now: switched on, and their project is in use."""
    routes = [route for route in kept_routes(con).routes if route.enabled]
    if not routes:
        return []
    rows = con.execute("SELECT name FROM projects WHERE state = 'active'")
    active = {str(row[0]).casefold() for row in rows}
    return [one for one in routes if not one.project or one.project.casefold() in active]


def header_fields(routes: Sequence[Route]) -> list[str]:
    """Name the fields of the header that rules ask for."""
    fields = {c.field for route in routes for c in route.when}
    return sorted(fields - set(ARRIVAL_FIELDS))


def check_routes(con: sqlite3.Connection, settings: Settings, routes: Sequence[Route]) -> None:
    """Refuse rules that could never be followed.

    Raises
    ------
    Invalid
        With the rule's name, and what is wrong.
    """
    names = [route.name.strip().casefold() for route in routes]
    if "" in names:
        raise Invalid("a rule has no name")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise Invalid(f"two rules are called {twice!r}")
    for route in routes:
        try:
            _check(con, settings, route)
        except (Invalid, SettingsError) as error:
            raise Invalid(f"rule {route.name!r}: {error.message}", hint=error.hint) from error


def _check(con: sqlite3.Connection, settings: Settings, route: Route) -> None:
    for condition in route.when:
        check_condition(condition)
    if not route.doors:
        raise Invalid("it looks at no door")
    if route.series_folder:
        ProjectPolicy.of({"series_folder": route.series_folder})
    problem = _unknown(con, settings, route)
    if problem:
        raise Invalid(problem)


def _unknown(con: sqlite3.Connection, settings: Settings, route: Route) -> str:
    """Say which project, archive or tag of a rule there is not; empty: all is known."""
    row = con.execute("SELECT state FROM projects WHERE name = ?", (route.project,)).fetchone()
    if route.project and (row is None or row["state"] == "trashed"):
        return f"there is no project {route.project!r}"
    missing = [node for node in route.forward if node not in settings.pacs.nodes]
    if missing:
        return f"there is no archive {missing[0]!r} in the settings"
    bad = [tag for tag in route.tags if not tag.strip() or "," in tag]
    return f"{bad[0]!r} is no tag" if bad else ""


def _problems(
    con: sqlite3.Connection, settings: Settings, routes: Sequence[Route]
) -> dict[str, str]:
    found = {}
    for route in routes:
        problem = _unknown(con, settings, route) or _held(con, settings, route)
        if problem:
            found[route.name] = problem
    return found


def _held(con: sqlite3.Connection, settings: Settings, route: Route) -> str:
    row = con.execute("SELECT state FROM projects WHERE name = ?", (route.project,)).fetchone()
    if row is not None and row["state"] != "active":
        return f"project {route.project!r} is in the archive: the rule is passed over"
    off = [node for node in route.forward if not settings.pacs.nodes[node].push]
    return f"sending to {off[0]!r} is switched off: what would go there is held" if off else ""
