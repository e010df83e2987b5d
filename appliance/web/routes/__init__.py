"""All routes of the API, one small module per topic."""

from __future__ import annotations

from litestar.handlers import BaseRouteHandler

from appliance.web.routes import (
    about,
    adapters,
    autorules,
    batches,
    bids,
    conversions,
    docs,
    edits,
    events,
    files,
    jobs,
    manage,
    meta,
    notebooks,
    programs,
    projects,
    receipts,
    registering,
    saved,
    selection,
    selections,
    session,
    sql,
    table,
    tools,
    upkeep,
    uploads,
    users,
)

__all__ = ["ROUTES"]

ROUTES: list[BaseRouteHandler] = [
    *session.ROUTES,
    *projects.ROUTES,
    *manage.ROUTES,
    *bids.ROUTES,
    *files.ROUTES,
    *registering.ROUTES,
    *edits.ROUTES,
    *selection.ROUTES,
    *meta.ROUTES,
    *sql.ROUTES,
    *table.ROUTES,
    *programs.ROUTES,
    *receipts.ROUTES,
    *uploads.ROUTES,
    *conversions.ROUTES,
    *tools.ROUTES,
    *batches.ROUTES,
    *saved.ROUTES,
    *autorules.ROUTES,
    *jobs.ROUTES,
    *selections.ROUTES,
    *notebooks.ROUTES,
    *events.ROUTES,
    *upkeep.ROUTES,
    *adapters.ROUTES,
    *docs.ROUTES,
    *about.ROUTES,
    *users.ROUTES,
]
