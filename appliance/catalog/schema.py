"""The tables of the catalog, as migrations that are only ever appended."""

from __future__ import annotations

from appliance.catalog.sqlite_tools import Database, Migrations

__all__ = ["catalog_migrations"]

catalog_migrations = Migrations("catalog")


@catalog_migrations()
def m001_research_data(db: Database) -> None:
    """Projects, subjects, studies, series, files (interned paths), tags and metadata."""
    db.executescript("""
    CREATE TABLE projects (
      id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, name TEXT NOT NULL UNIQUE COLLATE NOCASE,
      module TEXT NOT NULL DEFAULT '', policy TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(policy)),
      state TEXT NOT NULL DEFAULT 'active', created_at INTEGER NOT NULL) STRICT;
    CREATE TABLE subjects (
      id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,
      project_id INTEGER NOT NULL REFERENCES projects(id), pid TEXT NOT NULL, sex TEXT,
      created_at INTEGER NOT NULL, trashed_at INTEGER, UNIQUE (project_id, pid)) STRICT;
    CREATE TABLE studies (
      id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,
      project_id INTEGER NOT NULL REFERENCES projects(id),
      subject_id INTEGER NOT NULL REFERENCES subjects(id), sid TEXT NOT NULL, study_uid TEXT,
      date TEXT, time TEXT, age_years REAL, description TEXT, rev INTEGER NOT NULL DEFAULT 0,
      created_at INTEGER NOT NULL, trashed_at INTEGER, UNIQUE (subject_id, sid)) STRICT;
    CREATE INDEX studies_by_date ON studies (project_id, date DESC, id DESC);
    CREATE INDEX studies_by_uid ON studies (study_uid);
    CREATE TABLE series (
      id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,
      study_id INTEGER NOT NULL REFERENCES studies(id), series_uid TEXT, number INTEGER,
      description TEXT, protocol TEXT, modality TEXT, folder TEXT NOT NULL,
      n_instances INTEGER NOT NULL DEFAULT 0, created_at INTEGER NOT NULL,
      UNIQUE (study_id, folder)) STRICT;
    CREATE INDEX series_by_uid ON series (series_uid);
    CREATE TABLE paths (
      id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, path_fold TEXT NOT NULL) STRICT;
    CREATE INDEX paths_by_fold ON paths (path_fold);
    CREATE TABLE files (
      id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,
      project_id INTEGER NOT NULL REFERENCES projects(id),
      study_id INTEGER NOT NULL REFERENCES studies(id), series_id INTEGER REFERENCES series(id),
      path_id INTEGER NOT NULL REFERENCES paths(id), size_bytes INTEGER NOT NULL,
      mtime_ns INTEGER NOT NULL, sha256 TEXT, kind TEXT NOT NULL, origin TEXT,
      header TEXT CHECK (header IS NULL OR json_valid(header)),
      created_at INTEGER NOT NULL, trashed_at INTEGER, UNIQUE (study_id, path_id)) STRICT;
    CREATE INDEX files_by_path ON files (path_id, study_id);
    CREATE INDEX files_unhashed ON files (id) WHERE sha256 IS NULL;
    CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE COLLATE NOCASE) STRICT;
    CREATE TABLE subject_tags (
      tag_id INTEGER NOT NULL REFERENCES tags(id), x_id INTEGER NOT NULL REFERENCES subjects(id),
      PRIMARY KEY (tag_id, x_id)) STRICT, WITHOUT ROWID;
    CREATE INDEX subject_tags_by_x ON subject_tags (x_id, tag_id);
    CREATE TABLE study_tags (
      tag_id INTEGER NOT NULL REFERENCES tags(id), x_id INTEGER NOT NULL REFERENCES studies(id),
      PRIMARY KEY (tag_id, x_id)) STRICT, WITHOUT ROWID;
    CREATE INDEX study_tags_by_x ON study_tags (x_id, tag_id);
    CREATE TABLE file_tags (
      tag_id INTEGER NOT NULL REFERENCES tags(id), x_id INTEGER NOT NULL REFERENCES files(id),
      PRIMARY KEY (tag_id, x_id)) STRICT, WITHOUT ROWID;
    CREATE INDEX file_tags_by_x ON file_tags (x_id, tag_id);
    CREATE TABLE meta (
      file_id INTEGER PRIMARY KEY REFERENCES files(id),
      doc TEXT NOT NULL CHECK (json_valid(doc)), mtime_ns INTEGER NOT NULL,
      rev INTEGER NOT NULL) STRICT;
    CREATE INDEX meta_by_rev ON meta (rev);
    """)


@catalog_migrations()
def m002_history_and_events(db: Database) -> None:
    """Operations with before-images, the one event sequence, and named documents."""
    db.executescript("""
    CREATE TABLE operations (
      id INTEGER PRIMARY KEY, at INTEGER NOT NULL, actor TEXT NOT NULL, verb TEXT NOT NULL,
      target TEXT NOT NULL CHECK (json_valid(target)),
      before TEXT CHECK (before IS NULL OR json_valid(before)), undone_at INTEGER) STRICT;
    CREATE TABLE events (
      seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, topic TEXT NOT NULL,
      data TEXT NOT NULL CHECK (json_valid(data))) STRICT;
    CREATE TABLE json_docs (
      id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
      project_id INTEGER REFERENCES projects(id), name TEXT NOT NULL COLLATE NOCASE,
      doc TEXT NOT NULL CHECK (json_valid(doc)), rev INTEGER NOT NULL DEFAULT 1,
      updated_at INTEGER NOT NULL) STRICT;
    CREATE UNIQUE INDEX json_docs_by_name ON json_docs (kind, ifnull(project_id, 0), name);
    """)


