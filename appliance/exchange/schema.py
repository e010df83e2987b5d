"""Tables of arrivals in the catalog, as migrations that are only ever appended."""

from __future__ import annotations

from appliance.catalog import Database, Migrations

__all__ = ["exchange_migrations"]

exchange_migrations = Migrations("exchange")


@exchange_migrations()
def m001_arrivals(db: Database) -> None:
    """Receipts, their items, series being assembled, and what was taken from users' folders."""
    db.executescript("""
    CREATE TABLE receipts (
      id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,
      project_id INTEGER NOT NULL REFERENCES projects(id), kind TEXT NOT NULL,
      source TEXT NOT NULL DEFAULT '', state TEXT NOT NULL,
      options TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(options)),
      n_files INTEGER NOT NULL DEFAULT 0, n_done INTEGER NOT NULL DEFAULT 0,
      n_quarantined INTEGER NOT NULL DEFAULT 0, n_duplicate INTEGER NOT NULL DEFAULT 0,
      n_pending INTEGER NOT NULL DEFAULT 0, size_bytes INTEGER NOT NULL DEFAULT 0,
      reason TEXT NOT NULL DEFAULT '', hint TEXT NOT NULL DEFAULT '',
      created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, closed_at INTEGER) STRICT;
    CREATE INDEX receipts_open ON receipts (state)
      WHERE state IN ('receiving', 'pending', 'working');
    CREATE INDEX receipts_by_project ON receipts (project_id, id);
    CREATE TABLE incoming_series (
      id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,
      project_id INTEGER NOT NULL REFERENCES projects(id),
      pid TEXT NOT NULL, sid TEXT NOT NULL, study_uid TEXT NOT NULL, series_uid TEXT NOT NULL,
      folder TEXT NOT NULL, number INTEGER, modality TEXT NOT NULL DEFAULT '',
      facts TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(facts)),
      outputs TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(outputs)),
      state TEXT NOT NULL DEFAULT 'ready', reason TEXT NOT NULL DEFAULT '',
      rev INTEGER NOT NULL DEFAULT 0, done_rev INTEGER NOT NULL DEFAULT 0,
      ready_at INTEGER NOT NULL DEFAULT 0, created_at INTEGER NOT NULL,
      UNIQUE (project_id, pid, sid, series_uid), UNIQUE (project_id, pid, sid, folder)) STRICT;
    CREATE INDEX incoming_series_ready ON incoming_series (ready_at)
      WHERE state IN ('ready', 'entered');
    CREATE TABLE receipt_items (
      id INTEGER PRIMARY KEY, receipt_id INTEGER NOT NULL REFERENCES receipts(id),
      n INTEGER NOT NULL, name TEXT NOT NULL, place TEXT NOT NULL, from_place TEXT,
      size_bytes INTEGER NOT NULL DEFAULT 0, mtime_ns INTEGER NOT NULL DEFAULT 0, sha256 TEXT,
      state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', hint TEXT NOT NULL DEFAULT '',
      depth INTEGER NOT NULL DEFAULT 0, sop_uid TEXT,
      series_id INTEGER REFERENCES incoming_series(id), modality TEXT,
      pid TEXT, sid TEXT, UNIQUE (receipt_id, n)) STRICT;
    CREATE INDEX receipt_items_by_state ON receipt_items (receipt_id, state);
    CREATE INDEX receipt_items_by_series ON receipt_items (series_id, state);
    CREATE INDEX receipt_items_by_sop ON receipt_items (sop_uid) WHERE sop_uid IS NOT NULL;
    CREATE TABLE taken_files (
      path_hash TEXT PRIMARY KEY, size_bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
      item_id INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    """)


@exchange_migrations()
def m002_exports(db: Database) -> None:
    """Datasets that were made out of studies."""
    db.executescript("""
    CREATE TABLE exports (
      id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,
      project_id INTEGER NOT NULL REFERENCES projects(id), target TEXT NOT NULL DEFAULT '',
      state TEXT NOT NULL, n_files INTEGER NOT NULL DEFAULT 0,
      n_done INTEGER NOT NULL DEFAULT 0, size_bytes INTEGER NOT NULL DEFAULT 0,
      options TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(options)),
      reason TEXT NOT NULL DEFAULT '', hint TEXT NOT NULL DEFAULT '',
      created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL) STRICT;
    CREATE INDEX exports_by_project ON exports (project_id, id);
    """)


