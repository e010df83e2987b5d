"""What tells who a patient is, for the eyes of a person with the right; every look is on record."""

from __future__ import annotations

from typing import Any

import msgspec

from appliance.exchange.bruker_in import scan_identities
from appliance.exchange.context import Context
from appliance.exchange.rows import ReceiptDetail
from appliance.exchange.series import identity_of
from appliance.privacy import Identity, Likely

__all__ = ["WaitingIdentity", "original_names", "waiting_identities"]


class WaitingIdentity(msgspec.Struct, frozen=True, kw_only=True):
    """Whom some waiting files say they are of, and who is known with the same PatientID."""

    item_ids: list[int]
    said: Identity
    known: list[Likely]


def original_names(ctx: Context, receipt: ReceiptDetail, actor: str) -> dict[int, str]:
    """Tell the names that files came with, by item."""
    names = ctx.identities.original_names(f"{receipt.key}/")
    with ctx.catalog.read() as con:
        rows = con.execute(
            "SELECT id, n FROM receipt_items WHERE receipt_id = ? AND state <> 'unpacked'",
            (receipt.id,),
        ).fetchall()
    _record(ctx, "reveal-names", actor, receipt)
    found = {row["id"]: names.get(f"{receipt.key}/{row['n']:06d}") for row in rows}
    return {item_id: name for item_id, name in found.items() if name is not None}


def waiting_identities(ctx: Context, receipt: ReceiptDetail, actor: str) -> list[WaitingIdentity]:
    """Read the headers of the files that wait, and set beside each identity whom we know."""
    from appliance.catalog import get_project

    _record(ctx, "reveal-arrival", actor, receipt)
    with ctx.catalog.read() as con:
        project = get_project(con, receipt.project)
        rows = con.execute(
            "SELECT id, place FROM receipt_items WHERE receipt_id = ? AND state = 'waiting'"
            " ORDER BY n",
            (receipt.id,),
        ).fetchall()
    groups: dict[tuple[str, str], tuple[Any, list[int]]] = {}
    for row, found in zip(rows, scan_identities(ctx.path(r["place"]) for r in rows), strict=True):
        if found is not None:
            key = (identity_of(found).fingerprint, "" if found.patient_id else found.study_uid)
            groups.setdefault(key, (found, []))[1].append(row["id"])
    return [
        WaitingIdentity(
            item_ids=item_ids,
            said=identity_of(record).cleaned(),
            known=ctx.identities.likely(
                project.key, identity_of(record), study_uid=record.study_uid
            ),
        )
        for record, item_ids in groups.values()
    ]


def _record(ctx: Context, verb: str, actor: str, receipt: ReceiptDetail) -> None:
    ctx.catalog.write(lambda tx: tx.operation(verb, actor=actor, target={"receipt": receipt.key}))
