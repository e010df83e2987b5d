"""The tables of the metadata cache: one DuckDB file per project, made anew whenever in doubt."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from appliance.core import StorageError

if TYPE_CHECKING:
    import duckdb

__all__ = ["CONFIG", "discard", "open_cache"]

FORMAT = 2
CONFIG: dict[str, Any] = {
    "memory_limit": "2GB",
    "threads": 4,
    "preserve_insertion_order": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
}
_TABLES = """
CREATE TABLE _info (format INTEGER, seq BIGINT, rev BIGINT);
CREATE TABLE _key (key_id INTEGER, name VARCHAR);
CREATE TABLE _study (
  study_id BIGINT, subject VARCHAR, study VARCHAR, sex VARCHAR, age_years DOUBLE, date VARCHAR,
  time VARCHAR, description VARCHAR, tags VARCHAR, subject_tags VARCHAR);
CREATE TABLE _doc (doc_id BIGINT, study_id BIGINT, file VARCHAR, stem VARCHAR, is_cut BOOLEAN);
CREATE TABLE _place (doc_id BIGINT, study_id BIGINT, file VARCHAR, place BIGINT);
CREATE TABLE _study_row (study_id BIGINT, place BIGINT, file VARCHAR);
CREATE TABLE _leaf (doc_id BIGINT, key_id INTEGER, kind UTINYINT, num DOUBLE, text VARCHAR);
CREATE VIEW studies AS SELECT subject, study, sex, age_years, TRY_CAST(date AS DATE) AS date, time,
  description, string_split(nullif(tags, ''), chr(31)) AS tags,
  string_split(nullif(subject_tags, ''), chr(31)) AS subject_tags FROM _study;
CREATE VIEW meta AS SELECT s.subject, s.study, d.file, k.name AS key,
  CASE l.kind WHEN 0 THEN NULL WHEN 1 THEN if(l.num = 1, 'true', 'false')
    WHEN 2 THEN coalesce(l.text, CAST(CAST(l.num AS BIGINT) AS VARCHAR))
    WHEN 3 THEN CAST(l.num AS VARCHAR) ELSE l.text END AS value,
  if(l.kind IN (1, 2, 3), l.num, NULL) AS num
  FROM _leaf l JOIN _doc d USING (doc_id) JOIN _study s USING (study_id) JOIN _key k USING (key_id);
"""


def open_cache(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a cache file; one of another version, or a damaged one, is replaced by an empty one.

    Raises
    ------
    StorageError
        If no file can be made there.
    """
    import duckdb

    found = _open_known(path)
    if found is not None:
        return found
    discard(path)
    try:
        con = duckdb.connect(str(path), config=CONFIG)
        con.execute(f"BEGIN; {_TABLES} COMMIT")
        con.execute("INSERT INTO _info VALUES (?, NULL, NULL)", [FORMAT])
    except duckdb.Error as error:
        raise StorageError(
            f"cannot make the metadata cache: {error}",
            hint="Is the disk full? The folder cache/meta may be removed at any time.",
        ) from error
    return con


def discard(path: Path) -> None:
    """Remove a cache file with its log."""
    for one in (path, path.with_name(f"{path.name}.wal")):
        one.unlink(missing_ok=True)


def _open_known(path: Path) -> duckdb.DuckDBPyConnection | None:
    """Open a file that this version has made; None when there is none that can be used."""
    import duckdb

    if not path.exists():
        return None
    try:
        con = duckdb.connect(str(path), config=CONFIG)
    except duckdb.Error:
        return None
    try:
        row = con.execute("SELECT format FROM _info").fetchone()
        if row and row[0] == FORMAT:
            return con
    except duckdb.Error:
        pass
    con.close()
    return None
