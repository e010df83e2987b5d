"""Which made files are out of date: an input changed, or is gone, or is out of date itself.

What is true is said by the recorded inputs and the catalog. The table ``stale`` only holds the
answer, so that filters are quick; a thread brings it up to date after every change of files.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from appliance.catalog import Catalog, Event, Tx
from appliance.core import Invalid
from appliance.jobs.records import fill_hashes

__all__ = ["REASONS", "Mark", "StaleKeeper", "judge", "marks_of", "stale_attribute", "stale_files"]

_LOG = logging.getLogger(__name__)
_TOPICS = frozenset({"files.changed", "studies.changed", "projects.changed"})
_QUIET_S = 0.3
_AT_ONCE = 500
_EVERY_S = 30.0
REASONS = ("changed", "trashed", "gone", "superseded", "upstream")
"""An input is not what it was; is in the trash; left it; has a newer version; is stale itself."""
_UP = """
SELECT f.id AS made, i.*, n.id AS there, n.size_bytes AS now_size, n.mtime_ns AS now_mtime,
  n.sha256 AS now_sha256, o.file_id AS own,
  coalesce(n.trashed_at, s.trashed_at, u.trashed_at) AS trashed_at,
  EXISTS (SELECT 1 FROM file_tags x JOIN tags t ON t.id = x.tag_id
    WHERE x.x_id = n.id AND t.name = 'superseded') AS superseded
FROM json_each(?) w CROSS JOIN files f ON f.id = w.value
CROSS JOIN provenance_file i ON i.origin = f.origin AND i.dir = 'in'
LEFT JOIN files n ON n.id = i.file_id LEFT JOIN studies s ON s.id = n.study_id
LEFT JOIN subjects u ON u.id = s.subject_id
LEFT JOIN provenance_file o ON o.origin = i.origin AND o.dir = 'out' AND o.file_id = i.file_id
WHERE f.trashed_at IS NULL ORDER BY made, i.file_id
"""
_DOWN = """
WITH RECURSIVE below(id) AS (
  SELECT value FROM json_each(?)
  UNION
  SELECT o.file_id FROM below b CROSS JOIN provenance_file i ON i.file_id = b.id AND i.dir = 'in'
  CROSS JOIN provenance_file o ON o.origin = i.origin AND o.dir = 'out'
) SELECT id FROM below
"""


_SAME_AFTER_ALL = """
SELECT DISTINCT s.input_id FROM stale s CROSS JOIN files n ON n.id = s.input_id
WHERE s.reason = 'changed' AND n.sha256 IN (
  SELECT i.sha256 FROM provenance_file i WHERE i.file_id = s.input_id AND i.dir = 'in')
