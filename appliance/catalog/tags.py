"""Tags on subjects, studies and files: putting them on and off in bulk, renaming and merging.

A tag is one word for the whole appliance, compared without regard to case; who carries it is
counted and changed per project.
"""

from __future__ import annotations

import json
import sqlite3
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.catalog.history import LEVELS, add_part, chunks, one_project
from appliance.catalog.projects import require_open
from appliance.core import Conflict, Invalid, NotFound

if TYPE_CHECKING:
    from appliance.catalog.store import Catalog, Tx

__all__ = [
    "SPECIAL_TAGS",
    "Bulk",
    "TagTotal",
    "clean_tag",
    "count_tags",
    "retag",
    "revert_tags",
    "tag",
    "tag_many",
]

SPECIAL_TAGS = {
    "mask": "opens as a region (ROI) by default",
    "atlas": "opens as a label map with its table of names",
    "RO": "a saved transform of the reorientation tool",
    "itk": "an affine transform as ITK writes it",
    "TCKSEL": "a selection of streamlines",
    "ANO": "saved markers and annotations",
    "FORM": "a filled-in form",
}
_MAX_CHARACTERS = 100
_REFUSED = frozenset('/,"')


class Bulk(msgspec.Struct, frozen=True):
    """A change of many rows: the operation that takes it back, and how many were meant."""

    operation_id: int
    n: int


class TagTotal(msgspec.Struct, frozen=True, kw_only=True):
    """One tag of a project with its counts; `meaning` is told of special file tags."""

    name: str
    n_subjects: int
    n_studies: int
    n_files: int
    meaning: str = ""


class _Change(msgspec.Struct, frozen=True):
    """One chunk: which tags go onto, and come off, which rows of one level."""

    level: str
    ids: list[int]
    add: tuple[str, ...]
    remove: tuple[str, ...]


def tag(
    tx: Tx,
    level: str,
    ids: Sequence[int],
    add: Iterable[str] = (),
    remove: Iterable[str] = (),
    *,
    actor: str = "",
) -> int | None:
    """Put tags on subjects, studies or files, or take them off, in the present transaction.

    Parameters
    ----------
    actor : str
        Who does it; then the change becomes an operation that can be undone.

    Returns
    -------
    int or None
        Id of the operation, if it became one.

    Raises
    ------
    Invalid
        If the level or a tag's name does not fit.
    """
    change = _Change(level, list(ids), *_clean(add, remove))
    if not actor:
        _apply(tx, change)
        return None
    project_id = one_project(tx.con, level, ids)
    operation = tx.operation("tag", actor=actor, target=_target(change, project_id, len(ids)))
    add_part(tx, operation, _apply(tx, change))
    return operation


def tag_many(
    catalog: Catalog,
    level: str,
    ids: Sequence[int],
    add: Iterable[str] = (),
    remove: Iterable[str] = (),
    *,
    actor: str,
) -> Bulk:
    """Do the same for any number of rows of one project, in short transactions, undoable as one.

    Raises
    ------
    Invalid
        If the level or a tag's name does not fit, or the rows belong to several projects.
    NotFound
        If none of the rows exists.
    Conflict
        If the project is in the archive or the trash.
    """
    added, removed = _clean(add, remove)
    with catalog.read() as con:
        project_id = one_project(con, level, ids)
        if project_id is not None:
            require_open(con, project_id)
    pieces = [_Change(level, list(part), added, removed) for part in chunks(list(ids))]
    whole = _Change(level, [], added, removed)
    return _write(catalog, pieces, _target(whole, project_id, len(ids)), actor)


def retag(
    catalog: Catalog, project_id: int, names: Sequence[str], to: str | None, *, actor: str
) -> Bulk:
    """Rename a tag, merge several into one, or (`to` None) take them off everywhere in a project.

    Rows in the trash are changed too, so that they come back as the others are.

    Raises
    ------
    Invalid
        If a name does not fit.
    NotFound
        If nothing in the project carries one of the tags.
    Conflict
        If the project is in the archive or the trash.
    """
    with catalog.read() as con:
        require_open(con, project_id)
    new = clean_tag(to) if to is not None else None
    old = tuple(dict.fromkeys(clean_tag(name) for name in names))
    if new is not None and len(old) == 1 and _fold(old[0]) == _fold(new):
        return catalog.write(lambda tx: _respell(tx, project_id, new, actor))
    kept = tuple(name for name in old if new is None or _fold(name) != _fold(new))
    with catalog.read() as con:
        carriers = {level: _carriers(con, project_id, level, kept) for level in LEVELS}
    n = sum(map(len, carriers.values()))
    if not n:
        raise NotFound(f"nothing in this project carries {', '.join(kept) or 'such a tag'}")
    add = (new,) if new is not None else ()
    pieces = [
        _Change(level, list(part), add, kept)
        for level, ids in carriers.items()
        for part in chunks(ids)
    ]
    whole = _Change("", [], add, kept)
    target = {**_target(whole, project_id, n), "everywhere": True}
    return _write(catalog, pieces, target, actor)


