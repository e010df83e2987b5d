"""Brings one project's metadata cache in line with the catalog, by the catalog's own changes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.catalog.leaves import LeafBatch, decode
from appliance.catalog.templates import path_sql

if TYPE_CHECKING:
    import duckdb

    from appliance.catalog.store import Catalog

__all__ = ["NODEINFO", "Synchronizer"]

NODEINFO = "nodeinfo"
"""Stem of the document that the catalog makes for each study; its id is minus the study's."""
_DOCS, _STUDIES = 1000, 2000  # in one step
_MOST_EVENTS = 20_000  # more than this, and all is read anew
_WITHOUT_EFFECT = frozenset(
    {"job", "batch", "receipt", "health", "docs", "projects", "settings", "users"}
)
_SEP = "\x1f"
_N_FACTS = 10  # first columns of a study, as the cache keeps them
_DOC_COLUMNS = (
    f"SELECT m.file_id, f.study_id, {path_sql()} AS path, m.doc FROM meta m"
    " CROSS JOIN files f ON f.id = m.file_id"
    " CROSS JOIN paths p ON p.id = f.path_id CROSS JOIN studies s ON s.id = f.study_id"
    " CROSS JOIN subjects u ON u.id = s.subject_id"
    " WHERE f.project_id = ? AND f.trashed_at IS NULL AND s.trashed_at IS NULL"
    f" AND u.trashed_at IS NULL AND {path_sql()} <> 'nodeinfo.json'"
)
_FIELDS = (
    "(SELECT json_group_object(v.name, json(v.value)) FROM field_values v"
    " WHERE v.level = '{}' AND v.x_id = {})"
)
_STUDY_COLUMNS = (
    "SELECT s.id, u.pid, s.sid, u.sex, s.age_years, s.date, s.time, s.description,"
    f" (SELECT group_concat(t.name, '{_SEP}') FROM study_tags x JOIN tags t ON t.id = x.tag_id"
    "  WHERE x.x_id = s.id) AS tags,"
    f" (SELECT group_concat(t.name, '{_SEP}') FROM subject_tags x JOIN tags t ON t.id = x.tag_id"
    "  WHERE x.x_id = u.id) AS subject_tags,"
    " (SELECT json_group_array(json_object('folder', r.folder, 'number', r.number,"
    "  'description', r.description, 'protocol', r.protocol, 'modality', r.modality,"
    "  'n_instances', r.n_instances)) FROM (SELECT * FROM series WHERE study_id = s.id"
    "  ORDER BY number, folder) r) AS series,"
    f" {_FIELDS.format('study', 's.id')} AS fields, {_FIELDS.format('subject', 'u.id')}"
    " AS subject_fields"
    " FROM studies s CROSS JOIN subjects u ON u.id = s.subject_id"
    " WHERE s.project_id = ? AND s.trashed_at IS NULL AND u.trashed_at IS NULL"
)