@catalog_migrations()
def m003_access(db: Database) -> None:
    """Users, their rights, and the hashes of tokens, sessions and one-time login codes."""
    db.executescript("""
    CREATE TABLE users (
      id INTEGER PRIMARY KEY, login TEXT NOT NULL UNIQUE COLLATE NOCASE,
      is_admin INTEGER NOT NULL DEFAULT 0, created_at INTEGER NOT NULL) STRICT;
    CREATE TABLE rights (
      user_id INTEGER NOT NULL REFERENCES users(id),
      project_id INTEGER NOT NULL REFERENCES projects(id), role TEXT NOT NULL,
      PRIMARY KEY (user_id, project_id)) STRICT, WITHOUT ROWID;
    CREATE TABLE tokens (
      id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users(id), name TEXT NOT NULL,
      hash TEXT NOT NULL UNIQUE, scope TEXT NOT NULL DEFAULT '', job_key TEXT,
      created_at INTEGER NOT NULL, expires_at INTEGER, used_at INTEGER) STRICT;
    CREATE INDEX tokens_by_job ON tokens (job_key);
    CREATE TABLE sessions (
      id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users(id),
      hash TEXT NOT NULL UNIQUE, csrf TEXT NOT NULL, created_at INTEGER NOT NULL,
      expires_at INTEGER NOT NULL) STRICT;
    CREATE TABLE login_codes (
      hash TEXT PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users(id),
      expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    """)
    db.execute(
        "INSERT INTO users (login, is_admin, created_at)"
        " VALUES ('owner', 1, CAST(strftime('%s','now') AS INTEGER) * 1000)"
    )


@catalog_migrations()
def m005_curation(db: Database) -> None:
    """Rights with switches, history with parts that can be undone, and moves that were begun."""
    db.executescript("""
    ALTER TABLE users ADD COLUMN full_name TEXT NOT NULL DEFAULT '';
    ALTER TABLE users ADD COLUMN disabled_at INTEGER;
    ALTER TABLE users ADD COLUMN seen_at INTEGER;
    ALTER TABLE rights ADD COLUMN readonly INTEGER NOT NULL DEFAULT 1;
    ALTER TABLE rights ADD COLUMN batchtool INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE rights ADD COLUMN download INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE rights ADD COLUMN deanonym INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE operations ADD COLUMN undone_by TEXT;
    ALTER TABLE operations ADD COLUMN purged_at INTEGER;
    ALTER TABLE operations ADD COLUMN project_id INTEGER
      GENERATED ALWAYS AS (json_extract(target, '$.project_id')) VIRTUAL;
    CREATE INDEX operations_by_project ON operations (project_id, id);
    CREATE INDEX files_trashed ON files (trashed_at) WHERE trashed_at IS NOT NULL;
    CREATE INDEX operations_trash ON operations (at)
      WHERE verb = 'trash' AND undone_at IS NULL AND purged_at IS NULL;
    CREATE TABLE operation_parts (
      operation_id INTEGER NOT NULL REFERENCES operations(id), n INTEGER NOT NULL,
      data TEXT NOT NULL CHECK (json_valid(data)), undone INTEGER NOT NULL DEFAULT 0,
      PRIMARY KEY (operation_id, n)) STRICT, WITHOUT ROWID;
    CREATE TABLE moves (
      operation_id INTEGER PRIMARY KEY REFERENCES operations(id), level TEXT NOT NULL,
      x_id INTEGER NOT NULL, source TEXT NOT NULL, target TEXT NOT NULL,
      change TEXT NOT NULL CHECK (json_valid(change))) STRICT;
    """)


@catalog_migrations()
def m006_projects(db: Database) -> None:
    """Folders that hold a project's existing data, and values of its custom fields."""
    db.executescript("""
    CREATE TABLE sources (
      id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,
      project_id INTEGER NOT NULL REFERENCES projects(id), root TEXT NOT NULL,
      layout TEXT NOT NULL, mode TEXT NOT NULL,
      options TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(options)),
      created_at INTEGER NOT NULL, scanned_at INTEGER, UNIQUE (project_id, root)) STRICT;
    CREATE TABLE field_values (
      level TEXT NOT NULL, x_id INTEGER NOT NULL, name TEXT NOT NULL COLLATE NOCASE,
      value TEXT NOT NULL CHECK (json_valid(value)),
      PRIMARY KEY (level, x_id, name)) STRICT, WITHOUT ROWID;
    CREATE INDEX field_values_by_name ON field_values (level, name);
    """)


@catalog_migrations()
def m007_templates(db: Database) -> None:
    """Paths are kept without the ids of their subject and study."""
    from appliance.catalog.reintern import intern_all

    intern_all(db.conn)