@exchange_migrations()
def m003_waiting_documents(db: Database) -> None:
    """Series of ROIs that wait for the images they were drawn on."""
    db.executescript("""
    ALTER TABLE incoming_series ADD COLUMN waits_for TEXT NOT NULL DEFAULT '[]';
    CREATE INDEX incoming_series_waiting ON incoming_series (project_id, pid)
      WHERE state = 'waiting';
    """)


@exchange_migrations()
def m004_kinds_of_exports(db: Database) -> None:
    """Exports of other kinds than BIDS, and what was done to their files."""
    db.executescript("""
    ALTER TABLE exports ADD COLUMN kind TEXT NOT NULL DEFAULT 'bids';
    ALTER TABLE exports ADD COLUMN report TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(report));
    """)


@exchange_migrations()
def m004_pulls(db: Database) -> None:
    """Series that are pulled from archives; one and the same is asked for once at a time."""
    db.executescript("""
    CREATE TABLE pacs_pulls (
      id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, batch TEXT NOT NULL,
      project_id INTEGER NOT NULL REFERENCES projects(id), node TEXT NOT NULL,
      actor TEXT NOT NULL, study_uid TEXT NOT NULL, series_uid TEXT NOT NULL DEFAULT '',
      modality TEXT NOT NULL DEFAULT '', number INTEGER, n_expected INTEGER,
      n_received INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL,
      reason TEXT NOT NULL DEFAULT '', hint TEXT NOT NULL DEFAULT '',
      receipts TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(receipts)),
      tries INTEGER NOT NULL DEFAULT 0, due_at INTEGER NOT NULL,
      created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL) STRICT;
    CREATE UNIQUE INDEX pacs_pulls_open ON pacs_pulls (project_id, node, study_uid, series_uid)
      WHERE state IN ('queued', 'running');
    CREATE INDEX pacs_pulls_by_project ON pacs_pulls (project_id, id);
    CREATE INDEX pacs_pulls_due ON pacs_pulls (due_at) WHERE state = 'queued';
    """)


@exchange_migrations()
def m005_pushes(db: Database) -> None:
    """Series and results that are sent to archives, and what was answered for each object."""
    db.executescript("""
    CREATE TABLE pacs_pushes (
      id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, batch TEXT NOT NULL,
      project_id INTEGER NOT NULL REFERENCES projects(id), node TEXT NOT NULL,
      actor TEXT NOT NULL, kind TEXT NOT NULL, pid TEXT NOT NULL, psid TEXT NOT NULL,
      study_uid TEXT NOT NULL, what TEXT NOT NULL, new_study INTEGER NOT NULL DEFAULT 0,
      n_objects INTEGER NOT NULL, n_sent INTEGER NOT NULL DEFAULT 0,
      n_refused INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL,
      reason TEXT NOT NULL DEFAULT '', hint TEXT NOT NULL DEFAULT '',
      tries INTEGER NOT NULL DEFAULT 0, due_at INTEGER NOT NULL,
      created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL) STRICT;
    CREATE INDEX pacs_pushes_by_project ON pacs_pushes (project_id, id);
    CREATE INDEX pacs_pushes_due ON pacs_pushes (due_at) WHERE state = 'queued';
    CREATE TABLE pacs_push_objects (
      push_id INTEGER NOT NULL REFERENCES pacs_pushes(id) ON DELETE CASCADE,
      n INTEGER NOT NULL,
      place TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'waiting', code INTEGER,
      answer TEXT NOT NULL DEFAULT '', at INTEGER,
      PRIMARY KEY (push_id, n)) STRICT, WITHOUT ROWID;
    CREATE INDEX pacs_push_objects_by_place ON pacs_push_objects (place);
    """)


