"""The step that looks at a series which has come in: its parameters, and quick quality figures."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.core import ApplianceError, now_ms
from appliance.exchange.context import Context
from appliance.exchange.once import OncePerRow
from appliance.exchange.protocol import compare, kept_protocol, series_of
from appliance.exchange.protocol_missed import sessions_gone_quiet, tell_missing
from appliance.exchange.protocol_rows import PARAMETERS
from appliance.exchange.quality_program import figures_of

if TYPE_CHECKING:
    from appliance.catalog import Tx

__all__ = ["EXAMINE_STEP", "Examiner"]

_LOG = logging.getLogger(__name__)
EXAMINE_STEP = "exchange.examine"
_BEHIND = -5  # conversions come first, previews later
_HERE_BYTES = 4 << 20  # larger images are looked at by a process of their own
_TIMEOUT_S = 600
_RECENT, _AT_ONCE = 2000, 50
_SERIES = (
    "SELECT s.*, p.name AS project, e.rev AS examined_rev FROM incoming_series s"
    " JOIN projects p ON p.id = s.project_id LEFT JOIN examined e ON e.series_id = s.id"
)
_DUE = (
    f"{_SERIES} WHERE s.state = 'done' AND (e.rev IS NULL OR e.rev <> s.done_rev)"
    " AND s.id > (SELECT max(id) FROM incoming_series) - ? ORDER BY s.id LIMIT ?"
)
_IMAGES = (
    "SELECT f.id FROM files f JOIN series r ON r.id = f.series_id WHERE r.key = ?"
    " AND f.kind = 'image' AND f.trashed_at IS NULL ORDER BY f.id"
)
_AXES = {"i": 0, "j": 1, "k": 2}


class Examiner:
    """Looks at series soon after they were catalogued.

    Parameters
    ----------
    ctx : Context
        The rooms below.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._once, self._here = OncePerRow(), threading.Lock()
        ctx.queue.register_step(EXAMINE_STEP, self._step)

    def hear(self, file_ids: Sequence[int]) -> None:
        """Have the series of new images looked at."""
        with self._ctx.catalog.read() as con:
            rows = con.execute(
                "SELECT DISTINCT s.id FROM files f JOIN series r ON r.id = f.series_id"
                " JOIN incoming_series s ON s.key = r.key"
                " WHERE f.id IN (SELECT value FROM json_each(?))",
                (json.dumps(list(file_ids)),),
            ).fetchall()
        for row in rows:
            self._ctx.queue.enqueue(EXAMINE_STEP, int(row[0]), _BEHIND)

    def look(self) -> None:
        """Ask for recent series that were not looked at yet."""
        with self._ctx.catalog.read() as con:
            rows = con.execute(_DUE, (_RECENT, _AT_ONCE)).fetchall()
            quiet = sessions_gone_quiet(con, now_ms())
        for row in rows:
            self._ctx.queue.enqueue(EXAMINE_STEP, int(row["id"]), _BEHIND)
        for session in quiet:
            self._ctx.catalog.write(partial(_tell_over, session))

    def _step(self, series_id: int) -> None:
        self._once.run(self._examine, series_id)

    def _examine(self, series_id: int) -> None:
        with self._ctx.catalog.read() as con:
            row = con.execute(f"{_SERIES} WHERE s.id = ?", (series_id,)).fetchone()
        if row is None or row["state"] not in ("entered", "done"):
            return
        if row["examined_rev"] == row["done_rev"]:
            return
        parameters = _parameters(self._ctx, row)
        image = _first_image(self._ctx, row)
        shape, figures = _look_at(row, image[1], self._here) if image else ({}, {})
        self._write(row, {**parameters, **shape}, figures, image[0] if image else None)

    def _write(
        self, row: Any, parameters: dict[str, str], figures: dict[str, float], file_id: int | None
    ) -> None:
        def write(tx: Tx) -> None:
            tx.con.execute(
                "INSERT INTO examined (series_id, rev, parameters, figures, file_id, at)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (series_id) DO UPDATE SET"
                " rev = excluded.rev, parameters = excluded.parameters,"
                " figures = excluded.figures, file_id = excluded.file_id, at = excluded.at",
                (
                    row["id"],
                    row["done_rev"],
                    msgspec.json.encode(parameters).decode(),
                    msgspec.json.encode(figures).decode(),
                    file_id,
                    now_ms(),
                ),
            )
            tx.event("session.changed", project=row["project"])
            _tell_deviations(tx, row)
            psid = f"{row['pid']}#{row['sid']}"
            tell_missing(tx, row["project_id"], row["project"], psid, over=False)

        self._ctx.catalog.write(write)


