"""Setting aside what is not understood: the file under a neutral name, with its reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from appliance.core import atomic_write, iso, now_ms
from appliance.exchange.context import Context
from appliance.exchange.crash import crash_point
from appliance.exchange.disk import move_file, sync_folders
from appliance.exchange.receipts import change_items
from appliance.exchange.rows import ItemState

__all__ = ["quarantine_item", "quarantine_place", "set_aside", "write_reason"]


def quarantine_place(receipt_key: str, name: str) -> str:
    """Give the place of an item in the quarantine."""
    return f"quarantine/{receipt_key}/{name}"


def quarantine_item(ctx: Context, row: Any, reason: str, hint: str = "") -> None:
    """Set one item aside and say so on its receipt; `row` has the receipt's key."""
    change = {
        "state": ItemState.QUARANTINED,
        "reason": reason,
        "hint": hint,
        "place": set_aside(ctx, row, reason, hint),
        "from_place": None,
    }
    change_items(ctx.catalog, row["receipt_id"], [(row["id"], change)])


def set_aside(ctx: Context, row: Any, reason: str, hint: str = "") -> str:
    """Move an item's file into the quarantine beside its reason; give its new place."""
    place = quarantine_place(row["key"], row["name"])
    if row["place"] == place:
        return place
    source, target = ctx.path(row["place"]), ctx.path(place)
    write_reason(ctx, target, reason, hint)
    move_file(source, target)
    sync_folders([target.parent, target.parent.parent, source.parent])
    crash_point("quarantine.moved")
    return place


def write_reason(ctx: Context, target: Path, reason: str, hint: str = "") -> None:
    """Write ``<name>.reason.json`` for a file that is, or will be, in the quarantine."""
    ctx.folder.check_marker(ctx.folder.quarantine)
    ctx.make_folder(target.parent)
    doc = {"file": target.name, "reason": reason, "hint": hint, "at": iso(now_ms())}
    with atomic_write(target.with_name(f"{target.name}.reason.json"), mode=0o600) as stream:
        stream.write(msgspec.json.format(msgspec.json.encode(doc)))