@exchange_migrations()
def m005_routing(db: Database) -> None:
    """Which rule an arrival follows, and what is sent on."""
    db.executescript("""
    CREATE TABLE routed (
      receipt_id INTEGER PRIMARY KEY REFERENCES receipts(id) ON DELETE CASCADE,
      origin TEXT NOT NULL, name TEXT NOT NULL DEFAULT '',
      route TEXT NOT NULL CHECK (json_valid(route)), created_at INTEGER NOT NULL) STRICT;
    CREATE INDEX routed_by_origin ON routed (origin, name);
    CREATE TABLE forwards (
      id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,
      project_id INTEGER NOT NULL REFERENCES projects(id),
      receipt_id INTEGER NOT NULL REFERENCES receipts(id) ON DELETE CASCADE,
      series_id INTEGER NOT NULL REFERENCES incoming_series(id) ON DELETE CASCADE,
      node TEXT NOT NULL, route TEXT NOT NULL DEFAULT '', state TEXT NOT NULL,
      n_objects INTEGER NOT NULL DEFAULT 0, n_sent INTEGER NOT NULL DEFAULT 0,
      tries INTEGER NOT NULL DEFAULT 0, reason TEXT NOT NULL DEFAULT '',
      hint TEXT NOT NULL DEFAULT '', due_at INTEGER NOT NULL,
      created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
      UNIQUE (receipt_id, series_id, node)) STRICT;
    CREATE INDEX forwards_due ON forwards (due_at) WHERE state IN ('queued', 'held');
    """)


@exchange_migrations()
def m006_comparisons(db: Database) -> None:
    """Series that two converters made, and where those differ."""
    db.executescript("""
    CREATE TABLE conversions_compared (
      series_id INTEGER PRIMARY KEY REFERENCES incoming_series(id) ON DELETE CASCADE,
      at INTEGER NOT NULL, differs TEXT NOT NULL DEFAULT '') STRICT, WITHOUT ROWID;
    """)


@exchange_migrations()
def m005_release_checks(db: Database) -> None:
    """What was found in files that were about to leave, and who let them go."""
    db.executescript("""
    CREATE TABLE release_checks (
      id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,
      project_id INTEGER NOT NULL REFERENCES projects(id), way TEXT NOT NULL,
      what TEXT NOT NULL, n_files INTEGER NOT NULL, n_subjects INTEGER NOT NULL,
      found TEXT NOT NULL CHECK (json_valid(found)), actor TEXT NOT NULL,
      created_at INTEGER NOT NULL, confirmed_by TEXT, confirmed_at INTEGER) STRICT;
    CREATE INDEX release_checks_by_what ON release_checks (project_id, what, id);
    """)


@exchange_migrations()
def m007_uploads(db: Database) -> None:
    """Uploads that come in parts, and files whose place in a study is reserved."""
    db.executescript("""
    CREATE TABLE uploads (
      receipt_id INTEGER PRIMARY KEY REFERENCES receipts(id) ON DELETE CASCADE,
      name TEXT NOT NULL, size_bytes INTEGER NOT NULL, offset_bytes INTEGER NOT NULL DEFAULT 0,
      sha256 TEXT NOT NULL DEFAULT '', updated_at INTEGER NOT NULL) STRICT;
    CREATE INDEX receipt_items_reserved ON receipt_items (place)
      WHERE state = 'sorted' AND series_id IS NULL;
    """)


@exchange_migrations()
def m007_examined(db: Database) -> None:
    """Parameters and quick quality figures of series."""
    db.executescript("""
    CREATE TABLE examined (
      series_id INTEGER PRIMARY KEY REFERENCES incoming_series(id) ON DELETE CASCADE,
      rev INTEGER NOT NULL, parameters TEXT NOT NULL CHECK (json_valid(parameters)),
      figures TEXT NOT NULL CHECK (json_valid(figures)), file_id INTEGER,
      at INTEGER NOT NULL) STRICT;
    CREATE INDEX incoming_series_by_time ON incoming_series (created_at);
    """)


@exchange_migrations()
def m008_counting(db: Database) -> None:
    """Counting the items of a large arrival, again and again, without a look at each of them."""
    db.executescript("""
    DROP INDEX receipt_items_by_state;
    CREATE INDEX receipt_items_by_state ON receipt_items (receipt_id, state, size_bytes, reason);
    """)


@exchange_migrations()
def m009_ways_of_pulls(db: Database) -> None:
    """Whether rules run on what a pull brings, on which queue, and the pause after each series."""
    db.executescript("""
    ALTER TABLE pacs_pulls ADD COLUMN autoexec INTEGER NOT NULL DEFAULT 1;
    ALTER TABLE pacs_pulls ADD COLUMN autoexec_queue TEXT NOT NULL DEFAULT '';
    ALTER TABLE pacs_pulls ADD COLUMN move_pause_s REAL;
    """)