def _tell_over(session: tuple[int, str, str], tx: Tx) -> None:
    tell_missing(tx, *session, over=True)


def _tell_deviations(tx: Tx, row: Any) -> None:
    """Let it be known, while the subject is still there, that a series is not as it should be."""
    protocol = kept_protocol(tx.con, row["project_id"])
    if not protocol.series:
        return
    rows = series_of(tx.con, row["project_id"], f"{row['pid']}#{row['sid']}")
    _, deviations = compare(protocol, rows).get(row["id"], (None, []))
    if deviations:
        tx.event("protocol.deviates", project=row["project"], n=1)


def _parameters(ctx: Context, row: Any) -> dict[str, str]:
    from appliance.formats import header_values

    with ctx.catalog.read() as con:
        item = con.execute(
            "SELECT place FROM receipt_items WHERE series_id = ? AND place LIKE 'originals/%'"
            " ORDER BY id LIMIT 1",
            (row["id"],),
        ).fetchone()
    if item is None:
        return {}
    try:
        found = header_values(ctx.path(item["place"]), PARAMETERS)
    except ApplianceError as error:
        _LOG.info("series %s: no parameters: %s", row["key"], error.message)
        return {}
    return {field: "\\".join(values) for field, values in found.items() if any(values)}


def _first_image(ctx: Context, row: Any) -> tuple[int, Path] | None:
    from appliance.catalog import file_path, get_file

    with ctx.catalog.read() as con:
        found = con.execute(_IMAGES, (row["key"],)).fetchone()
        file = get_file(con, int(found[0])) if found else None
    return None if file is None else (file.id, file_path(ctx.folder, file))


def _look_at(row: Any, path: Path, here: threading.Lock) -> tuple[dict[str, str], dict[str, float]]:
    """Give the size of an image and its figures; nothing when it cannot be read."""
    from appliance.formats import read_header

    try:
        header = read_header(path)
        size, n = header["shape"][:3], int(header["n_volumes"])
        shape = {"Matrix": "x".join(map(str, size)), "Volumes": str(n)}
        return shape, _figures(path, row, n, here)
    except (ApplianceError, OSError, subprocess.SubprocessError, ValueError) as error:
        _LOG.warning("series %s: no figures: %s", row["key"], type(error).__name__)
        return {}, {}


def _figures(path: Path, row: Any, n_volumes: int, here: threading.Lock) -> dict[str, float]:
    """Compute the figures of an image; of those that are looked at here, one at a time."""
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    diffusion = path.with_name(f"{stem}.bval").exists()
    in_time = n_volumes > 1 and not diffusion
    axis = _phase_axis(path.with_name(f"{stem}.json")) if in_time else None
    phantom = _is_phantom(row)
    if path.stat().st_size <= _HERE_BYTES:
        with here:  # a small one takes many times its size for a moment
            return figures_of(path, in_time=in_time, phase_axis=axis, phantom=phantom)
    words = [sys.executable, "-m", "appliance.exchange.quality_program", str(path)]
    words += ["--in-time"] * in_time + ["--phantom"] * phantom
    words += [] if axis is None else ["--phase-axis", str(axis)]
    done = subprocess.run(
        ["nice", "-n", "10", *words], capture_output=True, timeout=_TIMEOUT_S, check=True
    )
    return msgspec.json.decode(done.stdout, type=dict[str, float])


def _phase_axis(sidecar: Path) -> int | None:
    try:
        told = json.loads(sidecar.read_text())
    except (OSError, ValueError):
        return None
    code = str(told.get("PhaseEncodingDirection") or told.get("PhaseEncodingAxis") or "")
    return _AXES.get(code[:1])


def _is_phantom(row: Any) -> bool:
    """Tell whether a series shows a phantom, by what it or its study is called."""
    facts = msgspec.json.decode(row["facts"])
    names = (facts.get(key) or "" for key in ("protocol", "description", "study_description"))
    return "phantom" in " ".join(names).lower()