def count_tags(con: sqlite3.Connection, project_id: int) -> list[TagTotal]:
    """Count a project's tags on the three levels; what is in the trash does not count."""
    counts: dict[str, dict[str, int]] = {}
    for level, table in LEVELS.items():
        rows = con.execute(
            f"SELECT t.name, count(*) FROM tags t CROSS JOIN {level}_tags x ON x.tag_id = t.id"
            f" CROSS JOIN {table} o ON o.id = x.x_id"
            " WHERE o.project_id = ? AND o.trashed_at IS NULL GROUP BY t.id",
            (project_id,),
        ).fetchall()
        for name, n in rows:
            counts.setdefault(name, {})[f"n_{table}"] = n
    nothing = {f"n_{table}": 0 for table in LEVELS.values()}
    meanings = {name.casefold(): meaning for name, meaning in SPECIAL_TAGS.items()}
    return [
        TagTotal(name=name, meaning=meanings.get(_fold(name), ""), **{**nothing, **found})
        for name, found in sorted(counts.items(), key=lambda item: _fold(item[0]))
    ]


def clean_tag(name: str) -> str:
    """Bring a tag's name into the one form in which it is kept.

    Raises
    ------
    Invalid
        If it is empty, too long, or holds a character that separates tags elsewhere.
    """
    clean = unicodedata.normalize("NFC", name).strip()
    if not clean:
        raise Invalid("a tag needs a name", hint="Type at least one character.")
    if len(clean) > _MAX_CHARACTERS:
        raise Invalid(f"{clean[:20]!r}… is too long for a tag", hint="At most 100 characters.")
    if not clean.isprintable() or _REFUSED & set(clean):
        raise Invalid(
            f"{name!r} cannot be a tag",
            hint="'/', ',', '\"' and control characters separate tags elsewhere; leave them out.",
        )
    return clean


def revert_tags(tx: Tx, part: dict[str, Any]) -> None:
    """Take one chunk of a change of tags back."""
    level = part["level"]
    for name, ids in part["add"].items():
        _take_off(tx, level, name, ids)
    for name, ids in part["remove"].items():
        _put_on(tx, level, name, ids)
    _tell(tx, level, part["ids"])


def _write(catalog: Catalog, pieces: Sequence[_Change], target: dict[str, Any], actor: str) -> Bulk:
    operation = catalog.write(lambda tx: tx.operation("tag", actor=actor, target=target))
    for piece in pieces:
        catalog.write(_writer(operation, piece))
    return Bulk(operation, int(target["n"]))


def _writer(operation: int, piece: _Change) -> Callable[[Tx], None]:
    def write(tx: Tx) -> None:
        row = tx.con.execute("SELECT undone_at FROM operations WHERE id = ?", (operation,))
        if row.fetchone()[0] is not None:
            raise Conflict("this change was undone while it was being made")
        add_part(tx, operation, _apply(tx, piece))

    return write


def _apply(tx: Tx, change: _Change) -> dict[str, Any]:
    """Change one chunk and tell what really changed: the before-image of an undo."""
    if change.level not in LEVELS:
        raise Invalid(f"no level {change.level!r}", hint="Use subject, study or file.")
    level, ids = change.level, change.ids
    part = {
        "level": level,
        "ids": ids,
        "add": {name: _put_on(tx, level, name, ids) for name in change.add},
        "remove": {name: _take_off(tx, level, name, ids) for name in change.remove},
    }
    _tell(tx, level, ids)
    return part


def _put_on(tx: Tx, level: str, name: str, ids: Sequence[int]) -> list[int]:
    rows = tx.con.execute(
        f"INSERT OR IGNORE INTO {level}_tags (tag_id, x_id) SELECT ?, o.id"
        f" FROM json_each(?) j CROSS JOIN {LEVELS[level]} o ON o.id = j.value RETURNING x_id",
        (_tag_id(tx, name), json.dumps(list(ids))),
    ).fetchall()
    return [row[0] for row in rows]