class Synchronizer:
    """Copies what changed since the last time. Use it by one thread at a time.

    Parameters
    ----------
    catalog : Catalog
        Source.
    con : DuckDBPyConnection
        The project's cache.
    project_id : int

    Attributes
    ----------
    seq : int or None
        Event up to which the cache is right; None: it is empty or unfinished.
    """

    def __init__(self, catalog: Catalog, con: duckdb.DuckDBPyConnection, project_id: int) -> None:
        self._catalog, self._con, self._project_id = catalog, con, project_id
        self.seq, self._rev = con.execute("SELECT seq, rev FROM _info").fetchall()[0]
        self._names = dict(con.execute("SELECT name, key_id FROM _key").fetchall())
        self._n_saved = len(self._names)

    def run(self) -> None:
        """Bring the cache up to date; a run that is broken off is done again by the next."""
        with self._catalog.read() as sql:
            seq, rev = sql.execute(
                "SELECT (SELECT ifnull(max(seq), 0) FROM events),"
                " (SELECT ifnull(max(rev), 0) FROM meta)"
            ).fetchone()
            if (seq, rev) == (self.seq, self._rev):
                return
            changed = self._changed(sql)
        if changed is None:
            self._all()
        else:
            self._some(changed)
        self._con.execute("UPDATE _info SET seq = ?, rev = ?", [seq, rev])
        self.seq, self._rev = seq, rev

    def _changed(self, sql: sqlite3.Connection) -> set[int] | None:
        """Ids of studies whose documents or facts may have changed; None when all may have."""
        if self.seq is None:
            return None
        rows = sql.execute(
            "SELECT seq, topic, data FROM events WHERE seq > ? ORDER BY seq LIMIT ?",
            (self.seq, _MOST_EVENTS + 1),
        ).fetchall()
        if len(rows) > _MOST_EVENTS or (rows and rows[0]["seq"] != self.seq + 1):
            return None
        found: set[int] = set()
        for row in rows:
            touched = _touched(sql, row["topic"], msgspec.json.decode(row["data"]))
            if touched is None:
                return None
            found.update(touched)
        newer = sql.execute(
            "SELECT f.study_id FROM meta m CROSS JOIN files f ON f.id = m.file_id WHERE m.rev > ?",
            (self._rev,),
        )
        return found | {row[0] for row in newer}

    def _all(self) -> None:
        """Read everything anew."""
        self._con.execute("UPDATE _info SET seq = NULL, rev = NULL")
        for table in ("_key", "_study", "_doc", "_leaf", "_place", "_study_row"):
            self._con.execute(f"DELETE FROM {table}")
        self._names.clear()
        self._n_saved, self.seq = 0, None
        for studies in self._chunks(_STUDY_COLUMNS, "s.id", _STUDIES):
            self._store(studies, [])
        for docs in self._chunks(_DOC_COLUMNS, "m.file_id", _DOCS):
            self._store([], docs)
        _derive(self._con, "")

    def _some(self, changed: Iterable[int]) -> None:
        ids = sorted(changed)
        for start in range(0, len(ids), _STUDIES):
            chunk = ids[start : start + _STUDIES]
            listed = ",".join(map(str, chunk))
            with self._catalog.read() as sql:
                values = (self._project_id,)
                studies = sql.execute(f"{_STUDY_COLUMNS} AND s.id IN ({listed})", values).fetchall()
                of_studies = _DOC_COLUMNS.replace(
                    "FROM meta m CROSS JOIN files f ON f.id = m.file_id",
                    "FROM files f CROSS JOIN meta m ON m.file_id = f.id",
                )
                docs = sql.execute(f"{of_studies} AND f.study_id IN ({listed})", values).fetchall()
            self._store(studies, docs, instead_of=listed)

    def _chunks(self, query: str, column: str, size: int) -> Iterator[list[sqlite3.Row]]:
        """Read in steps, each with a view of its own, so that the catalog's log can shrink."""
        last = 0
        while True:
            with self._catalog.read() as sql:
                rows = sql.execute(
                    f"{query} AND {column} > ? ORDER BY {column} LIMIT ?",
                    (self._project_id, last, size),
                ).fetchall()
            if not rows:
                return
            yield rows
            last = rows[-1][0]

    def _store(
        self, studies: Sequence[sqlite3.Row], docs: Sequence[sqlite3.Row], instead_of: str = ""
    ) -> None:
        batch, entries = LeafBatch(self._names), []
        for row in docs:
            stem = PurePosixPath(row["path"]).stem
            is_cut = batch.add(row["file_id"], stem, decode(row["doc"]))
            entries.append((row["file_id"], row["study_id"], row["path"], stem, is_cut))
        for row in studies:
            batch.add(-row["id"], NODEINFO, _nodeinfo(row))
            entries.append((-row["id"], row["id"], "nodeinfo.json", NODEINFO, False))
        self._write(studies, entries, batch, instead_of)

    def _write(
        self,
        studies: Sequence[sqlite3.Row],
        entries: Sequence[tuple[Any, ...]],
        batch: LeafBatch,
        instead_of: str,
    ) -> None:
        con = self._con
        con.execute("BEGIN")
        try:
            if instead_of:
                _delete(con, instead_of)
            _insert(con, "_study", [tuple(row)[:_N_FACTS] for row in studies])
            _insert(con, "_doc", entries)
            names = list(self._names.items())[self._n_saved :]
            _insert(con, "_key", [(number, name) for name, number in names])
            if len(batch):
                _insert_columns(con, "_leaf", batch.columns())
            if instead_of:
                _derive(con, f"WHERE study_id IN ({instead_of})")
            con.execute("COMMIT")
        except BaseException:
            con.execute("ROLLBACK")
            raise
        self._n_saved = len(self._names)


