"""Scanned DICOM objects to their series: whose they are, what is a duplicate, what must wait."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.core import now_ms, safe_name
from appliance.exchange.context import Context
from appliance.exchange.duplicates import Likeness, compare_objects
from appliance.exchange.quarantine import quarantine_place, write_reason
from appliance.exchange.receipts import change_items, update_items
from appliance.exchange.release import is_whole
from appliance.exchange.rows import ItemState
from appliance.exchange.series import (
    Visit,
    ensure_incoming_series,
    facts_of,
    identity_of,
)
from appliance.privacy import IdentityConflict, ProjectPolicy

if TYPE_CHECKING:
    from appliance.catalog import Tx
    from appliance.formats import DicomRecord

__all__ = ["Arrival", "Scanned", "sort_objects", "visit_of"]

_CHUNK = 400
_WRITE_OBJECTS = 1500
_OTHER_PIXELS = "another object with the same SOPInstanceUID is here already"
_OTHER_HEADER = "the same image is here already under another header; this one is kept aside"
Override = Callable[[str], tuple[str | None, str | None]]


class Scanned(msgspec.Struct, frozen=True):
    """An item with the header facts of its file."""

    row: Any
    record: Any


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """What the sorting of one receipt works with.

    Attributes
    ----------
    override : callable
        From an original path to the subject and study that a person named, if any.
    original : mapping
        Item id to original path.
    ready_at : int
        When a series of this arrival may be converted, ms UTC.
    at_latest_ms : int
        For how long at most a series waits while more of it keeps coming.
    released : bool
        Whether its sender said that it was done: then a series that is whole waits no more.
    """

    receipt_id: int
    key: str
    project: Any
    policy: ProjectPolicy
    override: Override
    original: Mapping[int, str]
    ready_at: int
    at_latest_ms: int = 0
    released: bool = False


def sort_objects(ctx: Context, arrival: Arrival, objects: Sequence[Scanned]) -> None:
    """Decide on every object and write the decisions down; files are moved later."""
    with ctx.sort_lock:  # two arrivals may bring the same object at the same time
        groups = _by_visit(ctx, arrival, objects)
        for visit, members in groups.items():
            _sort_visit(ctx, arrival, visit, members)


def _by_visit(
    ctx: Context, arrival: Arrival, objects: Sequence[Scanned]
) -> dict[Visit, list[Scanned]]:
    """Group objects by subject and study; those whose subject is in doubt wait."""
    known: dict[Any, Visit | IdentityConflict] = {}
    groups: dict[Visit, list[Scanned]] = {}
    waiting: list[tuple[int, dict[str, Any]]] = []
    for scanned in objects:
        key = _visit_key(arrival, scanned)
        if key not in known:
            known[key] = visit_of(ctx, arrival, scanned)
        visit = known[key]
        if isinstance(visit, Visit):
            groups.setdefault(visit, []).append(scanned)
        else:
            change = {"state": ItemState.WAITING, "reason": visit.message, "hint": visit.hint}
            waiting.append((scanned.row["id"], {**change, "modality": scanned.record.modality}))
    change_items(ctx.catalog, arrival.receipt_id, waiting)
    return groups


def _visit_key(arrival: Arrival, scanned: Scanned) -> Any:
    record: DicomRecord = scanned.record
    named = arrival.override(arrival.original.get(scanned.row["id"], ""))
    return identity_of(record), record.study_uid, named, scanned.row["pid"]


def visit_of(ctx: Context, arrival: Arrival, scanned: Scanned) -> Visit | IdentityConflict:
    """Find the subject of an object, and the study that a person named for it, if any."""
    record: DicomRecord = scanned.record
    pid, sid = arrival.override(arrival.original.get(scanned.row["id"], ""))
    if pid is None:
        try:
            pid = ctx.identities.resolve(
                arrival.project.key,
                identity_of(record),
                arrival.policy,
                study_uid=record.study_uid,
                taken=lambda code: _subject_exists(ctx, arrival.project.id, code),
            ).code
        except IdentityConflict as conflict:
            return conflict
    return Visit(project_id=arrival.project.id, pid=pid, study_uid=record.study_uid, sid=sid)


def _subject_exists(ctx: Context, project_id: int, code: str) -> bool:
    with ctx.catalog.read() as con:
        row = con.execute(
            "SELECT 1 FROM subjects WHERE project_id = ? AND pid = ? COLLATE NOCASE UNION ALL"
            " SELECT 1 FROM incoming_series WHERE project_id = ? AND pid = ? COLLATE NOCASE",
            (project_id, code, project_id, code),
        ).fetchone()
    return row is not None


def _sort_visit(ctx: Context, arrival: Arrival, visit: Visit, members: Sequence[Scanned]) -> None:
    fresh: dict[str, list[Scanned]] = {}
    first: dict[str, Scanned] = {}
    changes: list[tuple[int, dict[str, Any]]] = []
    held = _held_objects(ctx, visit, [s.record.sop_uid for s in members])
    for scanned in members:
        uid = scanned.record.sop_uid
        rival = held.get(uid) or (first[uid].row["place"], None) if uid in first else held.get(uid)
        if rival is not None and rival[0] != scanned.row["place"]:
            changes.append((scanned.row["id"], _duplicate(ctx, arrival, visit, scanned, rival)))
        else:
            first[uid] = scanned
            fresh.setdefault(scanned.record.series_uid, []).append(scanned)
    for part in _batches(fresh):
        _enter_series(ctx, arrival, visit, part)
    change_items(ctx.catalog, arrival.receipt_id, changes)


def _batches(fresh: Mapping[str, list[Scanned]]) -> Iterator[dict[str, list[Scanned]]]:
    """Give series in groups that one short transaction can hold."""
    part: dict[str, list[Scanned]] = {}
    for series_uid, objects in fresh.items():
        part[series_uid] = objects
        if sum(map(len, part.values())) >= _WRITE_OBJECTS:
            yield part
            part = {}
    if part:
        yield part


def _held_objects(
    ctx: Context, visit: Visit, uids: Sequence[str]
) -> dict[str, tuple[str, str | None]]:
    """Give place and study of the objects that the subject has already, by SOPInstanceUID.

    One that was about to be moved when the service was killed still lies where it came from.
    """
    found: dict[str, tuple[str, str | None]] = {}
    with ctx.catalog.read() as con:
        for start in range(0, len(uids), _CHUNK):
            part = uids[start : start + _CHUNK]
            marks = ",".join("?" * len(part))
            rows = con.execute(
                "SELECT i.sop_uid, i.place, i.from_place, s.sid FROM receipt_items i"
                " JOIN incoming_series s ON s.id = i.series_id WHERE s.project_id = ? AND s.pid = ?"
                f" AND i.place LIKE 'originals/%' AND i.sop_uid IN ({marks})",
                (visit.project_id, visit.pid, *part),
            )
            found.update({row["sop_uid"]: (_lies_at(ctx, row), row["sid"]) for row in rows})
    return found


def _lies_at(ctx: Context, row: sqlite3.Row) -> str:
    moving = row["from_place"] and not ctx.path(row["place"]).exists()
    return str(row["from_place"] if moving else row["place"])


def _duplicate(
    ctx: Context,
    arrival: Arrival,
    visit: Visit,
    scanned: Scanned,
    rival: tuple[str, str | None],
) -> dict[str, Any]:
    """Decide on an object whose SOPInstanceUID is known."""
    likeness = compare_objects(scanned.record, ctx.path(rival[0]))
    record = scanned.record
    base = {"sop_uid": record.sop_uid, "modality": record.modality}
    sid = rival[1] or visit.sid
    if likeness is Likeness.SAME:
        told = {"pid": visit.pid, "sid": sid} if sid else {}
        return {**base, **told, "state": ItemState.DUPLICATE, "reason": "here already"}
    place = quarantine_place(arrival.key, scanned.row["name"])
    same_image = likeness is Likeness.PIXELS
    reason = _OTHER_HEADER if same_image else _OTHER_PIXELS
    write_reason(ctx, ctx.path(place), reason)
    return {
        **base,
        "state": ItemState.DUPLICATE if same_image else ItemState.QUARANTINED,
        "reason": reason,
        "hint": "" if same_image else "Both are kept. Compare them; one may be damaged.",
        "place": place,
        "from_place": scanned.row["place"],
    }


def _enter_series(
    ctx: Context, arrival: Arrival, visit: Visit, fresh: Mapping[str, Sequence[Scanned]]
) -> None:
    def write(tx: Tx) -> None:
        for series_uid, objects in fresh.items():
            facts = facts_of(objects[0].record, arrival.policy)
            series = ensure_incoming_series(tx, visit, series_uid, facts, arrival.policy)
            update_items(tx, _placed(series, objects))
            ready_at = _ready_at(tx, arrival, series, objects)
            tx.con.execute(
                "UPDATE incoming_series SET rev = rev + 1, state = 'ready', reason = '',"
                " ready_at = ? WHERE id = ?",
                (ready_at, series["id"]),
            )

    ctx.catalog.write(write)


def _ready_at(tx: Tx, arrival: Arrival, series: sqlite3.Row, objects: Sequence[Scanned]) -> int:
    """Tell when a series may be converted: when it is whole, or nothing more of it has come."""
    now, waits = now_ms(), max(int(series["ready_at"]), arrival.ready_at)
    n_held, since = tx.con.execute(
        "SELECT count(*), min(CASE WHEN i.state = 'sorted' THEN r.created_at END)"
        " FROM receipt_items i JOIN receipts r ON r.id = i.receipt_id"
        " WHERE i.series_id = ? AND i.place LIKE 'originals/%'",
        (series["id"],),
    ).fetchone()
    if arrival.released and is_whole([one.record for one in objects], n_held):
        return min(now, waits)
    if not arrival.at_latest_ms or since is None:
        return waits
    return min(waits, max(now, int(since) + arrival.at_latest_ms))


def _placed(
    series: sqlite3.Row, objects: Iterable[Scanned]
) -> Iterable[tuple[int, dict[str, Any]]]:
    home = PurePosixPath("originals", series["project"], series["key"])
    for scanned in objects:
        place = str(home / f"{safe_name(scanned.record.sop_uid)}.dcm")
        moved = scanned.row["place"] != place
        yield (
            scanned.row["id"],
            {
                "state": ItemState.SORTED,
                "place": place,
                "from_place": scanned.row["place"] if moved else None,
                "sop_uid": scanned.record.sop_uid,
                "series_id": series["id"],
                "modality": scanned.record.modality,
                "pid": series["pid"],
                "sid": series["sid"],
                "reason": "",
                "hint": "",
            },
        )
