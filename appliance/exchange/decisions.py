"""What a person decides about an arrival: try again, whose data it is, or set it aside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from appliance.core import Conflict, Invalid, NotFound, safe_name
from appliance.exchange.bruker_in import scan_identities
from appliance.exchange.context import Context
from appliance.exchange.quarantine import quarantine_item
from appliance.exchange.receipts import recount, set_receipt, update_items
from appliance.exchange.rows import SET_ASIDE, ItemState, ReceiptDetail, ReceiptState
from appliance.exchange.series import identity_of
from appliance.privacy import Identity, IdentityConflict, ProjectPolicy

if TYPE_CHECKING:
    from appliance.catalog import Tx

__all__ = ["resolve_items", "retry_receipt"]

_ITEMS = (
    "SELECT i.*, r.key, r.state AS receipt_state FROM receipt_items i"
    " JOIN receipts r ON r.id = i.receipt_id WHERE i.receipt_id = ?"
)


def retry_receipt(ctx: Context, receipt_id: int) -> bool:
    """Put back to work what failed or was quarantined; False when there is nothing."""
    with ctx.catalog.read() as con:
        rows = con.execute(
            f"{_ITEMS} AND (i.state IN ('failed', 'quarantined', 'waiting', 'received')"
            " OR i.from_place IS NOT NULL)",
            (receipt_id,),
        ).fetchall()
    if not rows:
        return False
    changes = [(row["id"], _again(ctx, row)) for row in rows]
    series = {row["series_id"] for row in rows if _in_series(row)}

    def write(tx: Tx) -> None:
        update_items(tx, ((item_id, change) for item_id, change in changes if change))
        tx.con.executemany(
            "UPDATE incoming_series SET state = 'ready', rev = rev + 1, reason = '' WHERE id = ?",
            [(series_id,) for series_id in series],
        )
        _back_to_work(tx, receipt_id)

    ctx.catalog.write(write)
    return True


def _back_to_work(tx: Tx, receipt_id: int) -> None:
    """Have an arrival worked on again; first what is still to be taken is taken."""
    expected = tx.con.execute(
        "SELECT 1 FROM receipt_items WHERE receipt_id = ? AND state = 'expected' LIMIT 1",
        (receipt_id,),
    ).fetchone()
    set_receipt(tx, receipt_id, ReceiptState.RECEIVING if expected else ReceiptState.PENDING)
    recount(tx, [receipt_id])


def _in_series(row: Any) -> bool:
    return row["series_id"] is not None and str(row["place"]).startswith("originals/")


def _again(ctx: Context, row: Any) -> dict[str, Any]:
    """Give the state from which an item starts anew."""
    base = {"reason": "", "hint": ""}
    if row["from_place"] is not None and row["state"] != ItemState.EXPECTED:
        return {}  # still to be moved; the step that does it comes first
    if _in_series(row):
        return {**base, "state": ItemState.SORTED}
    if ctx.path(row["place"]).exists():
        return {**base, "state": ItemState.RECEIVED, "series_id": None}
    return {**base, "state": ItemState.EXPECTED}


def resolve_items(
    ctx: Context,
    receipt: ReceiptDetail,
    action: str,
    *,
    item_ids: Sequence[int] = (),
    pid: str | None = None,
    actor: str = "",
) -> None:
    """Carry out a decision on items that wait for a person or have no target.

    Raises
    ------
    Invalid
        If the action is unknown, or lacks what it needs.
    NotFound
        If the subject to assign to does not exist.
    Conflict
        If none of the items waits.
    """
    rows = _undecided(ctx, receipt, item_ids)
    if action == "discard-wait":
        for row in rows:
            quarantine_item(ctx, row, SET_ASIDE)
    elif action in ("assign", "new"):
        _decide(ctx, receipt, rows, pid, new=action == "new")
    else:
        raise Invalid(f"no action {action!r}", hint="Use assign, new or discard-wait.")
    target = {"receipt": receipt.key, "items": [r["id"] for r in rows], "action": action}
    ctx.catalog.write(
        lambda tx: tx.operation("resolve-arrival", actor=actor, target={**target, "pid": pid})
    )


def _undecided(ctx: Context, receipt: ReceiptDetail, item_ids: Sequence[int]) -> list[Any]:
    with ctx.catalog.read() as con:
        rows = con.execute(
            f"{_ITEMS} AND i.state IN ('waiting', 'quarantined')", (receipt.id,)
        ).fetchall()
    if item_ids:
        found = [row for row in rows if row["id"] in item_ids]
    else:
        found = [row for row in rows if row["state"] == ItemState.WAITING] or rows
    if not found:
        raise Conflict("nothing of this arrival waits for a decision")
    return found


def _decide(
    ctx: Context, receipt: ReceiptDetail, rows: Sequence[Any], pid: str | None, *, new: bool
) -> None:
    """Bind identities, or name targets, and put the items back to work."""
    decided: set[tuple[str, str]] = set()
    changes = []
    for row, found in zip(rows, scan_identities(ctx.path(r["place"]) for r in rows), strict=True):
        change: dict[str, Any] = {"state": ItemState.RECEIVED, "reason": "", "hint": ""}
        if found is not None:
            identity = identity_of(found)
            if (identity.fingerprint, found.study_uid) not in decided:
                decided.add((identity.fingerprint, found.study_uid))
                _bind(ctx, receipt.project, identity, found.study_uid, pid, new=new)
        elif row["state"] != ItemState.WAITING:  # what waits beside a header goes where that goes
            change |= _target(ctx, receipt, pid)
        changes.append((row["id"], change))

    def write(tx: Tx) -> None:
        update_items(tx, changes)
        _back_to_work(tx, receipt.id)

    ctx.catalog.write(write)


def _target(ctx: Context, receipt: ReceiptDetail, pid: str | None) -> dict[str, str]:
    if not pid:
        raise Invalid("no target was named", hint="Name the subject and study as PID#SID.")
    subject, _, study = pid.partition("#")
    if not study:
        study = _latest_study(ctx, receipt.project, subject)
    return {"pid": safe_name(subject), "sid": safe_name(study)}


def _latest_study(ctx: Context, project: str, subject: str) -> str:
    with ctx.catalog.read() as con:
        row = con.execute(
            "SELECT t.sid FROM studies t JOIN subjects u ON u.id = t.subject_id JOIN projects p"
            " ON p.id = t.project_id WHERE p.name = ? AND u.pid = ? ORDER BY t.id DESC LIMIT 1",
            (project, subject),
        ).fetchone()
    if row is None:
        raise NotFound(f"no study of {subject!r} is known", hint="Name it as PID#SID.")
    return str(row["sid"])


def _bind(
    ctx: Context,
    project_name: str,
    identity: Identity,
    study_uid: str,
    pid: str | None,
    *,
    new: bool,
) -> None:
    from appliance.catalog import get_project

    with ctx.catalog.read() as con:
        project = get_project(con, project_name)
    policy = ProjectPolicy.of(project.policy)
    if new:
        ctx.identities.assign_new(
            project.key,
            identity,
            policy,
            study_uid=study_uid,
            taken=lambda code: _exists(ctx, project.id, code),
        )
        return
    code = pid.partition("#")[0] if pid else _suspect(ctx, project.key, identity, policy, study_uid)
    if pid and not _exists(ctx, project.id, code):
        raise NotFound(f"there is no subject {code!r} in {project_name}")
    ctx.identities.assign(project.key, identity, code, study_uid=study_uid)


def _suspect(
    ctx: Context, project_key: str, identity: Identity, policy: ProjectPolicy, study_uid: str
) -> str:
    """Give the subject that has the PatientID in question."""
    try:
        return ctx.identities.resolve(project_key, identity, policy, study_uid=study_uid).code
    except IdentityConflict as conflict:
        return conflict.code


def _exists(ctx: Context, project_id: int, code: str) -> bool:
    with ctx.catalog.read() as con:
        row = con.execute(
            "SELECT 1 FROM subjects WHERE project_id = ? AND pid = ? COLLATE NOCASE",
            (project_id, code),
        ).fetchone()
    return row is not None
