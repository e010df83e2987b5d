"""Looks whether the folders of existing data can be reached, and where links of projects lead."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

from appliance.catalog import Source, get_file, list_projects_in, list_sources
from appliance.upkeep.checks.base import BaseCheck
from appliance.upkeep.context import CheckContext
from appliance.upkeep.values import CheckResult

__all__ = ["SourcesCheck"]

_LOOKED_AT = 200  # links of each folder
_PATIENCE_S = 10.0
_EVERY_S = 600.0
_HINT = "Mount the disk at its place, or read the folder again on the page of the project."


class SourcesCheck(BaseCheck):
    """Looks for every folder whose files stay where they are, and at some of the links into it.

    A disk of the network that does not answer is told after ten seconds, not waited for.
    """

    id = "sources"
    title = "Existing data"

    def __init__(self) -> None:
        self._known: CheckResult | None = None
        self._looked_at = 0.0

    def run(self, ctx: CheckContext) -> CheckResult:
        """Name the folders that are away; what was well is looked at every ten minutes."""
        if (
            self._known is not None
            and self._known.level == "ok"
            and time.monotonic() - self._looked_at < _EVERY_S
        ):
            return self._known
        self._known, self._looked_at = self._look(ctx), time.monotonic()
        return self._known

    def _look(self, ctx: CheckContext) -> CheckResult:
        with ctx.catalog.read() as con:
            away = {name for name, _ in list_projects_in(con, "trashed")}
            found = [s for s in list_sources(con) if s.mode == "stay" and s.project not in away]
        told = [text for one in found if (text := _problem(ctx, one))]
        if told:
            return CheckResult("error", " ".join(told), _HINT)
        return CheckResult("ok", f"{len(found)} folders outside the data folder; all there.")


def _problem(ctx: CheckContext, source: Source) -> str:
    """Say what is wrong with one folder, '' when nothing is."""
    links, answers = _some_links(ctx, source), list[str]()
    thread = threading.Thread(
        target=lambda: answers.append(_look_at(Path(source.root), links)), daemon=True
    )
    thread.start()
    thread.join(_PATIENCE_S)
    found = answers[0] if answers else "does not answer"
    return f"{source.root} (project {source.project}) {found}." if found else ""


def _look_at(root: Path, links: Sequence[Path]) -> str:
    if not root.is_dir():
        return "is not there: its disk may not be mounted"
    lost = sum(not link.exists() for link in links)
    return f"is there, but {lost} of {len(links)} links looked at lead nowhere" if lost else ""


def _some_links(ctx: CheckContext, source: Source) -> list[Path]:
    """Give the places of some files in the project; no disk is touched for that."""
    with ctx.catalog.read() as con:
        rows = con.execute(
            "SELECT id FROM files WHERE project_id = ? AND origin = ? AND trashed_at IS NULL",
            (source.project_id, f"source:{source.key}"),
        ).fetchall()
        step = max(1, len(rows) // _LOOKED_AT)
        files = [get_file(con, row[0]) for row in rows[::step]]
    return [ctx.folder.projects / f.project / f.pid / f.sid / f.path for f in files]