def _take_off(tx: Tx, level: str, name: str, ids: Sequence[int]) -> list[int]:
    tag_id = _find_tag(tx.con, name)
    rows = tx.con.execute(
        f"DELETE FROM {level}_tags WHERE tag_id = ?"
        " AND x_id IN (SELECT value FROM json_each(?)) RETURNING x_id",
        (tag_id, json.dumps(list(ids))),
    ).fetchall()
    return [row[0] for row in rows]


def _tag_id(tx: Tx, name: str) -> int:
    known = _find_tag(tx.con, name)
    if known is not None:
        return known
    return int(tx.con.execute("INSERT INTO tags (name) VALUES (?)", (name,)).lastrowid or 0)


def _find_tag(con: sqlite3.Connection, name: str) -> int | None:
    """Look a tag up without regard to case, which SQLite knows for ASCII only."""
    row = con.execute("SELECT id FROM tags WHERE name = ?", (name,)).fetchone()
    if row is None and not name.isascii():
        rows = con.execute("SELECT id, name FROM tags").fetchall()
        row = next((row for row in rows if _fold(row["name"]) == _fold(name)), None)
    return None if row is None else int(row["id"])


def _carriers(
    con: sqlite3.Connection, project_id: int, level: str, names: Sequence[str]
) -> list[int]:
    tag_ids = [found for name in names if (found := _find_tag(con, name)) is not None]
    rows = con.execute(
        f"SELECT DISTINCT o.id FROM json_each(?) j CROSS JOIN {level}_tags x ON x.tag_id = j.value"
        f" CROSS JOIN {LEVELS[level]} o ON o.id = x.x_id WHERE o.project_id = ? ORDER BY o.id",
        (json.dumps(tag_ids), project_id),
    ).fetchall()
    return [row[0] for row in rows]


def _respell(tx: Tx, project_id: int, name: str, actor: str) -> Bulk:
    """Write a tag with other capitals: one word for all, so only if no other project has it."""
    tag_id = _find_tag(tx.con, name)
    row = tx.con.execute("SELECT name FROM tags WHERE id = ?", (tag_id,)).fetchone()
    if row is None:
        raise NotFound(f"nothing in this project carries {name}")
    for level, table in LEVELS.items():
        other = tx.con.execute(
            f"SELECT 1 FROM {level}_tags x CROSS JOIN {table} o ON o.id = x.x_id"
            " WHERE x.tag_id = ? AND o.project_id <> ? LIMIT 1",
            (tag_id, project_id),
        ).fetchone()
        if other is not None:
            raise Conflict(f"another project writes this tag {row['name']!r}")
    tx.con.execute("UPDATE tags SET name = ? WHERE id = ?", (name, tag_id))
    for level in LEVELS:
        _tell(tx, level, _carriers(tx.con, project_id, level, [name]))
    target = {"project_id": project_id, "from": row["name"], "to": name, "n": 1}
    return Bulk(tx.operation("respell_tag", actor=actor, target=target), 1)


def _clean(add: Iterable[str], remove: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the names in their kept form; one that is on both sides is taken off."""
    added = dict.fromkeys(clean_tag(name) for name in add)
    removed = dict.fromkeys(clean_tag(name) for name in remove)
    off = {_fold(name) for name in removed}
    return tuple(name for name in added if _fold(name) not in off), tuple(removed)


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _target(change: _Change, project_id: int | None, n: int) -> dict[str, Any]:
    return {
        "project_id": project_id,
        "level": change.level,
        "n": n,
        "add": list(change.add),
        "remove": list(change.remove),
    }


def _tell(tx: Tx, level: str, ids: Sequence[int]) -> None:
    rows = tx.con.execute(
        "SELECT p.name, o.id FROM json_each(?) j"
        f" CROSS JOIN {LEVELS[level]} o ON o.id = j.value JOIN projects p ON p.id = o.project_id",
        (json.dumps(list(ids)),),
    ).fetchall()
    by_project: dict[str, list[int]] = {}
    for project, x in rows:
        by_project.setdefault(project, []).append(x)
    for project, found in by_project.items():
        tx.event("tags.changed", project=project, level=level, ids=found)
