"""Autoloader presets, kept by name in each project with an owner and rights."""

from __future__ import annotations

import secrets
import sqlite3
from typing import Any, Literal, TypeAlias

import msgspec

from appliance import catalog
from appliance.catalog import Catalog, Tx
from appliance.core import Conflict, Invalid, NotFound, Refused
from appliance.viewing.nora_presets import is_nora, nora_preset
from appliance.viewing.presets import Preset, check_preset

__all__ = [
    "KeptPreset",
    "PresetAsker",
    "PresetDraft",
    "PresetShare",
    "change_preset",
    "find_preset",
    "forget_preset",
    "keep_preset",
    "list_presets",
    "no_preset",
    "read_preset",
]

_KIND = "preset"
PresetShare: TypeAlias = Literal["private", "read", "standard", "writable"]
"""Who sees a preset: its owner; all; all, as one of the project; all, and editors change it."""


class PresetAsker(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants something of a preset, and what they may do in the project."""

    login: str
    edits: bool = False
    manages: bool = False


class PresetDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be kept; None: as it was."""

    name: str | None = None
    share: PresetShare | None = None
    preset: Preset | None = None


class KeptPreset(msgspec.Struct, frozen=True, kw_only=True):
    """A preset as it is kept."""

    key: str
    project_id: int
    project: str
    name: str
    owner: str
    share: PresetShare
    preset: Preset
    rev: int
    updated_at: int

    def seen_by(self, asker: PresetAsker) -> bool:
        """Tell whether somebody may load it."""
        return self.share != "private" or asker.login == self.owner

    def changed_by(self, asker: PresetAsker) -> bool:
        """Tell whether somebody may replace what it loads."""
        mine = asker.login == self.owner or (asker.manages and self.share != "private")
        return mine or (self.share == "writable" and asker.edits)

    def owned_by(self, asker: PresetAsker) -> bool:
        """Tell whether somebody may rename, share and remove it."""
        return asker.login == self.owner or (asker.manages and self.share != "private")


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    owner: str
    share: PresetShare
    preset: Preset


def read_preset(doc: Any) -> tuple[Preset, list[str]]:
    """Read a preset of ours or of NORA; gives also what had to be left out.

    Raises
    ------
    Invalid
        If it is none, with the place of what is wrong.
    """
    if not isinstance(doc, dict):
        raise Invalid("this is no preset of an autoloader")
    left: list[str] = []
    if is_nora(doc):
        preset, left = nora_preset(doc)
    else:
        try:
            preset = msgspec.convert(doc, Preset)
        except msgspec.ValidationError as error:
            raise Invalid(f"this is no preset of an autoloader: {error}") from error
    check_preset(preset)
    return preset, left


def list_presets(con: sqlite3.Connection, project_id: int, asker: PresetAsker) -> list[KeptPreset]:
    """Give the presets that somebody may load, by name; one's own come first among equals."""
    seen = [one for one in _rows(con, "d.project_id = ?", project_id) if one.seen_by(asker)]
    return sorted(seen, key=lambda one: (one.name.casefold(), one.owner != asker.login, one.key))


def find_preset(con: sqlite3.Connection, key: str) -> KeptPreset:
    """Give a preset by its key.

    Raises
    ------
    NotFound
        If there is none, or its project is in the trash.
    """
    rows = _rows(con, "d.name = ?", key)
    if not rows:
        raise no_preset()
    return rows[0]


def no_preset() -> NotFound:
    """What is said of a preset that is not there, and of one that the caller may not load."""
    return NotFound("no such preset", hint="It may have been removed or made private.")


def keep_preset(
    kept: Catalog, project_id: int, asker: PresetAsker, draft: PresetDraft
) -> KeptPreset:
    """Keep a preset under a new name.

    Raises
    ------
    Invalid
        If it has no name, or what it loads is wrong.
    Conflict
        If the caller already has one of this name.
    Refused
        If the caller may not share it.
    """
    new = _Kept(
        name=_named(draft.name or ""),
        owner=asker.login,
        share=draft.share or "private",
        preset=draft.preset or Preset(),
    )
    check_preset(new.preset)
    _check_share(asker, new.share)
    key = secrets.token_hex(8)

    def write(tx: Tx) -> KeptPreset:
        _check_name(tx.con, project_id, new, "")
        doc = msgspec.to_builtins(new)
        catalog.put_doc(tx, _KIND, key, doc, project_id=project_id, actor=asker.login)
        return find_preset(tx.con, key)

    return kept.write(write)


def change_preset(
    kept: Catalog, old: KeptPreset, asker: PresetAsker, draft: PresetDraft, *, rev: int | None
) -> KeptPreset:
    """Rename or share a preset, or let it load something else; its owner stays.

    Raises
    ------
    Conflict
        If it was changed since revision `rev`, or the name is taken.
    Refused
        If the caller may not do that.
    """
    only_content = draft.name in (None, old.name) and draft.share in (None, old.share)
    if not (old.owned_by(asker) or (only_content and old.changed_by(asker))):
        raise Refused(
            f"the preset {old.name!r} belongs to {old.owner}", hint="Save it under another name."
        )
    new = _Kept(
        name=old.name if draft.name is None else _named(draft.name),
        owner=old.owner,
        share=draft.share or old.share,
        preset=draft.preset or old.preset,
    )
    check_preset(new.preset)
    if new.share != old.share:
        _check_share(asker, new.share)

    def write(tx: Tx) -> KeptPreset:
        find_preset(tx.con, old.key)  # a removed preset does not come back
        _check_name(tx.con, old.project_id, new, old.key)
        doc = msgspec.to_builtins(new)
        catalog.put_doc(
            tx, _KIND, old.key, doc, project_id=old.project_id, rev=rev, actor=asker.login
        )
        return find_preset(tx.con, old.key)

    return kept.write(write)


def forget_preset(kept: Catalog, old: KeptPreset, asker: PresetAsker) -> int:
    """Remove a preset; gives the operation by which this is undone.

    Raises
    ------
    Refused
        If it is somebody else's.
    """
    if not old.owned_by(asker):
        raise Refused(f"the preset {old.name!r} belongs to {old.owner}")
    return kept.write(
        lambda tx: catalog.delete_doc(
            tx, _KIND, old.key, project_id=old.project_id, actor=asker.login
        )
    )


def _named(text: str) -> str:
    name = " ".join(text.split())
    if not name or len(name) > 100:
        raise Invalid("a preset has a name of at most 100 letters")
    return name


def _check_share(asker: PresetAsker, share: PresetShare) -> None:
    """A preset for all is for editors to give; those of the project for who manages it."""
    if share == "read" and not (asker.edits or asker.manages):
        raise Refused("sharing a preset needs the right to edit this project")
    if share in ("standard", "writable") and not asker.manages:
        raise Refused("a preset of the project is made by who manages it")


def _check_name(con: sqlite3.Connection, project_id: int, new: _Kept, key: str) -> None:
    for one in _rows(con, "d.project_id = ?", project_id):
        same = one.name.casefold() == new.name.casefold() and one.key != key
        both_for_all = one.share != "private" and new.share != "private"
        if same and (one.owner == new.owner or both_for_all):
            raise Conflict(
                f"there is a preset {one.name!r} already",
                hint="Choose another name, or save over that one.",
            )


def _rows(con: sqlite3.Connection, where: str, value: int | str) -> list[KeptPreset]:
    rows = con.execute(
        "SELECT d.name, d.doc, d.rev, d.updated_at, d.project_id, p.name project"  # noqa: S608
        " FROM json_docs d JOIN projects p ON p.id = d.project_id"
        f" WHERE d.kind = 'preset' AND p.state <> 'trashed' AND {where}",
        (value,),
    ).fetchall()
    return [_kept(row) for row in rows]


def _kept(row: sqlite3.Row) -> KeptPreset:
    kept = msgspec.json.decode(row["doc"], type=_Kept)
    return KeptPreset(
        key=row["name"],
        project_id=row["project_id"],
        project=row["project"],
        name=kept.name,
        owner=kept.owner,
        share=kept.share,
        preset=kept.preset,
        rev=row["rev"],
        updated_at=row["updated_at"],
    )
