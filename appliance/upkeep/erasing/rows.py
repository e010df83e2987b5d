"""Takes the rows of a subject out of the catalog; what stays of it is a code and two ids."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing

from appliance.catalog import Catalog, Tx, blank_paths, forget_trashed
from appliance.core import now_ms
from appliance.jobs import forget_jobs
from appliance.privacy import ProjectPolicy
from appliance.upkeep.erasing.found import Found, Subject

__all__ = ["clean_pages", "erase_rows", "label_of"]

_AT_ONCE = 1000
_OF_STUDIES = ("pacs_pulls", "pacs_pushes")
_KEPT = {"subjects", "studies", "paths", "sqlite_sequence"}


def label_of(con: sqlite3.Connection, who: Subject) -> str:
    """Give what history keeps of a subject: its code, unless that itself tells who it was."""
    row = con.execute("SELECT policy FROM projects WHERE id = ?", (who.project_id,)).fetchone()
    policy = ProjectPolicy.of(json.loads(row["policy"]))
    telling = policy.identified or not policy.is_subject_code(who.code)
    return f"erased-{who.key[-8:]}" if telling else who.code


def erase_rows(catalog: Catalog, who: Subject, found: Found, *, actor: str) -> None:
    """Take a subject's rows out, in short transactions; repeating it changes nothing."""
    catalog.write(lambda tx: _begin(tx, found))
    for start in range(0, len(found.files), _AT_ONCE):
        piece = found.files[start : start + _AT_ONCE]
        catalog.write(lambda tx, piece=piece: _forget_files(tx, piece))  # type: ignore[misc]
    catalog.write(lambda tx: _forget_rest(tx, who, found, actor))


def clean_pages(catalog: Catalog) -> bool:
    """Write what was deleted over in the database itself; False when readers were in the way."""
    with closing(sqlite3.connect(catalog.path, timeout=30)) as con:
        return not con.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]


def _begin(tx: Tx, found: Found) -> None:
    tx.con.execute("PRAGMA secure_delete = ON")
    now = now_ms()
    for table, ids in (("files", found.files), ("studies", found.studies)):
        tx.con.execute(
            f"UPDATE {table} SET trashed_at = ifnull(trashed_at, ?) WHERE id {_IN}",  # noqa: S608
            (now, json.dumps(ids)),
        )


def _forget_files(tx: Tx, ids: Sequence[int]) -> None:
    raw = (json.dumps(list(ids)),)
    paths = tx.con.execute(f"SELECT DISTINCT path_id FROM files WHERE id {_IN}", raw).fetchall()  # noqa: S608
    for table in ("provenance_file", "stale"):
        tx.con.execute(f"DELETE FROM {table} WHERE file_id {_IN}", raw)  # noqa: S608
    tx.con.execute(
        f"DELETE FROM field_values WHERE level = 'file' AND x_id {_IN}",  # noqa: S608
        raw,
    )
    forget_trashed(tx, ids)
    blank_paths(tx.con, [row["path_id"] for row in paths])


def _forget_rest(tx: Tx, who: Subject, found: Found, actor: str) -> None:
    label = label_of(tx.con, who)
    uids = _uids(tx.con, found)
    forget_jobs(tx, found.jobs)
    _delete(tx, "receipt_items", found.items)
    _delete(tx, "incoming_series", found.series)
    _delete(tx, "series", found.studies, "study_id")
    _delete(tx, "autofire", found.studies, "unit_id")
    for level, ids in (("subject", [who.id]), ("study", found.studies)):
        _delete(tx, f"{level}_tags", ids, "x_id")
        for table in ("field_values", "moves"):
            tx.con.execute(
                f"DELETE FROM {table} WHERE level = ? AND x_id {_IN}",  # noqa: S608
                (level, json.dumps(ids)),
            )
    for table in _OF_STUDIES:
        tx.con.execute(
            f"DELETE FROM {table} WHERE project_id = ? AND study_uid {_IN}",  # noqa: S608
            (who.project_id, json.dumps(uids)),
        )
    tx.con.execute(
        "UPDATE studies SET sid = 'erased-' || id, study_uid = NULL, date = NULL, time = NULL,"  # noqa: S608
        f" age_years = NULL, description = NULL WHERE id {_IN}",
        (json.dumps(found.studies),),
    )
    tx.con.execute(
        "UPDATE subjects SET pid = ?, sex = NULL, trashed_at = ifnull(trashed_at, ?) WHERE id = ?",
        (label, now_ms(), who.id),
    )
    _take_mentions_out(tx.con, who, label)
    tx.operation(
        "erase",
        actor=actor,
        target={"project_id": who.project_id, "code": label, "subject": who.key},
    )
    tx.event("studies.changed", project=who.project, study_ids=found.studies)


def _uids(con: sqlite3.Connection, found: Found) -> list[str]:
    rows = con.execute(
        f"SELECT DISTINCT study_uid FROM incoming_series WHERE id {_IN}",  # noqa: S608
        (json.dumps(found.series),),
    )
    return [row[0] for row in rows]


def _delete(tx: Tx, table: str, ids: Sequence[int], column: str = "id") -> None:
    tx.con.execute(f"DELETE FROM {table} WHERE {column} {_IN}", (json.dumps(list(ids)),))  # noqa: S608


_IN = "IN (SELECT value FROM json_each(?))"


def _take_mentions_out(con: sqlite3.Connection, who: Subject, label: str) -> None:
    """Shorten every name of its studies and files, wherever it is told, to the label."""
    mention = re.compile(rf"(?<![\w-]){re.escape(who.code)}(?:[#/][^\s\"',;\\]*|(?![\w-]))")
    for table, columns in _text_columns(con).items():
        owned = "project_id" in columns
        if not owned and table not in _UNOWNED:
            continue
        for column in columns - {"project_id"}:
            whose = "project_id = :project" if owned else f"instr({column}, :name)"
            rows = con.execute(
                f"SELECT rowid AS at, {column} AS text FROM {table}"  # noqa: S608
                f" WHERE {whose} AND instr({column}, :code)",
                {"project": who.project_id, "name": who.project, "code": who.code},
            ).fetchall()
            for row in rows:
                text = mention.sub(label, row["text"])
                if text != row["text"]:
                    con.execute(
                        f"UPDATE {table} SET {column} = ? WHERE rowid = ?",  # noqa: S608
                        (text, row["at"]),
                    )


# Tables that name the project in their texts: a code of another project may be the same.
_UNOWNED = frozenset({"provenance", "events"})


def _text_columns(con: sqlite3.Connection) -> dict[str, set[str]]:
    tables = con.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE '%WITHOUT ROWID%'"
    ).fetchall()
    found = {}
    for (name,) in tables:
        if name in _KEPT or name.startswith("sqlite_"):
            continue
        facts = con.execute(f"PRAGMA table_xinfo({name})").fetchall()
        texts = {fact["name"] for fact in facts if fact["type"] == "TEXT" and not fact["hidden"]}
        owned = {"project_id"} if any(fact["name"] == "project_id" for fact in facts) else set()
        if texts:
            found[name] = texts | owned
    return found