def _touched(sql: sqlite3.Connection, topic: str, data: dict[str, Any]) -> list[int] | None:
    """Studies that an event speaks of; None when it does not say which."""
    kind, level = topic.partition(".")[0], data.get("level")
    if kind in _WITHOUT_EFFECT or (kind == "tags" and level == "file"):
        return []
    ids = _ids(kind, data)
    if ids is None or kind in ("files", "studies") or level == "study":
        return ids
    listed = ",".join(str(int(i)) for i in ids)
    found = sql.execute(f"SELECT id FROM studies WHERE subject_id IN ({listed})")
    return [row[0] for row in found] if level == "subject" else None


def _ids(kind: str, data: dict[str, Any]) -> list[int] | None:
    """Ids in an event: of studies, or of what its level says."""
    one = {"files": data.get("study_id"), "fields": data.get("id")}.get(kind)
    if isinstance(one, int):
        return [one]
    many = {"studies": data.get("study_ids"), "tags": data.get("ids")}.get(kind)
    return many if isinstance(many, list) else None


def _nodeinfo(row: sqlite3.Row) -> dict[str, Any]:
    """What ``nodeinfo.json`` says of a study, with tags and custom fields."""
    decode_json = msgspec.json.decode
    study = {name: row[name] for name in ("sid", "date", "time", "age_years", "description")}
    subject = {"id": row["pid"], "sex": row["sex"], "tags": _joined(row["subject_tags"])}
    return {
        "subject": {**subject, "fields": decode_json(row["subject_fields"])},
        "study": {**study, "tags": _joined(row["tags"]), "fields": decode_json(row["fields"])},
        "series": decode_json(row["series"]),
    }


def _joined(tags: str | None) -> str | None:
    return ", ".join(sorted(tags.split(_SEP))) if tags else None


def _delete(con: duckdb.DuckDBPyConnection, study_ids: str) -> None:
    docs = f"SELECT doc_id FROM _doc WHERE study_id IN ({study_ids})"
    con.execute(f"DELETE FROM _leaf WHERE doc_id IN ({docs})")
    for table in ("_doc", "_study", "_place", "_study_row"):
        con.execute(f"DELETE FROM {table} WHERE study_id IN ({study_ids})")


def _derive(con: duckdb.DuckDBPyConnection, where: str) -> None:
    """Say to which row of its study each document belongs when there is a row per study."""
    con.execute(
        "INSERT INTO _place SELECT doc_id, study_id, file,"
        f" row_number() OVER (PARTITION BY study_id, stem ORDER BY file) - 1 FROM _doc {where}"
    )
    con.execute(
        "INSERT INTO _study_row SELECT study_id, place, NULL FROM _place"
        f" {where} GROUP BY study_id, place"
    )


def _insert(con: duckdb.DuckDBPyConnection, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows; DuckDB takes columns much faster than rows."""
    import numpy as np

    if not rows:
        return
    columns = {}
    for n, values in enumerate(zip(*rows, strict=True)):
        is_plain = all(type(value) is int for value in values)
        columns[f"c{n}"] = np.array(values, dtype=np.int64 if is_plain else object)
    _insert_columns(con, table, columns)


def _insert_columns(con: duckdb.DuckDBPyConnection, table: str, columns: dict[str, Any]) -> None:
    con.register("incoming", columns)
    con.execute(f"INSERT INTO {table} SELECT * FROM incoming")
    con.unregister("incoming")
