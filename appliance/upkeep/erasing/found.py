"""Everything that is of one subject: its rows, and where its bytes lie. Changes nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from appliance.catalog import get_project, path_sql
from appliance.core import DataFolder, FormatError, NotFound, safe_join
from appliance.privacy import Identity, IdentityStore
from appliance.upkeep.erasing.values import OfAnother

__all__ = ["Found", "Subject", "find", "find_subject", "made_for_others"]

_HEAD_BYTES = 1 << 20
_MODELS = (".onnx", ".pt", ".pth", ".h5", ".keras", ".joblib", ".pkl", ".mat")
_LEAST_ID = 4


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """The row of a subject."""

    id: int
    key: str
    code: str
    project_id: int
    project: str
    project_key: str


class Found(msgspec.Struct, kw_only=True):
    """Rows by id, and paths below the data folder."""

    studies: list[int]
    files: list[int]
    items: list[int]
    series: list[int]
    jobs: list[int]
    names: list[str]
    folders: list[Path]
    originals: list[Path]
    held: list[Path]
    cached: list[Path]


def find_subject(con: sqlite3.Connection, project: str, code: str) -> Subject:
    """Give the row of a subject by its code.

    Raises
    ------
    NotFound
        If there is none.
    """
    found = get_project(con, project)
    row = con.execute(
        "SELECT id, key, pid FROM subjects WHERE project_id = ? AND pid = ?", (found.id, code)
    ).fetchone()
    if row is None:
        raise NotFound(f"no subject {code!r} in project {found.name!r}")
    return Subject(
        id=row["id"],
        key=row["key"],
        code=row["pid"],
        project_id=found.id,
        project=found.name,
        project_key=found.key,
    )


def find(
    con: sqlite3.Connection, folder: DataFolder, identities: IdentityStore, who: Subject
) -> Found:
    """Find everything that is of a subject."""
    studies = _ids(con, "SELECT id FROM studies WHERE subject_id = ?", who.id)
    files = con.execute(
        "SELECT id, key FROM files WHERE study_id IN (SELECT id FROM studies WHERE subject_id = ?)",
        (who.id,),
    ).fetchall()
    series = _ids(
        con, "SELECT id FROM incoming_series WHERE project_id = ? AND pid = ?", who.project_id,
        who.code,
    )  # fmt: skip
    known = identities.people(who.project_key, {who.code})
    items = _items(con, folder, who, known)
    jobs = con.execute(
        "SELECT id, key FROM job WHERE project_id = ? AND (subject_id = ? OR psid = ?"
        " OR substr(psid, 1, ?) = ?)",
        (who.project_id, who.id, who.code, len(who.code) + 1, f"{who.code}#"),
    ).fetchall()
    others = _places_of_others(con, [row["id"] for row in items])
    places = [
        folder.root / place
        for row in items
        for place in (row["place"], row["from_place"])
        if place and place not in others
    ]
    return Found(
        studies=studies,
        files=[row["id"] for row in files],
        items=[row["id"] for row in items],
        series=series,
        jobs=[row["id"] for row in jobs],
        names=_names(con, items),
        folders=[
            safe_join(folder.projects, who.project, who.code),
            *(folder.jobs / row["key"] for row in jobs),
            *_trashed(folder, who),
        ],
        originals=[path for path in places if path.is_relative_to(folder.originals)],
        held=[
            *(path for path in places if not path.is_relative_to(folder.originals)),
            *_outgoing(con, folder, who),
        ],
        cached=list(_cached(folder, [row["key"] for row in files], who)),
    )


def made_for_others(con: sqlite3.Connection, who: Subject) -> list[OfAnother]:
    """Give what was made from files of the subject and is not its own."""
    rows = con.execute(
        "SELECT DISTINCT b.pid, t.sid, "  # noqa: S608
        + path_sql(pid="b.pid", sid="t.sid")
        + " AS path FROM provenance_file i"
        " JOIN files a ON a.id = i.file_id JOIN studies s ON s.id = a.study_id"
        " JOIN provenance_file o ON o.origin = i.origin AND o.dir = 'out'"
        " JOIN files f ON f.id = o.file_id JOIN studies t ON t.id = f.study_id"
        " JOIN subjects b ON b.id = t.subject_id JOIN paths p ON p.id = f.path_id"
        " WHERE i.dir = 'in' AND s.subject_id = ? AND t.subject_id <> ?",
        (who.id, who.id),
    ).fetchall()
    return [
        OfAnother(
            psid=f"{row['pid']}#{row['sid']}",
            path=row["path"],
            is_model=row["path"].lower().endswith(_MODELS),
        )
        for row in rows
    ]


def _items(
    con: sqlite3.Connection, folder: DataFolder, who: Subject, known: Sequence[Identity]
) -> list[Any]:
    """Items that were sorted to the subject, and those set aside that say they are of it."""
    columns = "i.id, i.n, i.place, i.from_place, i.size_bytes, i.receipt_id, r.key"
    rows = con.execute(
        f"SELECT {columns} FROM receipt_items i JOIN receipts r ON r.id = i.receipt_id"  # noqa: S608
        " LEFT JOIN incoming_series c ON c.id = i.series_id"
        " WHERE r.project_id = ? AND (i.pid = ? OR c.pid = ?)",
        (who.project_id, who.code, who.code),
    ).fetchall()
    unsorted = con.execute(
        f"SELECT {columns} FROM receipt_items i JOIN receipts r ON r.id = i.receipt_id"  # noqa: S608
        " WHERE r.project_id = ? AND i.pid IS NULL AND i.series_id IS NULL"
        " AND i.state NOT IN ('unpacked', 'receiving')",
        (who.project_id,),
    ).fetchall()
    return [*rows, *(row for row in unsorted if _says(folder.root / row["place"], known))]


def _outgoing(con: sqlite3.Connection, folder: DataFolder, who: Subject) -> list[Path]:
    """Give the results that wait to be sent to an archive."""
    rows = con.execute(
        "SELECT DISTINCT o.place FROM pacs_push_objects o JOIN pacs_pushes q ON q.id = o.push_id"
        " WHERE q.project_id = ? AND q.pid = ? AND o.place LIKE 'outgoing/%'",
        (who.project_id, who.code),
    )
    return [folder.root / row["place"] for row in rows]


def _says(path: Path, known: Sequence[Identity]) -> bool:
    """Tell whether a file that nobody sorted says it is of one of these."""
    from appliance.formats import dicom_parts

    if not path.is_file():
        return False
    ids = {one.patient_id for one in known if len(one.patient_id) >= _LEAST_ID}
    names = {one.name for one in known if "^" in one.name}
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    if any(text.encode() in head for text in ids | names):
        return True
    try:
        told = {part.keyword: part.texts for part in dicom_parts(path) if part.texts}
    except FormatError:
        return False
    return bool(ids.intersection(told.get("PatientID", ())))


def _places_of_others(con: sqlite3.Connection, mine: Sequence[int]) -> set[str]:
    """Give places that an item of somebody else names too; one file may stand for both."""
    chosen = set(mine)
    rows = con.execute(
        "SELECT id, place FROM receipt_items WHERE place IN (SELECT place FROM receipt_items"
        " WHERE place <> '' GROUP BY place HAVING count(*) > 1)"
    ).fetchall()
    return {row["place"] for row in rows if row["id"] not in chosen}


def _names(con: sqlite3.Connection, items: Sequence[Any]) -> list[str]:
    """Keys of names: of the items, of their receipts, of archives that held nothing else."""
    mine: dict[int, set[int]] = {}
    keys = []
    for row in items:
        mine.setdefault(row["receipt_id"], set()).add(row["id"])
        keys.append(f"{row['key']}/{row['n']:06d}")
    for receipt_id, ids in mine.items():
        key, *_ = con.execute("SELECT key FROM receipts WHERE id = ?", (receipt_id,)).fetchone()
        keys.append(key)
        rest = con.execute(
            "SELECT id, n, state FROM receipt_items WHERE receipt_id = ?", (receipt_id,)
        ).fetchall()
        if all(row["id"] in ids or row["state"] == "unpacked" for row in rest):
            keys += [f"{key}/{row['n']:06d}" for row in rest]
    return list(dict.fromkeys(keys))


def _trashed(folder: DataFolder, who: Subject) -> Iterator[Path]:
    for operation in folder.trash.iterdir():
        yield operation / who.project / who.code


def _cached(folder: DataFolder, keys: Sequence[str], who: Subject) -> Iterator[Path]:
    wanted = set(keys)
    home = folder.cache / "display"
    if home.is_dir():
        yield from (p for p in home.iterdir() if _key_of(p.name) in wanted)
    meta = folder.cache / "meta"
    if meta.is_dir():
        yield from meta.rglob(f"{who.project_key}*")


def _key_of(name: str) -> str:
    return name.partition("-")[0].partition(".")[0]


def _ids(con: sqlite3.Connection, query: str, *values: object) -> list[int]:
    return [int(row[0]) for row in con.execute(query, values)]