"""
_GONE = "SELECT file_id FROM stale WHERE file_id NOT IN (SELECT id FROM files)"


class Mark(NamedTuple):
    """Why a file is out of date, and by which input."""

    reason: str
    input_id: int


def judge(con: sqlite3.Connection, file_ids: Iterable[int]) -> dict[int, Mark]:
    """Tell which of some files are out of date, out of what they were made from."""
    wanted = list(dict.fromkeys(file_ids))
    edges: dict[int, list[sqlite3.Row]] = {}
    waiting = wanted
    while waiting:
        edges.update((i, []) for i in waiting)
        for row in con.execute(_UP, (json.dumps(waiting),)):
            edges[row["made"]].append(row)
        inputs = {row["file_id"] for i in waiting for row in edges[i]}
        waiting = sorted(inputs - edges.keys())
    known: dict[int, Mark | None] = {}
    for file_id in _inputs_first(edges):
        known[file_id] = _mark(edges[file_id], known)
    return {i: mark for i in wanted if (mark := known.get(i)) is not None}


def marks_of(con: sqlite3.Connection, file_ids: Sequence[int]) -> dict[int, Mark]:
    """Give the marks of files as they were last judged."""
    return {
        row["file_id"]: Mark(row["reason"], row["input_id"])
        for row in con.execute(
            "SELECT s.* FROM json_each(?) w CROSS JOIN stale s ON s.file_id = w.value",
            (json.dumps(list(file_ids)),),
        )
    }


def stale_files(
    con: sqlite3.Connection, project_id: int, study_ids: Sequence[int] | None = None
) -> list[int]:
    """List the files of a project, or of some of its studies, that are out of date."""
    rows = con.execute(
        "SELECT s.file_id FROM stale s CROSS JOIN files f ON f.id = s.file_id"
        " WHERE f.project_id = ? AND f.trashed_at IS NULL"
        " AND (?2 IS NULL OR s.study_id IN (SELECT value FROM json_each(?2))) ORDER BY 1",
        (project_id, None if study_ids is None else json.dumps(list(study_ids))),
    )
    return [row[0] for row in rows]


def stale_attribute(value: str, column: str = "study_id") -> tuple[str, Sequence[Any]]:
    """Answer ``STALE:*`` in filters, or ``STALE:changed`` for one reason.

    Raises
    ------
    Invalid
        If there is no such reason.
    """
    word = value.strip("*").lower()
    fitting = [reason for reason in REASONS if reason.startswith(word)]
    if not fitting and word not in ("yes", "any"):
        raise Invalid(f"STALE:{value} is not known", hint=f"Use * or {', '.join(REASONS)}.")
    reasons = json.dumps(fitting or REASONS)
    return f"SELECT {column} FROM stale WHERE reason IN (SELECT value FROM json_each(?))", [reasons]


class StaleKeeper:
    """Keeps the table ``stale`` in step with what happens to files.

    Parameters
    ----------
    catalog : Catalog
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._seq: int | None = None
        self._lock = threading.Lock()
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._unlisten: Callable[[], None] | None = None

    def start(self) -> None:
        """Begin with all that is known, because much may have changed meanwhile."""
        self._stop.clear()
        self._wake.set()
        self._unlisten = self._catalog.events.listen(self._hear)
        self._thread = threading.Thread(target=self._loop, name="stale-marks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; what was not looked at is found at the next start."""
        if self._thread is None:
            return
        if self._unlisten is not None:
            self._unlisten()
        self._stop.set()
        self._wake.set()
        self._thread.join()
        self._thread = None

    def catch_up(self) -> None:
        """Judge what changed since the last time."""
        with self._lock:
            end = self._catalog.last_seq()
            changed = None if self._missed() else self._touched(end)
            changed = None if changed is None else changed | self._same_after_all()
            if changed is None or changed:
                self._judge(changed)
            self._seq = end

    def _hear(self, event: Event) -> None:
        if event.topic in _TOPICS:
            self._wake.set()

    def _loop(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(_EVERY_S)
            if self._stop.wait(_QUIET_S):
                return
            self._wake.clear()
            try:
                self._catalog.write(fill_hashes)
                self.catch_up()
            except Exception:  # noqa: BLE001 - an outer loop: logged, tried again
                _LOG.exception("stale marks could not be brought up to date")

    def _missed(self) -> bool:
        """Tell whether events are missing between what was seen and what is kept."""
        if self._seq is None:
            return True
        with self._catalog.read() as con:
            first = con.execute("SELECT min(seq) FROM events").fetchone()[0]
        return first is not None and first > self._seq + 1

    def _touched(self, end: int) -> set[int] | None:
        """Give the files that may have changed; None: any."""
        files, studies, after = set[int](), set[int](), self._seq or 0
        while after < end and (events := self._catalog.events_since(after)):
            after = events[-1].seq
            for event in events:
                if event.topic == "projects.changed" and "state" in event.data:
                    return None
                if event.topic == "files.changed" and "file_ids" in event.data:
                    files.update(event.data["file_ids"])
                elif event.topic in ("files.changed", "studies.changed"):
                    studies.update(event.data.get("study_ids", ()))
                    studies.update({event.data["study_id"]} if "study_id" in event.data else ())
        return files | self._of_studies(studies)

    def _of_studies(self, studies: set[int]) -> set[int]:
        if not studies:
            return set()
        with self._catalog.read() as con:
            rows = con.execute(
                "SELECT f.id FROM json_each(?) w CROSS JOIN files f ON f.study_id = w.value",
                (json.dumps(sorted(studies)),),
            ).fetchall()
        return {row[0] for row in rows}

    def _same_after_all(self) -> set[int]:
        """Give inputs that were written again, and proved to have the same bytes."""
        with self._catalog.read() as con:
            return {row[0] for row in con.execute(_SAME_AFTER_ALL).fetchall()}

    def _judge(self, changed: set[int] | None) -> None:
        with self._catalog.read() as con:
            if changed is None:
                made = "SELECT DISTINCT file_id FROM provenance_file WHERE dir = 'out'"
                rows = con.execute(made).fetchall()
            else:
                rows = con.execute(_DOWN, (json.dumps(sorted(changed)),)).fetchall()
            ids = [row[0] for row in rows]
            found, before = judge(con, ids), marks_of(con, ids)
            is_gone = con.execute(f"{_GONE} LIMIT 1").fetchone()
        differs = [i for i in ids if found.get(i) != before.get(i)]
        for start in range(0, len(differs), _AT_ONCE):
            some = differs[start : start + _AT_ONCE]
            self._catalog.write(lambda tx, some=some: _put(tx, some, found))  # type: ignore[misc]
        if is_gone:
            self._catalog.write(_forget_gone)


def _inputs_first(edges: dict[int, list[sqlite3.Row]]) -> list[int]:
    """Order files so that each comes after those that it was made from; circles are cut."""
    order, seen = list[int](), set[int]()
    for start in edges:
        stack: list[tuple[int, bool]] = [(start, False)]
        while stack:
            file_id, is_done = stack.pop()
            if is_done:
                order.append(file_id)
            elif file_id not in seen:
                seen.add(file_id)
                stack.append((file_id, True))
                stack += [(row["file_id"], False) for row in edges[file_id]]
    return order


def _mark(inputs: list[sqlite3.Row], known: dict[int, Mark | None]) -> Mark | None:
    for row in inputs:
        reason = None if row["own"] is not None else _difference(row)
        if reason is not None:
            return Mark(reason, row["file_id"])
    for row in inputs:
        if known.get(row["file_id"]) is not None:
            return Mark("upstream", row["file_id"])
    return None


def _difference(row: sqlite3.Row) -> str | None:
    if row["there"] is None:
        return "gone"
    if row["trashed_at"] is not None:
        return "trashed"
    if row["superseded"]:
        return "superseded"
    if (row["size_bytes"], row["mtime_ns"]) == (row["now_size"], row["now_mtime"]):
        return None
    hashes = {row["sha256"], row["now_sha256"]}
    same = len(hashes) == 1 and None not in hashes
    return None if same or row["size_bytes"] is None else "changed"


def _put(tx: Tx, file_ids: Sequence[int], found: dict[int, Mark]) -> None:
    text = json.dumps(list(file_ids))
    tx.con.execute("DELETE FROM stale WHERE file_id IN (SELECT value FROM json_each(?))", (text,))
    tx.con.executemany(
        "INSERT INTO stale SELECT id, study_id, ?, ? FROM files WHERE id = ?",
        [(*found[i], i) for i in file_ids if i in found],
    )
    for row in tx.con.execute(
        "SELECT f.study_id, j.name, json_group_array(f.id) AS ids FROM json_each(?) w"
        " CROSS JOIN files f ON f.id = w.value JOIN projects j ON j.id = f.project_id GROUP BY 1",
        (text,),
    ).fetchall():
        tx.event(
            "stale.changed",
            project=row["name"],
            study_id=row["study_id"],
            file_ids=json.loads(row["ids"]),
        )


def _forget_gone(tx: Tx) -> None:
    tx.con.execute(f"DELETE FROM stale WHERE file_id IN ({_GONE})")
